"""Sessions of exchanges: by name from exchange-calendars, kept in small files; 24/7 and 24/5 by arithmetic."""

from __future__ import annotations

import contextlib
import difflib
import functools
import sqlite3
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trading_system.config.names import CALENDARS
from trading_system.data import blobs
from trading_system.data.stamps import DAY
from trading_system.errors import DataError

if TYPE_CHECKING:
    from trading_system.types import Int32Array, IntArray

_EARLIEST = "1962-01-01"
_FIXED = {"24/7": 365.0, "24/5": 260.0}


@dataclass(frozen=True, eq=False)
class Calendar:
    """Sessions of one market.

    Attributes
    ----------
    day : int32, shape (n_sessions,)
        Labels: days since 1970-01-01, increasing.
    open, close : int64, shape (n_sessions,)
        UTC nanoseconds.
    sessions_per_year : float
        XNYS 252, 24/7 365, 24/5 260; others: their mean of 2010 to 2019, rounded.
    timezone : str
        In which bars stamped in UTC get their session label.
    """

    name: str
    day: Int32Array
    open: IntArray
    close: IntArray
    sessions_per_year: float
    timezone: str

    def between(self, first: int, last: int) -> Calendar:
        """The sessions labelled `first`..`last` (days since 1970)."""
        a, b = np.searchsorted(self.day, first, side="left"), np.searchsorted(self.day, last, side="right")
        return Calendar(self.name, self.day[a:b], self.open[a:b], self.close[a:b], self.sessions_per_year, self.timezone)

    def position(self, day: IntArray) -> IntArray:
        """Number of the session labelled `day`, -1 where there is none."""
        if self.day.size == 0:
            return np.full(day.shape, -1, np.int64)
        first, last = int(self.day[0]), int(self.day[-1])
        table = np.full(last - first + 3, -1, np.int64)  # one place before and one after stand for all days beyond
        table[self.day.astype(np.int64) - first + 1] = np.arange(self.day.size)
        return table[np.clip(day, first - 1, last + 1) - first + 1]

    def holding(self, close: IntArray) -> IntArray:
        """Number of the session in which a bar that closes at `close` (UTC ns) lies: open < close <= session close; else -1."""
        if self.day.size == 0:
            return np.full(close.shape, -1, np.int64)
        at = np.searchsorted(self.open, close, side="left") - 1
        inside = (at >= 0) & (close <= self.close[np.maximum(at, 0)])
        return np.where(inside, at, -1)

    def bars_per_session(self, length: int) -> int:
        """Bars of `length` ns in a usual session, the last one possibly shorter."""
        if self.day.size == 0:
            return 1
        hours, counts = np.unique(self.close - self.open, return_counts=True)
        return max(1, -(-int(hours[np.argmax(counts)]) // length))

    def periods_per_year(self, length: int) -> float:
        """Bars of `length` ns in a year: a fraction of the sessions for bars of several days."""
        if length >= DAY:
            return self.sessions_per_year / (length // DAY)
        return self.sessions_per_year * self.bars_per_session(length)


def calendar(name: str, first: int, last: int, cache: Path | None = None) -> Calendar:
    """Sessions of the market `name` from day `first` to day `last` (days since 1970).

    A calendar read once is kept under ``cache/calendars`` for this version of exchange-calendars, so that a warm run imports
    neither it nor pandas.

    Raises
    ------
    DataError
        When there is no calendar of that name, or it does not reach over the days asked for.
    """
    if name in _FIXED:
        return _always(name, first, last)
    known = _stored(name, cache)
    if known is None or last > int(known.day[-1]):
        known = _built(name, last)
        _store(known, cache)
    elif cache is not None and not _file(name, cache).exists():
        _store(known, cache)
    if first < int(known.day[0]) - 7:
        raise DataError(
            f"the calendar {name} begins on {np.datetime64(int(known.day[0]), 'D')}, the data on {np.datetime64(first, 'D')}",
            where="data.calendar",
            remedy="set data.start, or use 24/5",
        )
    return known.between(first, last)


def _always(name: str, first: int, last: int) -> Calendar:
    day = np.arange(first, last + 1, dtype=np.int64)
    if name == "24/5":
        day = day[(day + 3) % 7 < 5]
    return Calendar(name, day.astype(np.int32), day * DAY, (day + 1) * DAY, _FIXED[name], "UTC")


@functools.cache
def _version() -> str:
    from importlib.metadata import version

    return version("exchange-calendars")


def _file(name: str, cache: Path) -> Path:
    safe = "".join(letter if letter.isalnum() else "-" for letter in name)
    return cache / "calendars" / f"{safe}-{_version()}.sqlite"


_MEMORY: dict[str, Calendar] = {}


def _stored(name: str, cache: Path | None) -> Calendar | None:
    if name not in _MEMORY and cache is not None:
        with contextlib.suppress(blobs.DamagedError, OSError, KeyError):
            meta, arrays = blobs.read(_file(name, cache))
            if meta["name"] == name:
                _MEMORY[name] = Calendar(
                    name, arrays["day"], arrays["open"], arrays["close"], meta["sessions_per_year"], meta["timezone"]
                )
    return _MEMORY.get(name)


def _store(built: Calendar, cache: Path | None) -> None:
    _MEMORY[built.name] = built
    if cache is not None:
        meta = {"name": built.name, "sessions_per_year": built.sessions_per_year, "timezone": built.timezone}
        with contextlib.suppress(OSError, sqlite3.Error):
            blobs.write(_file(built.name, cache), meta, {"day": built.day, "open": built.open, "close": built.close})


def _built(name: str, last: int) -> Calendar:
    """Ask exchange-calendars, over as long a time as it knows."""
    if name not in CALENDARS:
        close = difflib.get_close_matches(name, CALENDARS, n=1)
        remedy = f"did you mean {close[0]!r}?" if close else ""
        raise DataError(
            f"there is no calendar {name!r}", where="data.calendar", allowed="XNYS, XLON, ..., 24/7 or 24/5", remedy=remedy
        )
    import exchange_calendars
    import pandas as pd

    start = pd.Timestamp(_EARLIEST)
    try:
        with warnings.catch_warnings():  # the library's own, about pandas to come
            warnings.simplefilter("ignore")
            usual = exchange_calendars.get_calendar(name)
            lower = usual.bound_min()
            end = max(pd.Timestamp(int(last) * DAY) + pd.Timedelta(days=30), usual.last_session)
            found = exchange_calendars.get_calendar(name, start=max(start, lower) if lower is not None else start, end=end)
    except (exchange_calendars.errors.CalendarError, ValueError, OverflowError) as error:
        day = np.datetime64(int(last), "D")
        raise DataError(
            f"the calendar {name} does not reach {day} ({error})", where="data.calendar", remedy="set data.end, or use 24/5"
        ) from None
    day = found.sessions.to_numpy().astype("datetime64[D]").astype(np.int32)
    opens, closes = (
        column.dt.tz_convert(None).to_numpy().astype("datetime64[ns]").astype(np.int64)
        for column in (found.opens, found.closes)
    )
    decade = (day >= 14_610) & (day < 18_262)  # 2010 to 2019
    per_year = float(round(int(decade.sum()) / 10)) or 252.0
    return Calendar(name, day, opens, closes, per_year, str(found.tz))


def better_calendar(day: IntArray, but: str) -> tuple[str, int]:
    """The calendar among the common ones that fits the days of bars best, `but` apart; for messages.

    Returns
    -------
    str
        Its name.
    int
        How many of the distinct days are none of its sessions, and of its sessions between them none of the days.
    """
    days = np.unique(day)
    wrong: dict[str, int] = {}
    for name in ("XNYS", "24/5", "24/7"):
        if name != but:
            sessions = calendar(name, int(days[0]), int(days[-1])).day
            wrong[name] = int(np.setxor1d(days, sessions).size)
    best = min(wrong, key=lambda name: wrong[name])
    return best, wrong[best]
