"""Randomised positions: twins, what a shuffle keeps, and rules that are merely long in a rising market."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests import naive_validation as naive
from tests.validation.sizes import sized
from trading_system.errors import DataError, InsufficientDataError
from trading_system.validation import random_entry, resampling

laws = settings(max_examples=sized(40, 10))
keys = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4).map(lambda k: np.array(k, dtype=np.uint64))
held = st.lists(st.sampled_from([-1.0, 0.0, 0.0, 0.5, 1.0]), min_size=1, max_size=40)


def moves(n: int) -> np.ndarray:
    return np.random.default_rng(n).normal(0.001, 0.01, n)


@laws
@given(held, keys)
def test_shuffles_follow_from_their_keys(positions, given_keys):
    market = moves(len(positions))
    paired, by_run = [], []
    for key in given_keys.tolist():
        order = naive.shuffled(naive.splitmix(key), list(range(len(positions))))
        paired.append(np.mean(np.array(positions) * market[order]))
        by_run.append(np.mean(np.array(naive.run_shuffled(positions, key)) * market))
    assert random_entry.paired_means(positions, market, given_keys) == pytest.approx(paired, abs=1e-14)
    assert random_entry.shuffled_run_means(positions, market, given_keys) == pytest.approx(by_run, abs=1e-14)


@laws
@given(held, st.integers(0, 2**64 - 1))
def test_shuffled_runs_keep_trades_lengths_and_gaps(positions, key):
    def kinds(values):
        return [np.sign(run[0]) for run in naive.runs(values)], Counter(tuple(run) for run in naive.runs(values))

    assert kinds(naive.run_shuffled(positions, key)) == kinds(positions)


@laws
@given(held)
def test_rotations_are_those_of_numpy(positions):
    market = moves(len(positions))
    wanted = [np.mean(np.roll(positions, k) * market) for k in range(len(positions))]
    assert random_entry.rotated_means(positions, market) == pytest.approx(wanted, abs=1e-14)
    assert np.mean(wanted) == pytest.approx(random_entry.expected_mean(positions, market), abs=1e-14)
    assert 1.0 / len(positions) <= random_entry.rotation_p_value(positions, market) <= 1.0


@laws
@given(held, keys)
def test_the_drift_of_the_market_changes_no_p_value(positions, given_keys):
    market = moves(len(positions))
    for rule in (random_entry.paired_means, random_entry.shuffled_run_means):
        p = [
            random_entry.random_entry_p_value(positions, world, rule(positions, world, given_keys))
            for world in (market, random_entry.detrended(market))
        ]
        assert p[0] == p[1]


def test_drawn_pairings_agree_with_all_pairings():
    positions, market = np.array([1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0]), moves(7)
    drawn = random_entry.paired_means(positions, market, resampling.resample_keys(np.random.default_rng(1), sized(9_999, 999)))
    exact = random_entry.exact_p_value(positions, market)
    assert random_entry.random_entry_p_value(positions, market, drawn) == pytest.approx(exact, abs=sized(15, 60) / 1_000)


def test_random_rules_in_a_rising_market_are_not_significant_though_a_t_test_says_so():
    sets, rng = sized(300, 2), np.random.default_rng(2)
    rejected = {"t test": 0, "pairing": 0, "rotation": 0, "runs": 0}
    for _ in range(sets):
        market = rng.normal(0.0008, 0.01, 750)
        positions = np.repeat(rng.random(150) < 0.6, 5).astype(float)
        given_keys = resampling.resample_keys(rng, 199)
        rejected["t test"] += stats.ttest_1samp(positions * market, 0.0, alternative="greater").pvalue <= 0.05
        rejected["rotation"] += random_entry.rotation_p_value(positions, market) <= 0.05
        for name, rule in (("pairing", random_entry.paired_means), ("runs", random_entry.shuffled_run_means)):
            drawn = rule(positions, market, given_keys)
            rejected[name] += random_entry.random_entry_p_value(positions, market, drawn) <= 0.05
    if sets >= 300:
        shares = {name: count / sets for name, count in rejected.items()}
        assert shares.pop("t test") > 0.25
        assert all(0.01 <= share <= 0.10 for share in shares.values()), shares


def test_threads_change_no_byte(monkeypatch):
    positions = np.repeat([0.0, 1.0, -1.0, 0.0, 1.0], 30)
    given_keys = resampling.resample_keys(np.random.default_rng(7), sized(700, 30))
    found = []
    for threads, chunk in ((1, 128), (4, 11)):
        monkeypatch.setenv("TRADING_SYSTEM_THREADS", str(threads))
        monkeypatch.setattr(random_entry, "CHUNK", chunk)
        rules = (random_entry.paired_means, random_entry.shuffled_run_means)
        found.append([rule(positions, moves(150), given_keys).tobytes() for rule in rules])
    assert found[0] == found[1]


def test_impossible_inputs_are_one_message():
    with pytest.raises(DataError, match="series of equal length"):
        random_entry.mean_return([1.0], [0.1, 0.2])
    with pytest.raises(DataError, match="10 positions; allowed: 1 to 9"):
        random_entry.exact_p_value(np.ones(10), np.ones(10))
    with pytest.raises(InsufficientDataError):
        random_entry.rotated_means([], [])
