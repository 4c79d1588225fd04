"""Kernels that decide many parameter sets of one rule at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trading_system.kernels import engine_kernel

if TYPE_CHECKING:
    from trading_system.types import BoolArray, FloatArray, IntArray

ALL_ABOVE = 0x0101010101010101  # eight bytes of 1


@engine_kernel  # i8(f8[:, ::1], i8[::1], i8[::1], b1[::1], i8[::1], i8[::1], i8[::1], f8[::1])
def crossing_rows(
    averages: FloatArray,
    fast: IntArray,
    slow: IntArray,
    above: BoolArray,
    words: IntArray,
    starts: IntArray,
    rows: IntArray,
    weights: FloatArray,
) -> Any:
    """Rows at which one average rises above another (weight 1) or falls back (0), for many pairs; the bits of `crossings`.

    Parameters
    ----------
    averages : float64[:, ::1], shape (n_averages, n_bars)
        NaN until a window is full, never behind that.
    fast, slow : int64[::1], shape (n_pairs,)
        Rows of `averages` that are compared.
    above : bool[::1], shape (n_bars rounded up to eights,), False at the end
        Room; `words`, int64[::1], is the same memory, eight rows in a number.
    starts : int64[::1], shape (n_pairs + 1,), written
        Where each pair begins in `rows` and `weights`.

    Returns
    -------
    int64
        Number of rows found; more than fit into `rows` when there was too little room: then nothing of use was written.
    """
    found, room, n_bars = 0, rows.size, averages.shape[1]
    starts[0] = 0
    for p in range(fast.size):
        one, other = averages[fast[p]], averages[slow[p]]
        for t in range(n_bars):
            above[t] = one[t] > other[t]
        last = False
        for k in range(words.size):
            if words[k] == (ALL_ABOVE if last else 0):
                continue
            for t in range(8 * k, min(8 * k + 8, n_bars)):
                if above[t] != last:
                    last = above[t]
                    if found < room:
                        rows[found] = t
                        weights[found] = 1.0 if last else 0.0
                    found += 1
        starts[p + 1] = found
    return found
