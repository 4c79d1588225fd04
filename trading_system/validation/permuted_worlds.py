"""An experiment in permuted markets: its worlds by number, the search in each of them, and what makes such a test pointless."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from trading_system.config.changes import changed
from trading_system.data.limits import memory_limit
from trading_system.data.shared import share
from trading_system.errors import CapacityError, ConfigError
from trading_system.parallel import n_threads
from trading_system.validation.experiment import Experiment, World
from trading_system.validation.fast_search import fast_search
from trading_system.validation.permuted_market import PermutedMarkets, predicted_bytes
from trading_system.validation.search import Point, evaluate

if TYPE_CHECKING:
    from collections.abc import Callable

    from trading_system.data.bars import Bars
    from trading_system.engine.ledger import Ledger
    from trading_system.engine.simulate import StrategyDecisions
    from trading_system.types import FloatArray
    from trading_system.validation.fast_search import Table

OF_THE_END = ("total_return", "cagr", "cagr_calendar", "final_equity", "net_pnl")
"""Measures that depend on where the equity ends alone, not on the way."""
LOOKED_AT = 3  # permuted markets in which a run is looked at before the many


class PermutedWorlds:
    """The permuted markets of one experiment; world k depends on the seed and on k alone, so any thread may make it.

    Parameters
    ----------
    asked : Experiment
    seed : int
        Of the draws, not negative.
    start : int
        Last row that is never touched.

    Attributes
    ----------
    experiment : Experiment
        The one whose markets are permuted: `asked` itself or, where actions were recorded, the same in adjusted prices. What is
        observed is measured in it, so that the market's own order is one of those that are compared.
    rescaled : bool
        Whether it is another.
    """

    def __init__(self, asked: Experiment, seed: int, start: int = 0) -> None:
        self.seed, self.start = seed, start
        self.markets = PermutedMarkets(asked.bars, start)
        self.rescaled = asked.bars.factor is not None
        self.experiment = in_adjusted_prices(asked, self.markets.own) if self.rescaled else asked
        self._known: tuple[Sequence[Point], Callable[[FloatArray], Table] | None] | None = None

    def market(self, number: int) -> Bars:
        """Permuted market `number`."""
        return self.markets.drawn(np.random.default_rng(np.random.SeedSequence([self.seed, number])))

    def world(self, number: int) -> World:
        """World `number`."""
        return World(bars=self.market(number))

    def best(self, points: Sequence[Point], number: int, own: int = 0) -> tuple[float, float]:
        """Best objective of a search over `points` in world `number` (-inf where none has one), and that of point `own`."""
        values = self._quick_values(points, number)
        if values is None:
            market = self.market(number)
            if len(points) > 1:
                share(market)
            values = evaluate(self.experiment, points, World(bars=market))
        return float(np.fmax.reduce(values, initial=-np.inf)), float(values[own])

    def _quick_values(self, points: Sequence[Point], number: int) -> FloatArray | None:
        """Objective of every point in world `number` from its prices alone; None where that is not enough."""
        known = self._known
        if known is None or known[0] is not points:
            search = fast_search(self.experiment, points)
            known = self._known = points, None if search is None else search.of_prices()
        if known[1] is None:
            return None
        table = known[1](self.markets.prices(np.random.default_rng(np.random.SeedSequence([self.seed, number]))))
        return None if table.left else table.objectives[:, 0]

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


def in_adjusted_prices(experiment: Experiment, own: Bars) -> Experiment:
    """The experiment in the adjusted prices of its market, with fractional lots: whole ones of adjusted shares mean nothing."""
    classes = sorted({entry.asset_class for entry in experiment.config.strategies})
    config = changed(experiment.config, {f"execution.lot.{name}": "fractional" for name in classes})
    return experiment.elsewhere(config, dataclasses.replace(experiment.market, bars=own))


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
    ledgers = [experiment.baseline.ledger]
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
    pairs = zip(experiment.decisions, experiment.decided(World(bars=other)), strict=True)
    return all(_decides_the_same(one, two) for one, two in pairs)


def _decides_the_same(one: StrategyDecisions, other: StrategyDecisions) -> bool:
    names = ("target",) if hasattr(one.decisions, "target") else ("entry", "exit")
    return all(
        np.array_equal(getattr(one.decisions, name), getattr(other.decisions, name), equal_nan=name == "target")
        for name in names
    )
