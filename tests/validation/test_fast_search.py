"""The quick way of a search gives what the general way gives, and says so where it cannot."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.builders import random_bars
from tests.validation.examined import experiment_of
from trading_system.data.bars import Bars
from trading_system.data.shared import share
from trading_system.errors import TradingSystemError
from trading_system.indicators import sma
from trading_system.indicators.own_bars import floats
from trading_system.strategies import _kernels_batch, ma_crossover
from trading_system.strategies.base import Signals, Strategy, strategies
from trading_system.strategies.ma_crossover import MovingAverageCrossover
from trading_system.validation import fast_search, search
from trading_system.validation.experiment import Experiment, World
from trading_system.validation.permuted_worlds import PermutedWorlds
from trading_system.validation.stretches import decided

FAST, SLOW = "strategies.0.params.fast", "strategies.0.params.slow"
COSTS = {"commission_bps": 8.0, "slippage": {"model": "fixed", "bps": 4.0}}
PAIRS = [{FAST: fast, SLOW: slow} for fast in (1, 3, 8, 19) for slow in (20, 33, 60)]

BREAKOUTS = [
    {"strategies.0.params.trend_ma": trend, "strategies.0.params.fast_breakout": top} for trend in (20, 30) for top in (5, 10)
]


def crossovers(bars: Bars, objective: str = "sharpe", constraints: Any = None, **more: Any) -> Experiment:
    told = {"search": {"objective": objective, "constraints": constraints or {}}}
    return experiment_of(bars, "ma_crossover", params={"fast": 5, "slow": 30}, costs=COSTS, validation=told, **more)


def one_by_one(experiment: Experiment, points: Any, world: World | None = None) -> Any:
    """What a plain loop over runs gives."""
    base = World() if world is None else world
    settings = experiment.config.validation.search
    return np.array([search.objective_of(experiment.outcome(search.with_settings(base, point)), settings) for point in points])


@pytest.mark.parametrize("objective", sorted(fast_search.MEASURES))
def test_every_objective_equals_that_of_single_runs(objective: str) -> None:
    bars = random_bars(400, 1, 5)
    experiment = crossovers(bars, objective, first=70, portfolio={"risk_free": 0.02})
    found = fast_search.fast_evaluate(experiment, PAIRS)
    assert found is not None
    np.testing.assert_allclose(found.objectives[:, 0], one_by_one(experiment, PAIRS), rtol=1e-12, atol=1e-14)
    assert np.isfinite(found.objectives).all()


def test_other_markets_dearer_costs_and_other_rows_give_what_single_runs_give() -> None:
    experiment = crossovers(random_bars(300, 1, 5), first=60)
    worlds = [
        World(bars=random_bars(300, 1, 6)),
        World(fees=3.0, slippage=2.0),
        World(first=100, stop=250),
        World(stop=200),
        World(settings={"execution.lot.equity": "whole"}),
    ]
    seen = set()
    for world in worlds:
        found = fast_search.fast_evaluate(experiment, PAIRS, world)
        assert found is not None
        np.testing.assert_allclose(found.objectives[:, 0], one_by_one(experiment, PAIRS, world), rtol=1e-12, atol=1e-14)
        seen.add(float(found.objectives[0, 0]))
    assert len(seen) == len(worlds)


def test_constraints_leave_out_the_points_that_break_them() -> None:
    experiment = crossovers(random_bars(400, 1, 5), constraints={"n_trades": {"min": 9}, "max_drawdown": {"min": -0.25}})
    found = fast_search.fast_evaluate(experiment, PAIRS)
    want = one_by_one(experiment, PAIRS)
    assert found is not None and 0 < np.isnan(want).sum() < len(PAIRS)
    np.testing.assert_allclose(found.objectives[:, 0], want, rtol=1e-12)


def test_returns_are_those_of_single_runs_to_the_bit() -> None:
    experiment = crossovers(random_bars(300, 1, 5), first=40)
    found = fast_search.fast_evaluate(experiment, PAIRS, keep=range(len(PAIRS)))
    assert found is not None
    for number, point in enumerate(PAIRS):
        assert found.returns[number].tolist() == experiment.outcome(World(settings=point)).returns.tolist()


@pytest.mark.parametrize("name", ["ma_crossover", "equity_momentum"])
def test_windows_are_folds(name: str) -> None:
    bars = random_bars(400, 1, 5)
    points: list[Any] = PAIRS if name == "ma_crossover" else BREAKOUTS
    experiment = experiment_of(bars, name, first=60, costs=COSTS, sizing={"method": "fixed_fraction", "fraction": 0.9})
    windows = [(60, 200), (200, 260), (150, 400)]
    found = fast_search.fast_evaluate(experiment, points, windows=windows)
    assert found is not None and found.objectives.shape == (len(points), 3)
    settings = experiment.config.validation.search
    for number, point in enumerate(points):
        made = decided(experiment, World(settings=point))
        want = [search.objective_of(made.over(*window), settings) for window in windows]
        np.testing.assert_allclose(found.objectives[number], want, rtol=1e-12, atol=1e-14)


def test_a_strategy_without_a_batch_goes_through_the_lane_one_by_one() -> None:
    bars = random_bars(400, 1, 5)
    experiment = experiment_of(bars, "equity_momentum", sizing={"method": "risk_per_trade", "risk": 0.01}, costs=COSTS)
    found = fast_search.fast_evaluate(experiment, BREAKOUTS, keep=[1, 3])
    assert found is not None and not found.left and sorted(found.returns) == [1, 3]
    np.testing.assert_allclose(found.objectives[:, 0], one_by_one(experiment, BREAKOUTS), rtol=1e-12, atol=1e-14)
    assert np.unique(found.measure("n_trades")).size > 1
    assert found.returns[3].tolist() == experiment.outcome(World(settings=BREAKOUTS[3])).returns.tolist()
    assert fast_search.fast_evaluate(experiment_of(bars, "mean_reversion"), [{}]) is None  # the lane knows no time stop


def test_what_is_not_for_the_quick_way_is_left_to_the_other() -> None:
    bars = random_bars(200, 1, 5)
    assert fast_search.fast_evaluate(crossovers(bars), PAIRS) is not None
    assert fast_search.fast_evaluate(crossovers(random_bars(200, 2, 5)), PAIRS) is None
    assert fast_search.fast_evaluate(crossovers(bars, "ulcer"), PAIRS) is None
    assert fast_search.fast_evaluate(crossovers(bars, constraints={"ulcer": {"max": 1.0}}), PAIRS) is None
    assert fast_search.fast_evaluate(crossovers(bars), [{"portfolio.starting_equity": 5.0}]) is None
    assert fast_search.fast_evaluate(crossovers(bars), []) is None
    assert fast_search.fast_evaluate(crossovers(bars), PAIRS, World(delay=1)) is None
    assert fast_search.fast_evaluate(crossovers(bars, portfolio={"limits": {"max_drawdown": 0.2}}), PAIRS) is None
    assert fast_search.fast_evaluate(crossovers(random_bars(200, 1, 5, missing=0.05)), PAIRS) is None


def test_a_point_with_a_longer_warm_up_begins_where_its_own_backtest_would() -> None:
    experiment = crossovers(random_bars(300, 1, 5), first=29)
    experiment.start = 10
    other = experiment_of(random_bars(300, 1, 5), "equity_momentum", first=60, costs=COSTS)
    other.start = 20
    for one, points in ((experiment, [*PAIRS, {FAST: 2, SLOW: 299}, {FAST: 2, SLOW: 301}]), (other, BREAKOUTS)):
        found = fast_search.fast_evaluate(one, points, keep=range(len(points)))
        assert found is not None
        assert found.left == ({len(PAIRS) + 1} if points is not BREAKOUTS else set())
        for number, point in enumerate(points):
            if number not in found.left:
                outcome = one.outcome(World(settings=point))
                assert found.returns[number].tolist() == outcome.returns.tolist()
                assert found.measure("sharpe")[number, 0] == pytest.approx(outcome.metric("sharpe"), rel=1e-12, nan_ok=True)
        assert len({returns.size for returns in found.returns.values()}) > 1 or one is other


def test_averages_too_many_to_keep_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = crossovers(random_bars(300, 1, 5), first=60)
    for hurried in (False, True):
        found = fast_search.fast_evaluate(experiment, PAIRS, only_objective=hurried)
        with monkeypatch.context() as patched:
            patched.setattr(ma_crossover, "MOST_VALUES", 0)
            other = fast_search.fast_evaluate(experiment, PAIRS, only_objective=hurried)
        assert found is not None and other is not None
        assert found.figures.table.tobytes() == other.figures.table.tobytes()


def test_points_that_fail_are_left_to_the_general_way_which_tells_why() -> None:
    experiment = crossovers(random_bars(200, 1, 5))
    for wrong in ({FAST: 40, SLOW: 30}, {FAST: 2.0, SLOW: 30}, {FAST: 0, SLOW: 30}):
        with pytest.raises(TradingSystemError):
            experiment.outcome(World(settings=wrong))
        found = fast_search.fast_evaluate(experiment, [PAIRS[0], wrong, PAIRS[1]], keep=[0, 1])
        assert found is not None and found.left == {1} and sorted(found.returns) == [0]
        np.testing.assert_allclose(found.objectives[[0, 2], 0], one_by_one(experiment, PAIRS[:2]), rtol=1e-12)
        assert np.isnan(found.objectives[1, 0])


def test_a_class_that_inherits_a_batch_is_not_decided_by_it() -> None:
    class Idle(MovingAverageCrossover):
        def decide(self, bars: Bars) -> Any:
            return Signals(np.zeros(bars.close.shape, np.int8), np.zeros(bars.close.shape, np.bool_))

    experiment = experiment_of(random_bars(200, 1, 5), Idle(), validation={"search": {"objective": "n_trades"}})
    found = fast_search.fast_evaluate(experiment, [{}])
    assert found is not None and found.objectives.tolist() == [[0.0]]


def test_the_run_as_it_is_may_be_asked_for_without_a_point() -> None:
    experiment = crossovers(random_bars(300, 1, 5))
    found = fast_search.fast_evaluate(experiment, [{}])
    assert found is not None
    assert found.objectives[0, 0] == pytest.approx(one_by_one(experiment, [{}])[0], rel=1e-12)


def test_permuted_markets_are_searched_from_their_prices_alone() -> None:
    for objective in ("total_return", "sharpe"):
        for bars in (random_bars(300, 1, 5), random_bars(300, 1, 5, n_splits=1, n_dividends=2)):
            worlds = PermutedWorlds(crossovers(bars, objective, first=60), 3, start=20)
            for number in range(6):
                quick, general = (
                    worlds._quick_values(PAIRS, number),
                    search.evaluate(worlds.experiment, PAIRS, worlds.world(number)),
                )
                assert quick is not None and quick.tolist() == general.tolist()
                assert worlds.best(PAIRS, number, 4) == (max(general.tolist()), general[4])
    wide = PermutedWorlds(crossovers(random_bars(300, 2, 5)), 3)
    assert wide._quick_values(PAIRS, 0) is None and np.isfinite(wide.best(PAIRS, 0)).all()
    momentum = PermutedWorlds(experiment_of(random_bars(300, 1, 5), "equity_momentum", costs=COSTS), 3)
    assert momentum._quick_values(BREAKOUTS, 0) is None


def test_a_market_that_was_searched_does_not_stay() -> None:
    worlds = PermutedWorlds(experiment_of(random_bars(200, 1, 5), "equity_momentum", costs=COSTS), 3)
    market = worlds.market(0)
    share(market)
    search.evaluate(worlds.experiment, BREAKOUTS, World(bars=market))
    gone = weakref.ref(market)
    del market
    gc.collect()
    assert gone() is None


# batches ---------------------------------------------------------------------------------------------------------------------
BATCHES = [name for name in strategies.names() if "batch" in vars(strategies.get(name))]
SETS: dict[str, list[dict[str, Any]]] = {
    "ma_crossover": [{"fast": f, "slow": s} for f, s in ((1, 2), (3, 8), (8, 20), (2, 700), (50, 51))],
}


@pytest.mark.parametrize("n_bars", [1, 7, 40, 1_300])
@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_decides_what_its_sets_decide(name: str, n_bars: int) -> None:
    kind: type[Strategy] = strategies.get(name)
    bars, sets = random_bars(n_bars, 1, 3), SETS[name]
    batch = kind.batch({key: [one[key] for one in sets] for key in sets[0]})
    assert batch is not None
    changes = batch.on(bars)
    assert changes is not None
    for first, stop in ((0, len(sets)), (2, 4)):
        made = changes(first, stop)
        assert made.n_sets == stop - first
        for k, told in enumerate(sets[first:stop]):
            target = kind(**told).decide(bars).target[:, 0]  # type: ignore[union-attr]
            rows = np.flatnonzero(~np.isnan(target))
            part = slice(made.starts[k], made.starts[k + 1])
            assert made.rows[part].tolist() == rows.tolist() and made.weights[part].tolist() == target[rows].tolist()
            assert rows.size == 0 or rows[0] >= kind(**told).warmup - 1


@pytest.mark.parametrize("n_bars", [1, 9, 700, 2_000])
def test_many_averages_have_the_bits_of_one(n_bars: int) -> None:
    x = random_bars(n_bars, 1, 3).close
    windows = np.array([1, 2, 3, 5, 8, 40, 63, 64, 65, 66, 90, 250, 600, 1_500])
    out = np.zeros((windows.size, n_bars))
    room = np.empty(_kernels_batch.GROUP, np.int64), np.empty((3, _kernels_batch.GROUP))
    _kernels_batch.averages_of(floats(x).reshape(-1), windows, *room, out)
    for window, average in zip(windows.tolist(), out, strict=True):
        assert average.tobytes() == sma(x, window)[:, 0].tobytes()


def test_a_batch_of_crossovers_leaves_holes_and_wrong_pairs_to_others() -> None:
    batch = MovingAverageCrossover.batch({"fast": [2], "slow": [5]})
    assert (
        batch is not None and batch.on(random_bars(50, 1, 3, missing=0.1)) is None and batch.on(random_bars(50, 2, 3)) is None
    )
    assert batch.on(replace(random_bars(50, 1, 3))) is not None
    assert MovingAverageCrossover.batch({"fast": [2, 9], "slow": [5, 9]}) is None
