"""What people see while work lasts: a line about compiling, a bar on a terminal; both on standard error."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

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


@contextlib.contextmanager
def counting(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """Show how far numbered work is, with its rate and the time left, once it lasts longer than a second.

    Gives the listener that a loop tells: name of the work, tasks done, tasks in all. On anything but a terminal, and with
    ``--quiet``, nothing is drawn.
    """
    from trading_system.cli.session import session

    drawn = not session.quiet and sys.stderr.isatty()
    with _compiling_is_told() if not session.quiet else contextlib.nullcontext(), contextlib.redirect_stdout(sys.stderr):
        if not drawn:
            yield lambda name, done, of: None
            return
        with _Bars(what) as bars:
            yield bars.told


class _Bars:
    """One line for the work that goes on; it appears after a second and is erased at the end."""

    def __init__(self, what: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
        from rich.text import Text

        class Rate(ProgressColumn):
            """Tasks per second."""

            def render(self, task: Any) -> Text:
                speed = task.finished_speed or task.speed
                return Text("" if speed is None else f"{speed:,.1f}/s")

        columns = (TextColumn("{task.description}"), BarColumn(30), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task(what, total=None)
        self._name, self._began, self._shown = what, time.monotonic(), False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._shown:
            self._progress.stop()

    def told(self, name: str, done: int, of: int) -> None:
        if not self._shown and time.monotonic() - self._began > PATIENCE:
            self._progress.start()
            self._shown = True
        if name != self._name:
            self._name = name
            self._progress.reset(self._task, description=name, total=of, completed=done)
        self._progress.update(self._task, description=name, total=of, completed=done)


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
