"""Keep the market, randomise the positions: would the same amount of time in the market have earned as much at other times?

With the sum of positions fixed, the drift of the market is in every replicate, so a rule that is merely long in a rising
market is not significant; t tests and bootstraps of its raw returns reject such rules far too often.
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from trading_system.errors import DataError
from trading_system.kernels import door
from trading_system.validation.inputs import as_series, enough
from trading_system.validation.resampling import as_keys, in_chunks, n_exceeding, p_value_of_count

if TYPE_CHECKING:
    from collections.abc import Callable

    from trading_system.types import FloatArray, IntArray

CHUNK = 128
MOST_PAIRS = 9
TIE = 1e-12


def _aligned(positions: Any, market: Any) -> tuple[FloatArray, FloatArray]:
    held = as_series(positions, "positions")
    enough(held.size, 1, "a test of positions")
    return held, as_series(market, "market returns", size=held.size)


def mean_return(positions: Any, market: Any) -> float:
    """Mean of position times market return; `positions[t]` is held over `market[t]`, both shape (n,)."""
    held, moves = _aligned(positions, market)
    return float(held @ moves / held.size)


def detrended(market: Any) -> FloatArray:
    """Market returns less their mean: takes position bias times drift out of a rule's return (Aronson 2006)."""
    moves = as_series(market, "market returns")
    return moves - moves.mean() if moves.size else moves


def expected_mean(positions: Any, market: Any) -> float:
    """Mean of the null of `paired_means` and of all rotations: mean position times mean market return."""
    held, moves = _aligned(positions, market)
    return float(held.mean() * moves.mean())


def rotated_means(positions: Any, market: Any) -> FloatArray:
    """Mean return under every rotation of the positions, shape (n,); entry k is positions moved k bars later.

    Keeps the autocorrelation of the positions. Entry 0 is the rule itself.
    """
    held, moves = _aligned(positions, market)
    twice = np.concatenate((moves, moves))
    return np.array([held @ twice[k : k + held.size] for k in range(held.size)]) / held.size


def rotation_p_value(positions: Any, market: Any) -> float:
    """Exact p-value over all n rotations, the rule itself among them: at least 1/n."""
    held, moves = _aligned(positions, market)
    found = rotated_means(held, moves)
    return n_exceeding(float(found[0]), found, tie=_tie(held, moves)) / held.size


def exact_p_value(positions: Any, market: Any) -> float:
    """Exact p-value over all n! pairings of positions and returns, n <= 9."""
    held, moves = _aligned(positions, market)
    if held.size > MOST_PAIRS:
        raise DataError(f"{held.size} positions", allowed=f"1 to {MOST_PAIRS} for all pairings; draw them for more")
    found = np.array([held @ moves[list(order)] for order in permutations(range(held.size))]) / held.size
    return n_exceeding(float(found[0]), found, tie=_tie(held, moves)) / found.size


def _tie(held: FloatArray, moves: FloatArray) -> float:
    return TIE * float(np.abs(held).max() * np.abs(moves).mean())


def paired_means(positions: Any, market: Any, keys: Any) -> FloatArray:
    """Mean return when the market's returns are shuffled against the positions, one replicate per key."""
    from trading_system.validation import _kernels_chance as kernels

    held, moves = _aligned(positions, market)
    weights: Any = door(held, np.float64)
    series: Any = door(moves, np.float64)

    def work(part: Any, out: FloatArray) -> None:
        kernels.paired_means(weights, series, part, np.empty(held.size, dtype=np.int64), out)

    return _by_key(keys, work)


def shuffled_run_means(positions: Any, market: Any, keys: Any) -> FloatArray:
    """Mean return when runs of positions are shuffled, one replicate per key.

    A run is a stretch of positions of one sign and moves whole. Long runs change places with long runs, short with short,
    times out of the market with each other: the number of trades, their lengths and the gaps are kept.
    """
    from trading_system.validation import _kernels_chance as kernels

    held, moves = _aligned(positions, market)
    starts, classes, slots = runs_of(held)
    weights: Any = door(held, np.float64)
    series: Any = door(moves, np.float64)

    def work(part: Any, out: FloatArray) -> None:
        room = np.empty(2 * slots.size, dtype=np.int64)
        kernels.run_means(weights, series, starts, classes, slots, part, room, out)

    return _by_key(keys, work)


class Runs(NamedTuple):
    """Stretches of one sign: first bars and n; bounds of the classes short, out, long; runs by class, in time order."""

    starts: IntArray
    classes: IntArray
    slots: IntArray


def runs_of(positions: FloatArray) -> Runs:
    """Runs of one sign of `positions`, shape (n,)."""
    signs = np.sign(positions).astype(np.int64)
    starts = np.flatnonzero(np.concatenate(([True], signs[1:] != signs[:-1])))
    kind = signs[starts] + 1
    slots = np.argsort(kind, kind="stable")
    return Runs(np.append(starts, positions.size), np.searchsorted(kind[slots], np.arange(4)), slots)


def _by_key(keys: Any, work: Callable[[Any, FloatArray], None]) -> FloatArray:
    given = as_keys(keys)

    def chunk(first: int, stop: int) -> FloatArray:
        out = np.empty(stop - first)
        work(door(given[first:stop], np.uint64), out)
        return out

    return np.concatenate(in_chunks(chunk, given.size, CHUNK))


def random_entry_p_value(positions: Any, market: Any, replicates: Any) -> float:
    """(1 + k) / (1 + B) of the rule's mean return among `replicates`; ties within rounding count against it."""
    held, moves = _aligned(positions, market)
    drawn = as_series(replicates, "replicates")
    return p_value_of_count(n_exceeding(mean_return(held, moves), drawn, tie=_tie(held, moves)), drawn.size)
