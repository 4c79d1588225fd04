"""What was tried: families, rows and corrections of the journal of trials; exit 1 when its chain is broken."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from trading_system.cli.options import AsJson, ConfigArgument, ConfigOption, ResultsFolder
from trading_system.cli.output import page, show, show_json
from trading_system.cli.runs import results_folder
from trading_system.errors import UsageError

Which = Annotated[
    str, typer.Argument(metavar="TRIAL", help="number of a record, or the beginning of a family", show_default=False)
]
Every = Annotated[bool, typer.Option("--all", help="every row, not the newest alone")]


def trials_list(
    config: ConfigArgument = None,
    config_option: ConfigOption = None,
    results: ResultsFolder = None,
    every: Every = False,
    as_json: AsJson = False,
) -> None:
    """List what was tried beside CONFIG (default: this folder): families with their number of trials, rows, the chain.

    The journal is also held against the runs of --results that belong to it.

    Example: trading-system trials list my-idea/run_config.yaml
    """
    if config is not None and config_option is not None:
        raise UsageError("CONFIG is given twice, as an argument and as --config", remedy="give it once")
    from trading_system import pipeline
    from trading_system.reports import trials as pages

    found = pipeline.list_trials(config or config_option or Path(), results_folder(results))
    show_json(found) if as_json else show(f"{pages.trials_page(found, page(), every=every)}\n{pages.where(found)}")
    _end(found)


def trials_show(which: Which, config: ConfigOption = None, results: ResultsFolder = None, as_json: AsJson = False) -> None:
    """Show one record or one family with what corrections for the number of trials leave of its best.

    Example: trading-system trials show 12 --config my-idea/run_config.yaml
    """
    from trading_system import pipeline
    from trading_system.cli.progress import working
    from trading_system.reports import trials as pages

    with working("corrections"):
        found = pipeline.show_trials(which, config or Path(), results_folder(results))
    show_json(found) if as_json else show(f"{pages.trial_page(found, page())}\n{pages.where(found)}")
    _end(found)


def _end(found: dict[str, Any]) -> None:
    if not found["chain"]["whole"]:
        raise typer.Exit(1)


COMMANDS = {"list": trials_list, "show": trials_show}
