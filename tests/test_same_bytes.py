"""The same inputs leave the same bytes: whatever the hash seed, locale, time zone, folder, file order and number of threads."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trading_system.runs.manifest import comparable

EXAMPLES = Path(__file__).parents[1] / "EXAMPLE_CONFIGS"
WORLDS = (
    {"TRADING_SYSTEM_THREADS": "1", "PYTHONHASHSEED": "0", "LC_ALL": "C", "TZ": "UTC", "OMP_NUM_THREADS": "1"},
    {
        "TRADING_SYSTEM_THREADS": "2",
        "PYTHONHASHSEED": "4711",
        "LC_ALL": "C.UTF-8",
        "TZ": "Asia/Kolkata",
        "OMP_NUM_THREADS": "2",
    },
)


def artefacts(root: Path, name: str, world: dict[str, str]) -> dict[str, bytes]:
    """Run one config in a process of its own; its artefacts without times, ids and places."""
    command = [sys.executable, "-m", "trading_system", "backtest", str(root / name), "--out", str(root / "results")]
    done = subprocess.run(command, env={**os.environ, **world}, cwd=root.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (folder,) = [path for path in (root / "results").iterdir() if path.is_dir() and not path.name.startswith(".")]
    found = {path.name: comparable(path.name, path.read_bytes()) for path in folder.iterdir()}
    assert {"manifest.json", "metrics.json", "equity_curve.csv", "trade_log.csv", "orders.csv"} <= set(found)
    return found


def assert_equal(first: dict[str, bytes], second: dict[str, bytes]) -> None:
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.yaml")))
def test_examples_leave_the_same_bytes_in_another_world(name: str, tmp_path: Path) -> None:
    found = []
    for number, world in enumerate(WORLDS):
        root = tmp_path / f"world {number}" / ("a" * (1 + 40 * number))
        root.mkdir(parents=True)
        for path in EXAMPLES.glob("*.yaml"):
            shutil.copy(path, root)
        found.append(artefacts(root, name, world))
    assert_equal(*found)


@pytest.mark.slow
def test_a_folder_of_files_leaves_the_same_bytes_whatever_the_order_it_was_written_in(
    tmp_path: Path, shared_data: Path
) -> None:
    import gzip

    texts = {}
    for symbol in ("AAPL", "KO", "SPY"):
        with gzip.open(shared_data / f"equities_daily/csv/{symbol}.csv.gz", "rt") as file:
            texts[symbol] = file.read()
    run = """
data: {source: csv, path: bars, calendar: XNYS, benchmark: SPY}
strategies:
  - name: reversion
    type: mean_reversion
    costs: {commission_bps: 1, slippage: {model: full}}
  - name: trend
    type: ma_crossover
    universe: [AAPL, KO]
    costs: {commission_bps: 1}
"""
    found = []
    for number, world in enumerate(WORLDS):
        root = tmp_path / str(number)
        (root / "bars").mkdir(parents=True)
        for symbol in sorted(texts, reverse=bool(number)):
            lines = texts[symbol].splitlines()
            body = lines[1:] if number else lines[:0:-1]  # the rows of a file may come newest first
            (root / "bars" / f"{symbol}.csv").write_text("\n".join([lines[0], *body]) + "\n")
        (root / "run.yaml").write_text(run)
        found.append(artefacts(root, "run.yaml", world))
    assert_equal(*found)
