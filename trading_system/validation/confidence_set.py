"""The model confidence set: which strategies cannot be told from the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from trading_system.errors import DataError
from trading_system.validation.bootstrap import Resamples, resampled_means
from trading_system.validation.inputs import as_matrix, probability

if TYPE_CHECKING:
    from trading_system.types import FloatArray, IntArray


class ConfidenceSet(NamedTuple):
    """A model confidence set [1]_.

    Attributes
    ----------
    order : int64, shape (n_models,)
        Models in the order of their elimination; the last was never eliminated.
    p_values : float64, shape (n_models,)
        p-value of each of `order`, a running maximum; 1 for the last.
    """

    order: IntArray
    p_values: FloatArray

    def kept(self, alpha: float = 0.1) -> IntArray:
        """Models in the set of level 1 - `alpha`, in their order: those with a p-value above alpha."""
        return np.asarray(np.sort(self.order[self.p_values > probability(alpha, "alpha")]))


def model_confidence_set(losses: Any, resamples: Resamples, statistic: Literal["range", "max"] = "range") -> ConfidenceSet:
    r"""Model confidence set of Hansen, Lunde & Nason [1]_ by elimination of the worst.

    ``range``: T_R, the largest :math:`\bar d_{ij}/\sigma_{ij}` between two models; the model that has it goes. ``max``:
    T_max, the largest distance of a model's mean loss from the mean of those still in, over its bootstrap deviation. The
    p-value of a step is the share of resamples whose statistic is **above** the observed one, without the +1.

    Parameters
    ----------
    losses : shape (n_periods, n_models)
        Smaller is better; for returns, their negative.
    resamples : Resamples
        Common to all models. Memory: n_resamples x n_models numbers.

    References
    ----------
    .. [1] Hansen, Lunde & Nason (2011), "The model confidence set", Econometrica 79(2).
    """
    matrix = as_matrix(losses, "losses")
    mean = matrix.mean(axis=0)
    errors = resampled_means(matrix, resamples) - mean
    if statistic == "range":
        order, raw = _by_range(mean, errors)
    elif statistic == "max":
        order, raw = _by_max(mean, errors)
    else:
        raise DataError(f"no statistic is called {statistic!r}", allowed="range or max")
    return ConfidenceSet(order, np.append(np.maximum.accumulate(raw), 1.0))


def _by_range(mean: FloatArray, errors: FloatArray) -> tuple[IntArray, FloatArray]:
    """The order depends on the data alone; its p-values are then built from the last model back, each pair seen once."""
    width = mean.size
    square = errors.T @ errors / errors.shape[0]
    own = np.diag(square)
    spread = np.sqrt(np.maximum(own[:, None] + own - 2.0 * square, 0.0))
    distance = mean[:, None] - mean
    ratio = np.divide(distance, spread, out=np.zeros_like(distance), where=spread > 0.0)
    left, order, observed = list(range(width)), [], []
    while len(left) > 1:
        block = ratio[np.ix_(left, left)]
        worst = int(np.argmax(block)) // len(left)
        observed.append(float(block.max()))
        order.append(left.pop(worst))
    order += left
    above = np.empty(width - 1)
    highest = np.zeros(errors.shape[0])
    for step in range(width - 2, -1, -1):
        model, rest = order[step], np.array(order[step + 1 :])
        apart = np.abs(errors[:, [model]] - errors[:, rest])
        scaled = np.divide(apart, spread[model, rest], out=np.zeros_like(apart), where=spread[model, rest] > 0.0)
        highest = np.maximum(highest, scaled.max(axis=1))
        above[step] = np.mean(highest > observed[step])
    return np.array(order), above


def _by_max(mean: FloatArray, errors: FloatArray) -> tuple[IntArray, FloatArray]:
    left, order, above = list(range(mean.size)), [], []
    while len(left) > 1:
        apart = errors[:, left] - errors[:, left].mean(axis=1, keepdims=True)
        spread = np.sqrt(np.mean(apart**2, axis=0))
        distance = mean[left] - mean[left].mean()
        ratio = np.divide(distance, spread, out=np.zeros_like(distance), where=spread > 0.0)
        highest = np.divide(apart, spread, out=np.zeros_like(apart), where=spread > 0.0).max(axis=1)
        above.append(float(np.mean(highest > ratio.max())))
        order.append(left.pop(int(np.argmax(ratio))))
    return np.array(order + left), np.array(above)
