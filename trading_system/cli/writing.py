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
    from trading_system.files import make_folder, unmade, write_file

    there = [name for name in texts if (folder / name).exists() or (folder / name).is_symlink()]
    if there:
        raise OutputError(f"there is a {', '.join(there)} already", where=str(folder), remedy=remedy)
    written: list[Path] = []
    with unmade(folder):
        make_folder(folder)
        try:
            for name, text in texts.items():
                write_file(folder / name, text.encode(), new=True)
                written.append(folder / name)
        except BaseException:
            for path in written:
                with contextlib.suppress(OSError):
                    path.unlink()
            raise
    return written
