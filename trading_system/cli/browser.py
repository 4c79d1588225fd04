"""Showing a file in the user's browser; where there is none, saying so is enough."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def opened(path: Path) -> bool:
    """Open `path` in a browser; one line on standard error when that cannot be done here."""
    from trading_system.cli.output import note
    from trading_system.reports.formats import one_line

    done = can_show() and _open(path.resolve().as_uri())
    if not done:
        note(f"no browser can be opened here; open {one_line(str(path.resolve()))} yourself")
    return done


def can_show() -> bool:
    """Whether there is a screen to show a page on, or a program named for it ($BROWSER)."""
    if sys.platform in ("win32", "darwin") or os.environ.get("BROWSER"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("WSL_DISTRO_NAME"))


def _open(address: str) -> bool:
    import webbrowser

    try:
        return webbrowser.open(address, new=2)
    except (webbrowser.Error, OSError):
        return False
