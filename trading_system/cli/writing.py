"""New files for the user: all of them or none, and never over what is there."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from trading_system.errors import OutputError


def write_new(folder: Path, texts: Mapping[str, str], remedy: str) -> list[Path]:
    """Write `texts` (file name to content) into `folder`, which is made when it does not exist, and return their paths.

    Raises
    ------
    OutputError
        One of the files exists already; nothing is written then.
    """
    there = [name for name in texts if (folder / name).exists() or (folder / name).is_symlink()]
    if there:
        raise OutputError(f"there is a {', '.join(there)} already", where=str(folder), remedy=remedy)
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    try:
        for name, text in texts.items():
            with open(folder / name, "x", encoding="utf-8") as stream:
                written.append(folder / name)
                stream.write(text)
    except BaseException:
        for path in written:
            with contextlib.suppress(OSError):
                path.unlink()
        raise
    return written
