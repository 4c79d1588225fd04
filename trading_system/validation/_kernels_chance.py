"""Kernels of randomised worlds: signs, pairings, runs, orders of trades and permuted bars.

Draws follow from one 64-bit key per replicate; a kernel works on a chunk of keys and writes rows of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.kernels import engine_helper, engine_kernel
from trading_system.validation._kernels import GOLDEN, below, scrambled

if TYPE_CHECKING:
    from trading_system.types import FloatArray, Int32Array, IntArray

ONE = np.uint64(1)


@engine_helper
def shuffle(state: Any, places: IntArray, first: int, stop: int) -> Any:
    """Fisher and Yates on ``places[first:stop]``; the state after it."""
    for i in range(stop - 1, first, -1):
        state = state + GOLDEN
        j = first + below(scrambled(state), i - first + 1)
        places[i], places[j] = places[j], places[i]
    return state


@engine_kernel  # void(f8[::1], u8[::1], f8[::1])
def flipped_means(values: FloatArray, keys: Any, out: FloatArray) -> None:
    """Mean of `values` under random signs; 64 signs a draw, lowest bit first, 1 is minus."""
    n = values.size
    for b in range(keys.size):
        state, bits, total = keys[b], np.uint64(0), 0.0
        for t in range(n):
            if t % 64 == 0:
                state = state + GOLDEN
                bits = scrambled(state)
            total += values[t] * (1.0 - 2.0 * float(np.int64(bits & ONE)))
            bits = bits >> ONE
        out[b] = total / n


@engine_kernel  # void(f8[::1], f8[::1], u8[::1], i8[::1], f8[::1])
def paired_means(positions: FloatArray, market: FloatArray, keys: Any, places: IntArray, out: FloatArray) -> None:
    """Mean of positions times a shuffled market; `places` is room for n whole numbers."""
    n = positions.size
    for b in range(keys.size):
        for t in range(n):
            places[t] = t
        shuffle(keys[b], places, 0, n)
        total = 0.0
        for t in range(n):
            total += positions[t] * market[places[t]]
        out[b] = total / n


@engine_kernel  # void(f8[::1], f8[::1], i8[::1], i8[::1], i8[::1], u8[::1], i8[::1], f8[::1])
def run_means(
    positions: FloatArray,
    market: FloatArray,
    starts: IntArray,
    classes: IntArray,
    slots: IntArray,
    keys: Any,
    places: IntArray,
    out: FloatArray,
) -> None:
    """Mean of shuffled runs of positions times the market.

    Parameters
    ----------
    starts : int64[::1], shape (n_runs + 1,)
        First bar of each run, and n.
    classes : int64[::1], shape (4,)
        Bounds of the three classes of runs (short, out, long) in `slots`.
    slots : int64[::1], shape (n_runs,)
        Runs by class, each class in time order; the order of classes in time never changes.
    places : int64[::1], shape (2 n_runs,)
        Room: the runs as shuffled by class, then the run that comes at each place.
    """
    n_runs = slots.size
    for b in range(keys.size):
        state = keys[b]
        for k in range(n_runs):
            places[k] = slots[k]
        for c in range(3):
            state = shuffle(state, places, classes[c], classes[c + 1])
        for k in range(n_runs):
            places[n_runs + slots[k]] = places[k]
        total, t = 0.0, 0
        for k in range(n_runs):
            run = places[n_runs + k]
            for i in range(starts[run], starts[run + 1]):
                total += positions[i] * market[t]
                t += 1
        out[b] = total / positions.size


@engine_kernel  # void(f8[::1], f8, i8, i8, u8[::1], i8[::1], f8[:, ::1])
def trade_orders(
    pnl: FloatArray, equity: float, block: int, replace: int, keys: Any, places: IntArray, out: FloatArray
) -> None:
    """Depth of drawdown and length of losing runs of trades in another order.

    Parameters
    ----------
    pnl : float64[::1], shape (n_trades,)
    equity : float64
        Before the first trade.
    block : int64
        Trades that stay together.
    replace : int64
        1: blocks are drawn with replacement, around the end; 0: shuffled.
    places : int64[::1], shape (n_blocks,)
        Room.
    out : float64[:, ::1], shape (n_keys, 5), written
        Drawdown in money (>= 0), drawdown of equity that compounds pnl / `equity` (<= 0), longest run of losses, final
        equity in money, final growth compounded.
    """
    n, n_blocks = pnl.size, places.size
    for b in range(keys.size):
        state = keys[b]
        for k in range(n_blocks):
            places[k] = k * block
            if replace == 1:
                state = state + GOLDEN
                places[k] = below(scrambled(state), n)
        if replace == 0:
            state = shuffle(state, places, 0, n_blocks)
        money, top, fall = 0.0, 0.0, 0.0
        value, peak, worst = 1.0, 1.0, 0.0
        losses, longest, done = 0, 0, 0
        for k in range(n_blocks):
            for i in range(block):
                at = places[k] + i
                if done == n or (replace == 0 and at >= n):
                    break
                gain = pnl[at if at < n else at % n]
                done += 1
                money += gain
                top = max(top, money)
                fall = max(fall, top - money)
                value = max(value * (1.0 + gain / equity), 0.0)
                peak = max(peak, value)
                worst = min(worst, value / peak - 1.0)
                losses = losses + 1 if gain < 0.0 else 0
                longest = max(longest, losses)
        out[b, 0], out[b, 1], out[b, 2] = fall, worst, float(longest)
        out[b, 3], out[b, 4] = equity + money, value


@engine_kernel  # void(f8[:, ::1], i4[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8, i8[::1], f8[:, ::1])
def permuted_bars(
    moves: FloatArray,
    rows: Int32Array,
    bounds: IntArray,
    anchors: IntArray,
    gap_order: IntArray,
    body_order: IntArray,
    open_to_open: int,
    work: IntArray,
    bars: FloatArray,
) -> None:
    """Bars of every symbol with its gaps and its intrabar moves in another order.

    Parameters
    ----------
    moves : float64[:, ::1], shape (5, n_live)
        Open over the close before, high, low and close over the open, volume; symbols one after the other.
    rows : int32[::1], shape (n_live,)
        Row of each bar on the common calendar.
    bounds : int64[::1], shape (n_symbols + 1,)
        First bar of each symbol.
    anchors : int64[::1], shape (n_symbols,)
        Last bar of each symbol that stays as it is.
    gap_order, body_order : int64[::1], shape (n_rows_permuted,)
        Rows of the calendar, in the order in which their gaps and intrabar moves come; a symbol leaves out the rows on
        which it has no bar.
    open_to_open : int64
        1: each symbol's first gap and last body stay in place.
    work : int64[::1], shape (n_rows,)
        Room: -1 everywhere, before and after.
    bars : float64[:, ::1], shape (5, n_live), open, high, low, close, volume; rows behind the anchors are written
    """
    for s in range(anchors.size):
        first, stop = anchors[s] + 1, bounds[s + 1]
        for i in range(first, stop):
            work[rows[i]] = i
        from_gap, to_body = first, stop
        if open_to_open == 1 and first < stop:
            from_gap, to_body = first + 1, stop - 1
            work[rows[first]] = -1
        at = from_gap
        for k in range(gap_order.size):
            i = work[gap_order[k]]
            if i >= 0:
                bars[0, at] = moves[0, i]
                at += 1
        if open_to_open == 1 and first < stop:
            bars[0, first] = moves[0, first]
            work[rows[first]] = first
            work[rows[stop - 1]] = -1
        at = first
        for k in range(body_order.size):
            i = work[body_order[k]]
            if i >= 0:
                for part in range(1, 5):
                    bars[part, at] = moves[part, i]
                at += 1
        if to_body < stop:
            for part in range(1, 5):
                bars[part, to_body] = moves[part, to_body]
        for i in range(first, stop):
            work[rows[i]] = -1
            opened = bars[3, i - 1] * bars[0, i]
            bars[0, i] = opened
            bars[1, i] *= opened
            bars[2, i] *= opened
            bars[3, i] *= opened
