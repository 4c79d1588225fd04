"""The corridor: what a backtest leaves, what it may look at, and that it can be done again."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import trading_system as ts
from tests.runs.faults import ERRORS, Disk, install
from trading_system import kernels, pipeline
from trading_system.errors import (
    HoldoutError,
    InsufficientDataError,
    OutputError,
    StrategyError,
    TradingSystemError,
    UsageError,
)
from trading_system.runs.journal import FOLDER, NAME, Anchor, Journal
from trading_system.runs.manifest import comparable

FILES = {
    "manifest.json", "config.yaml", "metrics.json", "equity_curve.csv", "trade_log.csv", "orders.csv", "refusals.csv",
    "weekly_summary.csv", "monthly_report.json", "data_quality.json", "series.json", "report.html", "run.log",
}  # fmt: skip
RUN = """\
data: {source: csv, path: prices.csv, calendar: 24/7, timezone: UTC}
SPLITS
strategies:
  - {name: cross, type: ma_crossover, asset_class: crypto, params: {fast: 3, slow: 8}, costs: {commission_bps: 5}}
"""
SPLITS = "splits: {train: [2021-01-01, 2021-03-31], validation: [2021-04-01, 2021-05-31], holdout: [2021-06-01, 2021-07-19]}"
SPY = """\
import numpy as np
from trading_system import Strategy, Weights


class Spy(Strategy):
    history: int = 1

    @property
    def warmup(self):
        return self.history

    def decide(self, bars):
        import pathlib
        seen = bars.adjusted.close
        pathlib.Path(__file__).with_name("seen.txt").write_text(
            f"{bars.dates()[0]} {bars.dates()[-1]} {seen.shape[0]} {bars.benchmark_close.shape[0]}"
        )
        return Weights(np.full(seen.shape, np.nan))
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """The data cache of a test is its own; compiled kernels stay where they are."""
    compiled, folder = kernels.kernel_folder(), tmp_path_factory.mktemp("cache")
    (folder / "kernels").symlink_to(compiled)
    monkeypatch.setenv("TRADING_SYSTEM_CACHE", str(folder))


def prices(seed: int = 1, n: int = 200) -> str:
    draw = np.random.default_rng(seed)
    days = np.arange(np.datetime64("2021-01-01"), np.datetime64("2021-01-01") + n)
    lines = ["date,symbol,open,high,low,close,volume"]
    for symbol in ("AAA", "BBB"):
        close = 100.0 * np.exp(np.cumsum(draw.normal(0.001, 0.02, n)))
        opened = close * np.exp(draw.normal(0.0, 0.005, n))
        high, low = np.maximum(opened, close) * 1.01, np.minimum(opened, close) * 0.99
        lines += [
            f"{d},{symbol},{o!r},{h!r},{lo!r},{c!r},1000000"
            for d, o, h, lo, c in zip(days, *map(np.ndarray.tolist, (opened, high, low, close)), strict=True)
        ]
    return "\n".join(lines) + "\n"


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "prices.csv").write_text(prices())
    (folder / "run.yaml").write_text(RUN.replace("SPLITS", SPLITS))
    (folder / "open.yaml").write_text(RUN.replace("SPLITS\n", ""))
    (folder / "spy.py").write_text(SPY)
    return folder


def spying(project: Path, **params: int) -> Path:
    path = project / "spied.yaml"
    text = (project / "run.yaml").read_text()
    start = text.index("  - {")
    path.write_text(
        text[:start] + f"  - {{name: spy, type: 'spy.py:Spy', asset_class: crypto, params: {json.dumps(params)}}}\n"
    )
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def journal_of(project: Path) -> list[dict]:
    with Journal(project) as journal:
        assert journal.verify().intact
        return journal.records("trial")


def leftovers(project: Path) -> list[Path]:
    return [path for path in project.rglob("*.partial")] + list(project.rglob("*-journal"))


def test_a_backtest_leaves_its_whole_folder(project):
    result = ts.run_backtest(project / "run.yaml")
    assert result.folder == project / "results" / result.run_id
    assert set(contents(result.folder)) == FILES
    assert json.loads((result.folder / "metrics.json").read_bytes())["metrics"]["sharpe"] == result.metrics["sharpe"]
    manifest = json.loads((result.folder / "manifest.json").read_bytes())
    assert manifest["config_hash"] == ts.load_run(project / "run.yaml").hash
    assert manifest["period"]["name"] == "train+validation"
    assert (manifest["period"]["first"], manifest["period"]["last"]) == ("2021-01-08", "2021-05-31")
    assert manifest["seed"] == 42 and set(manifest["data"]["symbols"]) == {"AAA", "BBB"}
    assert set(manifest["artefacts"]) == FILES - {"manifest.json"}
    assert not leftovers(project)


def test_the_same_run_twice_is_the_same_bytes_but_for_times_ids_and_places(project, tmp_path):
    one = ts.run_backtest(project / "run.yaml")
    shutil.copytree(project, tmp_path / "elsewhere")
    other = ts.run_backtest(tmp_path / "elsewhere" / "run.yaml", out=tmp_path / "out")
    left, right = contents(one.folder), contents(other.folder)
    assert {name: comparable(name, data) for name, data in left.items()} == {
        name: comparable(name, data) for name, data in right.items()
    }
    assert {name for name in left if left[name] != right[name]} == {"manifest.json", "run.log", "report.html"}


WORLDS = (
    {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "TRADING_SYSTEM_THREADS": "1"},
    {"PYTHONHASHSEED": "4711", "TZ": "America/New_York", "LC_ALL": "de_DE.UTF-8", "TRADING_SYSTEM_THREADS": "2"},
)


def test_hash_seed_time_zone_locale_threads_and_working_folder_change_no_byte(project, tmp_path):
    found = []
    for number, world in enumerate(WORLDS):
        out = tmp_path / f"world{number}"
        out.mkdir()
        script = "import sys, trading_system as ts; print(ts.run_backtest(sys.argv[1], out=sys.argv[2]).folder)"
        command = [sys.executable, "-c", script, os.path.relpath(project / "run.yaml", out), str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=out, env={**os.environ, **world})
        found.append({name: comparable(name, data) for name, data in contents(Path(done.stdout.strip())).items()})
    assert found[0] == found[1]
    here = ts.run_backtest(project / "run.yaml")
    assert {name: comparable(name, data) for name, data in contents(here.folder).items()} == found[0]


def test_every_folder_has_a_trial_and_its_anchor_holds(project):
    results = [ts.run_backtest(project / "run.yaml", overrides=[f"strategies.0.params.fast={fast}"]) for fast in (2, 3, 4)]
    rows = journal_of(project)
    assert [row["config_hash"] for row in rows] == [
        json.loads((r.folder / "manifest.json").read_bytes())["config_hash"] for r in results
    ]
    assert len({row["family"] for row in rows}) == 1
    with Journal(project) as journal:
        anchors = [json.loads((r.folder / "manifest.json").read_bytes())["trial"] for r in results]
        assert journal.verify(*(Anchor(a["count"], a["head"]) for a in anchors)).intact


def test_a_result_says_how_many_trials_of_its_family_there_were_and_not_how_long_the_journal_is(project):
    results = [ts.run_backtest(project / "run.yaml", overrides=[f"strategies.0.params.fast={fast}"]) for fast in (2, 3, 2)]
    trial = [json.loads((r.folder / "manifest.json").read_bytes())["trial"] for r in results]
    assert [(one["trials"], one["runs"]) for one in trial] == [(1, 1), (2, 2), (2, 3)]
    assert "2 trials in 3 runs of these strategy types" in (results[2].folder / "report.html").read_text()
    ts.run_backtest(project / "run.yaml", period="train")
    again = ts.run_backtest(project / "run.yaml", overrides=["strategies.0.universe=[AAA]"])
    trial = json.loads((again.folder / "manifest.json").read_bytes())["trial"]
    assert (trial["trials"], trial["runs"]) == (1, 1) and trial["count"] > 4


def test_a_trial_is_counted_although_its_folder_could_not_be_written(project, monkeypatch):
    monkeypatch.setattr("trading_system.runs.store.write_run", lambda *args: (_ for _ in ()).throw(OutputError("full")))
    with pytest.raises(OutputError):
        ts.run_backtest(project / "run.yaml")
    assert len(journal_of(project)) == 1 and not (project / "results").exists()


def test_out_moves_the_folder_and_not_the_journal(project, tmp_path):
    result = ts.run_backtest(project / "run.yaml", out=tmp_path / "far" / "away")
    assert result.folder.parent == tmp_path / "far" / "away"
    assert len(journal_of(project)) == 1 and not (tmp_path / "far" / "away" / FOLDER).exists()


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [(None, "2021-01-01", "2021-05-31"), ("train", "2021-01-01", "2021-03-31"), ("validation", "2021-04-01", "2021-05-31")],
)
def test_a_period_decides_what_is_traded_and_strategies_see_nothing_after_it(project, period, first, last):
    result = ts.run_backtest(spying(project), period=period)
    assert (result.window.first_session, result.window.last_session) == (first, last)
    seen_from, seen_to, n_bars, n_benchmark = (project / "seen.txt").read_text().split()
    assert (seen_from, seen_to) == ("2021-01-01", last)
    assert int(n_bars) == int(n_benchmark) == result.bars.n_bars
    assert str(result.equity_frame().index[0])[:10] == first and str(result.equity_frame().index[-1])[:10] == last


def test_without_enough_history_trading_begins_after_the_warm_up_and_the_result_says_so(project):
    result = ts.run_backtest(spying(project, history=40))
    assert result.window.first_session == "2021-02-09"  # the 40th bar is the first decision
    assert any("begin on 2021-02-09, not 2021-01-01" in text for text in result.warnings)
    later = ts.run_backtest(spying(project, history=40), period="validation")
    assert later.window.first_session == "2021-04-01" and not any("begin on" in text for text in later.warnings)
    with pytest.raises(InsufficientDataError, match="151"):
        ts.run_backtest(spying(project, history=152))


def test_a_rule_that_counts_in_weeks_begins_when_they_are_complete_and_so_does_a_filter(project):
    """The data begins on a Friday: three whole weeks of a market that never closes end on Sunday, 24 January 2021."""
    run = (project / "run.yaml").read_text()
    rule = "  - {name: x, type: TYPE, asset_class: crypto, costs: {commission_bps: 5}, KEYS}\n"
    weeks = rule.replace("TYPE", "multi_timeframe").replace("KEYS", "params: {trend_ma: 3, breakout: 2, atr: 5}")
    filtered = rule.replace("TYPE", "mean_reversion").replace("KEYS", "filters: {trend: {ma: 3}}")
    for text in (weeks, filtered):
        (project / "weekly.yaml").write_text(run[: run.index("  - {")] + text)
        result = ts.run_backtest(project / "weekly.yaml")
        assert result.window.first_session == "2021-01-24"
    assert "trend" in (result.folder / "config.yaml").read_text()


@pytest.mark.parametrize("answer", ["'x'", "-1", "True", "1.5"])
def test_a_warm_up_that_is_no_number_of_bars_is_one_message(answer, project):
    rule = SPY.replace("    def decide", f"    def warmup_on(self, bars):\n        return {answer}\n\n    def decide")
    (project / "spy.py").write_text(rule)
    with pytest.raises(StrategyError, match="spy: warmup_on gave back .*a whole number of bars, 0 or more"):
        ts.run_backtest(spying(project))


def test_without_splits_everything_is_used_and_the_result_says_that_nothing_is_held_out(project):
    result = ts.run_backtest(project / "open.yaml")
    assert result.window.last_session == "2021-07-19" and "nothing is held out" in " ".join(result.warnings)
    for period in ("train", "validation", "holdout"):
        with pytest.raises(UsageError, match="needs splits"):
            ts.run_backtest(project / "open.yaml", period=period)
    with pytest.raises(UsageError, match="no period"):
        ts.run_backtest(project / "open.yaml", period="future")


def test_a_period_without_bars_names_what_the_data_has(project):
    with pytest.raises(InsufficientDataError, match="2021-01-01 to 2021-07-19"):
        ts.run_backtest(project / "open.yaml", overrides=["splits.train=[2031-01-01, 2031-02-01]"])


REFUSED = {
    "all": {"period": "all"},
    "by name": {"period": "holdout"},
    "no splits by --set": {"overrides": ["splits=null"]},
    "moved splits by --set": {"overrides": ["splits.holdout=[2021-07-01, 2021-07-19]", "splits.validation=[2021-04-01, 2021-06-30]"]},
    "the holdout as training": {"overrides": ["splits={train: [2021-06-01, 2021-07-19]}"]},
    "data from inside it": {"overrides": ["splits=null", "data.start=2021-06-15"]},
    "one bar of it": {"overrides": ["splits=null", "data.end=2021-06-01"]},
    "one symbol of it": {"overrides": ["splits=null", "strategies.0.universe=[BBB]", "data.benchmark=BBB"]},
}  # fmt: skip


@pytest.mark.parametrize("way", REFUSED)
def test_the_holdout_stays_closed_whatever_a_run_asks(project, way):
    first = ts.run_backtest(project / "run.yaml")
    with pytest.raises(HoldoutError):
        ts.run_backtest(project / "run.yaml", **REFUSED[way])
    assert [path.name for path in (project / "results").iterdir()] == [first.run_id]
    assert len(journal_of(project)) == 1


def test_the_holdout_stays_closed_to_another_file_beside_it_and_to_a_loaded_run(project):
    ts.run_backtest(project / "run.yaml")
    for run in (project / "open.yaml", ts.load_run(project / "open.yaml"), str(project / "open.yaml")):
        with pytest.raises(HoldoutError, match="held out"):
            ts.run_backtest(run, out=project / "other")
    text = (project / "prices.csv").read_text().replace("AAA", "XXX").replace("BBB", "YYY")
    (project / "renamed.csv").write_text(text)
    with pytest.raises(HoldoutError, match="XXX"):
        ts.run_backtest(project / "open.yaml", overrides=["data.path=renamed.csv"])
    assert not (project / "other").exists()


def test_before_the_holdout_everything_stays_allowed(project):
    ts.run_backtest(project / "run.yaml")
    result = ts.run_backtest(project / "open.yaml", overrides=["data.end=2021-05-31"])
    assert result.window.last_session == "2021-05-31"


def test_a_strategy_that_fails_is_one_error_with_its_file_and_line(project):
    for code, says in (
        ("raise ValueError('bad day')", "ValueError: bad day"),
        ("1 / 0", "ZeroDivisionError"),
        ("raise SystemExit(0)", "SystemExit"),
        ("bars.close[0, 0] = 1.0", "read-only"),
    ):
        (project / "spy.py").write_text(SPY.replace("        import pathlib\n", f"        {code}\n        import pathlib\n"))
        with pytest.raises(StrategyError, match=says) as caught:
            ts.run_backtest(spying(project))
        assert caught.value.where == "spy.py:13"
    assert not (project / "results").exists() and not journal_of(project)


@pytest.mark.parametrize("answer", ["None", "Weights(np.zeros((2, 2)))", "np.zeros(seen.shape)", "Weights(seen * np.inf)"])
def test_decisions_that_break_the_contract_are_refused(project, answer):
    (project / "spy.py").write_text(SPY.replace("Weights(np.full(seen.shape, np.nan))", answer))
    with pytest.raises(StrategyError):
        ts.run_backtest(spying(project))
    assert not (project / "results").exists()


def test_a_run_is_reproduced_to_the_byte_without_counting_a_trial(project):
    result = ts.run_backtest(project / "run.yaml", period="train", overrides=["portfolio.starting_equity=5000"])
    found = ts.reproduce_run(result.run_id, project / "results")
    assert found["equal"] and {row["name"] for row in found["artefacts"]} == FILES
    assert len(journal_of(project)) == 1 and len(list((project / "results").iterdir())) == 1


def test_a_run_of_a_strategy_file_alone_is_reproduced(tmp_path):
    (tmp_path / "hold.yaml").write_text("name: hold\ntype: buy_and_hold\nuniverse: [AAPL]\n")
    result = ts.run_backtest(
        tmp_path / "hold.yaml", overrides=["data.path=us5", "data.end=2010-12-31", "data.start=2010-01-04"]
    )
    assert any("sample market" in text for text in result.warnings)
    assert ts.reproduce_run(str(result.folder))["equal"]


def test_what_changed_since_a_run_is_named(project):
    result = ts.run_backtest(spying(project))
    run, results = result.run_id, project / "results"
    (project / "spy.py").write_text(SPY + "\n# changed\n")
    found = ts.reproduce_run(run, results)
    assert not found["equal"] and found["changed"]["code"] == ["spy.py"]
    assert {row["name"] for row in found["artefacts"] if not row["equal"]} == {"manifest.json", "report.html"}
    (project / "spy.py").write_text(SPY)
    text = (project / "prices.csv").read_text()
    (project / "prices.csv").write_text(text.replace("BBB", "CCC"))
    with pytest.raises(TradingSystemError):
        ts.run_backtest(project / "run.yaml", overrides=["strategies.0.universe=[BBB]"])
    found = ts.reproduce_run(run, results)
    assert found["changed"]["data"] == {"changed": [], "only_a": ["BBB"], "only_b": ["CCC"]}
    (project / "prices.csv").write_text(text)
    assert ts.reproduce_run(run, results)["equal"]


def test_an_edited_artefact_is_found(project):
    result = ts.run_backtest(project / "run.yaml")
    (result.folder / "equity_curve.csv").write_text("date,equity\n2021-01-01,1e9\n")
    found = ts.reproduce_run(result.run_id, project / "results")
    assert not found["equal"] and found["damaged"] == ["equity_curve.csv"]
    assert next(row for row in found["artefacts"] if row["name"] == "equity_curve.csv")["where"] == "line 1"
    assert ts.show_run(result.run_id, project / "results")["damaged"] == ["equity_curve.csv"]


def test_runs_are_listed_shown_and_compared(project):
    one = ts.run_backtest(project / "run.yaml")
    other = ts.run_backtest(project / "run.yaml", overrides=["strategies.0.params.fast=4"])
    rows = ts.list_runs(project / "results")
    assert {row["run_id"] for row in rows} == {one.run_id, other.run_id}
    shown = ts.show_run(one.run_id, project / "results")
    assert shown["manifest"]["run_id"] == one.run_id and shown["journal"] == [] and shown["damaged"] == []
    found = ts.compare_runs(one.run_id, other.run_id, project / "results")
    assert found["config"] == [{"name": "strategies.0.params.fast", "a": 3, "b": 4}]
    assert found["same"] == {"config": False, "data": True, "code": True, "versions": True, "period": True}
    row = next(row for row in found["metrics"] if row["name"] == "final_equity")
    assert row["difference"] == other.metrics["final_equity"] - one.metrics["final_equity"]


def test_a_cut_or_lost_journal_shows_in_every_later_look_at_a_run(project):
    result = ts.run_backtest(project / "run.yaml")
    (project / FOLDER / NAME).unlink()
    assert "no journal" in ts.show_run(result.run_id, project / "results")["journal"][0]
    with Journal(project):
        pass
    assert "ends before record" in ts.show_run(result.run_id, project / "results")["journal"][0]


def test_a_damaged_run_is_a_row_of_the_list(project):
    result = ts.run_backtest(project / "run.yaml")
    (result.folder / "manifest.json").write_text("{")
    (row,) = ts.list_runs(project / "results")
    assert row["run_id"] == result.run_id and "damaged" in row["damaged"]


def test_tables_are_made_for_notebooks_when_they_are_asked_for(project):
    result = ts.run_backtest(project / "run.yaml")
    equity, trades, orders = result.equity_frame(), result.trades_frame(), result.orders_frame()
    assert equity["equity"].iloc[-1] == result.metrics["final_equity"] and len(equity) == result.ledger.equity.size
    assert (trades["status"] == "closed").sum() == result.metrics["n_trades"]
    assert len(orders) == result.ledger.orders.size and set(orders["symbol"]) <= {"AAA", "BBB"}
    closed = trades[trades["status"] == "closed"]
    assert (closed["exit_date"] > closed["entry_date"]).all() and trades["exit_date"].isna().sum() == (
        trades["status"] == "open"
    ).sum()


def test_results_behind_a_link_are_refused_before_any_work(project, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (project / "results").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="symbolic link"):
        ts.run_backtest(project / "run.yaml")
    assert not list((tmp_path / "elsewhere").iterdir()) and not (project / FOLDER).exists()


@pytest.mark.parametrize(
    "number", [ERRORS[0], *(pytest.param(number, marks=pytest.mark.slow) for number in ERRORS[1:])], ids=errno.errorcode.get
)
def test_whichever_write_fails_the_earlier_run_stays_and_nothing_half_written_appears(project, monkeypatch, number):
    earlier = ts.run_backtest(project / "run.yaml")
    before = contents(earlier.folder)
    run = ts.load_run(project / "run.yaml")
    done = failed = 0
    for nth in range(1, 101):
        with monkeypatch.context() as patch:
            install(patch, Disk(nth, number))
            try:
                ts.run_backtest(run)
                done += 1
            except TradingSystemError as error:
                assert errno.errorcode[number] in str(error), error
                failed += 1
            except OSError as error:
                assert error.errno == number and error.filename
                failed += 1
    assert failed > 30
    assert contents(earlier.folder) == before
    folders = list((project / "results").iterdir())
    assert len(folders) == done + 1 and all(set(contents(folder)) == FILES for folder in folders)
    assert all(path.stat().st_size for path in project.rglob("*") if path.is_file()) and not leftovers(project)
    assert len(journal_of(project)) >= done + 1


CHILD = "import signal, sys, trading_system as ts\nsignal.signal(signal.SIGINT, signal.default_int_handler)\nfor _ in range(int(sys.argv[2])): print(ts.run_backtest(sys.argv[1]).run_id, flush=True)\n"


def child(project: Path, n: int = 1) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(project / "run.yaml"), str(n)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_at_once_leave_two_whole_runs_each(project):
    children = [child(project, 3) for _ in range(2)]
    ids = [line for each in children for line in each.communicate()[0].split()]
    assert [each.returncode for each in children] == [0, 0]
    assert len(set(ids)) == 6 and {path.name for path in (project / "results").iterdir()} == set(ids)
    assert len(journal_of(project)) == 6
    for run_id in ids:
        shown = ts.show_run(run_id, project / "results")
        assert shown["damaged"] == [] and shown["journal"] == []


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT], ids=["SIGKILL", "SIGINT"])
def test_a_run_killed_at_any_moment_is_whole_or_absent_and_never_uncounted(project, kill):
    draw = random.Random(3)
    said: list[str] = []
    for _ in range(4):
        running = child(project, 1_000)
        assert running.stdout is not None
        said.append(running.stdout.readline().strip())
        time.sleep(draw.uniform(0.0, 0.3))
        running.send_signal(kill)
        said += [line.strip() for line in running.stdout if line.strip()]
        running.communicate()
    last = ts.run_backtest(project / "run.yaml")  # also removes what was left behind
    folders = {path.name for path in (project / "results").iterdir()}
    assert set(said) <= folders and last.run_id in folders and not leftovers(project)
    rows = journal_of(project)
    for name in folders:
        assert set(contents(project / "results" / name)) == FILES
        assert ts.show_run(name, project / "results")["journal"] == []
    assert len(rows) >= len(folders)


def test_importing_the_package_loads_none_of_its_rooms():
    script = "import sys, trading_system; print([m for m in sys.modules if m.split('.')[0] in ('numpy', 'pandas', 'numba', 'pydantic', 'yaml')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert {"run_backtest", "Strategy", "Weights"} <= set(dir(ts))
    with pytest.raises(AttributeError):
        _ = ts.nothing_of_that_name


def test_a_backtest_never_loads_pandas_or_the_calendar_library(project):
    ts.run_backtest(project / "run.yaml")
    script = (
        "import sys, trading_system as ts; ts.run_backtest(sys.argv[1]);"
        "print([m for m in ('pandas', 'pyarrow.parquet', 'exchange_calendars', 'scipy.linalg', 'scipy.stats', 'plotly', 'rich') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(project / "run.yaml")],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    assert done.stdout.strip() == "[]"


def test_overrides_belong_to_a_path(project):
    with pytest.raises(UsageError, match="already loaded"):
        ts.run_backtest(ts.load_run(project / "run.yaml"), overrides=["seed=1"])


def test_validate_config_runs_no_code_unless_it_is_asked_to(project):
    (project / "spy.py").write_text("raise RuntimeError('ran')\n")
    path = spying(project)
    pipeline.validate_config(path)
    with pytest.raises(StrategyError, match="ran"):
        pipeline.validate_config(path, load=True)
