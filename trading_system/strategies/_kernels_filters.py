"""Kernels of the filters: how far a level lies from the close, on the rows at which a rule wants to enter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trading_system.kernels import kernel

if TYPE_CHECKING:
    from trading_system.types import FloatArray


@kernel  # void(f8[:, ::1] x 4, i8, i8, i8, f8[:, ::1])
def level_distance(
    close: FloatArray,
    highs: FloatArray,
    lows: FloatArray,
    side: FloatArray,
    n: int,
    ahead: int,
    latest: int,
    out: FloatArray,
) -> None:
    """Distance (above 0) from the close to a level confirmed on rows t-n+1 .. t; infinite where there is none.

    `ahead` 1: in the direction of the entry `side` (+1, -1), that is above the close of a long; else behind it. The level is
    the latest on that side when `latest` is 1, else the nearest. NaN on rows without an entry and before there are n rows.
    """
    n_bars, n_columns = close.shape
    for t in range(n_bars):
        for j in range(n_columns):
            out[t, j] = np.nan
            if side[t, j] == 0.0 or t < n - 1:
                continue
            up = (side[t, j] > 0.0) == (ahead == 1)
            best = np.inf
            for back in range(n):
                i = t - back
                gap = highs[i, j] - close[t, j] if up else close[t, j] - lows[i, j]
                if gap > 0.0 and gap < best:
                    best = gap
                    if latest == 1:
                        break
            out[t, j] = best


@kernel  # void(f8[:, ::1] x 5, i8, i8, f8, f8[:, ::1])
def node_distance(
    close: FloatArray,
    high: FloatArray,
    low: FloatArray,
    volume: FloatArray,
    side: FloatArray,
    n: int,
    bins: int,
    heavy: float,
    out: FloatArray,
) -> None:
    """Distance from the close to the nearest edge of a heavily traded price bin ahead of it; infinite where there is none.

    The range of rows t-n+1 .. t is cut into `bins`; each bar's volume falls into the bin of its (high + low + close) / 3; a
    bin is heavy from `heavy` times the mean volume of a bin on. NaN on rows without an entry and before there are n rows.
    """
    n_bars, n_columns = close.shape
    profile = np.zeros(bins)
    for t in range(n_bars):
        for j in range(n_columns):
            out[t, j] = np.nan
            if side[t, j] == 0.0 or t < n - 1:
                continue
            bottom = low[t, j]
            top = high[t, j]
            for i in range(t - n + 1, t):
                bottom = min(bottom, low[i, j])
                top = max(top, high[i, j])
            out[t, j] = np.inf
            width = (top - bottom) / bins
            if not width > 0.0:
                continue
            for b in range(bins):
                profile[b] = 0.0
            total = 0.0
            for i in range(t - n + 1, t + 1):
                price = (high[i, j] + low[i, j] + close[i, j]) / 3.0
                b = min(bins - 1, max(0, int((price - bottom) / width)))
                profile[b] += volume[i, j]
                total += volume[i, j]
            if not total > 0.0:
                continue
            for b in range(bins):
                if profile[b] * bins >= heavy * total:
                    lower = bottom + b * width
                    gap = lower - close[t, j] if side[t, j] > 0.0 else close[t, j] - (lower + width)
                    if gap > 0.0:
                        out[t, j] = min(out[t, j], gap)
