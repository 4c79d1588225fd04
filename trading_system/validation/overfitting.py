"""The probability of backtest overfitting: does the trial that was best on one half of the data stay good on the other?"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from trading_system.errors import DataError
from trading_system.kernels import door
from trading_system.validation.inputs import as_matrix, at_least, enough
from trading_system.validation.resampling import in_chunks

if TYPE_CHECKING:
    from trading_system.types import FloatArray, IntArray

CHUNK = 512  # halves of one task
MOST_BLOCKS = 20  # 184,756 halves
NAN = float("nan")


class Degradation(NamedTuple):
    """Least squares of out-of-sample on in-sample performance of the selected trial, over all halves.

    The slope is negative for pure noise by construction: one half up means the other half down.
    """

    slope: float
    intercept: float
    r_squared: float
    p_value: float


class Overfitting(NamedTuple):
    """What combinatorially symmetric cross-validation found.

    Attributes
    ----------
    pbo, pbo_strict : float
        Share of halves on which the selected trial ranks at or below (strictly below) the median out of sample.
    n_zero : int
        Halves with a logit of exactly 0; there are some only for an odd number of trials.
    selected : int64, shape (n_halves,)
        Best trial in sample, the first of equals.
    rank : float64, shape (n_halves,)
        Its rank out of sample, 1 the worst, equals share the mean rank.
    omega, logits : float64, shape (n_halves,)
        rank / (N + 1), and ln(omega / (1 - omega)).
    in_sample, out_of_sample : float64, shape (n_halves,)
        Performance of the selected trial; NaN where it does not exist (a trial that never varied there).
    degradation : Degradation
    probability_of_loss : float
        Share of halves on which the selected trial loses out of sample.
    first_order, second_order : bool
        Whether selecting dominates picking any trial, in the distribution of out-of-sample performance.
    median_selected, median_all : float
        Median out-of-sample performance of the selected trial, and of all.
    """

    pbo: float
    pbo_strict: float
    n_zero: int
    selected: IntArray
    rank: FloatArray
    omega: FloatArray
    logits: FloatArray
    in_sample: FloatArray
    out_of_sample: FloatArray
    degradation: Degradation
    probability_of_loss: float
    first_order: bool
    second_order: bool
    median_selected: float
    median_all: float


def halves(n_blocks: int) -> IntArray:
    """Every choice of half of the blocks, lexicographic; the complement of choice c is choice ``-1 - c``."""
    at_least(n_blocks, 2, "n_splits")
    if n_blocks % 2 or n_blocks > MOST_BLOCKS:
        raise DataError(f"n_splits is {n_blocks}", allowed=f"an even number from 2 to {MOST_BLOCKS}")
    count = comb(n_blocks, n_blocks // 2)
    return np.fromiter(
        (block for chosen in combinations(range(n_blocks), n_blocks // 2) for block in chosen),
        dtype=np.int64,
        count=count * (n_blocks // 2),
    ).reshape(count, n_blocks // 2)


def half_performance(returns: Any, n_splits: int = 16, metric: Callable[[FloatArray], Any] | None = None) -> FloatArray:
    """Performance of every trial on every half, shape (n_halves, n_trials), in the order of `halves`.

    Parameters
    ----------
    returns : shape (n_periods, n_trials)
        Synchronous returns of **all** trials. The first ``n_periods % n_splits`` rows are dropped.
    n_splits : int
        Even number of contiguous blocks: 8 give 70 halves, 10 give 252, 16 give 12,870. Memory is that times n_trials
        times 8 bytes.
    metric : callable, optional
        Takes rows in time order, shape (n, n_trials), gives one number per trial, larger is better; mean / std (ddof 1)
        unless told, NaN for a trial that does not vary on the half.
    """
    matrix = as_matrix(returns)
    chosen = halves(n_splits)
    enough(matrix.shape[0], 2 * n_splits, f"cross-validation in {n_splits} blocks")
    blocks = matrix[matrix.shape[0] % n_splits :].reshape(n_splits, -1, matrix.shape[1])
    if metric is not None:
        rows = [np.asarray(metric(blocks[half].reshape(-1, matrix.shape[1])), dtype=np.float64) for half in chosen]
        if any(row.shape != (matrix.shape[1],) for row in rows):
            raise DataError("the metric gives another number of values than there are trials", allowed="one per trial")
        return np.array(rows)
    return _sharpes(blocks, chosen)


def _sharpes(blocks: FloatArray, chosen: IntArray) -> FloatArray:
    from trading_system.validation import _kernels_cscv as kernels

    means = blocks.mean(axis=(0, 1))
    centred = blocks - means
    sums: Any = door(centred.sum(axis=1), np.float64)
    squares: Any = door((centred**2).sum(axis=1), np.float64)
    centre: Any = door(means, np.float64)

    def work(first: int, stop: int) -> FloatArray:
        out = np.empty((stop - first, means.size))
        part: Any = door(chosen[first:stop], np.int64)
        kernels.half_sharpes(sums, squares, centre, part, blocks.shape[1], np.empty(means.size), out)
        return out

    found = np.concatenate(in_chunks(work, chosen.shape[0], CHUNK))
    low, high = blocks.min(axis=1), blocks.max(axis=1)
    for column in np.flatnonzero((low == high).sum(axis=0) >= chosen.shape[1]):  # only these can be constant on a half
        flat = low[chosen, column].min(axis=1) == high[chosen, column].max(axis=1)
        found[flat, column] = np.nan
    return found


def probability_of_overfitting(
    returns: Any, n_splits: int = 16, metric: Callable[[FloatArray], Any] | None = None
) -> Overfitting:
    """Probability of backtest overfitting by combinatorially symmetric cross-validation [1]_.

    One data set's PBO is noisy (standard deviation about 0.19 under noise with 20 trials): an estimate, not a verdict.
    Parameters as for `half_performance`, result as for `overfitting_of`.

    References
    ----------
    .. [1] Bailey, Borwein, Lopez de Prado & Zhu (2017), "The probability of backtest overfitting", J. Computational
       Finance 20(4).
    """
    performance = half_performance(returns, n_splits, metric)
    return overfitting_of(performance, performance[::-1])


def overfitting_of(in_sample: Any, out_of_sample: Any) -> Overfitting:
    """Overfitting from performance tables, shape (n_halves, n_trials) each; row c of both belongs to one choice.

    NaN is performance that does not exist; it ranks below every number.

    Raises
    ------
    DataError
        Tables of different shapes, fewer than two trials, or a half on which no trial has a performance in sample.
    """
    inside, outside = np.asarray(in_sample, dtype=np.float64), np.asarray(out_of_sample, dtype=np.float64)
    if inside.shape != outside.shape or inside.ndim != 2 or inside.shape[1] < 2:
        raise DataError(
            f"performance of shape {inside.shape} and {outside.shape}", allowed="equal tables of two or more trials"
        )
    low_in, low_out = (np.where(np.isnan(table), -np.inf, table) for table in (inside, outside))
    rows = np.arange(inside.shape[0])
    selected = low_in.argmax(axis=1)
    best_in, best_out = inside[rows, selected], outside[rows, selected]
    if np.isnan(best_in).any():
        raise DataError("no trial varies on one half of the data", remedy="use fewer blocks, or trials that trade more")
    mark = low_out[rows, selected][:, None]
    below, equal = (low_out < mark).sum(axis=1), (low_out == mark).sum(axis=1)
    rank = below + (equal + 1.0) / 2.0
    omega = rank / (inside.shape[1] + 1.0)
    logits = np.log(omega / (1.0 - omega))
    centre = 2.0 * rank - (inside.shape[1] + 1.0)  # the sign of the logit, without its rounding
    known = best_out[~np.isnan(best_out)]
    everything = np.sort(outside[~np.isnan(outside)])
    first, second = _dominance(known, everything)
    return Overfitting(
        float(np.mean(centre <= 0.0)),
        float(np.mean(centre < 0.0)),
        int(np.count_nonzero(centre == 0.0)),
        selected,
        rank,
        omega,
        np.where(centre == 0.0, 0.0, logits),
        best_in,
        best_out,
        _degradation(best_in, best_out),
        float(np.mean(known < 0.0)) if known.size else NAN,
        first,
        second,
        float(np.median(known)) if known.size else NAN,
        float(np.median(everything)) if everything.size else NAN,
    )


def _degradation(inside: FloatArray, outside: FloatArray) -> Degradation:
    from scipy.special import stdtr

    known = np.isfinite(inside) & np.isfinite(outside)
    x, y = inside[known], outside[known]
    if x.size < 3 or x.max() == x.min() or y.max() == y.min():
        return Degradation(NAN, NAN, NAN, NAN)
    dx, dy = x - x.mean(), y - y.mean()
    slope = float(dx @ dy / (dx @ dx))
    squared = min(float((dx @ dy) ** 2 / ((dx @ dx) * (dy @ dy))), 1.0)
    freedom = x.size - 2
    with np.errstate(divide="ignore"):
        t = np.sqrt(freedom * np.divide(squared, 1.0 - squared))
    return Degradation(slope, float(y.mean() - slope * x.mean()), squared, float(2.0 * stdtr(freedom, -t)))


def _dominance(selected: FloatArray, everything: FloatArray) -> tuple[bool, bool]:
    """First and second order dominance of `selected` over `everything` (sorted).

    Between two selected values the distribution of the selected is flat, so that its lead over the other is largest at
    them, and the integral of the difference least at them or where the other distribution crosses it.
    """
    if selected.size == 0:
        return False, False
    s = np.sort(selected)
    n, total = s.size, everything.size
    share = np.searchsorted(s, s, side="right") / n
    above = np.searchsorted(everything, s, side="right") / total
    crossing = everything[np.clip(np.ceil(share * total).astype(np.int64) - 1, 0, total - 1)]
    points = np.concatenate((s, np.clip(crossing, s, np.append(s[1:], np.inf))))
    middle = float(everything[total // 2])
    lead = _shortfall(points, everything, middle) / total - _shortfall(points, s, middle) / n
    slack = 1e-12 * max(float(everything[-1] - everything[0]), 1e-300)
    return bool((share <= above + 1e-12).all()), bool((lead >= -slack).all())


def _shortfall(points: FloatArray, values: FloatArray, middle: float) -> FloatArray:
    """Sum of max(x - value, 0) over the sorted `values`, for each of `points`; taken from `middle` for the digits' sake."""
    sums = np.concatenate(([0.0], np.cumsum(values - middle)))
    below = np.searchsorted(values, points, side="right")
    return np.asarray(below * (points - middle) - sums[below])
