"""Twenty-five ways in which a data file is damaged, for CSV and Parquet, each from a seed."""

from __future__ import annotations

import gzip
import io
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HEADER = ["date", "symbol", "open", "high", "low", "close", "volume"]


def good_table(rng: random.Random, n: int = 60) -> list[list[str]]:
    """Rows of three symbols on weekdays, all of them possible."""
    days = np.busday_offset("2019-01-02", np.arange(n), roll="forward")
    out = []
    for symbol in ("AAA", "NA", "0700"):
        price = 50.0
        for day in days:
            price *= 1 + rng.gauss(0, 0.01)
            out.append(
                [
                    str(day),
                    symbol,
                    f"{price:.2f}",
                    f"{price * 1.01:.2f}",
                    f"{price * 0.99:.2f}",
                    f"{price * 1.001:.2f}",
                    str(rng.randrange(1, 10**6)),
                ]
            )
    return out


def text_of(rows: list[list[str]], header: list[str] | None = None) -> str:
    return "\n".join(",".join(row) for row in [header or HEADER, *rows]) + "\n"


def _cell(values: list[str]) -> Callable[[random.Random, list[list[str]]], bytes]:
    def damage(rng: random.Random, rows: list[list[str]]) -> bytes:
        for _ in range(rng.randrange(1, 6)):
            rows[rng.randrange(len(rows))][rng.randrange(7)] = rng.choice(values)
        return text_of(rows).encode()

    return damage


def _swap_high_low(rng: random.Random, rows: list[list[str]]) -> bytes:
    row = rng.choice(rows)
    row[3], row[4] = row[4], row[3]
    return text_of(rows).encode()


def _repeat_row(rng: random.Random, rows: list[list[str]]) -> bytes:
    row = list(rng.choice(rows))
    if rng.random() < 0.5:
        row[5] = row[4]
    rows.insert(rng.randrange(len(rows)), row)
    return text_of(rows).encode()


def _cut(rng: random.Random, rows: list[list[str]]) -> bytes:
    raw = text_of(rows).encode()
    return raw[: rng.randrange(len(raw))]


def _drop_cells(rng: random.Random, rows: list[list[str]]) -> bytes:
    row = rng.choice(rows)
    del row[rng.randrange(7) :]
    return text_of(rows).encode()


def _extra_cells(rng: random.Random, rows: list[list[str]]) -> bytes:
    rng.choice(rows).extend(["x"] * rng.randrange(1, 4))
    return text_of(rows).encode()


def _flip_bytes(rng: random.Random, rows: list[list[str]]) -> bytes:
    raw = bytearray(text_of(rows).encode())
    for _ in range(rng.randrange(1, 20)):
        raw[rng.randrange(len(raw))] = rng.randrange(256)
    return bytes(raw)


def _nul(rng: random.Random, rows: list[list[str]]) -> bytes:
    raw = text_of(rows).encode()
    at = rng.randrange(len(raw))
    return raw[:at] + b"\0" * rng.randrange(1, 512) + raw[at:]


def _quote(rng: random.Random, rows: list[list[str]]) -> bytes:
    raw = text_of(rows)
    at = rng.randrange(len(raw))
    return (raw[:at] + '"' + raw[at:]).encode()


def _second_header(rng: random.Random, rows: list[list[str]]) -> bytes:
    rows.insert(rng.randrange(len(rows)), list(HEADER))
    return text_of(rows).encode()


def _huge_line(rng: random.Random, rows: list[list[str]]) -> bytes:
    rows[rng.randrange(len(rows))][rng.randrange(7)] = "9" * rng.choice([5_000, 200_000, 2_000_000])
    return text_of(rows).encode()


def _header(rng: random.Random, rows: list[list[str]]) -> bytes:
    header = list(HEADER)
    at = rng.randrange(7)
    choice = rng.random()
    if choice < 0.3:
        del header[at]
    elif choice < 0.6:
        header[at] = rng.choice(["", "close", "date", "ÿ", "x" * 500])
    else:
        rng.shuffle(header)
    return text_of(rows, header).encode()


def _empty(rng: random.Random, rows: list[list[str]]) -> bytes:
    return rng.choice([b"", b"\n\n\n", b" ", b"\xef\xbb\xbf", text_of([]).encode(), b"\r\n", b"\xff\xfe"])


def _binary(rng: random.Random, rows: list[list[str]]) -> bytes:
    return bytes(rng.randrange(256) for _ in range(rng.randrange(1, 4000)))


def _utf16(rng: random.Random, rows: list[list[str]]) -> bytes:
    raw = text_of(rows).encode(rng.choice(["utf-16", "utf-16-le", "utf-16-be"]))
    return raw if rng.random() < 0.5 else raw[: rng.randrange(len(raw))]


def _gzip_cut(rng: random.Random, rows: list[list[str]]) -> bytes:
    raw = bytearray(gzip.compress(text_of(rows).encode()))
    if rng.random() < 0.5:
        return bytes(raw[: rng.randrange(2, len(raw))])
    raw[rng.randrange(2, len(raw))] ^= 1 << rng.randrange(8)
    return bytes(raw)


def _blank_lines(rng: random.Random, rows: list[list[str]]) -> bytes:
    lines = text_of(rows).splitlines()
    for _ in range(5):
        lines.insert(rng.randrange(1, len(lines)), rng.choice(["", "  ", ",,,,,,", "# comment"]))
    return rng.choice(["\n", "\r\n", "\r"]).join(lines).encode()


def _shuffle_rows(rng: random.Random, rows: list[list[str]]) -> bytes:
    rng.shuffle(rows)
    return text_of(rows).encode()


def parquet_of(rows: list[list[str]]) -> pa.Table:
    columns: dict[str, object] = {
        "date": pa.array([np.datetime64(row[0], "D").astype(object) for row in rows], pa.date32()),
        "symbol": [row[1] for row in rows],
    }
    for i, name in enumerate(HEADER[2:], start=2):
        columns[name] = [float(row[i]) for row in rows]
    return pa.table(columns)


def _written(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def _parquet_cut(rng: random.Random, rows: list[list[str]]) -> bytes:
    raw = _written(parquet_of(rows))
    return raw[: rng.randrange(len(raw))]


def _parquet_flip(rng: random.Random, rows: list[list[str]]) -> bytes:
    raw = bytearray(_written(parquet_of(rows)))
    for _ in range(rng.randrange(1, 8)):
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    return bytes(raw)


def _parquet_values(rng: random.Random, rows: list[list[str]]) -> bytes:
    table = parquet_of(rows)
    name = rng.choice(HEADER[2:])
    values = table.column(name).to_pylist()
    for _ in range(5):
        values[rng.randrange(len(values))] = rng.choice([float("nan"), float("inf"), -1.0, 0.0, None, 1e300, -0.0])
    return _written(table.set_column(table.column_names.index(name), name, pa.array(values, pa.float64())))


def _parquet_types(rng: random.Random, rows: list[list[str]]) -> bytes:
    table = parquet_of(rows)
    name = rng.choice(HEADER)
    n = table.num_rows
    odd = rng.choice(
        [
            pa.array(["x"] * n), pa.array([True] * n), pa.array([b"\xff"] * n), pa.array([[1.0]] * n), pa.nulls(n), pa.array([2**63 - 1] * n),
            pa.array([{"a": 1}] * n), pa.array([-1] * n), pa.array([f"{i}" for i in range(n)]).dictionary_encode(), pa.array([1.5e18] * n),
        ]
    )  # fmt: skip
    return _written(table.set_column(table.column_names.index(name), name, odd))


def _parquet_columns(rng: random.Random, rows: list[list[str]]) -> bytes:
    table = parquet_of(rows)
    if rng.random() < 0.5:
        table = table.drop_columns([rng.choice(HEADER)])
    else:
        table = table.rename_columns([rng.choice(["", "close", "volume", "q", name]) for name in table.column_names])
    return _written(table if rng.random() < 0.8 else table.slice(0, 0))


CSV_KINDS: dict[str, Callable[[random.Random, list[list[str]]], bytes]] = {
    "text_in_a_number": _cell(["abc", "1,5", "1.2.3", "--5", "1_000", "0x10", "１２", "5e", "$10", "12%"]),
    "missing_marker": _cell(["", "NA", "NULL", "nan", "None", "-", "#N/A"]),
    "impossible_number": _cell(["-1", "0", "inf", "-inf", "1e308", "1e400", "-0", "1e-320"]),
    "impossible_date": _cell(
        ["2019-02-30", "0000-00-00", "31/12", "yesterday", "99999999999999999999", "2019-13-01", "1e9", "12/11/2019"]
    ),
    "control_characters": _cell(["A\tB", "\x1b[31m", "\x07", "\u202e", "\u2028", "A" * 300]),
    "swapped_high_low": _swap_high_low,
    "repeated_row": _repeat_row,
    "cut": _cut,
    "cells_missing": _drop_cells,
    "cells_too_many": _extra_cells,
    "flipped_bytes": _flip_bytes,
    "nul": _nul,
    "stray_quote": _quote,
    "second_header": _second_header,
    "huge_line": _huge_line,
    "header": _header,
    "empty": _empty,
    "binary": _binary,
    "utf16": _utf16,
    "gzip": _gzip_cut,
    "blank_lines": _blank_lines,
    "shuffled": _shuffle_rows,
}
PARQUET_KINDS: dict[str, Callable[[random.Random, list[list[str]]], bytes]] = {
    "parquet_cut": _parquet_cut,
    "parquet_flipped": _parquet_flip,
    "parquet_values": _parquet_values,
    "parquet_types": _parquet_types,
    "parquet_columns": _parquet_columns,
    "parquet_is_csv": lambda rng, rows: text_of(rows).encode(),
}


def damaged(folder: Path, kind: str, seed: int) -> Path:
    """Write one damaged file and say where."""
    rng = random.Random(f"{kind}/{seed}")
    rows = good_table(rng)
    if kind in PARQUET_KINDS:
        file = folder / f"{kind}_{seed}.parquet"
        file.write_bytes(PARQUET_KINDS[kind](rng, rows))
    else:
        file = folder / f"{kind}_{seed}.csv{'.gz' if kind == 'gzip' else ''}"
        file.write_bytes(CSV_KINDS[kind](rng, rows))
    return file
