"""Overfitting by cross-validation over halves: a twin in pandas, and what noise, skill and forced totals give."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import naive_validation as naive
from tests.validation.sizes import sized
from trading_system.errors import DataError, InsufficientDataError
from trading_system.validation import overfitting


def noise(seed: int, n: int = 200, width: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, width)) * 0.01


@settings(max_examples=sized(25, 8))
@given(st.integers(0, 10**6), st.integers(24, 60), st.integers(2, 9), st.sampled_from([2, 4, 6]), st.booleans())
def test_every_half_is_that_of_a_second_implementation(seed, n, width, n_splits, idle):
    table = noise(seed, n, width)
    if idle:
        table[: n * 2 // 3, 0] = 0.0  # a trial that trades late: no ratio on some halves
    found = overfitting.probability_of_overfitting(table, n_splits)
    wanted = naive.cross_validated(table, n_splits)
    assert found.selected.tolist() == [row[0] for row in wanted]
    assert found.rank.tolist() == [row[1] for row in wanted]
    assert found.in_sample == pytest.approx([row[2] for row in wanted], rel=1e-9)
    assert found.out_of_sample == pytest.approx([row[3] for row in wanted], rel=1e-9, abs=1e-12, nan_ok=True)
    assert found.pbo == pytest.approx(np.mean([2 * row[1] <= width + 1 for row in wanted]))
    assert found.pbo - found.pbo_strict == pytest.approx(found.n_zero / len(wanted))


def test_any_metric_is_taken_and_the_usual_one_is_the_same():
    table = noise(3)
    usual = overfitting.probability_of_overfitting(table, 6)
    told = overfitting.probability_of_overfitting(table, 6, lambda rows: rows.mean(axis=0) / rows.std(axis=0, ddof=1))
    assert told.selected.tolist() == usual.selected.tolist() and told.pbo == usual.pbo
    assert told.out_of_sample == pytest.approx(usual.out_of_sample)
    with pytest.raises(DataError, match="one per trial"):
        overfitting.half_performance(table, 4, lambda rows: rows)


def test_noise_is_overfitted_skill_is_not():
    sets, rng = sized(60, 3), np.random.default_rng(5)
    flat, skilled = [], []
    for _ in range(sets):
        table = rng.standard_normal((1_000, 20))
        flat.append(overfitting.probability_of_overfitting(table, 10).pbo)
        table[:, 4] += 2.7 / math.sqrt(252)
        skilled.append(overfitting.probability_of_overfitting(table, 10).pbo)
    if sets >= 60:
        assert 0.40 <= np.mean(flat) <= 0.60 and np.mean(skilled) < 0.05


def test_columns_forced_to_the_same_total_are_overfitted_for_certain():
    table = noise(6, 240, 20)
    found = overfitting.probability_of_overfitting(table - table.mean(axis=0), 8)
    assert found.pbo > 0.95 and found.degradation.slope < -0.9


def test_a_column_that_never_varies_ranks_last_and_order_of_columns_changes_nothing():
    table = noise(7)
    plain = overfitting.probability_of_overfitting(table, 6)
    backwards = overfitting.probability_of_overfitting(table[:, ::-1], 6)
    assert backwards.pbo == plain.pbo and (table.shape[1] - 1 - backwards.selected == plain.selected).all()
    idle = overfitting.probability_of_overfitting(np.column_stack((table, np.zeros(len(table)))), 6)
    assert (idle.rank == plain.rank + 1.0).all() and (idle.selected == plain.selected).all()


def test_equal_trials_share_their_mean_rank_and_the_first_of_equals_is_selected():
    inside = [[2.0, 2.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0]]
    outside = [[5.0, 5.0, 5.0, 9.0], [1.0, 2.0, np.nan, np.nan]]
    found = overfitting.overfitting_of(inside, outside)
    assert found.selected.tolist() == [0, 2]
    assert found.rank.tolist() == [2.0, 1.5]  # three share the ranks 1 to 3; two without a performance share 1 and 2
    assert found.omega.tolist() == [0.4, 0.3] and found.pbo == 1.0


def test_dominance_of_the_better_half():
    outside = np.array([[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]])
    best = overfitting.overfitting_of(outside, outside)
    assert best.first_order and best.second_order and best.pbo == 0.0
    worst = overfitting.overfitting_of(-outside, outside)
    assert not worst.first_order and not worst.second_order and worst.pbo == 1.0
    assert worst.median_selected == 2.0 and worst.median_all == 4.0 and worst.probability_of_loss == 0.0


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=12))
def test_dominance_is_that_of_the_distribution_functions_written_out(rows):
    outside = np.array(rows, dtype=float)
    inside = np.tile([1.0, 0.0, 0.0], (len(rows), 1))
    found = overfitting.overfitting_of(inside, outside)
    points = range(10)  # both functions are steps at whole numbers
    lead = [np.mean(outside <= x) - np.mean(outside[:, 0] <= x) for x in points]
    assert found.first_order == all(gap >= -1e-12 for gap in lead)
    assert found.second_order == all(sum(lead[:k]) >= -1e-12 for k in points)


def test_a_steady_trial_dominates_in_the_second_order_alone():
    outside = np.array([[2.9, 1.0], [3.0, 3.5], [2.9, 3.2], [3.0, 2.0]])
    inside = np.tile([1.0, 0.0], (4, 1))
    found = overfitting.overfitting_of(inside, outside)
    assert not found.first_order and found.second_order


def test_threads_change_no_byte(monkeypatch):
    table = noise(8, 320, 17)
    monkeypatch.setenv("TRADING_SYSTEM_THREADS", "1")
    one = overfitting.half_performance(table, 8)
    monkeypatch.setenv("TRADING_SYSTEM_THREADS", "3")
    monkeypatch.setattr(overfitting, "CHUNK", 9)
    assert overfitting.half_performance(table, 8).tobytes() == one.tobytes()


def test_halves_are_complements_read_backwards():
    chosen = overfitting.halves(6)
    for own, other in zip(chosen, chosen[::-1], strict=True):
        assert sorted([*own, *other]) == list(range(6))
    assert len(overfitting.halves(16)) == 12_870


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: overfitting.halves(5), "n_splits is 5; allowed: an even number from 2 to 20"),
        (lambda: overfitting.probability_of_overfitting(noise(1)[:, :1], 4), "two or more trials"),
        (lambda: overfitting.probability_of_overfitting(np.zeros((40, 3)), 4), "no trial varies on one half"),
    ],
)
def test_impossible_tables_are_one_message(call, words):
    with pytest.raises(DataError, match=words):
        call()


def test_too_few_rows_are_refused():
    with pytest.raises(InsufficientDataError, match="cross-validation in 16 blocks needs 32 periods, the data has 31"):
        overfitting.probability_of_overfitting(noise(1, 31), 16)
