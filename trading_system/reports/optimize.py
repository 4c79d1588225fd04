"""A search for the terminal: the ranked points, a heat map, what surrounds the best, and how to try it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trading_system.reports.formats import NOTHING, amount, command, count, one_line, percent, ratio, table
from trading_system.reports.page import Page

SHOWN = 10
SHADES = " ░▒▓█"
ASCII_SHADES = " .:+#"
CELL = 8
FRACTIONS = ("total_return", "cagr", "max_drawdown", "ann_vol", "win_rate")


def optimize_page(document: Mapping[str, Any], config: str, folder: str, page: Page, warnings: Sequence[str] = ()) -> str:
    """The page that the command prints.

    Parameters
    ----------
    document : mapping
        As ``optimize.json`` holds it, with what the journal says under ``trials``.
    config : str
        The file as it was named on the command line.
    """
    parts = [
        [page.heading(page.wrapped(line, "")) if i == 0 else page.wrapped(line, "") for i, line in enumerate(_head(document))],
        _ranked(document, page),
        heat_map(document, page),
        _stability(document, page),
        _left_out(document, page),
        [page.alarm(page.wrapped(text, "  ", "warning: ")) for text in warnings[:SHOWN]],
        _next(document, config, folder, page),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _head(document: Mapping[str, Any]) -> list[str]:
    period = document["period"]
    drawn = document["method"] == "random" and document["points"] < document["combinations"]
    what = f"{amount(document['points'], 'point')}{' drawn at random' if drawn else ''} of {document['combinations']:,} combinations"
    lines = [f"search for the largest {document['objective']}: {what}"]
    lines.append(f"{period['name']}: {period['first']} to {period['last']}, {amount(period['bars'], 'bar')}")
    bounds = [
        f"{name} {' and '.join(f'{word} {ratio(told)}' for word, told in (('>=', b['min']), ('<=', b['max'])) if told is not None)}"
        for name, b in document["constraints"].items()
    ]
    if bounds:
        lines.append(f"within {', '.join(bounds)}: {amount(document['within_constraints'], 'point')}")
    if "trials" in document:
        lines.append(
            f"the best of N: this family of trials now counts {amount(document['trials']['trials'], 'configuration')}"
        )
    return lines


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Each key by its last word, or by as many as tell it from the others."""
    found = {}
    for key in keys:
        words = key.split(".")
        n = next(n for n in range(1, len(words) + 1) if sum(_ends(other, words[-n:]) for other in keys) == 1)
        found[key] = ".".join(words[-n:])
    return found


def _ends(key: str, words: Sequence[str]) -> bool:
    return key.split(".")[-len(words) :] == list(words)


def form_of(objective: str) -> Callable[[float | None], str]:
    """How a metric is printed."""
    return percent if objective in FRACTIONS else count if objective == "n_trades" else ratio


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _ranked(document: Mapping[str, Any], page: Page) -> list[str]:
    """The best points, and the run file's own values wherever they stand."""
    names = short_names(list(document["grid"]))
    rows = [row for row in document["ranked"][:SHOWN]]
    own = document["own"]
    if all(row["point"] != own["point"] for row in rows):
        rows.append(own)
    known = ("total_return", "sharpe", "max_drawdown")
    beside = document["objective"] not in (*known, "n_trades")
    header = ["", *names.values(), *([document["objective"]] if beside else []), "return", "Sharpe", "drawdown", "trades"]
    lines = []
    for row in rows:
        rank = f"{row['rank']}." if row["objective"] is not None and row["objective"] == row["objective"] else NOTHING
        marks = " own" if row["point"] == own["point"] else ""
        cells = [f"{rank}{marks}", *(_value(row["settings"][key]) for key in names)]
        cells += [form_of(document["objective"])(row["objective"])] if beside else []
        lines.append(
            (*cells, percent(row["total_return"]), ratio(row["sharpe"]), percent(row["max_drawdown"]), count(row["n_trades"]))
        )
    head, *body = table(tuple(header), lines, right=range(1, len(header)), width=page.width).split("\n")
    return [page.heading(head), *body]


def heat_map(document: Mapping[str, Any], page: Page) -> list[str]:
    """The pair of keys with the most cells that fits the page: the mean of the objective over all other keys."""
    room = (page.width - 14) // CELL
    maps = [one for one in document["heat_maps"] if min(len(one["rows"]["values"]), len(one["columns"]["values"])) <= room]
    if not maps:
        return []
    one = max(maps, key=lambda each: len(each["rows"]["values"]) * len(each["columns"]["values"]))
    names = short_names(list(document["grid"]))
    cells, down, across = one["mean"], one["rows"], one["columns"]
    if len(across["values"]) > room:
        cells, down, across = [list(row) for row in zip(*cells, strict=True)], across, down
    known = [value for row in cells for value in row if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    shades, form = SHADES if page.unicode else ASCII_SHADES, form_of(document["objective"])
    others = len(document["grid"]) > 2
    title = f"{document['objective']} by {names[down['key']]} (down) and {names[across['key']]} (across)"
    lines = [page.heading(page.wrapped(f"{title}{', mean over the other keys' if others else ''}", ""))]
    lines.append(" " * 12 + "".join(f"{_value(value)[:CELL]:>{CELL}}" for value in across["values"]))
    for value, row in zip(down["values"], cells, strict=True):
        shown = [f"{form(x)}{_shade(x, low, high, shades)}" for x in row]
        lines.append(f"{_value(value)[:11]:>11} " + "".join(f"{cell:>{CELL}}" for cell in shown))
    return lines


def _shade(value: float | None, low: float, high: float, shades: str) -> str:
    if value is None or not high > low:
        return " "
    return shades[min(int((value - low) / (high - low) * len(shades)), len(shades) - 1)]


def _stability(document: Mapping[str, Any], page: Page) -> list[str]:
    found = document["stability"]
    words = f"the best point stands on {found['words']}" if found["kind"] in ("plateau", "slope") else found["words"]
    if found["kind"] == "spike":
        words = f"the best point is {found['words']}"
    lines = [
        page.heading("what surrounds the best"),
        (page.alarm if found["kind"] == "spike" else str)(page.wrapped(words, "  ")),
    ]
    middle = found.get("neighbourhood")
    if middle and middle["point"] != found["point"]:
        told = ", ".join(
            f"{name} {_value(middle['settings'][key])}" for key, name in short_names(list(document["grid"])).items()
        )
        mean = form_of(document["objective"])(middle["mean"])
        lines.append(page.wrapped(f"best neighbourhood: {told}, whose mean with its neighbours is {mean}", "  "))
    return lines


def _left_out(document: Mapping[str, Any], page: Page) -> list[str]:
    """Combinations that were skipped, and points that failed."""
    lines = []
    skipped, failed = document["skipped"], document["failed"]
    if skipped["count"]:
        one = skipped["first"][0]
        lines.append(
            page.wrapped(
                f"skipped {amount(skipped['count'], 'combination')} that the strategy refuses, as"
                f" {', '.join(f'{k}={_value(v)}' for k, v in one['settings'].items())}: {one['why']}",
                "  ",
                "",
            )
        )
    if failed["count"]:
        lines.append(
            page.alarm(page.wrapped(f"failed: {amount(failed['count'], 'point')}; reasons in sweep.parquet", "  ", ""))
        )
    return lines


def _next(document: Mapping[str, Any], config: str, folder: str, page: Page) -> list[str]:
    """How to run the best point, as a command and as YAML."""
    best = document["best"]
    if best["point"] == document["own"]["point"]:
        lines = [
            "best: the file's own values"
            if document["stability"]["kind"] != "unknown"
            else "best: none; the file's own values stay"
        ]
    else:
        options = [word for told in best["set"] for word in ("--set", told)]
        lines = ["the best in the files:", *(f"  {line}" for line in best["yaml"].split("\n")), ""]
        lines.append(f"best:    {command('trading-system', 'backtest', config, *options)}")
    lines.append(f"results: {one_line(folder)}")
    lines.append(f"next:    {command('trading-system', 'validate', 'strategy', config)}")
    return lines
