"""Check run files, the data they name, or whether a strategy is more than luck; exit 1 when the answer is no."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trading_system.cli.backtest import Out, chosen_folder, show_report
from trading_system.cli.options import AsJson, ConfigArgument, ConfigOption, Overrides, one_config
from trading_system.cli.output import page, show, show_json
from trading_system.cli.report import Open
from trading_system.errors import TradingSystemError, UsageError

if TYPE_CHECKING:
    from trading_system.config.loading import LoadedRun
    from trading_system.errors import DataError

Paths = Annotated[
    list[Path] | None, typer.Argument(metavar="PATH...", help="run files and strategy files", show_default=False)
]
Load = Annotated[bool, typer.Option("--load", help="also import strategies of your own; their code runs")]


def validate_config(
    paths: Paths = None,
    config_option: ConfigOption = None,
    overrides: Overrides = None,
    load: Load = False,
    as_json: AsJson = False,
) -> None:
    """Check run and strategy files; every mistake of a file is reported in one pass, each with file:line and the mend.

    Example: trading-system validate config EXAMPLE_CONFIGS/run_config.yaml
    """
    files = [*(paths or []), *([config_option] if config_option else [])]
    if not files:
        raise UsageError("PATH is missing", allowed="one or more run or strategy files")
    checked = [_checked(path, overrides or [], load) for path in files]
    if as_json:
        show_json({"valid": all(file["valid"] for file in checked), "files": checked})
    else:
        show("\n".join(_lines(file) for file in checked))
    if not all(file["valid"] for file in checked):
        raise typer.Exit(1)


def _checked(path: Path, overrides: list[str], load: bool) -> dict[str, Any]:
    from trading_system import pipeline
    from trading_system.cli.progress import working

    try:
        with working("reading"):
            run = pipeline.validate_config(path, overrides=tuple(overrides), load=load)
    except TradingSystemError as error:
        problems = getattr(error, "problems", ()) or (error,)
        return {"file": str(path), "valid": False, "problems": [str(problem) for problem in problems], "warnings": []}
    return {"file": str(path), "valid": True, "problems": [], "warnings": list(run.warnings), "hash": run.hash}


def _lines(file: dict[str, Any]) -> str:
    from trading_system.reports.formats import one_line
    from trading_system.runs.secrets import masked

    head = "valid" if file["valid"] else f"invalid, {len(file['problems'])} problem{'s' if len(file['problems']) != 1 else ''}"
    lines = [f"{one_line(file['file'])}: {head}"]
    lines += [f"  {masked(one_line(problem))}" for problem in file["problems"]]
    lines += [f"  warning: {masked(one_line(warning))}" for warning in file["warnings"]]
    return "\n".join(lines)


def validate_data(
    config: ConfigArgument = None, config_option: ConfigOption = None, overrides: Overrides = None, as_json: AsJson = False
) -> None:
    """Load the data that a run file names and list its defects; bars that stop a backtest make it invalid.

    Example: trading-system validate data EXAMPLE_CONFIGS/run_config.yaml
    """
    path = one_config(config, config_option)
    from trading_system import pipeline
    from trading_system.cli.progress import working
    from trading_system.errors import DataError
    from trading_system.pipeline import load_run
    from trading_system.reports.market import quality_page

    run = load_run(path, tuple(overrides or ()))
    try:
        with working("reading data"):
            quality = pipeline.validate_data(run)
    except DataError as error:
        _refused(run, error, as_json)
        raise typer.Exit(1) from None
    show_json({"valid": True, "problems": [], **quality}) if as_json else show("valid\n\n" + quality_page(quality, page()))


def _refused(run: LoadedRun, error: DataError, as_json: bool) -> None:
    """The error that stops a backtest, and with it every other defect where the data can be read at all."""
    from trading_system import pipeline
    from trading_system.cli.progress import working
    from trading_system.errors import DataError
    from trading_system.reports.formats import plain
    from trading_system.reports.market import quality_page

    quality: dict[str, Any] = {}
    with contextlib.suppress(DataError), working("counting defects"):
        quality = pipeline.validate_data(run, lenient=True)
    if as_json:
        show_json({"valid": False, "problems": [str(error)], **quality})
        return
    listed = "\n\n" + quality_page(quality, page()) if quality else ""
    show(f"invalid\n  {plain(str(error))}{listed}")


Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="TEST", help="make this test alone; may be repeated; the answer is then at best partial"),
]
Fast = Annotated[bool, typer.Option("--fast", help="the smaller sizes of the run file (validation: ... _fast)")]
Resume = Annotated[bool, typer.Option("--resume", help="go on with what a stopped run of the same work has finished")]
Explain = Annotated[
    str | None,
    typer.Option(
        "--explain", metavar="TEST", help="print what a test asks, assumes and cannot see, and make none", show_default=False
    ),
]


def validate_strategy(
    config: ConfigArgument = None,
    config_option: ConfigOption = None,
    only: Only = None,
    fast: Fast = False,
    resume: Resume = False,
    explain: Explain = None,
    overrides: Overrides = None,
    out: Out = None,
    as_json: AsJson = False,
    open_: Open = False,
) -> None:
    """Is it luck? Judge a strategy on train and validation; exit 0 only when no test says no and none was left out.

    Example: trading-system validate strategy EXAMPLE_CONFIGS/run_config.yaml --fast
    """
    from trading_system.reports import verdict

    if explain is not None:
        from trading_system.validation.verdict import explained

        found = explained(explain)
        show_json(found) if as_json else show(verdict.explanation(found, page()))
        return
    path = one_config(config, config_option)
    from trading_system import pipeline
    from trading_system.cli.logs import run_log
    from trading_system.cli.progress import counting
    from trading_system.cli.session import session

    session.kept = "the tests that were finished are kept; the same command with --resume goes on with them"
    with counting("validation") as told:
        done = pipeline.run_validation(
            path,
            only=tuple(only or ()),
            fast=fast,
            resume=resume,
            out=chosen_folder(out),
            overrides=tuple(overrides or ()),
            log=run_log(),
            told=told,
        )
    session.kept = f"the validation was finished; its results are in {done.backtest.folder}"
    if as_json:
        told_too = {"preregistration": done.preregistered}
        show_json({"run_id": done.backtest.run_id, "folder": str(done.backtest.folder), **done.document, **told_too})
    elif session.quiet:
        show(f"{done.examined.answer} {done.backtest.folder}")
    else:
        show(
            verdict.verdict_page(done.document, str(done.backtest.folder), page(), done.backtest.warnings, done.preregistered)
        )
    if open_:
        show_report(done.backtest.folder)
    if done.examined.answer != "yes":
        raise typer.Exit(1)


COMMANDS = {"config": validate_config, "data": validate_data, "strategy": validate_strategy}
