"""Accounts rebuilt from the logs alone, to hold the engine's own state to them."""

from __future__ import annotations

from typing import Any

import numpy as np

from trading_system.engine._kernels_fills import has_bar
from trading_system.engine._kernels_prefetch import prefetch
from trading_system.engine.layout import KIND_SETTLEMENT, KIND_STOP, KIND_TARGET, Engine
from trading_system.kernels import engine_helper, engine_kernel, engine_routine


@engine_helper
def payment_mark(x: Engine, t: int, i: int, mark: float, ratio: float) -> Any:
    """Price at which the fraction left by a split is paid out."""
    return x.m.open[t, i] if has_bar(x, t, i) else mark / ratio


@engine_helper
def filled_after_close(x: Engine, f: int) -> Any:
    """Whether fill f was made at the close by the orders of that very bar."""
    order = x.o.orders[x.o.fills[f]["order"]]
    kind = order["kind"]
    return order["row"] == x.o.fills[f]["row"] and kind != KIND_STOP and kind != KIND_TARGET and kind != KIND_SETTLEMENT


@engine_routine
def book(x: Engine, t: int, f: int, quantity: Any, marks: Any, held: Any, count: Any) -> Any:
    """Enter fill f; what it cost comes back."""
    fill = x.o.fills[f]
    line = fill["line"]
    new = quantity[line] + fill["side"] * fill["quantity"]
    if quantity[line] == 0.0:
        marks[line] = x.m.close[t, x.r.lines[line]["symbol"]]
        present = False
        for j in range(count[0]):
            present = present or held[j] == line
        if not present:
            held[count[0]] = line
            count[0] += 1
    quantity[line] = 0.0 if abs(new) <= 1e-12 * fill["quantity"] else new
    return fill["side"] * fill["quantity"] * fill["price"] + fill["commission"]


@engine_routine
def funding(x: Engine, t: int, b: int, quantity: Any, marks: Any) -> Any:
    """Funding paid for action b."""
    i, paid = x.m.action_col[b], 0.0
    for j in range(x.m.line_start[i], x.m.line_start[i + 1]):
        line = x.m.lines_of[j]
        mark = x.m.close[t, i] if has_bar(x, t, i) else marks[line]
        paid += quantity[line] * mark * x.m.action_funding[b]
    return paid


@engine_routine
def confirm(x: Engine, k: int, last: int, line: int, cash: Any, quantity: Any, marks: Any, tolerance: float) -> Any:
    """Check rows k..last - 1, which have neither fill nor action, with no line held (-1) or one.

    The row reached, below `last` where the check fails, and the cash before it come back.
    """
    first, interest, equity, money = x.r.run[0]["first"], x.o.interest, x.o.equity, x.o.cash
    opens, highs, lows, closes = x.m.open, x.m.high, x.m.low, x.m.close
    i, q, mark = 0, 0.0, 0.0
    if line >= 0:
        i, q, mark = x.r.lines[line]["symbol"], quantity[line], marks[line]
    while k < last:
        rest, value = cash - interest[k], 0.0
        if line >= 0:
            close = closes[first + k, i]
            total = opens[first + k, i] + highs[first + k, i] + lows[first + k, i] + close
            if total - total == 0.0:
                mark = close
            value = q * mark
        bound = tolerance * max(1.0, abs(equity[k]))
        if not (abs(rest + value - equity[k]) <= bound and abs(rest - money[k]) <= bound):
            break
        cash = rest
        k += 1
    if line >= 0:
        marks[line] = mark
    return k, cash


@engine_kernel
def audit(x: Engine, n_rows: int, quantity: Any, marks: Any, held: Any, count: Any, numbers: Any, tolerance: float) -> Any:
    """First row at which equity or cash differs from fills + actions + interest, -1 when none does.

    Parameters
    ----------
    x : Engine
        Read: market, fills, interest, curves. Its state is not read.
    n_rows : int64
        Rows simulated.
    quantity, marks : float64, shape (n_lines,)
        Zeros; working memory.
    held, count : int64, shape (n_lines,), (1,)
        Zeros; working memory.
    numbers : float64, shape (2,)
        Expected and found equity of that row come back here.
    tolerance : float64
        Relative to the larger of 1 and equity.
    """
    first = x.r.run[0]["first"]
    cash, f, a = x.r.run[0]["starting_equity"], 0, 0
    n_fills, n_actions = x.s.run[0]["n_fills"], x.m.action_row.shape[0]
    while a < n_actions and x.m.action_row[a] < first:
        a += 1
    k = 0
    while k < n_rows:
        if count[0] <= 1:
            last = n_rows
            if f < n_fills:
                last = min(last, x.o.fills[f]["row"] - first)
            if a < n_actions:
                last = min(last, x.m.action_row[a] - first)
            if k < last:
                k, cash = confirm(x, k, last, held[0] if count[0] == 1 else -1, cash, quantity, marks, tolerance)
                if k == n_rows:
                    break
        t = first + k
        start = a
        while a < n_actions and x.m.action_row[a] == t:
            i, ratio = x.m.action_col[a], x.m.action_split[a]
            for j in range(x.m.line_start[i], x.m.line_start[i + 1]):
                line = x.m.lines_of[j]
                if quantity[line] == 0.0:
                    continue
                q = quantity[line] * ratio
                if ratio != 1.0 and x.r.lines[line]["whole"]:
                    units = np.floor(abs(q) + 1e-9) * (1.0 if q > 0.0 else -1.0)
                    cash += (q - units) * payment_mark(x, t, i, marks[line], ratio)
                    q = units
                marks[line] /= ratio
                quantity[line] = q
                cash += q * x.m.action_dividend[a]
            a += 1
        while f < n_fills and x.o.fills[f]["row"] == t and not filled_after_close(x, f):
            cash -= book(x, t, f, quantity, marks, held, count)
            f += 1
        cash -= x.o.interest[k]
        for b in range(start, a):
            cash -= funding(x, t, b, quantity, marks)
        while f < n_fills and x.o.fills[f]["row"] == t:
            cash -= book(x, t, f, quantity, marks, held, count)
            f += 1
        value, j = 0.0, 0
        while j < count[0]:
            line = held[j]
            if quantity[line] == 0.0:
                count[0] -= 1
                held[j] = held[count[0]]
                continue
            i = x.r.lines[line]["symbol"]
            prefetch(x.m.close, min(t + 1, x.m.close.shape[0] - 1), i)
            if has_bar(x, t, i):
                marks[line] = x.m.close[t, i]
            value += quantity[line] * marks[line]
            j += 1
        bound = tolerance * max(1.0, abs(x.o.equity[k]))
        if not (abs(cash + value - x.o.equity[k]) <= bound and abs(cash - x.o.cash[k]) <= bound):
            numbers[0], numbers[1] = cash + value, x.o.equity[k]
            return t
        k += 1
    return -1
