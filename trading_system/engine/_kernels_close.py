"""What happens at the close: delistings, marks, interest, equity, risk. `docs/fill-rules.md`, sections 0, 3 and 4."""

from __future__ import annotations

import math
from typing import Any

from trading_system.engine._kernels_fills import drop_exit, drop_waiting, fill, has_bar, new_order
from trading_system.engine._kernels_prefetch import prefetch
from trading_system.engine.layout import (
    DAILY_LOSS_LIMIT,
    DELISTED,
    DELISTED_SILENT,
    DRAWDOWN_LIMIT,
    KIND_SETTLEMENT,
    MIN_VOLATILITIES,
    RUIN,
    Engine,
)
from trading_system.kernels import engine_helper, engine_routine


@engine_helper
def accrue(x: Engine, t: int) -> None:
    """Borrow and debit interest of the night before t, on what was held at the last close."""
    g = x.s.run[0]
    days = x.m.session[t] - x.m.session[t - 1]
    if days > 0:
        due = 0.0
        for j in range(g["n_held"]):
            line = x.s.held[j]
            state = x.s.lines[line]
            rate = x.r.strategies[x.r.lines[line]["strategy"]]["borrow_rate"]
            if state["quantity"] < 0.0 and rate > 0.0:
                fee = -state["quantity"] * state["mark"] * rate * days / 365.0
                state["financing"] += fee
                due += fee
        if g["cash"] < 0.0:
            due -= g["cash"] * x.r.run[0]["debit_rate"] * days / 365.0
        g["due"] = due


@engine_routine
def count_missing_sessions(x: Engine, t: int) -> None:
    """Intraday, at the first row of a session: held names that the session before did not see."""
    g = x.s.run[0]
    start = g["session_start"]
    for j in range(g["n_held"]):
        line = x.s.held[j]
        i = x.r.lines[line]["symbol"]
        state = x.s.symbols[i]
        if x.s.lines[line]["mark_row"] >= start or state["counted_row"] == t:
            continue
        for row in range(start, t):
            if x.m.expected[row, x.m.symbols[i]["calendar"]]:
                state["missing"] += 1
                state["counted_row"] = t
                break
    g["session_start"] = t


@engine_routine
def settle(x: Engine, t: int, line: int, price: float, code: int) -> None:
    """Close a delisted line at `price`, without costs."""
    state = x.s.lines[line]
    if state["exit_order"] >= 0:
        drop_exit(x, line, DELISTED)
    drop_waiting(x, line, DELISTED)
    order = new_order(x, t, line, -state["side"], KIND_SETTLEMENT, code, abs(state["quantity"]))
    fill(x, t, order, abs(state["quantity"]), price, price, code)


@engine_routine
def delist(x: Engine, t: int) -> None:
    """Delisting events of row t, then names that stayed silent too long."""
    g, rules = x.s.run[0], x.r.run[0]
    j = 0
    while j < g["n_held"]:
        line = x.s.held[j]
        i = x.r.lines[line]["symbol"]
        if x.m.symbols[i]["delisted_row"] == t:
            price = x.m.symbols[i]["delisted_price"]
            if math.isnan(price):
                price = x.m.close[t, i] if has_bar(x, t, i) else x.s.lines[line]["mark"]
            settle(x, t, line, price, DELISTED)
        if j < g["n_held"] and x.s.held[j] == line:
            j += 1
    j = 0
    while j < g["n_held"]:
        line = x.s.held[j]
        i, state = x.r.lines[line]["symbol"], x.s.lines[line]
        if x.s.symbols[i]["missing"] >= rules["delist_after"] and not has_bar(x, t, i):
            settle(x, t, line, state["mark"] * (1.0 - state["side"] * rules["haircut"]), DELISTED_SILENT)
        if j < g["n_held"] and x.s.held[j] == line:
            j += 1


@engine_helper
def count_silence(x: Engine, t: int) -> Any:
    """Update the counters of missing sessions; whether a delisting may be due."""
    g, rules = x.s.run[0], x.r.run[0]
    due = False
    for j in range(g["n_held"]):
        i = x.r.lines[x.s.held[j]]["symbol"]
        state = x.s.symbols[i]
        if has_bar(x, t, i):
            state["missing"] = 0
        elif rules["daily"]:
            if state["counted_row"] != t and x.m.expected[t, x.m.symbols[i]["calendar"]]:
                state["missing"] += 1
                state["counted_row"] = t
            due = due or state["missing"] >= rules["delist_after"]
        else:
            due = due or state["missing"] >= rules["delist_after"]
        due = due or x.m.symbols[i]["delisted_row"] == t
    return due


@engine_helper
def mark(x: Engine, t: int) -> None:
    """Marks, extremes and bars held of the lines that have a bar; the next bar's prices are sent for."""
    later = min(t + 1, x.m.close.shape[0] - 1)
    for j in range(x.s.run[0]["n_held"]):
        line = x.s.held[j]
        state, i = x.s.lines[line], x.r.lines[line]["symbol"]
        prefetch(x.m.open, later, i)
        prefetch(x.m.high, later, i)
        prefetch(x.m.low, later, i)
        prefetch(x.m.close, later, i)
        if has_bar(x, t, i):
            high, low, close = x.m.high[t, i], x.m.low[t, i], x.m.close[t, i]
            if state["inside_row"] == t:
                high, low = close, close
            state["mark"], state["mark_row"] = close, t
            state["best"] = max(state["best"], high) if state["side"] > 0 else min(state["best"], low)
            state["highest"] = max(state["highest"], high)
            state["lowest"] = min(state["lowest"], low)
            state["bars"] += 1


@engine_routine
def pay_funding(x: Engine, t: int) -> None:
    """Funding of row t: longs pay rate x value, shorts receive it."""
    g = x.s.run[0]
    k = g["action"] - 1
    while k >= 0 and x.m.action_row[k] == t:
        k -= 1
    for a in range(k + 1, g["action"]):
        rate, i = x.m.action_funding[a], x.m.action_col[a]
        if rate != 0.0:
            for j in range(x.m.line_start[i], x.m.line_start[i + 1]):
                state = x.s.lines[x.m.lines_of[j]]
                if state["quantity"] != 0.0:
                    payment = state["quantity"] * state["mark"] * rate
                    g["cash"] -= payment
                    state["financing"] += payment


@engine_helper
def record(x: Engine, t: int) -> Any:
    """Write row t of the curves; equity comes back."""
    g = x.s.run[0]
    equity, gross, net, stale = g["cash"], 0.0, 0.0, 0
    for j in range(g["n_held"]):
        state = x.s.lines[x.s.held[j]]
        value = state["quantity"] * state["mark"]
        equity += value
        gross += abs(value)
        net += value
        stale += 1 if state["mark_row"] != t else 0
    k = t - x.r.run[0]["first"]
    x.o.equity[k], x.o.cash[k] = equity, g["cash"]
    if g["n_held"] > 0:  # without a position both stay 0, even when equity is 0
        x.o.gross[k], x.o.net[k] = gross / equity, net / equity
    else:
        x.o.gross[k], x.o.net[k] = 0.0, 0.0
    x.o.n_positions[k], x.o.stale[k] = g["n_held"], stale
    return equity


@engine_routine
def log_event(x: Engine, t: int, kind: int, reference: float, measured: float, limit: float) -> None:
    """A limit trips."""
    g = x.s.run[0]
    row = x.o.events[g["n_events"]]
    row["row"], row["kind"], row["equity"], row["reference"] = t, kind, g["equity"], reference
    row["measured"], row["limit"] = measured, limit
    g["n_events"] += 1


@engine_helper
def judge_risk(x: Engine, t: int) -> None:
    """Trip and release the limits on the equity just recorded."""
    g, rules = x.s.run[0], x.r.run[0]
    equity = g["equity"]
    if g["tripped_drawdown"] >= 0 and rules["resume"] > 0 and t == g["tripped_drawdown"] + rules["resume"]:
        g["peak"] = equity
        g["tripped_drawdown"] = -1
    peak = max(g["peak"], equity)
    if g["tripped_drawdown"] < 0 and equity / peak - 1.0 <= -rules["max_drawdown"]:
        g["tripped_drawdown"] = t
        log_event(x, t, DRAWDOWN_LIMIT, peak, equity / peak - 1.0, rules["max_drawdown"])
    reference = g["session_equity"]
    if g["tripped_daily"] < 0 and equity / reference - 1.0 <= -rules["max_daily_loss"]:
        g["tripped_daily"] = t
        log_event(x, t, DAILY_LOSS_LIMIT, reference, equity / reference - 1.0, rules["max_daily_loss"])
    if g["tripped_ruin"] < 0 and equity <= 1e-9 * peak:
        g["tripped_ruin"] = t
        log_event(x, t, RUIN, peak, equity / peak - 1.0, 1.0)
    g["peak"] = peak


@engine_routine
def end_day(x: Engine) -> None:
    """One more day-end return, the deviation of the last ones, and what it makes of new risk."""
    g, rules, returns, vols = x.s.run[0], x.r.run[0], x.s.returns, x.s.vols
    lookback = rules["vol_lookback"]
    returns[g["n_days"] % lookback] = g["equity"] / g["day_equity"] - 1.0
    g["n_days"] += 1
    g["day_equity"] = g["equity"]
    if g["n_days"] < lookback:
        return
    mean, squares = 0.0, 0.0
    for k in range(lookback):
        mean += returns[(g["n_days"] + k) % lookback]
    mean /= lookback
    for k in range(lookback):
        squares += (returns[(g["n_days"] + k) % lookback] - mean) ** 2
    vol, slot = math.sqrt(squares / (lookback - 1)), g["n_vols"] % rules["vol_baseline"]
    old = math.nan
    if g["n_vols"] >= rules["vol_baseline"]:
        old = vols[slot]
    g["n_vols"] += 1
    n = min(g["n_vols"], rules["vol_baseline"])
    replace_ordered(x.s.ordered_vols, n, old, vol)
    vols[slot] = vol
    g["multiplier"] = multiplier_of(x, vol, n)


@engine_routine
def replace_ordered(a: Any, n: int, old: float, new: float) -> None:
    """Put `new` in the place of `old` in the ascending ``a[:n]``; an `old` that is not there is the last."""
    k = 0
    while k < n - 1 and a[k] != old:
        k += 1
    while k > 0 and a[k - 1] > new:
        a[k] = a[k - 1]
        k -= 1
    while k < n - 1 and a[k + 1] < new:
        a[k] = a[k + 1]
        k += 1
    a[k] = new


@engine_routine
def multiplier_of(x: Engine, vol: float, n: int) -> Any:
    """Volatility multiplier of new risk while `vol` is the last of n deviations."""
    rules, ordered = x.r.run[0], x.s.ordered_vols
    if n < MIN_VOLATILITIES:
        return 1.0
    middle = ordered[n // 2]
    if n % 2 == 0:
        middle = 0.5 * (ordered[n // 2 - 1] + middle)
    ratio = vol / middle if middle > 0.0 else 1.0
    if rules["scaling"] == 1:
        return min(max(1.0 / max(ratio, 1.0), rules["vol_floor"]), 1.0)
    return 0.5 if ratio > 2.0 else 1.0


@engine_helper
def close_bar(x: Engine, t: int) -> None:
    """Steps 3 and 4."""
    g, rules = x.s.run[0], x.r.run[0]
    if g["n_held"] > 0:
        if count_silence(x, t):
            delist(x, t)
        mark(x, t)
        if g["action"] > 0 and x.m.action_row[g["action"] - 1] == t:
            pay_funding(x, t)
    g["cash"] -= g["due"]
    x.o.interest[t - rules["first"]] = g["due"]
    g["due"] = 0.0
    if t > rules["first"] and x.m.session[t] != x.m.session[t - 1]:
        g["session_equity"] = g["equity"]
        g["tripped_daily"] = -1
    g["equity"] = record(x, t)
    judge_risk(x, t)
    if rules["scaling"] != 0 and x.m.day_end[t]:
        end_day(x)
