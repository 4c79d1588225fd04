"""What the data of a run is, and what was found wrong with it, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trading_system.data.notes import alarming
from trading_system.reports.formats import amount, count, one_line, table, wrapped_table
from trading_system.reports.page import Page

SHOWN = 20
CLEAN = 3  # symbols without a defect that stand for the others of a large market


def quality_page(quality: Mapping[str, Any], page: Page) -> str:
    """The data in one line, its symbols, its defects counted by kind, the first incidents, notes."""
    sections = (_what(quality, page), _symbols(quality, page), _defects(quality, page), _notes(quality, page))
    return "\n\n".join(section for section in sections if section)


def _what(quality: Mapping[str, Any], page: Page) -> str:
    prices = "synthetic prices, invented" if quality["synthetic"] else f"{quality['prices']} prices"
    basis = f"calendar {', '.join(quality['calendars'])}, {quality['periods_per_year']:g} periods a year"
    read = f"{amount(len(quality['symbols']), 'symbol')}, {amount(quality['rows'], 'row')} read"
    used = f"{amount(quality['bars'], 'bar')} in {amount(quality['sessions'], 'session')} used"
    actions = (
        f"{amount(quality['actions']['splits'], 'split')}, {amount(quality['actions']['dividends'], 'dividend')} recorded"
    )
    lines = (
        f"source {quality['source']}: {prices}, bars of {quality['timeframe']}, {basis}",
        f"{read}, {used}",
        f"{actions}; applied: {quality['adjust'].replace('_', ' ')}",
    )
    return "\n".join(page.wrapped(line, first="") for line in lines)


def _symbols(quality: Mapping[str, Any], page: Page) -> str:
    """Every symbol of a small market; of a large one those with most defects and the first few without."""
    symbols = sorted(quality["symbols"].items(), key=lambda item: (-sum(item[1]["found"].values()), item[0]))
    bad = sum(1 for _, of in symbols if sum(of["found"].values()))
    most = SHOWN if len(symbols) <= SHOWN else min(bad + CLEAN, SHOWN)
    holes = any(of["missing_bars"] for _, of in symbols)
    rows = [
        (
            name,
            count(of["rows"]),
            count(of["bars"]),
            *((count(of["missing_bars"]),) if holes else ()),
            of["first"] or "-",
            of["last"] or "-",
            count(sum(of["found"].values())),
        )
        for name, of in symbols[:most]
    ]
    header = ("symbol", "rows", "bars", *(("missing",) if holes else ()), "first", "last", "defects")
    right = (1, 2, 3, 6) if holes else (1, 2, 5)
    head, *lines = table(header, rows, right=right, width=page.width).split("\n")
    if len(symbols) > most:
        lines.append(f"and {len(symbols) - most} more" + (" without a defect" if bad <= most else ""))
    return "\n".join([page.heading(head), *lines])


def _defects(quality: Mapping[str, Any], page: Page) -> str:
    """Counts by kind and the first incidents of each."""
    if not quality["counts"]:
        return "no defect found"
    policy = quality["policy"]
    rows = [(kind.replace("_", " "), count(number)) for kind, number in quality["counts"].items()]
    counts = table(("defects", "count"), rows, right=(1,), width=page.width).split("\n")
    incidents = [
        (i["symbol"], i["date"] or "", i["kind"].replace("_", " "), i["detail"]) for i in quality["incidents"][:SHOWN]
    ]
    first = wrapped_table(("symbol", "date", "kind", "detail"), incidents, width=page.width).split("\n")
    if len(quality["incidents"]) > SHOWN:
        first.append(f"and {len(quality['incidents']) - SHOWN} more with their dates in --json")
    rule = f"policy: impossible {policy['impossible']}, jump {policy['jump']} beyond {policy['max_jump']:g}, split suspect {policy['split_suspect']}"
    return "\n".join([page.heading(counts[0]), *counts[1:], rule, "", page.heading(first[0]), *first[1:]])


def _notes(quality: Mapping[str, Any], page: Page) -> str:
    warnings = [page.alarm(page.wrapped(one_line(note), "  ", "warning: ")) for note in quality["notes"] if alarming(note)]
    notes = [page.wrapped(one_line(note), "  ", "note: ") for note in quality["notes"] if not alarming(note)]
    return "\n".join(warnings + notes)


def _said(notes: Sequence[str]) -> list[tuple[str, str]]:
    """Notes as rows of a table, those that are warnings first."""
    return sorted((("warning" if alarming(note) else "note", note) for note in notes), key=lambda row: row[0] == "note")


def files_page(found: Mapping[str, Any], page: Page) -> str:
    """What lies in files of bars, and what a run file would say about them."""
    symbols = ", ".join(found["symbols"]) + (
        f" and {found['n_symbols'] - len(found['symbols'])} more" if found["n_symbols"] > 20 else ""
    )
    guess = ", ".join(f"{key}: {value}" for key, value in found["guess"].items())
    rows = [
        ("files", f"{count(found['files'])}, {amount(found['bytes'], 'byte')}"),
        ("rows", count(found["rows"])),
        ("symbols", f"{count(found['n_symbols'])}: {symbols}"),
        ("range", f"{found['first']} to {found['last']}, stamps: {found['stamps']}"),
        ("columns", ", ".join(found["columns"])),
        ("run file", f"data: {{{guess}, path: {_yaml(found['path'])}}}"),
        *_said(found["notes"]),
    ]
    return wrapped_table(("", ""), rows, width=page.width)


def _yaml(path: str) -> str:
    """A path as a value inside braces: quoted unless every letter is harmless there."""
    import json
    import re

    return path if re.fullmatch(r"[\w./-]*[A-Za-z_/][\w./-]*", path) and path[0] != "-" else json.dumps(path)


def import_page(report: Mapping[str, Any], page: Page) -> str:
    """What an import wrote, and what of it was inferred."""
    rows = [
        ("wrote", report["target"]),
        ("rows", f"{count(report['rows'])} of {amount(report['symbols'], 'symbol')}, {report['first']} to {report['last']}"),
        ("actions", f"{amount(report['splits'], 'split')}, {amount(report['dividends'], 'dividend')}: {report['actions']}"),
        *_said(report["notes"]),
    ]
    return wrapped_table(("", ""), rows, width=page.width)
