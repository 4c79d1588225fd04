"""Runs that were made: listed, shown, compared, done again, reported."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trading_system.errors import HoldoutError, OutputError, UsageError
from trading_system.pipeline.backtest import report_bytes, run_artefacts, run_manifest
from trading_system.pipeline.optimize import search_again
from trading_system.pipeline.validation import evidence_again
from trading_system.pipeline.walk_forward import folds_again
from trading_system.pipeline.work import Done, Work, computed

if TYPE_CHECKING:
    from trading_system.config.loading import LoadedRun
    from trading_system.reports.artefacts import Artefacts
    from trading_system.runs.store import Pieces, RunLog

ALSO = ("validation", "walk_forward", "optimize")
"""Keys of a manifest that say which other work a run holds."""


def list_runs(results: Path | str = "results") -> list[dict[str, Any]]:
    """The runs below `results`, newest first; see `trading_system.runs.comparison.run_row`.

    Each row has ``changed`` too: the artefacts whose bytes are no longer those that the run wrote. A folder whose manifest cannot
    be read is a row of ``run_id``, ``folder`` and ``damaged``, which says why.

    Raises
    ------
    OutputError
        There is no such folder.
    """
    from trading_system.runs.comparison import run_row
    from trading_system.runs.store import damaged, read_manifest, run_folders

    if not Path(results).is_dir():
        raise OutputError("there is no such folder of runs", where=str(results), remedy="name the folder with --results DIR")

    rows: list[dict[str, Any]] = []
    for folder in run_folders(Path(results)):
        try:
            rows.append({**run_row(folder), "changed": damaged(folder, read_manifest(folder))})
        except OutputError as error:
            rows.append({"run_id": folder.name, "folder": str(folder), "damaged": str(error)})
    return rows


def show_run(run: str, results: Path | str = "results") -> dict[str, Any]:
    """What a run was and found: its manifest and metrics, which artefacts were changed since, and whether the journal holds.

    Returns
    -------
    dict
        `folder`, `manifest`, `metrics` (the document of metrics.json), `damaged` (names of artefacts), `journal` (problems of the
        chain of trials against this run's anchor; empty when it is whole).
    """
    from trading_system.runs.store import damaged, find_run, read_manifest, read_metrics

    folder = find_run(run, Path(results))
    manifest = read_manifest(folder)
    return {
        "folder": str(folder),
        "manifest": manifest,
        "metrics": read_metrics(folder),
        "damaged": damaged(folder, manifest),
        "journal": list(_journal_problems(folder, manifest)),
    }


def _journal_problems(folder: Path, manifest: Mapping[str, Any]) -> tuple[str, ...]:
    from trading_system.runs.journal import FOLDER, NAME, Anchor, Journal

    root = (folder / manifest["place"]["root"]).resolve()
    if not (root / FOLDER / NAME).is_file():
        return (
            f"there is no journal of trials at {root / FOLDER / NAME}; this run was record {manifest['trial']['count']} of one",
        )
    with Journal(root) as journal:
        return journal.verify(Anchor(manifest["trial"]["count"], manifest["trial"]["head"])).problems


def compare_runs(run: str, other: str, results: Path | str = "results") -> dict[str, Any]:
    """Two runs beside each other; see `trading_system.runs.comparison.compared`."""
    from trading_system.runs.comparison import compared
    from trading_system.runs.store import find_run

    return compared(find_run(run, Path(results)), find_run(other, Path(results)))


def reproduce_run(run: str, results: Path | str = "results", *, log: RunLog | None = None) -> dict[str, Any]:
    """Do the work of a run again, from its own configuration, and compare every byte but times, ids and places.

    Nothing is written and no trial is counted: it is the same trial.

    Returns
    -------
    dict
        `run_id`, `folder`, `equal`; `artefacts`: rows of name, equal, where (the first difference); `damaged`: artefacts whose
        bytes are no longer what the manifest says; `changed`: what differs of what the run was made of - config (bool), data
        (changed, only_a, only_b), code (file names), versions (rows of name, a, b).
    """
    from trading_system.runs.comparison import code_differences, data_differences, differences
    from trading_system.runs.journal import Journal
    from trading_system.runs.manifest import comparable
    from trading_system.runs.store import RunLog, damaged, find_run, first_difference, read_bytes, read_manifest

    folder = find_run(run, Path(results))
    manifest = read_manifest(folder)
    if manifest["period"]["name"] == "holdout":
        raise HoldoutError(
            "a run over the holdout is not done again: it would be another look",
            where=str(folder),
            remedy="trading-system report RUN shows what it wrote, and runs show whether a file was changed since",
        )
    work = Work(_loaded_again(folder, manifest), log or RunLog())
    work.log.note("started", config=manifest["place"]["run_file"], config_hash=work.run.hash)
    with Journal(work.run.root) as journal:
        done = computed(work, _asked(manifest), journal, int(manifest["trial"]["count"]))
        extra = evidence_again(work, done, journal, manifest) if "validation" in manifest else {}
        extra |= search_again(work, done) if "optimize" in manifest else {}
        extra |= folds_again(work, done) if "walk_forward" in manifest else {}
    again = _bytes_again(work, done, manifest, extra)
    rows = []
    for name, data in again.items():
        path = folder / name
        old = comparable(name, read_bytes(path)) if path.is_file() else b""
        rows.append({"name": name, "equal": old == data, "where": "" if old == data else first_difference(old, data)})
    now = run_manifest(work, done)
    return {
        "run_id": manifest["run_id"],
        "folder": str(folder),
        "equal": all(row["equal"] for row in rows),
        "artefacts": rows,
        "damaged": damaged(folder, manifest),
        "changed": {
            "config": manifest["config_hash"] != work.run.hash,
            "data": data_differences(manifest["data"]["symbols"], now["data"]["symbols"]),
            "code": code_differences(manifest["code"], now["code"]),
            "versions": differences(manifest["versions"], now["versions"]),
        },
    }


def report_run(
    run: str, results: Path | str = "results", *, format: str = "html", out: Path | str | None = None
) -> Path | str:
    """Make the report of a run from its artefacts alone.

    Parameters
    ----------
    format : str
        ``html``, ``markdown`` or ``json``.
    out : Path, optional
        File to write; HTML goes to ``report.html`` in the run's folder by default.

    Returns
    -------
    Path or str
        The file that was written, or, where none was asked for, the text.

    Raises
    ------
    OutputError
        An artefact is missing or is not what the run wrote; or the report in the run's folder was made by another version of the
        program, and a run's folder is not changed afterwards.
    UsageError
        There is no such run or format.
    """
    from trading_system.files import write_file
    from trading_system.reports.artefacts import read_artefacts
    from trading_system.runs.manifest import REPORT
    from trading_system.runs.store import find_run

    if format not in ("html", "markdown", "json"):
        raise UsageError(f"{format!r} is no format of a report", allowed="html, markdown, json")
    folder = find_run(run, Path(results))
    found = read_artefacts(folder)
    text = _report_text(found, format, folder)
    if out is None and format != "html":
        return text
    path = folder / REPORT if out is None else Path(out)
    data = text.encode(errors="backslashreplace")
    if out is None:
        _refuse_another_report(path, data, found.manifest)
    write_file(path, data)
    return path


def _report_text(found: Artefacts, format: str, folder: Path) -> str:
    """The report as text; documents that hold together as files but are no run's are one message."""
    from trading_system.reports.formats import to_json
    from trading_system.reports.markdown import report_markdown
    from trading_system.reports.report import report_json, report_of
    from trading_system.reports.report_html import report_html

    try:
        if format == "html":
            return b"".join(report_html(found)).decode()
        return to_json(report_json(found)) if format == "json" else report_markdown(report_of(found))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise OutputError(
            f"does not hold what a run writes ({type(error).__name__}: {error})",
            where=str(folder),
            remedy="make the run again",
        ) from error


def _refuse_another_report(path: Path, data: bytes, manifest: Mapping[str, Any]) -> None:
    """A report that the manifest names stays what it is."""
    import hashlib

    named = manifest["artefacts"].get(path.name)
    if named is not None and hashlib.sha256(data).hexdigest() != named:
        raise OutputError(
            "was made by another version of the program and belongs to the run as it is",
            where=str(path),
            remedy="open it, or write today's report elsewhere with --out FILE",
        )


def _loaded_again(folder: Path, manifest: Mapping[str, Any]) -> LoadedRun:
    root = (folder / manifest["place"]["root"]).resolve()
    if not root.is_dir():
        raise OutputError(
            "the run file's folder is no longer where it was, so relative paths cannot be found",
            where=str(root),
            remedy="move the run's folder and the run file's folder together",
        )
    from trading_system.config import loading

    run = loading.load_run(folder / "config.yaml", root=root)
    if run.hash != manifest["config_hash"]:
        return run
    said = manifest["warnings"][: manifest["config_warnings"]]  # with the lines of the files that were read then
    return dataclasses.replace(run, warnings=tuple(said))


def _asked(manifest: Mapping[str, Any]) -> str | None:
    name = str(manifest["period"]["name"])
    return None if name == "train+validation" else name


def _bytes_again(work: Work, done: Done, manifest: Mapping[str, Any], extra: Mapping[str, Pieces]) -> dict[str, bytes]:
    """Every artefact of the run with this manifest, in the form in which two runs are compared."""
    import hashlib

    from trading_system.runs.manifest import REPORT, VOLATILE, comparable
    from trading_system.runs.store import to_json

    files = {name: b"".join(pieces()) for name, pieces in {**run_artefacts(work.run, done), **extra}.items()}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    if REPORT in manifest["artefacts"]:
        same = {key: manifest.get(key) for key in (*VOLATILE, *ALSO) if key in VOLATILE or key in manifest}
        report = b"".join(report_bytes({**run_manifest(work, done), **same}, files.__getitem__))
        files[REPORT] = comparable(REPORT, report)
    now = {**run_manifest(work, done), **{key: manifest[key] for key in ALSO if key in manifest}}
    if "validation" not in manifest:  # whose log says it where the search was made again
        work.log.note("trial", seconds=0.0)
    files["run.log"] = comparable("run.log", work.log.text(""))
    files["manifest.json"] = comparable("manifest.json", to_json({**now, "artefacts": hashes}))
    return files
