"""Parquet files in long layout: one row per bar, all symbols together or one file per symbol."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.data.columns import Layout, layout
from trading_system.data.limits import memory_limit
from trading_system.data.source import (
    PRICES,
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
from trading_system.data.stamps import epoch_to_ns, parse_stamps
from trading_system.errors import CapacityError, DataError, TradingSystemError

if TYPE_CHECKING:
    from trading_system.types import FloatArray, IntArray

ENDINGS = (".parquet", ".pq")


@register("parquet")
class ParquetFiles(DataSource):
    """One long Parquet file, or a folder or pattern of files; a file without a symbol column is named for its symbol."""

    def files(self) -> tuple[Path, ...]:
        """The Parquet files that `path` means."""
        return data_files(self.path, ENDINGS)

    def load(self) -> Rows:
        """All rows of all files."""
        files = self.files()
        return files_joined(files, [without_split_note(read_parquet(file, self.columns)) for file in files])


def read_parquet(file: Path, columns: dict[str, str] | None = None) -> Rows:
    """Rows of one Parquet file.

    Raises
    ------
    DataError
        When it is no whole Parquet file, has no rows, lacks a column, or a column has the wrong type.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as source:
            schema = source.schema_arrow
            plan = layout(schema.names, file.name, columns)
            texts = (
                [schema.names[plan.symbol]]
                if plan.symbol is not None and pa.types.is_string(schema.field(plan.symbol).type)
                else []
            )
        with pq.ParquetFile(file, read_dictionary=texts) as source:
            _fits(source.metadata.num_rows, len(plan.used), file)
            table = source.read(columns=[schema.names[i] for i in plan.used])
    except TradingSystemError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, MemoryError, OverflowError) as error:
        raise DataError(
            f"not a readable Parquet file ({_first_line(error)})", where=file.name, remedy="write it again from its source"
        ) from None
    if table.num_rows == 0:
        raise DataError("the file has no rows", where=file.name)
    rows = _rows(table, schema.names, plan, file)
    notes, synthetic = _told(schema.metadata)
    return replace(rows, notes=(*notes, *rows.notes), synthetic=synthetic)


def _fits(n_rows: int, n_columns: int, file: Path) -> None:
    """Refuse a table whose columns alone would take half of the memory."""
    need, have = n_rows * n_columns * 8, memory_limit()
    if need > have // 2:
        raise CapacityError(
            f"{n_rows:,} rows x {n_columns} columns x 8 bytes is {need / 2**30:,.1f} GB; half of the memory is {have / 2**31:,.1f} GB",
            where=file.name,
            remedy="split the file by symbol or by year, and name fewer",
        )


def _told(metadata: dict[bytes, bytes] | None) -> tuple[list[str], bool]:
    """What `data import` wrote into the file about itself: its notes, and whether it is synthetic."""
    try:
        about = json.loads((metadata or {}).get(b"trading_system", b"{}")[:100_000])
        notes = [str(note)[:300] for note in about.get("notes", [])[:50]]
        return ["".join(letter if letter.isprintable() else "?" for letter in note) for note in notes], about.get(
            "synthetic"
        ) is True
    except (ValueError, AttributeError, TypeError, RecursionError):
        return [], False


def _rows(table: Any, names: list[str], plan: Layout, file: Path) -> Rows:
    codes, symbols = (
        _symbols(table.column(names[plan.symbol]), file)
        if plan.symbol is not None
        else (None, (check_symbol(symbol_of(file), file.name),))
    )
    if codes is None:
        codes = np.zeros(table.num_rows, np.int64)
    stamp, kind, notes = _stamps(table.column(names[plan.time[0]]), plan, file)
    numbers = {ours: _numbers(table.column(names[i]), names[i], file, ours) for ours, i in plan.numbers.items()}
    if "open" not in numbers and "bid_open" in numbers:
        for price in PRICES:
            numbers[price] = (numbers[f"bid_{price}"] + numbers[f"ask_{price}"]) / 2.0
    return Rows(symbols, codes, stamp, kind, numbers, lambda row: f"{file.name}: row {row + 1}", (*plan.notes, *notes))


def _symbols(column: Any, file: Path) -> tuple[IntArray, tuple[str, ...]]:
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        if pa.types.is_integer(column.type):
            column = column.cast(pa.string())
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            raise DataError(f"symbols of type {column.type}", where=f"{file.name}: column symbol", allowed="text")
        column = column.dictionary_encode()
    if column.null_count:
        row = next(i for i, value in enumerate(column) if not value.is_valid)
        raise DataError(
            "the symbol is empty", where=f"{file.name}: row {row + 1}: column symbol", remedy="give every row a symbol"
        )
    column = column.unify_dictionaries()
    names = ["" if name is None else str(name) for name in column.chunk(0).dictionary.to_pylist()]
    checked = [check_symbol(name, f"{file.name}: column symbol") for name in names]
    symbols = tuple(sorted(set(checked)))
    place = {symbol: i for i, symbol in enumerate(symbols)}
    renumber = np.array([place[symbol] for symbol in checked], np.int64)
    codes = np.concatenate([_buffer(chunk.indices, np.dtype(chunk.indices.type.to_pandas_dtype())) for chunk in column.chunks])
    return renumber[codes], symbols


def _buffer(array: Any, dtype: np.dtype[Any]) -> Any:
    """The values of an Arrow array, no copy and no pandas; what stands in a null's place is anything."""
    if array.buffers()[1] is None:
        return np.zeros(len(array), dtype)
    return np.frombuffer(array.buffers()[1], dtype=dtype, count=len(array) + array.offset)[array.offset :]


def _plain(column: Any, wanted: Any) -> tuple[Any, Any]:
    """Values of a chunked column cast to `wanted`, and the mask of its empty cells (None: there are none)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.type != wanted:
        column = column.cast(wanted, safe=False)
    dtype = np.dtype("f8") if wanted == pa.float64() else np.dtype("i8")
    chunks = [_buffer(chunk, dtype) for chunk in column.chunks]
    values = chunks[0] if len(chunks) == 1 else np.concatenate([np.zeros(0, dtype), *chunks])
    if column.null_count == 0:
        return values, None
    flags = pc.cast(pc.is_null(column), pa.uint8())
    empty = np.concatenate([_buffer(chunk, np.dtype("u1")) for chunk in flags.chunks]).astype(np.bool_)
    return np.where(empty, np.nan if dtype.kind == "f" else 0, values), empty


def _numbers(column: Any, header: str, file: Path, name: str = "") -> FloatArray:
    import pyarrow as pa

    kind = column.type
    good = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)
    if not good:
        raise DataError(
            f"a column of type {kind}",
            where=f"{file.name}: column {header}",
            allowed="numbers",
            remedy="write it as numbers; a split is new shares per old, such as 2" if name == "split" else "",
        )
    try:
        values, _ = _plain(column, pa.float64())
    except pa.ArrowException as error:
        raise DataError(_first_line(error), where=f"{file.name}: column {header}", allowed="numbers") from None
    return np.asarray(values, dtype=np.float64)


def _stamps(column: Any, plan: Layout, file: Path) -> tuple[IntArray, StampKind, tuple[str, ...]]:
    import pyarrow as pa

    kind, where = column.type, f"{file.name}: column {column_name(plan)}"
    if column.null_count:
        row = next(i for i, value in enumerate(column) if not value.is_valid)
        raise DataError("the stamp is empty", where=f"{file.name}: row {row + 1}: column {column_name(plan)}")
    try:
        if pa.types.is_date(kind):
            days, _ = _plain(column.cast(pa.date32()).cast(pa.int32()), pa.int64())
            return np.asarray(days, np.int64), "date", ()
        if pa.types.is_timestamp(kind):
            wanted = pa.timestamp("ns", tz=kind.tz)
            values, _ = _plain(column.cast(wanted, safe=True), wanted)
            return (np.asarray(values, np.int64), "utc", ()) if kind.tz is not None else _naive(np.asarray(values, np.int64))
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            values, _ = _plain(column, pa.int64() if pa.types.is_integer(kind) else pa.float64())
            return epoch_to_ns(np.asarray(values), lambda row: f"{file.name}: row {row + 1}: column {column_name(plan)}")
    except pa.ArrowException as error:
        raise DataError(_first_line(error), where=where, allowed="stamps between 1678 and 2262") from None
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return parse_stamps(column.to_pylist(), lambda row: f"{file.name}: row {row + 1}: column {column_name(plan)}")
    raise DataError(f"stamps of type {kind}", where=where, allowed="date, timestamp, text or seconds since 1970")


def column_name(plan: Layout) -> str:
    """How messages call the stamp column."""
    return "epoch" if plan.epoch else "date"


def _naive(values: IntArray) -> tuple[IntArray, StampKind, tuple[str, ...]]:
    day = 86_400_000_000_000
    if not np.any(values % day):
        return values // day, "date", ()
    return values, "naive", ()


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    line = (text[0] if text else type(error).__name__)[:200]
    return "".join(letter if letter.isprintable() else "?" for letter in line)
