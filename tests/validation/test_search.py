"""A search over a grid: its points, what each gives, and which one is chosen."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import random_bars
from tests.validation.examined import experiment_of
from trading_system.config.validation import SearchConfig
from trading_system.errors import CapacityError, ConfigError
from trading_system.metrics.curve import LONG
from trading_system.metrics.summary import QUICK_CURVE, QUICK_TRADES
from trading_system.validation.experiment import Experiment, World
from trading_system.validation.loop import Loop, Store
from trading_system.validation.points import MOST_POINTS, Points, points_of
from trading_system.validation.search import (
    MEASURES,
    aligned,
    batch,
    best_of,
    evaluate,
    refuse_too_large,
    search_of,
    searched_points,
)

FAST, SLOW = "strategies.0.params.fast", "strategies.0.params.slow"


def crossover(grid: dict[str, Any], search: dict[str, Any] | None = None, **more: Any) -> Experiment:
    validation = {"grid": grid, "search": search or {}}
    costs = {"commission_bps": 2.0, "slippage": {"model": "fixed", "bps": 3.0}}
    bars = random_bars(400, 2, 3)
    return experiment_of(bars, "ma_crossover", params={"fast": 10, "slow": 40}, costs=costs, validation=validation, **more)


GRIDS = st.dictionaries(st.text("abcd", min_size=1, max_size=3), st.integers(1, 5), min_size=1, max_size=4)


@given(GRIDS)
def test_a_grid_is_every_combination_with_the_last_key_fastest(sizes: dict[str, int]) -> None:
    grid = {key: tuple(10 * i for i in range(n)) for key, n in sizes.items()}
    points = points_of(grid, SearchConfig(), np.random.default_rng(0))
    plain = [dict(zip(grid, each, strict=True)) for each in itertools.product(*grid.values())]
    assert list(points) == plain == [points[i] for i in range(len(points))]
    assert [points.find(point) for point in plain] == list(range(len(plain)))
    assert points.find({key: -1 for key in grid}) == -1


@given(GRIDS, st.integers(1, 30), st.integers(0, 5))
def test_a_random_search_draws_without_repetition_and_the_same_from_the_same_seed(
    sizes: dict[str, int], n: int, seed: int
) -> None:
    grid = {key: tuple(range(size)) for key, size in sizes.items()}
    search = SearchConfig(method="random", points=n)
    drawn = [list(points_of(grid, search, np.random.default_rng(seed))) for _ in range(2)]
    assert drawn[0] == drawn[1]
    texts = [str(point) for point in drawn[0]]
    assert len(set(texts)) == len(texts) == min(n, int(np.prod(list(sizes.values()))))
    assert drawn[0] == sorted(drawn[0], key=lambda point: tuple(point.values()))


def test_a_random_search_of_a_grid_too_large_to_number_draws_all_of_it_alike() -> None:
    grid = {f"k{i}": tuple(range(1000)) for i in range(30)}  # 1000^30 combinations
    points = points_of(grid, SearchConfig(method="random", points=4000), np.random.default_rng(1))
    assert len({tuple(row) for row in points.places.tolist()}) == len(points) == 4000
    assert abs(points.places.mean() - 499.5) < 5.0  # 4000 x 30 draws have a standard error of 0.83
    with pytest.raises(ConfigError, match="at most 10,000,000"):
        points_of(grid, SearchConfig(), np.random.default_rng(1))
    assert MOST_POINTS == 10_000_000


def test_true_is_not_the_number_one_among_the_values_of_a_key() -> None:
    points = Points({"a": (1, True, 2)}, np.array([[0], [1], [2]], np.int32))
    assert [points.find({"a": value}) for value in (1, True, 2, 3)] == [0, 1, 2, -1]


def test_combinations_that_the_strategy_refuses_are_no_points_and_are_listed() -> None:
    experiment = crossover({FAST: (10, 30, 50), SLOW: (30, 40, 60)})
    search = search_of(experiment, Loop())
    assert search is not None
    assert all(point[FAST] < point[SLOW] for point in search.points)
    assert len(search.points) == 6
    assert search.n_skipped == 3
    assert {(point[FAST], point[SLOW]) for point, _ in search.skipped} == {(30, 30), (50, 30), (50, 40)}
    assert all("must be below slow" in why for _, why in search.skipped)
    assert search.points[search.own] == {FAST: 10, SLOW: 40}


def test_own_values_outside_the_grid_come_last() -> None:
    points, own = searched_points(crossover({FAST: (5, 20)}))
    assert [point[FAST] for point in points] == [5, 20, 10]
    assert own == 2


def test_a_search_is_a_loop_over_runs_and_keeps_their_returns() -> None:
    experiment = crossover({FAST: (5, 10, 20), SLOW: (30, 60)})
    search = search_of(experiment, Loop())
    assert search is not None
    n = experiment.sampled_rows.size
    for number, point in enumerate(search.points):
        outcome = experiment.outcome(World(settings=point))
        numbers = outcome.summary.metrics
        assert dict(zip(MEASURES[1:], search.measures[number, 1:], strict=True)) == {
            name: numbers[name] for name in MEASURES[1:]
        }
        assert search.values[number] == numbers["sharpe"]
        np.testing.assert_array_equal(search.returns[:, number], aligned(outcome.returns, n))
    np.testing.assert_array_equal(evaluate(experiment, search.points), search.values)
    assert search.best == best_of(search.values) == int(np.argmax(search.values))


@pytest.mark.parametrize("first", [40, 399])
@pytest.mark.parametrize("slow", [20, 41, 390])
def test_measures_taken_alone_have_the_bits_of_the_whole_summary(first: int, slow: int) -> None:
    outcome = crossover({}).outcome(World(settings={SLOW: slow}, first=first))
    whole = {name: np.nan if value is None else value for name, value in outcome.summary.metrics.items()}
    found = {name: outcome.metric(name) for name in (*QUICK_CURVE, *QUICK_TRADES)}
    np.testing.assert_equal(found, {name: whole[name] for name in found})


def test_measures_of_a_long_curve_have_the_bits_of_the_whole_summary() -> None:
    experiment = experiment_of(random_bars(LONG + 10, 1, 4), "ma_crossover", params={"fast": 10, "slow": 40})
    outcome = experiment.baseline
    found = {name: outcome.metric(name) for name in (*QUICK_CURVE, *QUICK_TRADES)}
    assert found == {name: outcome.summary.metrics[name] for name in found}


def test_a_point_begins_where_its_own_backtest_would() -> None:
    bars = random_bars(300, 1, 5)
    validation = {"grid": {SLOW: (20, 40, 200, 400)}}
    experiment = experiment_of(bars, "ma_crossover", first=39, params={"fast": 10, "slow": 40}, validation=validation)
    assert [experiment.first_of(experiment.config_of(World(settings={SLOW: n}))) for n in (20, 200)] == [39, 39]
    experiment.start = 0
    assert [experiment.first_of(experiment.config_of(World(settings={SLOW: n}))) for n in (20, 40, 200)] == [19, 39, 199]
    search = search_of(experiment, Loop())
    assert search is not None
    assert search.returns.shape == (261, 4)
    assert not search.returns[:160, 2].any()  # not warm yet: it stood in cash
    assert list(search.failed) == [3]
    assert "400 bars of history" in search.failed[3]
    assert np.isnan(search.measures[3]).all()


def test_constraints_keep_a_point_from_being_chosen() -> None:
    grid = {FAST: (5, 10, 20), SLOW: (30, 60)}
    free = search_of(crossover(grid), Loop())
    assert free is not None
    trades = free.measures[:, MEASURES.index("n_trades")]
    least = float(np.sort(trades)[-2])
    bound = search_of(crossover(grid, {"constraints": {"n_trades": {"min": least}}}), Loop())
    assert bound is not None
    np.testing.assert_array_equal(np.isnan(bound.values), trades < least)
    np.testing.assert_array_equal(bound.measures[:, 1:], free.measures[:, 1:])
    assert trades[bound.best] >= least
    nothing = search_of(crossover(grid, {"constraints": {"n_trades": {"max": -1.0}}}), Loop())
    assert nothing is not None
    assert nothing.best == nothing.own


def test_the_best_neighbourhood_passes_over_a_lone_spike() -> None:
    experiment = crossover({FAST: (5, 6, 7, 8, 9), SLOW: (30, 31)}, {"plateau": True})
    search = search_of(experiment, Loop())
    assert search is not None
    values = np.array([0.9, 0.9, 1.1, 1.0, 1.0, 1.0, 0.0, 0.0, 3.0, 0.0, 0.0])  # a spike at the end, beside zeros
    search = type(search)(**{**vars(search), "values": values})
    assert best_of(values) == 8
    assert search.best in (2, 3)


def test_an_unknown_objective_names_what_there_is() -> None:
    with pytest.raises(ConfigError, match="there is no metric 'sharp'.*sharpe"):
        search_of(crossover({FAST: (5, 10)}, {"objective": "sharp"}), Loop())


def test_what_a_stopped_search_has_finished_is_not_done_again(tmp_path: Path) -> None:
    experiment = crossover({FAST: tuple(range(2, 20)), SLOW: (30, 60)})
    whole = search_of(experiment, Loop())
    assert whole is not None

    class Stopped(BaseException):
        pass

    def stop_at(name: str, done: int, of: int) -> None:
        if done >= 9:
            raise Stopped

    store = Store(tmp_path, "a" * 64)
    with pytest.raises(Stopped):
        search_of(experiment, Loop(stop_at, store))
    heard: list[int] = []
    again = search_of(experiment, Loop(lambda name, done, of: heard.append(done), store), keep=range(5))
    assert again is not None
    assert heard[0] >= 1
    np.testing.assert_array_equal(again.measures, whole.measures)
    for number in range(5):
        np.testing.assert_array_equal(again.kept[number], whole.returns[:, number])
    store.close(done=True)


def test_memory_is_reckoned_before_it_is_taken() -> None:
    refuse_too_large(10_000, 2_000, 2_520, 2, 250 * 2**20)
    with pytest.raises(CapacityError, match=r"10,000 points takes 0.5 MB .* and 384.5 MB for the returns.*--max-memory"):
        refuse_too_large(10_000, 10_000, 2_520, 2, 250 * 2**20)
    with pytest.raises(CapacityError, match="may take 0.0 MB"):
        search_of(crossover({FAST: (5, 10)}), Loop(), max_memory=1000)


def test_a_point_that_fails_is_told_and_the_others_are_not_lost() -> None:
    experiment = crossover({FAST: (5, 10), "strategies.0.sizing.fraction": (0.1, 5.0)})
    found = batch(experiment, [{FAST: 5}, {"strategies.0.sizing.fraction": -1.0}, {FAST: 20}], failing=True)
    assert list(found.failed) == [1]
    assert np.isnan(found.measures[1]).all()
    assert np.isfinite(found.measures[[0, 2]]).all()
    with pytest.raises(ConfigError):
        batch(experiment, [{"strategies.0.sizing.fraction": -1.0}])
