"""Outputs that read the future are found, causal ones are not, on indicators, decisions and noise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.builders import random_bars
from tests.golden_validation import INDICATORS
from tests.leaks import LEAKS
from trading_system.errors import DataError, InsufficientDataError
from trading_system.strategies.base import strategies
from trading_system.validation import lookahead

CAUSAL = ("sma5", "ema10_seeded", "expanding_z", "block5_close_shifted")


def test_ten_cuts_find_every_leaky_indicator_and_no_causal_one():
    flagged = dict.fromkeys(INDICATORS, 0)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, 250)))
        cuts = lookahead.cut_points(close.size, rng)
        for name, rule in INDICATORS.items():
            flagged[name] += bool(lookahead.truncation_mismatches(lambda k, rule=rule, c=close: rule(c[:k]), close.size, cuts))
    assert all(flagged[name] == 0 for name in CAUSAL)
    assert all(count == 30 for name, count in flagged.items() if name not in CAUSAL), flagged


@pytest.mark.parametrize("name", LEAKS)
def test_decisions_of_a_leaky_rule_are_named(name):
    bars = random_bars(300, 4, missing=0.3)
    cuts = lookahead.cut_points(300, np.random.default_rng(1), 12)
    assert lookahead.truncation_mismatches(lambda k: LEAKS[name](bars.head(k)), 300, cuts)


@pytest.mark.parametrize("name", ["ma_crossover", "equity_momentum"])
def test_decisions_of_a_causal_rule_are_equal(name):
    bars = random_bars(300, 4)
    strategy = strategies.get(name).example(bars.symbols)
    cuts = lookahead.cut_points(300, np.random.default_rng(2), 8)
    assert lookahead.truncation_mismatches(lambda k: strategy.decide(bars.head(k)), 300, cuts) == []


def test_a_mismatch_says_which_output_where_and_at_which_cut():
    def compute(k):
        late = np.arange(20.0)
        late[:k][5:] += 20 - k
        return {"good": np.arange(20)[:k], "late": late[:k]}

    assert lookahead.truncation_mismatches(compute, 20, [4, 9]) == [("late", 9, 5)]


def test_an_output_that_appears_or_changes_its_shape_is_a_mismatch():
    assert lookahead.truncation_mismatches(lambda k: {"a": np.zeros(k)} if k == 20 else {}, 20, [9]) == [("a", 9, -1)]
    assert lookahead.truncation_mismatches(lambda k: np.zeros(min(k, 7)), 20, [9]) == []
    wide = lookahead.truncation_mismatches(lambda k: np.zeros((k, 2 if k == 20 else 3)), 20, [9])
    assert wide == [("value", 9, -1)]


def test_nan_equals_nan_and_a_last_digit_is_no_leak():
    whole = np.array([math.nan, 1.0, 2.0, math.inf])
    assert lookahead.first_mismatch(whole, [math.nan, 1.0 + 1e-12, 2.0, math.inf]) is None
    assert lookahead.first_mismatch(whole, [0.0, 1.0]) == 0
    assert lookahead.first_mismatch(whole, [math.nan, 1.0, 2.0, 3.0]) == 3
    assert lookahead.first_mismatch(np.array([1, 2]), np.array([1, 3])) == 1
    assert not lookahead.last_value_differs(whole, [5.0, 1.0])


def test_a_warm_up_settles_where_every_longer_one_agrees():
    close = 100.0 + np.random.default_rng(3).standard_normal(400).cumsum()

    def mean_of_20(s):
        return float(close[-s:][-20:].mean())

    found = lookahead.warm_up(mean_of_20, 400, [5, 19, 20, 100])
    assert found.settled([5, 19, 20, 100]) == 20 and found.differences[2:].tolist() == [0.0, 0.0]
    assert lookahead.warm_up(lambda s: float(s), 400, [5, 20]).settled([5, 20]) is None
    assert lookahead.relative_differences([0.0, 1.0], 0.0).tolist() == [0.0, math.inf]


def test_impossible_inputs_are_one_message():
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="n_cuts is 3; allowed: a whole number, 8 or more"):
        lookahead.cut_points(100, rng, 3)
    with pytest.raises(InsufficientDataError, match="10 cuts need 11 bars, the data has 9"):
        lookahead.cut_points(9, rng)
    with pytest.raises(DataError, match="no more rows"):
        lookahead.first_mismatch([1.0], [1.0, 2.0])
    with pytest.raises(DataError, match="0 start-up bars of 9"):
        lookahead.warm_up(float, 9, [0])
