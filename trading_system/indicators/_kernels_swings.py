"""Kernel of swing points; see `trading_system.indicators.swings`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trading_system.kernels import kernel

if TYPE_CHECKING:
    from trading_system.types import FloatArray


@kernel  # void(f8[:, ::1], i8, f8, f8[:, ::1])
def swings(x: FloatArray, k: int, sign: float, out: FloatArray) -> None:
    """``x[t - k]`` where it is above (sign -1: below) the k rows before it and not below (above) the k after it; else NaN.

    Row t reads rows t - 2k .. t. Of equal extremes the first one is the swing.
    """
    n_bars, n_columns = x.shape
    for t in range(n_bars):
        for j in range(n_columns):
            out[t, j] = np.nan
            if t < 2 * k:
                continue
            value = sign * x[t - k, j]
            found = True
            for i in range(1, k + 1):
                if not (value > sign * x[t - k - i, j] and value >= sign * x[t - k + i, j]):
                    found = False
                    break
            if found:
                out[t, j] = x[t - k, j]
