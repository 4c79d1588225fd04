"""The folder that a run leaves: written whole or not at all, found again, read back."""

from __future__ import annotations

import datetime as dt
import difflib
import hashlib
import json
import math
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trading_system.errors import OutputError, UsageError
from trading_system.files import ESCAPED, FolderWriter, real_folder, unmade
from trading_system.runs import tables
from trading_system.runs.secrets import masked_in
from trading_system.runs.series import series_document

if TYPE_CHECKING:
    from trading_system.engine.ledger import Ledger
    from trading_system.metrics.summary import Summary
    from trading_system.types import FloatArray

MANIFEST = "manifest.json"
Pieces = Callable[[], Iterator[bytes]]
Late = Callable[[Mapping[str, Any], Callable[[str], bytes]], Iterable[bytes]]
"""Makes a file from the manifest and a reader of the files before it."""


@dataclass
class RunLog:
    """What happened, in order, for ``run.log``: one JSON object per line with ts, level, event, run_id; secrets are masked.

    Attributes
    ----------
    lines : list of dict
        What was noted.
    token : str
        How the run's id will end; a log that is written while the run goes on knows it by that.
    """

    lines: list[dict[str, Any]] = field(default_factory=list)
    token: str = field(default_factory=lambda: secrets.token_hex(4))

    def note(self, event: str, level: str = "INFO", **fields: Any) -> None:
        """Add a line."""
        stamp = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.lines.append({"ts": stamp, "level": level, "event": event, **fields})

    def text(self, run_id: str) -> bytes:
        """The file."""
        rows = ({**masked_in(line), "run_id": run_id} for line in self.lines)
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode(errors=ESCAPED)


def artefacts(
    ledger: Ledger, summary: Summary, *, resolved: str, quality: Mapping[str, Any], benchmark: FloatArray
) -> dict[str, Pieces]:
    """Every file of a run but its manifest and log: name -> pieces of bytes, the same for the same run.

    Parameters
    ----------
    resolved : str
        The resolved configuration as YAML.
    quality : mapping
        What `load_market` found.
    benchmark : float64, shape (bars.n_bars,)
        Its closes, in adjusted scale.
    """
    labels = ledger.bars.labels()
    return {
        "config.yaml": lambda: iter((resolved.encode(),)),
        "metrics.json": lambda: iter((to_json(summary.document()),)),
        "equity_curve.csv": lambda: tables.equity_table(ledger, labels, benchmark),
        "trade_log.csv": lambda: tables.trade_table(ledger, labels),
        "orders.csv": lambda: tables.order_table(ledger, labels),
        "refusals.csv": lambda: tables.refusal_table(ledger, labels),
        "weekly_summary.csv": lambda: tables.weekly_table(summary.weekly),
        "monthly_report.json": lambda: iter((to_json(summary.monthly),)),
        "data_quality.json": lambda: iter((to_json(quality),)),
        "series.json": lambda: iter((to_json(series_document(ledger, summary, benchmark)),)),
    }


def write_run(
    parent: Path, files: Mapping[str, Pieces], manifest: dict[str, Any], log: RunLog, late: Mapping[str, Late] | None = None
) -> tuple[str, Path]:
    """Write a run folder below `parent` and return its id and path.

    `manifest` gets ``run_id``, ``created`` and ``artefacts`` (name -> sha256) on the way; files of `late` are made
    from it, before it has ``artefacts``, and from the files that are written already. Two runs that end in the same second have different ids.

    Raises
    ------
    OutputError
        Disk full, no permission, too many open files, ...: nothing is left behind.
    """
    with unmade(parent):
        real_folder(parent)
        while True:
            moment = dt.datetime.now(dt.UTC)
            run_id = f"{moment:%Y%m%d-%H%M%S}-{log.token}"
            with FolderWriter(parent, run_id) as folder:
                for name, pieces in files.items():
                    folder.add(name, pieces())
                folder.add("run.log", (log.text(run_id),))
                created = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
                document = {"schema": manifest["schema"], "run_id": run_id, "created": created, **manifest}
                for name, made in (late or {}).items():
                    folder.add(name, made(document, folder.read))
                document["artefacts"] = dict(folder.hashes)
                folder.add(MANIFEST, (to_json(document),))
                if folder.commit():
                    return run_id, folder.path
            log.token = secrets.token_hex(4)


def to_json(document: Any) -> bytes:
    """JSON (RFC 8259) in the given order of keys; NaN and infinities are null. Two levels are laid out in lines, the rest runs on."""
    try:
        text = _lines(document, "")
    except ValueError:  # a number that JSON does not have
        text = _lines(_finite(document), "")
    return f"{text}\n".encode(errors=ESCAPED)


def _lines(value: Any, indent: str) -> str:
    if not value or len(indent) > 2 or not isinstance(value, (dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    deeper = indent + "  "
    if isinstance(value, dict):
        rows = [f"{deeper}{json.dumps(str(key), ensure_ascii=False)}: {_lines(item, deeper)}" for key, item in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    return "[\n" + ",\n".join(deeper + _lines(item, deeper) for item in value) + f"\n{indent}]"


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def run_folders(results: Path) -> list[Path]:
    """Folders of runs below `results`, newest first."""
    try:
        found = [Path(entry.path) for entry in os.scandir(results) if not entry.name.startswith(".") and entry.is_dir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise OutputError(f"cannot be read: {error.strerror}", where=str(results)) from error
    return sorted((path for path in found if (path / MANIFEST).is_file()), key=lambda path: path.name, reverse=True)


def find_run(run: str, results: Path) -> Path:
    """The folder that `run` names: a path, an id below `results`, or the beginning of one.

    Raises
    ------
    UsageError
        There is none, or more than one.
    """
    path = Path(run)
    if (path / MANIFEST).is_file():
        return path
    if run and (path.name == run):
        names = [folder.name for folder in run_folders(results)]
        matches = [name for name in names if name == run] or [name for name in names if name.startswith(run)]
        if len(matches) == 1:
            return results / matches[0]
        if matches:
            raise UsageError(
                f"{run!r} is the beginning of {len(matches)} runs", allowed=", ".join(matches[:5]), where=str(results)
            )
        close = difflib.get_close_matches(run, names, n=1)
        remedy = f"did you mean {close[0]}?" if close else "trading-system runs list --results DIR"
        raise UsageError(f"there is no run {run!r}", where=str(results), remedy=remedy)
    raise UsageError(
        "is not the folder of a run: it has no manifest.json", where=run, remedy="trading-system runs list --results DIR"
    )


def read_json(path: Path) -> Any:
    """A JSON artefact.

    Raises
    ------
    OutputError
        It cannot be read, or is not JSON.
    """
    return from_json(read_bytes(path), str(path))


def from_json(data: bytes, where: str) -> Any:
    """What JSON bytes say; OutputError that names `where` when they are none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise OutputError(f"is damaged: {error}", where=where, remedy="make the run again") from error


_TEXTS: dict[Any, Any] = {str: str}
_SHAPE: dict[str, Any] = {
    "schema": int, "run_id": str, "created": str, "config_hash": str, "data": {"hash": str, "symbols": _TEXTS},
    "code": {"hash": str, "package": str, "files": _TEXTS}, "artefacts": _TEXTS, "trial": {"count": int, "head": str, "family": str},
    "place": {"root": str, "run_file": str}, "warnings": [str], "config_warnings": int,
    "period": {"name": str, "first": str, "last": str, "bars": int}, "strategies": [{"name": str, "type": str}],
    "headline": {str: (int, float, type(None))}, "versions": _TEXTS,
}  # fmt: skip
METRICS: dict[str, Any] = {
    "metrics": {str: (int, float, type(None))}, "undefined": _TEXTS, "conventions": dict, "reconciliation": dict, "costs": dict,
}  # fmt: skip


def _misfit(value: Any, shape: Any, key: str = "") -> str:
    """The first key of `value` that is not of `shape`; empty when all are."""
    if isinstance(shape, list):
        items = enumerate(value) if isinstance(value, list) else None
        return key if items is None else next((bad for i, item in items if (bad := _misfit(item, shape[0], f"{key}.{i}"))), "")
    if not isinstance(shape, dict):
        return "" if isinstance(value, shape) else key
    if not isinstance(value, dict):
        return key or "everything"
    wanted = {name: shape[str] for name in value} if str in shape else shape
    found = (
        name if name not in value else _misfit(value[name], wanted[name], f"{key}.{name}" if key else name) for name in wanted
    )
    return next((bad for bad in found if bad), "")


def checked(document: Any, shape: dict[str, Any], where: str) -> dict[str, Any]:
    """`document` when it has at least the keys of `shape`, each of its type; OutputError that names `where` when not."""
    bad = _misfit(document, shape)
    if bad:
        raise OutputError(f"is damaged: {bad} is missing or not what it was", where=where, remedy="make the run again")
    found: dict[str, Any] = document
    return found


def read_metrics(folder: Path) -> dict[str, Any]:
    """The document of ``metrics.json``; OutputError when it cannot be read or is damaged."""
    path = folder / "metrics.json"
    return checked(read_json(path), METRICS, str(path))


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a run folder.

    Raises
    ------
    OutputError
        It cannot be read, is damaged, or was written by another version.
    """
    from trading_system.runs.manifest import SCHEMA

    path = folder / MANIFEST
    document = read_json(path)
    schema = document.get("schema") if isinstance(document, dict) else None
    if isinstance(schema, int) and schema != SCHEMA:
        raise OutputError(
            f"was written by another version (schema {schema}, this program knows {SCHEMA})",
            where=str(path),
            remedy="use the version that wrote it",
        )
    found = checked(document, _SHAPE, str(path))
    foreign = [name for name in found["artefacts"] if Path(name).name != name or name in ("", ".", "..")]
    if foreign:
        raise OutputError("is damaged: it names a file outside the run's folder", where=str(path), remedy="make the run again")
    return found


def read_bytes(path: Path) -> bytes:
    """The bytes of a file; OutputError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise OutputError(f"cannot be read: {error.strerror} (errno {error.errno})", where=str(path)) from error


def damaged(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Artefacts that are missing or whose bytes are no longer those that the manifest names."""
    out = []
    for name, expected in manifest["artefacts"].items():
        path = folder / name
        if path.is_symlink() or not path.is_file() or hashlib.sha256(read_bytes(path)).hexdigest() != expected:
            out.append(name)
    return out


def first_difference(one: bytes, other: bytes) -> str:
    """Where two texts part: ``line 7``, or which is longer."""
    for number, (a, b) in enumerate(zip(one.split(b"\n"), other.split(b"\n"), strict=False), 1):
        if a != b:
            return f"line {number}"
    return "its length"


def flat(document: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings and lists as ``key.path`` -> value."""
    if isinstance(document, Mapping) and document:
        return {
            k: v for key, item in document.items() for k, v in flat(item, f"{prefix}.{key}" if prefix else str(key)).items()
        }
    if isinstance(document, Sequence) and not isinstance(document, str) and document:
        return {k: v for i, item in enumerate(document) for k, v in flat(item, f"{prefix}.{i}").items()}
    return {prefix: document}
