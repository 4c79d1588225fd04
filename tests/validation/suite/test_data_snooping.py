"""Tests of the whole set through the suite: the benchmarks, what decides, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from tests.validation.sizes import sized
from tests.validation.told import family, made, told
from trading_system.validation.suite import data_snooping as suite
from trading_system.validation.suite.data_snooping import DataSnooping

RNG = np.random.default_rng(6)
TRIALS = RNG.normal(0.0, 0.01, (600, 10))
MARKET = RNG.normal(0.0004, 0.012, 600)
GOOD = TRIALS.copy()
GOOD[:, -1] += 0.002


def judged(matrix: np.ndarray, without: int = 0, **more):
    return made(DataSnooping, told(matrix[:, -1], trials=family(matrix, without), **more))


def test_a_good_one_among_noise_is_found_over_cash_by_every_test():
    found = judged(GOOD).details["cash"]
    assert max(found["spa"]["lower"], found["spa"]["consistent"], found["spa"]["upper"], found["reality_check"]) < 0.05
    assert found["spa"]["lower"] <= found["spa"]["consistent"] <= found["spa"]["upper"]
    assert found["step_down"]["judged_is_one_of_them"] and found["judged_is_the_best"]
    assert judged(TRIALS).details["cash"]["spa"]["consistent"] > 0.05


def test_what_decides_is_said_and_nothing_is_judged():
    found = judged(GOOD)
    assert found.details["decides"] == "spa consistent" and found.p_value == found.details["cash"]["spa"]["consistent"]
    assert found.verdict == "report"


def test_the_market_is_a_second_benchmark_at_equal_volatility():
    """A levered market is the market: nothing to be found over it, and much over cash where the market rose."""
    market = np.abs(MARKET) * 0.5 + MARKET
    rows = np.column_stack([market[1:] * 0.5 + RNG.normal(0.0, 1e-4, 599), market[1:] * 2.0])
    found = made(DataSnooping, told(np.append(0.0, rows[:, -1]), trials=family(np.vstack([[0.0, 0.0], rows])), market=market))
    assert found.details["cash"]["spa"]["consistent"] < 0.01
    assert found.details["benchmark"]["spa"]["consistent"] > 0.3
    without = judged(GOOD)
    assert without.bars[1].measured is None and "no benchmark" in without.bars[1].why


def test_a_copy_of_the_market_differs_from_it_by_nothing():
    copy = np.append(0.0, MARKET[1:])
    found = made(DataSnooping, told(copy, trials=family(copy[:, None]), market=MARKET)).details["benchmark"]
    assert found["spa"]["consistent"] == 1.0 and found["judged_statistic"] == 0.0


def test_the_confidence_set_of_noise_holds_nearly_all_and_a_winner_is_alone():
    assert judged(TRIALS).details["confidence_set"]["kept"] >= 7
    winner = TRIALS.copy()
    winner[:, -1] += 0.004
    found = judged(winner).details["confidence_set"]
    assert found["judged_is_kept"] and found["kept"] <= 2 and found["judged_p"] == 1.0


def test_of_very_many_the_set_compares_the_largest_and_says_so(monkeypatch):
    monkeypatch.setattr(suite, "COMPARED", 4)
    found = judged(GOOD)
    assert found.details["confidence_set"]["compared"] == 4 and any("may be too small" in text for text in found.warnings)


def test_memory_bounds_the_resamples_and_that_is_said(monkeypatch):
    monkeypatch.setattr(suite, "CELLS", 5000)
    found = judged(GOOD)
    assert found.details["resamples"] == 500 and any("500 resamples in place of 2,000" in text for text in found.warnings)


def test_one_trial_and_trials_not_at_hand_are_said():
    said = " ".join(judged(TRIALS[:, :1], 5).warnings)
    assert "one trial" in said and "5 of 6 trials are not in the set" in said


def test_still_trials_are_left_out_and_a_still_record_has_no_test():
    found = judged(np.column_stack([np.zeros((600, 2)), GOOD]))
    assert found.details["trials"] == 10 and found.details["never_varying"] == 2
    assert found.details["cash"] == judged(GOOD).details["cash"]
    assert judged(np.column_stack([GOOD, np.zeros(600)])).bars[0].measured is None


def test_on_noise_the_consistent_test_rejects_about_as_often_as_it_says():
    sets, rng = sized(150, 2), np.random.default_rng(12)
    p = [
        judged(rng.normal(0.0, 0.01, (1000, 10)), bootstrap={"resamples": 199}).details["cash"]["spa"]["consistent"]
        for _ in range(sets)
    ]
    assert sets < 3 or 0.0 <= np.mean(np.array(p) <= 0.05) <= 0.13  # the 99.9 % band about 5 to 6 %


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_seed_the_same_numbers(seed):
    assert judged(GOOD, seed=seed).details == judged(GOOD, seed=seed).details
