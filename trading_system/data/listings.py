"""Small files beside the bars: who belonged to a universe when, who was delisted, which actions were recorded."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trading_system.data.actions import ACTION_RANGE, Events
from trading_system.data.columns import number_mend, plain
from trading_system.data.source import PRICE_RANGE, check_symbol
from trading_system.data.stamps import parse_stamps
from trading_system.errors import DataError

if TYPE_CHECKING:
    from trading_system.types import BoolArray, Int32Array

_LIMIT = 64 * 2**20
_NEVER = 2**31 - 1


@dataclass(frozen=True)
class Membership:
    """Spells in a universe: symbol -> (first day, last day) pairs, days since 1970-01-01, both included."""

    spells: dict[str, tuple[tuple[int, int], ...]]

    @property
    def symbols(self) -> frozenset[str]:
        """Everybody who was ever a member."""
        return frozenset(self.spells)

    def mask(self, session: Int32Array, symbols: Sequence[str]) -> BoolArray:
        """Whether each symbol is a member on each session, shape (n_bars, n_symbols)."""
        out = np.zeros((session.size, len(symbols)), np.bool_)
        for column, symbol in enumerate(symbols):
            for first, last in self.spells.get(symbol, ()):
                a, b = np.searchsorted(session, first, side="left"), np.searchsorted(session, last, side="right")
                out[a:b, column] = True
        return out


def read_universe(file: Path) -> Membership:
    """A CSV with symbol, start, end; an empty start or end has no bound, a symbol may have several rows.

    Raises
    ------
    DataError
        Naming file, row and column.
    """
    spells: dict[str, list[tuple[int, int]]] = {}
    for row, record in records(file, ("symbol",), ("start", "end")):
        first = _day(record.get("start", ""), file, row, "start", -_NEVER)
        last = _day(record.get("end", ""), file, row, "end", _NEVER)
        if last < first:
            raise DataError("the end lies before the start", where=f"{file.name}: row {row}: column end")
        spells.setdefault(check_symbol(record["symbol"], f"{file.name}: row {row}: column symbol"), []).append((first, last))
    return Membership({symbol: tuple(sorted(pairs)) for symbol, pairs in spells.items()})


def read_delistings(file: Path, symbols: Sequence[str], notes: list[str]) -> dict[int, tuple[int, float]]:
    """A CSV with symbol, date and an optional price -> symbol number: (day, price or NaN); others are counted in `notes`."""
    number = {symbol: i for i, symbol in enumerate(symbols)}
    out: dict[int, tuple[int, float]] = {}
    unknown = 0
    for row, record in records(file, ("symbol", "date"), ("price",)):
        symbol = check_symbol(record["symbol"], f"{file.name}: row {row}: column symbol")
        day = _day(record["date"], file, row, "date", None)
        price = _number(record, file, row, "price", np.nan)
        if symbol not in number:
            unknown += 1
            continue
        if number[symbol] in out:
            raise DataError(f"{symbol} is delisted twice", where=f"{file.name}: row {row}: column symbol")
        if price < 0 or price > PRICE_RANGE[1]:
            raise DataError(
                f"a price of {price:g}",
                where=f"{file.name}: row {row}: column price",
                allowed="from 0 to 1e15, or empty",
                stamp=record["date"],
            )
        out[number[symbol]] = (day, price)
    if unknown:
        notes.append(f"{file.name}: {unknown} delistings of symbols that this run does not use")
    return out


def read_actions(file: Path | None, symbols: Sequence[str], notes: list[str]) -> Events:
    """A CSV with symbol, date and split, dividend, funding (any of them) -> events of the symbols in use; others are counted in `notes`."""
    if file is None:
        return Events.none()
    number = {symbol: i for i, symbol in enumerate(symbols)}
    found: list[tuple[int, int, float, float, float]] = []
    unknown = 0
    for row, record in records(file, ("symbol", "date"), ("split", "dividend", "funding")):
        symbol = check_symbol(record["symbol"], f"{file.name}: row {row}: column symbol")
        day = _day(record["date"], file, row, "date", None)
        split = _number(record, file, row, "split", 1.0) or 1.0
        dividend = _number(record, file, row, "dividend", 0.0)
        funding = _number(record, file, row, "funding", 0.0)
        for column, value in (("split", split), ("dividend", dividend), ("funding", funding)):
            least, most = ACTION_RANGE[column]
            if not least <= value <= most:
                where = f"{file.name}: row {row}: column {column}"
                allowed = f"from {least:g} to {most:g}"
                raise DataError(f"a {column} of {value:g}", where=where, allowed=allowed, stamp=record["date"])
        if symbol in number:
            found.append((number[symbol], day, split, dividend, funding))
        else:
            unknown += 1
    if unknown:
        notes.append(f"{file.name}: {unknown} actions of symbols that this run does not use")
    if not found:
        return Events.none()
    code, days, split_, dividend_, funding_ = (np.array(column) for column in zip(*found, strict=True))
    return Events(code.astype(np.int64), days.astype(np.int64), split_, dividend_, funding_, np.full(code.size, -1, np.int64))


def records(file: Path, needed: tuple[str, ...], optional: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """Rows of a small CSV (or .gz) as dictionaries of the columns asked for, each with its row number."""
    text = small_text(file)
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    out: list[tuple[int, dict[str, str]]] = []
    try:
        header = [_plain_header(name) for name in next(lines, [])]
        missing = [name for name in needed if name not in header]
        if missing:
            raise DataError(
                f"no column {', '.join(missing)}", where=f"{file.name}: row 1", allowed=", ".join((*needed, *optional))
            )
        wanted = {name: header.index(name) for name in (*needed, *optional) if name in header}
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) < len(header):
                raise DataError(
                    f"{len(cells)} cell{'' if len(cells) == 1 else 's'}, the header has {len(header)}",
                    where=f"{file.name}: row {lines.line_num}",
                )
            out.append((lines.line_num, {name: cells[i].strip() for name, i in wanted.items()}))
    except csv.Error as error:
        raise DataError(f"not readable as CSV ({error})", where=f"{file.name}: row {lines.line_num}") from None
    return out


_SYNONYMS = {
    "ticker": "symbol",
    "first_seen": "start",
    "first": "start",
    "from": "start",
    "last_seen": "end",
    "last": "end",
    "to": "end",
    "until": "end",
    "dividends": "dividend",
    "splits": "split",
    "ex_date": "date",
}


def _plain_header(name: str) -> str:
    header = plain(name)
    return _SYNONYMS.get(header, header)


def small_text(file: Path) -> str:
    """Text of a small file, .gz or not, UTF-8 with or without a byte-order mark.

    Raises
    ------
    DataError
        When it is missing, unreadable, larger than 64 MB, or no UTF-8 text.
    """
    try:
        with file.open("rb") as handle:
            raw = handle.read(_LIMIT + 1)
        if raw[:2] == b"\x1f\x8b":
            with gzip.open(io.BytesIO(raw)) as packed:
                raw = packed.read(_LIMIT + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot be read ({getattr(error, 'strerror', None) or error})", where=str(file)) from None
    if len(raw) > _LIMIT:
        raise DataError("the file is larger than 64 MB", where=str(file), allowed="a list of symbols and dates")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8 text (byte {error.start})", where=str(file), remedy="save it as UTF-8") from None
    if "\0" in text:
        raise DataError(
            "the file holds a NUL character", where=f"{file.name}: row {text[: text.index(chr(0))].count(chr(10)) + 1}"
        )
    return text


def _day(text: str, file: Path, row: int, column: str, default: int | None) -> int:
    if not text and default is not None:
        return default
    stamp, kind, _ = parse_stamps([text], lambda _: f"{file.name}: row {row}: column {column}")
    return int(stamp[0]) if kind == "date" else int(stamp[0] // 86_400_000_000_000)


def _number(record: dict[str, str], file: Path, row: int, column: str, default: float) -> float:
    text = record.get(column, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise DataError(
            f"{text[:40]!r} is no number",
            where=f"{file.name}: row {row}: column {column}",
            allowed="a number with a decimal point",
            remedy=number_mend(text, column),
            stamp=record.get("date", ""),
        )
    return value
