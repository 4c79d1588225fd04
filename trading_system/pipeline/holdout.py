"""The one look: the holdout opened, written down before anything of it is seen, and judged."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trading_system.errors import UsageError
from trading_system.pipeline.backtest import BacktestResult, written
from trading_system.pipeline.counting import counted
from trading_system.pipeline.loading import loaded_run, results_folder
from trading_system.pipeline.preregistration import preregistered
from trading_system.pipeline.validation import experiment_of
from trading_system.pipeline.work import Done, Work, computed_over, decided

if TYPE_CHECKING:
    from trading_system.config.loading import LoadedRun
    from trading_system.data.loading import Market
    from trading_system.runs.holdout import Dates
    from trading_system.runs.journal import Journal
    from trading_system.runs.store import RunLog
    from trading_system.runs.window import Window
    from trading_system.strategies.base import Strategy
    from trading_system.validation.holdout import Judgement
    from trading_system.validation.loop import Told

HOLDOUT = "holdout.json"


@dataclass(frozen=True, eq=False)
class HoldoutRun:
    """A holdout that was opened.

    Attributes
    ----------
    backtest : BacktestResult
        The run over the holdout; its folder holds ``holdout.json`` too.
    document : mapping
        The content of ``holdout.json``.
    """

    backtest: BacktestResult
    document: Mapping[str, Any]

    @property
    def answer(self) -> str:
        """``yes`` only when no rejection bar is hit, the others hold, and this was the first look."""
        return str(self.document["answer"])


def holdout_plan(run: LoadedRun | Path | str, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """What opening the holdout of a run would mean; nothing of the data is read.

    Returns
    -------
    dict
        `first`, `last`: its dates; `openings`: when those dates were opened before; `config_hash`; `journal`: where it is written.

    Raises
    ------
    ConfigError
        The run file is wrong.
    UsageError
        It has no holdout.
    """
    from trading_system.runs import holdout
    from trading_system.runs.journal import Journal

    loaded = loaded_run(run, overrides)
    first, last = (day.isoformat() for day in dates_of(loaded))
    with Journal(loaded.root) as journal:
        openings = {
            record["key"]: record["created"]
            for _, record in holdout.recorded(journal, "opening")
            if record["first"] <= last and record["last"] >= first
        }
    return {
        "first": first,
        "last": last,
        "openings": sorted(openings.values()),
        "config_hash": loaded.hash,
        "journal": str(Journal(loaded.root).path),
    }


def dates_of(run: LoadedRun) -> Dates:
    """First and last session of the run file's holdout; UsageError where it has none."""
    splits = run.config.splits
    if splits is None or splits.holdout is None:
        raise UsageError(
            "the run file has no holdout",
            where=run.path.name,
            allowed="splits: {train: [...], validation: [...], holdout: [first, last]}",
            remedy="one that is named after the data was looked at is contaminated, and results say so",
        )
    return splits.holdout


def run_holdout(
    run: LoadedRun | Path | str,
    *,
    yes: bool = False,
    out: Path | str | None = None,
    overrides: Sequence[str] = (),
    log: RunLog | None = None,
    told: Told | None = None,
) -> HoldoutRun:
    """Open the holdout of a run file, judge it, and leave a run's folder with the answer.

    The opening is in the journal before a strategy is handed a bar of it, and stays there whatever happens afterwards; the strategy is
    run on what lies before first, so that an error in it costs no look. Indicators read what lies before; trading starts flat at the
    holdout's first bar.

    Parameters
    ----------
    yes : bool
        That it is meant: a holdout can be opened once.

    Raises
    ------
    UsageError
        There is no holdout, or `yes` was not said.
    HoldoutError
        The holdout that was recorded is another one.
    TradingSystemError
        As `run_backtest`.
    """
    from trading_system.runs.journal import Journal
    from trading_system.runs.manifest import GitState
    from trading_system.runs.store import RunLog, to_json
    from trading_system.validation import holdout as bars
    from trading_system.validation.verdict import chosen_tests

    start = time.perf_counter()
    loaded = loaded_run(run, overrides)
    first, last = dates_of(loaded)
    if not yes:
        raise UsageError(
            f"opening the holdout, {first} to {last}, is not taken back: it is written down for good, and a second look is"
            " marked contaminated in every report",
            remedy="say yes=True (--yes) when everything else is decided",
        )
    chosen_tests(bars.JUDGED)
    results = results_folder(loaded, out)
    work = Work(loaded, log or RunLog())
    work.log.note("started", config=loaded.path.name, config_hash=loaded.hash)
    git = GitState(loaded.root)
    try:
        with Journal(loaded.root) as journal:
            done = _opened(work, journal)
            with work.step("trial"):
                trial = counted(loaded, done, journal)
            work.preregistered = preregistered(loaded, done.market, done.code, journal)
            with work.step("tests") as said:
                found = _judged(work, done, told)
                said |= {"refused": ", ".join(found.refused)}
        assert work.held is not None
        document = bars.document(found, work.held, work.preregistered)
        extra = {HOLDOUT: lambda: iter((to_json(document),))}
        return HoldoutRun(written(work, done, results, trial, git.state(), start, extra=extra), document)
    finally:
        git.close()


def _opened(work: Work, journal: Journal) -> Done:
    """The run over the holdout; the opening is written down just before the first decision on it."""
    from trading_system.runs import holdout
    from trading_system.runs.manifest import data_hash

    run, dates = work.run, dates_of(work.run)
    seen = 0

    def allowed(market: Market, stop: int) -> tuple[str, ...]:
        nonlocal seen
        holdout.openable(journal, market.bars, stop, dates)
        seen = holdout.noted(journal, market.bars, dates, run.hash, data_hash(market.hashes))
        return ()

    def before(market: Market, window: Window, strategies: Sequence[Strategy], code: dict[str, Any]) -> Iterator[str]:
        _rehearsed(work, market, strategies)
        with work.step("opened") as said:
            digest = data_hash(market.hashes)
            openings = holdout.opened(journal, market.bars, dates, run.hash, digest, str(code["hash"]))
            said |= {"look": len(openings)}
        warned = holdout.contamination(dates, seen, openings)
        work.held = holdout.standing(dates, openings, warned)
        yield from warned

    return computed_over(work, "holdout", allowed, before)


def _rehearsed(work: Work, market: Market, strategies: Sequence[Strategy]) -> None:
    """Let every strategy decide on what lies before the holdout: what fails there fails before anything was opened."""
    start, _ = market.bars.row_range(*dates_of(work.run))
    if start == 0:
        return
    past = dataclasses.replace(market, bars=market.bars.rows(0, start))
    with work.step("rehearsed"):
        for number, strategy in enumerate(strategies):
            decided(strategy, number, past, work.run)


def _judged(work: Work, done: Done, told: Told | None) -> Judgement:
    """Every bar that is asked on the holdout."""
    from trading_system.validation.base import Examination, FamilyTrials
    from trading_system.validation.holdout import judged
    from trading_system.validation.loop import Loop, silent

    experiment = experiment_of(work.run, done)
    own = experiment.baseline.returns
    alone = FamilyTrials(1, 1, own[:, None], sampled=False, sharpe_variance=None)
    return judged(Examination(experiment, Loop(told or silent), alone))
