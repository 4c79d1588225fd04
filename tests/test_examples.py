"""Every file of EXAMPLE_CONFIGS runs as it stands, on a sample market, and trades."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "EXAMPLE_CONFIGS"


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.yaml")))
def test_example_runs_as_it_stands_and_trades(name: str, tmp_path: Path) -> None:
    from trading_system import pipeline

    folder = tmp_path / "examples"
    shutil.copytree(EXAMPLES, folder, ignore=lambda _, names: [n for n in names if not n.endswith(".yaml")])
    pipeline.run_backtest(folder / "run_config.yaml", out=tmp_path / "results")  # its holdout stands in nobody's way
    result = pipeline.run_backtest(folder / name, out=tmp_path / "results")
    assert (result.folder / "config.yaml").is_file() and (result.folder / "metrics.json").is_file()
    assert len(result.trades_frame()) > 5
