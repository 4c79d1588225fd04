"""Confidence intervals from bootstrap replicates of a statistic. Quantiles are type 7 (linear interpolation).

At least 1,000 replicates for the ends of a 95 % interval, 10,000 for 99 %.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from trading_system.errors import DataError
from trading_system.validation.inputs import as_series, at_least, enough, probability
from trading_system.validation.sharpe_inference import Interval

if TYPE_CHECKING:
    from trading_system.types import FloatArray

NAN = float("nan")


def _given(replicates: Any) -> FloatArray:
    given = as_series(replicates, "replicates")
    enough(given.size, 2, "an interval")
    return given


def _between(replicates: FloatArray, low: float, high: float) -> Interval:
    ends = np.quantile(replicates, (low, high))
    return Interval(float(ends[0]), float(ends[1]))


def standard_error(replicates: Any) -> float:
    """Bootstrap standard error: standard deviation (ddof 1) of the replicates."""
    return float(_given(replicates).std(ddof=1))


def bias(observed: float, replicates: Any) -> float:
    """Bootstrap estimate of bias: mean of the replicates less the statistic observed."""
    return float(_given(replicates).mean() - observed)


def percentile(replicates: Any, level: float = 0.95) -> Interval:
    """Quantiles of the replicates at (1 - level)/2 and (1 + level)/2 (Efron 1979)."""
    tail = (1.0 - probability(level, "level")) / 2.0
    return _between(_given(replicates), tail, 1.0 - tail)


def basic(observed: float, replicates: Any, level: float = 0.95) -> Interval:
    """Reflected percentiles, (2t - q_high, 2t - q_low) (Davison & Hinkley 1997)."""
    inside = percentile(replicates, level)
    return Interval(2.0 * observed - inside.high, 2.0 * observed - inside.low)


def normal(observed: float, replicates: Any, level: float = 0.95) -> Interval:
    """t -+ z sd of the replicates."""
    from scipy.special import ndtri

    reach = float(ndtri(0.5 + probability(level, "level") / 2.0)) * standard_error(replicates)
    return Interval(observed - reach, observed + reach)


def studentised(observed: float, error: float, replicates: Any, errors: Any, level: float = 0.95) -> Interval:
    """Bootstrap-t: (t - se q_high, t - se q_low), q of (t* - t)/se* with the standard error of each resample (Hall 1988).

    Raises
    ------
    DataError
        A standard error that is not above 0.
    """
    given = _given(replicates)
    spreads = as_series(errors, "errors", size=given.size)
    if not (error > 0.0 and (spreads > 0.0).all()):
        raise DataError("a standard error is not above 0", remedy="leave out resamples that never vary, or use percentiles")
    inside = percentile((given - observed) / spreads, level)
    return Interval(observed - error * inside.high, observed - error * inside.low)


class BiasCorrected(NamedTuple):
    """A BC or BCa interval and how it was made.

    Attributes
    ----------
    interval : Interval
        NaN at both ends when every replicate lies on one side of the statistic observed.
    z0, acceleration : float
        Bias correction and acceleration.
    probabilities : (float, float)
        Where the ends stand among the replicates.
    """

    interval: Interval
    z0: float
    acceleration: float
    probabilities: tuple[float, float]


def bias_corrected(observed: float, replicates: Any, level: float = 0.95) -> BiasCorrected:
    """BC interval (Efron 1981): `accelerated` with acceleration 0."""
    return _corrected(observed, _given(replicates), 0.0, level)


def accelerated(observed: float, replicates: Any, jackknifed: Any, level: float = 0.95) -> BiasCorrected:
    r"""BCa interval [1]_: bias-corrected and accelerated.

    :math:`z_0 = z\big((\#\{t^*<t\} + \frac12\#\{t^*=t\})/B\big)`,
    :math:`a = \sum u^3 / (6 (\sum u^2)^{1.5})` with u = mean(jackknifed) - jackknifed, ends at
    :math:`\Phi(z_0 + (z_0+z_\alpha)/(1 - a(z_0+z_\alpha)))`.

    Parameters
    ----------
    jackknifed : float64, shape (n,)
        The statistic with one observation left out each; with one block left out for a block bootstrap. See `jackknife`.

    References
    ----------
    .. [1] Efron (1987), "Better bootstrap confidence intervals", JASA 82.
    """
    values = as_series(jackknifed, "jackknifed")
    enough(values.size, 2, "an acceleration")
    around = values.mean() - values
    spread = float(np.sum(around**2))
    acceleration = float(np.sum(around**3)) / (6.0 * spread**1.5) if values.max() > values.min() else 0.0
    return _corrected(observed, _given(replicates), acceleration, level)


def _corrected(observed: float, replicates: FloatArray, acceleration: float, level: float) -> BiasCorrected:
    from scipy.special import ndtr, ndtri

    tail = (1.0 - probability(level, "level")) / 2.0
    less = np.count_nonzero(replicates < observed) + 0.5 * np.count_nonzero(replicates == observed)
    z0 = float(ndtri(less / replicates.size))
    if not np.isfinite(z0):
        return BiasCorrected(Interval(NAN, NAN), z0, acceleration, (NAN, NAN))
    shifted = z0 + ndtri(np.array([tail, 1.0 - tail]))
    low, high = (float(p) for p in ndtr(z0 + shifted / (1.0 - acceleration * shifted)))
    return BiasCorrected(_between(replicates, low, high), z0, acceleration, (low, high))


def jackknife(values: Any, statistic: Callable[[FloatArray], Any], block: int = 1) -> FloatArray:
    """`statistic` with each block of `block` consecutive observations left out in turn, shape (n // block, ...).

    For resamples of blocks leave out blocks; for single observations (block = 1) it is the ordinary jackknife. Blocks do not
    overlap, and what is left of n stays in: with overlapping blocks an acceleration comes out too small by the root of `block`.
    """
    given = np.asarray(values, dtype=np.float64)
    n = given.shape[0] if given.ndim else 0
    enough(n, at_least(block, 1, "block") + 1, "a jackknife")
    first = range(0, n - block + 1, block)
    return np.array([statistic(np.concatenate((given[:i], given[i + block :]))) for i in first])
