"""A calendar or a timeframe that is not the file's is refused by name; what only looks odd runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.data.markets import found, load
from trading_system.data.calendars import calendar
from trading_system.data.fitting import step_text, timeframe_text
from trading_system.errors import DataError


def write(tmp_path: Path, stamps: list[str]) -> Path:
    file = tmp_path / "A.csv"
    file.write_text("date,open,high,low,close,volume\n" + "".join(f"{one},10,11,9,10,100\n" for one in stamps))
    return file


def sessions(name: str, first: str, last: str) -> list[str]:
    days = [int(np.datetime64(day, "D").astype(np.int64)) for day in (first, last)]
    return [str(np.datetime64(int(day), "D")) for day in calendar(name, days[0], days[1]).day]


def half_hours(n_days: int = 5) -> list[str]:
    days = np.busday_offset("2020-01-06", np.arange(n_days))
    times = [f"{minutes // 60:02d}:{minutes % 60:02d}:00" for minutes in range(570, 960, 30)]
    return [f"{day} {time}" for day in days for time in times]


@pytest.mark.parametrize("others", ["24/7"])
def test_shares_under_a_calendar_of_every_day_are_refused_with_the_calendar_that_fits(others: str, tmp_path: Path) -> None:
    file = write(tmp_path, sessions("XNYS", "2018-01-02", "2018-12-31"))
    with pytest.raises(DataError, match=r"113 of 364 sessions of 24/7 \(31%\).*such as 2018-01-06.*data.calendar: XNYS"):
        load(file, calendar=others)


def test_coins_that_trade_on_weekdays_only_belong_to_the_calendar_of_weekdays(tmp_path: Path) -> None:
    days = [str(day) for day in np.busday_offset("2020-01-01", np.arange(60), roll="forward")]
    with pytest.raises(DataError, match="the calendar does not fit; set data.calendar: 24/5"):
        load(write(tmp_path, days), calendar="24/7")


def test_intraday_shares_under_a_calendar_of_every_day_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="sessions of 24/7.*does not fit"):
        load(write(tmp_path, half_hours(20)), timeframe="30m", stamp="open", calendar="24/7")


@pytest.mark.parametrize("near", ["XLON", "24/5"])
def test_a_calendar_that_nearly_fits_is_noted(near: str, tmp_path: Path) -> None:
    market = load(write(tmp_path, sessions("XNYS", "2016-01-04", "2019-12-31")), calendar=near)
    assert sum(f"sessions of {near}" in note and "XNYS fits better" in note for note in market.notes) == 1


def test_the_right_calendar_is_not_remarked_upon(tmp_path: Path) -> None:
    days = sessions("XNYS", "2018-01-02", "2018-12-31")
    assert load(write(tmp_path, days), calendar="XNYS").notes == ()
    every = [str(day) for day in np.arange("2018-01-01", "2018-12-31", dtype="M8[D]")]
    assert load(write(tmp_path, every), calendar="24/7").notes == ()


def test_days_that_no_calendar_explains_are_missing_sessions(tmp_path: Path) -> None:
    days = [str(day) for day in np.arange("2018-01-01", "2018-12-31", dtype="M8[D]")]
    rng = np.random.default_rng(1)
    some = [day for day in days if rng.uniform() < 0.6]
    assert found(load(write(tmp_path, some), calendar="24/7"))[("A", "missing_session")] > 100


@pytest.mark.parametrize("frame", ["1m", "5m", "15m"])
def test_a_timeframe_shorter_than_the_bars_is_refused_with_their_step(frame: str, tmp_path: Path) -> None:
    for stamp in ("open", "close"):
        with pytest.raises(DataError, match=f"30 minutes apart, the timeframe is {frame}; set data.timeframe: 30m"):
            load(write(tmp_path, half_hours()), timeframe=frame, stamp=stamp)


def test_a_timeframe_longer_than_the_bars_is_refused_however_the_file_is_sorted(tmp_path: Path) -> None:
    rows = [f"{one},{symbol},10,11,9,10,100\n" for one in half_hours() for symbol in "AB"]
    (tmp_path / "bars.csv").write_text("date,symbol,open,high,low,close,volume\n" + "".join(rows))
    with pytest.raises(DataError, match="30 minutes apart, the timeframe is 1h"):
        load(tmp_path / "bars.csv", timeframe="1h", stamp="open")
    load(tmp_path / "bars.csv", timeframe="30m", stamp="open")


def test_a_forgotten_timeframe_is_the_message(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="30 minutes apart, the timeframe is 1d; set data.timeframe: 30m and data.stamp"):
        load(write(tmp_path, half_hours()))


def test_weekly_bars_are_not_daily_ones(tmp_path: Path) -> None:
    days = sessions("XNYS", "2018-01-02", "2018-12-31")[::5]
    with pytest.raises(DataError, match="7 days apart, the timeframe is 1d; set data.timeframe: 7d"):
        load(write(tmp_path, days))


def test_minutes_with_holes_are_minutes(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    every = np.arange("2020-01-06T00:00:00", "2020-01-07T00:00:00", 60, dtype="M8[s]")
    kept = every[rng.uniform(size=every.size) < 0.25]
    market = load(write(tmp_path, [str(one).replace("T", " ") for one in kept]), timeframe="1m", stamp="open", calendar="24/7")
    assert market.bars.n_bars == kept.size


def test_one_bar_a_session_may_be_shorter_than_the_way_to_the_next(tmp_path: Path) -> None:
    days = np.busday_offset("2020-01-06", np.arange(14))
    assert load(write(tmp_path, [f"{day} 09:30:00" for day in days if str(day) != "2020-01-20"]), timeframe="8h", stamp="open")


def test_lengths_are_written_as_a_person_would() -> None:
    second = 10**9
    cases = {60: "1 minute", 1800: "30 minutes", 3600: "1 hour", 5400: "90 minutes", 604_800: "7 days", 45: "45 seconds"}
    assert {n: step_text(n * second) for n in cases} == cases
    assert [timeframe_text(n * second) for n in (60, 5400, 7200, 604_800, 45)] == ["1m", "90m", "2h", "7d", ""]
