"""How often which return: counts over equal bins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trading_system.metrics.base import as_series

if TYPE_CHECKING:
    from trading_system.types import FloatArray, IntArray

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
MOST = 60


def histogram(returns: FloatArray) -> tuple[FloatArray, IntArray]:
    """Edges of bins, shape (n_bins + 1,), and how many returns lie in each, shape (n_bins,).

    Bins have one round width (1, 2, 2.5 or 5 times a power of ten), an edge at 0, and hold every return; a value on an edge counts
    in the bin above it. The width is the smallest round one at or above Freedman and Diaconis's that needs at most 60 bins. No
    returns, no bins.
    """
    series = as_series(returns)
    if series.size == 0:
        return np.zeros(0), np.zeros(0, np.int64)
    low, high = min(float(series.min()), 0.0), max(float(series.max()), 0.0)
    upper, lower = np.quantile(series, (0.75, 0.25))
    width = _round_up(max(2.0 * float(upper - lower) / series.size ** (1.0 / 3.0), (high - low) / (MOST - 2), 1e-6))
    first, last = int(np.floor(low / width)), int(np.floor(high / width)) + 1
    place = np.clip(np.floor(series / width).astype(np.int64), first, last - 1) - first
    counts = np.bincount(place, minlength=last - first)
    return np.arange(first, last + 1, dtype=np.float64) * width, counts.astype(np.int64)


def _round_up(width: float) -> float:
    """The next round number at or above `width`."""
    power = 10.0 ** np.floor(np.log10(width))
    return float(next(step * power for step in STEPS if step * power >= width * (1.0 - 1e-12)))
