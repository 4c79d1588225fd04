"""The engine alone, kernels warm: ``python -m pytest benchmarks/test_engine.py --benchmark-enable``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.builders import random_bars
from trading_system.config.models import RunConfig
from trading_system.engine.simulate import Simulation, StrategyDecisions, simulate
from trading_system.strategies.base import Signals, Weights

EVERY_RULE = {
    "limits": {"max_positions": 16, "max_drawdown": 0.9, "max_daily_loss": 0.5},
    "volatility_scaling": {"mode": "continuous"},
    "correlation_guard": {},
    "ranking": {"momentum": 0.8, "diversification": 0.2},
}


def config(portfolio: dict[str, Any], **strategy: Any) -> RunConfig:
    return RunConfig.model_validate(
        {
            "data": {"source": "csv", "path": "x"},
            "strategies": [{"name": "s", "type": "x", **strategy}],
            "portfolio": portfolio,
        },
        strict=False,
    )


def crossover(n_bars: int) -> tuple[Any, list[StrategyDecisions]]:
    """One symbol, in or out by two averages."""
    bars = random_bars(n_bars, 1, 7, volatility=0.3 * (2_520 / n_bars) ** 0.5)  # no ruin in four thousand years of days
    sums = np.cumsum(np.r_[0.0, bars.close[:, 0]])
    fast, slow = (np.r_[np.full(n - 1, np.nan), (sums[n:] - sums[:-n]) / n] for n in (20, 50))
    target = np.where(np.isnan(slow), np.nan, (fast > slow) * 1.0)
    turned = np.r_[True, target[1:] != target[:-1]]
    return bars, [StrategyDecisions(Weights(np.where(turned, target, np.nan)[:, None]), np.arange(1), bars.tradable)]


def breakouts(n_bars: int, n_symbols: int) -> tuple[Any, list[StrategyDecisions]]:
    """Closes above the last 20 highs, out below a moving average, stops at a multiple of the range."""
    bars = random_bars(n_bars, n_symbols, 9)
    high, close = bars.high, bars.close
    top = np.full(close.shape, np.inf)
    for lag in range(1, 21):
        top[20:] = np.maximum(np.where(np.isinf(top[20:]), 0.0, top[20:]), high[20 - lag : n_bars - lag])
    sums = np.cumsum(np.vstack([np.zeros(n_symbols), close]), axis=0)
    average = np.full(close.shape, np.nan)
    average[19:] = (sums[20:] - sums[:-20]) / 20
    signals = Signals(
        entry=(close > top).astype(np.int8),
        exit=close < average,
        stop_distance=0.04 * close,
        components=(close / np.where(np.isnan(average), close, average))[None].copy(),
        component_names=("momentum",),
    )
    return bars, [StrategyDecisions(signals, np.arange(n_symbols), bars.tradable)]


@pytest.mark.parametrize("n_bars", [2_520, 1_000_000])
def test_crossover(benchmark: Any, n_bars: int) -> None:
    bars, made = crossover(n_bars)
    rules = config({})
    simulate(bars, made, rules)
    assert benchmark(simulate, bars, made, rules).equity.size == n_bars


@pytest.mark.parametrize("n_bars", [2_520, 1_000_000])
def test_crossover_the_long_way(benchmark: Any, n_bars: int) -> None:
    """What every run of a single line would take without a kernel of its own."""
    bars, made = crossover(n_bars)
    rules = config({})
    Simulation(bars, made, rules).advance()
    assert benchmark(lambda: Simulation(bars, made, rules).advance().ledger()).equity.size == n_bars


@pytest.mark.parametrize("n_bars", [2_520, 1_000_000])
def test_a_single_line_with_stops_and_targets(benchmark: Any, n_bars: int) -> None:
    bars, _ = crossover(n_bars)
    entry = np.zeros((n_bars, 1), np.int8)
    entry[::40] = 1
    distance = 0.02 * (2_520 / n_bars) ** 0.5 * bars.close
    made = Signals(entry, np.zeros(entry.shape, np.bool_), stop_distance=distance, target_distance=distance)
    decisions, rules = [StrategyDecisions(made, np.arange(1), bars.tradable)], config({})
    simulate(bars, decisions, rules)
    assert len(benchmark(simulate, bars, decisions, rules).trades) > n_bars // 200


@pytest.mark.parametrize("portfolio", [{"limits": {"max_positions": 16}}, EVERY_RULE], ids=["slots", "every rule"])
def test_breakouts(benchmark: Any, portfolio: dict[str, Any]) -> None:
    bars, made = breakouts(2_520, 500)
    full = {"commission_bps": 1.0, "slippage": {"model": "full"}} if portfolio is EVERY_RULE else {}
    rules = config(portfolio, costs=full)
    simulate(bars, made, rules)
    assert len(benchmark(simulate, bars, made, rules).trades) > 100
