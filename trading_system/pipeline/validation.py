"""Is it luck? The suite of tests on train and validation, with its verdict and its evidence in a run's folder."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trading_system.pipeline.backtest import BacktestResult, written
from trading_system.pipeline.counting import counted, entered, search_trial
from trading_system.pipeline.loading import loaded_run, results_folder
from trading_system.pipeline.work import Done, Work, computed

if TYPE_CHECKING:
    from trading_system.config.loading import LoadedRun
    from trading_system.runs.journal import Journal
    from trading_system.runs.store import Pieces, RunLog
    from trading_system.validation.base import Examination
    from trading_system.validation.experiment import Experiment
    from trading_system.validation.loop import Store, Told
    from trading_system.validation.verdict import Examined

VALIDATION = "validation.json"
SCENARIOS = "scenario_comparison.json"


@dataclass(frozen=True, eq=False)
class ValidationRun:
    """A validation that was made.

    Attributes
    ----------
    backtest : BacktestResult
        The run that was judged; its folder holds ``validation.json`` too.
    examined : Examined
        Tests and answer.
    document : mapping
        The content of ``validation.json``.
    """

    backtest: BacktestResult
    examined: Examined
    document: Mapping[str, Any]


def run_validation(
    run: LoadedRun | Path | str,
    *,
    only: Sequence[str] = (),
    fast: bool = False,
    resume: bool = False,
    out: Path | str | None = None,
    overrides: Sequence[str] = (),
    log: RunLog | None = None,
    told: Told | None = None,
) -> ValidationRun:
    """Judge a strategy on train and validation and leave a run's folder with the evidence.

    Parameters
    ----------
    run : LoadedRun or path
    only : sequence of str
        Names of tests; the answer is then at best ``partial``.
    fast : bool
        The smaller sizes of the run file.
    resume : bool
        Go on with what an earlier run of the same work, which was stopped, has finished.
    told : callable, optional
        Hears of progress: name of the work, tasks done, tasks in all.

    Raises
    ------
    TradingSystemError
        As `run_backtest`; what stops a single test is that test's verdict.
    """
    from trading_system.runs.journal import Journal
    from trading_system.runs.manifest import GitState
    from trading_system.runs.store import RunLog
    from trading_system.validation.verdict import chosen_tests, document, examined

    start = time.perf_counter()
    chosen_tests(only)
    loaded = loaded_run(run, overrides)
    results = results_folder(loaded, out)
    work = Work(loaded, log or RunLog())
    work.log.note("started", config=loaded.path.name, config_hash=loaded.hash)
    git = GitState(loaded.root)
    try:
        with Journal(loaded.root) as journal:
            done = computed(work, None, journal)
            store = work_store(work, done, journal, "validate strategy", resume=resume)
            finished = False
            try:
                with work.step("trial"):
                    trial = counted(loaded, done, journal)
                examination = examination_of(work, done, journal, trial, store, told, fast=fast)
                with work.step("tests") as said:
                    found = examined(examination, only, lambda title: work.log.note("test", message=title))
                    said |= {"answer": found.answer, "refused": ", ".join(found.refused)}
                finished = True
            finally:
                store.close(done=finished)
            trial |= {"trials": examination.trials.n_trials, "runs": examination.trials.n_rows}
        told_of = document(found, examination)
        extra = evidence_files(told_of)
        manifest = {"validation": {"answer": found.answer, "fast": fast, "only": list(only)}}
        backtest = written(work, done, results, trial, git.state(), start, extra=extra, also=manifest)
        return ValidationRun(backtest, found, told_of)
    finally:
        git.close()


def evidence_files(told_of: Mapping[str, Any]) -> dict[str, Pieces]:
    """``validation.json``, and ``scenario_comparison.json`` where the stress test was made."""
    from trading_system.runs.store import to_json

    files: dict[str, Pieces] = {VALIDATION: lambda: iter((to_json(told_of),))}
    rows = [one["details"]["scenarios"] for one in told_of["tests"] if "scenarios" in one["details"]]
    if rows:
        files[SCENARIOS] = lambda: iter((to_json({"scenarios": rows[0]}),))
    return files


def experiment_of(run: LoadedRun, done: Done) -> Experiment:
    """The experiment that a backtest was, its own outcome known already."""
    from trading_system.runs import window as windows
    from trading_system.validation.experiment import Experiment, Outcome

    start, _ = windows.rows(done.market.bars, run.config, done.window.name)
    experiment = Experiment(run.config, run.root, done.market, done.window.first, start)
    known = Outcome(run.config, done.ledger, done.market.bars.benchmark_close)
    vars(known)["summary"] = done.summary
    vars(experiment)["baseline"] = known
    return experiment


def work_store(work: Work, done: Done, journal: Journal, what: str, *, resume: bool) -> Store:
    """Where finished chunks of this very work are kept, so that a stopped command can go on."""
    from trading_system.runs.manifest import data_hash, versions
    from trading_system.validation.loop import Store

    parts = [what, work.run.hash, data_hash(done.market.hashes), done.code["hash"], done.window.document(), versions()]
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return Store(journal.folder, key, fresh=not resume)


def examination_of(
    work: Work,
    done: Done,
    journal: Journal,
    trial: Mapping[str, Any],
    store: Store | None,
    told: Callable[[str, int, int], None] | None,
    *,
    fast: bool,
) -> Examination:
    """What the tests look at; a search is made and counted first, so that the family of trials holds it."""
    import numpy as np

    from trading_system.config.changes import grid_of
    from trading_system.validation.base import Examination, FamilyTrials
    from trading_system.validation.loop import Loop, silent
    from trading_system.validation.search import MEASURES

    run = work.run
    experiment = experiment_of(run, done)
    loop = Loop(told or silent, store)
    nothing = FamilyTrials(1, 1, np.zeros((0, 0)), sampled=False, sharpe_variance=None)
    examination = Examination(experiment, loop, nothing, fast)
    if grid_of(run.config):
        with work.step("search") as said:
            search = examination.search
            assert search is not None
            row = search_trial(run, done, len(search.points), search.measures[:, MEASURES.index("sharpe")])
            entered(done, journal, row, search.returns)
            said |= {"points": len(search.points)}
    examination.trials = family_of(journal, str(trial["family"]), experiment)
    return examination


def family_of(journal: Journal, family: str, experiment: Experiment) -> Any:
    """What the journal knows of the family, the judged configuration as the last column."""
    import numpy as np

    from trading_system.runs import trials
    from trading_system.validation.base import FamilyTrials

    found = trials.count(journal, family)
    index, kept, _ = trials.returns_of(journal, family)
    bars, own = experiment.bars, experiment.baseline.returns
    wanted = bars.index[experiment.sampled_rows]
    columns = [own[:, None]]
    if kept.shape[1] and np.array_equal(index, wanted):
        mine = own.astype(np.float32).astype(np.float64)
        columns.insert(0, kept[:, ~(kept == mine[:, None]).all(axis=0)])
    matrix = np.concatenate(columns, axis=1)
    deviation = matrix.std(axis=0, ddof=1) if matrix.shape[0] > 1 else np.zeros(matrix.shape[1])
    sharpes = matrix.mean(axis=0)[deviation > 0.0] / deviation[deviation > 0.0]
    variance = float(sharpes.var(ddof=1)) if sharpes.size > 1 else None
    return FamilyTrials(found.trials, found.rows, matrix, found.sampled, variance)
