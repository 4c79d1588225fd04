"""trading-system optimize"""

from __future__ import annotations

import re
from typing import Annotated

import typer

from trading_system.cli.backtest import Out, Period, chosen_folder, show_report
from trading_system.cli.options import AsJson, ConfigArgument, ConfigOption, Overrides, one_config
from trading_system.cli.output import page, show, show_json
from trading_system.cli.report import Open
from trading_system.errors import UsageError

Grid = Annotated[
    list[str] | None,
    typer.Option(
        "--grid",
        metavar="KEY=VALUES",
        help="values of one key, as params.exit_ma=10,20,30 or =10:50:10; may be repeated; replaces the grid of CONFIG",
    ),
]
Points = Annotated[
    int | None,
    typer.Option(
        "--points", metavar="N", min=1, help="draw so many combinations at random, without repetition", show_default=False
    ),
]
Objective = Annotated[
    str | None,
    typer.Option(
        "--objective", metavar="METRIC", help="what is maximised; default validation.search.objective", show_default=False
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="go on with what a stopped search of the same work has finished")]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        "--max-memory", metavar="SIZE", help="most memory for the table, as 500MB or 2GB; default half of the machine's"
    ),
]
_UNITS = {"": 1, "B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30}


def optimize(
    config: ConfigArgument = None,
    config_option: ConfigOption = None,
    grid: Grid = None,
    points: Points = None,
    objective: Objective = None,
    period: Period = None,
    overrides: Overrides = None,
    out: Out = None,
    resume: Resume = False,
    max_memory: MaxMemory = None,
    as_json: AsJson = False,
    open_: Open = False,
) -> None:
    """Try every point of a grid: ranked, with what surrounds the best; each point is counted as a trial.

    Example: trading-system optimize EXAMPLE_CONFIGS/run_config.yaml --grid params.exit_ma=10:50:10 --grid params.stop_atr=2,3
    """
    path = one_config(config, config_option)
    most = None if max_memory is None else size_of(max_memory)
    from trading_system import pipeline
    from trading_system.cli.logs import run_log
    from trading_system.cli.progress import counting
    from trading_system.cli.session import session
    from trading_system.reports.formats import one_line
    from trading_system.reports.optimize import optimize_page

    session.kept = "the points that were finished are kept; the same command with --resume goes on with them"
    with counting("search") as told:
        done = pipeline.run_optimize(
            path,
            grid=tuple(grid or ()),
            points=points,
            objective=objective,
            period=period,
            resume=resume,
            max_memory=most,
            out=chosen_folder(out),
            overrides=tuple(overrides or ()),
            log=run_log(),
            told=told,
        )
    folder = str(done.backtest.folder)
    session.kept = f"the search was finished; its results are in {folder}"
    if as_json:
        show_json({"run_id": done.backtest.run_id, "folder": folder, **done.document})
    elif session.quiet:
        show(one_line(folder))
    else:
        show(optimize_page(done.document, str(path), folder, page(), done.backtest.warnings))
    if open_:
        show_report(done.backtest.folder)


def size_of(text: str) -> int:
    """Bytes of ``500MB``, ``2GB``; a usage error for anything else."""
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?)\s*([KMG]?B?)", text.strip().upper())
    unit = "" if found is None else found[2] if found[2].endswith("B") or not found[2] else f"{found[2]}B"
    if found is None or not float(found[1]) * _UNITS[unit] >= 1:
        raise UsageError(f"--max-memory: {text!r} is no size", allowed="a number with KB, MB or GB, as in 500MB")
    return int(float(found[1]) * _UNITS[unit])


COMMANDS = {"optimize": optimize}
