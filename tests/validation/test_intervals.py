"""Intervals from replicates: against scipy, by symmetry, and how often they hold the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.validation.sizes import sized
from trading_system.errors import DataError, InsufficientDataError
from trading_system.validation import bootstrap, intervals, resampling
from trading_system.validation.block_length import block_length


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(5, 40), st.floats(0.5, 0.99))
def test_accelerated_intervals_are_those_of_scipy(seed, n, level):
    rng = np.random.default_rng(seed)
    x = rng.exponential(1.0, n)
    theirs = stats.bootstrap((x,), np.mean, confidence_level=level, n_resamples=499, rng=rng, method="BCa")
    ours = intervals.accelerated(x.mean(), theirs.bootstrap_distribution, intervals.jackknife(x, np.mean), level)
    assert ours.interval == pytest.approx(tuple(theirs.confidence_interval), rel=1e-9)


@given(st.lists(st.floats(-5.0, 5.0), min_size=3, max_size=30), st.floats(-1.0, 1.0), st.floats(0.5, 0.99))
def test_intervals_move_with_the_statistic(values, shift, level):
    r = np.array(values)
    for rule in (intervals.basic, intervals.normal):
        moved = rule(1.0 + shift, r + shift, level)
        assert moved == pytest.approx(np.array(rule(1.0, r, level)) + shift, abs=1e-9)
    inside = intervals.percentile(r, level)
    assert r.min() <= inside.low <= inside.high <= r.max()
    assert intervals.percentile(-r, level) == pytest.approx((-inside.high, -inside.low))


def test_without_skewness_or_bias_the_correction_changes_nothing():
    r = np.concatenate((np.arange(1.0, 500.0), -np.arange(1.0, 500.0)))
    found = intervals.bias_corrected(0.0, r)
    assert found.z0 == 0.0 and found.interval == pytest.approx(intervals.percentile(r))
    steep = intervals.accelerated(0.0, r, [-1.0, 1.0])
    assert steep.acceleration == 0.0 and steep.interval == pytest.approx(found.interval)


def test_replicates_on_one_side_have_no_corrected_interval():
    found = intervals.bias_corrected(9.0, [1.0, 2.0, 3.0])
    assert math.isinf(found.z0) and math.isnan(found.interval.low) and math.isnan(found.interval.high)


def test_a_studentised_interval_by_hand():
    found = intervals.studentised(10.0, 2.0, [9.0, 10.0, 11.0], [1.0, 1.0, 2.0], 0.5)
    quantiles = np.quantile([-1.0, 0.0, 0.5], (0.25, 0.75))
    assert found == pytest.approx((10.0 - 2.0 * quantiles[1], 10.0 - 2.0 * quantiles[0]))
    with pytest.raises(DataError, match="not above 0"):
        intervals.studentised(1.0, 0.0, [1.0, 2.0], [1.0, 1.0])


def test_a_jackknife_leaves_out_blocks():
    x = np.array([1.0, 2.0, 4.0, 8.0])
    assert intervals.jackknife(x, np.sum).tolist() == [14.0, 13.0, 11.0, 7.0]
    assert intervals.jackknife(x, np.sum, 2).tolist() == [12.0, 3.0]
    assert intervals.jackknife(x, np.sum, 3).tolist() == [8.0]  # what is left of n stays in
    with pytest.raises(InsufficientDataError):
        intervals.jackknife(x, np.sum, 4)


def test_an_acceleration_is_the_same_whatever_the_blocks_that_are_left_out():
    """Of the mean of independent draws it is skewness / (6 sqrt n) [Efron 1987]; an exponential has a skewness of 2."""
    rng, found = np.random.default_rng(3), {1: [], 10: []}
    for _ in range(60):
        x = rng.exponential(1.0, 1000)
        for block, values in found.items():
            values.append(intervals.accelerated(x.mean(), [0.9, 1.1], intervals.jackknife(x, np.mean, block)).acceleration)
    expected = 2.0 / (6.0 * math.sqrt(1000.0))
    for values in found.values():
        assert np.mean(values) == pytest.approx(expected, rel=0.12)


def test_a_jackknife_of_several_statistics_leaves_them_beside_each_other():
    x = np.arange(6.0)
    table = intervals.jackknife(x, lambda r: np.array([r.sum(), r.max()]), 2)
    assert table.tolist() == [[14.0, 5.0], [10.0, 5.0], [6.0, 3.0]]


def test_intervals_of_the_sharpe_ratio_hold_the_truth():
    """95 % of 400 samples for independent returns; with autocorrelation blocks help and single draws fail."""
    sets, n_resamples = sized(400, 3), sized(399, 20)
    rng = np.random.default_rng(11)
    for rho, true in ((0.0, 0.1), (0.3, 0.1)):
        held = {"iid": 0, "stationary": 0}
        for _ in range(sets):
            shocks = rng.standard_normal(500)
            for t in range(1, 500 if rho else 1):
                shocks[t] += rho * shocks[t - 1]
            r = shocks * math.sqrt(1.0 - rho**2) + true
            keys = resampling.resample_keys(rng, n_resamples)
            for kind in held:
                chosen = bootstrap.resamples(kind, 500, block_length(r).stationary, keys)
                low, high = intervals.percentile(bootstrap.resampled_performance(r, chosen, 1).sharpe)
                held[kind] += low <= true <= high
        shares = {kind: count / sets for kind, count in held.items()}
        if sets < 100:
            continue
        if rho == 0.0:
            assert 0.90 <= shares["iid"] <= 0.985 and 0.90 <= shares["stationary"] <= 0.985
        else:
            assert shares["stationary"] >= 0.88 and shares["iid"] < shares["stationary"] - 0.03
