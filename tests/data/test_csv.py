"""CSV files as vendors write them, and messages that name file, row and column."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from tests.data.damage import good_table, text_of
from trading_system.data import csv as module
from trading_system.data.csv import read_csv
from trading_system.data.notes import alarming
from trading_system.data.source import Rows
from trading_system.errors import CapacityError, DataError

BAR = "10,11,9,10.5,1000"


def read(tmp_path: Path, text: str | bytes, name: str = "bars.csv", **columns: str) -> Rows:
    file = tmp_path / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_csv(file, columns)


VENDORS = {
    "yahoo": ("Date,Open,High,Low,Close,Adj Close,Volume\n2020-01-02,10,11,9,10.5,10.4,1000\n", "date"),
    "alpha_vantage": (
        "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient\n2020-01-02,10,11,9,10.5,10.4,1000,0.1,2.0\n",
        "date",
    ),
    "alpha_vantage_numbered": (",1. open,2. high,3. low,4. close,5. volume,date\nx,10,11,9,10.5,1000,2020-01-02\n", "date"),
    "stooq": (
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\nAAPL.US,D,20200102,000000,10,11,9,10.5,1000,0\n",
        "date",
    ),
    "stooq_intraday": (
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\nAAPL.US,60,20200102,153000,10,11,9,10.5,1000,0\n",
        "naive",
    ),
    "metatrader": (
        "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n2020.01.02\t15:30:00\t10\t11\t9\t10.5\t1000\t0\t2\n",
        "naive",
    ),
    "cryptodatadownload": (
        "https://www.CryptoDataDownload.com\nUnix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount\n1577923200000,2020-01-02,BTC/USDT,10,11,9,10.5,1000,99999,7\n",
        "utc",
    ),
    "binance": ("open_time,open,high,low,close,volume,close_time\n1577923200000,10,11,9,10.5,1000,1577926799999\n", "naive"),
    "semicolons": ("Datum;x\n", None),
    "kaggle": ("date,open,high,low,close,volume,Name\n2020-01-02," + BAR + ",AAL\n", "date"),
    "tiingo": (
        "date,close,high,low,open,volume,divCash,splitFactor\n2020-01-02T00:00:00+00:00,10.5,11,9,10,1000,0.1,2.0\n",
        "utc",
    ),
    "yfinance": (
        "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n2020-01-02 00:00:00-05:00,10,11,9,10.5,1000,0.1,2.0\n",
        "utc",
    ),
    "nasdaq": ("Date,Close/Last,Volume,Open,High,Low\n01/13/2020,10.5,1000,10,11,9\n", "date"),
}


@pytest.mark.parametrize("vendor", [name for name, (_, kind) in VENDORS.items() if kind])
def test_a_vendors_file_is_read_without_settings(vendor: str, tmp_path: Path) -> None:
    text, kind = VENDORS[vendor]
    rows = read(tmp_path, text)
    values = {name: float(rows.columns[name][0]) for name in ("open", "high", "low", "close", "volume")}
    assert values == {"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.5, "volume": 1000.0}
    if vendor == "binance":
        assert rows.kind == "utc"
    else:
        assert rows.kind == kind
    if vendor in ("alpha_vantage", "tiingo", "yfinance"):
        assert (float(rows.columns["dividend"][0]), float(rows.columns["split"][0])) == (0.1, 2.0)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_separators_line_ends_and_byte_order_marks(delimiter: str, ending: str, encoding: str, tmp_path: Path) -> None:
    text = f"date,symbol,open,high,low,close,volume\n2020-01-02,NA,{BAR}\n2020-01-03,TRUE,{BAR}\n"
    rows = read(tmp_path, text.replace(",", delimiter).replace("\n", ending).encode(encoding))
    assert rows.symbols == ("NA", "TRUE")
    assert rows.columns["close"].tolist() == [10.5, 10.5]


def test_symbols_are_text_whatever_they_look_like(tmp_path: Path) -> None:
    names = [
        "NA",
        "TRUE",
        "NULL",
        "0700",
        "nan",
        "1e5",
        "010",
        "</script><b>",
        "BRK.B",
        "BTC/USDT",
        "^GSPC",
        "ES=F",
        "Ω",
        "=1+1",
        "-",
        "None",
    ]
    text = "date,symbol,open,high,low,close,volume\n" + "".join(f"2020-01-02,{name},{BAR}\n" for name in names)
    assert read(tmp_path, text).symbols == tuple(sorted(names))
    assert read(tmp_path, text.replace("2020-01-02,=1+1", "2020-01-02 00:00,=1+1"), "careful.csv").symbols == tuple(
        sorted(names)
    )


def test_a_file_without_a_symbol_column_is_named_for_its_symbol(tmp_path: Path) -> None:
    text = f"date,open,high,low,close,volume\n2020-01-02,{BAR}\n"
    for name, symbol in (
        ("NA.csv", "NA"),
        ("BRK.B.csv", "BRK.B"),
        ("aapl.us.txt", "aapl"),
        ("KO.csv.gz", "KO"),
        ("AAPL.yahoo.csv", "AAPL"),
    ):
        raw = gzip.compress(text.encode()) if name.endswith(".gz") else text
        assert read(tmp_path, raw, name).symbols == (symbol,)


def test_our_own_column_names_are_heard_before_the_aliases(tmp_path: Path) -> None:
    text = f"when,open,high,low,close,volume,px\n2020-01-02,{BAR},7\n"
    rows = read(tmp_path, text, date="when", close="px")
    assert rows.columns["close"].tolist() == [7.0]
    assert "columns not used: close" in rows.notes


def test_unknown_columns_are_named(tmp_path: Path) -> None:
    rows = read(tmp_path, f"date,open,high,low,close,volume,mood,vwap\n2020-01-02,{BAR},1,2\n")
    assert "columns not used: mood, vwap" in rows.notes


@pytest.mark.parametrize("header", ["Div", "Divs", "Dividends Paid", "DivAmt", "Cash Dividend"])
def test_vendors_names_of_dividends_are_known(header: str, tmp_path: Path) -> None:
    rows = read(tmp_path, f"date,open,high,low,close,volume,{header}\n2020-01-02,{BAR},0.25\n")
    assert rows.columns["dividend"].tolist() == [0.25] and not any(alarming(note) for note in rows.notes)


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("Div per Share", "{dividend: Div per Share}"),
        ("my_dividends (USD)", '{dividend: "my_dividends (USD)"}'),
        ("SplitInfo", "{split: SplitInfo}"),
        ("Adj Px", "{adj_close: Adj Px}"),
    ],
)
def test_a_column_that_is_not_read_and_speaks_of_actions_is_a_warning(header: str, line: str, tmp_path: Path) -> None:
    text = f"date,open,high,low,close,volume,{header}\n2020-01-02,{BAR},1\n"
    (told,) = [note for note in read(tmp_path, text).notes if alarming(note)]
    assert f"data.columns: {line}" in told


def test_a_column_about_actions_beside_the_one_that_is_read_or_about_something_else_is_no_warning(tmp_path: Path) -> None:
    header = "date,open,high,low,close,volume,dividend,dividend_base,div_yield,split_date,adj_open,diversity"
    rows = read(tmp_path, f"{header}\n2020-01-02,{BAR},0,1,2,3,4,5\n")
    assert not any(alarming(note) for note in rows.notes)


def test_newest_first_is_read_as_it_stands(tmp_path: Path) -> None:
    rows = read(tmp_path, f"date,open,high,low,close,volume\n2020-01-03,{BAR}\n2020-01-02,{BAR}\n")
    assert np.diff(rows.stamp).tolist() == [-1]


def test_bid_and_ask_give_the_mid(tmp_path: Path) -> None:
    header = "date," + ",".join(f"{side}_{name}" for side in ("bid", "ask") for name in ("open", "high", "low", "close"))
    rows = read(tmp_path, f"{header}\n2020-01-02,1,2,1,2,3,4,3,4\n")
    assert [float(rows.columns[name][0]) for name in ("open", "high", "low", "close")] == [2.0, 3.0, 2.0, 3.0]


def test_the_careful_reader_agrees_with_the_fast_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import random

    text = text_of(good_table(random.Random(3))).replace("0700,", "0700,", 1)
    fast = read(tmp_path, text)
    monkeypatch.setattr(module, "_fast", lambda sheet, file: None)
    slow = read(tmp_path, text)
    assert fast.symbols == slow.symbols and fast.kind == slow.kind
    for a, b in (
        (fast.code, slow.code),
        (fast.stamp, slow.stamp),
        *((fast.columns[n], slow.columns[n]) for n in fast.columns),
    ):
        np.testing.assert_array_equal(a, b)
    assert [fast.place(i) for i in (0, 50, 179)] == [slow.place(i) for i in (0, 50, 179)]


HEAD = "date,open,high,low,close,volume\n"
MISTAKES = {
    "text": (HEAD + f"2020-01-02,{BAR}\n2020-01-03,10,11,abc,10.5,1\n", "bars.csv: row 3: column low: 'abc' is no number"),
    "decimal comma": (HEAD + f'2020-01-02,{BAR}\n2020-01-03,"10,5",11,9,10.5,1\n', "decimal point"),
    "decimal comma, told": (HEAD + f'2020-01-02,{BAR}\n2020-01-03,"10,5",11,9,10.5,1\n', "between thousands, here 10.5"),
    "decimal commas of a table with semicolons": (
        HEAD.replace(",", ";") + "2020-01-02;1.234,56;1.300,00;1.200,00;1.250,00;10\n",
        (
            "bars.csv: row 2: column open: '1.234,56' is no number; allowed: a number with a decimal point, or nothing; "
            "write numbers with a decimal point and nothing between thousands, here 1234.56"
        ),
    ),
    "decimal commas between commas": (HEAD + "2020-01-02,10,5,11,0,9,0,10,5,100\n", "where numbers have decimal commas"),
    "negative decimal comma": (HEAD + '2020-01-02,"-,5",11,9,10.5,1\n', "here -0.5"),
    "blanks between thousands": (HEAD + "2020-01-02,10,11,9,10.5,1 000\n", "nothing between thousands"),
    "ratio": (
        f"date,open,high,low,close,volume,split\n2020-01-02,{BAR},2:1\n",
        (
            "'2:1' is no number; allowed: a number with a decimal point, or nothing; "
            "a split is new shares per old, as one number: write 2"
        ),
    ),
    "ratio in words": (f"date,open,high,low,close,volume,split\n2020-01-02,{BAR},1-for-8\n", "write 0.125"),
    "two-digit years": (HEAD + f"01/31/20,{BAR}\n", "'01/31/20' is no date or time; allowed: such as 2020-01-31"),
    "two-digit years, told": (HEAD + f"31.01.20,{BAR}\n", "a year of two digits could be of either century"),
    "thousands": (HEAD + '2020-01-02,10,11,9,10.5,"1,000"\n', "nothing between thousands"),
    "date": (HEAD + f"2020-01-02,{BAR}\n\n2020-02-30,{BAR}\n", "bars.csv: row 4: column date: '2020-02-30' is no date"),
    "second header": (HEAD + f"2020-01-02,{BAR}\n{HEAD}2020-01-03,{BAR}\n", "a second header line"),
    "cells": (HEAD + "2020-01-02,10,11\n", "bars.csv: row 2: column low: 3 cells, the header has 6"),
    "no close": ("date,open,high,low,volume\n2020-01-02,1,1,1,1\n", "bars.csv: row 1: no column for close"),
    "no date": ("open,high,low,close,volume\n1,1,1,1,1\n", "no column for the date or time"),
    "twice": ("date,open,high,low,close,close\n2020-01-02,1,1,1,1,1\n", "'close' stands twice"),
    "empty": ("", "the file is empty"),
    "header only": (HEAD, "a header and no rows"),
    "nul": (HEAD + "2020-01-02,10\0,11,9,10.5,1\n", "row 2: the file holds a NUL"),
    "latin-1": (HEAD.encode() + b"2020-01-02,10,11,9,10.5,\xe9\n", "byte 0xe9 is no UTF-8"),
    "parquet": (b"PAR1xxxx", "set data.source: parquet"),
    "zip": (b"PK\x03\x04xxxx", "ZIP"),
    "ambiguous dates": (HEAD + f"01/02/2020,{BAR}\n", "cannot be told apart"),
    "empty symbol": (f"date,symbol,open,high,low,close,volume\n2020-01-02,,{BAR}\n", "the symbol is empty"),
    "control letter": (f"date,symbol,open,high,low,close,volume\n2020-01-02,A\x1b[31m,{BAR}\n", "is no symbol"),
    "open quote": (HEAD + f'2020-01-02,{BAR}\n"2020-01-03,{BAR}\n', "not readable as CSV"),
    "underscore number": (HEAD + "2020-01-02,1_0,11,9,10.5,1\n", "'1_0' is no number"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_file_row_and_column(mistake: str, tmp_path: Path) -> None:
    text, message = MISTAKES[mistake]
    with pytest.raises(DataError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)
    assert "bars.csv" in str(caught.value)


def test_a_damaged_gzip_is_refused(tmp_path: Path) -> None:
    raw = gzip.compress((HEAD + f"2020-01-02,{BAR}\n" * 50).encode())
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path, raw[:-9], "bars.csv.gz")


def test_a_gzip_bomb_is_refused_before_it_fills_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from trading_system.data import limits

    monkeypatch.setattr(limits, "memory_limit", lambda: 4_000_000)
    with pytest.raises(CapacityError, match="more than 1,000,000 bytes unpacked"):
        read(tmp_path, gzip.compress(b"0" * 50_000_000), "bomb.csv.gz")


@pytest.mark.parametrize("name", ["nothing.csv", "folder", "*.csv"])
def test_what_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="no such file|no data file|matches the pattern"):
        module.CsvFiles(path=tmp_path / name).load()


def test_epochs_in_two_units_are_read_and_noted(tmp_path: Path) -> None:
    rows = read(tmp_path, f"unix,open,high,low,close,volume\n1577923200000,{BAR}\n1577926800.0,{BAR}\n")
    assert np.diff(rows.stamp).tolist() == [3600 * 10**9]
    assert any("several units" in note for note in rows.notes)


def test_currency_signs_and_thousands_are_taken_off_a_column_that_is_written_so(tmp_path: Path) -> None:
    text = (
        'Date,Close/Last,Volume,Open,High,Low\n01/31/2020,$366.30,"1,234,567","$1,365.10",$367.00,"$1,000.0"\n'
        '01/30/2020,$1.5,"900,100",$2,$3,.5\n'.replace(",.5", ",$.5")
    )
    rows = read(tmp_path, text)
    assert rows.columns["close"].tolist() == [366.3, 1.5]
    assert rows.columns["open"].tolist() == [1365.1, 2.0]
    assert rows.columns["volume"].tolist() == [1_234_567.0, 900_100.0]


@pytest.mark.parametrize(
    "cells", [("1,234", "1,235"), ("$5", "5"), ("$5", "€5"), ("1,5", "1,234.0"), ("1.234,5", "1"), ("5$", "6$")]
)
def test_what_could_mean_two_things_is_no_number(cells: tuple[str, str], tmp_path: Path) -> None:
    text = "date,open,high,low,close,volume\n" + "".join(
        f'2020-01-0{n + 2},1,1,1,"{cell}",1\n' for n, cell in enumerate(cells)
    )
    with pytest.raises(DataError, match="is no number.*column close|column close.*is no number"):
        read(tmp_path, text)


def test_the_columns_of_run_files_are_those_that_headers_are_sought_for() -> None:
    from trading_system.config.names import COLUMNS
    from trading_system.data.columns import _ALIASES
    from trading_system.data.source import QUOTES

    assert set(COLUMNS) == {*_ALIASES, *QUOTES}
