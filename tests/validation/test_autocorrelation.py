"""Dependence in time, against sums written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_system.errors import DataError, InsufficientDataError
from trading_system.validation import autocorrelation as serial

series = st.lists(st.floats(-1.0, 1.0), min_size=4, max_size=40)


@given(series)
def test_autocovariances_are_the_sums_written_out(values):
    n, mean = len(values), sum(values) / len(values)
    wanted = [sum((values[t] - mean) * (values[t - k] - mean) for t in range(k, n)) / n for k in range(4)]
    assert serial.autocovariances(values, 3) == pytest.approx(wanted, abs=1e-12)


def test_the_portmanteau_test_rejects_five_in_a_hundred_series_of_noise():
    rng = np.random.default_rng(1)
    p = [serial.ljung_box(rng.standard_normal(500), 5).p_value for _ in range(1_000)]
    assert 0.029 <= np.mean(np.array(p) <= 0.05) <= 0.074
    walk = rng.standard_normal(500).cumsum()
    assert serial.ljung_box(walk, 5).p_value < 1e-12


@given(st.floats(-0.9, 0.9), st.integers(1, 60))
def test_the_closed_form_of_an_ar1_is_the_sum(rho, q):
    summed = serial.aggregation_factor(rho ** np.arange(1, q), q)
    assert serial.aggregation_factor_ar1(rho, q) == pytest.approx(summed, rel=1e-9)


def test_without_autocorrelation_time_aggregates_by_the_root():
    assert serial.aggregation_factor(np.zeros(11), 12) == pytest.approx(math.sqrt(12))
    assert serial.aggregation_factor([], 1) == 1.0
    assert math.isnan(serial.aggregation_factor([-1.0], 2))


def test_the_long_run_variance_is_the_weighted_sum_of_autocovariances():
    x = np.random.default_rng(2).standard_normal(200)
    g = serial.autocovariances(x, 3)
    wanted = g[0] + 2 * (0.75 * g[1] + 0.5 * g[2] + 0.25 * g[3])
    assert serial.long_run_covariance((x - x.mean())[:, None], 3)[0, 0] == pytest.approx(wanted)
    assert serial.newey_west_lags(100) == 4 and serial.newey_west_lags(2) == 1


def test_constant_series_have_no_autocorrelation():
    assert np.isnan(serial.autocorrelations([1.0] * 5, 2)).all()
    assert math.isnan(serial.ljung_box([1.0] * 5, 2).p_value)


def test_too_little_is_refused():
    with pytest.raises(InsufficientDataError, match="lag 4 needs 5 periods, the data has 4"):
        serial.autocovariances([1.0, 2.0, 3.0, 4.0], 4)
    with pytest.raises(DataError, match="rho_1 to rho_3"):
        serial.aggregation_factor([0.1], 4)
    with pytest.raises(DataError, match="rho is 1.0"):
        serial.aggregation_factor_ar1(1.0, 4)
