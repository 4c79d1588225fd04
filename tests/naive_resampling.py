"""Twin of resampling: at every row, the bars up to it are grouped by date and the calendar is asked whether a group has ended."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np

from tests.sessions import schedule
from trading_system.data.bars import Bars

FIELDS = ("open", "high", "low", "close", "volume")


def key(day: int, period: str) -> tuple[int, ...]:
    date = dt.date(1970, 1, 1) + dt.timedelta(days=int(day))
    if period == "week":
        return tuple(date.isocalendar())[:2]
    return (date.year, date.month) if period == "month" else (date.toordinal(),)


def close_of(bars: Bars, column: int, period: str) -> dict[tuple[int, ...], int]:
    """UTC ns of the last session of each period, and only of periods whose first session the data reaches."""
    name = bars.calendars[int(bars.calendar_of[column])]
    own = [t for t in range(bars.n_bars) if bars.expected[t, bars.calendar_of[column]]]
    first = dt.date(1970, 1, 1) + dt.timedelta(days=int(bars.session[own[0]]))
    last = dt.date(1970, 1, 1) + dt.timedelta(days=int(bars.session[-1]))
    found, opens = {}, {}
    sessions = schedule(name, str(first - dt.timedelta(days=40)), str(last + dt.timedelta(days=40)))
    for day, row in sessions.iterrows():
        group = key((day.date() - dt.date(1970, 1, 1)).days, period)
        found[group] = int(row["close"])
        opens.setdefault(group, day.date())
    return {group: close for group, close in found.items() if opens[group] >= first}


def periods(bars: Bars, column: int, period: str, row: int, before: bool = False) -> list[dict[str, float]]:
    """The symbol's completed bars as of the close of `row`, oldest first; NaN where it had no bar in one.

    With `before`, those that were complete when the period of `row` began.
    """
    history = History(bars, column, period)
    return [history.bar(group, row) for group in history.complete(row, before)]


class History:
    """One symbol's rows by period, and when the calendar ends each of them."""

    def __init__(self, bars: Bars, column: int, period: str) -> None:
        self.bars, self.column, self.prices = bars, column, bars.adjusted
        self.ends = close_of(bars, column, period)
        self.keys = [key(day, period) for day in bars.session]

    def complete(self, row: int, before: bool) -> list[tuple[int, ...]]:
        now, here = self.bars.index[row], self.keys[row]
        return sorted(g for g, end in self.ends.items() if (end < now and g != here if before else end <= now))

    def bar(self, group: tuple[int, ...], row: int) -> dict[str, float]:
        p, i = self.prices, self.column
        rows = [t for t in range(row + 1) if self.keys[t] == group and not math.isnan(p.close[t, i])]
        if not rows:
            return dict.fromkeys(FIELDS, math.nan)
        volumes = [v for t in rows if not math.isnan(v := p.volume[t, i])]
        return {
            "open": p.open[rows[0], i],
            "high": max(p.high[t, i] for t in rows),
            "low": min(p.low[t, i] for t in rows),
            "close": p.close[rows[-1], i],
            "volume": math.fsum(volumes) if volumes else math.nan,
        }


def known(bars: Bars, period: str, before: bool = False) -> dict[str, np.ndarray]:
    """Every field of the last completed period at each row and symbol."""
    out = {field: np.full(bars.close.shape, np.nan) for field in FIELDS}
    for column in range(bars.n_symbols):
        history = History(bars, column, period)
        for row in range(bars.n_bars):
            found = history.complete(row, before)
            for field, value in (history.bar(found[-1], row) if found else {}).items():
                out[field][row, column] = value
    return out
