"""`validate strategy` end to end: the folder it leaves, what it counts, that it can be done again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import trading_system as ts
from tests.test_pipeline import prices
from trading_system.cli.main import main
from trading_system.runs.journal import Journal

RUN = """\
data: {source: csv, path: prices.csv, calendar: 24/7, timezone: UTC}
splits: {train: [2021-01-01, 2021-08-31], validation: [2021-09-01, 2021-12-31]}
strategies:
  - {name: cross, type: ma_crossover, asset_class: crypto, params: {fast: 3, slow: 9}, grid: {params.fast: [2, 3], params.slow: [9, 12]}}
validation:
  walk_forward: {train: 100, test: 50}
  permutation: {resamples: 19, resamples_fast: 19, walk_forward: 0, random_entry: 99}
  bootstrap: {resamples: 99, resamples_fast: 99}
  overfitting: {splits: 4}
output: {path: results, formats: [csv, html]}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("validated")
    (folder / "prices.csv").write_text(prices(n=500))
    (folder / "run.yaml").write_text(RUN)
    return folder


@pytest.fixture(scope="module")
def validated(project: Path) -> ts.ValidationRun:
    return ts.run_validation(project / "run.yaml", fast=True)


def test_the_folder_holds_a_backtest_and_its_evidence(validated: ts.ValidationRun) -> None:
    folder = validated.backtest.folder
    manifest = json.loads((folder / "manifest.json").read_bytes())
    said = json.loads((folder / "validation.json").read_bytes())
    assert {"validation.json", "scenario_comparison.json", "metrics.json", "report.html"} <= set(manifest["artefacts"])
    assert said["answer"] == validated.examined.answer == manifest["validation"]["answer"]
    assert [one["name"] for one in said["tests"]] == [one.name for one in validated.examined.results]
    assert {one["verdict"] for one in said["tests"]} <= {"pass", "reject", "report", "error"}
    page = (folder / "report.html").read_text("utf-8")
    assert "Is it luck?" in page and "Evidence" in page
    assert all(one["title"] in page for one in said["tests"])


def test_every_configuration_that_was_looked_at_is_counted_once(project: Path, validated: ts.ValidationRun) -> None:
    assert validated.document["trials"]["configurations"] == 4  # the grid, of which the run's own values are a point
    again = ts.run_validation(project / "run.yaml", fast=True, overrides=["validation.gates.min_sharpe=0.5"])
    assert again.document["trials"]["configurations"] == validated.document["trials"]["configurations"]
    with Journal(project) as journal:
        assert journal.verify().intact


def test_it_can_be_done_again_byte_for_byte_after_more_was_tried(project: Path, validated: ts.ValidationRun) -> None:
    ts.run_backtest(project / "run.yaml", overrides=["strategies.0.params.fast=4"])
    found = ts.reproduce_run(str(validated.backtest.folder))
    assert [row["name"] for row in found["artefacts"] if not row["equal"]] == []
    assert "validation.json" in [row["name"] for row in found["artefacts"]]


def test_threads_change_no_byte(project: Path, validated: ts.ValidationRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADING_SYSTEM_THREADS", "1")
    found = ts.reproduce_run(str(validated.backtest.folder))
    assert [row["name"] for row in found["artefacts"] if not row["equal"]] == []


def test_the_command_exits_one_unless_the_answer_is_yes(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["validate", "strategy", str(project / "run.yaml"), "--only", "performance", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert code == 1 and said["answer"] in ("partial", "no") and said["tests"][0]["name"] == "performance"
    assert "performance" not in said["left_out"] and said["left_out"]


def test_explain_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "strategy", "--explain", "performance"]) == 0
    assert "cannot see" in capsys.readouterr().out and list(tmp_path.iterdir()) == []
    assert main(["validate", "strategy", "--explain", "nonsense"]) == 2


def test_returns_of_the_baseline_are_those_of_the_backtest(project: Path, validated: ts.ValidationRun) -> None:
    alone = ts.run_backtest(project / "run.yaml")
    assert np.array_equal(alone.ledger.equity, validated.backtest.ledger.equity)
