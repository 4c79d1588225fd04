"""Permuted markets: the same gaps and the same intrabar moves in another order, so that nothing is left to exploit.

What remains is the total change and the distribution of moves; volatility clustering and all memory are gone. Indicators
are computed anew on every permuted market, the whole search is run on it, and the best is compared with the best: without
the search inside, a 5 % test rejects 18 to 20 % of noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from trading_system.errors import DataError, InsufficientDataError
from trading_system.kernels import door
from trading_system.validation.inputs import as_series, at_least, enough
from trading_system.validation.resampling import as_keys, in_chunks, n_exceeding, p_value_of_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trading_system.types import BoolArray, FloatArray, Int8Array, IntArray

CHUNK = 128
MOST_SIGNS = 20
TIE = 1e-12  # sums of the same numbers in another order differ by rounding: they are ties


class Panels(NamedTuple):
    """Prices and volume, shape (n_bars, n_symbols); NaN where there is no bar, `volume` None where there is none."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray | None


@dataclass(frozen=True, eq=False)
class Moves:
    """A market taken apart into moves, ready to be permuted many times.

    Attributes
    ----------
    start : int
        Rows 0 to `start` are never touched.
    bars : float64, shape (5 or 11, n_bars, n_symbols)
        Open, high, low, close, volume, and six panels of quotes where there are any.
    moves : float64, shape as `bars`
        Open over the close before, high, low and close over the open, volume; quotes over the price of their bar.
    kind : int8, shape (n_bars, n_symbols)
        0 where there is no whole bar, 1 where it stays, 2 where it is permuted.
    flat : bool
        Whether the market was given as series.
    has_volume : bool
    """

    start: int
    bars: FloatArray
    moves: FloatArray
    kind: Int8Array
    flat: bool
    has_volume: bool

    @property
    def n_bars(self) -> int:
        """Rows of the calendar."""
        return int(self.kind.shape[0])


def moves_of(
    open_: Any, high: Any, low: Any, close: Any, volume: Any = None, *, start: int = 0, quotes: Sequence[FloatArray] = ()
) -> Moves:
    """Take a market apart.

    Parameters
    ----------
    open_, high, low, close, volume : shape (n_bars,) or (n_bars, n_symbols)
        Adjusted prices, above 0; NaN where a symbol has no bar. A bar that lacks one of the four prices stays as it is.
    start : int
        Last row that is never touched: 0 for an in-sample test, the last training row of the first fold for a
        walk-forward. A symbol whose first bar comes later starts from that bar.
    quotes : sequence of six panels, or none
        Open, high and low of the bids, then of the asks.

    Raises
    ------
    DataError
        Panels of different shapes, or prices that are not above 0.
    InsufficientDataError
        Nothing to permute behind `start`.
    """
    panels = [np.asarray(panel, dtype=np.float64) for panel in (open_, high, low, close)]
    panels += [np.full(panels[0].shape, np.nan) if volume is None else np.asarray(volume, dtype=np.float64)]
    panels += [np.asarray(panel, dtype=np.float64) for panel in quotes]
    if panels[0].ndim not in (1, 2) or any(panel.shape != panels[0].shape for panel in panels):
        raise DataError(
            f"panels of shape {', '.join(str(p.shape) for p in panels)}", allowed="equal ones, (n_bars, n_symbols)"
        )
    at_least(start, 0, "start")
    n_bars = panels[0].shape[0]
    if start + 2 >= n_bars:
        raise InsufficientDataError(
            f"a permutation behind bar {start} needs {start + 3} bars, the data has {n_bars}", remedy="load more bars"
        )
    bars = np.stack([panel.reshape(n_bars, -1) for panel in panels])
    live = ~np.isnan(bars[:4].sum(axis=0))
    _check_bars(bars[:4], live)
    return Moves(start, bars, _moves(bars, live), _kinds(live, start), panels[0].ndim == 1, volume is not None)


def _moves(bars: FloatArray, live: BoolArray) -> FloatArray:
    """What `permuted_panels` puts together again."""
    rows = np.arange(live.shape[0])[:, None]
    newest = np.maximum.accumulate(np.where(live, rows, -1), axis=0)
    before = np.full(live.shape, np.nan)
    before[1:] = np.where(newest[:-1] >= 0, np.take_along_axis(bars[3], np.maximum(newest[:-1], 0), axis=0), np.nan)
    moves = np.empty_like(bars)
    moves[0] = bars[0] / before
    moves[1:4] = bars[1:4] / bars[0]
    moves[4] = bars[4]
    for part in range(5, bars.shape[0]):
        moves[part] = bars[part] / bars[(part - 5) % 3]
    return moves


def _kinds(live: BoolArray, start: int) -> Int8Array:
    """FIXED up to `start` and on every symbol's first bar, MOVED behind, 0 where there is no bar."""
    kind = live.astype(np.int8)
    moved = live & (np.cumsum(live, axis=0) > 1)
    moved[: start + 1] = False
    kind[moved] = 2
    return kind


def _check_bars(prices: FloatArray, live: BoolArray) -> None:
    wrong = live & ~((prices > 0.0) & np.isfinite(prices)).all(axis=0)
    if wrong.any():
        row, column = (int(place) for place in np.argwhere(wrong)[0])
        raise DataError(
            "a bar has a price that is not above 0 and finite",
            where=f"row {row}: symbol {column}",
            remedy="clean the bars first",
        )


class Orders(NamedTuple):
    """Rows of the calendar in the order in which their gaps, and their intrabar moves, come; int64, (n_bars - start - 1,)."""

    gaps: IntArray
    bodies: IntArray


def drawn_orders(rng: np.random.Generator, n_bars: int, start: int = 0) -> Orders:
    """Two independent random orders of the rows behind `start`."""
    rows = np.arange(start + 1, n_bars)
    return Orders(rng.permutation(rows), rng.permutation(rows))


def orders_of_keys(gap_keys: Any, body_keys: Any, start: int = 0) -> Orders:
    """Orders from one random key per row, shape (n_bars,): every symbol orders its own bars by the keys of their rows."""
    gaps, bodies = (np.argsort(np.asarray(keys)[start + 1 :], kind="stable") + start + 1 for keys in (gap_keys, body_keys))
    return Orders(gaps, bodies)


def permuted(market: Moves, orders: Orders, *, open_to_open: bool = False) -> Panels:
    """The market with its gaps and its intrabar moves in another order (Masters 2018, 2020), shapes as given.

    All symbols follow the same two orders, each on the rows on which it has bars: on a common calendar the correlation of
    their gaps, and of their intrabar moves, is unchanged. Kept: the rows up to `start`, the last close, the multisets of
    gaps and of intrabar moves (volume travels with them), which rows have bars. Close-to-close returns are **not** a
    permutation of the originals.

    Parameters
    ----------
    orders : Orders
        Each a permutation of the rows behind ``market.start``.
    open_to_open : bool
        Keep the first gap and the last body in place, so that the change from the first open to the last is preserved,
        for systems that trade from open to open.
    """
    wanted = np.arange(market.start + 1, market.n_bars)
    for name, order in orders._asdict().items():
        if np.asarray(order).shape != wanted.shape or (np.sort(order) != wanted).any():
            raise DataError(
                f"the order of {name} is no permutation", allowed=f"rows {market.start + 1} to {market.n_bars - 1}"
            )
    found = rearranged(market, orders, open_to_open=open_to_open)
    shape = market.n_bars if market.flat else found.shape[1:]
    panels = [found[part].reshape(shape) for part in range(5)]
    return Panels(panels[0], panels[1], panels[2], panels[3], panels[4] if market.has_volume else None)


def rearranged(market: Moves, orders: Orders, *, open_to_open: bool = False) -> FloatArray:
    """What `permuted` gives, as panels shaped as ``market.bars``, quotes included; the orders are not checked."""
    from trading_system.validation import _kernels_chance as kernels

    n_symbols = market.kind.shape[1]
    ends = np.full((2, n_symbols), -1)
    if open_to_open:
        moved = market.kind == kernels.MOVED
        ends = np.where(moved.any(axis=0), [moved.argmax(axis=0), market.n_bars - 1 - moved[::-1].argmax(axis=0)], -1)
    out = np.empty(market.bars.shape)
    panels: list[Any] = [door(market.moves, np.float64), door(market.bars, np.float64), door(market.kind, np.int8)]
    panels += [door(part, np.int64) for part in (orders.gaps, orders.bodies, ends)]
    room = np.zeros((2, n_symbols), np.int64), np.empty(n_symbols)
    moves, bars, kind, gaps, bodies, kept = panels
    kernels.permuted_panels(moves, bars, kind, gaps, bodies, kept, *room, out)
    return out


def selection_bias(permuted_best: Any) -> float:
    """Mean of the best in-sample results on permuted markets: what fitting and market trend alone give (Masters 2018)."""
    best = as_series(permuted_best, "permuted results")
    enough(best.size, 1, "a selection bias")
    return float(best.mean())


class SignFlip(NamedTuple):
    """Sign-flip test of a mean above 0.

    Attributes
    ----------
    mean : float
    p_value : float
        One-sided (greater).
    skewness : float
        Population g1. The test is exact under symmetry about 0 alone: at -1 or 1 and n = 100 it rejects 8 % at 5 %.
    """

    mean: float
    p_value: float
    skewness: float


def flipped_means(values: Any, keys: Any) -> FloatArray:
    """Mean of `values` under random signs, one replicate per key, shape (n_keys,); zeros stay zeros."""
    from trading_system.validation import _kernels_chance as kernels

    series: Any = door(as_series(values, "values"), np.float64)
    enough(series.size, 1, "a sign-flip test")
    given = as_keys(keys)

    def work(first: int, stop: int) -> FloatArray:
        out = np.empty(stop - first)
        kernels.flipped_means(series, door(given[first:stop], np.uint64), out)
        return out

    return np.concatenate(in_chunks(work, given.size, CHUNK))


def sign_flip_test(values: Any, keys: Any) -> SignFlip:
    """Sign-flip test of returns or trades, one-sided, with one replicate per key: (1 + k) / (1 + B)."""
    from trading_system.metrics.returns import skewness

    series = as_series(values, "values")
    drawn = flipped_means(series, keys)
    mean = float(series.mean())
    count = n_exceeding(mean, drawn, tie=TIE * float(np.abs(series).mean()))
    return SignFlip(mean, p_value_of_count(count, drawn.size), skewness(series))


class ExactSignFlip(NamedTuple):
    """Sign vectors that give at least the observed mean, of how many, and the p-values without a draw."""

    n_exceeding: int
    n_vectors: int
    p_value: float
    p_two_sided: float


def exact_sign_flip(values: Any) -> ExactSignFlip:
    """Sign-flip test over all 2^n sign vectors, n <= 20; the observed one counts, so p is never 0."""
    series = as_series(values, "values")
    if not 1 <= series.size <= MOST_SIGNS:
        raise DataError(f"{series.size} values", allowed=f"1 to {MOST_SIGNS} for all sign vectors; draw them for more")
    sums = np.zeros(1)
    for value in series:
        sums = np.concatenate((sums + value, sums - value))
    tie = TIE * float(np.abs(series).sum())
    above = int(np.count_nonzero(sums >= sums[0] - tie))
    apart = int(np.count_nonzero(np.abs(sums) >= abs(sums[0]) - tie))
    return ExactSignFlip(above, sums.size, above / sums.size, apart / sums.size)
