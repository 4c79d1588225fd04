"""How much a series moves: ranges, deviations, bands and channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trading_system.indicators import _kernels
from trading_system.indicators.momentum import rolling_high, rolling_low
from trading_system.indicators.own_bars import compute, window

if TYPE_CHECKING:
    from trading_system.types import FloatArray


class Bands(NamedTuple):
    """Lower, middle and upper line, each shaped as the input and in its unit."""

    lower: FloatArray
    middle: FloatArray
    upper: FloatArray


def wilder_atr(
    high: FloatArray, low: FloatArray, close: FloatArray, n: int = 14, *, out: FloatArray | None = None
) -> FloatArray:
    """Wilder's average true range, in the unit of the prices; NaN until n bars exist.

    The true range is max(high, last close) - min(low, last close), high - low on a symbol's first bar; the average starts
    as the mean of the first n and goes on as ``a += (tr - a) / n``. The last close is that of the symbol's last own bar.

    References
    ----------
    .. [1] Wilder (1978), "New Concepts in Technical Trading Systems", ch. III.
    """
    n = window("n", n)
    return compute(
        lambda h, lo, c, b: _kernels.average_true_range(h, lo, c, n, b), (high, low, close), out=out, counts_holes=True
    )[0]


def rolling_std(x: FloatArray, n: int, *, ddof: int = 1, out: FloatArray | None = None) -> FloatArray:
    """Standard deviation of the symbol's last n own bars, unit of `x`; exactly 0 when they are equal. NaN until n exist."""
    n = window("n", n, ddof + 1)
    return compute(lambda a, b: _kernels.moments(a, n, ddof, 1, b, b), (x,), out=out)[0]


def zscore(x: FloatArray, n: int, *, ddof: int = 1, out: FloatArray | None = None) -> FloatArray:
    """``(x - mean) / deviation`` over the symbol's last n own bars; NaN until n exist and where they are all equal."""
    n = window("n", n, ddof + 1)
    return compute(lambda a, b: _kernels.moments(a, n, ddof, 2, b, b), (x,), out=out)[0]


def bollinger(x: FloatArray, n: int = 20, width: float = 2.0, *, ddof: int = 0) -> Bands:
    """Bollinger's bands: the mean of n bars and `width` deviations (population, ddof 0, as he defines it) around it."""
    n = window("n", n, ddof + 1)
    middle, spread = compute(lambda a, b, c: _kernels.moments(a, n, ddof, 0, b, c), (x,), n_outputs=2)
    spread *= width
    return Bands(middle - spread, middle, middle + spread)


def donchian(high: FloatArray, low: FloatArray, n: int = 20, *, prior: bool = False) -> Bands:
    """Donchian's channel: lowest low, middle and highest high of n bars; with `prior` of the n before the present one."""
    upper, lower = rolling_high(high, n, prior=prior), rolling_low(low, n, prior=prior)
    return Bands(lower, (upper + lower) / 2.0, upper)


def realised_volatility(close: FloatArray, n: int, periods_per_year: float) -> FloatArray:
    """Yearly volatility, a fraction: deviation (ddof 1) of the last n simple close-to-close returns × sqrt(periods).

    Returns run from own bar to own bar; NaN until n returns (n + 1 bars) exist.
    """
    n = window("n", n, 2)

    def kernel(prices: FloatArray, out: FloatArray) -> None:
        returns = np.empty_like(out)
        _kernels.change(prices, 1, returns)
        out[:1] = np.nan
        returns.flags.writeable = False
        _kernels.moments(returns[1:], n, 1, 1, out[1:], out[1:])
        out *= np.sqrt(periods_per_year)

    return compute(kernel, (close,))[0]
