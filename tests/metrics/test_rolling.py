"""Rolling figures are those of each window measured alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_system.errors import DataError
from trading_system.metrics.returns import ann_vol, sharpe
from trading_system.metrics.rolling import rolling_sharpe, rolling_volatility, window_of


@given(n=st.integers(0, 90), window=st.integers(2, 30), seed=st.integers(0, 10_000), rate=st.sampled_from([0.0, 0.04]))
def test_each_point_is_its_window_measured_alone(n, window, seed, rate):
    rng = np.random.default_rng(seed)
    returns = rng.normal(0.0004, 0.012, n) * rng.choice([0.0, 1.0, 4.0], n)
    returns[n // 3 : n // 3 + 2 * window] = 0.001  # a stretch that never varies
    volatility, ratio = rolling_volatility(returns, window, 252.0), rolling_sharpe(returns, window, 252.0, rate)
    assert volatility.shape == ratio.shape == (n,)
    for t in range(n):
        if t < window - 1:
            assert np.isnan(volatility[t]) and np.isnan(ratio[t])
            continue
        alone = returns[t - window + 1 : t + 1]
        assert volatility[t] == pytest.approx(ann_vol(alone, 252.0), rel=1e-8, abs=1e-7)
        if not 0.0 < volatility[t] < 0.001:  # quieter than a thousandth of the rest: the ratio is rounding
            assert ratio[t] == pytest.approx(sharpe(alone, 252.0, rate), rel=1e-6, abs=1e-8, nan_ok=True)


def test_a_window_that_never_varies_has_no_volatility_and_no_sharpe_ratio_even_after_wild_days():
    returns = np.r_[np.full(5, 0.1) * [1, -1, 1, -1, 1], np.full(6, 0.001)]
    assert rolling_volatility(returns, 4, 252.0)[-3:].tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(rolling_sharpe(returns, 4, 252.0)[-3:]).all()


def test_the_window_is_half_a_year_and_never_less_than_two_periods():
    assert [window_of(p) for p in (252.0, 365.0, 12.0, 1.0)] == [126, 182, 6, 2]
    with pytest.raises(DataError):
        rolling_volatility(np.zeros(5), 1, 252.0)


def test_nan_is_an_error_that_names_its_row():
    with pytest.raises(DataError, match="row 2"):
        rolling_sharpe(np.array([0.1, 0.2, np.nan]), 2, 252.0)
