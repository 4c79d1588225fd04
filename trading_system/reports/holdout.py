"""The answer of a holdout for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trading_system.reports.formats import one_line, table
from trading_system.reports.page import Page
from trading_system.reports.preregistration import standing
from trading_system.reports.verdict import WORDS, figure

HELD = {"pass": "held", "reject": "NOT HELD"}


def rows_of(document: Mapping[str, Any]) -> Iterable[tuple[str, str, Mapping[str, Any] | None, str]]:
    """Group, measure, bar, verdict of every line of the table; a test in error has no bar."""
    for test in document["tests"]:
        if test["error"]:
            yield "rejection", str(test["title"]), None, WORDS["error"]
        for bar in test["bars"]:
            yield "rejection", str(bar["name"]), bar, WORDS[bar["verdict"]]
    for group in ("primary", "secondary"):
        for bar in document[group]:
            yield group, str(bar["name"]), bar, HELD[bar["verdict"]]


def answer_of(document: Mapping[str, Any]) -> str:
    """The answer as one line."""
    if document["answer"] == "yes":
        held = f"{document['secondary_held']} of {len(document['secondary'])} secondary ones hold"
        return f"YES: no rejection bar is hit, every primary bar holds, and {held}"
    if document["bars_hold"]:
        return "NO: every bar holds, but the holdout is contaminated, and what was seen before proves nothing"
    few = f"{document['secondary_held']} secondary bars hold where {document['secondary_needed']} must"
    said = [few if name == "secondary" else name.replace("_", " ") for name in document["refused"]]
    return f"NO: {', '.join(said)}"


def reasons(document: Mapping[str, Any]) -> list[str]:
    """Why a number is missing."""
    bars = [bar for test in document["tests"] for bar in test["bars"]] + [*document["primary"], *document["secondary"]]
    return [f"{str(bar['name']).replace('_', ' ')}: {bar['why']}" for bar in bars if bar["why"]]


def look(document: Mapping[str, Any]) -> str:
    """Which look this was."""
    period, number = document["period"], document["look"]
    when = str(document["openings"][-1]["created"])
    return f"the holdout, {period['first']} to {period['last']}, opened on {when}: look {number}"


def holdout_page(document: Mapping[str, Any], folder: str, page: Page, warnings: Sequence[str] = ()) -> str:
    """The table of the bars, what is not asked here and why, what to be careful about, the answer last."""
    rows = []
    for group, name, bar, word in rows_of(document):
        measured = "" if bar is None else figure(bar["measured"], bar["unit"])
        limit = "" if bar is None or bar["threshold"] is None else f"{bar['sense']} {figure(bar['threshold'], bar['unit'])}"
        rows.append((group, name.replace("_", " "), measured, limit, word))
    head, *lines = table(
        ("bar", "measure", "measured", "threshold", "verdict"), rows, right=(2, 3), fixed=(4,), width=page.width
    ).split("\n")
    bad = (" NO", " ERROR", " NOT HELD")
    parts = [page.wrapped(look(document), first=""), "", page.heading(head)]
    parts += [page.alarm(line) if line.endswith(bad) else line for line in lines]
    said_before = document["contaminated"]
    for title, said in (
        ("contaminated", [said_before] if said_before else []),
        ("errors", [f"{test['name']}: {test['error']}" for test in document["tests"] if test["error"]]),
        ("no number", reasons(document)),
        ("careful", [f"{test['name']}: {text}" for test in document["tests"] for text in test["warnings"]]),
        ("warnings", [text for text in warnings if text != said_before]),
        ("not asked here", [f"{one['name'].replace('_', ' ')}: {one['why']}" for one in document["not_judged"]]),
    ):
        if said:
            parts += ["", page.heading(title), *(page.wrapped(one_line(text), "  ") for text in said)]
    bold = page.heading(answer_of(document))
    answer = page.alarm(bold) if document["answer"] != "yes" else bold
    standing_to = standing(document["preregistration"]) or "not preregistered"
    parts += ["", page.wrapped(one_line(standing_to), first="")]
    return "\n".join([*parts, f"results: {one_line(folder)}", "", answer])
