"""Nobody waits in the dark, and nothing is drawn where nobody looks."""

from __future__ import annotations

import io
import time

import pytest

from trading_system.cli import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def warm(monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.05)


def test_nothing_is_drawn_when_standard_error_is_no_terminal(warm, capsys):
    with progress.working("reading"):
        time.sleep(0.2)
    assert capsys.readouterr() == ("", "")


def test_short_work_draws_nothing_on_a_terminal_either(warm, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(progress.sys, "stderr", screen)
    with progress.working("reading"):
        pass
    assert screen.getvalue() == ""


def test_long_work_is_named_and_the_bar_is_gone_at_the_end(warm, monkeypatch):
    screen = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress.sys, "stderr", screen)
    with progress.working("reading"):
        time.sleep(0.6)
    assert "reading" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K")


def test_the_bar_ends_when_the_work_fails(warm, monkeypatch):
    monkeypatch.setattr(progress.sys, "stderr", Terminal())
    with pytest.raises(ZeroDivisionError), progress.working("reading"):
        raise ZeroDivisionError


def test_compiling_is_told_when_it_happens_and_once(capsys):
    from trading_system.kernels import compile_listeners

    def compile_some():
        for name in ("mean", "change", "advance", "audit"):
            for tell in compile_listeners:
                tell(name)

    with progress.working("reading"):
        compile_some()
    with progress.working("backtest", simulates=True):
        pass
    assert capsys.readouterr().err == ""
    with pytest.raises(ZeroDivisionError), progress.working("backtest", simulates=True):
        compile_some()
        raise ZeroDivisionError
    assert capsys.readouterr().err.splitlines() == [progress.COMPILING, progress.SLOW["advance"]]
    assert not compile_listeners
