"""Intervals of every metric: which there are, what they are called, how often they hold the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tests.validation.sizes import sized
from tests.validation.told import made, told
from trading_system.metrics import trades
from trading_system.metrics.base import metrics
from trading_system.validation import judged
from trading_system.validation.suite.intervals import EXTREMES, NO_INTERVAL, PATH, Group, Intervals, intervals_of

RNG = np.random.default_rng(7)
RECORD = RNG.normal(0.0005, 0.01, 400)
MARKET = 0.5 * RECORD + RNG.normal(0.0, 0.008, 400)
PNL = RNG.normal(20.0, 100.0, 80)
SMALL = {"resamples": 300, "resamples_fast": 99}


@pytest.fixture(scope="module")
def found():
    return made(Intervals, told(RECORD, pnl=PNL, risk=100.0, market=MARKET, bootstrap=SMALL))


@pytest.fixture(scope="module")
def table(found):
    return found.details["intervals"]


def test_every_metric_of_returns_and_of_trades_has_a_row(table):
    weights = {"mean_gross_exposure", "mean_net_exposure", "time_in_market", "turnover_one_way_annual"}
    assert set(metrics.names()) - weights - set(NO_INTERVAL) <= set(table)


def test_values_are_those_of_the_metrics(table):
    assert table["sharpe"]["value"] == pytest.approx(RECORD.mean() / RECORD.std(ddof=1) * math.sqrt(252.0))
    assert table["expectancy_R"]["value"] == pytest.approx(PNL.mean() / 100.0)
    assert table["profit_factor"]["value"] == pytest.approx(trades.profit_factor(PNL))
    assert table["correlation"]["value"] == pytest.approx(np.corrcoef(RECORD[1:], MARKET[1:])[0, 1], abs=0.01)


def test_a_percentile_interval_holds_the_value_of_the_record_and_grows_with_the_level(table):
    narrow = made(Intervals, told(RECORD, pnl=PNL, risk=100.0, bootstrap={**SMALL, "level": 0.8})).details["intervals"]
    for name in ("sharpe", "cagr", "ann_vol", "expectancy", "win_rate"):
        low, high = table[name]["percentile"]
        assert low < table[name]["value"] < high
        inner = narrow[name]["percentile"]
        assert low < inner[0] < inner[1] < high


def test_drawdowns_and_extremes_are_labelled_for_what_they_are(table):
    for name in PATH:
        assert (
            table[name]["kind"] == "path" and table[name]["bca"] is None and "not a confidence interval" in table[name]["note"]
        )
    for name in EXTREMES:
        assert table[name]["kind"] == "extreme" and "too narrow" in table[name]["note"]
    assert table["best_period"]["percentile"][1] <= RECORD.max()


def test_one_metric_against_scipy():
    """The mean of independent draws: percentile and BCa as scipy's with draws of its own."""
    x = np.random.default_rng(1).exponential(1.0, 120)
    group = Group("numbers", ("mean",), x[:, None], lambda rows: np.array([rows[:, 0].mean()]), 1.0)
    examination = told(RECORD)
    chosen = judged.drawn_resamples(judged.sizes(examination), x.size, 1.0, sized(6000, 300), np.random.default_rng(2))
    ours = intervals_of(group, chosen, 0.9)["mean"]
    for method, mine in (("percentile", ours["percentile"]), ("BCa", ours["bca"])):
        ends = stats.bootstrap((x,), np.mean, confidence_level=0.9, n_resamples=6000, method=method, rng=3).confidence_interval
        assert mine == pytest.approx(tuple(ends), abs=sized(1, 5) * 0.02)


def test_the_sharpe_ratio_has_its_three_errors(table):
    errors = {name: np.diff(table["sharpe"][name])[0] for name in ("lo", "mertens", "hac")}
    by_hand = 2.0 * 1.959964 * math.sqrt((1.0 + 0.5 * (table["sharpe"]["value"] / math.sqrt(252.0)) ** 2) / 400.0 * 252.0)
    assert errors["lo"] == pytest.approx(by_hand, rel=1e-5)
    assert 0.8 < errors["hac"] / errors["mertens"] < 1.25


def test_dependence_and_skewness_are_warnings():
    quiet = made(Intervals, told(RECORD, bootstrap=SMALL)).warnings
    assert not any("Ljung-Box" in text or "skewed" in text for text in quiet)
    shocks = np.random.default_rng(4).normal(0.0, 0.01, 400)
    for t in range(1, 400):
        shocks[t] += 0.4 * shocks[t - 1]
    assert any("Ljung-Box" in text for text in made(Intervals, told(shocks, bootstrap=SMALL)).warnings)
    crashes = np.where(np.random.default_rng(5).uniform(size=400) < 0.02, -0.08, 0.002)
    assert any("skewed (-" in text for text in made(Intervals, told(crashes, bootstrap=SMALL)).warnings)


def test_without_trades_or_a_benchmark_there_are_no_rows_of_theirs():
    found = made(Intervals, told(RECORD, bootstrap=SMALL))
    assert "beta" not in found.details["intervals"] and "expectancy" not in found.details["intervals"]
    few = made(Intervals, told(RECORD, pnl=[1.0, -1.0, 2.0], bootstrap=SMALL))
    assert any("3 trades" in text for text in few.warnings)


def test_a_record_that_never_varies_says_so_for_each_metric():
    table = made(Intervals, told(np.zeros(60), bootstrap=SMALL)).details["intervals"]
    assert (
        table["sharpe"]["value"] is None and table["sharpe"]["percentile"] is None and "not defined" in table["sharpe"]["note"]
    )
    assert table["total_return"]["percentile"] == [0.0, 0.0]


def test_a_metric_that_many_resamples_do_not_have_has_no_interval():
    wins = np.full(40, 10.0)
    wins[7] = -5.0  # a third of the resamples hold no loss
    row = made(Intervals, told(RECORD, pnl=wins, risk=10.0, bootstrap=SMALL)).details["intervals"]["profit_factor"]
    assert row["value"] == pytest.approx(78.0) and row["percentile"] is None and "not defined on" in row["note"]


def test_a_metric_of_somebody_else_is_measured_too():
    metrics._items["middle"] = lambda returns: float(np.median(returns))
    try:
        row = made(Intervals, told(RECORD, bootstrap=SMALL)).details["intervals"]["middle"]
    finally:
        del metrics._items["middle"]
    assert row["value"] == np.median(RECORD) and row["percentile"][0] < row["value"] < row["percentile"][1]


def test_intervals_of_the_sharpe_ratio_hold_the_truth_about_as_often_as_they_say():
    """90 % intervals of 150 records of a known Sharpe ratio: the 99.9 % band of the binomial."""
    sets = sized(150, 2)
    held = {"percentile": 0, "bca": 0, "mertens": 0, "hac": 0}
    rng = np.random.default_rng(6)
    for _ in range(sets):
        series = rng.normal(0.1, 1.0, 250) * 0.01
        group_sharpe = made(Intervals, told(series, bootstrap={"resamples": 199, "level": 0.9})).details["intervals"]["sharpe"]
        for name in held:
            low, high = group_sharpe[name]
            held[name] += low <= 0.1 * math.sqrt(252.0) <= high
    if sets > 2:
        low, high = stats.binom.ppf((0.0005, 0.9995), sets, 0.9) / sets
        assert all(low <= count / sets <= high for count in held.values()), held
