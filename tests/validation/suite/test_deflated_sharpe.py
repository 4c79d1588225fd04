"""The deflated Sharpe ratio with N from the journal: the published matrix, laws, and what is said of one trial."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.validation.cases import golden_case
from tests.validation.told import family, made, told
from trading_system.validation.base import FamilyTrials
from trading_system.validation.deflation import expected_maximum
from trading_system.validation.suite.deflated_sharpe import DeflatedSharpe

RNG = np.random.default_rng(3)
TRIALS = RNG.normal(0.0004, 0.01, (600, 20))


def judged_last(matrix: np.ndarray, best: int) -> np.ndarray:
    return np.column_stack([np.delete(matrix, best, axis=1), matrix[:, best]])


def deflated(matrix: np.ndarray, **more):
    return made(DeflatedSharpe, told(matrix[:, -1], trials=family(matrix, **more)))


def test_the_golden_matrix_comes_through_the_suite():
    case = golden_case("dsr__trial_matrix")
    expected = case["expected"]
    matrix = judged_last(np.array(case["inputs"]["trial_returns_T_by_N"]), expected["selected"])
    found = deflated(matrix)
    assert found.bars[0].measured == pytest.approx(expected["dsr"], abs=1e-8)
    assert found.details["threshold_period"] == pytest.approx(expected["sr0"], abs=1e-8)
    assert found.verdict == "report"


def test_more_trials_deflate_more():
    found = [deflated(TRIALS, without=extra) for extra in (0, 20, 200, 2000)]
    values = [one.bars[0].measured for one in found]
    assert values == sorted(values, reverse=True) and values[0] > values[-1]
    cuts = [one.details["haircut"]["bonferroni"]["sharpe_annual"] for one in found]
    assert cuts == sorted(cuts, reverse=True)
    assert [one.details["n_trials"] for one in found] == [20, 40, 220, 2020]


def test_one_trial_is_not_deflated_and_that_is_said():
    series = TRIALS[:, 0]
    found = made(DeflatedSharpe, told(series))
    z = series.mean() / series.std(ddof=1)
    assert found.details["threshold_period"] == 0.0 and found.details["expected_maximum"] == 0.0
    assert found.details["haircut"]["bonferroni"]["p_adjusted"] == found.details["haircut"]["bonferroni"]["p_single"]
    assert (found.bars[0].measured > 0.5) == (z > 0.0)
    assert any("nothing is deflated" in text for text in found.warnings)


def test_where_too_few_ratios_are_known_those_of_noise_are_taken():
    series = TRIALS[:, 0]
    trials = FamilyTrials(50, 50, series[:, None], sampled=True, sharpe_variance=None)
    found = made(DeflatedSharpe, told(series, trials=trials))
    assert found.details["threshold_period"] == pytest.approx(expected_maximum(50) / math.sqrt(600.0))
    assert any("taken as 1/n" in text for text in found.warnings)


def test_effective_numbers_tell_copies_from_different_trials():
    different = deflated(TRIALS).details["effective_trials"]
    copies = np.column_stack([TRIALS[:, [0]] + RNG.normal(0.0, 1e-5, (600, 20))])
    alike = deflated(copies).details["effective_trials"]
    assert alike["by_rank"] < 1.1 and alike["by_mean_correlation"] < 1.1 and alike["mean_correlation"] > 0.99
    assert different["by_rank"] > 18.0 and different["by_mean_correlation"] > 18.0
    matrix = np.corrcoef(TRIALS.T)
    by_hand = (matrix.sum() - 20.0) / 380.0
    assert different["mean_correlation"] == pytest.approx(by_hand, abs=1e-6)


def test_a_short_record_for_many_trials_is_a_warning():
    found = deflated(TRIALS, without=980)
    years = (expected_maximum(1000) / 0.75) ** 2
    assert found.details["min_backtest_length"]["years"] == pytest.approx(years)
    assert any("too short for 1,000 trials" in text for text in found.warnings)


def test_the_curve_falls_and_passes_through_what_is_reported():
    found = deflated(TRIALS)
    (curve,) = found.picture["pictures"]
    dsr = curve["series"]["DSR"]
    assert dsr == sorted(dsr, reverse=True) and curve["x"][0] == 1.0 and curve["x"][-1] >= 200.0
    assert dsr[curve["x"].index(20.0)] == pytest.approx(found.bars[0].measured)


def test_steps_use_the_other_p_values():
    """Of two tests with equal p Holm asks twice the smaller, Bonferroni twice each."""
    matrix = np.column_stack([TRIALS[:, 0], TRIALS[:, 0]])
    cut = deflated(matrix).details["haircut"]
    assert cut["bonferroni"]["p_adjusted"] == pytest.approx(2.0 * cut["bonferroni"]["p_single"])
    assert cut["bhy_harvey_liu"]["p_adjusted"] == pytest.approx(cut["bonferroni"]["p_single"])


def test_trials_that_never_traded_count():
    with_still = np.column_stack([np.zeros((600, 3)), TRIALS])
    found = deflated(with_still)
    assert found.details["n_trials"] == 23 and found.details["effective_trials"]["columns"] == 20


def test_a_judged_record_that_never_varies_has_no_ratio():
    assert deflated(np.column_stack([TRIALS, np.zeros(600)])).bars[0].measured is None
