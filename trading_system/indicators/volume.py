"""What a market trades."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading_system.indicators.moving_averages import sma

if TYPE_CHECKING:
    from trading_system.types import FloatArray


def adv(volume: FloatArray, close: FloatArray, n: int = 20) -> FloatArray:
    """Average traded value, quote currency: mean of volume × close over the last n bars that have both; raw prices."""
    return sma(volume * close, n)
