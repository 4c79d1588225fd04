"""trading-system init"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from trading_system.cli.config import template
from trading_system.cli.options import AsJson
from trading_system.cli.output import show, show_json
from trading_system.errors import OutputError

Folder = Annotated[Path, typer.Argument(metavar="[DIR]", help="folder to write to; it is made when it does not exist")]
WRITTEN = {"run_config.yaml": "run_config.yaml", "my_strategy.yaml": "strategy_config.yaml", "README.md": "README.md"}


def init(folder: Folder = Path("."), as_json: AsJson = False) -> None:
    """Write a folder that runs as it stands; nothing is overwritten.

    Example: trading-system init my-idea
    """
    from trading_system.cli.session import session

    session.kept = "files that were written whole are kept"
    written = write_project(folder)
    if as_json:
        show_json({"folder": str(folder), "files": [str(path) for path in written]})
        return
    from trading_system.reports.formats import one_line

    lines = [f"wrote {one_line(str(path))}" for path in written]
    show("\n".join([*lines, f"next: trading-system backtest {one_line(str(folder / 'run_config.yaml'))}"]))


def write_project(folder: Path) -> list[Path]:
    """Write the files of a new project and return their paths.

    Raises
    ------
    OutputError
        One of the files exists already; nothing is written then.
    """
    there = [name for name in WRITTEN if (folder / name).exists() or (folder / name).is_symlink()]
    if there:
        raise OutputError(
            f"there is a {', '.join(there)} already", where=str(folder), remedy="name another folder; nothing was changed"
        )
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    try:
        for name, source in WRITTEN.items():
            written.append(folder / name)
            with open(folder / name, "x", encoding="utf-8") as stream:
                stream.write(template(source))
    except BaseException:
        for path in written:
            with contextlib.suppress(OSError):
                path.unlink()
        raise
    return written


COMMANDS = {"init": init}
