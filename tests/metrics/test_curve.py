"""Measures of a curve worked out together: from its levels, and in one compiled pass held to the plain functions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_system.metrics import curve, drawdown, relative, returns
from trading_system.metrics._layout import BLOCK, CHUNK, MOST, RECOVERY, SUM
from trading_system.metrics.base import metrics
from trading_system.metrics.curve import Year, exposure_metrics, level_metrics, long_metrics, long_relative, run_pass

YEAR = Year(252.0, 0.02, 0.02, 400.0)
RATE = 1.02 ** (1 / 252) - 1.0
START = 100_000.0


def random_curve(seed: int, n: int, *, grain: float = 0.0) -> np.ndarray:
    """Levels V_1..V_n; with a grain they are rounded to it, so that levels repeat and returns are 0."""
    rng = np.random.default_rng(seed)
    levels = START * np.exp(np.cumsum(rng.standard_t(4, n) * 0.01 + 0.0003))
    return np.round(levels / grain) * grain if grain else levels


def by_functions(levels: np.ndarray) -> dict[str, float]:
    """The same figures, one function after another."""
    r = levels[1:] / levels[:-1] - 1.0
    wanted = level_metrics(levels, YEAR)
    inputs = {"returns": r, "periods_per_year": 252.0, "risk_free": 0.02, "mar": 0.02, "days": 400.0}
    for name in metrics.names():
        code = metrics.get(name).__code__
        names = code.co_varnames[: code.co_argcount]
        if names[0] == "returns" and "benchmark" not in names and name not in wanted:
            wanted[name] = metrics.get(name)(**{key: inputs[key] for key in names if key in inputs})
    return wanted


def assert_equal(found: dict[str, float], wanted: dict[str, float], within: float = 1e-12) -> None:
    for name, value in wanted.items():
        if math.isfinite(value):
            assert found[name] == pytest.approx(value, rel=within, abs=within), name
        else:
            assert found[name] == value or math.isnan(found[name]) and math.isnan(value), name


@pytest.mark.parametrize("n", [60, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17, 2_000])
@pytest.mark.parametrize("grain", [0.0, 500.0])
@pytest.mark.parametrize("seed", range(4))
def test_one_pass_equals_the_functions(seed, n, grain):
    levels = random_curve(seed, n, grain=grain)
    found = long_metrics(run_pass(levels, START, RATE, tails=True), float(levels[-1]), START, YEAR)
    assert found is not None
    wanted = by_functions(np.concatenate(([START], levels)))
    assert found.keys() == wanted.keys()
    assert_equal(found, wanted)


def test_a_long_curve_goes_through_the_pass_and_keeps_every_digit():
    levels = random_curve(7, 60_000)
    found = long_metrics(run_pass(levels, START, RATE, tails=True), float(levels[-1]), START, YEAR)
    assert found is not None
    assert_equal(found, by_functions(np.concatenate(([START], levels))))


steps = st.lists(st.sampled_from([-0.25, -0.125, 0.0, 0.0, 0.125, 0.25]), min_size=2, max_size=3 * CHUNK)


@given(steps)
def test_falls_of_one_pass_are_those_of_the_levels(moves):
    levels = 8.0 + np.cumsum(moves) + max(0.0, -min(np.cumsum(moves)))  # steps that a float64 adds exactly: levels repeat
    found = run_pass(levels, 8.0, 0.0, tails=False)
    wanted = level_metrics(np.concatenate(([8.0], levels)), YEAR)
    assert found.falls[2] == wanted["max_drawdown"]
    if wanted["max_drawdown"] < 0.0:
        assert (found.falls[3], found.falls[4]) == (wanted["dd_peak_index"], wanted["dd_trough_index"])
        recovery = wanted["dd_recovery_index"]
        assert found.falls[RECOVERY] == (-1.0 if math.isnan(recovery) else recovery)
    assert max(found.falls[6], len(moves) - found.falls[1]) == wanted["max_dd_duration"]
    assert found.falls[7] / len(moves) == wanted["time_under_water"]


@pytest.mark.parametrize("n", [40, 41, 100, 101, 401, 5_000])
def test_quantiles_from_the_tails_are_numpys(n):
    levels = random_curve(n, n)
    r = levels / np.concatenate(([START], levels[:-1])) - 1.0
    found = curve.quantile_pair(run_pass(levels, START, 0.0, tails=True))
    assert found is not None
    low, high = np.quantile(r, (0.05, 0.95))
    assert found == pytest.approx((low, high, r[r <= low].mean()), rel=1e-12)


def test_tails_that_were_cut_too_short_are_not_answered_from():
    levels = random_curve(1, 500)
    found = run_pass(levels, START, 0.0, tails=True)
    short = curve.Pass(found.n, found.sums, found.falls, found.below[:3], found.above)
    assert curve.quantile_pair(short) is None
    assert long_metrics(short, 1.0, 1.0, YEAR) is None


def test_a_curve_that_hardly_varies_is_left_to_the_functions():
    levels = START * np.cumprod(1.001 + 1e-9 * np.random.default_rng(0).standard_normal(300))
    assert not run_pass(levels, START, 0.0, tails=True).trustworthy
    assert long_metrics(run_pass(levels, START, 0.0, tails=True), 1.0, 1.0, YEAR) is None


def test_a_flat_curve_has_no_deviation():
    levels = np.full(300, START)
    found = run_pass(levels, START, 0.0, tails=True)
    assert found.constant
    assert found.moments == (0.0, 0.0, 0.0)
    measured = long_metrics(found, START, START, Year(252.0, 0.0, 0.0, 400.0))
    assert measured is not None
    assert measured["ann_vol"] == 0.0
    assert math.isnan(measured["sharpe"])


def test_rounding_does_not_hide_a_recovery():
    levels = np.array([100.0, 120.0, 90.0, 96.0, 120.0, 130.0])
    assert level_metrics(levels, YEAR)["dd_recovery_index"] == 4
    assert math.isnan(level_metrics(levels[:-2], YEAR)["dd_recovery_index"])


def beside(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    market = rng.normal(0.0003, 0.01, n)
    market[0] = 0.0
    own = 0.6 * market + rng.normal(0.0002, 0.006, n)
    return START * np.cumprod(1.0 + own), 50.0 * np.cumprod(1.0 + market)


@pytest.mark.parametrize("n", [BLOCK - 3, BLOCK, 5 * BLOCK + 9])
@pytest.mark.parametrize("seed", range(4))
def test_one_pass_beside_a_benchmark_equals_the_functions(seed, n):
    levels, closes = beside(seed, n)
    run, market = run_pass(levels, START, RATE, tails=False), run_pass(closes, float(closes[0]), RATE, tails=False)
    found = long_relative(run, market, levels, START, closes, YEAR)
    assert found is not None
    r = levels / np.concatenate(([START], levels[:-1])) - 1.0
    b = closes / np.concatenate((closes[:1], closes[:-1])) - 1.0
    wanted = {
        "beta": relative.beta(r, b, 252.0, 0.02),
        "alpha_period": relative.alpha_period(r, b, 252.0, 0.02),
        "alpha_ann_arith": relative.alpha_ann_arith(r, b, 252.0, 0.02),
        "alpha_ann_geom": relative.alpha_ann_geom(r, b, 252.0, 0.02),
        "correlation": relative.correlation(r, b),
        "tracking_error": relative.tracking_error(r, b, 252.0),
        "information_ratio": relative.information_ratio(r, b, 252.0),
        "up_capture": relative.up_capture(r, b),
        "down_capture": relative.down_capture(r, b),
    }
    assert found.keys() == wanted.keys()
    assert_equal(found, wanted, 1e-11)
    own = curve.benchmark_metrics(market, closes, YEAR)
    assert own["benchmark_sharpe"] == pytest.approx(returns.sharpe(b, 252.0, 0.02), rel=1e-11)
    assert own["benchmark_max_drawdown"] == pytest.approx(drawdown.max_drawdown(b), rel=1e-11)


def test_the_benchmark_beside_itself_has_no_tracking_error():
    _, closes = beside(3, 400)
    run = run_pass(closes, float(closes[0]), 0.0, tails=False)
    found = long_relative(run, run, closes, float(closes[0]), closes, YEAR)
    assert found is not None
    assert found["tracking_error"] == 0.0
    assert math.isnan(found["information_ratio"])
    assert found["beta"] == pytest.approx(1.0)


def test_a_difference_that_hardly_varies_is_left_to_the_functions():
    _, closes = beside(1, 300)
    ahead = closes * np.cumprod(np.full(300, 1.001))
    run, market = (run_pass(x, float(x[0]), 0.0, tails=False) for x in (ahead, closes))
    assert long_relative(run, market, ahead, float(ahead[0]), closes, YEAR) is None
    with np.errstate(all="ignore"):
        assert_beyond_range(closes, market)


def assert_beyond_range(closes: np.ndarray, market: curve.Pass) -> None:
    """Products of one block of returns that a float64 cannot hold are left to the functions too."""
    wild = closes * np.exp(np.cumsum(np.tile([400.0, -400.0], 150)))
    found = run_pass(wild, float(wild[0]), 0.0, tails=False)
    assert long_relative(found, market, wild, float(wild[0]), closes, YEAR) is None


@pytest.mark.parametrize("n", [1, 500, curve.LONG + 77])
def test_exposures_are_means_over_the_closes(n):
    rng = np.random.default_rng(n)
    gross = rng.random(n) * (rng.random(n) > 0.4)
    net = gross - 0.1
    found = exposure_metrics(gross, net)
    assert found["time_in_market"] == (gross > 0.0).mean()
    assert found["mean_gross_exposure"] == pytest.approx(gross.mean(), rel=1e-12)
    assert found["mean_net_exposure"] == pytest.approx(net.mean(), rel=1e-12)
    assert found["max_gross_exposure"] == gross.max()


def test_no_close_has_no_exposure():
    assert all(math.isnan(value) for value in exposure_metrics(np.zeros(0), np.zeros(0)).values())


def test_every_sum_lies_a_block_apart():
    assert MOST - SUM == 10 * BLOCK
    assert BLOCK % CHUNK == 0
