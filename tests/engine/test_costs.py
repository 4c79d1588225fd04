"""Panels that slippage reads."""

from __future__ import annotations

import numpy as np
import pytest

from trading_system.data.bars import Bars
from trading_system.engine.costs import ATR_BARS, ATR_MEAN, atr_ratio
from trading_system.indicators import sma, wilder_atr


@pytest.mark.parametrize("n_bars", [1, 13, 14, 72, 73, 74, 525, 1_100])
@pytest.mark.parametrize(("n_symbols", "hole"), [(9, False), (9, True), (3, False)])
def test_the_range_ratio_is_the_range_over_its_own_average(n_bars: int, n_symbols: int, hole: bool) -> None:
    """Without holes one walk over the bars gives it to the bit: rows from the first whole average on, averaged on their own."""
    rng = np.random.default_rng(n_bars)
    close = 50.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, (n_bars, n_symbols)), axis=0))
    high, low = close * (1.0 + rng.uniform(0.0, 0.03, close.shape)), close * (1.0 - rng.uniform(0.0, 0.03, close.shape))
    if hole:
        high[n_bars // 2, 1] = np.nan
    bars = Bars.daily(close, high=high, low=low)
    ratio = atr_ratio(bars)
    for j in range(n_symbols):
        own = np.isfinite(high[:, j])
        atr = wilder_atr(high[own, j], low[own, j], close[own, j], ATR_BARS)
        expected = np.full(atr.size, np.nan)
        expected[ATR_BARS - 1 :] = atr[ATR_BARS - 1 :] / sma(atr[ATR_BARS - 1 :], ATR_MEAN)
        compare = np.testing.assert_allclose if hole else np.testing.assert_array_equal
        compare(ratio[own, j], expected)
        assert np.isnan(ratio[~own, j]).all()
