"""The last part of a report: what became of every signal, limits that tripped, and what was found in the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trading_system.reports.artefacts import Artefacts
from trading_system.reports.document import Cell, Folded, Note, Part, Section, Table
from trading_system.reports.formats import amount, count, money, percent
from trading_system.reports.words import CODES, named

SHOWN, FEW = 60, 12
ALL = "All"


def orders(found: Artefacts) -> Section:
    """Signals to orders to fills, with the sums that must hold."""
    document = found.metrics["reconciliation"]
    scopes = _scopes(document)
    header = ("Strategy", "Signals", "Refused", "Orders", "Filled", "Filled in part", "Rejected", "Expired", "Open at the end")
    rows = [(name, *_flow(scope)) for name, scope in scopes.items()]
    total = document["total"]
    verdict = (
        "Balanced: every signal was refused or became an order, and every order has one end."
        if total["balanced"]
        else "NOT BALANCED: please report this."
    )
    sums = (
        f"Signals {count(total['signals'])} = refused {count(total['n_refused'])} + orders from signals {count(total['orders_from_signals'])}."
        f" {count(total['repeated'])} more repeated a standing position or order, outside these sums."
    )
    kinds = (("Orders by cause", total["orders"]), *((_END[key], total["ends"][key]) for key in _END))
    ends = [(title, named(code), count(number)) for title, codes in kinds for code, number in codes.items()]
    quantity = total["quantity"]
    note = ", ".join(f"{key} {money(value)}" for key, value in quantity.items())
    return Section(
        "orders",
        "From signals to fills",
        [
            Table("flow", "What became of every signal", header, rows, note=sums),
            Note([verdict], alarm=not total["balanced"]),
            Table(
                "ends", "Orders by cause and by reason", ("What", "Reason", "Orders"), ends, (0, 1), (1,), f"Units: {note}."
            ),
        ],
    )


_END = {"part_filled": "Filled in part", "rejected": "Rejected", "expired": "Expired"}


def _scopes(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Every strategy, and all of them together where there is more than one."""
    strategies = dict(document["strategies"])
    return {**strategies, ALL: document["total"]} if len(strategies) != 1 else strategies


def _flow(scope: Mapping[str, Any]) -> tuple[str, ...]:
    ends = scope["ends"]
    lost = [sum(ends[kind].values()) for kind in ("part_filled", "rejected", "expired")]
    return tuple(
        count(n) for n in (scope["signals"], scope["n_refused"], scope["n_orders"], ends["filled"], *lost, ends["open"])
    )


def refusals(found: Artefacts) -> Section:
    """Candidates that never became orders, by reason."""
    document = found.metrics["reconciliation"]
    scopes = _scopes(document)
    codes = document["total"]["refused"]
    if not codes:
        return Section("refusals", "Refused candidates", [Note(["No candidate was refused."])])
    rows = [
        (code, CODES.get(code, ""), *(count(scope["refused"].get(code, 0)) for scope in scopes.values())) for code in codes
    ]
    header = ("Code", "Meaning", *scopes)
    note = "Candidates at a close that never became orders; refusals.csv lists them by symbol and date."
    return Section(
        "refusals", "Refused candidates", [Table("refused", "Refusals by reason", header, rows, (0, 1), (1,), note)]
    )


def events(found: Artefacts) -> Section:
    """Limits that tripped."""
    tripped = found.metrics["events"]
    if not tripped:
        return Section("events", "Risk events", [Note(["No limit tripped."])])
    rows = [
        (
            str(event["date"]),
            named(str(event["kind"])),
            percent(event["measured"]),
            percent(event["limit"]),
            money(event["equity"]),
            money(event["reference"]),
        )
        for event in tripped[:SHOWN]
    ]
    note = f"The first {SHOWN} of {count(len(tripped))}; metrics.json has all." if len(tripped) > SHOWN else ""
    header = ("Date", "Limit", "Measured", "Allowed", "Equity", "Against")
    return Section(
        "events", "Risk events", [Table("limits", "Limits that tripped, at closes", header, rows, (0, 1), (1,), note)]
    )


def quality(found: Artefacts) -> Section:
    """What was found in the bars, and what was done about it."""
    said = found.quality
    policy = said["policy"]
    lines = [
        f"{count(said['rows'])} rows read, {count(said['bars'])} bars in {amount(said['sessions'], 'session')} used.",
        "Policy: " + ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in policy.items()) + ".",
        *said["notes"],
    ]
    parts: list[Part] = [Note(lines)]
    if not said["counts"]:
        return Section("quality", "Data quality", [*parts, Note(["No defect was found."])])
    rows = [(kind.replace("_", " "), count(number)) for kind, number in said["counts"].items()]
    parts.append(Table("defects", "Defects by kind", ("Defect", "Count"), rows))
    rare_first = sorted(said["incidents"], key=lambda i: (said["counts"].get(i["kind"], 0), str(i["kind"])))
    incidents: list[tuple[Cell | str, ...]] = [
        (str(i["symbol"]), str(i.get("date") or ""), str(i["kind"]).replace("_", " "), str(i["detail"]))
        for i in rare_first[:SHOWN]
    ]
    note = f"{SHOWN} of {count(len(rare_first))}; data_quality.json has all." if len(rare_first) > SHOWN else ""
    table = Table("incidents", "Where they are", ("Symbol", "Date", "Defect", "Detail"), incidents, (0, 1, 2, 3), (3,), note)
    parts.append(Folded("Where they are, the rarest kinds first", table) if len(incidents) > FEW else table)
    return Section("quality", "Data quality", parts)
