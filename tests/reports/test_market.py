"""What the data of a run is: every defect counted, every name harmless, every line inside the page."""

from __future__ import annotations

import copy

import pytest

from trading_system.reports.formats import cells
from trading_system.reports.market import quality_page
from trading_system.reports.page import Page

QUALITY = {
    "source": "csv",
    "synthetic": False,
    "prices": "raw",
    "adjust": "splits_and_dividends",
    "timeframe": "1d",
    "calendars": ["XNYS"],
    "periods_per_year": 252.0,
    "rows": 12154,
    "bars": 3376,
    "sessions": 795,
    "actions": {"splits": 1, "dividends": 29, "funding": 0},
    "policy": {"impossible": "drop", "jump": "warn", "max_jump": 0.5, "split_suspect": "error"},
    "counts": {"high_below_close": 2, "jump": 1},
    "symbols": {
        "AAPL": {"rows": 3270, "bars": 795, "first": "2010-01-04", "last": "2013-03-01", "missing_bars": 0, "found": {}},
        "FB": {
            "rows": 196,
            "bars": 196,
            "first": "2012-05-18",
            "last": "2013-03-01",
            "missing_bars": 0,
            "found": {"high_below_close": 2, "jump": 1},
        },
        "GONE": {"rows": 3, "bars": 0, "first": None, "last": None, "missing_bars": 0, "found": {}},
    },
    "incidents": [
        {"symbol": "FB", "kind": "high_below_close", "date": "2012-06-01", "detail": "high 30.1 below close 30.2"},
        {"symbol": "FB", "kind": "jump", "date": "2012-07-27", "detail": "-0.61"},
    ],
    "notes": ["2 symbols of the universe have no bars"],
}


@pytest.mark.parametrize("width", [72, 80, 120])
def test_no_line_leaves_the_page(width):
    assert all(cells(line) <= width for line in quality_page(QUALITY, Page(width)).splitlines())


def test_defects_are_counted_named_and_dated():
    text = quality_page(QUALITY, Page(80))
    for words in (
        "3 symbols, 12,154 rows read, 3,376 bars in 795 sessions used",
        "1 split, 29 dividends recorded; applied: splits and dividends",
        "high below close      2",
        "2012-06-01",
        "high 30.1 below close 30.2",
        "policy: impossible drop, jump warn beyond 0.5, split suspect error",
        "note: 2 symbols of the universe have no bars",
    ):
        assert words in text, words
    assert text.index("FB ") < text.index("AAPL"), "symbols with defects come first"


def test_clean_data_is_called_clean_and_invented_data_invented():
    quality = QUALITY | {"counts": {}, "incidents": [], "synthetic": True}
    text = quality_page(quality, Page(80))
    assert "no defect found" in text and "synthetic prices, invented" in text


@pytest.mark.parametrize(
    ("bad", "last"), [(0, "and 314 more without a defect"), (2, "and 312 more without a defect"), (30, "and 297 more")]
)
def test_a_large_market_shows_its_bad_symbols_a_few_others_and_how_many_follow(bad, last):
    quality = copy.deepcopy(QUALITY)
    quality["symbols"] = {f"S{i:03d}": QUALITY["symbols"]["FB" if i < bad else "AAPL"] for i in range(317)}
    assert last in quality_page(quality, Page(80)).splitlines()


def test_symbols_and_details_from_files_cannot_drive_the_terminal():
    quality = copy.deepcopy(QUALITY)
    quality["symbols"] = {"A\x1b[2J": QUALITY["symbols"]["FB"]}
    quality["incidents"] = [{"symbol": "A\x1b[2J", "kind": "jump", "date": None, "detail": "\x07\n"}]
    quality["notes"] = ["note \x1b]0;x\x07"]
    text = quality_page(quality, Page(80))
    assert "\x1b" not in text and "\x07" not in text


def test_bars_that_an_intraday_file_lacks_stand_beside_those_it_has():
    quality = copy.deepcopy(QUALITY)
    assert "missing" not in quality_page(quality, Page(80))
    quality["symbols"]["FB"]["missing_bars"] = 537
    lines = quality_page(quality, Page(80)).splitlines()
    head = next(line for line in lines if line.startswith("symbol"))
    row = next(line for line in lines if line.startswith("FB"))
    assert head.split().index("missing") == row.split().index("537")
