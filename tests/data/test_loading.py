"""The door: which symbols are read, what a market knows, what a strategy gets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.data.markets import config, found, load
from trading_system.data import assembly
from trading_system.data.loading import load_market, strategy_bars
from trading_system.errors import CapacityError, DataError, UnknownNameError


def bars_file(tmp_path: Path, extra: str = "") -> Path:
    text = "date,symbol,open,high,low,close,volume\n" + "".join(
        f"2019-01-0{day},{s},10,10,10,{10 + day},1\n".replace(",10,10,10,", f",10,{10 + day},10,")
        for s in ("AAA", "NA", "SPY")
        for day in (2, 3, 4)
    )
    (tmp_path / "bars.csv").write_text(text + extra)
    return tmp_path / "bars.csv"


def test_only_the_universe_and_the_benchmark_are_kept(tmp_path: Path) -> None:
    file = bars_file(tmp_path)
    market = load(file, universe=("NA",), benchmark="SPY")
    assert market.bars.symbols == ("NA", "SPY")
    run = config(("NA",), source="csv", path=str(file), benchmark="SPY")
    bars, columns = strategy_bars(market, run.strategies[0], tmp_path)
    assert bars.symbols == ("NA",) and columns.tolist() == [0]
    np.testing.assert_array_equal(bars.benchmark_close, market.bars.close[:, 1])


def test_the_equal_weight_benchmark_does_not_know_who_will_join_the_universe(tmp_path: Path) -> None:
    prices = {"AAA": (10, 10, 10, 11), "NEW": (1, 5, 50, 75), "OLD": (10, 9, 3, 1)}
    text = "date,symbol,open,high,low,close,volume\n" + "".join(
        f"2019-01-0{day},{s},{p},{p},{p},{p},1\n"
        for s, row in prices.items()
        for day, p in zip((2, 3, 4, 7), row, strict=True)
    )
    (tmp_path / "bars.csv").write_text(text)
    (tmp_path / "universe.csv").write_text("symbol,start,end\nAAA,,\nNEW,2019-01-04,\nOLD,,2019-01-02\n")
    market = load(tmp_path / "bars.csv", universe={"file": "universe.csv"}, quality={"split_suspect": "ignore"})
    np.testing.assert_allclose(market.bars.benchmark_close, [1.0, 0.95, 0.95, 0.95 * 1.3], rtol=1e-15)


def test_a_symbol_without_bars_is_named_with_what_is_near(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no bars for 'AAB'.*did you mean 'AAA'"):
        load(bars_file(tmp_path), universe=("AAB", "NA"))
    with pytest.raises(DataError, match="no bars for 'SPX'"):
        load(bars_file(tmp_path), benchmark="SPX")


def test_an_unknown_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'csv'"):
        load(bars_file(tmp_path), source="cvs")


def test_the_hash_of_a_symbol_is_its_own_affair(tmp_path: Path) -> None:
    all_of_them = load(bars_file(tmp_path)).hashes
    assert load(bars_file(tmp_path), universe=("NA",)).hashes["NA"] == all_of_them["NA"]
    changed = load(bars_file(tmp_path, "2019-01-07,SPY,10,10,10,10,1\n")).hashes
    assert changed["NA"] == all_of_them["NA"] and changed["SPY"] != all_of_them["SPY"]


def test_the_quality_report_is_json_and_says_what_was_read(tmp_path: Path) -> None:
    quality = load(bars_file(tmp_path)).quality
    assert json.loads(json.dumps(quality, allow_nan=False)) == quality
    assert quality["symbols"]["NA"] == {
        "rows": 3,
        "bars": 3,
        "missing_bars": 0,
        "first": "2019-01-02",
        "last": "2019-01-04",
        "found": {},
    }
    assert (quality["rows"], quality["bars"], quality["synthetic"], quality["calendars"]) == (9, 9, False, ["XNYS"])


def test_arrays_cannot_be_written_to(tmp_path: Path) -> None:
    bars = load(bars_file(tmp_path)).bars
    with pytest.raises(ValueError, match="read-only"):
        bars.close[0, 0] = 1.0


def test_a_market_too_large_for_the_memory_is_refused_with_the_arithmetic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "memory_limit", lambda: 700)
    with pytest.raises(CapacityError, match=r"3 bars x 3 symbols x 65 bytes is .* GB; 80 % of the memory"):
        load(bars_file(tmp_path))


def test_sparse_stamps_of_many_symbols_are_refused_before_they_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "".join(f"{1_500_000_000 + i * 60},S{i:05d},1,1,1,1,1\n" for i in range(20_000))
    (tmp_path / "sparse.csv").write_text("unix,symbol,open,high,low,close,volume\n" + lines)
    monkeypatch.setattr(assembly, "memory_limit", lambda: 8 * 2**30)
    with pytest.raises(CapacityError, match="20,000 bars x 20,000 symbols"):
        load(tmp_path / "sparse.csv", calendar="24/7", timeframe="1m", stamp="open")


def test_a_warm_load_imports_neither_pandas_nor_the_calendar_library(tmp_path: Path) -> None:
    file = bars_file(tmp_path)
    code = (
        "import sys; from pathlib import Path; from tests.data.markets import load; "
        f"m = load(Path({str(file)!r}), cache=Path({str(tmp_path / 'cache')!r})); "
        "print([name in sys.modules for name in ('pandas', 'exchange_calendars', 'scipy', 'numba', 'pyarrow')])"
    )
    root = Path(__file__).parents[2]
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root).stdout.strip()
        for _ in range(2)
    ]
    assert runs[1] == "[False, False, False, False, False]"


def test_hostile_symbols_load_as_text(tmp_path: Path) -> None:
    file = bars_file(
        tmp_path, "".join(f'2019-01-02,"{name}",1,1,1,1,1\n' for name in ("</script><b>", "=cmd()", "../../etc/passwd", "a,b"))
    )
    assert {"</script><b>", "=cmd()", "../../etc/passwd", "a,b"} <= set(load(file).bars.symbols)


def test_volume_that_is_nowhere_is_absent(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text("date,open,high,low,close\n2019-01-02,1,1,1,1\n")
    bars = load(tmp_path / "A.csv").bars
    assert not bars.has_volume and np.isnan(bars.volume).all()


def test_bid_and_ask_become_quotes_around_the_mid(shared_data: Path) -> None:
    bars = load(shared_data / "intraday/fx_daily_bidask_2007_2018.parquet", calendar="24/5").bars
    assert bars.quotes is not None and not bars.has_volume
    there = bars.has_bar
    assert np.all((bars.quotes.bid_open + bars.quotes.ask_open)[there] / 2 == bars.open[there])
    assert bars.periods_per_year == 260.0


def test_the_wiki_file_opens_facebook_at_its_first_close() -> None:
    run = config(source="sample", path="us5")
    bars = load_market(run, Path(), None).bars
    row = list(map(str, bars.dates())).index("2012-05-18")
    assert round(bars.close[row, bars.column("FB")], 4) == 38.2318
    assert not bars.tradable[row - 1, bars.column("FB")] and bars.tradable[row, bars.column("FB")]


BARS = "2019-01-02,10,10,10,10,1\n2019-01-03,10,10,10,10,1\n2019-01-04,11,11,11,11,1\n"


def test_two_files_of_one_symbol_are_refused_by_name(tmp_path: Path) -> None:
    for name in ("AAPL.csv", "AAPL.yahoo.csv", "KO.csv"):
        (tmp_path / name).write_text("date,open,high,low,close,volume\n" + BARS)
    with pytest.raises(DataError, match=r"two files hold the symbol AAPL: AAPL\.csv and AAPL\.yahoo\.csv"):
        load(tmp_path / "*.csv", root=tmp_path)


def test_files_with_a_symbol_column_may_share_their_symbols(tmp_path: Path) -> None:
    for year in (2018, 2019):
        rows = f"{year}-01-02,AAA,10,10,10,10,1\n{year}-01-03,AAA,10,10,10,10,1\n"
        (tmp_path / f"bars{year}.csv").write_text("date,symbol,open,high,low,close,volume\n" + rows)
    assert load(tmp_path / "*.csv", root=tmp_path).bars.has_bar.sum() == 4


@pytest.mark.parametrize(("adjusted", "noted"), [((10, 10, 11), True), ((1, 1, 11), False)])
def test_the_note_on_yahoos_header_names_the_file_and_is_silent_where_a_split_shows(
    adjusted: tuple[int, ...], noted: bool, tmp_path: Path
) -> None:
    rows = "".join(f"{row},{adj}\n" for row, adj in zip(BARS.splitlines(), adjusted, strict=True))
    (tmp_path / "A.csv").write_text("Date,Open,High,Low,Close,Volume,Adj Close\n" + rows)
    (tmp_path / "B.csv").write_text("Date,Open,High,Low,Close,Volume\n" + BARS)
    market = load(tmp_path / "*.csv", root=tmp_path, quality={"split_suspect": "ignore", "max_jump": 9})
    assert ["A.csv: the header looks like Yahoo's" in note for note in market.notes] == [True] * noted


def test_a_file_without_adjusted_closes_has_no_defect_when_another_has_them(tmp_path: Path) -> None:
    rows = "".join(f"{row},{adj}\n" for row, adj in zip(BARS.splitlines(), (10, "", 11), strict=True))
    (tmp_path / "A.csv").write_text("Date,Open,High,Low,Close,Volume,adjusted_close\n" + rows)
    (tmp_path / "B.csv").write_text("Date,Open,High,Low,Close,Volume\n" + BARS)
    market = load(tmp_path / "*.csv", root=tmp_path, quality={"split_suspect": "ignore", "max_jump": 9})
    assert found(market) == {("A", "nan_adj_close"): 1}
