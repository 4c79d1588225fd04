"""What was decided before the look: a frozen copy of everything that decides, in a hashed file and in the journal."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trading_system.files import write_file
from trading_system.runs.comparison import data_differences, differences
from trading_system.runs.store import flat, to_json

if TYPE_CHECKING:
    from trading_system.runs.journal import Anchor, Journal

SCHEMA = 1
KIND = "preregistration"
FILE = "preregistration.json"
NOT_FROZEN = ("output",)
"""Sections of a run file that decide nothing."""


def frozen(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a resolved configuration is frozen: splits, strategies with parameters and grids, costs, limits, gates, sizes, data."""
    return {key: value for key, value in config.items() if key not in NOT_FROZEN}


def registered(journal: Journal, path: Path, document: Mapping[str, Any]) -> tuple[Anchor, str]:
    """Write `document` into a new file and into the journal; where it stands in the journal, and the sha256 of the file.

    Raises
    ------
    OutputError
        There is such a file already: a preregistration is not written over.
    """
    data = to_json(document)
    digest = hashlib.sha256(data).hexdigest()
    write_file(path, data, new=True)
    with journal.transaction():
        return journal.append(KIND, {"sha256": digest, "file": path.name, **document}), digest


def compared(journal: Journal, now: Mapping[str, Any]) -> dict[str, Any] | None:
    """What of `now` differs from what was preregistered for its run file, or for its family under another name.

    The earliest preregistration from which nothing differs is taken, else the newest one.

    Parameters
    ----------
    now : mapping
        ``run_file``, ``family``, ``config`` (frozen), ``data`` and ``code``, as a preregistration holds them.

    Returns
    -------
    dict or None
        `created`, `sha256`, `same`, `of` (how many there are for it), `differences` (rows of name, a: then, b: now), `trials_before`,
        `openings_before`; None where nothing was preregistered.
    """
    records = journal.records(KIND)
    own = [one for one in records if one["run_file"] == now["run_file"]] or [
        one for one in records if one["family"] == now["family"]
    ]
    if not own:
        return None
    told = [(one, _differences(one, now)) for one in own]
    record, found = next(((one, rows) for one, rows in told if not rows), told[-1])
    return {
        "created": record["created"],
        "sha256": record["sha256"],
        "same": not found,
        "of": len(own),
        "differences": found,
        "trials_before": record["trials_before"],
        "openings_before": record["openings_before"],
    }


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = differences(flat(then["config"]), flat(now["config"]))
    bars = data_differences(then["data"]["symbols"], now["data"]["symbols"])
    for name, symbols in (("changed", bars["changed"]), ("gone", bars["only_a"]), ("new", bars["only_b"])):
        if symbols:
            rows.append({"name": f"bars {name}", "a": None, "b": _few(symbols)})
    if then["code"]["files"] != now["code"]["files"]:
        files = differences(then["code"]["files"], now["code"]["files"])
        rows.append({"name": "code of the strategies", "a": None, "b": _few([row["name"] for row in files])})
    if then["code"]["package"] != now["code"]["package"]:
        rows.append({"name": "code of trading-system", "a": then["code"]["package"][:12], "b": now["code"]["package"][:12]})
    return rows


def _few(names: Sequence[str]) -> str:
    more = len(names) - 5
    return ", ".join(names[:5]) + (f" and {more} more" if more > 0 else "")
