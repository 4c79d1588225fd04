"""Every trial is counted once, and what it earned can be read back."""

from __future__ import annotations

import dataclasses
import errno
import sqlite3

import numpy as np
import pytest

from tests.runs.faults import Disk, install
from tests.runs.test_journal import INDEX, RETURNS, TRIAL
from trading_system.errors import OutputError
from trading_system.runs import trials
from trading_system.runs.journal import FOLDER, NAME, Journal

FAMILY = TRIAL.family


def another(i: int) -> trials.Trial:
    return dataclasses.replace(TRIAL, config_hash=f"c{i}")


def test_the_family_is_the_strategy_types_and_the_universe():
    assert dataclasses.replace(TRIAL, config_hash="x", data_hash="y", period="all").family == FAMILY
    assert dataclasses.replace(TRIAL, symbols=("A",)).family != FAMILY
    assert dataclasses.replace(TRIAL, strategies=("pairs",)).family != FAMILY


def test_the_same_work_twice_is_two_rows_and_one_trial(tmp_path):
    with Journal(tmp_path) as journal:
        for trial in (another(1), another(2), another(1)):
            trials.record(journal, trial, INDEX, RETURNS)
        assert trials.count(journal, FAMILY) == trials.FamilyCount(trials=2, rows=3, sampled=False)
        assert trials.count(journal, FAMILY, upto=1) == trials.FamilyCount(trials=1, rows=1, sampled=False)
        rows = journal.records("trial")
    assert "repeats" not in rows[0] and rows[2]["repeats"] == 1
    assert rows[2]["returns"] == rows[0]["returns"]


def test_a_grid_is_one_row_that_counts_every_configuration(tmp_path):
    grid = np.random.default_rng(0).standard_normal((3, 40))
    with Journal(tmp_path) as journal:
        trials.record(journal, dataclasses.replace(TRIAL, configurations=40), INDEX, grid)
        assert trials.count(journal, FAMILY).trials == 40
        index, returns, numbers = trials.returns_of(journal, FAMILY)
    assert index.tolist() == INDEX.tolist() and set(numbers.tolist()) == {1}
    np.testing.assert_array_equal(returns, grid.astype(np.float32))


def test_returns_of_several_trials_stand_beside_each_other_and_other_sessions_are_left_out(tmp_path):
    with Journal(tmp_path) as journal:
        trials.record(journal, another(0), INDEX[:2], RETURNS[:2])
        trials.record(journal, another(1), INDEX, RETURNS)
        trials.record(journal, another(2), INDEX, -RETURNS)
        _, returns, numbers = trials.returns_of(journal, FAMILY)
        assert trials.returns_of(journal, "nobody")[1].shape == (0, 0)
    assert numbers.tolist() == [2, 3]
    np.testing.assert_allclose(returns, np.column_stack([RETURNS, -RETURNS]), rtol=1e-7)


def test_above_the_limit_a_fair_seeded_sample_is_kept_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(trials, "KEPT_PER_FAMILY", 20)
    with Journal(tmp_path) as journal:
        for i in range(10):
            grid = np.full((3, 20), float(i))
            trials.record(journal, dataclasses.replace(another(i), configurations=20), INDEX, grid)
        _, returns, numbers = trials.returns_of(journal, FAMILY)
        assert trials.count(journal, FAMILY) == trials.FamilyCount(200, 10, sampled=True)
        kept = {row[0] for row in journal.execute("SELECT DISTINCT trial FROM kept")}
    assert returns.shape == (3, 20)
    assert len(set(numbers.tolist())) >= 5  # 20 draws out of 10 grids
    files = {int(path.stem) for path in (tmp_path / FOLDER / "returns" / FAMILY).iterdir()}
    assert files == kept


def test_the_sample_is_the_same_again(tmp_path, monkeypatch):
    monkeypatch.setattr(trials, "KEPT_PER_FAMILY", 5)
    kept = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        with Journal(tmp_path / name) as journal:
            for i in range(40):
                trials.record(journal, another(i), INDEX, RETURNS)
            kept.append(journal.execute("SELECT * FROM kept ORDER BY slot"))
    assert kept[0] == kept[1] and max(row[2] for row in kept[0]) > 5


def test_changed_or_lost_returns_are_found_when_they_are_read(tmp_path):
    with Journal(tmp_path) as journal:
        trials.record(journal, another(1), INDEX, RETURNS)
        (path,) = (tmp_path / FOLDER / "returns" / FAMILY).iterdir()
        data = bytearray(path.read_bytes())
        data[60] ^= 1
        path.write_bytes(bytes(data))
        with pytest.raises(OutputError, match="not what was written"):
            trials.returns_of(journal, FAMILY)
        path.unlink()
        with pytest.raises(OutputError, match="cannot be read"):
            trials.returns_of(journal, FAMILY)


def test_a_trial_whose_returns_cannot_be_written_is_not_counted_and_the_next_one_is(tmp_path, monkeypatch):
    with Journal(tmp_path) as journal:
        counted, failed = 0, 0
        for nth in range(1, 13):
            with monkeypatch.context() as patch:
                install(patch, Disk(nth, errno.ENOSPC))
                try:
                    trials.record(journal, another(nth), INDEX, RETURNS)
                    counted += 1
                except OutputError as error:
                    assert "ENOSPC" in str(error)
                    failed += 1
            assert journal.anchor().count == counted
        assert failed >= 5 and counted >= 3
        assert journal.verify().intact
        assert trials.returns_of(journal, FAMILY)[1].shape == (3, counted)


def test_anyone_can_read_the_rows_with_sqlite(tmp_path):
    with Journal(tmp_path) as journal:
        trials.record(journal, another(1), INDEX, RETURNS)
    with sqlite3.connect(tmp_path / FOLDER / NAME) as store:
        row = store.execute("SELECT family, period, configurations, sharpe_mean FROM trials").fetchone()
    store.close()
    assert row == (FAMILY, "train", 1, 0.05)


def test_columns_are_asked_for_one_by_one_and_only_those_that_are_kept(tmp_path):
    n = 3 * trials.KEPT_PER_FAMILY
    wide = dataclasses.replace(TRIAL, configurations=n)
    asked = []

    def column(number):
        asked.append(number)
        return np.full(3, float(number))

    with Journal(tmp_path) as journal:
        planned = trials.planned(journal, wide, n)
        trials.record(journal, wide, INDEX, column)
        assert asked == planned == sorted(set(planned))
        assert len(planned) == trials.KEPT_PER_FAMILY
        _, returns, _ = trials.returns_of(journal, wide.family)
        np.testing.assert_array_equal(returns[0], planned)
        trials.record(journal, wide, INDEX, column)
        assert len(asked) == len(planned)  # the same work again: nothing is asked
        found = trials.count(journal, wide.family)
    assert (found.trials, found.rows, found.sampled) == (n, 2, True)


def test_what_others_write_meanwhile_only_changes_which_columns_are_asked_for(tmp_path):
    n = trials.KEPT_PER_FAMILY
    wide = dataclasses.replace(TRIAL, configurations=n)
    asked = []

    def column(number):
        if not asked:
            with Journal(tmp_path) as other:
                grid = np.zeros((3, n))
                trials.record(other, dataclasses.replace(another(1), configurations=n), INDEX, grid)
        asked.append(number)
        return np.full(3, float(number))

    with Journal(tmp_path) as journal:
        trials.record(journal, wide, INDEX, column)
        _, returns, numbers = trials.returns_of(journal, wide.family)
        assert journal.verify().intact
    assert set(numbers.tolist()) == {1, 2}
    assert returns.shape[1] == n
    assert set(returns[0, numbers == 2].tolist()) <= set(map(float, asked))


def ranked(journal, name: str, sharpe: float | None, **changed) -> trials.Standing:
    trial = dataclasses.replace(another(0), config_hash=name, sharpe_mean=sharpe, periods_per_year=4.0, **changed)
    return trials.standing(journal, trials.record(journal, trial, INDEX, RETURNS).count)


def test_a_trial_knows_whether_it_is_the_best_over_its_sessions(tmp_path):
    with Journal(tmp_path) as journal:
        assert ranked(journal, "a", 0.1) == trials.Standing(1, 0.2, None, repeats=False, others=0)
        assert ranked(journal, "b", 0.3) == trials.Standing(2, 0.6, 0.2, repeats=False, others=0)
        assert ranked(journal, "c", 0.2) == trials.Standing(3, 0.4, 0.6, repeats=False, others=0)
        assert ranked(journal, "b", 0.3) == trials.Standing(3, 0.6, 0.4, repeats=True, others=0)
        assert ranked(journal, "never traded", None) == trials.Standing(4, None, 0.6, repeats=False, others=0)
        assert ranked(journal, "elsewhere", 0.1, first="2019-01-02") == trials.Standing(1, 0.2, None, repeats=False, others=0)
        assert ranked(journal, "others", 0.1, symbols=("Z",)) == trials.Standing(1, 0.2, None, repeats=False, others=5)


def test_of_a_search_the_best_is_compared_where_it_is_known(tmp_path):
    with Journal(tmp_path) as journal:
        ranked(journal, "search", 0.0, configurations=40, sharpe_best=0.5, kind="search")
        ranked(journal, "walk-forward", None, configurations=7, kind="walk-forward")
        assert ranked(journal, "own", 0.4) == trials.Standing(41, 0.8, 1.0, repeats=False, others=0)
        assert trials.count(journal, FAMILY).trials == 48


def test_the_same_work_counts_as_often_as_its_larger_row(tmp_path):
    with Journal(tmp_path) as journal:
        for configurations in (40, 39):
            trials.record(journal, dataclasses.replace(another(1), configurations=configurations), INDEX, RETURNS)
        assert trials.count(journal, FAMILY).trials == 40


def test_what_a_row_says_of_several_ratios():
    assert trials.sharpe_spread(np.array([np.nan])) == (None, None, None)
    assert trials.sharpe_spread(np.array([0.1, np.nan])) == (0.1, None, 0.1)
    mean, variance, best = trials.sharpe_spread(np.array([0.1, 0.3]))
    assert (mean, best) == (pytest.approx(0.2), 0.3) and variance == pytest.approx(0.02)


def test_a_grid_of_ten_thousand_and_hand_edited_trials_beside_it_are_all_counted(tmp_path):
    """One row that counts 10,000, 60 rows of one, one row of a walk-forward: N is their sum, and every row is in the chain."""
    grid = dataclasses.replace(another(0), configurations=10_000, kind="search")
    walk = dataclasses.replace(another(1), configurations=50, kind="walk-forward", n_periods=0)
    with Journal(tmp_path) as journal:
        trials.record(journal, grid, INDEX, lambda number: np.full(3, number / 1e6))
        trials.record(journal, walk, INDEX, np.zeros((3, 0)))
        for i in range(60):
            trials.record(journal, another(i + 2), INDEX, RETURNS)
        assert trials.count(journal, FAMILY) == trials.FamilyCount(10_110, 62, sampled=True)
        assert journal.verify().count == 62 and journal.verify().intact
        assert trials.returns_of(journal, FAMILY)[1].shape == (3, trials.KEPT_PER_FAMILY)
