"""Volatility and Sharpe ratio over a window that moves along the returns.

Row t holds the figure of periods t - window + 1 .. t; rows before the first whole window are NaN. Sums run along the series, so a
window agrees with the same periods measured alone to about 1e-8 of the whole series' own volatility; a window whose returns never
vary has volatility exactly 0 and no Sharpe ratio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trading_system.errors import DataError
from trading_system.metrics.base import as_series, checked_periods, per_period

if TYPE_CHECKING:
    from trading_system.types import FloatArray


def window_of(periods_per_year: float) -> int:
    """Periods of half a year, and at least two: what a rolling figure looks back over."""
    return max(round(checked_periods(periods_per_year) / 2.0), 2)


def rolling_volatility(returns: FloatArray, window: int, periods_per_year: float) -> FloatArray:
    """Annualised sample deviation (ddof 1) of each window of simple returns, shape (n_periods,)."""
    _, deviation = _moments(as_series(returns), window)
    return np.asarray(deviation * np.sqrt(checked_periods(periods_per_year)))


def rolling_sharpe(returns: FloatArray, window: int, periods_per_year: float, risk_free: float = 0.0) -> FloatArray:
    """Annualised Sharpe ratio of each window, as `metrics.returns.sharpe` defines it; NaN where returns never vary."""
    series = as_series(returns)
    excess = series - per_period(risk_free, periods_per_year, series.size)
    mean, deviation = _moments(excess, window)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.sqrt(periods_per_year) * mean / deviation
    found[~(deviation > 0.0)] = np.nan
    return np.asarray(found)


def _moments(series: FloatArray, window: int) -> tuple[FloatArray, FloatArray]:
    """Mean and sample deviation of each window; the deviation of equal values is exactly 0."""
    if window < 2:
        raise DataError(f"a window of {window}", allowed="2 periods or more")
    mean, deviation = np.full(series.size, np.nan), np.full(series.size, np.nan)
    if series.size < window:
        return mean, deviation
    centre = float(series.mean())
    centred = series - centre
    total, squares = _sums(centred, window), _sums(centred * centred, window)
    varies = _sums(np.append(0, series[1:] != series[:-1]), window - 1)[1:] > 0  # a change inside the window
    spread = np.maximum(squares - total * total / window, 0.0) / (window - 1)
    mean[window - 1 :] = centre + total / window
    deviation[window - 1 :] = np.where(varies, np.sqrt(spread), 0.0)
    return mean, deviation


def _sums(values: FloatArray, window: int) -> FloatArray:
    """Sum of every `window` neighbours, shape (n - window + 1,)."""
    total = np.concatenate(([0.0], np.cumsum(values)))
    return np.asarray(total[window:] - total[:-window])
