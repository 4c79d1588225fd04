"""backtest and runs: from a run file to a summary, a folder, and the same bytes again."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.projects import write_project
from trading_system.cli.main import main

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.fixture
def clean_environment(monkeypatch):
    monkeypatch.delenv("TRADING_SYSTEM_RESULTS", raising=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A run file whose results folder has two runs; their ids, the older first."""
    run = write_project(tmp_path_factory.mktemp("project"))
    assert main(["backtest", str(run)]) == 0
    assert main(["backtest", str(run), "--period", "train", "--set", "portfolio.starting_equity=50000"]) == 0
    made = sorted(
        (run.parent / "results").iterdir(),
        key=lambda folder: json.loads((folder / "manifest.json").read_text())["trial"]["count"],
    )
    return run, [folder.name for folder in made]


def answer(capsys, *line: str, code: int = 0) -> str:
    assert main(list(line)) == code
    out, err = capsys.readouterr()
    assert not [text for text in err.splitlines() if not text.startswith("compiling")], err
    return out


CHATTY = """\
import numpy as np

from trading_system.strategies.base import Signals, Strategy

print("imported")


class Chatty(Strategy):
    @property
    def warmup(self) -> int:
        return 1

    def decide(self, bars):
        print("hello")
        shape = bars.close.shape
        return Signals(np.zeros(shape, np.int8), np.zeros(shape, bool))
"""


def test_what_a_strategy_of_ones_own_prints_goes_to_standard_error(tmp_path, capsys):
    run = write_project(tmp_path)
    (tmp_path / "chatty.py").write_text(CHATTY, encoding="utf-8")
    (tmp_path / "rule.yaml").write_text("name: chatty\ntype: chatty.py:Chatty\n", encoding="utf-8")
    assert main(["backtest", str(run), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["metrics"]["n_trades"] == 0 and "hello" in err and "imported" in err
    assert main(["validate", "config", str(run), "--load", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["valid"]


@pytest.mark.parametrize(
    ("change", "kind"), [("portfolio.limits.max_drawdown=0.01", "HALT"), ("portfolio.starting_equity=500", "")]
)
def test_a_limit_that_trips_is_named_in_the_summary(tmp_path, capsys, change, kind):
    run = write_project(tmp_path)
    out = answer(capsys, "backtest", str(run), "--set", change)
    assert "results: " in out
    if kind:
        (line,) = re.findall(r"^ *\d{4}-\d\d-\d\d .*$", out, re.MULTILINE)
        assert "limits that tripped" in out and "1.00 %" in line


def test_a_backtest_prints_its_summary_and_leaves_a_folder(tmp_path, capsys):
    run = write_project(tmp_path)
    out = answer(capsys, "backtest", str(run))
    for words in ("momentum (equity_momentum) on 5 symbols", "sample market us5", "equity 100,000", "benchmark", "balanced"):
        assert words in out
    assert max(map(len, (line for line in out.splitlines() if "results" not in line))) <= 80
    (folder,) = re.findall(r"^results: (.*)$", out, re.MULTILINE)
    names = {path.name for path in Path(folder).iterdir()}
    assert {
        "manifest.json",
        "config.yaml",
        "metrics.json",
        "equity_curve.csv",
        "trade_log.csv",
        "orders.csv",
        "run.log",
    } <= names


def test_json_is_one_document_with_the_numbers_of_metrics_json(tmp_path, capsys):
    run = write_project(tmp_path)
    document = json.loads(answer(capsys, "backtest", "-c", str(run), "--json"))
    stored = json.loads((Path(document["folder"]) / "metrics.json").read_text(encoding="utf-8"))
    for part in ("metrics", "undefined", "conventions", "reconciliation", "costs"):
        assert document[part] == stored[part], part


def test_out_wins_over_the_environment_and_the_environment_over_the_run_file(tmp_path, capsys, monkeypatch):
    run = write_project(tmp_path)
    monkeypatch.setenv("TRADING_SYSTEM_RESULTS", str(tmp_path / "environment"))
    answer(capsys, "backtest", str(run), "--period", "train")
    assert len(list((tmp_path / "environment").iterdir())) == 1
    answer(capsys, "backtest", str(run), "--period", "train", "--out", str(tmp_path / "option"))
    assert len(list((tmp_path / "option").iterdir())) == 1
    assert not (tmp_path / "results").exists()


def test_fail_on_reject_answers_no_when_the_code_occurs_and_yes_when_it_does_not(tmp_path, capsys):
    run = str(write_project(tmp_path))
    assert main(["backtest", run, "--period", "train", "--fail-on-reject", "slots"]) == 1
    out, err = capsys.readouterr()
    (number,) = re.findall(r"SLOTS ([0-9,]+)", re.search(r"refused:.*", out)[0])
    assert f"SLOTS {number.replace(',', '')}" in err
    assert main(["backtest", run, "--period", "train", "--fail-on-reject", "NO_VOLUME"]) == 0


def test_the_holdout_is_refused_with_one_message_and_nothing_is_written(tmp_path, capsys):
    run = write_project(tmp_path)
    for period in ("holdout", "all"):
        assert main(["backtest", str(run), "--period", period]) == 2
        out, err = capsys.readouterr()
        assert out == "" and "holdout" in err
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda run: run.unlink(), "run.yaml"),
        (lambda run: (run.unlink(), run.mkdir()), "run.yaml"),
        (lambda run: run.write_bytes(b""), "empty"),
        (
            lambda run: run.write_text("data: {source: csv, path: nowhere}\nstrategies: [{name: a, type: buy_and_hold}]\n"),
            "nowhere",
        ),
        (lambda run: run.write_text(run.read_text().replace("equity_momentum", "")), "rule.yaml"),
        (lambda run: (run.parent / "rule.yaml").write_text("name: a\ntype: equity_momentun\n"), "equity_momentum"),
    ],
    ids=["missing", "folder", "empty", "no data", "odd", "unknown type"],
)
def test_bad_input_is_one_message_exit_2_and_no_folder(tmp_path, capsys, change, says):
    run = write_project(tmp_path)
    change(run)
    if says == "rule.yaml":
        (tmp_path / "rule.yaml").unlink()
    assert main(["backtest", str(run)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and says in err and err.startswith("error: ")
    assert not (tmp_path / "results").exists()


def test_a_results_folder_that_cannot_be_made_is_one_message_with_its_path(tmp_path, capsys):
    run = write_project(tmp_path)
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["backtest", str(run), "--period", "train", "--out", str(tmp_path / "file")]) == 2
    err = capsys.readouterr().err.splitlines()[-1]
    assert str(tmp_path / "file") in err and "choose another folder with --out" in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_backtest_says_so_in_one_line_and_leaves_nothing_half_written(tmp_path, number, code):
    run = write_project(tmp_path)
    (tmp_path / "slow.py").write_text(
        "import time\nfrom trading_system import Strategy\n\n\nclass Slow(Strategy):\n"
        '    """Waits."""\n\n    @property\n    def warmup(self):\n        return 1\n\n'
        "    def decide(self, bars):\n        print('deciding', flush=True)\n        time.sleep(60)\n",
        encoding="utf-8",
    )
    (tmp_path / "rule.yaml").write_text("name: slow\ntype: slow.py:Slow\n", encoding="utf-8")
    line = [sys.executable, "-m", "trading_system", "backtest", str(run)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None and "deciding\n" in iter(process.stderr.readline, "")
    process.send_signal(number)
    _, err = process.communicate(timeout=30)  # it would sleep for 60 s
    assert process.returncode == code
    said = [text for text in err.splitlines() if not text.startswith("compiling")]
    assert len(said) == 1 and "no result folder" in said[0]
    assert not (tmp_path / "results").exists() or not list((tmp_path / "results").iterdir())


def test_runs_are_listed_newest_first(project, capsys):
    run, (older, newer) = project
    rows = json.loads(answer(capsys, "runs", "list", "--results", str(run.parent / "results"), "--json"))
    assert {row["run_id"] for row in rows} == {older, newer}
    out = answer(capsys, "runs", "list", "--results", str(run.parent / "results"))
    assert older in out and newer in out
    assert max(map(len, out.splitlines())) <= 80


def test_a_folder_without_runs_is_no_error_and_one_that_is_missing_is(tmp_path, capsys):
    assert answer(capsys, "runs", "list", "--results", str(tmp_path)) == "no runs here\n"
    assert json.loads(answer(capsys, "runs", "list", "--results", str(tmp_path), "--json")) == []
    assert main(["runs", "list", "--results", str(tmp_path / "nothing")]) == 2
    assert "there is no such folder" in capsys.readouterr().err


def test_a_run_whose_files_were_edited_is_marked_in_the_list(tmp_path, capsys):
    run = write_project(tmp_path)
    answer(capsys, "backtest", str(run), "--period", "train")
    (metrics,) = (tmp_path / "results").glob("*/metrics.json")
    metrics.write_text(metrics.read_text(encoding="utf-8") + " ", encoding="utf-8")
    out = answer(capsys, "runs", "list", "--results", str(tmp_path / "results"))
    assert f"{metrics.parent.name} was changed since: metrics.json" in " ".join(out.split())


@pytest.mark.parametrize("code", ["ENTRY", "SIGNAL", "STOP", "REPEATED", "REBALANCE"])
def test_a_code_that_refuses_nothing_is_a_usage_error(code, capsys):
    assert main(["backtest", "run.yaml", "--fail-on-reject", code]) == 2
    err = capsys.readouterr().err
    assert "is no code with which" in err and "SLOTS" in err and f" {code}," not in err


def test_a_run_is_shown_by_its_path_or_the_beginning_of_its_id(project, capsys):
    run, (older, _) = project
    results = str(run.parent / "results")
    assert older in answer(capsys, "runs", "show", older, "--results", results)
    assert older in answer(capsys, "runs", "show", str(run.parent / "results" / older))
    assert json.loads(answer(capsys, "runs", "show", older, "--results", results, "--json"))["manifest"]["run_id"] == older


def test_an_artefact_that_was_edited_is_named(tmp_path, capsys):
    run = write_project(tmp_path)
    folder = Path(json.loads(answer(capsys, "backtest", str(run), "--period", "train", "--json"))["folder"])
    (folder / "trade_log.csv").write_text("better\n", encoding="utf-8")
    assert "changed since: trade_log.csv" in answer(capsys, "runs", "show", str(folder))


def test_two_runs_are_compared_by_what_they_were_made_of_and_what_they_found(project, capsys):
    run, (older, newer) = project
    results = str(run.parent / "results")
    out = answer(capsys, "runs", "compare", older, newer, "--results", results)
    assert "portfolio.starting_equity" in out and "final_equity" not in out
    assert "common dates, one scale" in out and "--all" in out
    assert "final_equity" in answer(capsys, "runs", "compare", older, newer, "--results", results, "--all")
    page = run.parent / "compared.html"
    assert main(["runs", "compare", older, newer, "--results", results, "--html", str(page), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["same"] and said.err == f"page: {page}\n"
    assert older in page.read_text(encoding="utf-8") and "<polyline" in page.read_text(encoding="utf-8")
    document = json.loads(answer(capsys, "runs", "compare", older, newer, "--results", results, "--json"))
    assert document["same"]["data"] is True and document["same"]["config"] is False
    assert "every metric is equal" in answer(capsys, "runs", "compare", older, older, "--results", results)


@pytest.mark.parametrize("where", ["front", "end"])
def test_quiet_prints_the_folder_of_the_run_and_nothing_else(tmp_path, capsys, where):
    run = write_project(tmp_path)
    line = ["backtest", str(run)]
    assert main(["--quiet", *line] if where == "front" else [*line, "--quiet"]) == 0
    said = capsys.readouterr()
    (folder,) = said.out.splitlines()
    assert (Path(folder) / "metrics.json").is_file() and said.err == ""
    assert main([*line, "--quiet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]
    assert main(line) == 0
    assert "Sharpe ratio" in capsys.readouterr().out, "quiet holds for one command only"


def test_a_quiet_command_still_says_what_went_wrong(tmp_path, capsys):
    assert main(["backtest", str(tmp_path / "absent.yaml"), "--quiet"]) == 2
    assert "absent.yaml" in capsys.readouterr().err


def test_a_run_is_reproduced_to_the_byte_and_a_changed_one_is_not(project, capsys):
    run, (older, newer) = project
    results = str(run.parent / "results")
    assert "every byte but times and ids is the same" in answer(capsys, "runs", "reproduce", older, "--results", results)
    assert json.loads(answer(capsys, "runs", "reproduce", newer, "--results", results, "--json"))["equal"] is True


def test_a_run_whose_bytes_differ_is_not_reproduced_and_the_answer_is_no(tmp_path, capsys):
    run = write_project(tmp_path)
    folder = Path(json.loads(answer(capsys, "backtest", str(run), "--period", "train", "--json"))["folder"])
    equity = (folder / "equity_curve.csv").read_text(encoding="utf-8")
    (folder / "equity_curve.csv").write_text(equity.replace("100000", "100001", 1), encoding="utf-8")
    out = answer(capsys, "runs", "reproduce", str(folder), code=1)
    assert "NOT reproduced" in out and "equity_curve.csv" in out


@pytest.mark.parametrize("command", [["show"], ["reproduce"]])
def test_a_run_that_is_not_there_is_one_message(command, tmp_path, capsys):
    assert main(["runs", *command, "20990101", "--results", str(tmp_path)]) == 2
    assert "there is no run '20990101'" in capsys.readouterr().err


def test_doctor_and_validate_are_content_with_the_project(project, capsys):
    run, _ = project
    assert "PROBLEM" not in answer(capsys, "doctor", str(run))
    assert answer(capsys, "validate", "config", str(run)).startswith(f"{run}: valid")
    assert json.loads(answer(capsys, "validate", "config", str(run), "--load", "--json"))["valid"] is True
    assert answer(capsys, "validate", "data", str(run)).startswith("valid\n")
    assert json.loads(answer(capsys, "validate", "data", str(run), "--json"))["valid"] is True


def test_validate_names_every_mistake_of_every_file_and_answers_no(tmp_path, capsys):
    run = write_project(tmp_path)
    (tmp_path / "bad.yaml").write_text("data: {source: sample, pth: us5}\nstrategies: []\nsead: 1\n", encoding="utf-8")
    out = answer(capsys, "validate", "config", str(run), str(tmp_path / "bad.yaml"), code=1)
    assert f"{run}: valid" in out and "bad.yaml:1" in out and "sead" in out and "pth" in out
    document = json.loads(answer(capsys, "validate", "config", str(tmp_path / "bad.yaml"), "--json", code=1))
    assert document["valid"] is False and len(document["files"][0]["problems"]) >= 3


def test_validate_finds_wrong_parameters_of_a_shipped_type_without_loading_code(tmp_path, capsys):
    run = write_project(tmp_path)
    (tmp_path / "rule.yaml").write_text(
        "name: m\ntype: equity_momentum\nparams: {trend_mma: 50, exit_ma: 0}\n", encoding="utf-8"
    )
    out = answer(capsys, "validate", "config", str(run), code=1)
    assert "trend_mma" in out and "exit_ma" in out and "rule.yaml:3" in out


def test_validate_runs_a_users_own_code_only_when_asked(tmp_path, capsys):
    run = write_project(tmp_path)
    (tmp_path / "own.py").write_text("raise SystemExit('ran')\n", encoding="utf-8")
    (tmp_path / "rule.yaml").write_text("name: own\ntype: own.py:Own\n", encoding="utf-8")
    assert answer(capsys, "validate", "config", str(run)).startswith(f"{run}: valid")
    assert "own.py" in answer(capsys, "validate", "config", str(run), "--load", code=1)


def test_validate_data_answers_no_with_the_place_of_the_mistake(tmp_path, capsys):
    run = write_project(tmp_path)
    (tmp_path / "prices.csv").write_text("date,symbol,open,high,low,close,volume\n2020-01-02,A,1,2,x,1,10\n", encoding="utf-8")
    run.write_text("data: {source: csv, path: prices.csv}\nstrategies: [{name: a, type: buy_and_hold}]\n", encoding="utf-8")
    assert "prices.csv" in (out := answer(capsys, "validate", "data", str(run), code=1)) and "row" in out
    assert json.loads(answer(capsys, "validate", "data", str(run), "--json", code=1))["valid"] is False
