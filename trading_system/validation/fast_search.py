"""A search over parameters of one strategy on one symbol, through the engine's sweep: the same numbers, many times faster.

`fast_evaluate` says None wherever it does not apply, and the caller goes the general way, through `Experiment.outcome`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from pydantic import ValidationError

from trading_system.engine.simulate import StrategyDecisions, refuse_mistakes
from trading_system.engine.sweep import Figures, Sweep, Window
from trading_system.metrics.base import per_period
from trading_system.strategies.base import Weights
from trading_system.validation.experiment import Experiment, World
from trading_system.validation.stretches import decided

if TYPE_CHECKING:
    from trading_system.config.models import RunConfig
    from trading_system.data.bars import Bars
    from trading_system.strategies.base import Batch
    from trading_system.types import FloatArray

Point = Mapping[str, Any]
PREFIX = "strategies.0.params."
PLAIN = (bool, int, float, str)
"""Types of values that mean the same in a run file and in Python."""


@dataclass(frozen=True, eq=False)
class Table:
    """What a search looks at, for every point.

    Attributes
    ----------
    values : float64, shape (n_points,), or (n_windows, n_points) where windows were asked for
        The objective; NaN where it is not defined or a constraint is broken.
    returns : float64, shape (n_periods, n_points), or None
        Per-period returns, where they were asked for.
    """

    values: FloatArray
    returns: FloatArray | None = None


def fast_evaluate(
    experiment: Experiment,
    points: Sequence[Point],
    world: World | None = None,
    *,
    windows: Sequence[Window] | None = None,
    keep_returns: bool = False,
) -> Table | None:
    """Objective of every point in one world, as `search.evaluate` gives it; None where this way does not apply.

    It applies to a run of one strategy on one symbol whose rules the engine's lane knows, to points that change nothing but the
    strategy's own parameters, and to objectives and constraints among `MEASURES`.

    Parameters
    ----------
    world : World, optional
        Other bars, costs or settings; without a delay.
    windows : sequence of (first, stop), optional
        Rows of several runs, each of which starts flat, as folds do (`stretches.decided`): decisions are taken once, on all rows.
    keep_returns : bool
        Also give the returns of every point; not together with `windows`.
    """
    search = fast_search(experiment, points)
    return None if search is None else search.evaluate(world, windows=windows, keep_returns=keep_returns)


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
        self, world: World | None = None, *, windows: Sequence[Window] | None = None, keep_returns: bool = False
    ) -> Table | None:
        """As `fast_evaluate`."""
        base = World() if world is None else world
        market = self.experiment.bars if base.bars is None else base.bars
        if base.delay or any(key.startswith("strategies") for key in base.settings) or (keep_returns and windows is not None):
            return None
        first = self.experiment.first if base.first is None else base.first
        runs = [(first, market.n_bars if base.stop is None else base.stop)] if windows is None else list(windows)
        config = self.experiment.config_of(base)
        figures = self._figures(base, market, config, runs, keep_returns, windows is not None)
        if figures is None:
            return None
        values, returns = self._values(figures, config, market.periods_per_year), None
        if figures.curves is not None:
            start = np.full((self.n_points, 1), figures.starting_equity)
            levels = np.concatenate((start, figures.curves), axis=1)
            with np.errstate(all="ignore"):  # of runs that gave up
                returns = np.ascontiguousarray((levels[:, 1:] / levels[:, :-1] - 1.0).T)
        for point, window in np.argwhere(figures.gave_up).tolist():
            values[point, window] = self._the_long_way(base, point, runs[window], returns, windows is not None)
        return Table(values[:, 0].copy() if windows is None else np.ascontiguousarray(values.T), returns)

    def _figures(
        self, world: World, bars: Bars, config: RunConfig, runs: list[Window], keep: bool, folds: bool
    ) -> Figures | None:
        """Figures of every point in every window; None where a sweep does not apply."""
        own, columns = self.experiment.own_bars(0, bars)
        if own.n_symbols != 1:
            return None
        sweep = Sweep(bars, int(columns[0]), config, runs)
        if not sweep.applies(own.tradable):
            return None
        nothing = [StrategyDecisions(Weights(np.full((bars.n_bars, 1), np.nan)), columns, own.tradable)]
        for first, stop in runs:
            refuse_mistakes(bars, nothing, config, first, stop)
        one_calendar = bars.expected.shape[1] == 1  # then nothing is decided before the warm-up of a set has passed
        changes = self._batch.on(own) if self._batch is not None and (one_calendar or not folds) else None
        if changes is not None:
            return sweep.weights(changes, self.n_points, curves=keep)
        return sweep.decisions(self._decide(world, folds), self.n_points, curves=keep)

    def _decide(self, world: World, folds: bool) -> Callable[[int], Any]:
        """Number of a point -> its decisions, as an outcome of the experiment takes them, or as folds do."""

        def decide(number: int) -> Any:
            there = replace(world, settings={**world.settings, **self.points[number]})
            made = decided(self.experiment, there).decisions if folds else self.experiment.decided(there)
            return made[0].decisions

        return decide

    def _values(self, figures: Figures, config: RunConfig, year: float) -> FloatArray:
        """The objective, NaN where a constraint is broken, shape (n_points, n_windows)."""
        search, risk_free = config.validation.search, config.portfolio.risk_free
        with np.errstate(all="ignore"):
            values = MEASURES[search.objective](figures, year, risk_free)
            for name, bounds in search.constraints.items():
                found = MEASURES[name](figures, year, risk_free)
                kept = found >= (-math.inf if bounds.min is None else bounds.min)
                kept &= found <= (math.inf if bounds.max is None else bounds.max)
                values = np.where(kept, values, np.nan)
        return np.where(np.isfinite(values), values, np.nan)

    def _the_long_way(self, world: World, number: int, run: Window, returns: FloatArray | None, folds: bool) -> float:
        from trading_system.validation.search import objective_of

        there = replace(world, settings={**world.settings, **self.points[number]}, first=run[0], stop=run[1])
        outcome = decided(self.experiment, there).over(*run) if folds else self.experiment.outcome(there)
        if returns is not None:
            returns[:, number] = outcome.returns
        return objective_of(outcome, self.experiment.config.validation.search)


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
