"""The engine: a resumable fold over bars. ``advance(x, t0, t1)`` leaves in ``x.s`` all that row t1 needs.

Cut anywhere and resumed it writes the same bytes. It reads rows before t0 only through panels (correlation, ADV,
deviations), never through memory of its own. The exact rules are in `docs/fill-rules.md`.
"""

from __future__ import annotations

import math
from typing import Any

from trading_system.engine._kernels_close import accrue, close_bar, count_missing_sessions, record
from trading_system.engine._kernels_decide import decide
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
def decides_something(x: Engine, t: int, weights: Any, entry: Any, exits: Any, held: bool) -> Any:
    """Whether any line (of a few) has a decision at row t; an exit is one only where something is held."""
    for c in range(x.r.weight_line.shape[0]):
        if weights[t, c] == weights[t, c]:
            return True
    for c in range(x.r.signal_line.shape[0]):
        if entry[t, c] != 0 or (held and exits[t, c]):
            return True
    return False


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
def quiet_end(x: Engine, t: int, t1: int, line: int) -> Any:
    """First row from t on, at most t1, of an action, or on which the held `line` is delisted."""
    k, stop = x.s.run[0]["action"], t1
    if k < x.m.action_row.shape[0]:
        stop = min(stop, max(t, x.m.action_row[k]))
    if line >= 0:
        delisted = x.m.symbols[x.r.lines[line]["symbol"]]["delisted_row"]
        if delisted >= t:
            stop = min(stop, delisted)
    return stop


@engine_helper
def turn_session(x: Engine, start: int, stop: int) -> None:
    """Where the last session of the quiet rows start..stop - 1 began, and equity before it; ``g.equity`` is still of start - 1."""
    g, session, first = x.s.run[0], x.m.session, x.r.run[0]["first"]
    if session[stop - 1] == session[max(start - 1, first)]:
        return
    t = stop - 1
    while session[t] == session[max(t - 1, first)]:
        t -= 1
    g["session_equity"] = g["equity"] if t == start else x.o.equity[t - 1 - first]
    g["session_start"] = t


@engine_helper
def quiet_flat(x: Engine, start: int, stop: int) -> Any:
    """Rows from `start` on without a decision while nothing is held; the first row that is not one."""
    g, first = x.s.run[0], x.r.run[0]["first"]
    weights, entry, exits, cash = x.d.weights, x.d.entry, x.d.exit, g["cash"]
    t = start
    if not cash > 1e-9 * g["peak"]:
        return t
    while t < stop and not decides_something(x, t, weights, entry, exits, False):
        t += 1
    if t > start:
        equity, money = x.o.equity[start - first : t - first], x.o.cash[start - first : t - first]
        for k in range(equity.shape[0]):
            equity[k], money[k] = cash, cash
        turn_session(x, start, t)
        g["equity"], g["peak"] = cash, max(g["peak"], cash)
    return t


@engine_helper
def quiet_held(x: Engine, start: int, stop: int, line: int) -> Any:
    """Rows from `start` on that only mark the one held line; the first row that does more."""
    g, first, state, facts = x.s.run[0], x.r.run[0]["first"], x.s.lines[line], x.r.lines[line]
    weights, entry, exits, tradable = x.d.weights, x.d.entry, x.d.exit, x.d.tradable
    opens, highs, lows, closes = x.m.open, x.m.high, x.m.low, x.m.close
    equity, net = x.o.equity, x.o.net
    i, column, cash, peak = facts["symbol"], facts["tradable"], g["cash"], g["peak"]
    q, best, highest, lowest, long = state["quantity"], state["best"], state["highest"], state["lowest"], state["side"] > 0
    t = start
    while t < stop and not decides_something(x, t, weights, entry, exits, True):
        high, low, close = highs[t, i], lows[t, i], closes[t, i]
        total = opens[t, i] + high + low + close
        now = cash + q * close
        if total - total != 0.0 or not tradable[t, column] or now <= 1e-9 * peak:
            break
        equity[t - first], net[t - first] = now, q * close
        best = max(best, high) if long else min(best, low)
        highest, lowest, peak = max(highest, high), min(lowest, low), max(peak, now)
        t += 1
    if t > start:
        write_exposure(x, start - first, t - first, cash)
        turn_session(x, start, t)
        g["equity"], g["peak"] = equity[t - 1 - first], peak
        state["mark"], state["mark_row"], state["bars"] = closes[t - 1, i], t - 1, state["bars"] + (t - start)
        state["best"], state["highest"], state["lowest"] = best, highest, lowest
    return t


@engine_helper
def write_exposure(x: Engine, a: int, b: int, cash: float) -> None:
    """The other curves of rows a..b - 1 with one line held, whose value stands in ``o.net``."""
    equity, net, gross = x.o.equity[a:b], x.o.net[a:b], x.o.gross[a:b]
    money, positions = x.o.cash[a:b], x.o.n_positions[a:b]
    for k in range(equity.shape[0]):
        share = net[k] / equity[k]
        net[k], gross[k] = share, abs(share)
    for k in range(equity.shape[0]):
        money[k], positions[k] = cash, 1


@engine_helper
def quiet_stretch(x: Engine, t: int, t1: int) -> Any:
    """Rows from t on that hold nothing but a mark, by the same arithmetic as the long way; the first row that is not one."""
    line = quiet_line(x)
    if line == -2:
        return t
    stop = quiet_end(x, t, t1, line)
    return quiet_flat(x, t, stop) if line == -1 else quiet_held(x, t, stop, line)


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
