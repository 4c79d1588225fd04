"""Months, weeks, and trades by strategy, symbol and exit reason."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest

from tests.builders import make_bars
from tests.metrics.ledgers import Fill, curve_ledger, flat_bars, played
from tests.metrics.test_summary import round_trips, summary_of
from trading_system.engine.ledger import Code
from trading_system.metrics.breakdown import trade_breakdown


def test_months_start_at_the_starting_equity_and_multiply_to_the_whole():
    n = 300
    rng = np.random.default_rng(2)
    ledger = curve_ledger(100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, n))), bars=flat_bars(n, start="2014-11-20"))
    report = summary_of(ledger).monthly
    assert report["months"][0]["month"] == "2014-11"
    growth = np.prod([1.0 + row["return"] for row in report["months"]])
    assert growth == pytest.approx(ledger.equity[-1] / 100.0)
    assert list(report["table"]) == ["2014", "2015", "2016"]
    assert report["table"]["2014"]["Jan"] is None
    years = np.prod([1.0 + row["Year"] for row in report["table"].values()])
    assert years == pytest.approx(ledger.equity[-1] / 100.0)
    in_2015 = np.prod([1.0 + value for name, value in report["table"]["2015"].items() if name != "Year"])
    assert in_2015 == pytest.approx(1.0 + report["table"]["2015"]["Year"])


def test_a_month_ends_at_its_last_session():
    ledger = curve_ledger([110.0, 121.0, 60.5], bars=flat_bars(3, start="2015-01-29"))  # Thursday, Friday, Monday 2015-02-02
    january, february = summary_of(ledger).monthly["months"]
    assert (january["return"], january["equity"]) == (pytest.approx(0.21), 121.0)
    assert (february["return"], february["drawdown"]) == (pytest.approx(-0.5), pytest.approx(-0.5))


@pytest.mark.parametrize("start", ["2008-12-22", "2009-12-21", "2015-12-21", "2020-12-21", "1969-12-22", "2024-12-23"])
def test_weeks_are_those_of_the_iso_calendar(start):
    n = 30
    ledger = curve_ledger([100.0] * n, bars=flat_bars(n, start=start, every_day=True))
    rows = summary_of(ledger).weekly
    days = [dt.date(1970, 1, 1) + dt.timedelta(days=int(day)) for day in ledger.bars.session]
    wanted = dict.fromkeys("{}-W{:02d}".format(*day.isocalendar()[:2]) for day in days)
    assert [row["week"] for row in rows] == list(wanted)
    for row in rows:
        last = max(day for day in days if "{}-W{:02d}".format(*day.isocalendar()[:2]) == row["week"])
        assert row["week_end"] == last.isoformat()


def test_a_week_shows_its_trades_turnover_and_costs():
    level = np.full(10, 100.0)
    fills = [Fill(1, 0, 10, 100.0, 101.0, 2.0), Fill(7, 0, -10, 100.0, 99.0, 3.0, Code.STOP)]
    first, second = summary_of(played(make_bars(level, level, level, level), fills, start=10_000.0)).weekly
    assert (first["trades_opened"], first["trades_closed"], first["wins"]) == (1, 0, 0)
    assert (second["trades_opened"], second["trades_closed"], second["pnl_closed"]) == (0, 1, -25.0)
    assert first["turnover"] == pytest.approx(0.5 * 1010.0 / 10_000.0)
    assert second["turnover"] == pytest.approx(0.5 * 990.0 / first["equity"])
    assert (first["commission"], second["commission"]) == (2.0, 3.0)
    assert (first["slippage"], second["slippage"]) == (10.0, 10.0)
    assert first["benchmark_return"] is None


def test_the_benchmarks_weeks_skip_what_it_lacks():
    bars = flat_bars(15)
    closes = np.full(15, np.nan)
    closes[[0, 3, 12]] = [50.0, 55.0, 66.0]
    rows = summary_of(curve_ledger([100.0] * 15, bars=bars), closes).weekly
    assert [row["benchmark_return"] for row in rows] == [pytest.approx(0.1), None, pytest.approx(0.2)]
    none = summary_of(curve_ledger([100.0] * 15, bars=bars), np.full(15, np.nan)).weekly
    assert [row["benchmark_return"] for row in none] == [None, None, None]
    late = np.full(15, np.nan)
    late[[6, 12]] = [50.0, 55.0]
    rows = summary_of(curve_ledger([100.0] * 15, bars=bars), late).weekly
    assert [row["benchmark_return"] for row in rows] == [None, pytest.approx(0.0), pytest.approx(0.1)]


def test_after_ruin_a_week_has_no_return():
    rows = summary_of(curve_ledger([100.0] * 4 + [0.0] + [0.0] * 5, bars=flat_bars(10))).weekly
    assert [row["return"] for row in rows] == [-1.0, None]
    assert rows[1]["turnover"] == 0.0


def test_a_run_without_bars_has_no_rows():
    found = summary_of(curve_ledger([]))
    assert found.weekly == []
    assert found.monthly == {"months": [], "table": {}}


def test_trades_by_strategy_symbol_and_exit_reason():
    ledger = round_trips()
    found = trade_breakdown(ledger)
    assert set(found["by_strategy"]) == {"a", "b"}
    assert set(found["by_symbol"]) == {"S000", "S001"}
    assert set(found["by_exit_reason"]) == {"SIGNAL", "STOP", "open"}
    for groups in found.values():
        assert sum(row["pnl"] for row in groups.values()) == pytest.approx(
            ledger.trades["pnl"][ledger.trades["open"] == 0].sum()
        )
        assert sum(row["n_trades"] for row in groups.values()) == 2
        assert sum(row["n_open"] for row in groups.values()) == 1
        assert sum(row["commission"] for row in groups.values()) == pytest.approx(5.0)
    assert found["by_strategy"]["a"]["dividends"] == 3.0
    assert found["by_exit_reason"]["open"]["win_rate"] is None


def test_a_group_of_trades_by_hand():
    level = np.full(30, 100.0)
    fills = []
    for k, gain in enumerate((20.0, -10.0, 0.0)):
        fills += [Fill(2 + 5 * k, 0, 1, 100.0, 100.0), Fill(4 + 5 * k, 0, -1, 100.0 + gain, 100.0 + gain, 0.0, Code.TARGET)]
    row = trade_breakdown(played(make_bars(level, level, level, level), fills, risk=10.0))["by_exit_reason"]["TARGET"]
    assert (row["n_trades"], row["n_wins"], row["n_losses"]) == (3, 1, 1)
    assert (row["pnl"], row["profit_factor"], row["mean_bars_held"]) == (10.0, 2.0, 3.0)
    assert row["win_rate"] == pytest.approx(1 / 3)
    assert row["expectancy_R"] == pytest.approx(1 / 3)
    assert not any(isinstance(value, float) and math.isnan(value) for value in row.values())


def test_a_run_without_trades_has_no_groups():
    assert trade_breakdown(curve_ledger([100.0])) == {"by_strategy": {}, "by_symbol": {}, "by_exit_reason": {}}
