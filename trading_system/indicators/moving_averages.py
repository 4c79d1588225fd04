"""Averages of a series over its last bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading_system.indicators import _kernels
from trading_system.indicators.own_bars import compute, window

if TYPE_CHECKING:
    from trading_system.types import FloatArray


def sma(x: FloatArray, n: int, *, out: FloatArray | None = None) -> FloatArray:
    """Simple moving average of each symbol's last n own bars, the present one included.

    Shape of `x`: (n_bars, n_symbols) or (n_bars,); unit of `x`. NaN until a symbol has n bars and where it has none.
    A series of one value gives exactly that value.
    """
    n = window("n", n)
    return compute(lambda a, b: _kernels.mean(a, n, b), (x,), out=out, counts_holes=True)[0]


rolling_mean = sma


def ema(x: FloatArray, n: int, *, min_bars: int | None = None, out: FloatArray | None = None) -> FloatArray:
    """Exponential moving average of span n: ``e += 2 / (n + 1) * (x - e)``, seeded with the symbol's first value.

    Shape and unit of `x`. NaN until `min_bars` bars exist (default n) and where the symbol has no bar. The seed's weight
    falls as (1 - 2/(n+1))^t: after 7 n bars it is below 1e-6.
    """
    n = window("n", n)
    least = n if min_bars is None else window("min_bars", min_bars)
    return compute(lambda a, b: _kernels.exponential(a, 2.0 / (n + 1.0), least, b), (x,), out=out)[0]
