"""Time: what stamps mean, which rows exist, who is expected when."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.data.markets import found, load
from trading_system.data.calendars import calendar
from trading_system.data.loading import Market
from trading_system.errors import DataError, InsufficientDataError

HEAD = "date,symbol,open,high,low,close,volume\n"


def bar(stamp: str, symbol: str = "A", price: float = 10.0) -> str:
    return f"{stamp},{symbol},{price},{price + 1},{price - 1},{price},100\n"


def write(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "bars.csv"
    file.write_text(HEAD + "".join(lines))
    return file


def test_a_missing_session_is_a_row_without_a_bar(tmp_path: Path) -> None:
    market = load(write(tmp_path, bar("2020-01-02"), bar("2020-01-06"), bar("2020-01-03", "B"), bar("2020-01-06", "B")))
    bars = market.bars
    assert bars.labels() == ["2020-01-02", "2020-01-03", "2020-01-06"]
    assert bars.has_bar.tolist() == [[True, False], [False, True], [True, True]]
    assert bars.expected.all()
    assert found(market) == {("A", "missing_session"): 1}


def test_a_bare_date_is_that_sessions_close(tmp_path: Path) -> None:
    bars = load(write(tmp_path, bar("2019-11-27"), bar("2019-11-29"))).bars
    assert [str(one) for one in bars.times().astype("datetime64[m]")] == ["2019-11-27T21:00", "2019-11-29T18:00"]


def test_bars_off_the_calendar_are_counted_and_dropped(tmp_path: Path) -> None:
    days = [f"2020-01-{n:02d}" for n in (2, 3, 4, 6, 7, 8, 9, 10)]  # the 4th is a Saturday
    market = load(write(tmp_path, *(bar(one) for one in days)))
    assert market.bars.n_bars == 7
    assert found(market) == {("A", "row_on_non_session"): 1}
    assert market.quality["incidents"][0]["date"] == "2020-01-04"


def test_a_calendar_that_does_not_fit_names_the_better_one(tmp_path: Path) -> None:
    file = write(tmp_path, *(bar(f"2020-01-{n:02d}") for n in range(2, 31)))
    with pytest.raises(DataError, match="calendar does not fit.*data.calendar: 24/7"):
        load(file, calendar="XNYS")


@pytest.mark.parametrize("zone", ["America/New_York", "UTC", "Asia/Tokyo"])
def test_daily_utc_midnights_of_crypto_are_their_own_day_in_every_zone(zone: str, tmp_path: Path) -> None:
    bars = load(write(tmp_path, bar("2020-01-04T00:00:00Z"), bar("2020-01-05T00:00:00Z")), calendar="24/7", timezone=zone).bars
    assert bars.labels() == ["2020-01-04", "2020-01-05"]
    assert bars.periods_per_year == 365.0


def test_daily_stamps_with_a_zone_are_days_of_the_exchange(tmp_path: Path) -> None:
    bars = load(write(tmp_path, bar("2020-01-02T00:00:00-05:00"), bar("2020-01-03T00:00:00-05:00"))).bars
    assert bars.labels() == ["2020-01-02", "2020-01-03"]


def test_stamps_at_the_open_and_at_the_close_give_the_same_bars(tmp_path: Path) -> None:
    opens = load(write(tmp_path, bar("2020-01-02 09:30:00"), bar("2020-01-02 09:45:00")), timeframe="15m", stamp="open").bars
    closes = load(write(tmp_path, bar("2020-01-02 09:45:00"), bar("2020-01-02 10:00:00")), timeframe="15m", stamp="close").bars
    np.testing.assert_array_equal(opens.index, closes.index)
    assert opens.labels() == ["2020-01-02T14:45:00Z", "2020-01-02T15:00:00Z"]
    assert opens.periods_per_year == 6552.0


def test_utc_stamps_at_the_close_are_taken_as_they_are(tmp_path: Path) -> None:
    for lines in ([bar("2020-01-02 14:45:00Z"), bar("2020-01-02 15:00:00Z")], [bar("1577976300"), bar("1577977200")]):
        file = write(tmp_path, *lines)
        text = file.read_text()
        file.write_text(text.replace("date,", "unix,") if "1577976300" in text else text)
        assert load(file, timeframe="15m", stamp="close").bars.labels() == ["2020-01-02T14:45:00Z", "2020-01-02T15:00:00Z"]


def test_the_last_hourly_bar_ends_with_the_session(tmp_path: Path) -> None:
    bars = load(write(tmp_path, bar("2020-01-02 14:30:00"), bar("2020-01-02 15:30:00")), timeframe="1h", stamp="open").bars
    assert bars.labels() == ["2020-01-02T20:30:00Z", "2020-01-02T21:00:00Z"]


def test_clocks_that_change_do_not_move_the_session(tmp_path: Path) -> None:
    """New York moved its clocks on 2020-03-08; London on 2020-03-29."""
    bars = load(write(tmp_path, bar("2020-03-06 09:30:00"), bar("2020-03-09 09:30:00")), timeframe="15m", stamp="open").bars
    assert bars.labels() == ["2020-03-06T14:45:00Z", "2020-03-09T13:45:00Z"]


def test_a_session_that_nobody_has_is_one_row_at_its_close(tmp_path: Path) -> None:
    market = load(write(tmp_path, bar("2020-01-02 09:30:00"), bar("2020-01-06 09:30:00")), timeframe="15m", stamp="open")
    bars = market.bars
    assert bars.labels() == ["2020-01-02T14:45:00Z", "2020-01-03T21:00:00Z", "2020-01-06T14:45:00Z"]
    assert bars.has_bar[:, 0].tolist() == [True, False, True]
    assert bars.expected.all() and bars.day_end.all()
    assert found(market) == {("A", "missing_session"): 1}


def test_bars_outside_the_session_are_counted_and_dropped(tmp_path: Path) -> None:
    lines = [bar(f"2020-01-02 {hour:02d}:00:00") for hour in (8, 10, 11, 12, 13)]
    market = load(write(tmp_path, *lines), timeframe="1h", stamp="open")
    assert found(market) == {("A", "bar_outside_session"): 1}
    assert market.notes == ("1 of 5 rows was dropped (bar_outside_session 1: A 1); see data_quality.json",)
    assert market.bars.labels()[0] == "2020-01-02T16:00:00Z" and market.bars.n_bars == 4
    assert market.bars.has_bar.all() and market.bars.tradable.all() and market.bars.sampled.all()
    assert market.bars.day_end.tolist() == [False, False, False, True]


def test_an_intraday_calendar_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    stamps = np.arange(np.datetime64("2020-01-01T00"), np.datetime64("2020-01-15T00"), np.timedelta64(1, "h"))
    file = write(tmp_path, *(bar(f"{one}:00:00Z") for one in stamps.astype("datetime64[h]")))
    with pytest.raises(DataError, match="outside the sessions of XNYS"):
        load(file, timeframe="1h", stamp="open")


def test_a_timeframe_longer_than_the_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 minute apart, the timeframe is 1h.*data.timeframe: 1m"):
        load(write(tmp_path, *(bar(f"2020-01-02 10:{n:02d}:00") for n in range(30))), timeframe="1h", stamp="open")


def test_dates_cannot_be_intraday(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="bare dates, the timeframe is 1h"):
        load(write(tmp_path, bar("2020-01-02")), timeframe="1h", stamp="open")


def test_start_and_end_cut_the_market_by_session(tmp_path: Path) -> None:
    file = write(tmp_path, *(bar(f"2020-01-{n:02d}") for n in (2, 3, 6, 7, 8)))
    bars = load(file, start=dt.date(2020, 1, 3), end=dt.date(2020, 1, 7)).bars
    assert bars.labels() == ["2020-01-03", "2020-01-06", "2020-01-07"]
    with pytest.raises(InsufficientDataError, match="from 2020-01-02 to 2020-01-08"):
        load(file, start=dt.date(2021, 1, 1))


def test_mixed_calendars_are_the_union_and_each_symbol_keeps_its_own(tmp_path: Path) -> None:
    lines = [bar(f"2020-01-{n:02d}", "STOCK") for n in (2, 3, 6)] + [bar(f"2020-01-{n:02d}", "COIN") for n in range(2, 7)]
    market = load(
        write(tmp_path, *lines),
        calendar={"equity": "XNYS", "crypto": "24/7"},
        asset_class={"STOCK": "equity", "COIN": "crypto"},
        benchmark="STOCK",
    )
    bars = market.bars
    assert bars.n_bars == 8 and found(market) == {}
    stock, coin = bars.column("STOCK"), bars.column("COIN")
    assert bars.has_bar[:, stock].sum() == 3 and bars.has_bar[:, coin].sum() == 5
    assert np.all(np.diff(bars.session) >= 0) and np.all(np.diff(bars.index) > 0)
    np.testing.assert_array_equal(bars.expected[:, bars.calendar_of[stock]], bars.has_bar[:, stock])
    np.testing.assert_array_equal(bars.expected[:, bars.calendar_of[coin]], bars.has_bar[:, coin])
    np.testing.assert_array_equal(bars.sampled, bars.has_bar[:, stock])
    assert bars.periods_per_year == 252.0


def test_a_class_without_a_calendar_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no calendar for equity, the asset class of A"):
        load(write(tmp_path, bar("2020-01-02")), calendar={"crypto": "24/7"})


def test_rows_in_any_order_give_the_same_market(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    days = np.busday_offset("2019-01-02", np.arange(40), roll="forward")
    columns = {"symbol": np.repeat(["A", "B"], 40), "date": np.tile(days, 2)}
    price = 10 + rng.uniform(size=80)
    table = pa.table(
        {
            "symbol": pa.array(columns["symbol"].tolist()),
            "date": pa.array([day.astype(object) for day in columns["date"]], pa.date32()),
            **{name: price + step for name, step in (("open", 0), ("high", 1), ("low", -1), ("close", 0.5))},
        }
    )
    pq.write_table(table, tmp_path / "sorted.parquet")
    pq.write_table(table.take(pa.array(rng.permutation(80))), tmp_path / "mixed.parquet")
    a, b = (load(tmp_path / name, calendar="24/5") for name in ("sorted.parquet", "mixed.parquet"))
    np.testing.assert_array_equal(a.bars.close, b.bars.close)
    assert a.hashes == b.hashes


def two_markets(tmp_path: Path, stock: list[str], coin: list[str], **data: object) -> Market:
    for name, stamps in (("STOCK", stock), ("COIN", coin)):
        text = "".join(f"{stamp},10,11,9,10,100\n" for stamp in stamps)
        (tmp_path / f"{name}.csv").write_text("date,open,high,low,close,volume\n" + text)
    classes = {"STOCK": "equity", "COIN": "crypto"}
    return load(tmp_path, calendar={"equity": "XNYS", "crypto": "24/7"}, asset_class=classes, benchmark="STOCK", **data)


def test_a_year_of_days_of_two_calendars_is_no_wrong_timeframe(tmp_path: Path) -> None:
    """Two rows a day: a bar of each market is two rows from its next one, which is still its next session."""
    days = np.arange("2020-01-01", "2020-12-31", dtype="M8[D]")
    sessions = calendar("XNYS", int(days[0].astype(int)), int(days[-1].astype(int)))
    market = two_markets(tmp_path, [str(np.datetime64(int(day), "D")) for day in sessions.day], [str(day) for day in days])
    assert market.bars.expected.sum(axis=0).tolist() == [days.size, sessions.day.size]
    assert not (market.bars.expected[:, 0] & market.bars.expected[:, 1]).any()
    assert market.quality["symbols"]["STOCK"]["found"] == {}


def test_intraday_rows_of_one_market_are_not_expected_of_the_other(tmp_path: Path) -> None:
    """Shares close on the half hour, coins on the hour: neither misses a bar on the other's rows."""
    days = ["2020-01-06", "2020-01-07", "2020-01-08"]
    stock = [f"{day} {hour:02d}:30:00" for day in days for hour in range(9, 16)]
    coin = [f"{day} {hour:02d}:00:00" for day in days for hour in range(24)]
    bars = two_markets(
        tmp_path, stock, coin, timeframe="1h", stamp="open", timezone="America/New_York", end=dt.date(2020, 1, 8)
    ).bars
    for column in (0, 1):
        own = bars.expected[:, bars.calendar_of[column]]
        assert own.tolist() == np.isfinite(bars.close[:, column]).tolist()
