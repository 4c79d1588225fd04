"""Every data source gives rows of the same form, whatever the file behind it."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.data.damage import HEADER, good_table, parquet_of, text_of
from trading_system.data.source import DataSource, Rows, sources
from trading_system.types import FrozenModel

Table = list[list[str]]


def _csv(folder: Path, rows: Table) -> Path:
    (folder / "long.csv").write_text(text_of(rows))
    return folder / "long.csv"


def _csv_gz(folder: Path, rows: Table) -> Path:
    (folder / "long.csv.gz").write_bytes(gzip.compress(text_of(rows).encode()))
    return folder / "long.csv.gz"


def _csv_folder(folder: Path, rows: Table) -> Path:
    home = folder / "many"
    home.mkdir()
    for symbol in {row[1] for row in rows}:
        mine = [[cell for i, cell in enumerate(row) if i != 1] for row in rows if row[1] == symbol]
        (home / f"{symbol}.csv").write_text(text_of(mine, [name for name in HEADER if name != "symbol"]))
    return home


def _csv_pattern(folder: Path, rows: Table) -> Path:
    return _csv_folder(folder, rows) / "*.csv"


def _parquet(folder: Path, rows: Table) -> Path:
    import pyarrow.parquet as pq

    pq.write_table(parquet_of(rows), folder / "long.parquet")
    return folder / "long.parquet"


def _parquet_folder(folder: Path, rows: Table) -> Path:
    import pyarrow.parquet as pq

    home = folder / "many"
    home.mkdir()
    for symbol in {row[1] for row in rows}:
        table = parquet_of([row for row in rows if row[1] == symbol]).drop_columns(["symbol"])
        pq.write_table(table, home / f"{symbol}.parquet")
    return home


LAYOUTS: dict[str, tuple[str, Callable[[Path, Table], Path]]] = {
    "csv": ("csv", _csv),
    "csv_gz": ("csv", _csv_gz),
    "csv_folder": ("csv", _csv_folder),
    "csv_pattern": ("csv", _csv_pattern),
    "parquet": ("parquet", _parquet),
    "parquet_folder": ("parquet", _parquet_folder),
}


def rows_of(layout: str, folder: Path, table: Table) -> Rows:
    kind, write = LAYOUTS[layout]
    return sources.get(kind)(path=write(folder, table)).load()


@pytest.fixture
def table() -> Table:
    import random

    return good_table(random.Random(7))


@pytest.mark.parametrize("name", sources.names())
def test_a_source_is_a_frozen_model_with_one_verb(name: str) -> None:
    kind = sources.get(name)
    assert issubclass(kind, DataSource) and issubclass(kind, FrozenModel)
    assert kind.model_config["frozen"] and kind.model_config["extra"] == "forbid"
    assert kind.load.__doc__ and kind.__doc__


def test_the_registry_finds_a_source_without_importing_the_others() -> None:
    import subprocess
    import sys

    code = "from trading_system.data.source import sources; sources.get('sample'); import sys; print('pandas' in sys.modules, 'exchange_calendars' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_rows(layout: str, tmp_path: Path, table: Table) -> None:
    rows = rows_of(layout, tmp_path, table)
    assert rows.symbols == ("0700", "AAA", "NA")
    assert rows.kind == "date"
    got = sorted(
        (rows.symbols[int(code)], int(stamp), *(float(rows.columns[name][i]) for name in HEADER[2:]))
        for i, (code, stamp) in enumerate(zip(rows.code, rows.stamp, strict=True))
    )
    want = sorted((row[1], int(np.datetime64(row[0], "D").astype(int)), *(float(cell) for cell in row[2:])) for row in table)
    assert got == want


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_row_knows_its_place(layout: str, tmp_path: Path, table: Table) -> None:
    rows = rows_of(layout, tmp_path, table)
    i = len(rows) - 1
    assert "row " in rows.place(i)
    assert any(ending in rows.place(i) for ending in (".csv", ".parquet"))
    if layout in ("csv", "csv_gz"):
        assert rows.place(0).endswith("row 2")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_columns_are_float_arrays_of_one_length(layout: str, tmp_path: Path, table: Table) -> None:
    rows = rows_of(layout, tmp_path, table)
    for name, values in rows.columns.items():
        assert values.dtype == np.float64 and values.shape == (len(rows),), name
    assert rows.code.dtype == np.int64 and rows.stamp.dtype == np.int64


@pytest.mark.parametrize("name", ["us5", "equities50", "etfs10", "crypto10"])
def test_sample_markets_give_rows_of_the_same_form(name: str) -> None:
    source = sources.get("sample")(path=Path(name))
    rows = source.load()
    assert rows.kind == "date" and {"open", "high", "low", "close", "volume"} <= set(rows.columns)
    assert rows.synthetic == (name != "us5")
    assert rows.synthetic == any("SYNTHETIC" in note for note in rows.notes)
    assert all(file.is_file() for file in source.files())
