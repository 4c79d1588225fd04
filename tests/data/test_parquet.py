"""Parquet files: types, places, damage."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trading_system.data import parquet as module
from trading_system.data.parquet import ParquetFiles, read_parquet
from trading_system.data.source import Rows
from trading_system.errors import CapacityError, DataError

DAYS = [dt.date(2020, 1, 2), dt.date(2020, 1, 3)]


def read(tmp_path: Path, name: str = "bars.parquet", **columns: object) -> Rows:
    base: dict[str, object] = {
        "date": pa.array(DAYS),
        "open": [10.0, 10.0],
        "high": [11.0, 11.0],
        "low": [9.0, 9.0],
        "close": [10.5, 10.5],
    }
    table = {key: value for key, value in {**base, **columns}.items() if value is not None}
    pq.write_table(pa.table(table), tmp_path / name)
    return read_parquet(tmp_path / name)


STAMPS = {
    "date32": (pa.array(DAYS), "date"),
    "date64": (pa.array(DAYS, pa.date64()), "date"),
    "midnights": (pa.array([dt.datetime(2020, 1, 2), dt.datetime(2020, 1, 3)], pa.timestamp("ns")), "date"),
    "naive": (pa.array([dt.datetime(2020, 1, 2, 9), dt.datetime(2020, 1, 2, 10)], pa.timestamp("ms")), "naive"),
    "utc": (pa.array([dt.datetime(2020, 1, 2, 9), dt.datetime(2020, 1, 2, 10)], pa.timestamp("us", tz="UTC")), "utc"),
    "zoned": (pa.array([dt.datetime(2020, 1, 2, 9), dt.datetime(2020, 1, 2, 10)], pa.timestamp("s", tz="Asia/Tokyo")), "utc"),
    "text": (pa.array(["2020-01-02", "2020-01-03"]), "date"),
    "seconds": (pa.array([1577923200, 1577926800]), "utc"),
    "compact": (pa.array([20200102, 20200103]), "date"),
}


@pytest.mark.parametrize("kind", STAMPS)
def test_stamps_of_every_type_are_read(kind: str, tmp_path: Path) -> None:
    values, expected = STAMPS[kind]
    rows = read(tmp_path, date=values)
    assert rows.kind == expected
    assert np.all(np.diff(rows.stamp) > 0)


@pytest.mark.parametrize("kind", [pa.float32(), pa.int64(), pa.int16(), pa.decimal128(22, 2), pa.uint8()])
def test_numbers_of_every_type_are_read(kind: pa.DataType, tmp_path: Path) -> None:
    rows = read(tmp_path, volume=pa.array([5, None], kind))
    assert rows.columns["volume"][0] == 5.0 and np.isnan(rows.columns["volume"][1])


@pytest.mark.parametrize(
    "values",
    [pa.array(["NA", "TRUE"]), pa.array(["NA", "TRUE"]).dictionary_encode(), pa.array(["NA", "TRUE"], pa.large_string())],
)
def test_symbols_are_text(values: pa.Array, tmp_path: Path) -> None:
    assert read(tmp_path, symbol=values).symbols == ("NA", "TRUE")


def test_dictionaries_of_every_index_type_are_read(tmp_path: Path) -> None:
    many = [f"S{i:03d}" for i in range(200)]
    for kind in (pa.uint8(), pa.int16(), pa.uint32(), pa.int64()):
        values = pa.DictionaryArray.from_arrays(pa.array([199, 0], kind), pa.array(many))
        rows = read(tmp_path, symbol=values)
        assert [rows.symbols[int(code)] for code in rows.code] == ["S199", "S000"]


def test_a_table_that_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "memory_limit", lambda: 100)
    with pytest.raises(CapacityError, match="2 rows x 5 columns x 8 bytes"):
        read(tmp_path)


def test_numbers_as_symbols_are_their_digits(tmp_path: Path) -> None:
    assert read(tmp_path, symbol=pa.array([700, 5])).symbols == ("5", "700")


MISTAKES = {
    "text price": ({"close": pa.array(["a", "b"])}, "column close: a column of type string"),
    "bool price": ({"close": pa.array([True, False])}, "column close: a column of type bool"),
    "no close": ({"close": None}, "no column for close"),
    "float symbol": ({"symbol": pa.array([1.5, 2.5])}, "symbols of type double"),
    "null symbol": ({"symbol": pa.array(["A", None])}, "row 2: column symbol: the symbol is empty"),
    "null date": ({"date": pa.array([DAYS[0], None])}, "row 2: column date: the stamp is empty"),
    "list date": ({"date": pa.array([[1], [2]])}, "stamps of type list"),
    "bad text date": ({"date": pa.array(["2020-01-02", "soon"])}, "row 2: column date: 'soon' is no date"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named(mistake: str, tmp_path: Path) -> None:
    columns, message = MISTAKES[mistake]
    with pytest.raises(DataError) as caught:
        read(tmp_path, **columns)
    assert message in str(caught.value) and "bars.parquet" in str(caught.value)


def test_a_folder_of_one_file_per_symbol(tmp_path: Path) -> None:
    for name in ("B", "A"):
        read(tmp_path, f"{name}.parquet")
    rows = ParquetFiles(path=tmp_path).load()
    assert rows.symbols == ("A", "B") and len(rows) == 4
    assert rows.place(2) == "B.parquet: row 1"


def test_stamps_of_two_kinds_in_one_folder_are_refused(tmp_path: Path) -> None:
    read(tmp_path, "A.parquet")
    read(tmp_path, "B.parquet", date=STAMPS["utc"][0])
    with pytest.raises(DataError, match="stamps of two kinds"):
        ParquetFiles(path=tmp_path).load()


def test_reading_imports_neither_pandas_nor_datasets(tmp_path: Path) -> None:
    read(tmp_path, symbol=pa.array(["A", "B"]), volume=pa.array([1, None]))
    code = (
        "import sys; from pathlib import Path; from trading_system.data.parquet import read_parquet; "
        f"read_parquet(Path({str(tmp_path / 'bars.parquet')!r})); print('pandas' in sys.modules, 'pyarrow.dataset' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "False"]
