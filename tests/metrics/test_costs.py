"""Costs by kind, and the multiple of them at which nothing is left."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.builders import make_bars
from tests.metrics.ledgers import Fill, curve_ledger, played
from tests.metrics.test_summary import round_trips, summary_of
from trading_system.engine.ledger import Code
from trading_system.metrics.costs import Costs, breakeven_cost_multiple, cost_table, costs_of


def costs(**parts: float) -> Costs:
    names = ("gross_pnl", "commission", "slippage", "borrow", "funding", "debit_interest", "dividends", "traded_value")
    return Costs(**{**dict.fromkeys(names, 0.0), "n_fills": 0, **parts})


def test_kinds_by_hand():
    level = np.array([100.0, 100.0, 100.0, 110.0])
    fills = [Fill(1, 0, 10, 100.0, 100.5, 2.0), Fill(3, 0, -10, 110.0, 109.5, 3.0, Code.SIGNAL)]
    found = costs_of(played(make_bars(level, level, level, level), fills), debit_rate=0.0)
    assert (found.gross_pnl, found.commission, found.slippage) == (100.0, 5.0, 10.0)
    assert found.net_pnl == 85.0
    assert found.traded_value == 1005.0 + 1095.0
    assert found.n_fills == 2
    assert breakeven_cost_multiple(found) == pytest.approx(100.0 / 15.0)


def test_net_profit_is_what_the_curve_earned():
    ledger = round_trips()
    found = costs_of(ledger, debit_rate=0.05)
    assert found.net_pnl == pytest.approx(ledger.equity[-1] - ledger.starting_equity, abs=1e-9)
    assert (found.borrow, found.debit_interest, found.dividends) == (pytest.approx(1.5), pytest.approx(0.5), 3.0)


def test_at_the_breakeven_multiple_the_same_trades_earn_nothing():
    found = costs_of(round_trips(seed=1), debit_rate=0.05)
    assert math.isnan(breakeven_cost_multiple(found))  # loses before costs
    winner = costs_of(round_trips(seed=2), debit_rate=0.05)
    multiple = breakeven_cost_multiple(winner)
    assert winner.before_trading_costs - multiple * winner.trading == pytest.approx(0.0, abs=1e-9)


def test_funding_is_told_from_borrow_and_debit_interest():
    ledger = round_trips()
    ledger.trades["financing"][0] += 4.0  # funding of a perpetual, charged to the trade and not to interest
    ledger.trades["pnl"][0] -= 4.0
    ledger = replace(ledger, equity=ledger.equity - 4.0)
    funded = replace(
        ledger, bars=replace(ledger.bars, actions=make_bars([1.0], [1.0], [1.0], [1.0], funding=[(0, 0, 0.01)]).actions)
    )
    found = costs_of(funded, debit_rate=0.05)
    assert (found.borrow, found.debit_interest, found.funding) == pytest.approx((1.5, 0.5, 4.0), abs=1e-9)
    without_debit = replace(funded, interest=np.zeros(60), equity=funded.equity)
    assert costs_of(without_debit, debit_rate=0.0).funding == pytest.approx(5.5)


def test_breakeven_needs_costs_and_a_profit_before_them():
    assert math.isnan(breakeven_cost_multiple(costs(gross_pnl=100.0)))
    assert math.isnan(breakeven_cost_multiple(costs(gross_pnl=-1.0, commission=1.0)))
    assert breakeven_cost_multiple(costs(gross_pnl=10.0, commission=1.0, borrow=4.0, dividends=2.0)) == 8.0


def test_the_table_shows_each_kind_beside_equity_trade_and_profit():
    table = cost_table(costs(gross_pnl=200.0, commission=10.0, slippage=30.0, traded_value=100_000.0), 1_000.0)
    assert table["slippage"] == {
        "money": 30.0, "of_starting_equity": 0.03, "bps_of_traded_value": pytest.approx(3.0), "share_of_gross_profit": pytest.approx(0.15),
    }  # fmt: skip
    assert table["total"]["money"] == 40.0
    assert table["net_pnl"]["money"] == 160.0


def test_without_a_profit_or_a_trade_there_is_no_share():
    table = cost_table(costs(gross_pnl=-5.0, commission=1.0), 1_000.0)
    assert table["commission"]["share_of_gross_profit"] is None
    assert table["commission"]["bps_of_traded_value"] is None


def test_a_run_without_bars_cost_nothing():
    found = costs_of(curve_ledger([]), debit_rate=0.05)
    assert (found.trading, found.financing, found.net_pnl) == (0.0, 0.0, 0.0)


def test_dearer_costs_never_help_the_same_trades():
    results = [summary_of(round_trips(cost=cost)).metrics["net_pnl"] for cost in (0.0, 0.5, 1.0, 4.0)]
    assert results == sorted(results, reverse=True)
