"""holdout: asks before it opens, prints what it found, and its exit code is the answer."""

from __future__ import annotations

import io
import json

import pytest

from tests.cli.projects import write_project
from trading_system.cli.main import main
from trading_system.runs.journal import Journal

LENIENT = """\
validation:
  gates: {max_drawdown: 1.0, min_sharpe: -100, min_calmar: -1000000, min_bootstrap_sharpe: -100}
  holdout: {min_sharpe: -100, max_drawdown: 1.0, min_calmar: -1000000, min_trades: 0, secondary: 0}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.delenv("TRADING_SYSTEM_RESULTS", raising=False)
    return write_project(tmp_path / "project")


@pytest.fixture
def lenient(project):
    project.write_text(project.read_text() + LENIENT)
    return project


def openings(run) -> int:
    with Journal(run.parent) as journal:
        return len(journal.records("opening"))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_terminal_and_without_yes_it_says_what_opening_means_and_exits_2(project, capsys):
    assert main(["holdout", str(project)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "would open the holdout, 2012-01-03 to 2012-12-31" in err and "one look" in err and "--yes" in err
    assert openings(project) == 0 and not (project.parent / "results").exists()


@pytest.mark.parametrize(("typed", "code", "n"), [("open\n", 0, 1), ("yes\n", 2, 0), ("\n", 2, 0), ("", 2, 0)])
def test_at_a_terminal_a_word_is_typed(lenient, typed, code, n, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    assert main(["holdout", str(lenient), "--quiet"]) == code
    assert "type 'open' to open it" in screen.getvalue() and openings(lenient) == n


def test_the_exit_code_is_the_answer_and_the_table_says_every_bar(project, capsys):
    assert main(["holdout", str(project), "--yes"]) == 1
    text = capsys.readouterr().out
    for words in (("rejection", "sharpe", "pass"), ("primary", "trades", "NOT HELD"), ("secondary", "profit factor", "held")):
        assert any(all(word in line for word in words) for line in text.splitlines()), words
    assert "look 1" in text and "not asked here" in text and "overfitting:" in text and text.rstrip().endswith("NO: trades")


def test_a_first_look_at_which_everything_holds_is_0_and_a_second_one_is_1_and_says_contaminated(lenient, capsys):
    assert main(["holdout", str(lenient), "--yes"]) == 0
    assert "YES: no rejection bar is hit" in capsys.readouterr().out
    assert main(["holdout", str(lenient)]) == 2
    assert "opened 1 time before" in capsys.readouterr().err
    assert main(["holdout", str(lenient), "--yes", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["bars_hold"] and document["answer"] == "no" and document["look"] == 2
    assert main(["runs", "list", "--results", str(lenient.parent / "results")]) == 0
    assert "contaminated" in " ".join(capsys.readouterr().out.split())
    assert main(["trials", "list", str(lenient)]) == 0
    assert capsys.readouterr().out.count("contaminated") == 1
    assert main(["holdout", str(lenient), "--yes"]) == 1
    assert "NO: every bar holds, but the holdout is contaminated" in " ".join(capsys.readouterr().out.split())
