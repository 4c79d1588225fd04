"""From bars to permuted bars: a whole universe with its moves in another order, everything else in its place.

Listings, missing bars, delistings, membership of the universe and the calendars stay where they are; only which move comes when
is drawn, with one order of the dates for the gaps and one for the intrabar moves of all symbols. Prices are the adjusted ones,
so splits and dividends are part of the moves and no longer events of their own.
"""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.data.bars import Actions, Quotes
from trading_system.validation.permutation import Moves, Orders, moves_of, rearranged

if TYPE_CHECKING:
    from trading_system.data.bars import Bars
    from trading_system.types import FloatArray, IntArray

PRICES = ("open", "high", "low", "close", "volume")
QUOTES = ("bid_open", "bid_high", "bid_low", "ask_open", "ask_high", "ask_low")


class PermutedMarkets:
    """All that is drawn from one market; it may be used from several threads.

    Parameters
    ----------
    bars : Bars
        The market as it was.
    start : int
        Last row that is never touched: 0 permutes all of the history, the last training row of the first fold leaves that
        fold as it was.
    open_to_open : bool
        Keep each symbol's first gap and last intrabar move in place, for rules that trade from open to open.

    Raises
    ------
    InsufficientDataError
        Fewer than two rows behind `start`.
    """

    def __init__(self, bars: Bars, start: int = 0, *, open_to_open: bool = False) -> None:
        self.bars, self.start, self._open_to_open = bars, start, open_to_open

    @cached_property
    def own(self) -> Bars:
        """The market with its moves in their own order, in the scale of the permuted ones: what the others are compared with.

        Where nothing was recorded it is the market itself.
        """
        bars = self.bars
        if bars.factor is None:
            return bars
        prices, factor = bars.adjusted, bars.factor
        panels = {name: getattr(prices, name) for name in PRICES}
        quotes = None if bars.quotes is None else bars.quotes.map(lambda panel: panel * factor)
        return self._with(panels, quotes, bars.benchmark_close)

    @cached_property
    def moves(self) -> Moves:
        """The market taken apart."""
        own = self.own
        quotes = () if own.quotes is None else [getattr(own.quotes, name) for name in QUOTES]
        return moves_of(*(getattr(own, name) for name in PRICES), start=self.start, quotes=quotes)

    @cached_property
    def _date(self) -> IntArray:
        """Number of the date of each row: rows of one session share it in daily data, where calendars close at different hours."""
        bars = self.bars
        key = bars.index if bars.intraday else bars.session
        return np.asarray(np.unique(key, return_inverse=True)[1], np.int64)

    def orders(self, rng: np.random.Generator) -> Orders:
        """Two independent random orders of the dates behind `start`, as orders of rows."""
        rows = np.arange(self.start + 1, self.bars.n_bars)
        dates = self._date[rows]
        n_dates = int(self._date[-1]) + 1
        gaps, bodies = (rows[_sorted_places(rng.permutation(n_dates)[dates], n_dates)] for _ in range(2))
        return Orders(gaps, bodies)

    def prices(self, rng: np.random.Generator) -> FloatArray:
        """Open, high, low, close and volume of a permuted market, shape (5 or more, n_bars, n_symbols): those of `drawn`."""
        return rearranged(self.moves, self.orders(rng), open_to_open=self._open_to_open)

    def drawn(self, rng: np.random.Generator) -> Bars:
        """A permuted market, new arrays."""
        return self.of(self.orders(rng))

    def of(self, orders: Orders) -> Bars:
        """The market in these orders of its rows behind `start`."""
        found = rearranged(self.moves, orders, open_to_open=self._open_to_open)
        panels = dict(zip(PRICES, found, strict=False))
        quotes = None if self.bars.quotes is None else Quotes(**dict(zip(QUOTES, found[len(PRICES) :], strict=True)))
        return self._with(panels, quotes, None)

    def _with(self, panels: dict[str, FloatArray], quotes: Quotes | None, benchmark: FloatArray | None) -> Bars:
        """The market with other prices in adjusted scale; its benchmark is worked out from them unless it is given."""
        bars = self.bars
        elsewhere = bars.benchmark != "equal_weight" and bars.benchmark not in bars.symbols
        changed: dict[str, Any] = panels | {
            "quotes": quotes,
            "actions": _funding(bars.actions),
            "factor": None,
            "split_factor": None,
            "delisted_price": self._delisted_price,
            "benchmark_price": bars.benchmark_close if elsewhere else benchmark,
        }
        made = dataclasses.replace(bars, **changed)
        known = {"whole": bars.whole, "has_bar": bars.has_bar, "n_tradable": bars.n_tradable}
        vars(made).update(known)  # which bars there are has not changed
        if made.benchmark_price is None:
            object.__setattr__(made, "benchmark_price", made.benchmark_close)  # once, not in every cut of it
        return made

    @cached_property
    def _delisted_price(self) -> FloatArray:
        """Each symbol ends on the close on which it ended, so what was paid stays the same, in adjusted scale."""
        bars = self.bars
        if bars.factor is None:
            return bars.delisted_price
        columns = np.arange(bars.n_symbols)
        return np.asarray(bars.delisted_price * bars.factor[np.maximum(bars.delisted_row, 0), columns])


def _sorted_places(keys: IntArray, n_keys: int) -> IntArray:
    """Where each of `keys`, whole numbers below `n_keys`, stands in their order, equal ones as they came."""
    places = np.full(n_keys, -1)
    places[keys] = np.arange(keys.size)
    found = places[places >= 0]
    return found if found.size == keys.size else np.argsort(keys, kind="stable")  # dates of several rows


def _funding(actions: Actions) -> Actions:
    """The funding payments alone: a cost of holding, which prices do not contain and which keeps its dates."""
    kept = actions.funding != 0.0
    if not kept.any():
        return Actions.none()
    none = int(np.count_nonzero(kept))
    return Actions(actions.row[kept], actions.col[kept], np.ones(none), np.zeros(none), actions.funding[kept])


def predicted_bytes(bars: Bars, n_threads: int, panels: int = 12) -> int:
    """What permuting takes at its peak: the moves once, and in every thread a market and `panels` panels to decide on it."""
    cells = bars.n_bars * bars.n_symbols * 8
    parts = len(PRICES) + (len(QUOTES) if bars.quotes is not None else 0)
    return cells * (3 * parts + n_threads * (parts + panels))
