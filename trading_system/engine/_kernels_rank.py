"""Who comes first: ranks of components and correlation with what is held. `docs/fill-rules.md`, section 5 steps 5 and 6."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from trading_system.engine._kernels_fills import adjusted_close, awaits, has_bar
from trading_system.engine.layout import NO_VARIANCE, Engine
from trading_system.kernels import engine_helper, engine_routine

RUN = 16


@engine_helper
def before(a: float, b: float) -> Any:
    """Ascending order with NaN first."""
    return a < b or (math.isnan(a) and not math.isnan(b))


@engine_routine
def argsort(key: Any, index: Any, spare: Any, n: int) -> None:
    """Stable ascending order of ``key[index[:n]]``, NaN first: insertion in runs of 16, then merges."""
    for start in range(0, n, RUN):
        for a in range(start + 1, min(start + RUN, n)):
            item = index[a]
            b = a
            while b > start and before(key[item], key[index[b - 1]]):
                index[b] = index[b - 1]
                b -= 1
            index[b] = item
    width = RUN
    while width < n:
        for start in range(0, n, 2 * width):
            middle, stop = min(start + width, n), min(start + 2 * width, n)
            a, b = start, middle
            for k in range(start, stop):
                if a < middle and (b >= stop or not before(key[index[b]], key[index[a]])):
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
    key, index = x.w.key, x.w.index
    for c in range(n):
        key[c] = x.d.components[panel, t, x.r.lines[x.w.candidates[c]]["signal"]]
        index[c] = c
    argsort(key, index, x.w.spare, n)
    start = 0
    while start < n:
        stop = start + 1
        while stop < n and not before(key[index[start]], key[index[stop]]):
            stop += 1
        rank = 0.5 * (start + 1 + stop)  # ranks start+1 .. stop
        for c in range(start, stop):
            x.w.score[index[c]] += weight * (rank / n)
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
def unit_returns(x: Engine, t: int, i: int) -> Any:
    """Centred returns of symbol i over the last sampled rows, scaled to length 1, into ``w.unit``; False for a hole."""
    lookback = x.r.run[0]["corr_lookback"]
    last = x.m.sampled_count[t] - 1
    if last < lookback:
        return False
    mean = 0.0
    earlier = sampled_close(x, last - lookback, i)
    for k in range(lookback):
        close = sampled_close(x, last - lookback + 1 + k, i)
        x.w.unit[k] = close / earlier - 1.0
        mean += x.w.unit[k]
        earlier = close
    if not abs(mean) < math.inf:
        return False
    mean /= lookback
    squares = 0.0
    for k in range(lookback):
        x.w.unit[k] -= mean
        squares += x.w.unit[k] * x.w.unit[k]
    if squares <= NO_VARIANCE:
        return False
    length = math.sqrt(squares)
    for k in range(lookback):
        x.w.unit[k] /= length
    return True


@engine_routine
def sum_held(x: Engine, t: int) -> Any:
    """Sum of the unit return vectors of held lines less pending exits into ``w.held_unit``; their number comes back."""
    n = 0
    lookback = x.r.run[0]["corr_lookback"]
    for k in range(lookback):
        x.w.held_unit[k] = 0.0
    for j in range(x.s.run[0]["n_held"]):
        line = x.s.held[j]
        if x.s.lines[line]["exit_order"] >= 0:
            continue
        if unit_returns(x, t, x.r.lines[line]["symbol"]):
            n += 1
            for k in range(lookback):
                x.w.held_unit[k] += x.w.unit[k]
    return n


@engine_helper
def pairwise_mean(x: Engine, n: int) -> Any:
    """Mean correlation over all pairs of the n vectors summed in ``w.held_unit``."""
    squares = 0.0
    for k in range(x.r.run[0]["corr_lookback"]):
        squares += x.w.held_unit[k] * x.w.held_unit[k]
    return (squares - n) / (n * (n - 1.0))


@engine_routine
def mean_correlation(x: Engine, t: int, i: int, n: int) -> Any:
    """Mean correlation of symbol i with the n held lines summed in ``w.held_unit``; NaN when undefined."""
    if n == 0 or not unit_returns(x, t, i):
        return math.nan
    total = 0.0
    for k in range(x.r.run[0]["corr_lookback"]):
        total += x.w.unit[k] * x.w.held_unit[k]
    return total / n


@engine_routine
def rank_candidates(x: Engine, t: int, n: int, n_held: int) -> None:
    """Order of the n candidates, best first, into ``w.index``; they arrive sorted by symbol, strategy and line."""
    for c in range(n):
        x.w.score[c] = 0.0
        x.w.index[c] = c
    if n < 2:
        return
    for k in range(x.r.rank_panel.shape[0]):
        if x.r.rank_panel[k] >= 0:
            add_ranks(x, t, k, n)
        else:
            for c in range(n):
                corr = mean_correlation(x, t, x.r.lines[x.w.candidates[c]]["symbol"], n_held)
                x.w.correlation[c] = corr
                x.w.score[c] += x.r.rank_weight[k] * (0.5 if math.isnan(corr) else 1.0 - corr)
    for c in range(n):
        x.w.key[c] = -np.floor(x.w.score[c] * 1e12 + 0.5)
        x.w.index[c] = c
    argsort(x.w.key, x.w.index, x.w.spare, n)
