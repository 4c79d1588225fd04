"""Stamps in the formats of the usual vendors."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from trading_system.data.stamps import DAY, epoch_to_ns, local_to_utc, parse_stamps, timeframe_ns, utc_to_local
from trading_system.errors import DataError


def place(row: int) -> str:
    return f"f.csv: row {row + 1}"


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("2020-01-31", "date", "2020-01-31"),
        ("20200131", "date", "2020-01-31"),
        ("2020/1/31", "date", "2020-01-31"),
        ("2020.01.31", "date", "2020-01-31"),
        ("31-Jan-2020", "date", "2020-01-31"),
        ("Jan 31, 2020", "date", "2020-01-31"),
        ("31/01/2020", "date", "2020-01-31"),
        ("01/31/2020", "date", "2020-01-31"),
        ("2020-01-31 15:30", "naive", "2020-01-31T15:30"),
        ("2020-01-31T15:30:05.25", "naive", "2020-01-31T15:30:05.25"),
        ("2017-08-17 05-AM", "naive", "2017-08-17T05:00"),
        ("2017-08-17 12-AM", "naive", "2017-08-17T00:00"),
        ("2017-08-17 5:07 PM", "naive", "2017-08-17T17:07"),
        ("20170817 153000", "naive", "2017-08-17T15:30"),
        ("2020-01-31T15:30:00Z", "utc", "2020-01-31T15:30"),
        ("2020-01-31T15:30:00+02:00", "utc", "2020-01-31T13:30"),
        ("2020-01-31 15:30:00-0500", "utc", "2020-01-31T20:30"),
        ("1597276800", "utc", "2020-08-13T00:00"),
    ],
)
def test_a_vendors_stamp_is_read(text: str, kind: str, expected: str) -> None:
    stamp, found, _ = parse_stamps([text], place)
    unit = "D" if kind == "date" else "ns"
    assert found == kind
    assert np.datetime64(int(stamp[0]), unit) == np.datetime64(expected)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2020-02-30", "2020-13-01", "12/11/2020", "2020-01-01 25:00", "2020-01-01 13:00 PM", "99999"]
)
def test_what_is_no_stamp_is_refused_with_its_row(text: str) -> None:
    with pytest.raises(DataError, match="row 2"):
        parse_stamps(["2020-01-01", text], place)


def test_zones_and_none_do_not_mix() -> None:
    with pytest.raises(DataError, match="some stamps have a time zone"):
        parse_stamps(["2020-01-01T00:00:00Z", "2020-01-02 00:00:00"], place)


def test_dates_beside_times_are_midnights() -> None:
    stamp, kind, _ = parse_stamps(["2020-01-01", "2020-01-01 12:00"], place)
    assert kind == "naive"
    assert np.diff(stamp)[0] == DAY // 2


def test_epoch_units_are_told_apart_by_size() -> None:
    stamp, kind, notes = epoch_to_ns(np.array([1.5e9, 1.5e12, 1.5e15, 1.5e18]), place)
    assert kind == "utc"
    assert set(stamp.tolist()) == {1_500_000_000 * 10**9}
    assert "several units" in notes[0]


def test_nanoseconds_keep_their_last_digit() -> None:
    assert epoch_to_ns(np.array([1_500_000_000_123_456_789]), place)[0][0] == 1_500_000_000_123_456_789


def test_compact_dates_are_no_seconds() -> None:
    stamp, kind, _ = epoch_to_ns(np.array([20200102.0, 20200103.0]), place)
    assert (kind, np.datetime64(int(stamp[0]), "D")) == ("date", np.datetime64("2020-01-02"))


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "Asia/Kolkata", "UTC", "Australia/Lord_Howe"])
def test_zones_agree_with_the_standard_library_over_every_hour_of_two_years(zone: str) -> None:
    utc = (
        np.arange(np.datetime64("2019-01-01T00:10"), np.datetime64("2021-01-01T00:10"), np.timedelta64(1, "h"))
        .astype("datetime64[ns]")
        .astype(np.int64)
    )
    local = utc_to_local(utc, zone)
    tz = ZoneInfo(zone)
    for i in range(0, utc.size, 7):
        moment = dt.datetime.fromtimestamp(int(utc[i]) / 1e9, tz).replace(tzinfo=None)
        assert np.datetime64(int(local[i]), "ns") == np.datetime64(moment)
    back = local_to_utc(local, zone)
    wrong = np.flatnonzero(back != utc)
    assert wrong.size <= 2  # the repeated hour of autumn, read as its first pass
    assert set((utc - back)[wrong].tolist()) <= {3_600_000_000_000, 1_800_000_000_000}


def test_an_unknown_zone_is_named() -> None:
    with pytest.raises(DataError, match="no time zone 'Mars'"):
        local_to_utc(np.array([0]), "Mars")


@pytest.mark.parametrize(("text", "length"), [("1m", 60), ("15m", 900), ("4h", 14_400), ("1d", 86_400)])
def test_timeframes(text: str, length: int) -> None:
    assert timeframe_ns(text) == length * 10**9


def test_no_timeframe() -> None:
    with pytest.raises(DataError, match="no timeframe"):
        timeframe_ns("daily")
