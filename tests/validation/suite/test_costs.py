"""Dearer trading against sums by hand; costs never help; times one is the run itself."""

from __future__ import annotations

import numpy as np
import pytest

from tests.builders import make_bars, random_bars
from tests.validation.examined import examination_of, experiment_of, held_between
from trading_system.validation import scenarios
from trading_system.validation.base import generator
from trading_system.validation.experiment import World
from trading_system.validation.suite.costs import DEAREST, DearerCosts, breakeven, cost_worlds

PAID = {"commission_bps": 10.0, "slippage": {"model": "fixed", "bps": 20.0}}
ROUNDS = held_between(range(0, 190, 10), range(5, 195, 10))


def judged(experiment):
    return DearerCosts().run(examination_of(experiment), generator(1, "costs"))


def rows_of(found):
    return {row["scenario"]: row for row in found.details["scenarios"]}


def test_one_round_trip_by_hand():
    """10 units in at 100 and out at 110: slippage s and fee f on both sides."""
    close = [100.0, 100.0, 110.0, 110.0, 110.0]
    bars = make_bars(close, close, close, close)
    experiment = experiment_of(
        bars, held_between((0,), (1,)), costs=PAID, sizing={"method": "fixed_quantity", "quantity": 10.0}
    )
    rows = rows_of(judged(experiment))

    def profit(fees, slippage):
        buy, sell = 100.0 * (1 + 0.002 * slippage), 110.0 * (1 - 0.002 * slippage)
        return 10.0 * (sell - buy) - 10.0 * 0.001 * fees * (buy + sell)

    assert rows["as the run file says"]["expectancy"] == pytest.approx(profit(1, 1))
    for m in (2, 3):
        assert rows[f"fees x{m}"]["expectancy"] == pytest.approx(profit(m, 1))
        assert rows[f"slippage x{m}"]["expectancy"] == pytest.approx(profit(1, m))
        both = rows[f"fees and slippage x{m}"]
        assert both["expectancy"] == pytest.approx(profit(m, m))
        assert both["expectancy_change"] == pytest.approx(profit(m, m) - profit(1, 1))
        assert both["total_return"] == pytest.approx(profit(m, m) / 100_000.0)


def test_the_breakeven_multiple_by_hand():
    """(buy + sell) x (slippage + fee) x m = 10, to the first order: m is near 10 / (210 x 0.003)."""
    close = [100.0, 100.0, 110.0, 110.0, 110.0]
    experiment = experiment_of(
        make_bars(close, close, close, close),
        held_between((0,), (1,)),
        costs=PAID,
        sizing={"method": "fixed_quantity", "quantity": 10.0},
    )
    found = judged(experiment)
    m = found.details["breakeven_multiple"]
    at = experiment.outcome(World(fees=m, slippage=m)).metric("expectancy")
    assert m == pytest.approx(10 / 0.63, rel=0.01) and abs(at) < 0.1
    assert found.bars[1].measured == m and found.bars[1].verdict == "report"


@pytest.mark.parametrize("seed", range(4))
def test_costs_never_help_a_trade(seed):
    experiment = experiment_of(random_bars(200, 3, seed), ROUNDS, costs=PAID)
    was = np.sort(experiment.baseline.ledger.trades, order=["line", "entry_row"])
    assert was.size
    for world in cost_worlds(2.0).values():
        now = np.sort(experiment.outcome(world).ledger.trades, order=["line", "entry_row"])
        assert np.array_equal(now[["line", "entry_row", "exit_row"]], was[["line", "entry_row", "exit_row"]])
        assert (now["return_pct"] < was["return_pct"]).all()


def test_costs_times_one_are_the_run_to_the_byte():
    experiment = experiment_of(random_bars(200, 3), ROUNDS, costs=PAID)
    once = experiment.outcome(World(fees=1.0, slippage=1.0, delay=0)).ledger
    for name in ("equity", "cash", "trades", "fills", "orders"):
        assert getattr(once, name).tobytes() == getattr(experiment.baseline.ledger, name).tobytes()


def test_the_gate_has_its_own_multiple():
    experiment = experiment_of(random_bars(200, 3), ROUNDS, costs=PAID, validation={"gates": {"slippage_multiple": 1.5}})
    found = judged(experiment)
    at = experiment.outcome(World(slippage=1.5)).metric("expectancy")
    assert found.bars[0].name == "expectancy, slippage x1.5" and found.bars[0].measured == at
    assert found.verdict == ("pass" if at > 0.0 else "reject")
    assert "slippage x1.5" in rows_of(found) and found.n_worlds == 7 + len(found.picture["pictures"][0]["x"])


def test_a_run_without_trades_rejects_and_one_without_costs_is_warned_of():
    quiet = judged(experiment_of(random_bars(60, 2), held_between((), ())))
    assert quiet.verdict == "reject" and quiet.bars[0].why == "no trade was closed"
    free = judged(experiment_of(random_bars(200, 2), ROUNDS))
    assert [text[:17] for text in free.warnings] == ["the run pays no s", "the run pays no c"]


def test_a_breakeven_is_bracketed_or_says_why_not():
    assert breakeven(lambda m: 7.3 - m)[0] == pytest.approx(7.3, abs=0.01)
    assert breakeven(lambda m: 0.4 - m)[0] == pytest.approx(0.4, abs=0.001)
    assert breakeven(lambda m: 1.0)[0] is None and DEAREST in breakeven(lambda m: 1.0)[1]
    assert breakeven(lambda m: -1.0 - m)[0] is None
    assert breakeven(lambda m: float("nan"))[0] is None


def test_the_document_of_scenarios_keeps_each_row_once():
    rows = judged(experiment_of(random_bars(200, 2), ROUNDS, costs=PAID)).details["scenarios"]
    other = [{**rows[1], "note": "again"}]
    tests = [
        {"name": "costs", "seed": None, "details": {"scenarios": rows}},
        {"name": "performance", "seed": None, "details": {}},
        {"name": "stress", "seed": 7, "details": {"scenarios": other}},
    ]
    made = scenarios.document_of(tests)
    assert made["scenarios"] == [rows[0], *rows[2:], *other]
    assert made["units"]["expectancy"] == "money" and made["seeds"] == {"stress": 7}
    assert all(set(row) == set(rows[0]) for row in rows)
    assert scenarios.document_of(tests[1:2]) is None
