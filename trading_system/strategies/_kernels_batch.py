"""Kernels that decide many parameter sets of one rule at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.kernels import engine_helper, engine_kernel

if TYPE_CHECKING:
    from trading_system.types import BoolArray, FloatArray, IntArray

ALL_ABOVE = 0x0101010101010101  # eight bytes of 1
GROUP = 8  # averages whose running sums do not wait for each other


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


@engine_helper
def anchored(x: FloatArray, n: int, t: int) -> Any:
    """Sum over rows t-n+1 .. t of the distance to the first of them."""
    base, total = x[t - n + 1], 0.0
    for k in range(t - n + 1, t + 1):
        total += x[k] - base
    return total


@engine_kernel  # void(f8[::1], i8[::1], i8[::1], f8[:, ::1], f8[:, ::1])
def averages_of(x: FloatArray, windows: IntArray, following: IntArray, room: FloatArray, out: FloatArray) -> None:
    """Simple averages of one series over many windows, the bits of `indicators.mean`; GROUP of them run side by side.

    Parameters
    ----------
    x : float64[::1], shape (n_bars,), no NaN
    windows : int64[::1], shape (n_windows,), rising, at least 1
    following, room : int64[::1] (GROUP,), float64[:, ::1] (3, GROUP)
        Room: the row at which each running sum is built anew; the sums, what they are taken from, and 1 / window.
    out : float64[:, ::1], shape (n_windows, n_bars), written
    """
    n_bars = x.size
    totals, bases, shares = room[0], room[1], room[2]
    for first in range(0, windows.size, GROUP):
        width, active, row = min(GROUP, windows.size - first), 0, n_bars
        for j in range(width):
            following[j] = windows[first + j] - 1
            row = min(row, following[j])
            for t in range(min(following[j], n_bars)):
                out[first + j, t] = np.nan
        while row < n_bars:
            stop = n_bars
            for j in range(width):
                n = windows[first + j]
                if following[j] == row:
                    step = max(512, 8 * n)
                    totals[j], bases[j], shares[j] = anchored(x, n, row), x[row - n + 1], 1.0 / n
                    following[j] = (row // step + 1) * step
                    active = max(active, j + 1)
                elif j < active:
                    totals[j] += x[row] - x[row - n]
                if j < active:
                    out[first + j, row] = bases[j] + totals[j] * shares[j]
                stop = min(stop, following[j])
            for t in range(row + 1, stop):
                now = x[t]
                for j in range(active):
                    totals[j] += now - x[t - windows[first + j]]
                    out[first + j, t] = bases[j] + totals[j] * shares[j]
            row = stop
