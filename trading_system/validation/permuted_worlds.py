"""An experiment in permuted markets: its worlds by number, the search in each of them, and what makes such a test pointless."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.data.limits import memory_limit
from trading_system.data.shared import share
from trading_system.errors import CapacityError, ConfigError
from trading_system.parallel import n_threads
from trading_system.validation.experiment import Experiment, World
from trading_system.validation.permuted_market import PermutedMarkets, predicted_bytes
from trading_system.validation.search import Point, evaluate

if TYPE_CHECKING:
    from trading_system.data.bars import Bars
    from trading_system.engine.ledger import Ledger
    from trading_system.engine.simulate import StrategyDecisions
    from trading_system.types import FloatArray

OF_THE_END = ("total_return", "cagr", "cagr_calendar", "final_equity", "net_pnl")
"""Measures that depend on where the equity ends alone, not on the way."""
LOOKED_AT = 3  # permuted markets in which a run is looked at before the many


@dataclasses.dataclass(eq=False)
class PermutedWorlds:
    """The permuted markets of one experiment; world k depends on the seed and on k alone, so any thread may make it.

    Attributes
    ----------
    experiment : Experiment
    seed : int
        Of the draws, not negative.
    start : int
        Last row that is never touched.
    """

    experiment: Experiment
    seed: int
    start: int = 0

    @cached_property
    def markets(self) -> PermutedMarkets:
        """Where they are drawn from."""
        return PermutedMarkets(self.experiment.bars, self.start)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What differs from the run file in every one of these worlds, the market's own order among them.

        Adjusted prices are a scale, not what a share cost: where actions were recorded, whole lots of them would mean nothing.
        """
        if self.experiment.bars.factor is None:
            return {}
        classes = sorted({entry.asset_class for entry in self.experiment.config.strategies})
        return {f"execution.lot.{name}": "fractional" for name in classes}

    @property
    def own(self) -> World:
        """The market in its own order, in the scale of the permuted ones: the world of the observed value."""
        return World(settings=self.settings, bars=self.markets.own) if self.rescaled else World()

    @property
    def rescaled(self) -> bool:
        """Whether recorded actions make the permuted markets another scale than the run's own."""
        return self.experiment.bars.factor is not None

    def market(self, number: int) -> Bars:
        """Permuted market `number`."""
        return self.markets.drawn(np.random.default_rng(np.random.SeedSequence([self.seed, number])))

    def world(self, number: int) -> World:
        """World `number`."""
        return World(settings=self.settings, bars=self.market(number))

    def best(self, points: Sequence[Point], number: int, own: int = 0) -> tuple[float, float]:
        """Best objective of a search over `points` in world `number` (-inf where none has one), and that of point `own`."""
        world = self.world(number)
        if world.bars is not None and len(points) > 1:
            share(world.bars)
        values = evaluate(self.experiment, points, world)
        return float(np.fmax.reduce(values, initial=-np.inf)), float(values[own])

    def observed(self, points: Sequence[Point]) -> FloatArray:
        """Objective of every point in the market's own order."""
        return evaluate(self.experiment, points, self.own)

    def check_memory(self) -> int:
        """Bytes that it takes at its peak.

        Raises
        ------
        CapacityError
            More than 80 % of the memory.
        """
        bars, threads, have = self.experiment.bars, n_threads(), memory_limit()
        need = predicted_bytes(bars, threads)
        if need > 0.8 * have:
            raise CapacityError(
                f"permuting {bars.n_bars:,} bars x {bars.n_symbols:,} symbols on {threads} threads takes"
                f" {need / 2**30:,.1f} GB; 80 % of the memory is {0.8 * have / 2**30:,.1f} GB",
                remedy="set TRADING_SYSTEM_THREADS=1, name fewer symbols, or shorten data.start",
            )
        return need


def refuse_what_cannot_change(worlds: PermutedWorlds) -> None:
    """Refuse a test of something that no permutation of the moves can change.

    What is bought at the beginning and held to the end earns the total change of the market, which every permuted market keeps.

    Raises
    ------
    ConfigError
        The objective measures the end of the equity alone, and the run does nothing but hold.
    """
    experiment = worlds.experiment
    objective = experiment.config.validation.search.objective
    if objective not in OF_THE_END:
        return
    ledgers = [experiment.outcome(worlds.own).ledger]
    ledgers += [experiment.outcome(worlds.world(number)).ledger for number in range(LOOKED_AT)]
    if all(_holds(ledger, worlds.start) for ledger in ledgers):
        raise cannot_change(objective, "every position is opened at the beginning and held to the end")


def cannot_change(objective: str, why: str) -> ConfigError:
    """The error of a statistic that is the same in every permuted market."""
    return ConfigError(
        f"no permutation of the market's moves can change {objective}: {why}, and the total change of the market is the same in"
        " every permuted market; its p-value would say nothing",
        where="validation.search.objective",
        allowed="a measure that depends on the order of the moves: sharpe, calmar, max_drawdown, ...",
        remedy="choose another objective, or judge a rule that decides by prices",
    )


def _holds(ledger: Ledger, start: int) -> bool:
    """Whether a run bought on the first rows that move, and did nothing after."""
    fills = ledger.fills
    once = np.unique(fills["line"]).size == fills.size
    return bool(once and fills.size and fills["row"].max() <= start + 2 and ledger.trades["open"].all())


def reads_no_price(worlds: PermutedWorlds) -> bool:
    """Whether every strategy decides the same when prices are permuted and volume stays where it was."""
    experiment = worlds.experiment
    own = worlds.markets.own
    other = dataclasses.replace(worlds.market(0), volume=own.volume)
    pairs = zip(
        experiment.decided(World(bars=own)), experiment.decided(World(bars=other)), strict=True
    )  # decisions do not depend on lots
    return all(_decides_the_same(one, two) for one, two in pairs)


def _decides_the_same(one: StrategyDecisions, other: StrategyDecisions) -> bool:
    names = ("target",) if hasattr(one.decisions, "target") else ("entry", "exit")
    return all(
        np.array_equal(getattr(one.decisions, name), getattr(other.decisions, name), equal_nan=name == "target")
        for name in names
    )
