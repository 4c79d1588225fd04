"""Does it hold on what it was not chosen on? A walk-forward, and the folder of a run that holds it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trading_system.pipeline.backtest import BacktestResult, written
from trading_system.pipeline.counting import backtest_trial, entered, trial_of, without_own_values
from trading_system.pipeline.loading import loaded_run, results_folder
from trading_system.pipeline.validation import experiment_of, work_store
from trading_system.pipeline.work import Done, Work, computed

if TYPE_CHECKING:
    from trading_system.config.loading import LoadedRun
    from trading_system.runs.journal import Journal
    from trading_system.runs.store import Pieces, RunLog
    from trading_system.validation.loop import Store, Told
    from trading_system.validation.walk_forward import WalkForward

FOLDS = "walk_forward.json"
STITCHED = "walk_forward_equity.csv"


@dataclass(frozen=True, eq=False)
class WalkForwardRun:
    """A walk-forward that was made.

    Attributes
    ----------
    backtest : BacktestResult
        The run over the whole window with its file's own values; its folder holds ``walk_forward.json`` and the stitched curve too.
    found : WalkForward
        Folds, stitched returns, efficiency, stability.
    document : mapping
        The content of ``walk_forward.json``.
    """

    backtest: BacktestResult
    found: WalkForward
    document: Mapping[str, Any]


def run_walk_forward(
    run: LoadedRun | Path | str,
    *,
    period: str | None = None,
    resume: bool = False,
    out: Path | str | None = None,
    overrides: Sequence[str] = (),
    log: RunLog | None = None,
    told: Told | None = None,
) -> WalkForwardRun:
    """Walk forward over train and validation, parameters chosen anew on every training window where the run has a grid.

    Every point of the grid is counted as a trial before the folder appears; the same windows over the same data again count nothing.

    Parameters
    ----------
    run : LoadedRun or path
    period : str, optional
        As for `run_backtest`.
    resume : bool
        Go on with what an earlier walk-forward of the same work, which was stopped, has finished.
    out : Path, optional
        Folder of results in place of the run file's ``output.path``.
    overrides : sequence of str
        ``key=value`` each, ``validation.walk_forward.train=252`` among them; only with a path.
    told : callable, optional
        Hears of progress: name of the work, tasks done, tasks in all.

    Raises
    ------
    TradingSystemError
        As `run_backtest`; InsufficientDataError where there is no whole fold.
    """
    from trading_system.runs.journal import Journal
    from trading_system.runs.manifest import GitState
    from trading_system.runs.store import RunLog

    start = time.perf_counter()
    loaded = loaded_run(run, overrides)
    results = results_folder(loaded, out)
    work = Work(loaded, log or RunLog())
    work.log.note("started", config=loaded.path.name, config_hash=loaded.hash)
    git = GitState(loaded.root)
    try:
        with Journal(loaded.root) as journal:
            done = computed(work, period, journal)
            store = work_store(work, done, journal, "walk-forward", resume=resume)
            finished = False
            try:
                found, document = walked(work, done, store, told)
                with work.step("trial"):
                    trial = _counted(loaded, done, journal, found)
                finished = True
            finally:
                store.close(done=finished)
        headline = {"folds": len(found.folds), "points": len(found.points), "sharpe": document["stitched"]["sharpe"]}
        extra = folds_files(work.run, done, found, document)
        backtest = written(work, done, results, trial, git.state(), start, extra=extra, also={"walk_forward": headline})
        return WalkForwardRun(backtest, found, document)
    finally:
        git.close()


def walked(work: Work, done: Done, store: Store | None, told: Told | None) -> tuple[WalkForward, dict[str, Any]]:
    """The walk-forward of a run and its document."""
    from trading_system.validation.loop import Loop, silent
    from trading_system.validation.walk_forward import walk_forward
    from trading_system.validation.walk_forward_document import document, pictures_of

    experiment = experiment_of(work.run, done)
    with work.step("walk-forward") as said:
        found = walk_forward(experiment, Loop(told or silent, store))
        said |= {"folds": len(found.folds), "points": len(found.points)}
    for text in found.warnings:
        work.warn(text)
    told_of = document(found, experiment)
    return found, {**told_of, "pictures": pictures_of(found, told_of, experiment)}


def _counted(run: LoadedRun, done: Done, journal: Journal, found: WalkForward) -> dict[str, Any]:
    """Write the rows of the walk-forward's points, where it chose among any, and of the run itself."""
    import numpy as np

    if found.grid:
        settings = run.config.validation.search
        drawn = settings.points if settings.method == "random" else None
        chosen_by = settings.model_dump(mode="json", include={"objective", "constraints", "plateau"})
        what = ["walk-forward", found.grid, drawn, found.windows.model_dump(mode="json"), chosen_by]
        row = trial_of(
            run,
            done,
            what=json.dumps(what, sort_keys=True, default=str),
            configurations=len(found.points),
            n_periods=0,
            config=without_own_values(run.config, found.grid),
        )
        entered(done, journal, row, np.zeros((0, 0)))
    own, returns = backtest_trial(run, done)
    return entered(done, journal, own, returns)


def folds_files(run: LoadedRun, done: Done, found: WalkForward, document: Mapping[str, Any]) -> dict[str, Pieces]:
    """``walk_forward.json`` and the stitched curve as a table."""
    from trading_system.runs.store import to_json

    return {
        FOLDS: lambda: iter((to_json(document),)),
        STITCHED: lambda: _stitched_table(run, done, found),
    }


def _stitched_table(run: LoadedRun, done: Done, found: WalkForward) -> Iterator[bytes]:
    """One row per out-of-sample period: its date, its fold, what it earned, and the starting equity grown by all of them so far."""
    from trading_system.runs.tables import csv, number
    from trading_system.validation.walk_forward import fold_of_each

    labels, start = done.market.bars.labels(), run.config.portfolio.starting_equity
    return csv(
        ("date", "fold", "return", "equity"),
        (
            [labels[row] for row in found.rows.tolist()],
            [str(fold) for fold in fold_of_each(found).tolist()],
            [number(value) for value in found.returns.tolist()],
            [number(value) for value in (start * found.equity).tolist()],
        ),
    )


def folds_again(work: Work, done: Done) -> dict[str, Pieces]:
    """The files of a walk-forward worked out again."""
    found, document = walked(work, done, None, None)
    return folds_files(work.run, done, found, document)
