"""The table of worlds that are worse than the data, for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trading_system.reports.document import Cell, Table, absent
from trading_system.reports.formats import NOTHING, count, money, percent, ratio, table

Form = Callable[[float | None], str]
COLUMNS: tuple[tuple[str, str, Form], ...] = (
    ("total_return", "return", percent),
    ("sharpe", "Sharpe", ratio),
    ("max_drawdown", "drawdown", percent),
    ("calmar", "Calmar", ratio),
    ("n_trades", "trades", count),
    ("expectancy", "mean profit", money),
)
IN_TERMINAL = ("value", "worst")
LEFT_OUT = ("calmar",)  # of the terminal: eighty columns
NOTE = (
    "Each row is the same run in one other world; where there are several, mean and worst are taken of each measure by itself."
    " The small figures are the difference to the first row."
)


def scenario_lines(rows: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    """Header and one line per scenario, of several worlds the worst."""
    told = [row for row in rows if row["statistic"] in IN_TERMINAL and row["total_return"] is not None]
    if not told:
        return []
    columns = [column for column in COLUMNS if column[0] not in LEFT_OUT]
    shown = [
        (
            str(row["scenario"]) + (", worst" if row["statistic"] == "worst" else ""),
            *(form(row[name]) for name, _, form in columns),
        )
        for row in told
    ]
    right = tuple(range(1, len(columns) + 1))
    return table(("scenario", *(label for _, label, _ in columns)), shown, right=right, width=width).split("\n")


def scenario_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Every scenario with every measure and its difference to the baseline."""
    lines: list[list[Cell | str]] = []
    before = ""
    for row in rows:
        cells: list[Cell | str] = [str(row["scenario"]), _of(row)]
        cells += [_cell(row, name, form) for name, _, form in COLUMNS]
        cells.append(absent("") if row["correlation"] is None else ratio(row["correlation"]))
        lines.append([*cells, "" if row["note"] == before else str(row["note"])])
        before = row["note"]
    header = ("scenario", "worlds", *(label for _, label, _ in COLUMNS), "correlation", "note")
    last = len(header) - 1
    return Table("scenarios", "Worlds worse than the data", header, lines, left=(0, 1, last), prose=(last,), note=NOTE)


def _of(row: Mapping[str, Any]) -> str:
    return "1" if row["statistic"] == "value" else f"{row['statistic']} of {row['worlds']}"


def _cell(row: Mapping[str, Any], name: str, form: Form) -> Cell:
    value, change = row[name], row[f"{name}_change"]
    if value is None:
        return Cell(NOTHING)
    return Cell(form(value), f"{'+' if change > 0 else ''}{form(change)}" if change else "")
