"""Single bars that are absent from a session are counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.data.markets import load
from trading_system.errors import DataError

DAYS = ["2019-11-27", "2019-11-29", "2019-12-02"]  # the 29th ends at 13:00


def half_hours(day: str) -> list[str]:
    last = 780 if day == "2019-11-29" else 960
    return [f"{day} {minutes // 60:02d}:{minutes % 60:02d}:00" for minutes in range(570, last, 30)]


def absent(tmp_path: Path, stamps: list[str], **data: str) -> int:
    (tmp_path / "A.csv").write_text("date,open,high,low,close,volume\n" + "".join(f"{one},10,11,9,10,1\n" for one in stamps))
    market = load(tmp_path / "A.csv", **{"timeframe": "30m", "stamp": "open", **data})
    return int(market.quality["symbols"]["A"]["missing_bars"])


def test_whole_sessions_lack_nothing_half_days_included(tmp_path: Path) -> None:
    assert absent(tmp_path, [one for day in DAYS for one in half_hours(day)]) == 0


@pytest.mark.parametrize("seed", range(5))
def test_every_bar_that_is_taken_away_inside_is_counted(seed: int, tmp_path: Path) -> None:
    every = [one for day in DAYS for one in half_hours(day)]
    away = np.random.default_rng(seed).choice(np.arange(1, len(every) - 1), 5, replace=False)
    assert absent(tmp_path, [one for i, one in enumerate(every) if i not in away]) == 5


def test_before_the_first_and_after_the_last_bar_nothing_is_absent(tmp_path: Path) -> None:
    every = [one for day in DAYS for one in half_hours(day)]
    assert absent(tmp_path, every[4:-3]) == 0


def test_a_session_without_any_bar_is_missing_as_a_whole(tmp_path: Path) -> None:
    assert absent(tmp_path, half_hours(DAYS[0]) + half_hours(DAYS[2])) == 0


def test_daily_bars_lack_no_single_bars(tmp_path: Path) -> None:
    assert absent(tmp_path, DAYS, timeframe="1d") == 0


def test_a_column_of_ours_that_does_not_exist_is_named_before_any_file_is_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.columns\.dat.*allowed: .*date.*did you mean 'date'"):
        load(tmp_path / "nothing.csv", columns={"dat": "Day"})
