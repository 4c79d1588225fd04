"""What became of every signal and every order: nothing is dropped, and the sums show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.engine.ledger import Code, OrderStatus
from trading_system.metrics.base import distinct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trading_system.engine.ledger import Ledger
    from trading_system.types import BoolArray, FloatArray, IntArray

SIGNAL_CAUSES = (Code.ENTRY, Code.SIGNAL, Code.REBALANCE)
"""Causes of the orders that a strategy's own signals made; every other order was made by a rule of the engine."""

TOLERANCE = 1e-9  # relative: a filled order scaled by a factor may differ in its last digits
_NAMES = {int(code): code.name for code in Code}


def reconcile(ledger: Ledger) -> dict[str, Any]:
    """Signals to refusals and orders, orders to their ends, in total and per strategy; counts and quantities.

    Per scope: `signals`, `repeated` (outside the law), `refused` by code, `orders` by cause, `ends` (`filled`, `part_filled`,
    `rejected`, `expired` by code, `open`), `quantity` (`ordered` = `filled` + `rejected` + `expired` + `open`), and
    `balanced`: signals = refused + orders from signals, and every order has exactly one end that accounts for its quantity.
    """
    orders, refusals = ledger.orders, ledger.refusals
    by_order = ledger.line_strategy[orders["line"]] if orders.size else orders["line"]
    by_refusal = ledger.line_strategy[refusals["line"]] if refusals.size else refusals["line"]
    names = distinct(ledger.strategy_names)
    scopes = (
        {
            name: _scope(int(ledger.signals[s]), int(ledger.repeated[s]), refusals[by_refusal == s], orders[by_order == s])
            for s, name in enumerate(names)
        }
        if len(names) > 1
        else {}
    )
    total = _scope(int(ledger.signals.sum()), int(ledger.repeated.sum()), refusals, orders)
    return {"total": total, "strategies": scopes or {name: total for name in names}}


def _scope(signals: int, repeated: int, refusals: NDArray[Any], orders: NDArray[Any]) -> dict[str, Any]:
    refused = _counted(refusals["code"], refusals["count"])
    causes = _counted(orders["cause"])
    from_signals = sum(causes.get(code.name, 0) for code in SIGNAL_CAUSES)
    status, ordered, filled = orders["status"], orders["quantity"], orders["filled"]
    ends = {kind.name.lower(): status == kind for kind in OrderStatus}
    rest = ordered - filled
    unfilled = {name: _sum(rest, ends[name]) for name in ("open", "rejected", "expired")}
    unfilled["rejected"] += _sum(rest, ends["part_filled"])
    quantity = {"ordered": float(ordered.sum()), "filled": float(filled.sum()), **unfilled}
    return {
        "signals": signals,
        "repeated": repeated,
        "refused": refused,
        "n_refused": sum(refused.values()),
        "orders": causes,
        "n_orders": int(orders.size),
        "orders_from_signals": from_signals,
        "ends": {
            "filled": int(ends["filled"].sum()),
            "part_filled": _counted(orders["end"][ends["part_filled"]]),
            "rejected": _counted(orders["end"][ends["rejected"]]),
            "expired": _counted(orders["end"][ends["expired"]]),
            "open": int(ends["open"].sum()),
        },
        "quantity": quantity,
        "balanced": signals == sum(refused.values()) + from_signals and _accounted(ends, ordered, filled),
    }


def _counted(codes: IntArray, weights: IntArray | None = None) -> dict[str, int]:
    """How often each code occurs, by its name, most frequent first (ties by name)."""
    counts = np.zeros(max(_NAMES) + 1, np.int64)
    np.add.at(counts, codes, 1 if weights is None else weights)
    found = {_NAMES[int(code)]: int(counts[code]) for code in np.flatnonzero(counts)}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _sum(values: FloatArray, chosen: BoolArray) -> float:
    return float(values[chosen].sum())


def _accounted(ends: dict[str, BoolArray], ordered: FloatArray, filled: FloatArray) -> bool:
    """Filled means whole, part filled a part, every other end nothing; each order has one of these ends."""
    part = ends["part_filled"]
    none = ends["rejected"] | ends["expired"] | ends["open"]
    whole = ends["filled"]
    return bool(
        (part | none | whole).all()
        and (np.abs(ordered - filled)[whole] <= TOLERANCE * ordered[whole]).all()
        and (filled[none] == 0.0).all()
        and ((filled[part] > 0.0) & (filled[part] < ordered[part])).all()
    )
