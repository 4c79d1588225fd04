"""Turning points, each known only when the bars after it have confirmed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading_system.indicators.own_bars import compute, window

if TYPE_CHECKING:
    from trading_system.types import FloatArray


def swing_highs(high: FloatArray, k: int = 5, *, out: FloatArray | None = None) -> FloatArray:
    """Price of the swing high that row t confirms, NaN where it confirms none; shape and unit of `high`.

    A swing high is a high above those of the k own bars before it and not below those of the k after it: it is known, and
    written, k bars after it happened. Of equal highs next to each other the first one counts.
    """
    from trading_system.indicators import _kernels_swings as kernels

    k = window("k", k)
    return compute(lambda a, b: kernels.swings(a, k, 1.0, b), (high,), out=out)[0]


def swing_lows(low: FloatArray, k: int = 5, *, out: FloatArray | None = None) -> FloatArray:
    """Price of the swing low that row t confirms, NaN where it confirms none; the mirror image of `swing_highs`."""
    from trading_system.indicators import _kernels_swings as kernels

    k = window("k", k)
    return compute(lambda a, b: kernels.swings(a, k, -1.0, b), (low,), out=out)[0]
