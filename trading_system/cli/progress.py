"""What people see while work lasts: a line about compiling, a bar on a terminal; both on standard error."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

COMPILING = "compiling kernels (first run, some seconds)"
SLOW = {"advance": "compiling kernels of the portfolio engine (first run, about 20 s)"}
PATIENCE = 1.0


@contextlib.contextmanager
def working(what: str, *, simulates: bool = False) -> Iterator[None]:
    """Show that `what` goes on once it lasts longer than a second, when standard error is a terminal.

    What a user's own code prints goes to standard error too: standard output is for the answer alone.

    Work that `simulates` says when kernels are compiled: by the first runs after an installation or upgrade.
    """
    from trading_system.cli.session import session

    told = _compiling_is_told() if simulates and not session.quiet else contextlib.nullcontext()
    with told, _pulsing(what, drawn=not session.quiet and sys.stderr.isatty()), contextlib.redirect_stdout(sys.stderr):
        yield


@contextlib.contextmanager
def _compiling_is_told() -> Iterator[None]:
    """One line before the first kernel that is compiled, one more before one that takes long."""
    from trading_system.kernels import compile_listeners

    said: set[str] = set()

    def tell(kernel: str) -> None:
        line = SLOW.get(kernel, COMPILING)
        if line not in said:
            said.add(line)
            print(line, file=sys.stderr, flush=True)

    compile_listeners.append(tell)
    try:
        yield
    finally:
        compile_listeners.remove(tell)


@contextlib.contextmanager
def _pulsing(what: str, *, drawn: bool) -> Iterator[None]:
    if not drawn:
        yield
        return
    done = threading.Event()
    watcher = threading.Thread(target=_pulse, args=(what, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _pulse(what: str, done: threading.Event) -> None:
    """A bar with the time so far, from the second second on, erased at the end."""
    if done.wait(PATIENCE):
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(30), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        bar.add_task(what, total=None)
        done.wait()


def first_run() -> bool:
    """Whether the portfolio engine's machine code of this version is not in the cache yet."""
    from trading_system import kernels

    source = kernels.PACKAGE / "engine" / "_kernels.py"
    if not source.is_file() or os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        return False
    folder = kernels.kernel_folder() / f"engine-{kernels.source_stamp(source)[:16]}"
    return not (folder.is_dir() and any(folder.iterdir()))
