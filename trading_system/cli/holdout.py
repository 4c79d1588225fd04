"""trading-system holdout"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trading_system.cli.backtest import Out, chosen_folder, show_report
from trading_system.cli.options import AsJson, ConfigArgument, ConfigOption, Overrides, one_config
from trading_system.cli.output import page, show, show_json
from trading_system.cli.report import Open
from trading_system.errors import UsageError

if TYPE_CHECKING:
    from trading_system.config.loading import LoadedRun

WORD = "open"
Yes = Annotated[bool, typer.Option("--yes", help="open it without asking; there is one look")]


def holdout(
    config: ConfigArgument = None,
    config_option: ConfigOption = None,
    yes: Yes = False,
    overrides: Overrides = None,
    out: Out = None,
    as_json: AsJson = False,
    open_: Open = False,
) -> None:
    """Open the holdout, once, and judge it; exit 0 only when every bar holds and nobody had looked before.

    Example: trading-system holdout EXAMPLE_CONFIGS/run_config.yaml
    """
    path = one_config(config, config_option)
    from trading_system import pipeline
    from trading_system.cli.logs import run_log
    from trading_system.cli.progress import counting
    from trading_system.cli.session import session
    from trading_system.reports import holdout as pages

    run = pipeline.load_run(path, tuple(overrides or ()))
    _confirm(run, yes)
    session.kept = "where the log says that the holdout was opened it stays opened; no result folder was left"
    with counting("holdout") as told:
        done = pipeline.run_holdout(run, yes=True, out=chosen_folder(out), log=run_log(), told=told)
    session.kept = f"the holdout was judged; its results are in {done.backtest.folder}"
    if as_json:
        show_json({"run_id": done.backtest.run_id, "folder": str(done.backtest.folder), **done.document})
    elif session.quiet:
        show(f"{done.answer} {done.backtest.folder}")
    else:
        show(pages.holdout_page(done.document, str(done.backtest.folder), page(), done.backtest.warnings))
    if open_:
        show_report(done.backtest.folder)
    if done.answer != "yes":
        raise typer.Exit(1)


def _confirm(run: LoadedRun, yes: bool) -> None:
    """Go on only when it is meant: with ``--yes``, or a word typed at a terminal."""
    from trading_system import pipeline

    plan = pipeline.holdout_plan(run)
    if yes:
        return
    said = meaning(plan)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(said, remedy="say --yes when everything else is decided")
    print(f"{said}\ntype {WORD!r} to open it: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != WORD:
        raise UsageError("the holdout stays closed: the word was not typed")


def meaning(plan: dict[str, Any]) -> str:
    """What opening means, in a sentence or two."""
    before = plan["openings"]
    so_far = (
        f"these dates were opened {len(before)} time{'s' if len(before) > 1 else ''} before, last on {before[-1]}: where it was of the"
        " same bars, what you would see is contaminated, and every report will say so"
        if before
        else "there is one look: it is written down for good, and a second one marks every later report as contaminated"
    )
    return f"this would open the holdout, {plan['first']} to {plan['last']}; {so_far}"


COMMANDS = {"holdout": holdout}
