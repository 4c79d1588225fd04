"""Kernels of the strategies: row t of every output reads rows up to t only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trading_system.indicators._kernels import FEW
from trading_system.kernels import kernel

if TYPE_CHECKING:
    from trading_system.types import FloatArray


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
        resumed += int(np.isnan(target[e - n_lines]) & (not np.isnan(target[e])))
    e = n_lines
    while resumed > 0:
        if np.isnan(target[e - n_lines]) and not np.isnan(target[e]):
            resumed -= 1
            back = e - n_lines
            while back >= 0 and np.isnan(target[back]):
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
                fast[t, j] = np.nan if np.isnan(fast[t, j] + slow[t, j]) else value
        return
    for t in range(n_bars):
        for j in range(n_lines):
            value = share[t] if fast[t, j] > slow[t, j] else 0.0
            fast[t, j] = np.nan if np.isnan(fast[t, j] + slow[t, j]) else value
