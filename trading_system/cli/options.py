"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trading_system.errors import UsageError

ConfigArgument = Annotated[
    Path | None, typer.Argument(metavar="CONFIG", help="a run file, or a strategy file alone", show_default=False)
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="CONFIG", help="the same as the argument", show_default=False)
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="override one value of the run file, as portfolio.starting_equity=50000; may be repeated",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON document on standard output and nothing else")]
ResultsFolder = Annotated[
    Path | None,
    typer.Option(
        "--results", metavar="DIR", help="folder of runs; default $TRADING_SYSTEM_RESULTS, else ./results", show_default=False
    ),
]


def one_config(argument: Path | None, option: Path | None) -> Path:
    """The run file, given either way; both at once or neither is a usage error."""
    if argument is not None and option is not None:
        raise UsageError("CONFIG is given twice, as an argument and as --config", remedy="give it once")
    chosen = argument if argument is not None else option
    if chosen is None:
        raise UsageError("CONFIG is missing", allowed="the path of a run file", remedy="trading-system init writes one")
    return chosen
