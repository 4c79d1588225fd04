"""What was decided before the look is frozen, and what differs later is said."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import trading_system as ts
from tests.test_holdout_run import LENIENT
from tests.test_pipeline import RUN, SPLITS, prices
from trading_system.cli.main import main
from trading_system.errors import OutputError
from trading_system.reports.preregistration import standing
from trading_system.runs.journal import Journal

ONE_TEST = ["performance"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("TRADING_SYSTEM_THREADS", "1")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "prices.csv").write_text(prices(3))
    (folder / "run.yaml").write_text(RUN.replace("SPLITS", SPLITS + "\n" + LENIENT.rstrip()))
    return folder / "run.yaml"


def records(run: Path, kind: str) -> list[dict]:
    with Journal(run.parent) as journal:
        assert journal.verify().intact
        return journal.records(kind)


def test_everything_that_decides_is_in_a_hashed_file_and_in_the_journal(run):
    found = ts.preregister(run)
    data = (run.parent / "preregistration.json").read_bytes()
    (record,) = records(run, "preregistration")
    assert hashlib.sha256(data).hexdigest() == found["sha256"] == record["sha256"]
    document = json.loads(data)
    assert document == found["document"] and record["number"] == found["record"]
    assert document["config"]["splits"]["holdout"] == ["2021-06-01", "2021-07-19"]
    assert document["config"]["strategies"][0]["params"] == {"fast": 3, "slow": 8}
    assert document["config"]["validation"]["holdout"]["secondary"] == 0 and "output" not in document["config"]
    assert set(document["data"]["symbols"]) == {"AAA", "BBB"} and document["code"]["package"]


def test_nothing_is_evaluated_and_the_holdout_is_closed_from_then_on(run):
    ts.preregister(run)
    assert records(run, "trial") == [] and len(records(run, "holdout")) == 1 and not (run.parent / "results").exists()


def test_a_file_that_is_there_is_not_written_over(run):
    ts.preregister(run)
    before = (run.parent / "preregistration.json").read_bytes()
    with pytest.raises(OutputError, match="not written over"):
        ts.preregister(run)
    assert (run.parent / "preregistration.json").read_bytes() == before and len(records(run, "preregistration")) == 1


def test_trials_of_the_family_that_were_made_before_are_said_with_their_number(run):
    ts.run_backtest(run)
    ts.run_backtest(run, overrides=["strategies.0.params.fast=4"])
    ts.run_backtest(run, overrides=["strategies.0.universe=[AAA]"])  # another family
    found = ts.preregister(run)
    assert found["document"]["trials_before"] == {"configurations": 2, "runs": 2}
    done = ts.run_validation(run, only=ONE_TEST)
    assert "after 2 configurations of this family had been tried" in standing(done.preregistered)


def test_a_validation_and_a_holdout_say_as_preregistered(run):
    created = ts.preregister(run)["document"]["created"]
    validated = ts.run_validation(run, only=ONE_TEST)
    assert standing(validated.preregistered) == f"as preregistered on {created}"
    opened = ts.run_holdout(run, yes=True)
    assert opened.document["preregistration"]["same"]
    for backtest in (validated.backtest, opened.backtest):
        manifest = json.loads((backtest.folder / "manifest.json").read_bytes())
        assert manifest["preregistration"]["same"]
        assert f"As preregistered on {created}" in (backtest.folder / "report.html").read_text()
    assert ts.reproduce_run(str(validated.backtest.folder))["equal"]


CHANGED = {
    "a parameter": (["strategies.0.params.fast=4"], "strategies.0.params.fast: 3, now 4"),
    "a gate": (["validation.gates.min_sharpe=0.1"], "validation.gates.min_sharpe: -100, now 0.1"),
    "the grid": (["validation.grid={strategies.0.params.fast: [2, 3]}"], "validation.grid.strategies.0.params.fast.0"),
    "the splits": (["splits.train=[2021-01-05, 2021-03-31]"], "splits.train.0: 2021-01-01, now 2021-01-05"),
    "costs": (["strategies.0.costs.commission_bps=1"], "strategies.0.costs.commission_bps: 5, now 1"),
}


@pytest.mark.parametrize("way", CHANGED)
def test_what_differs_is_listed(run, way):
    ts.preregister(run)
    overrides, said = CHANGED[way]
    done = ts.run_validation(run, only=ONE_TEST, overrides=overrides)
    assert not done.preregistered["same"]
    text = standing(done.preregistered)
    assert text.startswith("not as preregistered on ") and said in text


def test_other_bars_are_a_difference_and_another_folder_of_results_is_none(run):
    ts.preregister(run)
    assert ts.run_validation(run, only=ONE_TEST, overrides=["output.path=elsewhere"]).preregistered["same"]
    text = (run.parent / "prices.csv").read_text().splitlines()
    (run.parent / "prices.csv").write_text("\n".join(line for line in text if not line.startswith("2021-01-02,AAA")) + "\n")
    found = ts.run_validation(run, only=ONE_TEST).preregistered
    assert [(row["name"], row["b"]) for row in found["differences"]] == [("bars changed", "AAA")]


def test_a_copy_under_another_name_is_held_against_its_family_and_one_of_several_is_said_to_be_one(run):
    ts.preregister(run)
    copy = run.with_name("copy.yaml")
    copy.write_text(run.read_text())
    assert ts.run_validation(copy, only=ONE_TEST).preregistered["same"]
    ts.preregister(run, file=run.parent / "second.json", overrides=["strategies.0.params.fast=4"])
    found = ts.run_validation(run, only=ONE_TEST).preregistered
    assert found["same"] and "one of 2 preregistrations" in standing(found)


def test_a_preregistration_after_the_holdout_was_opened_says_so(run):
    ts.run_holdout(run, yes=True)
    found = ts.preregister(run)
    assert found["document"]["openings_before"] == 1 and found["document"]["trials_before"]["configurations"] == 1


def test_without_a_preregistration_nothing_is_said(run):
    assert ts.run_validation(run, only=ONE_TEST).preregistered is None and standing(None) == ""


def test_the_command_prints_where_it_stands_and_what_came_before(run, capsys):
    assert main(["preregister", str(run)]) == 0
    out = capsys.readouterr().out
    assert "nothing of this family had been tried before" in out and "holdout 2021-06-01 to 2021-07-19" in out
    assert main(["preregister", str(run)]) == 2
    assert "not written over" in capsys.readouterr().err
    assert main(["validate", "strategy", str(run), "--only", "performance", "--json"]) in (0, 1)
    assert json.loads(capsys.readouterr().out)["preregistration"]["same"]
    assert main(["validate", "strategy", str(run), "--only", "performance"]) in (0, 1)
    assert "as preregistered on" in capsys.readouterr().out
