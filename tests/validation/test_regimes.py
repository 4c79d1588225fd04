"""Months of one kind and correlations of what is held, against loops over months and pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.builders import weekdays
from trading_system.validation import regimes


def benchmark(n=700, seed=2):
    rng = np.random.default_rng(seed)
    return 100.0 * np.exp(np.cumsum(rng.normal(0.0003, 0.01, n) * rng.choice([0.5, 1.0, 2.5], n // 50 + 1).repeat(50)[:n]))


def test_months_are_those_of_a_grouped_series():
    close, session = benchmark(), weekdays(700).astype(np.int64)
    series = pd.Series(close, index=pd.to_datetime(session.astype("M8[D]")))
    ends = series.resample("ME").last()
    change = ends / ends.shift(1).fillna(series.iloc[0]) - 1.0
    width = 0.5 * change.std()
    daily = series.pct_change().fillna(0.0).groupby(series.index.to_period("M")).std(ddof=0)
    month = series.index.to_period("M")
    found = regimes.regimes(close, session)
    expected = {
        "bear": change.to_numpy() < -width,
        "range": change.abs().to_numpy() <= width,
        "high volatility": (daily > daily.quantile(0.8)).to_numpy(),
    }
    for kind, chosen in expected.items():
        names = set(daily.index[chosen])
        assert 0 < len(names) < len(daily)
        assert found[kind].tolist() == [one in names for one in month]


def test_missing_closes_of_the_benchmark_are_passed_over_and_few_months_are_none():
    close, session = benchmark(), weekdays(700).astype(np.int64)
    holed = close.copy()
    holed[5:9] = np.nan
    assert set(regimes.regimes(holed, session)) == set(regimes.KINDS)
    assert regimes.regimes(close[:60], session[:60]) == {}
    assert regimes.regimes(np.full(700, np.nan), session) == {}


def test_a_drawdown_counts_below_half_of_the_deepest():
    returns = np.array([0.1, -0.02, -0.08, -0.02, 0.05, 0.2, 0.0])
    level = np.cumprod(1 + returns)
    fall = level / np.maximum.accumulate(level) - 1.0
    assert regimes.in_drawdown(returns).tolist() == (fall < fall.min() / 2).tolist()
    assert not regimes.in_drawdown(np.array([0.1, 0.0])).any() and regimes.in_drawdown(np.zeros(0)).size == 0


@pytest.mark.parametrize("short", [False, True])
def test_the_correlation_of_holdings_is_that_of_a_loop_over_pairs(short):
    rng = np.random.default_rng(4)
    returns = rng.normal(0.0, 0.01, (400, 5)) + rng.normal(0.0, 0.01, (400, 1))
    returns[rng.random(returns.shape) < 0.05] = np.nan
    sides = (rng.random(returns.shape) < 0.5).astype(np.int8)
    sides[:, 4] = 0
    sides[:10, 4] = 1
    if short:
        sides[:, 1] *= -1
    chosen = rng.random(400) < 0.6
    total = weights = pairs = 0
    for i in range(5):
        for j in range(i):
            both = chosen & (sides[:, i] != 0) & (sides[:, j] != 0) & np.isfinite(returns[:, i] + returns[:, j])
            if both.sum() >= 20:
                one, two = returns[both, i] * sides[both, i], returns[both, j] * sides[both, j]
                total += np.corrcoef(one, two)[0, 1] * both.sum()
                weights += both.sum()
                pairs += 1
    value, n = regimes.holdings_correlation(returns, sides, chosen)
    assert n == pairs == 6 and value == pytest.approx(total / weights, abs=1e-12)
    assert np.isnan(regimes.holdings_correlation(returns, sides, np.zeros(400, bool))[0])
