"""trading-system init"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trading_system.cli.options import AsJson
from trading_system.cli.output import show, show_json
from trading_system.cli.writing import write_new

Folder = Annotated[Path, typer.Argument(metavar="[DIR]", help="folder to write to; it is made when it does not exist")]


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
    from trading_system.reports.formats import command, one_line

    lines = [f"wrote {one_line(str(path))}" for path in written]
    show("\n".join([*lines, f"next: {command('trading-system', 'backtest', str(folder / 'run_config.yaml'))}"]))


def project() -> dict[str, str]:
    """The files of a new project: name to text, the run file first."""
    from importlib.resources import files

    from trading_system.config.templates import examples, file_name

    texts, strategy = examples(), file_name("equity_momentum")
    readme = files("trading_system.cli").joinpath("templates", "README.md").read_text(encoding="utf-8")
    return {name: texts[name] for name in (file_name("run"), strategy)} | {"README.md": readme}


def write_project(folder: Path) -> list[Path]:
    """Write the files of a new project and return their paths.

    Raises
    ------
    OutputError
        One of the files exists already; nothing is written then.
    """
    return write_new(folder, project(), "name another folder; nothing was changed")


COMMANDS = {"init": init}
