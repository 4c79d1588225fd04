"""Stamps as files write them -> days or nanoseconds; time zones without pandas."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np

from trading_system.errors import DataError

if TYPE_CHECKING:
    from trading_system.data.source import StampKind
    from trading_system.types import FloatArray, IntArray

    Parsed: TypeAlias = tuple[IntArray, StampKind, tuple[str, ...]]

DAY = 86_400_000_000_000
_SECOND = 1_000_000_000
_EPOCH = dt.datetime(1970, 1, 1)


def epoch_to_ns(values: FloatArray | IntArray, place: Callable[[int], str]) -> Parsed:
    """Seconds, milli-, micro- or nanoseconds since 1970, told apart by size value by value -> UTC nanoseconds.

    A column of whole numbers that all look like 20200102 is read as dates.

    Raises
    ------
    DataError
        At the first value that is no finite time between 1971 and 2262.
    """
    size = np.asarray(values, dtype=np.float64)
    bad = ~np.isfinite(size)
    if size.size and not bad.any() and bool(np.all((size >= 17_000_101) & (size <= 22_621_231) & (size == np.floor(size)))):
        return parse_stamps([str(int(value)) for value in size], place)
    unit = np.select([size < 1e11, size < 1e14, size < 1e17], [1e9, 1e6, 1e3], 1.0)
    bad |= (size < 3e7) | (size * unit > 9.2e18)
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"{size[row]:g} is no time since 1970", where=place(row), allowed="seconds, ms, us or ns since 1970-01-01"
        )
    if values.dtype.kind == "i":
        stamp = values.astype(np.int64) * unit.astype(np.int64)
    else:
        whole = np.floor(size)
        stamp = whole.astype(np.int64) * unit.astype(np.int64) + np.rint((size - whole) * unit).astype(np.int64)
    mixed = np.unique(unit).size > 1
    notes = ("stamps since 1970 in several units (seconds, milliseconds): each was read by its size",) if mixed else ()
    return stamp, "utc", notes


_ISO = re.compile(r"^(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})(?:[ T](.+))?$")
_SHORT_ISO = re.compile(r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[ T](.+))?$")
_CLOCK = re.compile(
    r"^(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?(?:[.,](\d{1,9}))?(?:[ -]?([AaPp][Mm]))?\s*(Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?$"
)
_NAMED = ("%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%y", "%d %B %Y", "%b %d %Y")
_TWO_DIGITS = re.compile(r"^\d{1,2}[/.-](\d{1,2}|[A-Za-z]{3,9})[/.-]\d{2}(?:[ T].+)?$")
_SLASHED = re.compile(r"^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:[ T](.+))?$")


def parse_stamps(texts: Sequence[str | None], place: Callable[[int], str]) -> Parsed:
    """Texts in the formats of the usual vendors -> days (all bare dates), or nanoseconds of wall clock or UTC.

    Known: ISO 8601 with - / . or nothing between, with a zone or without; ``05-AM``, ``5:00 PM``; ``02-Jan-2020``, ``Jan 2, 2020``;
    ``31/12/2020`` and ``12/31/2020`` when one number of the column above 12 tells which is the day; seconds since 1970.

    Raises
    ------
    DataError
        At the first text that is none of these, or that mixes zones with none.
    """
    order = _day_first(texts)
    known: dict[str, tuple[int, str]] = {}
    stamp = np.empty(len(texts), np.int64)
    kinds: dict[str, int] = {}
    for row, text in enumerate(texts):
        key = text or ""
        if key not in known:
            value = _parse(key.strip(), order)
            if value is None:
                remedy = _mend(key.strip(), order)
                raise DataError(
                    f"{key[:60]!r} is no date or time",
                    where=place(row),
                    allowed="such as 2020-01-31 or 2020-01-31 15:30:00",
                    remedy=remedy,
                )
            known[key] = value
        stamp[row], kind = known[key]
        kinds.setdefault(kind, row)
    return _one_kind(stamp, kinds, known, texts, place)


def _mend(text: str, order: bool | None) -> str:
    if _SLASHED.match(text) and order is None:
        return "the day and the month cannot be told apart; write YYYY-MM-DD"
    if _TWO_DIGITS.match(text):
        return "a year of two digits could be of either century, and a day or month besides; write YYYY-MM-DD"
    return ""


def _one_kind(
    stamp: IntArray,
    kinds: dict[str, int],
    known: dict[str, tuple[int, str]],
    texts: Sequence[str | None],
    place: Callable[[int], str],
) -> Parsed:
    if set(kinds) == {"date"}:
        return stamp // DAY, "date", ()
    if "utc" in kinds and len(kinds) > 1:
        row = max(kinds.values())
        raise DataError(
            "some stamps have a time zone and some have none", where=place(row), remedy="write all of them one way"
        )
    if "utc" in kinds:
        return stamp, "utc", ()
    return stamp, "naive", ()


def _day_first(texts: Sequence[str | None]) -> bool | None:
    first = second = 0
    for text in texts:
        match = _SLASHED.match((text or "").strip())
        if match:
            first, second = max(first, int(match[1])), max(second, int(match[2]))
    if first > 12 and second <= 12:
        return True
    return False if second > 12 and first <= 12 else None


def _parse(text: str, day_first: bool | None) -> tuple[int, str] | None:
    match = _ISO.match(text) or _SHORT_ISO.match(text)
    if match:
        return _moment(int(match[1]), int(match[2]), int(match[3]), match[4])
    match = _SLASHED.match(text)
    if match and day_first is not None:
        day, month = (1, 2) if day_first else (2, 1)
        return _moment(int(match[3]), int(match[month]), int(match[day]), match[4])
    if match:
        return None
    if re.fullmatch(r"\d{9,19}(\.\d+)?", text):
        try:
            value, _, _ = epoch_to_ns(np.array([float(text)]), lambda row: "")
        except DataError:
            return None
        return int(value[0]), "utc"
    for form in _NAMED:
        try:
            date = dt.datetime.strptime(text, form)
        except ValueError:
            continue
        return _moment(date.year, date.month, date.day, None)
    return None


def _moment(year: int, month: int, day: int, clock: str | None) -> tuple[int, str] | None:
    try:
        date = dt.datetime(year, month, day)
    except ValueError:
        return None
    if not 1700 <= year <= 2261:
        return None
    base = (date - _EPOCH).days * DAY
    if clock is None:
        return base, "date"
    match = _CLOCK.match(clock.strip())
    if not match:
        return None
    hour, minute, second = int(match[1]), int(match[2] or 0), int(match[3] or 0)
    if match[5]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match[5].lower() == "pm" else 0)
    if hour > 24 or minute > 59 or second > 60 or (hour == 24 and (minute or second)):
        return None
    value = base + ((hour * 60 + minute) * 60 + second) * _SECOND + int((match[4] or "0").ljust(9, "0"))
    if match[6] is None:
        return value, "naive"
    return value - _zone(match[6]), "utc"


def _zone(text: str) -> int:
    if text[0] not in "+-":
        return 0
    digits = text[1:].replace(":", "").ljust(4, "0")
    return (1 if text[0] == "+" else -1) * (int(digits[:2]) * 60 + int(digits[2:])) * 60 * _SECOND


def zone(name: str) -> ZoneInfo:
    """The time zone called `name`; DataError when there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise DataError(
            f"there is no time zone {name!r}", where="data.timezone", allowed="such as UTC or America/New_York"
        ) from None


def local_to_utc(stamp: IntArray, name: str) -> IntArray:
    """Wall-clock nanoseconds in the time zone `name` -> UTC nanoseconds; the repeated hour of autumn is read as its first pass."""
    if name in ("UTC", "Etc/UTC"):
        return stamp
    return stamp - _offsets(stamp, zone(name), local=True)


def utc_to_local(stamp: IntArray, name: str) -> IntArray:
    """UTC nanoseconds -> wall-clock nanoseconds in the time zone `name`."""
    if name in ("UTC", "Etc/UTC"):
        return stamp
    return stamp + _offsets(stamp, zone(name), local=False)


def _offsets(stamp: IntArray, tz: ZoneInfo, *, local: bool) -> IntArray:
    """Offset of each stamp: one look-up per day, one per quarter of an hour on the days when clocks change."""

    def look(at: int) -> int:
        moment = _EPOCH + dt.timedelta(microseconds=at // 1000)
        aware = moment.replace(tzinfo=tz) if local else moment.replace(tzinfo=dt.UTC).astimezone(tz)
        offset = aware.utcoffset()
        return 0 if offset is None else round(offset.total_seconds()) * _SECOND

    days, inverse = np.unique(stamp // DAY, return_inverse=True)
    start = np.array([look(int(day) * DAY) for day in days], np.int64)
    end = np.array([look(int(day + 1) * DAY) for day in days], np.int64)
    offset: IntArray = start[inverse]
    changing = (start != end)[inverse]
    if changing.any():
        quarter = DAY // 96
        blocks, which = np.unique(stamp[changing] // quarter, return_inverse=True)
        offset[changing] = np.array([look(int(block) * quarter) for block in blocks], np.int64)[which]
    return offset


_UNITS = {"m": 60 * _SECOND, "h": 3600 * _SECOND, "d": DAY}


def timeframe_ns(timeframe: str) -> int:
    """Length of a bar in nanoseconds: ``15m``, ``1h``, ``1d``."""
    if not re.fullmatch(r"[1-9][0-9]{0,3}[mhd]", timeframe):
        raise DataError(f"{timeframe!r} is no timeframe", where="data.timeframe", allowed="such as 1m, 15m, 1h, 1d")
    return int(timeframe[:-1]) * _UNITS[timeframe[-1]]
