"""The corridor: one function per user story, the same for the command line, Python and notebooks.

Bars go to strategies, decisions to the engine, the ledger to the metrics, all of it to a folder; nothing is decided here but the
order, and what a run may look at.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trading_system.config.yaml_reader import label
from trading_system.errors import OutputError, StrategyError, TradingSystemError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from trading_system.config.loading import LoadedRun
    from trading_system.config.models import RunConfig
    from trading_system.data.bars import Bars
    from trading_system.data.loading import Market
    from trading_system.engine.ledger import Ledger
    from trading_system.engine.simulate import StrategyDecisions
    from trading_system.metrics.summary import Summary
    from trading_system.reports.artefacts import Artefacts
    from trading_system.runs.journal import Journal
    from trading_system.runs.store import RunLog
    from trading_system.runs.window import Window
    from trading_system.strategies.base import Strategy


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """What a backtest was and found; tables are made when they are asked for.

    Attributes
    ----------
    config : RunConfig
    bars : Bars
        Everything that the run could read: rows up to the end of its period.
    ledger : Ledger
        Curves, orders, fills, trades, refusals as arrays.
    summary : Summary
        Metrics, costs, tables.
    window : Window
    folder : Path
        Where the artefacts lie.
    run_id : str
    warnings, notes : tuple of str
        What to be careful about; what there is to know about the data.
    timings : mapping
        Seconds per step.
    """

    config: RunConfig
    bars: Bars
    ledger: Ledger
    summary: Summary
    window: Window
    folder: Path
    run_id: str
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    timings: Mapping[str, float]

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Metric id to number; None where it is not defined."""
        return dict(self.summary.metrics)

    def equity_frame(self) -> pd.DataFrame:
        """Equity, cash, exposures, drawdown and benchmark per bar, as pandas."""
        from trading_system.runs.frames import equity_frame

        return equity_frame(self.ledger, self.bars.benchmark_close)

    def trades_frame(self) -> pd.DataFrame:
        """One row per trade, as pandas."""
        from trading_system.runs.frames import trades_frame

        return trades_frame(self.ledger)

    def orders_frame(self) -> pd.DataFrame:
        """One row per order, as pandas."""
        from trading_system.runs.frames import orders_frame

        return orders_frame(self.ledger)


@dataclass(eq=False)
class _Work:
    """A backtest on its way."""

    run: LoadedRun
    log: RunLog
    timings: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[dict[str, Any]]:
        """Time one step; what is put into the mapping is logged with it."""
        start = time.perf_counter()
        told: dict[str, Any] = {}
        yield told
        self.timings[name] = round(time.perf_counter() - start, 6)
        self.log.note(name, seconds=self.timings[name], **told)

    def warn(self, text: str) -> None:
        """Something to be careful about."""
        self.warnings.append(text)
        self.log.note("warning", "WARNING", message=text)


@dataclass(frozen=True, eq=False)
class _Done:
    """A backtest that has been computed and not yet been written."""

    market: Market
    window: Window
    ledger: Ledger
    summary: Summary
    code: dict[str, Any]


def run_backtest(
    run: LoadedRun | Path | str,
    *,
    period: str | None = None,
    out: Path | str | None = None,
    overrides: Sequence[str] = (),
    log: RunLog | None = None,
) -> BacktestResult:
    """Run one backtest and leave its folder.

    The trial is counted before the folder appears, so that no result exists that was not counted.

    Parameters
    ----------
    run : LoadedRun or path
        A run file, or a strategy file alone.
    period : str, optional
        ``train``, ``validation`` or ``all``; default train and validation, or everything where the file has no splits.
    out : Path, optional
        Folder of results in place of the run file's ``output.path``.
    overrides : sequence of str
        ``key=value`` each; only with a path.
    log : RunLog, optional
        One that is told of every step while the run goes on, besides writing ``run.log``.

    Raises
    ------
    TradingSystemError
        ConfigError, DataError, HoldoutError, StrategyError, UsageError, OutputError: see `trading_system.errors`.
    """
    from trading_system.runs.journal import Journal
    from trading_system.runs.manifest import GitState
    from trading_system.runs.store import RunLog

    start = time.perf_counter()
    loaded = _loaded(run, overrides)
    results = _results_folder(loaded, out)
    work = _Work(loaded, log or RunLog())
    work.log.note("started", config=loaded.path.name, config_hash=loaded.hash)
    work.timings["config"] = round(time.perf_counter() - start, 6)
    git = GitState(loaded.root)
    try:
        with Journal(loaded.root) as journal:
            done = _computed(work, period, journal)
            with work.step("trial"):
                trial = _counted(loaded, done, journal)
        return _written(work, done, results, trial, git.state(), start)
    finally:
        git.close()


def _loaded(run: LoadedRun | Path | str, overrides: Sequence[str]) -> LoadedRun:
    if not isinstance(run, Path | str):
        if overrides:
            raise UsageError("overrides belong to a path; this run is already loaded", remedy="give them to load_run")
        return run
    return load_run(run, overrides)


def _results_folder(run: LoadedRun, out: Path | str | None) -> Path:
    """Where runs are kept; no part of it below the run file's folder may be a symbolic link."""
    if out is not None:
        return Path(out)
    folder = run.root
    for part in Path(run.config.output.path).parts:
        folder = folder / part
        if folder.is_symlink():
            raise OutputError("is a symbolic link; results follow none", where=str(folder), remedy="name the folder itself")
    return folder


def _computed(work: _Work, period: str | None, journal: Journal) -> _Done:
    """Everything up to the numbers, in memory."""
    from trading_system.data.notes import alarming
    from trading_system.engine.simulate import simulate
    from trading_system.metrics.summary import summarise
    from trading_system.runs import holdout
    from trading_system.runs import window as windows
    from trading_system.runs.manifest import data_hash

    run = work.run
    for text in _config_warnings(run):
        work.warn(text)
    name = windows.period_name(run.config, period)
    with work.step("strategies"):
        strategies, code = _strategies(run)
    with work.step("data") as told:
        market = _market(run)
        told |= {"bars": market.bars.n_bars, "symbols": market.bars.n_symbols}
    alarms = [note for note in market.notes if alarming(note)]
    for text in alarms:
        work.warn(f"data: {text}")
    for note in market.notes:
        if note in alarms:
            continue
        work.log.note("data" if note in market.quality.get("notes", ()) else "environment", message=note)
    start, stop = windows.rows(market.bars, run.config, name)
    for text in holdout.guard(journal, market.bars, stop, run.config.splits, run.hash, data_hash(market.hashes)):
        work.warn(text)
    needed = [_warmup(strategy, number, market.bars, run) for number, strategy in enumerate(strategies)]
    window, warnings = windows.window(market.bars, run.config, name, start, stop, needed)
    for text in warnings:
        work.warn(text)
    market = dataclasses.replace(market, bars=market.bars.rows(0, window.stop))
    with work.step("decide"):
        decisions = [_decided(strategy, number, market, run) for number, strategy in enumerate(strategies)]
    with work.step("simulate") as told:
        ledger = simulate(market.bars, decisions, run.config, first=window.first)
        told |= {"orders": len(ledger.orders), "trades": len(ledger.trades), "limits_tripped": len(ledger.events)}
    with work.step("summarise"):
        summary = summarise(ledger, run.config, benchmark=market.bars.benchmark_close)
    _log_events(work, ledger)
    return _Done(market, window, ledger, summary, code)


def _config_warnings(run: LoadedRun) -> tuple[str, ...]:
    """What the run file itself is warned of; places without the folder, so that a moved project says the same."""
    folder = f"{label(run.path.parent)}{os.sep}"
    said = (*run.warnings, run.sample_note) if run.sample_note else run.warnings
    return tuple(text.removeprefix(folder) for text in said)


def _market(run: LoadedRun) -> Market:
    from trading_system.data.loading import load_market
    from trading_system.kernels import cache_root
    from trading_system.runs.holdout import withheld

    try:
        cache: Path | None = cache_root() / "data"
    except RuntimeError:  # no home directory
        cache = None
    market = load_market(run.config, run.root, cache)
    return dataclasses.replace(market, quality=withheld(market.quality, run.config.splits))


def _strategies(run: LoadedRun) -> tuple[list[Strategy], dict[str, Any]]:
    """The strategies of a run and the state of all code that decides with them."""
    from trading_system.runs.manifest import code_state
    from trading_system.strategies.loading import build_strategy, code_files

    built = [build_strategy(entry, run.root, run.places, number) for number, entry in enumerate(run.config.strategies)]
    files = [file for entry in run.config.strategies for file in code_files(entry, run.root)]
    return built, code_state(files, run.root)


@contextmanager
def _strategy_errors(who: str, root: Path) -> Iterator[None]:
    """Whatever a strategy's own code raises is a `StrategyError` that names the place; only memory running out is not."""
    try:
        yield
    except (TradingSystemError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        from trading_system.strategies.loading import raised_at

        raise StrategyError(f"{who} failed: {type(error).__name__}: {error}", where=raised_at(error, root)) from error


def _warmup(strategy: Strategy, number: int, bars: Bars, run: LoadedRun) -> int:
    """Bars of history that one strategy needs on the rows of `bars`."""
    entry = run.config.strategies[number]
    with _strategy_errors(f"{entry.name} ({entry.type})", run.root):
        needed = strategy.warmup_on(bars)
    if isinstance(needed, bool) or not isinstance(needed, int) or needed < 0:
        raise StrategyError(f"{entry.name}: warmup_on gave back {needed!r}", allowed="a whole number of bars, 0 or more")
    return needed


def _decided(strategy: Strategy, number: int, market: Market, run: LoadedRun) -> StrategyDecisions:
    """Decisions of one strategy on its own bars."""
    from trading_system.data.loading import strategy_bars
    from trading_system.engine.simulate import StrategyDecisions
    from trading_system.strategies.decisions import check_decisions

    entry = run.config.strategies[number]
    bars, columns = strategy_bars(market, entry, run.root)
    who = f"{entry.name} ({entry.type})"
    with _strategy_errors(who, run.root):
        decisions = strategy.decide(bars)
        if ":" in entry.type:  # those that are shipped are held to the contract by the tests
            check_decisions(decisions, bars, who)
    return StrategyDecisions(decisions, columns, bars.tradable)


def _log_events(work: _Work, ledger: Ledger) -> None:
    from trading_system.engine.ledger import Code
    from trading_system.runs.window import session

    for event in ledger.events:
        numbers = {name: float(event[name]) for name in ("equity", "reference", "measured", "limit")}
        day = session(ledger.bars, int(event["row"]))
        work.log.note("limit tripped", "WARNING", kind=Code(int(event["kind"])).name, date=day, **numbers)


def _counted(run: LoadedRun, done: _Done, journal: Journal) -> dict[str, Any]:
    """Write the trial's row; what the manifest says of it."""
    from trading_system.metrics.sampling import sample
    from trading_system.runs import trials
    from trading_system.runs.manifest import data_hash

    sampled, bars, window = sample(done.ledger), done.market.bars, done.window
    rows = slice(None) if sampled.rows is None else sampled.rows
    sharpe = done.summary.metrics.get("sharpe")
    trial = trials.Trial(
        strategies=tuple(entry.type for entry in run.config.strategies),
        symbols=tuple(sorted({bars.symbols[i] for i in done.ledger.line_symbol.tolist()})),
        config_hash=run.hash,
        data_hash=data_hash(done.market.hashes),
        code_hash=done.code["hash"],
        period=window.name,
        read_from=window.read_from,
        first=window.first_session,
        last=window.last_session,
        configurations=1,
        sharpe_mean=None if sharpe is None else float(sharpe) / bars.periods_per_year**0.5,
        sharpe_variance=None,
        n_periods=sampled.n_periods,
    )
    anchor = trials.record(journal, trial, bars.index[window.first : window.stop][rows], sampled.returns)
    found = trials.count(journal, trial.family, anchor.count)
    so_far = {"trials": found.trials, "runs": found.rows}
    return {"count": anchor.count, "head": anchor.head, "family": trial.family, **so_far}


def _artefacts(run: LoadedRun, done: _Done) -> dict[str, Any]:
    from trading_system.runs.store import artefacts

    return artefacts(
        done.ledger,
        done.summary,
        resolved=run.resolved,
        quality=done.market.quality,
        benchmark=done.market.bars.benchmark_close,
    )


def _report(manifest: Mapping[str, Any], read: Callable[[str], bytes]) -> Iterator[bytes]:
    """``report.html`` of a run, from its other artefacts."""
    from trading_system.reports.artefacts import artefacts_of
    from trading_system.reports.report_html import report_html

    return report_html(artefacts_of(manifest, read, "the run"))


def _manifest(work: _Work, done: _Done) -> dict[str, Any]:
    """What a run was made of, without ids, times and places."""
    from trading_system.data.notes import alarming
    from trading_system.runs.comparison import HEADLINE
    from trading_system.runs.manifest import SCHEMA, data_hash, versions

    config = work.run.config
    return {
        "schema": SCHEMA,
        "config_hash": work.run.hash,
        "seed": config.seed,
        "period": done.window.document(),
        "strategies": [{"name": entry.name, "type": entry.type} for entry in config.strategies],
        "headline": {name: done.summary.metrics.get(name) for name in HEADLINE},
        "data": {"hash": data_hash(done.market.hashes), "symbols": dict(done.market.hashes)},
        "code": done.code,
        "versions": versions(),
        "warnings": list(work.warnings),
        "config_warnings": len(_config_warnings(work.run)),
        "notes": [note for note in done.market.quality.get("notes", ()) if not alarming(note)],
    }


def _written(
    work: _Work, done: _Done, results: Path, trial: dict[str, Any], git: dict[str, Any] | None, start: float
) -> BacktestResult:
    from trading_system.data.notes import alarming
    from trading_system.runs.manifest import REPORT
    from trading_system.runs.store import write_run

    manifest = _manifest(work, done)
    root = work.run.root
    manifest |= {
        "trial": trial,
        "git": git,
        "place": {"root": _relative(root, results), "run_file": work.run.path.name},
        "timings": work.timings,
    }
    work.timings["compute"] = round(time.perf_counter() - start, 6)
    late = {REPORT: _report} if "html" in work.run.config.output.formats else {}
    run_id, folder = write_run(results, _artefacts(work.run, done), manifest, work.log, late)
    work.timings["total"] = round(time.perf_counter() - start, 6)
    work.log.note("written", run_id=run_id, folder=str(folder), seconds=work.timings["total"])
    return BacktestResult(
        config=work.run.config,
        bars=done.market.bars,
        ledger=done.ledger,
        summary=done.summary,
        window=done.window,
        folder=folder,
        run_id=run_id,
        warnings=tuple(work.warnings),
        notes=tuple(note for note in done.market.notes if not alarming(note)),
        timings=work.timings,
    )


def _relative(root: Path, results: Path) -> str:
    """The run file's folder as seen from a run's folder, so that both can be moved together."""
    try:
        return os.path.relpath(root, (results / "run").resolve())
    except ValueError:  # another drive
        return str(root)


def load_run(path: Path | str, overrides: Sequence[str] = (), *, load: bool = False) -> LoadedRun:
    """Read a run or strategy file and check all of it, the types and parameters of its strategies too, in one pass.

    Parameters
    ----------
    path : Path
        The file.
    overrides : sequence of str
        ``key.path=value`` each; see `trading_system.config.loading.load_run`.
    load : bool
        Also check the parameters of strategies of the user's own; their code runs.

    Raises
    ------
    ConfigError
        With every mistake of the file in ``problems``.
    """
    from trading_system.config import loading
    from trading_system.strategies.loading import mistakes

    return loading.load_run(path, overrides, judge=lambda config, root: mistakes(config, root, load=load))


def validate_config(path: Path | str, *, overrides: Sequence[str] = (), load: bool = False) -> LoadedRun:
    """`load_run`, for the command that asks nothing else."""
    return load_run(path, overrides, load=load)


def validate_data(run: LoadedRun | Path | str, *, lenient: bool = False) -> dict[str, Any]:
    """Load the data that a run file names and give what was found wrong with it, as ``data_quality.json`` says it.

    With `lenient` what the policy of the run file makes an error (`data.quality`) is counted like the rest, bars that cannot be
    right left out as under ``drop``; `policy` is still the run file's.

    Raises
    ------
    DataError
        The data cannot be read, or the policy makes an error of it.
    """
    run = _loaded(run, ())
    if not lenient:
        return dict(_market(run).quality)
    given = run.config.data.quality
    soft = {"impossible": "drop", "jump": "warn", "split_suspect": "warn"}
    changed = {key: value for key, value in soft.items() if getattr(given, key) == "error"}
    data = run.config.data.model_copy(update={"quality": given.model_copy(update=changed)})
    quality = dict(_market(dataclasses.replace(run, config=run.config.model_copy(update={"data": data}))).quality)
    return {**quality, "policy": {**quality["policy"], **dict.fromkeys(changed, "error")}}


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
    work = _Work(_loaded_again(folder, manifest), log or RunLog())
    work.log.note("started", config=manifest["place"]["run_file"], config_hash=work.run.hash)
    with Journal(work.run.root) as journal:
        done = _computed(work, _asked(manifest), journal)
    again = _bytes_again(work, done, manifest)
    rows = []
    for name, data in again.items():
        path = folder / name
        old = comparable(name, read_bytes(path)) if path.is_file() else b""
        rows.append({"name": name, "equal": old == data, "where": "" if old == data else first_difference(old, data)})
    now = _manifest(work, done)
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


def _bytes_again(work: _Work, done: _Done, manifest: Mapping[str, Any]) -> dict[str, bytes]:
    """Every artefact of the run with this manifest, in the form in which two runs are compared."""
    import hashlib

    from trading_system.runs.manifest import REPORT, VOLATILE, comparable
    from trading_system.runs.store import to_json

    files = {name: b"".join(pieces()) for name, pieces in _artefacts(work.run, done).items()}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    if REPORT in manifest["artefacts"]:
        same = {key: manifest.get(key) for key in VOLATILE}
        report = b"".join(_report({**_manifest(work, done), **same}, files.__getitem__))
        files[REPORT] = comparable(REPORT, report)
    work.log.note("trial", seconds=0.0)
    files["run.log"] = comparable("run.log", work.log.text(""))
    files["manifest.json"] = comparable("manifest.json", to_json({**_manifest(work, done), "artefacts": hashes}))
    return files
