"""Corporate actions and delistings: from columns of the bars or files beside them to rows of the market."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trading_system.data.bars import Actions, met
from trading_system.data.quality import NO_ACTION, said
from trading_system.data.source import PRICE_RANGE, SPLIT_RANGE, WITHHELD
from trading_system.errors import DataError

if TYPE_CHECKING:
    from trading_system.config.models import DataConfig
    from trading_system.data.quality import Findings, Ordered
    from trading_system.data.timeline import Timeline
    from trading_system.types import FloatArray, IntArray


ACTION_RANGE = {"split": SPLIT_RANGE, "dividend": (0.0, PRICE_RANGE[1]), "funding": (-10.0, 10.0)}
"""What a split (new shares per old), a dividend (cash per share) and a funding rate (fraction) may be."""


@dataclass(frozen=True, eq=False)
class Events:
    """Recorded actions before they are applied, in any order.

    Attributes
    ----------
    code : int64, shape (n,)
        Symbol of the source.
    day : int64, shape (n,)
        Session label: days since 1970-01-01.
    split, dividend, funding : float64, shape (n,)
        1, 0 and 0 where there is none.
    bar : int64, shape (n,)
        Row of the market where it is known (funding of an intraday bar), else -1.
    """

    code: IntArray
    day: IntArray
    split: FloatArray
    dividend: FloatArray
    funding: FloatArray
    bar: IntArray

    @classmethod
    def none(cls) -> Events:
        """No event."""
        i, f = np.zeros(0, np.int64), np.zeros(0)
        return cls(i, i, f, f, f, i)


def from_columns(data: Ordered, off_day: IntArray, found: Findings, policy: str) -> Events:
    """Events in the split, dividend and funding columns of the rows, those on days without a session too.

    A split of 0 or an empty cell means none. Those outside `ACTION_RANGE` are `bad_action`: refused when `policy` is error, else left out.

    Parameters
    ----------
    off_day : int64, shape (n_off,)
        Day of each row of ``data.time.off``.
    """
    rows, time = data.rows, data.time
    if not any(name in rows.columns for name in NO_ACTION):
        return Events.none()
    last = np.ones(data.code.size, np.bool_)
    last[:-1] = (data.code[1:] != data.code[:-1]) | (data.bar[1:] != data.bar[:-1])
    source = np.concatenate([data.source[last], time.off])
    day = np.concatenate([time.session[data.bar[last]].astype(np.int64), off_day])
    bar = np.concatenate([data.bar[last], np.full(time.off.size, -1, np.int64)])
    values = {}
    bad = np.zeros(source.size, np.bool_)
    for name, nothing in NO_ACTION.items():
        column = rows.columns.get(name)
        value = np.full(source.size, nothing) if column is None else said(name, column[source])
        if policy == "drop" and column is not None:
            _agree(data, name, value[: source.size - time.off.size], found)
        least, most = ACTION_RANGE[name]
        wrong = ~((value >= least) & (value <= most))
        if wrong.any():
            _bad(data, source, wrong, day, name, found, policy)
        bad |= wrong
        values[name] = whole_ratio(value) if name == "split" else value
    moving = ((values["split"] != 1.0) | (values["dividend"] != 0.0) | (values["funding"] != 0.0)) & ~bad
    return Events(
        rows.code[source[moving]],
        day[moving],
        values["split"][moving],
        values["dividend"][moving],
        values["funding"][moving],
        bar[moving],
    )


def _agree(data: Ordered, name: str, value: FloatArray, found: Findings) -> None:
    """Where rows of one stamp differ, what any of them says holds; two that say different things are a `bad_action`, and none holds.

    `value`, one per symbol and stamp, is that of the last row and is mended in place.
    """
    same = (data.code[1:] == data.code[:-1]) & (data.bar[1:] == data.bar[:-1])
    if not same.any():
        return
    every = said(name, data.price(name))
    group = np.cumsum(np.r_[True, ~same]) - 1
    for one in np.unique(group[1:][same & (every[1:] != every[:-1])]).tolist():
        first, end = np.searchsorted(group, [one, one + 1]).tolist()
        told = np.unique(every[first:end][every[first:end] != NO_ACTION[name]])
        value[one] = told[0] if told.size == 1 else NO_ACTION[name]
        if told.size > 1:
            row = int(data.source[end - 1])
            found.add(data.symbol(first), "bad_action", 1, [data.rows.place(row)], [f"rows of one stamp differ in {name}"])


def whole_ratio(split: FloatArray) -> FloatArray:
    """A split printed as 6.999997 or 1.499999 is 7 or 3/2: within 1e-5 of n/m with n, m up to 100 and m (or n) up to 10."""
    out = split.copy()
    for i in np.flatnonzero((split != 1.0) & np.isfinite(split) & (split > 0)):
        value = float(split[i])
        for m in range(1, 11):
            up, down = round(value * m), round(m / value)
            if up >= 1 and abs(up / m / value - 1.0) <= 1e-5:
                out[i] = up / m
                break
            if down >= 1 and abs(m / down / value - 1.0) <= 1e-5:
                out[i] = m / down
                break
    return out


def _bad(
    data: Ordered,
    source: IntArray,
    wrong: FloatArray | IntArray | np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    day: IntArray,
    name: str,
    found: Findings,
    policy: str,
) -> None:
    rows = data.rows
    for row, on in list(zip(source[wrong].tolist(), day[wrong].tolist(), strict=True))[:1000]:
        symbol, value = rows.symbols[int(rows.code[row])], float(rows.columns[name][row])
        hidden = found.held is not None and found.held[0] <= on <= found.held[1]
        if policy == "error":
            raise DataError(
                f"{symbol}: a {name} {WITHHELD}" if hidden else f"{symbol}: {name} {value:g}",
                where=f"{rows.place(int(row))}: column {name}",
                allowed="from {:g} to {:g}".format(*ACTION_RANGE[name]),
                remedy="mend the file",
            )
        place = "" if hidden else rows.place(int(row))
        found.add(symbol, "bad_action", 1, [place], ["held out" if hidden else f"{name} {value:g}"])


def united(columns: Events, files: Events) -> Events:
    """Both, where a file's event of one symbol and day stands in place of the column's."""
    if files.code.size == 0:
        return columns
    named = set(zip(files.code.tolist(), files.day.tolist(), strict=True))
    kept = np.array([pair not in named for pair in zip(columns.code.tolist(), columns.day.tolist(), strict=True)], np.bool_)
    parts = [getattr(columns, name)[kept] for name in ("code", "day", "split", "dividend", "funding", "bar")]
    extra = [getattr(files, name) for name in ("code", "day", "split", "dividend", "funding", "bar")]
    return Events(*(np.concatenate([a, b]) for a, b in zip(parts, extra, strict=True)))


def effective_rows(events: Events, time: Timeline, calendar_of: IntArray) -> IntArray:
    """Row at which each event takes effect: the first row of its session, or of its calendar's next one; n_bars when before the first or beyond the last."""
    row = np.searchsorted(time.session, events.day, side="left").astype(np.int64)
    row[events.day < time.session[0]] = time.index.size
    for cal in range(time.expected.shape[1]):
        mine = calendar_of[events.code] == cal
        if mine.any():
            rows = np.flatnonzero(time.expected[:, cal])
            at = np.searchsorted(rows, row[mine])
            row[mine] = np.append(rows, time.index.size)[at]
    only_funding = (events.bar >= 0) & (events.split == 1.0) & (events.dividend == 0.0)
    return np.where(only_funding, events.bar, row)


def applied(events: Events, row: IntArray, n_bars: int, config: DataConfig) -> Actions:
    """The events that enter the market under `adjust`, those of one row and symbol made one, sorted by row then column."""
    split = np.ones(row.size) if config.adjust == "none" else events.split
    dividend = events.dividend if config.adjust == "splits_and_dividends" else np.zeros(row.size)
    funding = events.funding
    if config.prices == "adjusted":
        split, dividend = np.ones(row.size), np.zeros(row.size)
    kept = (row < n_bars) & ((split != 1.0) | (dividend != 0.0) | (funding != 0.0))
    if not kept.any():
        return Actions.none()
    row, col = row[kept], events.code[kept]
    order = np.lexsort((events.day[kept], col, row))
    row, col = row[order], col[order]
    first = np.flatnonzero(np.r_[True, (np.diff(row) != 0) | (np.diff(col) != 0)])
    split, dividend = met(split[kept][order], dividend[kept][order], first)
    return Actions(row[first], col[first], split, dividend, np.add.reduceat(funding[kept][order], first))


def between_bars(events: Events, row: IntArray, data: Ordered, n_bars: int) -> tuple[FloatArray, FloatArray]:
    """Recorded split and dividend between each row of `data` and the one before of its symbol, for the quality rules."""
    split, dividend = np.ones(data.code.size), np.zeros(data.code.size)
    if row.size == 0 or data.code.size == 0:
        return split, dividend
    key = data.code * n_bars + data.bar
    kept = np.flatnonzero(row < n_bars)
    kept = kept[np.lexsort((events.day[kept], row[kept], events.code[kept]))]
    code = events.code[kept]
    at = np.searchsorted(key, code * n_bars + row[kept])
    there = (at < key.size) & (data.code[np.minimum(at, key.size - 1)] == code)
    kept, at = kept[there], at[there]
    first = np.flatnonzero(np.r_[True, np.diff(at) != 0][: at.size])
    split[at[first]], dividend[at[first]] = met(events.split[kept], events.dividend[kept], first)
    return split, dividend
