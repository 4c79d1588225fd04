"""`walk-forward` end to end: equal to backtests made fold by fold, counted, resumed, done again, and kept off the holdout."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import trading_system as ts
from tests.test_pipeline import prices
from trading_system.cli.main import main
from trading_system.errors import HoldoutError, InsufficientDataError
from trading_system.runs.journal import Journal

RULE = "name: cross, type: ma_crossover, asset_class: crypto, params: {fast: 3, slow: 9}, costs: {commission_bps: 2}"
RUN = f"""\
data: {{source: csv, path: prices.csv, calendar: 24/7, timezone: UTC}}
splits: {{train: [2021-02-01, 2021-10-31], validation: [2021-11-01, 2022-03-31], holdout: [2022-04-01, 2022-05-15]}}
strategies:
  - {{{RULE}, grid: {{params.fast: [2, 5], params.slow: [9, 25]}}}}
validation: {{walk_forward: {{train: 100, test: 60, gap: 2}}}}
"""
FOLDS = 5
POINTS = [(2, 9), (2, 25), (5, 9), (5, 25), (3, 9)]  # the own values come last: the grid leaves them out


def write(folder: Path, text: str = RUN) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "prices.csv").write_text(prices(n=500), encoding="utf-8")
    (folder / "run.yaml").write_text(text, encoding="utf-8")
    return folder / "run.yaml"


@pytest.fixture(scope="module")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("walked"))


@pytest.fixture(scope="module")
def walked(run_file: Path) -> ts.WalkForwardRun:
    return ts.run_walk_forward(run_file)


def trials_of(folder: Path) -> list[dict]:
    with Journal(folder) as journal:
        return list(journal.records("trial"))


def test_it_is_a_plain_loop_over_backtests(walked: ts.WalkForwardRun, tmp_path: Path) -> None:
    """Each window as the training period of a run file of its own, each point written into it."""
    path = write(tmp_path)
    days = np.arange(np.datetime64("2021-02-01"), np.datetime64("2022-04-01"))
    assert (days.size - 100) // 60 == FOLDS

    def backtest(point: tuple[int, int], first: int, stop: int) -> ts.BacktestResult:
        params = f"params: {{fast: {point[0]}, slow: {point[1]}}}"
        rule = RULE.replace("params: {fast: 3, slow: 9}", params)
        head = RUN.splitlines()[0]
        path.write_text(
            f"{head}\nsplits: {{train: [{days[first]}, {days[stop - 1]}]}}\nstrategies:\n  - {{{rule}}}\n", "utf-8"
        )
        return ts.run_backtest(path, overrides=["output.formats=[csv]"])

    stitched: list[float] = []
    for number, fold in enumerate(walked.document["folds"]):
        at = 100 + 60 * number
        scores = [backtest(point, at - 100, at - 2).metrics["sharpe"] for point in POINTS]
        best = POINTS[scores.index(max(scores))]
        assert tuple(fold["point"].values()) == best
        assert fold["in_sample"]["sharpe"] == pytest.approx(max(scores), abs=1e-12)
        after = backtest(best, at, at + 60)
        for name in ("total_return", "sharpe", "max_drawdown", "n_trades"):
            assert fold["out_of_sample"][name] == pytest.approx(after.metrics[name], abs=1e-12)
        curve = [100_000.0, *after.ledger.equity.tolist()]
        stitched += [curve[i + 1] / curve[i] - 1.0 for i in range(60)]
    np.testing.assert_allclose(walked.found.returns, stitched, rtol=0.0, atol=1e-12)
    assert len({tuple(fold["point"].values()) for fold in walked.document["folds"]}) > 1


def test_the_folder_holds_the_run_the_folds_and_the_stitched_curve(walked: ts.WalkForwardRun) -> None:
    folder = walked.backtest.folder
    manifest = json.loads((folder / "manifest.json").read_bytes())
    told = json.loads((folder / "walk_forward.json").read_bytes())
    assert {"walk_forward.json", "walk_forward_equity.csv", "metrics.json", "report.html"} <= set(manifest["artefacts"])
    assert manifest["walk_forward"] == {"folds": FOLDS, "points": 5, "sharpe": told["stitched"]["sharpe"]}
    assert told == json.loads(json.dumps(walked.document))
    rows = list(csv.DictReader((folder / "walk_forward_equity.csv").read_text("utf-8").splitlines()))
    assert len(rows) == 60 * FOLDS and [row["fold"] for row in rows] == [str(1 + i // 60) for i in range(60 * FOLDS)]
    assert (rows[0]["date"], rows[-1]["date"]) == (told["stitched"]["first"], told["stitched"]["last"])
    money = 100_000.0
    for row in rows:
        money *= 1.0 + float(row["return"])
        assert float(row["equity"]) == pytest.approx(money, rel=1e-12)
    assert told["stitched"]["total_return"] == pytest.approx(money / 100_000.0 - 1.0)


def test_the_report_shows_every_fold_and_what_was_stitched(walked: ts.WalkForwardRun) -> None:
    page = (walked.backtest.folder / "report.html").read_text("utf-8")
    assert "Walk-forward of cross" in page and "Does it hold unseen?" in page
    assert page.count("<figure") >= 2 and "Stitched out-of-sample equity" in page
    assert "Walk-forward: whether parameters chosen on one period hold" not in page  # under what was not checked
    text = str(ts.report_run(str(walked.backtest.folder), format="markdown"))
    rows = [
        line for line in text.splitlines() if line.startswith("|") and walked.document["folds"][2]["test"]["first"] in line
    ]
    assert len(rows) == 1 and "2021-02-01" not in rows[0]
    told = json.loads(str(ts.report_run(str(walked.backtest.folder), format="json")))
    assert told["walk_forward"]["stitched"] == walked.document["stitched"]


def test_every_point_is_counted_and_the_same_windows_again_count_nothing(tmp_path: Path) -> None:
    path = write(tmp_path)
    ts.run_walk_forward(path)
    first, own = trials_of(tmp_path)
    assert (first["configurations"], own["configurations"]) == (5, 1) and first["family"] == own["family"]
    again = ts.run_walk_forward(path, overrides=["validation.gates.min_sharpe=0.1"])
    assert [row.get("repeats") for row in trials_of(tmp_path)] == [None, None, 2, 3]  # after the record of the holdout
    manifest = json.loads((again.backtest.folder / "manifest.json").read_bytes())
    assert manifest["trial"]["trials"] == 6
    other = ts.run_walk_forward(path, overrides=["validation.walk_forward.test=50"])
    manifest = json.loads((other.backtest.folder / "manifest.json").read_bytes())
    assert manifest["trial"]["trials"] == 11  # other windows are another look at the data
    with Journal(tmp_path) as journal:
        assert journal.verify().intact


def test_without_a_grid_one_run_is_counted(tmp_path: Path) -> None:
    path = write(tmp_path, RUN.replace(", grid: {params.fast: [2, 5], params.slow: [9, 25]}", ""))
    found = ts.run_walk_forward(path)
    assert [row["configurations"] for row in trials_of(tmp_path)] == [1]
    assert found.document["grid"] == {} and found.document["stability"] is None and found.document["runs"] == 2 * FOLDS


@pytest.mark.parametrize("threads", ["1", "3"])
def test_it_can_be_done_again_byte_for_byte(walked: ts.WalkForwardRun, threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADING_SYSTEM_THREADS", threads)
    found = ts.reproduce_run(str(walked.backtest.folder))
    assert [row["name"] for row in found["artefacts"] if not row["equal"]] == []
    assert {"walk_forward.json", "walk_forward_equity.csv"} <= {row["name"] for row in found["artefacts"]}


def test_a_stopped_walk_forward_goes_on_where_it_was(tmp_path: Path, walked: ts.WalkForwardRun) -> None:
    path = write(tmp_path)

    def stop(name: str, done: int, of: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ts.run_walk_forward(path, told=stop)
    assert trials_of(tmp_path) == [] and not (tmp_path / "results").exists()
    told: list[int] = []
    again = ts.run_walk_forward(path, resume=True, told=lambda name, done, of: told.append(done))
    assert told[0] > 0
    assert again.document == walked.document
    assert list((tmp_path / ".trading-system" / "work").iterdir()) == []


def test_the_holdout_is_refused_from_the_same_and_from_shifted_dates(tmp_path: Path) -> None:
    path = write(tmp_path)
    with pytest.raises(HoldoutError):
        ts.run_walk_forward(path, period="all")
    ts.run_walk_forward(path)
    path.write_text(RUN.replace("2022-03-31], holdout: [2022-04-01, 2022-05-15]", "2022-04-20]"), "utf-8")
    with pytest.raises(HoldoutError):
        ts.run_walk_forward(path)


def test_too_few_bars_leave_nothing_behind(tmp_path: Path) -> None:
    path = write(tmp_path)
    with pytest.raises(InsufficientDataError, match="needs 460, and there are 424"):
        ts.run_walk_forward(path, overrides=["validation.walk_forward.train=400"])
    assert trials_of(tmp_path) == [] and not (tmp_path / "results").exists()


def test_the_command_prints_a_line_per_fold(run_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["walk-forward", str(run_file)]) == 0
    out = capsys.readouterr().out
    assert "100 + 60 periods every 60, gap of 2, 5 points on every training window" in out.replace("\n", " ")
    lines = [line.split() for line in out.splitlines()]
    table = lines[lines.index(["fold", "test", "from", "chosen", "SR", "in", "SR", "out", "return", "fall", "trades"]) + 1 :]
    assert [line[0] for line in table[:FOLDS]] == list("12345") and table[FOLDS] == []
    assert "chosen: fast / slow" in out and "stitched out of sample" in out
    assert max(map(len, out.splitlines()[:-1])) <= 80


def test_options_stand_above_the_run_file(run_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["--train", "120", "--test", "40", "--step", "80", "--gap", "0", "--anchored", "--json"]
    assert main(["walk-forward", str(run_file), *line]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["windows"]["text"] == "120 + 40 periods every 80, anchored"
    assert [fold["train"]["n_periods"] for fold in told["folds"]] == [120, 200, 280, 360]
    assert any("40 periods between two tests are judged by nobody" in text for text in told["warnings"])
    assert Path(told["folder"]).is_dir()


def test_mistakes_are_one_message(run_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["walk-forward", str(run_file), "--train", "400"]) == 2
    err = capsys.readouterr().err
    assert "validation.walk_forward: a walk-forward of 400 + 60 periods needs 460" in err and "Traceback" not in err
    assert main(["walk-forward", str(run_file), "--train", "0"]) == 2
    assert "validation.walk_forward.train" in capsys.readouterr().err
    assert main(["walk-forward", str(run_file), "--gap", "100"]) == 2
    assert "validation.walk_forward.gap: a gap of 100 bars leaves nothing of 100 to train on" in capsys.readouterr().err
