"""The holdout stays closed: its dates are written down at first sight, no run may read them, and each opening is on record."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from trading_system.errors import HoldoutError
from trading_system.runs.journal import Journal
from trading_system.runs.trials import now

if TYPE_CHECKING:
    from trading_system.config.models import SplitsConfig
    from trading_system.data.bars import Bars
    from trading_system.types import IntArray

Dates: TypeAlias = tuple[dt.date, dt.date]
EPOCH = dt.date(1970, 1, 1).toordinal()
LEAST = 5  # bars of a month that are no coincidence
LEAST_OF_WEEK = 3
WEEKS_FOR = 35  # days from the first one of a holdout on
OPENING = "it is for one look, when everything else is decided: trading-system holdout CONFIG"


def guard(
    journal: Journal,
    market: Bars,
    stop: int,
    splits: SplitsConfig | None,
    config_hash: str,
    data_hash: str,
    *,
    upto: int | None = None,
) -> tuple[str, ...]:
    """Refuse a run that reads held-out bars, and write down the holdout that its own run file names.

    A holdout is closed for its symbols, by name and by their bars, so that a renamed copy of the data is the same holdout. It stays
    closed to every run but `holdout` when it has been opened.

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
    upto : int, optional
        Record of the journal that the run was when it was made before: what happened since is not told.

    Returns
    -------
    warnings : tuple of str
        A sentence where the run file's own holdout is contaminated: earlier trials have read bars of it, or it was opened twice.

    Raises
    ------
    HoldoutError
        Rows 0..stop - 1 hold bars of a recorded holdout.
    """
    for where, record in recorded(journal, "holdout"):
        found = touched(record, market, stop)
        if found:
            raise _refused(where, record, market, stop, found)
    if splits is None or splits.holdout is None:
        return ()
    seen = noted(journal, market, splits.holdout, config_hash, data_hash, upto)
    return contamination(splits.holdout, seen, looks(journal, market, splits.holdout, upto))


def recorded(journal: Journal, kind: str) -> Iterator[tuple[Journal, dict[str, Any]]]:
    """Records of `kind` of a journal and of the journals above it, each with its own."""
    for record in journal.records(kind):
        yield journal, record
    for above in _journals_above(journal):
        for record in above.records(kind):
            yield above, record


def noted(journal: Journal, market: Bars, dates: Dates, config_hash: str, data_hash: str, upto: int | None = None) -> int:
    """Write down the holdout of these dates where it is new; how many trials had read bars of it before it was held out."""
    first, last = (day.isoformat() for day in dates)
    with journal.transaction():
        key = hashlib.sha256(f"{first} {last} {data_hash}".encode()).hexdigest()
        seen = _seen_by(journal, market, first, last, upto)  # each time: a run that began before may have ended since
        if all(old["key"] != key for old in journal.records("holdout")):
            body = {"key": key, "first": first, "last": last, "bars": _fingerprints(market, first, last)}
            journal.append(
                "holdout", {**body, "config_hash": config_hash, "data_hash": data_hash, "created": now(), "seen_by": seen}
            )
    return seen


def looks(journal: Journal, market: Bars, dates: Dates, upto: int | None = None) -> list[dict[str, Any]]:
    """Openings so far, oldest first, that read bars of `market` held out on these dates, whatever they were called then.

    An opening that stands in several journals is one look.
    """
    begin, end = market.row_range(*dates)
    found: dict[str, dict[str, Any]] = {}
    for where, record in recorded(journal, "opening"):
        known = where is journal and upto is not None and record["number"] > upto
        if not known and touched(record, market, end, begin):
            found.setdefault(record["key"], record)
    return sorted(found.values(), key=lambda record: str(record["created"]))


def contamination(dates: Dates, seen: int, opened: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Why the holdout of these dates is no clean evidence, as one sentence; empty where it is."""
    reasons = []
    if seen:
        reasons.append(f"{seen} earlier trial{'s' if seen > 1 else ''} read bars of it before it was held out")
    if len(opened) > 1:
        when = ", ".join(str(record["created"]) for record in opened)
        reasons.append(f"it was opened {len(opened)} times ({when}), and only the first look was unseen")
    return (f"the holdout {dates[0]} to {dates[1]} is contaminated: {'; '.join(reasons)}",) if reasons else ()


def standing(dates: Dates, opened: Sequence[Mapping[str, Any]], contaminated: Sequence[str]) -> dict[str, Any]:
    """What a manifest says of the run file's holdout: its dates, every opening so far, and why it is contaminated if it is."""
    return {
        "first": dates[0].isoformat(),
        "last": dates[1].isoformat(),
        "openings": [{"created": record["created"], "config_hash": record["config_hash"]} for record in opened],
        "contaminated": " ".join(contaminated),
    }


def openable(journal: Journal, market: Bars, stop: int, dates: Dates) -> None:
    """Refuse to open a holdout of other dates than the recorded one: what `dates` do not hold would be read, or looked at in pieces.

    Raises
    ------
    HoldoutError
        Rows 0..stop - 1 hold bars of a recorded holdout that is not wholly within `dates`.
    """
    first, last = (day.isoformat() for day in dates)
    for where, record in recorded(journal, "holdout"):
        if (first <= record["first"] and record["last"] <= last) or not touched(record, market, stop):
            continue
        raise HoldoutError(
            f"the run file's holdout is {first} to {last}, and the one that was recorded on {record['created'][:10]} is"
            f" {record['first']} to {record['last']}: a holdout is opened whole, or not at all",
            where=str(where.path),
            remedy=f"put splits.holdout back to [{record['first']}, {record['last']}]",
        )


def opened(
    journal: Journal, market: Bars, dates: Dates, config_hash: str, data_hash: str, code_hash: str
) -> list[dict[str, Any]]:
    """Write down that the holdout of these dates is opened, before anything of it is shown; all openings of its bars, this one last.

    The record stands in every journal above that holds the same holdout too, so that no folder forgets it. It is on the disk when
    this returns.
    """
    first, last = (day.isoformat() for day in dates)
    end = market.row_range(*dates)[1]
    body = {
        "key": secrets.token_hex(16),
        "first": first,
        "last": last,
        "bars": _fingerprints(market, first, last),
        "config_hash": config_hash,
        "data_hash": data_hash,
        "code_hash": code_hash,
        "created": now(),
    }
    for above in _journals_above(journal):
        if any(touched(record, market, end) for record in above.records("holdout")):
            with above.transaction():
                above.append("opening", body)
    with journal.transaction():
        before = [record for record in looks(journal, market, dates) if record["key"] != body["key"]]
        journal.append("opening", {**body, "look": len(before) + 1})
    return [*before, body]


def of_trials(journal: Journal) -> dict[int, str]:
    """Number of each trial on a holdout -> ``contaminated`` where it was not the first look: the mark in a list of trials.

    Records are read as they stand: the chain says whether one was edited.
    """
    rows = "SELECT number, json_extract(body, ?) FROM records WHERE kind = ? AND json_valid(body) ORDER BY number"
    looks_at = {int(number): int(look or 1) for number, look in journal.execute(rows, "$.look", "opening")}
    found = {}
    for number, period in journal.execute(rows, "$.period", "trial"):
        if period == "holdout":
            before = [place for place in looks_at if place < number]
            found[int(number)] = "contaminated" if before and looks_at[max(before)] > 1 else ""
    return found


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


def touched(record: Mapping[str, Any], market: Bars, stop: int, begin: int = 0) -> list[str]:
    """Symbols of which rows `begin`..`stop` - 1 of `market` hold bars of a recorded holdout or opening, by name or by their bars."""
    start, end = market.row_range(dt.date.fromisoformat(record["first"]), dt.date.fromisoformat(record["last"]))
    a, b = max(start, begin), min(end, stop)
    if a >= b:
        return []
    read = np.flatnonzero(market.has_bar[a:b].any(axis=0))
    names, prints = set(record["bars"]), {digest for text in record["bars"].values() for digest in text.split()}
    return [
        market.symbols[i]
        for i in read.tolist()
        if market.symbols[i] in names or not prints.isdisjoint(_fingerprint(market, i, start, end, record["first"]).split())
    ]


def _refused(where: Journal, record: Mapping[str, Any], market: Bars, stop: int, found: list[str]) -> HoldoutError:
    """What is said to a run that would read held-out bars."""
    start, end = market.row_range(dt.date.fromisoformat(record["first"]), dt.date.fromisoformat(record["last"]))
    shown = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
    return HoldoutError(
        f"the run would read bars of {shown} from {_day(market, start)} to {_day(market, min(end, stop) - 1)}; they are held out"
        f" ({record['first']} to {record['last']}, recorded on {record['created'][:10]})",
        where=str(where.path),
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


def _seen_by(journal: Journal, market: Bars, first: str, last: str, upto: int | None = None) -> int:
    """How many trials so far have read bars of these symbols between `first` and `last`, other than by opening the holdout."""
    names = set(market.symbols)
    universes = {digest: set(json.loads(text)) for digest, text in journal.execute("SELECT hash, names FROM symbols")}
    return sum(
        1
        for trial in journal.records("trial")
        if trial["period"] != "holdout"
        and (upto is None or trial["number"] <= upto)
        and trial["read_from"] <= last
        and trial["last"] >= first
        and names & universes.get(trial["universe"], names)
    )


def _day(bars: Bars, row: int) -> str:
    return str(bars.session[row].astype("M8[D]"))
