"""The report as one HTML file that needs nothing else: no network, no other file, one style sheet and one script of its own.

The page is put together from elements whose texts are escaped where they are made (`reports.html`), and its policy lets only the
two known pieces of style and script run. Curves are JSON with base64 arrays; everything that matters stands in tables too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from trading_system.reports.artefacts import Artefacts
from trading_system.reports.document import (
    Beside,
    Cell,
    Chart,
    Facts,
    Figures,
    Folded,
    Note,
    Part,
    Picture,
    Report,
    Section,
    Table,
)
from trading_system.reports.drawings import drawn
from trading_system.reports.html import Html, data_block, joined, known, own, page_file, safe, tag
from trading_system.reports.report import report_of
from trading_system.runs.manifest import IDENTITY

WIDE = 6  # columns; a table with more takes the whole width


def report_html(found: Artefacts) -> Iterator[bytes]:
    """The page in pieces of bytes: the same for the same artefacts."""
    report = report_of(found)
    yield b"<!DOCTYPE html>\n"
    head = tag("head", *_head(report))
    yield f'<html lang="en">\n{head}\n<body>\n'.encode(errors="backslashreplace")
    yield joined([_top(report), tag("main", *(_section(section) for section in report.sections), id="main")], "\n").encode(
        errors="backslashreplace"
    )
    yield b"\n"
    yield data_block("series", chart_data(found)).encode(errors="backslashreplace")
    yield f"\n<script>{page_file('report.js')}</script>\n</body>\n</html>\n".encode()


def chart_data(found: Artefacts) -> dict[str, Any]:
    """What the script draws."""
    metrics = found.metrics["metrics"]
    return {
        **found.series,
        "start": metrics.get("starting_equity"),
        "var": metrics.get("var_95"),
        "cvar": metrics.get("cvar_95"),
        "falls": [{"depth": fall["depth"], "rows": fall["rows"]} for fall in found.metrics["drawdowns"]],
    }


def _policy() -> str:
    return (
        f"default-src 'none'; script-src {known('report.js')}; style-src {known('report.css')};"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )


def _head(report: Report) -> list[Html]:
    return [
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy()),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("link", rel="icon", href="data:,"),
        tag("title", report.title),
        tag("style", page_file("report.css")),
    ]


def _top(report: Report) -> Html:
    """The skip link, the title, what identifies this copy, banners and contents."""
    begin, end = IDENTITY
    rows = joined(tag("div", tag("dt", term), tag("dd", what)) for term, what in report.identity)
    switch = tag("button", "Dark", id="theme", type="button", class_="quiet", hidden=True)
    contents = tag("ol", *(tag("li", tag("a", s.title, href=f"#{s.id}")) for s in report.sections))
    return joined(
        [
            tag("a", "Skip to the report", href="#main", class_="skip"),
            tag(
                "header",
                tag("div", tag("h1", tag("bdi", report.title)), switch, class_="titled"),
                tag("p", report.subtitle, class_="subtitle"),
                own(f"\n{begin}"),
                tag("dl", rows, class_="identity"),
                own(f"{end}\n"),
                *(tag("p", text, class_="banner", role="note") for text in report.banners),
                tag(
                    "noscript",
                    tag(
                        "p",
                        "The charts need JavaScript, which is off here. Every number stands in the tables.",
                        class_="banner",
                    ),
                ),
            ),
            tag("nav", tag("h2", "Contents"), contents, aria_label="Contents"),
        ],
        "\n",
    )


def _section(section: Section) -> Html:
    name = f"{section.id}-title"
    return tag(
        "section",
        tag("h2", section.title, id=name),
        *(_part(part) for part in section.parts),
        id=section.id,
        aria_labelledby=name,
    )


def _part(part: Part) -> Html:
    return _FORMS[type(part)](part)


def _cell(cell: Cell | str) -> tuple[Html, int | None]:
    """Content of a cell, and how strongly it is coloured: -5 to 5."""
    if not isinstance(cell, Cell):
        return safe(cell), None
    parts = [safe(cell.text)]
    if cell.bar is not None:
        start, end = cell.bar
        rect = tag("rect", x=f"{100 * start:.2f}", y="0", width=f"{max(100 * (end - start), 0.4):.2f}", height="8")
        parts.append(tag("svg", rect, class_="bar", viewBox="0 0 100 8", preserveAspectRatio="none", aria_hidden="true"))
    if cell.under:
        parts.append(tag("small", cell.under))
    return joined(parts, " "), None if cell.heat is None else round(5 * cell.heat)


def _table(table: Table) -> Html:
    caption = f"{table.id}-caption"
    head = tag("tr", *(_heading(table, i, text) for i, text in enumerate(table.header)))
    rows, wide = joined((_row(table, row) for row in table.rows), "\n"), len(table.header) > WIDE
    body = tag("tbody", rows if table.rows else tag("tr", tag("td", "none", colspan=str(len(table.header)))))
    whole = tag(
        "table",
        tag("caption", table.caption, id=caption),
        tag("thead", head),
        body,
        class_=" ".join(filter(None, (table.style, "sortable" if table.sortable else "", "wide" if wide else ""))) or None,
        id=table.id,
    )
    note = tag("p", table.note, class_="note") if table.note else own("")
    return joined([tag("div", whole, class_="scroll", role="group", aria_labelledby=caption, tabindex="0"), note])


def _heading(table: Table, number: int, text: str) -> Html:
    return tag("th", text, scope="col", class_="text" if number in table.left else None)


def _row(table: Table, row: Sequence[Cell | str]) -> Html:
    cells = []
    for number, cell in enumerate(row):
        content, heat = _cell(cell)
        words = ["text"] if number in table.left else []
        words += ["prose"] if number in table.prose else []
        words += [f"{'up' if heat > 0 else 'down'}{abs(heat)}"] if heat else []
        style = " ".join(words) or None
        if number == 0:
            cells.append(tag("th", tag("bdi", content), scope="row", class_=style))
        else:
            cells.append(tag("td", content, class_=style))
    return tag("tr", *cells)


def _facts(facts: Facts) -> Html:
    groups = [
        tag(
            "div",
            tag("h3", tag("bdi", name)),
            tag("dl", *(joined([tag("dt", term), tag("dd", what)]) for term, what in terms)),
        )
        for name, terms in facts.groups
    ]
    return tag("div", *groups, class_="facts")


def _figures(figures: Figures) -> Html:
    items = (
        tag("div", tag("dt", label), tag("dd", tag("strong", cell.text), tag("small", cell.under or beside)))
        for label, cell, beside in figures.items
    )
    return tag("dl", *items, class_="figures")


def _chart(chart: Chart) -> Html:
    """A place for the script to draw in; what it shows is said in words, and a link leads to the same in numbers."""
    title, words = f"{chart.id}-chart-title", f"{chart.id}-chart-words"
    legend = tag(
        "span", *(tag("span", tag("bdi", text), class_=f"key {kind}") for kind, text in chart.legend), class_="legend"
    )
    tools: list[Html] = []
    if chart.choices:
        options = (tag("option", name, value=str(number)) for number, name in enumerate(chart.choices))
        tools.append(tag("label", "Symbol ", tag("select", *options, id="symbol")))
    if chart.log:
        tools.append(tag("label", tag("input", type="checkbox", class_="log"), " logarithmic"))
    tools.append(tag("button", "Show all", type="button", class_="quiet reset", hidden=True))
    hint = tag("span", chart.hint, " ", class_="hint") if chart.hint else own("")
    link = (
        tag("a", "The same in numbers", href=f"#{chart.see}", aria_label=f"{chart.title}: the same in numbers")
        if chart.see
        else own("")
    )
    return tag(
        "figure",
        tag("div", tag("h3", chart.title, id=title), legend, tag("span", *tools, class_="tools"), class_="titled"),
        tag("div", class_="plot"),
        tag("figcaption", tag("span", chart.summary, id=words), " ", chart.caption, " ", hint, link),
        class_="chart",
        data_chart=chart.id,
        aria_labelledby=title,
        aria_describedby=words,
    )


def _note(note: Note) -> Html:
    title = tag("h3", note.title) if note.title else own("")
    body = tag("p", note.lines[0]) if len(note.lines) == 1 else tag("ul", *(tag("li", line) for line in note.lines))
    return tag("div", title, body, class_="alarm" if note.alarm else "notes")


def _folded(folded: Folded) -> Html:
    return tag("details", tag("summary", folded.title), _table(folded.part))


def _beside(beside: Beside) -> Html:
    return tag("div", *(tag("div", _table(table)) for table in beside.parts), class_="beside")


_FORMS: dict[type, Callable[[Any], Html]] = {
    Table: _table,
    Facts: _facts,
    Figures: _figures,
    Chart: _chart,
    Note: _note,
    Beside: _beside,
    Folded: _folded,
    Picture: drawn,
}
