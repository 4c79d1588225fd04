"""series.json: arrays that read back, prices near enough, trades where they were."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from tests.builders import make_bars
from tests.metrics.ledgers import Fill, config_of, played
from trading_system.metrics.summary import summarise
from trading_system.runs import series as room
from trading_system.runs.series import packed, series_document, unpacked
from trading_system.runs.store import to_json


def document_of(ledger):
    summary = summarise(ledger, config_of(), benchmark=ledger.bars.benchmark_close)
    return json.loads(to_json(series_document(ledger, summary, ledger.bars.benchmark_close)))


def prices(entry):
    """What a reader makes of the quantised closes."""
    level = unpacked(entry["close"]).astype(float)
    a, b = (np.log(entry["low"]), np.log(entry["high"])) if entry["log"] else (entry["low"], entry["high"])
    value = a + (b - a) * level / 65_534
    return np.where(level > 65_534, np.nan, np.exp(value) if entry["log"] else value)


@pytest.fixture
def bars():
    rng = np.random.default_rng(1)
    close = 100.0 * np.cumprod(1.0 + rng.normal(0.0, 0.02, (500, 3)), axis=0)
    close[400:410, 1] = np.nan
    made = make_bars(close, close * 1.01, close * 0.99, close, splits=[(250, 1, 4.0)], benchmark="S000")
    shares = np.ones(close.shape)
    shares[250:, 1] = 4.0
    return dataclasses.replace(made, split_factor=shares)


LINES = [(0, 0), (1, 0), (2, 0)]
FILLS = [Fill(20, 1, 10, 50.0, 50.0), Fill(300, 1, -10, 60.0, 60.0), Fill(40, 2, -5, 70.0, 70.0)]


@pytest.mark.parametrize("kind", ["f8", "f4", "i4", "i1", "u2"])
def test_packed_arrays_read_back(kind):
    values = np.array([0, 1, 7, 100])
    np.testing.assert_array_equal(unpacked(packed(values, kind)), values)


def test_curves_are_whole_and_exact(bars):
    ledger = played(bars, FILLS, lines=LINES)
    found = document_of(ledger)
    np.testing.assert_array_equal(unpacked(found["equity"]), ledger.equity)
    assert found["step"] == 1 and found["bars"] == 500 and unpacked(found["stamps"])[0] == bars.session[0]
    for name in ("drawdown", "gross", "net", "positions", "benchmark"):
        assert unpacked(found[name]).size == 500


def test_only_traded_symbols_are_there_and_closes_are_near_with_splits_taken_out(bars):
    found = document_of(played(bars, FILLS, lines=LINES))
    assert [entry["symbol"] for entry in found["symbols"]] == ["S001", "S002"]
    shown = prices(found["symbols"][0])
    wanted = bars.close[:, 1] * np.where(np.arange(500) < 250, 0.25, 1.0)
    np.testing.assert_allclose(shown, wanted, rtol=1e-4)
    np.testing.assert_array_equal(np.isnan(shown), np.isnan(wanted))


def test_trades_stand_on_their_bars_in_the_units_of_the_closes(bars):
    found = document_of(played(bars, FILLS, lines=LINES))["trades"]
    assert unpacked(found["entry"]).tolist() == [20, 40] and unpacked(found["exit"]).tolist() == [300, -1]
    assert unpacked(found["symbol"]).tolist() == [0, 1] and unpacked(found["side"]).tolist() == [1, -1]
    assert unpacked(found["scale"]).tolist() == [1.0, 1.0]  # it ended after the split, and its prices are in those units
    assert unpacked(found["entry_price"]).tolist() == [50.0, 70.0] and found["count"] == 2 and found["left_out"] == 0
    before = [Fill(20, 1, 10, 50.0, 50.0), Fill(30, 1, -10, 60.0, 60.0)]
    assert unpacked(document_of(played(bars, before, lines=LINES))["trades"]["scale"]).tolist() == [0.25]


def test_a_long_run_is_thinned_and_the_largest_trades_stay(bars, monkeypatch):
    monkeypatch.setattr(room, "POINTS", 40)
    monkeypatch.setattr(room, "PRICE_POINTS", 100)
    monkeypatch.setattr(room, "FEWEST_PRICES", 8)
    monkeypatch.setattr(room, "TRADES", 1)
    ledger = played(bars, FILLS, lines=LINES)
    found = document_of(ledger)
    assert found["step"] == 50 and unpacked(found["equity"]).size == 40
    assert unpacked(found["equity"]).max() == ledger.equity.max() and unpacked(found["equity"]).min() == ledger.equity.min()
    assert found["symbols"][0]["step"] > 1 and unpacked(found["symbols"][0]["close"]).size <= 52
    best = int(np.argmax(np.abs(ledger.trades["pnl"])))
    assert unpacked(found["trades"]["number"]).tolist() == [best + 1] and found["trades"]["left_out"] == 1


def test_prices_of_nothing_and_below_nothing_have_even_steps():
    level = np.array([-2.0, 0.0, 4.0])
    other = np.full(3, 9.0)
    panel = np.column_stack([level, other])
    bars = make_bars(panel, panel, panel, panel, benchmark="S001")
    (entry,) = document_of(played(bars, [Fill(0, 0, 1, -2.0, -2.0)]))["symbols"]
    assert entry["log"] is False
    np.testing.assert_allclose(prices(entry), level, atol=1e-4)


def test_a_run_without_trades_has_no_symbols(bars):
    found = document_of(played(bars, []))
    assert found["symbols"] == [] and found["trades"]["count"] == 0
