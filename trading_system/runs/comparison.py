"""Two runs beside each other: what they were made of, and what they found."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trading_system.errors import OutputError
from trading_system.files import output_errors
from trading_system.runs.store import flat, read_manifest, read_metrics

POINTS = 200  # of both equities that a comparison carries
HEADLINE = ("total_return", "cagr", "sharpe", "max_drawdown", "n_trades")


def run_row(folder: Path) -> dict[str, Any]:
    """One line of `runs list`: run_id, created, strategies, period, first, last, key metrics, contaminated (why its holdout is), folder."""
    manifest = read_manifest(folder)
    return {
        "run_id": manifest["run_id"],
        "created": manifest["created"],
        "strategies": manifest["strategies"],
        "period": manifest["period"]["name"],
        "first": manifest["period"]["first"],
        "last": manifest["period"]["last"],
        "config_hash": manifest["config_hash"],
        **{name: manifest["headline"].get(name) for name in HEADLINE},
        "warnings": len(manifest["warnings"]),
        "contaminated": str((manifest.get("holdout") or {}).get("contaminated") or ""),
        "folder": str(folder),
    }


def compared(one: Path, other: Path) -> dict[str, Any]:
    """What differs between the runs in two folders.

    Returns
    -------
    dict
        `runs`: two rows as `run_row` gives, each with `market`: source, path, symbols (how many), of its data; `same`: whether config, data, code, versions, period are equal; `config`: rows of
        key, a, b; `data`: changed, only_a, only_b (symbols); `code`: files that differ, `code_only`: those of them
        that only a or only b has; `versions` and `metrics`: rows of
        name, a, b, and for metrics their difference b - a; `equity`: what `equities` gives.
    """
    a, b = read_manifest(one), read_manifest(other)
    configs = [read_config(folder / "config.yaml") for folder in (one, other)]
    config = differences(*map(flat, configs))
    data = data_differences(a["data"]["symbols"], b["data"]["symbols"])
    code = code_differences(a["code"], b["code"])
    versions = differences(a["versions"], b["versions"])
    window = ("name", "first", "last")
    return {
        "runs": [
            {**run_row(folder), "market": _market(manifest, said)}
            for folder, manifest, said in zip((one, other), (a, b), configs, strict=True)
        ],
        "same": {
            "config": a["config_hash"] == b["config_hash"],
            "data": a["data"]["hash"] == b["data"]["hash"],
            "code": a["code"]["hash"] == b["code"]["hash"],
            "versions": not versions,
            "period": all(a["period"][key] == b["period"][key] for key in window),
        },
        "config": config,
        "data": data,
        "code": code,
        "code_only": {
            side: [name for name in code if name in mine["files"] and name not in others["files"]]
            for side, mine, others in (("a", a["code"], b["code"]), ("b", b["code"], a["code"]))
        },
        "versions": versions,
        "metrics": _metrics(one, other),
        "equity": equities(one, other),
    }


def _market(manifest: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Where a run's bars came from, and of how many symbols."""
    data = config.get("data")
    named = data if isinstance(data, dict) else {}
    return {"source": named.get("source"), "path": named.get("path"), "symbols": len(manifest["data"]["symbols"])}


def equities(one: Path, other: Path, points: int = POINTS) -> dict[str, Any]:
    """Both equities at the dates that both runs have, at most `points` of them at equal distances, the first and the last among them.

    Returns
    -------
    dict
        `dates`: how many there are in common; `points`: rows of date, a, b in money.
    """
    a, b = _equity(one), _equity(other)
    dates = [date for date in a if date in b]
    n = min(points, len(dates))
    picked = [dates[i * (len(dates) - 1) // max(n - 1, 1)] for i in range(n)]
    return {"dates": len(dates), "points": [{"date": date, "a": a[date], "b": b[date]} for date in picked]}


def _equity(folder: Path) -> dict[str, float]:
    """Date -> equity of a run, as its `equity_curve.csv` has them."""
    file = folder / "equity_curve.csv"
    with output_errors(file, "read"), open(file, encoding="utf-8", newline="") as stream:
        try:
            return {row["date"]: float(row["equity"]) for row in csv.DictReader(stream)}
        except (KeyError, ValueError, TypeError, csv.Error) as error:
            raise OutputError(f"is no equity curve: {error}", where=str(file), remedy="make the run again") from None


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Keys whose values differ, with both; a key that one side lacks is null there."""
    keys = [*a, *(key for key in b if key not in a)]
    return [
        {"name": key, "a": a.get(key), "b": b.get(key)} for key in keys if a.get(key) != b.get(key) or (key in a) != (key in b)
    ]


def data_differences(a: Mapping[str, str], b: Mapping[str, str]) -> dict[str, list[str]]:
    """Symbols whose bars differ, and those that only one side has."""
    return {
        "changed": sorted(symbol for symbol in a if symbol in b and a[symbol] != b[symbol]),
        "only_a": sorted(set(a) - set(b)),
        "only_b": sorted(set(b) - set(a)),
    }


def code_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """What of the code differs: ``trading_system`` for the package, and the user's files by name."""
    changed = ["trading_system"] if a["package"] != b["package"] else []
    names = sorted(set(a["files"]) | set(b["files"]))
    return changed + [name for name in names if a["files"].get(name) != b["files"].get(name)]


def read_config(path: Path) -> dict[str, Any]:
    """A resolved configuration as plain mappings, lists, numbers and words.

    Raises
    ------
    ConfigError
        It cannot be read, or is no such file.
    """
    from trading_system.config.yaml_reader import label, read_text

    source = label(path)
    return config_of(read_text(path, source), source)


def config_of(text: str, source: str) -> dict[str, Any]:
    """The same from the text of the file `source`."""
    from trading_system.config.yaml_reader import Problems, read_yaml

    problems = Problems(source)
    node = read_yaml(text, source, problems)
    problems.raise_any(source)
    found = _value(node)
    return found if isinstance(found, dict) else {}


def _value(node: Any) -> Any:
    """What a node of the reader says: mappings, lists, and scalars as numbers and words where they are plain."""
    items = getattr(node, "items", None)
    if isinstance(items, dict):
        return {key: _value(item) for key, item in items.items()}
    if isinstance(items, list):
        return [_value(item) for item in items]
    text = getattr(node, "text", None)
    if text is None or not node.plain:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _metrics(one: Path, other: Path) -> list[dict[str, Any]]:
    a, b = (read_metrics(folder)["metrics"] for folder in (one, other))
    rows = []
    for name in [*a, *(name for name in b if name not in a)]:
        left, right = a.get(name), b.get(name)
        gap = right - left if isinstance(left, (int, float)) and isinstance(right, (int, float)) else None
        rows.append({"name": name, "a": left, "b": right, "difference": gap})
    return rows
