"""How many units a candidate gets. `docs/fill-rules.md`, section 5 step 7."""

from __future__ import annotations

import math
from typing import Any

from trading_system.engine._kernels_fills import adv20, floored, sigma20
from trading_system.engine.layout import (
    BAD_SCALE,
    BAD_STOP,
    BY_EQUAL_WEIGHT,
    BY_FRACTION,
    BY_KELLY,
    BY_QUANTITY,
    BY_RISK,
    CAPACITY,
    CASH,
    GROSS_EXPOSURE,
    LOT,
    NO_HISTORY,
    NO_STOP,
    NOTIONAL,
    ZERO_SIZE,
    Engine,
)
from trading_system.kernels import engine_helper, engine_routine

EPSILON = 1e-9


@engine_routine
def kelly_fraction(x: Engine, n: int) -> Any:
    """Fraction of the strategy's equity by its closed trades."""
    rule, state = x.r.strategies[n], x.s.strategies[n]
    if state["n_closed"] < rule["kelly_min"]:
        return rule["fallback"]
    if state["n_lost"] == 0:
        return rule["kelly_cap"]
    if state["n_won"] == 0:
        return 0.0
    wins = state["n_won"] / state["n_closed"]
    payoff = (state["won"] / state["n_won"]) / (-state["lost"] / state["n_lost"])
    return min(rule["kelly_cap"], rule["amount"] * max(0.0, wins - (1.0 - wins) / payoff))


@engine_routine
def base_size(x: Engine, t: int, line: int) -> Any:
    """Units before any cap; negative: minus the code of a refusal."""
    facts, n, rules = x.r.lines[line], x.r.lines[line]["strategy"], x.r.run[0]
    rule, i, column = x.r.strategies[n], facts["symbol"], facts["signal"]
    method, close = rule["method"], x.m.close[t, i]
    equity = rule["allocation"] * x.s.run[0]["equity"]
    size = x.s.run[0]["multiplier"]
    distance = math.nan
    if rules["has_stop"]:
        distance = x.d.stop[t, column]
        if distance <= 0.0 or distance == math.inf:
            x.s.run[0]["error"], x.s.run[0]["error_line"] = BAD_STOP, line
            return -float(NO_STOP)
    if method == BY_RISK:
        if math.isnan(distance):
            return -float(NO_STOP)
        if rules["has_factor"]:
            distance /= x.m.factor[t, i]
        size = size * rule["amount"] * equity / distance
    elif method == BY_FRACTION or method == BY_EQUAL_WEIGHT:
        size = size * rule["amount"] * equity / close
    elif method == BY_QUANTITY:
        size = size * rule["amount"]
    elif method == BY_KELLY:
        size = size * kelly_fraction(x, n) * equity / close
    else:
        sigma = sigma20(x, t, i)
        if math.isnan(sigma):
            return -float(NO_HISTORY)
        size = size * rule["amount"] / (sigma * math.sqrt(rule["periods"])) * equity / close
    if rules["has_scale"]:
        scale = x.d.scale[t, column]
        if not 0.0 < scale < math.inf:
            x.s.run[0]["error"], x.s.run[0]["error_line"] = BAD_SCALE, line
            return -float(NO_STOP)
        size *= scale
    return size


@engine_helper
def notional_cap(x: Engine, n: int) -> Any:
    """Largest value of one position."""
    rule, equity = x.r.strategies[n], x.s.run[0]["equity"]
    return max(0.0, min(rule["max_notional"] * (rule["allocation"] * equity), x.r.run[0]["max_notional"] * equity))


@engine_helper
def gross_cap(x: Engine, n: int) -> Any:
    """Gross exposure that may still be added, in money."""
    g, rule = x.s.run[0], x.r.strategies[n]
    room = x.r.run[0]["max_gross"] * g["equity"] - g["gross"]
    return max(0.0, min(room, rule["max_gross"] * (rule["allocation"] * g["equity"]) - x.w.value[n]))


@engine_routine
def size_line(x: Engine, t: int, line: int) -> Any:
    """Size one candidate into ``w.quantity[0]``; 0, or the code of its refusal."""
    g, facts = x.s.run[0], x.r.lines[line]
    n, i, whole = facts["strategy"], facts["symbol"], facts["whole"]
    rule, close, epsilon = x.r.strategies[n], x.m.close[t, i], EPSILON * abs(g["equity"])
    q = base_size(x, t, line)
    if q < 0.0:
        return int(-q)
    code = 0
    if q == 0.0:
        return ZERO_SIZE
    cap = notional_cap(x, n)
    if q * close - cap > epsilon:
        q, code = cap / close, NOTIONAL
    cap = gross_cap(x, n)
    if q * close - cap > epsilon:
        q, code = cap / close, GROSS_EXPOSURE
    if rule["capacity"] < math.inf:
        traded = adv20(x, t, i)
        if math.isnan(traded):
            return NO_HISTORY
        cap = rule["capacity"] * traded
        if q * close - cap > epsilon:
            if not rule["clip"]:
                return CAPACITY
            q, code = cap / close, CAPACITY
    if x.d.entry[t, facts["signal"]] > 0 and x.r.run[0]["max_gross"] <= 1.0:
        cap = max(0.0, g["equity"] - g["longs"])
        if q * close - cap > epsilon:
            q, code = cap / close, CASH
    q = floored(q, whole)
    if q <= 0.0 or (whole == 0 and q * close < epsilon):
        return code if code else LOT
    x.w.quantity[0] = q
    return 0


@engine_routine
def leg_bounds(x: Engine, t: int, first: int, last: int) -> Any:
    """Sizes of all legs into ``w.quantity`` and the least notional factor; negative: minus the code of a refusal."""
    epsilon = EPSILON * abs(x.s.run[0]["equity"])
    factor = 1.0
    for k in range(first, last):
        line = x.r.group_lines[k]
        q = base_size(x, t, line)
        if q < 0.0:
            return q
        if q == 0.0:
            return -float(ZERO_SIZE)
        x.w.quantity[k - first] = q
        value, cap = q * x.m.close[t, x.r.lines[line]["symbol"]], notional_cap(x, x.r.lines[line]["strategy"])
        if value - cap > epsilon:
            factor = min(factor, cap / value)
    return factor


@engine_helper
def scaled_total(x: Engine, t: int, first: int, last: int, factor: float, longs_only: bool) -> Any:
    """Scale the legs in ``w.quantity``; their value (of long legs only) comes back."""
    total = 0.0
    for k in range(first, last):
        line = x.r.group_lines[k]
        x.w.quantity[k - first] *= factor
        if not longs_only or x.d.entry[t, x.r.lines[line]["signal"]] > 0:
            total += x.w.quantity[k - first] * x.m.close[t, x.r.lines[line]["symbol"]]
    return total


@engine_routine
def capacity_factor(x: Engine, t: int, first: int, last: int) -> Any:
    """Least factor by which capacity cuts the legs in ``w.quantity``; negative: minus the code of a refusal."""
    epsilon, factor = EPSILON * abs(x.s.run[0]["equity"]), 1.0
    rule = x.r.strategies[x.r.lines[x.r.group_lines[first]]["strategy"]]
    for k in range(first, last):
        i = x.r.lines[x.r.group_lines[k]]["symbol"]
        traded = adv20(x, t, i)
        if math.isnan(traded):
            return -float(NO_HISTORY)
        value, cap = x.w.quantity[k - first] * x.m.close[t, i], rule["capacity"] * traded
        if value - cap > epsilon:
            if not rule["clip"]:
                return -float(CAPACITY)
            factor = min(factor, cap / value)
    return factor


@engine_routine
def size_group(x: Engine, t: int, group: int) -> Any:
    """Size all legs of a group into ``w.quantity``; 0, or the code of its refusal."""
    g, first, last = x.s.run[0], x.r.group_start[group], x.r.group_start[group + 1]
    n, epsilon, code = x.r.lines[x.r.group_lines[first]]["strategy"], EPSILON * abs(g["equity"]), 0
    factor = leg_bounds(x, t, first, last)
    if factor < 0.0:
        return int(-factor)
    if factor < 1.0:
        code = NOTIONAL
    total, cap = scaled_total(x, t, first, last, factor, False), gross_cap(x, n)
    if total - cap > epsilon:
        scaled_total(x, t, first, last, cap / total, False)
        code = GROSS_EXPOSURE
    if x.r.strategies[n]["capacity"] < math.inf:
        factor = capacity_factor(x, t, first, last)
        if factor < 0.0:
            return int(-factor)
        if factor < 1.0:
            scaled_total(x, t, first, last, factor, False)
            code = CAPACITY
    if x.r.run[0]["max_gross"] <= 1.0:
        total, cap = scaled_total(x, t, first, last, 1.0, True), max(0.0, g["equity"] - g["longs"])
        if total - cap > epsilon:
            scaled_total(x, t, first, last, cap / total, True)
            code = CASH
    for k in range(first, last):
        line = x.r.group_lines[k]
        whole = x.r.lines[line]["whole"]
        q = floored(x.w.quantity[k - first], whole)
        if q <= 0.0 or (whole == 0 and q * x.m.close[t, x.r.lines[line]["symbol"]] < epsilon):
            return code if code else LOT
        x.w.quantity[k - first] = q
    return 0
