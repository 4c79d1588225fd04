"""Walk-forward: choose parameters on a window, trade the one that follows with them, move on, and stitch what was earned unseen.

Every training and every test window is a run of the engine of its own, flat and with the starting equity, so it is what
``backtest`` would have given over those bars. Without a grid nothing is chosen and the run file's own values are judged window by
window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from trading_system.config.changes import grid_of
from trading_system.data.limits import memory_limit
from trading_system.data.shared import share
from trading_system.errors import CapacityError, InsufficientDataError
from trading_system.metrics import returns as measures
from trading_system.parallel import mapped
from trading_system.validation.experiment import Experiment, World
from trading_system.validation.fast_search import fast_evaluate
from trading_system.validation.folds import Fold, Window, walk_forward_folds
from trading_system.validation.loop import Loop
from trading_system.validation.points import Points
from trading_system.validation.search import (
    Point,
    allowed_points,
    best_neighbourhood,
    best_of,
    objective_of,
    searched_points,
    with_settings,
)
from trading_system.validation.stability import (
    ParameterStability,
    WalkForwardEfficiency,
    parameter_stability,
    walk_forward_efficiency,
)
from trading_system.validation.stretches import Figures, decided, figures_of, or_failed, rows_of

if TYPE_CHECKING:
    from trading_system.config.validation import SearchConfig, WalkForwardConfig
    from trading_system.data.bars import Bars
    from trading_system.types import FloatArray, IntArray
    from trading_system.validation.fast_search import Table

FEW_FOLDS = 4
CELLS = 1 << 20
"""Points x folds whose figures are held at once."""
MEASURED = ("total_return", "sharpe", "max_drawdown", "n_trades")


@dataclass(frozen=True, eq=False)
class FoldResult:
    """One window and the one that follows it.

    Attributes
    ----------
    fold : Fold
        Measured periods, counted from the experiment's first: ``train`` and ``test``, half-open.
    number : int
        Of the chosen point.
    point : mapping
        Its settings; empty without a grid.
    unmet : bool
        No point had an objective within the constraints, so the run file's own values were traded.
    in_sample, out_of_sample : Figures
        Of the chosen point on either window.
    returns : float64, shape (test periods,)
        Earned out of sample, per period.
    """

    fold: Fold
    number: int
    point: Point
    unmet: bool
    in_sample: Figures
    out_of_sample: Figures
    returns: FloatArray


@dataclass(frozen=True, eq=False)
class WalkForward:
    """A walk-forward and what it gave.

    Attributes
    ----------
    windows : WalkForwardConfig
    folds : tuple of FoldResult
        In time order, one or more.
    points : sequence of mappings
        Every point that was tried on each training window.
    own : int
        Which of them is the run file's own values.
    values : float64, shape (n_points, n_folds)
        Objective of each on each training window; NaN where it is not defined or a constraint is broken. Shape (1, n_folds) of NaN
        without a grid: nothing was compared.
    returns : float64, shape (n_periods,)
        The out-of-sample returns one after the other; where tests overlap each lasts until the next begins.
    rows : int64, shape (n_periods,)
        Row of the bars at which each of them ends.
    unused : int
        Periods after the last whole fold, which nothing was judged on.
    periods_per_year, risk_free : float
        What the figures are annualised with and measured against.
    grid : mapping
        Key path -> values, as the run file has them; empty where nothing was chosen.
    n_failed : int
        Points whose run failed; they were never chosen.
    n_skipped : int
        Combinations of the grid that a strategy refuses; they are no points.
    """

    windows: WalkForwardConfig
    folds: tuple[FoldResult, ...]
    points: Sequence[Point]
    own: int
    values: FloatArray
    returns: FloatArray
    rows: IntArray
    unused: int
    periods_per_year: float
    risk_free: float
    grid: dict[str, tuple[Any, ...]]
    n_failed: int
    n_skipped: int

    @property
    def chosen(self) -> IntArray:
        """Number of the point that each fold chose, shape (n_folds,)."""
        return np.array([one.number for one in self.folds], np.int64)

    @cached_property
    def equity(self) -> FloatArray:
        """The stitched curve V_t = prod(1 + r), V_0 = 1 left out, shape (n_periods,)."""
        return np.asarray(np.cumprod(1.0 + self.returns), np.float64)

    @cached_property
    def sharpe(self) -> float:
        """Annualised Sharpe ratio of the stitched returns; NaN where they never vary."""
        return measures.sharpe(self.returns, self.periods_per_year, self.risk_free)

    @cached_property
    def efficiency(self) -> WalkForwardEfficiency:
        """How much of what was earned in sample was earned out of sample too (Pardo)."""
        inside, outside = [one.in_sample for one in self.folds], [one.out_of_sample for one in self.folds]
        return walk_forward_efficiency(
            [one.total_return for one in inside],
            [one.total_return for one in outside],
            [float(one.n_periods) for one in inside],
            [float(one.n_periods) for one in outside],
            self.periods_per_year,
        )

    @cached_property
    def stability(self) -> ParameterStability | None:
        """How far the chosen values wander from fold to fold; None where nothing was chosen."""
        if not self.grid:
            return None
        grids = [_with_value(values, self.points[self.own][key]) for key, values in self.grid.items()]
        return parameter_stability([[one.point[key] for key in self.grid] for one in self.folds], grids)

    @property
    def n_runs(self) -> int:
        """Runs of the engine that it took: every point on every training window, then the chosen one on both."""
        return (len(self.points) if self.grid else 0) * len(self.folds) + 2 * len(self.folds)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes these numbers less sure than they look."""
        said = []
        n, unmet = len(self.folds), sum(one.unmet for one in self.folds)
        if unmet:
            said.append(
                f"in {unmet} of {n} folds no point had an objective within the constraints; the run file's own values were traded"
            )
        if self.n_failed:
            said.append(f"{self.n_failed} of {len(self.points)} points failed and were never chosen; optimize says why")
        if self.n_skipped:
            said.append(f"combinations of the grid that a strategy refuses, and that were left out: {self.n_skipped}")
        step = self.windows.test if self.windows.step is None else self.windows.step
        if step > self.windows.test and n > 1:
            said.append(f"{step - self.windows.test} periods between two tests are judged by nobody: step is longer than test")
        if n < FEW_FOLDS:
            said.append(f"only {n} fold{'s' if n > 1 else ''}: shorten the windows, or load more data")
        if self.unused:
            said.append(f"the last {self.unused} periods are less than a whole test and were left out")
        return tuple(said)


def _with_value(values: tuple[Any, ...], own: Any) -> tuple[Any, ...]:
    """The values of a grid and the run file's own among them, numbers in their order."""
    if own in values:
        return values
    both = (*values, own)
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in both)
    return tuple(sorted(both)) if numbers else both


def folds_of(experiment: Experiment, windows: WalkForwardConfig) -> list[Fold]:
    """The windows that fit into the experiment's measured periods.

    Raises
    ------
    InsufficientDataError
        There is no whole fold; it says how many periods are needed.
    """
    n, needed = experiment.sampled_rows.size, windows.train + windows.test
    if n < needed:
        raise InsufficientDataError(
            f"a walk-forward of {windows.train} + {windows.test} periods needs {needed}, and there are {n}",
            where="validation.walk_forward",
            remedy=f"load more data, or shorten train and test to {n} together",
        )
    return walk_forward_folds(n, windows.train, windows.test, windows.step, anchored=windows.anchored, gap=windows.gap)


def windows_text(windows: WalkForwardConfig) -> str:
    """``504 + 126 periods every 126``, with what else tells the windows apart."""
    step = windows.test if windows.step is None else windows.step
    more = (", anchored" if windows.anchored else "") + (f", gap of {windows.gap}" if windows.gap else "")
    return f"{windows.train} + {windows.test} periods every {step}{more}"


@dataclass(frozen=True, eq=False)
class Plan:
    """What a walk-forward asks for in every world.

    Attributes
    ----------
    windows : WalkForwardConfig
    folds : list of Fold
    training : list of (first, stop)
        Rows of the bars of each training window.
    points : sequence of mappings
        What is tried on each of them.
    own : int
        Which of them is the run file's own values.
    grid : mapping
        Key path -> values; empty where nothing is chosen.
    """

    windows: WalkForwardConfig
    folds: list[Fold]
    training: list[Window]
    points: Sequence[Point]
    own: int
    grid: dict[str, tuple[Any, ...]]


_plans: WeakKeyDictionary[Experiment, dict[WalkForwardConfig, Plan]] = WeakKeyDictionary()
"""Made once per experiment: a permutation test asks for the same one on hundreds of markets."""


def plan_of(experiment: Experiment, windows: WalkForwardConfig | None = None) -> Plan:
    """The folds and points of an experiment's walk-forward.

    Raises
    ------
    InsufficientDataError
        As `folds_of`.
    """
    windows = experiment.config.validation.walk_forward if windows is None else windows
    known = _plans.setdefault(experiment, {})
    if windows not in known:
        folds = folds_of(experiment, windows)
        points, own = searched_points(experiment)
        grid = grid_of(experiment.config) if len(points) > 1 else {}
        known[windows] = Plan(windows, folds, [rows_of(experiment, fold.train) for fold in folds], points, own, grid)
    return known[windows]


def walk_forward(
    experiment: Experiment,
    loop: Loop | None = None,
    *,
    world: World | None = None,
    windows: WalkForwardConfig | None = None,
) -> WalkForward:
    """Walk forward over the experiment's window, as it is or in a changed world.

    Parameters
    ----------
    loop : Loop, optional
        Runs the points of the grid on threads, shows progress and keeps what is finished.
    world : World, optional
        Other bars with the same rows and symbols, other costs or settings.
    windows : WalkForwardConfig, optional
        In place of ``validation.walk_forward``.

    Raises
    ------
    InsufficientDataError
        Too few periods for one fold.
    TradingSystemError
        A point of the grid is not allowed, or a strategy fails.
    """
    plan, world = plan_of(experiment, windows), World() if world is None else world
    return _judged(experiment, world, plan, trained(experiment, world, plan, Loop() if loop is None else loop), True)


def walk_forward_returns(
    experiment: Experiment, bars: Bars | None = None, *, world: World | None = None, windows: WalkForwardConfig | None = None
) -> FloatArray:
    """The stitched out-of-sample returns alone, shape (n_periods,), worked out on the thread that asks: one task of a larger loop.

    Parameters
    ----------
    bars : Bars, optional
        Another market with the same rows and symbols, one that is permuted after the first training window say (see
        `untouched_row`).
    world : World, optional
        What else differs.
    """
    plan, world = plan_of(experiment, windows), World() if world is None else world
    there = world if bars is None else replace(world, bars=bars)
    return _judged(experiment, there, plan, trained(experiment, there, plan, None), False).returns


def untouched_row(experiment: Experiment, windows: WalkForwardConfig | None = None) -> int:
    """Row of the last bar before the first test: bars up to it stay in place when a walk-forward is permuted (Masters 2018)."""
    return rows_of(experiment, plan_of(experiment, windows).folds[0].test)[0] - 1


@dataclass(frozen=True, eq=False)
class Trained:
    """What the training windows say of the points.

    Attributes
    ----------
    values : float64, shape (n_points, n_folds)
        Objective of each; NaN where it is not defined, a constraint is broken, or nothing is chosen.
    quick : Table or None
        Further measures of the points that took the quick way.
    n_failed : int
        Points whose run failed.
    """

    values: FloatArray
    quick: Table | None
    n_failed: int

    def figures(self, objective: str) -> Callable[[int, int], Figures | None]:
        """What the point of a number earned on the training window of a fold; None where the quick way does not know."""
        quick = self.quick
        if quick is None:
            return lambda number, fold: None
        of = {name: quick.measure(name) for name in {*MEASURED, objective}}

        def figures(number: int, fold: int) -> Figures | None:
            if number in quick.left:
                return None
            at = (number, fold)
            return Figures(
                n_periods=int(quick.figures.n_periods[at]),
                total_return=float(of["total_return"][at]),
                sharpe=float(of["sharpe"][at]),
                max_drawdown=float(of["max_drawdown"][at]),
                n_trades=int(of["n_trades"][at]),
                objective=float(of[objective][at]),
            )

        return figures


def trained(experiment: Experiment, world: World, plan: Plan, loop: Loop | None) -> Trained:
    """Every point on every training window.

    Parameters
    ----------
    loop : Loop or None
        Spreads the points over threads; None works them out on the thread that asks.

    Raises
    ------
    CapacityError
        The table of objectives would not fit into half of the memory.
    TradingSystemError
        Every point failed; what the first one raised.
    """
    points, n_folds = plan.points, len(plan.folds)
    _refuse_too_large(len(points), n_folds)
    values = np.full((len(points), n_folds), np.nan)
    if not plan.grid:
        return Trained(values, None, 0)
    rest, quick = _quickly(experiment, world, plan, values, threads=loop is not None)
    if len(rest) > 1:
        share(experiment.bars if world.bars is None else world.bars)

    def task(k: int) -> FloatArray:
        return or_failed(lambda: training_values(experiment, world, points[rest[k]], plan), n_folds)

    if loop is None:
        rows = np.array([task(k) for k in range(len(rest))]).reshape(len(rest), 1 + n_folds)
    else:
        name = f"walk-forward of {len(rest)} points, {windows_text(plan.windows)}"
        rows = loop.rows(name, task, len(rest), 1 + n_folds)
    values[rest] = rows[:, 1:]
    failed = int(rows[:, 0].sum())
    if failed == len(points):
        training_values(experiment, world, points[0], plan)  # raises what is wrong with all of them
    return Trained(values, quick, failed)


def _refuse_too_large(n_points: int, n_folds: int) -> None:
    """Raise CapacityError with the arithmetic when the table of objectives would not fit into half of the memory."""
    need, most = 8 * n_points * n_folds, memory_limit() // 2
    if need > most:
        raise CapacityError(
            f"a walk-forward of {n_points:,} points x {n_folds:,} folds takes {need / 2**20:,.0f} MB for its table, and may take"
            f" {most / 2**20:,.0f} MB",
            remedy="make the steps of the grid wider, draw fewer points, or lengthen test and step",
        )


def _quickly(
    experiment: Experiment, world: World, plan: Plan, values: FloatArray, *, threads: bool
) -> tuple[list[int], Table | None]:
    """Fill `values` as far as the quick way goes; the points that are left, and further measures where one table holds them all."""
    n, size = len(plan.points), max(1, CELLS // len(plan.folds))
    if n <= size:
        table = fast_evaluate(experiment, plan.points, world, windows=plan.training, threads=threads)
        if table is None:
            return list(range(n)), None
        values[:] = table.objectives
        return sorted(table.left), table
    left: list[int] = []
    for first in range(0, n, size):
        table = fast_evaluate(experiment, plan.points[first : first + size], world, windows=plan.training, threads=threads)
        if table is None:
            left += range(first, min(first + size, n))
            continue
        values[first : first + size] = table.objectives
        left += [first + number for number in sorted(table.left)]
    return left, None


def training_values(experiment: Experiment, world: World, point: Point, plan: Plan) -> FloatArray:
    """Objective of one point on every training window, shape (n_folds,); its decisions are taken once."""
    made = decided(experiment, with_settings(world, point))
    search = experiment.config.validation.search
    return np.array([objective_of(made.over(*rows), search) for rows in plan.training])


def choices(values: FloatArray, points: Sequence[Point], own: int, search: SearchConfig) -> IntArray:
    """The point that each training window chooses, shape (n_folds,): the best one, or with ``search.plateau`` the one whose mean
    with its neighbours is best. Where none has an objective it is the run file's own.
    """
    if search.plateau and isinstance(points, Points):
        return np.array([best_neighbourhood(column, points, own) for column in values.T], np.int64)
    return np.array([best_of(column, own) for column in values.T], np.int64)


def _judged(experiment: Experiment, world: World, plan: Plan, training: Trained, threads: bool) -> WalkForward:
    """Trade every test window with the point that its training window chose."""
    search, folds, points, values = experiment.config.validation.search, plan.folds, plan.points, training.values
    chosen = choices(values, points, plan.own, search)
    known, kept = training.figures(search.objective), list[FoldResult | None]([None] * len(folds))

    def trade(number: int) -> None:
        made = decided(experiment, with_settings(world, points[number]))
        for k in np.flatnonzero(chosen == number).tolist():
            inside = known(number, k)
            outside = made.over(*rows_of(experiment, folds[k].test))
            kept[k] = FoldResult(
                fold=folds[k],
                number=number,
                point=points[number],
                unmet=bool(plan.grid) and bool(np.isnan(values[:, k]).all()),
                in_sample=figures_of(made.over(*plan.training[k]), search.objective) if inside is None else inside,
                out_of_sample=figures_of(outside, search.objective),
                returns=np.asarray(outside.returns),
            )

    numbers = np.unique(chosen).tolist()
    if threads:
        mapped(trade, numbers)
    else:
        for number in numbers:
            trade(number)
    results = tuple(one for one in kept if one is not None)
    pieces = _until_the_next(folds)
    rows = np.concatenate([experiment.sampled_rows[first:stop] for first, stop in pieces])
    stitched = np.concatenate([one.returns[: stop - first] for one, (first, stop) in zip(results, pieces, strict=True)])
    return WalkForward(
        windows=plan.windows,
        folds=results,
        points=points,
        own=plan.own,
        values=values,
        returns=stitched,
        rows=rows,
        unused=experiment.sampled_rows.size - folds[-1].test[1],
        periods_per_year=experiment.bars.periods_per_year,
        risk_free=experiment.config.portfolio.risk_free,
        grid=plan.grid,
        n_failed=training.n_failed,
        n_skipped=allowed_points(experiment).n_skipped if plan.grid else 0,
    )


def _until_the_next(folds: Sequence[Fold]) -> list[Window]:
    """Of each test window the part before the next one begins."""
    begins = [*(fold.test[0] for fold in folds[1:]), folds[-1].test[1]]
    return [(fold.test[0], min(fold.test[1], begin)) for fold, begin in zip(folds, begins, strict=True)]


def fold_of_each(found: WalkForward) -> IntArray:
    """Number of the fold, from 1, that each stitched period belongs to, shape (n_periods,)."""
    pieces = _until_the_next([one.fold for one in found.folds])
    return np.repeat(np.arange(1, len(pieces) + 1), [stop - first for first, stop in pieces])
