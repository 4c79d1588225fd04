"""A search from a file to its folder: the same numbers as single backtests, counted once, resumed after any kill."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import trading_system as ts
from tests.cli.projects import write_project
from trading_system.cli.main import main
from trading_system.cli.optimize import size_of
from trading_system.errors import CapacityError, ConfigError, UsageError
from trading_system.runs import trials
from trading_system.runs.journal import Journal
from trading_system.validation.search import MEASURES

FAST, STOP = "strategies.0.params.fast_breakout", "strategies.0.params.stop_atr"
GRID = ("params.fast_breakout=10,20,40", "params.stop_atr=1.5:2.5:1")
OWN_RULE = '''
from pydantic import Field
import numpy as np
from trading_system import Bars, Signals, Strategy


class Dip(Strategy):
    """Buys after some falls in a row, sells after a rise."""

    falls: int = Field(2, ge=1, le=9)
    hold: int = Field(5, ge=1, le=50)

    @property
    def warmup(self) -> int:
        return self.falls + 1

    def decide(self, bars: Bars) -> Signals:
        close = bars.adjusted.close
        if self.hold == 13:
            raise ZeroDivisionError("thirteen")
        down = np.zeros(close.shape, np.bool_)
        down[1:] = close[1:] < close[:-1]
        run = down.copy()
        for lag in range(1, self.falls):
            run[lag:] &= down[:-lag]
            run[:lag] = False
        return Signals(run.astype(np.int8), np.zeros(close.shape, np.bool_), max_hold=np.full(close.shape[1], self.hold))
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


def backtests(run: Path, out: Path, points: Any) -> list[ts.BacktestResult]:
    """Every point as a backtest of its own."""
    made = []
    for point in points:
        settings = [f"{key}={value}" for key, value in point.items()]
        made.append(ts.run_backtest(run, overrides=[*settings, "output.formats=[csv]"], out=out))
    return made


def assert_equal_by_hand(found: ts.OptimizeRun, single: list[ts.BacktestResult]) -> None:
    search = found.search
    for number, one in enumerate(single):
        for place, name in enumerate(MEASURES[1:], 1):
            expected = one.metrics[name]
            measured = search.measures[number, place]
            assert measured == pytest.approx(np.nan if expected is None else expected, rel=1e-12, abs=1e-15, nan_ok=True)
    values = [np.nan if one.metrics["sharpe"] is None else one.metrics["sharpe"] for one in single]
    by_hand = sorted((n for n in range(len(values)) if values[n] == values[n]), key=lambda n: (-values[n], n))
    assert [row["point"] for row in found.document["ranked"]] == by_hand


def test_a_search_is_single_backtests_with_their_fills_ranking_and_figures(project: Path, tmp_path: Path) -> None:
    found = ts.run_optimize(project, grid=GRID)
    single = backtests(project, tmp_path / "single", found.search.points)
    assert len(single) == 6
    assert_equal_by_hand(found, single)
    from trading_system.pipeline.loading import load_run
    from trading_system.pipeline.optimize import experiment_of
    from trading_system.pipeline.work import Work, computed
    from trading_system.runs.store import RunLog
    from trading_system.validation.experiment import World

    loaded = load_run(project)
    with Journal(project.parent) as journal:
        done = computed(Work(loaded, RunLog()), None, journal)
    for point, one in zip(found.search.points, single, strict=True):
        ledger = experiment_of(loaded, done).outcome(World(settings=point)).ledger
        assert ledger.fills.tobytes() == one.ledger.fills.tobytes()
        assert ledger.orders.tobytes() == one.ledger.orders.tobytes()


def test_points_of_other_warm_ups_are_single_backtests_too(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(
        "data: {source: sample, path: us5, start: 2010-01-04, end: 2011-12-30}\n"
        "strategies: [{name: cross, type: ma_crossover, universe: [AAPL], params: {fast: 5, slow: 40}}]\n"
        "portfolio: {starting_equity: 100000}\n",
        encoding="utf-8",
    )
    run = tmp_path / "run.yaml"
    found = ts.run_optimize(run, grid=["params.fast=5,10,50", "params.slow=20,40,150"])
    assert found.search.n_skipped == 2  # 50 is not below 20, 40
    assert_equal_by_hand(found, backtests(run, tmp_path / "single", found.search.points))


def test_a_rule_of_the_users_own_is_searched_and_its_failures_are_rows(tmp_path: Path) -> None:
    run = write_project(tmp_path)
    (tmp_path / "dip.py").write_text(OWN_RULE, encoding="utf-8")
    (tmp_path / "rule.yaml").write_text(
        "name: dip\ntype: dip.py:Dip\nsizing: {method: fixed_fraction, fraction: 0.2}\n"
        "grid: {params.falls: [2, 3], params.hold: [5, 13]}\n",
        encoding="utf-8",
    )
    found = ts.run_optimize(run)
    assert list(found.search.failed) == [1, 3]
    assert all("dip.py:20" in why and "thirteen" in why for why in found.search.failed.values())
    table = pq.read_table(found.backtest.folder / "sweep.parquet").to_pydict()
    assert [bool(text) for text in table["failed"]] == [False, True, False, True]
    good = [0, 2]
    single = backtests(run, tmp_path / "single", [found.search.points[n] for n in good])
    for number, one in zip(good, single, strict=True):
        assert found.search.measures[number, 2] == one.metrics["sharpe"]
    assert any("2 of 4 points failed" in text for text in found.backtest.warnings)


def test_the_folder_holds_the_table_the_document_and_the_run_itself(project: Path) -> None:
    found = ts.run_optimize(project, grid=GRID, objective="calmar")
    folder = found.backtest.folder
    manifest = json.loads((folder / "manifest.json").read_bytes())
    document = json.loads((folder / "optimize.json").read_bytes())
    assert {"optimize.json", "sweep.parquet", "metrics.json", "report.html"} <= set(manifest["artefacts"])
    table = pq.read_table(folder / "sweep.parquet").to_pydict()
    assert table[FAST] == [point[FAST] for point in found.search.points]
    assert table[STOP] == [point[STOP] for point in found.search.points]
    for place, name in enumerate(MEASURES):
        np.testing.assert_array_equal(table[name], found.search.measures[:, place])
    assert document["objective"] == manifest["optimize"]["objective"] == "calmar"
    assert document["best"]["point"] == found.search.best
    assert document["points"] == manifest["optimize"]["points"] == 6
    again = ts.reproduce_run(str(folder))
    assert [row["name"] for row in again["artefacts"] if not row["equal"]] == []


def test_the_set_line_and_the_yaml_of_the_best_give_its_backtest(project: Path, tmp_path: Path) -> None:
    found = ts.run_optimize(project, grid=GRID)
    best = found.document["best"]
    one = ts.run_backtest(project, overrides=best["set"], out=tmp_path / "one")
    assert one.metrics["sharpe"] == best["sharpe"]
    import yaml

    rule = project.parent / "rule.yaml"
    told = yaml.safe_load(rule.read_text("utf-8"))
    told["params"] |= yaml.safe_load(best["yaml"])["params"]
    rule.write_text(yaml.safe_dump(told), encoding="utf-8")
    assert ts.run_backtest(project, out=tmp_path / "two").metrics["sharpe"] == best["sharpe"]


def test_every_point_is_a_trial_and_the_same_search_again_counts_nothing(project: Path) -> None:
    counts = []
    for objective in ("sharpe", "sharpe", "calmar"):
        counts.append(ts.run_optimize(project, grid=GRID, objective=objective).document["trials"]["trials"])
    assert counts == [6, 6, 6]  # the own values are one of them; another objective looks at the same points
    assert ts.run_optimize(project, grid=[*GRID, "params.exit_ma=20,30"]).document["trials"]["trials"] == 6 + 11
    with Journal(project.parent) as journal:
        assert journal.verify().intact
        rows = journal.records("trial")
        _, returns, _ = trials.returns_of(journal, rows[-1]["family"])
    assert [row["configurations"] for row in rows] == [5, 1, 5, 1, 5, 1, 11, 1]
    assert returns.shape[1] == 6 + 11
    search = ts.run_optimize(project, grid=GRID).search
    sharpes = np.delete(search.measures[:, 2], search.own) / 252**0.5
    assert rows[0]["sharpe_mean"] == pytest.approx(sharpes.mean(), rel=1e-12)
    assert rows[0]["sharpe_variance"] == pytest.approx(sharpes.var(ddof=1), rel=1e-12)


def test_threads_change_no_byte(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = []
    for threads in ("1", "2"):
        monkeypatch.setenv("TRADING_SYSTEM_THREADS", threads)
        folder = ts.run_optimize(project, grid=GRID).backtest.folder
        files.append([(folder / name).read_bytes() for name in ("sweep.parquet", "optimize.json", "equity_curve.csv")])
    assert files[0] == files[1]


def command(run: Path, *more: str) -> list[str]:
    grid = ["--grid", "params.fast_breakout=5:34:1", "--grid", "params.stop_atr=1.5,2.5", "--set", "output.formats=[csv]"]
    return [sys.executable, "-m", "trading_system", "--quiet", "optimize", str(run), *grid, *more]


def test_killed_at_any_moment_and_resumed_the_table_is_the_same_and_counted_once(project: Path) -> None:
    environment = os.environ | {"TRADING_SYSTEM_THREADS": "2"}
    whole = project.parent.parent / "whole"
    run = write_project(whole)
    done = subprocess.run(command(run), capture_output=True, text=True, check=True, env=environment)
    expected = (Path(done.stdout.strip()) / "sweep.parquet").read_bytes()
    start, kills, rng = time.monotonic(), int(os.environ.get("SWEEP_KILLS", "12")), random.Random(7)
    subprocess.run(command(run), capture_output=True, check=True, env=environment)
    span = time.monotonic() - start
    for _ in range(kills):
        process = subprocess.Popen(
            command(project, "--resume"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
        )
        time.sleep(rng.uniform(0.3, 1.0) * span)
        process.send_signal(signal.SIGKILL)
        process.wait()
    last = subprocess.run(command(project, "--resume"), capture_output=True, text=True, check=True, env=environment)
    assert (Path(last.stdout.strip()) / "sweep.parquet").read_bytes() == expected
    with Journal(project.parent) as journal, Journal(whole) as other:
        assert journal.verify().intact
        families = {row["family"] for row in journal.records("trial")}
        assert len(families) == 1
        family = families.pop()
        assert trials.count(journal, family).trials == trials.count(other, family).trials == 60


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ("params.fast_brekout=1,2", "'fast_brekout' is no parameter of equity_momentum.*did you mean 'fast_breakout'"),
        ("params.fast_breakout=0,2", "0 is not allowed; allowed: a whole number, at least 1"),
        ("params.fast_breakout=2.5", "2.5 is not allowed"),
        ("params.fast_breakout=ten", "'ten' is not allowed"),
        ("params.fast_breakout=10,20,10", "10 stands twice"),
        ("params.fast_breakout=30:10:5", "is no range"),
        ("params.fast_breakout=10,,20", "a value is missing"),
        ("params.fast_breakout", "is no grid; allowed: key=1,2,3"),
        ("portfolio.limits.max_positions=0", "0 is out of range; allowed: a whole number from 1"),
        ("portfolio.limit.max_positions=5", "there is no key 'limit'.*did you mean 'limits'"),
        ("strategies.3.params.fast_breakout=5", "'3' is no place in a list of 1"),
        ("data.path=a,b", "a search cannot change data"),
        ("universe=all", "another universe is another family"),
        ("filters.trend.ma=10,20", "no filter 'trend'"),
        ("sizing.method=risk_per_trade,kelley", "'kelley' is not allowed"),
    ],
)
def test_a_wrong_grid_is_one_message_before_anything_runs(project: Path, grid: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ts.run_optimize(project, grid=[grid])
    assert not (project.parent / ".trading-system").exists()


def test_the_grid_of_a_file_is_judged_with_its_place(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rule = project.parent / "rule.yaml"
    rule.write_text(rule.read_text("utf-8") + "grid:\n  params.exit_ma: [10, 0]\n  params.exitma: [1]\n", encoding="utf-8")
    assert main(["validate", "config", str(project)]) == 1
    out = capsys.readouterr().out
    assert "rule.yaml:8: strategies.0.grid.params.exit_ma: 0 is not allowed" in out
    assert "rule.yaml:9: strategies.0.grid.params.exitma: 'exitma' is no parameter" in out


def test_random_points_are_drawn_by_the_seed_of_the_file(project: Path) -> None:
    grid = ["params.fast_breakout=5:60:1", "params.stop_atr=1:4:0.5"]
    drawn = [list(ts.run_optimize(project, grid=grid, points=5).search.points) for _ in range(2)]
    other = list(ts.run_optimize(project, grid=grid, points=5, overrides=["seed=7"]).search.points)
    assert drawn[0] == drawn[1] != other
    assert len(drawn[0]) == 6  # and the own values


def test_an_unknown_objective_a_missing_grid_and_too_little_memory_are_one_message_each(project: Path) -> None:
    with pytest.raises(ConfigError, match="validation.search.objective: there is no metric 'sharp'.*did you mean 'sharpe'"):
        ts.run_optimize(project, grid=GRID, objective="sharp")
    with pytest.raises(ConfigError, match="nothing to search"):
        ts.run_optimize(project)
    with pytest.raises(CapacityError, match="and may take 0.0 MB"):
        ts.run_optimize(project, grid=GRID, max_memory=1000)


def test_the_command_prints_the_ranking_and_one_json_document(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["optimize", str(project), *(word for told in GRID for word in ("--grid", told))]
    assert main(line) == 0
    out = capsys.readouterr().out
    for text in (
        "search for the largest sharpe",
        "fast_breakout",
        "own",
        "what surrounds the best",
        "--set strategies.0.params",
    ):
        assert text in out
    assert main([*line, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["trials"]["trials"] == 6
    assert {one["rows"]["key"] for one in said["heat_maps"]} == {FAST}
    assert main([*line, "--max-memory", "much"]) == 2


@pytest.mark.parametrize(("text", "size"), [("500MB", 500 * 2**20), ("2 gb", 2**31), ("1.5K", 1536), ("77", 77)])
def test_sizes_are_read_with_their_units(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1MB", "1TB", "0"])
def test_what_is_no_size_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="no size"):
        size_of(text)
