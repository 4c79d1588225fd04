"""Kernels of the bootstrap: blocks drawn from one 64-bit key per resample, and statistics of resamples made of blocks.

A resample is a list of blocks: `length` consecutive observations from `start` on, around the end of the series. A kernel
works on a chunk of resamples and writes rows of its own, so that chunks may run on threads in any order.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.kernels import engine_helper, engine_kernel

if TYPE_CHECKING:
    from trading_system.types import FloatArray, Int32Array

STATIONARY, CIRCULAR, MOVING = 0, 1, 2
LANES = 32  # columns of a tile: ten years of daily running sums of them stay in the second cache
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
U11, U27, U30, U31, U32 = np.uint64(11), np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)
TINY = 2.0**-53


@engine_helper
def scrambled(state: Any) -> Any:
    """The 64 bits of splitmix64 at `state`; every bit depends on every bit, the highest are used first."""
    z = (state ^ (state >> U30)) * MIX_1
    z = (z ^ (z >> U27)) * MIX_2
    return z ^ (z >> U31)


@engine_helper
def below(bits: Any, n: int) -> int:
    """A number from 0 to n - 1 (n < 2^31) from the upper 32 bits; unequal by less than n / 2^32."""
    return int(np.int64(((bits >> U32) * np.uint64(n)) >> U32))


@engine_helper
def uniform(bits: Any) -> float:
    """A number in (0, 1) from the upper 53 bits."""
    return (float(np.int64(bits >> U11)) + 0.5) * TINY


@engine_kernel  # i8(i8, u8[::1], i8, f8, i4[:, ::1], i4[:, ::1], i4[::1])
def draw_blocks(
    kind: int, keys: Any, n: int, block: float, starts: Int32Array, lengths: Int32Array, counts: Int32Array
) -> int:
    """Blocks of one resample of n observations per key; the last is cut short.

    Parameters
    ----------
    kind : int64
        STATIONARY (geometric lengths of mean `block`), CIRCULAR or MOVING (whole `block`, starts that need no wrap).
    keys : uint64[::1], shape (n_resamples,)
    starts, lengths : int32[:, ::1], shape (n_resamples, room), written
    counts : int32[::1], shape (n_resamples,), written
        Blocks of each resample.

    Returns
    -------
    int64
        Resamples that needed more than `room` blocks: none, or everything is to be drawn again with more room.
    """
    room, short = starts.shape[1], 0
    scale = 1.0 / math.log1p(-1.0 / block) if kind == STATIONARY and block > 1.0 else 0.0
    places = n - int(block) + 1 if kind == MOVING else n
    for b in range(keys.size):
        state, left, m = keys[b], n, 0
        while left > 0 and m < room:
            state = state + GOLDEN
            start = below(scrambled(state), places)
            length = int(block)
            if kind == STATIONARY:
                length = 1
                if scale != 0.0:
                    state = state + GOLDEN
                    steps = math.log(uniform(scrambled(state))) * scale
                    length = left if steps >= left else 1 + int(steps)
            length = min(length, left)
            starts[b, m], lengths[b, m] = start, length
            left -= length
            m += 1
        counts[b] = m
        short += 1 if left > 0 else 0
    return short


@engine_kernel  # void(i4[:, ::1], i4[:, ::1], i4[::1], i8, i4[:, ::1])
def expand_blocks(starts: Int32Array, lengths: Int32Array, counts: Int32Array, n: int, out: Int32Array) -> None:
    """Positions of each resample, shape (n_resamples, n)."""
    for b in range(counts.size):
        row = 0
        for m in range(counts[b]):
            at = int(starts[b, m])
            for _ in range(lengths[b, m]):
                out[b, row] = at
                row += 1
                at = at + 1 if at + 1 < n else 0


@engine_kernel  # void(f8[::1], f8[:, ::1], i8, i4[:, ::1], i4[:, ::1], i4[::1], f8[:, ::1])
def resampled_performance(
    growth: FloatArray,
    running: FloatArray,
    n: int,
    starts: Int32Array,
    lengths: Int32Array,
    counts: Int32Array,
    out: FloatArray,
) -> None:
    """Mean, deviation, growth and deepest drawdown of every resample.

    Sums over a block are differences of running sums; only the drawdown walks its bars.

    Parameters
    ----------
    growth : float64[::1], shape (2 n,)
        1 + r, not below 0, twice in a row.
    running : float64[:, ::1], shape (2 n + 1, 3)
        Running sums of d = r - mean(r), of d^2, and the number of times that r changed up to there.
    out : float64[:, ::1], shape (n_resamples, 4), written
        Mean of d, standard deviation (ddof 1; exactly 0 when r never varies, NaN for n = 1), V_n, min V / peak - 1.
    """
    for b in range(counts.size):
        total, squares, value, peak, worst = 0.0, 0.0, 1.0, 1.0, 1.0
        first = growth[starts[b, 0]]
        constant = True
        for m in range(counts[b]):
            k0 = int(starts[b, m])
            k1 = k0 + int(lengths[b, m])
            total += running[k1, 0] - running[k0, 0]
            squares += running[k1, 1] - running[k0, 1]
            constant = constant and running[k1 - 1, 2] == running[k0, 2] and growth[k0] == first
            for k in range(k0, k1):
                value *= growth[k]
                if value > peak:
                    peak = value
                elif value < worst * peak:
                    worst = value / peak
        mean = total / n
        spread = (squares - n * mean * mean) / (n - 1.0) if n > 1 else math.nan
        out[b, 0] = mean
        out[b, 1] = 0.0 if constant and n > 1 else math.sqrt(max(spread, 0.0)) if n > 1 else math.nan
        out[b, 2] = value
        out[b, 3] = worst - 1.0


@engine_kernel  # void(f8[:, :, ::1], i4[:, ::1], i4[:, ::1], i4[::1], f8[::1], f8[:, ::1])
def resampled_sums(
    tiles: FloatArray, starts: Int32Array, lengths: Int32Array, counts: Int32Array, total: FloatArray, out: FloatArray
) -> None:
    """Sums of many columns over every resample.

    Parameters
    ----------
    tiles : float64[:, :, ::1], shape (n_tiles, n + 1, LANES)
        Running sums of LANES columns each, from 0 to 0: a block that runs around the end needs no second difference.
    total : float64[::1], shape (LANES,)
        Room for the sums of one resample.
    out : float64[:, ::1], shape (n_resamples, n_tiles * LANES), written
    """
    n, width = np.uint64(tiles.shape[1] - 1), tiles.shape[2]
    for tile in range(tiles.shape[0]):
        for b in range(counts.size):
            for j in range(width):
                total[j] = 0.0
            m, count = 0, int(counts[b])
            while m + 1 < count:  # two blocks at once: the sums are loaded and stored half as often
                a0, b0 = np.uint64(starts[b, m]), np.uint64(starts[b, m + 1])
                a1, b1 = a0 + np.uint64(lengths[b, m]), b0 + np.uint64(lengths[b, m + 1])
                if a1 > n:
                    a1 -= n
                if b1 > n:
                    b1 -= n
                for j in range(width):
                    total[j] += (tiles[tile, a1, j] - tiles[tile, a0, j]) + (tiles[tile, b1, j] - tiles[tile, b0, j])
                m += 2
            if m < count:
                a0 = np.uint64(starts[b, m])
                a1 = a0 + np.uint64(lengths[b, m])
                if a1 > n:
                    a1 -= n
                for j in range(width):
                    total[j] += tiles[tile, a1, j] - tiles[tile, a0, j]
            for j in range(width):
                out[b, tile * width + j] = total[j]


@engine_kernel  # void(f8[:, ::1], f8, f8[:, ::1], f8[::1])
def stationary_variances(centred: FloatArray, keep: float, work: FloatArray, out: FloatArray) -> None:
    """n times the variance of the mean under the stationary bootstrap, exactly, in one pass over the columns.

    The sum over lags i of (1 - i/n) q^i times the circular autocovariance is a sum of x_t times two filters of the past,
    S_t = sum q^i x_{t-i} and R_t = sum i q^i x_{t-i}, i = 1..n-1, around the end; each follows from the one before.

    Parameters
    ----------
    centred : float64[:, ::1], shape (n, n_columns)
        Each column minus its mean.
    keep : float64
        q = 1 - 1/block.
    work : float64[:, ::1], shape (2, n_columns), zeros
        S and R of the current row.
    out : float64[::1], shape (n_columns,), zeros, written
    """
    n, width = centred.shape
    weight = 1.0
    for i in range(1, n):
        weight *= keep
        if weight == 0.0:
            break
        for j in range(width):
            work[0, j] += weight * centred[n - i, j]
            work[1, j] += i * weight * centred[n - i, j]
    last = weight if n > 1 else 1.0  # q^(n-1), or 0 once it has vanished
    for t in range(n):
        for j in range(width):
            x = centred[t, j]
            oldest = centred[t + 1 if t + 1 < n else 0, j]
            past, aged = work[0, j], work[1, j]
            out[j] += x * (x + 2.0 * (past - aged / n))
            work[0, j] = keep * (x + past - last * oldest)
            work[1, j] = keep * (aged + past + x - n * last * oldest)
    for j in range(width):
        out[j] /= n
