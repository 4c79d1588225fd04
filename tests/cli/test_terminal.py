"""On a terminal of 80 and of 120 columns, with colours and without: no line is broken by the terminal itself."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.cli.projects import write_project
from tests.printed import python_path
from trading_system.reports.formats import cells

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
PAGES = {
    "backtest": ("backtest", "run.yaml", "--out", "more"),
    "list": ("runs", "list", "--results", "results"),
    "show": ("runs", "show", "RUN", "--results", "results"),
    "compare": ("runs", "compare", "RUN", "OTHER", "--results", "results", "--all"),
    "data": ("validate", "data", "run.yaml"),
    "strategies": ("strategy", "list"),
    "strategy": ("strategy", "show", "pairs"),
    "doctor": ("doctor", "run.yaml"),
    "samples": ("data", "sample"),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    from trading_system import pipeline

    folder = tmp_path_factory.mktemp("project")
    run = write_project(folder)
    for equity in (100_000, 50_000):
        pipeline.run_backtest(run, overrides=(f"portfolio.starting_equity={equity}",))
    return folder


def screen(folder: Path, arguments: list[str], columns: int, *, colour: bool) -> str:
    """What a terminal of this width is sent."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    hidden = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TRADING_SYSTEM_RESULTS")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    environment |= {"TERM": "xterm-256color", "PYTHONPATH": python_path()} | ({} if colour else {"NO_COLOR": "1"})
    command = [sys.executable, "-m", "trading_system", *arguments]
    with subprocess.Popen(command, cwd=folder, env=environment, stdin=slave, stdout=slave, stderr=subprocess.DEVNULL) as child:
        os.close(slave)
        sent = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:  # the child has closed its end
                break
            if not piece:
                break
            sent += piece
    os.close(master)
    assert child.returncode == 0
    return sent.decode().replace("\r\n", "\n")


@pytest.mark.slow
@pytest.mark.parametrize(("columns", "colour"), [(80, True), (120, False)])
@pytest.mark.parametrize("name", PAGES)
def test_page_fits_the_terminal(project, name, columns, colour):
    """But for a path or a line to paste, which is never broken."""
    runs = sorted(folder.name for folder in (project / "results").iterdir() if not folder.name.startswith("."))
    named = {"RUN": runs[0], "OTHER": runs[-1]}
    text = screen(project, [named.get(word, word) for word in PAGES[name]], columns, colour=colour)
    assert colour or not ESCAPE.search(text)
    for line in ESCAPE.sub("", text).splitlines():
        alone = line.split()[-1] if line.split() else ""
        assert cells(line) <= columns or ("/" in alone and len(alone) > 20), line
