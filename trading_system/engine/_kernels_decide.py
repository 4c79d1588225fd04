"""What is decided at the close: exits, stops, candidates, acceptance, weights. `docs/fill-rules.md`, section 5."""

from __future__ import annotations

import math
from typing import Any

from trading_system.engine._kernels_fills import drop_reduction, end_order, floored, has_bar, new_order, refuse
from trading_system.engine._kernels_rank import correlate, pairwise_mean, rank_candidates, sum_held
from trading_system.engine._kernels_sizing import size_group, size_line
from trading_system.engine.layout import (
    BAD_ENTRY,
    BAD_LIMIT,
    BAD_TARGET,
    BAD_TIGHTEN,
    BAD_TRAIL,
    BAD_WEIGHT,
    CORRELATION,
    DAILY_LOSS_LIMIT,
    DATA_MISSING,
    DRAWDOWN_LIMIT,
    ENTRIES_PER_WORD,
    ENTRY,
    GROUP,
    KIND_EXIT,
    KIND_INCREASE,
    KIND_LIMIT,
    KIND_MARKET,
    KIND_REDUCE,
    MAX_HOLD,
    NO_BAR,
    NOT_TRADABLE,
    REBALANCE,
    REJECTED,
    REVERSAL,
    RUIN,
    SIGNAL,
    SLOTS,
    TARGET,
    TIGHTEN,
    TRAIL,
    UNIVERSE,
    Engine,
)
from trading_system.kernels import engine_helper, engine_routine


@engine_helper
def tripped_code(x: Engine) -> Any:
    """Code of the limit that is on, 0 when none is."""
    g = x.s.run[0]
    if g["tripped_ruin"] >= 0:
        return RUIN
    if g["tripped_drawdown"] >= 0:
        return DRAWDOWN_LIMIT
    if g["tripped_daily"] >= 0:
        return DAILY_LOSS_LIMIT
    return 0


@engine_routine
def queue_exit(x: Engine, t: int, line: int, cause: int) -> None:
    """An exit of the whole line, for the next open."""
    g, state = x.s.run[0], x.s.lines[line]
    drop_reduction(x, line, cause)
    state["exit_order"] = new_order(x, t, line, -state["side"], KIND_EXIT, cause, abs(state["quantity"]))
    state["exit_cause"] = cause
    x.s.exits[g["n_exits"]] = line
    g["n_exits"] += 1
    x.s.strategies[x.r.lines[line]["strategy"]]["n_exiting"] += 1


@engine_helper
def close_stop(x: Engine, t: int, line: int) -> Any:
    """Stop or target that the close has reached, 0 when none."""
    state, close = x.s.lines[line], x.m.close[t, x.r.lines[line]["symbol"]]
    side = state["side"]
    if side * (close - state["stop"]) <= 0.0:
        return state["stop_code"]
    if side * (close - state["target"]) >= 0.0:
        return TARGET
    return 0


@engine_helper
def exit_cause(x: Engine, t: int, line: int, flatten: int, wants_out: bool) -> Any:
    """First reason to leave a held line, 0 when none holds; `GROUP` is looked at afterwards."""
    if flatten:
        return flatten
    state, facts = x.s.lines[line], x.r.lines[line]
    i, column = facts["symbol"], facts["signal"]
    if not has_bar(x, t, i):
        return DATA_MISSING if x.s.symbols[i]["missing"] >= 2 else 0
    if not x.d.tradable[t, facts["tradable"]]:
        return UNIVERSE
    if column < 0:
        return 0
    if x.r.run[0]["stops_on_close"]:
        code = close_stop(x, t, line)
        if code:
            return code
    if wants_out:
        return SIGNAL
    if x.d.entry[t, column] * float(state["side"]) < 0.0:
        return REVERSAL
    if 0 < facts["max_hold"] <= state["bars"]:
        return MAX_HOLD
    return 0


@engine_helper
def decide_exits(x: Engine, t: int, flatten: int) -> None:
    """Step 1: exits of held lines in line order, then of lines whose group breaks up."""
    g = x.s.run[0]
    for j in range(g["n_held"]):
        line = x.s.held[j]
        facts = x.r.lines[line]
        state, n = x.s.lines[line], facts["strategy"]
        wants_out = facts["signal"] >= 0 and x.d.exit[t, facts["signal"]] and has_bar(x, t, facts["symbol"])
        cause = 0
        if state["exit_order"] < 0:
            cause = exit_cause(x, t, line, flatten, wants_out)
            if cause:
                queue_exit(x, t, line, cause)
        if wants_out:
            if cause == SIGNAL:
                x.s.strategies[n]["signals"] += 1
            else:
                x.s.strategies[n]["repeated"] += 1
    if x.r.run[0]["has_groups"]:
        for j in range(g["n_held"]):
            line = x.s.held[j]
            group = x.r.lines[line]["group"]
            if group >= 0 and x.s.lines[line]["exit_order"] < 0 and group_breaks(x, group):
                queue_exit(x, t, line, GROUP)


@engine_routine
def group_breaks(x: Engine, group: int) -> Any:
    """Whether a leg of the group is flat or leaving."""
    for k in range(x.r.group_start[group], x.r.group_start[group + 1]):
        state = x.s.lines[x.r.group_lines[k]]
        if state["quantity"] == 0.0 or state["exit_order"] >= 0:
            return True
    return False


@engine_helper
def tighten(x: Engine, line: int, price: float, code: int) -> None:
    """Move the stop when `price` is tighter (NaN never is)."""
    state = x.s.lines[line]
    old = state["stop"]
    if not math.isnan(price) and (math.isnan(old) or state["side"] * (price - old) > 0.0):
        state["stop"], state["stop_code"] = price, code


@engine_helper
def fail(x: Engine, line: int, what: int) -> None:
    """Remember the first value that breaks the strategy's contract."""
    g = x.s.run[0]
    if g["error"] == 0:
        g["error"], g["error_line"] = what, line


@engine_helper
def factor_at(x: Engine, t: int, i: int) -> Any:
    """Adjusted price / raw price."""
    return x.m.factor[t, i] if x.r.run[0]["has_factor"] else 1.0


@engine_helper
def decide_stops(x: Engine, t: int) -> None:
    """Step 2: trailing and tightened stops of held lines that stay."""
    rules = x.r.run[0]
    for j in range(x.s.run[0]["n_held"]):
        line = x.s.held[j]
        state, i, column = x.s.lines[line], x.r.lines[line]["symbol"], x.r.lines[line]["signal"]
        if column < 0 or state["exit_order"] >= 0 or not has_bar(x, t, i):
            continue
        factor = factor_at(x, t, i)
        if rules["has_trail"]:
            distance = x.d.trail[t, column]
            if distance <= 0.0 or distance == math.inf:
                fail(x, line, BAD_TRAIL)
            tighten(x, line, state["best"] - state["side"] * (distance / factor), TRAIL)
        if rules["has_tighten"]:
            price = x.d.tighten[t, column]
            if abs(price) == math.inf:
                fail(x, line, BAD_TIGHTEN)
            tighten(x, line, price / factor, TIGHTEN)


@engine_routine
def refuse_unit(x: Engine, t: int, line: int, code: int) -> None:
    """Refuse a candidate, with all legs of its group."""
    group = x.r.lines[line]["group"]
    if group < 0:
        refuse(x, t, line, code)
        return
    for k in range(x.r.group_start[group], x.r.group_start[group + 1]):
        refuse(x, t, x.r.group_lines[k], code)


@engine_routine
def look_for_bars(x: Engine, t: int) -> None:
    """Which symbols have a bar at row t, into ``w.bar``: one sweep, as single looks at a wide market miss every cache."""
    start, high, low, close, bar = x.m.open[t], x.m.high[t], x.m.low[t], x.m.close[t], x.w.bar
    for i in range(bar.shape[0]):
        total = start[i] + high[i] + low[i] + close[i]
        bar[i] = total - total == 0.0


@engine_routine
def candidate_code(x: Engine, t: int, line: int, tripped: int) -> Any:
    """Whether the entry of `line` at t is a candidate (0), a repeat (-1), nothing (-2), or refused with a code."""
    facts, state = x.r.lines[line], x.s.lines[line]
    entry = float(x.d.entry[t, facts["signal"]])
    if abs(entry) != 1.0:
        fail(x, line, BAD_ENTRY)
    bar = x.m.whole[t] or x.w.bar[facts["symbol"]]
    if state["quantity"] != 0.0:
        if not bar:
            return -2
        if entry * state["side"] > 0.0:
            return -1
    if not bar:
        return NO_BAR
    if not x.d.tradable[t, facts["tradable"]]:
        return NOT_TRADABLE
    return tripped


@engine_helper
def find_entries(x: Engine, t: int) -> Any:
    """Columns with an entry at row t into ``w.spare``; their number. Without a branch per column: who enters is anybody's guess."""
    entry, scan, words, found, some = x.d.entry, x.r.scan, x.d.entry_words, x.w.spare, x.w.index
    n, n_words = 0, 0
    if x.r.run[0]["entries_per_word"] == 0:
        for c in range(scan.shape[0]):
            found[n] = scan[c]
            n += int(entry[t, scan[c]] != 0)
        return n
    for word in range(words.shape[1]):  # most of a row is empty
        some[n_words] = word
        n_words += int(words[t, word] != 0)
    for k in range(n_words):
        for c in range(ENTRIES_PER_WORD * some[k], ENTRIES_PER_WORD * (some[k] + 1)):
            found[n] = c
            n += int(entry[t, c] != 0)
    return n


@engine_helper
def collect_candidates(x: Engine, t: int, tripped: int) -> Any:
    """Step 3: fill ``w.candidates`` with lines (the first leg stands for its group); their number comes back."""
    n = 0
    found = find_entries(x, t)
    if found > 0 and not x.m.whole[t]:
        look_for_bars(x, t)
    for k in range(found):
        line = x.r.signal_line[x.w.spare[k]]
        code = candidate_code(x, t, line, tripped)
        if code == 0:
            x.w.candidates[n] = line
            n += 1
        elif code == -1:
            x.s.strategies[x.r.lines[line]["strategy"]]["repeated"] += 1
        elif code > 0:
            refuse(x, t, line, code)
    if n > 0 and x.r.run[0]["has_groups"]:
        n = join_groups(x, t, n)
    return n


@engine_routine
def join_groups(x: Engine, t: int, n: int) -> Any:
    """Keep one candidate per whole group; legs of broken groups are refused."""
    for c in range(n):
        group = x.r.lines[x.w.candidates[c]]["group"]
        x.w.index[c] = 0
        if group >= 0:
            for k in range(n):
                if x.r.lines[x.w.candidates[k]]["group"] == group:
                    x.w.index[c] += 1
    kept = 0
    for c in range(n):
        line = x.w.candidates[c]
        group = x.r.lines[line]["group"]
        if group >= 0:
            first = x.r.group_start[group]
            if x.w.index[c] != x.r.group_start[group + 1] - first:
                refuse(x, t, line, GROUP)
                continue
            if x.r.group_lines[first] != line:
                continue
        x.w.candidates[kept] = line
        kept += 1
    return kept


@engine_helper
def strategy_slots(x: Engine, n: int) -> Any:
    """Lines that strategy n may still add, pending exits counted as gone; acceptances are in ``w.accepted``."""
    state = x.s.strategies[n]
    return x.r.strategies[n]["max_positions"] - (state["n_held"] - state["n_exiting"]) - x.w.accepted[n]


@engine_routine
def guard_refuses(x: Engine, t: int, line: int, n_held: int) -> Any:
    """Whether the candidate, or a leg of its group, moves too much with what is held."""
    group, legs, limit = x.r.lines[line]["group"], 1, x.r.run[0]["guard_candidate"]
    x.w.spare[0] = line
    if group >= 0:
        legs = x.r.group_start[group + 1] - x.r.group_start[group]
        for k in range(legs):
            x.w.spare[k] = x.r.group_lines[x.r.group_start[group] + k]
    correlate(x, t, x.w.spare, legs, n_held)
    for k in range(legs):
        if x.w.correlation[k] > limit:
            return True
    return False


@engine_routine
def accept_candidates(x: Engine, t: int, n: int) -> None:
    """Steps 4 to 7 over the candidates in ``w.candidates[:n]``."""
    g, rules = x.s.run[0], x.r.run[0]
    free = rules["max_positions"] - (g["n_held"] - g["n_exits"]) - count_waiting(x)
    possible = False
    if free > 0:
        for c in range(n):
            possible = possible or strategy_slots(x, x.r.lines[x.w.candidates[c]]["strategy"]) > 0
    if not possible:
        for c in range(n):
            refuse_unit(x, t, x.w.candidates[c], SLOTS)
        return
    n_held = 0
    if rules["guard"] or (rules["diversification"] and n > 1):
        n_held = sum_held(x, t)
    guard = rules["guard"] and n_held >= max(2, rules["guard_min"]) and pairwise_mean(x, n_held) > rules["guard_average"]
    rank_candidates(x, t, n, n_held)
    gross_start(x)
    for c in range(n):
        line = x.w.candidates[x.w.index[c]]
        group, strategy = x.r.lines[line]["group"], x.r.lines[line]["strategy"]
        legs = 1
        if group >= 0:
            legs = x.r.group_start[group + 1] - x.r.group_start[group]
        code = 0
        if free < legs or strategy_slots(x, strategy) < legs:
            code = SLOTS
        elif guard and guard_refuses(x, t, line, n_held):
            code = CORRELATION
        elif group < 0:
            code = size_line(x, t, line)
        else:
            code = size_group(x, t, group)
        if code:
            refuse_unit(x, t, line, code)
            continue
        free -= legs
        x.w.accepted[strategy] += legs
        if group < 0:
            queue_entry(x, t, line, x.w.quantity[0])
        else:
            for k in range(legs):
                queue_entry(x, t, x.r.group_lines[x.r.group_start[group] + k], x.w.quantity[k])


@engine_helper
def count_waiting(x: Engine) -> Any:
    """Entries accepted earlier whose calendar has had no session since: they keep their slots, per strategy in ``w.accepted``."""
    n = 0
    for k in range(x.w.accepted.shape[0]):
        x.w.accepted[k] = 0.0
    for j in range(x.s.run[0]["n_entries"]):
        line = x.s.entries[j]
        if x.s.lines[line]["entry_order"] >= 0:
            x.w.accepted[x.r.lines[line]["strategy"]] += 1.0
            n += 1
    return n


@engine_routine
def refuse_waiting(x: Engine, code: int) -> None:
    """A limit on risk was hit while entries and increases wait for their session: none of them is sent."""
    g = x.s.run[0]
    for j in range(g["n_entries"]):
        state = x.s.lines[x.s.entries[j]]
        if state["entry_order"] >= 0:
            end_order(x, state["entry_order"], REJECTED, code)
            state["entry_order"] = -1
    for j in range(g["n_increases"]):
        state = x.s.lines[x.s.increases[j]]
        if state["increase_order"] >= 0:
            end_order(x, state["increase_order"], REJECTED, code)
            state["increase_order"] = -1
    g["n_entries"], g["n_increases"] = 0, 0


@engine_helper
def add_gross(x: Engine, line: int, value: float, long: bool) -> None:
    """Count `value` of an entry of `line`."""
    g = x.s.run[0]
    g["gross"] += value
    if long:
        g["longs"] += value
    x.w.value[x.r.lines[line]["strategy"]] += value


@engine_helper
def gross_start(x: Engine) -> None:
    """Gross, gross per strategy and longs at marks, held less pending exits, and what waits; acceptances are added to them."""
    g = x.s.run[0]
    g["gross"], g["longs"] = 0.0, 0.0
    for n in range(x.w.value.shape[0]):
        x.w.value[n] = 0.0
    for j in range(g["n_held"]):
        state, line = x.s.lines[x.s.held[j]], x.s.held[j]
        if state["exit_order"] < 0:
            value = state["quantity"] * state["mark"]
            g["gross"] += abs(value)
            g["longs"] += max(0.0, value)
            x.w.value[x.r.lines[line]["strategy"]] += abs(value)
    for j in range(g["n_entries"]):
        line = x.s.entries[j]
        state = x.s.lines[line]
        if state["entry_order"] >= 0:
            add_gross(x, line, state["entry_value"], state["entry_side"] > 0)


@engine_routine
def queue_entry(x: Engine, t: int, line: int, q: float) -> None:
    """An entry of q units, for the next open."""
    g, state, rules = x.s.run[0], x.s.lines[line], x.r.run[0]
    column, i = x.r.lines[line]["signal"], x.r.lines[line]["symbol"]
    side = 1 if x.d.entry[t, column] > 0 else -1
    factor = factor_at(x, t, i)
    stop, target, limit = math.nan, math.nan, math.nan
    if rules["has_stop"]:
        stop = x.d.stop[t, column] / factor
    if rules["has_target"]:
        target = x.d.target[t, column] / factor
        if target <= 0.0 or target == math.inf:
            fail(x, line, BAD_TARGET)
    if rules["has_limit"]:
        limit = x.d.limit[t, column] / factor
        if limit <= 0.0 or limit == math.inf:
            fail(x, line, BAD_LIMIT)
    kind = KIND_LIMIT if not math.isnan(limit) else KIND_MARKET
    state["entry_order"] = new_order(x, t, line, side, kind, ENTRY, q)
    state["entry_side"], state["entry_quantity"] = side, q
    state["entry_stop"], state["entry_target"], state["entry_limit"] = stop, target, limit
    x.s.entries[g["n_entries"]] = line
    g["n_entries"] += 1
    x.s.strategies[x.r.lines[line]["strategy"]]["signals"] += 1
    state["entry_value"] = q * x.m.close[t, i]
    add_gross(x, line, state["entry_value"], side > 0)


@engine_routine
def queue_weight(x: Engine, t: int, line: int, side: int, kind: int, q: float) -> None:
    """One part of a weight order, for the next open."""
    g, state = x.s.run[0], x.s.lines[line]
    order = new_order(x, t, line, side, kind, REBALANCE, q)
    if kind == KIND_REDUCE:
        state["reduce_order"], state["reduce_quantity"] = order, q
        x.s.reduces[g["n_reduces"]] = line
        g["n_reduces"] += 1
    else:
        state["increase_order"], state["increase_side"], state["increase_quantity"] = order, side, q
        x.s.increases[g["n_increases"]] = line
        g["n_increases"] += 1
    x.s.strategies[x.r.lines[line]["strategy"]]["signals"] += 1


@engine_routine
def decide_weight(x: Engine, t: int, line: int, target: float, tripped: int) -> None:
    """Step 8 for one line."""
    g, rules, facts, state = x.s.run[0], x.r.run[0], x.r.lines[line], x.s.lines[line]
    i, n, held = facts["symbol"], facts["strategy"], state["quantity"]
    if not abs(target) < math.inf:
        fail(x, line, BAD_WEIGHT)
        return
    if target == 0.0 and held == 0.0:
        return
    if not has_bar(x, t, i):
        refuse(x, t, line, NO_BAR)
        return
    if state["exit_order"] >= 0:
        x.s.strategies[n]["repeated"] += 1
        return
    rule, close = x.r.strategies[n], x.m.close[t, i]
    equity = rule["allocation"] * g["equity"]
    notional = min(abs(target) * equity, rule["max_notional"] * equity, rules["max_notional"] * g["equity"])
    side = 1 if target > 0.0 else -1
    wanted = side * floored(max(0.0, notional) / close, facts["whole"])
    change = abs(wanted - held) * close
    if target != 0.0 and change <= max(0.0, rules["min_trade"] * equity) + 1e-9 * abs(g["equity"]):
        return
    reduce, add = 0.0, 0.0
    if held * wanted > 0.0:
        reduce = max(0.0, abs(held) - abs(wanted))
        add = max(0.0, abs(wanted) - abs(held))
    else:
        reduce, add = abs(held), abs(wanted)
    if reduce > 0.0:
        queue_weight(x, t, line, -state["side"], KIND_REDUCE, reduce)
    if add > 0.0:
        if not x.d.tradable[t, facts["tradable"]]:
            refuse(x, t, line, NOT_TRADABLE)
        elif tripped:
            refuse(x, t, line, tripped)
        else:
            queue_weight(x, t, line, side, KIND_INCREASE, add)


@engine_helper
def decide_weights(x: Engine, t: int, tripped: int) -> None:
    """Step 8: every target of row t, in line order."""
    weights = x.d.weights
    for c in range(x.r.weight_line.shape[0]):
        target = weights[t, c]
        if not math.isnan(target):
            decide_weight(x, t, x.r.weight_line[c], target, tripped)


@engine_helper
def decide(x: Engine, t: int) -> None:
    """Step 5."""
    rules, tripped = x.r.run[0], tripped_code(x)
    flatten = 0
    if tripped:
        if rules["flatten"]:
            flatten = tripped
        elif tripped == RUIN:
            flatten = RUIN
        refuse_waiting(x, tripped)
    if x.s.run[0]["n_held"] > 0:
        decide_exits(x, t, flatten)
        if rules["has_trail"] or rules["has_tighten"]:
            decide_stops(x, t)
    n = collect_candidates(x, t, tripped)
    if n > 0:
        accept_candidates(x, t, n)
    decide_weights(x, t, tripped)
