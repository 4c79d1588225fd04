"""The two laws of a ledger, asserted at the end of every run: the accounts add up, and nothing was dropped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from trading_system.engine.ledger import Code, Ledger, OrderStatus
from trading_system.errors import DataError

if TYPE_CHECKING:
    from trading_system.engine.layout import Engine, LaneArrays

TOLERANCE = 1e-9
LANE_LAWS = {
    1: "equity = cash + sum of quantity x mark",
    2: "signals = refused + ordered",
    3: "order = filled + rejected + expired + open",
}


class LawBroken(AssertionError):
    """A ledger contradicts itself: a defect of the engine, never of the input.

    Attributes
    ----------
    row : int
        Row of the bars at which it shows, -1 where it is no row's.
    expected, found : float
        The two numbers that should agree.
    """

    def __init__(self, law: str, row: int, expected: float, found: float) -> None:
        self.law, self.row, self.expected, self.found = law, row, expected, found
        super().__init__(f"{law}: at row {row} expected {expected!r}, found {found!r}")


def check_laws(ledger: Ledger, engine: Engine) -> None:
    """Raise LawBroken when the accounts do not add up or a signal was dropped."""
    check_accounting(ledger, engine)
    check_signals(ledger)
    check_orders(ledger)


def check_lane(ledger: Ledger, x: LaneArrays) -> None:
    """The same laws for a run of a single line, in one compiled pass, which also works out its net exposure."""
    from trading_system.engine._kernels_lane_audit import audit_lane

    state, found = x.state[0], np.zeros(3)
    logs = ledger.orders, ledger.fills, ledger.refusals
    with np.errstate(all="ignore"):
        law = audit_lane(
            x.close,
            ledger.equity,
            *logs,
            ledger.first,
            ledger.starting_equity,
            float(state["cash"]),
            int(ledger.signals[0]),
            TOLERANCE,
            ledger.net_exposure,
            found,
        )
    if law:
        raise LawBroken(LANE_LAWS[law], int(found[0]), float(found[1]), float(found[2]))


@contextmanager
def within_digits(ledger: Ledger) -> Iterator[None]:
    """A broken law becomes a DataError where sixteen digits cannot hold the largest amount of money that the run handled.

    Such a ledger fails its audit by rounding, not by a mistake: the prices of the data moved by more than accounts can follow.
    """
    try:
        yield
    except LawBroken as broken:
        fills = ledger.fills
        amounts = (ledger.equity, ledger.cash, fills["quantity"] * fills["price"], fills["quantity"])
        largest = np.concatenate([np.abs(part) for part in amounts]).max(initial=0.0)  # NaN where one is
        smallest = max(1.0, np.fmin(abs(broken.expected), abs(broken.found)))
        if largest * np.finfo(float).eps * max(1, fills.size) <= TOLERANCE * smallest < np.inf:
            raise
        reached = f"reaches {largest:.3g}" if np.isfinite(largest) else "outgrows every number"
        raise DataError(
            f"the money of the run {reached}, more than accounts to the cent can hold",
            remedy="mend prices that cannot be right (`validate data` lists jumps), or start with less",
        ) from broken


def check_accounting(ledger: Ledger, engine: Engine) -> None:
    """Equity of every row, rebuilt from the fills, actions and interest alone, agrees to 1e-9 relative."""
    from trading_system.engine._kernels_audit import audit
    from trading_system.engine._kernels_bundle import bundled

    n = len(ledger.line_symbol)
    quantity, marks = np.zeros(n), np.zeros(n)
    held, count, rows = np.zeros(n, np.int64), np.zeros(1, np.int64), np.zeros(2)
    with np.errstate(all="ignore"):
        row = audit(bundled(engine), ledger.equity.size, quantity, marks, held, count, rows, TOLERANCE)
    if row >= 0:
        raise LawBroken("equity = cash + sum of quantity x mark", int(row), float(rows[0]), float(rows[1]))


def check_signals(ledger: Ledger) -> None:
    """Per strategy: signals = refused candidates + orders made from signals, exactly."""
    n = ledger.signals.size
    refused = np.bincount(ledger.line_strategy[ledger.refusals["line"]], ledger.refusals["count"], n)
    made = np.isin(ledger.orders["cause"], (Code.ENTRY, Code.SIGNAL, Code.REBALANCE))
    ordered = np.bincount(ledger.line_strategy[ledger.orders["line"][made]], minlength=n)
    for number in np.flatnonzero(refused + ordered != ledger.signals)[:1]:
        raise LawBroken(
            f"signals = refused + ordered, strategy {ledger.strategy_names[number]}",
            -1,
            float(ledger.signals[number]),
            float(refused[number] + ordered[number]),
        )


def check_orders(ledger: Ledger) -> None:
    """Per order: what its end says is what was filled."""
    orders = ledger.orders
    filled = np.bincount(ledger.fills["order"], ledger.fills["quantity"], orders.size) if orders.size else np.zeros(0)
    status, whole = orders["status"], np.abs(orders["quantity"] - orders["filled"]) <= TOLERANCE * orders["quantity"]
    part = (orders["filled"] > 0.0) & (orders["filled"] < orders["quantity"])
    good = np.where(status == OrderStatus.FILLED, whole, orders["filled"] == 0.0)
    good = np.where(status == OrderStatus.PART_FILLED, part & (orders["end"] > 0), good)
    good &= (filled == orders["filled"]) & (orders["quantity"] > 0.0)
    good &= (orders["end"] > 0) == (status > OrderStatus.FILLED)
    for k in np.flatnonzero(~good)[:1]:
        raise LawBroken(
            f"order {k} = filled + rejected + expired + open", int(orders["row"][k]), orders["quantity"][k], filled[k]
        )
