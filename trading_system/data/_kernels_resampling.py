"""Kernels of resampling: bars of a longer period, and what was known of them on each row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from trading_system.kernels import kernel

if TYPE_CHECKING:
    from trading_system.types import FloatArray, IntArray


@kernel  # void(f8[:, ::1] x 5, i8[:, ::1], i8[::1], i8[::1], i8[::1], f8[:, :, ::1])
def merged(
    open_: FloatArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    volume: FloatArray,
    member: IntArray,
    first: IntArray,
    last: IntArray,
    calendar_of: IntArray,
    out: FloatArray,
) -> None:
    """First open, highest high, lowest low, last close and sum of volume (out[0] .. out[4]) of the bars of each period.

    Bar t of column j belongs to period ``member[t, calendar_of[j]]``; periods outside ``first[c] .. last[c] - 1`` stay NaN, as
    do those without a bar. `out` is NaN when it comes in.
    """
    n_bars, n_symbols = close.shape
    for t in range(n_bars):
        for j in range(n_symbols):
            c = calendar_of[j]
            k = member[t, c]
            if k < first[c] or k >= last[c] or math.isnan(open_[t, j] + high[t, j] + low[t, j] + close[t, j]):
                continue
            if math.isnan(out[3, k, j]):
                out[0, k, j] = open_[t, j]
                out[1, k, j] = high[t, j]
                out[2, k, j] = low[t, j]
            else:
                out[1, k, j] = max(out[1, k, j], high[t, j])
                out[2, k, j] = min(out[2, k, j], low[t, j])
            out[3, k, j] = close[t, j]
            if not math.isnan(volume[t, j]):
                out[4, k, j] = volume[t, j] if math.isnan(out[4, k, j]) else out[4, k, j] + volume[t, j]


@kernel  # void(f8[:, ::1], i8[:, ::1], i8[::1], f8[:, ::1])
def placed(series: FloatArray, count: IntArray, calendar_of: IntArray, out: FloatArray) -> None:
    """``out[t, j]`` is the value of the last of the first ``count[t, calendar_of[j]]`` periods; NaN where there is none."""
    n_bars, n_symbols = out.shape
    for t in range(n_bars):
        for j in range(n_symbols):
            k = count[t, calendar_of[j]]
            out[t, j] = series[k - 1, j] if 0 < k <= series.shape[0] else np.nan
