"""The report as Markdown: the same sections and numbers, without drawings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from trading_system.reports.document import Beside, Cell, Chart, Facts, Figures, Folded, Note, Part, Picture, Report, Table
from trading_system.reports.formats import one_line

_MARKS = re.compile(r"([\\`*_{}\[\]<>|#~$&])")


def text(value: str) -> str:
    """`value` on one line, with every character that Markdown or HTML would read as a mark made plain."""
    return _MARKS.sub(r"\\\1", one_line(value))


def report_markdown(report: Report) -> str:
    """The whole report."""
    lines = [f"# {text(report.title)}", "", text(report.subtitle), ""]
    lines += [f"- {text(term)}: {text(what)}" for term, what in report.identity]
    lines += [line for banner in report.banners for line in ("", f"**{text(banner)}**")]
    for section in report.sections:
        lines += ["", f"## {text(section.title)}"]
        for part in section.parts:
            lines += ["", *_FORMS[type(part)](part)]
    return "\n".join(lines) + "\n"


def _cell(cell: Cell | str) -> str:
    if not isinstance(cell, Cell):
        return text(cell)
    return f"{text(cell.text)} ({text(cell.under)})" if cell.under else text(cell.text)


def _table(table: Table) -> Iterable[str]:
    yield f"**{text(table.caption)}**"
    yield ""
    yield _line(map(text, table.header))
    yield _line("---" if i in table.left else "---:" for i in range(len(table.header)))
    yield from (_line(map(_cell, row)) for row in table.rows)
    if table.note:
        yield ""
        yield text(table.note)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _facts(facts: Facts) -> Iterable[str]:
    for number, (name, terms) in enumerate(facts.groups):
        if number:
            yield ""
        yield f"### {text(name)}"
        yield ""
        yield from (f"- {text(term)}: {text(what)}" for term, what in terms)


def _figures(figures: Figures) -> Iterable[str]:
    return (f"- {text(label)}: **{text(cell.text)}** ({text(cell.under or beside)})" for label, cell, beside in figures.items)


def _chart(chart: Chart) -> Iterable[str]:
    return (f"{text(chart.title)}: {text(chart.summary)}",)


def _picture(picture: Picture) -> Iterable[str]:
    return (f"{text(picture.title)}: {text(picture.summary)}",)


def _note(note: Note) -> Iterable[str]:
    if note.title:
        yield f"### {text(note.title)}"
        yield ""
    yield from (text(note.lines[0]),) if len(note.lines) == 1 else (f"- {text(line)}" for line in note.lines)


def _beside(beside: Beside) -> Iterable[str]:
    for number, table in enumerate(beside.parts):
        if number:
            yield ""
        yield from _table(table)


def _folded(folded: Folded) -> Iterable[str]:
    return _table(folded.part)


_FORMS: dict[type[Part], Callable[[Any], Iterable[str]]] = {
    Table: _table,
    Facts: _facts,
    Figures: _figures,
    Chart: _chart,
    Note: _note,
    Beside: _beside,
    Folded: _folded,
    Picture: _picture,
}
