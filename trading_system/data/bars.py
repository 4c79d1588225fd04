"""Bars: the market, dense and aligned; what every later part reads."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.errors import DataError

if TYPE_CHECKING:
    import datetime as dt

    from numpy.typing import NDArray

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

    def rows(self, start: int, stop: int) -> Actions:
        """Events of rows `start`..`stop` - 1, counted from `start`."""
        a, b = (int(i) for i in np.searchsorted(self.row, (start, stop)))
        return Actions(self.row[a:b] - start, self.col[a:b], self.split[a:b], self.dividend[a:b], self.funding[a:b])

    def select(self, columns: IntArray, n_symbols: int) -> Actions:
        """Events of the symbols at `columns`, renumbered."""
        place = np.full(n_symbols, -1, np.int64)
        place[columns] = np.arange(columns.size)
        kept = place[self.col] >= 0
        return Actions(self.row[kept], place[self.col[kept]], self.split[kept], self.dividend[kept], self.funding[kept])


@dataclass(frozen=True, eq=False)
class Quotes:
    """Bid and ask prices of the same bars, each float64 (n_bars, n_symbols); `Bars` itself then holds the mid."""

    bid_open: FloatArray
    bid_high: FloatArray
    bid_low: FloatArray
    ask_open: FloatArray
    ask_high: FloatArray
    ask_low: FloatArray

    def map(self, function: Callable[[FloatArray], FloatArray]) -> Quotes:
        """The same quotes with `function` applied to each panel."""
        return Quotes(**{item.name: function(getattr(self, item.name)) for item in fields(self)})


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
    actions : Actions
        The recorded splits, dividends and funding that are applied.
    quotes : Quotes or None
        Bid and ask where the source has them.
    asset_class : tuple of str
        One per symbol.
    periods_per_year : float
        Sampled rows in a year: that of the benchmark's calendar times its bars per session.
    prices : str
        "raw", or "adjusted" when the source has only back-adjusted prices, which are then traded as they are.
    offset : int
        Number of row 0 in the whole data.
    factor, split_factor : float64, shape (n_bars, n_symbols), or None
        Accumulated from the first bar of the whole data; None where nothing is recorded.
    benchmark_price : float64, shape (n_bars,), or None
        The benchmark in adjusted scale, kept when rows or columns are cut; read `benchmark_close`.
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
    split_factor: FloatArray | None = None
    benchmark_price: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.factor is None and self.prices == "raw" and len(self.actions):
            factor, split_factor = cumulative_factors(self.close, self.actions)
            object.__setattr__(self, "factor", factor)
            object.__setattr__(self, "split_factor", split_factor)

    @classmethod
    def daily(
        cls,
        close: FloatArray,
        *,
        open: FloatArray | None = None,
        high: FloatArray | None = None,
        low: FloatArray | None = None,
        volume: FloatArray | None = None,
        symbols: tuple[str, ...] | None = None,
        first: str = "2020-01-06",
        every_day: bool = False,
        actions: Actions | None = None,
        **fields: Any,
    ) -> Bars:
        """Daily bars straight from arrays, without files or a calendar library: for tests and notebooks.

        Parameters
        ----------
        close, open, high, low, volume : float64, shape (n_bars, n_symbols) or (n_bars,)
            What is not given is taken from the close; the volume is 1e6 where there is a bar.
        first : str
            First session; the others follow on weekdays, or on every day when `every_day` is set (24/7).
        fields :
            Any further field of `Bars`, in place of its plain default.
        """
        close = _panel(close)
        t, n = close.shape
        day = np.datetime64(first, "D") + np.arange(t) if every_day else np.busday_offset(first, np.arange(t), roll="forward")
        has_bar = np.isfinite(close)
        session = day.astype("datetime64[D]").astype(np.int32)
        plain: dict[str, Any] = {
            "index": session.astype(np.int64) * DAY + (24 if every_day else 21) * HOUR,
            "session": session,
            "symbols": symbols or tuple(f"S{i:03d}" for i in range(n)),
            "open": close if open is None else _panel(open),
            "high": close if high is None else _panel(high),
            "low": close if low is None else _panel(low),
            "close": close,
            "volume": np.where(has_bar, 1e6, np.nan) if volume is None else _panel(volume),
            "expected": np.ones((t, 1), np.bool_),
            "calendar_of": np.zeros(n, np.int64),
            "tradable": np.logical_or.accumulate(has_bar, axis=0),
            "delisted_row": np.full(n, -1, np.int64),
            "delisted_price": np.full(n, np.nan),
            "sampled": np.ones(t, np.bool_),
            "day_end": np.ones(t, np.bool_),
            "actions": actions or Actions.none(),
            "asset_class": ("crypto" if every_day else "equity",) * n,
            "calendars": ("24/7" if every_day else "24/5",),
            "periods_per_year": 365.0 if every_day else 260.0,
        }
        return cls(**{**plain, **fields})

    @property
    def n_bars(self) -> int:
        """Number of rows."""
        return int(self.index.size)

    @property
    def n_symbols(self) -> int:
        """Number of columns."""
        return len(self.symbols)

    def head(self, n: int) -> Bars:
        """The first `n` rows, as views: what was known then."""
        return self.rows(0, min(max(n, 0), self.n_bars))

    def rows(self, start: int, stop: int) -> Bars:
        """Rows `start`..`stop` - 1, as views; factors keep counting from the first bar of all."""
        start, stop = max(start, 0), min(stop, self.n_bars)
        if start == 0 and stop == self.n_bars:
            return self
        cut = slice(start, max(stop, start))
        gone = (self.delisted_row >= start) & (self.delisted_row < stop)
        return replace(
            self,
            **{name: _sliced(getattr(self, name), cut) for name in _ROWS},
            delisted_row=np.where(gone, self.delisted_row - start, -1),
            delisted_price=np.where(gone, self.delisted_price, np.nan),
            actions=self.actions.rows(start, stop),
            quotes=None if self.quotes is None else self.quotes.map(lambda panel: panel[cut]),
            benchmark_price=self.benchmark_close[cut],
            offset=self.offset + start,
        )

    def between(self, first: dt.date | None, last: dt.date | None) -> Bars:
        """Rows whose session label lies in [first, last], both included, as views; None is no bound."""
        start, stop = self.row_range(first, last)
        return self.rows(start, stop)

    def row_range(self, first: dt.date | None, last: dt.date | None) -> tuple[int, int]:
        """Half-open range of the rows whose session label lies in [first, last]."""
        start = 0 if first is None else int(np.searchsorted(self.session, _day_number(first), side="left"))
        stop = self.n_bars if last is None else int(np.searchsorted(self.session, _day_number(last), side="right"))
        return start, max(stop, start)

    def select(self, columns: IntArray) -> Bars:
        """The symbols at `columns` (strictly increasing), as C-contiguous copies; the benchmark stays the market's.

        All columns at once give the same object back.

        Raises
        ------
        DataError
            When a column does not exist or the columns do not increase.
        """
        columns = np.asarray(columns, dtype=np.int64)
        if np.array_equal(columns, np.arange(self.n_symbols)):
            return self
        if columns.size and (columns[0] < 0 or columns[-1] >= self.n_symbols or np.any(np.diff(columns) <= 0)):
            raise DataError("columns to select must exist and increase", allowed=f"0 to {self.n_symbols - 1}")
        return replace(
            self,
            symbols=tuple(self.symbols[i] for i in columns),
            asset_class=tuple(self.asset_class[i] for i in columns) if self.asset_class else (),
            **{name: _taken(getattr(self, name), columns) for name in _PANELS},
            calendar_of=self.calendar_of[columns],
            delisted_row=self.delisted_row[columns],
            delisted_price=self.delisted_price[columns],
            actions=self.actions.select(columns, self.n_symbols),
            quotes=None if self.quotes is None else self.quotes.map(lambda panel: np.take(panel, columns, axis=1)),
            benchmark_price=self.benchmark_close,
        )

    def column(self, symbol: str) -> int:
        """Column of `symbol`; DataError when the data has no such symbol."""
        try:
            return self.symbols.index(symbol)
        except ValueError:
            close = difflib.get_close_matches(symbol, self.symbols, n=1)
            raise DataError(
                f"the data has no symbol {symbol!r}", remedy=f"did you mean {close[0]!r}?" if close else ""
            ) from None

    @cached_property
    def adjusted(self) -> Prices:
        """Prices times the factor accumulated from the first bar, volume by splits; the raw arrays where nothing is recorded."""
        if self.factor is None:
            return Prices(self.open, self.high, self.low, self.close, self.volume)
        volume = self.volume if self.split_factor is None else self.volume / self.split_factor
        return Prices(
            self.open * self.factor, self.high * self.factor, self.low * self.factor, self.close * self.factor, volume
        )

    @cached_property
    def has_bar(self) -> BoolArray:
        """Whether open, high, low and close are all there, shape (n_bars, n_symbols)."""
        return np.asarray(np.isfinite(self.open + self.high + self.low + self.close))

    @cached_property
    def whole(self) -> BoolArray:
        """Rows on which every symbol has a bar, shape (n_bars,)."""
        found = np.empty(self.n_bars, np.bool_)
        for start in range(0, self.n_bars, 64):  # a few rows at a time: no panel-sized copy
            cut = slice(start, start + 64)
            total = self.open[cut] + self.high[cut]
            total += self.low[cut]
            total += self.close[cut]
            found[cut] = np.isfinite(total).all(axis=1)
        return found

    @cached_property
    def split(self) -> FloatArray:
        """New shares per old on the row where it is effective, 1 elsewhere, dense (n_bars, n_symbols)."""
        dense = np.ones(self.close.shape)
        np.multiply.at(dense, (self.actions.row, self.actions.col), self.actions.split)
        return dense

    @cached_property
    def dividend(self) -> FloatArray:
        """Cash per share on the ex-date, 0 elsewhere, dense (n_bars, n_symbols)."""
        dense = np.zeros(self.close.shape)
        np.add.at(dense, (self.actions.row, self.actions.col), self.actions.dividend)
        return dense

    @cached_property
    def n_tradable(self) -> IntArray:
        """Number of tradable symbols per row, shape (n_bars,); may be 0."""
        return np.asarray(self.tradable.sum(axis=1, dtype=np.int64))

    @cached_property
    def benchmark_close(self) -> FloatArray:
        """Benchmark level per row in adjusted scale, shape (n_bars,); NaN on a row where the benchmark has no bar.

        `equal_weight` starts at 1 and earns on each row the mean return, since each name's own last bar, of the names that were
        tradable on that last bar; a delisting price counts as a last close. Row t reads rows up to t only.
        """
        if self.benchmark_price is not None:
            return self.benchmark_price
        if self.benchmark != "equal_weight":
            return np.ascontiguousarray(self.adjusted.close[:, self.column(self.benchmark)])
        return _equal_weight(self)

    def dates(self) -> NDArray[np.datetime64]:
        """Session label of each row, datetime64[D]."""
        return self.session.astype("datetime64[D]")

    def times(self) -> NDArray[np.datetime64]:
        """UTC close of each row, datetime64[ns]."""
        return self.index.astype("datetime64[ns]")

    @property
    def intraday(self) -> bool:
        """Whether a bar is shorter than a session."""
        return not self.timeframe.endswith("d")

    def labels(self) -> list[str]:
        """What tables print per row: the session (daily) or the UTC close to the second (intraday)."""
        if not self.intraday:
            return [str(text) for text in np.datetime_as_string(self.dates())]
        return [f"{text}Z" for text in np.datetime_as_string(self.times(), unit="s")]


DAY = 86_400_000_000_000
HOUR = 3_600_000_000_000
_BLOCK = 1 << 17
_PANELS = ("open", "high", "low", "close", "volume", "tradable", "factor", "split_factor")
_ROWS = (*_PANELS, "index", "session", "expected", "sampled", "day_end")


def cumulative_factors(close: FloatArray, actions: Actions) -> tuple[FloatArray | None, FloatArray | None]:
    """Total-return factor and split factor, each (n_bars, n_symbols), accumulated from the first row.

    Each event of split r and dividend d multiplies by r x (1 + d / close) at its bar, or at the symbol's next bar where its row
    has none. Events that meet at one bar are one: cash that was paid before a split was paid on the shares before it. Row t reads rows
    up to t only, and a prefix has the same bits. None where no such event exists.
    """
    moving = (actions.split != 1.0) | (actions.dividend != 0.0)
    if not moving.any():
        return None, None
    row, col = actions.row, actions.col
    bar = row.copy()
    for i in np.flatnonzero(~np.isfinite(close[row, col])):
        bar[i] += int(np.argmax(np.isfinite(close[row[i] :, col[i]])))
    applied = np.flatnonzero(np.isfinite(close[bar, col]))
    applied = applied[np.lexsort((row[applied], col[applied], bar[applied]))]
    bar, col = bar[applied], col[applied]
    first = np.flatnonzero(np.r_[True, (np.diff(bar) != 0) | (np.diff(col) != 0)][: bar.size])
    split, dividend = met(actions.split[applied], actions.dividend[applied], first)
    at = bar[first], col[first]
    step, split_step = np.ones(close.shape), np.ones(close.shape)
    step[at] = split * (1.0 + dividend / close[at])
    split_step[at] = split
    split_factor: FloatArray | None = (
        np.cumprod(split_step, axis=0, dtype=np.float64) if (actions.split != 1.0).any() else None
    )
    total: FloatArray = np.cumprod(step, axis=0, dtype=np.float64)
    return total, split_factor


def met(split: FloatArray, dividend: FloatArray, first: IntArray) -> tuple[FloatArray, FloatArray]:
    """Events that take effect together made one: their split, and their cash per share held after all of their splits.

    Parameters
    ----------
    split, dividend : float64, shape (n,)
        Of each event, in the order in which they happened; the dividend is per share held after the split of its own event.
    first : int64, shape (n_groups,)
        Where each group of events begins; rising, the first one 0.
    """
    if first.size == 0:
        return np.ones(0), np.zeros(0)
    cash, ends = dividend.copy(), np.append(first[1:], split.size)
    for a, b in zip(first[ends - first > 1].tolist(), ends[ends - first > 1].tolist(), strict=True):
        so_far = np.cumprod(split[a:b])
        cash[a:b] /= so_far[-1] / so_far
    return np.multiply.reduceat(split, first), np.add.reduceat(cash, first)


def _equal_weight(bars: Bars) -> FloatArray:
    close = bars.adjusted.close
    paid = (bars.delisted_row >= 0) & np.isfinite(bars.delisted_price)
    if paid.any():
        close = close.copy()
        rows, cols = bars.delisted_row[paid], np.flatnonzero(paid)
        scale = 1.0 if bars.factor is None else bars.factor[rows, cols]
        close[rows, cols] = bars.delisted_price[paid] * scale
    out = np.full(bars.n_bars, np.nan)
    block = max(1, _BLOCK // max(bars.n_symbols, 1))
    last, member, level = np.full((1, bars.n_symbols), np.nan), np.zeros((1, bars.n_symbols), np.bool_), 1.0
    for start in range(0, bars.n_bars, block):
        now = close[start : start + block]
        there = np.isfinite(now)
        known = np.concatenate([last, now])
        row = np.arange(known.shape[0])[:, None]
        newest = np.maximum.accumulate(np.where(np.isfinite(known), row, 0), axis=0)
        before = np.take_along_axis(known, newest[:-1], axis=0)
        was = np.take_along_axis(np.concatenate([member, bars.tradable[start : start + block]]), newest, axis=0)
        counted = there & was[:-1] & np.isfinite(before)
        growth = np.divide(now, before, out=np.ones(now.shape), where=counted) - 1.0
        step = 1.0 + growth.sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
        step[0] *= level
        with np.errstate(over="ignore"):
            path = np.cumprod(step)
        if not path[-1] < 1e200:
            raise DataError(
                "the equal-weighted benchmark outgrows every number",
                where="data.benchmark",
                remedy="mend prices that cannot be right (`validate data` lists jumps), or name a symbol as the benchmark",
            )
        any_bar = there.any(axis=1)
        out[start : start + block][any_bar] = path[any_bar]
        last, member, level = np.take_along_axis(known, newest[-1:], axis=0), was[-1:], float(path[-1])
    return out


def _panel(values: FloatArray) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    return np.ascontiguousarray(array[:, None] if array.ndim == 1 else array)


def _sliced(array: NDArray[Any] | None, cut: slice) -> Any:
    return None if array is None else array[cut]


def _taken(array: NDArray[Any] | None, columns: IntArray) -> Any:
    return None if array is None else np.take(array, columns, axis=1)


def _day_number(date: dt.date) -> int:
    return date.toordinal() - 719_163
