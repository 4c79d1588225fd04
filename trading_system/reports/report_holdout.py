"""The part of the report that stands on ``holdout.json``: the answer, every bar, what is not asked here, the evidence."""

from __future__ import annotations

from trading_system.reports.artefacts import Artefacts
from trading_system.reports.document import Cell, Note, Part, Section, Table, absent
from trading_system.reports.holdout import answer_of, look, rows_of
from trading_system.reports.preregistration import standing
from trading_system.reports.report_validation import HEATS, evidence_of
from trading_system.reports.verdict import figure

WORDS = {"NO": "no", "ERROR": "error", "NOT HELD": "not held"}


def answer(found: Artefacts) -> Section | None:
    """The answer and its table; None for a run that did not open the holdout."""
    document = found.holdout
    if document is None:
        return None
    rows: list[list[Cell | str]] = []
    for group, name, bar, word in rows_of(document):
        said = WORDS.get(word, word)
        if bar is None:
            rows.append([group, name, "", "", Cell(said, heat=HEATS["error"])])
            continue
        limit = "" if bar["threshold"] is None else f"{bar['sense']} {figure(bar['threshold'], bar['unit'])}"
        measured = absent(bar["why"]) if bar["measured"] is None else Cell(figure(bar["measured"], bar["unit"]))
        rows.append([group, name.replace("_", " "), measured, limit, Cell(said, heat=HEATS.get(bar["verdict"]))])
    lines = [f"{answer_of(document)}.", f"{_sentence(look(document))}."]
    lines.append(f"{_sentence(standing(document['preregistration']) or 'not preregistered')}.")
    if document["contaminated"]:
        lines.append(f"{_sentence(str(document['contaminated']))}.")
    head = ("Bar", "Measure", "Measured", "Threshold", "Verdict")
    parts: list[Part] = [
        Note(lines, alarm=document["answer"] != "yes"),
        Table("holdout", "What was asked", head, rows, left=(0, 1, 4)),
        Note([f"{one['name'].replace('_', ' ')}: {one['why']}" for one in document["not_judged"]], "Not asked here"),
    ]
    return Section("holdout", "The holdout", parts)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def evidence(found: Artefacts) -> Section | None:
    """Every test with its pictures; None for a run that did not open the holdout."""
    if found.holdout is None:
        return None
    parts = [part for test in found.holdout["tests"] for part in evidence_of(test)]
    return Section("evidence", "Evidence", parts)
