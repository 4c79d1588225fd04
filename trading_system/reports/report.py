"""The report of a run, from its artefacts alone: the same sections whatever it is written as."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trading_system.reports import (
    report_facts,
    report_holdout,
    report_orders,
    report_results,
    report_validation,
    report_walk_forward,
)
from trading_system.reports.artefacts import Artefacts
from trading_system.reports.document import Report, Section
from trading_system.reports.formats import amount, count

SECTIONS: tuple[Callable[[Artefacts], Section | None], ...] = (
    report_facts.facts,
    report_validation.verdict,
    report_holdout.answer,
    report_walk_forward.folds,
    report_results.headline,
    report_results.equity,
    report_results.drawdowns,
    report_results.months,
    report_results.rolling,
    report_results.distribution,
    report_results.exposure,
    report_results.trades,
    report_results.breakdown,
    report_results.costs,
    report_orders.orders,
    report_orders.refusals,
    report_orders.events,
    report_orders.quality,
    report_validation.evidence,
    report_holdout.evidence,
    report_facts.trials,
)


def report_of(found: Artefacts) -> Report:
    """Every section of the report, in the order in which it is read."""
    manifest, period = found.manifest, found.manifest["period"]
    names = ", ".join(str(entry["name"]) for entry in manifest["strategies"])
    symbols = len(manifest["data"]["symbols"])
    timeframe = str(found.quality["timeframe"])
    bars = "daily bars" if timeframe == "1d" else f"bars of {timeframe}"
    subtitle = f"{period['first']} to {period['last']} · {count(period['bars'])} {bars} · {amount(symbols, 'symbol')}"
    banners = ["Invented prices: this market was made by a generator. Nothing here says anything about a real one."]
    return Report(
        title=f"{_what(found)} of {names}",
        subtitle=subtitle,
        identity=report_facts.identity(manifest),
        banners=banners if found.quality["synthetic"] else [],
        sections=[made for section in SECTIONS if (made := section(found)) is not None],
    )


def _what(found: Artefacts) -> str:
    """The kind of run."""
    if found.holdout is not None:
        return "Holdout"
    if found.walk_forward is not None:
        return "Walk-forward"
    return "Backtest" if found.validation is None else "Validation"


def report_json(found: Artefacts) -> dict[str, Any]:
    """What the report says, as one document: numbers as numbers."""
    manifest = found.manifest
    kept = ("run_id", "created", "trial", "period", "strategies", "config_hash", "seed", "versions", "warnings", "notes")
    return {
        "run": {key: manifest.get(key) for key in kept},
        "data": {"hash": manifest["data"]["hash"], **{key: found.quality[key] for key in ("source", "synthetic", "prices")}},
        "config": dict(found.config),
        **found.metrics,
        "monthly": found.monthly["table"],
        "histogram": found.series["histogram"],
        "data_quality": {key: found.quality[key] for key in ("rows", "bars", "sessions", "policy", "counts", "notes")},
        **({} if found.validation is None else {"validation": dict(found.validation)}),
        **({} if found.holdout is None else {"holdout": dict(found.holdout)}),
        **({} if found.walk_forward is None else {"walk_forward": dict(found.walk_forward)}),
        "not_checked": report_facts.not_checked(found),
    }
