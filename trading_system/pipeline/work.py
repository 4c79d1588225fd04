"""A backtest up to its numbers: what every story of the corridor begins with."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trading_system.errors import StrategyError, TradingSystemError
from trading_system.pipeline.loading import config_warnings, market_of

if TYPE_CHECKING:
    from trading_system.config.loading import LoadedRun
    from trading_system.data.bars import Bars
    from trading_system.data.loading import Market
    from trading_system.engine.ledger import Ledger
    from trading_system.engine.simulate import StrategyDecisions
    from trading_system.metrics.summary import Summary
    from trading_system.runs.journal import Journal
    from trading_system.runs.store import RunLog
    from trading_system.runs.window import Window
    from trading_system.strategies.base import Strategy


@dataclass(eq=False)
class Work:
    """A backtest on its way.

    Attributes
    ----------
    held : mapping or None
        What the journal knows of the run file's own holdout, as the manifest says it.
    preregistered : mapping or None
        How the run stands to what was preregistered, where that was asked.
    """

    run: LoadedRun
    log: RunLog
    held: Mapping[str, Any] | None = None
    preregistered: Mapping[str, Any] | None = None
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
class Done:
    """A backtest that has been computed and not yet been written."""

    market: Market
    window: Window
    ledger: Ledger
    summary: Summary
    code: dict[str, Any]


def computed(work: Work, period: str | None, journal: Journal, upto: int | None = None) -> Done:
    """Everything up to the numbers, in memory; held-out bars are refused.

    `upto` is the record of the journal that the run was when it was made before.
    """
    from trading_system.runs import holdout
    from trading_system.runs import window as windows
    from trading_system.runs.manifest import data_hash

    run = work.run
    name = windows.period_name(run.config, period)

    def allowed(market: Market, stop: int) -> tuple[str, ...]:
        splits = run.config.splits
        warned = holdout.guard(journal, market.bars, stop, splits, run.hash, data_hash(market.hashes), upto=upto)
        if splits is not None and splits.holdout is not None:
            opened = holdout.looks(journal, market.bars, splits.holdout, upto)
            work.held = holdout.standing(splits.holdout, opened, warned)
        return warned

    return computed_over(work, name, allowed)


Allowed = Callable[["Market", int], Iterable[str]]
"""Whether rows 0..stop - 1 of the market may be read, and what to be careful about; raises where they may not."""
Before = Callable[["Market", "Window", Sequence["Strategy"], "dict[str, Any]"], Iterable[str]]
"""Hears of the market, window, strategies and code just before the first decision, and says what to be careful about."""


def computed_over(work: Work, name: str, allowed: Allowed, before: Before | None = None) -> Done:
    """Everything up to the numbers over the period `name`, in memory."""
    from trading_system.engine.simulate import simulate
    from trading_system.metrics.summary import summarise
    from trading_system.runs import window as windows

    run = work.run
    for text in config_warnings(run):
        work.warn(text)
    with work.step("strategies"):
        strategies, code = strategies_of(run)
    with work.step("data") as told:
        market = market_of(run)
        told |= {"bars": market.bars.n_bars, "symbols": market.bars.n_symbols}
    log_notes(work, market)
    start, stop = windows.rows(market.bars, run.config, name)
    for text in allowed(market, stop):
        work.warn(text)
    known = market.bars.rows(
        0, max(start, 1) if before else stop
    )  # a rule that is asked for its warm-up sees nothing held out
    needed = [warmup_of(strategy, number, known, run) for number, strategy in enumerate(strategies)]
    window, warnings = windows.window(market.bars, run.config, name, start, stop, needed)
    for text in (*warnings, *(before(market, window, strategies, code) if before else ())):
        work.warn(text)
    market = dataclasses.replace(market, bars=market.bars.rows(0, window.stop))
    with work.step("decide"):
        decisions = [decided(strategy, number, market, run) for number, strategy in enumerate(strategies)]
    with work.step("simulate") as told:
        ledger = simulate(market.bars, decisions, run.config, first=window.first)
        told |= {"orders": len(ledger.orders), "trades": len(ledger.trades), "limits_tripped": len(ledger.events)}
    with work.step("summarise"):
        summary = summarise(ledger, run.config, benchmark=market.bars.benchmark_close)
    log_events(work, ledger)
    return Done(market, window, ledger, summary, code)


def log_notes(work: Work, market: Market) -> None:
    """What there is to know about the data; what is alarming is a warning."""
    from trading_system.data.notes import alarming

    alarms = [note for note in market.notes if alarming(note)]
    for text in alarms:
        work.warn(f"data: {text}")
    for note in market.notes:
        if note in alarms:
            continue
        work.log.note("data" if note in market.quality.get("notes", ()) else "environment", message=note)


def strategies_of(run: LoadedRun) -> tuple[list[Strategy], dict[str, Any]]:
    """The strategies of a run and the state of all code that decides with them."""
    from trading_system.runs.manifest import code_state
    from trading_system.strategies.loading import build_strategy, code_files

    built = [build_strategy(entry, run.root, run.places, number) for number, entry in enumerate(run.config.strategies)]
    files = [file for entry in run.config.strategies for file in code_files(entry, run.root)]
    return built, code_state(files, run.root)


@contextmanager
def strategy_errors(who: str, root: Path) -> Iterator[None]:
    """Whatever a strategy's own code raises is a `StrategyError` that names the place; only memory running out is not."""
    try:
        yield
    except (TradingSystemError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        from trading_system.strategies.loading import raised_at

        raise StrategyError(f"{who} failed: {type(error).__name__}: {error}", where=raised_at(error, root)) from error


def warmup_of(strategy: Strategy, number: int, bars: Bars, run: LoadedRun) -> int:
    """Bars of history that one strategy needs on the rows of `bars`."""
    entry = run.config.strategies[number]
    with strategy_errors(f"{entry.name} ({entry.type})", run.root):
        needed = strategy.warmup_on(bars)
    if isinstance(needed, bool) or not isinstance(needed, int) or needed < 0:
        raise StrategyError(f"{entry.name}: warmup_on gave back {needed!r}", allowed="a whole number of bars, 0 or more")
    return needed


def decided(strategy: Strategy, number: int, market: Market, run: LoadedRun) -> StrategyDecisions:
    """Decisions of one strategy on its own bars."""
    from trading_system.data.loading import strategy_bars
    from trading_system.engine.simulate import StrategyDecisions
    from trading_system.strategies.decisions import check_decisions

    entry = run.config.strategies[number]
    bars, columns = strategy_bars(market, entry, run.root)
    who = f"{entry.name} ({entry.type})"
    with strategy_errors(who, run.root):
        decisions = strategy.decide(bars)
        if ":" in entry.type:  # those that are shipped are held to the contract by the tests
            check_decisions(decisions, bars, who)
    return StrategyDecisions(decisions, columns, bars.tradable)


def log_events(work: Work, ledger: Ledger) -> None:
    from trading_system.engine.ledger import Code
    from trading_system.runs.window import session

    for event in ledger.events:
        numbers = {name: float(event[name]) for name in ("equity", "reference", "measured", "limit")}
        day = session(ledger.bars, int(event["row"]))
        work.log.note("limit tripped", "WARNING", kind=Code(int(event["kind"])).name, date=day, **numbers)
