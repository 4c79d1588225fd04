"""`trials list` and `trials show`: N as the journal counts it, corrections by other hands, and a broken chain that is seen."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

import trading_system as ts
from tests.cli.projects import write_project
from trading_system.cli.main import main
from trading_system.errors import UsageError
from trading_system.reports import trials as pages
from trading_system.reports.page import Page
from trading_system.runs.journal import FOLDER, NAME
from trading_system.validation.multiple_testing import holm
from trading_system.validation.sharpe_inference import probabilistic_sharpe, sharpe_moments

EXITS = (10, 15, 20, 25)


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four configurations, one of them twice, and one over another period."""
    folder = tmp_path_factory.mktemp("tried")
    run = write_project(folder)
    for exit_ma in (*EXITS, EXITS[0]):
        ts.run_backtest(run, out=folder / "results", overrides=[f"strategies.0.params.exit_ma={exit_ma}"])
    ts.run_backtest(run, out=folder / "results", period="train")
    return run


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict]:
    code = main(["trials", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_list_counts_what_was_tried(tried, capsys):
    code, found = said(capsys, "list", str(tried), "--results", str(tried.parent / "results"))
    (family,) = found["families"]
    assert code == 0 and (family["trials"], family["rows"], family["kept"]) == (5, 6, 5)
    assert found["chain"] == {"records": found["rows"][0]["number"], "anchors": 6, "whole": True, "problems": []}
    ours = [row for row in found["rows"] if row["period"] == "train+validation"]
    assert [row["repeats"] for row in ours] == [ours[-1]["number"], None, None, None, None]
    assert {row["kind"] for row in found["rows"]} == {"backtest"}


def test_sharpe_ratios_of_a_family_are_those_of_its_runs(tried, capsys):
    _, found = said(capsys, "list", str(tried))
    runs = [json.loads(path.read_bytes()) for path in (tried.parent / "results").glob("*/metrics.json")]
    ratios = {round(run["metrics"]["sharpe"], 12) for run in runs}
    family = found["families"][0]
    assert len(ratios) == 5
    assert family["sharpe_mean"] == pytest.approx(np.mean(list(ratios)))
    assert family["sharpe_deviation"] == pytest.approx(np.std(list(ratios), ddof=1))
    assert family["sharpe_best"] == pytest.approx(max(ratios))


def test_the_folder_and_the_option_name_the_journal_too(tried, capsys, monkeypatch):
    _, by_argument = said(capsys, "list", str(tried))
    assert said(capsys, "list", "--config", str(tried))[1] == by_argument
    assert said(capsys, "list", str(tried.parent))[1] == by_argument
    monkeypatch.chdir(tried.parent)
    assert said(capsys, "list")[1]["rows"] == by_argument["rows"]
    assert main(["trials", "list", str(tried), "--config", str(tried)]) == 2


def test_corrections_of_a_family_by_other_hands(tried, capsys):
    """From the equity curves of the runs: the best one's moments, and Holm over the p-values of all five trials."""
    _, listed = said(capsys, "list", str(tried))
    newest = next(row for row in listed["rows"] if row["period"] == "train+validation")
    _, found = said(capsys, "show", str(newest["number"]), "--config", str(tried))
    told = found["corrections"]
    records = {}
    for path in (tried.parent / "results").glob("*/equity_curve.csv"):
        table = np.genfromtxt(path, delimiter=",", names=True, dtype=None, encoding="utf-8")
        records[json.loads((path.parent / "metrics.json").read_bytes())["metrics"]["sharpe"]] = np.diff(
            np.concatenate(([100_000.0], table["equity"]))
        ) / np.concatenate(([100_000.0], table["equity"][:-1]))
    p_values = []
    for record in records.values():
        m = sharpe_moments(record)
        p_values.append(1.0 - probabilistic_sharpe(m.sharpe, m.n, m.skew, m.kurtosis))
    assert told["n_trials"] == 5 and told["n_kept"] == 4 and "4 trials whose returns are kept" in told["method"]
    mine = min(records, key=lambda sharpe: abs(sharpe - told["sharpe"]))
    assert told["sharpe"] == pytest.approx(mine, rel=1e-4)  # returns are kept as float32
    assert told["p_adjusted"]["holm"] == pytest.approx(holm(p_values)[list(records).index(mine)], rel=0.02)
    assert told["p_single"] < told["p_familywise"] <= 1.0 and told["haircut_sharpe"] <= abs(told["sharpe"])
    assert 0.0 <= told["dsr"] <= 1.0 and math.isfinite(told["expected_best"])


def test_a_family_is_named_by_its_beginning_and_a_row_by_its_number(tried, capsys):
    _, listed = said(capsys, "list", str(tried))
    family = listed["families"][0]["family"]
    _, by_name = said(capsys, "show", family[:5] if not family[:5].isdigit() else family, "--config", str(tried))
    assert by_name["row"] is None and len(by_name["rows"]) == 6
    number = listed["rows"][0]["number"]
    _, by_number = said(capsys, "show", str(number), "--config", str(tried))
    assert by_number["row"]["number"] == number and by_number["row"]["period"] == "train"


@pytest.mark.parametrize("which", ["999", "zzzz", "0", "-1", ""])
def test_what_is_not_there_is_a_message_that_names_what_is(tried, which):
    if which == "":
        which = "\x1b[2J"
    with pytest.raises(UsageError) as caught:
        ts.show_trials(which, tried)
    assert caught.value.allowed and "trials list" in caught.value.remedy


def test_where_nothing_was_tried_there_is_one_message(tmp_path, capsys):
    run = write_project(tmp_path)
    assert main(["trials", "list", str(run)]) == 2
    assert "nothing was tried yet" in capsys.readouterr().err
    assert main(["trials", "list", str(tmp_path / "absent.yaml")]) == 2
    assert not (tmp_path / FOLDER).exists()


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (
            "UPDATE records SET body = replace(body, '\"configurations\":1', '\"configurations\":0') WHERE number = 3",
            "record 3 was edited",
        ),
        ("DELETE FROM records WHERE number = 3", "record 3 is missing"),
        ("DELETE FROM records WHERE number >= 5", "ends before record"),
    ],
)
def test_an_edited_cut_or_deleted_row_is_seen_and_ends_one(tried, tmp_path, capsys, statement, says):
    copy = tmp_path / "copy"
    shutil.copytree(tried.parent, copy)
    with closing(sqlite3.connect(copy / FOLDER / NAME)) as store, store:
        store.execute(statement)
    for words in (["list", str(copy)], ["list", str(copy), "--json"]):
        code = main(["trials", *words, "--results", str(copy / "results")])
        assert code == 1 and says in capsys.readouterr().out


def test_pages_fit_their_width_and_say_what_they_show(tried):
    listed = ts.list_trials(tried)
    for width in (80, 120):
        page = Page(width=width)
        text = pages.trials_page(listed, page)
        assert max(map(len, text.splitlines())) <= width
        assert "chain: whole" in text and "equity_momentum" in text
        shown = pages.trial_page(ts.show_trials(str(listed["rows"][0]["number"]), tried), page)
        assert max(map(len, shown.splitlines())) <= width and "familywise p-value" in shown
    few = {**listed, "rows": listed["rows"] * 8}
    assert "and 28 older rows: --all" in pages.trials_page(few, Page())
    assert "older" not in pages.trials_page(few, Page(), every=True)


def test_a_row_of_an_older_version_is_listed_and_not_corrected(tried, tmp_path):
    from tests.runs.test_journal import INDEX, RETURNS, TRIAL
    from trading_system.runs import trials
    from trading_system.runs.journal import Journal

    with Journal(tmp_path) as journal:
        trials.record(journal, TRIAL, INDEX, RETURNS)
    found = ts.show_trials("1", tmp_path)
    assert "older version" in found["corrections"]["why"] and found["family"]["sharpe_mean"] is None
    assert "not corrected" in pages.trial_page(found, Page())


def test_every_hand_edited_file_counts_and_another_warm_up_is_put_beside(tmp_path, capsys):
    """Six files that differ in one value each, half of them with a longer warm-up."""
    run = write_project(tmp_path)
    rule = tmp_path / "rule.yaml"
    text = rule.read_text(encoding="utf-8")
    for k in range(6):
        rule.write_text(text.replace("trend_ma: 50", f"trend_ma: {40 + 8 * k}"), encoding="utf-8")
        result = ts.run_backtest(run, out=tmp_path / "results", overrides=["splits=null", "output.formats=[csv]"])
        assert (result.trial["trials"], result.trial["runs"]) == (k + 1, k + 1)
    _, found = said(capsys, "list", str(run), "--results", str(tmp_path / "results"))
    assert found["families"][0]["trials"] == found["chain"]["anchors"] == 6
    assert len({row["first"] for row in found["rows"]}) > 3
    _, shown = said(capsys, "show", found["families"][0]["family"], "--config", str(run))
    assert shown["corrections"]["method"] == "Romano-Wolf over all 6 trials"
