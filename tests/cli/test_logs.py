"""Logging: chosen by the command line, then the environment; masked, escaped, never paid for unless wanted."""

from __future__ import annotations

import json

import pytest

from trading_system.cli import logs
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
