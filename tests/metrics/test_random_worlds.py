"""The summary of whatever the engine can return: random markets, decisions and rules."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.engine.worlds import world
from trading_system.engine.ledger import Ledger
from trading_system.engine.simulate import simulate
from trading_system.metrics.costs import costs_of
from trading_system.metrics.summary import Summary, summarise


def outcome(number: int) -> tuple[Ledger, Summary]:
    case = world(number)
    ledger = simulate(case.bars, case.decisions, case.config, first=case.first, stop=case.stop)
    market = case.bars.close[:, 0]
    return ledger, summarise(ledger, case.config, benchmark=market if number % 2 else None)


@pytest.mark.parametrize("number", range(60))
def test_a_world_is_measured_without_contradiction(number):
    ledger, found = outcome(number)
    document = json.loads(json.dumps([found.document(), found.monthly, found.weekly], allow_nan=False))[0]
    metrics = document["metrics"]
    assert {name for name, value in metrics.items() if value is None} == set(document["undefined"])
    total = document["reconciliation"]["total"]
    assert total["balanced"]
    assert total["quantity"]["ordered"] == pytest.approx(sum(v for k, v in total["quantity"].items() if k != "ordered"))
    scopes = document["reconciliation"]["strategies"].values()
    assert sum(scope["n_orders"] for scope in scopes) == total["n_orders"] == ledger.orders.size
    scale = max(1.0, ledger.starting_equity, float(np.abs(ledger.equity).max()))
    earned = float(ledger.equity[-1]) - ledger.starting_equity
    assert metrics["net_pnl"] == pytest.approx(earned, abs=1e-9 * scale)
    assert metrics["n_trades"] + metrics["n_open_trades"] == ledger.trades.size
    groups = document["trades"]
    for name in ("by_strategy", "by_symbol", "by_exit_reason"):
        assert sum(row["n_trades"] + row["n_open"] for row in groups[name].values()) == ledger.trades.size


@pytest.mark.parametrize("number", range(60))
def test_costs_of_fills_and_of_trades_are_the_same(number):
    case = world(number)
    ledger = simulate(case.bars, case.decisions, case.config, first=case.first, stop=case.stop)
    found = costs_of(ledger, debit_rate=case.config.portfolio.debit_rate)
    scale = max(1.0, found.traded_value)
    assert found.commission == pytest.approx(float(ledger.trades["commission"].sum()), abs=1e-12 * scale)
    assert found.slippage == pytest.approx(float(ledger.trades["slippage"].sum()), abs=1e-12 * scale)
    assert found.borrow >= -1e-9 * scale
    assert found.debit_interest >= -1e-9 * scale


@pytest.mark.parametrize("number", range(60))
def test_weeks_and_months_multiply_to_the_total(number):
    ledger, found = outcome(number)
    total = found.metrics["total_return"]
    if total is None or found.conventions["ruin"]:
        return
    for rows in (found.weekly, found.monthly["months"]):
        assert float(np.prod([1.0 + row["return"] for row in rows])) == pytest.approx(1.0 + total, rel=1e-9)
        assert sum(row["trades_closed"] for row in rows) == int((ledger.trades["open"] == 0).sum())
        assert sum(row["commission"] for row in rows) == pytest.approx(float(ledger.fills["commission"].sum()))
