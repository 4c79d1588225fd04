"""How sure a Sharpe ratio is: closed forms against simulation, limits, and the mistakes that are refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trading_system.errors import DataError
from trading_system.validation import sharpe_inference as inference

ratios = st.floats(-1.0, 1.0)
moments = st.tuples(st.floats(-2.0, 2.0), st.floats(0.0, 10.0)).map(lambda m: (m[0], m[0] ** 2 + 1.0 + m[1]))


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def test_the_error_of_mertens_is_the_spread_of_simulated_ratios():
    draws = 0.01 * (stats.t(6).rvs((4_000, 500), random_state=1) * math.sqrt(4 / 6) + 0.1)
    ratio = draws.mean(axis=1) / draws.std(axis=1, ddof=1)
    expected = inference.standard_error(0.1, 500, 0.0, 6.0)  # a Student t with 6 degrees has raw kurtosis 6
    assert ratio.std() == pytest.approx(expected, rel=0.04)


def test_the_error_for_dependent_returns_sees_what_the_iid_error_does_not():
    shocks = noise(3, 400, 1_000)
    series = shocks.copy()
    for t in range(1, series.shape[1]):
        series[:, t] += 0.4 * series[:, t - 1]
    ratio = series.mean(axis=1) / series.std(axis=1, ddof=1)
    hac = np.mean([inference.standard_error_hac(row, 12) for row in series[:100]])
    iid = inference.standard_error(0.0, 1_000)
    assert hac == pytest.approx(ratio.std(), rel=0.12)
    assert iid < 0.75 * ratio.std()


def test_without_lags_the_method_of_moments_is_mertens():
    r = np.random.default_rng(5).gamma(2.0, 0.01, 300) - 0.018
    m = inference.sharpe_moments(r)
    population = r.mean() / r.std()
    mertens = inference.standard_error(population, r.size, m.skew, m.kurtosis)
    assert inference.standard_error_hac(r, 0) == pytest.approx(mertens, rel=1e-12)


def test_five_in_a_hundred_skill_less_tracks_look_skilled():
    found = []
    for row in noise(7, 2_000, 250):
        m = inference.sharpe_moments(row)
        found.append(inference.probabilistic_sharpe(m.sharpe, m.n, m.skew, m.kurtosis))
    assert 0.0345 <= np.mean(np.array(found) > 0.95) <= 0.0665
    assert stats.kstest(found, "uniform").pvalue > 0.01


@given(ratios, ratios, moments, st.integers(2, 5_000))
def test_more_benchmark_is_less_probability_and_a_tie_is_a_half(sharpe, benchmark, shape, n):
    skew, kurtosis = shape
    here = inference.probabilistic_sharpe(sharpe, n, skew, kurtosis, benchmark)
    higher = inference.probabilistic_sharpe(sharpe, n, skew, kurtosis, benchmark + 0.1)
    assert 0.0 <= higher <= here <= 1.0
    if kurtosis > skew**2 + 1.001:
        assert inference.probabilistic_sharpe(sharpe, n, skew, kurtosis, sharpe) == pytest.approx(0.5)


@given(st.floats(0.01, 1.0), moments, st.sampled_from(["observed", "null"]), st.floats(0.01, 0.2))
def test_a_track_of_the_minimum_length_is_just_significant(sharpe, shape, variance, alpha):
    skew, kurtosis = shape[0], shape[1] + 0.01
    n = inference.min_track_record(sharpe, skew, kurtosis, 0.0, alpha, variance=variance)
    long, short = math.ceil(n) + 1, math.floor(n) - 1
    assert inference.probabilistic_sharpe(sharpe, long, skew, kurtosis, variance=variance) >= 1.0 - alpha
    if short >= 2:
        assert inference.probabilistic_sharpe(sharpe, short, skew, kurtosis, variance=variance) <= 1.0 - alpha


def test_moments_matter_at_the_benchmark_only_when_it_is_not_zero():
    skewed = inference.probabilistic_sharpe(0.3, 60, -2.0, 9.0, variance="null")
    assert skewed == inference.probabilistic_sharpe(0.3, 60, variance="null")
    assert skewed > inference.probabilistic_sharpe(0.3, 60, -2.0, 9.0)


def test_what_has_no_answer_is_nan_or_infinite():
    flat = inference.sharpe_moments([0.01] * 5)
    assert math.isnan(flat.sharpe) and math.isnan(flat.kurtosis) and flat.n == 5
    assert math.isnan(inference.probabilistic_sharpe(0.5, 1))
    assert math.isnan(inference.probabilistic_sharpe(flat.sharpe, 5, flat.skew, flat.kurtosis))
    assert math.isnan(inference.standard_error(0.1, 0))
    assert math.isnan(inference.standard_error_hac([0.01] * 5)) and math.isnan(inference.standard_error_hac([0.01]))
    assert inference.min_track_record(0.1, benchmark=0.1) == math.inf
    assert math.isnan(inference.min_track_record(math.nan))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: inference.standard_error(0.1, 60, -2.4, 1.2), "raw kurtosis"),
        (lambda: inference.standard_error(0.1, 60, rho=1.0), "rho is 1.0"),
        (lambda: inference.probabilistic_sharpe(0.1, 60, rho=0.2), "variance='null'"),
        (lambda: inference.probabilistic_sharpe(0.1, 60, variance="other"), "observed or null"),
        (lambda: inference.min_track_record(0.1, alpha=0.0), "alpha is 0.0"),
        (lambda: inference.confidence_interval(0.1, 0.1, 1.5), "level is 1.5"),
        (lambda: inference.sharpe_moments([0.1, math.nan]), "row 1"),
        (lambda: inference.sharpe_moments([0.1, 0.2], [0.0]), "rates have 1 periods, the series beside them 2"),
    ],
)
def test_impossible_inputs_are_one_message(call, words):
    with pytest.raises(DataError, match=words):
        call()


def test_an_interval_is_annualised_at_both_ends():
    daily = inference.confidence_interval(0.05, 0.02, 0.9)
    yearly = inference.confidence_interval(0.05, 0.02, 0.9, 252)
    assert daily == pytest.approx(stats.norm(0.05, 0.02).interval(0.9))
    assert yearly == pytest.approx(np.array(daily) * math.sqrt(252))


def test_the_published_fund_of_two_years():
    """Bailey and Lopez de Prado (2012): Sharpe ratio 0.458 over 24 months, its own moments and Normal ones."""
    assert inference.probabilistic_sharpe(0.458, 24, -2.448, 10.164) == pytest.approx(0.913, abs=5e-4)
    assert inference.probabilistic_sharpe(0.458, 24) == pytest.approx(0.982, abs=5e-4)
