"""What is held out stays closed, whichever way is tried."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import threading

import numpy as np
import pytest

from tests.builders import random_bars
from tests.runs.test_journal import INDEX, RETURNS, TRIAL
from trading_system.config.models import SplitsConfig
from trading_system.errors import HoldoutError
from trading_system.runs import holdout, trials
from trading_system.runs.journal import Journal

MARKET = random_bars(300, 3, seed=5, start="2015-01-05")
DAY = [dt.date.fromordinal(719_163 + int(day)) for day in MARKET.session]
SPLITS = SplitsConfig(train=(DAY[0], DAY[99]), validation=(DAY[100], DAY[199]), holdout=(DAY[200], DAY[299]))


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path) as found:
        assert holdout.guard(found, MARKET, 200, SPLITS, "config", "data") == ()
        yield found


def test_a_run_that_ends_before_the_holdout_passes_and_one_bar_more_does_not(journal):
    assert holdout.guard(journal, MARKET, 200, None, "other", "data") == ()
    with pytest.raises(HoldoutError, match=f"from {DAY[200]} to {DAY[200]}"):
        holdout.guard(journal, MARKET, 201, None, "other", "data")


def test_the_same_holdout_is_recorded_once(journal):
    for _ in range(3):
        holdout.guard(journal, MARKET, 200, SPLITS, "config", "data")
    assert len(journal.records("holdout")) == 1


def test_a_file_without_splits_or_with_moved_ones_is_refused(journal):
    moved = SplitsConfig(train=(DAY[0], DAY[149]), validation=(DAY[150], DAY[249]), holdout=(DAY[250], DAY[299]))
    for splits in (None, moved):
        with pytest.raises(HoldoutError, match="held out"):
            holdout.guard(journal, MARKET, 250, splits, "other", "data")


def test_history_before_the_first_traded_bar_counts_as_read(journal):
    later = MARKET.rows(250, 300)  # the data begins inside the holdout
    with pytest.raises(HoldoutError):
        holdout.guard(journal, later, 10, None, "other", "data")


def test_a_run_file_in_a_subfolder_opens_nothing(journal):
    below = journal.folder.parent / "ideas" / "later"
    below.mkdir(parents=True)
    with Journal(below) as other:
        assert holdout.guard(other, MARKET, 200, None, "other", "data") == ()
        with pytest.raises(HoldoutError, match="held out") as refused:
            holdout.guard(other, MARKET, 201, None, "other", "data")
    assert str(journal.path) in str(refused.value)


def test_data_that_begin_after_the_holdout_are_free(tmp_path):
    early = SplitsConfig(train=(DAY[0], DAY[9]), holdout=(DAY[10], DAY[50]))
    with Journal(tmp_path) as journal:
        holdout.guard(journal, MARKET, 10, early, "config", "data")
        assert holdout.guard(journal, MARKET.rows(51, 300), 249, None, "other", "data") == ()


def test_one_held_out_symbol_among_others_is_enough_and_is_named(journal):
    others = dataclasses.replace(random_bars(300, 3, seed=6, start="2015-01-05"), symbols=("X", "S001", "Y"))
    with pytest.raises(HoldoutError, match="bars of S001 from"):
        holdout.guard(journal, others, 300, None, "other", "data")


def test_other_symbols_over_the_same_dates_are_free(journal):
    others = dataclasses.replace(random_bars(300, 3, seed=6, start="2015-01-05"), symbols=("X", "Y", "Z"))
    assert holdout.guard(journal, others, 300, None, "other", "data") == ()


def test_a_renamed_copy_of_the_data_is_the_same_holdout(journal):
    renamed = dataclasses.replace(MARKET, symbols=("X", "Y", "Z"))
    with pytest.raises(HoldoutError, match="bars of X, Y, Z"):
        holdout.guard(journal, renamed, 201, None, "other", "data")


def test_a_renamed_copy_that_ends_within_the_holdout_or_begins_in_it_is_the_same_holdout(journal):
    copy = dataclasses.replace(MARKET, symbols=("X", "Y", "Z"))
    for part in (copy.rows(0, 240), copy.rows(230, 300)):
        with pytest.raises(HoldoutError, match="X, Y, Z"):
            holdout.guard(journal, part, part.n_bars, None, "other", "other data")


def test_equal_prices_on_the_same_days_are_no_copy(tmp_path):
    flat = dataclasses.replace(MARKET, close=np.full(MARKET.close.shape, 1.0))
    with Journal(tmp_path) as journal:
        holdout.guard(journal, flat, 200, SPLITS, "config", "data")
        pegged = dataclasses.replace(flat, symbols=("X", "Y", "Z")).rows(0, 240)
        assert holdout.guard(journal, pegged, 240, None, "other", "other data") == ()


def test_revised_prices_under_the_same_symbol_are_still_held_out(journal):
    revised = dataclasses.replace(MARKET, close=MARKET.close * 1.001)
    with pytest.raises(HoldoutError):
        holdout.guard(journal, revised, 300, None, "other", "data")


def test_a_symbol_without_a_bar_in_the_dates_touches_nothing(journal):
    close = MARKET.close.copy()
    close[200:] = np.nan
    assert holdout.guard(journal, dataclasses.replace(MARKET, close=close), 300, None, "other", "data") == ()


def test_a_holdout_that_was_looked_at_before_it_was_held_out_is_called_contaminated(tmp_path):
    looked = dataclasses.replace(TRIAL, symbols=MARKET.symbols, read_from=str(DAY[0]), last=str(DAY[250]))
    with Journal(tmp_path) as journal:
        trials.record(journal, looked, INDEX, RETURNS)
        trials.record(journal, dataclasses.replace(looked, symbols=("Q",)), INDEX, RETURNS)
        trials.record(journal, dataclasses.replace(looked, last=str(DAY[199])), INDEX, RETURNS)
        for _ in range(2):
            (warning,) = holdout.guard(journal, MARKET, 200, SPLITS, "config", "data")
            assert "contaminated: 1 earlier trial read" in warning


def test_the_record_is_part_of_the_chain(journal):
    trials.record(journal, TRIAL, INDEX, RETURNS)
    assert journal.anchor().count == 2 and journal.verify().intact
    (record,) = journal.records("holdout")
    assert (record["first"], record["last"]) == (str(DAY[200]), str(DAY[299]))
    assert set(record["bars"]) == set(MARKET.symbols) and all(record["bars"].values())


def test_a_run_that_began_before_the_record_and_ended_after_it_contaminates_the_holdout(tmp_path):
    looks = dataclasses.replace(TRIAL, symbols=MARKET.symbols, read_from=str(DAY[0]), last=str(DAY[250]))
    with Journal(tmp_path) as early, Journal(tmp_path) as late:
        assert holdout.guard(early, MARKET, 300, None, "other", "data") == ()  # nothing is held out yet
        assert holdout.guard(late, MARKET, 200, SPLITS, "config", "data") == ()
        trials.record(early, looks, INDEX, RETURNS)
        (warning,) = holdout.guard(late, MARKET, 200, SPLITS, "config", "data")
        assert "contaminated: 1 earlier trial read" in warning


def test_processes_that_open_at_once_count_every_look_and_record_one_holdout(tmp_path):
    looks = dataclasses.replace(TRIAL, symbols=MARKET.symbols, read_from=str(DAY[0]), last=str(DAY[250]))
    with Journal(tmp_path):
        pass
    gate = threading.Barrier(8)

    def one(number):
        with Journal(tmp_path) as journal:
            gate.wait()
            if number % 2:
                holdout.guard(journal, MARKET, 200, SPLITS, "config", "data")
            else:
                trials.record(journal, dataclasses.replace(looks, config_hash=str(number)), INDEX, RETURNS)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with Journal(tmp_path) as journal:
        assert journal.verify().intact
        assert len(journal.records("holdout")) == 1 and len(journal.records("trial")) == 4
        (warning,) = holdout.guard(journal, MARKET, 200, SPLITS, "config", "data")
        assert "contaminated: 4 earlier trials read" in warning


@pytest.mark.parametrize("cut", [205, 210, 214])
def test_a_renamed_copy_that_ends_in_the_first_weeks_of_a_short_holdout_is_the_same_holdout(cut, tmp_path):
    """Less than a month is held out, and the copy ends within it: it is known by its first whole week."""
    short = SplitsConfig(train=(DAY[0], DAY[199]), holdout=(DAY[200], DAY[214]))
    copy = dataclasses.replace(MARKET, symbols=("X", "Y", "Z")).rows(0, cut)
    with Journal(tmp_path) as journal:
        holdout.guard(journal, MARKET, 200, short, "config", "data")
        with pytest.raises(HoldoutError, match="X, Y, Z"):
            holdout.guard(journal, copy, cut, None, "other", "other data")


def test_a_record_of_an_earlier_version_still_closes_its_holdout(tmp_path):
    """Before weeks were hashed a record held all bars and months; those hashes are the same today."""
    with Journal(tmp_path) as journal:
        holdout.guard(journal, MARKET, 200, SPLITS, "config", "data")
        (record,) = journal.records("holdout")
    close, day = MARKET.close[200:, 0], MARKET.session[200:]
    whole = hashlib.sha256(close.tobytes() + day.tobytes()).hexdigest()[:16]
    assert record["bars"]["S000"].split()[0] == whole


def test_the_report_on_the_data_says_nothing_of_held_out_days_but_how_many_incidents_there_are():
    incidents = [
        {"symbol": "A", "kind": "jump", "date": str(day), "detail": "+0.7000"} for day in (DAY[199], DAY[200], DAY[299])
    ]
    report = {"counts": {"jump": 3}, "incidents": incidents}
    told = holdout.withheld(report, SPLITS)
    assert told["counts"] == {"jump": 3}
    assert [one["detail"] for one in told["incidents"]] == ["+0.7000", "held out", "held out"]
    assert [one["date"] for one in told["incidents"]] == [str(DAY[199]), "", ""]
    assert holdout.withheld(report, None) == report


DATES = SPLITS.holdout


def test_an_opening_is_one_look_whatever_journal_tells_it(journal):
    below = journal.folder.parent / "ideas"
    below.mkdir()
    with Journal(below) as other:
        assert len(holdout.opened(other, MARKET, DATES, "config", "data", "code")) == 1
        assert len(holdout.looks(other, MARKET, DATES)) == len(holdout.looks(journal, MARKET, DATES)) == 1
        assert len(holdout.opened(journal, MARKET, DATES, "config", "data", "code")) == 2
        assert len(holdout.looks(journal, MARKET, DATES)) == 2


def test_a_journal_above_that_knows_nothing_of_the_holdout_is_left_alone(tmp_path):
    below = tmp_path / "ideas"
    below.mkdir()
    with Journal(tmp_path) as above, Journal(below) as own:
        holdout.noted(own, MARKET, DATES, "config", "data")
        holdout.opened(own, MARKET, DATES, "config", "data", "code")
        assert above.anchor().count == 0 and own.verify().intact


def test_looks_at_other_symbols_or_other_dates_do_not_count(journal):
    others = dataclasses.replace(random_bars(300, 3, seed=6, start="2015-01-05"), symbols=("X", "Y", "Z"))
    holdout.opened(journal, others, DATES, "config", "data", "code")
    holdout.opened(journal, MARKET, (DAY[0], DAY[99]), "config", "data", "code")
    assert holdout.looks(journal, MARKET, DATES) == []


def test_a_look_at_a_renamed_copy_or_at_one_symbol_of_it_counts(journal):
    renamed = dataclasses.replace(MARKET, symbols=("X", "Y", "Z"))
    holdout.opened(journal, renamed.select(np.array([1])), DATES, "config", "data", "code")
    assert len(holdout.looks(journal, MARKET, DATES)) == 1


def test_what_happened_after_a_record_is_not_told_to_a_run_of_then(journal):
    upto = journal.anchor().count
    for _ in range(2):
        holdout.opened(journal, MARKET, DATES, "config", "data", "code")
    assert holdout.guard(journal, MARKET, 200, SPLITS, "config", "data", upto=upto) == ()
    (said,) = holdout.guard(journal, MARKET, 200, SPLITS, "config", "data")
    assert "opened 2 times" in said and holdout.looks(journal, MARKET, DATES, upto) == []


def test_an_opened_holdout_stays_closed_to_every_other_run(journal):
    holdout.opened(journal, MARKET, DATES, "config", "data", "code")
    with pytest.raises(HoldoutError, match="held out"):
        holdout.guard(journal, MARKET, 201, None, "other", "data")


def test_the_look_is_no_trial_that_had_read_the_bars_before(journal):
    looked = dataclasses.replace(TRIAL, symbols=MARKET.symbols, period="holdout", read_from=str(DAY[0]), last=str(DAY[299]))
    trials.record(journal, looked, INDEX, RETURNS)
    assert holdout.guard(journal, MARKET, 200, SPLITS, "config", "data") == ()


def test_processes_that_open_at_once_take_looks_of_their_own(tmp_path):
    with Journal(tmp_path) as journal:
        holdout.noted(journal, MARKET, DATES, "config", "data")
    gate, found = threading.Barrier(6), []

    def one():
        with Journal(tmp_path) as journal:
            gate.wait()
            found.append(len(holdout.opened(journal, MARKET, DATES, "config", "data", "code")))

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(found) == [1, 2, 3, 4, 5, 6]
    with Journal(tmp_path) as journal:
        assert journal.verify().intact and sorted(r["look"] for r in journal.records("opening")) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("first", "last", "allowed"), [(200, 299, True), (190, 299, True), (201, 299, False), (200, 298, False), (250, 299, False)]
)
def test_only_dates_that_hold_the_recorded_ones_are_opened(journal, first, last, allowed):
    dates = (DAY[first], DAY[last])
    stop = MARKET.row_range(*dates)[1]
    if allowed:
        holdout.openable(journal, MARKET, stop, dates)
    else:
        with pytest.raises(HoldoutError, match="opened whole"):
            holdout.openable(journal, MARKET, stop, dates)
