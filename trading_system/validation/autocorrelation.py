"""Dependence in time: autocorrelations, their test, and what they do to a Sharpe ratio over longer periods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from trading_system.errors import DataError
from trading_system.validation.inputs import as_series, at_least, enough

if TYPE_CHECKING:
    from trading_system.types import FloatArray


def autocovariances(values: Any, lags: int) -> FloatArray:
    r"""Biased autocovariances :math:`g_k = \frac1n \sum_{t>k} (x_t-\bar x)(x_{t-k}-\bar x)`, k = 0..`lags`, shape (lags + 1,).

    Needs more periods than lags (`InsufficientDataError`).
    """
    series = as_series(values, "values")
    enough(series.size, at_least(lags, 0, "lags") + 1, f"an autocovariance at lag {lags}")
    centred = series - series.mean()
    return np.array([centred[k:] @ centred[: series.size - k] for k in range(lags + 1)]) / series.size


def autocorrelations(values: Any, lags: int) -> FloatArray:
    """Biased autocorrelations rho_0 = 1, rho_1, ..., rho_lags (each divided by n); NaN when the values never vary."""
    series = as_series(values, "values")
    covariances = autocovariances(series, lags)
    if series.max() == series.min():
        return np.full(lags + 1, np.nan)
    return np.asarray(covariances / covariances[0])


class LjungBox(NamedTuple):
    """Portmanteau statistic and its p-value."""

    statistic: float
    p_value: float


def ljung_box(values: Any, lags: int) -> LjungBox:
    r"""Ljung-Box test of no autocorrelation up to `lags` [1]_.

    :math:`Q = n(n+2)\sum_{k=1}^{m} \rho_k^2/(n-k)`, chi-square with m degrees of freedom. NaN when the values never vary.

    References
    ----------
    .. [1] Ljung & Box (1978), "On a measure of lack of fit in time series models", Biometrika 65(2).
    """
    from scipy.special import chdtrc

    at_least(lags, 1, "lags")
    rho = autocorrelations(values, lags)[1:]
    n = len(values)
    statistic = float(n * (n + 2.0) * np.sum(rho**2 / (n - np.arange(1, lags + 1))))
    return LjungBox(statistic, float(chdtrc(lags, statistic)))


def aggregation_factor(rho: Any, q: int) -> float:
    r"""How a Sharpe ratio grows from one period to `q` [1]_: SR(q) = eta(q) SR.

    :math:`\eta(q) = q / \sqrt{q + 2\sum_{k=1}^{q-1}(q-k)\rho_k}`; sqrt(q) without autocorrelation. `rho` holds rho_1 to
    rho_{q-1} (more are ignored). NaN when the sum under the root is not positive.

    References
    ----------
    .. [1] Lo (2002), "The statistics of Sharpe ratios", Financial Analysts Journal 58(4).
    """
    at_least(q, 1, "q")
    given = np.asarray(rho, dtype=np.float64)
    if given.size < q - 1:
        raise DataError(f"{given.size} autocorrelations for {q} periods", allowed=f"rho_1 to rho_{q - 1}")
    weights = q - np.arange(1.0, q)
    spread = q + 2.0 * float(weights @ given[: q - 1])
    return float(q / np.sqrt(spread)) if spread > 0.0 else float("nan")


def aggregation_factor_ar1(rho: float, q: int) -> float:
    r"""`aggregation_factor` of an AR(1) with coefficient `rho` in (-1, 1), in closed form (Lo 2002).

    :math:`\eta(q) = \sqrt q / \sqrt{1 + \frac{2\rho}{1-\rho}\left(1 - \frac{1-\rho^q}{q(1-\rho)}\right)}`.
    """
    at_least(q, 1, "q")
    if not -1.0 < rho < 1.0:
        raise DataError(f"rho is {rho}", allowed="above -1 and below 1")
    inner = 1.0 + 2.0 * rho / (1.0 - rho) * (1.0 - (1.0 - rho**q) / (q * (1.0 - rho)))
    return float(np.sqrt(q / inner))


def newey_west_lags(n: int) -> int:
    """Lags of a Bartlett kernel for n periods, floor(4 (n/100)^(2/9)) (Newey & West 1994), below n."""
    return max(min(int(4.0 * (n / 100.0) ** (2.0 / 9.0)), n - 1), 0)


def long_run_covariance(rows: FloatArray, lags: int) -> FloatArray:
    r"""Bartlett (Newey-West) long-run covariance of `rows`, shape (n, m), taken as centred already: shape (m, m).

    :math:`\Gamma_0 + \sum_{k=1}^{L} (1 - \frac{k}{L+1})(\Gamma_k + \Gamma_k')` with
    :math:`\Gamma_k = \frac1n \sum_{t>k} h_t h_{t-k}'` (Newey & West 1987).
    """
    n = rows.shape[0]
    enough(n, at_least(lags, 0, "lags") + 1, f"a long-run covariance with {lags} lags")
    total = rows.T @ rows / n
    for k in range(1, lags + 1):
        gamma = rows[k:].T @ rows[: n - k] / n
        total = total + (1.0 - k / (lags + 1.0)) * (gamma + gamma.T)
    return np.asarray(total)
