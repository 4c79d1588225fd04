"""A search over parameters of one strategy on one symbol, through the engine's sweep: the same numbers, many times faster.

`fast_evaluate` says None wherever it does not apply, and the caller goes the general way, through `Experiment.outcome`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from pydantic import ValidationError

from trading_system.engine.simulate import StrategyDecisions, refuse_mistakes
from trading_system.engine.sweep import Figures, Sweep, Window
from trading_system.errors import TradingSystemError
from trading_system.metrics.base import per_period
from trading_system.metrics.sampling import returns_between
from trading_system.runs.window import history_row
from trading_system.strategies.base import Weights
from trading_system.validation.experiment import Experiment, World

if TYPE_CHECKING:
    from trading_system.config.models import RunConfig
    from trading_system.config.validation import SearchConfig
    from trading_system.data.bars import Bars
    from trading_system.strategies.base import Batch
    from trading_system.types import FloatArray, IntArray

Point = Mapping[str, Any]
PREFIX = "strategies.0.params."
PLAIN = (bool, int, float, str)
"""Types of values that mean the same in a run file and in Python."""


@dataclass(frozen=True, eq=False)
class Table:
    """What a search looks at, for every point.

    Attributes
    ----------
    figures : Figures
    left : frozenset of int
        Points that have to go the general way: what they decide breaks the contract, or their run is not for a sweep. All that is said of
        them here is NaN.
    returns : mapping of int to float64
        Per-period returns of the points for which they were asked.
    """

    figures: Figures
    left: frozenset[int]
    returns: Mapping[int, FloatArray]
    _search: SearchConfig
    _year: float
    _risk_free: float

    def measure(self, name: str) -> FloatArray:
        """One of `MEASURES`, shape (n_points, n_windows); NaN where it is not defined."""
        with np.errstate(all="ignore"):
            values = MEASURES[name](self.figures, self._year, self._risk_free)
        return np.where(np.isfinite(values) & ~self.figures.gave_up, values, np.nan)

    @cached_property
    def objectives(self) -> FloatArray:
        """The objective, shape (n_points, n_windows); NaN where it is not defined or a constraint is broken."""
        values = self.measure(self._search.objective)
        for name, bounds in self._search.constraints.items():
            found = self.measure(name)
            kept = found >= (-math.inf if bounds.min is None else bounds.min)
            kept &= found <= (math.inf if bounds.max is None else bounds.max)
            values = np.where(kept, values, np.nan)
        return values


def fast_evaluate(
    experiment: Experiment,
    points: Sequence[Point],
    world: World | None = None,
    *,
    windows: Sequence[Window] | None = None,
    keep: Collection[int] = (),
    threads: bool = True,
    only_objective: bool = False,
) -> Table | None:
    """Every point in one world, as `Experiment.outcome` would give it; None where this way does not apply.

    It applies to a run of one strategy on one symbol whose rules the engine's lane knows, to points that change nothing but the
    strategy's own parameters, and to objectives and constraints among `MEASURES`.

    Parameters
    ----------
    world : World, optional
        Other bars, costs or settings; without a delay.
    windows : sequence of (first, stop), optional
        Rows of several runs, each of which starts flat, as folds do (`stretches.decided`): decisions are taken once, on all rows.
    keep : collection of int
        Points whose returns are wanted; not together with `windows`.
    threads : bool
        Spread the points over threads; not where this is one task of a larger loop.
    only_objective : bool
        Nothing but `Table.objectives` will be read; other measures may be missing.
    """
    search = fast_search(experiment, points)
    if search is None:
        return None
    return search.evaluate(world, windows=windows, keep=keep, threads=threads, only_objective=only_objective)


LAST: WeakKeyDictionary[Experiment, Any] = WeakKeyDictionary()
"""The search that an experiment was last asked for: a test asks for the same one on a thousand markets."""


def fast_search(experiment: Experiment, points: Sequence[Point]) -> FastSearch | None:
    """The points made ready to be evaluated in many worlds; None where `fast_evaluate` does not apply to them."""
    last: FastSearch | None = LAST.get(experiment)
    if last is not None and last.points is points and last.n_points == len(points):
        return last
    config = experiment.config
    wanted = (config.validation.search.objective, *config.validation.search.constraints)
    if len(config.strategies) != 1 or config.strategies[0].filters or not points or any(x not in MEASURES for x in wanted):
        return None
    keys = tuple(points[0])
    if not all(key.startswith(PREFIX) and "." not in key[len(PREFIX) :] for key in keys):
        return None
    if any(point.keys() != points[0].keys() for point in points):
        return None
    columns = {key: [point[key] for point in points] for key in keys}
    if any(type(value) not in PLAIN for column in columns.values() for value in column):
        return None
    found = FastSearch(experiment, points, columns)
    LAST[experiment] = found
    return found


class FastSearch:
    """Points of one search, ready for many worlds and windows; it may be used from several threads.

    Parameters
    ----------
    experiment : Experiment
    points : sequence of mappings
        With the same keys.
    columns : mapping
        Key path -> its value in each point.
    """

    def __init__(self, experiment: Experiment, points: Sequence[Point], columns: Mapping[str, Sequence[Any]]) -> None:
        self._experiment, self.points, self.n_points = ref(experiment), points, len(points)
        self._columns = columns

    @property
    def experiment(self) -> Experiment:
        """Whose points they are."""
        found = self._experiment()
        assert found is not None  # whoever asks for a search holds it
        return found

    @cached_property
    def _batch(self) -> Batch | None:
        """The strategy's own way of deciding all points together; None where it has none, or a value is not allowed."""
        config = self.experiment.config
        found = type(self.experiment.strategy(config, 0))
        if "batch" not in vars(found):  # a class that inherits it may decide something else
            return None
        own = {PREFIX + name: value for name, value in config.strategies[0].params.items()}
        seen: dict[tuple[str, type, Any], int] = {}  # 1, 1.0 and True are three
        for key, column in self._columns.items():
            for number, value in enumerate(column):
                seen.setdefault((key, type(value), value), number)
        try:
            some = [
                found.model_validate({key[len(PREFIX) :]: value for key, value in (own | dict(self.points[number])).items()})
                for number in sorted({0, *seen.values()})
            ]
        except ValidationError:
            return None
        columns: dict[str, Sequence[Any]] = {name: [getattr(some[0], name)] * self.n_points for name in found.model_fields}
        return found.batch(columns | {key[len(PREFIX) :]: column for key, column in self._columns.items()})

    def evaluate(
        self,
        world: World | None = None,
        *,
        windows: Sequence[Window] | None = None,
        keep: Collection[int] = (),
        threads: bool = True,
        only_objective: bool = False,
    ) -> Table | None:
        """As `fast_evaluate`."""
        base, experiment = World() if world is None else world, self.experiment
        bars = experiment.bars if base.bars is None else base.bars
        if base.delay or any(key.startswith("strategies") for key in base.settings) or (keep and windows is not None):
            return None
        own, columns = experiment.own_bars(0, bars)
        if own.n_symbols != 1:
            return None
        first = base.first
        if first is None:
            first = experiment.first if self._firsts is None else int(self._firsts.min())
        runs = [(first, bars.n_bars if base.stop is None else base.stop)] if windows is None else list(windows)
        try:
            config = experiment.config_of(base)
            sweep = Sweep(bars, int(columns[0]), config, runs, threads=threads)
            if not sweep.applies(own.tradable):
                return None
            nothing = [StrategyDecisions(Weights(np.full((bars.n_bars, 1), np.nan)), columns, own.tradable)]
            refuse_mistakes(bars, nothing, config, *runs[0])
        except TradingSystemError:  # the general way tells it
            return None
        asked = {config.validation.search.objective, *config.validation.search.constraints}
        hurried = only_objective and asked <= OF_THE_END
        figures = self._figures(sweep, base, own, keep, windows is not None, hurried)
        if figures is None:
            return None
        return _table(figures, config, bars.periods_per_year)

    def of_prices(self) -> Callable[[FloatArray], Table] | None:
        """Open, high, low, close and volume of another market, shape (5, n_bars, 1) -> the table there, with objectives alone.

        For many markets that differ from the experiment's own in their prices, on the thread that asks, without bars. None where the
        rule reads more than closes, or where `evaluate` does not apply.
        """
        experiment = self.experiment
        bars, config, batch = experiment.bars, experiment.config, self._batch
        first = experiment.first if self._firsts is None else int(self._firsts.min())
        if bars.n_symbols != 1 or batch is None or np.isnan(bars.close).any() or batch.of_closes(bars.close) is None:
            return None
        if experiment.own_bars(0, bars)[0].n_symbols != 1 or self.evaluate(only_objective=True, threads=False) is None:
            return None
        asked = {config.validation.search.objective, *config.validation.search.constraints}
        sweep, hurried = Sweep(bars, 0, config, [(first, bars.n_bars)], threads=False), asked <= OF_THE_END

        def table(prices: FloatArray) -> Table:
            changes = batch.of_closes(prices[3])
            assert changes is not None  # as many rows as the market that was tried
            there = sweep.elsewhere(prices[0], prices[3], prices[4])
            figures = there.weights(changes, self.n_points, firsts=self._firsts, end_alone=hurried)
            return _table(figures, config, bars.periods_per_year)

        return table

    def _figures(
        self, sweep: Sweep, world: World, own: Bars, keep: Collection[int], folds: bool, hurried: bool
    ) -> Figures | None:
        """Figures of every point in every window; None where the lane does not know what the rule decides."""
        one_calendar = own.expected.shape[1] == 1  # then nothing is decided before the warm-up of a set has passed
        changes = self._batch.on(own) if self._batch is not None and (one_calendar or not folds) else None
        firsts = None if folds or world.first is not None else self._firsts
        if changes is not None:
            return sweep.weights(changes, self.n_points, firsts=firsts, keep=keep, end_alone=hurried)
        decide = self._decide(world, folds)
        first = decide(0)
        if first is None or not sweep.knows(first):
            return None
        return sweep.decisions(decide, self.n_points, firsts=firsts, keep=keep, end_alone=hurried)

    @cached_property
    def _firsts(self) -> IntArray | None:
        """Row on which a backtest of each point begins; None where all begin on the experiment's own."""
        experiment = self.experiment
        if experiment.start is None:
            return None
        if self._batch is None:
            return np.array([self._first_of(number) for number in range(self.n_points)], np.int64)
        bars, kind = experiment.bars, experiment.config.strategies[0].asset_class
        warmups, which = np.unique(self._batch.warmups, return_inverse=True)
        rows = [max(experiment.start, history_row(bars, kind, int(n))) for n in warmups.tolist()]
        return np.array(rows, np.int64)[which]

    def _first_of(self, number: int) -> int:
        experiment = self.experiment
        try:
            return experiment.first_of(experiment.config_of(World(settings=self.points[number])))
        except TradingSystemError:  # the general way tells it
            return experiment.stop

    def _decide(self, world: World, folds: bool) -> Callable[[int], Any]:
        """Number of a point -> its decisions, as an outcome of the experiment takes them, or as folds do; None where they fail."""
        from trading_system.validation.stretches import decided

        def decide(number: int) -> Any:
            there = replace(world, settings={**world.settings, **self.points[number]})
            try:
                made = decided(self.experiment, there).decisions if folds else self.experiment.decided(there)
            except TradingSystemError:  # the general way tells it
                return None
            return made[0].decisions

        return decide


def _table(figures: Figures, config: RunConfig, year: float) -> Table:
    left = frozenset(np.flatnonzero(figures.gave_up.any(axis=1)).tolist())
    start = figures.starting_equity
    returns = {number: returns_between(np.concatenate(([start], curve))) for number, curve in figures.curves.items()}
    return Table(figures, left, returns, config.validation.search, year, config.portfolio.risk_free)


# what a sweep can say ----------------------------------------------------------------------------------------------------------
def _total_return(figures: Figures, year: float, risk_free: float) -> FloatArray:
    return np.where(figures.n_periods > 0, figures.final / figures.starting_equity - 1.0, np.nan)


def _sharpe(figures: Figures, year: float, risk_free: float) -> FloatArray:
    excess = figures.mean - per_period(risk_free, year, 0)
    return np.where(figures.deviation > 0.0, excess / figures.deviation * np.sqrt(year), np.nan)


def _cagr(figures: Figures, year: float, risk_free: float) -> FloatArray:
    return (figures.final / figures.starting_equity) ** (year / figures.n_periods) - 1.0


def _calmar(figures: Figures, year: float, risk_free: float) -> FloatArray:
    return _cagr(figures, year, risk_free) / -figures.max_drawdown


MEASURES: dict[str, Callable[[Figures, float, float], FloatArray]] = {
    "sharpe": _sharpe,
    "total_return": _total_return,
    "cagr": _cagr,
    "calmar": _calmar,
    "ann_vol": lambda figures, year, risk_free: figures.deviation * np.sqrt(year),
    "max_drawdown": lambda figures, year, risk_free: figures.max_drawdown,
    "n_trades": lambda figures, year, risk_free: figures.n_trades,
    "n_fills": lambda figures, year, risk_free: figures.n_fills,
}
"""Objectives and constraints that the figures of a sweep answer."""
OF_THE_END = {"total_return", "cagr", "n_trades", "n_fills"}
"""Those that need no curve."""
