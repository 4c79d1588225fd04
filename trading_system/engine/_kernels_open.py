"""What happens to orders at the open and during the bar. `docs/fill-rules.md`, sections 1 and 2."""

from __future__ import annotations

import math
from typing import Any

from trading_system.engine._kernels_fills import (
    awaits,
    commission_at,
    commission_bps,
    cut_for_lots,
    end_order,
    fill,
    floored,
    has_bar,
    is_live,
    market_price,
    new_order,
    set_protection,
)
from trading_system.engine.layout import (
    CASH,
    EXPIRED,
    GROSS_EXPOSURE,
    KIND_STOP,
    KIND_TARGET,
    LIMIT_NOT_REACHED,
    LOT,
    NO_BAR,
    NO_VOLUME,
    REBALANCE,
    REJECTED,
    SLOT_NOT_FREED,
    TARGET,
    Engine,
)
from trading_system.kernels import engine_helper, engine_routine

EPSILON = 1e-9


@engine_routine
def apply_actions(x: Engine, t: int) -> None:
    """Splits, then dividends, of row t for every line in the symbol, held or pending."""
    g = x.s.run[0]
    while g["action"] < x.m.action_row.shape[0] and x.m.action_row[g["action"]] <= t:
        k = g["action"]
        if x.m.action_row[k] == t:
            i, ratio, cash = x.m.action_col[k], x.m.action_split[k], x.m.action_dividend[k]
            for j in range(x.m.line_start[i], x.m.line_start[i + 1]):
                line = x.m.lines_of[j]
                if ratio != 1.0:
                    split_line(x, t, line, ratio)
                if cash != 0.0 and x.s.lines[line]["quantity"] != 0.0:
                    g["cash"] += x.s.lines[line]["quantity"] * cash
                    x.s.lines[line]["dividends"] += x.s.lines[line]["quantity"] * cash
        g["action"] = k + 1


@engine_routine
def split_line(x: Engine, t: int, line: int, ratio: float) -> None:
    """Restate one line's position and orders in the units after a split."""
    state, whole, i = x.s.lines[line], x.r.lines[line]["whole"], x.r.lines[line]["symbol"]
    if state["quantity"] != 0.0:
        state["quantity"] *= ratio
        state["quantity_in"] *= ratio
        state["quantity_out"] *= ratio
        state["mark"] /= ratio
        state["stop"] /= ratio
        state["target"] /= ratio
        state["best"] /= ratio
        state["highest"] /= ratio
        state["lowest"] /= ratio
        if state["exit_order"] >= 0:
            x.o.orders[state["exit_order"]]["quantity"] = abs(state["quantity"])
        if whole:
            cut_for_lots(x, t, line, x.m.open[t, i] if has_bar(x, t, i) else state["mark"])
        if state["exit_order"] >= 0:
            x.o.orders[state["exit_order"]]["quantity"] = abs(state["quantity"])
    if state["entry_order"] >= 0:
        state["entry_limit"] /= ratio
        state["entry_stop"] /= ratio
        state["entry_target"] /= ratio
        state["entry_quantity"] = restated(x, state["entry_order"], state["entry_quantity"] * ratio, whole)
        if state["entry_quantity"] == 0.0:
            state["entry_order"] = -1
    if state["reduce_order"] >= 0:
        state["reduce_quantity"] = restated(x, state["reduce_order"], state["reduce_quantity"] * ratio, whole)
        if state["reduce_quantity"] == 0.0:
            state["reduce_order"] = -1
    if state["increase_order"] >= 0:
        state["increase_quantity"] = restated(x, state["increase_order"], state["increase_quantity"] * ratio, whole)
        if state["increase_quantity"] == 0.0:
            state["increase_order"] = -1


@engine_helper
def restated(x: Engine, order: int, q: float, whole: int) -> Any:
    """A pending order's quantity after a split; one that is cut to nothing expires."""
    kept = floored(q, whole)
    x.o.orders[order]["quantity"] = kept if kept > 0.0 else q
    if kept == 0.0:
        end_order(x, order, EXPIRED, LOT)
    return kept


@engine_routine
def values(x: Engine, t: int, at_close: int) -> Any:
    """Equity, gross, value of shorts, at opening prices (marks at the close); gross per strategy in ``w.value``."""
    g = x.s.run[0]
    equity, gross, shorts = g["cash"], 0.0, 0.0
    for n in range(x.w.value.shape[0]):
        x.w.value[n] = 0.0
    for j in range(g["n_held"]):
        line = x.s.held[j]
        state, i = x.s.lines[line], x.r.lines[line]["symbol"]
        price = state["mark"]
        if at_close == 0 and has_bar(x, t, i):
            price = x.m.open[t, i]
        value = state["quantity"] * price
        equity += value
        gross += abs(value)
        shorts += max(0.0, -value)
        x.w.value[x.r.lines[line]["strategy"]] += abs(value)
    return equity, gross, shorts


@engine_helper
def market_reference(x: Engine, t: int, i: int, side: int, at_close: int) -> Any:
    """Price before slippage of a market order: the side's open, or the close."""
    if at_close:
        return x.m.close[t, i]
    return x.m.ask_open[t, i] if side > 0 else x.m.bid_open[t, i]


@engine_helper
def gross_room(x: Engine, n: int, equity: float, gross: float) -> Any:
    """Notional that portfolio and strategy n may still add, at least 0."""
    rule = x.r.strategies[n]
    room = x.r.run[0]["max_gross"] * equity - gross
    return max(0.0, min(room, rule["max_gross"] * (rule["allocation"] * equity) - x.w.value[n]))


@engine_helper
def started_at_close(x: Engine, t: int, line: int) -> None:
    """A position filled at the close has seen this close only."""
    state = x.s.lines[line]
    price = x.m.close[t, x.r.lines[line]["symbol"]]
    state["bars"], state["best"], state["highest"], state["lowest"] = 1, price, price, price


@engine_helper
def expiry_code(x: Engine, t: int, i: int) -> Any:
    """Why nothing fills in this bar."""
    return NO_VOLUME if has_bar(x, t, i) else NO_BAR


@engine_helper
def slots_left(x: Engine, n: int, legs: int) -> Any:
    """Whether portfolio and strategy may hold `legs` more lines."""
    portfolio = x.s.run[0]["n_held"] + legs <= x.r.run[0]["max_positions"]
    return portfolio and x.s.strategies[n]["n_held"] + legs <= x.r.strategies[n]["max_positions"]


@engine_routine
def enter(x: Engine, t: int, line: int, at_close: int, inside: int) -> None:
    """Fill one entry as far as slots, gross and cash allow; `inside`: a limit touched during the bar."""
    g, state = x.s.run[0], x.s.lines[line]
    n, i, whole = x.r.lines[line]["strategy"], x.r.lines[line]["symbol"], x.r.lines[line]["whole"]
    order, side, wanted = state["entry_order"], state["entry_side"], state["entry_quantity"]
    state["entry_order"] = -1
    if state["quantity"] != 0.0 or not slots_left(x, n, 1):
        end_order(x, order, EXPIRED, SLOT_NOT_FREED)
        return
    is_limit = not math.isnan(state["entry_limit"])
    reference = state["entry_limit"] if inside else market_reference(x, t, i, side, at_close)
    read = t if at_close else t - 1
    price = reference if is_limit else market_price(x, t, read, line, side, wanted, reference)
    equity, gross, shorts = values(x, t, at_close)
    epsilon = EPSILON * abs(equity)
    by_gross = gross_room(x, n, equity, gross) / price
    limited = side > 0 and x.r.run[0]["max_gross"] <= 1.0
    by_cash, room_cash, bps, q, code = math.inf, max(0.0, g["cash"] - shorts), commission_bps(x, t, n), wanted, 0
    if limited:
        rule = x.r.strategies[n]
        by_cash = max(0.0, (room_cash - rule["per_trade"]) / (price * (1.0 + bps / 1e4) + rule["per_share"]))
    if (q - min(by_gross, by_cash)) * price > epsilon:
        code = CASH if (by_gross - by_cash) * price > epsilon else GROSS_EXPOSURE
        q = min(by_gross, by_cash)
    q = floored(q, whole)
    if limited and q * price >= epsilon:
        commission = commission_at(x, n, bps, q, price)
        if q * price + commission > room_cash + epsilon:
            q = floored(max(0.0, (room_cash - commission) / price), whole)
            code = CASH
    if q <= 0.0 or (whole == 0 and q * price < epsilon):
        end_order(x, order, REJECTED, code if code else LOT)
        return
    if q != wanted and not is_limit:
        price = market_price(x, t, read, line, side, q, reference)
    fill(x, t, order, q, reference, price, 0)
    set_protection(x, line, q, price, state["entry_stop"], state["entry_target"], t if inside else -1)
    if at_close:
        started_at_close(x, t, line)
    if q < wanted:
        end_order(x, order, REJECTED, code)


@engine_routine
def end_group(x: Engine, first: int, last: int, status: int, code: int) -> None:
    """All pending legs ``entries[first:last]`` end alike."""
    for j in range(first, last):
        state = x.s.lines[x.s.entries[j]]
        if state["entry_order"] >= 0:
            end_order(x, state["entry_order"], status, code)
            state["entry_order"] = -1


@engine_routine
def group_awaits(x: Engine, t: int, first: int, last: int) -> Any:
    """Whether row t is no row of any leg; a group of which one leg has its session there fills or ends."""
    for j in range(first, last):
        line = x.s.entries[j]
        if x.s.lines[line]["entry_order"] < 0 or not awaits(x, t, x.r.lines[line]["symbol"]):
            return False
    return True


@engine_routine
def group_hindrance(x: Engine, t: int, first: int, last: int) -> Any:
    """Code that keeps a group from filling at all, 0 when there is none."""
    for j in range(first, last):
        if x.s.lines[x.s.entries[j]]["entry_order"] < 0:
            return LOT
    for j in range(first, last):
        i = x.r.lines[x.s.entries[j]]["symbol"]
        if not is_live(x, t, i):
            return expiry_code(x, t, i)
    for j in range(first, last):
        if x.s.lines[x.s.entries[j]]["quantity"] != 0.0:
            return SLOT_NOT_FREED
    if not slots_left(x, x.r.lines[x.s.entries[first]]["strategy"], last - first):
        return SLOT_NOT_FREED
    return 0


@engine_routine
def enter_group(x: Engine, t: int, first: int, last: int, at_close: int) -> None:
    """Fill the legs ``entries[first:last]`` together, cut by one factor, or none of them."""
    code = group_hindrance(x, t, first, last)
    if code:
        end_group(x, first, last, EXPIRED, code)
        return
    n, read = x.r.lines[x.s.entries[first]]["strategy"], t if at_close else t - 1
    equity, gross, shorts = values(x, t, at_close)
    epsilon = EPSILON * abs(equity)
    bps, total, longs = commission_bps(x, t, n), 0.0, 0.0
    for j in range(first, last):
        line = x.s.entries[j]
        state = x.s.lines[line]
        q, side = state["entry_quantity"], state["entry_side"]
        reference = market_reference(x, t, x.r.lines[line]["symbol"], side, at_close)
        price = market_price(x, t, read, line, side, q, reference)
        x.w.price[j - first] = price
        total += q * price
        if side > 0:
            longs += q * price + commission_at(x, n, bps, q, price)
    by_gross, by_cash = gross_room(x, n, equity, gross) / total, math.inf
    if longs > 0.0 and x.r.run[0]["max_gross"] <= 1.0:
        by_cash = max(0.0, x.s.run[0]["cash"] - shorts) / longs
    factor = min(by_gross, by_cash)
    if (1.0 - factor) * total > epsilon:
        code = CASH if (by_gross - by_cash) * total > epsilon else GROSS_EXPOSURE
    else:
        factor = 1.0
    for j in range(first, last):
        line = x.s.entries[j]
        q = floored(x.s.lines[line]["entry_quantity"] * factor, x.r.lines[line]["whole"])
        x.w.quantity[j - first] = q
        if q <= 0.0 or (x.r.lines[line]["whole"] == 0 and q * x.w.price[j - first] < epsilon):
            end_group(x, first, last, REJECTED, code if code else LOT)
            return
    for j in range(first, last):
        line = x.s.entries[j]
        state = x.s.lines[line]
        order, side, q, price = state["entry_order"], state["entry_side"], x.w.quantity[j - first], x.w.price[j - first]
        state["entry_order"] = -1
        reference = market_reference(x, t, x.r.lines[line]["symbol"], side, at_close)
        if q != state["entry_quantity"]:
            price = market_price(x, t, read, line, side, q, reference)
        fill(x, t, order, q, reference, price, 0)
        set_protection(x, line, q, price, state["entry_stop"], state["entry_target"], -1)
        if at_close:
            started_at_close(x, t, line)
        if q < state["entry_quantity"]:
            end_order(x, order, REJECTED, code)


@engine_routine
def run_exits(x: Engine, t: int, at_close: int) -> None:
    """Pending exits in the order decided; one that finds no trade waits."""
    g = x.s.run[0]
    kept = 0
    for j in range(g["n_exits"]):
        line = x.s.exits[j]
        state, i = x.s.lines[line], x.r.lines[line]["symbol"]
        if not is_live(x, t, i):
            x.s.exits[kept] = line
            kept += 1
            continue
        order, q = state["exit_order"], abs(state["quantity"])
        side = -state["side"]
        reference = market_reference(x, t, i, side, at_close)
        price = market_price(x, t, t if at_close else t - 1, line, side, q, reference)
        state["exit_order"] = -1
        x.s.strategies[x.r.lines[line]["strategy"]]["n_exiting"] -= 1
        fill(x, t, order, q, reference, price, state["exit_cause"])
    g["n_exits"] = kept


@engine_routine
def run_reductions(x: Engine, t: int, at_close: int) -> None:
    """The parts of weight orders that move towards zero."""
    g = x.s.run[0]
    kept = 0
    for j in range(g["n_reduces"]):
        line = x.s.reduces[j]
        state, i = x.s.lines[line], x.r.lines[line]["symbol"]
        order = state["reduce_order"]
        if order < 0:
            continue
        if awaits(x, t, i):
            x.s.reduces[kept] = line
            kept += 1
            continue
        state["reduce_order"] = -1
        if not is_live(x, t, i):
            end_order(x, order, EXPIRED, expiry_code(x, t, i))
            continue
        side, q = -state["side"], state["reduce_quantity"]
        reference = market_reference(x, t, i, side, at_close)
        price = market_price(x, t, t if at_close else t - 1, line, side, q, reference)
        fill(x, t, order, q, reference, price, REBALANCE)
    g["n_reduces"] = kept


@engine_routine
def run_entries(x: Engine, t: int, at_close: int) -> None:
    """Pending entries in rank order; limits that the open does not reach stay for the bar."""
    g = x.s.run[0]
    kept, j = 0, 0
    while j < g["n_entries"]:
        line = x.s.entries[j]
        state, i, group = x.s.lines[line], x.r.lines[line]["symbol"], x.r.lines[line]["group"]
        if group >= 0:
            last = j + x.r.group_start[group + 1] - x.r.group_start[group]
            if group_awaits(x, t, j, last):
                for k in range(j, last):
                    x.s.entries[kept] = x.s.entries[k]
                    kept += 1
            else:
                enter_group(x, t, j, last, at_close)
            j = last
            continue
        j += 1
        if state["entry_order"] < 0:
            continue
        if awaits(x, t, i):
            x.s.entries[kept] = line
            kept += 1
            continue
        if not is_live(x, t, i):
            end_order(x, state["entry_order"], EXPIRED, expiry_code(x, t, i))
            state["entry_order"] = -1
            continue
        limit, side = state["entry_limit"], state["entry_side"]
        if not math.isnan(limit) and side * (market_reference(x, t, i, side, 0) - limit) > 0.0:
            x.s.entries[kept] = line
            kept += 1
            continue
        enter(x, t, line, at_close, 0)
    g["n_entries"] = kept


@engine_routine
def run_limits(x: Engine, t: int) -> None:
    """Limit entries that the open did not reach."""
    g = x.s.run[0]
    kept = 0
    for j in range(g["n_entries"]):
        line = x.s.entries[j]
        state, i = x.s.lines[line], x.r.lines[line]["symbol"]
        if awaits(x, t, i):
            x.s.entries[kept] = line
            kept += 1
            continue
        touched = (
            x.m.ask_low[t, i] <= state["entry_limit"]
            if state["entry_side"] > 0
            else x.m.bid_high[t, i] >= state["entry_limit"]
        )
        if touched:
            enter(x, t, line, 0, 1)
        else:
            end_order(x, state["entry_order"], EXPIRED, LIMIT_NOT_REACHED)
            state["entry_order"] = -1
    g["n_entries"] = kept


@engine_routine
def run_increases(x: Engine, t: int, at_close: int) -> None:
    """The parts of weight orders that move away from zero, scaled by one factor to gross and cash."""
    g, rules, read = x.s.run[0], x.r.run[0], t if at_close else t - 1
    kept, waiting = 0, 0
    equity, gross, shorts = values(x, t, at_close)
    epsilon = EPSILON * abs(equity)
    for n in range(x.w.accepted.shape[0]):
        x.w.accepted[n] = 0.0
    for j in range(g["n_increases"]):
        line = x.s.increases[j]
        state, i = x.s.lines[line], x.r.lines[line]["symbol"]
        if state["increase_order"] < 0:
            continue
        if awaits(x, t, i):
            x.w.spare[waiting] = line
            waiting += 1
            continue
        if not is_live(x, t, i):
            end_order(x, state["increase_order"], EXPIRED, expiry_code(x, t, i))
            state["increase_order"] = -1
            continue
        side, q = state["increase_side"], state["increase_quantity"]
        price = market_price(x, t, read, line, side, q, market_reference(x, t, i, side, at_close))
        x.s.increases[kept] = line
        x.w.price[kept] = price
        kept += 1
        x.w.accepted[x.r.lines[line]["strategy"]] += q * price
    total = 0.0
    for n in range(x.w.accepted.shape[0]):  # becomes each strategy's own factor
        asked = x.w.accepted[n]
        rule = x.r.strategies[n]
        room = max(0.0, rule["max_gross"] * (rule["allocation"] * equity) - x.w.value[n])
        x.w.accepted[n] = room / asked if asked - room > epsilon else 1.0
        total += x.w.accepted[n] * asked
    longs = 0.0
    for j in range(kept):
        line = x.s.increases[j]
        n, q = x.r.lines[line]["strategy"], x.s.lines[line]["increase_quantity"] * x.w.accepted[x.r.lines[line]["strategy"]]
        if x.s.lines[line]["increase_side"] > 0:
            longs += q * x.w.price[j] + commission_at(x, n, commission_bps(x, t, n), q, x.w.price[j])
    by_gross, by_cash = math.inf, math.inf
    if total > 0.0:
        by_gross = max(0.0, rules["max_gross"] * equity - gross) / total
    if longs > 0.0 and rules["max_gross"] <= 1.0:
        by_cash = max(0.0, g["cash"] - shorts) / longs
    code = CASH if by_cash < math.inf and (by_gross - by_cash) * total > epsilon else GROSS_EXPOSURE
    factor = min(by_gross, by_cash)
    if total == 0.0 or (1.0 - factor) * total <= epsilon:
        factor = 1.0
        code = GROSS_EXPOSURE
    for j in range(kept):
        shorts += increase(x, t, x.s.increases[j], at_close, x.w.price[j], factor, code, shorts, epsilon)
    for j in range(waiting):
        x.s.increases[j] = x.w.spare[j]
    g["n_increases"] = waiting


@engine_routine
def increase(
    x: Engine, t: int, line: int, at_close: int, wanted_price: float, factor: float, code: int, shorts: float, epsilon: float
) -> Any:
    """Fill one weight increase; the value of shorts that it adds comes back."""
    g, state = x.s.run[0], x.s.lines[line]
    n, i, whole = x.r.lines[line]["strategy"], x.r.lines[line]["symbol"], x.r.lines[line]["whole"]
    order, side, wanted = state["increase_order"], state["increase_side"], state["increase_quantity"]
    state["increase_order"] = -1
    own = x.w.accepted[n]
    q = floored(wanted * own * factor, whole) if own != 1.0 or factor != 1.0 else floored(wanted, whole)
    if q * wanted_price >= epsilon and side > 0 and x.r.run[0]["max_gross"] <= 1.0:
        room_cash = max(0.0, g["cash"] - shorts)
        commission = commission_at(x, n, commission_bps(x, t, n), q, wanted_price)
        if q * wanted_price + commission > room_cash + epsilon:
            q = floored(max(0.0, (room_cash - commission) / wanted_price), whole)
            code = CASH
    if q <= 0.0 or (whole == 0 and q * wanted_price < epsilon):
        end_order(x, order, REJECTED, code)
        return 0.0
    reference = market_reference(x, t, i, side, at_close)
    price = wanted_price
    if q != wanted:
        price = market_price(x, t, t if at_close else t - 1, line, side, q, reference)
    fresh = state["quantity"] == 0.0
    fill(x, t, order, q, reference, price, REBALANCE)
    if at_close and fresh:
        started_at_close(x, t, line)
    if q < wanted:
        end_order(x, order, REJECTED, code)
    if side > 0:
        return 0.0
    return q * (x.m.close[t, i] if at_close else x.m.open[t, i])


@engine_routine
def execute(x: Engine, t: int, at_close: int) -> None:
    """Pending orders at the open of t, or at its close: exits, reductions, entries, increases."""
    g = x.s.run[0]
    if g["n_exits"] > 0:
        run_exits(x, t, at_close)
    if g["n_reduces"] > 0:
        run_reductions(x, t, at_close)
    if g["n_entries"] > 0:
        run_entries(x, t, at_close)
    if g["n_increases"] > 0:
        run_increases(x, t, at_close)


@engine_routine
def stop_out(x: Engine, t: int, line: int, kind: int, code: int, reference: float) -> None:
    """A stop or a target fills in this bar."""
    state = x.s.lines[line]
    side, q = -state["side"], abs(state["quantity"])
    price = reference if kind == KIND_TARGET else market_price(x, t, t - 1, line, side, q, reference)
    order = new_order(x, t, line, side, kind, code, q)
    fill(x, t, order, q, reference, price, code)


@engine_helper
def protective_exit(x: Engine, t: int, line: int) -> None:
    """Leave at the stop or the target when this bar reaches one and is live (asked last: a look at the volume is dear)."""
    state, i = x.s.lines[line], x.r.lines[line]["symbol"]
    stop, target = state["stop"], state["target"]
    if state["side"] > 0:
        worst, top = x.m.bid_low[t, i], x.m.bid_high[t, i]
        if not (worst <= stop or top >= target) or not is_live(x, t, i):
            return
        start = x.m.bid_open[t, i]
    else:
        worst, top = x.m.ask_high[t, i], x.m.ask_low[t, i]
        if not (worst >= stop or top <= target) or not is_live(x, t, i):
            return
        start = x.m.ask_open[t, i]
    side = state["side"]
    low, high = min(worst, top), max(worst, top)
    hit_stop, hit_target = side * (worst - stop) <= 0.0, side * (top - target) >= 0.0
    if state["fill_row"] < t:
        if side * (start - stop) <= 0.0:
            stop_out(x, t, line, KIND_STOP, state["stop_code"], start)
        elif side * (start - target) >= 0.0:
            stop_out(x, t, line, KIND_TARGET, TARGET, start)
        elif hit_stop:
            stop_out(x, t, line, KIND_STOP, state["stop_code"], stop)
        else:
            stop_out(x, t, line, KIND_TARGET, TARGET, target)
        return
    if hit_stop:
        stop_out(x, t, line, KIND_STOP, state["stop_code"], min(max(stop, low), high))
    elif hit_target and state["inside_row"] != t:
        stop_out(x, t, line, KIND_TARGET, TARGET, min(max(target, low), high))


@engine_helper
def run_stops(x: Engine, t: int) -> None:
    """Stops and targets of held signal lines, in line order."""
    g = x.s.run[0]
    j = 0
    while j < g["n_held"]:
        line = x.s.held[j]
        state = x.s.lines[line]
        protected = not (math.isnan(state["stop"]) and math.isnan(state["target"]))
        if protected:
            protective_exit(x, t, line)
        if j < g["n_held"] and x.s.held[j] == line:
            j += 1
