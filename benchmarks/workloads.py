"""One workload in one process: our side of the measurements in `speed.py`.

    python benchmarks/workloads.py GENERATOR_FOLDER w1|w2|w3|w4|w4all|w5|spa|w6|w6line|w7|w8|report [repeats]

Prints one JSON line: median, min, max wall seconds of the whole work (indicators, decisions, simulation, statistics),
median processor seconds, the first call, the peak resident memory in MB and the size of the input in MB. GENERATOR_FOLDER holds the module `gen` with the
synthetic prices that every engine is measured on.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))


def bars_of(prices: dict[str, np.ndarray]) -> Any:
    """Bars of a generated market."""
    from trading_system.data.bars import Bars

    return Bars.daily(
        prices["close"],
        open=prices["open"],
        high=prices["high"],
        low=prices["low"],
        volume=prices["volume"],
        first="1990-01-01",
        periods_per_year=252.0,
    )


def config_of(strategy: dict[str, Any], portfolio: dict[str, Any], **more: Any) -> Any:
    """A run's configuration, shaped as the run file would be."""
    from trading_system.config.models import RunConfig

    return RunConfig.model_validate(
        {"data": {"source": "sample", "path": "us5"}, "strategies": (strategy,), "portfolio": portfolio, **more}
    )


FRACTIONAL = {"lot": {"equity": "fractional"}}
CROSSOVER = {"name": "crossover", "type": "ma_crossover", "params": {"fast": 20, "slow": 50}}
BREAKOUT = {
    "name": "breakout",
    "type": "ranked_breakout.py:RankedBreakout",
    "sizing": {"method": "risk_per_trade", "risk": 0.0075},
    "limits": {"max_positions": 10},
    "costs": {"commission_bps": 5.0, "slippage": {"model": "fixed", "bps": 5.0}},
}
EVERY_RULE = {
    "limits": {"max_positions": 10, "max_gross_exposure": 1.0, "max_position_notional": 0.25},
    "capacity": {"max_fraction_of_adv": 0.05, "when_exceeded": "clip"},
    "costs": {"commission_bps": 5.0, "slippage": {"model": "full", "base_bps": 5.0}, "borrow_rate": 0.01},
}
EVERY_PORTFOLIO_RULE = {
    "limits": {"max_positions": 10, "max_gross_exposure": 1.0, "max_drawdown": 0.9, "max_daily_loss": 0.5},
    "volatility_scaling": {"mode": "continuous"},
    "correlation_guard": {"min_positions": 4},
    "ranking": {"momentum": 0.8, "diversification": 0.2},
}


def crossover(prices: dict[str, np.ndarray], fee_bps: float) -> Any:
    from trading_system.engine.simulate import StrategyDecisions, simulate
    from trading_system.metrics.summary import summarise
    from trading_system.strategies.ma_crossover import MovingAverageCrossover

    bars = bars_of(prices)
    costs = {"commission_bps": fee_bps, "slippage": {"model": "none"}}
    config = config_of({**CROSSOVER, "costs": costs}, {}, execution=FRACTIONAL)
    rule = MovingAverageCrossover(fast=20, slow=50)
    columns = np.arange(bars.n_symbols)

    def work() -> Any:
        ledger = simulate(bars, [StrategyDecisions(rule.decide(bars), columns, bars.tradable)], config)
        return summarise(ledger, config, benchmark=None)

    return work


def portfolio(prices: dict[str, np.ndarray], every_rule: bool) -> Any:
    from ranked_breakout import RankedBreakout

    from trading_system.engine.simulate import StrategyDecisions, simulate
    from trading_system.metrics.summary import summarise

    bars = bars_of(prices)
    strategy = {**BREAKOUT, **(EVERY_RULE if every_rule else {})}
    config = config_of(strategy, EVERY_PORTFOLIO_RULE if every_rule else {}, execution=FRACTIONAL)
    rule = RankedBreakout()
    columns = np.arange(bars.n_symbols)

    def work() -> Any:
        ledger = simulate(bars, [StrategyDecisions(rule.decide(bars), columns, bars.tradable)], config)
        return summarise(ledger, config, benchmark=None)

    return work


def backtests(gen: Any, name: str) -> tuple[Any, float]:
    """A single backtest as a work, and the size of its input in MB."""
    shapes = {"w4": (500, 2520), "w4all": (500, 2520), "w8": (3000, 5040), "w8all": (3000, 5040)}
    if name == "w1":
        prices, work_of = gen.daily(), lambda p: crossover(p, 10.0)
    elif name == "w2":
        prices, work_of = gen.minutes(), lambda p: crossover(p, 0.1)
    else:
        prices, work_of = gen.panel(*shapes[name]), lambda p: portfolio(p, name.endswith("all"))
    run = work_of(prices)
    wanted = ("total_return", "sharpe", "max_drawdown", "n_trades")

    def work() -> dict[str, Any]:
        metrics = run().metrics
        return {key: metrics.get(key) for key in wanted}

    return work, sum(panel.nbytes for panel in prices.values()) / 2**20


def main(folder: str, name: str, repeats: int) -> None:
    sys.path.insert(0, folder)
    import gen
    import searches

    work, size = (searches.WORKS[name](gen), 0.0) if name in searches.WORKS else backtests(gen, name)
    start = time.perf_counter()
    facts = work()
    first = time.perf_counter() - start
    walls, processor = [], []
    for _ in range(repeats):
        start, used = time.perf_counter(), time.process_time()
        facts = work()
        walls.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = {
        "workload": name,
        "median": statistics.median(walls),
        "min": min(walls),
        "max": max(walls),
        "cpu_median": statistics.median(processor),
        "first": first,
        "peak_mb": round(peak, 1),
        "input_mb": round(size, 1),
        "result": searches.plain(facts),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 5)
