"""A walk-forward for the terminal: a line per fold, what was stitched, whether the parameters stood still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trading_system.reports.formats import NOTHING, amount, count, one_line, percent, ratio, sparkline, table
from trading_system.reports.page import Page


def walk_forward_page(
    document: Mapping[str, Any], equity: Sequence[float], folder: str, page: Page, warnings: Sequence[str] = ()
) -> str:
    """The page that the command prints.

    Parameters
    ----------
    document : mapping
        As ``walk_forward.json`` holds it.
    equity : sequence of float
        The stitched curve, growth of 1.
    warnings : sequence of str
        Of the run.
    """
    stitched = document["stitched"]
    chosen = f"{amount(document['points'], 'point')} on every training window, by {document['objective']}"
    head = f"walk-forward, {document['windows']['text']}, {chosen if document['grid'] else 'the own values of the run file'}"
    lines, names = _folds(document, page)
    parts = [page.heading(page.wrapped(head, "")), "", *lines, "", *names]
    if len(equity) > 1:
        parts += [sparkline(equity, page.width - 2, unicode=page.unicode), ""]
    parts += [page.heading("stitched out of sample"), _figures(document), ""]
    parts.append(
        page.wrapped(
            f"{stitched['first']} to {stitched['last']}, {amount(stitched['n_periods'], 'period')},"
            f" {amount(document['runs'], 'run')} of the engine; every window starts flat",
            "",
        )
    )
    if warnings:
        parts += ["", page.heading("warnings"), *(page.alarm(page.wrapped(one_line(text), "  ")) for text in warnings)]
    return "\n".join([*parts, "", f"results: {one_line(folder)}"])


def _folds(document: Mapping[str, Any], page: Page) -> tuple[list[str], list[str]]:
    """The table of folds; and where values stand without their names, what the names are."""
    short = short_names(list(document["grid"]))
    rows = []
    for one in document["folds"]:
        inside, outside = one["in_sample"], one["out_of_sample"]
        values = "/".join(str(one["point"][key]) for key in short) + (" *" if one["unmet"] else "")
        rows.append(
            (
                str(one["fold"]), one["test"]["first"], *([values] if short else []),
                _sharpe(inside), _sharpe(outside), percent(outside["total_return"]), percent(outside["max_drawdown"]),
                count(outside["n_trades"]),
            )
        )  # fmt: skip
    heads = ("fold", "test from", *(["chosen"] if short else []), "SR in", "SR out", "return", "fall", "trades")
    right = (0, *range(len(heads) - 5, len(heads)))
    first, *lines = table(heads, rows, right=right, fixed=(1,), width=page.width).split("\n")
    said = [page.wrapped(f"chosen: {' / '.join(short.values())}", first="")] if short else []
    if any(one["unmet"] for one in document["folds"]):
        said.append(page.wrapped("* no point kept the constraints; the run file's own values were traded", first=""))
    return [page.heading(first), *lines], [*said, ""] if said else []


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Each key by its last part, or as it is where that is the last part of another too."""
    last = [key.rsplit(".", 1)[-1] for key in keys]
    return {key: name if last.count(name) == 1 else key for key, name in zip(keys, last, strict=True)}


def _sharpe(figures: Mapping[str, Any]) -> str:
    return NOTHING if figures["sharpe"] is None else ratio(figures["sharpe"])


def _figures(document: Mapping[str, Any]) -> str:
    stitched, efficiency, stability = document["stitched"], document["efficiency"], document["stability"]
    rows = [
        ("total return", percent(stitched["total_return"]), "Sharpe ratio", ratio(stitched["sharpe"])),
        ("growth a year", percent(stitched["cagr"]), "largest fall", percent(stitched["max_drawdown"])),
        ("profitable folds", percent(document["share_profitable"], 0), "efficiency", ratio(efficiency["simple_rate"])),
    ]
    if stability is not None:
        most = percent(stability["modal_share"], 0)
        rows.append(("most frequent choice", most, "mean jump of parameters", percent(stability["mean_jump"], 0)))
    text = table(("", "", "", ""), rows, right=(1, 3))
    return text + (f"\nno efficiency: {efficiency['undefined']}" if efficiency["undefined"] else "")
