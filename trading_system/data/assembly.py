"""From rows of a source to the market: aligned, checked, dense."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.data import fitting, notes, quality
from trading_system.data.actions import Events, applied, between_bars, effective_rows, from_columns, united
from trading_system.data.bars import Bars, Quotes
from trading_system.data.holes import absent_bars
from trading_system.data.limits import memory_limit
from trading_system.data.source import PRICES, QUOTES
from trading_system.data.stamps import DAY, timeframe_ns
from trading_system.data.timeline import Timeline, timeline
from trading_system.errors import CapacityError, DataError, InsufficientDataError
from trading_system.parallel import mapped

if TYPE_CHECKING:
    from trading_system.config.models import DataConfig
    from trading_system.data.quality import Findings, Ordered
    from trading_system.data.source import Rows
    from trading_system.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Listing:
    """What is known about the symbols beside their bars.

    Attributes
    ----------
    asset_class : tuple of str
        One per symbol of the rows.
    calendars : tuple of str
        Names in use; `calendar_of` says which holds for each symbol.
    events : Events
        Actions from a file beside the bars.
    delisted : mapping of symbol number to (day, price)
        From the delistings file; the price may be NaN.
    """

    asset_class: tuple[str, ...]
    calendars: tuple[str, ...]
    calendar_of: IntArray
    events: Events
    delisted: Mapping[int, tuple[int, float]]


def assemble(
    rows: Rows, config: DataConfig, listing: Listing, benchmark: str, cache: Path | None, held: tuple[int, int] | None = None
) -> tuple[Bars, Findings, dict[str, str]]:
    """Bars of all symbols of `rows`, what was found wrong with them, and the sha256 of each symbol's bars.

    Of the days from the first to the last of `held` (since 1970) neither dates nor figures are told.

    Raises
    ------
    DataError
        Where a rule of `config.quality` says error, or stamps cannot be read.
    CapacityError
        When the dense market would not fit into memory.
    """
    found = quality.Findings(held=held)
    daily = timeframe_ns(config.timeframe) % DAY == 0
    time = timeline(rows, listing.calendar_of, listing.calendars, config, cache)
    n_bars, n_symbols = time.index.size, len(rows.symbols)
    check_size(n_bars, n_symbols, rows)
    everything = quality.ordered(rows, time, listing.calendar_of, daily)
    fitting.check_step(everything, config)
    fitting.check_sessions(everything, listing.calendars, found)
    quality.off_sessions(rows, time, daily, found)
    found.absent = {} if daily else absent_bars(everything, timeframe_ns(config.timeframe))
    kept = quality.clean(everything, config.quality, found)
    if kept.code.size == 0:
        raise InsufficientDataError(
            "no bar is left after the quality rules", where=rows.place(0), remedy="see data.quality, or mend the file"
        )
    delisted = _delistings(time, listing, _first_bars(kept, n_bars), kept.rows.symbols, found)
    kept = quality.without_afterlife(kept, delisted[0], found)
    events = Events.none()
    if config.prices == "raw":
        events = united(from_columns(everything, time.off_day, found, config.quality.impossible), listing.events)
    event_row = effective_rows(events, time, listing.calendar_of)
    moves = quality.priced(kept)
    quality.jumps(moves, config.quality, *between_bars(events, event_row, moves, n_bars), found)
    found.notes += notes.said(found, len(rows), config.quality)
    bars = _bars(kept, time, config, listing, delisted, benchmark, applied(events, event_row, n_bars, config))
    _check_factors(bars)
    return bars, found, _hashes(kept, events, event_row, time)


def _check_factors(bars: Bars) -> None:
    """Refuse actions whose product leaves what adjusted prices can hold."""
    for factor in (bars.factor, bars.split_factor):
        if factor is None:
            continue
        wrong = ~((factor[-1] > 1e-100) & (factor[-1] < 1e100))
        if wrong.any():
            symbol = bars.symbols[int(np.argmax(wrong))]
            raise DataError(
                f"{symbol}: its splits and dividends multiply to {float(factor[-1][wrong][0]):g}",
                where="data.adjust",
                remedy="mend the recorded actions, or set data.adjust: none",
            )


def _bars(
    kept: Ordered,
    time: Timeline,
    config: DataConfig,
    listing: Listing,
    delisted: tuple[IntArray, FloatArray],
    benchmark: str,
    actions: Any,
) -> Bars:
    n_bars, n_symbols = time.index.size, len(kept.rows.symbols)
    flat = kept.bar * n_symbols + kept.code

    def dense(name: str) -> FloatArray:
        panel = np.full(n_bars * n_symbols, np.nan)
        values = kept.values(name)
        if values is not None:
            panel[flat] = values
        return panel.reshape(n_bars, n_symbols)

    volume = kept.values("volume")
    quoted = all(name in kept.rows.columns for name in QUOTES)
    quotes = Quotes(**{name: dense(name) for name in QUOTES if not name.endswith("_close")}) if quoted else None
    delisted_row, delisted_price = delisted
    home = _home(listing, kept.rows.symbols, benchmark, time, kept)
    sampled = time.expected[:, home].copy()
    return Bars(
        index=time.index,
        session=time.session,
        symbols=kept.rows.symbols,
        open=dense("open"),
        high=dense("high"),
        low=dense("low"),
        close=dense("close"),
        volume=dense("volume"),
        expected=time.expected,
        calendar_of=listing.calendar_of,
        tradable=_tradable(kept, time, listing, delisted_row),
        delisted_row=delisted_row,
        delisted_price=delisted_price,
        sampled=sampled,
        day_end=_day_end(time, sampled),
        actions=actions,
        quotes=quotes,
        asset_class=listing.asset_class,
        calendars=listing.calendars,
        timeframe=config.timeframe,
        periods_per_year=time.calendars[home].periods_per_year(timeframe_ns(config.timeframe)),
        benchmark=benchmark,
        has_volume=volume is not None and bool(np.isfinite(volume).any()),
        prices=config.prices,
    )


def _home(listing: Listing, symbols: tuple[str, ...], benchmark: str, time: Timeline, kept: Ordered) -> int:
    """The benchmark's calendar; for equal_weight that of most symbols, of several the one with the fewest sessions."""
    if benchmark in symbols:
        return int(listing.calendar_of[symbols.index(benchmark)])
    count = np.bincount(listing.calendar_of, minlength=len(listing.calendars))
    return min(range(count.size), key=lambda i: (-int(count[i]), time.calendars[i].sessions_per_year))


def _day_end(time: Timeline, sampled: BoolArray) -> BoolArray:
    rows = np.flatnonzero(sampled)
    out = np.zeros(sampled.size, np.bool_)
    if rows.size:
        out[rows[np.r_[np.diff(time.session[rows]) != 0, True]]] = True
    return out


def _tradable(kept: Ordered, time: Timeline, listing: Listing, delisted_row: IntArray) -> BoolArray:
    """A session (or an open market) of its calendar, from the symbol's first bar to its delisting."""
    n_bars = time.index.size
    first = _first_bars(kept, n_bars)
    row = np.arange(n_bars)[:, None]
    last = np.where(delisted_row >= 0, delisted_row, n_bars)
    tradable = time.expected[:, listing.calendar_of]
    tradable &= row >= first
    tradable &= row <= last
    return np.ascontiguousarray(tradable)


def _first_bars(kept: Ordered, n_bars: int) -> IntArray:
    """Row of each symbol's first bar; n_bars where it has none."""
    first = np.full(len(kept.rows.symbols), n_bars, np.int64)
    np.minimum.at(first, kept.code, kept.bar)
    return first


def _delistings(
    time: Timeline, listing: Listing, first: IntArray, symbols: tuple[str, ...], found: Findings
) -> tuple[IntArray, FloatArray]:
    """Last row of the day on which a name ends, or of its calendar's next one; -1 when beyond the data.

    One before the symbol's `first` bar ended an earlier name of that symbol: it is counted and left out.
    """
    row, price = np.full(first.size, -1, np.int64), np.full(first.size, np.nan)
    for number, (day, paid) in listing.delisted.items():
        if first[number] < time.index.size and day < time.session[first[number]]:
            found.add(symbols[number], "delisting_before_first_bar", 1, [str(np.datetime64(day, "D"))])
            continue
        mine = np.flatnonzero(time.expected[:, listing.calendar_of[number]])
        after = mine[time.session[mine] >= day]
        if after.size and time.session[-1] >= day:
            row[number] = after[time.session[after] == time.session[after[0]]][-1]
            price[number] = paid
    return row, price


def _hashes(kept: Ordered, events: Events, event_row: IntArray, time: Timeline) -> dict[str, str]:
    """sha256 per symbol over the closes, prices, volumes and recorded actions of its own bars, whatever else is in the market."""
    columns = [name for name in (*PRICES, "volume", *QUOTES) if name in kept.rows.columns]
    values = [np.ascontiguousarray(kept.values(name)) for name in columns]
    stamp = time.index[kept.bar]
    edges = np.searchsorted(kept.code, np.arange(len(kept.rows.symbols) + 1))
    order = np.lexsort((event_row, events.code))
    event_edges = np.searchsorted(events.code[order], np.arange(len(kept.rows.symbols) + 1))

    def digest(number: int) -> str:
        a, b = int(edges[number]), int(edges[number + 1])
        total = hashlib.sha256(stamp[a:b].data)
        for name, column in zip(columns, values, strict=True):
            total.update(name.encode())
            total.update(column[a:b].data)
        mine = order[event_edges[number] : event_edges[number + 1]]
        for part in (events.day[mine], events.split[mine], events.dividend[mine], events.funding[mine]):
            total.update(part.data)
        return total.hexdigest()

    n_symbols = len(kept.rows.symbols)
    halves = (range(n_symbols // 2), range(n_symbols // 2, n_symbols))
    digests = [one for half in mapped(lambda numbers: [digest(i) for i in numbers], halves) for one in half]
    return dict(zip(kept.rows.symbols, digests, strict=True))


def check_size(n_bars: int, n_symbols: int, rows: Rows) -> None:
    """Refuse a market whose dense arrays would not fit, with the arithmetic, before anything is allocated.

    Raises
    ------
    CapacityError
        When they need more than 80 % of this machine's memory.
    """
    panels = 5 + (8 if "bid_open" in rows.columns else 0) + 3
    need = n_bars * n_symbols * (8 * panels + 1)
    have = memory_limit()
    if need > 0.8 * have:
        raise CapacityError(
            f"{n_bars:,} bars x {n_symbols:,} symbols x {8 * panels + 1} bytes is {need / 2**30:,.1f} GB; "
            f"80 % of the memory is {0.8 * have / 2**30:,.1f} GB",
            where=rows.place(0),
            remedy="name fewer symbols, shorten start and end, use a longer timeframe, or split the files",
        )
