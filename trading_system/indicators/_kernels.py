"""Kernels of the indicators: panels in, panels out, every row reads earlier rows only.

All panels are float64[:, ::1] of shape (n_bars, n_symbols). A column holds one symbol's own bars from row 0 on, without
holes; rows behind a symbol's last bar may hold NaN, which reaches no earlier row. Wide panels are walked row by row with
the symbols in the inner loop, narrow ones column by column, with the same operations in the same order: equal bits.
Running sums are built anew at absolute rows (multiples of a step that depends on the window alone), so a shorter series
gives the same bits on the rows it has. Outputs are NaN until the window is full.

Looking for holes is a walk over the panel of its own, half as long as an average. So kernels that return an integer say on the way
whether a wide panel had any (0: none); what they wrote is of use only when there was none.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from trading_system.kernels import helper, kernel

if TYPE_CHECKING:
    from trading_system.types import BoolArray, FloatArray

THIN = 1e-4  # a sum of squares that fell below this share of its peak has lost its last digits: build it anew
FEW = 8  # below this many columns a row is too short to be worth a vector loop


@kernel  # i8(f8[:, ::1], i8, f8[:, ::1])
def take(panel: FloatArray, first: int, block: FloatArray) -> int:
    """Copy columns ``first ...`` into `block`; the number of NaN among them."""
    n_bars, width = block.shape
    holes = 0
    for t in range(n_bars):
        for j in range(width):
            value = panel[t, np.uint64(first + j)]
            block[t, j] = value
            holes += int(math.isnan(value))
    return holes


@kernel  # void(f8[:, ::1], b1[:, ::1], i8, f8[:, ::1])
def gather(panel: FloatArray, exists: BoolArray, first: int, block: FloatArray) -> None:
    """Close up the holes of columns ``first ...``: row k of `block` is a symbol's k-th existing bar, then NaN."""
    n_bars, width = block.shape
    filled = np.zeros(width, np.int64)
    for t in range(n_bars):
        for j in range(width):
            block[np.uint64(filled[j]), j] = panel[t, np.uint64(first + j)]  # a hole is overwritten by what follows it
            filled[j] += int(exists[t, j])
    for j in range(width):
        for t in range(filled[j], n_bars):
            block[t, j] = np.nan


@kernel  # void(f8[:, ::1], b1[:, ::1], i8, f8[:, ::1])
def scatter(block: FloatArray, exists: BoolArray, first: int, panel: FloatArray) -> None:
    """Inverse of `gather`: a symbol's k-th value goes back to its k-th existing bar, NaN where there is no bar."""
    n_bars, width = block.shape
    used = np.zeros(width, np.int64)
    for t in range(n_bars):
        for j in range(width):
            value = block[np.uint64(used[j]), j]
            panel[t, np.uint64(first + j)] = value if exists[t, j] else np.nan
            used[j] += int(exists[t, j])


@kernel  # i8(f8[:, ::1], i8, f8[:, ::1])
def mean(x: FloatArray, n: int, out: FloatArray) -> int:
    """Mean of rows t-n+1 .. t, as the window's first value at the last anchor plus the mean deviation from it; holes."""
    n_bars, n_columns = x.shape
    step = max(512, 8 * n)
    share = 1.0 / n
    for t in range(min(n - 1, n_bars)):
        for j in range(n_columns):
            out[t, j] = np.nan
    if n_columns < FEW:
        for j in range(n_columns):
            start = n - 1
            while start < n_bars:
                base = x[start - n + 1, j]
                total = 0.0
                for t in range(start - n + 1, start + 1):
                    total += x[t, j] - base
                out[start, j] = base + total * share
                stop = min(n_bars, (start // step + 1) * step)
                for t in range(start + 1, stop):
                    total += x[t, j] - x[t - n, j]
                    out[t, j] = base + total * share
                start = stop
        return 0
    holes = 0
    totals = np.empty(n_columns)
    start = n - 1
    while start < n_bars:
        origin = start - n + 1
        for j in range(n_columns):
            totals[j] = 0.0
        for t in range(origin, start + 1):
            for j in range(n_columns):
                totals[j] += x[t, j] - x[origin, j]
        for j in range(n_columns):
            out[start, j] = x[origin, j] + totals[j] * share
        stop = min(n_bars, (start // step + 1) * step)
        for t in range(start + 1, stop):
            for j in range(n_columns):
                totals[j] += x[t, j] - x[t - n, j]
                out[t, j] = x[origin, j] + totals[j] * share
        for j in range(n_columns):
            holes += int(math.isnan(totals[j]))  # a sum keeps the first NaN that it meets
        start = stop
    return holes


@kernel  # void(f8[:, ::1], f8, i8, f8[:, ::1])
def exponential(x: FloatArray, gain: float, min_bars: int, out: FloatArray) -> None:
    """Exponential average seeded with row 0: ``e += gain * (x - e)``; NaN before row min_bars - 1."""
    n_bars, n_columns = x.shape
    if n_columns < FEW:
        for j in range(n_columns):
            value = x[0, j] if n_bars > 0 else 0.0
            for t in range(n_bars):
                value += gain * (x[t, j] - value)
                out[t, j] = value if t >= min_bars - 1 else np.nan
        return
    values = np.empty(n_columns)
    for t in range(n_bars):
        if t == 0:
            for j in range(n_columns):
                values[j] = x[0, j]
        for j in range(n_columns):
            values[j] += gain * (x[t, j] - values[j])
        if t >= min_bars - 1:
            for j in range(n_columns):
                out[t, j] = values[j]
        else:
            for j in range(n_columns):
                out[t, j] = np.nan


@kernel  # i8(f8[:, ::1], f8[:, ::1], f8[:, ::1], i8, f8[:, ::1])
def average_true_range(high: FloatArray, low: FloatArray, close: FloatArray, n: int, out: FloatArray) -> int:
    """Wilder's smoothing of the true range: the mean of the first n, then ``a += (tr - a) / n``; holes."""
    n_bars, n_columns = close.shape
    share = 1.0 / n
    if n_columns < FEW:
        for j in range(n_columns):
            value = 0.0
            last = np.nan
            for t in range(n_bars):
                top = high[t, j]
                bottom = low[t, j]
                top = max(top, last)
                bottom = min(bottom, last)
                last = close[t, j]
                if t < n:
                    value += top - bottom
                    if t == n - 1:
                        value *= share
                else:
                    value += (top - bottom - value) * share
                out[t, j] = value if t >= n - 1 else np.nan
        return 0
    holes = 0
    values = np.zeros(n_columns)
    for t in range(n_bars):
        before = max(t - 1, 0)
        for j in range(n_columns):
            last = close[before, j] if t > 0 else np.nan
            top = high[t, j]
            bottom = low[t, j]
            holes += int(math.isnan(top + bottom + close[t, j]))
            top = max(top, last)
            bottom = min(bottom, last)
            if t < n:
                values[j] += top - bottom
            else:
                values[j] += (top - bottom - values[j]) * share
        if t == n - 1:
            for j in range(n_columns):
                values[j] *= share
        for j in range(n_columns):
            out[t, j] = values[j] if t >= n - 1 else np.nan
    return holes


@kernel  # i8(f8[:, ::1], f8[:, ::1], f8[:, ::1], i8, i8, f8[:, ::1])
def range_ratio(high: FloatArray, low: FloatArray, close: FloatArray, n: int, m: int, out: FloatArray) -> int:
    """`average_true_range` of n rows over its own `mean` of m, by their arithmetic in one walk; holes."""
    n_bars, n_columns = close.shape
    step, holes = max(512, 8 * m), 0
    share, part = 1.0 / n, 1.0 / m
    values, totals, base = np.zeros(n_columns), np.zeros(n_columns), np.zeros(n_columns)
    last = np.empty((m, n_columns))  # the averages of the last m rows, row u at u % m
    for t in range(n_bars):
        before = max(t - 1, 0)
        for j in range(n_columns):
            top, bottom = high[t, j], low[t, j]
            holes += int(math.isnan(top + bottom + close[t, j]))
            earlier = close[before, j] if t > 0 else np.nan
            top, bottom = max(top, earlier), min(bottom, earlier)
            if t < n:
                values[j] += top - bottom
            else:
                values[j] += (top - bottom - values[j]) * share
        if t == n - 1:
            for j in range(n_columns):
                values[j] *= share
        u = t - (n - 1)
        if u < m - 1:
            for j in range(n_columns):
                last[max(u, 0), j] = values[j]
                out[t, j] = np.nan
        elif u == m - 1 or u % step == 0:
            for j in range(n_columns):
                last[u % m, j] = values[j]
                base[j] = last[(u + 1) % m, j]
                totals[j] = 0.0
            for i in range(u - m + 1, u + 1):
                for j in range(n_columns):
                    totals[j] += last[i % m, j] - base[j]
            for j in range(n_columns):
                out[t, j] = values[j] / (base[j] + totals[j] * part)
        else:
            for j in range(n_columns):
                totals[j] += values[j] - last[u % m, j]
                last[u % m, j] = values[j]
                out[t, j] = values[j] / (base[j] + totals[j] * part)
    return holes


@kernel  # void(f8[:, ::1], i8, f8[:, ::1])
def relative_strength(x: FloatArray, n: int, out: FloatArray) -> None:
    """Wilder's index, 0 to 100: rises / (rises + falls) of n changes, smoothed; 50 when nothing moved. First at row n."""
    n_bars, n_columns = x.shape
    share = 1.0 / n
    up = np.zeros(n_columns)
    down = np.zeros(n_columns)
    for t in range(n_bars):
        before = max(t - 1, 0)
        for j in range(n_columns):
            change = x[t, j] - x[before, j]
            rise = max(0.0, change)
            fall = -change if change < 0.0 else 0.0
            if math.isnan(change):
                rise = np.nan
                fall = np.nan
            if t <= n:
                up[j] += rise * share
                down[j] += fall * share
            else:
                up[j] += (rise - up[j]) * share
                down[j] += (fall - down[j]) * share
        if t >= n:
            for j in range(n_columns):
                total = up[j] + down[j]
                out[t, j] = 100.0 * (up[j] / total) if total != 0.0 else 50.0
        else:
            for j in range(n_columns):
                out[t, j] = np.nan


@kernel  # i8(f8[:, ::1], i8, f8[:, ::1])
def change(x: FloatArray, n: int, out: FloatArray) -> int:
    """``x[t] / x[t - n] - 1``; NaN on the first n rows; holes."""
    n_bars, n_columns = x.shape
    holes = 0
    for t in range(n_bars):
        if t < n:
            for j in range(n_columns):
                out[t, j] = np.nan
                holes += int(math.isnan(x[t, j]))
        else:
            for j in range(n_columns):
                out[t, j] = x[t, j] / x[t - n, j] - 1.0
                holes += int(math.isnan(x[t, j]))
    return holes


@kernel  # i8(f8[:, ::1], i8, i8, f8, f8[:, ::1])
def extreme(x: FloatArray, n: int, shift: int, sign: float, out: FloatArray) -> int:
    """Highest (sign 1) or lowest (sign -1) of n rows ending at row t - shift: van Herk's blocks, three compares a row; holes."""
    n_bars, n_columns = x.shape
    holes = 0
    best = np.empty(n_columns)
    tail = np.empty((n, n_columns))  # tail[i]: best of the last block's rows i .. n-1
    for t in range(min(n - 1 + shift, n_bars)):
        for j in range(n_columns):
            out[t, j] = np.nan
    for t in range(max(n_bars - shift, 0), n_bars):
        for j in range(n_columns):
            holes += int(math.isnan(x[t, j]))
    for t in range(n_bars - shift):
        k = t % n
        if k == 0:
            for j in range(n_columns):
                best[j] = sign * x[t, j]
                holes += int(math.isnan(x[t, j]))
        else:
            for j in range(n_columns):
                value = sign * x[t, j]
                best[j] = max(best[j], value)
                holes += int(math.isnan(value))
        if k == n - 1:
            for j in range(n_columns):
                out[t + shift, j] = sign * best[j]
                tail[k, j] = sign * x[t, j]
            for back in range(1, n):
                i = k - back
                for j in range(n_columns):
                    value = sign * x[t - back, j]
                    tail[i, j] = max(tail[i + 1, j], value)
        elif t >= n:
            for j in range(n_columns):
                value = tail[k + 1, j]
                out[t + shift, j] = sign * (max(best[j], value))
    return holes


@helper  # (f8, f8)(f8[:, ::1], i8, i8, i8)
def window_moments(x: FloatArray, t: int, n: int, j: int) -> tuple[float, float]:
    """Mean and sum of squared deviations of column j, rows t-n+1 .. t."""
    total = 0.0
    for i in range(t - n + 1, t + 1):
        total += x[i, j] - x[t, j]
    average = x[t, j] + total * (1.0 / n)
    total = 0.0
    for i in range(t - n + 1, t + 1):
        total += (x[i, j] - average) * (x[i, j] - average)
    return average, total


@kernel  # void(f8[:, ::1], i8, i8, i8, f8[:, ::1], f8[:, ::1])
def moments(x: FloatArray, n: int, ddof: int, want: int, centre: FloatArray, spread: FloatArray) -> None:
    """Mean and deviation of rows t-n+1 .. t by replacing one value at a time, built anew at absolute rows.

    `want` 0: `centre` is the mean and `spread` the deviation; 1: `spread` alone; 2: `spread` is the z-score of row t, NaN
    where the deviation is 0. A window of equal values has exactly that mean and deviation 0, whatever came before; after
    an outlier has left, the sums are built anew.
    """
    n_bars, n_columns = x.shape
    step = max(256, 4 * n)
    share = 1.0 / n
    freedom = 1.0 / (n - ddof) if n > ddof else np.nan
    average = np.empty(n_columns)
    squares = np.empty(n_columns)
    peak = np.zeros(n_columns)  # largest `squares` since they were built
    equal = np.zeros(n_columns)  # how many rows in a row hold the present value
    for t in range(n_bars):
        before = max(t - 1, 0)
        for j in range(n_columns):
            equal[j] = equal[j] + 1.0 if x[t, j] == x[before, j] else 1.0
        if t < n - 1:
            for j in range(n_columns):
                spread[t, j] = np.nan
                if want == 0:
                    centre[t, j] = np.nan
            continue
        if t == n - 1 or t % step == 0:
            for j in range(n_columns):
                average[j] = 0.0
                squares[j] = 0.0
            for i in range(t - n + 1, t + 1):
                for j in range(n_columns):
                    average[j] += x[i, j] - x[t, j]
            for j in range(n_columns):
                average[j] = x[t, j] + average[j] * share
            for i in range(t - n + 1, t + 1):
                for j in range(n_columns):
                    squares[j] += (x[i, j] - average[j]) * (x[i, j] - average[j])
            for j in range(n_columns):
                peak[j] = squares[j]
        else:
            thin = 0
            for j in range(n_columns):
                new = x[t, j]
                old = x[t - n, j]
                moved = average[j] + (new - old) * share
                squares[j] += (new - old) * ((new - moved) + (old - average[j]))
                average[j] = moved
                peak[j] = max(peak[j], squares[j])
                thin += int(squares[j] < THIN * peak[j])
            for j in range(n_columns if thin > 0 else 0):
                if squares[j] < THIN * peak[j]:
                    average[j], squares[j] = window_moments(x, t, n, j)
                    peak[j] = squares[j]
        for j in range(n_columns):
            flat = equal[j] >= n
            average[j] = x[t, j] if flat else average[j]
            squares[j] = 0.0 if flat else squares[j]
        if want == 2:
            for j in range(n_columns):
                deviation = math.sqrt(squares[j] * freedom)
                spread[t, j] = (x[t, j] - average[j]) / deviation if deviation > 0.0 else np.nan
        else:
            for j in range(n_columns):
                spread[t, j] = math.sqrt(squares[j] * freedom)
            if want == 0:
                for j in range(n_columns):
                    centre[t, j] = average[j]


@kernel  # void(f8[:, ::1], f8[:, ::1], i8, i8, f8[:, ::1], f8[:, ::1])
def comoments(x: FloatArray, y: FloatArray, n: int, want: int, first: FloatArray, second: FloatArray) -> None:
    """Least squares of y on x over rows t-n+1 .. t, column by column, built anew at absolute rows.

    `want` 0: `first` is the correlation, clipped to [-1, 1]; 1: `first` is the slope and `second` the intercept. NaN where
    x (for the correlation also y) does not vary.
    """
    n_bars, n_columns = x.shape
    step = max(256, 4 * n)
    share = 1.0 / n
    for j in range(n_columns):
        mean_x = mean_y = xx = yy = xy = peak_x = peak_y = 0.0
        equal_x = equal_y = 0
        for t in range(n_bars):
            before = max(t - 1, 0)
            equal_x = equal_x + 1 if x[t, j] == x[before, j] else 1
            equal_y = equal_y + 1 if y[t, j] == y[before, j] else 1
            if t < n - 1:
                first[t, j] = np.nan
                if want == 1:
                    second[t, j] = np.nan
                continue
            if t > n - 1 and t % step != 0:
                new_x, old_x = x[t, j], x[t - n, j]
                new_y, old_y = y[t, j], y[t - n, j]
                moved_x = mean_x + (new_x - old_x) * share
                moved_y = mean_y + (new_y - old_y) * share
                xy += (new_x - moved_x) * (new_y - mean_y) - (old_x - moved_x) * (old_y - mean_y)
                xx += (new_x - old_x) * ((new_x - moved_x) + (old_x - mean_x))
                yy += (new_y - old_y) * ((new_y - moved_y) + (old_y - mean_y))
                mean_x, mean_y = moved_x, moved_y
                peak_x, peak_y = max(peak_x, xx), max(peak_y, yy)
            if t == n - 1 or t % step == 0 or xx < THIN * peak_x or yy < THIN * peak_y:
                mean_x, xx = window_moments(x, t, n, j)
                mean_y, yy = window_moments(y, t, n, j)
                xy = 0.0
                for i in range(t - n + 1, t + 1):
                    xy += (x[i, j] - mean_x) * (y[i, j] - mean_y)
                peak_x, peak_y = xx, yy
            if equal_x >= n or xx <= 0.0:
                xx = 0.0
            if equal_y >= n or yy <= 0.0:
                yy = 0.0
            if want == 0:
                value = xy / math.sqrt(xx * yy) if xx * yy > 0.0 else np.nan
                first[t, j] = np.nan if math.isnan(value) else min(1.0, max(-1.0, value))
            else:
                slope = xy / xx if xx > 0.0 else np.nan
                first[t, j] = slope
                second[t, j] = mean_y - slope * mean_x
