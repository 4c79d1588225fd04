"""Inference on the Sharpe ratio against the published case, by hand, and on noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tests.validation.cases import golden_case
from tests.validation.told import made, told
from trading_system.validation.suite.sharpe_inference import SharpeInference


def test_the_golden_record_comes_through_the_suite():
    case = golden_case("psr__sp500_2003_2005")
    expected = case["expected"]
    found = made(SharpeInference, told(case["inputs"]["returns"], year=252.0))
    details = found.details
    assert details["sharpe_annual"] == pytest.approx(expected["sr_annual"], abs=1e-9)
    assert details["psr"]["observed"]["above_0"] == pytest.approx(expected["psr"], abs=1e-9)
    assert details["standard_errors_period"]["lo"] == pytest.approx(expected["se_lo_iid_normal"], abs=1e-9)
    assert details["standard_errors_period"]["mertens"] == pytest.approx(expected["se_mertens"], abs=1e-9)
    assert found.p_value == pytest.approx(1.0 - expected["psr"], abs=1e-9)
    assert found.verdict == "report"


def test_the_golden_dependence_comes_through_the_suite():
    case = golden_case("lo2002__ff_hml_monthly")
    found = made(SharpeInference, told(case["inputs"]["returns"], year=12.0)).details
    assert found["standard_errors_period"]["mertens"] == pytest.approx(
        case["expected"]["se_mertens"], rel=1e-5
    )  # of a ratio with ddof 0
    assert found["hac_lags"] == 5 and found["ljung_box"]["lags"] == 10


def test_the_bar_of_the_run_file_is_a_yearly_ratio():
    series = np.random.default_rng(1).normal(0.001, 0.01, 500)
    found = made(SharpeInference, told(series, gates={"min_sharpe": 1.2})).details
    m, s = series.mean() / series.std(ddof=1), 1.2 / math.sqrt(252.0)
    g, k = stats.skew(series), stats.kurtosis(series, fisher=False)
    z = (m - s) * math.sqrt(499.0) / math.sqrt(1.0 - g * m + (k - 1.0) / 4.0 * m * m)
    assert found["psr"]["observed"]["above_bar"] == pytest.approx(stats.norm.cdf(z), abs=1e-12)
    assert found["bar_annual"] == 1.2


def test_a_record_as_long_as_needed_has_a_probability_of_95_percent():
    """MinTRL is the length at which PSR is 0.95: with as many periods as it says, PSR is."""
    series = np.random.default_rng(2).normal(0.0006, 0.01, 900)
    found = made(SharpeInference, told(series)).details
    needed = found["min_track_record"]["observed"]["periods_above_0"]
    z = stats.norm.ppf(found["psr"]["observed"]["above_0"]) * math.sqrt((needed - 1.0) / 899.0)
    assert stats.norm.cdf(z) == pytest.approx(0.95, abs=1e-9)
    assert found["min_track_record"]["observed"]["years_above_0"] == pytest.approx(needed / 252.0)


def test_a_losing_record_needs_for_ever():
    found = made(SharpeInference, told(np.random.default_rng(3).normal(-0.001, 0.01, 300))).details
    assert found["min_track_record"]["observed"]["periods_above_0"] is None
    assert found["psr"]["observed"]["above_0"] < 0.5


def test_dependence_is_a_warning_and_widens_the_interval():
    shocks = np.random.default_rng(4).normal(0.0005, 0.01, 1000)
    for t in range(1, 1000):
        shocks[t] += 0.4 * shocks[t - 1]
    found = made(SharpeInference, told(shocks))
    errors = found.details["standard_errors_period"]
    assert errors["hac"] > 1.25 * errors["mertens"]
    assert sum("Ljung-Box" in text or "standard error" in text for text in found.warnings) == 2


def test_a_record_that_never_varies_has_no_inference():
    found = made(SharpeInference, told(np.full(50, 0.001)))
    assert found.bars[0].measured is None and found.verdict == "report" and not found.details


def test_on_noise_the_probability_is_even():
    """1 - PSR(0) of 400 records without an edge: uniform."""
    rng = np.random.default_rng(5)
    p = [made(SharpeInference, told(rng.normal(0.0, 0.01, 250))).p_value for _ in range(400)]
    assert stats.kstest(p, "uniform").pvalue > 0.01
