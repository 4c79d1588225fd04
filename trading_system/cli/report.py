"""trading-system report"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from trading_system.cli.options import ResultsFolder
from trading_system.cli.output import show
from trading_system.cli.runs import Run, results_folder

Format = Annotated[
    Literal["html", "markdown", "json"], typer.Option("--format", help="html is written to a file, the others are printed")
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="write there; html goes to report.html in the run's folder by default"),
]
Open = Annotated[bool, typer.Option("--open", help="show the report in a browser")]


def report(run: Run, format: Format = "html", out: Out = None, open_: Open = False, results: ResultsFolder = None) -> None:
    """Make the report of a run again, from its artefacts alone.

    Example: trading-system report 20260102-101500-1a2b3c4d --open
    """
    from trading_system import pipeline
    from trading_system.errors import UsageError

    if open_ and format != "html":
        raise UsageError(f"--open shows a page; {format} is none", remedy="leave --format out, or --open")
    found = pipeline.report_run(run, results_folder(results), format=format, out=out)
    if isinstance(found, Path):
        show(f"report: {_printable(found)}")
        if open_:
            from trading_system.cli.browser import opened

            opened(found)
    else:
        show(found.rstrip("\n"))


def _printable(path: Path) -> str:
    from trading_system.reports.formats import one_line

    return one_line(str(path))


COMMANDS = {"report": report}
