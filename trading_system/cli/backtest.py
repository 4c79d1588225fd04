"""trading-system backtest"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from trading_system.cli.options import AsJson, ConfigArgument, ConfigOption, Overrides, one_config
from trading_system.cli.output import page, show, show_json
from trading_system.cli.report import Open
from trading_system.errors import UsageError

if TYPE_CHECKING:
    from trading_system.engine.ledger import Ledger

Period = Annotated[
    Literal["train", "validation", "holdout", "all"] | None,
    typer.Option("--period", help="which split of the run file; default: train and validation", show_default=False),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="DIR", help="folder of results; default $TRADING_SYSTEM_RESULTS, else output.path of CONFIG"
    ),
]
FailOnReject = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-on-reject",
        metavar="CODE",
        help="exit 1 when an order or candidate ended with this code, as CASH; may be repeated",
    ),
]


def backtest(
    config: ConfigArgument = None,
    config_option: ConfigOption = None,
    period: Period = None,
    overrides: Overrides = None,
    out: Out = None,
    as_json: AsJson = False,
    fail_on_reject: FailOnReject = None,
    open_: Open = False,
) -> None:
    """Run one backtest: a summary here, everything in a folder.

    Example: trading-system backtest EXAMPLE_CONFIGS/run_config.yaml --set portfolio.starting_equity=50000
    """
    path = one_config(config, config_option)
    codes = reason_codes(fail_on_reject or [])
    from trading_system import pipeline
    from trading_system.cli.logs import run_log
    from trading_system.cli.progress import working
    from trading_system.cli.session import session

    session.kept = "this run was not finished and left no result folder; earlier results are untouched"
    with working("backtest", simulates=True):
        result = pipeline.run_backtest(
            path, period=period, out=chosen_folder(out), overrides=tuple(overrides or ()), log=run_log()
        )
    session.kept = f"the run was finished; its results are in {result.folder}"
    from trading_system.reports import terminal
    from trading_system.reports.formats import one_line

    if as_json:
        show_json(terminal.backtest_document(result))
    elif session.quiet:
        show(one_line(str(result.folder)))
    else:
        show(terminal.backtest_summary(result, page()))
    if open_:
        show_report(result.folder)
    found = {code: number for code in codes if (number := refused(result.ledger, code))}
    if found:
        from trading_system.cli.output import note

        note(
            "refused for a code named by --fail-on-reject: " + ", ".join(f"{code} {number}" for code, number in found.items())
        )
        raise typer.Exit(1)


def chosen_folder(out: Path | None) -> Path | None:
    """The folder of results: the option, else ``$TRADING_SYSTEM_RESULTS``, else None for what the run file says."""
    told = os.environ.get("TRADING_SYSTEM_RESULTS")
    return out or (Path(told) if told else None)


def show_report(folder: Path) -> None:
    """Show the run's report; one that was not asked for in `output.formats` is made now."""
    from trading_system import pipeline
    from trading_system.cli.browser import opened
    from trading_system.runs.manifest import REPORT

    made = folder / REPORT
    if not made.is_file():
        pipeline.report_run(str(folder))
    opened(made)


def reason_codes(names: list[str]) -> list[str]:
    """`names` as the codes that an order or candidate may end with; an unknown one is a usage error."""
    if not names:
        return []
    from trading_system.engine.ledger import Code

    tripped = (Code.GROUP, Code.DELISTED, Code.DRAWDOWN_LIMIT, Code.DAILY_LOSS_LIMIT, Code.RUIN)
    known = [code.name for code in Code if code in tripped or Code.NO_BAR <= code < Code.REPEATED]
    for name in names:
        if name.upper() not in known:
            raise UsageError(
                f"--fail-on-reject: {name!r} is no code with which an order or candidate is refused", allowed=", ".join(known)
            )
    return [name.upper() for name in names]


def refused(ledger: Ledger, name: str) -> int:
    """How many candidates were refused, and orders rejected, cut or expired, with this code."""
    from trading_system.engine.ledger import Code

    code = int(Code[name])
    candidates = int(ledger.refusals["count"][ledger.refusals["code"] == code].sum())
    return candidates + int((ledger.orders["end"] == code).sum())


COMMANDS = {"backtest": backtest}
