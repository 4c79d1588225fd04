"""Costs, orders, fills and trades: what happens when something is bought or sold. `docs/fill-rules.md`, sections 6 and 7."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from trading_system.engine.layout import (
    ADV_BARS,
    BAD_VOLUME,
    EXPIRED,
    FILLED,
    KIND_SETTLEMENT,
    LOT,
    OPEN,
    PART_FILLED,
    REJECTED,
    SIGMA_BARS,
    SLIP_FIXED,
    SLIP_FULL,
    SLIP_IMPACT,
    SLIP_NONE,
    SLIP_SHARE,
    SLIP_SPREAD,
    STOP,
    Engine,
)
from trading_system.kernels import engine_helper, engine_routine

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
U11, U27, U30, U31 = np.uint64(11), np.uint64(27), np.uint64(30), np.uint64(31)
BUY_KEY, SELL_KEY = np.uint64(1), np.uint64(2)
TINY = 2.0**-53
MOST_SLIPPAGE = 0.9


@engine_helper
def has_bar(x: Engine, t: int, i: int) -> Any:
    """Whether symbol i has a whole bar at row t."""
    if x.m.whole[t]:  # four looks at a wide market are four misses of the cache
        return True
    total = x.m.open[t, i] + x.m.high[t, i] + x.m.low[t, i] + x.m.close[t, i]
    return total - total == 0.0


@engine_helper
def is_live(x: Engine, t: int, i: int) -> Any:
    """Whether symbol i traded at row t; an absent volume counts as traded."""
    return has_bar(x, t, i) and x.m.volume[t, i] != 0.0


@engine_helper
def awaits(x: Engine, t: int, i: int) -> Any:
    """Whether row t is none of symbol i's own: another calendar's bar closes there, and its orders wait."""
    return not has_bar(x, t, i) and not x.m.expected[t, x.m.symbols[i]["calendar"]]


@engine_helper
def floored(q: float, whole: int) -> Any:
    """A quantity (>= 0) in lots: whole units, or as it is."""
    return np.floor(q + 1e-9) if whole else q


@engine_helper
def mix(z: Any) -> Any:
    """splitmix64."""
    z = z + GOLDEN
    z = (z ^ (z >> U30)) * MIX_1
    z = (z ^ (z >> U27)) * MIX_2
    return z ^ (z >> U31)


@engine_routine
def normal_draw(seed: Any, stamp: int, symbol_hash: Any, side: int) -> Any:
    """A standard normal number that depends on nothing but its four keys."""
    h = mix(seed ^ mix(np.uint64(stamp)))
    h = mix(h ^ symbol_hash)
    h = mix(h ^ (BUY_KEY if side > 0 else SELL_KEY))
    u1 = (float(h >> U11) + 1.0) * TINY
    u2 = float(mix(h) >> U11) * TINY
    return math.sqrt(-2.0 * math.log(u1)) * math.cos(2.0 * math.pi * u2)


@engine_helper
def last_bar_row(x: Engine, t: int, i: int) -> Any:
    """Row of symbol i's last bar at or before t, -1 when there is none."""
    while t >= 0 and not has_bar(x, t, i):
        t -= 1
    return t


@engine_routine
def adv20(x: Engine, t: int, i: int) -> Any:
    """Mean traded value of symbol i's last 20 own bars up to row t; NaN with fewer."""
    total, n, row = 0.0, 0, t
    while row >= 0 and n < ADV_BARS:
        if has_bar(x, row, i):
            total += x.m.volume[row, i] * x.m.close[row, i]
            n += 1
        row -= 1
    return total / ADV_BARS if n == ADV_BARS else math.nan


@engine_helper
def adjusted_close(x: Engine, t: int, i: int) -> Any:
    """Close in the scale of the decisions."""
    if x.r.run[0]["has_factor"]:
        return x.m.close[t, i] * x.m.factor[t, i]
    return x.m.close[t, i]


@engine_routine
def sigma20(x: Engine, t: int, i: int) -> Any:
    """Sample deviation of the last 20 adjusted close returns on own bars up to row t; NaN with fewer, or when it is 0."""
    total, squares = 0.0, 0.0
    for sweep in range(2):  # mean first, then deviations from it
        n, row, later = 0, t, math.nan
        squares = 0.0
        while row >= 0 and n < SIGMA_BARS:
            if has_bar(x, row, i):
                close = adjusted_close(x, row, i)
                if not math.isnan(later):
                    change = later / close - 1.0
                    if sweep == 0:
                        total += change
                    else:
                        squares += (change - total / SIGMA_BARS) ** 2
                    n += 1
                later = close
            row -= 1
        if n < SIGMA_BARS:
            return math.nan
    sigma = math.sqrt(squares / (SIGMA_BARS - 1))
    return sigma if sigma > 0.0 else math.nan


@engine_helper
def clipped(v: float, low: float, high: float) -> Any:
    """`v` within [low, high]; 1 when it is NaN."""
    if math.isnan(v):
        return 1.0
    return min(max(v, low), high)


@engine_routine
def full_slippage(x: Engine, t: int, read: int, i: int, n: int, side: int, value: float) -> Any:
    """Slippage of the model `full` in bps: volatility, size, weekend, stress and a draw."""
    rule = x.r.strategies[n]
    row = last_bar_row(x, read, i)
    mean = rule["slip_bps"]
    if row >= 0:
        mean *= clipped(x.m.atr_ratio[row, i], 0.5, 3.0) * clipped(value / (0.01 * adv20(x, row, i)), 0.5, 2.0)
    if x.m.symbols[i]["always_open"] and (x.m.session[t] + 3) % 7 >= 5:
        mean *= 1.5
    deviation = 0.75
    if x.m.stress[read] < rule["stress_below"]:
        mean *= 2.0
        deviation *= 1.5
    z = normal_draw(x.r.run[0]["seed"], x.m.stamp[t], x.m.symbols[i]["hash"], side)
    return max(0.0, mean + deviation * mean * z)


@engine_routine
def slippage(x: Engine, t: int, read: int, line: int, side: int, q: float, reference: float) -> Any:
    """Slippage of a market order as a fraction of the reference price; `read` is the row its inputs are taken from."""
    n, i = x.r.lines[line]["strategy"], x.r.lines[line]["symbol"]
    rule = x.r.strategies[n]
    model = rule["slip_model"]
    fraction = 0.0
    if model == SLIP_FIXED or model == SLIP_SPREAD:
        fraction = rule["slip_bps"] / 1e4
    elif model == SLIP_FULL:
        fraction = full_slippage(x, t, read, i, n, side, q * reference) / 1e4
    elif model == SLIP_SHARE:
        fraction = rule["impact"] * (q / x.m.volume[t, i]) ** 2
        if math.isnan(fraction):
            x.s.run[0]["error"] = BAD_VOLUME
            x.s.run[0]["error_line"] = line
            fraction = 0.0
    elif model == SLIP_IMPACT:
        row = last_bar_row(x, read, i)
        fraction = math.nan
        if row >= 0:
            fraction = rule["impact"] * (sigma20(x, row, i) * math.sqrt(q * reference / adv20(x, row, i)))
        if not fraction < math.inf:
            fraction = rule["slip_bps"] / 1e4
    return min(fraction, MOST_SLIPPAGE)


@engine_helper
def market_price(x: Engine, t: int, read: int, line: int, side: int, q: float, reference: float) -> Any:
    """Price at which a market order fills."""
    if x.r.strategies[x.r.lines[line]["strategy"]]["slip_model"] == SLIP_NONE:
        return reference
    return reference * (1.0 + side * slippage(x, t, read, line, side, q, reference))


@engine_routine
def commission_bps(x: Engine, t: int, n: int) -> Any:
    """Commission of strategy n in bps: its own, or the tier of this month's traded value so far."""
    rule, state = x.r.strategies[n], x.s.strategies[n]
    if rule["tier_to"] == rule["tier_from"]:
        return rule["bps"]
    if state["month"] != x.m.month[t]:
        state["month"] = x.m.month[t]
        state["month_value"] = 0.0
    k = rule["tier_to"] - 1
    while k > rule["tier_from"] and state["month_value"] < x.r.tiers[k]["from_notional"]:
        k -= 1
    return x.r.tiers[k]["bps"]


@engine_helper
def commission_at(x: Engine, n: int, bps: float, q: float, price: float) -> Any:
    """Commission of a fill of q units."""
    rule = x.r.strategies[n]
    return max(rule["minimum"], q * price * bps / 1e4 + q * rule["per_share"] + rule["per_trade"])


@engine_routine
def new_order(x: Engine, row: int, line: int, side: int, kind: int, cause: int, q: float) -> Any:
    """Write an open order; its number comes back."""
    g = x.s.run[0]
    k = g["n_orders"]
    order = x.o.orders[k]
    order["id"], order["row"], order["line"], order["side"], order["kind"], order["cause"] = k, row, line, side, kind, cause
    order["quantity"], order["filled"], order["status"], order["end"] = q, 0.0, OPEN, 0
    order["fill_row"], order["fill_price"] = -1, math.nan
    g["n_orders"] = k + 1
    return k


@engine_helper
def end_order(x: Engine, k: int, status: int, code: int) -> None:
    """An order that did not (wholly) fill."""
    order = x.o.orders[k]
    order["status"] = PART_FILLED if status == REJECTED and order["filled"] > 0.0 else status
    order["end"] = code


@engine_routine
def refuse(x: Engine, t: int, line: int, code: int) -> None:
    """A signal that becomes no order; consecutive refusals of one line for one reason are one row with a count."""
    g, state = x.s.run[0], x.s.lines[line]
    x.s.strategies[x.r.lines[line]["strategy"]]["signals"] += 1
    if state["refused_row"] == t - 1 and state["refused_code"] == code:
        row = x.o.refusals[state["refusal"]]
        row["last_row"] = t
        row["count"] += 1
    else:
        k = g["n_refusals"]
        row = x.o.refusals[k]
        row["line"], row["code"], row["first_row"], row["last_row"], row["count"] = line, code, t, t, 1
        state["refusal"], state["refused_code"] = k, code
        g["n_refusals"] = k + 1
    state["refused_row"] = t


@engine_helper
def begin_trade(x: Engine, t: int, line: int, side: int, cause: int) -> None:
    """A flat line gets its first fill."""
    g, state = x.s.run[0], x.s.lines[line]
    state["side"], state["entry_row"], state["reason"], state["bars"] = side, t, cause, 0
    state["fill_row"], state["inside_row"] = t, -1
    state["quantity_in"], state["value_in"], state["quantity_out"], state["value_out"] = 0.0, 0.0, 0.0, 0.0
    state["gross"], state["commission"], state["slippage"], state["financing"], state["dividends"] = 0.0, 0.0, 0.0, 0.0, 0.0
    state["risk"], state["highest"], state["lowest"] = math.nan, -math.inf, math.inf
    state["stop"], state["stop_code"], state["target"] = math.nan, STOP, math.nan
    state["best"] = -math.inf if side > 0 else math.inf
    i = x.r.lines[line]["symbol"]
    state["mark"], state["mark_row"] = x.m.close[t, i], t
    x.s.symbols[i]["missing"] = 0
    j = g["n_held"]
    while j > 0 and x.s.held[j - 1] > line:
        x.s.held[j] = x.s.held[j - 1]
        j -= 1
    x.s.held[j] = line
    g["n_held"] += 1
    x.s.strategies[x.r.lines[line]["strategy"]]["n_held"] += 1


@engine_routine
def end_trade(x: Engine, t: int, line: int, reason: int, out_price: float) -> None:
    """A held line is flat again."""
    g, state, n = x.s.run[0], x.s.lines[line], x.r.lines[line]["strategy"]
    row = x.o.trades[g["n_trades"]]
    g["n_trades"] += 1
    side, entry = state["side"], state["value_in"] / state["quantity_in"]
    pnl = state["gross"] - state["commission"] - state["slippage"] - state["financing"] + state["dividends"]
    worst, top = state["lowest"], state["highest"]
    if side < 0:
        worst, top = state["highest"], state["lowest"]
    row["line"], row["side"], row["entry_row"], row["entry_price"] = line, side, state["entry_row"], entry
    row["exit_row"], row["exit_price"], row["quantity"] = t, out_price, state["quantity_in"]
    row["gross_pnl"], row["commission"], row["slippage"] = state["gross"], state["commission"], state["slippage"]
    row["financing"], row["dividends"], row["pnl"] = state["financing"], state["dividends"], pnl
    row["return_pct"], row["initial_risk"], row["r_multiple"] = pnl / state["value_in"], state["risk"], pnl / state["risk"]
    row["mae"] = min(0.0, side * (worst / entry - 1.0)) if abs(worst) < math.inf else 0.0
    row["mfe"] = max(0.0, side * (top / entry - 1.0)) if abs(top) < math.inf else 0.0
    row["bars_held"], row["entry_reason"], row["exit_reason"], row["open"] = state["bars"], state["reason"], reason, 0
    kelly = x.s.strategies[n]
    kelly["n_closed"] += 1
    if row["return_pct"] > 0.0:
        kelly["n_won"] += 1
        kelly["won"] += row["return_pct"]
    elif row["return_pct"] < 0.0:
        kelly["n_lost"] += 1
        kelly["lost"] += row["return_pct"]
    j = 0
    while x.s.held[j] != line:
        j += 1
    for k in range(j, g["n_held"] - 1):
        x.s.held[k] = x.s.held[k + 1]
    g["n_held"] -= 1
    kelly["n_held"] -= 1
    state["quantity"] = 0.0


@engine_routine
def fill(x: Engine, t: int, order: int, q: float, reference: float, price: float, reason: int) -> None:
    """Execute q > 0 units of `order`: cash, position, trade and logs. `reason` closes the trade when the line is flat then."""
    g, row = x.s.run[0], x.o.orders[order]
    line, side = row["line"], row["side"]
    state, n = x.s.lines[line], x.r.lines[line]["strategy"]
    commission = 0.0
    if row["kind"] != KIND_SETTLEMENT:
        commission = commission_at(x, n, commission_bps(x, t, n), q, price)
        x.s.strategies[n]["month_value"] += q * price
    held = state["quantity"]
    if held == 0.0:
        begin_trade(x, t, line, side, row["cause"])
    if held * side >= 0.0:
        state["quantity_in"] += q
        state["value_in"] += q * price
        state["quantity"] = held + side * q
    else:
        state["quantity_out"] += q
        state["value_out"] += q * price
        state["quantity"] = 0.0 if q >= abs(held) else held + side * q
    state["gross"] -= side * q * reference
    state["commission"] += commission
    state["slippage"] += abs(price - reference) * q
    g["cash"] -= side * q * price + commission
    row["filled"] += q
    row["fill_row"], row["fill_price"], row["status"] = t, price, FILLED
    log = x.o.fills[g["n_fills"]]
    log["order"], log["row"], log["line"], log["side"] = order, t, line, side
    log["quantity"], log["reference"], log["price"], log["commission"] = q, reference, price, commission
    g["n_fills"] += 1
    if state["quantity"] == 0.0:
        state["highest"] = max(state["highest"], reference)
        state["lowest"] = min(state["lowest"], reference)
        end_trade(x, t, line, reason, state["value_out"] / state["quantity_out"])


@engine_routine
def set_protection(x: Engine, line: int, q: float, price: float, stop: float, target: float, inside_row: int) -> None:
    """Stop and target of a line that was just entered at `price`, from their raw distances (NaN: none)."""
    state = x.s.lines[line]
    side = state["side"]
    state["stop"], state["target"] = price - side * stop, price + side * target
    state["risk"], state["inside_row"] = q * stop, inside_row


@engine_routine
def cut_for_lots(x: Engine, t: int, line: int, price: float) -> None:
    """After a split with whole lots: the held fraction is paid out at `price`, an order cut to nothing expires."""
    g, state = x.s.run[0], x.s.lines[line]
    held = state["quantity"]
    side = 1.0 if held > 0.0 else -1.0
    rest = abs(held) - floored(abs(held), 1)
    if held != 0.0 and rest != 0.0:
        g["cash"] += side * rest * price
        state["gross"] += side * rest * price
        state["quantity"] = side * floored(abs(held), 1)
        if state["quantity"] == 0.0:
            if state["exit_order"] >= 0:
                drop_exit(x, line, LOT)
            out = state["value_out"] / state["quantity_out"] if state["quantity_out"] > 0.0 else price
            end_trade(x, t, line, LOT, out)


@engine_routine
def drop_waiting(x: Engine, line: int, code: int) -> None:
    """What still waits for the next open of a line whose position is gone expires, an entry with its whole group."""
    state, group = x.s.lines[line], x.r.lines[line]["group"]
    if state["entry_order"] >= 0:
        first, last = 0, 1
        if group >= 0:
            first, last = x.r.group_start[group], x.r.group_start[group + 1]
        for k in range(first, last):
            leg = x.s.lines[x.r.group_lines[k]] if group >= 0 else state
            if leg["entry_order"] >= 0:
                end_order(x, leg["entry_order"], EXPIRED, code)
                leg["entry_order"] = -1
    if state["increase_order"] >= 0:
        end_order(x, state["increase_order"], EXPIRED, code)
        state["increase_order"] = -1
    drop_reduction(x, line, code)


@engine_helper
def drop_reduction(x: Engine, line: int, code: int) -> None:
    """A waiting weight reduction expires: the whole line leaves."""
    state = x.s.lines[line]
    if state["reduce_order"] >= 0:
        end_order(x, state["reduce_order"], EXPIRED, code)
        state["reduce_order"] = -1


@engine_routine
def drop_exit(x: Engine, line: int, code: int) -> None:
    """A waiting exit whose position is gone expires."""
    g, state = x.s.run[0], x.s.lines[line]
    end_order(x, state["exit_order"], EXPIRED, code)
    state["exit_order"] = -1
    kept = 0
    for j in range(g["n_exits"]):
        if x.s.exits[j] != line:
            x.s.exits[kept] = x.s.exits[j]
            kept += 1
    g["n_exits"] = kept
    x.s.strategies[x.r.lines[line]["strategy"]]["n_exiting"] -= 1
