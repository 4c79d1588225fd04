"""Kernels of the strategies: row t of every output reads rows up to t only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from trading_system.indicators._kernels import FEW
from trading_system.kernels import helper, kernel

if TYPE_CHECKING:
    from trading_system.types import BoolArray, FloatArray, Int8Array, IntArray


@kernel  # void(f8[::1], i8, f8[::1])
def on_change(target: FloatArray, n_lines: int, kept: FloatArray) -> None:
    """Targets that differ from their line's last one, which is 0 before the first; NaN elsewhere and where the target is.

    Both panels are flat: element e - n_lines is the same line one row earlier. The first loop compares with that row alone,
    without a chain from row to row; the second mends what follows a NaN.
    """
    for e in range(min(n_lines, target.size)):
        kept[e] = target[e] if target[e] != 0.0 else np.nan
    resumed = 0
    for e in range(n_lines, target.size):
        kept[e] = target[e] if target[e] != target[e - n_lines] else np.nan
        resumed += int(math.isnan(target[e - n_lines]) & (not math.isnan(target[e])))
    e = n_lines
    while resumed > 0:
        if math.isnan(target[e - n_lines]) and not math.isnan(target[e]):
            resumed -= 1
            back = e - n_lines
            while back >= 0 and math.isnan(target[back]):
                back -= n_lines
            if target[e] == (target[back] if back >= 0 else 0.0):
                kept[e] = np.nan
        e += 1


@kernel  # void(f8[:, ::1], f8[::1], f8[:, ::1])
def crossover(slow: FloatArray, share: FloatArray, fast: FloatArray) -> None:
    """Overwrite `fast`: ``share[t]`` where it is above `slow`, 0 where it is not, NaN where either is NaN."""
    n_bars, n_lines = slow.shape
    if n_lines < FEW:
        for j in range(n_lines):
            for t in range(n_bars):
                value = share[t] if fast[t, j] > slow[t, j] else 0.0
                fast[t, j] = np.nan if math.isnan(fast[t, j] + slow[t, j]) else value
        return
    for t in range(n_bars):
        for j in range(n_lines):
            value = share[t] if fast[t, j] > slow[t, j] else 0.0
            fast[t, j] = np.nan if math.isnan(fast[t, j] + slow[t, j]) else value


@helper  # f8(f8[::1], i8, i8, i8)
def sum_from_anchor(x: FloatArray, n: int, anchor: int, t: int) -> float:
    """Sum over rows t-n+1 .. t of the distance to row anchor-n+1, run on from `anchor` as `indicators._kernels.mean` does it."""
    base, total = x[anchor - n + 1], 0.0
    for k in range(anchor - n + 1, anchor + 1):
        total += x[k] - base
    for k in range(anchor + 1, t + 1):
        total += x[k] - x[k - n]
    return total


@kernel  # i8(f8[::1], i8, i8, f8, f8[::1])
def crossings(x: FloatArray, fast: int, slow: int, share: float, kept: FloatArray) -> int:
    """Both averages of one series, their comparison and `on_change` in one pass; the bits of the four kernels one by one.

    ``kept[t]`` is `share` where the average of `fast` bars rises above that of `slow` bars, 0 where it falls back, NaN elsewhere.
    The number of rows at which an average is NaN comes back: a series with holes is not for this kernel.
    """
    n_bars = x.size
    step_fast, step_slow = max(512, 8 * fast), max(512, 8 * slow)
    part_fast, part_slow = 1.0 / fast, 1.0 / slow
    for t in range(min(slow - 1, n_bars)):
        kept[t] = np.nan
    holes = 0
    last = total_fast = total_slow = base_fast = base_slow = 0.0
    start = slow - 1
    while start < n_bars:
        if start == slow - 1 or start % step_fast == 0:
            anchor = max(fast - 1, start // step_fast * step_fast)
            base_fast, total_fast = x[anchor - fast + 1], sum_from_anchor(x, fast, anchor, start)
        else:
            total_fast += x[start] - x[start - fast]
        if start == slow - 1 or start % step_slow == 0:
            base_slow, total_slow = x[start - slow + 1], sum_from_anchor(x, slow, start, start)
        else:
            total_slow += x[start] - x[start - slow]
        stop = min(n_bars, (start // step_fast + 1) * step_fast, (start // step_slow + 1) * step_slow)
        for t in range(start, stop):
            if t > start:
                total_fast += x[t] - x[t - fast]
                total_slow += x[t] - x[t - slow]
            above, below = base_fast + total_fast * part_fast, base_slow + total_slow * part_slow
            holes += int(math.isnan(above + below))
            now = share if above > below else 0.0
            kept[t] = now if now != last else np.nan
            last = now
        start = stop
    return holes


@helper  # u8(i8, i8)
def column(first: int, j: int) -> np.uint64:
    """Column ``first + j`` as an unsigned number: a sum that might be negative keeps the loop from being vectorised."""
    return np.uint64(first + j)


@kernel  # void(f8[:, ::1] x 6, i8, f8[::1], f8[::1], i8[::1], i1[:, ::1], b1[:, ::1], f8[:, ::1], f8[:, :, ::1])
def breakouts(
    close: FloatArray,
    trend: FloatArray,
    top_fast: FloatArray,
    top_slow: FloatArray,
    floor: FloatArray,
    atr: FloatArray,
    first: int,
    benchmark: FloatArray,
    levels: FloatArray,
    spans: IntArray,
    entry: Int8Array,
    leave: BoolArray,
    stop: FloatArray,
    components: FloatArray,
) -> None:
    """Long a new high in a rising trend, out below `floor`; written to columns ``first ...``.

    `levels`: least rise of the trend, margins over the fast and the slow top, ATRs of the stop; `spans`: bars of the rise,
    bars of the momentum. Components: (close - trend) / ATR, momentum less `benchmark`.
    """
    n_bars, width = close.shape
    least, over_fast, over_slow, stop_atr = 1.0 + levels[0], 1.0 + levels[1], 1.0 + levels[2], levels[3]
    rise, span = spans[0], spans[1]
    for t in range(n_bars):
        before, ago = max(t - rise, 0), max(t - span, 0)
        level = benchmark[t] if t >= span else np.nan
        for j in range(width):
            stop[t, column(first, j)] = stop_atr * atr[t, j]
        for j in range(width):
            components[0, t, column(first, j)] = (close[t, j] - trend[t, j]) / atr[t, j]
        for j in range(width):
            components[1, t, column(first, j)] = close[t, j] / close[ago, j] - 1.0 - level
        for j in range(width):
            leave[t, column(first, j)] = close[t, j] < floor[t, j]
        if t < rise:
            for j in range(width):
                entry[t, column(first, j)] = 0
        else:
            for j in range(width):
                price = close[t, j]
                new_high = (price >= over_fast * top_fast[t, j]) | (price >= over_slow * top_slow[t, j])
                up = (price > trend[t, j]) & (trend[t, j] >= least * trend[before, j])
                entry[t, column(first, j)] = np.int8(up & new_high & (not price < floor[t, j]))


@kernel  # void(f8[:, ::1] x 5, f8[::1], i8, i1[:, ::1], b1[:, ::1])
def breakout_flags(
    close: FloatArray,
    trend: FloatArray,
    top_fast: FloatArray,
    top_slow: FloatArray,
    floor: FloatArray,
    levels: FloatArray,
    rise: int,
    entry: Int8Array,
    leave: BoolArray,
) -> None:
    """Entries and exits of `breakouts` alone, by the same comparisons."""
    n_bars, width = close.shape
    least, over_fast, over_slow = 1.0 + levels[0], 1.0 + levels[1], 1.0 + levels[2]
    for t in range(n_bars):
        before = max(t - rise, 0)
        for j in range(width):
            price = close[t, j]
            new_high = (price >= over_fast * top_fast[t, j]) | (price >= over_slow * top_slow[t, j])
            up = (price > trend[t, j]) & (trend[t, j] >= least * trend[before, j]) & (t >= rise)
            entry[t, j] = np.int8(up & new_high & (not price < floor[t, j]))
            leave[t, j] = price < floor[t, j]


@kernel  # void(f8[:, ::1], f8[:, ::1], f8[:, ::1], i8, f8, f8[:, ::1])
def tightened(close: FloatArray, line: FloatArray, atr: FloatArray, first: int, distance: float, stop: FloatArray) -> None:
    """``close - distance * atr`` on the bar at which the close falls below `line`, NaN on every other."""
    n_bars, width = close.shape
    for t in range(n_bars):
        before = max(t - 1, 0)
        for j in range(width):
            fell = (close[t, j] < line[t, j]) & (not close[before, j] < line[before, j])
            stop[t, column(first, j)] = close[t, j] - distance * atr[t, j] if fell else np.nan


@kernel  # void(f8[:, ::1], f8[:, ::1], i8, f8[::1], i8, i1[:, ::1], b1[:, ::1], f8[:, ::1], f8[:, :, ::1])
def reversions(
    score: FloatArray,
    atr: FloatArray,
    first: int,
    levels: FloatArray,
    both: int,
    entry: Int8Array,
    leave: BoolArray,
    stop: FloatArray,
    components: FloatArray,
) -> None:
    """Long below ``levels[0]``, out above ``levels[1]``, and mirrored when `both` is 1; the stop is ``levels[2]`` ATRs away.

    An exit belongs to the side of the last entry: a long and a short leave on opposite sides of the mean. The component is
    the distance of the score from 0.
    """
    n_bars, width = score.shape
    enter, out, stop_atr = levels[0], levels[1], levels[2]
    side = np.ones(width)
    for t in range(n_bars):
        for j in range(width):
            stop[t, column(first, j)] = stop_atr * atr[t, j]
        for j in range(width):
            components[0, t, column(first, j)] = abs(score[t, j])
        if both == 1:
            for j in range(width):
                ready = not math.isnan(atr[t, j])
                side[j] = 1.0 if (score[t, j] < enter) & ready else (-1.0 if (-score[t, j] < enter) & ready else side[j])
        for j in range(width):
            hit = (score[t, j] * side[j] < enter) & (not math.isnan(atr[t, j]))
            entry[t, column(first, j)] = np.int8(side[j]) if hit else np.int8(0)
        for j in range(width):
            leave[t, column(first, j)] = score[t, j] * side[j] > out


@kernel  # void(b1[:, ::1], i8, f8[::1], i8, i1[:, ::1], b1[:, ::1], f8[:, :, ::1], ...)
def spread_out(
    exists: BoolArray,
    first: int,
    shift: FloatArray,
    shifted: int,
    own_entry: Int8Array,
    own_leave: BoolArray,
    own_values: FloatArray,
    entry: Int8Array,
    leave: BoolArray,
    values: FloatArray,
) -> None:
    """Put decisions on symbols' own bars (row k) on the rows where those bars stood, columns ``first ...``.

    Where there is no bar, nothing is decided and values are NaN. ``shift[t]`` is taken off value number `shifted`.
    """
    n_bars, width = exists.shape
    used = np.zeros(width, np.int64)
    for t in range(n_bars):
        for j in range(width):
            k = np.uint64(used[j])
            stands = exists[t, j]
            entry[t, column(first, j)] = own_entry[k, j] if stands else np.int8(0)
            leave[t, column(first, j)] = own_leave[k, j] & stands
        for p in range(values.shape[0]):
            less = shift[t] if p == shifted else 0.0
            for j in range(width):
                value = own_values[p, np.uint64(used[j]), j] - less
                values[p, t, column(first, j)] = value if exists[t, j] else np.nan
        for j in range(width):
            used[j] += int(exists[t, j])


@kernel  # void(f8[::1], f8[::1], f8[::1], i8, f8[::1], f8[::1], i1[::1], b1[::1])
def spread_trades(
    y: FloatArray,
    x: FloatArray,
    beta: FloatArray,
    n: int,
    levels: FloatArray,
    score: FloatArray,
    entry: Int8Array,
    leave: BoolArray,
) -> None:
    """Z-score of ``y - beta[t] * x`` over rows t-n+1 .. t and what it asks for, in units of the spread: +1 is long y.

    `levels`: enter at, leave within, stop at. After a stop, nothing until the score has been within the leaving level. An
    exit belongs to the side of the last entry.
    """
    enter, out, limit = levels[0], levels[1], levels[2]
    side = 0
    stopped = False
    for t in range(y.size):
        entry[t] = 0
        leave[t] = False
        score[t] = np.nan
        if t < n - 1 or math.isnan(beta[t]):
            continue
        slope = beta[t]
        last = y[t] - slope * x[t]
        average = 0.0
        for i in range(t - n + 1, t + 1):
            average += y[i] - slope * x[i] - last
        average /= n
        squares = 0.0
        for i in range(t - n + 1, t + 1):
            gap = y[i] - slope * x[i] - last - average
            squares += gap * gap
        if squares <= 0.0:
            continue
        z = -average / math.sqrt(squares / (n - 1))
        score[t] = z
        size = abs(z)
        if size >= limit:
            stopped = True
            leave[t] = True
        elif size <= out:
            stopped = False
            leave[t] = True
        elif size >= enter and not stopped and slope > 0.0:
            side = -1 if z > 0.0 else 1
            entry[t] = side
        elif side * z > 0.0 or slope <= 0.0:
            leave[t] = True
