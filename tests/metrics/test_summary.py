"""The numbers of a run: sampling, reasons for every null, conventions, and the tables."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import make_bars, random_bars
from tests.metrics.ledgers import Fill, config_of, curve_ledger, flat_bars, played
from trading_system.engine.ledger import Code, Ledger
from trading_system.errors import DataError
from trading_system.metrics import curve, returns, summary
from trading_system.metrics.base import metrics
from trading_system.metrics.summary import Summary, summarise


def round_trips(*, cost: float = 1.0, seed: int = 3) -> Ledger:
    """Two strategies on two symbols: a long with a dividend, a short with borrow, one trade left open, debit interest."""
    bars = random_bars(60, 2, seed)
    c = bars.close
    return played(
        bars,
        [
            Fill(3, 0, 10, c[3, 0], c[3, 0] * (1 + 0.001 * cost), cost),
            Fill(9, 0, -10, c[9, 0], c[9, 0] * (1 - 0.001 * cost), cost, Code.SIGNAL),
            Fill(12, 1, -5, c[12, 1], c[12, 1] * (1 - 0.001 * cost), cost),
            Fill(30, 1, 5, c[30, 1], c[30, 1] * (1 + 0.001 * cost), cost, Code.STOP),
            Fill(40, 0, 10, c[40, 0], c[40, 0] * (1 + 0.001 * cost), cost),
        ],
        lines=((0, 0), (1, 1)),
        names=("a", "b"),
        risk=50.0,
        dividends={(5, 0): 3.0},
        borrow={(14, 1): 1.5},
        debit={20: 0.5},
    )


def summary_of(ledger: Ledger, benchmark: np.ndarray | None = None, **portfolio: float) -> Summary:
    return summarise(ledger, config_of(**portfolio), benchmark=benchmark)


def test_a_loss_on_the_first_bar_counts():
    found = summary_of(curve_ledger([90.0, 99.0], start=100.0)).metrics
    assert found["total_return"] == pytest.approx(-0.01)
    assert found["max_drawdown"] == pytest.approx(-0.10)
    assert found["dd_peak_index"] == 0
    assert found["n_periods"] == 2


def test_the_window_begins_at_the_ledgers_first_bar():
    found = summary_of(curve_ledger([100.0, 110.0], start=100.0, first=5))
    assert found.metrics["n_periods"] == 2
    assert (found.conventions["first"], found.conventions["last"]) == ("2015-01-12", "2015-01-13")
    assert found.metrics["cagr_calendar"] == pytest.approx(1.1 ** (365.25 / 4) - 1.0)  # from Friday 2015-01-09 on


def test_equity_is_measured_at_the_benchmarks_closes_only():
    bars = flat_bars(7, every_day=True, start="2015-01-05", sampled=[True] * 5 + [False, True])
    ledger = curve_ledger([100.0, 101, 102, 103, 104, 50, 105], bars=bars)
    found = summary_of(ledger)
    assert found.metrics["n_periods"] == 6
    assert found.metrics["max_drawdown"] == 0.0  # the Saturday is not measured
    assert found.metrics["worst_period"] == pytest.approx(0.0)
    beside = summary_of(ledger, np.array([10.0, 11, 12, 13, 14, 1, 15])).metrics
    assert beside["benchmark_max_drawdown"] == 0.0
    assert beside["benchmark_total_return"] == pytest.approx(0.5)


def test_figures_are_those_of_the_plain_functions():
    ledger = round_trips()
    found = summary_of(ledger, risk_free=0.02).metrics
    levels = np.concatenate(([10_000.0], ledger.equity))
    r = levels[1:] / levels[:-1] - 1.0
    assert found["sharpe"] == returns.sharpe(r, 252.0, 0.02)
    assert found["sortino"] == returns.sortino(r, 252.0, 0.02)
    assert found["cagr"] == pytest.approx(returns.cagr(r, 252.0), rel=1e-12)
    assert found["cvar_95"] == returns.expected_shortfall(r)


def test_every_registered_metric_is_there_and_every_null_has_its_reason():
    for ledger in (
        round_trips(),
        curve_ledger([]),
        curve_ledger([100.0]),
        curve_ledger([100.0] * 9),
        curve_ledger([0.0, 0.0]),
    ):
        for benchmark in (None, ledger.bars.close[:, 0]):
            found = summary_of(ledger, benchmark)
            assert set(metrics.names()) <= set(found.metrics)
            assert {name for name, value in found.metrics.items() if value is None} == set(found.undefined)
            assert all(found.undefined.values())
            json.dumps(found.document(), allow_nan=False)
            json.dumps([found.monthly, found.weekly], allow_nan=False)


@pytest.mark.parametrize(
    ("ledger", "name", "why"),
    [
        (curve_ledger([]), "total_return", "no period was measured"),
        (curve_ledger([100.0]), "sharpe", "needs 2 periods, there are 1"),
        (curve_ledger([100.0] * 5), "sharpe", "returns never vary"),
        (curve_ledger([100.0] * 5), "sortino", "0/0: every return equals the minimum acceptable return"),
        (curve_ledger([101.0, 103.0]), "sortino", "infinite: no period fell short of the minimum acceptable return"),
        (curve_ledger([101.0, 103.0]), "calmar", "infinite: no drawdown"),
        (curve_ledger([101.0, 103.0]), "omega0", "infinite: no losing period"),
        (curve_ledger([101.0, 103.0]), "dd_recovery_index", "no drawdown"),
        (curve_ledger([99.0, 98.0]), "dd_recovery_index", "not recovered"),
        (curve_ledger([100.0] * 5), "calmar", "0/0: neither growth nor drawdown"),
        (curve_ledger([101.0]), "cagr_calendar", "no calendar day passed"),
        (curve_ledger([101.0]), "win_rate", "no trade was closed"),
        (curve_ledger([101.0]), "mean_bars_held", "no trade was closed"),
        (curve_ledger([101.0]), "beta", "no benchmark"),
        (curve_ledger([101.0]), "benchmark_cagr", "no benchmark"),
        (curve_ledger([101.0]), "breakeven_cost_multiple", "no commission or slippage was paid"),
    ],
)
def test_reasons_in_words(ledger, name, why):
    found = summary_of(ledger)
    assert found.metrics[name] is None
    assert found.undefined[name] == why


def one_trade(gain: float, *, risk: float = float("nan"), times: int = 1) -> Ledger:
    level = np.full(40, 100.0)
    fills = []
    for k in range(times):
        fills += [Fill(2 + 4 * k, 0, 1, 100.0, 100.0), Fill(4 + 4 * k, 0, -1, 100.0 + gain, 100.0 + gain, 0.0, Code.SIGNAL)]
    return played(make_bars(level, level, level, level), fills, risk=risk)


@pytest.mark.parametrize(
    ("ledger", "name", "why"),
    [
        (one_trade(5.0), "expectancy_R", "no closed trade had an initial stop"),
        (one_trade(5.0), "profit_factor", "infinite: no losing trade"),
        (one_trade(5.0), "kelly", "no losing trade"),
        (one_trade(5.0), "avg_loss", "no losing trade"),
        (one_trade(-5.0), "avg_win", "no winning trade"),
        (one_trade(-5.0), "payoff_ratio", "no winning trade"),
        (one_trade(0.0), "profit_factor", "0/0: every trade broke even"),
        (one_trade(5.0, risk=2.0), "sqn", "needs 2 trades, there are 1"),
        (one_trade(5.0, risk=2.0, times=2), "sqn", "results never vary"),
    ],
)
def test_reasons_of_trades_in_words(ledger, name, why):
    assert summary_of(ledger).undefined[name] == why


def test_reasons_of_the_benchmark_in_words():
    ledger = round_trips()
    rising, still = np.linspace(100.0, 200.0, 60), np.full(60, 7.0)
    assert summary_of(ledger, rising).undefined["down_capture"] == "the benchmark never fell"
    found = summary_of(ledger, still).undefined
    assert found["beta"] == "the benchmark's returns never vary"
    assert found["up_capture"] == "the benchmark never rose"
    few = np.full(60, np.nan)
    few[3] = 1.0
    assert summary_of(ledger, few).undefined["beta"] == "needs 2 periods with a benchmark, there are 0"


def test_the_benchmark_is_bought_at_the_close_of_the_first_bar():
    found = summary_of(curve_ledger([100.0, 102.0, 104.0]), np.array([50.0, 55.0, 60.0])).metrics
    assert found["benchmark_total_return"] == pytest.approx(0.2)
    assert found["excess_cagr"] == pytest.approx(1.04 ** (252 / 3) - 1.2 ** (252 / 3))


def test_history_before_the_first_bar_does_not_count_for_the_benchmark():
    ledger = curve_ledger([100.0, 101.0], first=2)
    whole = summary_of(ledger, np.array([10.0, 40.0, 50.0, 60.0])).metrics
    cut = summary_of(ledger, np.array([50.0, 60.0])).metrics
    assert whole == cut


def test_a_missing_benchmark_close_joins_two_periods_of_both():
    ledger = curve_ledger([100.0, 101.0, 103.0, 102.0])
    gap = summary_of(ledger, np.array([50.0, np.nan, 55.0, 54.0]))
    assert gap.conventions["benchmark_periods"] == 3
    pairs = gap._pairing
    assert pairs is not None
    assert pairs.returns == pytest.approx([0.0, 0.03, 102 / 103 - 1])
    assert pairs.benchmark == pytest.approx([0.0, 0.1, 54 / 55 - 1])
    late = summary_of(ledger, np.array([np.nan, 50.0, 55.0, 54.0]))._pairing
    assert late is not None
    assert late.returns == pytest.approx([103 / 101 - 1, 102 / 103 - 1])


@pytest.mark.parametrize("shape", [(3,), (61,), (60, 1)])
def test_a_benchmark_of_another_length_is_refused(shape):
    with pytest.raises(DataError, match="the benchmark has shape"):
        summary_of(round_trips(), np.ones(shape))


def test_nan_in_the_equity_curve_is_an_error():
    with pytest.raises(DataError, match="equity curve holds NaN"):
        summary_of(curve_ledger([100.0, np.nan, 100.0]))


def test_after_ruin_nothing_is_earned_and_the_date_is_told():
    found = summary_of(curve_ledger([100.0, 50.0, -20.0, -30.0]), np.array([1.0, 1.1, 1.2, 1.1]))
    assert found.metrics["total_return"] == -1.0
    assert found.metrics["max_drawdown"] == -1.0
    assert found.metrics["worst_period"] == -1.0
    assert found.metrics["final_equity"] == -30.0
    assert found.conventions["ruin"] == "2015-01-07"
    assert found.metrics["cagr"] == -1.0


def test_conventions_are_printed_with_the_numbers():
    told = summary_of(round_trips(), np.linspace(1.0, 2.0, 60), risk_free=0.03).conventions
    assert told["metric_specification"] == "1"
    assert told["periods_per_year"] == 252.0
    assert told["risk_free"] == 0.03
    assert told["ddof"] == 1
    assert told["benchmark"] == "equal_weight"
    assert told["n_periods"] == 60


def test_turnover_is_half_of_what_was_traded_over_the_equity_before():
    level = np.full(4, 100.0)
    ledger = played(
        make_bars(level, level, level, level),
        [Fill(1, 0, 50, 100.0, 100.0), Fill(2, 0, -50, 100.0, 100.0, 0.0, Code.SIGNAL)],
        start=10_000.0,
    )
    found = summary_of(ledger).metrics
    assert found["turnover_one_way_annual"] == pytest.approx((0.25 + 0.25) / 4 * 252)
    assert found["time_in_market"] == 0.25
    assert found["mean_gross_exposure"] == pytest.approx(0.5 / 4)
    assert found["max_gross_exposure"] == pytest.approx(0.5)


def test_a_long_curve_is_measured_like_a_short_one(monkeypatch):
    rng = np.random.default_rng(5)
    bars = replace(random_bars(700, 1, 5), sampled=np.ones(700, bool))
    ledger = curve_ledger(100.0 * np.exp(np.cumsum(rng.normal(0.0003, 0.01, 700))), bars=bars)
    plain = summary_of(ledger, bars.close[:, 0], risk_free=0.02).metrics
    monkeypatch.setattr(summary, "LONG", 10)
    monkeypatch.setattr(curve, "LONG", 10)
    passed = summary_of(ledger, bars.close[:, 0], risk_free=0.02).metrics
    assert passed.keys() == plain.keys()
    for name, value in plain.items():
        assert passed[name] == (value if value is None else pytest.approx(value, rel=1e-11, abs=1e-12)), name


@pytest.mark.parametrize("market", ["gap", "steady"])
def test_a_long_curve_that_the_pass_cannot_answer_for_falls_back(monkeypatch, market):
    monkeypatch.setattr(summary, "LONG", 10)
    steady = curve_ledger(100.0 * np.cumprod(np.full(300, 1.001)))
    closes = 50.0 * np.cumprod(np.full(300, 1.002))
    if market == "gap":
        closes[7] = np.nan
    found = summary_of(steady, closes)
    assert found.metrics["total_return"] == pytest.approx(1.001**300 - 1.0)
    noisy = curve_ledger(100.0 * np.exp(np.cumsum(np.random.default_rng(1).normal(0.0, 0.01, 300))))
    again = summary_of(noisy, closes)
    assert again.metrics["benchmark_total_return"] == pytest.approx(1.002**299 - 1.0, rel=1e-9)


def test_a_metric_of_an_installed_package_is_measured_too(monkeypatch):
    monkeypatch.setitem(metrics._items, "last_minus_first", lambda returns, bars_held: float(bars_held.sum() + returns.size))
    assert summary_of(round_trips()).metrics["last_minus_first"] == 7 + 19 + 60
    monkeypatch.setitem(metrics._items, "odd", lambda moon: 0.0)
    with pytest.raises(DataError, match="'moon'"):
        summary_of(round_trips())


def test_only_trades_with_a_stop_have_r_multiples_and_all_have_money():
    ledger = round_trips()
    ledger.trades["initial_risk"][0] = np.nan
    found = summary_of(ledger).metrics
    assert found["n_trades"] == 2
    assert found["expectancy_R"] == pytest.approx(ledger.trades["pnl"][1] / 50.0)


def test_trades_are_taken_in_the_order_of_their_exits():
    level = np.full(20, 100.0)
    fills = [
        Fill(1, 0, 1, 100.0, 100.0), Fill(2, 1, 1, 100.0, 100.0),
        Fill(4, 1, -1, 90.0, 90.0, 0.0, Code.STOP), Fill(5, 1, 1, 100.0, 100.0),
        Fill(7, 1, -1, 90.0, 90.0, 0.0, Code.STOP), Fill(6, 0, -1, 110.0, 110.0, 0.0, Code.SIGNAL),
    ]  # fmt: skip
    ledger = played(make_bars(level, level, level, level), fills, lines=((0, 0), (0, 0)))
    shuffled = replace(ledger, trades=ledger.trades[[1, 2, 0]])
    for version in (ledger, shuffled):
        assert summary_of(version).metrics["max_consecutive_losses"] == 1  # loss, win, loss


def test_measuring_twice_gives_the_same_document():
    ledger = round_trips()
    assert summary_of(ledger).document() == summary_of(ledger).document()


@settings(max_examples=150)
@given(st.lists(st.floats(50.0, 150.0), min_size=2, max_size=40), st.floats(0.1, 10.0))
def test_the_unit_of_money_changes_no_figure_of_the_curve(levels, unit):
    one = summary_of(curve_ledger(levels)).metrics
    other = summary_of(curve_ledger([level * unit for level in levels], start=100.0 * unit)).metrics
    for name in ("total_return", "ann_vol", "max_drawdown", "ulcer", "hit_rate", "var_95"):
        before, after = one[name], other[name]
        assert (before is None and after is None) or after == pytest.approx(before, rel=1e-6, abs=1e-9)


def test_infinity_never_reaches_the_document():
    found = summary_of(curve_ledger([101.0, 102.5, 104.0]))
    assert all(value is None or math.isfinite(value) for value in found.metrics.values())
