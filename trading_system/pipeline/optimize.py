"""Which values would have been best, and do their neighbours agree? A search, counted, and the folder of a run that holds it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trading_system.errors import ConfigError, UsageError
from trading_system.pipeline.backtest import BacktestResult, written
from trading_system.pipeline.counting import backtest_trial, entered, search_trial
from trading_system.pipeline.loading import loaded_run, refuse_grid, results_folder
from trading_system.pipeline.validation import experiment_of, work_store
from trading_system.pipeline.work import Done, Work, computed

if TYPE_CHECKING:
    from trading_system.config.loading import LoadedRun
    from trading_system.runs.journal import Journal
    from trading_system.runs.store import Pieces, RunLog
    from trading_system.types import FloatArray
    from trading_system.validation.experiment import Experiment
    from trading_system.validation.loop import Store, Told
    from trading_system.validation.search import Search

DOCUMENT = "optimize.json"
TABLE = "sweep.parquet"
RANKED = 100
ROWS_OF_A_GROUP = 50_000


@dataclass(frozen=True, eq=False)
class OptimizeRun:
    """A search that was made.

    Attributes
    ----------
    backtest : BacktestResult
        The run with its file's own values; its folder holds ``optimize.json`` and ``sweep.parquet`` too.
    search : Search
        Every point with its measures.
    document : mapping
        The content of ``optimize.json``.
    """

    backtest: BacktestResult
    search: Search
    document: Mapping[str, Any]


def run_optimize(
    run: LoadedRun | Path | str,
    *,
    grid: Sequence[str] = (),
    points: int | None = None,
    objective: str | None = None,
    period: str | None = None,
    resume: bool = False,
    max_memory: int | None = None,
    out: Path | str | None = None,
    overrides: Sequence[str] = (),
    log: RunLog | None = None,
    told: Told | None = None,
) -> OptimizeRun:
    """Try every point of a grid, or a random draw of them, and leave a run's folder with the table.

    All points are counted as trials before the folder appears; the same search over the same data again counts nothing.

    Parameters
    ----------
    run : LoadedRun or path
    grid : sequence of str
        ``key=1,2,3`` or ``key=start:stop:step`` each, in place of the grid of the file.
    points : int, optional
        Draw so many points at random, without repetition.
    objective : str, optional
        Metric to maximise in place of ``validation.search.objective``.
    period, out, overrides :
        As for `run_backtest`.
    resume : bool
        Go on with what an earlier search of the same work, which was stopped, has finished.
    max_memory : int, optional
        Bytes that the table and the kept returns may take; default half of the machine's.
    told : callable, optional
        Hears of progress: name of the work, tasks done, tasks in all.

    Raises
    ------
    TradingSystemError
        As `run_backtest`; ConfigError for a grid that is wrong, CapacityError for one that is too large.
    """
    from trading_system.runs.journal import Journal
    from trading_system.runs.manifest import GitState
    from trading_system.runs.store import RunLog

    start = time.perf_counter()
    loaded = _asked(run, grid, points, objective, overrides)
    results = results_folder(loaded, out)
    work = Work(loaded, log or RunLog())
    work.log.note("started", config=loaded.path.name, config_hash=loaded.hash)
    git = GitState(loaded.root)
    try:
        with Journal(loaded.root) as journal:
            done = computed(work, period, journal)
            _refuse_objective(loaded, done)
            store, finished = work_store(work, done, journal, "optimize", resume=resume), False
            try:
                experiment = experiment_of(loaded, done)
                keep = _kept(loaded, done, journal, experiment)
                search = _searched(work, experiment, store, told, keep, max_memory)
                with work.step("trial"):
                    trial = _counted(loaded, done, journal, experiment, search)
                document = optimize_document(loaded, done, search)
                best = document["best"]
                also = {
                    "optimize": {"points": len(search.points), "objective": document["objective"], "best": best["settings"]}
                }
                extra = search_files(search, document)
                backtest = written(work, done, results, trial, git.state(), start, extra=extra, also=also)
                finished = True
            finally:
                store.close(done=finished)
        return OptimizeRun(backtest, search, {**document, "trials": trial})
    finally:
        git.close()


def _asked(
    run: LoadedRun | Path | str, grid: Sequence[str], points: int | None, objective: str | None, overrides: Sequence[str]
) -> LoadedRun:
    """The run with the search that is asked for, its grid checked."""
    from trading_system.config.changes import grid_of
    from trading_system.config.grid_options import with_grid

    changes = list(overrides)
    if points is not None:
        changes += ["validation.search.method=random", f"validation.search.points={points}"]
    if objective is not None:
        changes.append(f"validation.search.objective={objective}")
    if changes and not isinstance(run, Path | str):
        raise UsageError("overrides belong to a path; this run is already loaded", remedy="give them to load_run")
    loaded = with_grid(loaded_run(run, changes), grid)
    if not grid_of(loaded.config):
        raise ConfigError(
            "there is nothing to search: no grid is told",
            where=loaded.path.name,
            allowed="a grid in the strategy file (grid:), in the run file (validation.grid), or --grid key=1,2,3",
            remedy=f"trading-system optimize {loaded.path.name} --grid params.NAME=10,20,30",
        )
    refuse_grid(loaded, load=True)
    return loaded


def _refuse_objective(run: LoadedRun, done: Done) -> None:
    """Raise where the objective or a constraint is no metric."""
    from trading_system.config.yaml_reader import nearest

    search, known = run.config.validation.search, done.summary.metrics
    for key, name in [("objective", search.objective), *(("constraints", name) for name in search.constraints)]:
        if name not in known:
            near = nearest(name, known)
            raise ConfigError(
                f"there is no metric {name!r}",
                where=f"validation.search.{key}",
                allowed=", ".join(sorted(known)),
                remedy=f"did you mean {near!r}?" if near else "docs/metrics.md lists them",
            )


def _searched(
    work: Work,
    experiment: Experiment,
    store: Store | None = None,
    told: Told | None = None,
    keep: Collection[int] = (),
    max_memory: int | None = None,
) -> Search:
    """The search as a step of the work, and what there is to be careful about."""
    from trading_system.validation.loop import Loop, silent
    from trading_system.validation.search import search_of

    with work.step("search") as said:
        search = search_of(experiment, Loop(told or silent, store), keep=keep, max_memory=max_memory)
        assert search is not None  # there is a grid
        said |= {"points": len(search.points), "skipped": search.n_skipped, "failed": len(search.failed)}
    if search.failed:
        number, why = next(iter(search.failed.items()))
        work.warn(f"{len(search.failed)} of {len(search.points)} points failed, point {number} the first: {why}")
    return search


def _kept(run: LoadedRun, done: Done, journal: Journal, experiment: Experiment) -> set[int]:
    """Points whose returns the journal will keep, unless others write to it meanwhile."""
    import numpy as np

    from trading_system.runs.trials import planned
    from trading_system.validation.search import allowed_points

    found = allowed_points(experiment)
    others = len(found.points) - 1
    row = search_trial(run, done, np.full(others, np.nan))
    return {_number(column, found.own) for column in planned(journal, row, others)}


def _number(column: int, own: int) -> int:
    """Number of the point that is a column of the journal's row, which leaves out the run file's own values."""
    return column + (column >= own)


def _counted(run: LoadedRun, done: Done, journal: Journal, experiment: Experiment, search: Search) -> dict[str, Any]:
    """Write the rows of the search and of the run itself."""
    import numpy as np

    from trading_system.validation.experiment import World
    from trading_system.validation.search import MEASURES, aligned

    n_periods = experiment.sampled_rows.size

    def column(number: int) -> FloatArray:
        point = _number(number, search.own)
        if point in search.failed:
            return np.zeros(n_periods)
        found = search.returns_of(point)
        if found is None:  # others have written to the journal meanwhile, and it keeps other points
            found = aligned(experiment.outcome(World(settings=search.points[point])).returns, n_periods)
        return found

    if len(search.points) > 1:
        sharpes = np.delete(search.measures[:, MEASURES.index("sharpe")], search.own)
        entered(done, journal, search_trial(run, done, sharpes), column)
    own, returns = backtest_trial(run, done)
    return entered(done, journal, own, returns)


def search_files(search: Search, document: Mapping[str, Any]) -> dict[str, Pieces]:
    """``optimize.json``, and ``sweep.parquet`` with a row per point."""
    from trading_system.runs.parquet_writer import parquet_pieces
    from trading_system.runs.store import to_json

    return {DOCUMENT: lambda: iter((to_json(document),)), TABLE: lambda: parquet_pieces(_groups(search))}


def _groups(search: Search) -> Iterator[dict[str, Any]]:
    """The table in groups of rows: number, a column per key, a column per measure, why a point failed."""
    import json

    import numpy as np

    from trading_system.validation.search import MEASURES

    kinds = {
        key: {type(value) for value in (*values, *(point[key] for point in search.points.extra))}
        for key, values in zip(search.keys, search.grid, strict=True)
    }
    for start in range(0, len(search.points), ROWS_OF_A_GROUP):
        points = search.points[start : start + ROWS_OF_A_GROUP]
        group: dict[str, Any] = {"point": np.arange(start, start + len(points), dtype=np.int64)}
        for key, kind in kinds.items():
            values = [point[key] for point in points]
            if kind <= {int} and all(abs(value) < 2**63 for value in values):
                group[key] = np.array(values, np.int64)
            elif kind <= {int, float}:
                group[key] = np.array(values, np.float64)
            else:
                group[key] = [value if isinstance(value, str) else json.dumps(value) for value in values]
        for place, name in enumerate(MEASURES):
            group[name] = search.measures[start : start + len(points), place]
        group["failed"] = [search.failed.get(number, "") for number in range(start, start + len(points))]
        yield group


def optimize_document(run: LoadedRun, done: Done, search: Search) -> dict[str, Any]:
    """The content of ``optimize.json``: what was searched, the best points, the own values, heat maps, stability."""
    import math

    import numpy as np

    from trading_system.validation.landscape import heat_maps, stability

    settings = run.config.validation.search
    order = np.argsort(np.where(np.isnan(search.values), np.inf, -search.values), kind="stable")
    ranks = np.empty(order.size, np.int64)
    ranks[order] = np.arange(1, order.size + 1)

    def row(number: int) -> dict[str, Any]:
        return {"rank": int(ranks[number]), **_row(search, number)}

    best = row(search.best)
    best |= {"set": _set_options(best["settings"]), "yaml": _fragment(run, best["settings"])}
    return {
        "objective": settings.objective,
        "constraints": {name: bounds.model_dump(mode="json") for name, bounds in settings.constraints.items()},
        "method": settings.method,
        "chosen_by": "neighbourhood" if search.plateau else "point",
        "seed": run.config.seed,
        "period": done.window.document(),
        "grid": {key: list(values) for key, values in zip(search.keys, search.grid, strict=True)},
        "combinations": math.prod(len(values) for values in search.grid),
        "points": len(search.points),
        "own_in_grid": search.own < search.points.places.shape[0],
        "within_constraints": int(np.isfinite(search.values).sum()),
        "skipped": {"count": search.n_skipped, "first": [{"settings": dict(p), "why": why} for p, why in search.skipped[:20]]},
        "failed": {
            "count": len(search.failed),
            "first": [{**_row(search, n), "why": why} for n, why in list(search.failed.items())[:20]],
        },
        "own": row(search.own),
        "best": best,
        "ranked": [row(int(number)) for number in order[:RANKED] if np.isfinite(search.values[number])],
        "stability": stability(search),
        "heat_maps": heat_maps(search),
    }


def _row(search: Search, number: int) -> dict[str, Any]:
    from trading_system.validation.search import MEASURES

    values = search.measures[number].tolist()
    return {"point": number, "settings": dict(search.points[number]), **dict(zip(MEASURES, values, strict=True))}


def _set_options(settings: Mapping[str, Any]) -> list[str]:
    """``key=value`` of each setting, as ``--set`` takes it."""
    import json

    return [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in settings.items()]


def _fragment(run: LoadedRun, settings: Mapping[str, Any]) -> str:
    """The settings as they stand in the files: YAML per strategy, and for the run file."""
    import yaml

    parts: dict[str, dict[str, Any]] = {}
    for key, value in settings.items():
        words = key.split(".")
        if words[0] == "strategies" and len(words) > 2:
            name = run.config.strategies[int(words[1])].name
            title, words = f"strategy {words[1]}, {name}", words[2:]
        else:
            title = "run file"
        node = parts.setdefault(title, {})
        for word in words[:-1]:
            node = node.setdefault(word, {})
        node[words[-1]] = value
    texts = [f"# {title}\n{yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)}" for title, tree in parts.items()]
    return "".join(texts).rstrip("\n")


def search_again(work: Work, done: Done) -> dict[str, Pieces]:
    """The files of a search worked out again; nothing is counted."""
    search = _searched(work, experiment_of(work.run, done))
    return search_files(search, optimize_document(work.run, done, search))
