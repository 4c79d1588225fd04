"""How many bars of an intraday file are absent from sessions that have others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from trading_system.data.calendars import Calendar
    from trading_system.data.quality import Ordered
    from trading_system.types import IntArray


def absent_bars(data: Ordered, length: int) -> dict[str, int]:
    """Bars of `length` ns that each symbol lacks in the sessions it has bars of, between its first and its last one.

    Sessions without any bar are counted as `missing_session` instead. Symbols that lack none are left out.
    """
    edges = np.searchsorted(data.code, np.arange(len(data.rows.symbols) + 1))
    close = data.time.index[data.bar]
    absent = {}
    for number, symbol in enumerate(data.rows.symbols):
        mine = close[edges[number] : edges[number + 1]]
        lacking = _absent(data.time.calendars[int(data.calendar_of[number])], mine, length) if mine.size else 0
        if lacking:
            absent[symbol] = lacking
    return absent


def _absent(cal: Calendar, close: IntArray, length: int) -> int:
    """`close` increases and lies inside the sessions of `cal`."""
    session = cal.holding(close)
    slots = -((cal.open - cal.close) // length)  # bars of each session, the last one possibly shorter
    slot = -((cal.open[session] - close) // length) - 1
    there = np.unique(session * (int(slots.max()) + 1) + slot).size
    before, after = int(slot[0]), int(slots[session[-1]] - 1 - slot[-1])
    return int(slots[np.unique(session)].sum()) - before - after - there
