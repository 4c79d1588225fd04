"""What a source of bars is: a frozen model with one verb, and the rows that it gives."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from trading_system.errors import DataError
from trading_system.registry import Registry
from trading_system.types import FrozenModel

if TYPE_CHECKING:
    from trading_system.types import FloatArray, IntArray

PRICES = ("open", "high", "low", "close")
PRICE_RANGE = (1e-15, 1e15)
"""Prices beyond are no prices: with them quantities and values leave what a float can hold."""
MOST_VOLUME = 1e24
SPLIT_RANGE = (1e-6, 1e6)
QUOTES = tuple(f"{side}_{name}" for side in ("bid", "ask") for name in PRICES)
StampKind = Literal["date", "naive", "utc"]


def _row_number(row: int) -> str:
    return f"row {row + 1}"


@dataclass(frozen=True, eq=False)
class Rows:
    """Bars in long form, as a file has them: one element per bar, in any order.

    Attributes
    ----------
    symbols : tuple of str
        Names, distinct; `code` counts into them.
    code : int64, shape (n_rows,)
        Which symbol each row belongs to.
    stamp : int64, shape (n_rows,)
        `kind` date: days since 1970-01-01; naive: nanoseconds of the wall clock of the files' time zone; utc: nanoseconds.
    columns : dict of float64, shape (n_rows,)
        `open high low close volume split dividend funding adj_close bid_* ask_*`, those that the source has; NaN where a cell is empty.
    place : function
        Row number to "file: row N", for messages; files count their first line as row 1.
    notes : tuple of str
        What the reader should know: columns that were not used, units, what was inferred.
    synthetic : bool
        Whether the numbers were made by a generator.
    """

    symbols: tuple[str, ...]
    code: IntArray
    stamp: IntArray
    kind: StampKind
    columns: dict[str, FloatArray]
    place: Callable[[int], str] = field(default=_row_number)
    notes: tuple[str, ...] = ()
    synthetic: bool = False

    def __len__(self) -> int:
        return int(self.code.size)

    def take(self, chosen: IntArray) -> Rows:
        """The rows at `chosen`, in that order; messages still name their place in the file."""
        place = self.place
        return replace(
            self,
            code=self.code[chosen],
            stamp=self.stamp[chosen],
            columns={name: values[chosen] for name, values in self.columns.items()},
            place=lambda row: place(int(chosen[row])),
        )


class DataSource(FrozenModel):
    """Where bars come from; the fields say how to reach and read it, `load` is its verb.

    ``path`` is already resolved. `columns` maps our column names to the file's headers where the usual aliases fail.
    """

    path: Path
    columns: dict[str, str] = Field(default_factory=dict)

    @abstractmethod
    def files(self) -> tuple[Path, ...]:
        """Files whose content decides what `load` gives, sorted; empty when nothing outside the program does."""

    @abstractmethod
    def load(self) -> Rows:
        """All rows of the source; DataError naming file, row and column when they cannot be read."""


sources: Registry[type[DataSource]] = Registry("sources", "trading_system.data")
register = sources.register


SYNTHETIC = "SYNTHETIC.md"  # beside CSV files whose bars were generated
_SPLIT = 0.3  # log of the smallest step of adjusted over raw close that is a split (3:2 is 0.41), not a dividend
NOT_READ = "nothing reads the column"  # begins the notes that are warnings: actions may be lost
WITHHELD = "on a held-out day, whose figures are withheld"
YAHOO = "the header looks like Yahoo's; if it is, its prices are already restated for later splits: set data.prices: adjusted"


def files_joined(files: Sequence[Path], parts: Sequence[Rows]) -> Rows:
    """The rows of `files` as one, with the note about their header at their names.

    Raises
    ------
    DataError
        When two files that are named for their symbol have the same one.
    """
    _distinct(files, parts)
    yahoo = [file.name for file, part in zip(files, parts, strict=True) if YAHOO in part.notes]
    rows = joined(parts)
    if not yahoo:
        return rows
    more = f" and {len(yahoo) - 1:,} more files" if len(yahoo) > 1 else ""
    return replace(rows, notes=tuple(f"{yahoo[0]}{more}: {note}" if note == YAHOO else note for note in rows.notes))


def without_split_note(rows: Rows) -> Rows:
    """The same rows, without the note about Yahoo's header where a split stands between their close and adjusted close: they are raw."""
    if YAHOO not in rows.notes or "adj_close" not in rows.columns:
        return rows
    order = np.lexsort((rows.stamp, rows.code))
    close, adjusted, code = rows.columns["close"][order], rows.columns["adj_close"][order], rows.code[order]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = adjusted / close
        step = np.abs(np.log(ratio[1:] / ratio[:-1]))
    splits = (step > _SPLIT) & np.isfinite(step) & (code[1:] == code[:-1])
    return replace(rows, notes=tuple(note for note in rows.notes if note != YAHOO)) if splits.any() else rows


def _distinct(files: Sequence[Path], parts: Sequence[Rows]) -> None:
    owner: dict[str, Path] = {}
    for file, part in zip(files, parts, strict=True):
        symbol = symbol_of(file)
        if part.symbols != (symbol,):
            continue
        other = owner.setdefault(symbol, file)
        if other is not file:
            raise DataError(
                f"two files hold the symbol {symbol}: {other.name} and {file.name}",
                where=str(file.parent),
                remedy="remove or rename one of them, or give both in one file with a symbol column",
            )


def joined(parts: Sequence[Rows]) -> Rows:
    """Several files as one: symbols united, columns united (NaN where a file lacks one)."""
    if len(parts) == 1:
        return parts[0]
    kinds = {part.kind for part in parts}
    if len(kinds) > 1:
        odd = next(part for part in parts if part.kind != parts[0].kind)
        raise DataError(
            f"stamps of two kinds: {parts[0].kind} and {odd.kind}",
            where=odd.place(0),
            remedy=f"write all files as {parts[0].place(0)}",
        )
    symbols = tuple(sorted({symbol for part in parts for symbol in part.symbols}))
    number = {symbol: i for i, symbol in enumerate(symbols)}
    names = list(dict.fromkeys(name for part in parts for name in part.columns))
    codes = [np.array([number[symbol] for symbol in part.symbols], np.int64)[part.code] for part in parts]
    columns = {name: np.concatenate([_column(part, name) for part in parts]) for name in names}
    starts = np.cumsum([0, *(len(part) for part in parts)])

    def place(row: int) -> str:
        which = int(np.searchsorted(starts, row, side="right")) - 1
        return parts[which].place(row - int(starts[which]))

    notes = tuple(dict.fromkeys(note for part in parts for note in part.notes))
    stamp = np.concatenate([part.stamp for part in parts])
    return Rows(
        symbols, np.concatenate(codes), stamp, parts[0].kind, columns, place, notes, any(part.synthetic for part in parts)
    )


def _column(part: Rows, name: str) -> FloatArray:
    return part.columns[name] if name in part.columns else np.full(len(part), np.nan)


def data_files(path: Path, endings: tuple[str, ...]) -> tuple[Path, ...]:
    """The files that `path` means: itself, what lies in the folder with one of `endings`, or what the pattern matches.

    Raises
    ------
    DataError
        When nothing is there, or a folder or pattern has no such file.
    """
    if any(letter in path.name for letter in "*?[") and not path.exists():
        found = [file for file in path.parent.glob(path.name) if file.is_file()] if path.parent.is_dir() else []
        if not found:
            raise DataError("no file matches the pattern", where=str(path), allowed="files ending in " + ", ".join(endings))
        return tuple(sorted(found))
    if path.is_dir():
        found = [
            file
            for file in path.iterdir()
            if file.name.lower().endswith(endings) and file.is_file() and not file.name.startswith(".")
        ]
        if not found:
            raise DataError("the folder has no data file", where=str(path), allowed="files ending in " + ", ".join(endings))
        return tuple(sorted(found))
    if not path.exists():
        raise DataError("no such file or folder", where=str(path), remedy="data.path is read relative to the run file")
    if not path.is_file():
        raise DataError("not a file or folder", where=str(path), allowed="a regular file")
    return (path,)


def symbol_of(file: Path) -> str:
    """The symbol that a file with one symbol is named for: its name without what follows the vendor's endings."""
    name = file.name
    for ending in (".gz", ".csv", ".txt", ".tsv", ".parquet", ".pq", ".us", ".yahoo"):
        if name.lower().endswith(ending) and len(name) > len(ending):
            name = name[: -len(ending)]
    return name


def check_symbol(symbol: str, where: str) -> str:
    """`symbol` stripped of blanks around it; any text but control characters and more than 64 letters.

    Raises
    ------
    DataError
        When it is empty, too long, or holds a control character.
    """
    name = symbol.strip()
    if not name:
        raise DataError("the symbol is empty", where=where, remedy="give every row a symbol")
    if len(name) > 64 or any(not letter.isprintable() for letter in name):
        raise DataError(f"{name[:80]!r} is no symbol", where=where, allowed="1 to 64 printable characters")
    return name
