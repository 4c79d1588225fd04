"""Walk-forward against plain loops: over the engine, and over whole backtests from files."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from tests.builders import random_bars
from tests.validation.examined import experiment_of
from trading_system.config.changes import changed
from trading_system.config.validation import SearchConfig, WalkForwardConfig
from trading_system.data.bars import Bars
from trading_system.engine.simulate import StrategyDecisions, simulate
from trading_system.errors import CapacityError, InsufficientDataError, StrategyError
from trading_system.strategies.base import Strategy, Weights
from trading_system.strategies.loading import build_strategy
from trading_system.validation import walk_forward as room
from trading_system.validation.experiment import Experiment, World
from trading_system.validation.loop import Loop, Store
from trading_system.validation.points import Points
from trading_system.validation.stretches import Decided, decided, ready_row, silent_before
from trading_system.validation.walk_forward import choices, untouched_row, walk_forward, walk_forward_returns
from trading_system.validation.walk_forward_document import document

FAST, SLOW = "strategies.0.params.fast", "strategies.0.params.slow"
SIDES = ("in_sample", "out_of_sample")
GRID = {FAST: (5, 10, 20), SLOW: (30, 60)}
WINDOWS = {
    "rolling": {"train": 200, "test": 60},
    "anchored": {"train": 150, "test": 50, "anchored": True},
    "gap": {"train": 180, "test": 40, "gap": 7},
    "tests that overlap": {"train": 160, "test": 60, "step": 25},
    "tests with holes between them": {"train": 160, "test": 30, "step": 70},
}


def crossover(bars: Bars, windows: dict[str, Any], grid: dict[str, Any] | None = None, **search: Any) -> Experiment:
    validation = {"walk_forward": windows, "grid": GRID if grid is None else grid, "search": search}
    costs = {"commission_bps": 2.0, "slippage": {"model": "fixed", "bps": 3.0}}
    return experiment_of(bars, "ma_crossover", first=70, params={"fast": 10, "slow": 40}, costs=costs, validation=validation)


def plain_sharpe(equity: list[float], start: float, year: float) -> float:
    levels = [start, *equity]
    r = [levels[i + 1] / levels[i] - 1.0 for i in range(len(equity))]
    mean = sum(r) / len(r)
    variance = sum((x - mean) ** 2 for x in r) / (len(r) - 1)
    return mean / variance**0.5 * year**0.5 if max(r) > min(r) else float("nan")


def backtest(experiment: Experiment, settings: dict[str, Any], first: int, stop: int) -> list[float]:
    """Equity of one run over rows first..stop - 1, everything made anew."""
    config, bars = changed(experiment.config, settings), experiment.bars
    decisions = build_strategy(config.strategies[0], Path("."), None, 0).decide(bars)
    made = [StrategyDecisions(decisions, np.arange(bars.n_symbols), bars.tradable)]
    return list(simulate(bars, made, config, first=first, stop=stop).equity.tolist())


def by_hand(experiment: Experiment, windows: dict[str, Any], points: list[dict[str, Any]]) -> tuple[list[int], list[float]]:
    """Chosen points and stitched returns, window by window and point by point, from the words of the documents."""
    year, start = experiment.bars.periods_per_year, experiment.config.portfolio.starting_equity
    n, first = experiment.bars.n_bars - experiment.first, experiment.first
    train, test = windows["train"], windows["test"]
    step, gap = windows.get("step", test), windows.get("gap", 0)
    chosen, stitched, at = [], [], train
    while at + test <= n:
        begin = 0 if windows.get("anchored") else at - train
        scores = [plain_sharpe(backtest(experiment, point, first + begin, first + at - gap), start, year) for point in points]
        best = max(range(len(points)), key=lambda k: -np.inf if np.isnan(scores[k]) else scores[k])
        curve = [start, *backtest(experiment, points[best], first + at, first + at + test)]
        last = at + step + test > n
        kept = test if last else min(step, test)
        stitched += [curve[i + 1] / curve[i] - 1.0 for i in range(kept)]
        chosen.append(best)
        at += step
    return chosen, stitched


@pytest.mark.parametrize("n_symbols", [1, 3])
@pytest.mark.parametrize("name", WINDOWS)
def test_a_walk_forward_is_a_plain_loop_over_runs(name: str, n_symbols: int) -> None:
    experiment = crossover(random_bars(620, n_symbols, 5, volatility=0.25), WINDOWS[name])
    found = walk_forward(experiment)
    points = [{FAST: fast, SLOW: slow} for fast in GRID[FAST] for slow in GRID[SLOW]] + [{FAST: 10, SLOW: 40}]
    assert list(found.points) == points and found.own == 6
    chosen, stitched = by_hand(experiment, WINDOWS[name], points)
    assert found.chosen.tolist() == chosen
    assert len(set(chosen)) > 1  # else nothing was seen to be chosen
    np.testing.assert_allclose(found.returns, stitched, rtol=0.0, atol=1e-12)
    np.testing.assert_array_equal(walk_forward_returns(experiment), found.returns)


@pytest.mark.parametrize("name", WINDOWS)
def test_without_a_grid_the_own_values_are_judged(name: str) -> None:
    experiment = crossover(random_bars(620, 2, 6), WINDOWS[name], grid={})
    found = walk_forward(experiment)
    _, stitched = by_hand(experiment, WINDOWS[name], [{}])
    np.testing.assert_allclose(found.returns, stitched, rtol=0.0, atol=1e-12)
    assert found.stability is None and all(not one.unmet for one in found.folds)


@pytest.mark.parametrize("name", WINDOWS)
def test_what_is_judged_was_not_trained_on(name: str) -> None:
    """Tests follow their training after the gap, and no period is stitched twice."""
    found = walk_forward(crossover(random_bars(620, 1, 7), WINDOWS[name]))
    for one in found.folds:
        assert one.fold.train[1] + WINDOWS[name].get("gap", 0) == one.fold.test[0]
        assert one.out_of_sample.n_periods == one.returns.size == WINDOWS[name]["test"]
        assert one.in_sample.n_periods == one.fold.train[1] - one.fold.train[0]
    assert (np.diff(found.rows) > 0).all() and found.rows.size == found.returns.size
    assert found.rows[0] == 70 + WINDOWS[name]["train"]
    assert found.unused == 550 - found.folds[-1].fold.test[1] < WINDOWS[name].get("step", WINDOWS[name]["test"])
    np.testing.assert_allclose(found.equity[-1], np.prod(1.0 + found.returns))


def test_the_same_bytes_with_any_threads_and_with_what_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = crossover(random_bars(620, 2, 8), WINDOWS["rolling"])
    monkeypatch.setenv("TRADING_SYSTEM_THREADS", "1")
    alone = walk_forward(experiment)
    monkeypatch.setenv("TRADING_SYSTEM_THREADS", "3")
    told: list[int] = []
    for _ in range(2):  # the second time everything is there already
        store = Store(tmp_path / ".trading-system", "a" * 64)
        found = walk_forward(experiment, Loop(lambda name, done, of: told.append(done), store))
        store.close(done=False)
    assert told == [0, 7, 7]
    assert found.values.tobytes() == alone.values.tobytes() and found.returns.tobytes() == alone.returns.tobytes()


def test_a_point_with_a_longer_warm_up_stays_out_until_it_has_passed() -> None:
    """An exponential or cumulated indicator has values from the first bar on; they must not be traded before the declared warm-up."""
    bars = random_bars(400, 1, 9)
    early = experiment_of(
        bars,
        "ma_crossover",
        first=20,
        params={"fast": 5, "slow": 20},
        validation={"walk_forward": {"train": 150, "test": 50}, "grid": {SLOW: (20, 120)}},
    )
    made = decided(early, World(settings={SLOW: 120}))
    assert ready_row(early, made.config) == 119
    forced = dataclasses.replace(made.decisions[0], decisions=Weights(np.ones((400, 1))))
    kept = silent_before(forced, 119)
    ledger = Decided(made.config, bars, [kept]).over(20, 400).ledger
    assert ledger.fills["row"].min() == 120 and (ledger.equity[:100] == 100_000.0).all()
    assert np.isnan(made.decisions[0].decisions.target[:119]).all()


def test_where_no_point_keeps_the_constraints_the_own_values_are_traded_and_it_is_said() -> None:
    experiment = crossover(random_bars(620, 1, 10), WINDOWS["rolling"], constraints={"n_trades": {"min": 1000.0}})
    found = walk_forward(experiment)
    assert all(one.unmet and one.number == found.own and one.point == {FAST: 10, SLOW: 40} for one in found.folds)
    assert np.isnan(found.values).all()
    own = walk_forward(crossover(random_bars(620, 1, 10), WINDOWS["rolling"], grid={}))
    np.testing.assert_array_equal(found.returns, own.returns)
    assert found.warnings[0].startswith("in 5 of 5 folds no point had an objective within the constraints")


def test_constraints_are_kept_where_a_point_keeps_them() -> None:
    experiment = crossover(random_bars(620, 3, 11), WINDOWS["rolling"], constraints={"n_trades": {"max": 12.0}})
    found = walk_forward(experiment)
    assert any(not one.unmet for one in found.folds)
    for one in found.folds:
        assert one.unmet or one.in_sample.n_trades <= 12


def test_with_plateau_a_lone_spike_is_passed_over() -> None:
    places = np.array([[i, j] for i in range(3) for j in range(3)], np.int32)
    points = Points({FAST: (1, 2, 3), SLOW: (4, 5, 6)}, places, [{FAST: 9, SLOW: 9}])
    values = np.array([[0.0, 0.0, 9.0, 5.0, 5.0, 0.0, 5.0, 5.0, 0.0, 99.0], [np.nan] * 10]).T
    plain, smooth = (SearchConfig(plateau=flag) for flag in (False, True))
    assert choices(values, points, 9, plain).tolist() == [9, 9]
    assert choices(values, points, 9, smooth).tolist() == [6, 9]  # 3, 4: the corner of the plateau has the best mean


def test_another_market_is_walked_with_its_own_decisions() -> None:
    experiment = crossover(random_bars(620, 2, 12), WINDOWS["rolling"])
    other = random_bars(620, 2, 13)
    there = crossover(other, WINDOWS["rolling"])
    np.testing.assert_array_equal(walk_forward_returns(experiment, other), walk_forward(there).returns)
    np.testing.assert_array_equal(walk_forward_returns(experiment, world=World(bars=other)), walk_forward(there).returns)
    np.testing.assert_array_equal(walk_forward(experiment, world=World(bars=other)).returns, walk_forward(there).returns)


def test_the_row_up_to_which_a_permutation_leaves_the_market_alone_ends_the_first_training() -> None:
    """Bars that differ after it only leave the first choice as it was."""
    experiment = crossover(random_bars(620, 2, 14), WINDOWS["rolling"])
    row = untouched_row(experiment)
    assert row == 70 + 200 - 1
    other = random_bars(620, 2, 15)
    panels = {
        name: np.vstack([getattr(experiment.bars, name)[: row + 1], getattr(other, name)[row + 1 :]])
        for name in ("open", "high", "low", "close", "volume")
    }
    mixed = walk_forward(experiment, world=World(bars=dataclasses.replace(experiment.bars, **panels)))
    np.testing.assert_array_equal(mixed.values[:, 0], walk_forward(experiment).values[:, 0])
    assert (mixed.values[:, 1] != walk_forward(experiment).values[:, 1]).any()


def test_too_few_periods_say_how_many_are_needed() -> None:
    experiment = crossover(random_bars(300, 1, 1), {"train": 200, "test": 60})
    with pytest.raises(InsufficientDataError, match=r"200 \+ 60 periods needs 260, and there are 230.*to 230 together"):
        walk_forward(experiment)
    with pytest.raises(ValidationError, match="a gap of 90 bars leaves nothing of 90"):
        WalkForwardConfig(train=90, test=20, gap=90)


def test_the_document_says_what_was_found() -> None:
    experiment = crossover(random_bars(620, 2, 16), WINDOWS["rolling"])
    found = walk_forward(experiment)
    told = document(found, experiment)
    assert [one["fold"] for one in told["folds"]] == list(range(1, len(found.folds) + 1))
    assert told["runs"] == 7 * len(found.folds) + 2 * len(found.folds)
    growth = np.prod([1.0 + one["out_of_sample"]["total_return"] for one in told["folds"]])
    assert told["stitched"]["total_return"] == pytest.approx(growth - 1.0, abs=1e-12)
    assert told["stitched"]["n_periods"] == 60 * len(found.folds)
    assert told["share_profitable"] == np.mean([one["out_of_sample"]["total_return"] > 0 for one in told["folds"]])
    rates = [np.mean([one[side]["total_return"] / one[side]["n_periods"] for one in told["folds"]]) for side in SIDES]
    assert told["efficiency"]["simple_rate"] == pytest.approx(rates[1] / rates[0])
    modal = Counter(tuple(one["point"].values()) for one in told["folds"]).most_common(1)[0]
    assert told["stability"]["modal_share"] == modal[1] / len(found.folds)
    json.dumps(told, allow_nan=False)


@pytest.mark.parametrize("objective", ["sharpe", "calmar", "total_return"])
def test_the_quick_way_of_a_single_line_gives_what_the_general_way_does(
    objective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars = random_bars(620, 1, 17, volatility=0.25)
    told = {"objective": objective, "constraints": {"n_trades": {"min": 1.0}}}
    quick = walk_forward(crossover(bars, WINDOWS["gap"], **told))
    asked = []
    monkeypatch.setattr(room, "fast_evaluate", lambda *args, **more: asked.append(args))  # None: it does not apply
    general = walk_forward(crossover(bars, WINDOWS["gap"], **told))
    assert len(asked) == 1
    np.testing.assert_allclose(quick.values, general.values, rtol=1e-12, atol=1e-12)
    assert quick.chosen.tolist() == general.chosen.tolist()
    np.testing.assert_array_equal(quick.returns, general.returns)
    for one, other in zip(quick.folds, general.folds, strict=True):
        assert one.out_of_sample.document() == other.out_of_sample.document()
        here, there = one.in_sample.document(), other.in_sample.document()
        assert here == {name: pytest.approx(value, rel=1e-10, abs=1e-12) for name, value in there.items()}


def test_combinations_that_the_rule_refuses_are_no_points_and_are_counted() -> None:
    experiment = crossover(random_bars(620, 1, 18), WINDOWS["rolling"], grid={FAST: (5, 60), SLOW: (30, 90)})
    found = walk_forward(experiment)
    assert list(found.points) == [{FAST: 5, SLOW: 30}, {FAST: 5, SLOW: 90}, {FAST: 60, SLOW: 90}, {FAST: 10, SLOW: 40}]
    assert "combinations of the grid that a strategy refuses, and that were left out: 1" in found.warnings


class Moody(Strategy):
    """Holds everything, and breaks where it is told to."""

    level: int = 1

    @property
    def warmup(self) -> int:
        return 1

    def decide(self, bars: Bars) -> Weights:
        if self.level > 1:
            raise ValueError("no such level")
        return Weights(np.full(bars.close.shape, 1.0 / bars.n_symbols))


def moody(monkeypatch: pytest.MonkeyPatch, levels: tuple[int, ...]) -> Experiment:
    level = "strategies.0.params.level"
    validation = {"walk_forward": WINDOWS["rolling"], "grid": {level: levels}}
    experiment = experiment_of(random_bars(620, 2, 19), "rule", params={"level": levels[0]}, validation=validation)
    monkeypatch.setattr(
        experiment, "strategy", lambda config, number: Moody(level=config.strategies[number].params.get("level", 1))
    )
    return experiment


def test_a_point_that_fails_is_never_chosen_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = walk_forward(moody(monkeypatch, (1, 2, 3)))
    assert (found.chosen == 0).all() and np.isnan(found.values[1:]).all() and found.n_failed == 2
    assert "2 of 3 points failed and were never chosen; optimize says why" in found.warnings


def test_where_every_point_fails_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StrategyError, match="no such level"):
        walk_forward(moody(monkeypatch, (2, 3)))


def test_rows_between_two_measured_closes_belong_to_the_period_that_they_end_in() -> None:
    """Of a market whose calendars differ only some rows are measured; windows count those, runs read all of them."""
    draw = np.random.default_rng(3)
    sampled = draw.random(620) < 0.7
    sampled[-1] = True
    bars = random_bars(620, 2, 20, sampled=sampled)
    experiment = experiment_of(
        bars, "ma_crossover", first=70, params={"fast": 5, "slow": 20}, validation={"walk_forward": {"train": 150, "test": 60}}
    )
    found = walk_forward(experiment)
    measured = [row for row in range(70, 620) if sampled[row]]
    stitched: list[float] = []
    for fold in found.folds:
        first, stop = fold.fold.test
        begin, end = measured[first - 1] + 1, measured[stop - 1] + 1
        equity = dict(zip(range(begin, end), backtest(experiment, {}, begin, end), strict=True))
        levels = [100_000.0, *(equity[row] for row in measured[first:stop])]
        stitched += [levels[i + 1] / levels[i] - 1.0 for i in range(60)]
    np.testing.assert_allclose(found.returns, stitched, rtol=0.0, atol=1e-12)
    assert found.rows.tolist() == measured[150 : 150 + len(stitched)]
    inside = walk_forward(experiment).folds[0].in_sample
    assert inside.n_periods == 150


def test_a_large_grid_is_taken_in_blocks_with_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    bars = random_bars(620, 1, 21)
    whole = walk_forward(crossover(bars, WINDOWS["rolling"]))
    monkeypatch.setattr(room, "CELLS", 10)  # two points at once
    blocks = walk_forward(crossover(bars, WINDOWS["rolling"]))
    np.testing.assert_array_equal(blocks.values, whole.values)
    np.testing.assert_array_equal(blocks.returns, whole.returns)


def test_a_table_larger_than_the_memory_is_refused_with_the_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "memory_limit", lambda: 500)
    with pytest.raises(CapacityError, match="7 points x 5 folds takes 0 MB"):
        walk_forward(crossover(random_bars(620, 1, 22), WINDOWS["rolling"]))
