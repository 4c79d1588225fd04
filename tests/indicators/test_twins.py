"""Every indicator equals its twin, which is written another way; and keeps its laws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests import naive_indicators as naive
from trading_system import indicators as own

Panel = np.ndarray


def market(n_bars: int, n_symbols: int, seed: int, holes: float) -> dict[str, Panel]:
    """Prices that walk, some that stand still, one that spikes; with holes, late listings and early ends."""
    rng = np.random.default_rng(seed)
    close = np.exp(np.cumsum(rng.normal(0.0, 0.02, (n_bars, n_symbols)), axis=0) + rng.uniform(0.0, 6.0, n_symbols))
    close[n_bars // 3 : n_bars // 2, 0] = close[n_bars // 3, 0]
    close[n_bars // 4, -1] *= 30.0
    high, low = close * (1.0 + rng.uniform(0.0, 0.03, close.shape)), close * (1.0 - rng.uniform(0.0, 0.03, close.shape))
    volume = np.floor(rng.lognormal(10.0, 1.0, close.shape))
    gone = rng.random(close.shape) < holes
    if holes:
        gone[: n_bars // 5, 1 % n_symbols] = True
        gone[-n_bars // 5 :, 2 % n_symbols] = True
        if n_symbols > 3:
            gone[:, 3] = True
    panels = {"close": close, "high": high, "low": low, "volume": volume}
    return {name: np.where(gone, np.nan, panel) for name, panel in panels.items()}


PAIRS: dict[str, tuple[Callable[[dict[str, Panel]], object], Callable[[dict[str, Panel]], object]]] = {
    "sma": (lambda m: own.sma(m["close"], 20), lambda m: naive.sma(m["close"], 20)),
    "sma of one bar": (lambda m: own.rolling_mean(m["close"], 1), lambda m: naive.sma(m["close"], 1)),
    "ema": (lambda m: own.ema(m["close"], 12), lambda m: naive.ema(m["close"], 12)),
    "wilder_atr": (
        lambda m: own.wilder_atr(m["high"], m["low"], m["close"], 14),
        lambda m: naive.wilder_atr(m["high"], m["low"], m["close"], 14),
    ),
    "rsi": (lambda m: own.rsi(m["close"], 14), lambda m: naive.rsi(m["close"], 14)),
    "roc": (lambda m: own.roc(m["close"], 30), lambda m: naive.roc(m["close"], 30)),
    "rolling_high": (lambda m: own.rolling_high(m["high"], 20), lambda m: naive.rolling_high(m["high"], 20)),
    "prior rolling_high": (
        lambda m: own.rolling_high(m["close"], 7, prior=True),
        lambda m: naive.rolling_high(m["close"], 7, prior=True),
    ),
    "rolling_high of one bar": (
        lambda m: own.rolling_high(m["close"], 1, prior=True),
        lambda m: naive.rolling_high(m["close"], 1, prior=True),
    ),
    "rolling_low": (lambda m: own.rolling_low(m["low"], 11), lambda m: naive.rolling_low(m["low"], 11)),
    "swing_highs": (lambda m: own.swing_highs(m["high"], 3), lambda m: naive.swings(m["high"], 3, 1)),
    "swing_lows": (lambda m: own.swing_lows(m["low"], 1), lambda m: naive.swings(m["low"], 1, -1)),
    "swing_highs among equals": (
        lambda m: own.swing_highs(np.round(m["close"], -1), 2),
        lambda m: naive.swings(np.round(m["close"], -1), 2, 1),
    ),
    "rolling_std": (lambda m: own.rolling_std(m["close"], 20), lambda m: naive.rolling_std(m["close"], 20)),
    "population rolling_std": (
        lambda m: own.rolling_std(m["close"], 9, ddof=0),
        lambda m: naive.rolling_std(m["close"], 9, 0),
    ),
    "zscore": (lambda m: own.zscore(m["close"], 20), lambda m: naive.zscore(m["close"], 20)),
    "bollinger": (lambda m: own.bollinger(m["close"], 20, 2.0), lambda m: naive.bollinger(m["close"], 20, 2.0)),
    "donchian": (lambda m: own.donchian(m["high"], m["low"], 10), lambda m: naive.donchian(m["high"], m["low"], 10)),
    "macd": (lambda m: own.macd(m["close"], 12, 26, 9), lambda m: naive.macd(m["close"], 12, 26, 9)),
    "rolling_correlation": (
        lambda m: own.rolling_correlation(m["close"], m["volume"], 15),
        lambda m: naive.rolling_correlation(m["close"], m["volume"], 15),
    ),
    "ols_hedge_ratio": (
        lambda m: own.ols_hedge_ratio(np.log(m["high"]), np.log(m["close"]), 40),
        lambda m: naive.ols_hedge_ratio(np.log(m["high"]), np.log(m["close"]), 40),
    ),
    "adv": (lambda m: own.adv(m["volume"], m["close"], 20), lambda m: naive.adv(m["volume"], m["close"], 20)),
    "realised_volatility": (
        lambda m: own.realised_volatility(m["close"], 20, 252.0),
        lambda m: naive.realised_volatility(m["close"], 20, 252.0),
    ),
}


def as_panels(value: object) -> list[Panel]:
    return [value] if isinstance(value, np.ndarray) else list(value)  # type: ignore[call-overload]


def assert_equal(ours: object, twin: object) -> None:
    """Equal to 1e-9 of the value, or of the largest value of the symbol where it is tiny by cancellation."""
    for mine, theirs in zip(as_panels(ours), as_panels(twin), strict=True):
        scale = np.nanmax(np.abs(theirs), initial=1e-300)
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-10 * scale)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize(("n_symbols", "holes"), [(1, 0.0), (5, 0.0), (5, 0.07), (9, 0.0), (9, 0.07)])
def test_indicator_equals_its_twin(name: str, n_symbols: int, holes: float) -> None:
    prices = market(180, n_symbols, seed=n_symbols, holes=holes)
    ours, twin = PAIRS[name]
    assert_equal(ours(prices), twin(prices))


WIDE = {
    "sma": lambda m: own.sma(m["close"], 20),
    "wilder_atr": lambda m: own.wilder_atr(m["high"], m["low"], m["close"], 5),
    "roc": lambda m: own.roc(m["close"], 30),
    "rolling_high": lambda m: own.rolling_high(m["close"], 7),
    "prior rolling_high": lambda m: own.rolling_high(m["close"], 7, prior=True),
    "rolling_low of one bar": lambda m: own.rolling_low(m["close"], 1, prior=True),
}


@pytest.mark.parametrize("name", WIDE)
@pytest.mark.parametrize("n_bars", [25, 1_100])
def test_one_hole_anywhere_in_a_wide_panel_is_found(name: str, n_bars: int) -> None:
    """Wide kernels look for holes on the way; narrow panels are looked through beforehand: each column alone is the answer."""
    whole = market(n_bars, 9, seed=3, holes=0.0)
    for row in {0, 1, 6, n_bars // 2, n_bars - 31, n_bars - 2, n_bars - 1} & set(range(n_bars)):
        for field in ("close", "high", "low") if name == "wilder_atr" else ("close",):
            prices = {**whole, field: whole[field].copy()}
            prices[field][row, 4] = np.nan
            alone = [WIDE[name]({key: panel[:, [j]] for key, panel in prices.items()}) for j in range(9)]
            np.testing.assert_array_equal(WIDE[name](prices), np.hstack(alone))
