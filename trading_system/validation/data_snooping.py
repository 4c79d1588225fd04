"""Is the best of many strategies better than the benchmark? Tests of the whole set, by bootstrap.

`differences` are returns of each strategy less those of the benchmark, shape (n_periods, n_strategies), larger is better.
The set holds **every** strategy that was ever tried, not the survivors. All columns share the resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from trading_system.errors import DataError
from trading_system.validation.bootstrap import Resamples, resampled_means, stationary_long_run_variance
from trading_system.validation.inputs import as_matrix, as_series, enough, probability
from trading_system.validation.resampling import p_value, p_value_of_count

if TYPE_CHECKING:
    from trading_system.types import FloatArray, IntArray

STEPS = 3  # periods below which ln ln n is not defined


def differences_from(strategies: Any, benchmark: Any) -> FloatArray:
    """Returns of each strategy less those of the benchmark; `benchmark` of shape (n_periods,)."""
    matrix = as_matrix(strategies, "strategies")
    return matrix - as_series(benchmark, "benchmark", size=matrix.shape[0])[:, None]


class Replicated(NamedTuple):
    """A statistic, its replicates under the null, shape (n_resamples,), and its p-value."""

    statistic: float
    replicates: FloatArray
    p_value: float


def _judged(statistic: float, replicates: FloatArray) -> Replicated:
    return Replicated(statistic, replicates, p_value(statistic, replicates))


@dataclass(frozen=True, eq=False)
class Contest:
    """Strategies against a benchmark, resampled once; the tests are read off it.

    Attributes
    ----------
    mean : float64, shape (n_strategies,)
        Mean difference of each strategy.
    omega : float64, shape (n_strategies,)
        Square root of its long-run variance under the stationary bootstrap with the block of the resamples; 0 where a
        strategy never differs from the benchmark.
    means : float64, shape (n_resamples, n_strategies)
        Mean differences of the resamples.
    n : int
        Number of periods.
    """

    mean: FloatArray
    omega: FloatArray
    means: FloatArray
    n: int

    def scale(self, studentised: bool) -> FloatArray:
        """sqrt(n), divided by omega when `studentised`; 0 for a strategy that never differs from the benchmark."""
        if not studentised:
            return np.full(self.mean.size, float(np.sqrt(self.n)))
        return _scale(self.omega, self.n)

    @cached_property
    def t_statistics(self) -> FloatArray:
        """sqrt(n) mean / omega of each strategy; 0 for one that never differs."""
        return self.mean * self.scale(studentised=True)


def contest(differences: Any, resamples: Resamples) -> Contest:
    """Resample `differences`, shape (n_periods, n_strategies), with common `resamples`.

    Raises
    ------
    DataError
        A strategy that beats or trails the benchmark by the same amount in every period, which has no variance; resamples
        told without a block length.
    InsufficientDataError
        Fewer than 3 periods.
    """
    matrix = as_matrix(differences, "differences")
    omega = _omega(matrix, resamples)
    return Contest(matrix.mean(axis=0), omega, resampled_means(matrix, resamples), matrix.shape[0])


def _omega(matrix: FloatArray, resamples: Resamples) -> FloatArray:
    """Square root of each column's long-run variance; 0 for one that never differs from the benchmark."""
    enough(matrix.shape[0], STEPS, "a test against a benchmark")
    constant = np.ptp(matrix, axis=0) == 0.0
    wrong = constant & (matrix[0] != 0.0)
    if wrong.any():
        raise DataError(
            f"a strategy differs from the benchmark by {matrix[0, int(np.argmax(wrong))]} in every period",
            where=f"differences: column {int(np.argmax(wrong))}",
            remedy="leave it out: it has no variance to be judged by",
        )
    if np.isnan(resamples.block):
        raise DataError("the resamples were told without a block length", remedy="pass the mean length of their blocks")
    return np.sqrt(stationary_long_run_variance(matrix, resamples.block))


def _scale(omega: FloatArray, n: int) -> FloatArray:
    """sqrt(n) / omega; 0 where omega is."""
    return np.divide(float(np.sqrt(n)), omega, out=np.zeros_like(omega), where=omega > 0.0)


def reality_check(tested: Contest) -> Replicated:
    """White's Reality Check [1]_: V = max sqrt(n) mean against max sqrt(n) (mean* - mean).

    With one column it is the bootstrap test of a mean above 0, the null imposed by the centring.
    It loses its power when poor, noisy strategies are in the set; `superior_ability` does not.

    References
    ----------
    .. [1] White (2000), "A reality check for data snooping", Econometrica 68(5).
    """
    root = float(np.sqrt(tested.n))
    return _judged(root * float(tested.mean.max()), root * (tested.means - tested.mean).max(axis=1))


class SuperiorAbility(NamedTuple):
    """Three p-values of one statistic: report all, decide on `consistent`; `lower` is liberal and never decides."""

    lower: Replicated
    consistent: Replicated
    upper: Replicated


def superior_ability(tested: Contest, *, studentised: bool = True) -> SuperiorAbility:
    r"""Hansen's test for superior predictive ability [1]_.

    :math:`T = \max(0, \max_k \sqrt n\,\bar d_k/\omega_k)` against the same of :math:`\bar d^*_k - c_k`; c is max(mean, 0)
    (lower), the mean where it is not below :math:`-\sqrt{(\omega_k^2/n)\,2\ln\ln n}` else 0 (consistent), the mean
    (upper). Without `studentised` the same on sqrt(n) mean; omega then enters the consistent centre alone.

    References
    ----------
    .. [1] Hansen (2005), "A test for superior predictive ability", J. Business & Economic Statistics 23(4).
    """
    scale = tested.scale(studentised)
    mean, omega = tested.mean, tested.omega
    statistic = max(0.0, float((mean * scale).max()))
    bound = -omega * np.sqrt(2.0 * max(np.log(np.log(tested.n)), 0.0) / tested.n)
    centres = (np.maximum(mean, 0.0), np.where(mean >= bound, mean, 0.0), mean)
    scaled = tested.means * scale
    lower, consistent, upper = (
        _judged(statistic, np.maximum((scaled - centre * scale).max(axis=1), 0.0)) for centre in centres
    )
    return SuperiorAbility(lower, consistent, upper)


class StepDown(NamedTuple):
    """Which strategies beat the benchmark, at one familywise error.

    Attributes
    ----------
    rejected : int64, shape (n_found,)
        Columns that do, in their order.
    critical_values : list of float
        Of each step.
    adjusted_p : float64, shape (n_strategies,)
        Romano-Wolf adjusted p-value of each strategy.
    """

    rejected: IntArray
    critical_values: list[float]
    adjusted_p: FloatArray


def step_down(tested: Contest, alpha: float = 0.05, *, studentised: bool = True) -> StepDown:
    r"""Romano-Wolf StepM [1]_: every strategy above the (1 - alpha) quantile of the maximum over those still in.

    :math:`z_k = \sqrt n\,\bar d_k/\omega_k` against the maximum of :math:`\sqrt n(\bar d^*_k - \bar d_k)/\omega_k`; what
    lies above it is rejected and the rest judged again, until nothing new is found. Adjusted p-values [2]_: in the order
    of z, (1 + #{max over the strategies not above >= z}) / (1 + B), then their running maximum.

    References
    ----------
    .. [1] Romano & Wolf (2005), "Stepwise multiple testing as formalized data snooping", Econometrica 73(4).
    .. [2] Romano & Wolf (2016), "Efficient computation of adjusted p-values ...", Statistics & Probability Letters 113.
    """
    probability(alpha, "alpha")
    scale = tested.scale(studentised)
    z, null = tested.mean * scale, (tested.means - tested.mean) * scale
    active, critical = np.ones(z.size, dtype=np.bool_), []
    while active.any():
        critical.append(float(np.quantile(null[:, active].max(axis=1), 1.0 - alpha)))
        found = active & (z > critical[-1])
        if not found.any():
            break
        active &= ~found
    return StepDown(np.flatnonzero(~active), critical, _adjusted(z, null))


def _adjusted(z: FloatArray, null: FloatArray) -> FloatArray:
    order = np.argsort(-z, kind="stable")
    remaining = np.maximum.accumulate(null[:, order[::-1]], axis=1)[:, ::-1]  # maximum over this one and all below it
    n_resamples = null.shape[0]
    p = (1.0 + np.count_nonzero(remaining >= z[order], axis=0)) / (1.0 + n_resamples)
    adjusted = np.empty(p.size)
    adjusted[order] = np.maximum.accumulate(p)
    return adjusted


class AdjustedOne(NamedTuple):
    """Romano-Wolf for one strategy among many.

    Attributes
    ----------
    statistic : float
        sqrt(n) mean / omega of the strategy.
    highest : float64, shape (n_resamples,)
        Maximum over all strategies of each resample, under the null.
    adjusted_p : float
    """

    statistic: float
    highest: FloatArray
    adjusted_p: float


def adjusted_p_of(differences: Any, resamples: Resamples, column: int = -1, *, cells: int = 1 << 22) -> AdjustedOne:
    """Romano-Wolf adjusted p-value of one strategy: `step_down` of all of them, in memory for `cells` numbers at a time.

    Parameters
    ----------
    differences : float64, shape (n_periods, n_strategies)
        As for `contest`.
    column : int
        The strategy that is asked about.
    """
    matrix = as_matrix(differences, "differences")
    mean = matrix.mean(axis=0)
    scale = _scale(_omega(matrix, resamples), matrix.shape[0])
    z = mean * scale
    order = np.argsort(-z, kind="stable")[::-1]  # the worst first: a strategy is compared with those that are not above it
    place = int(np.flatnonzero(order == column % z.size)[0])
    highest = np.full(resamples.n_resamples, -np.inf)
    width = max(cells // resamples.n_resamples, 1)
    worst = 0.0
    for start in range(0, z.size, width):
        taken = order[start : start + width]
        null = (resampled_means(np.ascontiguousarray(matrix[:, taken]), resamples) - mean[taken]) * scale[taken]
        null[:, 0] = np.maximum(null[:, 0], highest)
        null = np.maximum.accumulate(null, axis=1)
        asked = np.arange(start, start + taken.size) >= place
        if asked.any():
            exceeding = np.count_nonzero(null[:, asked] >= z[taken[asked]], axis=0)
            worst = max(worst, p_value_of_count(int(exceeding.max()), resamples.n_resamples))
        highest = null[:, -1]
    return AdjustedOne(float(z[column]), highest, worst)
