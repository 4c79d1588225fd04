"""Who comes first: ranks of components and correlation with what is held. `docs/fill-rules.md`, section 5 steps 5 and 6."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from trading_system.engine._kernels_fills import adjusted_close, awaits, has_bar
from trading_system.engine.layout import HIGHEST, LOWEST, NO_VARIANCE, RUN_LENGTH, UNIT_WIDTH, Engine
from trading_system.kernels import engine_helper, engine_routine


@engine_routine
def argsort(x: Engine, n: int) -> None:
    """Stable ascending order of ``w.key[:n]``, NaN first, into ``w.index``: in runs by counting the lower ones, then merges.

    The keys become integers of the same order in ``w.order``, so that NaN is a number like any other.
    """
    key, bits, order, index, spare = x.w.key, x.w.key_bits, x.w.order, x.w.index, x.w.spare
    for c in range(n):
        key[c] += 0.0  # there is one zero only
    for c in range(n):
        order[c] = LOWEST if math.isnan(key[c]) else bits[c] ^ ((bits[c] >> 63) & HIGHEST)
        index[c] = -1
    for c in range(n, n + RUN_LENGTH - n % RUN_LENGTH):
        order[c] = HIGHEST  # behind them, in the last run
    for start in range(0, n, RUN_LENGTH):
        run = order[start : start + RUN_LENGTH]
        for a in range(start, min(start + RUN_LENGTH, n)):
            item, place = order[a], start
            for b in range(RUN_LENGTH):
                place += int(run[b] < item)
            while index[place] >= 0:  # its equals before it
                place += 1
            index[place] = a
    width = RUN_LENGTH
    while width < n:
        for start in range(0, n, 2 * width):
            middle, stop = min(start + width, n), min(start + 2 * width, n)
            a, b = start, middle
            for k in range(start, stop):
                if a < middle and (b >= stop or order[index[a]] <= order[index[b]]):
                    spare[k] = index[a]
                    a += 1
                else:
                    spare[k] = index[b]
                    b += 1
        for k in range(n):
            index[k] = spare[k]
        width *= 2


@engine_routine
def add_ranks(x: Engine, t: int, k: int, n: int) -> None:
    """Add weight x rank / n of component k to the scores of the n candidates; ties share the mean rank."""
    panel, weight = x.r.rank_panel[k], x.r.rank_weight[k]
    components, lines, candidates, key = x.d.components, x.r.lines, x.w.candidates, x.w.key
    for c in range(n):
        key[c] = components[panel, t, lines[candidates[c]]["signal"]]
    argsort(x, n)
    order, index, score, start = x.w.order, x.w.index, x.w.score, 0
    while start < n:
        stop = start + 1
        while stop < n and order[index[stop]] == order[index[start]]:
            stop += 1
        rank = 0.5 * (start + 1 + stop)  # ranks start+1 .. stop
        for c in range(start, stop):
            score[index[c]] += weight * (rank / n)
        start = stop


@engine_helper
def sampled_close(x: Engine, k: int, i: int) -> Any:
    """Adjusted close of symbol i at the k-th sampled row; on another calendar's row its last one since the sampled row before."""
    row = x.m.sampled_rows[k]
    if awaits(x, row, i):
        after = x.m.sampled_rows[k - 1] if k > 0 else -1
        while row > after + 1 and not has_bar(x, row, i):
            row -= 1
    return adjusted_close(x, row, i)


@engine_routine
def unit_returns(x: Engine, t: int, lines: Any, start: int, n: int) -> None:
    """Centred returns of n lines' symbols over the last sampled rows into ``w.unit[:, :n]``, their lengths into ``w.length``.

    The length is NaN for a symbol with a hole or without variance. Symbols lie side by side, `UNIT_WIDTH` of them whatever n
    is: so the arithmetic of several is done at once.
    """
    lookback, scaled = x.r.run[0]["corr_lookback"], x.r.run[0]["has_factor"]
    facts, closes, factors, rows, whole = x.r.lines, x.m.close, x.m.factor, x.m.sampled_rows, x.m.whole
    unit, column, earlier, later, mean, length = x.w.unit, x.w.column, x.w.earlier, x.w.later, x.w.mean, x.w.length
    first = x.m.sampled_count[t] - 1 - lookback
    for c in range(UNIT_WIDTH):
        mean[c], length[c] = 0.0, math.nan if first < 0 else 0.0
    for c in range(n):
        column[c] = facts[lines[start + c]]["symbol"]
    for k in range(-1, lookback if first >= 0 else -1):
        row = rows[first + k + 1]
        prices, rates = closes[row], factors[row if scaled else 0]
        if whole[row]:
            for c in range(n):
                later[c] = prices[column[c]] * rates[column[c]] if scaled else prices[column[c]]
        else:
            for c in range(n):
                later[c] = sampled_close(x, first + k + 1, facts[lines[start + c]]["symbol"])
        if k >= 0:
            values = unit[k]
            for c in range(UNIT_WIDTH):
                values[c] = later[c] / earlier[c] - 1.0
                mean[c] += values[c]
        for c in range(UNIT_WIDTH):
            earlier[c] = later[c]
    for c in range(UNIT_WIDTH):
        mean[c] = mean[c] / lookback if abs(mean[c]) < math.inf else math.nan
    for k in range(lookback):
        values = unit[k]
        for c in range(UNIT_WIDTH):
            values[c] -= mean[c]
            length[c] += values[c] * values[c]
    for c in range(UNIT_WIDTH):
        length[c] = math.sqrt(length[c]) if length[c] > NO_VARIANCE else math.nan


@engine_routine
def sum_held(x: Engine, t: int) -> Any:
    """Sum of the unit return vectors of held lines less pending exits into ``w.held_unit``; their number comes back."""
    unit, length, total, lookback = x.w.unit, x.w.length, x.w.held_unit, x.r.run[0]["corr_lookback"]
    staying, found = 0, 0
    for j in range(x.s.run[0]["n_held"]):
        x.w.spare[staying] = x.s.held[j]
        staying += int(x.s.lines[x.s.held[j]]["exit_order"] < 0)
    for k in range(lookback):
        total[k] = 0.0
    for start in range(0, staying, UNIT_WIDTH):
        n = min(UNIT_WIDTH, staying - start)
        unit_returns(x, t, x.w.spare, start, n)
        for c in range(n):
            if not math.isnan(length[c]):
                found += 1
                for k in range(lookback):
                    total[k] += unit[k, c] / length[c]
    return found


@engine_helper
def pairwise_mean(x: Engine, n: int) -> Any:
    """Mean correlation over all pairs of the n vectors summed in ``w.held_unit``."""
    squares = 0.0
    for k in range(x.r.run[0]["corr_lookback"]):
        squares += x.w.held_unit[k] * x.w.held_unit[k]
    return (squares - n) / (n * (n - 1.0))


@engine_routine
def correlate(x: Engine, t: int, lines: Any, n: int, n_held: int) -> None:
    """Mean correlation of n lines with the held ones summed in ``w.held_unit``, into ``w.correlation``; NaN when undefined."""
    unit, length, total, weights = x.w.unit, x.w.length, x.w.mean, x.w.held_unit
    if n_held == 0:
        for c in range(n):
            x.w.correlation[c] = math.nan
        return
    for start in range(0, n, UNIT_WIDTH):
        width = min(UNIT_WIDTH, n - start)
        unit_returns(x, t, lines, start, width)
        for c in range(UNIT_WIDTH):
            total[c] = 0.0
        for k in range(x.r.run[0]["corr_lookback"]):
            values, weight = unit[k], weights[k]
            for c in range(UNIT_WIDTH):
                total[c] += values[c] / length[c] * weight
        for c in range(width):
            x.w.correlation[start + c] = total[c] / n_held


@engine_routine
def rank_candidates(x: Engine, t: int, n: int, n_held: int) -> None:
    """Order of the n candidates, best first, into ``w.index``; they arrive sorted by symbol, strategy and line."""
    score, key, correlation = x.w.score, x.w.key, x.w.correlation
    for c in range(n):
        score[c] = 0.0
        x.w.index[c] = c
    if n < 2:
        return
    for k in range(x.r.rank_panel.shape[0]):
        if x.r.rank_panel[k] >= 0:
            add_ranks(x, t, k, n)
            continue
        weight = x.r.rank_weight[k]
        correlate(x, t, x.w.candidates, n, n_held)
        for c in range(n):
            score[c] += weight * (0.5 if math.isnan(correlation[c]) else 1.0 - correlation[c])
    for c in range(n):
        key[c] = -np.floor(score[c] * 1e12 + 0.5)
    argsort(x, n)
