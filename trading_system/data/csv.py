"""CSV files as vendors write them: one long file, or one file per symbol; .gz too.

A file is read twice over at most: Arrow reads it with fixed types; where it stumbles, a slow reader goes through it line by
line, and either takes it (dates in two formats, say) or names row and column.
"""

from __future__ import annotations

import bisect
import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.data.columns import Layout, layout, number_mend, plain
from trading_system.data.limits import read_bytes
from trading_system.data.source import (
    PRICES,
    SYNTHETIC,
    DataSource,
    Rows,
    StampKind,
    check_symbol,
    data_files,
    files_joined,
    register,
    symbol_of,
    without_split_note,
)
from trading_system.data.stamps import DAY, epoch_to_ns, parse_stamps
from trading_system.errors import DataError
from trading_system.parallel import mapped

if TYPE_CHECKING:
    from trading_system.types import FloatArray, IntArray

ENDINGS = (".csv", ".csv.gz", ".txt", ".txt.gz", ".tsv", ".tsv.gz")
EMPTY = ("", "NA", "N/A", "NaN", "nan", "NAN", "null", "NULL", "Null", "None", "none", "-", "--", "#N/A", ".", "nil")
_HEADER_LINES = 40
_LONGEST_LINE = 1 << 20
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf|infinity|Inf|Infinity)")
_SIGNS = "$€£¥"
_PLAIN = re.compile(r"\d+(\.\d*)?|\.\d+")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(,\d{3})+(\.\d*)?")
_EPOCH = re.compile(r"\d{9,16}(\.\d*)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?")


@register("csv")
class CsvFiles(DataSource):
    """One long CSV file, or a folder or pattern of files; a file without a symbol column is named for its symbol."""

    def files(self) -> tuple[Path, ...]:
        """The CSV files that `path` means, and the file beside them that says that they were generated."""
        files = data_files(self.path, ENDINGS)
        said = files[0].parent / SYNTHETIC
        return (*files, said) if said.is_file() else files

    def load(self) -> Rows:
        """All rows of all files."""
        found = self.files()
        files = [file for file in found if file.name != SYNTHETIC]
        rows = files_joined(files, mapped(lambda file: read_csv(file, self.columns), files))
        if len(files) == len(found):
            return rows
        note = f"SYNTHETIC: {SYNTHETIC} beside the files says that a generator made these bars"
        return replace(rows, synthetic=True, notes=(*rows.notes, note))


@dataclass(frozen=True)
class _Sheet:
    """A decoded file: its bytes, where its header lies and what the columns are."""

    file: str
    raw: bytes
    header_row: int
    start: int
    delimiter: str
    headers: list[str]
    plan: Layout

    def place(self, row: int, column: int) -> str:
        return f"{self.file}: row {row}: column {self.headers[column].strip() or column + 1}"


def read_csv(file: Path, columns: dict[str, str] | None = None) -> Rows:
    """Rows of one CSV file.

    Raises
    ------
    DataError
        When it cannot be read, lacks a column, has no rows, or holds a cell that is no number or date: names file, row and column.
    CapacityError
        When it is larger than a quarter of the memory.
    """
    raw = _decoded(read_bytes(file), file)
    sheet = _sheet(raw, file.name, columns or {})
    rows = _fast(sheet, file)
    if rows is None:
        rows = _careful(sheet, file)
    if len(rows) == 0:
        raise DataError("the file has a header and no rows", where=f"{file.name}: row {sheet.header_row}")
    return without_split_note(rows)


def _decoded(raw: bytes, file: Path) -> bytes:
    """UTF-8 bytes without a byte-order mark."""
    where = file.name
    if raw[:4] == b"PAR1":
        raise DataError("this is a Parquet file", where=where, remedy="set data.source: parquet")
    if raw[:2] == b"PK":
        raise DataError("this is a ZIP archive", where=where, remedy="unpack it, or pack it as .gz")
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            raw = raw.decode("utf-16").encode()
        except UnicodeError as error:
            raise DataError(
                f"not whole UTF-16 text ({error.__class__.__name__})", where=where, remedy="save it as UTF-8"
            ) from None
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    if not raw or raw.isspace():
        raise DataError("the file is empty", where=where, allowed="a header line and one row per bar")
    nul = raw.find(b"\0")
    if nul >= 0:
        raise DataError(
            "the file holds a NUL character: it is no text, or was cut while it was written",
            where=f"{where}: row {_line(raw, nul)}",
        )
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"byte 0x{raw[error.start]:02x} is no UTF-8 text",
            where=f"{where}: row {_line(raw, error.start)}",
            remedy="save it as UTF-8",
        ) from None
    if b"\r" in raw and b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    return raw


def _line(raw: bytes, at: int) -> int:
    return raw.count(b"\n", 0, at) + 1


def _sheet(raw: bytes, name: str, columns: dict[str, str]) -> _Sheet:
    """Find the header: the first of the first lines that names a stamp and prices; lines before it are skipped and noted."""
    start, best = 0, (-1, 1, DataError("no header found", where=f"{name}: row 1"))
    for number in range(1, _HEADER_LINES + 1):
        end = raw.find(b"\n", start)
        line = raw[start : end if end >= 0 else len(raw)]
        if len(line) > _LONGEST_LINE:
            raise DataError(f"a line of {len(line):,} bytes", where=f"{name}: row {number}", allowed="at most 1 MB")
        text = line.decode().rstrip("\r")
        if text.strip():
            delimiter = max(",;\t|", key=text.count)
            headers = _cells(text, delimiter)
            try:
                plan = layout(headers, f"{name}: row {number}", columns)
            except DataError as error:
                known = sum(
                    plain(header) in ("open", "high", "low", "close", "date", "symbol", "volume") for header in headers
                )
                if known > best[0]:
                    best = (known, number, error)
            else:
                if number > 1:
                    plan = Layout(
                        plan.numbers,
                        plan.time,
                        plan.epoch,
                        plan.symbol,
                        (*plan.notes, f"{name}: {number - 1} lines before the header skipped"),
                    )
                return _Sheet(name, raw, number, end + 1 if end >= 0 else len(raw), delimiter, headers, plan)
        if end < 0:
            break
        start = end + 1
    raise best[2]


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return line.split(delimiter)


def _fast(sheet: _Sheet, file: Path) -> Rows | None:
    """Arrow with fixed types; None where it cannot, so that the careful reader says why."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    from trading_system.data.parquet import _numbers, _symbols

    plan = sheet.plan
    kind = _stamp_type(sheet, pa)
    if kind is None or sheet.start >= len(sheet.raw):
        return None
    name = {i: f"c{i}" for i in range(len(sheet.headers))}
    types = {name[i]: pa.float64() for i in plan.numbers.values()} | {name[plan.time[0]]: kind}
    if plan.symbol is not None:
        types[name[plan.symbol]] = pa.dictionary(pa.int32(), pa.string())
    try:
        table = arrow.read_csv(
            pa.BufferReader(pa.py_buffer(sheet.raw).slice(sheet.start)),
            read_options=arrow.ReadOptions(
                column_names=list(name.values()), use_threads=len(sheet.raw) > 1 << 22, block_size=4 << 20
            ),
            parse_options=arrow.ParseOptions(delimiter=sheet.delimiter),
            convert_options=arrow.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=list(EMPTY),
                strings_can_be_null=False,
                check_utf8=False,
            ),
        )
    except pa.ArrowException:
        return None
    stamps = table.column(name[plan.time[0]])
    if stamps.null_count or table.num_rows == 0:
        return None
    numbers = {ours: _numbers(table.column(name[i]), sheet.headers[i], file) for ours, i in plan.numbers.items()}
    symbols: tuple[str, ...] = (check_symbol(symbol_of(file), file.name),)
    code: IntArray = np.zeros(table.num_rows, np.int64)
    if plan.symbol is not None:
        code, symbols = _symbols(table.column(name[plan.symbol]), file)
    lines = _Lines(sheet)
    stamp, label, notes = _arrow_stamps(stamps, lambda row: sheet.place(lines(row), plan.time[0]))
    return Rows(
        symbols, code, stamp, label, _mid(numbers), lambda row: f"{sheet.file}: row {lines(row)}", (*plan.notes, *notes)
    )


def _mid(numbers: dict[str, FloatArray]) -> dict[str, FloatArray]:
    if "open" not in numbers:
        for price in PRICES:
            numbers[price] = (numbers[f"bid_{price}"] + numbers[f"ask_{price}"]) / 2.0
    return numbers


def _stamp_type(sheet: _Sheet, pa: Any) -> Any:
    """The Arrow type that the first stamp looks like; None for the careful reader."""
    plan = sheet.plan
    if len(plan.time) > 1:
        return None
    line = sheet.raw[sheet.start : sheet.start + 4096].decode(errors="ignore").lstrip("\r\n").split("\n")[0].rstrip("\r")
    cells = _cells(line, sheet.delimiter)
    cell = cells[plan.time[0]].strip() if plan.time[0] < len(cells) else ""
    if _DATE.fullmatch(cell):
        return pa.date32()
    if _TIME.fullmatch(cell):
        return pa.timestamp("ns")
    if cell.isdigit() and 9 <= len(cell) <= 19:
        return pa.int64()
    if re.fullmatch(r"\d{9,19}\.\d*", cell):
        return pa.float64()
    return pa.dictionary(pa.int32(), pa.string())


def _arrow_stamps(column: Any, place: Callable[[int], str]) -> tuple[IntArray, StampKind, tuple[str, ...]]:
    import pyarrow as pa

    from trading_system.data.parquet import _buffer, _naive, _plain

    kind = column.type
    if pa.types.is_date32(kind):
        days, _ = _plain(column.cast(pa.int32()), pa.int64())
        return np.asarray(days, np.int64), "date", ()
    if pa.types.is_timestamp(kind):
        values, _ = _plain(column, kind)
        return _naive(np.asarray(values, np.int64))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        values, _ = _plain(column, kind)
        return epoch_to_ns(values, place)
    column = column.unify_dictionaries()
    texts = column.chunk(0).dictionary.to_pylist()
    codes = np.concatenate([_buffer(chunk.indices, np.dtype("i4")) for chunk in column.chunks])
    stamp, label, notes = parse_stamps(texts, lambda i: place(int(np.argmax(codes == i))))
    return stamp[codes], label, notes


class _Lines:
    """Data row -> line of the file, counted from 1; looks only when a message is needed."""

    def __init__(self, sheet: _Sheet) -> None:
        self._sheet = sheet
        self._lines: list[int] | None = None

    def __call__(self, row: int) -> int:
        if self._lines is None:
            text = self._sheet.raw[self._sheet.start :].decode()
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=self._sheet.delimiter)
            self._lines = [reader.line_num for cells in reader if cells]
        return self._sheet.header_row + self._lines[row] if row < len(self._lines) else self._sheet.header_row + row + 1


def _careful(sheet: _Sheet, file: Path) -> Rows:
    """Line by line in Python; every cell that is read is checked."""
    plan = sheet.plan
    lines: list[int] = []
    stamps: list[str] = []
    names: list[str] = []
    numbers: dict[str, list[float]] = {ours: [] for ours in plan.numbers}
    dressed: dict[int, bool] = {}
    for line, cells in _records(sheet):
        stamps.append(" ".join(cells[i].strip() for i in plan.time))
        names.append(cells[plan.symbol] if plan.symbol is not None else "")
        for ours, i in plan.numbers.items():
            cell = cells[i].strip()
            if cell not in EMPTY and not _NUMBER.fullmatch(cell):
                if i not in dressed:
                    dressed[i] = _dressed(sheet, i)
                cell = undressed(cell) if dressed[i] else cell
            numbers[ours].append(_number(cell, sheet, line, i, stamps[-1]))
        lines.append(line)

    def place(row: int) -> str:
        return sheet.place(lines[row], plan.time[0])

    stamp, label, notes = _careful_stamps(stamps, plan, place)
    symbols: tuple[str, ...] = (check_symbol(symbol_of(file), file.name),)
    code: IntArray = np.zeros(len(lines), np.int64)
    if plan.symbol is not None:
        symbols, code = _coded(names, lines, sheet)
    columns = {ours: np.array(values, np.float64) for ours, values in numbers.items()}
    if label == "naive" and stamp.size and not np.any(stamp % DAY):
        stamp, label = stamp // DAY, "date"
    return Rows(
        symbols, code, stamp, label, _mid(columns), lambda row: f"{sheet.file}: row {lines[row]}", (*plan.notes, *notes)
    )


def _careful_stamps(
    texts: list[str], plan: Layout, place: Callable[[int], str]
) -> tuple[IntArray, StampKind, tuple[str, ...]]:
    if not texts:
        return np.zeros(0, np.int64), "date", ()
    if plan.epoch and all(_EPOCH.fullmatch(text) for text in texts):
        return epoch_to_ns(np.array([float(text) for text in texts]), place)
    return parse_stamps(texts, place)


def _records(sheet: _Sheet) -> Any:
    text = sheet.raw[sheet.start :].decode()
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sheet.delimiter, strict=True)
    width = len(sheet.headers)
    try:
        for cells in reader:
            line = sheet.header_row + reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) < width or (len(cells) > width and any(cell.strip() for cell in cells[width:])):
                column = sheet.headers[min(len(cells), width - 1)].strip()
                raise DataError(
                    f"{len(cells)} cell{'' if len(cells) == 1 else 's'}, the header has {width}",
                    where=f"{sheet.file}: row {line}: column {column}",
                    remedy=_width_mend(cells, width, sheet.delimiter),
                )
            yield line, cells
    except csv.Error as error:
        where = f"{sheet.file}: row {sheet.header_row + reader.line_num}"
        raise DataError(f"not readable as CSV ({error})", where=where, remedy="mend the quotes, or remove the line") from None


def _width_mend(cells: list[str], width: int, delimiter: str) -> str:
    """What to do about a line of another width than its header; commas of numbers are a common cause."""
    if delimiter == "," and len(cells) > width:
        return (
            "mend or remove the line; where numbers have decimal commas, or commas between thousands, save the file with a point"
            " for decimals and nothing between thousands"
        )
    return "mend or remove the line"


def _dressed(sheet: _Sheet, column: int) -> bool:
    """Whether every cell of the column is a number with one currency sign before it, or thousands between commas, beyond doubt.

    ``1,234`` alone could be 1.234: some cell has two commas, or a comma and a point.
    """
    cells = [cell for cell in (cells[column].strip() for _, cells in _records(sheet)) if cell not in EMPTY]
    signs = {cell[0] for cell in cells if cell[0] in _SIGNS}
    if len(signs) > 1 or (signs and not all(cell[0] in signs for cell in cells)):
        return False
    bare = [cell[1:].strip() if signs else cell for cell in cells]
    if not all(_THOUSANDS.fullmatch(cell) or _PLAIN.fullmatch(cell) for cell in bare):
        return False
    doubtful = [cell for cell in bare if "," in cell]
    return not doubtful or any(cell.count(",") > 1 or "." in cell for cell in doubtful)


def undressed(cell: str) -> str:
    """``$1,234.50`` -> ``1234.50``."""
    return cell.lstrip(_SIGNS).strip().replace(",", "")


def _number(cell: str, sheet: _Sheet, line: int, column: int, stamp: str) -> float:
    text = cell.strip()
    if text in EMPTY:
        return float("nan")
    if _NUMBER.fullmatch(text):
        return float(text)
    remedy = ""
    if plain(text) == plain(sheet.headers[column]):
        remedy = "a second header line: remove it"
    elif any(sign in text for sign in _SIGNS):
        remedy = "write every number of the column with the same currency sign, or none with one"
    else:
        remedy = number_mend(text, next((ours for ours, i in sheet.plan.numbers.items() if i == column), ""))
    raise DataError(
        f"{text[:60]!r} is no number",
        where=sheet.place(line, column),
        allowed="a number with a decimal point, or nothing",
        remedy=remedy,
        stamp=stamp,
    )


def _coded(names: Sequence[str], lines: Sequence[int], sheet: _Sheet) -> tuple[tuple[str, ...], IntArray]:
    assert sheet.plan.symbol is not None
    known: dict[str, str] = {}
    for name, line in zip(names, lines, strict=True):
        if name not in known:
            known[name] = check_symbol(name, sheet.place(line, sheet.plan.symbol))
    symbols = tuple(sorted(set(known.values())))
    return symbols, np.array([bisect.bisect_left(symbols, known[name]) for name in names], np.int64)
