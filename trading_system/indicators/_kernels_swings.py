"""Kernel of swing points; see `trading_system.indicators.swings`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trading_system.indicators._kernels import FEW
from trading_system.kernels import kernel

if TYPE_CHECKING:
    from trading_system.types import FloatArray


@kernel  # void(f8[:, ::1], i8, f8, f8[:, ::1])
def swings(x: FloatArray, k: int, sign: float, out: FloatArray) -> None:
    """``x[t - k]`` where it is above (sign -1: below) the k rows before it and not below (above) the k after it; else NaN.

    Row t reads rows t - 2k .. t. Of equal extremes the first one is the swing.
    """
    n_bars, n_columns = x.shape
    if n_columns < FEW:
        for j in range(n_columns):
            for t in range(n_bars):
                out[t, j] = np.nan
                if t < 2 * k:
                    continue
                value = sign * x[t - k, j]
                i = 1
                while i <= k and value > sign * x[t - k - i, j] and value >= sign * x[t - k + i, j]:
                    i += 1
                if i > k:
                    out[t, j] = x[t - k, j]
        return
    for t in range(n_bars):
        if t < 2 * k:
            for j in range(n_columns):
                out[t, j] = np.nan
            continue
        for j in range(n_columns):
            out[t, j] = x[t - k, j]
        for i in range(1, k + 1):
            for j in range(n_columns):
                value = sign * x[t - k, j]
                above = (value > sign * x[t - k - i, j]) & (value >= sign * x[t - k + i, j])
                out[t, j] = out[t, j] if above else np.nan
