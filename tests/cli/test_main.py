"""Errors become one message and a fixed exit code, whatever happens."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from trading_system.cli import app
from trading_system.cli.main import main
from trading_system.errors import ConfigError, DataError, TradingSystemError

PROGRAM = [sys.executable, "-m", "trading_system"]


def ended_by(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException) -> tuple[int, str]:
    """Exit code and standard error of a command that raises `error`; it must print nothing else."""

    def fail(arguments: object) -> int:
        raise error

    monkeypatch.setattr(app, "run", fail)
    code = main(["version"])
    out, err = capsys.readouterr()
    assert out == ""
    return code, err


def test_bad_input_is_one_message_with_place_allowed_and_remedy_and_exit_2(monkeypatch, capsys):
    error = DataError("close is 0", where="AAPL.csv: row 7: close", allowed="above 0", remedy="set quality.impossible: drop")
    code, err = ended_by(monkeypatch, capsys, error)
    assert code == 2
    assert err == "error: AAPL.csv: row 7: close: close is 0; allowed: above 0; set quality.impossible: drop\n"


def test_every_problem_of_a_file_stands_on_its_own_line(monkeypatch, capsys):
    problems = [ConfigError("wrong", where="run.yaml:3: seed"), ConfigError("also wrong", where="run.yaml:9: data.path")]
    code, err = ended_by(monkeypatch, capsys, ConfigError("2 problems", problems=problems))
    assert code == 2
    assert err.splitlines() == ["error: 2 problems", "  run.yaml:3: seed: wrong", "  run.yaml:9: data.path: also wrong"]


def test_an_operating_system_error_names_path_and_errno(monkeypatch, capsys):
    code, err = ended_by(monkeypatch, capsys, OSError(errno.ENOSPC, "No space left on device", "results/x.tmp"))
    assert code == 2
    assert err == f"error: results/x.tmp: No space left on device (errno {errno.ENOSPC}, ENOSPC)\n"


def test_too_little_memory_is_bad_environment_not_a_defect(monkeypatch, capsys):
    code, err = ended_by(monkeypatch, capsys, MemoryError())
    assert code == 2
    assert "memory" in err


def test_a_defect_leaves_its_traceback_in_a_file_and_only_the_path_on_the_screen(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("BROKER_API_KEY", "kanari-4711")
    code, err = ended_by(monkeypatch, capsys, ZeroDivisionError("kanari-4711 divided"))
    assert code == 3
    assert "Traceback" not in err
    assert len(err.splitlines()) == 1
    (log,) = tmp_path.glob("trading-system-defect-*.log")
    assert str(log) in err
    text = log.read_text(encoding="utf-8")
    assert "Traceback" in text and "ZeroDivisionError" in text
    assert "kanari-4711" not in text + err


def test_a_defect_without_a_writable_folder_still_ends_with_3_and_no_traceback(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    code, err = ended_by(monkeypatch, capsys, ZeroDivisionError("division by zero"))
    assert code == 3
    assert "Traceback" not in err and "ZeroDivisionError" in err


def test_control_characters_of_an_error_never_reach_the_terminal(monkeypatch, capsys):
    _, err = ended_by(monkeypatch, capsys, TradingSystemError("symbol \x1b[2J\x07\u202eevil"))
    assert "\x1b" not in err and "\x07" not in err and "\u202e" not in err
    assert "\\x1b[2J" in err


def test_a_secret_of_the_environment_is_masked_in_messages(monkeypatch, capsys):
    monkeypatch.setenv("DB_PASSWORD", "geheim-123")
    _, err = ended_by(monkeypatch, capsys, DataError("cannot open postgres://me:geheim-123@host/db"))
    assert "geheim-123" not in err
    _, err = ended_by(monkeypatch, capsys, DataError("cannot open postgres://me:otherword@host/db"))
    assert "otherword" not in err and "me" not in err.split("://")[1].split("@")[0]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (["bactest"], "Did you mean 'backtest'"),
        (["backtest"], "CONFIG is missing"),
        (["backtest", "a.yaml", "-c", "b.yaml"], "CONFIG is given twice"),
        (["backtest", "a.yaml", "--nope"], "No such option"),
        (["backtest", "a.yaml", "--period", "future"], "train"),
        (["backtest", "a.yaml", "--fail-on-reject", "SLOT"], "SLOTS"),
        (["runs"], "list, show, compare, reproduce"),
        (["runs", "show"], "RUN"),
        (["validate", "config"], "PATH is missing"),
        (["version", "too", "many"], "unexpected extra"),
        (["--log-level", "LOUD", "version"], "DEBUG, INFO, WARNING, ERROR"),
        (["version", "--log-format=xml"], "text, json"),
        (["version", "--log-level"], "--log-level needs a value"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_2(line, says, capsys):
    assert main(line) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1 and err.startswith("error: ")
    assert says in err


def test_no_arguments_print_the_help(capsys):
    assert main([]) == 0
    assert "Usage: trading-system" in capsys.readouterr().out


def test_the_global_options_may_stand_anywhere_before_two_dashes():
    assert app.hoisted(["runs", "list", "--log-level", "INFO", "--json"]) == ["--log-level", "INFO", "runs", "list", "--json"]
    assert app.hoisted(["version", "--log-format=json"]) == ["--log-format=json", "version"]
    assert app.hoisted(["validate", "config", "--", "--log-level"]) == ["validate", "config", "--", "--log-level"]


def test_a_full_disk_behind_standard_output_is_exit_2():
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full to write to")
    with open("/dev/full", "w") as full:
        done = subprocess.run([*PROGRAM, "config", "template"], check=False, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert "standard output" in done.stderr and "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*PROGRAM, "config", "template"], check=False, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_with_one_line_that_says_what_is_kept(number, code):
    script = (
        "import sys, time\n"
        "from trading_system.cli import app\n"
        "from trading_system.cli.main import main\n"
        "from trading_system.cli.session import session\n"
        "def wait(arguments):\n"
        "    session.kept = 'two folds are kept'\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "app.run = wait\n"
        "sys.exit(main(['version']))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=30)  # it would sleep for 60 s
    assert process.returncode == code
    assert err == f"error: stopped by {number.name}: two folds are kept\n"


def test_the_module_is_the_same_program():
    done = subprocess.run([*PROGRAM, "version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("trading-system ")
    assert done.stderr == ""


def test_a_wrong_choice_is_told_without_the_parsers_own_words(capsys):
    assert main(["backtest", "a.yaml", "--period", "foo"]) == 2
    err = capsys.readouterr().err
    assert "'foo' is not one of 'train'" in err and "Value error" not in err
    assert "see trading-system backtest --help" in err
    assert "did you mean" not in err
    assert main(["backtest", "a.yaml", "--period", "trian"]) == 2
    assert "did you mean 'train'? see trading-system backtest --help" in capsys.readouterr().err


def test_a_file_in_place_of_the_results_folder_is_told_with_the_mend(tmp_path, capsys):
    from tests.cli.projects import write_project

    (tmp_path / "afile").write_text("mine", encoding="utf-8")
    run = write_project(tmp_path / "project")
    assert main(["backtest", str(run), "--out", str(tmp_path / "afile")]) == 2
    assert "afile: is a file, no folder; choose another folder with --out" in capsys.readouterr().err
