"""Is it luck? The suite of tests on train and validation, with its verdict and its evidence in a run's folder."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trading_system.pipeline.backtest import BacktestResult, written
from trading_system.pipeline.counting import backtest_trial, entered, search_trial
from trading_system.pipeline.loading import loaded_run, results_folder
from trading_system.pipeline.preregistration import preregistered
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
    preregistered : mapping or None
        How the run stands to what was preregistered; None where nothing was.
    """

    backtest: BacktestResult
    examined: Examined
    document: Mapping[str, Any]
    preregistered: Mapping[str, Any] | None = None


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
    from trading_system.validation.verdict import chosen_tests, document

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
                examination, trial = examination_of(work, done, journal, store, told, fast=fast)
                found = _asked(work, examination, only)
                finished = True
            finally:
                store.close(done=finished)
            work.preregistered = preregistered(loaded, done.market, done.code, journal)
        told_of = document(found, examination, done.window.document())
        extra = evidence_files(told_of)
        manifest = {"validation": {"answer": found.answer, "fast": fast, "only": list(only)}}
        backtest = written(work, done, results, trial, git.state(), start, extra=extra, also=manifest)
        return ValidationRun(backtest, found, told_of, work.preregistered)
    finally:
        git.close()


def evidence_files(told_of: Mapping[str, Any]) -> dict[str, Pieces]:
    """``validation.json``, and ``scenario_comparison.json`` where the tests that make scenarios were made."""
    from trading_system.runs.store import to_json
    from trading_system.validation import scenarios

    files: dict[str, Pieces] = {VALIDATION: lambda: iter((to_json(told_of),))}
    compared = scenarios.document_of(told_of["tests"])
    if compared is not None:
        files[SCENARIOS] = lambda: iter((to_json(compared),))
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
    store: Store | None,
    told: Told | None,
    *,
    fast: bool,
    upto: int | None = None,
) -> tuple[Examination, dict[str, Any]]:
    """What the tests look at, and what the manifest says of the trial; a search is made and counted before the run it belongs to.

    Parameters
    ----------
    upto : int, optional
        The record of the journal that this examination was when it was made before: nothing is counted again, and what was tried
        since is not looked at.
    """
    import numpy as np

    from trading_system.validation.base import Examination, FamilyTrials
    from trading_system.validation.loop import Loop, silent
    from trading_system.validation.search import MEASURES
    from trading_system.validation.trials import family_trials

    run, trial = work.run, dict[str, Any]()
    experiment = experiment_of(run, done)
    nothing = FamilyTrials(1, 1, np.zeros((0, 0)), sampled=False, sharpe_variance=None)
    examination = Examination(experiment, Loop(told or silent, store), nothing, fast)
    own, returns = backtest_trial(run, done)
    present, searched = [own], None
    with work.step("trial") as said:
        search = examination.search
        if search is not None:
            searched = np.delete(search.returns, search.own, axis=1)
            present.append(search_trial(run, done, np.delete(search.measures[:, MEASURES.index("sharpe")], search.own)))
            said["points"] = len(search.points)
            if upto is None and searched.shape[1]:
                entered(done, journal, present[1], searched)
        if upto is None:
            trial = entered(done, journal, own, returns)
    index = experiment.bars.index[experiment.sampled_rows]
    examination.trials = family_trials(journal, present, index, returns, searched, upto)
    return examination, trial


def evidence_again(work: Work, done: Done, journal: Journal, manifest: Mapping[str, Any]) -> dict[str, Pieces]:
    """The evidence of a run that was validated, worked out again with what the journal held then."""
    from trading_system.validation.verdict import document

    said = manifest["validation"]
    upto = int(manifest["trial"]["count"])
    examination, _ = examination_of(work, done, journal, None, None, fast=bool(said["fast"]), upto=upto)
    return evidence_files(document(_asked(work, examination, tuple(said["only"])), examination, done.window.document()))


def _asked(work: Work, examination: Examination, only: Sequence[str]) -> Examined:
    """Every test made, with its line in the log."""
    from trading_system.validation.verdict import examined

    with work.step("tests") as said:
        found = examined(examination, only, lambda title: work.log.note("test", message=title))
        said |= {"answer": found.answer, "refused": ", ".join(found.refused)}
    return found
