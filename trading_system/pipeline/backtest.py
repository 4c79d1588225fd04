"""What would it have done? One backtest and its folder."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trading_system.pipeline.counting import counted
from trading_system.pipeline.loading import config_warnings, loaded_run, results_folder
from trading_system.pipeline.work import Done, Work, computed

if TYPE_CHECKING:
    import pandas as pd

    from trading_system.config.loading import LoadedRun
    from trading_system.config.models import RunConfig
    from trading_system.data.bars import Bars
    from trading_system.engine.ledger import Ledger
    from trading_system.metrics.summary import Summary
    from trading_system.runs.store import Pieces, RunLog
    from trading_system.runs.window import Window


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
    trial : mapping
        Where it stands in the journal: `count` and `head` of the chain, `family`, `trials` and `runs` of the family, and of
        `runs.trials.Standing` the rest.
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
    trial: Mapping[str, Any]

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
    loaded = loaded_run(run, overrides)
    results = results_folder(loaded, out)
    work = Work(loaded, log or RunLog())
    work.log.note("started", config=loaded.path.name, config_hash=loaded.hash)
    work.timings["config"] = round(time.perf_counter() - start, 6)
    git = GitState(loaded.root)
    try:
        with Journal(loaded.root) as journal:
            done = computed(work, period, journal)
            with work.step("trial"):
                trial = counted(loaded, done, journal)
        return written(work, done, results, trial, git.state(), start)
    finally:
        git.close()


def run_artefacts(run: LoadedRun, done: Done) -> dict[str, Any]:
    from trading_system.runs.store import artefacts

    return artefacts(
        done.ledger,
        done.summary,
        resolved=run.resolved,
        quality=done.market.quality,
        benchmark=done.market.bars.benchmark_close,
    )


def report_bytes(manifest: Mapping[str, Any], read: Callable[[str], bytes]) -> Iterator[bytes]:
    """``report.html`` of a run, from its other artefacts."""
    from trading_system.reports.artefacts import artefacts_of
    from trading_system.reports.report_html import report_html

    return report_html(artefacts_of(manifest, read, "the run"))


def run_manifest(work: Work, done: Done) -> dict[str, Any]:
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
        "config_warnings": len(config_warnings(work.run)),
        "notes": [note for note in done.market.quality.get("notes", ()) if not alarming(note)],
    }


def written(
    work: Work,
    done: Done,
    results: Path,
    trial: dict[str, Any],
    git: dict[str, Any] | None,
    start: float,
    *,
    extra: Mapping[str, Pieces] | None = None,
    also: Mapping[str, Any] | None = None,
) -> BacktestResult:
    """Write the folder of a run: its artefacts and those of `extra`, `also` in its manifest."""
    from trading_system.data.notes import alarming
    from trading_system.runs.manifest import REPORT
    from trading_system.runs.store import write_run

    manifest = run_manifest(work, done)
    root = work.run.root
    manifest |= {
        "trial": trial,
        "git": git,
        "place": {"root": _relative(root, results), "run_file": work.run.path.name},
        "timings": work.timings,
        "holdout": work.held,
        "preregistration": work.preregistered,
        **(also or {}),
    }
    work.timings["compute"] = round(time.perf_counter() - start, 6)
    late = {REPORT: report_bytes} if "html" in work.run.config.output.formats else {}
    run_id, folder = write_run(results, {**run_artefacts(work.run, done), **(extra or {})}, manifest, work.log, late)
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
        trial=trial,
    )


def _relative(root: Path, results: Path) -> str:
    """The run file's folder as seen from a run's folder, so that both can be moved together."""
    try:
        return os.path.relpath(root, (results / "run").resolve())
    except ValueError:  # another drive
        return str(root)
