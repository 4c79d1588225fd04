"""How far and how fast a series has moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from trading_system.indicators import _kernels
from trading_system.indicators.moving_averages import ema
from trading_system.indicators.own_bars import compute, window

if TYPE_CHECKING:
    from trading_system.types import FloatArray


class Macd(NamedTuple):
    """Line, signal and histogram, each shaped as the closes and in their unit."""

    line: FloatArray
    signal: FloatArray
    histogram: FloatArray


def roc(x: FloatArray, n: int, *, out: FloatArray | None = None) -> FloatArray:
    """Rate of change over n of the symbol's own bars, ``x[t] / x[t - n] - 1``, a fraction; NaN on its first n bars."""
    n = window("n", n)
    return compute(lambda a, b: _kernels.change(a, n, b), (x,), out=out, counts_holes=True)[0]


def rolling_high(x: FloatArray, n: int, *, prior: bool = False, out: FloatArray | None = None) -> FloatArray:
    """Highest of the symbol's last n own bars; with `prior` the n bars before the present one. Unit of `x`."""
    n, shift = window("n", n), int(prior)
    return compute(lambda a, b: _kernels.extreme(a, n, shift, 1.0, b), (x,), out=out, counts_holes=True)[0]


def rolling_low(x: FloatArray, n: int, *, prior: bool = False, out: FloatArray | None = None) -> FloatArray:
    """Lowest of the symbol's last n own bars; with `prior` the n bars before the present one. Unit of `x`."""
    n, shift = window("n", n), int(prior)
    return compute(lambda a, b: _kernels.extreme(a, n, shift, -1.0, b), (x,), out=out, counts_holes=True)[0]


def rsi(x: FloatArray, n: int = 14, *, out: FloatArray | None = None) -> FloatArray:
    """Wilder's relative strength index, 0 to 100; 50 when nothing moved. NaN until n changes exist (n + 1 bars).

    The averages of rises and falls start as the mean of the first n changes, then ``a += (change - a) / n``.

    References
    ----------
    .. [1] Wilder (1978), "New Concepts in Technical Trading Systems", ch. VI.
    """
    n = window("n", n)
    return compute(lambda a, b: _kernels.relative_strength(a, n, b), (x,), out=out)[0]


def macd(x: FloatArray, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
    """Appel's convergence-divergence: ``ema(fast) - ema(slow)``, its own `signal` average, and their difference.

    The line is NaN until `slow` bars exist; the signal is seeded with the line's first value and NaN until `signal` values
    of the line exist.
    """
    line = ema(x, slow)
    line = ema(x, fast) - line
    average = ema(line, signal)
    return Macd(line, average, line - average)
