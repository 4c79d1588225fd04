"""How long indicators and strategies take: 500 symbols x 2,520 bars, and one symbol x 1,000,000 bars.

Run with ``pytest benchmarks/test_indicators.py --benchmark-enable``; every figure is warm (kernels compiled).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from trading_system import indicators as own
from trading_system.data.bars import Bars
from trading_system.data.resampling import completed_bars
from trading_system.strategies.base import Signals, Weights, strategies
from trading_system.strategies.filters.base import filters

KINDS = ("500 x 2520", "500 x 2520, holes", "1 x 1000000")


@pytest.fixture(scope="module")
def markets() -> dict[str, Bars]:
    """Random walks with ranges: wide, wide with one bar in a hundred missing, long."""
    return {kind: _market(kind) for kind in KINDS}


def _market(kind: str) -> Bars:
    rng = np.random.default_rng(1)
    shape = (1_000_000, 1) if kind.startswith("1 x") else (2_520, 500)
    volatility = 0.0006 if shape[1] == 1 else 0.02
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, volatility, shape), axis=0))
    if kind.endswith("holes"):
        close[rng.random(shape) < 0.01] = np.nan
    span = 1.0 + rng.uniform(0.0, volatility, shape)
    bars = Bars.daily(close, high=close * span, low=close / span, every_day=True, first="1970-01-01")
    assert bars.n_tradable.size == bars.benchmark_close.size  # both are cached by the bars, and no part of a strategy
    return bars


INDICATORS: dict[str, Callable[[Bars], Any]] = {
    "sma": lambda b: own.sma(b.close, 50),
    "ema": lambda b: own.ema(b.close, 50),
    "wilder_atr": lambda b: own.wilder_atr(b.high, b.low, b.close),
    "rsi": lambda b: own.rsi(b.close),
    "roc": lambda b: own.roc(b.close, 60),
    "rolling_high": lambda b: own.rolling_high(b.high, 20, prior=True),
    "rolling_high of a year": lambda b: own.rolling_high(b.high, 252),
    "swing_highs": lambda b: own.swing_highs(b.high),
    "zscore": lambda b: own.zscore(b.close, 20),
    "rolling_correlation": lambda b: own.rolling_correlation(b.close, b.high, 60),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", INDICATORS)
def test_indicator(name: str, kind: str, markets: dict[str, Bars], benchmark: Any) -> None:
    bars = markets[kind]
    INDICATORS[name](bars)
    benchmark.pedantic(INDICATORS[name], args=(bars,), rounds=7)


@pytest.mark.parametrize("kind", KINDS[:2])
@pytest.mark.parametrize("name", strategies.names())
def test_strategy(name: str, kind: str, markets: dict[str, Bars], benchmark: Any) -> None:
    bars = markets[kind]
    strategy = strategies.get(name).example(bars.symbols)
    strategy.decide(bars)
    benchmark.pedantic(strategy.decide, args=(bars,), rounds=7)


@pytest.mark.parametrize("kind", KINDS[:2])
@pytest.mark.parametrize("name", filters.names())
def test_filter(name: str, kind: str, markets: dict[str, Bars], benchmark: Any) -> None:
    """On the entries of breakouts, about one in twenty bars."""
    bars = markets[kind]
    signals, chosen = strategies.get("equity_momentum")().decide(bars), filters.get(name)()
    assert isinstance(signals, Signals)
    chosen.apply(signals, bars)
    benchmark.pedantic(chosen.apply, args=(signals, bars), rounds=7)


@pytest.mark.parametrize("period", ["week", "month"])
def test_completed_bars(period: Any, markets: dict[str, Bars], benchmark: Any) -> None:
    bars = markets["500 x 2520"]
    completed_bars(bars, period)
    benchmark.pedantic(completed_bars, args=(bars, period), rounds=7)


def test_crossover_of_a_million_bars(markets: dict[str, Bars], benchmark: Any) -> None:
    bars = markets["1 x 1000000"]
    strategy = strategies.get("ma_crossover")()
    strategy.decide(bars)
    benchmark.pedantic(strategy.decide, args=(bars,), rounds=7)


def test_targets_on_change_of_a_million_bars(benchmark: Any) -> None:
    target = (np.arange(1_000_000)[:, None] // 40 % 2).astype(np.float64)
    Weights.on_change(target)
    benchmark.pedantic(Weights.on_change, args=(target,), rounds=7)
