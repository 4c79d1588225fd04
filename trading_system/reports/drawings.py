"""Pictures of the evidence as SVG that needs no script: histograms, fans, bars, curves. Colours come from the page's style."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trading_system.reports.document import Picture
from trading_system.reports.formats import count, money, percent, ratio
from trading_system.reports.html import Html, tag

WIDE, TALL, LEFT, RIGHT, TOP, BOTTOM = 720, 260, 64, 14, 22, 44
FORMS: dict[str, Callable[[float | None], str]] = {
    "fraction": percent, "ratio": ratio, "money": money, "count": count, "periods": count, "p": lambda v: ratio(v, 3),
}  # fmt: skip


def said(value: float | None, unit: str) -> str:
    """A number of a picture in its unit."""
    return FORMS.get(unit, ratio)(value)


def drawn(picture: Picture) -> Html:
    """The figure of one picture; its summary says in words what it shows."""
    svg = _DRAWINGS[picture.data["form"]](picture.data)
    title = f"{picture.id}-title"
    return tag(
        "figure",
        tag("h3", picture.title, id=title),
        tag("div", svg, class_="plot still"),
        tag("figcaption", picture.summary),
        class_="chart",
        aria_labelledby=title,
    )


def short(value: float, unit: str) -> str:
    """A tick's value: large amounts with k, m or bn."""
    if unit in ("fraction", "p"):
        return said(value, unit)
    for size, mark in ((1e9, "bn"), (1e6, "m"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if mark == 'k' else size):,.4g} {mark}"
    return count(value) if unit in ("count", "periods") else f"{value:,.4g}"


class _Axes:
    """Places of values on the drawing, grid and labels."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float], unit: str) -> None:
        self.x0, self.x1 = x if x[1] > x[0] else (x[0] - 0.5, x[0] + 0.5)
        low, high = y if y[1] > y[0] else (y[0] - 0.5, y[0] + 0.5)
        room = 0.04 * (high - low)
        self.y0, self.y1 = (low if low == 0.0 else low - room), high + room
        self.unit = unit

    def x(self, value: float) -> float:
        return LEFT + (value - self.x0) / (self.x1 - self.x0) * (WIDE - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return TOP + (1.0 - (value - self.y0) / (self.y1 - self.y0)) * (TALL - TOP - BOTTOM)

    def grid(self) -> list[Html]:
        """Horizontal lines with their values."""
        found = []
        for tick in ticks(self.y0, self.y1, 4):
            y = f"{self.y(tick):.1f}"
            style = "zero" if tick == 0.0 and self.y0 < 0.0 else "grid"
            found.append(tag("line", class_=style, x1=str(LEFT), x2=str(WIDE - RIGHT), y1=y, y2=y))
            found.append(_text(LEFT - 8, self.y(tick) + 4, short(tick, self.unit), "end"))
        return found


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two ends, about `most` of them."""
    if not math.isfinite(high - low) or high <= low:
        return []
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((n * power for n in (1.0, 2.0, 2.5, 5.0, 10.0) if n * power >= rough), 10.0 * power)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step + 0.0 for i in range(first, last + 1)]


def _text(x: float, y: float, words: str, anchor: str = "middle", style: str | None = None) -> Html:
    return tag("text", words, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, class_=style)


def _svg(parts: Sequence[Html]) -> Html:
    return tag("svg", *parts, viewBox=f"0 0 {WIDE} {TALL}", role="img", aria_hidden="true")


def _bottom(axes: _Axes, labels: Sequence[tuple[float, str]]) -> list[Html]:
    return [_text(min(max(axes.x(at), LEFT + 12), WIDE - 30), TALL - 26, text) for at, text in labels]


def _histogram(data: Mapping[str, Any]) -> Html:
    edges, counts = data["edges"], data["counts"]
    axes = _Axes((edges[0], edges[-1]), (0.0, float(max(counts, default=1) or 1)), "count")
    parts = axes.grid()
    for a, b, n in zip(edges, edges[1:], counts, strict=False):
        y = axes.y(float(n))
        parts.append(
            tag(
                "rect", class_="column", x=f"{axes.x(a) + 0.5:.1f}", width=f"{max(axes.x(b) - axes.x(a) - 1.0, 0.5):.1f}",
                y=f"{y:.1f}", height=f"{max(axes.y(0.0) - y, 0.0):.1f}",
            )
        )  # fmt: skip
    parts += _bottom(axes, [(tick, short(tick, data["unit"])) for tick in ticks(edges[0], edges[-1], 6)])
    return _svg([*parts, *_marks(axes, data["marks"], data["unit"])])


def _marks(axes: _Axes, marks: Mapping[str, float], unit: str) -> list[Html]:
    """Vertical lines at named values; their names stand above, one below the other where they meet."""
    parts: list[Html] = []
    for number, (name, value) in enumerate(sorted(marks.items(), key=lambda one: one[1])):
        if value is None or not math.isfinite(value):
            continue
        x = axes.x(value)
        parts.append(tag("line", class_="quantile", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=str(TOP - 4), y2=str(TALL - BOTTOM)))
        anchor = "end" if x > WIDE / 2 else "start"
        parts.append(
            _text(x + (-5 if anchor == "end" else 5), TOP + 8 + 15 * number, f"{name} {said(value, unit)}", anchor, "strong")
        )
    return parts


def _known(values: Sequence[Any]) -> list[float]:
    return [float(v) for v in values if v is not None and math.isfinite(v)]


def _fan(data: Mapping[str, Any]) -> Html:
    n = len(data["labels"])
    everything = _known([v for band in data["bands"] for edge in band for v in edge] + list(data["line"])) or [0.0]
    axes = _Axes((0.0, float(max(n - 1, 1))), (min(everything), max(everything)), data["unit"])
    parts = axes.grid()
    for lower, upper in data["bands"]:
        forth = [(axes.x(i), axes.y(v)) for i, v in enumerate(lower) if v is not None]
        back = [(axes.x(i), axes.y(v)) for i, v in enumerate(upper) if v is not None][::-1]
        if forth and back:
            parts.append(tag("path", class_="area", d=_path([*forth, *back]) + "Z"))
    parts.append(
        tag("path", class_="line", d=_path([(axes.x(i), axes.y(v)) for i, v in enumerate(data["line"]) if v is not None]))
    )
    hop = max(1, n // 6)
    return _svg([*parts, *_bottom(axes, [(float(i), str(data["labels"][i])) for i in range(0, n, hop)])])


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) if points else ""


def _bars(data: Mapping[str, Any]) -> Html:
    labels, series = data["labels"], list(data["series"].items())
    values = _known([v for _, one in series for v in one])
    axes = _Axes((0.0, float(max(len(labels), 1))), (min([0.0, *values]), max([0.0, *values]) or 1.0), data["unit"])
    parts, width = axes.grid(), 0.8 / max(len(series), 1)
    for k, (_, one) in enumerate(series):
        for i, value in enumerate(one):
            if value is None or not math.isfinite(value):
                continue
            x, top, bottom = axes.x(i + 0.1 + k * width), axes.y(max(value, 0.0)), axes.y(min(value, 0.0))
            wide = max(axes.x(i + 0.1 + (k + 1) * width) - x - 0.5, 0.5)
            style = "column" if k == 0 else "column second"
            parts.append(
                tag(
                    "rect",
                    class_=style,
                    x=f"{x:.1f}",
                    width=f"{wide:.1f}",
                    y=f"{top:.1f}",
                    height=f"{max(bottom - top, 0.5):.1f}",
                )
            )
    hop = max(1, math.ceil(len(labels) / 8))
    return _svg(
        [
            *parts,
            *_bottom(axes, [(i + 0.5, str(labels[i])) for i in range(0, len(labels), hop)]),
            *_legend([n for n, _ in series]),
        ]
    )


def _legend(names: Sequence[str]) -> list[Html]:
    """Names of two series in their colours, above the drawing."""
    if len(names) < 2:
        return []
    parts: list[Html] = []
    for k, name in enumerate(names[:4]):
        x = LEFT + 150 * k
        style = ("column", "column second", "column third", "column fourth")[k]
        parts += [tag("rect", class_=style, x=str(x), y="4", width="14", height="8"), _text(x + 20, 12, name, "start")]
    return parts


def _curve(data: Mapping[str, Any]) -> Html:
    place: Callable[[float], float] = (lambda v: math.log10(max(v, 1e-300))) if data["log_x"] else (lambda v: v)
    xs = [place(v) for v in data["x"]]
    values = _known([v for one in data["series"].values() for v in one]) or [0.0]
    axes = _Axes((min(xs, default=0.0), max(xs, default=1.0)), (min(values), max(values)), data["unit"])
    parts = axes.grid()
    for k, one in enumerate(data["series"].values()):
        points = [(axes.x(x), axes.y(v)) for x, v in zip(xs, one, strict=False) if v is not None and math.isfinite(v)]
        parts.append(tag("path", class_="line" if k == 0 else "line benchmark", d=_path(points)))
    along = [(t, f"{10.0**t:,.4g}" if data["log_x"] else f"{t:,.4g}") for t in ticks(axes.x0, axes.x1, 6)]
    marks = {name: place(value) for name, value in data["marks"].items()}
    lines = [
        tag("line", class_="quantile", x1=f"{axes.x(v):.1f}", x2=f"{axes.x(v):.1f}", y1=str(TOP - 4), y2=str(TALL - BOTTOM))
        for v in marks.values()
    ]
    names = [
        _text(axes.x(v) + 5, TOP + 8 + 15 * i, name, "end" if axes.x(v) > WIDE - 120 else "start", "strong")
        for i, (name, v) in enumerate(marks.items())
    ]
    axis = [_text((LEFT + WIDE - RIGHT) / 2, TALL - 6, data["x_name"])] if data["x_name"] else []
    return _svg([*parts, *lines, *names, *_bottom(axes, along), *axis])


_DRAWINGS: dict[str, Callable[[Mapping[str, Any]], Html]] = {
    "histogram": _histogram,
    "fan": _fan,
    "bars": _bars,
    "curve": _curve,
}
DRAWN = tuple(_DRAWINGS)
