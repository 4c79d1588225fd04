"""Standard output: a finished text, or one JSON document; a reader who went away is not an error."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

from trading_system.errors import OutputError

if TYPE_CHECKING:
    from trading_system.reports.page import Page

NARROWEST, WIDEST = 72, 160


def show(text: str) -> None:
    """Print a finished text."""
    try:
        print(text)
    except BrokenPipeError:
        drop_stdout()
    except OSError as error:
        raise OutputError(error.strerror or str(error), where="standard output") from None


def drop_stdout() -> None:
    """Nobody reads on: what is still buffered goes nowhere, and the interpreter does not complain at exit."""
    with contextlib.suppress(OSError, ValueError):
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())
        os.close(sink)


def show_json(document: Any) -> None:
    """Print one JSON document: sorted as given, NaN and infinities as null."""
    from trading_system.reports.formats import to_json

    show(to_json(document))


def width() -> int:
    """Columns of the terminal ($COLUMNS first), 80 when there is none, within what a table can use."""
    return min(max(shutil.get_terminal_size((80, 24)).columns, NARROWEST), WIDEST)


def colour() -> bool:
    """Whether standard output is a terminal that wants colours (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def unicode() -> bool:
    """Whether standard output can print block characters."""
    try:
        "▁█─".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def page() -> Page:
    """How pages are drawn on this standard output."""
    from trading_system.reports.page import Page

    return Page(width(), unicode(), colour())


def note(text: str) -> None:
    """One line for people on standard error."""
    print(text, file=sys.stderr, flush=True)
