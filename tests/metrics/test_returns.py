"""Growth, ratios and distribution against hand figures, published figures and another library."""

from __future__ import annotations

import math

import empyrical
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trading_system.errors import DataError
from trading_system.metrics import drawdown, relative, returns

TWO = np.array([0.10, -0.05])
moves = st.lists(st.floats(-0.2, 0.25, allow_nan=False).map(lambda r: round(r, 6)), min_size=3, max_size=60).map(np.array)


@pytest.fixture(scope="module")
def year_2008() -> tuple[np.ndarray, np.ndarray]:
    """Daily returns of the S&P 500 and the Nasdaq in 2008, rounded to 10 decimals."""
    from arch.data import nasdaq, sp500

    def of(market):
        return market.load()["Adj Close"].pct_change().loc["2008"].round(10).to_numpy()

    return of(sp500), of(nasdaq)


def test_growth_of_two_periods_by_hand():
    assert returns.total_return(TWO) == pytest.approx(1.1 * 0.95 - 1.0, abs=1e-15)
    assert returns.cagr(TWO, 4) == pytest.approx(1.045**2 - 1.0, abs=1e-15)
    assert returns.cagr_calendar(TWO, 365.25 * 2) == pytest.approx(math.sqrt(1.045) - 1.0, abs=1e-15)


def test_volatility_and_sharpe_of_two_periods_by_hand():
    deviation = 0.15 / math.sqrt(2.0)  # mean 0.025, both 0.075 away, ddof 1
    assert returns.ann_vol(TWO, 252) == pytest.approx(deviation * math.sqrt(252), abs=1e-15)
    assert returns.sharpe(TWO, 252) == pytest.approx(0.025 / deviation * math.sqrt(252), abs=1e-14)


def test_sortino_divides_by_all_periods_not_by_the_losses():
    assert returns.sortino(TWO, 1) == pytest.approx(0.025 / math.sqrt(0.05**2 / 2.0), abs=1e-15)


def test_sortino_of_the_red_rock_example():
    eight = np.array([0.17, 0.15, 0.23, -0.05, 0.12, 0.09, 0.13, -0.04])
    assert returns.sortino(eight, 1) == pytest.approx(4.417, abs=5e-4)


def test_a_yearly_rate_is_converted_geometrically():
    monthly = 1.05 ** (1.0 / 12.0) - 1.0
    assert returns.sharpe(TWO, 12, 0.05) == returns.sharpe(TWO, 12, np.full(2, monthly))
    assert returns.sortino(TWO, 12, 0.05) == returns.sortino(TWO, 12, np.full(2, monthly))


@pytest.mark.parametrize(
    ("measure", "wanted"),
    [
        (lambda r, b: returns.cagr(r, 252), -0.383675),
        (lambda r, b: returns.cagr_calendar(r, 366), -0.384245),
        (lambda r, b: returns.ann_vol(r, 252), 0.409732),
        (lambda r, b: returns.sharpe(r, 252), -0.975935),
        (lambda r, b: returns.sortino(r, 252), -1.331979),
        (lambda r, b: drawdown.max_drawdown(r), -0.487564),
        (lambda r, b: drawdown.calmar(r, 252), -0.786923),
        (lambda r, b: drawdown.ulcer(r), 0.213371),
        (lambda r, b: returns.value_at_risk(r), -0.043874),
        (lambda r, b: returns.gaussian_value_at_risk(r), -0.044042),
        (lambda r, b: returns.expected_shortfall(r), -0.064591),
        (lambda r, b: returns.kurtosis_raw(r), 6.901689),
        (lambda r, b: returns.excess_kurtosis_sample(r), 4.004005),
        (lambda r, b: relative.alpha_ann_arith(r, b, 252), 0.019319),
        (lambda r, b: relative.alpha_ann_geom(r, b, 252), 0.019506),
        (lambda r, b: relative.information_ratio(r, b, 252), 0.329884),
        (lambda r, b: relative.information_ratio(r, b, 1), 0.020781),
        (lambda r, b: returns.hit_rate(r), 0.498024),
        (lambda r, b: returns.win_rate_nonzero(r), 0.5),
    ],
)
def test_the_year_2008_is_as_published(year_2008, measure, wanted):
    assert measure(*year_2008) == pytest.approx(wanted, abs=1e-6)  # the table prints six decimals


@pytest.mark.parametrize("seed", range(6))
def test_empyrical_agrees_where_conventions_are_equal(seed):
    rng = np.random.default_rng(seed)
    r = rng.standard_t(4, 700) * 0.01 + 0.0004
    daily = 1.03 ** (1.0 / 252) - 1.0
    assert returns.total_return(r) == pytest.approx(empyrical.cum_returns_final(r), abs=1e-12)
    assert returns.cagr(r, 252) == pytest.approx(empyrical.cagr(r), abs=1e-12)
    assert returns.ann_vol(r, 252) == pytest.approx(empyrical.annual_volatility(r), abs=1e-12)
    assert returns.sharpe(r, 252, 0.03) == pytest.approx(empyrical.sharpe_ratio(r, daily), abs=1e-12)
    assert returns.sortino(r, 252, 0.03) == pytest.approx(empyrical.sortino_ratio(r, daily), abs=1e-12)
    assert returns.omega(r) == pytest.approx(empyrical.omega_ratio(r), abs=1e-12)
    assert returns.tail_ratio(r) == pytest.approx(empyrical.tail_ratio(r), abs=1e-12)
    assert returns.value_at_risk(r) == pytest.approx(empyrical.value_at_risk(r), abs=1e-12)
    assert drawdown.max_drawdown(r) == pytest.approx(empyrical.max_drawdown(r), abs=1e-12)
    assert drawdown.calmar(r, 252) == pytest.approx(empyrical.calmar_ratio(r), abs=1e-12)


def test_empyrical_differs_in_its_expected_shortfall_and_a_constant_series():
    r = np.random.default_rng(3).normal(size=250)
    lowest = np.sort(r)[:13]  # empyrical averages int((n - 1) * 0.05) + 1 values; all r <= VaR are the same 13 here
    assert returns.expected_shortfall(r) == pytest.approx(lowest.mean(), abs=1e-12)
    flat = np.full(100, 0.001)
    assert not math.isnan(empyrical.sharpe_ratio(flat))  # inf, or a huge number: rounding residue
    assert math.isnan(returns.sharpe(flat, 252))


@pytest.mark.parametrize("seed", range(4))
def test_scipy_agrees_on_the_moments(seed):
    r = np.random.default_rng(seed).gamma(2.0, 0.01, 400)
    assert returns.skewness(r) == pytest.approx(stats.skew(r), abs=1e-12)
    assert returns.kurtosis_raw(r) == pytest.approx(stats.kurtosis(r, fisher=False), abs=1e-12)
    assert returns.skewness_sample(r) == pytest.approx(stats.skew(r, bias=False), abs=1e-12)
    assert returns.excess_kurtosis_sample(r) == pytest.approx(stats.kurtosis(r, bias=False), abs=1e-11)
    wanted = r.mean() + r.std(ddof=1) * stats.norm.ppf(0.05)
    assert returns.gaussian_value_at_risk(r) == pytest.approx(wanted, abs=1e-14)


def test_expected_shortfall_takes_every_tie_of_the_quantile():
    r = np.array([-0.02, -0.02, -0.02, *np.full(37, 0.01)])
    assert returns.value_at_risk(r) == -0.02
    assert returns.expected_shortfall(r) == -0.02


def test_zero_days_count_in_the_hit_rate_and_not_in_the_other():
    r = np.array([0.01, 0.0, -0.01, 0.02])
    assert returns.hit_rate(r) == 0.5
    assert returns.win_rate_nonzero(r) == pytest.approx(2 / 3)


def test_gains_over_losses_by_hand():
    r = np.array([0.03, -0.01, 0.01, -0.01])
    assert returns.profit_factor_periods(r) == pytest.approx(2.0, abs=1e-15)
    assert returns.omega(r, 0.01) == pytest.approx(0.02 / 0.04, abs=1e-15)
    assert (returns.best_period(r), returns.worst_period(r)) == (0.03, -0.01)


@pytest.mark.parametrize("value", [0.001, 0.1, -0.003, 1e-9])
def test_a_series_without_range_has_no_volatility_and_no_sharpe(value):
    flat = np.full(997, value)  # std of such a series is 1e-19, not 0
    assert returns.ann_vol(flat, 252) == 0.0
    assert math.isnan(returns.sharpe(flat, 252))
    assert math.isnan(returns.skewness(flat))
    assert math.isnan(returns.kurtosis_raw(flat))


def test_ratios_without_a_denominator_are_infinite_or_undefined():
    up = np.array([0.01, 0.02, 0.03])
    assert returns.sortino(up, 252) == math.inf
    assert returns.omega(up) == math.inf
    assert returns.profit_factor_periods(up) == math.inf
    still = np.zeros(5)
    for measure in (returns.omega, returns.profit_factor_periods, returns.tail_ratio, returns.win_rate_nonzero):
        assert math.isnan(measure(still))
    assert math.isnan(returns.sortino(still, 252))
    assert returns.hit_rate(still) == 0.0


def test_few_periods():
    one, two, three = np.array([0.01]), np.array([0.01, 0.02]), np.array([0.01, 0.02, 0.05])
    assert math.isnan(returns.ann_vol(one, 252))
    assert math.isnan(returns.sharpe(one, 252))
    assert math.isnan(returns.gaussian_value_at_risk(one))
    assert math.isnan(returns.skewness_sample(two))
    assert math.isnan(returns.excess_kurtosis_sample(three))
    assert returns.value_at_risk(one) == 0.01


def test_a_total_loss_compounds_to_minus_one_and_beyond_it_there_is_no_growth_rate():
    assert returns.cagr(np.array([0.1, -1.0, 0.0]), 252) == -1.0
    assert math.isnan(returns.cagr(np.array([0.1, -1.5]), 252))
    assert math.isnan(returns.cagr_calendar(TWO, 0.0))


@pytest.mark.parametrize("periods", [0.0, -252.0, math.nan, math.inf])
def test_periods_per_year_is_never_guessed(periods):
    with pytest.raises(DataError, match="periods_per_year"):
        returns.sharpe(TWO, periods)
    with pytest.raises(DataError, match="periods_per_year"):
        returns.cagr(TWO, periods)


def test_a_rate_that_loses_everything_or_has_another_length_is_refused():
    with pytest.raises(DataError, match="loses more than everything"):
        returns.sharpe(TWO, 252, -1.0)
    with pytest.raises(DataError, match="the series beside them 2"):
        returns.sharpe(TWO, 252, np.zeros(3))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_return_that_is_no_number_is_an_error_with_its_row(bad):
    with pytest.raises(DataError, match="row 1"):
        returns.total_return(np.array([0.0, bad]))


def test_what_is_no_series_is_refused():
    with pytest.raises(DataError, match="2 dimensions"):
        returns.total_return(np.zeros((2, 2)))
    with pytest.raises(DataError, match="not numbers"):
        returns.total_return(["a", "b"])  # type: ignore[arg-type]


@given(moves, st.floats(0.1, 3.0))
def test_leverage_leaves_the_sharpe_ratio_alone(r, leverage):
    before, after = returns.sharpe(r, 252), returns.sharpe(leverage * r, 252)
    assert math.isnan(before) == math.isnan(after)
    if not math.isnan(before):
        assert after == pytest.approx(before, rel=1e-6, abs=1e-9)


@given(moves, st.floats(0.0, 0.05))
def test_cost_never_helps(r, cost):
    worse = r - cost
    assert returns.total_return(worse) <= returns.total_return(r) + 1e-12
    assert returns.hit_rate(worse) <= returns.hit_rate(r)
    if returns.ann_vol(r, 252) > 1e-6:
        assert returns.sharpe(worse, 252) <= returns.sharpe(r, 252) + 1e-6
        assert not returns.sortino(worse, 252) > returns.sortino(r, 252) + 1e-9
    assert drawdown.max_drawdown(worse) <= drawdown.max_drawdown(r) + 1e-12


@given(moves, st.floats(0.1, 2.0))
def test_risk_scales_with_the_returns(r, scale):
    assert returns.ann_vol(scale * r, 252) == pytest.approx(scale * returns.ann_vol(r, 252), rel=1e-9, abs=1e-12)
    assert returns.value_at_risk(scale * r) == pytest.approx(scale * returns.value_at_risk(r), rel=1e-9, abs=1e-12)
    assert returns.expected_shortfall(scale * r) <= scale * returns.value_at_risk(r) + 1e-12


@given(moves)
def test_order_matters_to_no_measure_of_the_distribution(r):
    back = r[::-1]
    for measure in (returns.hit_rate, returns.value_at_risk, returns.tail_ratio, returns.best_period):
        assert measure(r) == measure(back) or (math.isnan(measure(r)) and math.isnan(measure(back)))
    assert returns.total_return(back) == pytest.approx(returns.total_return(r), abs=1e-9)


def test_growth_of_a_few_minutes_is_infinite_a_year_and_no_error() -> None:
    minutes = np.full(5, 0.01)
    assert returns.cagr(minutes, 525_600) == math.inf
    assert returns.cagr(minutes, 252) < math.inf
