"""List, show, compare and reproduce the runs that were made."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from trading_system.cli.options import AsJson, ResultsFolder
from trading_system.cli.output import page, show, show_json

Run = Annotated[str, typer.Argument(metavar="RUN", help="a run's folder or id (its beginning is enough)", show_default=False)]
Every = Annotated[bool, typer.Option("--all", help="every metric that differs, to six digits")]
HtmlFile = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="write a page with both equities drawn to FILE too")
]


def results_folder(given: Path | None) -> Path:
    """The folder of runs: the option, else the environment, else ``results`` here."""
    return given or Path(os.environ.get("TRADING_SYSTEM_RESULTS") or "results")


def runs_list(results: ResultsFolder = None, as_json: AsJson = False) -> None:
    """List the runs of a results folder, newest first.

    Example: trading-system runs list --results my-idea/results
    """
    from trading_system import pipeline
    from trading_system.reports import runs as pages

    found = pipeline.list_runs(results_folder(results))
    show_json(found) if as_json else show(pages.runs_page(found, page()))


def runs_show(run: Run, results: ResultsFolder = None, as_json: AsJson = False) -> None:
    """Show what a run was and found.

    Example: trading-system runs show 20260102-101500-1a2b3c4d
    """
    from trading_system import pipeline
    from trading_system.reports import runs as pages

    found = pipeline.show_run(run, results_folder(results))
    show_json(found) if as_json else show(pages.run_page(found, page()))


def runs_compare(
    run: Run, other: Run, results: ResultsFolder = None, every: Every = False, html: HtmlFile = None, as_json: AsJson = False
) -> None:
    """Compare two runs: what differs in their configs, data, code and metrics, and both equities on one scale.

    Example: trading-system runs compare 20260102-101500-1a2b3c4d 20260103-090000-5e6f7a8b
    """
    from trading_system import pipeline
    from trading_system.reports import runs as pages

    found = pipeline.compare_runs(run, other, results_folder(results))
    if html is not None:
        from trading_system.cli.output import note
        from trading_system.files import write_file
        from trading_system.reports.comparison_html import comparison_html
        from trading_system.reports.formats import one_line

        write_file(html, comparison_html(found))
        note(f"page: {one_line(str(html))}")
    show_json(found) if as_json else show(pages.comparison_page(found, page(), every=every))


def runs_reproduce(run: Run, results: ResultsFolder = None, as_json: AsJson = False) -> None:
    """Make a run again from its own folder and compare every byte but times and ids; exit 1 when one differs.

    Example: trading-system runs reproduce 20260102-101500-1a2b3c4d
    """
    from trading_system import pipeline
    from trading_system.cli.logs import run_log
    from trading_system.cli.progress import working
    from trading_system.reports import runs as pages

    with working("reproduce", simulates=True):
        found = pipeline.reproduce_run(run, results_folder(results), log=run_log())
    show_json(found) if as_json else show(pages.reproduction_page(found, page()))
    if not found["equal"]:
        raise typer.Exit(1)


COMMANDS = {"list": runs_list, "show": runs_show, "compare": runs_compare, "reproduce": runs_reproduce}
