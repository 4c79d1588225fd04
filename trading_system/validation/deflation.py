"""A Sharpe ratio after a search: the maximum that luck alone gives, and what is left above it.

All Sharpe ratios are per period unless a name says annual. N is the number of **all** trials, the abandoned ones too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from trading_system.errors import DataError
from trading_system.metrics.base import checked_periods
from trading_system.validation.inputs import as_matrix, at_least
from trading_system.validation.multiple_testing import adjusted_p_values
from trading_system.validation.sharpe_inference import Variance, probabilistic_sharpe, sharpe_moments

if TYPE_CHECKING:
    from trading_system.types import FloatArray

EULER_GAMMA = 0.5772156649015329
NAN = float("nan")


def expected_maximum(n_trials: float) -> float:
    r"""Expected maximum of N independent standard Normals, approximately [1]_; 0 for one trial.

    :math:`(1-\gamma)\,z(1-\frac1N) + \gamma\,z(1-\frac1{Ne})`; 0.02 to 0.04 above `expected_maximum_exact` for N = 10 to
    100. An effective number of trials need not be whole.

    References
    ----------
    .. [1] Bailey, Borwein, Lopez de Prado & Zhu (2014), "Pseudo-mathematics and financial charlatanism", Notices AMS 61(5).
    """
    from scipy.special import ndtri

    if not n_trials >= 1.0:
        raise DataError(f"n_trials is {n_trials}", allowed="1 or more")
    if n_trials == 1.0:
        return 0.0
    return float(-(1.0 - EULER_GAMMA) * ndtri(1.0 / n_trials) - EULER_GAMMA * ndtri(1.0 / (n_trials * np.e)))


def expected_maximum_exact(n_trials: int) -> float:
    r"""Expected maximum of N independent standard Normals, :math:`\int N z \phi(z) \Phi(z)^{N-1} dz`, to about 1e-12."""
    from scipy.special import log_ndtr

    at_least(n_trials, 1, "n_trials")
    z = np.linspace(-12.0, 40.0, 20_001)  # the trapezoid is exponentially accurate on a smooth integrand that vanishes
    density = np.exp(-0.5 * z * z + (n_trials - 1) * log_ndtr(z)) / np.sqrt(2.0 * np.pi)
    return float(n_trials * np.sum(z * density) * (z[1] - z[0])) if n_trials > 1 else 0.0


class DeflatedSharpe(NamedTuple):
    """`threshold`: the Sharpe ratio that the best of N skill-less trials is expected to show; `dsr`: PSR above it."""

    dsr: float
    threshold: float


def deflated_sharpe(
    sharpe: float,
    n: int,
    skew: float,
    kurtosis: float,
    sharpe_variance_of_trials: float,
    n_trials: float,
    *,
    variance: Variance = "observed",
) -> DeflatedSharpe:
    r"""Deflated Sharpe ratio [1]_ of the selected strategy: :math:`PSR(SR_0)`, :math:`SR_0 = \sqrt{V[SR_n]}\,E[\max_N]`.

    Parameters
    ----------
    sharpe, n, skew, kurtosis
        Of the selected strategy, per period; see `sharpe_moments`.
    sharpe_variance_of_trials : float
        Variance (ddof 1) of the per-period Sharpe ratios of all trials.
    n_trials : float
        Number of trials, the raw one by default. Correlated trials already shrink the variance: using an effective
        number as well shrinks twice, and must be said.

    Notes
    -----
    DSR > 0.95 is no 5 % test: on noise it almost never fires, as the maximum is compared with its own expectation. Pair
    it with a familywise p-value (`data_snooping.step_down`, `multiple_testing.holm`).

    References
    ----------
    .. [1] Bailey & Lopez de Prado (2014), "The deflated Sharpe ratio", J. Portfolio Management 40(5).
    """
    if not sharpe_variance_of_trials >= 0.0:
        raise DataError(f"the variance of the trials' Sharpe ratios is {sharpe_variance_of_trials}", allowed="0 or more")
    threshold = float(np.sqrt(sharpe_variance_of_trials)) * expected_maximum(n_trials)
    return DeflatedSharpe(probabilistic_sharpe(sharpe, n, skew, kurtosis, threshold, variance=variance), threshold)


class Selection(NamedTuple):
    """The best of many trials: its column, its Sharpe ratio, the spread (ddof 1) of all, and the deflated ratio."""

    selected: int
    sharpe: float
    trials_std: float
    deflated: DeflatedSharpe


def deflated_best(trial_returns: Any, *, variance: Variance = "observed") -> Selection:
    """Deflated Sharpe ratio of the best column of `trial_returns`, shape (n_periods, n_trials).

    The first of equal ones is selected. Trials whose returns never vary have no Sharpe ratio; they count as trials and
    are left out of the variance.

    Raises
    ------
    DataError
        When no column has a Sharpe ratio, or values are not finite.
    """
    matrix = as_matrix(trial_returns, "trial_returns")
    moments = [sharpe_moments(column) for column in matrix.T]
    ratios = np.array([each.sharpe for each in moments])
    known = ratios[~np.isnan(ratios)]
    if known.size == 0:
        raise DataError("no trial has a Sharpe ratio", remedy="give at least two periods and one trial that trades")
    best = int(np.nanargmax(ratios))
    spread = float(known.std(ddof=1)) if known.size > 1 else 0.0
    chosen = moments[best]
    deflated = deflated_sharpe(
        chosen.sharpe, chosen.n, chosen.skew, chosen.kurtosis, spread**2, ratios.size, variance=variance
    )
    return Selection(best, float(ratios[best]), spread, deflated)


def effective_rank(correlation: Any) -> float:
    """Effective number of trials as the exponential entropy of the eigenvalues of their correlations [1]_.

    Eigenvalues that are not positive are left out, the others scaled to sum 1. From 1 (all the same) to N (independent).

    References
    ----------
    .. [1] Roy & Vetterli (2007), "The effective rank: a measure of effective dimensionality", EUSIPCO.
    """
    values = np.linalg.eigvalsh(_square(correlation))
    shares = values[values > 0.0] / values[values > 0.0].sum()
    return float(np.exp(-np.sum(shares * np.log(shares))))


def mean_correlation(correlation: Any) -> float:
    """Mean of the correlations beside the diagonal; NaN for one trial."""
    matrix = _square(correlation)
    n = matrix.shape[0]
    return float((matrix.sum() - np.trace(matrix)) / (n * (n - 1))) if n > 1 else NAN


def _square(correlation: Any) -> FloatArray:
    matrix = as_matrix(correlation, "correlations")
    if matrix.shape[0] != matrix.shape[1]:
        raise DataError(f"correlations have shape {matrix.shape}", allowed="a square matrix")
    return matrix


def effective_trials(n_trials: float, mean_correlation: float) -> float:
    """Effective number of trials rho + (1 - rho) M of M trials with mean correlation rho (Bailey & Lopez de Prado 2014).

    The raw M is reported next to it, and gates by default.
    """
    if not (n_trials >= 1.0 and -1.0 <= mean_correlation <= 1.0):
        raise DataError(f"{n_trials} trials with mean correlation {mean_correlation}", allowed="1 or more, and -1 to 1")
    return float(mean_correlation + (1.0 - mean_correlation) * n_trials)


class BacktestLength(NamedTuple):
    """Years below which skill-less trials show the target in sample, and their simple upper bound 2 ln N / target^2."""

    years: float
    upper_bound: float


def min_backtest_length(n_trials: float, target_annual_sharpe: float) -> BacktestLength:
    """Years of data below which N skill-less trials are expected to show the target in sample [1]_: (E[max_N]/target)^2.

    References
    ----------
    .. [1] Bailey, Borwein, Lopez de Prado & Zhu (2014), "Pseudo-mathematics and financial charlatanism", Notices AMS 61(5).
    """
    if not target_annual_sharpe > 0.0:
        raise DataError(f"the target Sharpe ratio is {target_annual_sharpe}", allowed="above 0")
    target = target_annual_sharpe**2
    return BacktestLength(expected_maximum(n_trials) ** 2 / target, 2.0 * float(np.log(n_trials)) / target)


class Haircut(NamedTuple):
    """What is left of a Sharpe ratio after a correction for the number of tests (Harvey & Liu 2015).

    Attributes
    ----------
    t_statistic, p_single : float
        t = SR sqrt(n/P), and its two-sided p-value with n - 1 degrees of freedom.
    p_adjusted : float
        After the correction.
    sharpe : float
        Annual Sharpe ratio that alone would have had `p_adjusted`; never below 0.
    fraction : float
        Share of the Sharpe ratio that was cut away, 1 - sharpe / SR.
    """

    t_statistic: float
    p_single: float
    p_adjusted: float
    sharpe: float
    fraction: float


def haircut_sharpe(
    annual_sharpe: float,
    n: int,
    periods_per_year: float,
    n_tests: int,
    method: str = "bonferroni",
    other_p_values: Any = None,
) -> Haircut:
    r"""Haircut Sharpe ratio [1]_, :math:`SR_h = t^{-1}_{n-1}(1 - p_{adj}/2)\sqrt{P/n}`.

    Parameters
    ----------
    annual_sharpe : float
        Annualised, above 0 (0 and less give a haircut ratio of 0 and a fraction of NaN).
    n_tests : int
        Tests made, this one included; `bonferroni` and `sidak` need no more.
    method : str
        A name of `multiple_testing.METHODS`; those that step need `other_p_values`, the others of the log; tests without one
        count as p-values of 1.

    References
    ----------
    .. [1] Harvey & Liu (2015), "Backtesting", J. Portfolio Management 42(1).
    """
    from scipy.special import stdtr, stdtrit

    at_least(n, 2, "n")
    at_least(n_tests, 1, "n_tests")
    scale = float(np.sqrt(n / checked_periods(periods_per_year)))
    t = annual_sharpe * scale
    single = float(min(2.0 * stdtr(n - 1, -abs(t)), 1.0))
    adjusted = _adjusted_of_one(single, n_tests, method, other_p_values)
    cut = max(float(-stdtrit(n - 1, adjusted / 2.0)), 0.0) / scale if annual_sharpe > 0.0 else 0.0
    return Haircut(t, single, adjusted, cut, 1.0 - cut / annual_sharpe if annual_sharpe > 0.0 else NAN)


def _adjusted_of_one(single: float, n_tests: int, method: str, others: Any) -> float:
    if others is not None:
        p_values = np.concatenate(([single], np.asarray(others, dtype=np.float64)))
        if p_values.size > n_tests:
            raise DataError(
                f"{p_values.size - 1} other p-values for {n_tests} tests", allowed=f"at most {n_tests - 1} of them"
            )
        return float(adjusted_p_values(p_values, method, n_tests)[0])
    if method == "bonferroni":
        return min(n_tests * single, 1.0)
    if method == "sidak":
        return float(-np.expm1(n_tests * np.log1p(-single))) if single < 1.0 else 1.0
    raise DataError(f"{method} needs the p-values of the other tests", allowed="bonferroni or sidak without them")
