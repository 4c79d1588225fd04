"""What a search leaves of a Sharpe ratio."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from trading_system.errors import DataError
from trading_system.validation import deflation
from trading_system.validation.multiple_testing import METHODS


@pytest.mark.parametrize("n", [1, 2, 3, 10, 100, 1_000, 100_000])
def test_the_exact_expectation_is_that_of_adaptive_integration(n):
    wanted, _ = integrate.quad(
        lambda z: n * z * math.exp(stats.norm.logpdf(z) + (n - 1) * stats.norm.logcdf(z)), -10, 15, limit=500, epsabs=1e-11
    )
    assert deflation.expected_maximum_exact(n) == pytest.approx(wanted, abs=1e-9)


def test_the_expected_maximum_is_what_noise_shows():
    best = np.random.default_rng(1).standard_normal((20_000, 100)).max(axis=1).mean()
    assert deflation.expected_maximum_exact(100) == pytest.approx(best, abs=0.01)
    assert deflation.expected_maximum(100) == pytest.approx(best, abs=0.06)
    assert deflation.expected_maximum(1) == 0.0


@given(st.integers(2, 10**9))
def test_more_trials_show_more(n):
    assert 0.0 < deflation.expected_maximum(n) < deflation.expected_maximum(n + n)


def test_the_best_of_noise_deflates_to_a_half_and_skill_does_not():
    rng = np.random.default_rng(2)
    noise = [deflation.deflated_best(rng.standard_normal((500, 20))).deflated.dsr for _ in range(100)]
    assert 0.42 <= np.mean(noise) <= 0.55 and np.mean(np.array(noise) > 0.95) <= 0.05
    skilled = rng.standard_normal((1_260, 20))
    skilled[:, 7] += 0.2
    best = deflation.deflated_best(skilled)
    assert best.selected == 7 and best.deflated.dsr > 0.95


def test_a_trial_that_never_trades_counts_but_has_no_ratio():
    table = np.random.default_rng(3).standard_normal((100, 3))
    idle = np.column_stack((np.zeros(100), table))
    with_idle, without = deflation.deflated_best(idle), deflation.deflated_best(table)
    assert with_idle.selected == without.selected + 1 and with_idle.trials_std == without.trials_std
    assert with_idle.deflated.threshold == pytest.approx(without.trials_std * deflation.expected_maximum(4))
    with pytest.raises(DataError, match="no trial has a Sharpe ratio"):
        deflation.deflated_best(np.zeros((5, 2)))


def test_one_trial_is_the_probabilistic_ratio_against_zero():
    found = deflation.deflated_best(np.random.default_rng(4).standard_normal((60, 1)))
    assert found.deflated.threshold == 0.0 and found.trials_std == 0.0


@given(st.integers(1, 6), st.floats(0.0, 1.0))
def test_effective_numbers_lie_between_one_and_all(n, rho):
    matrix = np.full((n, n), rho)
    np.fill_diagonal(matrix, 1.0)
    for effective in (deflation.effective_rank(matrix), deflation.effective_trials(n, rho)):
        assert 1.0 - 1e-9 <= effective <= n + 1e-9
    if n > 1:
        assert deflation.mean_correlation(matrix) == pytest.approx(rho)


@given(st.floats(0.05, 3.0), st.integers(24, 2_000), st.integers(1, 500))
def test_a_haircut_never_lengthens_hair_and_more_tests_cut_more(annual, n, tests):
    few = deflation.haircut_sharpe(annual, n, 12, tests)
    more = deflation.haircut_sharpe(annual, n, 12, tests * 2)
    assert 0.0 <= more.sharpe <= few.sharpe + 1e-9 and few.sharpe <= annual * (1 + 1e-6)
    assert few.p_single <= few.p_adjusted <= 1.0


def test_a_huge_ratio_keeps_a_finite_haircut():
    found = deflation.haircut_sharpe(4.0, 2_520, 252, 1_000)
    assert found.p_single == pytest.approx(2 * stats.t(2_519).sf(found.t_statistic), rel=1e-6) and found.p_single < 1e-30
    wanted = stats.t(2_519).isf(found.p_adjusted / 2) * math.sqrt(252 / 2_520)
    assert found.sharpe == pytest.approx(wanted, rel=1e-8)
    assert 3.5 < found.sharpe < 4.0


def test_steps_need_the_log():
    with pytest.raises(DataError, match="holm needs the p-values of the other tests"):
        deflation.haircut_sharpe(1.0, 120, 12, 3, "holm")
    with pytest.raises(DataError, match="3 other p-values for 3 tests"):
        deflation.haircut_sharpe(1.0, 120, 12, 3, "holm", [0.2, 0.3, 0.4])
    stepped = deflation.haircut_sharpe(1.0, 120, 12, 3, "holm", [0.2, 0.9])
    assert stepped.p_adjusted == pytest.approx(3 * stepped.p_single)
    for method in METHODS:  # a test without a p-value is one with a p-value of 1
        known, whole = (deflation.haircut_sharpe(1.0, 120, 12, 9, method, [0.001, *rest]) for rest in ([], [1.0] * 7))
        assert known == whole
    assert deflation.haircut_sharpe(-1.0, 120, 12, 3).sharpe == 0.0


def test_the_backtest_length_is_below_its_bound():
    for n in (2, 45, 10_000):
        found = deflation.min_backtest_length(n, 1.5)
        assert 0.0 < found.years < found.upper_bound


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: deflation.expected_maximum(0.5), "n_trials is 0.5"),
        (lambda: deflation.expected_maximum_exact(0), "n_trials is 0"),
        (lambda: deflation.min_backtest_length(10, 0.0), "target Sharpe ratio is 0.0"),
        (lambda: deflation.effective_rank([[1.0, 0.2]]), "a square matrix"),
        (lambda: deflation.effective_trials(10, 2.0), "mean correlation 2.0"),
        (lambda: deflation.deflated_sharpe(0.1, 60, 0.0, 3.0, -1.0, 5), "is -1.0; allowed: 0 or more"),
    ],
)
def test_impossible_inputs_are_one_message(call, words):
    with pytest.raises(DataError, match=words):
        call()
