"""A series against its benchmark: `returns` and `benchmark` are simple returns of the same periods, shape (n_periods,)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trading_system.metrics.base import as_series, checked_periods, deviation, metrics, per_period, power, ratio
from trading_system.metrics.returns import cagr

if TYPE_CHECKING:
    from trading_system.types import FloatArray

NAN = float("nan")


def _pair(returns: FloatArray, benchmark: FloatArray) -> tuple[FloatArray, FloatArray]:
    series = as_series(returns)
    return series, as_series(benchmark, "benchmark returns", size=series.size)


def _regression(
    returns: FloatArray, benchmark: FloatArray, periods_per_year: float, risk_free: float | FloatArray
) -> tuple[float, float]:
    """Intercept (per period) and slope of the excess returns on the benchmark's excess returns; NaN without a slope."""
    series, market = _pair(returns, benchmark)
    if series.size < 2:
        return NAN, NAN
    rate = per_period(risk_free, periods_per_year, series.size)
    y, x = series - rate, market - rate
    if x.max() == x.min():
        return NAN, NAN
    centred = x - x.mean()
    slope = float(centred @ (y - y.mean()) / (centred @ centred))
    return float(y.mean()) - slope * float(x.mean()), slope


@metrics.register("beta")
def beta(returns: FloatArray, benchmark: FloatArray, periods_per_year: float, risk_free: float | FloatArray = 0.0) -> float:
    """Slope of the least-squares line of excess returns on the benchmark's; NaN when the benchmark never varies."""
    return _regression(returns, benchmark, periods_per_year, risk_free)[1]


@metrics.register("alpha_period")
def alpha_period(
    returns: FloatArray, benchmark: FloatArray, periods_per_year: float, risk_free: float | FloatArray = 0.0
) -> float:
    """Intercept a of that line, per period (Jensen 1968)."""
    return _regression(returns, benchmark, periods_per_year, risk_free)[0]


@metrics.register("alpha_ann_arith")
def alpha_ann_arith(
    returns: FloatArray, benchmark: FloatArray, periods_per_year: float, risk_free: float | FloatArray = 0.0
) -> float:
    """Alpha a year by summing, P a."""
    return periods_per_year * alpha_period(returns, benchmark, periods_per_year, risk_free)


@metrics.register("alpha_ann_geom")
def alpha_ann_geom(
    returns: FloatArray, benchmark: FloatArray, periods_per_year: float, risk_free: float | FloatArray = 0.0
) -> float:
    """Alpha a year by compounding, (1 + a)^P - 1; NaN when a is below -1."""
    intercept = alpha_period(returns, benchmark, periods_per_year, risk_free)
    return power(1.0 + intercept, periods_per_year) - 1.0 if intercept >= -1.0 else NAN


@metrics.register("correlation")
def correlation(returns: FloatArray, benchmark: FloatArray) -> float:
    """Pearson correlation of the returns; NaN below two periods or when one of them never varies."""
    series, market = _pair(returns, benchmark)
    if series.size < 2 or series.max() == series.min() or market.max() == market.min():
        return NAN
    x, y = market - market.mean(), series - series.mean()
    return max(-1.0, min(1.0, float(x @ y / np.sqrt((x @ x) * (y @ y)))))


@metrics.register("tracking_error")
def tracking_error(returns: FloatArray, benchmark: FloatArray, periods_per_year: float) -> float:
    """std(r - b) sqrt(P), ddof 1."""
    series, market = _pair(returns, benchmark)
    return deviation(series - market) * float(np.sqrt(checked_periods(periods_per_year)))


@metrics.register("information_ratio")
def information_ratio(returns: FloatArray, benchmark: FloatArray, periods_per_year: float) -> float:
    """mean(r - b) / std(r - b) sqrt(P), annualised; NaN when the difference never varies."""
    series, market = _pair(returns, benchmark)
    active = series - market
    spread = deviation(active)
    return float(active.mean() / spread * np.sqrt(checked_periods(periods_per_year))) if spread > 0.0 else NAN


def _geometric_mean(series: FloatArray) -> float:
    """Per-period geometric mean return; -1 after a total loss, NaN for an empty series or beyond one."""
    if series.size == 0 or series.min() < -1.0:
        return NAN
    with np.errstate(divide="ignore"):
        return float(np.expm1(np.log1p(series).mean()))


@metrics.register("up_capture")
def up_capture(returns: FloatArray, benchmark: FloatArray) -> float:
    """Geometric mean return over that of the benchmark, in the periods in which the benchmark rose."""
    series, market = _pair(returns, benchmark)
    up = market > 0.0
    return ratio(_geometric_mean(series[up]), _geometric_mean(market[up]))


@metrics.register("down_capture")
def down_capture(returns: FloatArray, benchmark: FloatArray) -> float:
    """Geometric mean return over that of the benchmark, in the periods in which the benchmark fell."""
    series, market = _pair(returns, benchmark)
    down = market < 0.0
    return ratio(_geometric_mean(series[down]), _geometric_mean(market[down]))


@metrics.register("excess_cagr")
def excess_cagr(returns: FloatArray, benchmark: FloatArray, periods_per_year: float) -> float:
    """CAGR less the benchmark's CAGR, by period count."""
    series, market = _pair(returns, benchmark)
    return cagr(series, periods_per_year) - cagr(market, periods_per_year)
