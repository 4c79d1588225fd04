"""trading-system walk-forward"""

from __future__ import annotations

from typing import Annotated

import typer

from trading_system.cli.backtest import Out, Period, chosen_folder, show_report
from trading_system.cli.options import AsJson, ConfigArgument, ConfigOption, Overrides, one_config
from trading_system.cli.output import page, show, show_json
from trading_system.cli.report import Open

Train = Annotated[int | None, typer.Option("--train", metavar="N", help="bars to choose parameters on", show_default=False)]
Test = Annotated[
    int | None, typer.Option("--test", metavar="N", help="bars that follow, traded with them", show_default=False)
]
Step = Annotated[
    int | None, typer.Option("--step", metavar="N", help="bars between two folds; default: --test", show_default=False)
]
Gap = Annotated[int | None, typer.Option("--gap", metavar="N", help="bars left out between the two", show_default=False)]
Anchored = Annotated[
    bool | None,
    typer.Option("--anchored/--rolling", help="train from the first bar on, or on a window that rolls", show_default=False),
]
Resume = Annotated[bool, typer.Option("--resume", help="go on with what a stopped walk-forward of the same work has finished")]


def walk_forward(
    config: ConfigArgument = None,
    config_option: ConfigOption = None,
    train: Train = None,
    test: Test = None,
    step: Step = None,
    gap: Gap = None,
    anchored: Anchored = None,
    period: Period = None,
    overrides: Overrides = None,
    out: Out = None,
    resume: Resume = False,
    as_json: AsJson = False,
    open_: Open = False,
) -> None:
    """Choose parameters on one window, trade the next with them, move on: a table of folds here, everything in a folder.

    Windows that are not given are those of validation.walk_forward of CONFIG; the grid is that of CONFIG.

    Example: trading-system walk-forward EXAMPLE_CONFIGS/run_config.yaml --train 504 --test 126
    """
    path = one_config(config, config_option)
    windows = {"train": train, "test": test, "step": step, "gap": gap, "anchored": anchored}
    told_windows = [f"validation.walk_forward.{key}={value}".lower() for key, value in windows.items() if value is not None]
    from trading_system import pipeline
    from trading_system.cli.logs import run_log
    from trading_system.cli.progress import counting
    from trading_system.cli.session import session
    from trading_system.reports.formats import one_line
    from trading_system.reports.walk_forward import walk_forward_page

    session.kept = "the points that were finished are kept; the same command with --resume goes on with them"
    with counting("walk-forward") as told:
        done = pipeline.run_walk_forward(
            path,
            period=period,
            resume=resume,
            out=chosen_folder(out),
            overrides=(*(overrides or ()), *told_windows),
            log=run_log(),
            told=told,
        )
    folder = str(done.backtest.folder)
    session.kept = f"the walk-forward was finished; its results are in {folder}"
    if as_json:
        told_of = {key: value for key, value in done.document.items() if key != "pictures"}
        show_json({"run_id": done.backtest.run_id, "folder": folder, **told_of})
    elif session.quiet:
        show(one_line(folder))
    else:
        show(walk_forward_page(done.document, done.found.equity.tolist(), folder, page(), done.backtest.warnings))
    if open_:
        show_report(done.backtest.folder)


COMMANDS = {"walk-forward": walk_forward}
