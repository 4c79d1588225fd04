"""Calendars: known sessions, years and the cache that spares the library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from trading_system.config.names import CALENDARS
from trading_system.data import calendars as module
from trading_system.data.calendars import calendar
from trading_system.errors import DataError

HOUR = 3600 * 10**9


def day(text: str) -> int:
    return int(np.datetime64(text, "D").astype(int))


def between(name: str, first: str, last: str, cache: Path | None = None) -> module.Calendar:
    return calendar(name, day(first), day(last), cache)


def test_new_york_was_closed_after_the_attacks() -> None:
    labels = between("XNYS", "2001-09-10", "2001-09-17").day
    assert [str(np.datetime64(int(one), "D")) for one in labels] == ["2001-09-10", "2001-09-17"]


def test_new_york_closes_at_four_and_at_one_on_the_day_after_thanksgiving() -> None:
    cal = between("XNYS", "2019-11-27", "2019-11-29")
    assert [str(np.datetime64(int(one), "m")) for one in cal.close // (60 * 10**9)] == ["2019-11-27T21:00", "2019-11-29T18:00"]


@pytest.mark.parametrize(
    ("name", "length", "expected"),
    [
        ("XNYS", 24, 252.0),
        ("24/7", 24, 365.0),
        ("24/5", 24, 260.0),
        ("XNYS", 0.25, 6552.0),
        ("XNYS", 1, 252.0 * 7),
        ("24/7", 1, 8760.0),
        ("24/5", 1, 6240.0),
        ("XLON", 24, 253.0),
        ("XNYS", 120, 252.0 / 5),
    ],
)
def test_periods_per_year(name: str, length: float, expected: float) -> None:
    assert between(name, "2019-01-01", "2019-12-31").periods_per_year(int(length * HOUR)) == expected


def test_every_day_and_every_weekday() -> None:
    assert between("24/7", "2020-01-01", "2020-12-31").day.size == 366
    weekdays = between("24/5", "2020-01-01", "2020-01-12").day
    assert all(np.is_busday(np.datetime64(int(one), "D")) for one in weekdays) and weekdays.size == 8


def test_position_finds_sessions_and_nothing_else() -> None:
    cal = between("XNYS", "2020-01-02", "2020-01-10")
    assert cal.position(
        np.array([day("2020-01-01"), day("2020-01-02"), day("2020-01-04"), day("2020-01-10"), day("2030-01-01")])
    ).tolist() == [-1, 0, -1, 6, -1]


def test_holding_is_open_at_the_left_and_closed_at_the_right() -> None:
    cal = between("XNYS", "2020-01-02", "2020-01-03")
    close = np.array([cal.open[0], cal.open[0] + 1, cal.close[0], cal.close[0] + 1, cal.close[1]])
    assert cal.holding(close).tolist() == [-1, 0, 0, -1, 1]


def test_an_unknown_calendar_is_named_with_what_is_near() -> None:
    with pytest.raises(DataError, match="there is no calendar 'XNYZ'.*did you mean"):
        between("XNYZ", "2020-01-01", "2020-01-31")


def test_the_calendars_of_run_files_are_those_of_the_library() -> None:
    import exchange_calendars

    assert set(CALENDARS) == {*exchange_calendars.get_calendar_names(include_aliases=True), "24/7", "24/5"}
    assert list(CALENDARS) == sorted(CALENDARS)


def test_days_before_a_calendar_begins_are_refused() -> None:
    with pytest.raises(DataError, match="begins on"):
        between("XNYS", "1900-01-01", "1900-12-31")


def test_a_warm_run_imports_neither_pandas_nor_the_library(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from trading_system.data.calendars import calendar; "
        f"c = calendar('XNYS', 18262, 18627, Path({str(tmp_path)!r})); print(c.day.size, 'pandas' in sys.modules, 'exchange_calendars' in sys.modules)"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(2)
    ]
    assert runs[0] == ["253", "True", "True"]
    assert runs[1] == ["253", "False", "False"]


def test_a_damaged_calendar_file_is_built_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MEMORY", {})
    good = between("XNYS", "2020-01-01", "2020-12-31", tmp_path).day
    file = next((tmp_path / "calendars").iterdir())
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)
    monkeypatch.setattr(module, "_MEMORY", {})
    np.testing.assert_array_equal(between("XNYS", "2020-01-01", "2020-12-31", tmp_path).day, good)
