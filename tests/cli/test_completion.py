"""Shell completion: the script is made for each shell, it can be installed, and it knows commands and their words."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.printed import python_path


def program(folder: Path) -> Path:
    """The command `trading-system` of this Python, in a folder of its own."""
    file = folder / "trading-system"
    file.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m trading_system "$@"\n', encoding="utf-8")
    file.chmod(0o755)
    return file


def completed(line: str) -> list[str]:
    """What bash is told when TAB is pressed at the end of `line`."""
    words = line.split(" ")
    told = {"_TRADING_SYSTEM_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    environment = os.environ | told | {"PYTHONPATH": python_path()}
    command = [sys.executable, "-m", "trading_system"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("trading-system ba", ["backtest"]),
        ("trading-system runs re", ["reproduce"]),
        ("trading-system backtest --fail", ["--fail-on-reject"]),
        ("trading-system backtest --period v", ["validation"]),
        ("trading-system strategy show ma_", ["ma_crossover"]),
        ("trading-system data sample cr", ["crypto10"]),
    ],
)
def test_commands_options_and_known_words_are_completed(line, expected):
    assert completed(line) == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_printed(shell):
    environment = os.environ | {"_TRADING_SYSTEM_COMPLETE": f"source_{shell}", "PYTHONPATH": python_path()}
    command = [sys.executable, "-m", "trading_system"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "_TRADING_SYSTEM_COMPLETE" in done.stdout and "trading-system" in done.stdout


@pytest.mark.skipif(
    shutil.which("bash") is None, reason="completion is installed for bash here, which this system does not have"
)
def test_it_is_installed_for_the_shell_that_asks(tmp_path):
    program(tmp_path)
    environment = os.environ | {
        "HOME": str(tmp_path),
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": python_path(),
    }
    line = "trading-system --install-completion; echo ended $?"
    done = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, check=True)
    assert "ended 0" in done.stdout, done.stderr
    script = next((tmp_path / ".bash_completions").iterdir())
    assert "_TRADING_SYSTEM_COMPLETE=complete_bash" in script.read_text(encoding="utf-8")
    assert str(script) in (tmp_path / ".bashrc").read_text(encoding="utf-8")
