"""Bars: the market, dense and aligned; what every later part reads."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from trading_system.types import BoolArray, FloatArray, Int32Array, IntArray


@dataclass(frozen=True, eq=False)
class Actions:
    """Corporate actions as events, sorted by row then column.

    Attributes
    ----------
    row, col : int64, shape (n_events,)
        Bar and symbol at which the action is effective (at that row's open; a row without a bar counts too).
    split : float64, shape (n_events,)
        New shares per old; 1 where the event is no split.
    dividend : float64, shape (n_events,)
        Cash per share held after the split of the same row, on the ex-date; 0 where none.
    funding : float64, shape (n_events,)
        Fraction of the position's value that longs pay to shorts at that row's close; 0 where none.
    """

    row: IntArray
    col: IntArray
    split: FloatArray
    dividend: FloatArray
    funding: FloatArray

    @classmethod
    def none(cls) -> Actions:
        """No action at all."""
        i, f = np.zeros(0, np.int64), np.zeros(0, np.float64)
        return cls(i, i, f, f, f)

    def __len__(self) -> int:
        return int(self.row.size)


@dataclass(frozen=True, eq=False)
class Quotes:
    """Bid and ask prices of the same bars, each float64 (n_bars, n_symbols); `Bars` itself then holds the mid."""

    bid_open: FloatArray
    bid_high: FloatArray
    bid_low: FloatArray
    ask_open: FloatArray
    ask_high: FloatArray
    ask_low: FloatArray


@dataclass(frozen=True, eq=False)
class Prices:
    """Open, high, low, close in one scale, each float64 (n_bars, n_symbols)."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray


@dataclass(frozen=True, eq=False)
class Bars:
    """Raw prices of all symbols on one time axis; NaN where a symbol has no bar.

    Attributes
    ----------
    index : int64, shape (n_bars,)
        UTC nanoseconds since 1970 at which each bar closed, strictly increasing.
    session : int32, shape (n_bars,)
        Session label of each bar: days since 1970-01-01, non-decreasing.
    symbols : tuple of str
        Sorted by text.
    open, high, low, close, volume : float64, C order, shape (n_bars, n_symbols)
        Raw prices in quote currency, volume in units. Volume is all NaN where the source has none.
    expected : bool, shape (n_bars, n_calendars)
        Whether each calendar has a session (daily) or is open (intraday) at that bar.
    calendar_of : int64, shape (n_symbols,)
        Column of `expected` that holds for each symbol.
    tradable : bool, shape (n_bars, n_symbols)
        Calendar has a session, the name is listed and belongs to the universe on that date: entries need it.
    delisted_row : int64, shape (n_symbols,)
        Row on which a delisting event of the data closes the name; -1 where there is none.
    delisted_price : float64, shape (n_symbols,)
        Price paid at that event; NaN means the last price.
    sampled : bool, shape (n_bars,)
        Rows at which the benchmark's calendar closes a bar: equity statistics and correlations are taken there.
    day_end : bool, shape (n_bars,)
        Last bar of each session of the benchmark's calendar.
    """

    index: IntArray
    session: Int32Array
    symbols: tuple[str, ...]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    expected: BoolArray
    calendar_of: IntArray
    tradable: BoolArray
    delisted_row: IntArray
    delisted_price: FloatArray
    sampled: BoolArray
    day_end: BoolArray
    actions: Actions = field(default_factory=Actions.none)
    quotes: Quotes | None = None
    asset_class: tuple[str, ...] = ()
    calendars: tuple[str, ...] = ("XNYS",)
    timeframe: str = "1d"
    periods_per_year: float = 252.0
    benchmark: str = "equal_weight"
    has_volume: bool = True
    prices: str = "raw"
    offset: int = 0
    factor: FloatArray | None = None
