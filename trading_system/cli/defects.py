"""Where the traceback of a defect goes: a file of its own, never the user's screen."""

from __future__ import annotations

import os
import platform
import tempfile
import traceback
from collections.abc import Sequence
from importlib.metadata import version

from trading_system.runs.secrets import masked


def keep(error: BaseException, arguments: Sequence[str]) -> str:
    """Write versions, arguments and traceback, secrets masked, to a new file in the temporary folder; return its path.

    When even that fails the traceback's last line comes back in place of the path.
    """
    text = "\n".join(
        [
            f"trading-system {version('trading-system')}, Python {platform.python_version()}, {platform.platform()}",
            f"arguments: {list(arguments)!r}",
            "",
            "".join(traceback.format_exception(error)),
        ]
    )
    try:
        handle, path = tempfile.mkstemp(prefix="trading-system-defect-", suffix=".log")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(masked(text))
    except OSError:
        return masked("".join(traceback.format_exception_only(error)).strip())
    return path
