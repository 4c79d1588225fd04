"""The engine: a resumable fold over bars. ``advance(x, t0, t1)`` leaves in ``x.s`` all that row t1 needs.

Cut anywhere and resumed it writes the same bytes. It reads rows before t0 only through panels (correlation, ADV,
deviations), never through memory of its own. The exact rules are in `docs/fill-rules.md`.
"""

from __future__ import annotations

import math
from typing import Any

from trading_system.engine._kernels_close import accrue, close_bar, count_missing_sessions, record
from trading_system.engine._kernels_decide import decide
from trading_system.engine._kernels_fills import has_bar
from trading_system.engine._kernels_open import apply_actions, execute, run_limits, run_stops
from trading_system.engine.layout import Engine
from trading_system.kernels import engine_helper, engine_kernel


@engine_helper
def is_cramped(x: Engine) -> Any:
    """Whether a log could not hold the worst bar."""
    g, worst = x.s.run[0], x.r.run[0]["worst"]
    full = g["n_orders"] + worst > x.o.orders.shape[0] or g["n_fills"] + worst > x.o.fills.shape[0]
    full = full or g["n_trades"] + worst > x.o.trades.shape[0] or g["n_refusals"] + worst > x.o.refusals.shape[0]
    return full or g["n_events"] + 4 > x.o.events.shape[0]


@engine_helper
def n_pending(x: Engine) -> Any:
    """Orders that wait for an open."""
    g = x.s.run[0]
    return g["n_exits"] + g["n_reduces"] + g["n_entries"] + g["n_increases"]


@engine_helper
def is_silent(x: Engine, t: int, line: int) -> Any:
    """Whether row t has no action and no decision for any line (of a few), and a tradable bar for `line` (-1: none held)."""
    k = x.s.run[0]["action"]
    if k < x.m.action_row.shape[0] and x.m.action_row[k] <= t:
        return False
    for c in range(x.r.weight_line.shape[0]):
        if not math.isnan(x.d.weights[t, c]):
            return False
    for c in range(x.r.signal_line.shape[0]):
        if x.d.entry[t, c] != 0 or (line >= 0 and x.d.exit[t, c]):
            return False
    if line < 0:
        return True
    facts = x.r.lines[line]
    i = facts["symbol"]
    return has_bar(x, t, i) and x.d.tradable[t, facts["tradable"]] and x.m.symbols[i]["delisted_row"] != t


@engine_helper
def quiet_line(x: Engine) -> Any:
    """The one held line when nothing can happen to it between decisions, -1 when nothing is held, -2 otherwise."""
    g, rules = x.s.run[0], x.r.run[0]
    if n_pending(x) > 0 or g["n_held"] > 1:
        return -2
    if g["n_held"] == 0:
        return -2 if g["cash"] < 0.0 else -1
    line = x.s.held[0]
    state = x.s.lines[line]
    n = x.r.lines[line]["strategy"]
    protected = not (math.isnan(state["stop"]) and math.isnan(state["target"])) or rules["has_trail"] or rules["has_tighten"]
    costly = g["cash"] < 0.0 or (state["quantity"] < 0.0 and x.r.strategies[n]["borrow_rate"] > 0.0)
    if protected or costly or x.r.lines[line]["max_hold"] > 0 or x.s.symbols[x.r.lines[line]["symbol"]]["missing"] > 0:
        return -2
    return line


@engine_helper
def quiet_stretch(x: Engine, t: int, t1: int) -> Any:
    """Rows from t on that hold nothing but a mark, by the same arithmetic as the long way; the first row that is not one."""
    g, rules = x.s.run[0], x.r.run[0]
    line = quiet_line(x)
    if line == -2:
        return t
    first, cash, equity, peak = rules["first"], g["cash"], g["equity"], g["peak"]
    if line == -1:
        start = t
        while t < t1 and is_silent(x, t, -1) and cash > 1e-9 * peak:
            k = t - first
            x.o.equity[k], x.o.cash[k] = cash, cash
            if x.m.session[t] != x.m.session[max(t - 1, first)]:
                g["session_equity"], g["session_start"] = equity, t
            equity = cash
            t += 1
        if t > start:
            g["equity"], g["peak"] = cash, max(peak, cash)
        return t
    state, i = x.s.lines[line], x.r.lines[line]["symbol"]
    q, best, highest, lowest, long = state["quantity"], state["best"], state["highest"], state["lowest"], state["side"] > 0
    start = t
    while t < t1 and is_silent(x, t, line):
        close, high, low = x.m.close[t, i], x.m.high[t, i], x.m.low[t, i]
        value = q * close
        now = cash + value
        if now <= 1e-9 * peak:
            break
        if x.m.session[t] != x.m.session[max(t - 1, first)]:
            g["session_equity"], g["session_start"] = equity, t
        k = t - first
        x.o.equity[k], x.o.cash[k] = now, cash
        x.o.gross[k], x.o.net[k] = abs(value) / now, value / now
        x.o.n_positions[k] = 1
        best = max(best, high) if long else min(best, low)
        highest, lowest = max(highest, high), min(lowest, low)
        peak, equity = max(peak, now), now
        t += 1
    if t > start:
        g["equity"], g["peak"] = equity, peak
        state["mark"], state["mark_row"], state["bars"] = x.m.close[t - 1, i], t - 1, state["bars"] + (t - start)
        state["best"], state["highest"], state["lowest"] = best, highest, lowest
    return t


@engine_kernel
def advance(x: Engine, t0: int, t1: int) -> Any:
    """Simulate rows t0..t1 - 1; the row reached comes back, below t1 when a log is full or a decision is invalid.

    Parameters
    ----------
    x : Engine
        All arrays; `layout.py` says which are read-only.
    t0, t1 : int64
        Rows of the market; t0 is where the state stands.
    """
    g, rules = x.s.run[0], x.r.run[0]
    t = t0
    while t < t1:
        if is_cramped(x):
            return t
        if rules["quiet"]:
            t = quiet_stretch(x, t, t1)
            g["row"] = t
            if t >= t1:
                break
        if t > rules["first"]:
            if x.m.session[t] != x.m.session[t - 1]:
                if g["n_held"] > 0 and rules["daily"] == 0:
                    count_missing_sessions(x, t)
                g["session_start"] = t
            if g["n_held"] > 0 or g["cash"] < 0.0:
                accrue(x, t)
        if g["action"] < x.m.action_row.shape[0] and x.m.action_row[g["action"]] <= t:
            apply_actions(x, t)
        if n_pending(x) > 0:
            execute(x, t, 0)
            if g["n_entries"] > 0:
                run_limits(x, t)
        if g["n_held"] > 0 and rules["stops_on_close"] == 0:
            run_stops(x, t)
        close_bar(x, t)
        decide(x, t)
        if rules["same_close"] and n_pending(x) > 0:
            execute(x, t, 1)
            record(x, t)
        if g["error"] != 0:
            return t
        t += 1
        g["row"] = t
    return t
