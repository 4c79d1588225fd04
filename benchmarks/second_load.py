"""How much faster the second load of the same files is: CSV, a folder of CSV files, Parquet.

    python benchmarks/second_load.py FILE.parquet

FILE is a long Parquet file of daily bars (symbol, date, open, high, low, close, volume, ...). Medians of five, first and second
load in turn, so that a busy machine is busy for both.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from trading_system.config.models import RunConfig
from trading_system.data.loading import load_market


def as_csv(source: Path, home: Path, *, folder: bool) -> Path:
    """The same rows as one CSV file, or as a folder with one file per symbol."""
    import pyarrow.compute as pc
    import pyarrow.csv as arrow
    import pyarrow.parquet as pq

    table = pq.read_table(source)
    place = table.column_names.index("date")
    table = table.set_column(place, "date", pc.cast(table.column("date"), "date32"))
    if not folder:
        arrow.write_csv(table, home / "long.csv")
        return home / "long.csv"
    (home / "many").mkdir()
    for symbol in pc.unique(table.column("symbol")).to_pylist():
        rows = table.filter(pc.equal(table.column("symbol"), symbol)).drop_columns(["symbol"])
        arrow.write_csv(rows, home / "many" / f"{symbol}.csv")
    return home / "many"


def seconds(path: Path, cache: Path) -> float:
    """Wall time of one load."""
    data = {
        "source": "parquet" if path.suffix == ".parquet" else "csv",
        "path": str(path),
        "quality": {"split_suspect": "warn"},
    }
    config = RunConfig.model_validate({"data": data, "strategies": ({"name": "a", "type": "buy_and_hold"},)})
    start = time.perf_counter()
    load_market(config, path.parent, cache)
    return time.perf_counter() - start


def main(source: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        for kind in ("csv", "csv folder", "parquet"):
            path = source if kind == "parquet" else as_csv(source, home, folder=kind == "csv folder")
            seconds(path, home / "warm")
            pairs = [(seconds(path, home / f"{kind} {n}"), seconds(path, home / "warm")) for n in range(5)]
            first, second = (statistics.median(column) for column in zip(*pairs, strict=True))
            print(
                f"{kind:<10}  first {first * 1e3:7.1f} ms  second {second * 1e3:6.1f} ms  {first / second:5.1f} times faster"
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
