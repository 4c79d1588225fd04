"""The entry point: the one place that turns an error into one message and an exit code.

====== ==================================================================================
code   meaning
====== ==================================================================================
0      done, or the answer is yes
1      the answer is no (a gate failed; in ``validate``: invalid)
2      bad input or environment: one message, no traceback, nothing half-written
3      a defect of the program: the traceback is in a file whose path is on standard error
130    interrupted from the keyboard (SIGINT)
143    told to stop (SIGTERM)
====== ==================================================================================
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from types import FrameType

from trading_system.errors import TradingSystemError, UsageError

PROGRAM = "trading-system"


class Interrupted(BaseException):
    """The process was told to stop; no ``except Exception`` on the way swallows it."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with `argv` (default: the process's own arguments) and return its exit code."""
    if argv is None:
        gc.set_threshold(200_000, 50, 50)  # a short process: looking for cycles while importing costs a fifth of its time
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # text from outside must never stop a report
    try:
        with _stoppable():
            code = _answer(arguments)
            return _flushed(code)
    except Interrupted as stop:
        from trading_system.cli.session import session

        _say(f"stopped by {stop}: {session.kept}")
        return 128 + stop.number


def _answer(arguments: list[str]) -> int:
    """Exit code of one command; every error becomes one message on standard error."""
    try:
        from trading_system.cli.app import run

        return run(arguments)
    except TradingSystemError as error:
        _say(_message(error))
    except OSError as error:
        _say(_os_message(error))
    except MemoryError:
        _say("not enough memory for this work; use fewer symbols, a shorter period or a coarser timeframe")
    except Exception as error:  # noqa: BLE001  a defect of ours: everything expected was caught above
        return _defect(error, arguments)
    return 2


def _message(error: TradingSystemError) -> str:
    """One message: the error's own text, escaped for the terminal; many problems of a file stand one per line."""
    from trading_system.reports.formats import plain

    problems = getattr(error, "problems", ())
    if len(problems) > 1:
        lines = [plain(str(problem)) for problem in problems]
        return "\n".join([f"{len(lines)} problems", *(f"  {line}" for line in lines)])
    text = plain(str(error))
    if isinstance(error, UsageError) and PROGRAM not in text:
        text += f"; see {PROGRAM} --help"
    return text


def _os_message(error: OSError) -> str:
    from trading_system.reports.formats import plain

    name = errno.errorcode.get(error.errno, "") if error.errno else ""
    code = f" (errno {error.errno}{', ' + name if name else ''})" if error.errno else ""
    paths = " -> ".join(plain(os.fsdecode(p)) for p in (error.filename, error.filename2) if isinstance(p, (str, bytes)))
    return f"{paths or 'input or output'}: {error.strerror or plain(str(error))}{code}"


def _defect(error: Exception, arguments: Sequence[str]) -> int:
    """Keep the traceback in a file of its own, say where, and return 3."""
    from trading_system.cli.defects import keep

    place = keep(error, arguments)
    _say(f"a defect of {PROGRAM} stopped this command ({type(error).__name__}); the traceback is in {place}; please report it")
    return 3


def _say(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        from trading_system.cli import logs
        from trading_system.runs.secrets import masked

        if not logs.failed(text):
            print(f"error: {masked(text)}", file=sys.stderr, flush=True)


def _flushed(code: int) -> int:
    """Write out what is buffered; a full disk behind standard output is an answer that did not arrive."""
    from trading_system.cli.output import drop_stdout

    try:
        sys.stdout.flush()
    except BrokenPipeError:
        drop_stdout()
    except OSError as error:
        drop_stdout()
        _say(f"standard output: {error.strerror}")
        return 2
    return code


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into `Interrupted`; a second one ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)
        raise Interrupted(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
