"""What every indicator keeps to: it looks back only, sees a symbol's own bars only, and gives the same bits either way."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.contracts.test_strategies import MARKETS, market
from tests.lookahead import CUTS, arrays_of, find_leak
from trading_system import indicators as own
from trading_system.data.bars import Bars
from trading_system.errors import UsageError
from trading_system.indicators import _kernels

INDICATORS: dict[str, Callable[[Bars], Any]] = {
    "sma": lambda b: own.sma(b.adjusted.close, 20),
    "rolling_mean": lambda b: own.rolling_mean(b.adjusted.volume, 3),
    "ema": lambda b: own.ema(b.adjusted.close, 20),
    "wilder_atr": lambda b: own.wilder_atr(b.adjusted.high, b.adjusted.low, b.adjusted.close),
    "rsi": lambda b: own.rsi(b.adjusted.close),
    "roc": lambda b: own.roc(b.adjusted.close, 60),
    "rolling_high": lambda b: own.rolling_high(b.adjusted.high, 20),
    "rolling_low": lambda b: own.rolling_low(b.adjusted.low, 55, prior=True),
    "rolling_std": lambda b: own.rolling_std(b.adjusted.close, 20),
    "zscore": lambda b: own.zscore(b.adjusted.close, 20),
    "bollinger": lambda b: own.bollinger(b.adjusted.close),
    "donchian": lambda b: own.donchian(b.adjusted.high, b.adjusted.low),
    "macd": lambda b: own.macd(b.adjusted.close),
    "rolling_correlation": lambda b: own.rolling_correlation(b.adjusted.close, b.adjusted.volume, 20),
    "ols_hedge_ratio": lambda b: own.ols_hedge_ratio(np.log(b.adjusted.close), np.log(b.adjusted.open), 60),
    "swing_highs": lambda b: own.swing_highs(b.adjusted.high, 3),
    "swing_lows": lambda b: own.swing_lows(b.adjusted.low),
    "adv": lambda b: own.adv(b.volume, b.close),
    "realised_volatility": lambda b: own.realised_volatility(b.adjusted.close, 20, b.periods_per_year),
}
all_indicators = pytest.mark.parametrize("name", INDICATORS)


def test_every_public_indicator_is_listed_here() -> None:
    public = {name for name in own.__all__ if not isinstance(getattr(own, name), type)}
    assert public == set(INDICATORS)


@pytest.mark.parametrize("kind", MARKETS)
@all_indicators
def test_indicators_do_not_look_ahead(name: str, kind: str) -> None:
    assert find_leak(INDICATORS[name], market(kind), CUTS) is None


@all_indicators
def test_a_column_is_the_same_bits_alone_and_among_many(name: str) -> None:
    """Wide panels are walked by rows, narrow ones by columns, panels with holes in blocks: one answer."""
    bars = market("late, gone and absent names")
    whole = dict(arrays_of(INDICATORS[name](bars)))
    for column in range(bars.n_symbols):
        for key, alone in arrays_of(INDICATORS[name](bars.select(np.array([column])))):
            np.testing.assert_array_equal(alone[:, 0], whole[key][:, column])


def test_blocks_of_a_wide_market_with_holes_in_one_of_them() -> None:
    x = np.random.default_rng(2).normal(100.0, 1.0, (60, 150))
    x[5:9, 70] = np.nan
    wide = own.zscore(x, 10)
    for column in (0, 63, 64, 70, 127, 128, 149):
        np.testing.assert_array_equal(own.zscore(x[:, column], 10), wide[:, column])


@all_indicators
def test_a_row_without_any_bar_changes_nothing_but_its_own_row(name: str) -> None:
    """Windows count existing bars: with empty rows put in, the values move to where the bars are."""
    bars = market("whole").head(150)
    rows = np.flatnonzero(np.arange(200) % 4 != 1)

    def spaced(panel: np.ndarray) -> np.ndarray:
        out = np.full((200, panel.shape[1]), np.nan)
        out[rows] = panel
        return out

    prices = {key: spaced(getattr(bars, key)) for key in ("open", "high", "low", "close", "volume")}
    dense, sparse = dict(arrays_of(INDICATORS[name](bars))), dict(arrays_of(INDICATORS[name](Bars.daily(**prices))))
    for key, values in sparse.items():
        expected = spaced(dense[key]) * (1.0 if name != "realised_volatility" else math.sqrt(260.0 / 252.0))
        np.testing.assert_allclose(values, expected, rtol=1e-14 if name == "realised_volatility" else 0.0)


@all_indicators
def test_inputs_may_be_frozen_in_fortran_order_or_of_another_type_and_stay_as_they_are(name: str) -> None:
    bars = market("holes, splits and dividends")
    before = bars.close.copy()
    expected = dict(arrays_of(INDICATORS[name](bars)))
    awkward = {key: np.asfortranarray(getattr(bars, key)) for key in ("open", "high", "low", "close", "volume")}
    for panel in awkward.values():
        panel.flags.writeable = False
    other = Bars(**{**{f: getattr(bars, f) for f in bars.__dataclass_fields__}, **awkward})
    for key, values in arrays_of(INDICATORS[name](other)):
        np.testing.assert_array_equal(values, expected[key])
    np.testing.assert_array_equal(bars.close, before)


def test_each_kernel_is_compiled_for_one_signature() -> None:
    bars = market("holes, splits and dividends")
    for compute in INDICATORS.values():
        compute(bars)
        compute(bars.select(np.array([1])))
    own.sma(np.arange(30), 3)
    for name, kernel in vars(_kernels).items():
        if hasattr(kernel, "signatures") and name != "window_moments":
            assert len(kernel.signatures) <= 1, name


@pytest.mark.parametrize("wrong", [0, -3, 2.5, True])
def test_a_window_must_be_a_whole_number_of_bars(wrong: Any) -> None:
    with pytest.raises(UsageError, match="a whole number of bars"):
        own.sma(np.ones(5), wrong)


def test_inputs_of_different_shapes_or_too_many_dimensions_are_refused() -> None:
    with pytest.raises(UsageError, match="different shapes"):
        own.rolling_correlation(np.ones((5, 1)), np.ones((5, 2)), 2)
    with pytest.raises(UsageError, match="3 dimensions"):
        own.sma(np.ones((2, 2, 2)), 1)


def test_a_series_gives_a_series_and_out_is_filled() -> None:
    x = np.arange(10.0)
    out = np.empty(10)
    np.testing.assert_array_equal(own.sma(x, 2, out=out), out)
    np.testing.assert_array_equal(out, np.r_[np.nan, x[1:] - 0.5])


def block_close(close: np.ndarray, shifted: bool) -> np.ndarray:
    """Last close of the completed (or of the present) block of five bars."""
    blocks = np.arange(close.size) // 5
    last = np.array([close[blocks == b][-1] for b in range(blocks[-1] + 1)])
    return np.array([(last[b - 1] if b else np.nan) if shifted else last[b] for b in blocks])


CASES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sma5": lambda c: own.sma(c, 5),
    "ema10_seeded": lambda c: own.ema(c, 10, min_bars=1),
    "expanding_z": lambda c: np.array(
        [(c[t] - c[: t + 1].mean()) / c[: t + 1].std(ddof=1) if t else np.nan for t in range(c.size)]
    ),
    "block5_close_shifted": lambda c: block_close(c, True),
    "block5_close_unshifted": lambda c: block_close(c, False),
    "centred_sma5": lambda c: np.r_[np.nan, np.nan, own.sma(c, 5)[4:], np.nan, np.nan],
    "full_sample_z": lambda c: (c - c.mean()) / c.std(ddof=1),
    "full_sample_minmax": lambda c: (c - c.min()) / (c.max() - c.min()),
    "next_return": lambda c: np.r_[c[1:] / c[:-1] - 1.0, np.nan],
    "quantile_threshold_full": lambda c: (c > np.quantile(c, 0.8)).astype(float),
}


def golden(name: str, shared_data: Path) -> dict[str, Any]:
    path = shared_data.parent / "golden" / f"{name}.json"
    if not path.is_file():
        pytest.skip(f"the golden case {name} is not here")
    case: dict[str, Any] = json.loads(path.read_text())
    return case


@pytest.mark.parametrize("indicator", CASES)
def test_golden_look_ahead(indicator: str, shared_data: Path) -> None:
    case = golden("lookahead__sp500_60", shared_data)
    close, expected = np.array(case["inputs"]["close"]), case["expected"][indicator]
    bars = Bars.daily(close)

    def compute(b: Bars) -> np.ndarray:
        return CASES[indicator](b.close[:, 0].copy())

    for n, first, last in zip(
        case["inputs"]["prefix_lengths"],
        expected["first_mismatch_index_per_prefix"],
        expected["prefix_last_vs_full"],
        strict=True,
    ):
        whole, part = compute(bars), compute(bars.head(n))
        differs = np.flatnonzero(~np.isclose(part, whole[:n], rtol=1e-9, atol=0.0, equal_nan=True))
        assert (int(differs[0]) if differs.size else None) == first
        ends = [part[-1], whole[n - 1]]
        np.testing.assert_allclose(ends, [float(v) for v in last], atol=case["tolerance"]["abs"])
    assert (find_leak(compute, bars, case["inputs"]["prefix_lengths"]) is not None) == expected["lookahead"]


def test_golden_recursive_ema(shared_data: Path) -> None:
    case = golden("recursive__sp500_ema50", shared_data)
    close, span = np.array(case["inputs"]["close"]), case["inputs"]["ema_span"]
    whole = own.ema(close, span)[-1]
    assert whole == pytest.approx(case["expected"]["full_value"], abs=1e-9)
    for bars, expected in zip(case["inputs"]["startup_bars"], case["expected"]["relative_difference"], strict=True):
        for start in (close[-bars:], close[-bars - 1 :]):
            difference = abs(own.ema(start, span, min_bars=1)[-1] / whole - 1.0)
            if difference == pytest.approx(expected, abs=case["tolerance"]["abs"]):
                break
        else:
            pytest.fail(f"{bars} start-up bars: {difference}, not {expected}")
