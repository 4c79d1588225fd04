"""How long resamples, look-ahead and stress take: 2,520 returns, 500 strategies of 2,520 periods, 50 symbols of as many bars.

Run with ``TRADING_SYSTEM_THREADS=1 pytest benchmarks/test_validation.py --benchmark-enable``; every figure is warm. The
figures of arch are taken in the same run: on a busy machine only their ratio means something.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.builders import random_bars
from tests.validation.examined import examination_of, experiment_of
from trading_system.validation import bootstrap, data_snooping, overfitting, permutation, resampling
from trading_system.validation.permuted_worlds import PermutedWorlds
from trading_system.validation.search import searched_points

N_BARS, N_STRATEGIES = 2_520, 500


@pytest.fixture(scope="module")
def returns() -> np.ndarray:
    return np.random.default_rng(1).normal(0.0005, 0.01, N_BARS)


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    return 0.01 * np.random.default_rng(3).standard_normal((N_BARS, N_STRATEGIES))


def drawn(n_resamples: int) -> bootstrap.Resamples:
    keys = resampling.resample_keys(np.random.default_rng(5), n_resamples)
    return bootstrap.resamples("stationary", N_BARS, 10.0, keys)


def measured(benchmark: Any, function: Any, *arguments: Any) -> None:
    function(*arguments)
    benchmark.pedantic(function, args=arguments, rounds=5)


def superior(table: np.ndarray) -> float:
    return data_snooping.superior_ability(data_snooping.contest(table, drawn(1_000))).consistent.p_value


def test_performance_of_ten_thousand_resamples(returns: np.ndarray, benchmark: Any) -> None:
    measured(benchmark, lambda: bootstrap.resampled_performance(returns, drawn(10_000), 252))


def test_superior_ability_of_500_strategies(table: np.ndarray, benchmark: Any) -> None:
    measured(benchmark, superior, table)


def test_step_down_of_500_strategies(table: np.ndarray, benchmark: Any) -> None:
    measured(benchmark, lambda: data_snooping.step_down(data_snooping.contest(table, drawn(1_000))))


def test_overfitting_of_500_trials_in_16_blocks(table: np.ndarray, benchmark: Any) -> None:
    measured(benchmark, overfitting.probability_of_overfitting, table, 16)


def test_one_thousand_permuted_markets(returns: np.ndarray, benchmark: Any) -> None:
    close = 100.0 * np.cumprod(1.0 + returns)
    open_ = np.concatenate(([100.0], close[:-1]))
    market = permutation.moves_of(open_, np.maximum(open_, close), np.minimum(open_, close), close)
    rng = np.random.default_rng(7)

    def worlds() -> float:
        return sum(float(permutation.permuted(market, permutation.drawn_orders(rng, N_BARS)).close[1]) for _ in range(1_000))

    measured(benchmark, worlds)


@pytest.fixture(scope="module")
def momentum() -> Any:
    """The momentum rule on 50 random symbols, at the sizes of ``--fast``."""
    return examination_of(experiment_of(random_bars(N_BARS, 50, seed=1), "equity_momentum", first=70), fast=True)


@pytest.mark.parametrize("name", ["lookahead", "costs", "stress"])
def test_one_strategy_of_50_symbols(name: str, momentum: Any, benchmark: Any) -> None:
    from trading_system.validation.base import generator, tests

    measured(benchmark, lambda: tests.get(name)().run(momentum, generator(42, name)))


def test_a_search_of_fifty_points_on_a_permuted_portfolio(benchmark: Any) -> None:
    """117 symbols x 5,000 bars, every rule of the example portfolio on: a permutation test makes 499 of these."""
    grid = {
        "strategies.0.params.fast_breakout": (10, 15, 20, 30, 40),
        "strategies.0.params.stop_atr": (1.5, 2.0, 2.5, 3.0, 3.5),
        "strategies.0.params.exit_ma": (20, 30),
    }
    experiment = experiment_of(
        random_bars(5_000, 117, 1),
        "equity_momentum",
        first=100,
        validation={"grid": grid},
        sizing={"method": "risk_per_trade", "risk": 0.0075},
        limits={"max_positions": 8, "max_gross_exposure": 0.8, "max_position_notional": 0.10},
        capacity={"max_fraction_of_adv": 0.005, "when_exceeded": "reject"},
        costs={"commission_bps": 1.0, "slippage": {"model": "full", "base_bps": 8.0}},
        portfolio={
            "limits": {"max_positions": 16, "max_drawdown": 0.25, "max_daily_loss": 0.05},
            "volatility_scaling": {"mode": "continuous"},
            "correlation_guard": {"min_positions": 4},
            "ranking": {"breakout": 0.5, "momentum": 0.3, "diversification": 0.2},
        },
    )
    worlds, points = PermutedWorlds(experiment, 1), searched_points(experiment)[0]
    measured(benchmark, worlds.best, points, 3)


def test_performance_of_ten_thousand_resamples_by_arch(returns: np.ndarray, benchmark: Any) -> None:
    from arch.bootstrap import StationaryBootstrap

    def numbers(r: np.ndarray) -> np.ndarray:
        total = np.cumsum(np.log1p(r))
        peak = np.maximum(np.maximum.accumulate(total), 0.0)
        ratio = r.mean() / r.std(ddof=1) * np.sqrt(252.0)
        return np.array([ratio, np.exp(total[-1] * 252 / r.size) - 1, 1 - np.exp((total - peak).min())])

    measured(benchmark, lambda: StationaryBootstrap(10, returns, seed=1).apply(numbers, 10_000))


def test_superior_ability_of_500_strategies_by_arch(table: np.ndarray, benchmark: Any) -> None:
    from arch.bootstrap import SPA

    def compute() -> Any:
        test = SPA(np.zeros(N_BARS), -table, block_size=10, reps=1_000, bootstrap="stationary", seed=5)
        test.compute()
        return test.pvalues

    measured(benchmark, compute)
