"""A search over a grid: which points there are, what each gives on some market, and which one is chosen."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.config.changes import grid_of
from trading_system.errors import ConfigError
from trading_system.metrics import returns as measures
from trading_system.validation.experiment import Experiment, Outcome, World

if TYPE_CHECKING:
    from trading_system.config.validation import Constraint, SearchConfig
    from trading_system.types import FloatArray, IntArray
    from trading_system.validation.loop import Loop

Point = Mapping[str, Any]
MOST_POINTS = 10_000_000


@dataclass(frozen=True, eq=False)
class Search:
    """A grid evaluated on one market.

    Attributes
    ----------
    keys : tuple of str
        Key paths, in the order of the grid.
    grid : tuple of tuples
        Values of each key.
    points : sequence of mappings
        Settings of each point; the last one is the run file's own values when `own` is not a point of the grid.
    values : float64, shape (n_points,)
        Objective of each; NaN where it is not defined or a constraint is broken.
    returns : float64, shape (n_periods, n_points)
        Per-period returns of each.
    own : int
        The point that is the run file's own values.
    """

    keys: tuple[str, ...]
    grid: tuple[tuple[Any, ...], ...]
    points: Sequence[Point]
    values: FloatArray
    returns: FloatArray
    own: int

    @property
    def best(self) -> int:
        """The point with the largest objective, the first of equals; the run file's own when none has one."""
        return best_of(self.values, self.own)


def best_of(values: FloatArray, otherwise: int = 0) -> int:
    """Where the largest of `values` stands, the first of equals; `otherwise` when all are NaN."""
    return otherwise if np.isnan(values).all() else int(np.nanargmax(values))


def points_of(grid: Mapping[str, Sequence[Any]], search: SearchConfig, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Every combination of the grid in the order of its keys (the last one fastest), or a random draw of them.

    Raises
    ------
    ConfigError
        There are more than `MOST_POINTS`.
    """
    sizes = [len(values) for values in grid.values()]
    total = math.prod(sizes) if sizes else 0
    if search.method == "random" and search.points < total:
        chosen: Any = np.sort(rng.choice(total, size=search.points, replace=False))
    elif total > MOST_POINTS:
        raise ConfigError(
            f"the grid has {total:,} points",
            where="validation.grid",
            allowed=f"at most {MOST_POINTS:,}",
            remedy="search: random",
        )
    else:
        return [dict(zip(grid, each, strict=True)) for each in itertools.product(*grid.values())]
    places = np.unravel_index(chosen, sizes)
    return [{key: values[int(places[k][i])] for k, (key, values) in enumerate(grid.items())} for i in range(len(chosen))]


def value_at(config: Any, key: str) -> Any:
    """The value at a key path of a configuration; for a parameter that is not written, None."""
    node = config
    for part in key.split("."):
        if isinstance(node, Mapping):
            node = node.get(part)
        elif isinstance(node, tuple):
            node = node[int(part)]
        else:
            node = getattr(node, part, None)
    return node


def own_point(experiment: Experiment, keys: Sequence[str]) -> dict[str, Any]:
    """The run file's own values of `keys`; a parameter that it leaves out has its default."""
    config, found = experiment.config, {}
    for key in keys:
        value, parts = value_at(config, key), key.split(".")
        if value is None and len(parts) == 4 and parts[0] == "strategies" and parts[2] == "params":
            value = getattr(experiment.strategy(config, int(parts[1])), parts[3], None)
        found[key] = value
    return found


def objective_of(outcome: Outcome, search: SearchConfig) -> float:
    """The objective of one outcome; NaN where it is not defined or a constraint is broken."""
    if any(not within(measure(outcome, name), bounds) for name, bounds in search.constraints.items()):
        return math.nan
    return measure(outcome, search.objective)


def within(value: float, bounds: Constraint) -> bool:
    """Whether a measure keeps its bounds; one that is not defined never does."""
    low, high = (-math.inf if bounds.min is None else bounds.min), (math.inf if bounds.max is None else bounds.max)
    return low <= value <= high


def measure(outcome: Outcome, name: str) -> float:
    """One measure of an outcome, as objectives and constraints name them; NaN where it is not defined.

    Raises
    ------
    ConfigError
        There is none of that name.
    """
    year = outcome.ledger.bars.periods_per_year
    if name == "sharpe":
        return float(measures.sharpe(outcome.returns, year, outcome.config.portfolio.risk_free))
    if name == "n_trades":
        return float(outcome.pnl.size)
    try:
        return outcome.metric(name)
    except KeyError:
        known = ", ".join(sorted(outcome.summary.metrics))
        raise ConfigError(f"there is no metric {name!r}", where="validation.search", allowed=known) from None


def evaluate(experiment: Experiment, points: Sequence[Point], world: World | None = None) -> FloatArray:
    """Objective of every point in one world, shape (n_points,): what a search looks at, without keeping returns."""
    base = World() if world is None else world
    search = experiment.config.validation.search
    return np.array([objective_of(experiment.outcome(with_settings(base, point)), search) for point in points])


def with_settings(world: World, settings: Point) -> World:
    """`world` with the values of a point."""
    import dataclasses

    return dataclasses.replace(world, settings={**world.settings, **settings})


def searched_points(experiment: Experiment) -> tuple[list[Point], int]:
    """Every point that the run's search looks at, and which of them is the run file's own values; one empty point without a grid.

    The own values are always looked at: where the grid leaves them out they come last.
    """
    grid = grid_of(experiment.config)
    if not grid:
        return [{}], 0
    rng = np.random.default_rng(np.random.SeedSequence([experiment.config.seed, 0x67726964]))
    points: list[Point] = list(points_of(grid, experiment.config.validation.search, rng))
    own = own_point(experiment, list(grid))
    if own not in points:
        points.append(own)
    return points, points.index(own)


def search_of(experiment: Experiment, loop: Loop) -> Search | None:
    """The run's grid on its own market, on threads; None where there is no grid."""
    grid = grid_of(experiment.config)
    if not grid:
        return None
    settings = experiment.config.validation.search
    points, own = searched_points(experiment)
    n_periods = experiment.sampled_rows.size

    def row(number: int) -> FloatArray:
        outcome = experiment.outcome(World(settings=points[number]))
        return np.concatenate(([objective_of(outcome, settings)], outcome.returns))

    table = loop.rows(f"search of {len(points)} points", row, len(points), 1 + n_periods)
    keys = tuple(grid)
    values, returns = table[:, 0].copy(), np.ascontiguousarray(table[:, 1:].T)
    return Search(keys, tuple(tuple(grid[key]) for key in keys), points, values, returns, own)


def place_of(search: Search) -> IntArray:
    """Index of every grid point along each key, shape (n_points, n_keys); -1 for a value that is not in the grid."""
    return np.array(
        [
            [
                values.index(point[key]) if point[key] in values else -1
                for key, values in zip(search.keys, search.grid, strict=True)
            ]
            for point in search.points
        ]
    )
