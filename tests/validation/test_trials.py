"""What is put beside a judged configuration is what was tried, all of it counted and nothing twice."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.runs.test_journal import TRIAL
from trading_system.errors import DataError
from trading_system.runs import trials as ledger
from trading_system.runs.journal import Journal
from trading_system.validation.trials import family_trials

N = 30
INDEX = np.arange(1, N + 1, dtype=np.int64) * 86_400 * 10**9
FIRST_HALF = slice(0, N // 2)
SHORTER = {"first": "2019-01-02", "n_periods": N // 2}


def drawn(columns: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.001, 0.01, (N, columns))


def row(name: str, configurations: int = 1, **changed) -> ledger.Trial:
    return dataclasses.replace(
        TRIAL, config_hash=name, n_periods=changed.pop("n_periods", N), configurations=configurations, **changed
    )


def told(journal: Journal, trial: ledger.Trial, returns: np.ndarray, index: np.ndarray = INDEX) -> ledger.Trial:
    ratios = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
    trial = dataclasses.replace(
        trial,
        sharpe_mean=float(ratios.mean()),
        sharpe_variance=float(ratios.var(ddof=1)) if ratios.size > 1 else None,
    )
    ledger.record(journal, trial, index, returns)
    return trial


def test_a_run_alone_is_one_trial_and_one_column(tmp_path):
    own = drawn()
    with Journal(tmp_path) as journal:
        found = family_trials(journal, [told(journal, row("own"), own)], INDEX, own[:, 0])
    assert (found.n_trials, found.n_rows, found.n_without, found.n_elsewhere) == (1, 1, 0, 0)
    assert found.returns.shape == (N, 1) and found.sharpe_variance is None and not found.sampled
    np.testing.assert_array_equal(found.returns[:, -1], own[:, 0])  # as it is, not as the journal rounds it


def test_earlier_trials_stand_before_the_search_and_the_judged_one_is_last(tmp_path):
    before, grid, own = drawn(1, 1), drawn(5, 2), drawn(1, 3)
    with Journal(tmp_path) as journal:
        told(journal, row("before"), before)
        present = [told(journal, row("own"), own), told(journal, row("grid", 5), grid)]
        found = family_trials(journal, present, INDEX, own[:, 0], grid)
    assert (found.n_trials, found.n_covered, found.n_without) == (7, 7, 0)
    np.testing.assert_array_equal(found.returns[:, 0], before[:, 0].astype(np.float32))
    np.testing.assert_array_equal(found.returns[:, 1:], np.column_stack([grid, own]))
    every = np.column_stack([before, grid, own])
    ratios = every.mean(axis=0) / every.std(axis=0, ddof=1)
    assert found.sharpe_variance == pytest.approx(ratios.var(ddof=1), rel=1e-12)


def test_the_same_examination_made_twice_adds_nothing(tmp_path):
    own, grid = drawn(1, 3), drawn(4, 2)
    with Journal(tmp_path) as journal:
        for _ in range(2):
            present = [told(journal, row("own"), own), told(journal, row("grid", 4), grid)]
            found = family_trials(journal, present, INDEX, own[:, 0], grid)
    assert (found.n_trials, found.n_rows, found.returns.shape[1]) == (5, 4, 5)


def test_trials_over_other_sessions_count_and_are_not_put_beside(tmp_path):
    other, own = drawn(1, 1)[FIRST_HALF], drawn(1, 2)
    with Journal(tmp_path) as journal:
        told(journal, row("train alone", **SHORTER), other, INDEX[FIRST_HALF])
        found = family_trials(journal, [told(journal, row("own"), own)], INDEX, own[:, 0])
    assert (found.n_trials, found.n_without, found.n_elsewhere, found.returns.shape) == (2, 1, 1, (N, 1))
    assert found.other_periods.tolist() == [N // 2]
    assert found.other_sharpes[0] == pytest.approx(float(other.mean() / other.std(ddof=1)), rel=1e-12)


def test_another_family_counts_for_nothing(tmp_path):
    own = drawn()
    with Journal(tmp_path) as journal:
        told(journal, row("of others", 3, symbols=("C",)), drawn(3, 4))
        found = family_trials(journal, [told(journal, row("own"), own)], INDEX, own[:, 0])
    assert (found.n_trials, found.n_rows, found.returns.shape[1]) == (1, 1, 1)


def test_of_a_sampled_family_what_is_kept_is_used_and_the_rest_is_still_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "KEPT_PER_FAMILY", 20)
    own = drawn()
    with Journal(tmp_path) as journal:
        for i in range(6):
            told(journal, row(f"grid {i}", 10), drawn(10, i))
        present = [told(journal, row("own"), own), told(journal, row("large grid", 50), drawn(50, 9))]
        found = family_trials(journal, present, INDEX, own[:, 0], drawn(50, 9))
    kept = found.returns.shape[1]
    assert found.sampled and found.n_trials == 111
    assert 2 <= kept <= 21 and found.n_without == 111 - kept
    np.testing.assert_array_equal(found.returns[:, -1], own[:, 0])


def test_a_trial_that_never_traded_counts_and_has_no_sharpe_ratio(tmp_path):
    own, still = drawn(), np.zeros((N, 1))
    with Journal(tmp_path) as journal:
        ledger.record(journal, dataclasses.replace(row("still"), sharpe_mean=None), INDEX, still)
        found = family_trials(journal, [told(journal, row("own"), own)], INDEX, own[:, 0])
    assert (found.n_trials, found.n_without, found.sharpe_variance) == (2, 0, None)
    assert not found.returns[:, 0].any()


@pytest.mark.parametrize("seed", range(5))
def test_mean_and_variance_pooled_from_rows_are_those_of_all_configurations(seed):
    rng = np.random.default_rng(seed)
    groups = [rng.normal(rng.normal(), 0.3, rng.integers(1, 40)) for _ in range(8)]
    rows = [
        {"configurations": g.size, "sharpe_mean": g.mean(), "sharpe_variance": g.var(ddof=1) if g.size > 1 else None}
        for g in groups
    ]
    rows.append({"configurations": 3, "sharpe_mean": None, "sharpe_variance": None})
    every = np.concatenate(groups)
    mean, variance = ledger.pooled_sharpe(rows)
    assert mean == pytest.approx(every.mean(), rel=1e-12) and variance == pytest.approx(every.var(ddof=1), rel=1e-12)


def test_nothing_pooled_is_none_and_one_has_no_variance():
    assert ledger.pooled_sharpe([]) == (None, None)
    assert ledger.pooled_sharpe([{"configurations": 1, "sharpe_mean": 0.1, "sharpe_variance": None}]) == (0.1, None)


def test_arrays_that_do_not_belong_together_are_refused(tmp_path):
    with Journal(tmp_path) as journal, pytest.raises(DataError, match="differ in number"):
        family_trials(journal, [row("own")], INDEX, drawn()[FIRST_HALF, 0])


def test_a_trial_with_another_warm_up_is_cut_or_filled_with_cash_and_put_beside(tmp_path):
    later, longer, own = drawn(1, 1)[4:], drawn(1, 2), drawn(1, 3)
    before = np.concatenate([INDEX[:3] - 30 * 86_400 * 10**9, INDEX])[:N]  # begins earlier, ends earlier
    with Journal(tmp_path) as journal:
        told(journal, row("slower", first="2020-01-09", n_periods=N - 4), later, INDEX[4:])
        told(journal, row("faster", first="2019-12-02", last="2020-01-30"), longer, before)
        present = dataclasses.replace(row("own"), risk_free=0.05, periods_per_year=252.0)
        found = family_trials(journal, [told(journal, present, own)], INDEX, own[:, 0])
    cash = 1.05 ** (1 / 252) - 1.0
    assert (found.n_trials, found.n_covered, found.n_elsewhere, found.n_fitted) == (3, 3, 0, 2)
    np.testing.assert_allclose(found.returns[:, 0], np.concatenate([np.full(4, cash), later[:, 0]]), atol=1e-8)
    np.testing.assert_allclose(found.returns[:, 1], np.concatenate([longer[3:, 0], np.full(3, cash)]), atol=1e-8)


@pytest.mark.parametrize(
    ("index", "stamps", "overlap", "places"),
    [
        ([1, 2, 3], [1, 2, 3], 1.0, (slice(0, 3), slice(0, 3))),
        ([1, 2, 3, 4, 5], [2, 3, 4, 5], 0.8, (slice(1, 5), slice(0, 4))),
        ([2, 3, 4, 5], [1, 2, 3, 4, 5], 0.8, (slice(0, 4), slice(1, 5))),
        ([1, 2, 3, 4, 5], [2, 3, 4, 5], 0.81, None),
        ([1, 2, 3, 4, 5], [1, 2, 4, 5], 0.5, None),
        ([1, 2, 3], [7, 8, 9], 0.1, None),
        ([], [], 1.0, (slice(0, 0), slice(0, 0))),
        ([1], [], 0.0, None),
    ],
)
def test_common_rows_are_the_same_closes_without_a_hole(index, stamps, overlap, places):
    assert ledger.common_rows(np.array(index, np.int64), np.array(stamps, np.int64), overlap) == places
