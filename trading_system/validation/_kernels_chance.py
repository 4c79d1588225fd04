"""Kernels of randomised worlds: signs, pairings, runs, orders of trades and permuted bars.

Draws follow from one 64-bit key per replicate; a kernel works on a chunk of keys and writes rows of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.kernels import engine_helper, engine_kernel
from trading_system.validation._kernels import GOLDEN, below, scrambled

if TYPE_CHECKING:
    from trading_system.types import FloatArray, Int8Array, IntArray

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


FIXED, MOVED = 1, 2  # what stands in a cell of a market: a bar that stays, one that is permuted; 0 where there is none


@engine_helper
def next_row(order: IntArray, place: int, kind: Int8Array, column: int, left_out: int) -> int:
    """First place of `order` from `place` on whose row has a bar of `column` that is permuted; row `left_out` has not."""
    while kind[order[place], column] != MOVED or order[place] == left_out:
        place += 1
    return place


@engine_kernel  # void(f8[:, :, ::1], f8[:, :, ::1], i1[:, ::1], i8[::1], i8[::1], i8[:, ::1], i8[:, ::1], f8[::1], f8[:, :, ::1])
def permuted_panels(
    moves: FloatArray,
    bars: FloatArray,
    kind: Int8Array,
    gap_order: IntArray,
    body_order: IntArray,
    ends: IntArray,
    places: IntArray,
    last: FloatArray,
    out: FloatArray,
) -> None:
    """A market with its gaps and its intrabar moves in another order.

    Rows are walked in order, symbols inside: symbols that have the same bars read and write the same rows.

    Parameters
    ----------
    moves : float64[:, :, ::1], shape (5 or 11, n_rows, n_symbols)
        Open over the close before; high, low and close over the open; volume; then bid and ask over the price of their bar
        (open, high, low, first of the bids, then of the asks). NaN where there is no bar.
    bars : float64[:, :, ::1], shape as `moves`
        Open, high, low, close, volume and quotes of the market itself.
    kind : int8[:, ::1], shape (n_rows, n_symbols)
        0, FIXED or MOVED.
    gap_order, body_order : int64[::1], shape (n_rows_permuted,)
        Rows in the order in which their gaps and intrabar moves come; a symbol leaves out those on which nothing of it moves.
    ends : int64[:, ::1], shape (2, n_symbols)
        Row whose gap, and row whose intrabar move, stays in place; -1: none does.
    places : int64[:, ::1], shape (2, n_symbols), zeros
        Room: how far each symbol has come in the two orders.
    last : float64[::1], shape (n_symbols,)
        Room: close of each symbol's last bar.
    out : float64[:, :, ::1], shape as `bars`, written
    """
    n_parts, n_rows, n_symbols = bars.shape
    for t in range(n_rows):
        for j in range(n_symbols):
            if kind[t, j] != MOVED:
                for part in range(n_parts):
                    out[part, t, j] = bars[part, t, j]
                if kind[t, j] == FIXED:
                    last[j] = bars[3, t, j]
                continue
            gap, body = t, t
            if t != ends[0, j]:
                place = next_row(gap_order, places[0, j], kind, j, ends[0, j])
                places[0, j], gap = place + 1, gap_order[place]
            if t != ends[1, j]:
                place = next_row(body_order, places[1, j], kind, j, ends[1, j])
                places[1, j], body = place + 1, body_order[place]
            opened = last[j] * moves[0, gap, j]
            out[0, t, j] = opened
            out[1, t, j] = opened * moves[1, body, j]
            out[2, t, j] = opened * moves[2, body, j]
            last[j] = opened * moves[3, body, j]
            out[3, t, j] = last[j]
            out[4, t, j] = moves[4, body, j]
            for part in range(5, n_parts):
                out[part, t, j] = out[(part - 5) % 3, t, j] * moves[part, body, j]
