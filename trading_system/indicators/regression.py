"""How two series move together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from trading_system.indicators import _kernels
from trading_system.indicators.own_bars import compute, window

if TYPE_CHECKING:
    from trading_system.types import FloatArray


class HedgeRatio(NamedTuple):
    """Slope and intercept of a rolling regression, each shaped as the inputs."""

    slope: FloatArray
    intercept: FloatArray


def rolling_correlation(x: FloatArray, y: FloatArray, n: int) -> FloatArray:
    """Pearson correlation of the last n bars that both series have, in [-1, 1]; NaN until n exist or when one is flat."""
    n = window("n", n, 2)
    return compute(lambda a, b, c: _kernels.comoments(a, b, n, 0, c, c), (x, y))[0]


def ols_hedge_ratio(y: FloatArray, x: FloatArray, n: int) -> HedgeRatio:
    """Ordinary least squares of `y` on `x` with intercept over the last n bars that both have, the present one included.

    The slope is in units of y per unit of x (of log prices: notional of x per notional of y). NaN until n bars exist or
    when x is flat.
    """
    n = window("n", n, 2)
    return HedgeRatio(*compute(lambda a, b, c, d: _kernels.comoments(a, b, n, 1, c, d), (x, y), n_outputs=2))
