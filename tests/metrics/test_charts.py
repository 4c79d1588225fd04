"""Years, worst falls and the distribution of a run, by hand and against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from tests.builders import make_bars
from tests.metrics.ledgers import Fill, config_of, curve_ledger, flat_bars, played
from trading_system.metrics.drawdown import worst_of
from trading_system.metrics.summary import summarise


def naive_falls(values):
    """Every stretch below an earlier high, walked bar by bar: (depth, peak, trough, recovery)."""
    falls, peak = [], 0
    trough = None
    for i, value in enumerate(values):
        if value >= values[peak]:
            if trough is not None:
                falls.append((values[trough] / values[peak] - 1.0, peak, trough, i))
            peak, trough = i, None
        elif trough is None or value < values[trough]:
            trough = i
    if trough is not None:
        falls.append((values[trough] / values[peak] - 1.0, peak, trough, None))
    return sorted(falls, key=lambda fall: fall[0])


@pytest.mark.parametrize("seed", range(20))
def test_the_worst_falls_are_those_of_a_walk_along_the_curve(seed):
    values = np.cumprod(1.0 + np.random.default_rng(seed).normal(0.0005, 0.02, 400))
    found = [(fall.depth, fall.peak, fall.trough, fall.recovery) for fall in worst_of(values, 5)]
    expected = naive_falls(values)[:5]
    assert [fall[1:] for fall in found] == [fall[1:] for fall in expected]
    assert [fall[0] for fall in found] == pytest.approx([fall[0] for fall in expected], abs=1e-15)


def test_dates_and_lengths_of_the_worst_falls():
    ledger = curve_ledger([90.0, 110.0, 99.0, 88.0, 120.0, 119.0])  # Monday 2015-01-05 on
    falls = summarise(ledger, config_of(), benchmark=None).drawdowns
    assert [(f["peak"], f["trough"], f["recovery"], f["to_trough"], f["periods"]) for f in falls] == [
        ("2015-01-06", "2015-01-08", "2015-01-09", 2, 3),
        (None, "2015-01-05", "2015-01-06", 1, 2),
        ("2015-01-09", "2015-01-12", None, 1, 1),
    ]
    assert [f["depth"] for f in falls] == pytest.approx([-0.2, -0.1, -1 / 120])
    assert falls[0]["rows"] == [1, 3, 4]


def test_years_by_hand():
    level = np.array([100.0, 102.0, 101.0, 104.0])
    bars = make_bars(level, level, level, level, start="2015-12-30")
    ledger = played(bars, [Fill(0, 0, 50, 100.0, 100.0), Fill(2, 0, -50, 101.0, 101.0)])
    first, second = summarise(ledger, config_of(), benchmark=bars.close[:, 0]).years
    assert (first["year"], first["first"], first["last"], second["year"]) == (2015, "2015-12-30", "2015-12-31", 2016)
    assert first["equity"] == pytest.approx(10_100.0) and first["return"] == pytest.approx(0.01)
    assert second["return"] == pytest.approx(10_050.0 / 10_100.0 - 1.0) and second["drawdown"] == pytest.approx(-50 / 10_100)
    assert first["benchmark_return"] == pytest.approx(0.02) and second["benchmark_return"] == pytest.approx(104 / 102 - 1)
    assert (first["trades_closed"], second["trades_closed"], second["pnl_closed"]) == (0, 1, 50.0)
    assert first["mean_gross_exposure"] == pytest.approx((5000 / 10_000 + 5100 / 10_100) / 2)
    assert first["sharpe"] is not None and first["volatility"] == pytest.approx(np.std([0.0, 0.01], ddof=1) * 252**0.5)


def test_the_years_multiply_to_the_total_return():
    values = 100.0 * np.cumprod(1.0 + np.random.default_rng(3).normal(0.0003, 0.01, 900))
    summary = summarise(curve_ledger(values), config_of(), benchmark=None)
    total = np.prod([1.0 + row["return"] for row in summary.years]) - 1.0
    assert len(summary.years) == 4 and total == pytest.approx(summary.metrics["total_return"])
    assert min(row["drawdown"] for row in summary.years) == pytest.approx(summary.metrics["max_drawdown"])


def test_a_year_of_one_bar_and_a_year_after_ruin_have_nulls_and_no_error():
    years = summarise(curve_ledger([50.0]), config_of(), benchmark=None).years
    assert years[0]["sharpe"] is None and years[0]["volatility"] is None and years[0]["return"] == pytest.approx(-0.5)
    bars = flat_bars(3, start="2015-12-30")
    gone = summarise(curve_ledger([50.0, -5.0, 3.0], bars=bars), config_of(), benchmark=None).years
    assert gone[0]["return"] == pytest.approx(-1.0) and gone[1]["return"] is None


def test_rolling_figures_stand_on_the_sampled_bars():
    bars = flat_bars(300, sampled=np.arange(300) % 2 == 0)
    values = 100.0 * np.cumprod(1.0 + np.random.default_rng(5).normal(0.0, 0.01, 300))
    rolling = summarise(curve_ledger(values, bars=bars), config_of(), benchmark=None).rolling
    assert rolling["rows"].tolist() == list(range(0, 300, 2)) and rolling["sharpe"].size == 150
    assert "benchmark_sharpe" not in rolling and rolling["window"] == 126
