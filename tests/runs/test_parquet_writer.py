"""The Parquet files are what pyarrow and pandas read, to the bit."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trading_system.runs.parquet_writer import parquet, parquet_pieces


@pytest.mark.parametrize("n_rows", [0, 1, 127, 128, 20_000])
@pytest.mark.parametrize("n_columns", [1, 14, 15, 300])
def test_every_value_comes_back(n_rows, n_columns):
    draw = np.random.default_rng(n_rows + n_columns)
    columns = {f"r{i}": draw.standard_normal(n_rows).astype(np.float32) for i in range(n_columns)}
    columns["r0"][: n_rows // 3] = np.nan
    stamps = draw.integers(-(2**62), 2**62, n_rows)
    found = pq.ParquetFile(io.BytesIO(parquet({"time": stamps, **columns}, utc_nanoseconds=("time",)))).read()
    assert found.schema.field("time").type == pa.timestamp("ns", tz="UTC")
    assert found.num_rows == n_rows and found.column_names == ["time", *columns]
    assert found.column("time").cast(pa.int64()).to_pylist() == stamps.tolist()
    for name, values in columns.items():
        assert found.schema.field(name) == pa.field(name, pa.float32(), nullable=False)
        np.testing.assert_array_equal(np.array(found.column(name).to_pylist(), np.float32), values)


def test_pandas_reads_it(tmp_path):
    path = tmp_path / "x.parquet"
    path.write_bytes(parquet({"time": np.array([0, 1]), "r0": np.array([0.5, -1.0])}, utc_nanoseconds=("time",)))
    frame = pd.read_parquet(path)
    assert frame["time"].tolist() == [pd.Timestamp(0, tz="UTC"), pd.Timestamp(1, tz="UTC")]
    assert frame["r0"].tolist() == [0.5, -1.0]


def test_the_same_values_are_the_same_bytes():
    columns = {"time": np.arange(5), "r0": np.linspace(0, 1, 5, dtype=np.float32)}
    assert parquet(columns) == parquet(dict(columns))


def test_row_groups_and_texts_are_read_back(tmp_path):
    rng = np.random.default_rng(5)
    words = ["", "naïve", "a,b", "\u2028 </script>", "x" * 300]
    groups = [
        {"n": np.arange(k, k + 7), "x": rng.standard_normal(7), "why": [words[i % len(words)] for i in range(k, k + 7)]}
        for k in (0, 7, 14)
    ]
    path = tmp_path / "groups.parquet"
    path.write_bytes(b"".join(parquet_pieces(iter(groups))))
    file = pq.ParquetFile(path)
    assert file.num_row_groups == 3
    table = file.read()
    assert str(table.schema.field("why").type) == "string"
    assert table.column("n").to_pylist() == list(range(21))
    assert table.column("x").to_pylist() == np.concatenate([group["x"] for group in groups]).tolist()
    assert table.column("why").to_pylist() == [words[i % len(words)] for i in range(21)]
