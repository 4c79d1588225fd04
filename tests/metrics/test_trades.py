"""Measures of closed trades, by hand and against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trading_system.errors import DataError
from trading_system.metrics import trades

FIVE = np.array([100.0, -50.0, 0.0, 200.0, -100.0])
RISK = np.array([50.0, 50.0, 50.0, 100.0, 100.0])
results = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=40).map(np.array)


def test_five_trades_by_hand():
    assert trades.n_trades(FIVE) == 5
    assert (trades.win_rate(FIVE), trades.loss_rate(FIVE)) == (0.4, 0.4)  # a break-even trade counts in neither
    assert (trades.avg_win(FIVE), trades.avg_loss(FIVE)) == (150.0, -75.0)
    assert trades.payoff_ratio(FIVE) == 2.0
    assert trades.profit_factor(FIVE) == 2.0
    assert trades.expectancy(FIVE) == 30.0
    assert (trades.best_trade(FIVE), trades.worst_trade(FIVE)) == (200.0, -100.0)
    assert trades.kelly(FIVE) == pytest.approx(0.4 - 0.6 / 2.0)


def test_r_multiples_by_hand():
    assert trades.r_multiples(FIVE, RISK).tolist() == [2.0, -1.0, 0.0, 2.0, -1.0]
    assert trades.expectancy_r(FIVE, RISK) == pytest.approx(0.4)
    assert trades.sqn(FIVE, RISK) == pytest.approx(math.sqrt(5) * 0.4 / math.sqrt(2.3))


def test_the_system_quality_number_is_the_t_statistic_of_r():
    rng = np.random.default_rng(4)
    pnl, risk = rng.normal(5.0, 30.0, 250), rng.uniform(5.0, 50.0, 250)
    t = stats.ttest_1samp(pnl / risk, 0.0).statistic
    assert trades.sqn(pnl, risk) == pytest.approx(t, abs=1e-12)
    assert trades.sqn_capped_100(pnl, risk) == pytest.approx(t * 10.0 / math.sqrt(250), abs=1e-12)
    assert trades.sqn_on_pnl(pnl) == pytest.approx(stats.ttest_1samp(pnl, 0.0).statistic, abs=1e-12)


def test_a_break_even_trade_ends_both_runs():
    pnl = np.array([1.0, 1.0, 0.0, 1.0, -1.0, -1.0, 0.0, -1.0])
    assert trades.max_consecutive_wins(pnl) == 2
    assert trades.max_consecutive_losses(pnl) == 2


def test_profit_factor_on_money_and_on_returns_differ():
    assert trades.profit_factor(np.array([100.0, -100.0])) == 1.0
    assert trades.profit_factor_on_returns(np.array([0.10, -0.05])) == 2.0


def test_no_trade_has_no_figure():
    nothing = np.zeros(0)
    assert trades.n_trades(nothing) == 0
    assert (trades.max_consecutive_wins(nothing), trades.max_consecutive_losses(nothing)) == (0, 0)
    for measure in (
        trades.win_rate,
        trades.avg_win,
        trades.payoff_ratio,
        trades.profit_factor,
        trades.expectancy,
        trades.kelly,
    ):
        assert math.isnan(measure(nothing))
    assert math.isnan(trades.sqn(nothing, nothing))
    assert math.isnan(trades.best_trade(nothing))
    assert math.isnan(trades.worst_trade(nothing))


def test_only_winners():
    wins = np.array([1.0, 2.0])
    assert trades.profit_factor(wins) == math.inf
    for measure in (trades.avg_loss, trades.payoff_ratio, trades.kelly):
        assert math.isnan(measure(wins))


def test_one_trade_and_equal_trades_have_no_quality_number():
    assert math.isnan(trades.sqn(np.array([5.0]), np.array([1.0])))
    assert math.isnan(trades.sqn_on_pnl(np.full(9, 0.1)))


@pytest.mark.parametrize("risk", [0.0, -1.0])
def test_a_trade_without_a_stop_has_no_r_multiple(risk):
    with pytest.raises(DataError, match="initial risk of trade 1"):
        trades.r_multiples(np.ones(2), np.array([1.0, risk]))


@given(results)
def test_rates_add_up_and_runs_are_what_a_loop_counts(pnl):
    even = float((pnl == 0.0).mean())
    assert trades.win_rate(pnl) + trades.loss_rate(pnl) + even == pytest.approx(1.0)
    run = most = 0
    for result in pnl:
        run = run + 1 if result > 0 else 0
        most = max(most, run)
    assert trades.max_consecutive_wins(pnl) == most
    assert trades.max_consecutive_losses(-pnl) == most


@given(results, st.floats(0.1, 10.0))
def test_the_unit_of_money_changes_no_ratio(pnl, unit):
    for measure in (trades.win_rate, trades.payoff_ratio, trades.profit_factor, trades.kelly, trades.sqn_on_pnl):
        before, after = measure(pnl), measure(unit * pnl)
        assert (math.isnan(before) and math.isnan(after)) or after == pytest.approx(before, rel=1e-9)


@given(results, st.floats(0.0, 2.0))
def test_cost_never_helps(pnl, cost):
    assert trades.expectancy(pnl - cost) <= trades.expectancy(pnl)
    assert trades.win_rate(pnl - cost) <= trades.win_rate(pnl)
    before, after = trades.profit_factor(pnl), trades.profit_factor(pnl - cost)
    assert math.isnan(before) or not after > before + 1e-12
