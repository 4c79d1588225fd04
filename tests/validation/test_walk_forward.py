"""Walk-forward against plain loops: over the engine, and over whole backtests from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.builders import random_bars
from tests.validation.examined import experiment_of
from trading_system.config.changes import changed
from trading_system.data.bars import Bars
from trading_system.engine.simulate import StrategyDecisions, simulate
from trading_system.strategies.loading import build_strategy
from trading_system.validation.experiment import Experiment
from trading_system.validation.walk_forward import walk_forward, walk_forward_returns

FAST, SLOW = "strategies.0.params.fast", "strategies.0.params.slow"
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
