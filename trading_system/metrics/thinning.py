"""Long series for drawing: of each stretch the first, lowest, highest and last value, so that no extreme is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from trading_system.types import FloatArray, IntArray

KEPT = 4  # points of a stretch


def step_for(n: int, points: int) -> int:
    """Rows per stretch with which `n` rows need at most `points` points; 1 where every row is one."""
    if n <= points:
        return 1
    return max(-(-n // max(points // KEPT, 1)), KEPT)


def rows_of(n: int, step: int) -> IntArray:
    """Row at which each point is drawn: every row, or four of each stretch: its first, two between, its last."""
    if step == 1:
        return np.arange(n)
    places = np.array([0, step // 3, 2 * step // 3, step - 1])
    rows: IntArray = (np.arange(0, n, step)[:, None] + places).reshape(-1)
    return np.minimum(rows, max(n - 1, 0))


def thinned(values: FloatArray, step: int) -> FloatArray:
    """First value, lowest and highest in the order in which they occur, and last value of each stretch of `step` rows.

    Shape (n,) gives the shape of `rows_of`; with a step of 1 the values as they are. NaN is passed over by lowest and
    highest, and stands where a stretch has nothing else.
    """
    if step == 1:
        return values
    n = values.size
    padded = np.full(-(-n // step) * step, np.nan)
    padded[:n] = values
    table = padded.reshape(-1, step)
    missing = np.isnan(table)
    low = np.argmin(np.where(missing, np.inf, table), axis=1)
    high = np.argmax(np.where(missing, -np.inf, table), axis=1)
    row = np.arange(table.shape[0])
    out = np.empty((table.shape[0], KEPT))
    out[:, 0], out[:, 3] = table[:, 0], table[:, -1]
    out[:, 1], out[:, 2] = table[row, np.minimum(low, high)], table[row, np.maximum(low, high)]
    flat = out.reshape(-1)
    if n:
        flat[-1] = values[-1]
    return flat
