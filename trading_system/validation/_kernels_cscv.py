"""Kernel of combinatorially symmetric cross-validation: Sharpe ratios of many trials on many halves of the data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trading_system.kernels import engine_kernel

if TYPE_CHECKING:
    from trading_system.types import FloatArray, IntArray


@engine_kernel  # void(f8[:, ::1], f8[:, ::1], f8[::1], i8[:, ::1], i8, f8[::1], f8[:, ::1])
def half_sharpes(
    sums: FloatArray, squares: FloatArray, means: FloatArray, halves: IntArray, length: int, work: FloatArray, out: FloatArray
) -> None:
    """Mean over standard deviation (ddof 1) of every column on every half.

    Parameters
    ----------
    sums, squares : float64[:, ::1], shape (n_blocks, n_columns)
        Sum and sum of squares of each block of each centred column.
    means : float64[::1], shape (n_columns,)
        What was subtracted.
    halves : int64[:, ::1], shape (n_halves, n_blocks / 2)
        Blocks of each half.
    length : int64
        Rows of a block.
    work : float64[::1], shape (n_columns,)
        Room for sums of squares.
    out : float64[:, ::1], shape (n_halves, n_columns), written
        NaN or infinite where a column hardly varies: the caller knows those that do not vary at all.
    """
    width, taken = means.size, halves.shape[1]
    n = float(length * taken)
    for c in range(halves.shape[0]):
        for j in range(width):
            out[c, j] = 0.0
            work[j] = 0.0
        for k in range(taken):
            block = halves[c, k]
            for j in range(width):
                out[c, j] += sums[block, j]
                work[j] += squares[block, j]
        for j in range(width):
            mean = out[c, j] / n
            spread = (work[j] - n * mean * mean) / (n - 1.0)
            out[c, j] = (mean + means[j]) / math.sqrt(max(spread, 0.0))
