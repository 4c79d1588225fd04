"""Combinatorial purged cross-validation: every choice of test groups, parameters chosen on what is left, and the paths they make.

The measured periods are cut into groups and every point is run over every group once, each run flat and with the starting equity.
A split trains on the groups that it does not test, less the periods beside a tested block that the purge and the embargo bar, and
trades its choice on the groups that it tests. Each group is tested by several splits; the j-th of them gives its piece to path j, so
every path is one out-of-sample history of the whole window (Lopez de Prado 2018, ch. 12).
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.config.changes import grid_of
from trading_system.data.shared import share
from trading_system.errors import InsufficientDataError
from trading_system.metrics import returns as measures
from trading_system.metrics.base import metrics
from trading_system.validation import folds
from trading_system.validation.experiment import Experiment, World
from trading_system.validation.loop import Loop
from trading_system.validation.search import Point, measure, refuse_too_large, searched_points, within
from trading_system.validation.stretches import decided, or_failed, rows_of
from trading_system.validation.walk_forward import choices

if TYPE_CHECKING:
    from trading_system.config.validation import SearchConfig
    from trading_system.types import FloatArray, IntArray

OF_RETURNS = frozenset({"returns", "periods_per_year", "risk_free", "mar"})
"""What a measure may read to be worked out on returns that were joined from pieces."""


@dataclass(frozen=True, eq=False)
class CombinatorialResult:
    """What every split chose and every path earned.

    Attributes
    ----------
    splits : folds.Combinatorial
        Training and test periods of each, and the path of each piece.
    points : sequence of mappings
    own : int
        The run file's own values among them.
    values : float64, shape (n_points, n_splits)
        Objective of each on each training set; NaN where it is not defined or a constraint is broken.
    chosen : int64, shape (n_splits,)
    paths : float64, shape (n_paths, n_periods)
        Out-of-sample returns of each path.
    sharpes : float64, shape (n_paths,)
        Annualised; NaN where a path never varies.
    n_failed : int
        Points whose run failed; they were never chosen.
    """

    splits: folds.Combinatorial
    points: Sequence[Point]
    own: int
    values: FloatArray
    chosen: IntArray
    paths: FloatArray
    sharpes: FloatArray
    n_failed: int

    @property
    def n_unmet(self) -> int:
        """Splits in which no point had an objective within the constraints, so that the own values were traded."""
        return int(np.isnan(self.values).all(axis=0).sum())


def combinatorial(experiment: Experiment, loop: Loop | None = None) -> CombinatorialResult:
    """Cross-validate the run's grid over ``validation.combinatorial`` groups.

    Raises
    ------
    InsufficientDataError
        Fewer periods than groups need, or a purge and embargo that leave a split nothing to train on.
    CapacityError
        The returns of all points would take too much memory.
    TradingSystemError
        Every point failed; what the first one raised.
    """
    sizes, search = experiment.config.validation.combinatorial, experiment.config.validation.search
    n = experiment.sampled_rows.size
    splits = _splits(n, sizes.groups, sizes.test_groups, sizes.purge, sizes.embargo)
    points, own = searched_points(experiment)
    names = _counted_by_group(search)
    refuse_too_large(len(points), len(points), n, len(grid_of(experiment.config)))
    if len(points) > 1:
        share(experiment.bars)

    def row(number: int) -> FloatArray:
        return or_failed(lambda: _run(experiment, points[number], splits, names), n + len(names) * sizes.groups)

    told = f"cross-validation of {len(points)} points in {sizes.groups} groups"
    table = (Loop() if loop is None else loop).rows(told, row, len(points), 1 + n + len(names) * sizes.groups)
    failed = table[:, 0] > 0.0
    if failed.all():
        _run(experiment, points[0], splits, names)  # raises what is wrong with all of them
    returns, figures = table[:, 1 : n + 1], table[:, n + 1 :].reshape(len(points), len(names), sizes.groups)
    values = np.full((len(points), len(splits.splits)), np.nan)
    for k in np.flatnonzero(~failed):
        of_groups = dict(zip(names, figures[k], strict=True))
        values[k] = [_objective(experiment, returns[k], of_groups, splits, s, search) for s in range(values.shape[1])]
    chosen = choices(values, points, own, search)
    paths = _paths(returns, chosen, splits)
    year, rate = experiment.bars.periods_per_year, experiment.config.portfolio.risk_free
    sharpes = np.array([measures.sharpe(path, year, rate) for path in paths])
    return CombinatorialResult(splits, points, own, values, chosen, paths, sharpes, int(failed.sum()))


def _run(experiment: Experiment, point: Point, splits: folds.Combinatorial, names: Sequence[str]) -> FloatArray:
    """Returns of one point over all groups, each a run of its own, then the measures that are kept of each group."""
    made = decided(experiment, World(settings=point))
    outcomes = [made.over(*rows_of(experiment, bound)) for bound in splits.bounds]
    figures = [measure(outcome, name) for name in names for outcome in outcomes]
    return np.concatenate([*(outcome.returns for outcome in outcomes), figures])


def _paths(returns: FloatArray, chosen: IntArray, splits: folds.Combinatorial) -> FloatArray:
    """What each path earned, stitched from the pieces that the splits tested, shape (n_paths, n_periods)."""
    paths = np.empty((splits.n_paths, returns.shape[1]))
    for groups, path_of, point in zip(splits.test_groups, splits.path_ids, chosen.tolist(), strict=True):
        for group, path in zip(groups, path_of, strict=True):
            first, stop = splits.bounds[group]
            paths[path, first:stop] = returns[point, first:stop]
    return paths


def _splits(n: int, groups: int, test_groups: int, purge: int, embargo: int) -> folds.Combinatorial:
    """The splits of `n` periods; each trains on two periods or more."""
    if n < 2 * groups:
        raise InsufficientDataError(
            f"{groups} groups of two periods need {2 * groups}, and there are {n}",
            where="validation.combinatorial.groups",
            remedy=f"load more data, or use at most {n // 2} groups",
        )
    splits = folds.combinatorial_splits(n, groups, test_groups, horizon=purge + 1, embargo=embargo)
    least = min(split.train.size for split in splits.splits)
    if least < 2:
        raise InsufficientDataError(
            f"a purge of {purge} and an embargo of {embargo} periods leave a split {least} of {n} periods to train on",
            where="validation.combinatorial",
            remedy="shorten purge and embargo, use fewer groups or fewer test_groups, or load more data",
        )
    return splits


def _counted_by_group(search: SearchConfig) -> list[str]:
    """Measures of the search that cannot be worked out on joined returns, so that each group's own is kept."""
    return [name for name in dict.fromkeys((search.objective, *search.constraints)) if not of_returns(name)]


def of_returns(name: str) -> bool:
    """Whether a measure reads returns alone, so that it holds on any that are joined."""
    if name not in metrics.names():
        return False
    parameters = inspect.signature(metrics.get(name)).parameters.values()
    asked = {one.name for one in parameters if one.default is one.empty or one.name in OF_RETURNS}
    return "returns" in asked and asked <= OF_RETURNS


def _objective(
    experiment: Experiment,
    returns: FloatArray,
    figures: Mapping[str, FloatArray],
    splits: folds.Combinatorial,
    number: int,
    search: SearchConfig,
) -> float:
    """The objective of one point on one training set; NaN where it is not defined or a constraint is broken."""
    train = splits.splits[number].train
    weight = np.array([np.count_nonzero((train >= first) & (train < stop)) for first, stop in splits.bounds], np.float64)

    def measured(name: str) -> float:
        if name in figures:
            return pooled(name, figures[name], weight)
        return joined(name, returns[train], experiment)

    if any(not within(measured(name), bounds) for name, bounds in search.constraints.items()):
        return float("nan")
    return measured(search.objective)


def joined(name: str, returns: FloatArray, experiment: Experiment) -> float:
    """A measure of returns that were joined from pieces."""
    rate = experiment.config.portfolio.risk_free
    known: dict[str, Any] = {
        "returns": returns, "periods_per_year": experiment.bars.periods_per_year, "risk_free": rate, "mar": rate,
    }  # fmt: skip
    metric = metrics.get(name)
    value = float(metric(**{key: known[key] for key in inspect.signature(metric).parameters if key in known}))
    return value if np.isfinite(value) else float("nan")


def pooled(name: str, of_groups: FloatArray, weight: FloatArray) -> float:
    """A measure over several groups from that of each: trades are added, others averaged by the periods that train.

    Groups without training periods count nothing, nor do those where the measure is not defined; NaN where none is left.
    """
    used = (weight > 0.0) & ~np.isnan(of_groups)
    if not used.any():
        return float("nan")
    if name == "n_trades":
        return float(of_groups[used].sum())
    return float(np.average(of_groups[used], weights=weight[used]))


def document(found: CombinatorialResult, experiment: Experiment) -> dict[str, Any]:
    """What ``validation.json`` keeps of it."""
    sizes = experiment.config.validation.combinatorial
    by_group = _counted_by_group(experiment.config.validation.search)
    year = experiment.bars.periods_per_year
    return {
        "groups": sizes.groups,
        "test_groups": sizes.test_groups,
        "purge": sizes.purge,
        "embargo": sizes.embargo,
        "n_splits": len(found.splits.splits),
        "n_paths": found.splits.n_paths,
        "points": len(found.points),
        "failed": found.n_failed,
        "averaged_over_groups": by_group,
        "splits": [
            {
                "test_groups": list(groups),
                "paths": list(paths),
                "train_periods": int(split.train.size),
                "point": dict(found.points[number]),
                "objective": None if np.isnan(found.values[number, k]) else float(found.values[number, k]),
            }
            for k, (groups, paths, split, number) in enumerate(
                zip(found.splits.test_groups, found.splits.path_ids, found.splits.splits, found.chosen.tolist(), strict=True)
            )
        ],
        "paths": [
            {
                "sharpe": None if np.isnan(sharpe) else float(sharpe),
                "total_return": measures.total_return(path),
                "cagr": measures.cagr(path, year),
            }
            for path, sharpe in zip(found.paths, found.sharpes, strict=True)
        ],
    }
