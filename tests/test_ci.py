"""The script that judges a change ends with its first failure, and leaves no process and no folder behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

RUN = Path(__file__).parents[1] / ".ci" / "run"
TOOLS = ("pip", "ruff", "flake8", "mypy", "pytest", "python", "coverage")
WAITS = 'echo $$ >>"$PIDS"; sleep 600 & echo $! >>"$PIDS"; wait'
ARRIVED = 'until [ "$(wc -l <"$PIDS")" -ge 2 ]; do sleep 0.05; done'

pytestmark = pytest.mark.skipif(shutil.which("bash") is None or shutil.which("git") is None, reason="needs bash and git")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout whose tools are scripts of one line each."""
    tree = tmp_path / "tree"
    (tree / ".ci").mkdir(parents=True)
    shutil.copy(RUN, tree / ".ci" / "run")
    (tree / "tools").mkdir()
    for name in TOOLS:
        (tree / "tools" / name).write_text("#!/usr/bin/env bash\n", "utf-8")
    copied = "import os, pathlib, shutil; pathlib.Path('.venv').mkdir(); shutil.copytree('tools', '.venv/bin')"
    (tree / "make.py").write_text(f"{copied}\nfor tool in os.scandir('.venv/bin'): os.chmod(tool, 0o755)\n", "utf-8")
    (tree / "README.md").write_text("    python3 make.py\n    .venv/bin/pip install && .venv/bin/pytest\n", "utf-8")
    subprocess.run(["git", "init", "-q"], cwd=tree, check=True)
    return tree


def tool(tree: Path, name: str, body: str) -> None:
    (tree / "tools" / name).write_text(f"#!/usr/bin/env bash\n{body}\n", "utf-8")


def started(tree: Path) -> subprocess.Popen[str]:
    """The script on its way, its temporary folders and the numbers of waiting processes beside the tree."""
    (tree.parent / "temporary").mkdir()
    (tree.parent / "pids").touch()
    env = {**os.environ, "TMPDIR": str(tree.parent / "temporary"), "PIDS": str(tree.parent / "pids")}
    # a suite that was started in the background ignores the interrupt, and a shell can never hear again what it inherits as ignored
    hearing = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execvp('bash', ['bash', *sys.argv[1:]])"
    )
    line = [sys.executable, "-c", hearing, str(tree / ".ci" / "run")]
    return subprocess.Popen(line, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def left(tree: Path) -> tuple[list[int], list[str]]:
    """Processes that still run, and what is left of temporary folders."""
    pids = [int(line) for line in (tree.parent / "pids").read_text().split()]
    assert len(pids) >= 2
    return [pid for pid in pids if alive(pid)], os.listdir(tree.parent / "temporary")


def test_a_tree_that_passes_is_judged_to_its_end(tree: Path) -> None:
    tool(tree, "pytest", "echo 7 passed in 1s")
    process = started(tree)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    assert out.splitlines()[-1] == "7 passed in 1s" and "== coverage" in out
    assert os.listdir(tree.parent / "temporary") == []


@pytest.mark.parametrize(("fails", "waits"), [("pytest", "flake8"), ("flake8", "pytest")])
def test_the_first_failure_ends_what_goes_on_beside_it(tree: Path, fails: str, waits: str) -> None:
    tool(tree, waits, WAITS)
    tool(tree, fails, f"{ARRIVED}; echo FAILED here; exit 3")
    process = started(tree)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 3, out
    assert "FAILED here" in out and "== coverage" not in out
    assert left(tree) == ([], [])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_every_job(tree: Path, number: signal.Signals, code: int) -> None:
    tool(tree, "mypy", WAITS)
    tool(tree, "pytest", WAITS)
    process = started(tree)
    deadline = time.monotonic() + 30
    while len((tree.parent / "pids").read_text().split()) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == code
    assert left(tree) == ([], [])
