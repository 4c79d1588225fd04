"""Whether the timeframe and the calendar of a run file are those of its bars: a wrong one gives wrong figures in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trading_system.data.calendars import better_calendar
from trading_system.data.stamps import DAY, timeframe_ns
from trading_system.errors import DataError

if TYPE_CHECKING:
    from trading_system.config.models import DataConfig
    from trading_system.data.calendars import Calendar
    from trading_system.data.quality import Findings, Ordered
    from trading_system.types import BoolArray, Int32Array, IntArray

_MINUTE = 60 * 10**9
_FEW = 10  # steps or sessions below which nothing is concluded
_REPEATED = 0.2  # share of rows that share their day with the row before: the bars are intraday
_EMPTY = 0.2  # share of sessions without any bar beyond which a calendar is refused when a better one is known
_DOUBTFUL = 0.01


def check_step(data: Ordered, config: DataConfig) -> None:
    """Refuse a timeframe that is longer or shorter than the step from bar to bar.

    Raises
    ------
    DataError
        When most bars lie nearer to each other than they are long, or most of them the same longer step apart; names the step.
    """
    length = timeframe_ns(config.timeframe)
    if data.code.size < 2:
        return
    if length % DAY == 0:
        step = _intraday_step(data) if length == DAY and data.rows.kind != "date" else 0
        step = step or (_session_step(data) if length == DAY else 0)
    else:
        gap = np.diff(data.time.index[data.bar])
        cut = (gap < length) & np.isin(data.time.index, np.concatenate([cal.close for cal in data.time.calendars]))[
            data.bar[1:]
        ]
        gap = gap[(data.code[1:] == data.code[:-1]) & (gap > 0) & ~cut]  # a bar that ends with its session is a short one
        step = _wrong_step(gap, length, _bars_per_session(data, length) > 1)
    if not step:
        return
    frame = timeframe_text(step)
    stamp = " and data.stamp: open or close" if length % DAY == 0 and step < DAY else ""
    raise DataError(
        f"the bars are {step_text(step)} apart, the timeframe is {config.timeframe}",
        where=data.rows.place(int(data.source[0])),
        remedy=f"set data.timeframe: {frame}{stamp}" if frame else "set data.timeframe to the file's",
    )


def _wrong_step(gap: IntArray, length: int, several: bool) -> int:
    """The usual step where it is not `length`, else 0; a longer one counts only where a session has `several` bars.

    In a file with holes the step of one bar is still the most frequent one, so that only a step which most bars share is telling.
    """
    if gap.size and float((gap < length).mean()) > 0.5:
        return int(np.median(gap))
    if not several or gap.size < _FEW or float((gap > length).mean()) <= 0.5:
        return 0
    steps, counts = np.unique(gap, return_counts=True)
    most = int(np.argmax(counts))
    return int(steps[most]) if steps[most] > length and counts[most] > 0.5 * gap.size else 0


def _intraday_step(data: Ordered) -> int:
    """Usual step between rows of one day that differ in their time of day, 0 where there are few of them."""
    same = (data.code[1:] == data.code[:-1]) & (data.bar[1:] == data.bar[:-1])
    if not same.any():
        return 0
    gap = np.abs(np.diff(data.rows.stamp[data.source]))[same]
    gap = gap[gap > 0]
    return int(np.median(gap)) if gap.size > _REPEATED * data.code.size else 0


def _session_step(data: Ordered) -> int:
    """Days from bar to bar where the bars of a daily file are always several sessions apart, such as weekly ones; else 0."""
    same = data.code[1:] == data.code[:-1]
    step = np.diff(_own_sessions(data))[same]
    if step.size < _FEW or float((step < 2).mean()) > 0.02:
        return 0
    days = np.diff(data.time.session[data.bar])[same]
    return int(np.median(days)) * DAY


def _own_sessions(data: Ordered) -> IntArray:
    """Number of each row's session in its own calendar: calendars that close at different hours share no rows of the market."""
    day = data.time.session[data.bar]
    own = np.empty(day.size, np.int64)
    for number, cal in enumerate(data.time.calendars):
        mine = data.calendar_of[data.code] == number
        own[mine] = np.searchsorted(cal.day, day[mine])
    return own


def _bars_per_session(data: Ordered, length: int) -> int:
    return max(cal.bars_per_session(length) for cal in data.time.calendars)


def step_text(step: int) -> str:
    """A length in nanoseconds as a person would say it: 30 minutes, 1 hour, 7 days."""
    for unit, name in ((DAY, "day"), (60 * _MINUTE, "hour"), (_MINUTE, "minute"), (10**9, "second")):
        if step % unit == 0:
            number = step // unit
            return f"{number:,} {name}" + ("s" if number != 1 else "")
    return f"{step / 1e9:g} seconds"


def timeframe_text(step: int) -> str:
    """The timeframe of that length, such as 30m; empty where none can be written."""
    for unit, letter in ((DAY, "d"), (60 * _MINUTE, "h"), (_MINUTE, "m")):
        if step % unit == 0 and step // unit < 10_000:
            return f"{step // unit}{letter}"
    return ""


def check_sessions(data: Ordered, names: tuple[str, ...], found: Findings) -> None:
    """Refuse a calendar many of whose sessions nobody has a bar on; note one that fits a little less well than another.

    Sessions before a calendar's first symbol begins and after its last one ends do not count.

    Raises
    ------
    DataError
        When more than a fifth of the sessions have no bar of any symbol and another calendar has far fewer; names it.
    """
    off_code = data.calendar_of[data.rows.code[data.time.off]]
    for number, cal in enumerate(data.time.calendars):
        held = _held_days(data, number)
        if held.size == 0:
            continue
        off = np.unique(data.time.off_day[off_code == number])
        _fits(cal, names[number], held, off if data.daily else off[:0], found)


def _held_days(data: Ordered, number: int) -> IntArray:
    """Distinct sessions on which some symbol of calendar `number` has a row."""
    there: BoolArray = np.zeros(data.time.index.size, np.bool_)
    there[data.bar if data.time.expected.shape[1] == 1 else data.bar[data.calendar_of[data.code] == number]] = True
    return np.unique(data.time.session[there]).astype(np.int64)


def _empty(day: Int32Array | IntArray, held: IntArray) -> IntArray:
    inside = day[(day >= held[0]) & (day <= held[-1])]
    return np.setdiff1d(inside, held).astype(np.int64)


def _fits(cal: Calendar, name: str, held: IntArray, off: IntArray, found: Findings) -> None:
    empty = _empty(cal.day, held)
    sessions = held.size + empty.size
    wrong = empty.size + off.size
    if sessions < _FEW or wrong <= _DOUBTFUL * sessions:
        return
    days = np.union1d(held, off)
    better, missed = better_calendar(days, name)
    if 2 * missed > wrong:
        return
    share = empty.size / sessions
    example = f", such as {np.datetime64(int(empty[0]), 'D')}" if empty.size else ""
    text = f"{empty.size:,} of {sessions:,} sessions of {name} ({share:.0%}) have no bar of any symbol{example}"
    if share > _EMPTY:
        raise DataError(f"{text}: the calendar does not fit", where="data.calendar", remedy=f"set data.calendar: {better}")
    also = f", and {off.size:,} days with bars are no session of it" if off.size else ""
    found.notes.append(f"data.calendar: {text}{also}; {better} fits better")
