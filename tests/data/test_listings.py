"""Universe and delisting files: point in time, and named when wrong."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from tests.data.markets import config, found, load
from trading_system.config.models import UniverseFile
from trading_system.data.listings import read_actions, read_delistings, read_universe
from trading_system.data.loading import load_market, strategy_bars
from trading_system.errors import DataError, TradingSystemError


def bars_file(tmp_path: Path, symbols: tuple[str, ...] = ("A", "B", "C")) -> Path:
    days = ["2019-01-02", "2019-01-03", "2019-01-04", "2019-01-07"]
    text = "date,symbol,open,high,low,close,volume\n" + "".join(f"{day},{s},10,10,10,10,1\n" for s in symbols for day in days)
    (tmp_path / "bars.csv").write_text(text)
    return tmp_path / "bars.csv"


def test_membership_masks_tradable_by_date_and_leaves_the_bars(tmp_path: Path) -> None:
    (tmp_path / "universe.csv").write_text("symbol,start,end\nA,,2019-01-03\nA,2019-01-07,\nB,2019-01-04,\nZ,,\n")
    run = config(UniverseFile(file="universe.csv"), source="csv", path=str(bars_file(tmp_path)))
    market = load_market(run, tmp_path, None)
    bars, columns = strategy_bars(market, run.strategies[0], tmp_path)
    assert bars.symbols == ("A", "B") and columns.tolist() == [0, 1]
    assert bars.tradable[:, 0].tolist() == [True, True, False, True]
    assert bars.tradable[:, 1].tolist() == [False, False, True, True]
    assert bars.has_bar.all() and np.array_equal(market.bars.tradable, bars.tradable)  # the union over the strategies
    assert "1 of 3 symbols of the universe files have no bars in the data" in market.notes


def test_vendors_words_and_gzip_are_understood(tmp_path: Path) -> None:
    (tmp_path / "u.csv.gz").write_bytes(
        gzip.compress(b"\xef\xbb\xbfTicker,first_seen,last_seen,name\r\nNA,2019-01-02,2019-02-01,x\r\n")
    )
    member = read_universe(tmp_path / "u.csv.gz")
    assert member.symbols == {"NA"}
    assert member.mask(np.array([17_898, 17_930], np.int32), ("NA",)).tolist() == [[True], [False]]


def test_a_delisting_closes_on_its_date_or_the_next_session(tmp_path: Path) -> None:
    (tmp_path / "gone.csv").write_text("symbol,date,price\nA,2019-01-03,9.5\nB,2019-01-05,\nC,2030-01-01,1\nQ,2019-01-03,1\n")
    market = load(bars_file(tmp_path), delistings="gone.csv")
    bars = market.bars
    assert bars.delisted_row.tolist() == [1, 3, -1]
    assert bars.delisted_price[0] == 9.5 and np.isnan(bars.delisted_price[1:]).all()
    assert bars.tradable[:, 0].tolist() == [True, True, False, False]
    assert market.quality["delistings"] == 2
    assert any("1 delistings of symbols" in note for note in market.notes)


MISTAKES = {
    "no column": ("name,start\nA,\n", "u.csv: row 1: no column symbol"),
    "date": ("symbol,start,end\nA,soon,\n", "u.csv: row 2: column start: 'soon' is no date"),
    "order": ("symbol,start,end\nA,2019-02-01,2019-01-01\n", "u.csv: row 2: column end: the end lies before the start"),
    "short": ("symbol,start,end\nA\n", "u.csv: row 2: 1 cell,"),
    "control": ("symbol,start,end\nA\x1b,,\n", "is no symbol"),
    "nul": ("symbol,start,end\nA\0,,\n", "NUL"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named(mistake: str, tmp_path: Path) -> None:
    text, message = MISTAKES[mistake]
    (tmp_path / "u.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        read_universe(tmp_path / "u.csv")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("A,2019-01-03,-1", "a price of -1"),
        ("A,2019-01-03,x", "is no number"),
        ('A,2019-01-03,"2,5"', "here 2.5"),
        ("A,,1", "is no date"),
        ("A,2019-01-03,1\nA,2019-01-04,1", "delisted twice"),
    ],
)
def test_a_wrong_delisting_is_named(line: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "gone.csv").write_text(f"symbol,date,price\n{line}\n")
    with pytest.raises(DataError, match=message):
        read_delistings(tmp_path / "gone.csv", ("A",), [])


@pytest.mark.parametrize(("cell", "mend"), [("2:1", "write 2"), ("3 for 2", "write 1.5"), ("1/10", "write 0.1"), ("2:0", "")])
def test_a_split_that_is_written_as_a_ratio_is_told_as_a_number(cell: str, mend: str, tmp_path: Path) -> None:
    (tmp_path / "actions.csv").write_text(f"symbol,date,split\nA,2019-01-03,{cell}\n")
    with pytest.raises(DataError, match="actions.csv: row 2: column split: .* is no number") as caught:
        read_actions(tmp_path / "actions.csv", ("A",), [])
    assert caught.value.remedy.endswith(mend)


@pytest.mark.parametrize("file", ["../gone.csv", "/etc/passwd", "link.csv"])
def test_a_file_elsewhere_is_refused(file: str, tmp_path: Path) -> None:
    home = tmp_path / "run"
    home.mkdir()
    (tmp_path / "gone.csv").write_text("symbol,date\n")
    (home / "link.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(DataError, match="outside the run file's folder"):
        load(bars_file(home), delistings=file)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"\x1f\x8b\x00", b"symbol\n" * 3])
def test_any_file_at_all_is_read_or_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "gone.csv").write_bytes(content)
    with pytest.raises(TradingSystemError, match="gone.csv"):
        load(bars_file(tmp_path), delistings="gone.csv")


def test_bars_after_a_delisting_and_delistings_before_the_first_bar_are_counted(tmp_path: Path) -> None:
    text = "date,symbol,open,high,low,close,volume\n"
    text += "".join(f"2019-01-0{day},{s},10,10,10,10,1\n" for s in ("GONE", "REUSED") for day in (2, 3, 4, 7, 8))
    (tmp_path / "bars.csv").write_text(text)
    (tmp_path / "ends.csv").write_text("symbol,date,price\nGONE,2019-01-03,9\nREUSED,2005-01-04,9\n")
    market = load(tmp_path / "bars.csv", delistings="ends.csv")
    assert found(market) == {("GONE", "bar_after_delisting"): 3, ("REUSED", "delisting_before_first_bar"): 1}
    assert market.bars.delisted_row.tolist() == [1, -1]
    assert market.bars.has_bar.sum(axis=0).tolist() == [2, 5]
    assert market.bars.tradable[:, 1].all()


def test_actions_before_the_first_session_or_after_the_last_are_not_in_the_market(tmp_path: Path) -> None:
    text = "date,symbol,open,high,low,close,volume\n" + "".join(f"2019-01-0{day},A,10,10,10,10,1\n" for day in (2, 3, 4))
    (tmp_path / "bars.csv").write_text(text)
    (tmp_path / "actions.csv").write_text("symbol,date,split,dividend\nA,2005-01-04,2,\nA,2019-01-01,,1\nA,2019-02-01,2,\n")
    market = load(tmp_path / "bars.csv", actions="actions.csv")
    assert market.quality["actions"] == {"splits": 0, "dividends": 0, "funding": 0} and market.bars.factor is None
