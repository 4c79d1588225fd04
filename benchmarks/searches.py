"""Searches, resamples and the report page: what `workloads.py` runs of question two, one function per work.

Each gives a function that does the whole work once and says what came out of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Work = Callable[[], dict[str, Any]]
FAST, SLOW = "strategies.0.params.fast", "strategies.0.params.slow"


def experiment(prices: dict[str, np.ndarray], objective: str, **validation: Any) -> Any:
    """A crossover of one symbol, 0.1 % commission, as a search sees it."""
    from workloads import CROSSOVER, FRACTIONAL, bars_of, config_of

    from trading_system.data.loading import Market
    from trading_system.validation.experiment import Experiment

    costs = {"commission_bps": 10.0, "slippage": {"model": "none"}}
    told = {"search": {"objective": objective}, **validation}
    config = config_of({**CROSSOVER, "costs": costs}, {}, execution=FRACTIONAL, validation=told)
    return Experiment(config, Path(), Market(bars_of(prices), {}, (), {}), 0)


def pairs(fast: range, slow: range) -> list[dict[str, Any]]:
    """Points of a grid."""
    return [{FAST: one, SLOW: other} for one in fast for other in slow]


def w3(gen: Any) -> Work:
    """10,000 pairs of averages: total return, Sharpe ratio and deepest drawdown of each."""
    from trading_system.validation.fast_search import fast_evaluate

    one, points = experiment(gen.daily(), "sharpe"), pairs(range(2, 102), range(102, 202))

    def work() -> dict[str, Any]:
        found = fast_evaluate(one, list(points))  # another list: nothing is known of it
        assert found is not None
        total, sharpe, fall = (found.measure(name)[:, 0] for name in ("total_return", "sharpe", "max_drawdown"))
        best = points[int(np.nanargmax(total))]
        return {
            "sum_return": total.sum(),
            "mean_sharpe": np.nanmean(sharpe),
            "mean_fall": fall.mean(),
            "best": list(best.values()),
        }

    return work


def w6(gen: Any, objective: str) -> Work:
    """1,000 permuted markets, the best of 100 pairs on each, as the permutation test makes them."""
    from trading_system.parallel import mapped
    from trading_system.validation.permuted_worlds import PermutedWorlds

    one, points = experiment(gen.daily(), objective), pairs(range(5, 25, 2), range(30, 130, 10))

    def work() -> dict[str, Any]:
        worlds = PermutedWorlds(one, 11)
        found = np.array(mapped(lambda number: worlds.best(points, number)[0], range(1_000)))
        return {"mean_best": float(found.mean()), "q95": float(np.quantile(found, 0.95))}

    return work


def w7(gen: Any) -> Work:
    """A walk-forward of 20 folds, 1,260 + 252 bars, 500 pairs on each."""
    from trading_system.validation.walk_forward import walk_forward

    windows = {"train": 1_260, "test": 252, "step": 185}
    grid = {FAST: tuple(range(5, 25)), SLOW: tuple(range(30, 105, 3))}
    one = experiment(gen.daily(5_040, 17), "sharpe", grid=grid, walk_forward=windows)

    def work() -> dict[str, Any]:
        found = walk_forward(one)
        returns = sum(fold.out_of_sample.total_return for fold in found.folds)
        return {"folds": len(found.folds), "points": len(found.points), "sum_out_of_sample": returns}

    return work


def w5(gen: Any) -> Work:
    """10,000 stationary resamples of 2,520 returns: Sharpe ratio, growth, deepest drawdown."""
    from trading_system.validation import bootstrap, resampling

    close = gen.daily()["close"][:, 0]
    returns = np.concatenate(([0.0005], close[1:] / close[:-1] - 1.0))

    def work() -> dict[str, Any]:
        keys = resampling.resample_keys(np.random.default_rng(1), 10_000)
        drawn = bootstrap.resamples("stationary", returns.size, 10.0, keys)
        found = bootstrap.resampled_performance(returns, drawn, 252)
        return {"mean": [float(np.mean(values)) for values in found], "deviation": [float(np.std(values)) for values in found]}

    return work


def spa(gen: Any) -> Work:
    """Superior predictive ability of 500 strategies over 2,520 periods, 1,000 resamples, studentised."""
    from trading_system.validation import bootstrap, data_snooping, resampling

    table = np.random.default_rng(3).standard_normal((2_520, 500)) * 0.01

    def work() -> dict[str, Any]:
        keys = resampling.resample_keys(np.random.default_rng(5), 1_000)
        drawn = bootstrap.resamples("stationary", 2_520, 10.0, keys)
        found = data_snooping.superior_ability(data_snooping.contest(table, drawn))
        return {"p": [one.p_value for one in found]}

    return work


def report(gen: Any) -> Work:
    """The page of a run of 2,520 daily returns, from its ledger: every measure, every artefact, the HTML."""
    from workloads import CROSSOVER, FRACTIONAL, bars_of, config_of

    from tests.reports.made import html_of, made
    from trading_system.engine.simulate import StrategyDecisions, simulate
    from trading_system.strategies.ma_crossover import MovingAverageCrossover

    bars = bars_of(gen.daily())
    config = config_of({**CROSSOVER, "costs": {"commission_bps": 10.0}}, {}, execution=FRACTIONAL)
    decisions = [StrategyDecisions(MovingAverageCrossover(fast=20, slow=50).decide(bars), np.arange(1), bars.tradable)]

    def work() -> dict[str, Any]:
        return {"bytes": len(html_of(made(simulate(bars, decisions, config))))}

    return work


WORKS: dict[str, Callable[[Any], Work]] = {
    "w3": w3,
    "w5": w5,
    "spa": spa,
    "w6": lambda gen: w6(gen, "total_return"),
    "w6line": lambda gen: w6(gen, "sharpe"),
    "w7": w7,
    "report": report,
}


def plain(facts: dict[str, Any]) -> dict[str, Any]:
    """`facts` as JSON takes them."""
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in facts.items()}
