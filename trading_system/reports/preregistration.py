"""A preregistration, and how a run stands to one, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trading_system.reports.formats import amount, one_line
from trading_system.reports.page import Page

SHOWN = 6


def standing(found: Mapping[str, Any] | None) -> str:
    """One sentence; empty where nothing was preregistered."""
    if not found:
        return ""
    if found["same"]:
        text = f"as preregistered on {found['created']}"
    else:
        rows = [_row(row) for row in found["differences"][:SHOWN]]
        more = len(found["differences"]) - SHOWN
        listed = "; ".join(rows) + (f"; and {more} more" if more > 0 else "")
        text = f"not as preregistered on {found['created']}: {listed}"
    many = [f"one of {found['of']} preregistrations"] if found["of"] > 1 else []
    return text + "".join(f"; {said}" for said in (*many, *late(found)))


def _row(row: Mapping[str, Any]) -> str:
    then, now = (f"{value:g}" if isinstance(value, float) else str(value) for value in (row["a"], row["b"]))
    return f"{row['name']}: {now}" if row["a"] is None else f"{row['name']}: {then}, now {now}"


def late(document: Mapping[str, Any]) -> list[str]:
    """What had been looked at before it was written."""
    trials, openings = document["trials_before"], document["openings_before"]
    said = []
    if trials["configurations"]:
        said.append(f"preregistered after {amount(trials['configurations'], 'configuration')} of this family had been tried")
    if openings:
        said.append(f"preregistered after the holdout had been opened {amount(openings, 'time')}")
    return said


def preregistration_page(found: Mapping[str, Any], page: Page) -> str:
    """What was frozen, where it stands, and what had been looked at before."""
    document, config = found["document"], found["document"]["config"]
    splits = config.get("splits") or {}
    grids = [config["validation"]["grid"], *(entry["grid"] for entry in config["strategies"])]
    keys = [key for grid in grids for key in grid]
    lines = [
        page.heading(f"preregistered on {document['created']}"),
        f"file:       {one_line(found['path'])}",
        f"sha256:     {found['sha256']}",
        f"journal:    record {found['record']}",
        f"strategies: {', '.join(one_line(entry['name']) for entry in config['strategies'])}",
        f"splits:     {'; '.join(f'{name} {_dates(value)}' for name, value in splits.items() if value) or 'none'}",
        f"grid:       {', '.join(keys) or 'none: the parameters are those of the file'}",
    ]
    said = late(document)
    if said:
        lines += ["", *(page.alarm(page.wrapped(text, "  ", "")) for text in said)]
    else:
        lines += ["", "nothing of this family had been tried before"]
    return "\n".join(lines)


def _dates(value: Any) -> str:
    return " to ".join(str(day) for day in value)
