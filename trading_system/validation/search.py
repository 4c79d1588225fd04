"""A search over a grid: which points there are, what each gives on some market, and which one is chosen."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.config.changes import grid_of
from trading_system.data.limits import memory_limit
from trading_system.data.shared import share
from trading_system.errors import CapacityError, ConfigError, OutputError, TradingSystemError
from trading_system.indicators.memo import remembering
from trading_system.validation.experiment import SAME, Experiment, Outcome, World
from trading_system.validation.fast_search import fast_evaluate
from trading_system.validation.points import Points, points_of
from trading_system.validation.stability import plateau_of

if TYPE_CHECKING:
    from trading_system.config.models import StrategyEntry
    from trading_system.config.validation import Constraint, SearchConfig
    from trading_system.types import FloatArray
    from trading_system.validation.loop import Loop

Point = Mapping[str, Any]
MEASURES = ("objective", "total_return", "sharpe", "max_drawdown", "n_trades")
"""What a search keeps of every point."""
MOST_SAID = 1000
"""Refused combinations and failures of which the reason is kept."""


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
        Per-period returns of each over the periods of the run file's own values; 0 while a point still warms up. Empty where a
        search keeps only some of them.
    own : int
        The point that is the run file's own values.
    measures : float64, shape (n_points, 5)
        `MEASURES` of each; all NaN for a point that failed.
    skipped : sequence of (mapping, str)
        The first combinations of the grid that a strategy refuses, with its reason; they are no points and no trials.
    n_skipped : int
        How many there are.
    failed : mapping of int to str
        Points whose run failed, with the reason of the first `MOST_SAID` of them.
    kept : mapping of int to float64, shape (n_periods,)
        Returns of the points that were to be kept, where not all are.
    plateau : bool
        Whether the best neighbourhood is chosen in place of the best point.
    """

    keys: tuple[str, ...]
    grid: tuple[tuple[Any, ...], ...]
    points: Points
    values: FloatArray
    returns: FloatArray
    own: int
    measures: FloatArray
    skipped: Sequence[tuple[Point, str]] = ()
    n_skipped: int = 0
    failed: Mapping[int, str] = dataclasses.field(default_factory=dict)
    kept: Mapping[int, FloatArray] = dataclasses.field(default_factory=dict)
    plateau: bool = False

    @property
    def best(self) -> int:
        """The point with the largest objective, the first of equals; the run file's own when none has one."""
        if not self.plateau:
            return best_of(self.values, self.own)
        return best_neighbourhood(self.values, self.points, self.own)

    def returns_of(self, number: int) -> FloatArray | None:
        """Returns of one point, where they are at hand."""
        return self.returns[:, number] if self.returns.size else self.kept.get(number)


def best_of(values: FloatArray, otherwise: int = 0) -> int:
    """Where the largest of `values` stands, the first of equals; `otherwise` when all are NaN."""
    return otherwise if np.isnan(values).all() else int(np.nanargmax(values))


def best_neighbourhood(values: FloatArray, points: Points, otherwise: int = 0) -> int:
    """The point of the grid whose mean with its neighbours is largest; `otherwise` when no point of the grid has a value."""
    inside = np.flatnonzero(np.isfinite(values[: points.places.shape[0]]))
    if not inside.size:
        return otherwise
    return int(inside[plateau_of(values[inside], points.places[inside]).smoothed_at])


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
    found = {}
    for key in keys:
        value = value_at(experiment.config, key)
        found[key] = _default(experiment, key.split(".")) if value is None else value
    return found


def _default(experiment: Experiment, parts: Sequence[str]) -> Any:
    """What a parameter of a strategy or of its filters is where the file says nothing; None where nothing is known."""
    if len(parts) < 4 or parts[0] != "strategies" or parts[2] not in ("params", "filters"):
        return None
    strategy = experiment.strategy(experiment.config, int(parts[1]))
    if parts[2] == "params":
        return getattr(getattr(strategy, "rule", strategy) if hasattr(strategy, "filters") else strategy, parts[3], None)
    names = list(experiment.config.strategies[int(parts[1])].filters)
    if len(parts) == 5 and parts[3] in names:
        return getattr(getattr(strategy, "filters", {})[names.index(parts[3])], parts[4], None)
    return None


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
    try:
        return outcome.metric(name)
    except KeyError:
        known = ", ".join(sorted(outcome.summary.metrics))
        raise ConfigError(f"there is no metric {name!r}", where="validation.search", allowed=known) from None


@dataclass(frozen=True, eq=False)
class Batch:
    """What some points gave in one world.

    Attributes
    ----------
    measures : float64, shape (n_points, 5)
        `MEASURES` of each, or their first column alone.
    returns : mapping of int to float64
        Per-period returns of the points that were asked for, by their place in the batch.
    failed : mapping of int to str
        Points whose run failed, and why.
    """

    measures: FloatArray
    returns: Mapping[int, FloatArray]
    failed: Mapping[int, str]


def batch(
    experiment: Experiment,
    points: Sequence[Point],
    world: World = SAME,
    *,
    keep: Collection[int] = (),
    all_measures: bool = True,
    failing: bool = False,
) -> Batch:
    """Evaluate `points` in one world: the one place in which a search, a permutation or a fold does so.

    Parameters
    ----------
    keep : collection of int
        Places in the batch of the points whose returns are wanted.
    all_measures : bool
        Take all of `MEASURES`, not the objective alone.
    failing : bool
        A point that fails is told in `failed`, its measures NaN; otherwise its error is raised.
    """
    search, failed = experiment.config.validation.search, dict[int, str]()
    found = np.full((len(points), len(MEASURES) if all_measures else 1), np.nan)
    returns: dict[int, FloatArray] = {}
    quick = fast_evaluate(experiment, points, world, keep=keep, threads=False, only_objective=not all_measures)
    if quick is not None:
        found[:, 0] = quick.objectives[:, 0]
        for column, name in enumerate(MEASURES[1 : found.shape[1]], 1):
            found[:, column] = quick.measure(name)[:, 0]
        returns.update(quick.returns)
    for number in range(len(points)) if quick is None else sorted(quick.left):
        try:
            outcome = experiment.outcome(with_settings(world, points[number]))
            found[number, 0] = objective_of(outcome, search)
            if all_measures:
                found[number, 1:] = [outcome.metric(name) for name in MEASURES[1:]]
        except (CapacityError, OutputError):
            raise
        except TradingSystemError as error:
            if not failing:
                raise
            failed[number] = str(error)
            found[number] = np.nan
            continue
        if number in keep:
            returns[number] = outcome.returns
    return Batch(found, returns, failed)


def evaluate(experiment: Experiment, points: Sequence[Point], world: World | None = None) -> FloatArray:
    """Objective of every point in one world, shape (n_points,): what a search looks at, without keeping returns."""
    return batch(experiment, points, SAME if world is None else world, all_measures=False).measures[:, 0]


def with_settings(world: World, settings: Point) -> World:
    """`world` with the values of a point."""
    return dataclasses.replace(world, settings={**world.settings, **settings})


@dataclass(frozen=True, eq=False)
class Allowed:
    """The points that a search looks at.

    Attributes
    ----------
    points : Points
        Those that every strategy takes, and the run file's own values: they come last where the grid leaves them out.
    own : int
        Which of them are the run file's own values.
    skipped, n_skipped :
        As in `Search`.
    """

    points: Points
    own: int
    skipped: Sequence[tuple[Point, str]]
    n_skipped: int


def allowed_points(experiment: Experiment) -> Allowed:
    """The points of the run's grid without the combinations that a strategy refuses; found once for an experiment."""
    found: Allowed | None = experiment.notes.get("points")
    if found is None:
        grid = grid_of(experiment.config)
        rng = np.random.default_rng(np.random.SeedSequence([experiment.config.seed, 0x67726964]))
        points = points_of(grid, experiment.config.validation.search, rng)
        refused = _refused(experiment, points)
        kept = np.ones(points.places.shape[0], np.bool_)
        kept[list(refused)] = False
        said = [(points[number], refused[number]) for number in sorted(refused)[:MOST_SAID]]
        if refused:
            points = points.only(kept)
        own = own_point(experiment, list(grid))
        number = points.find(own)
        if number < 0:
            points, number = points.plus(own), len(points)
        found = experiment.notes["points"] = Allowed(points, number, said, len(refused))
    return found


def _refused(experiment: Experiment, points: Points) -> dict[int, str]:
    """Points that a strategy refuses although it takes every value alone, as fast >= slow: number -> its reason."""
    refused: dict[int, str] = {}
    config = experiment.config
    for number, entry in enumerate(config.strategies):
        above = f"strategies.{number}."
        columns = [i for i, key in enumerate(points.keys) if key.startswith((f"{above}params.", f"{above}filters."))]
        if not columns:
            continue
        combinations, which = np.unique(points.places[:, columns], axis=0, return_inverse=True)
        for place, row in enumerate(combinations.tolist()):
            settings = {points.keys[i].removeprefix(above): points.grid[i][at] for i, at in zip(columns, row, strict=True)}
            entries = (*config.strategies[:number], with_params(entry, settings), *config.strategies[number + 1 :])
            try:
                experiment.strategy(config.model_copy(update={"strategies": entries}), number)
            except ConfigError as error:
                refused |= dict.fromkeys(np.flatnonzero(which.reshape(-1) == place).tolist(), str(error))
    return refused


def with_params(entry: StrategyEntry, settings: Mapping[str, Any]) -> StrategyEntry:
    """`entry` with other parameters of its type and its filters: ``params.fast``, ``filters.trend.ma`` -> value."""
    params, filters = dict(entry.params), {name: dict(given) for name, given in entry.filters.items()}
    for key, value in settings.items():
        kind, _, name = key.partition(".")
        if kind == "params":
            params[name] = value
        else:
            first, _, rest = name.partition(".")
            filters.setdefault(first, {})[rest] = value
    return entry.model_copy(update={"params": params, "filters": filters})


def searched_points(experiment: Experiment) -> tuple[Sequence[Point], int]:
    """Every point that the run's search looks at, and which of them is the run file's own values; one empty point without a grid."""
    if not grid_of(experiment.config):
        return [{}], 0
    found = allowed_points(experiment)
    return found.points, found.own


def search_of(
    experiment: Experiment,
    loop: Loop,
    *,
    keep: Collection[int] | None = None,
    max_memory: int | None = None,
) -> Search | None:
    """The run's grid on its own market, on threads; None where there is no grid.

    Parameters
    ----------
    keep : collection of int, optional
        Points whose returns are kept; default all of them, as one array.
    max_memory : int, optional
        Bytes that the table and the returns may take; default half of the machine's.

    Raises
    ------
    CapacityError
        They would take more; it says how much.
    TradingSystemError
        No point at all could be run; what the first one raised.
    """
    grid = grid_of(experiment.config)
    if not grid:
        return None
    found, settings = allowed_points(experiment), experiment.config.validation.search
    points, n, n_periods = found.points, len(found.points), experiment.sampled_rows.size
    refuse_too_large(n, n if keep is None else len(keep), n_periods, len(grid), max_memory)
    returns = np.zeros((0, 0)) if keep is not None else np.zeros((n, n_periods))
    if n > 1:
        share(experiment.bars)  # walk-forward and stress ask it for the same decisions again
    with remembering(_still(experiment)):
        table, failed, kept = _table(experiment, loop, points, returns, range(n) if keep is None else keep)
    if len(failed) == n:
        batch(experiment, points[:1])  # raises what is wrong with all of them
    return Search(
        keys=points.keys,
        grid=points.grid,
        points=points,
        values=table[:, 0].copy(),
        returns=np.ascontiguousarray(returns.T),
        own=found.own,
        measures=table,
        skipped=found.skipped,
        n_skipped=found.n_skipped,
        failed=failed,
        kept=kept,
        plateau=settings.plateau,
    )


def _table(
    experiment: Experiment, loop: Loop, points: Points, returns: FloatArray, keep: Collection[int]
) -> tuple[FloatArray, dict[int, str], dict[int, FloatArray]]:
    """Measures of every point, why some failed, and the returns of those in `keep`; into `returns` where it has room for all.

    What a stopped search has finished comes from the loop's store, the returns with it.
    """
    n, n_periods = len(points), experiment.sampled_rows.size
    name, wanted = f"search of {n} points", frozenset(keep)
    failed: dict[int, str] = {}
    kept: dict[int, FloatArray] = {}

    def put(number: int, row: FloatArray) -> None:
        if returns.size:
            returns[number] = row
        else:
            kept[number] = row

    if loop.store is not None:
        failed |= loop.store.said(name)
        for _, rows in loop.store.get(f"{name}: returns", 1 + n_periods):
            for row in rows:
                put(int(row[0]), row[1:])

    def piece(start: int, stop: int) -> FloatArray:
        asked = [number - start for number in range(start, stop) if number in wanted]
        found = batch(experiment, points[start:stop], keep=asked, failing=True)
        rows = np.empty((len(found.returns), 1 + n_periods))
        for row, (place, values) in zip(rows, found.returns.items(), strict=True):
            row[0], row[1:] = start + place, aligned(values, n_periods)
            put(start + place, row[1:])
        failed.update({start + place: text for place, text in found.failed.items()})
        if loop.store is not None:
            if len(rows):
                loop.store.put(f"{name}: returns", start, rows)
            for place, text in found.failed.items():
                loop.store.say(name, start + place, text)
        return found.measures

    table = loop.spans(name, piece, n, len(MEASURES))
    return table, dict(sorted(failed.items())), kept


def _still(experiment: Experiment) -> list[Any]:
    """Bars of the experiment and their panels, which no point changes."""
    found: list[Any] = []
    for bars in (
        experiment.bars,
        *(experiment.own_bars(i, experiment.bars)[0] for i in range(len(experiment.config.strategies))),
    ):
        prices = bars.adjusted
        found += [bars, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.benchmark_close]
        found += [prices.open, prices.high, prices.low, prices.close, prices.volume]
    return found


def aligned(returns: FloatArray, n_periods: int) -> FloatArray:
    """`returns` up to the common end over `n_periods`: 0 before a point was warm, earlier ones cut."""
    missing = n_periods - returns.size
    return np.concatenate([np.zeros(missing), returns]) if missing > 0 else returns[-missing:]


def refuse_too_large(n_points: int, n_kept: int, n_periods: int, n_keys: int, most: int | None = None) -> None:
    """Raise CapacityError with the arithmetic when a search would take more memory than `most` bytes.

    The table and the places of the points are held once; returns are held once while they are made and once turned.
    """
    most = memory_limit() // 2 if most is None else most
    table, held = n_points * (8 * len(MEASURES) + 4 * n_keys), n_kept * n_periods * 8 * (2 if n_kept == n_points else 1)
    if table + held <= most:
        return
    raise CapacityError(
        f"a search of {n_points:,} points takes {_megabytes(table)} for its table ({n_points:,} x"
        f" {8 * len(MEASURES) + 4 * n_keys} bytes) and {_megabytes(held)} for the returns of {n_kept:,} points x {n_periods:,} periods,"
        f" and may take {_megabytes(most)}",
        remedy="make the steps of the grid wider, draw fewer points (--points), or raise --max-memory",
    )


def _megabytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MB"


def places_of(search: Search) -> Any:
    """Index of every point along each key, shape (n_points, n_keys); -1 for a value that is not in the grid."""
    return search.points.all_places()
