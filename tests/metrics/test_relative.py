"""A series beside its benchmark, against another library and by hand."""

from __future__ import annotations

import math

import empyrical
import numpy as np
import pytest
from scipy import stats

from trading_system.errors import DataError
from trading_system.metrics import relative


def pair_of(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    market = rng.normal(0.0004, 0.01, 500)
    return 0.7 * market + rng.normal(0.0002, 0.004, 500), market


@pytest.mark.parametrize("seed", range(5))
def test_empyrical_agrees_where_conventions_are_equal(seed):
    r, b = pair_of(seed)
    daily = 1.02 ** (1.0 / 252) - 1.0
    assert relative.beta(r, b, 252, 0.02) == pytest.approx(empyrical.beta(r, b, daily), abs=1e-11)
    assert relative.alpha_ann_geom(r, b, 252, 0.02) == pytest.approx(empyrical.alpha(r, b, daily), abs=1e-11)
    assert relative.information_ratio(r, b, 1) == pytest.approx(
        empyrical.excess_sharpe(r, b), abs=1e-12
    )  # theirs is per period


@pytest.mark.parametrize("seed", range(3))
def test_scipy_agrees_on_the_line_and_the_correlation(seed):
    r, b = pair_of(seed)
    line = stats.linregress(b, r)
    assert relative.beta(r, b, 252) == pytest.approx(line.slope, abs=1e-12)
    assert relative.alpha_period(r, b, 252) == pytest.approx(line.intercept, abs=1e-14)
    assert relative.alpha_ann_arith(r, b, 252) == pytest.approx(252 * line.intercept, abs=1e-12)
    assert relative.correlation(r, b) == pytest.approx(line.rvalue, abs=1e-12)


def test_captures_are_ratios_of_geometric_means():
    b = np.array([0.02, -0.01, 0.03, -0.02])
    r = np.array([0.01, -0.02, 0.01, 0.00])
    up = (math.sqrt(1.01 * 1.01) - 1.0) / (math.sqrt(1.02 * 1.03) - 1.0)
    down = (math.sqrt(0.98 * 1.00) - 1.0) / (math.sqrt(0.99 * 0.98) - 1.0)
    assert relative.up_capture(r, b) == pytest.approx(up, abs=1e-13)
    assert relative.down_capture(r, b) == pytest.approx(down, abs=1e-13)
    assert relative.up_capture(r, b) == pytest.approx(empyrical.up_capture(r, b, period="yearly"), abs=1e-12)
    assert relative.down_capture(r, b) == pytest.approx(empyrical.down_capture(r, b, period="yearly"), abs=1e-12)


def test_the_benchmark_beside_itself():
    _, b = pair_of(1)
    assert relative.beta(b, b, 252) == pytest.approx(1.0)
    assert relative.alpha_period(b, b, 252) == pytest.approx(0.0, abs=1e-18)
    assert relative.correlation(b, b) == pytest.approx(1.0)
    assert relative.tracking_error(b, b, 252) == 0.0
    assert math.isnan(relative.information_ratio(b, b, 252))
    assert relative.excess_cagr(b, b, 252) == 0.0
    assert relative.up_capture(b, b) == pytest.approx(1.0)


def test_leverage_scales_beta_and_leaves_the_correlation():
    r, b = pair_of(2)
    assert relative.beta(3.0 * r, b, 252) == pytest.approx(3.0 * relative.beta(r, b, 252))
    assert relative.correlation(3.0 * r, b) == pytest.approx(relative.correlation(r, b))


def test_tracking_error_by_hand():
    r, b = np.array([0.02, 0.00]), np.array([0.01, 0.01])
    assert relative.tracking_error(r, b, 4) == pytest.approx(2.0 * math.sqrt(2.0) * 0.01)
    assert relative.information_ratio(r, b, 4) == pytest.approx(0.0, abs=1e-12)


def test_a_benchmark_that_never_varies_has_no_line():
    r, still = np.array([0.01, -0.02, 0.03]), np.zeros(3)
    for measure in (relative.beta, relative.alpha_period, relative.alpha_ann_arith, relative.alpha_ann_geom):
        assert math.isnan(measure(r, still, 252))
    assert math.isnan(relative.correlation(r, still))
    assert math.isnan(relative.up_capture(r, still))
    assert math.isnan(relative.down_capture(r, still))


def test_one_period_is_too_few():
    one = np.array([0.01])
    assert math.isnan(relative.beta(one, one, 252))
    assert math.isnan(relative.correlation(one, one))
    assert math.isnan(relative.tracking_error(one, one, 252))


def test_a_total_loss_has_a_geometric_mean_of_minus_one_and_more_has_none():
    b = np.array([0.01, 0.01])
    assert relative.up_capture(np.array([0.1, -1.0]), b) == pytest.approx(-1.0 / 0.01)
    assert math.isnan(relative.up_capture(np.array([0.1, -1.5]), b))
    assert math.isnan(relative.alpha_ann_geom(np.array([-5.0, -5.1, -5.2]), np.array([0.1, 0.2, 0.1]), 252))


def test_series_of_unequal_length_are_refused():
    with pytest.raises(DataError, match="benchmark returns have 3 periods"):
        relative.beta(np.zeros(2), np.zeros(3), 252)


def test_a_missing_benchmark_return_is_an_error():
    with pytest.raises(DataError, match="benchmark returns: row 1"):
        relative.beta(np.zeros(2), np.array([0.0, np.nan]), 252)
