"""The engine's short way: one line, next-open fills, stops and targets inside the bar, and nothing else in the run.

Between decisions and stops nothing happens to a single line, so the lane jumps from one event to the next and marks what
lies between in loops that vectorise. Every number is worked out by the same operations in the same order as in the
general kernel: the same bytes, which tests hold on random worlds. Whatever the lane does not know (a bar with a hole, ruin,
financing, a value that breaks the contract) makes it give up, and the run goes the long way from its start.
"""

from __future__ import annotations

import math
from typing import Any

from trading_system.engine._kernels_lane_fills import (
    WORST,
    lane_commission,
    lane_end,
    lane_fill,
    lane_order,
    lane_price,
    lane_refuse,
    lane_trade,
    lots,
)
from trading_system.engine.layout import (
    BY_QUANTITY,
    BY_RISK,
    CASH,
    ENTRY,
    EXPIRED,
    GROSS_EXPOSURE,
    KIND_EXIT,
    KIND_INCREASE,
    KIND_MARKET,
    KIND_REDUCE,
    KIND_STOP,
    KIND_TARGET,
    LOT,
    NO_STOP,
    NO_VOLUME,
    NOTIONAL,
    REBALANCE,
    REJECTED,
    REVERSAL,
    SIGNAL,
    STOP,
    TARGET,
    ZERO_SIZE,
    LaneArrays,
)
from trading_system.kernels import engine_helper, engine_kernel, engine_routine

EPSILON = 1e-9
BLOCK = 16


@engine_routine
def lane_entry(x: LaneArrays, t: int, reference: float, order: int) -> None:
    """Fill the pending entry of a flat line as far as gross and cash allow."""
    s, rule = x.state[0], x.rules[0]
    side, wanted, whole = float(s["entry_side"]), s["entry_quantity"], rule["whole"]
    price, equity = lane_price(x, side, reference), s["cash"]
    epsilon = EPSILON * abs(equity)
    room = min(rule["max_gross"] * equity, rule["own_max_gross"] * (rule["allocation"] * equity))
    by_gross, by_cash, room_cash = max(0.0, room) / price, math.inf, max(0.0, s["cash"])
    limited = side > 0.0 and rule["max_gross"] <= 1.0
    q, code = wanted, 0
    if limited:
        by_cash = max(0.0, (room_cash - rule["per_trade"]) / (price * (1.0 + rule["bps"] / 1e4) + rule["per_share"]))
    if (q - min(by_gross, by_cash)) * price > epsilon:
        code = CASH if (by_gross - by_cash) * price > epsilon else GROSS_EXPOSURE
        q = min(by_gross, by_cash)
    q = lots(q, whole)
    if limited and q * price >= epsilon:
        commission = lane_commission(x, q, price)
        if q * price + commission > room_cash + epsilon:
            q = lots(max(0.0, (room_cash - commission) / price), whole)
            code = CASH
    if q <= 0.0 or (whole == 0 and q * price < epsilon):
        lane_end(x, order, REJECTED, code if code else LOT)
        return
    lane_fill(x, t, order, q, reference, price, 0)
    s["stop"], s["target"] = price - side * s["entry_stop"], price + side * s["entry_target"]
    s["risk"] = q * s["entry_stop"]
    if q < wanted:
        lane_end(x, order, REJECTED, code)


@engine_routine
def lane_increase(x: LaneArrays, t: int, reference: float, order: int) -> None:
    """Fill the part of a weight order that moves away from zero, scaled to gross and cash."""
    s, rule = x.state[0], x.rules[0]
    side, wanted, whole = float(s["entry_side"]), s["entry_quantity"], rule["whole"]
    held = s["quantity"] * reference
    equity, gross, shorts = s["cash"], 0.0, 0.0
    if s["quantity"] != 0.0:
        equity, gross, shorts = s["cash"] + held, abs(held), max(0.0, -held)
    epsilon = EPSILON * abs(equity)
    price = lane_price(x, side, reference)
    asked = wanted * price
    room = max(0.0, rule["own_max_gross"] * (rule["allocation"] * equity) - gross)
    own = room / asked if asked - room > epsilon else 1.0
    total, longs = own * asked, 0.0
    if side > 0.0:
        longs = wanted * own * price + lane_commission(x, wanted * own, price)
    by_gross, by_cash = math.inf, math.inf
    if total > 0.0:
        by_gross = max(0.0, rule["max_gross"] * equity - gross) / total
    if longs > 0.0 and rule["max_gross"] <= 1.0:
        by_cash = max(0.0, s["cash"] - shorts) / longs
    code = CASH if by_cash < math.inf and (by_gross - by_cash) * total > epsilon else GROSS_EXPOSURE
    factor = min(by_gross, by_cash)
    if total == 0.0 or (1.0 - factor) * total <= epsilon:
        factor = 1.0
        code = GROSS_EXPOSURE
    q = lots(wanted * own * factor, whole) if own != 1.0 or factor != 1.0 else lots(wanted, whole)
    if q * price >= epsilon and side > 0.0 and rule["max_gross"] <= 1.0:
        room_cash = max(0.0, s["cash"] - shorts)
        commission = lane_commission(x, q, price)
        if q * price + commission > room_cash + epsilon:
            q = lots(max(0.0, (room_cash - commission) / price), whole)
            code = CASH
    if q <= 0.0 or (whole == 0 and q * price < epsilon):
        lane_end(x, order, REJECTED, code)
        return
    lane_fill(x, t, order, q, reference, price, REBALANCE)
    if q < wanted:
        lane_end(x, order, REJECTED, code)


@engine_helper
def lane_open(x: LaneArrays, t: int, live: bool) -> None:
    """Pending orders at the open of t: the exit or reduction, then the entry or increase."""
    s = x.state[0]
    reference = x.open[t]
    if s["exit_order"] >= 0 and live:
        order, q = s["exit_order"], s["exit_quantity"]
        s["exit_order"] = -1
        lane_fill(x, t, order, q, reference, lane_price(x, -float(s["side"]), reference), s["exit_cause"])
    elif s["exit_order"] >= 0 and x.rules[0]["by_weight"]:  # a reduction ends with its bar, an exit waits
        lane_end(x, s["exit_order"], EXPIRED, NO_VOLUME)
        s["exit_order"] = -1
    if s["entry_order"] >= 0:
        order = s["entry_order"]
        s["entry_order"] = -1
        if not live:
            lane_end(x, order, EXPIRED, NO_VOLUME)
        elif x.rules[0]["by_weight"]:
            lane_increase(x, t, reference, order)
        else:
            lane_entry(x, t, reference, order)


@engine_routine
def lane_stop(x: LaneArrays, t: int) -> None:
    """Leave at the stop or the target when the bar, which is live, reaches one."""
    s = x.state[0]
    side, stop, target, q = float(s["side"]), s["stop"], s["target"], abs(s["quantity"])
    start, worst, top = x.open[t], x.low[t], x.high[t]
    if side < 0.0:
        worst, top = top, worst
    low, high = min(worst, top), max(worst, top)
    hit_stop, hit_target = side * (worst - stop) <= 0.0, side * (top - target) >= 0.0
    if not (hit_stop or hit_target):
        return
    reference = stop if hit_stop else target
    if s["entry_row"] < t:
        if side * (start - stop) <= 0.0:
            hit_stop, reference = True, start
        elif side * (start - target) >= 0.0:
            hit_stop, reference = False, start
    else:
        reference = min(max(reference, low), high)
    kind, code, price = KIND_TARGET, TARGET, reference
    if hit_stop:
        kind, code, price = KIND_STOP, STOP, lane_price(x, -side, reference)
    order = lane_order(x, t, -side, kind, code, q)
    lane_fill(x, t, order, q, reference, price, code)


@engine_helper
def lane_size(x: LaneArrays, t: int, side: float, distance: float) -> Any:
    """Units of a candidate; negative: minus the code of its refusal."""
    s, rule = x.state[0], x.rules[0]
    close, total, method = x.close[t], s["equity"], rule["method"]
    epsilon, equity = EPSILON * abs(total), rule["allocation"] * total
    q = rule["amount"]
    if method == BY_RISK:
        if math.isnan(distance):
            return -float(NO_STOP)
        q = q * equity / distance
    elif method != BY_QUANTITY:
        q = q * equity / close
    if rule["has_scale"]:
        q *= x.scale[t]
    if q == 0.0:
        return -float(ZERO_SIZE)
    code = 0
    cap = max(0.0, min(rule["own_max_notional"] * equity, rule["max_notional"] * total))
    if q * close - cap > epsilon:
        q, code = cap / close, NOTIONAL
    cap = max(0.0, min(rule["max_gross"] * total, rule["own_max_gross"] * equity))
    if q * close - cap > epsilon:
        q, code = cap / close, GROSS_EXPOSURE
    if side > 0.0 and rule["max_gross"] <= 1.0:
        cap = max(0.0, total)
        if q * close - cap > epsilon:
            q, code = cap / close, CASH
    q = lots(q, rule["whole"])
    if q <= 0.0 or (rule["whole"] == 0 and q * close < epsilon):
        return -float(code if code else LOT)
    return q


@engine_routine
def lane_candidate(x: LaneArrays, t: int, side: float) -> Any:
    """Accept or refuse an entry of a line that is flat or leaves; False for a value that breaks the contract."""
    s, rule = x.state[0], x.rules[0]
    stop, target = math.nan, math.nan
    if rule["has_stop"]:
        stop = x.stop[t]
        if stop <= 0.0 or stop == math.inf:
            return False
    if rule["has_scale"] and not 0.0 < x.scale[t] < math.inf:
        return False
    if rule["has_target"]:
        target = x.target[t]
        if target <= 0.0 or target == math.inf:
            return False
    q = lane_size(x, t, side, stop)
    if q < 0.0:
        lane_refuse(x, t, int(-q))
        return True
    s["entry_order"] = lane_order(x, t, side, KIND_MARKET, ENTRY, q)
    s["entry_side"], s["entry_quantity"], s["entry_stop"], s["entry_target"] = int(side), q, stop, target
    s["signals"] += 1
    return True


@engine_helper
def lane_signals(x: LaneArrays, t: int) -> Any:
    """Exit and entry of row t; False for a value that breaks the contract."""
    s = x.state[0]
    entry, held, side = float(x.entry[t]), s["quantity"] != 0.0, float(s["side"])
    if held:
        wants_out, cause = x.exit[t], 0
        if s["exit_order"] < 0:
            if wants_out:
                cause = SIGNAL
            elif entry * side < 0.0:
                cause = REVERSAL
            if cause:
                q = abs(s["quantity"])
                s["exit_order"], s["exit_cause"], s["exit_quantity"] = lane_order(x, t, -side, KIND_EXIT, cause, q), cause, q
        if wants_out:
            s["signals"] += int(cause == SIGNAL)
            s["repeated"] += int(cause != SIGNAL)
    if entry == 0.0:
        return True
    if abs(entry) != 1.0:
        return False
    if held and entry * side > 0.0:
        s["repeated"] += 1
        return True
    return lane_candidate(x, t, entry)


@engine_routine
def lane_weight(x: LaneArrays, t: int, weight: float) -> None:
    """Turn a finite weight into orders for the next open."""
    s, rule = x.state[0], x.rules[0]
    held, close, total = s["quantity"], x.close[t], s["equity"]
    if weight == 0.0 and held == 0.0:
        return
    equity = rule["allocation"] * total
    notional = min(abs(weight) * equity, rule["own_max_notional"] * equity, rule["max_notional"] * total)
    side = 1.0 if weight > 0.0 else -1.0
    wanted = side * lots(max(0.0, notional) / close, rule["whole"])
    change = abs(wanted - held) * close
    if weight != 0.0 and change <= max(0.0, rule["min_trade"] * equity) + 1e-9 * abs(total):
        return
    reduce, add = abs(held), abs(wanted)
    if held * wanted > 0.0:
        reduce, add = max(0.0, reduce - add), max(0.0, add - reduce)
    if reduce > 0.0:
        s["exit_order"] = lane_order(x, t, -float(s["side"]), KIND_REDUCE, REBALANCE, reduce)
        s["exit_quantity"], s["exit_cause"] = reduce, REBALANCE
        s["signals"] += 1
    if add > 0.0:
        s["entry_order"] = lane_order(x, t, side, KIND_INCREASE, REBALANCE, add)
        s["entry_side"], s["entry_quantity"] = int(side), add
        s["signals"] += 1


@engine_routine
def lane_decides(x: LaneArrays, t: int, t1: int, held: bool) -> Any:
    """First row from t on, at most t1, with a decision; an exit is one only where something is held."""
    if x.rules[0]["by_weight"]:
        weight = x.weight
        while t + BLOCK <= t1:
            block, some = weight[t : t + BLOCK], 0
            for k in range(BLOCK):
                some += int(block[k] == block[k])
            if some:
                break
            t += BLOCK
        while t < t1 and math.isnan(weight[t]):
            t += 1
        return t
    entry, leave = x.entry, x.exit
    while t + BLOCK <= t1:
        enters, leaves, some = entry[t : t + BLOCK], leave[t : t + BLOCK], 0
        for k in range(BLOCK):
            some |= int(enters[k]) | int(leaves[k] & held)
        if some:
            break
        t += BLOCK
    while t < t1 and entry[t] == 0 and not (held and leave[t]):
        t += 1
    return t


@engine_routine
def lane_reaches(x: LaneArrays, t: int, t1: int) -> Any:
    """First row from t on, at most t1, whose bar reaches the stop or the target."""
    s = x.state[0]
    stop, target, low, high = s["stop"], s["target"], x.low, x.high
    if math.isnan(stop) and math.isnan(target):
        return t1
    if s["side"] > 0:
        while t < t1 and not (low[t] <= stop or high[t] >= target):
            t += 1
    else:
        while t < t1 and not (high[t] >= stop or low[t] <= target):
            t += 1
    return t


@engine_routine
def lane_holds(x: LaneArrays, a: int, b: int) -> Any:
    """Mark the held line at rows a..b - 1; False where a bar has a hole or nothing is left."""
    s, first = x.state[0], x.rules[0]["first"]
    cash, q, highest, lowest = s["cash"], s["quantity"], s["highest"], s["lowest"]
    opens, highs, lows, closes, equity = x.open[a:b], x.high[a:b], x.low[a:b], x.close[a:b], x.equity[a - first : b - first]
    top, bottom = -math.inf, math.inf
    broken = 0
    for k in range(closes.shape[0]):
        total = opens[k] + highs[k] + lows[k] + closes[k]
        broken |= int(total - total != 0.0)
        equity[k] = cash + q * closes[k]
    for k in range(closes.shape[0]):
        high, low, now = highs[k], lows[k], equity[k]
        highest = max(highest, high)
        lowest = min(lowest, low)
        top = max(top, now)
        bottom = min(bottom, now)
    s["highest"], s["lowest"], s["bars"], s["equity"] = highest, lowest, s["bars"] + (b - a), equity[b - a - 1]
    s["peak"] = max(s["peak"], top)
    return broken == 0 and bottom > 1e-9 * s["peak"]


@engine_routine
def lane_rests(x: LaneArrays, a: int, b: int) -> Any:
    """Rows a..b - 1 with nothing held; False when nothing is left."""
    s, first = x.state[0], x.rules[0]["first"]
    cash, equity = s["cash"], x.equity[a - first : b - first]
    for k in range(equity.shape[0]):
        equity[k] = cash
    s["equity"], s["peak"] = cash, max(s["peak"], cash)
    return cash > 1e-9 * s["peak"]


@engine_helper
def lane_event(x: LaneArrays, t: int) -> Any:
    """One row in full: open, stops, close, decisions; False to give up."""
    s, rule = x.state[0], x.rules[0]
    total = x.open[t] + x.high[t] + x.low[t] + x.close[t]
    if total - total != 0.0:
        return False
    live = x.volume[t] != 0.0
    if s["exit_order"] >= 0 or s["entry_order"] >= 0:
        lane_open(x, t, live)
    if s["quantity"] != 0.0 and live:
        lane_stop(x, t)
    now = s["cash"]
    if s["quantity"] != 0.0:
        now += s["quantity"] * x.close[t]
        s["highest"], s["lowest"] = max(s["highest"], x.high[t]), min(s["lowest"], x.low[t])
        s["bars"] += 1
    x.equity[t - rule["first"]] = now
    s["equity"], s["peak"] = now, max(s["peak"], now)
    if not now > 1e-9 * s["peak"]:
        return False
    if (rule["pays_debit"] and s["cash"] < 0.0) or (rule["pays_borrow"] and s["quantity"] < 0.0):
        return False
    if rule["by_weight"]:
        weight = x.weight[t]
        if not math.isnan(weight):
            if abs(weight) == math.inf:
                return False
            lane_weight(x, t, weight)
        return True
    return lane_signals(x, t)


@engine_helper
def lane_is_cramped(x: LaneArrays) -> Any:
    """Whether a log could not hold the worst bar."""
    s = x.state[0]
    full = s["n_orders"] + WORST > x.orders.shape[0] or s["n_fills"] + WORST > x.fills.shape[0]
    full = full or s["n_trades"] + WORST > x.trades.shape[0] or s["n_refusals"] + WORST > x.refusals.shape[0]
    return full and x.rules[0]["keeps_logs"]


@engine_kernel
def lane(x: LaneArrays, t1: int) -> None:
    """Simulate from the row at which the state stands up to t1 - 1, or until a log is full (``row`` below t1) or it gives up.

    At the end of the run a trade that is still open is written behind the last closed one.

    Parameters
    ----------
    x : LaneArrays
        `layout.py` says what they are; prices are read from the first row of the run on.
    t1 : int64
        End of the run, excluded.
    """
    s = x.state[0]
    t = s["row"]
    while t < t1 and not lane_is_cramped(x):
        if s["exit_order"] < 0 and s["entry_order"] < 0:
            held = s["quantity"] != 0.0
            start, t = t, lane_decides(x, t, t1, held)
            if held:
                t = lane_reaches(x, start, t)
            if t > start and not (lane_holds(x, start, t) if held else lane_rests(x, start, t)):
                s["gave_up"] = 1
                return
        if t < t1:
            if not lane_event(x, t):
                s["gave_up"] = 1
                return
            t += 1
        s["row"] = t
    if s["quantity"] != 0.0 and t == t1:
        mark = x.close[t1 - 1]
        lane_trade(x, -1, mark, 0, s["gross"] + s["quantity"] * mark, 1)
