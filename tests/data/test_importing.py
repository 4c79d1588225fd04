"""data import: a vendor's file becomes canonical, and what was inferred says so."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.data.markets import WARN, config, load
from trading_system.config.models import UniverseFile
from trading_system.data.importing import describe, import_file
from trading_system.data.loading import load_market, strategy_bars
from trading_system.errors import DataError, OutputError


def actions_of(file: Path) -> dict[tuple[str, str], tuple[float, float]]:
    table = pq.read_table(file, columns=["symbol", "date", "split", "dividend"]).to_pylist()
    return {
        (row["symbol"], str(row["date"])): (row["split"], row["dividend"])
        for row in table
        if row["split"] != 1.0 or row["dividend"] != 0.0
    }


def test_ratios_of_the_day_before_become_splits_and_dividends(tmp_path: Path, shared_data: Path) -> None:
    source = shared_data / "equities_daily/us_pit_with_delisted_2015_2017.parquet"
    report = import_file(source, tmp_path / "pit.parquet", universe=tmp_path / "u.csv", delistings=tmp_path / "d.csv")
    found = actions_of(tmp_path / "pit.parquet")
    assert {key: split for key, (split, _) in found.items() if split != 1.0} == {
        ("SBUX", "2015-04-09"): 2.0,
        ("NFLX", "2015-07-15"): 7.0,
        ("RAI", "2015-09-01"): 2.0,
        ("NRF", "2015-11-02"): 0.5,
        ("NKE", "2015-12-24"): 2.0,
        ("TQQQ", "2017-01-12"): 2.0,
        ("CMCSA", "2017-02-21"): 2.0,
    }
    assert found["EBAY", "2015-07-20"][1] == pytest.approx(66.29 * (1 - 0.420875), abs=0.01)  # PayPal, as cash
    assert report["inferred"] and any("inferred" in note for note in report["notes"])
    metadata = json.loads(pq.read_schema(tmp_path / "pit.parquet").metadata[b"trading_system"])
    assert "INFERRED" in metadata["actions"] and any("INFERRED" in note for note in metadata["notes"])
    with (tmp_path / "d.csv").open() as file:
        assert sum(1 for _ in csv.DictReader(file)) == 186


def test_the_vanished_names_can_be_traded_while_they_lived(tmp_path: Path, shared_data: Path) -> None:
    source = shared_data / "equities_daily/us_pit_with_delisted_2015_2017.parquet"
    import_file(source, tmp_path / "pit.parquet", universe=tmp_path / "u.csv")
    run = config(UniverseFile(file="u.csv"), source="parquet", path="pit.parquet", quality=WARN)
    market = load_market(run, tmp_path, None)
    bars, _ = strategy_bars(market, run.strategies[0], tmp_path)
    days = bars.dates()
    for symbol, last in (
        ("SUNE", "2016-04-20"),
        ("BRCM", "2016-02-01"),
        ("EMC", "2016-09-06"),
        ("HOT", "2016-09-21"),
        ("SIAL", "2015-11-18"),
    ):
        column = bars.column(symbol)
        there = np.flatnonzero(bars.has_bar[:, column])
        assert str(days[there[-1]]) == last
        assert bars.tradable[there[-1], column] and not bars.tradable[there[-1] + 1 :, column].any()
    assert any("INFERRED" in note for note in market.notes)


def test_the_built_in_market_is_what_the_import_gives(tmp_path: Path, shared_data: Path) -> None:
    import_file(shared_data / "equities_daily/wiki_public_domain_2000_2013.parquet", tmp_path / "w.parquet")
    built_in = load_market(config(source="sample", path="us5"), tmp_path, None)
    assert load(tmp_path / "w.parquet").hashes == built_in.hashes


def test_inferred_actions_rebuild_the_public_adjusted_close_to_its_last_digit(shared_data: Path) -> None:
    table = pq.read_table(shared_data / "equities_daily/wiki_public_domain_2000_2013.parquet")
    bars = load_market(config(source="sample", path="us5"), Path(), None).bars
    assert (len(bars.actions), int((bars.actions.split != 1).sum())) == (95, 3)
    for column, symbol in enumerate(bars.symbols):
        mine = np.array([value == symbol for value in table.column("symbol").to_pylist()])
        theirs = table.column("adj_close").to_numpy()[mine]
        ours = bars.adjusted.close[bars.has_bar[:, column], column]
        rebuilt = ours * theirs[-1] / ours[-1]
        assert np.max(np.abs(rebuilt - theirs)) < 2e-6  # printed to six decimals


def test_lean_factor_files_give_their_splits(tmp_path: Path, shared_data: Path) -> None:
    folder = shared_data / "equities_daily"
    import_file(folder / "lean_raw_1998_2021.parquet", tmp_path / "lean.parquet", factors=folder / "lean_factor_files.csv")
    splits = {key: split for key, (split, _) in actions_of(tmp_path / "lean.parquet").items() if split != 1.0}
    for day, ratio in (("2000-06-21", 2.0), ("2005-02-28", 2.0), ("2014-06-09", 7.0), ("2020-08-31", 4.0)):
        assert splits["AAPL", day] == ratio
    assert splits["IBM", "1999-05-27"] == 2.0


def test_recorded_actions_are_kept_and_nothing_is_inferred(tmp_path: Path, shared_data: Path) -> None:
    source = shared_data / "equities_daily/csv/KO.csv.gz"
    report = import_file(source, tmp_path / "ko.parquet")
    assert not report["inferred"] and (report["splits"], report["dividends"]) == (1, 85)
    assert load(tmp_path / "ko.parquet").hashes == load(source).hashes


@pytest.mark.parametrize(
    "file", ["intraday/fx_eurusd_hour_bidask_2010_2018.parquet", "crypto_daily/binance_usdt_daily.parquet"]
)
def test_an_imported_file_is_the_same_market(file: str, tmp_path: Path, shared_data: Path) -> None:
    settings = (
        {"calendar": "24/5", "timeframe": "1h", "stamp": "open"} if "fx" in file else {"calendar": "24/7", "quality": WARN}
    )
    import_file(shared_data / file, tmp_path / "x.parquet")
    assert load(tmp_path / "x.parquet", **settings).hashes == load(shared_data / file, **settings).hashes


def test_a_target_that_cannot_be_written_is_named(tmp_path: Path, shared_data: Path) -> None:
    source = shared_data / "equities_daily/csv/KO.csv.gz"
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        import_file(source, tmp_path / "file" / "ko.parquet")
    (tmp_path / "link.parquet").symlink_to(tmp_path / "file")
    with pytest.raises(OutputError, match="symbolic link"):
        import_file(source, tmp_path / "link.parquet")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "link.parquet"]


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        import_file(tmp_path / "none.csv", tmp_path / "x.parquet")


@pytest.mark.parametrize(
    ("file", "guess"),
    [
        ("equities_daily/csv/AAPL.csv.gz", {"source": "csv", "timeframe": "1d", "calendar": "XNYS"}),
        ("crypto_daily/binance_usdt_daily.parquet", {"source": "parquet", "timeframe": "1d", "calendar": "24/7"}),
        ("intraday/fx_eurusd_hour_bidask_2010_2018.parquet", {"source": "parquet", "timeframe": "1h", "calendar": "24/5"}),
        ("intraday/btc_perp_minute_2022_01.parquet", {"source": "parquet", "timeframe": "1m", "calendar": "24/7"}),
    ],
)
def test_a_file_is_described_before_any_run_file_is_written(file: str, guess: dict[str, str], shared_data: Path) -> None:
    about = describe(shared_data / file)
    assert about["guess"] == guess
    json.dumps(about)


@pytest.mark.parametrize(
    ("target", "more"),
    [
        ("bars.csv", {}),
        ("link/bars.csv", {}),
        ("o.parquet", {"universe": "o.parquet"}),
        ("o.parquet", {"delistings": "bars.csv"}),
    ],
)
def test_an_import_never_overwrites_what_it_reads_or_has_just_written(
    tmp_path: Path, target: str, more: dict[str, str]
) -> None:
    text = "date,symbol,open,high,low,close,volume\n2019-01-02,A,1,1,1,1,1\n"
    (tmp_path / "bars.csv").write_text(text)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(OutputError, match="nothing was changed"):
        import_file(tmp_path / "bars.csv", tmp_path / target, **{name: tmp_path / file for name, file in more.items()})
    assert (tmp_path / "bars.csv").read_text() == text and not (tmp_path / "o.parquet").exists()
