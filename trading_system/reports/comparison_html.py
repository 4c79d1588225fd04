"""Two runs on one HTML page that needs nothing else: both equities drawn on one scale, and what differs in tables.

The drawing is SVG that is made here, so that the page has no script; its policy admits the one style sheet of the report.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from trading_system.reports.formats import NOTHING, money, percent
from trading_system.reports.html import Html, joined, known, page_file, tag
from trading_system.reports.runs import differing, made_of

WIDE, TALL, LEFT, RIGHT, TOP, BOTTOM = 960.0, 340.0, 72.0, 12.0, 10.0, 26.0
KINDS = {"a": "run", "b": "benchmark"}  # names of the two line styles


def comparison_html(found: Mapping[str, Any]) -> bytes:
    """The page of what `trading_system.runs.comparison.compared` gives; the same bytes for the same runs."""
    one, other = (str(run["run_id"]) for run in found["runs"])
    title = "Two runs compared"
    body = [
        tag("header", tag("h1", title), tag("p", "a: ", tag("bdi", one), ", b: ", tag("bdi", other), class_="subtitle")),
        tag("main", _equity(found["equity"], (one, other)), _made(found), _metrics(found["metrics"])),
    ]
    page = tag("html", tag("head", *_head(title)), tag("body", *body), lang="en")
    return f"<!DOCTYPE html>\n{page}\n".encode(errors="backslashreplace")


def _head(title: str) -> list[Html]:
    policy = f"default-src 'none'; style-src {known('report.css')}; img-src data:; base-uri 'none'; form-action 'none'"
    return [
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", page_file("report.css")),
    ]


def _equity(equity: Mapping[str, Any], names: tuple[str, str]) -> Html:
    """The drawing and, of some of its dates, the numbers."""
    points = equity["points"]
    if not points or not all(points[0][run] > 0.0 for run in "ab"):
        return _section("Equity", tag("p", "The runs have no date in common at which both have money to grow from."))
    growth = {run: [point[run] / points[0][run] - 1.0 for point in points] for run in "ab"}
    legend = [
        tag("span", f"{run}: ", tag("bdi", name), class_=f"key {KINDS[run]}") for run, name in zip("ab", names, strict=True)
    ]
    said = f"Growth from the first common date: a {percent(growth['a'][-1])}, b {percent(growth['b'][-1])}."
    caption = f"{said} {len(points):,} of {equity['dates']:,} common dates are drawn."
    figure = tag(
        "figure",
        tag("div", tag("h3", "Growth on one scale"), tag("span", *legend, class_="legend"), class_="titled"),
        tag("div", _drawing(growth, [str(point["date"]) for point in points], said), class_="plot"),
        tag("figcaption", caption),
    )
    step = max(len(points) // 12, 1)
    picked = [*points[:-1:step], points[-1]]
    rows = [
        (str(p["date"]), money(p["a"]), money(p["b"]), percent(p["b"] / points[0]["b"] - p["a"] / points[0]["a"]))
        for p in picked
    ]
    return _section("Equity", figure, _table("In money", ("Date", "a", "b", "Growth, b - a"), rows))


def _drawing(growth: Mapping[str, Sequence[float]], dates: Sequence[str], said: str) -> Html:
    """Two lines over a grid, in the order of the points."""
    ticks = _ticks(min(map(min, growth.values())), max(map(max, growth.values())))
    low, high = ticks[0], ticks[-1]
    digits = max(0, -math.floor(math.log10(100.0 * (ticks[1] - low)) + 1e-9))
    last = max(len(dates) - 1, 1)

    def x(i: int) -> str:
        return f"{LEFT + i / last * (WIDE - LEFT - RIGHT):.1f}"

    def y(value: float) -> str:
        return f"{TOP + (high - value) / (high - low) * (TALL - TOP - BOTTOM):.1f}"

    parts = []
    for tick in ticks:
        kind = "zero" if tick == 0.0 else "grid"
        parts.append(tag("line", class_=kind, x1=f"{LEFT}", x2=f"{WIDE - RIGHT}", y1=y(tick), y2=y(tick)))
        parts.append(
            tag("text", percent(tick, digits), x=f"{LEFT - 8}", y=y(tick), text_anchor="end", dominant_baseline="middle")
        )
    few = min(6, len(dates))
    for i in sorted({k * last // max(few - 1, 1) for k in range(few)} & set(range(len(dates)))):
        anchor = "start" if i == 0 else "end" if i == last else "middle"
        parts.append(tag("text", dates[i][:10], x=x(i), y=f"{TALL - 6}", text_anchor=anchor))
    for run, values in growth.items():
        line = " ".join(f"{x(i)},{y(value)}" for i, value in enumerate(values))
        parts.append(tag("polyline", class_=f"line {KINDS[run]}", points=line))
    return tag("svg", *parts, viewBox=f"0 0 {WIDE:g} {TALL:g}", role="img", aria_label=said)


def _ticks(low: float, high: float) -> list[float]:
    """Four to nine round values from at most `low` to at least `high`, 0 among them where it lies between."""
    span = max(high - low, 1e-6 * max(abs(high), 1.0))
    rough = span / 5.0
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(size * unit for size in (1.0, 2.0, 5.0, 10.0) if size * unit >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [k * step for k in range(first, max(last, first + 1) + 1)]


def _made(found: Mapping[str, Any]) -> Html:
    same = [(what.capitalize(), "the same" if equal else "differs") for what, equal in found["same"].items()]
    parts = [_table("In short", ("What", "a and b"), same, left=(0, 1))]
    rows = made_of(found)
    if rows:
        parts.append(_table("Where they differ", ("Of", "a", "b"), rows, left=(0, 1, 2)))
    return _section("What they are made of", *parts)


def _metrics(rows: Sequence[Mapping[str, Any]]) -> Html:
    figures, _ = differing(rows, every=False)
    every, _ = differing(rows, every=True)
    if not every:
        return _section("Metrics", tag("p", "Every metric is equal."))
    head = ("Metric", "a", "b", "b - a")
    folded = tag("details", tag("summary", "Every metric that differs"), _table("To six digits", head, every))
    return _section("Metrics", *([_table("Figures", head, figures)] if figures else []), folded)


def _section(title: str, *parts: str) -> Html:
    return tag("section", tag("h2", title), *parts)


def _table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> Html:
    """A table whose first column names its rows; columns in `left` are text."""
    style = ["text" if i in left else None for i in range(len(header))]
    head = tag("tr", *(tag("th", text, scope="col", class_=style[i]) for i, text in enumerate(header)))
    lines = [
        tag(
            "tr",
            tag("th", tag("bdi", row[0]), scope="row", class_=style[0]),
            *(tag("td", cell or NOTHING, class_=style[i]) for i, cell in enumerate(row[1:], 1)),
        )
        for row in rows
    ]
    whole = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", joined(lines, "\n")))
    return tag("div", whole, class_="scroll", role="region", tabindex="0", aria_label=caption)
