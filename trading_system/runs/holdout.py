"""The holdout stays closed: its dates are written down at first sight, and no run may read them."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.errors import HoldoutError
from trading_system.runs.journal import Journal
from trading_system.runs.trials import now

if TYPE_CHECKING:
    from trading_system.config.models import SplitsConfig
    from trading_system.data.bars import Bars
    from trading_system.types import IntArray

EPOCH = dt.date(1970, 1, 1).toordinal()
LEAST = 5  # bars of a month that are no coincidence
LEAST_OF_WEEK = 3
WEEKS_FOR = 35  # days from the first one of a holdout on
OPENING = "no command of this version opens a holdout; it is for one look, when everything else is decided"


def guard(
    journal: Journal, market: Bars, stop: int, splits: SplitsConfig | None, config_hash: str, data_hash: str
) -> tuple[str, ...]:
    """Refuse a run that reads held-out bars, and write down the holdout that its own run file names.

    A holdout is closed for its symbols, by name and by their bars, so that a renamed copy of the data is the same holdout.

    Parameters
    ----------
    market : Bars
        All bars of the run's data.
    stop : int
        The run reads rows 0..stop - 1 of them.
    splits : SplitsConfig or None
        Of the run file; its `holdout` is recorded where it is new.
    config_hash, data_hash : str
        Of the run; a holdout is recorded once per dates and data.

    Returns
    -------
    warnings : tuple of str
        A sentence where earlier trials have already read bars of the run file's own holdout.

    Raises
    ------
    HoldoutError
        Rows 0..stop - 1 hold bars of a recorded holdout.
    """
    for record in journal.records("holdout"):
        _refuse_if_touched(journal, record, market, stop)
    for above in _journals_above(journal):
        for record in above.records("holdout"):
            _refuse_if_touched(above, record, market, stop)
    if splits is None or splits.holdout is None:
        return ()
    first, last = (day.isoformat() for day in splits.holdout)
    with journal.transaction():
        key = hashlib.sha256(f"{first} {last} {data_hash}".encode()).hexdigest()
        seen = _seen_by(journal, market, first, last)  # each time: a run that began before the record may have ended since
        if all(old["key"] != key for old in journal.records("holdout")):
            body = {"key": key, "first": first, "last": last, "bars": _fingerprints(market, first, last)}
            journal.append(
                "holdout", {**body, "config_hash": config_hash, "data_hash": data_hash, "created": now(), "seen_by": seen}
            )
    if not seen:
        return ()
    return (
        (
            f"the holdout {first} to {last} is contaminated: {seen} earlier trial{'s' if seen > 1 else ''} read bars of it before"
            " it was held out"
        ),
    )


def _journals_above(journal: Journal) -> Iterator[Journal]:
    """The journals of the folders that hold this one's: a run file in a subfolder opens no holdout of the project above it."""
    for folder in journal.folder.resolve().parent.parents:
        above = Journal(folder)
        if above.path.is_file() and os.access(above.path, os.R_OK | os.W_OK):
            with above:
                yield above


def refusal(first: dt.date, last: dt.date, period: str) -> HoldoutError:
    """The answer to asking for the holdout by name."""
    return HoldoutError(
        f"--period {period} would read the holdout, {first} to {last}",
        allowed="train, validation, or both (the default)",
        remedy=OPENING,
    )


def _refuse_if_touched(journal: Journal, record: dict[str, Any], market: Bars, stop: int) -> None:
    """Raise when rows 0..stop - 1 of `market` hold bars of the recorded holdout."""
    start, end = market.row_range(dt.date.fromisoformat(record["first"]), dt.date.fromisoformat(record["last"]))
    end_read = min(end, stop)
    if start >= end_read:
        return
    read = np.flatnonzero(market.has_bar[start:end_read].any(axis=0))
    names, prints = set(record["bars"]), {digest for text in record["bars"].values() for digest in text.split()}
    touched = [
        market.symbols[i]
        for i in read.tolist()
        if market.symbols[i] in names or not prints.isdisjoint(_fingerprint(market, i, start, end, record["first"]).split())
    ]
    if not touched:
        return
    shown = ", ".join(touched[:5]) + (f" and {len(touched) - 5} more" if len(touched) > 5 else "")
    raise HoldoutError(
        f"the run would read bars of {shown} from {_day(market, start)} to {_day(market, end_read - 1)}; they are held out"
        f" ({record['first']} to {record['last']}, recorded on {record['created'][:10]})",
        where=str(journal.path),
        remedy=f"let the run end before {record['first']} (data.end or splits); {OPENING}",
    )


def _fingerprints(market: Bars, first: str, last: str) -> dict[str, str]:
    start, end = market.row_range(dt.date.fromisoformat(first), dt.date.fromisoformat(last))
    return {symbol: _fingerprint(market, i, start, end, first) for i, symbol in enumerate(market.symbols)}


def _fingerprint(market: Bars, column: int, start: int, end: int, first: str) -> str:
    """Hashes of a symbol's own closes and their days in rows `start`..`end` - 1; empty where it has none.

    Of all of them, of each month, and of each week (Monday to Sunday) of the `WEEKS_FOR` days from `first` on, so that data which end within the
    holdout are known by what they have. A month counts with `LEAST` bars, a week with `LEAST_OF_WEEK`, that are not all equal.
    """
    close, day = market.close[start:end, column], market.session[start:end].astype(np.int64)
    exists = np.isfinite(close)
    if not exists.any():
        return ""
    close, day = close[exists], day[exists]
    begins = dt.date.fromisoformat(first).toordinal() - EPOCH
    early = int(np.searchsorted(day, begins + WEEKS_FOR))
    months = _spans(day.astype("M8[D]").astype("M8[M]").astype(np.int64), LEAST)
    weeks = _spans((day[:early] + 3) // 7, LEAST_OF_WEEK)
    pieces = [(0, day.size), *((a, b) for a, b in (*months, *weeks) if np.ptp(close[a:b]) > 0.0)]
    days = day.astype(market.session.dtype)
    return " ".join(
        hashlib.sha256(close[a:b].tobytes() + days[a:b].tobytes()).hexdigest()[:16] for a, b in dict.fromkeys(pieces)
    )


def _spans(number: IntArray, least: int) -> list[tuple[int, int]]:
    """Where equal numbers stand together, [start, stop), those of at least `least`."""
    edges = (np.flatnonzero(np.diff(number)) + 1).tolist()
    return [(a, b) for a, b in zip([0, *edges], [*edges, number.size], strict=True) if b - a >= least]


def withheld(quality: Mapping[str, Any], splits: SplitsConfig | None) -> dict[str, Any]:
    """The report on the data without what it says of days that are held out: such incidents are counted, and no more."""
    if splits is None or splits.holdout is None:
        return dict(quality)
    first, last = (day.isoformat() for day in splits.holdout)
    told = [
        {**one, "date": "", "detail": "held out"} if first <= str(one["date"])[:10] <= last else one
        for one in quality["incidents"]
    ]
    return {**quality, "incidents": told}


def _seen_by(journal: Journal, market: Bars, first: str, last: str) -> int:
    """How many trials so far have read bars of these symbols between `first` and `last`."""
    names = set(market.symbols)
    universes = {digest: set(json.loads(text)) for digest, text in journal.execute("SELECT hash, names FROM symbols")}
    return sum(
        1
        for trial in journal.records("trial")
        if trial["read_from"] <= last and trial["last"] >= first and names & universes.get(trial["universe"], names)
    )


def _day(bars: Bars, row: int) -> str:
    return str(bars.session[row].astype("M8[D]"))
