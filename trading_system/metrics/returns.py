"""Growth, risk-adjusted return and the distribution of simple per-period returns.

Every function takes `returns`, shape (n_periods,), as fractions; V_0 = 1 and V_n = prod(1 + r). NaN in them is a
`DataError`, an empty series gives NaN. Ratios: 0/0 is NaN, x/0 is infinite with the sign of x. Rates are yearly and
converted geometrically to one period; a series of per-period rates is taken as it is.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from trading_system.metrics.base import (
    annualised_growth,
    as_series,
    checked_periods,
    deviation,
    growth,
    metrics,
    per_period,
    ratio,
)

if TYPE_CHECKING:
    from trading_system.types import FloatArray

VAR_LEVEL = 0.05
NAN = float("nan")


@metrics.register("total_return")
def total_return(returns: FloatArray) -> float:
    """V_n - 1, a fraction."""
    return growth(as_series(returns)) - 1.0


@metrics.register("cagr")
def cagr(returns: FloatArray, periods_per_year: float) -> float:
    """Compound annual growth by period count, V_n^(P/n) - 1; -1 after a total loss, NaN when V_n is negative."""
    series = as_series(returns)
    return annualised_growth(growth(series), series.size / checked_periods(periods_per_year)) if series.size else NAN


@metrics.register("cagr_calendar")
def cagr_calendar(returns: FloatArray, days: float) -> float:
    """Compound annual growth by the calendar, V_n^(365.25/days) - 1; NaN when no day passed between V_0 and V_n."""
    return annualised_growth(growth(as_series(returns)), days / 365.25)


@metrics.register("ann_vol")
def ann_vol(returns: FloatArray, periods_per_year: float) -> float:
    """Annualised volatility, std(r) sqrt(P) with ddof 1; exactly 0 when returns never vary, NaN below two periods."""
    return deviation(as_series(returns)) * float(np.sqrt(checked_periods(periods_per_year)))


@metrics.register("sharpe")
def sharpe(returns: FloatArray, periods_per_year: float, risk_free: float | FloatArray = 0.0) -> float:
    r"""Annualised Sharpe ratio [1]_, :math:`\sqrt{P}\,\overline{r - r_f} / s(r - r_f)` with ddof 1.

    NaN below two periods, or when excess returns never vary (their range is tested, not the deviation).

    References
    ----------
    .. [1] Sharpe (1994), "The Sharpe Ratio", J. Portfolio Management 21(1), 49-58.
    """
    series = as_series(returns)
    excess = series - per_period(risk_free, periods_per_year, series.size)
    spread = deviation(excess)
    return float(excess.mean() / spread * np.sqrt(periods_per_year)) if spread > 0.0 else NAN


@metrics.register("sortino")
def sortino(returns: FloatArray, periods_per_year: float, mar: float | FloatArray = 0.0) -> float:
    r"""Annualised Sortino ratio [1]_, :math:`\sqrt{P}\,\overline{r - m} / \sqrt{\frac1n \sum \min(r - m, 0)^2}`.

    The sum runs over all n periods, not over the losses alone. Infinite when no period falls short of `mar`.

    References
    ----------
    .. [1] Rollinger & Hoffman, "Sortino: a 'sharper' ratio", Red Rock Capital.
    """
    series = as_series(returns)
    if series.size == 0:
        return NAN
    excess = series - per_period(mar, periods_per_year, series.size)
    downside = float(np.sqrt(np.mean(np.minimum(excess, 0.0) ** 2)))
    return ratio(float(excess.mean()), downside) * float(np.sqrt(periods_per_year))


@metrics.register("omega0")
def omega(returns: FloatArray, theta: float = 0.0) -> float:
    """Omega ratio, sum max(r - theta, 0) / sum max(theta - r, 0), `theta` per period (Keating & Shadwick 2002)."""
    excess = as_series(returns) - theta
    return ratio(float(np.maximum(excess, 0.0).sum()), float(np.maximum(-excess, 0.0).sum()))


@metrics.register("profit_factor_periods")
def profit_factor_periods(returns: FloatArray) -> float:
    """Sum of gains / |sum of losses| over periods; of trades it is `trades.profit_factor`."""
    series = as_series(returns)
    return ratio(float(np.maximum(series, 0.0).sum()), float(np.maximum(-series, 0.0).sum()))


@metrics.register("hit_rate")
def hit_rate(returns: FloatArray) -> float:
    """Share of all periods with r > 0; periods without a move count in the denominator."""
    series = as_series(returns)
    return ratio(int(np.count_nonzero(series > 0.0)), series.size)


@metrics.register("win_rate_nonzero")
def win_rate_nonzero(returns: FloatArray) -> float:
    """Share of the periods with r != 0 that have r > 0."""
    series = as_series(returns)
    return ratio(int(np.count_nonzero(series > 0.0)), int(np.count_nonzero(series)))


@metrics.register("best_period")
def best_period(returns: FloatArray) -> float:
    """Largest return of one period."""
    series = as_series(returns)
    return float(series.max()) if series.size else NAN


@metrics.register("worst_period")
def worst_period(returns: FloatArray) -> float:
    """Smallest return of one period."""
    series = as_series(returns)
    return float(series.min()) if series.size else NAN


@metrics.register("tail_ratio")
def tail_ratio(returns: FloatArray) -> float:
    """|q95| / |q05| of the returns, quantiles of type 7 (linear interpolation)."""
    series = as_series(returns)
    if series.size == 0:
        return NAN
    low, high = np.quantile(series, (0.05, 0.95))
    return ratio(abs(float(high)), abs(float(low)))


@metrics.register("var_95")
def value_at_risk(returns: FloatArray, level: float = VAR_LEVEL) -> float:
    """Historical value at risk: the `level` quantile of r (type 7), a return, normally negative."""
    series = as_series(returns)
    return float(np.quantile(series, level)) if series.size else NAN


@metrics.register("gaussian_var_95")
def gaussian_value_at_risk(returns: FloatArray, level: float = VAR_LEVEL) -> float:
    """Value at risk of a Normal with the sample's mean and deviation (ddof 1): mean + std z(level)."""
    series = as_series(returns)
    return float(series.mean()) + deviation(series) * NormalDist().inv_cdf(level) if series.size else NAN


@metrics.register("cvar_95")
def expected_shortfall(returns: FloatArray, level: float = VAR_LEVEL) -> float:
    """Expected shortfall: mean of all r at or below the historical value at risk."""
    series = as_series(returns)
    return float(series[series <= np.quantile(series, level)].mean()) if series.size else NAN


def _central_moments(returns: FloatArray) -> tuple[int, float, float, float]:
    """n and the population moments m2, m3, m4; all 0 when the range is 0."""
    series = as_series(returns)
    if series.size == 0:
        return 0, NAN, NAN, NAN
    if series.max() == series.min():
        return series.size, 0.0, 0.0, 0.0
    centred = series - series.mean()
    square = centred * centred
    return series.size, float(square.mean()), float((square * centred).mean()), float((square * square).mean())


@metrics.register("skew_g1")
def skewness(returns: FloatArray) -> float:
    """Population skewness g1 = m3 / m2^1.5, which the inference formulas take; NaN when returns never vary."""
    _, m2, m3, _ = _central_moments(returns)
    return ratio(m3, m2**1.5)


@metrics.register("kurtosis_raw")
def kurtosis_raw(returns: FloatArray) -> float:
    """Population raw kurtosis m4 / m2^2 (a Normal has 3), which the inference formulas take."""
    _, m2, _, m4 = _central_moments(returns)
    return ratio(m4, m2 * m2)


@metrics.register("skew_G1")
def skewness_sample(returns: FloatArray) -> float:
    """Sample-corrected skewness G1 = g1 sqrt(n(n-1)) / (n-2); NaN below three periods (Joanes & Gill 1998)."""
    n, m2, m3, _ = _central_moments(returns)
    return ratio(m3, m2**1.5) * float(np.sqrt(n * (n - 1.0))) / (n - 2.0) if n > 2 else NAN


@metrics.register("excess_kurtosis_G2")
def excess_kurtosis_sample(returns: FloatArray) -> float:
    """Sample-corrected excess kurtosis G2 = (n-1) / ((n-2)(n-3)) ((n+1)(k-3) + 6); NaN below four periods."""
    n, m2, _, m4 = _central_moments(returns)
    return (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * (ratio(m4, m2 * m2) - 3.0) + 6.0) if n > 3 else NAN
