"""Laws of the indicators, on markets that hypothesis invents."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from trading_system import indicators as own

Panel = np.ndarray
prices = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 60), st.integers(1, 10)),
    elements=st.one_of(st.floats(0.01, 1e5), st.just(np.nan), st.sampled_from([1.0, 100.0])),
)
windows = st.integers(1, 12)


def compiled() -> bool:
    """Whether kernels run as machine code; with NUMBA_DISABLE_JIT they are interpreted, and markets kept small."""
    import numba

    return not numba.config.DISABLE_JIT


laws = settings() if compiled() else settings(max_examples=15)


def known(*panels: Panel) -> np.ndarray:
    return ~np.isnan(sum(panels))


@laws
@given(prices, windows)
def test_values_stand_only_on_bars_and_only_after_n_of_them(x: Panel, n: int) -> None:
    enough = np.cumsum(~np.isnan(x), axis=0) >= n
    for values in (own.sma(x, n), own.ema(x, n), own.rolling_high(x, n), own.wilder_atr(x, x, x, n)):
        np.testing.assert_array_equal(~np.isnan(values), enough & ~np.isnan(x))


@laws
@given(st.floats(0.01, 1e6), st.integers(1, 40), st.integers(1, 12), windows)
def test_a_constant_is_its_own_average_to_the_bit(value: float, n_bars: int, n_symbols: int, n: int) -> None:
    x = np.full((n_bars, n_symbols), value)
    for average in (own.sma(x, n), own.ema(x, n), own.rolling_high(x, n), own.rolling_low(x, n)):
        assert (average[n - 1 :] == value).all()
    assert (own.rolling_std(x, n + 1)[n:] == 0.0).all()
    assert np.isnan(own.zscore(x, n + 1)).all()
    assert np.isnan(own.rolling_correlation(x, x, n + 1)).all()
    assert (own.rsi(x, n)[n:] == 50.0).all()
    assert (own.roc(x, n)[n:] == 0.0).all()


@laws
@given(prices, windows)
def test_an_average_lies_between_low_and_high(x: Panel, n: int) -> None:
    low, mean, high = own.rolling_low(x, n), own.sma(x, n), own.rolling_high(x, n)
    here = known(low, mean, high)
    slack = 1e-9 * np.nanmax(np.abs(x), initial=1.0)
    assert (low[here] <= mean[here] + slack).all()
    assert (mean[here] <= high[here] + slack).all()
    assert (own.ema(x, n)[here] <= np.nanmax(x, initial=0.0) + slack).all()


@laws
@given(prices, windows, st.sampled_from([0.25, 2.0, 1024.0]))
def test_a_price_in_other_units_scales_what_has_a_unit_and_leaves_what_has_none(x: Panel, n: int, unit: float) -> None:
    """Powers of two change no digit, so the law holds to the bit."""
    for scaled in (own.sma, own.ema, own.rolling_high, own.rolling_low):
        np.testing.assert_array_equal(scaled(x * unit, n), scaled(x, n) * unit)
    np.testing.assert_array_equal(own.rolling_std(x * unit, n + 1), own.rolling_std(x, n + 1) * unit)
    np.testing.assert_array_equal(own.wilder_atr(x * unit, x * unit, x * unit, n), own.wilder_atr(x, x, x, n) * unit)
    for free in (own.roc, own.rsi):
        np.testing.assert_array_equal(free(x * unit, n), free(x, n))
    np.testing.assert_array_equal(own.zscore(x * unit, n + 1), own.zscore(x, n + 1))


@laws
@given(prices, windows)
def test_rsi_stays_between_0_and_100_and_mirrors(x: Panel, n: int) -> None:
    up, down = own.rsi(x, n), own.rsi(-x, n)
    here = ~np.isnan(up)
    assert ((up[here] >= 0.0) & (up[here] <= 100.0)).all()
    np.testing.assert_allclose(up[here] + down[here], 100.0, atol=1e-9)


@laws
@given(prices, st.integers(2, 12))
def test_correlation_lies_in_its_bounds_and_with_itself_is_one(x: Panel, n: int) -> None:
    itself = own.rolling_correlation(x, x, n)
    here = ~np.isnan(itself)
    np.testing.assert_allclose(itself[here], 1.0, atol=1e-9)
    other = own.rolling_correlation(x, np.sqrt(x) + np.sin(x), n)
    assert (np.abs(other[~np.isnan(other)]) <= 1.0).all()


@laws
@given(prices, st.integers(2, 12), st.floats(-5.0, 5.0), st.floats(-100.0, 100.0))
def test_a_straight_line_gives_back_slope_and_intercept(x: Panel, n: int, slope: float, level: float) -> None:
    found = own.ols_hedge_ratio(slope * x + level, x, n)
    spread = own.rolling_std(x, n)
    here = ~np.isnan(found.slope) & (spread > 1e-3 * np.nanmax(np.abs(x), initial=1.0))
    np.testing.assert_allclose(found.slope[here], slope, atol=1e-6)


@laws
@given(prices, windows)
def test_prior_extremes_are_those_of_the_bar_before(x: Panel, n: int) -> None:
    x = np.nan_to_num(x, nan=1.0)
    for extreme in (own.rolling_high, own.rolling_low):
        np.testing.assert_array_equal(extreme(x, n, prior=True)[1:], extreme(x, n)[:-1])
        assert np.isnan(extreme(x, n, prior=True)[0]).all()


@laws
@given(prices, st.integers(2, 12))
def test_bands_and_channels_are_in_order(x: Panel, n: int) -> None:
    for low, middle, high in (own.bollinger(x, n), own.donchian(x, x, n)):
        here = known(low, middle, high)
        assert (low[here] <= middle[here]).all()
        assert (middle[here] <= high[here]).all()
    for spread in (own.rolling_std(x, n), own.realised_volatility(x, n, 252.0), own.wilder_atr(x, x, x, n)):
        assert (spread[~np.isnan(spread)] >= 0.0).all()


def test_an_outlier_that_has_left_the_window_leaves_no_trace() -> None:
    rng = np.random.default_rng(5)
    calm = 100.0 + rng.normal(0.0, 0.01, (300, 9))
    spiked = calm.copy()
    spiked[100] = 1e7
    for indicator in (own.rolling_std, own.zscore):
        np.testing.assert_allclose(indicator(spiked, 20)[125:], indicator(calm, 20)[125:], rtol=1e-7, atol=1e-9)
    y = calm * 2.0 + rng.normal(0.0, 0.01, calm.shape)
    ours, clean = own.rolling_correlation(spiked, y, 20), own.rolling_correlation(calm, y, 20)
    np.testing.assert_allclose(ours[125:], clean[125:], atol=1e-7)


def test_long_series_do_not_drift() -> None:
    """Two hundred thousand sums later the average is still the average of the window."""
    rng = np.random.default_rng(6)
    n_bars = 200_000 if compiled() else 2_000
    x = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, n_bars)))
    for n in (20, 750):
        direct = [x[t - n + 1 : t + 1].mean() for t in range(n_bars - 50, n_bars)]
        np.testing.assert_allclose(own.sma(x, n)[-50:], direct, rtol=1e-13)
        spread = [x[t - n + 1 : t + 1].std(ddof=1) for t in range(n_bars - 50, n_bars)]
        np.testing.assert_allclose(own.rolling_std(x, n)[-50:], spread, rtol=1e-9)


@pytest.mark.parametrize(
    ("indicator", "expected"),
    [
        # Wilder's smoothing by hand: ranges 2, 3, 4, then (3 * 2 + 8) / 3, with the gap to the last close counted
        (
            lambda: own.wilder_atr(np.array([11.0, 13, 15, 20]), np.array([9.0, 10, 11, 18]), np.array([10.0, 11, 12, 19]), 3),
            14 / 3,
        ),
        # changes +1 +1 -1 then +3: up (2/3 * 2 + 3) / 3, down (1/3 * 2) / 3
        (lambda: own.rsi(np.array([1.0, 2, 3, 2, 5]), 3), 100 - 100 / (1 + (13 / 9) / (2 / 9))),
        (lambda: own.ema(np.array([2.0, 4.0, 8.0]), 3), 5.5),
        (lambda: own.roc(np.array([4.0, 5.0, 6.0]), 2), 0.5),
        (lambda: own.adv(np.array([10.0, 20.0]), np.array([1.0, 2.0]), 2), 25.0),
        (lambda: own.rolling_std(np.array([1.0, 2.0, 3.0, 4.0]), 4), np.sqrt(5 / 3)),
        (lambda: own.zscore(np.array([1.0, 2.0, 3.0, 4.0]), 4, ddof=0), 1.5 / np.sqrt(1.25)),
        (lambda: own.realised_volatility(np.array([100.0, 110.0, 99.0]), 2, 2.0), np.sqrt(0.02) * np.sqrt(2)),
    ],
)
def test_worked_by_hand(indicator: object, expected: float) -> None:
    assert indicator()[-1] == pytest.approx(expected, rel=1e-12)  # type: ignore[operator]
