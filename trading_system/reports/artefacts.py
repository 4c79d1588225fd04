"""The artefacts of a run that a report is made from, read from its folder and checked for their shape."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trading_system.errors import OutputError
from trading_system.runs.comparison import config_of
from trading_system.runs.series import SCHEMA
from trading_system.runs.store import METRICS, checked, damaged, from_json, read_bytes, read_manifest, to_json

VALIDATION = "validation.json"
HOLDOUT = "holdout.json"
WALK_FORWARD = "walk_forward.json"
SOURCES = ("config.yaml", "metrics.json", "monthly_report.json", "data_quality.json", "series.json")

_QUALITY: dict[str, Any] = {
    "source": str, "synthetic": bool, "prices": str, "adjust": str, "timeframe": str, "calendars": [str], "rows": int, "bars": int,
    "sessions": int, "actions": dict, "policy": dict, "counts": {str: int}, "symbols": {str: dict}, "incidents": [dict], "notes": [str],
}  # fmt: skip
_SERIES: dict[str, Any] = {
    "schema": int, "bars": int, "step": int, "stamps": dict, "rolling": {"window": int}, "histogram": {"edges": list, "counts": [int]},
    "symbols": [{"symbol": str}], "trades": {"count": int, "left_out": int, "strategies": [str], "reasons": [str]},
}  # fmt: skip
_TEST: dict[str, Any] = {
    "name": str, "title": str, "verdict": str, "error": str, "work": str, "warnings": [str], "asks": str, "null": str, "reading": str,
    "assumes": [str], "blind_to": [str], "source": str, "details": dict, "picture": dict,
    "bars": [{"name": str, "sense": str, "unit": str, "why": str, "verdict": str}],
}  # fmt: skip
_VALIDATION: dict[str, Any] = {
    "schema": int, "answer": str, "refused": [str], "fast": bool, "period": {"name": str, "first": str, "last": str}, "left_out": [str], "not_asked": [{"name": str, "why": str}],
    "trials": {"configurations": int, "rows": int, "sampled": bool}, "tests": [_TEST],
}  # fmt: skip
_BAR: dict[str, Any] = {"name": str, "sense": str, "unit": str, "why": str, "verdict": str}
_HOLDOUT: dict[str, Any] = {
    "schema": int, "answer": str, "bars_hold": bool, "refused": [str], "period": {"first": str, "last": str}, "look": int,
    "openings": [{"created": str, "config_hash": str}], "contaminated": str, "tests": [_TEST], "primary": [_BAR], "secondary": [_BAR],
    "secondary_held": int, "secondary_needed": int, "not_judged": [{"name": str, "why": str}],
}  # fmt: skip
_FOLD: dict[str, Any] = {
    "fold": int, "train": {"first": str, "last": str}, "test": {"first": str, "last": str}, "point": dict, "unmet": bool,
    "in_sample": dict, "out_of_sample": dict,
}  # fmt: skip
_WALK_FORWARD: dict[str, Any] = {
    "windows": {"text": str}, "grid": {str: list}, "points": int, "runs": int, "stitched": {"first": str, "last": str, "n_periods": int},
    "efficiency": {"undefined": str}, "folds": [_FOLD], "warnings": [str], "pictures": [{"form": str, "title": str, "summary": str}],
}  # fmt: skip
_TABLES: dict[str, Any] = {"trades": dict, "drawdowns": [dict], "years": [dict], "events": [dict]}


@dataclass(frozen=True)
class Artefacts:
    """The documents behind a report, as they read back from their files.

    Attributes
    ----------
    manifest : mapping
        ``manifest.json``; without ``artefacts`` while the run is being written.
    config, metrics, monthly, quality, series : mapping
        ``config.yaml``, ``metrics.json``, ``monthly_report.json``, ``data_quality.json``, ``series.json``.
    validation : mapping or None
        ``validation.json`` of a run that was validated.
    holdout : mapping or None
        ``holdout.json`` of a run over the holdout.
    walk_forward : mapping or None
        ``walk_forward.json`` of a walk-forward.
    """

    manifest: Mapping[str, Any]
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    monthly: Mapping[str, Any]
    quality: Mapping[str, Any]
    series: Mapping[str, Any]
    validation: Mapping[str, Any] | None = None
    holdout: Mapping[str, Any] | None = None
    walk_forward: Mapping[str, Any] | None = None


def read_artefacts(folder: Path) -> Artefacts:
    """The artefacts of the run in `folder`.

    Raises
    ------
    OutputError
        One is missing, is no longer what the run wrote, or was written by another version.
    """
    manifest = read_manifest(folder)
    missing = [name for name in SOURCES if name not in manifest["artefacts"]]
    if missing:
        raise OutputError(
            f"has no {missing[0]}: it was written by an earlier version", where=str(folder), remedy="make the run again"
        )
    changed = [name for name in damaged(folder, manifest) if name in (*SOURCES, VALIDATION, HOLDOUT, WALK_FORWARD)]
    if changed:
        raise OutputError(
            f"{', '.join(changed)}: not what the run wrote, and a report shows only that",
            where=str(folder),
            remedy="put the files back, or make the run again",
        )
    return artefacts_of(manifest, lambda name: read_bytes(folder / name), str(folder))


def artefacts_of(manifest: Mapping[str, Any], read: Callable[[str], bytes], where: str) -> Artefacts:
    """The same from a manifest and a reader of files; `where` names the folder in errors."""

    def document(name: str, shape: dict[str, Any]) -> dict[str, Any]:
        place = os.path.join(where, name)
        return checked(from_json(read(name), place), shape, place)

    series = document("series.json", _SERIES)
    if series["schema"] != SCHEMA:
        raise OutputError(
            f"was written by another version (schema {series['schema']}, this program knows {SCHEMA})",
            where=os.path.join(where, "series.json"),
            remedy="use the version that wrote it",
        )
    return Artefacts(
        manifest=from_json(to_json(manifest), where),
        config=config_of(read("config.yaml").decode(errors="replace"), os.path.join(where, "config.yaml")),
        metrics=document("metrics.json", METRICS | _TABLES),
        monthly=document("monthly_report.json", {"months": [dict], "table": {str: dict}}),
        quality=document("data_quality.json", _QUALITY),
        series=series,
        validation=document(VALIDATION, _VALIDATION) if "validation" in manifest else None,
        holdout=document(HOLDOUT, _HOLDOUT) if manifest["period"]["name"] == "holdout" else None,
        walk_forward=document(WALK_FORWARD, _WALK_FORWARD) if "walk_forward" in manifest else None,
    )
