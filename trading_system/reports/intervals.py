"""The intervals of every metric as a table of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trading_system.reports.document import Cell, Table, absent
from trading_system.reports.formats import percent
from trading_system.reports.words import EXPOSURE, HEADLINE, RELATIVE, RETURNS, TRADES, Form, Word

WORDS: dict[str, Word] = {**HEADLINE, **RETURNS, **RELATIVE, **TRADES, **EXPOSURE}
ERRORS = (("lo", "Lo"), ("mertens", "Mertens"), ("hac", "HAC"))


def interval_table(details: Mapping[str, Any]) -> Table:
    """Value, percentile and BCa interval of every metric, and what each is; the Sharpe ratio by its errors too."""
    rows: list[list[Cell | str]] = []
    for name, row in details["intervals"].items():
        word = WORDS.get(name)
        form = word.form if word is not None else _plain
        value = absent("") if row["value"] is None else Cell(form(row["value"]))
        label = word.label if word is not None else name
        rows.append([label, value, _ends(row["percentile"], form), _ends(row["bca"], form), str(row["note"])])
        rows += [[f"{label}, {said}", "", _ends(row[key], form), "", "standard error"] for key, said in ERRORS if key in row]
    caption = f"Intervals at {percent(details['level'], 0)}, {details['resamples']:,} resamples"
    return Table(
        "intervals", caption, ("Metric", "Measured", "Percentile", "BCa", "What it is"), rows, left=(0, 4), prose=(4,)
    )


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}"


def _ends(interval: Sequence[float] | None, form: Form) -> Cell:
    """Both ends in the metric's own unit."""
    return absent("") if interval is None else Cell(f"{form(interval[0])} to {form(interval[1])}")
