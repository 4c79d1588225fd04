"""trading-system preregister"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trading_system.cli.options import AsJson, ConfigArgument, ConfigOption, Overrides, one_config
from trading_system.cli.output import page, show, show_json

File = Annotated[
    Path | None,
    typer.Option("--file", metavar="FILE", help="where; default preregistration.json beside CONFIG", show_default=False),
]


def preregister(
    config: ConfigArgument = None,
    config_option: ConfigOption = None,
    file: File = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Freeze splits, parameters, grid and gates in a hashed file before the first look; later answers are held against it.

    Example: trading-system preregister EXAMPLE_CONFIGS/run_config.yaml
    """
    path = one_config(config, config_option)
    from trading_system import pipeline
    from trading_system.cli.progress import working
    from trading_system.reports.preregistration import preregistration_page

    with working("preregistering"):
        found = pipeline.preregister(path, file=file, overrides=tuple(overrides or ()))
    show_json(found) if as_json else show(preregistration_page(found, page()))


COMMANDS = {"preregister": preregister}
