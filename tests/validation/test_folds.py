"""Folds: laws of windows, purges written as two loops over pairs of labels, paths that cover everything once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trading_system.errors import DataError, InsufficientDataError
from trading_system.validation import folds

labels = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6)), min_size=2, max_size=40).map(
    lambda rows: (np.cumsum([a for a, _ in rows]), np.cumsum([a for a, _ in rows]) + np.array([b for _, b in rows]))
)


@given(st.integers(2, 400), st.integers(1, 60), st.integers(1, 30), st.integers(1, 30), st.booleans(), st.integers(0, 10))
def test_windows_train_before_they_test(n, train, test, step, anchored, gap):
    assume(gap < train and train + test <= n)
    found = folds.walk_forward_folds(n, train, test, step, anchored=anchored, gap=gap)
    for fold in found:
        assert 0 <= fold.train[0] < fold.train[1] == fold.test[0] - gap
        assert fold.test[1] - fold.test[0] == test and fold.test[1] <= n
        assert fold.train[0] == (0 if anchored else fold.test[0] - train)
    assert all(b.test[0] - a.test[0] == step for a, b in pairwise(found))
    assert found[0].test[0] == train and found[-1].test[0] + step + test > n


def test_steps_as_long_as_a_test_tile_the_rest():
    found = folds.walk_forward_folds(1_000, 200, 100)
    assert [fold.test for fold in found] == [(start, start + 100) for start in range(200, 1_000, 100)]


def by_pairs(start, end, first, stop, embargo, closed):
    """Every training observation against every test observation."""
    kept = []
    for i in range(len(start)):
        if first <= i < stop or stop <= i < stop + embargo:
            continue
        tests = range(first, stop)
        clash = any(
            (start[i] <= end[j] and start[j] <= end[i]) if closed else (start[i] < end[j] and start[j] < end[i]) for j in tests
        )
        if not clash:
            kept.append(i)
    return kept


@given(labels, st.integers(2, 5), st.integers(0, 5), st.booleans())
def test_purging_leaves_what_overlaps_no_test_label(label, n_splits, embargo, closed):
    start, end = label
    assume(n_splits <= start.size)
    tested = []
    for split in folds.purged_k_fold(start, end, n_splits, embargo, closed=closed):
        first, stop = int(split.test[0]), int(split.test[-1]) + 1
        assert split.train.tolist() == by_pairs(start, end, first, stop, embargo, closed)
        tested += split.test.tolist()
    assert tested == list(range(start.size))


def test_a_purge_between_two_blocks_is_not_the_purge_of_their_hull():
    start = np.arange(30)
    train = folds.purged_training(start, start + 3, [(5, 10), (20, 25)])
    assert train.tolist() == [*range(3), *range(12, 18), *range(27, 30)]


def test_the_published_snippet_counts_its_embargo_from_the_last_label():
    start = np.arange(30)
    rows = folds.purged_training(start, start + 3, [(5, 10)], 4)
    ends = folds.purged_training(start, start + 3, [(5, 10)], 4, embargo_from="label_end")
    assert rows.tolist() == [*range(3), *range(14, 30)] and ends.tolist() == [*range(3), *range(16, 30)]


@given(st.integers(2, 7), st.integers(1, 6), st.integers(7, 60), st.integers(1, 5), st.integers(0, 4), st.booleans())
def test_paths_cover_every_observation_once(n_groups, n_test, n, horizon, embargo, closed):
    assume(n_test < n_groups)
    found = folds.combinatorial_splits(n, n_groups, n_test, horizon, embargo, closed=closed)
    counts = folds.combinatorial_counts(n_groups, n_test)
    assert (len(found.splits), found.n_paths) == counts
    pieces: dict[int, list[int]] = {path: [] for path in range(found.n_paths)}
    for groups, ids, split in zip(found.test_groups, found.path_ids, found.splits, strict=True):
        assert not set(split.train) & set(split.test)
        for group, path in zip(groups, ids, strict=True):
            pieces[path] += range(*found.bounds[group])
        for i in split.train:  # labels [i, i + h) or [i, i + h] of train and test share no bar
            reach = horizon - (not closed)
            assert not set(range(i, i + reach + 1)) & set(split.test) and not set(range(i - reach, i + 1)) & set(split.test)
    assert all(sorted(path) == list(range(n)) for path in pieces.values())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: folds.walk_forward_folds(100, 50, 0), "test is 0"),
        (lambda: folds.walk_forward_folds(100, 50, 10, gap=50), "gap of 50 bars leaves nothing of 50"),
        (lambda: folds.purged_k_fold([0, 1], [1, 2], 3), "3 folds of 2 observations"),
        (lambda: folds.purged_k_fold([0, 5], [1, 2], 2), "label_end: row 1: a label ends before it starts"),
        (lambda: folds.purged_k_fold([0.5, 1.5], [1.0, 2.0], 2), "whole bars"),
        (lambda: folds.purged_training([0, 1], [1, 2], [(1, 3)]), "a test block from 1 to 3"),
        (lambda: folds.combinatorial_counts(4, 4), "4 test groups of 4"),
    ],
)
def test_impossible_folds_are_one_message(call, words):
    with pytest.raises(DataError, match=words):
        call()


def test_too_few_bars_say_how_many_are_needed():
    with pytest.raises(InsufficientDataError, match="needs 300 bars, the data has 299"):
        folds.walk_forward_folds(299, 200, 100)
    with pytest.raises(InsufficientDataError, match="6 groups need 6 observations"):
        folds.combinatorial_splits(5, 6, 2)


def test_the_embargo_begins_where_the_purge_ends():
    """Labels of three bars: two bars go on each side of the test, then one more behind it."""
    found = folds.combinatorial_splits(12, 3, 1, horizon=3, embargo=1)
    assert found.splits[1].test.tolist() == [4, 5, 6, 7] and found.splits[1].train.tolist() == [0, 1, 11]
    closed = folds.combinatorial_splits(12, 3, 1, horizon=3, embargo=1, closed=True)
    assert closed.splits[1].train.tolist() == [0]
