"""A vendor's files -> one canonical Parquet file: long, sorted, raw prices, splits and dividends; says what was inferred."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.data.actions import whole_ratio
from trading_system.data.cache import content_hash
from trading_system.data.csv import ENDINGS as CSV_ENDINGS
from trading_system.data.csv import CsvFiles
from trading_system.data.parquet import ENDINGS as PARQUET_ENDINGS
from trading_system.data.parquet import ParquetFiles
from trading_system.data.source import PRICES, QUOTES, DataSource, Rows, data_files
from trading_system.data.stamps import DAY
from trading_system.errors import DataError, OutputError
from trading_system.files import make_folder, replacing, unmade

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trading_system.types import BoolArray, FloatArray, IntArray

_USUAL = (
    1 / 2,
    1 / 3,
    2 / 3,
    1 / 4,
    3 / 4,
    1 / 5,
    2 / 5,
    3 / 5,
    4 / 5,
    1 / 6,
    1 / 7,
    1 / 8,
    1 / 10,
    1 / 15,
    1 / 20,
    1 / 25,
    1 / 50,
)
_NEAR = 1e-3
_SILENT = 10
_ORDER = (*PRICES, "volume", "dividend", "split", "funding", *QUOTES)


def import_file(
    source: Path,
    target: Path,
    *,
    columns: dict[str, str] | None = None,
    infer: bool = True,
    factors: Path | None = None,
    universe: Path | None = None,
    delistings: Path | None = None,
) -> dict[str, Any]:
    """Write the bars of `source` (file, folder or pattern; CSV or Parquet) to `target` and say what was done.

    Actions recorded in the source are kept. Otherwise, when `infer` is set, they are derived from `prev_adj_ratio` (this day's
    restatement of yesterday's close) or from adj_close / close; the notes and the file's own metadata then say INFERRED. `factors` is a
    factor file in Lean's layout (file, date, price_factor, split_factor, reference_price). `universe` receives each symbol's first and
    last day; `delistings` the names that end more than ten of the market's days before its end, INFERRED too.

    Returns
    -------
    dict
        JSON-able: target, rows, symbols, first, last, splits, dividends, inferred, notes.

    Raises
    ------
    DataError
        When the source cannot be read; names file, row and column.
    OutputError
        When a file cannot be written, nothing is half-written; when one of them is another or is read, nothing is written.
    """
    reader = reader_of(source, columns or {})
    _refuse_overlap([target, universe, delistings], [*reader.files(), factors])
    rows = _sorted(reader.load())
    day = rows.stamp if rows.kind == "date" else rows.stamp // DAY
    notes = [note for note in rows.notes if "prev_adj_ratio is not applied" not in note]
    actions, how = _actions(rows, infer, factors, notes)
    names = ", ".join(file.name for file in reader.files()[:20])
    rows = replace(rows, columns={**rows.columns, **actions}, notes=tuple(notes))
    report = write_rows(rows, target, {"source": names, "source_sha256": content_hash(reader.files()), "actions": how})
    if universe is not None:
        _write_csv(universe, ["symbol", "start", "end"], _spells(rows, day))
    if delistings is not None:
        gone = _gone(rows, day)
        report["notes"].append(
            f"{len(gone)} delistings are INFERRED: names whose bars end more than {_SILENT} market days before the end"
        )
        _write_csv(delistings, ["symbol", "date", "price"], gone)
    return report


def _refuse_overlap(outputs: Sequence[Path | None], inputs: Sequence[Path | None]) -> None:
    taken = {file.resolve(): "it is read: the source would be lost" for file in inputs if file is not None}
    for file in outputs:
        if file is None:
            continue
        if file.resolve() in taken:
            raise OutputError(
                f"cannot be written, {taken[file.resolve()]}", where=str(file), remedy="name another file; nothing was changed"
            )
        taken[file.resolve()] = "two of the files to write have this name"


def write_rows(rows: Rows, target: Path, meta: dict[str, Any]) -> dict[str, Any]:
    """Write rows as canonical Parquet with `meta` in its metadata, atomically; OutputError when that cannot be done."""
    day = rows.stamp if rows.kind == "date" else rows.stamp // DAY
    _write_parquet(target, rows, {**meta, "notes": list(rows.notes), "synthetic": rows.synthetic})
    split, dividend = rows.columns.get("split", np.ones(0)), rows.columns.get("dividend", np.zeros(0))
    how = str(meta.get("actions", ""))
    return {
        "target": str(target),
        "rows": len(rows),
        "symbols": len(rows.symbols),
        "first": str(np.datetime64(int(day.min()), "D")),
        "last": str(np.datetime64(int(day.max()), "D")),
        "splits": int(((split != 1.0) & (split != 0.0) & np.isfinite(split)).sum()),
        "dividends": int(((dividend != 0.0) & np.isfinite(dividend)).sum()),
        "inferred": "INFERRED" in how,
        "actions": how,
        "notes": list(dict.fromkeys(rows.notes)),
    }


def reader_of(source: Path, columns: dict[str, str]) -> DataSource:
    """The CSV or Parquet source that `source` is, by the ending of its first file."""
    first = data_files(source, (*CSV_ENDINGS, *PARQUET_ENDINGS))[0]
    kind: type[DataSource] = ParquetFiles if first.name.lower().endswith(PARQUET_ENDINGS) else CsvFiles
    return kind(path=source, columns=columns)


def _sorted(rows: Rows) -> Rows:
    order = np.lexsort((np.arange(len(rows)), rows.stamp, rows.code))
    return rows if np.array_equal(order, np.arange(len(rows))) else rows.take(order)


def _actions(rows: Rows, infer: bool, factors: Path | None, notes: list[str]) -> tuple[dict[str, FloatArray], str]:
    """Split and dividend columns, and how they came about."""
    split, dividend = rows.columns.get("split"), rows.columns.get("dividend")
    if factors is not None:
        split, dividend = from_factor_file(rows, factors)
        return {"split": split, "dividend": dividend}, f"INFERRED from the factors of {factors.name}"
    if split is not None or dividend is not None:
        n = len(rows)
        return {
            "split": np.ones(n) if split is None else split,
            "dividend": np.zeros(n) if dividend is None else dividend,
        }, "recorded in the source"
    if infer and "prev_adj_ratio" in rows.columns:
        split, dividend, lost = from_previous_ratio(rows)
        notes.append("splits and dividends are INFERRED (inferred from prev_adj_ratio, the restatement of the day before)")
        if lost:
            notes.append(f"{lost} rows have no ratio (a lost crawl): an action there is not known")
        notes += _without(rows, "prev_adj_ratio")
        return {"split": split, "dividend": dividend}, "INFERRED from prev_adj_ratio"
    if infer and "adj_close" in rows.columns:
        split, dividend = from_adjusted_close(rows)
        notes.append("splits and dividends are INFERRED (inferred from adj_close / close)")
        notes += _without(rows, "adj_close")
        return {"split": split, "dividend": dividend}, "INFERRED from adj_close / close"
    return {}, "none in the source"


def _without(rows: Rows, column: str) -> list[str]:
    """A note of the symbols that have no value at all in `column`."""
    has = np.bincount(rows.code, np.isfinite(rows.columns[column]), len(rows.symbols)) > 0
    lacks = [symbol for symbol, known in zip(rows.symbols, has.tolist(), strict=True) if not known]
    if not lacks:
        return []
    some = ", ".join(lacks[:10]) + (f" and {len(lacks) - 10} more" if len(lacks) > 10 else "")
    return [f"no {column} for {some}: splits and dividends of these are not known"]


def _first_of_symbol(rows: Rows) -> BoolArray:
    first = np.ones(len(rows), np.bool_)
    first[1:] = rows.code[1:] != rows.code[:-1]
    return first


def _before(values: FloatArray, rows: Rows) -> FloatArray:
    out = np.empty(values.size)
    out[0], out[1:] = np.nan, values[:-1]
    out[_first_of_symbol(rows)] = np.nan
    return out


def from_previous_ratio(rows: Rows) -> tuple[FloatArray, FloatArray, int]:
    """Splits and dividends from `prev_adj_ratio`: adjusted over raw close of the day before, as first published today.

    1 is no action; a usual fraction (1/7) or more than 1 a split of its inverse; anything else below 1 cash of (1 - ratio) times the
    last close (a spin-off's value too). Also the number of rows without a ratio.
    """
    ratio = rows.columns["prev_adj_ratio"]
    close_before = _before(rows.columns["close"], rows)
    known = np.isfinite(ratio) & (ratio > 0) & np.isfinite(close_before)
    new = np.where(known, 1.0 / np.where(known, ratio, 1.0), 1.0)
    split = _usual_split(new)
    split[known & (new < 0.98) & (split == 1.0)] = new[known & (new < 0.98) & (split == 1.0)]
    cash = known & (split == 1.0) & (ratio < 1.0)
    dividend = np.where(cash, np.round((1.0 - ratio) * np.where(cash, close_before, 0.0), 6), 0.0)
    return split, dividend, int((~np.isfinite(ratio)).sum())


def _usual_split(new: FloatArray) -> FloatArray:
    """New shares per old where that is within 0.1 % of a usual ratio, else 1."""
    usual = np.array([*(1 / ratio for ratio in _USUAL), *_USUAL])
    nearest = (
        usual[np.argmin(np.abs(np.log(new)[:, None] - np.log(usual)), axis=1)] if new.size < 4096 else _in_parts(new, usual)
    )
    return np.where(np.abs(new / nearest - 1.0) <= _NEAR, nearest, 1.0)


def _in_parts(new: FloatArray, usual: FloatArray) -> FloatArray:
    out = np.ones(new.size)
    far = np.flatnonzero(np.abs(np.log(new)) > 0.15)
    for i in far:
        out[i] = usual[np.argmin(np.abs(np.log(usual) - np.log(new[i])))]
    return out


def from_adjusted_close(rows: Rows) -> tuple[FloatArray, FloatArray]:
    """Splits and dividends that rebuild `adj_close` from `close` by the reinvest-at-close rule.

    g = (adj_close / close) over its value of the row before; beyond the rounding of adj_close (six decimals) g is split x (1 + dividend / close).
    A usual ratio of at least 5:4 is a split, the rest a dividend rounded to four decimals; g below 1 that is no usual ratio is a split of g.
    """
    close, adjusted = rows.columns["close"], rows.columns["adj_close"]
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = adjusted / close
        growth = scale / _before(scale, rows)
        noise = 1e-6 * (1.0 / adjusted + 1.0 / _before(adjusted, rows)) + 1e-9
    moved = np.isfinite(growth) & (growth > 0) & (np.abs(growth - 1.0) > noise)
    split = np.where(moved, _usual_split(np.where(moved, growth, 1.0)), 1.0)
    odd = moved & (split == 1.0) & (growth < 1.0)
    split[odd] = growth[odd]
    dividend = np.where(moved & (split == 1.0), np.round((np.where(moved, growth, 1.0) - 1.0) * close, 4), 0.0)
    return split, dividend


def from_factor_file(rows: Rows, factors: Path) -> tuple[FloatArray, FloatArray]:
    """Splits and dividends from a factor file in Lean's layout; a row's factors hold up to and including its date.

    Between two rows the split is the quotient of the split factors, the dividend (1 - quotient of the price factors) times
    the reference price (the last close where that is empty); both take effect on the symbol's first bar after the earlier date.
    """
    from trading_system.data.listings import records

    known: dict[str, list[tuple[int, float, float, float]]] = {}
    for number, record in records(factors, ("file", "date", "price_factor", "split_factor", "reference_price"), ()):
        try:
            day = int(np.datetime64(record["date"], "D").astype(np.int64))
            price, shares = float(record["price_factor"]), float(record["split_factor"])
            reference = float(record["reference_price"] or "nan")
        except ValueError as error:
            raise DataError(str(error), where=f"{factors.name}: row {number}", allowed="a date and three numbers") from None
        known.setdefault(record["file"], []).append((day, price, shares, reference))
    split, dividend = np.ones(len(rows)), np.zeros(len(rows))
    days = rows.stamp if rows.kind == "date" else rows.stamp // DAY
    for code, symbol in enumerate(rows.symbols):
        mine = np.flatnonzero(rows.code == code)
        steps = sorted(known.get(symbol, []))
        for (day, price, shares, reference), (_, next_price, next_shares, _) in itertools.pairwise(steps):
            at = int(np.searchsorted(days[mine], day, side="right"))
            if 0 < at < mine.size and price > 0 and shares > 0:
                split[mine[at]] *= round(next_shares / shares, 6)
                last = reference if np.isfinite(reference) and reference > 0 else float(rows.columns["close"][mine[at - 1]])
                dividend[mine[at]] += round((1.0 - price / next_price) * last / split[mine[at]], 6)
    return whole_ratio(split), np.where(dividend > 0, dividend, 0.0)


def _ends(rows: Rows) -> tuple[IntArray, IntArray]:
    first = np.flatnonzero(_first_of_symbol(rows))
    return first, np.r_[first[1:], len(rows)] - 1


def _spells(rows: Rows, day: IntArray) -> list[list[str]]:
    first, last = _ends(rows)
    text = [str(np.datetime64(int(one), "D")) for one in day[np.r_[first, last]]]
    return [[rows.symbols[int(rows.code[a])], text[i], text[i + first.size]] for i, a in enumerate(first)]


def _gone(rows: Rows, day: IntArray) -> list[list[str]]:
    market = np.unique(day)
    limit = int(market[max(market.size - 1 - _SILENT, 0)])
    _, last = _ends(rows)
    return [[rows.symbols[int(rows.code[i])], str(np.datetime64(int(day[i]), "D")), ""] for i in last if day[i] < limit]


def _write_parquet(target: Path, rows: Rows, meta: dict[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from trading_system import __version__

    def array(values: NDArray[Any], kind: Any) -> Any:
        return pa.Array.from_buffers(kind, values.size, [None, pa.py_buffer(np.ascontiguousarray(values))])

    codes = array(rows.code.astype(np.int32), pa.int32())
    table = {"symbol": pa.DictionaryArray.from_arrays(codes, pa.array(list(rows.symbols), pa.string()))}
    if rows.kind == "date":
        table["date"] = array(rows.stamp.astype(np.int32), pa.date32())
    else:
        table["timestamp"] = array(rows.stamp, pa.timestamp("ns", tz="UTC" if rows.kind == "utc" else None))
    quoted = "bid_open" in rows.columns
    for name in _ORDER:
        values = rows.columns.get(name)
        if values is not None and not (quoted and name in PRICES):
            table[name] = array(values.astype(np.float64), pa.float64())
    metadata = {"trading_system": json.dumps({"format": 1, "version": __version__, **meta}, sort_keys=True)}
    with _replacing(target) as temporary:
        pq.write_table(pa.table(table).replace_schema_metadata(metadata), temporary, compression="zstd")


def _write_csv(target: Path, header: list[str], lines: list[list[str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([header, *lines])
    with _replacing(target) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A temporary path beside `target` that takes its place when all went well."""
    if target.is_symlink():
        raise OutputError("the target is a symbolic link", where=str(target), remedy="name a regular file")
    with unmade(target.parent):
        make_folder(target.parent)
        with replacing(target) as temporary:
            yield temporary


def describe(source: Path, columns: dict[str, str] | None = None) -> dict[str, Any]:
    """What lies in a CSV or Parquet file, folder or pattern, before any run file is written: for `data info`.

    Returns
    -------
    dict
        JSON-able: path, files, bytes, rows, symbols (the first twenty), n_symbols, stamps, first, last, columns, guess (keys of `data`), notes.
    """
    reader = reader_of(source, columns or {})
    files = reader.files()
    rows = _sorted(reader.load())
    gaps = np.diff(rows.stamp)[~_first_of_symbol(rows)[1:]]
    gaps = gaps[gaps > 0]
    usual = int(np.median(gaps)) if gaps.size else 0
    day = rows.stamp if rows.kind == "date" else rows.stamp // DAY
    daily = rows.kind == "date" or usual >= DAY
    weekend = float(((day + 3) % 7 >= 5).mean())
    guess = {
        "source": "parquet" if isinstance(reader, ParquetFiles) else "csv",
        "timeframe": "1d" if daily else _timeframe(usual),
        "calendar": "24/7" if weekend > 0.2 else ("24/5" if "bid_open" in rows.columns else "XNYS"),
    }
    return {
        "path": str(source),
        "files": len(files),
        "bytes": sum(file.stat().st_size for file in files),
        "rows": len(rows),
        "n_symbols": len(rows.symbols),
        "symbols": list(rows.symbols[:20]),
        "stamps": rows.kind,
        "first": str(np.datetime64(int(day.min()), "D")),
        "last": str(np.datetime64(int(day.max()), "D")),
        "columns": sorted(rows.columns),
        "guess": guess,
        "notes": list(rows.notes),
    }


def _timeframe(length: int) -> str:
    minutes = max(1, length // 60_000_000_000)
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"
