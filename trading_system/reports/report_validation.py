"""Is it luck? The part of the report that stands on ``validation.json``: the answer, the table, the evidence as pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from trading_system.reports.artefacts import Artefacts
from trading_system.reports.document import Cell, Facts, Folded, Note, Part, Picture, Section, Table, absent
from trading_system.reports.drawings import DRAWN, said
from trading_system.reports.intervals import interval_table
from trading_system.reports.preregistration import standing
from trading_system.reports.scenarios import scenario_table
from trading_system.reports.verdict import ANSWERS, figure, judged_on
from trading_system.reports.words import trials_so_far

VERDICTS = {"pass": "pass", "reject": "no", "report": "reported", "error": "error"}
HEATS = {"pass": 0.4, "reject": -0.6, "error": -0.6}


def verdict(found: Artefacts) -> Section | None:
    """The answer and its table; None for a run that was not validated."""
    document = found.validation
    if document is None:
        return None
    trials, said_of = document["trials"], trials_so_far(found.manifest["trial"])
    answer = ANSWERS[document["answer"]] + (f": {', '.join(document['refused'])}" if document["refused"] else "")
    lines = [
        answer + ".",
        f"{said_of[:1].upper()}{said_of[1:]}{'; a sample of their returns is kept' if trials['sampled'] else ''}.",
        f"Judged on {judged_on(document['period'])}" + (", with the smaller sizes of --fast." if document["fast"] else "."),
    ]
    said_before = standing(found.manifest.get("preregistration"))
    if said_before:
        lines.append(f"{said_before[:1].upper()}{said_before[1:]}.")
    parts: list[Part] = [Note(lines, alarm=document["answer"] != "yes"), _table(document)]
    lists = [
        ("Not asked", [f"{one['name']}: {one['why']}" for one in document["not_asked"]]),
        ("Left out", [", ".join(document["left_out"])] if document["left_out"] else []),
        ("To be careful about", [f"{one['title']}: {text}" for one in document["tests"] for text in one["warnings"]]),
    ]
    parts += [Note(texts, title) for title, texts in lists if texts]
    return Section("validation", "Is it luck?", parts)


def _table(document: Mapping[str, Any]) -> Table:
    rows: list[list[Cell | str]] = []
    for test in document["tests"]:
        if test["error"]:
            rows.append([test["title"], "", Cell("error", test["error"]), "", Cell("error", heat=HEATS["error"])])
        for bar in test["bars"]:
            limit = "" if bar["threshold"] is None else f"{bar['sense']} {figure(bar['threshold'], bar['unit'])}"
            measured = absent(bar["why"]) if bar["measured"] is None else Cell(figure(bar["measured"], bar["unit"]))
            word = Cell(VERDICTS[bar["verdict"]], heat=HEATS.get(bar["verdict"]))
            rows.append([test["title"], str(bar["name"]).replace("_", " "), measured, limit, word])
    return Table("verdict", "What was asked", ("Test", "Measure", "Measured", "Threshold", "Verdict"), rows, left=(0, 1, 4))


def evidence(found: Artefacts) -> Section | None:
    """Every test with its pictures, its work and what it assumes; None for a run that was not validated."""
    document = found.validation
    if document is None:
        return None
    parts: list[Part] = []
    for test in document["tests"]:
        parts += evidence_of(test)
    return Section("evidence", "Evidence", parts)


def evidence_of(test: Mapping[str, Any]) -> Iterator[Part]:
    """One test with its pictures, its work and what it assumes."""
    name, seed = str(test["name"]), test["seed"]
    work = [("Work", test["work"] + (f", seed {seed}" if seed is not None else ""))] if test["work"] else []
    terms = [
        ("Asks", test["asks"]),
        *work,
        ("Null", test["null"]),
        ("Reading", test["reading"]),
        *(("Assumes", text) for text in test["assumes"]),
        *(("Cannot see", text) for text in test["blind_to"]),
        ("Source", test["source"]),
    ]
    yield Facts([(test["title"], [(term, str(text)) for term, text in terms])])
    for number, data in enumerate(test["picture"].get("pictures", ())):
        if data.get("form") == "heat":
            yield _heat(f"{name}-{number}", data)
        elif data.get("form") in DRAWN:
            yield Picture(f"{name}-{number}", data["title"], data["summary"], data)
    if name == "intervals" and test["details"].get("intervals"):
        yield Folded("All intervals", interval_table(test["details"]))
    if name == "stress" and test["details"].get("scenarios"):
        yield Folded("All scenarios", scenario_table(test["details"]["scenarios"]))


def _heat(identity: str, data: Mapping[str, Any]) -> Table:
    known = [v for row in data["values"] for v in row if v is not None]
    largest = max((abs(v) for v in known), default=1.0) or 1.0
    rows: list[list[Cell | str]] = []
    for i, (label, row) in enumerate(zip(data["rows"], data["values"], strict=False)):
        cells: list[Cell | str] = [str(label)]
        for j, value in enumerate(row):
            mark = "judged" if data["marked"] == [i, j] else ""
            cells.append(absent("") if value is None else Cell(said(value, data["unit"]), mark, heat=value / largest))
        rows.append(cells)
    caption = f"{data['title']}: {data['row_name']} by {data['column_name']}"
    return Table(
        identity, caption, (str(data["row_name"]), *map(str, data["columns"])), rows, style="heat", note=data["summary"]
    )
