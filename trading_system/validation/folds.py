"""Where to fit and where to judge: walk-forward windows, purged k-fold, combinatorial purged cross-validation.

Positions count observations from 0; windows are half-open. A purge removes training observations whose label overlaps a
test label; an embargo removes training observations that follow a test block too closely. Every contiguous test block is
purged for itself, never their hull.
"""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from trading_system.errors import DataError, InsufficientDataError
from trading_system.validation.inputs import at_least

if TYPE_CHECKING:
    from trading_system.types import BoolArray, IntArray

Window = tuple[int, int]
EmbargoFrom = Literal["test_row", "label_end"]


class Fold(NamedTuple):
    """Train on `train`, judge on `test`; both half-open."""

    train: Window
    test: Window


def walk_forward_folds(
    n: int, train: int, test: int, step: int | None = None, *, anchored: bool = False, gap: int = 0
) -> list[Fold]:
    """Windows of a walk-forward over `n` bars [1]_.

    The first test starts at bar `train`, the next ones every `step` bars (default: `test`). Training is the `train` bars
    before a test, or all of them when `anchored`, less the last `gap` bars: the purge, at least the label horizon. A last
    test that would be cut short is dropped.

    Raises
    ------
    DataError
        A size below 1, or a gap that leaves no training.
    InsufficientDataError
        When there is no whole fold.

    References
    ----------
    .. [1] Pardo (2008), "The Evaluation and Optimization of Trading Strategies".
    """
    step = test if step is None else step
    for name, value in (("train", train), ("test", test), ("step", step)):
        at_least(value, 1, name)
    if at_least(gap, 0, "gap") >= train:
        raise DataError(f"a gap of {gap} bars leaves nothing of {train} training bars", allowed=f"0 to {train - 1}")
    starts = range(train, n - test + 1, step)
    if not starts:
        raise InsufficientDataError(
            f"a walk-forward of {train} + {test} bars needs {train + test} bars, the data has {n}",
            remedy="load more bars or shorten the windows",
        )
    return [Fold((0 if anchored else start - train, start - gap), (start, start + test)) for start in starts]


def purged_training(
    label_start: Any,
    label_end: Any,
    blocks: list[Window],
    embargo: int = 0,
    *,
    closed: bool = False,
    embargo_from: EmbargoFrom = "test_row",
) -> IntArray:
    """Observations that may train when `blocks` are tested, in order [1]_.

    Parameters
    ----------
    label_start, label_end : int, shape (n,)
        Observation i has the label interval [start, end), with ``closed`` [start, end], in bars.
    blocks : list of (first, stop)
        Contiguous test blocks, half-open positions of observations.
    embargo : int
        Rows after the last test row of each block that are left out; with ``embargo_from="label_end"`` every observation
        that starts less than `embargo` bars after the last label end of the block, as the published snippet counts.

    References
    ----------
    .. [1] Lopez de Prado (2018), "Advances in Financial Machine Learning", ch. 7.
    """
    start, end = _labels(label_start, label_end)
    at_least(embargo, 0, "embargo")
    rows = np.arange(start.size)
    free = np.ones(start.size, dtype=np.bool_)
    for first, stop in blocks:
        if not 0 <= first < stop <= start.size:
            raise DataError(f"a test block from {first} to {stop}", allowed=f"positions from 0 to {start.size}, in order")
        free[first:stop] = False
        free &= ~_overlapping(start, end, first, stop, closed)
        if embargo_from == "label_end":
            last = int(end[first:stop].max())
            free &= ~((start >= last) & (start < last + embargo))
        else:
            free &= ~((rows >= stop) & (rows < stop + embargo))
    return np.flatnonzero(free)


def _overlapping(start: IntArray, end: IntArray, first: int, stop: int, closed: bool) -> BoolArray:
    """Which labels overlap the label of any test observation: s_i < e_j and s_j < e_i, ends included when closed."""
    order = np.argsort(start[first:stop], kind="stable")
    opens = start[first:stop][order]
    latest = np.maximum.accumulate(end[first:stop][order])  # the last end among the tests that start no later
    n_before = np.searchsorted(opens, end, side="right" if closed else "left")
    reach = np.where(n_before > 0, latest[np.maximum(n_before - 1, 0)], np.iinfo(np.int64).min)
    return np.asarray(start <= reach if closed else start < reach)


def _labels(label_start: Any, label_end: Any) -> tuple[IntArray, IntArray]:
    start, end = np.asarray(label_start), np.asarray(label_end)
    if start.ndim != 1 or start.shape != end.shape or start.size == 0:
        raise DataError(f"label_start has shape {start.shape}, label_end {end.shape}", allowed="one number per observation")
    if not (np.issubdtype(start.dtype, np.integer) and np.issubdtype(end.dtype, np.integer)):
        raise DataError(f"labels are {start.dtype} and {end.dtype}", allowed="whole bars")
    if (end < start).any():
        raise DataError("a label ends before it starts", where=f"label_end: row {int(np.argmax(end < start))}")
    return start.astype(np.int64), end.astype(np.int64)


class Split(NamedTuple):
    """Observations that train and observations that are judged."""

    train: IntArray
    test: IntArray


def purged_k_fold(
    label_start: Any,
    label_end: Any,
    n_splits: int,
    embargo: int = 0,
    *,
    closed: bool = False,
    embargo_from: EmbargoFrom = "test_row",
) -> list[Split]:
    """Contiguous test blocks in time order, each with the training that a purge and an embargo leave.

    The first ``n % n_splits`` blocks are one longer. See `purged_training`.
    """
    n = _labels(label_start, label_end)[0].size
    if not 2 <= at_least(n_splits, 2, "n_splits") <= n:
        raise DataError(f"{n_splits} folds of {n} observations", allowed=f"2 to {n}")
    edges = np.concatenate(([0], np.cumsum([n // n_splits + (k < n % n_splits) for k in range(n_splits)])))
    splits = []
    for first, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        block = [(first, stop)]
        train = purged_training(label_start, label_end, block, embargo, closed=closed, embargo_from=embargo_from)
        splits.append(Split(train, np.arange(first, stop)))
    return splits


class Combinatorial(NamedTuple):
    """Combinatorial purged cross-validation.

    Attributes
    ----------
    test_groups : list of tuple
        Groups that each split tests, in lexicographic order.
    splits : list of Split
        Training and test observations of each split.
    path_ids : list of tuple
        For each split, the backtest path that each of its test groups belongs to: the j-th split that tests a group
        gives path j its piece.
    bounds : list of (first, stop)
        Observations of each group.
    n_paths : int
        Whole paths over all observations, each stitched from out-of-sample pieces.
    """

    test_groups: list[tuple[int, ...]]
    splits: list[Split]
    path_ids: list[tuple[int, ...]]
    bounds: list[Window]
    n_paths: int


class SplitCounts(NamedTuple):
    """Number of splits and of whole backtest paths."""

    n_splits: int
    n_paths: int


def combinatorial_counts(n_groups: int, n_test_groups: int) -> SplitCounts:
    """C(N, k) splits and C(N-1, k-1) paths of N groups of which k are tested (Lopez de Prado 2018, ch. 12)."""
    if not 1 <= n_test_groups < n_groups:
        raise DataError(f"{n_test_groups} test groups of {n_groups}", allowed="at least 1, and fewer than the groups")
    return SplitCounts(comb(n_groups, n_test_groups), comb(n_groups - 1, n_test_groups - 1))


def combinatorial_splits(
    n: int, n_groups: int, n_test_groups: int, horizon: int = 1, embargo: int = 0, *, closed: bool = False
) -> Combinatorial:
    """Splits of combinatorial purged cross-validation over `n` observations with labels of `horizon` bars.

    A group has n // N observations, the last one the rest. Each side of a contiguous test block loses horizon - 1
    training observations (labels [i, i + h)), `horizon` of them when `closed` ([i, i + h]); the `embargo` is counted after
    the purged ones that follow.

    Raises
    ------
    DataError
        Impossible counts.
    """
    counts = combinatorial_counts(n_groups, n_test_groups)
    at_least(horizon, 1, "horizon")
    at_least(embargo, 0, "embargo")
    if n < n_groups:
        raise InsufficientDataError(
            f"{n_groups} groups need {n_groups} observations, there are {n}", remedy="use fewer groups"
        )
    width = n // n_groups
    bounds = [(g * width, n if g == n_groups - 1 else (g + 1) * width) for g in range(n_groups)]
    purge = horizon if closed else horizon - 1
    chosen = list(combinations(range(n_groups), n_test_groups))
    splits = [_split_of([bounds[g] for g in groups], n, purge, embargo) for groups in chosen]
    seen = [0] * n_groups
    path_ids = []
    for groups in chosen:
        path_ids.append(tuple(seen[g] for g in groups))
        for g in groups:
            seen[g] += 1
    return Combinatorial(chosen, splits, path_ids, bounds, counts.n_paths)


def _split_of(blocks: list[Window], n: int, purge: int, embargo: int) -> Split:
    """Train and test of one choice of groups; touching groups are one block, so nothing is purged between them."""
    tested = np.zeros(n, dtype=np.bool_)
    barred = np.zeros(n, dtype=np.bool_)
    for first, stop in blocks:
        tested[first:stop] = True
        barred[max(first - purge, 0) : stop + purge + embargo] = True
    return Split(np.flatnonzero(~barred), np.flatnonzero(tested))
