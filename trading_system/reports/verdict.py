"""The answer of a validation for the terminal: test, measured, threshold, verdict; and what a test asks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from trading_system.reports.formats import NOTHING, amount, count, money, one_line, percent, ratio, table
from trading_system.reports.page import Page
from trading_system.reports.preregistration import standing
from trading_system.reports.scenarios import scenario_lines

ANSWERS = {
    "yes": "YES: every test was made and none says no",
    "no": "NO",
    "partial": "PARTIAL: nothing said no, but not every test was made; that is never a yes",
}
WORDS = {"pass": "pass", "reject": "NO", "report": "", "error": "ERROR"}
FORMS = {"fraction": percent, "ratio": ratio, "money": money, "count": count, "periods": count}


def figure(value: float | None, unit: str) -> str:
    """A number of a bar in its unit."""
    if value is None or math.isnan(value):
        return NOTHING
    if unit == "p":
        return f"{value:.4f}"
    return FORMS.get(unit, ratio)(value)


def judged_on(period: Mapping[str, Any]) -> str:
    """``train and validation, 2010-04-14 to 2018-12-31``; what no splits hold out is said."""
    name = {"all": "all of the data, nothing held out", "train+validation": "train and validation"}.get(
        period["name"], period["name"]
    )
    return f"{name}, {period['first']} to {period['last']}"


def verdict_page(
    document: Mapping[str, Any],
    folder: str,
    page: Page,
    warnings: Sequence[str] = (),
    preregistered: Mapping[str, Any] | None = None,
) -> str:
    """The table of the verdict, what was not asked, what to be careful about, the answer last."""
    rows = []
    for test in document["tests"]:
        if test["error"]:
            rows.append((test["name"], "", "", "", WORDS["error"]))
        for bar in test["bars"]:
            limit = "" if bar["threshold"] is None else f"{bar['sense']} {figure(bar['threshold'], bar['unit'])}"
            measured = figure(bar["measured"], bar["unit"])
            rows.append((test["name"], bar["name"].replace("_", " "), measured, limit, WORDS[bar["verdict"]]))
    head, *lines = table(
        ("test", "measure", "measured", "threshold", "verdict"), rows, right=(2, 3), fixed=(4,), width=page.width
    ).split("\n")
    parts = [page.heading(head), *(page.alarm(line) if line.endswith((" NO", " ERROR")) else line for line in lines)]
    for test in document["tests"]:
        if test["name"] == "stress" and test["details"].get("scenarios"):
            top, *lines = scenario_lines(test["details"]["scenarios"], page.width)
            parts += ["", page.heading(top), *lines]
    for title, said in (
        ("errors", [f"{test['name']}: {test['error']}" for test in document["tests"] if test["error"]]),
        ("no number", [f"{t['name']}: {b['name']}: {b['why']}" for t in document["tests"] for b in t["bars"] if b["why"]]),
        ("careful", [f"{test['name']}: {text}" for test in document["tests"] for text in test["warnings"]]),
        ("warnings", list(warnings)),
        ("not asked", [f"{one['name']}: {one['why']}" for one in document["not_asked"]]),
    ):
        if said:
            parts += ["", page.heading(title), *(page.wrapped(one_line(text), "  ") for text in said)]
    if document["left_out"]:
        parts += ["", page.wrapped(f"left out by --only: {', '.join(document['left_out'])}", first="")]
    trials = document["trials"]
    kept = "; a sample of their returns is kept" if trials["sampled"] else ""
    worlds = sum(test["worlds"] for test in document["tests"])
    parts += [
        "",
        page.wrapped(
            f"judged among {amount(trials['configurations'], 'configuration')} ever tried of these strategy types on these symbols"
            f"{kept}; {amount(worlds, 'run')} in changed worlds; judged on {judged_on(document['period'])}",
            first="",
        ),
        *([page.wrapped(one_line(standing(preregistered)), first="")] if preregistered else []),
        f"results: {one_line(folder)}",
    ]
    answer = ANSWERS[document["answer"]]
    if document["refused"]:
        answer += f": {', '.join(document['refused'])}"
    bold = page.heading(answer)
    return "\n".join([*parts, "", page.alarm(bold) if document["answer"] != "yes" else bold])


def explanation(found: Mapping[str, Any], page: Page) -> str:
    """What a test asks, assumes and cannot see, and how to read it."""
    lines = [page.heading(f"{found['name']}: {found['title']}")]
    for name in ("asks", "null", "assumes", "cannot see", "reading", "source"):
        said = found[name] if isinstance(found[name], list) else [found[name]]
        for number, text in enumerate(said or ["-"]):
            label = f"{name}: " if number == 0 else ""
            lines.append(page.wrapped(one_line(text), " " * 12, f"{label:<12}"))
    return "\n".join(lines)
