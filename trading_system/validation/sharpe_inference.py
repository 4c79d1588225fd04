"""How sure a Sharpe ratio is: standard errors, intervals, the probabilistic Sharpe ratio, the track record it needs.

Every Sharpe ratio here is **per period**; an annualised one put into these formulas saturates at certainty. `skew` is the
population g1, `kurtosis` the raw population m4/m2^2 (a Normal has 3): `metrics.returns.skewness` and `kurtosis_raw`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from trading_system.errors import DataError
from trading_system.metrics import returns as measures
from trading_system.metrics.base import checked_periods, deviation
from trading_system.validation.autocorrelation import long_run_covariance, newey_west_lags
from trading_system.validation.inputs import as_series, probability

if TYPE_CHECKING:
    from trading_system.types import FloatArray

NAN = float("nan")


class SharpeMoments(NamedTuple):
    """What inference on the Sharpe ratio needs to know of a series.

    Attributes
    ----------
    sharpe : float
        Mean over standard deviation (ddof 1), per period; NaN below two periods or when returns never vary.
    skew, kurtosis : float
        Population skewness g1 and raw kurtosis (Normal: 0 and 3).
    n : int
        Number of periods.
    """

    sharpe: float
    skew: float
    kurtosis: float
    n: int


def sharpe_moments(returns: Any, risk_free: float | FloatArray = 0.0) -> SharpeMoments:
    """Per-period Sharpe ratio and moments of `returns` above a per-period `risk_free` rate (a number or a series)."""
    series = as_series(returns)
    excess = series - (risk_free if isinstance(risk_free, (int, float)) else as_series(risk_free, "rates", size=series.size))
    spread = deviation(excess)
    ratio = float(excess.mean()) / spread if spread > 0.0 else NAN
    return SharpeMoments(ratio, measures.skewness(excess), measures.kurtosis_raw(excess), excess.size)


def sharpe_variance(sharpe: float, skew: float = 0.0, kurtosis: float = 3.0, rho: float = 0.0) -> float:
    r"""n times the variance of the estimated Sharpe ratio, evaluated at `sharpe`.

    :math:`a - b\,g_1 SR + c\,\frac{k-1}{4} SR^2` with :math:`a=\frac{1+\rho}{1-\rho}`,
    :math:`b = 1+\frac{\rho}{1-\rho}+\frac{\rho^2}{1-\rho^2}`, :math:`c=\frac{1+\rho^2}{1-\rho^2}` for AR(1) returns [3]_;
    without autocorrelation (a = b = c = 1) it is Mertens' [1]_ [2]_, with Normal moments Lo's.

    Raises
    ------
    DataError
        `rho` not in (-1, 1), or moments that no series has (kurtosis below skew^2 + 1), which can make it negative.

    References
    ----------
    .. [1] Mertens (2002), "Comments on variance of the IID estimator in Lo (2002)".
    .. [2] Opdyke (2007), "Comparing Sharpe ratios: so where are the p-values?", J. Asset Management 8.
    .. [3] Lopez de Prado, Lipton & Zoonekynd (2025), "How to use the Sharpe ratio".
    """
    if not -1.0 < rho < 1.0:
        raise DataError(f"rho is {rho}", allowed="above -1 and below 1")
    if kurtosis < (skew * skew + 1.0) * (1.0 - 1e-12):
        raise DataError(
            f"no series has skewness {skew} and raw kurtosis {kurtosis}",
            allowed="a raw kurtosis of at least skew^2 + 1",
            remedy="pass the raw kurtosis (3 for a Normal), not the excess",
        )
    a = (1.0 + rho) / (1.0 - rho)
    b = 1.0 + rho / (1.0 - rho) + rho * rho / (1.0 - rho * rho)
    c = (1.0 + rho * rho) / (1.0 - rho * rho)
    variance = a - b * skew * sharpe + c * (kurtosis - 1.0) / 4.0 * sharpe * sharpe
    if variance < 0.0:
        raise DataError(f"skewness {skew}, kurtosis {kurtosis} and rho {rho} make the variance of the Sharpe ratio negative")
    return float(variance)


def standard_error_normal(sharpe: float, n: int) -> float:
    """Standard error for IID Normal returns, sqrt((1 + SR^2/2)/n) (Lo 2002); NaN when n is 0."""
    return standard_error(sharpe, n)


def standard_error(sharpe: float, n: int, skew: float = 0.0, kurtosis: float = 3.0, rho: float = 0.0) -> float:
    """Standard error for IID returns, sqrt((1 - g1 SR + (k-1)/4 SR^2)/n) (Mertens 2002), for AR(1) with `rho` given.

    NaN when n is 0. See `sharpe_variance`.
    """
    return float(np.sqrt(sharpe_variance(sharpe, skew, kurtosis, rho) / n)) if n > 0 else NAN


def standard_error_hac(returns: Any, lags: int | None = None) -> float:
    r"""Standard error for stationary returns, by GMM [1]_: :math:`\sqrt{\nabla' S \nabla / n}`.

    :math:`h_t = (r_t - m, (r_t-m)^2 - s^2)`, :math:`\nabla = (1/s, -m/(2s^3))` with the population s; S is the Bartlett
    long-run covariance of h with `lags` lags (default: floor(4 (n/100)^(2/9))). With 0 lags it equals Mertens'
    error up to the ddof of the Sharpe ratio in it. NaN below two periods or when returns never vary.

    References
    ----------
    .. [1] Lo (2002), "The statistics of Sharpe ratios", Financial Analysts Journal 58(4).
    """
    series = as_series(returns)
    if series.size < 2 or series.max() == series.min():
        return NAN
    centred = series - series.mean()
    variance = float(np.mean(centred**2))
    moments = np.column_stack((centred, centred**2 - variance))
    spread = np.sqrt(variance)
    gradient = np.array([1.0 / spread, -series.mean() / (2.0 * spread**3)])
    long_run = long_run_covariance(moments, newey_west_lags(series.size) if lags is None else lags)
    return float(np.sqrt(max(gradient @ long_run @ gradient, 0.0) / series.size))


class Interval(NamedTuple):
    """Both ends of a confidence interval."""

    low: float
    high: float


def confidence_interval(sharpe: float, error: float, level: float = 0.95, periods_per_year: float = 1.0) -> Interval:
    """SR -+ z SE, both ends times sqrt(P); per period when `periods_per_year` is left at 1."""
    from scipy.special import ndtri

    reach = float(ndtri(0.5 + probability(level, "level") / 2.0)) * error
    scale = float(np.sqrt(checked_periods(periods_per_year)))
    return Interval((sharpe - reach) * scale, (sharpe + reach) * scale)


Variance = Literal["observed", "null"]


def probabilistic_sharpe(
    sharpe: float,
    n: int,
    skew: float = 0.0,
    kurtosis: float = 3.0,
    benchmark: float = 0.0,
    *,
    variance: Variance = "observed",
    rho: float = 0.0,
) -> float:
    r"""Probability that the true Sharpe ratio exceeds `benchmark` (both per period) [1]_.

    ``variance="observed"``: :math:`\Phi\big((SR - SR^*)\sqrt{n-1} / \sqrt{1 - g_1 SR + \frac{k-1}{4}SR^2}\big)`.
    ``variance="null"`` [2]_: the variance at SR* with n, and the AR(1) terms of `rho`. On short skewed tracks the two
    differ a lot: whoever prints one says which. NaN below two periods, or for a Sharpe ratio of NaN.

    References
    ----------
    .. [1] Bailey & Lopez de Prado (2012), "The Sharpe ratio efficient frontier", J. Risk 15(2).
    .. [2] Lopez de Prado, Lipton & Zoonekynd (2025), "How to use the Sharpe ratio".
    """
    from scipy.special import ndtr

    if n < 2 or np.isnan(sharpe):
        return NAN
    spread, periods = _inference_variance(sharpe, benchmark, skew, kurtosis, variance, rho)
    distance = (sharpe - benchmark) * np.sqrt(n - 1.0 + periods)
    return float(ndtr(np.divide(distance, np.sqrt(spread)) if spread > 0.0 else np.sign(distance) * np.inf))


def _inference_variance(
    sharpe: float, benchmark: float, skew: float, kurtosis: float, variance: str, rho: float
) -> tuple[float, int]:
    """n times the variance, and 1 when n counts whole, 0 when one period is lost."""
    if variance == "null":
        return sharpe_variance(benchmark, skew, kurtosis, rho), 1
    if variance != "observed":
        raise DataError(f"variance is {variance!r}", allowed="observed or null")
    if rho != 0.0:
        raise DataError(f"rho is {rho} with variance='observed', which takes none", remedy="use variance='null'")
    return sharpe_variance(sharpe, skew, kurtosis), 0


def min_track_record(
    sharpe: float,
    skew: float = 0.0,
    kurtosis: float = 3.0,
    benchmark: float = 0.0,
    alpha: float = 0.05,
    *,
    variance: Variance = "observed",
    rho: float = 0.0,
) -> float:
    r"""Observations needed before `sharpe` exceeds `benchmark` at level `alpha`; infinite when it does not exceed it.

    :math:`1 + (1 - g_1 SR + \frac{k-1}{4}SR^2)\,(z_{1-\alpha}/(SR - SR^*))^2` (Bailey & Lopez de Prado 2012); with
    ``variance="null"`` the variance at SR* and no added 1 (Lopez de Prado, Lipton & Zoonekynd 2025).
    """
    from scipy.special import ndtri

    probability(alpha, "alpha")
    spread, whole = _inference_variance(sharpe, benchmark, skew, kurtosis, variance, rho)
    if np.isnan(sharpe):
        return NAN
    if sharpe <= benchmark:
        return float("inf")
    return float((1 - whole) + spread * (-ndtri(alpha) / (sharpe - benchmark)) ** 2)
