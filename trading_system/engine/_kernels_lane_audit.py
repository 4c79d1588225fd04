"""The two laws of a ledger held to a run of a single line: accounts rebuilt from its fills, signals and orders counted."""

from __future__ import annotations

from typing import Any

from trading_system.engine.layout import ENTRY, EXPIRED, FILLED, OPEN, PART_FILLED, REBALANCE, SIGNAL
from trading_system.kernels import engine_helper, engine_kernel

LAW_ACCOUNTS, LAW_SIGNALS, LAW_ORDERS = 1, 2, 3


@engine_helper
def first_wrong(close: Any, equity: Any, net: Any, cash: float, q: float, tolerance: float) -> Any:
    """First place at which equity differs from cash + quantity x close, as many as there are when none does; exposure into `net`."""
    n, wrong = close.shape[0], 0
    if q == 0.0:
        for k in range(n):
            wrong |= int(not abs(cash - equity[k]) <= tolerance * max(1.0, abs(equity[k])))
            net[k] = 0.0
    else:
        for k in range(n):
            value = q * close[k]
            wrong |= int(not abs(cash + value - equity[k]) <= tolerance * max(1.0, abs(equity[k])))
            net[k] = value / equity[k]
    if wrong == 0:
        return n
    k = 0
    while abs(cash + (q * close[k] if q != 0.0 else 0.0) - equity[k]) <= tolerance * max(1.0, abs(equity[k])):
        k += 1
    return k


@engine_helper
def order_is_whole(order: Any, filled: float, tolerance: float) -> Any:
    """Whether an order's end says what was filled of it."""
    asked, status = order["quantity"], order["status"]
    if status == FILLED:
        good = abs(asked - order["filled"]) <= tolerance * asked
    elif status == PART_FILLED:
        good = 0.0 < order["filled"] < asked
    else:
        good = order["filled"] == 0.0
    ended = status == PART_FILLED or status > PART_FILLED
    return good and filled == order["filled"] and asked > 0.0 and (order["end"] > 0) == ended and OPEN <= status <= EXPIRED


@engine_kernel
def audit_lane(
    close: Any,
    equity: Any,
    orders: Any,
    fills: Any,
    refusals: Any,
    first: int,
    start: float,
    cash: float,
    signals: int,
    tolerance: float,
    net: Any,
    found: Any,
) -> Any:
    """The law that is broken, 0 when none is.

    Parameters
    ----------
    close : float64[::1], shape (n_bars,)
        Of the line's symbol, read from row `first` on.
    equity : float64[::1], shape (n_rows,)
        The curve that is checked, at every row.
    orders, fills, refusals : record arrays
        The logs, whole; fills in the order in which they were made.
    start, cash : float64
        Money before the first row, and at the end by the engine's own account.
    signals : int64
        As the engine counted them.
    tolerance : float64
        Relative to the larger of 1 and equity.
    net : float64[::1], shape (n_rows,)
        Net exposure comes back.
    found : float64[::1], shape (3,)
        Row, expected and found number of the first contradiction come back here.
    """
    n, money, q, k, f = equity.shape[0], start, 0.0, 0, 0
    last_order = -1
    while True:
        stop = n
        if f < fills.shape[0]:
            stop = fills[f]["row"] - first
        if stop < k or stop > n:
            found[0] = first + k
            return LAW_ACCOUNTS
        place = k + first_wrong(close[first + k : first + stop], equity[k:stop], net[k:stop], money, q, tolerance)
        if place < stop:
            value = q * close[first + place] if q != 0.0 else 0.0
            found[0], found[1], found[2] = first + place, money + value, equity[place]
            return LAW_ACCOUNTS
        if f == fills.shape[0]:
            break
        k = stop
        fill = fills[f]
        new = q + fill["side"] * fill["quantity"]
        q = 0.0 if abs(new) <= 1e-12 * fill["quantity"] else new
        money -= fill["side"] * fill["quantity"] * fill["price"] + fill["commission"]
        order = orders[fill["order"]]
        if fill["order"] <= last_order or not order_is_whole(order, fill["quantity"], tolerance):
            found[0], found[1], found[2] = order["row"], order["quantity"], fill["quantity"]
            return LAW_ORDERS
        last_order = fill["order"]
        f += 1
    if not abs(money - cash) <= tolerance * max(1.0, abs(cash)):
        found[0], found[1], found[2] = first + n - 1, money, cash
        return LAW_ACCOUNTS
    counted, traded = 0, 0
    for j in range(orders.shape[0]):
        order = orders[j]
        traded += int(order["filled"] != 0.0)
        counted += int(order["cause"] == ENTRY or order["cause"] == SIGNAL or order["cause"] == REBALANCE)
        if order["filled"] == 0.0 and not order_is_whole(order, 0.0, tolerance):
            found[0], found[1], found[2] = order["row"], order["quantity"], 0.0
            return LAW_ORDERS
    if traded != fills.shape[0]:
        found[0], found[1], found[2] = -1, traded, fills.shape[0]
        return LAW_ORDERS
    for j in range(refusals.shape[0]):
        counted += refusals[j]["count"]
    if counted != signals:
        found[0], found[1], found[2] = -1, signals, counted
        return LAW_SIGNALS
    return 0
