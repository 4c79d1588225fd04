"""Signals to refusals and orders, orders to their ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.metrics.ledgers import curve_ledger
from tests.metrics.test_summary import round_trips
from trading_system.engine.ledger import ORDER, REFUSAL, Code, Ledger, OrderStatus
from trading_system.metrics.reconciliation import reconcile


def book() -> Ledger:
    """Two strategies; every end of an order once, and refusals with counts."""
    ends = [
        # line, cause, quantity, filled, status, end
        (0, Code.ENTRY, 10.0, 10.0, OrderStatus.FILLED, Code.NONE),
        (0, Code.STOP, 10.0, 10.0, OrderStatus.FILLED, Code.NONE),
        (0, Code.ENTRY, 10.0, 4.0, OrderStatus.PART_FILLED, Code.CASH),
        (1, Code.ENTRY, 5.0, 0.0, OrderStatus.REJECTED, Code.GROSS_EXPOSURE),
        (1, Code.REBALANCE, 7.0, 0.0, OrderStatus.EXPIRED, Code.NO_BAR),
        (1, Code.SIGNAL, 3.0, 0.0, OrderStatus.OPEN, Code.NONE),
    ]
    orders = np.zeros(len(ends), ORDER)
    for k, (line, cause, quantity, filled, status, end) in enumerate(ends):
        orders[k]["id"], orders[k]["line"], orders[k]["cause"] = k, line, cause
        orders[k]["quantity"], orders[k]["filled"], orders[k]["status"], orders[k]["end"] = quantity, filled, status, end
    refusals = np.array([(0, Code.SLOTS, 1, 3, 3), (1, Code.SLOTS, 1, 1, 1), (1, Code.NO_STOP, 2, 6, 5)], REFUSAL)
    return curve_ledger(
        [100.0] * 8, orders=orders, refusals=refusals, signals=np.array([5, 9]), repeated=np.array([2, 0]),
        line_symbol=np.array([0, 0]), line_strategy=np.array([0, 1]), strategy_names=("a", "b"),
    )  # fmt: skip


def test_the_table_by_hand():
    total = reconcile(book())["total"]
    assert (total["signals"], total["repeated"], total["n_refused"], total["orders_from_signals"]) == (14, 2, 9, 5)
    assert total["refused"] == {"NO_STOP": 5, "SLOTS": 4}
    assert total["orders"] == {"ENTRY": 3, "REBALANCE": 1, "SIGNAL": 1, "STOP": 1}
    assert total["ends"] == {
        "filled": 2, "part_filled": {"CASH": 1}, "rejected": {"GROSS_EXPOSURE": 1}, "expired": {"NO_BAR": 1}, "open": 1,
    }  # fmt: skip
    assert total["quantity"] == {"ordered": 45.0, "filled": 24.0, "open": 3.0, "rejected": 11.0, "expired": 7.0}
    assert total["balanced"]


def test_each_strategy_has_its_own_table_and_they_add_up():
    found = reconcile(book())
    a, b = found["strategies"]["a"], found["strategies"]["b"]
    assert a["balanced"] and b["balanced"]
    assert (a["signals"], b["signals"]) == (5, 9)
    assert a["refused"] == {"SLOTS": 3}
    assert a["n_orders"] + b["n_orders"] == found["total"]["n_orders"]
    for kind in ("ordered", "filled", "rejected", "expired", "open"):
        assert a["quantity"][kind] + b["quantity"][kind] == found["total"]["quantity"][kind]


@pytest.mark.parametrize("lost", ["signal", "fill", "part", "status"])
def test_whatever_is_lost_shows(lost):
    ledger = book()
    if lost == "signal":
        ledger = replace(ledger, signals=ledger.signals + 1)
    elif lost == "fill":
        ledger.orders["filled"][0] = 9.0
    elif lost == "part":
        ledger.orders["filled"][2] = 10.0
    else:
        ledger.orders["status"][5] = 99
    assert not reconcile(ledger)["total"]["balanced"]


def test_two_strategies_of_one_name_stay_two():
    found = reconcile(replace(book(), strategy_names=("a", "a")))
    assert list(found["strategies"]) == ["a", "a (2)"]


def test_a_run_of_one_strategy_and_an_empty_one_balance():
    found = reconcile(curve_ledger([]))
    assert found["total"] == found["strategies"]["s"]
    assert found["total"]["balanced"]
    assert reconcile(round_trips())["total"]["balanced"]
