"""The rules of data: what is refused, dropped, warned of, and counted."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.data.markets import WARN, found, load
from trading_system.config.models import QualityConfig
from trading_system.errors import DataError, InsufficientDataError

HEAD = "date,symbol,open,high,low,close,volume,dividend,split\n"
DAYS = [str(day) for day in np.busday_offset("2019-01-02", np.arange(40), roll="forward")]


def write(tmp_path: Path, *bars: tuple[Any, ...]) -> Path:
    """Bars as (day number, open, high, low, close, volume[, dividend, split])."""
    file = tmp_path / "bars.csv"
    lines = [",".join(str(cell) for cell in (DAYS[bar[0]], "A", *bar[1:], *(0, 1)[len(bar) - 6 :])) for bar in bars]
    file.write_text(HEAD + "\n".join(lines) + "\n")
    return file


def flat(*days: int, price: float = 10.0) -> list[tuple[Any, ...]]:
    return [(day, price, price, price, price, 100) for day in days]


IMPOSSIBLE = {
    "low above open": ((1, 8, 11, 9, 10, 5), "ohlc_violation", "low"),
    "low above close": ((1, 10, 11, 9, 8, 5), "ohlc_violation", "low"),
    "close above high": ((1, 10, 11, 9, 12, 5), "ohlc_violation", "high"),
    "open above high": ((1, 12, 11, 9, 10, 5), "ohlc_violation", "high"),
    "price near nought": ((1, 1e-308, 11, 1e-308, 10, 5), "extreme_number", "open"),
    "price beyond all markets": ((1, 10, 1e300, 9, 10, 5), "extreme_number", "high"),
    "volume beyond all markets": ((1, 10, 11, 9, 10, 1e308), "extreme_number", "volume"),
    "zero price": ((1, 0, 11, 9, 10, 5), "nonpositive_price", "open"),
    "negative price": ((1, 10, 11, -9, 10, 5), "nonpositive_price", "low"),
    "no close": ((1, 10, 11, 9, "", 5), "nan_price", "close"),
    "infinite": ((1, 10, "inf", 9, 10, 5), "nonfinite_price", "high"),
    "negative volume": ((1, 10, 11, 9, 10, -5), "negative_volume", "volume"),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_an_impossible_bar_is_dropped_and_counted(case: str, tmp_path: Path) -> None:
    bar, kind, _ = IMPOSSIBLE[case]
    market = load(write(tmp_path, *flat(0), bar, *flat(2)), calendar="24/5")
    assert found(market)[("A", kind)] == 1
    assert market.bars.has_bar[:, 0].tolist() == [True, False, True]
    assert np.isnan(market.bars.close[1, 0]) and np.isnan(market.bars.volume[1, 0])


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_an_impossible_bar_is_refused_with_its_row_and_column_when_asked(case: str, tmp_path: Path) -> None:
    bar, kind, column = IMPOSSIBLE[case]
    with pytest.raises(DataError) as caught:
        load(write(tmp_path, *flat(0), bar, *flat(2)), calendar="24/5", quality=QualityConfig(impossible="error"))
    assert f"bars.csv: row 3: column {column}" in str(caught.value) and kind in str(caught.value)


@pytest.mark.parametrize("case", ["low above open", "zero price", "negative volume"])
def test_an_impossible_bar_stays_when_only_warned_of(case: str, tmp_path: Path) -> None:
    bar, kind, _ = IMPOSSIBLE[case]
    market = load(
        write(tmp_path, *flat(0), bar, *flat(2)),
        calendar="24/5",
        quality=QualityConfig(impossible="warn", split_suspect="warn"),
    )
    assert found(market)[("A", kind)] == 1 and market.bars.has_bar.all()


def test_numbers_that_cannot_be_reckoned_with_are_dropped_even_where_others_are_only_warned_of(tmp_path: Path) -> None:
    bars = [*flat(0), (1, 1e-308, 1e-308, 1e-308, 1e-308, 5), (2, 10, 10, 10, 10, 1e308), *flat(3)]
    market = load(write(tmp_path, *bars), calendar="24/5", quality=QualityConfig(impossible="warn"))
    assert found(market) == {("A", "extreme_number"): 2}
    assert market.bars.has_bar[:, 0].tolist() == [True, False, False, True]


def test_a_split_beyond_belief_is_a_bad_action(tmp_path: Path) -> None:
    market = load(
        write(tmp_path, *flat(0), (1, 10, 10, 10, 10, 100, 0, 1e300), (2, 10, 10, 10, 10, 100, 1e200, 1)), calendar="24/5"
    )
    assert found(market) == {("A", "bad_action"): 2} and len(market.bars.actions) == 0


def test_splits_that_multiply_beyond_numbers_are_refused(tmp_path: Path) -> None:
    bars = [(day, 10, 10, 10, 10, 100, 0, 1e6) for day in range(1, 19)]
    with pytest.raises(DataError, match="A: its splits and dividends multiply to 1e"):
        load(write(tmp_path, *flat(0), *bars), calendar="24/5", quality=WARN)


def test_equal_repeats_leave_one_bar_and_different_ones_none(tmp_path: Path) -> None:
    bars = [*flat(0), *flat(1), *flat(1), *flat(2), (2, 10, 10, 10, 10, 999), *flat(3)]
    market = load(write(tmp_path, *bars), calendar="24/5")
    assert found(market) == {("A", "duplicate_timestamp"): 2}
    assert market.bars.has_bar[:, 0].tolist() == [True, True, False, True]
    kept = load(write(tmp_path, *bars), calendar="24/5", quality=QualityConfig(impossible="warn"))
    assert kept.bars.volume[:, 0].tolist() == [100, 100, 999, 100]


@pytest.mark.parametrize("turned", [False, True])
def test_rows_of_one_stamp_that_differ_in_actions_leave_no_bar_and_the_action_that_one_names(
    turned: bool, tmp_path: Path
) -> None:
    """Equal prices; one row has the dividend of 0.5, the other none. Which stands first in the file changes nothing."""
    twice = [(1, 10, 10, 10, 10, 100, 0.5, 1), (1, 10, 10, 10, 10, 100, 0, 1)]
    market = load(write(tmp_path, *flat(0), *(twice[::-1] if turned else twice), *flat(2)), calendar="24/5")
    assert found(market) == {("A", "duplicate_timestamp"): 1}
    assert market.bars.has_bar[:, 0].tolist() == [True, False, True]
    assert market.bars.actions.dividend.tolist() == [0.5]


def test_two_different_actions_of_one_stamp_are_left_out_and_counted(tmp_path: Path) -> None:
    twice = [(1, 10, 10, 10, 10, 100, 0.5, 1), (1, 10, 10, 10, 10, 100, 0.7, 1)]
    market = load(write(tmp_path, *flat(0), *twice, *flat(2)), calendar="24/5")
    assert found(market) == {("A", "duplicate_timestamp"): 1, ("A", "bad_action"): 1}
    assert len(market.bars.actions) == 0
    kept = load(write(tmp_path, *flat(0), *twice, *flat(2)), calendar="24/5", quality=QualityConfig(impossible="warn"))
    assert kept.bars.actions.dividend.tolist() == [0.7]


def test_a_split_of_nought_and_an_empty_cell_are_the_same_as_none(tmp_path: Path) -> None:
    same = [(1, 10, 10, 10, 10, 100, 0, 1), (1, 10, 10, 10, 10, 100, "", 0)]
    market = load(write(tmp_path, *flat(0), *same, *flat(2)), calendar="24/5")
    assert market.bars.has_bar.all()


def test_a_dividend_before_a_split_is_no_jump_of_its_own(tmp_path: Path) -> None:
    """5.00 cash on a day without a bar, then 2:1: opening at 2.50 is 10 less 5 halved, and nothing is suspected."""
    paid = (1, "", "", "", "", "", 5, 1)
    market = load(
        write(tmp_path, *flat(0), paid, (2, 2.5, 2.5, 2.5, 2.5, 100, 0, 2), *flat(3, 4, 5, 6, price=2.5)), calendar="24/5"
    )
    assert ("A", "split_suspect") not in found(market)


def test_a_repeated_row_applies_its_split_once(tmp_path: Path) -> None:
    split = (1, 5, 5, 5, 5, 100, 0, 2)
    market = load(write(tmp_path, *flat(0), split, split), calendar="24/5")
    assert market.bars.actions.split.tolist() == [2.0]


def test_jumps_know_recorded_splits(tmp_path: Path) -> None:
    market = load(
        write(tmp_path, *flat(0), (1, 5, 5, 5, 5, 100, 0, 2), (2, 7.9, 7.9, 7.9, 7.9, 100)), calendar="24/5", quality=WARN
    )
    assert found(market) == {}
    market = load(write(tmp_path, *flat(0), (1, 10, 17, 10, 17, 100)), calendar="24/5", quality=WARN)
    assert found(market) == {("A", "jump"): 1, ("A", "wide_bar"): 1}
    assert next(one for one in market.quality["incidents"] if one["kind"] == "jump")["detail"] == "+0.7000"
    with pytest.raises(DataError, match=r"A 2019-01-03 moves \+70.0%"):
        load(
            write(tmp_path, *flat(0), (1, 10, 17, 10, 17, 100)),
            calendar="24/5",
            quality=QualityConfig(jump="error", split_suspect="warn"),
        )


@pytest.mark.parametrize(("policy", "jumps"), [("drop", 0), ("warn", 2)])
def test_moves_to_a_bar_that_is_dropped_are_no_jumps(policy: Any, jumps: int, tmp_path: Path) -> None:
    """A close of 100 above its bar's high, between closes of 10."""
    file = write(tmp_path, *flat(0, 1), (2, 10, 10, 10, 100, 100), *flat(3, 4, 5))
    market = load(file, calendar="24/5", quality=QualityConfig(impossible=policy, split_suspect="warn"))
    assert found(market).get(("A", "jump"), 0) == jumps and found(market)["A", "ohlc_violation"] == 1


def test_what_moves_across_a_dropped_bar_is_a_jump(tmp_path: Path) -> None:
    file = write(tmp_path, *flat(0, 1), (2, 10, 10, 10, 100, 100), *flat(3, 4, 5, price=17))
    market = load(file, calendar="24/5", quality=WARN)
    assert [one["detail"] for one in market.quality["incidents"] if one["kind"] == "jump"] == ["+0.7000"]


def test_the_split_of_a_dropped_bar_is_known_to_the_next_one(tmp_path: Path) -> None:
    file = write(tmp_path, *flat(0, 1), (2, 5, 5, 5, 50, 100, 0, 2), *flat(3, 4, 5, price=5))
    assert found(load(file, calendar="24/5")) == {("A", "ohlc_violation"): 1}


def after(ratio: float, days: range) -> list[tuple[Any, ...]]:
    return flat(*days, price=round(10 * ratio, 6))


@pytest.mark.parametrize(
    "ratio", [1 / 2, 2 / 3, 1 / 3, 1 / 4, 1 / 5, 1 / 7, 1 / 10, 1 / 20, 2.0, 1.5, 3.0, 4.0, 7.0, 10.0, 20.0, 0.515, 0.485]
)
def test_an_unrecorded_split_is_refused_by_name(ratio: float, tmp_path: Path) -> None:
    file = write(tmp_path, *flat(0, 1), *after(ratio, range(2, 10)))
    with pytest.raises(DataError) as caught:
        load(file, calendar="24/5")
    assert "A 2019-01-04 opens at" in str(caught.value) and "near a split of" in str(caught.value)
    assert "bars.csv: row 4: column open" in str(caught.value) and "data.actions" in str(caught.value)
    assert found(load(file, calendar="24/5", quality=QualityConfig(split_suspect="warn")))[("A", "split_suspect")] == 1


def test_a_move_beyond_belief_that_stays_is_suspected_at_any_ratio(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="too far to be believed"):
        load(write(tmp_path, *flat(0, 1), *after(13.0, range(2, 10))), calendar="24/5")


@pytest.mark.parametrize(
    "bars",
    [
        pytest.param([*flat(0, 1), *after(0.56, range(2, 10))], id="no usual ratio"),
        pytest.param([*flat(0, 1), *after(0.5, range(2, 4)), *flat(*range(4, 10))], id="it comes back"),
        pytest.param([*flat(0, 1), (2, 10, 10, 5, 5, 100), *after(0.5, range(3, 10))], id="it falls during the day"),
        pytest.param([*flat(0, 1), *after(0.5, range(2, 3)), *flat(*range(3, 10))], id="one bar stands alone"),
        pytest.param([*flat(0, 1), (2, 5, 5, 5, 5, 100, 0, 2), *after(0.5, range(3, 10))], id="it is recorded"),
        pytest.param([*flat(0, 1), (2, 5, 5, 5, 5, 100, 5, 1), *after(0.5, range(3, 10))], id="a spin-off is recorded"),
    ],
)
def test_what_is_no_split_is_not_suspected(bars: list[tuple[Any, ...]], tmp_path: Path) -> None:
    assert ("A", "split_suspect") not in found(load(write(tmp_path, *bars), calendar="24/5"))


def test_the_nearest_recorded_split_is_named(tmp_path: Path) -> None:
    bars = [*flat(0, 1), *after(0.5, range(2, 8)), (8, 5, 5, 5, 5, 100, 0, 2), *after(0.5, range(9, 15))]
    with pytest.raises(DataError, match=r"A 2019-01-04 opens at 0\.5000 .*the nearest recorded split is 2 on 2019-01-14"):
        load(write(tmp_path, *bars), calendar="24/5")


def test_a_split_recorded_days_late_is_told_with_the_day_of_the_move(tmp_path: Path) -> None:
    bars = [*flat(0, 1), *after(0.5, range(2, 5)), (5, 5, 5, 5, 5, 100, 0, 2), *after(0.5, range(6, 10))]
    with pytest.raises(DataError, match="A 2019-01-09 opens at 1.0000 .*the prices move like that on 2019-01-04") as caught:
        load(write(tmp_path, *bars), calendar="24/5")
    assert "wrong ratio or date?" in str(caught.value)


@pytest.mark.parametrize(
    ("moved", "recorded", "said"),
    [
        (1.0, 2, "opens at 1.0000 of its last close, as without a split, but a split of 2 new for 1 old is recorded there"),
        (1.0, 0.1, "opens at 1.0000 of its last close, as without a split, but a split of 1 new for 10 old is recorded there"),
        (0.5, 7, "opens at 0.5000 of its last close, near a split of 2 new for 1 old, but a split of 7 new for 1 old"),
        (0.5, 0.5, "opens at 0.5000 of its last close, near a split of 2 new for 1 old, but a split of 1 new for 2 old"),
        (0.56, 100, "opens at 0.5600 of its last close, near no usual split, but a split of 100 new for 1 old is recorded"),
    ],
)
def test_a_recorded_split_that_does_not_fit_the_prices_is_told_as_such(
    moved: float, recorded: float, said: str, tmp_path: Path
) -> None:
    price = 10 * moved
    bars = [*flat(0, 1), (2, price, price, price, price, 100, 0, recorded), *after(moved, range(3, 10))]
    with pytest.raises(DataError) as caught:
        load(write(tmp_path, *bars), calendar="24/5")
    assert f"A 2019-01-04 {said}" in str(caught.value) and "wrong ratio or date?" in str(caught.value)
    assert caught.value.remedy.startswith("mend or remove that record")
    market = load(write(tmp_path, *bars), calendar="24/5", quality=WARN)
    (incident,) = (one for one in market.quality["incidents"] if one["kind"] == "split_suspect")
    assert incident["detail"].startswith(said)


def test_volume_of_zero_and_none_is_counted_and_stays(tmp_path: Path) -> None:
    market = load(write(tmp_path, *flat(0), (1, 10, 10, 10, 10, 0), (2, 10, 10, 10, 10, "")), calendar="24/5")
    assert found(market) == {("A", "zero_volume"): 1, ("A", "nan_volume"): 1}
    assert market.bars.has_bar.all()


def test_nothing_left_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InsufficientDataError, match="no bar is left"):
        load(write(tmp_path, (0, 0, 0, 0, 0, 0)), calendar="24/5")


SETTINGS: dict[str, dict[str, Any]] = {
    "crypto_daily/binance_usdt_daily.parquet": {"calendar": "24/7"},
    "crypto_daily/coinmarketcap_daily_2013_2018.parquet": {"calendar": "24/7", "columns": {"symbol": "slug"}},
    "equities_daily/lean_raw_1998_2021.parquet": {},
    "equities_daily/sp500_split_adj_2013_2018.parquet": {},
    "equities_daily/us_pit_with_delisted_2015_2017.parquet": {},
    "equities_daily/us_raw_actions_1999_2020.parquet": {},
    "equities_daily/yahoo_style_adj_1999_2021.parquet": {},
    "intraday/coinbase_btcusd_minute_days.parquet": {"calendar": "24/7", "timeframe": "1m", "stamp": "open"},
    "intraday/crypto_btcusdt_hour_2017_2021.parquet": {"calendar": "24/7", "timeframe": "1h", "stamp": "open"},
    "intraday/fx_usdjpy_minute_bidask_2013_02.parquet": {"calendar": "24/5", "timeframe": "1m", "stamp": "open"},
    "intraday/us_equity_hour_raw_1998_2021.parquet": {"timeframe": "1h", "stamp": "open"},
    "intraday/us_equity_minute_trade.parquet": {"timeframe": "1m", "stamp": "open"},
    "pairs/pairs_daily_1999_2020.parquet": {},
    "dirty/sp500_vintage_2017_08.parquet": {},
    "dirty/us_raw_worst.parquet": {},
}
OUR_WORD = {"abs_return_gt_60pct": "jump", "missing_day": "missing_session"}
TO_DROPPED_BARS = {  # the scan counts moves to closes outside their own bar's range; such bars are dropped, and nothing moves to them
    "equities_daily/sp500_split_adj_2013_2018.parquet": {"LNT": 1},  # 2016-05-19: low 35.085, close 17.87
    "dirty/sp500_vintage_2017_08.parquet": {
        "HPQ": 2
    },  # 2015-10-21: high 12.07, close 28.23; 2015-10-28: low 27.40, close 11.75
}
NOT_IN_THE_SCAN = {"split_suspect", "bar_outside_session", "wide_bar"}


def scanned(shared_data: Path) -> dict[str, dict[tuple[str, str], int]]:
    out: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)
    with gzip.open(shared_data / "defects_summary.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            out[row["file"]][row["symbol"], OUR_WORD.get(row["kind"], row["kind"])] = int(row["count"])
    return out


@pytest.mark.parametrize("file", SETTINGS)
def test_the_counts_are_those_of_an_independent_scan(file: str, shared_data: Path) -> None:
    """Per symbol and kind, at max_jump 0.6; the scan did not look for missing sessions in intraday files."""
    market = load(shared_data / file, quality=WARN, **{"calendar": "XNYS", **SETTINGS[file]})
    skipped = NOT_IN_THE_SCAN | ({"missing_session"} if file.startswith("intraday") else set())
    got = {key: n for key, n in found(market).items() if key[1] not in skipped}
    expected = scanned(shared_data)[file]
    for symbol, moves in TO_DROPPED_BARS.get(file, {}).items():
        expected[symbol, "jump"] -= moves
    assert got == {key: n for key, n in expected.items() if n}


def test_the_missing_split_of_the_real_file_is_refused(shared_data: Path) -> None:
    with pytest.raises(DataError, match="CELH 2009-12-24"):
        load(shared_data / "equities_daily/us_raw_actions_1999_2020.parquet", universe=("CELH", "SPY"), calendar="XNYS")


DIRTY: dict[str, tuple[dict[str, Any], str]] = {
    "cdd_BTCUSDT_1h_raw.csv.gz": (
        {"calendar": "24/7", "timeframe": "1h", "stamp": "open"},
        "duplicate_timestamp zero_volume wide_bar",
    ),
    "cdd_BTCUSDT_d_raw.csv.gz": ({"calendar": "24/7"}, "missing_session"),
    "coinbase_btcusd_daily_2014_2018.parquet": ({"calendar": "24/7"}, "missing_session"),
    "pystock_vintages_bitemporal.parquet": ({}, "duplicate_timestamp row_on_non_session"),
    "pystock_20150406_concat_raw.csv.gz": ({}, "row 50: column open: 'open' is no number"),
    "sp500_vintage_2017_08.parquet": ({}, "ohlc_violation nan_price nan_volume"),
    "us_raw_worst.parquet": ({}, "split_suspect missing_session zero_volume ohlc_violation"),
    "yahoo_worst.parquet": ({}, "nonpositive_price nonpositive_adj_close duplicate_timestamp"),
    "ff_momentum_daily_raw.csv.gz": ({}, "ff_momentum_daily_raw.csv.gz: row 1: no column for open"),
}


@pytest.mark.parametrize("name", DIRTY)
def test_a_dirty_file_is_refused_by_name_or_loads_with_its_defects_listed(name: str, shared_data: Path) -> None:
    settings, expected = DIRTY[name]
    try:
        market = load(shared_data / "dirty" / name, quality=WARN, **{"calendar": "XNYS", **settings})
    except DataError as error:
        assert expected in str(error) and name in str(error)
    else:
        assert set(expected.split()) <= set(market.quality["counts"])


def test_three_counts_differ_from_the_list_of_the_real_files_and_ours_are_these(shared_data: Path) -> None:
    """Yahoo's worst names, adjusted as they are, against the list that came with them.

    AXDX (list 7 moves above 60 %, ours 5) and CLF (list 2, ours 0): the list counts a close of 0 as a fall of 100 % and the way back as an
    infinite rise. A close of 0 is no price; it is counted once, as `nonpositive_price`, and the close after it is compared
    with the one before it: 0.156 -> 0.172 and 3.0156 -> 3.0156.
    COKE (list 2 missing sessions, ours 41): the list's calendar begins in 1990, ours in 1962. The 39 before are sessions of
    the exchange on which another name of the same file, CLF, was traded.
    """
    file = shared_data / "dirty/yahoo_worst.parquet"
    market = load(file, quality=WARN, prices="adjusted")
    counts = found(market)
    assert (counts["AXDX", "jump"], counts["AXDX", "nonpositive_price"]) == (5, 1)
    assert ("CLF", "jump") not in counts and counts["CLF", "nonpositive_price"] == 3686
    assert counts["COKE", "missing_session"] == 41
    bars = market.bars
    coke, clf = bars.symbols.index("COKE"), bars.symbols.index("CLF")
    table = pq.read_table(file, columns=["symbol", "date"])
    days = {
        name: set(table.filter(pc.equal(table["symbol"], name))["date"].to_numpy().astype("M8[D]").tolist())
        for name in ("COKE", "CLF")
    }
    sessions = [day.item() for day in bars.dates() if min(days["COKE"]) <= day.item() <= max(days["COKE"])]
    missing = [day for day in sessions if day not in days["COKE"]]
    assert [str(day) for day in missing if day.year >= 1990] == ["1990-03-14", "1990-03-20"]
    early = [day for day in missing if day.year < 1990]
    assert len(early) == 39 and set(early) <= days["CLF"]
    assert bars.has_bar[:, coke].any() and bars.has_bar[:, clf].any()
