"""One pass over a long equity curve: every sum that its metrics need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trading_system.kernels import engine_helper, engine_kernel
from trading_system.metrics._layout import (
    ACTIVE2,
    ACTIVE_LEAST,
    ACTIVE_MOST,
    BLOCK,
    CHUNK,
    GAIN,
    LANES,
    LEAST,
    LEVEL,
    LONGEST,
    LOSS,
    MOST,
    N_DOWN,
    N_UP,
    PEAK,
    PEAK_AT,
    PRODUCT,
    RECOVERY,
    SHORTFALL,
    SQUARES,
    SUM,
    SUM2,
    SUM3,
    SUM4,
    TROUGH,
    UNDER,
    WORST,
)

if TYPE_CHECKING:
    from trading_system.types import FloatArray, IntArray


@engine_helper
def add_moves(moves: FloatArray, width: int, mar: float, sums: FloatArray) -> None:
    """Add ``moves[:width]`` to the partial sums, which lie BLOCK apart in one flat array so that the loops vectorise."""
    for k in range(width):
        r = moves[k]
        square = r * r
        sums[SUM + k] += r
        sums[SUM2 + k] += square
        sums[SUM3 + k] += square * r
        sums[SUM4 + k] += square * square
    for k in range(width):
        r = moves[k]
        short = r - mar
        short = min(0.0, short)
        sums[GAIN + k] += max(0.0, r)
        sums[LOSS + k] += min(0.0, r)
        sums[SHORTFALL + k] += short * short
    for k in range(width):
        r = moves[k]
        sums[N_UP + k] += 1.0 if r > 0.0 else 0.0
        sums[N_DOWN + k] += 1.0 if r < 0.0 else 0.0
        sums[LEAST + k] = min(sums[LEAST + k], r)
        sums[MOST + k] = max(sums[MOST + k], r)


@engine_helper
def copy_tails(
    moves: FloatArray, width: int, low: float, high: float, below: FloatArray, above: FloatArray, found: IntArray
) -> None:
    """Append the returns at or below `low` to `below` and those at or above `high` to `above`; `found` counts them."""
    n_below, n_above = found[0], found[1]
    for k in range(width):
        r = moves[k]
        below[n_below] = r
        n_below += r <= low
        above[n_above] = r
        n_above += r >= high
    found[0], found[1] = n_below, n_above


@engine_helper
def returns_of(levels: FloatArray, width: int, previous: float, moves: FloatArray) -> None:
    """Returns of ``levels[:width]`` into `moves`; `previous` is the level before them."""
    moves[0] = levels[0] / previous - 1.0
    for k in range(1, width):
        moves[k] = levels[k] / levels[k - 1] - 1.0


@engine_helper
def add_levels(levels: FloatArray, width: int, at: int, falls: FloatArray) -> None:
    """Follow the drawdown over ``levels[:width]`` in order; the first of them has index `at`."""
    for k in range(width):
        level, peak = levels[k], falls[LEVEL]
        if level >= peak:
            if falls[PEAK] == falls[PEAK_AT] and falls[RECOVERY] < 0.0:
                falls[RECOVERY] = at + k
            gap = at + k - falls[PEAK_AT]
            if gap > 1.0 and gap > falls[LONGEST]:
                falls[LONGEST] = gap
            falls[LEVEL] = level
            falls[PEAK_AT] = at + k
        else:
            depth = level / peak - 1.0
            falls[UNDER] += 1.0
            falls[SQUARES] += depth * depth
            if depth < falls[WORST]:
                falls[WORST] = depth
                falls[PEAK] = falls[PEAK_AT]
                falls[TROUGH] = at + k
                falls[RECOVERY] = -1.0


@engine_helper
def fold(lanes: FloatArray, step: int) -> None:
    """Halve the lanes of highest and lowest levels."""
    for k in range(step):
        high, low = lanes[k + step], lanes[LANES + k + step]
        lanes[k] = max(lanes[k], high)
        lanes[LANES + k] = min(lanes[LANES + k], low)


@engine_helper
def add_chunk(levels: FloatArray, at: int, lanes: FloatArray, falls: FloatArray) -> None:
    """The same for CHUNK `levels`; at once where all of them lie below the peak, squares then go to the third row of `lanes`."""
    for k in range(LANES):
        lanes[k] = levels[k]
        lanes[LANES + k] = levels[k]
    for j in range(LANES, CHUNK, LANES):
        for k in range(LANES):
            level = levels[j + k]
            lanes[k] = max(lanes[k], level)
            lanes[LANES + k] = min(lanes[LANES + k], level)
    fold(lanes, 8)
    fold(lanes, 4)
    fold(lanes, 2)
    fold(lanes, 1)
    peak, lowest = falls[LEVEL], lanes[LANES]
    if lanes[0] >= peak:
        add_levels(levels, CHUNK, at, falls)
        return
    inverse = 1.0 / peak
    for j in range(0, CHUNK, LANES):
        for k in range(LANES):
            depth = levels[j + k] * inverse - 1.0
            lanes[2 * LANES + k] += depth * depth
    falls[UNDER] += CHUNK
    depth = lowest / peak - 1.0
    if depth < falls[WORST]:
        falls[WORST] = depth
        falls[PEAK] = falls[PEAK_AT]
        falls[RECOVERY] = -1.0
        for k in range(CHUNK):
            if levels[k] == lowest:
                falls[TROUGH] = at + k
                break


@engine_kernel
def curve_sums(
    equity: FloatArray,
    start: float,
    mar: float,
    low: float,
    high: float,
    moves: FloatArray,
    lanes: FloatArray,
    sums: FloatArray,
    falls: FloatArray,
    below: FloatArray,
    above: FloatArray,
    found: IntArray,
) -> None:
    """Sums over the returns of a curve, its drawdowns, and the returns in both tails, in one pass.

    Parameters
    ----------
    equity : float64[::1], shape (n,)
        Levels V_1..V_n, quote currency, above 0, no NaN.
    start : float64
        V_0, above 0.
    mar : float64
        Minimum acceptable return of one period, a fraction.
    low, high : float64
        Returns at or below `low`, and at or above `high`, are copied out.
    moves, lanes : float64[::1] (BLOCK,), float64[::1] (4 * LANES,)
        Scratch.
    sums : float64[::1], shape (N_SUMS * BLOCK,)
        BLOCK partial sums each of r, r^2, r^3, r^4, gains, losses, min(r - mar, 0)^2, numbers of gains and losses; least and largest r.
    falls : float64[::1], shape (N_FALLS,)
        Present peak and its index; deepest drawdown with the indices of its peak, trough and recovery (-1: none) on V_0..V_n;
        longest recovered fall in periods, periods under water, sum of squared drawdowns.
    below, above : float64[::1], shape (n + 1,)
        The tails in time order.
    found : int64[::1], shape (2,)
        How many returns each tail has. Every row is read, in order.
    """
    n = equity.size
    sums[:] = 0.0
    for k in range(BLOCK):
        sums[LEAST + k] = np.inf
        sums[MOST + k] = -np.inf
    falls[:] = 0.0
    falls[LEVEL] = start
    falls[PEAK] = falls[TROUGH] = falls[RECOVERY] = -1.0
    found[:] = 0
    lanes[:] = 0.0
    previous = start
    for at in range(0, n, BLOCK):
        levels = equity[
            at : at + BLOCK
        ]  # an index that cannot be negative is what lets the loops vectorise, and a constant width
        if levels.size == BLOCK:
            returns_of(levels, BLOCK, previous, moves)
            copy_tails(moves, BLOCK, low, high, below, above, found)
            add_moves(moves, BLOCK, mar, sums)
            for chunk in range(0, BLOCK, CHUNK):
                add_chunk(levels[chunk : chunk + CHUNK], at + chunk + 1, lanes, falls)
        else:
            returns_of(levels, levels.size, previous, moves)
            copy_tails(moves, levels.size, low, high, below, above, found)
            add_moves(moves, levels.size, mar, sums)
            add_levels(levels, levels.size, at + 1, falls)
        previous = levels[levels.size - 1]
    for k in range(LANES):
        falls[SQUARES] += lanes[2 * LANES + k]


@engine_helper
def add_pairs(moves: FloatArray, market: FloatArray, width: int, sums: FloatArray) -> None:
    """Add products and differences of ``moves[:width]`` and ``market[:width]`` to the partial sums."""
    for k in range(width):
        r, b = moves[k], market[k]
        active = r - b
        sums[PRODUCT + k] += r * b
        sums[ACTIVE2 + k] += active * active
        sums[ACTIVE_LEAST + k] = min(sums[ACTIVE_LEAST + k], active)
        sums[ACTIVE_MOST + k] = max(sums[ACTIVE_MOST + k], active)


@engine_helper
def multiply(moves: FloatArray, market: FloatArray, width: int, lanes: FloatArray) -> None:
    """Multiply growth of run and benchmark into `lanes`, apart where the benchmark rose and where it fell."""
    for k in range(width):
        b = market[k]
        run, other = 1.0 + moves[k], 1.0 + b
        lanes[k] *= run if b > 0.0 else 1.0
        lanes[LANES + k] *= other if b > 0.0 else 1.0
        lanes[2 * LANES + k] *= run if b < 0.0 else 1.0
        lanes[3 * LANES + k] *= other if b < 0.0 else 1.0


@engine_helper
def add_growth(moves: FloatArray, market: FloatArray, width: int, lanes: FloatArray, growth: FloatArray) -> None:
    """Add ln(1 + r) and ln(1 + b) of ``moves[:width]``, ``market[:width]`` to `growth`, by four logarithms in all."""
    lanes[:] = 1.0
    whole = width - width % LANES
    for at in range(0, whole, LANES):
        multiply(moves[at : at + LANES], market[at : at + LANES], LANES, lanes)
    multiply(moves[whole:width], market[whole:width], width - whole, lanes)
    for which in range(4):
        product = 1.0
        for k in range(LANES):
            product *= lanes[which * LANES + k]
        growth[which] += np.log(product)


@engine_kernel
def pair_sums(
    equity: FloatArray,
    start: float,
    closes: FloatArray,
    base: float,
    moves: FloatArray,
    market: FloatArray,
    lanes: FloatArray,
    sums: FloatArray,
    growth: FloatArray,
) -> None:
    """Sums over the returns of a curve beside those of its benchmark, in one pass.

    Parameters
    ----------
    equity, closes : float64[::1], shape (n,)
        Levels of the run and of its benchmark, above 0, no NaN.
    start, base : float64
        The levels before them, above 0.
    moves, market, lanes : float64[::1] (BLOCK,), float64[::1] (BLOCK,), float64[::1] (4 * LANES,)
        Scratch.
    sums : float64[::1], shape (N_PAIR_SUMS * BLOCK,)
        BLOCK partial sums each of r b, (r - b)^2; least and largest r - b.
    growth : float64[::1], shape (4,)
        Sums of ln(1 + r) and of ln(1 + b) over the periods with b above 0, and over those with b below 0. Not finite when the
        returns of one block multiply beyond what a float64 holds.
    """
    n = equity.size
    sums[:] = 0.0
    for k in range(BLOCK):
        sums[ACTIVE_LEAST + k] = np.inf
        sums[ACTIVE_MOST + k] = -np.inf
    growth[:] = 0.0
    before, other = start, base
    for at in range(0, n, BLOCK):
        levels, others = equity[at : at + BLOCK], closes[at : at + BLOCK]
        if levels.size == BLOCK:
            returns_of(levels, BLOCK, before, moves)
            returns_of(others, BLOCK, other, market)
            add_pairs(moves, market, BLOCK, sums)
        else:
            returns_of(levels, levels.size, before, moves)
            returns_of(others, levels.size, other, market)
            add_pairs(moves, market, levels.size, sums)
        add_growth(moves, market, levels.size, lanes, growth)
        before, other = levels[levels.size - 1], others[levels.size - 1]


@engine_helper
def add_exposure(gross: FloatArray, net: FloatArray, width: int, sums: FloatArray) -> None:
    """Add ``gross[:width]`` and ``net[:width]``."""
    for k in range(width):
        sums[k] += gross[k]
        sums[BLOCK + k] += net[k]
    for k in range(width):
        g = gross[k]
        sums[2 * BLOCK + k] = max(sums[2 * BLOCK + k], g)
        sums[3 * BLOCK + k] += 1.0 if g != 0.0 else 0.0


@engine_kernel
def exposure_sums(gross: FloatArray, net: FloatArray, sums: FloatArray) -> None:
    """Sums of gross and net exposure, largest gross, number of bars with any, one per row of BLOCK partial figures.

    Parameters
    ----------
    gross, net : float64[::1], shape (n,)
        Fractions of equity at each close, no NaN.
    sums : float64[::1], shape (4 * BLOCK,)
        What was found, in that order.
    """
    n = gross.size
    sums[:] = 0.0
    for at in range(0, n - n % BLOCK, BLOCK):
        add_exposure(gross[at : at + BLOCK], net[at : at + BLOCK], BLOCK, sums)
    whole = n - n % BLOCK
    add_exposure(gross[whole:], net[whole:], n - whole, sums)
