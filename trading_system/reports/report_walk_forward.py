"""Does it hold unseen? The part of the report that stands on ``walk_forward.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trading_system.reports.artefacts import Artefacts
from trading_system.reports.document import Cell, Figures, Note, Part, Picture, Section, Table, absent
from trading_system.reports.drawings import DRAWN
from trading_system.reports.formats import amount, count, percent, ratio
from trading_system.reports.walk_forward import short_names

FLAT = "the returns never vary"


def folds(found: Artefacts) -> Section | None:
    """What was stitched, every fold, whether the parameters stood still; None for another run."""
    document = found.walk_forward
    if document is None:
        return None
    stitched = document["stitched"]
    chosen = (
        f"{amount(document['points'], 'point')} on every training window, chosen by {document['objective']}"
        if document["grid"]
        else "the own values of the run file, nothing chosen"
    )
    lines = [
        f"Windows of {document['windows']['text']}: {chosen}. Traded unseen from {stitched['first']} to {stitched['last']}.",
        "Every window starts flat. What follows further down is the run over the whole window with the run file's own values.",
    ]
    parts: list[Part] = [Note(lines), _figures(document)]
    for number, data in enumerate(document["pictures"]):
        if data["form"] in DRAWN:
            parts.append(Picture(f"walk-forward-{number}", data["title"], data["summary"], data))
    return Section("walk-forward", "Does it hold unseen?", [*parts, _table(document)])


def _figures(document: Mapping[str, Any]) -> Figures:
    stitched, efficiency, stability = document["stitched"], document["efficiency"], document["stability"]
    why = efficiency["undefined"]
    items = [
        ("Sharpe ratio", _number(stitched["sharpe"], FLAT), "stitched, out of sample"),
        ("Total return", Cell(percent(stitched["total_return"])), f"{amount(stitched['n_periods'], 'period')} out of sample"),
        ("Largest fall", Cell(percent(stitched["max_drawdown"])), "of the stitched curve"),
        ("Profitable folds", Cell(percent(document["share_profitable"], 0)), f"of {len(document['folds'])}"),
        ("Efficiency", _number(efficiency["simple_rate"], why), "return a bar, out of sample / in sample"),
    ]
    if stability is not None:
        items.append(("Same choice", Cell(percent(stability["modal_share"], 0)), "of the folds made the most frequent one"))
    return Figures(items)


def _table(document: Mapping[str, Any]) -> Table:
    names = short_names(list(document["grid"]))
    rows: list[list[Cell | str]] = []
    for one in document["folds"]:
        inside, outside = one["in_sample"], one["out_of_sample"]
        values = [Cell(str(one["point"][key]), "no point kept the constraints" if one["unmet"] else "") for key in names]
        rows.append(
            [
                str(one["fold"]),
                f"{one['train']['first']} to {one['train']['last']}",
                f"{one['test']['first']} to {one['test']['last']}",
                *values,
                _number(inside["sharpe"], FLAT),
                _number(outside["sharpe"], FLAT),
                Cell(percent(inside["total_return"])),
                Cell(percent(outside["total_return"])),
                Cell(percent(outside["max_drawdown"])),
                count(outside["n_trades"]),
            ]
        )
    head = (
        "Fold",
        "Train",
        "Test",
        *names.values(),
        "Sharpe in",
        "Sharpe out",
        "Return in",
        "Return out",
        "Fall out",
        "Trades out",
    )
    return Table("walk-forward-folds", "Folds, in sample and out of sample", head, rows, left=(0, 1, 2))


def _number(value: float | None, why: str) -> Cell:
    return absent(why) if value is None else Cell(ratio(value))
