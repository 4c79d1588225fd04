"""Bars of sessions, weeks and months from shorter ones, each known only when its calendar says that it is complete.

A week belongs to the calendar of each symbol: that of a share ends with the close of Friday, or of Thursday where Friday is a
holiday; that of a coin with the end of Sunday. Calendars are published in advance, so that the end of a week is known at the
close that ends it. (The calendar also holds the few closures that were announced days before or not at all: the week of
11 September 2001 counts as complete at the close before it.)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from trading_system.data.bars import Prices
from trading_system.data.calendars import Calendar, calendar
from trading_system.data.stamps import DAY, timeframe_ns
from trading_system.errors import UsageError
from trading_system.kernels import cache_root, door

if TYPE_CHECKING:
    from trading_system.data.bars import Bars
    from trading_system.types import BoolArray, FloatArray, IntArray

Period: TypeAlias = Literal["session", "week", "month"]
PERIODS: tuple[Period, ...] = ("session", "week", "month")


@dataclass(frozen=True, eq=False)
class HigherBars:
    """Completed bars of a longer period.

    Attributes
    ----------
    period : str
        ``session``, ``week`` (ISO: Monday to Sunday) or ``month``, all by session label.
    prices : Prices
        Each float64 (n_periods, n_symbols), adjusted as ``bars.adjusted``: row k is the k-th period since that of the first row.
        NaN where a symbol has no bar in it, where the data begins inside it, and while it is not complete.
    count : int64, shape (n_bars, n_calendars)
        The last period with a session that is complete at the close of each row, its number + 1; 0 before there is one.
    before : int64, shape (n_bars, n_calendars)
        The same for the periods before that of each row: on the row that completes a period it is not yet this one.
    calendar_of : int64, shape (n_symbols,)
        Column of `count` and `before` that holds for each symbol.
    """

    period: Period
    prices: Prices
    count: IntArray
    before: IntArray
    calendar_of: IntArray

    def known(self, series: FloatArray) -> FloatArray:
        """`series` (n_periods, n_symbols) on the rows: its value in the last period complete at the close of row t."""
        return self._placed(series, self.count)

    def known_before(self, series: FloatArray) -> FloatArray:
        """`series` on the rows: its value in the last period complete before the period of row t began.

        What a close is compared with to see whether it breaks out: on the last close of a week `known` holds that week.
        """
        return self._placed(series, self.before)

    def _placed(self, series: FloatArray, count: IntArray) -> FloatArray:
        from trading_system.data import _kernels_resampling as kernels

        if np.shape(series) != self.prices.close.shape:
            raise UsageError(f"a series of {self.period}s has shape {np.shape(series)}", allowed=f"{self.prices.close.shape}")
        out = np.empty((count.shape[0], self.calendar_of.size))
        arguments: Any = (door(series, np.float64), door(count, np.int64), door(self.calendar_of, np.int64), out)
        kernels.placed(*arguments)
        return out


def completed_bars(bars: Bars, period: Period) -> HigherBars:
    """Bars of `period` made from `bars`, which are of one session or shorter; row t of `known` reads rows up to t only.

    A period is complete at the close of its last session (daily bars) or at the first bar that closes then or later (intraday).
    What a symbol traded after that belongs to the next one.

    Raises
    ------
    UsageError
        Bars longer than a session, or an unknown period.
    DataError
        The calendar does not reach to the end of the last period.
    """
    from trading_system.data import _kernels_resampling as kernels

    if period not in PERIODS:
        raise UsageError(f"{period!r} is no period", allowed=", ".join(PERIODS))
    if timeframe_ns(bars.timeframe) > DAY:
        raise UsageError(f"{period}s cannot be made from bars of {bars.timeframe}", allowed="bars of 1d or shorter")
    shape = bars.n_bars, bars.expected.shape[1]
    count, before, member = (np.zeros(shape, np.int64) for _ in range(3))
    first = np.zeros(shape[1], np.int64)
    for c in range(shape[1] if bars.n_bars else 0):
        timing = _timing(bars, c, period)
        held = np.concatenate([[0], np.maximum.accumulate(np.where(timing.traded, np.arange(timing.traded.size) + 1, 0))])
        count[:, c], before[:, c], member[:, c] = held[timing.complete], held[timing.member], timing.member
        first[c] = timing.first
    last = count[-1] if bars.n_bars else np.zeros(shape[1], np.int64)
    merged = np.full((5, int(last.max(initial=0)), bars.n_symbols), np.nan)
    prices = bars.adjusted
    panels = [door(panel, np.float64) for panel in (prices.open, prices.high, prices.low, prices.close, prices.volume)]
    numbers = [door(values, np.int64) for values in (member, first, last, bars.calendar_of)]
    arguments: Any = (*panels, *numbers, merged)
    kernels.merged(*arguments)
    return HigherBars(period, Prices(*merged), count, before, bars.calendar_of)


def rows_until(bars: Bars, period: Period, n: int) -> int:
    """Bars up to the one that completes the n-th whole period of every calendar: what `n` periods of history take.

    Where the data is shorter, one more than it has.
    """
    most = 0
    for c in range(bars.expected.shape[1] if bars.n_bars else 0):
        timing = _timing(bars, c, period)
        whole = np.flatnonzero(timing.traded[timing.first :]) + timing.first
        row = np.searchsorted(timing.complete, whole[n - 1] + 1) if whole.size >= n else bars.n_bars
        most = max(most, int(row) + 1)
    return most


class _Timing(NamedTuple):
    """Periods of one calendar, numbered from that of row 0.

    Attributes
    ----------
    complete, member : int64, shape (n_bars,)
        How many are complete at the close of each row, those without a session too; to which one a bar of the row belongs.
    first : int
        The first that the data holds from its start on.
    traded : bool, shape (n_periods,)
        Which of them have a session.
    """

    complete: IntArray
    member: IntArray
    first: int
    traded: BoolArray


def _timing(bars: Bars, c: int, period: Period) -> _Timing:
    label = bars.session.astype(np.int64)
    start, stop = (int(number) for number in _numbers(label[[0, -1]], period))
    cal = _sessions(bars.calendars[c], _first_day(start, period), _first_day(stop + 1, period) - 1)
    number = _numbers(cal.day.astype(np.int64), period) - start
    n_sessions = np.searchsorted(number, np.arange(stop - start + 1), side="right")  # up to the end of each period
    intraday = timeframe_ns(bars.timeframe) < DAY
    closes = np.concatenate([[np.iinfo(np.int64).min], cal.close if intraday else cal.day.astype(np.int64)])
    end = closes[n_sessions]
    at = bars.index if intraday else label
    count: IntArray = np.searchsorted(end, at, side="right").astype(np.int64)
    if not intraday:  # other calendars' rows of the same day may come before this one's close
        own = np.maximum.accumulate(np.where(bars.expected[:, c], np.arange(bars.n_bars), -1))
        count = np.where(own >= 0, count[np.maximum(own, 0)], 0)
    earlier = np.concatenate([np.zeros(1, np.int64), count[:-1]])  # at the row before
    member: IntArray = np.maximum(np.searchsorted(end, at, side="left").astype(np.int64), earlier)
    traded = np.diff(n_sessions, prepend=0) > 0
    return _Timing(count, member, _first_whole(bars, c, cal, number, intraday), traded)


def _first_whole(bars: Bars, c: int, cal: Calendar, number: IntArray, intraday: bool) -> int:
    """0 when the data begins with the first session of its first period, else 1; counted from the period of row 0."""
    rows = np.flatnonzero(bars.expected[:, c])
    if not rows.size or not cal.day.size:
        return 0
    row = int(rows[0])
    at = int(np.searchsorted(cal.day, bars.session[row], side="left"))
    if at >= cal.day.size or (at > 0 and number[at - 1] == number[at]):
        return int(number[min(at, number.size - 1)]) + 1
    late = intraday and int(bars.index[row]) - timeframe_ns(bars.timeframe) > int(cal.open[at])
    return int(number[at]) + int(late)


def _numbers(day: IntArray, period: Period) -> IntArray:
    """Number of the period that each day (since 1970-01-01, a Thursday) lies in."""
    if period == "session":
        return day
    if period == "week":
        return (day + 3) // 7
    return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _first_day(number: int, period: Period) -> int:
    if period == "session":
        return number
    if period == "week":
        return number * 7 - 3
    return int(np.datetime64(number, "M").astype("datetime64[D]").astype(np.int64))


def _sessions(name: str, first: int, last: int) -> Calendar:
    try:
        cache: Path | None = cache_root() / "data"
    except RuntimeError:  # no home directory
        cache = None
    return calendar(name, first, last, cache)
