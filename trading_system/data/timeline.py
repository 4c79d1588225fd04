"""From the stamps of a file to the rows of the market: closes in UTC, session labels, sessions that nobody has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trading_system.data.calendars import Calendar, better_calendar, calendar
from trading_system.data.stamps import DAY, local_to_utc, timeframe_ns, utc_to_local
from trading_system.errors import DataError, InsufficientDataError

if TYPE_CHECKING:
    from trading_system.config.models import DataConfig
    from trading_system.data.source import Rows
    from trading_system.types import BoolArray, Int32Array, IntArray

_SHARE_OFF = 0.20
_SHARE_OUTSIDE = 0.75


@dataclass(frozen=True, eq=False)
class Timeline:
    """The time axis of a market and where each row of the source lies on it.

    Attributes
    ----------
    index : int64, shape (n_bars,)
        UTC nanoseconds of the closes, increasing.
    session : int32, shape (n_bars,)
        Labels, non-decreasing.
    expected : bool, shape (n_bars, n_calendars)
        Whether the calendar has a session (daily) or is open (intraday).
    calendars : tuple of Calendar
        Cut to the days of the data.
    kept : int64, shape (n_kept,)
        Rows of the source that lie between start and end and on a session.
    row : int64, shape (n_kept,)
        Bar of each of them.
    off, off_day : int64, shape (n_off,)
        Rows of the source on days without a session (daily) or outside the sessions (intraday), which are dropped, and the day of each.
    """

    index: IntArray
    session: Int32Array
    expected: BoolArray
    calendars: tuple[Calendar, ...]
    kept: IntArray
    row: IntArray
    off: IntArray
    off_day: IntArray


def timeline(rows: Rows, calendar_of: IntArray, names: tuple[str, ...], config: DataConfig, cache: Path | None) -> Timeline:
    """Lay the rows on the union of the calendars' sessions and their own stamps.

    Parameters
    ----------
    calendar_of : int64, shape (n_symbols,)
        Which of `names` holds for each symbol of `rows`.

    Raises
    ------
    DataError
        When intraday data does not say what its stamps mean, the calendar does not fit, or the timeframe is not the file's.
    InsufficientDataError
        When no row lies between start and end.
    """
    length = timeframe_ns(config.timeframe)
    if length % DAY == 0:
        return _daily(rows, calendar_of, names, config, cache, length)
    if config.stamp is None:
        raise DataError(
            f"intraday bars ({config.timeframe}) need to say what their stamps mean",
            where="data.stamp",
            allowed="open, close",
            remedy="set data.stamp: open when a stamp is the start of its bar (most vendors), close when it is the end",
        )
    return _intraday(rows, calendar_of, names, config, cache, length)


def _bounds(config: DataConfig) -> tuple[int, int]:
    first = config.start.toordinal() - 719_163 if config.start else -(10**8)
    last = config.end.toordinal() - 719_163 if config.end else 10**8
    return first, last


def _within(rows: Rows, day: IntArray, config: DataConfig) -> IntArray:
    first, last = _bounds(config)
    kept = np.flatnonzero((day >= first) & (day <= last))
    if kept.size == 0:
        span = (
            f"from {np.datetime64(int(day.min()), 'D')} to {np.datetime64(int(day.max()), 'D')}" if day.size else "of no rows"
        )
        raise InsufficientDataError(
            f"no bar lies between start and end; the data is {span}", where="data.start", remedy="widen the range"
        )
    return kept


def session_days(rows: Rows, calendar_of: IntArray, zones: tuple[str, ...], config: DataConfig) -> IntArray:
    """Session label of each row of daily data: the date as written, or that of a UTC stamp in the calendar's own time zone."""
    if rows.kind == "date":
        return rows.stamp
    if rows.kind == "naive":
        return (rows.stamp - (1 if config.stamp == "close" else 0)) // DAY
    day = np.empty(len(rows), np.int64)
    which = calendar_of[rows.code]
    for number, zone in enumerate(zones):
        mine = which == number
        stamp = rows.stamp[mine] - (1 if config.stamp == "close" else 0)
        day[mine] = utc_to_local(stamp, zone) // DAY
    return day


def _daily(
    rows: Rows, calendar_of: IntArray, names: tuple[str, ...], config: DataConfig, cache: Path | None, length: int
) -> Timeline:
    zones = tuple("UTC" if name in ("24/7", "24/5") else calendar(name, 14_610, 14_611, cache).timezone for name in names)
    day = session_days(rows, calendar_of, zones, config)
    inside = _within(rows, day, config)
    whole = inside.size == day.size
    label = day if whole else day[inside]
    which = calendar_of[rows.code if whole else rows.code[inside]] if len(names) > 1 else None
    at = np.empty(inside.size, np.int64)
    found = []
    for number, name in enumerate(names):
        mine = slice(None) if which is None else which == number
        days = label[mine]
        found.append(calendar(name, int(days.min()), int(days.max()), cache) if days.size else calendar(name, 0, -1, cache))
        at[mine] = found[-1].position(days)
        _fits(name, days, at[mine])
    on = at >= 0
    kept, off, off_day = (inside, inside[:0], inside[:0]) if on.all() else (inside[on], inside[~on], label[~on])
    at = at if on.all() else at[on]
    which = which if which is None else which[on]
    closes = [cal.close for cal in found]
    if length > DAY:
        closes = [np.unique(cal.close[at if which is None else at[which == number]]) for number, cal in enumerate(found)]
    index = _distinct(np.concatenate(closes))
    row = np.empty(kept.size, np.int64)
    for number, cal in enumerate(found):
        mine = slice(None) if which is None else which == number
        row[mine] = np.searchsorted(index, cal.close)[at[mine]]
    session = np.full(index.size, -(2**31), np.int32)
    expected = np.zeros((index.size, len(names)), np.bool_)
    for number, cal in enumerate(found):
        place = np.searchsorted(index, cal.close)
        there = (place < index.size) & (index[np.minimum(place, index.size - 1)] == cal.close)
        session[place[there]] = np.maximum(session[place[there]], cal.day[there])
        expected[place[there], number] = True
    session = np.maximum.accumulate(session)
    return Timeline(index, session, expected, tuple(found), kept, row, off, off_day)


def _fits(name: str, days: IntArray, at: IntArray) -> None:
    """More than a fifth of the days off the calendar: it is the wrong one."""
    off = at < 0
    if days.size and off.mean() > _SHARE_OFF:
        better, _ = better_calendar(days, name)
        example = np.datetime64(int(days[np.argmax(off)]), "D")
        raise DataError(
            f"{int(off.sum())} of {days.size} bars lie on days without a session of {name}, such as {example}: the calendar does not fit",
            where="data.calendar",
            remedy=f"set data.calendar: {better}",
        )


def close_stamps(rows: Rows, config: DataConfig, length: int) -> IntArray:
    """UTC nanoseconds at which each intraday bar closed, before the session's end cuts it."""
    if rows.kind == "date":
        raise DataError(
            f"the stamps are bare dates, the timeframe is {config.timeframe}",
            where=rows.place(0),
            remedy="set data.timeframe: 1d, or give times",
        )
    stamp = local_to_utc(rows.stamp, config.timezone) if rows.kind == "naive" else rows.stamp
    return stamp + (length if config.stamp == "open" else 0)


def _intraday(
    rows: Rows, calendar_of: IntArray, names: tuple[str, ...], config: DataConfig, cache: Path | None, length: int
) -> Timeline:
    close = close_stamps(rows, config, length)
    which = calendar_of[rows.code] if len(names) > 1 else None
    label = np.empty(close.size, np.int64)
    outside = np.zeros(close.size, np.bool_)
    found = []
    for number, name in enumerate(names):
        mine = slice(None) if which is None else which == number
        cal = calendar(name, int(close[mine].min() // DAY) - 2, int(close[mine].max() // DAY) + 2, cache)
        found.append(cal)
        close[mine] = _cut_at_close(cal, close[mine], length)
        label[mine], outside[mine] = _labels(cal, close[mine])
        if float(outside[mine].mean()) > _SHARE_OUTSIDE:
            raise DataError(
                f"{int(outside[mine].sum())} of {outside[mine].size} bars lie outside the sessions of {name}: the calendar does not fit",
                where="data.calendar",
                remedy="set data.calendar: 24/7 (crypto) or 24/5 (fx), and data.timezone to the files'",
            )
    kept = _within(rows, label, config)
    first, last = int(label[kept].min()), int(label[kept].max())
    found = [cal.between(first, last) for cal in found]
    off, kept = kept[outside[kept]], kept[~outside[kept]]
    if kept.size == 0:
        raise InsufficientDataError(
            "every bar lies outside the sessions of its calendar",
            where="data.calendar",
            remedy="set data.calendar: 24/7 or 24/5",
        )
    close = close[kept]
    whose = None if which is None else which[kept]
    grids = [_grid(cal, close if whose is None else close[whose == number]) for number, cal in enumerate(found)]
    index = _distinct(np.concatenate(grids))
    expected = np.stack([cal.holding(index) >= 0 for cal in found], axis=1)
    if len(found) > 1:
        expected &= np.stack([np.isin(index, grid) for grid in grids], axis=1)
    session = _labels(found[0], index)[0]
    for number in range(len(found) - 1, -1, -1):
        mine = expected[:, number]
        session[mine] = _labels(found[number], index[mine])[0]
    labels: Int32Array = np.maximum.accumulate(session).astype(np.int32)
    row = np.arange(index.size) if np.array_equal(close, index) else np.searchsorted(index, close)
    return Timeline(index, labels, expected, tuple(found), kept, row, off, label[off])


def _grid(cal: Calendar, close: IntArray) -> IntArray:
    """Stamps at which some bar of a calendar closes, and the closes of sessions that have none.

    Each calendar has its own: what closes at half past ten is not missing at ten, when another market's bars close.
    """
    stamps = _distinct(close)
    return _distinct(np.concatenate([stamps, _wholly_missing(cal, stamps)]))


def _cut_at_close(cal: Calendar, close: IntArray, length: int) -> IntArray:
    """A bar that begins inside a session and would end after it ends with it: the half-hour at the end of hourly bars."""
    if cal.day.size == 0:
        return close
    at = np.searchsorted(cal.open, close - length, side="right") - 1
    end = cal.close[np.maximum(at, 0)]
    cut: IntArray = np.where((at >= 0) & (close - length < end) & (close > end), end, close)
    return cut


def _labels(cal: Calendar, close: IntArray) -> tuple[IntArray, BoolArray]:
    at = cal.holding(close)
    outside = at < 0
    label = cal.day[np.maximum(at, 0)].astype(np.int64) if cal.day.size else np.zeros(close.shape, np.int64)
    if outside.any():
        label[outside] = utc_to_local(close[outside] - 1, cal.timezone) // DAY
    return label, outside


def _wholly_missing(cal: Calendar, stamps: IntArray) -> IntArray:
    """Closes of the sessions in which no bar at all closes."""
    before, upto = np.searchsorted(stamps, cal.open, side="right"), np.searchsorted(stamps, cal.close, side="right")
    return np.asarray(cal.close[before == upto], np.int64)


def _distinct(values: IntArray) -> IntArray:
    if values.size < 2 or bool(np.all(values[1:] > values[:-1])):
        return values
    return np.unique(values)
