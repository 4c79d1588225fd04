"""Logging: chosen by the command line, then the environment; masked, escaped, never paid for unless wanted."""

from __future__ import annotations

import json

import pytest

from tests.cli.projects import write_project
from trading_system.cli import logs
from trading_system.cli.main import main
from trading_system.errors import UsageError


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Every test chooses for itself, and leaves the logger as it was."""
    names = ("TRADING_SYSTEM_LOG_LEVEL", "TRADING_SYSTEM_LOG_FORMAT")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    yield
    from loguru import logger

    logger.remove()
    for name in names:
        monkeypatch.delenv(name, raising=False)
    logs.choose(None, None, None)


def test_a_record_below_the_level_is_not_written(capsys):
    logs.choose(None, None, None)
    logs.log("INFO", "quiet")
    logs.log("WARNING", "loud")
    assert "quiet" not in (err := capsys.readouterr().err) and "loud" in err


def test_the_command_line_wins_over_the_environment(monkeypatch, capsys):
    monkeypatch.setenv("TRADING_SYSTEM_LOG_LEVEL", "ERROR")
    monkeypatch.setenv("TRADING_SYSTEM_LOG_FORMAT", "json")
    logs.choose("info", "text", None)
    logs.log("INFO", "told")
    assert "INFO    told" in capsys.readouterr().err
    logs.choose(None, None, None)
    logs.log("WARNING", "silent")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("level", "form"), [("LOUD", None), (None, "xml"), ("", None)])
def test_a_level_or_format_that_does_not_exist_is_a_usage_error(level, form):
    with pytest.raises(UsageError) as caught:
        logs.choose(level, form, None)
    assert caught.value.allowed


def test_a_wrong_environment_is_named_by_its_variable(monkeypatch):
    monkeypatch.setenv("TRADING_SYSTEM_LOG_LEVEL", "chatty")
    with pytest.raises(UsageError, match="TRADING_SYSTEM_LOG_LEVEL"):
        logs.choose(None, None, None)


def test_json_records_are_one_object_a_line_with_stamp_level_event_and_fields(capsys):
    logs.choose("DEBUG", "json", None)
    logs.log("DEBUG", "order\nfilled", run_id="r1", order_id=7)
    (line,) = capsys.readouterr().err.splitlines()
    record = json.loads(line)
    assert (record["level"], record["event"], record["run_id"], record["order_id"]) == ("DEBUG", "order\nfilled", "r1", 7)
    assert record["ts"][:2] == "20" and ("+" in record["ts"] or "Z" in record["ts"])


def test_text_records_stay_on_one_line_and_cannot_drive_the_terminal(capsys):
    logs.choose("INFO", "text", None)
    logs.log("INFO", "evil \x1b[2J\nsecond <red>{braces}", symbol="A\x07")
    (line,) = capsys.readouterr().err.splitlines()
    assert "\x1b" not in line and "\x07" not in line and "<red>{braces}" in line


@pytest.mark.parametrize("form", ["text", "json"])
def test_secrets_are_masked_in_every_sink(form, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("EXCHANGE_API_KEY", "kanari-4711")
    logs.choose("INFO", form, str(tmp_path / "run.log"))
    logs.log("INFO", "connected with kanari-4711", key="kanari-4711")
    written = (tmp_path / "run.log").read_text(encoding="utf-8")
    assert "kanari-4711" not in capsys.readouterr().err + written
    assert "***" in written


def test_a_log_file_has_the_steps_of_a_run_each_with_event_and_run_id(tmp_path, capsys):
    file, run = tmp_path / "log.txt", write_project(tmp_path / "project")
    line = ["backtest", str(run), "--log-file", str(file), "--log-format", "json"]
    assert main([*line, "--log-level", "DEBUG", "--set", "portfolio.limits.max_drawdown=0.01", "--json"]) == 0
    out, err = capsys.readouterr()
    run_id = json.loads(out)["run_id"]
    records = [json.loads(text) for text in file.read_text(encoding="utf-8").splitlines()]
    assert [json.loads(text) for text in err.splitlines() if text.startswith("{")] == records
    steps = [record for record in records if record["event"] != "finished"]
    events = [record["event"] for record in steps]
    for event in ("started", "data", "decide", "simulate", "limit tripped", "summarise", "trial", "written"):
        assert event in events
    assert {run_id.endswith(record["run_id"]) for record in steps} == {True}
    assert steps[-1]["run_id"] == run_id and steps[events.index("data")]["symbols"] == 5
    kept = (run.parent / "results" / run_id / "run.log").read_text(encoding="utf-8").splitlines()
    assert {json.loads(text)["run_id"] for text in kept} == {run_id}


def test_a_log_file_alone_takes_the_steps_and_leaves_the_screen_quiet(tmp_path, capsys):
    file, run = tmp_path / "log.txt", write_project(tmp_path / "project")
    assert main(["--log-file", str(file), "backtest", str(run), "--period", "train"]) == 0
    assert not [text for text in capsys.readouterr().err.splitlines() if not text.startswith("compiling")]
    assert " written run_id=" in file.read_text(encoding="utf-8")


def test_an_error_is_logged_and_said_once(tmp_path, capsys, monkeypatch):
    file = tmp_path / "log.txt"
    assert main(["backtest", str(tmp_path / "none.yaml"), "--log-file", str(file)]) == 2
    assert capsys.readouterr().err.count("none.yaml") == 1
    assert "ERROR   failed" in file.read_text(encoding="utf-8") and "none.yaml" in file.read_text(encoding="utf-8")
    monkeypatch.setenv("TRADING_SYSTEM_LOG_FORMAT", "json")
    assert main(["backtest", str(tmp_path / "none.yaml")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "failed"


@pytest.mark.parametrize("name", ["no/such/log.txt", ".", "a\0b"])
def test_a_log_file_that_cannot_be_written_is_one_message(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["--log-file", name, "version"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1 and "the log cannot be written" in err


def test_secrets_are_masked_in_run_log_and_records_even_where_json_would_escape_them(tmp_path, monkeypatch):
    secret = 'geh"eim-käse'
    monkeypatch.setenv("EXCHANGE_API_KEY", secret)
    from trading_system.runs.store import RunLog

    log = RunLog()
    log.note("warning", message=f"see {secret}", deep={"list": [secret]})
    logs.choose("INFO", "json", str(tmp_path / "log.txt"))
    logs.log("INFO", "told", message=secret)
    for text in (log.text("id").decode(), (tmp_path / "log.txt").read_text(encoding="utf-8")):
        assert "***" in text and "eim-k" not in text
