"""Run files: template, JSON Schema, and what one resolves to."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from trading_system.cli.options import AsJson, ConfigArgument, ConfigOption, Overrides, one_config
from trading_system.cli.output import show, show_json

Kind = Annotated[
    Literal["run", "strategy"], typer.Argument(metavar="[run|strategy]", help="which kind of file", show_default=False)
]
Name = Annotated[
    str, typer.Argument(metavar="[run|TYPE]", help="a run file, or the strategy file of a shipped type", show_default=False)
]


def config_template(name: Name = "run") -> None:
    """Print a commented file to start from.

    Example: trading-system config template equity_momentum > my_strategy.yaml
    """
    from trading_system.config.templates import template

    show(template(name).rstrip("\n"))


def config_schema(kind: Kind = "run") -> None:
    """Print the JSON Schema of run files or strategy files, for editors and other programs.

    Example: trading-system config schema run > run_config.schema.json
    """
    from trading_system.config.schema import schema

    show_json(schema(kind))


def config_show(
    config: ConfigArgument = None, config_option: ConfigOption = None, overrides: Overrides = None, as_json: AsJson = False
) -> None:
    """Print what a run file resolves to: every default, every strategy file read in, every --set applied.

    Example: trading-system config show EXAMPLE_CONFIGS/run_config.yaml --set seed=7
    """
    from trading_system.pipeline import load_run

    run = load_run(one_config(config, config_option), tuple(overrides or ()))
    if as_json:
        show_json({"hash": run.hash, "warnings": list(run.warnings), "config": run.config.model_dump(mode="json")})
    else:
        from trading_system.reports.formats import plain

        show(plain(run.resolved.rstrip("\n")))


COMMANDS = {"template": config_template, "schema": config_schema, "show": config_show}
