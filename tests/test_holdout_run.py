"""The one look: written down before anything is seen, judged by its own bars, and a second look is marked for good."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

import trading_system as ts
from tests.test_pipeline import RUN, SPLITS, prices
from trading_system import pipeline
from trading_system.errors import HoldoutError, OutputError, StrategyError, UsageError
from trading_system.reports.artefacts import read_artefacts
from trading_system.runs import holdout
from trading_system.runs.journal import Journal

LENIENT = """\
validation:
  gates: {max_drawdown: 1.0, min_sharpe: -100, min_calmar: -1000000, best_trades: 0, slippage_multiple: 1.0, min_bootstrap_sharpe: -100}
  holdout: {min_sharpe: -100, max_drawdown: 1.0, min_calmar: -1000000, min_trades: 0, secondary: 0}
"""
WATCH = """\
import pathlib
import sqlite3

import numpy as np
from trading_system import Strategy, Weights


class Watch(Strategy):
    fail: bool = False
    fail_early: bool = False

    @property
    def warmup(self):
        return 1

    def decide(self, bars):
        last = str(bars.dates()[-1])[:10]
        if last >= "2021-06-01":
            path = pathlib.Path(__file__).with_name(".trading-system") / "trials.sqlite"
            with sqlite3.connect(path) as store:
                (n,) = store.execute("SELECT count(*) FROM records WHERE kind = 'opening'").fetchone()
            pathlib.Path(__file__).with_name("seen.txt").write_text(f"{n} {last}")
            if self.fail:
                raise ValueError("a bad day")
        elif self.fail_early:
            raise ValueError("an early bad day")
        return Weights.on_change(np.where(np.arange(bars.n_bars)[:, None] % 4 < 2, 0.5, 0.0) * np.ones(bars.n_symbols))
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("TRADING_SYSTEM_THREADS", "1")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "prices.csv").write_text(prices(3))
    (folder / "run.yaml").write_text(RUN.replace("SPLITS", SPLITS))
    (folder / "kind.yaml").write_text(RUN.replace("SPLITS", SPLITS + "\n" + LENIENT.rstrip()))
    (folder / "open.yaml").write_text(RUN.replace("SPLITS\n", ""))
    (folder / "watch.py").write_text(WATCH)
    return folder


def watched(project: Path, **params: bool) -> Path:
    text = (project / "kind.yaml").read_text()
    rule = f"  - {{name: watch, type: 'watch.py:Watch', asset_class: crypto, params: {json.dumps(params)}}}\n"
    (project / "watched.yaml").write_text(text[: text.index("  - {")] + rule)
    return project / "watched.yaml"


def openings(folder: Path) -> list[dict]:
    with Journal(folder) as journal:
        assert journal.verify().intact
        return journal.records("opening")


def manifest_of(run) -> dict:
    return json.loads((run.backtest.folder / "manifest.json").read_bytes())


def opened(path: Path, **more) -> ts.HoldoutRun:
    return ts.run_holdout(path, yes=True, **more)


def test_without_a_yes_nothing_is_opened_and_the_message_says_what_opening_means(project):
    with pytest.raises(UsageError, match="2021-06-01 to 2021-07-19, is not taken back.*contaminated"):
        ts.run_holdout(project / "run.yaml")
    assert openings(project) == [] and not (project / "results").exists()


def test_a_run_file_without_a_holdout_has_nothing_to_open(project):
    with pytest.raises(UsageError, match="no holdout"):
        opened(project / "open.yaml")


def test_the_opening_is_on_the_disk_before_a_strategy_is_handed_a_held_out_bar(project):
    run = opened(watched(project))
    assert (project / "seen.txt").read_text() == "1 2021-07-19"
    (record,) = openings(project)
    assert record["config_hash"] == manifest_of(run)["config_hash"]
    assert (record["first"], record["last"], record["look"]) == ("2021-06-01", "2021-07-19", 1)
    assert set(record["bars"]) == {"AAA", "BBB"}


def test_a_strategy_that_fails_on_the_past_costs_no_look_and_one_that_fails_on_the_holdout_does(project):
    with pytest.raises(StrategyError, match="early bad day"):
        opened(watched(project, fail_early=True))
    assert openings(project) == [] and not (project / "seen.txt").exists()
    with pytest.raises(StrategyError, match="a bad day"):
        opened(watched(project, fail=True))
    assert len(openings(project)) == 1 and not (project / "results").exists()


def test_the_holdout_is_traded_flat_from_its_first_bar_with_the_history_before_it(project, tmp_path):
    """Equal to a backtest of a project that knows nothing of a holdout and calls the same days its train."""
    run = opened(project / "run.yaml")
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(project / "prices.csv", other)
    (other / "run.yaml").write_text(RUN.replace("SPLITS", "splits: {train: [2021-06-01, 2021-07-19]}"))
    same = ts.run_backtest(other / "run.yaml", period="train")
    for name in ("equity_curve.csv", "trade_log.csv", "orders.csv"):
        assert (run.backtest.folder / name).read_bytes() == (same.folder / name).read_bytes()
    assert run.backtest.window.name == "holdout" and run.backtest.window.read_from == "2021-01-01"
    assert run.document["primary"][0]["measured"] == same.metrics["sharpe"]


def test_the_look_is_a_trial_of_its_family_with_its_own_period(project):
    ts.run_backtest(project / "run.yaml")
    run = opened(project / "run.yaml")
    with Journal(project) as journal:
        rows = journal.records("trial")
        assert [row["period"] for row in rows] == ["train+validation", "holdout"]
        assert rows[0]["family"] == rows[1]["family"] and holdout.of_trials(journal) == {rows[1]["number"]: ""}
    assert manifest_of(run)["trial"]["trials"] == 2


def test_yes_only_on_a_first_look_at_which_every_bar_holds(project):
    first, second = opened(project / "kind.yaml"), opened(project / "kind.yaml")
    assert (first.answer, first.document["bars_hold"], first.document["contaminated"]) == ("yes", True, "")
    assert (second.answer, second.document["bars_hold"], second.document["look"]) == ("no", True, 2)
    assert "opened 2 times" in second.document["contaminated"]


def test_a_second_look_is_marked_in_all_that_it_leaves_and_in_every_later_report(project, tmp_path):
    before = ts.run_backtest(project / "run.yaml")
    first, second = opened(project / "run.yaml"), opened(project / "run.yaml")
    later = ts.run_backtest(project / "run.yaml")
    assert manifest_of(first)["holdout"]["contaminated"] == "" and len(manifest_of(first)["holdout"]["openings"]) == 1
    assert not any("contaminated" in text for run in (before, first.backtest) for text in run.warnings)
    for folder, warnings in ((second.backtest.folder, second.backtest.warnings), (later.folder, later.warnings)):
        assert any("contaminated: it was opened 2 times" in text for text in warnings)
        stored = json.loads((folder / "manifest.json").read_bytes())
        assert "opened 2 times" in stored["holdout"]["contaminated"] and len(stored["holdout"]["openings"]) == 2
        assert "contaminated" in (folder / "report.html").read_text()
    shutil.copytree(second.backtest.folder, tmp_path / "elsewhere" / "copy")
    page = ts.report_run(str(tmp_path / "elsewhere" / "copy"), format="markdown")
    assert "look 2 at it; contaminated" in page and "opened 2 times" in page
    rows = ts.list_runs(project / "results")
    assert [bool(row["contaminated"]) for row in rows].count(True) == 2
    rows = [row for row in ts.list_trials(project)["rows"] if row["period"] == "holdout"]
    assert [row["mark"] for row in rows] == ["contaminated", ""]  # the newest first


def test_the_mark_in_a_copied_folder_cannot_be_edited_away_unseen(project):
    opened(project / "run.yaml")
    second = opened(project / "run.yaml")
    path = second.backtest.folder / "holdout.json"
    path.write_text(path.read_text().replace("contaminated: it", "clean: it"))
    with pytest.raises(OutputError, match=r"holdout\.json: not what the run wrote"):
        read_artefacts(second.backtest.folder)


REFUSED = {
    "its later half": ["splits.holdout=[2021-07-01, 2021-07-19]", "splits.validation=[2021-04-01, 2021-06-30]"],
    "its first half": ["splits.holdout=[2021-06-01, 2021-06-20]"],
    "one day less": ["splits.holdout=[2021-06-02, 2021-07-19]"],
}


@pytest.mark.parametrize("way", REFUSED)
def test_a_recorded_holdout_is_opened_whole_or_not_at_all(project, way):
    ts.run_backtest(project / "run.yaml")
    with pytest.raises(HoldoutError, match="opened whole, or not at all"):
        opened(project / "run.yaml", overrides=REFUSED[way])
    assert openings(project) == []


WIDER = ["splits.holdout=[2021-05-15, 2021-07-19]", "splits.validation=[2021-04-01, 2021-05-14]"]


def test_a_look_at_a_wider_holdout_is_a_second_look_at_the_narrower_one_in_it(project):
    opened(project / "run.yaml")
    second = opened(project / "run.yaml", overrides=WIDER)
    assert second.document["look"] == 2 and second.document["contaminated"]
    with pytest.raises(HoldoutError, match="opened whole, or not at all"):
        opened(project / "run.yaml")


ELSEWHERE = {
    "a backtest of everything": lambda p: ts.run_backtest(p / "run.yaml", period="all"),
    "a backtest by name": lambda p: ts.run_backtest(p / "run.yaml", period="holdout"),
    "a file without splits": lambda p: ts.run_backtest(p / "open.yaml"),
    "a copied file": lambda p: ts.run_backtest(shutil.copy(p / "open.yaml", p / "copy.yaml")),
    "shifted dates": lambda p: ts.run_backtest(p / "run.yaml", overrides=["splits={train: [2021-06-01, 2021-07-19]}"]),
    "a validation": lambda p: ts.run_validation(p / "open.yaml", only=["performance"]),
    "a validation of shifted dates": lambda p: ts.run_validation(
        p / "run.yaml", only=["performance"], overrides=["splits={train: [2021-02-01, 2021-07-19]}"]
    ),
    "a walk-forward": lambda p: ts.run_walk_forward(p / "open.yaml", overrides=["validation.walk_forward.train=40"]),
    "a walk-forward of everything": lambda p: ts.run_walk_forward(p / "run.yaml", period="all"),
    "a search": lambda p: ts.run_optimize(p / "open.yaml", grid=["strategies.0.params.fast=2,3"]),
    "a search of everything": lambda p: ts.run_optimize(p / "run.yaml", period="all", grid=["strategies.0.params.fast=2,3"]),
    "renamed data": lambda p: ts.run_backtest(renamed(p, p)),
}


def renamed(project: Path, folder: Path) -> Path:
    """A run file in `folder` over the same bars under other names."""
    text = (project / "prices.csv").read_text().replace("AAA", "XXX").replace("BBB", "YYY")
    (folder / "renamed.csv").write_text(text)
    (folder / "renamed.yaml").write_text((project / "open.yaml").read_text().replace("prices.csv", "renamed.csv"))
    return folder / "renamed.yaml"


@pytest.mark.parametrize("way", ELSEWHERE)
def test_the_holdout_stays_closed_to_everything_else_before_and_after_it_was_opened(project, way):
    ts.run_backtest(project / "run.yaml")
    with pytest.raises(HoldoutError):
        ELSEWHERE[way](project)
    opened(project / "run.yaml")
    with pytest.raises(HoldoutError):
        ELSEWHERE[way](project)


def test_a_look_under_other_names_is_a_second_look(project):
    opened(project / "run.yaml")
    path = renamed(project, project)
    path.write_text(path.read_text().replace("strategies:", f"{SPLITS}\nstrategies:", 1))
    assert opened(path).document["look"] == 2


def test_folders_above_remember_a_look_that_was_taken_below_them(project):
    ts.run_backtest(project / "run.yaml")
    below = project / "ideas" / "later"
    below.mkdir(parents=True)
    for name in ("prices.csv", "run.yaml"):
        shutil.copy(project / name, below)
    first = opened(below / "run.yaml")
    assert first.document["look"] == 1 and len(openings(project)) == len(openings(below)) == 1
    assert opened(project / "run.yaml").document["look"] == 2
    assert opened(below / "run.yaml").document["look"] == 3


def test_bars_that_trials_had_read_before_they_were_held_out_are_contaminated_at_the_first_look(project):
    ts.run_backtest(project / "open.yaml")
    run = opened(project / "kind.yaml")
    assert run.document["look"] == 1 and "1 earlier trial read bars of it" in run.document["contaminated"]
    assert run.answer == "no" and run.document["bars_hold"]


def test_an_undefined_secondary_bar_is_not_held_and_the_answer_says_why(project):
    run = opened(project / "kind.yaml", overrides=["validation.holdout.secondary=4"])
    bars = {bar["name"]: bar for bar in run.document["secondary"]}
    assert bars["expectancy_R"]["measured"] is None and bars["expectancy_R"]["verdict"] == "reject"
    assert "stop" in bars["expectancy_R"]["why"]
    assert run.answer == "no" and run.document["refused"] == ["secondary"]


def test_a_run_made_before_a_look_is_done_again_to_the_byte_after_two_and_a_look_never_is(project):
    before = ts.run_backtest(project / "run.yaml")
    first = opened(project / "run.yaml")
    between = ts.run_backtest(project / "run.yaml", period="train")
    opened(project / "run.yaml")
    for run in (before, between):
        again = ts.reproduce_run(str(run.folder))
        assert again["equal"], again["artefacts"]
    with pytest.raises(HoldoutError, match="another look"):
        ts.reproduce_run(str(first.backtest.folder))


def test_what_opening_means_is_told_without_reading_the_data(project):
    (project / "prices.csv").unlink()
    plan = pipeline.holdout_plan(project / "run.yaml")
    assert (plan["first"], plan["last"], plan["openings"]) == ("2021-06-01", "2021-07-19", [])


def test_an_opening_that_was_cut_from_the_journal_shows_against_the_run_that_it_left(project):
    run = opened(project / "run.yaml")
    with sqlite3.connect(project / ".trading-system" / "trials.sqlite") as store:
        store.execute("DELETE FROM records WHERE kind = 'opening'")
    assert any("missing" in text for text in ts.show_run(str(run.backtest.folder))["journal"])
