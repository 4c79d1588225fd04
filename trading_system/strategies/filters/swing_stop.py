"""Put the stop where the market has turned last."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from trading_system.strategies.filters._levels import line_atr, swing_distance
from trading_system.strategies.filters.base import Filter, register

if TYPE_CHECKING:
    from trading_system.data.bars import Bars
    from trading_system.strategies.base import Signals


@register("swing_stop")
class SwingStop(Filter):
    """The stop of a long lies `buffer` average true ranges below the last confirmed swing low under the close; shorts mirrored.

    The distance is measured from the close that decides, is at least `least` average true ranges, and holds from the fill as
    every stop distance does. `mode: replace` puts it in place of the rule's stop, `limit` uses it only where it is nearer.
    Where no swing low has been confirmed below the close within `lookback` bars, the rule's own stop stays.
    """

    mode: Literal["replace", "limit"] = Field("replace", description="in place of the rule's stop, or only where nearer")
    swing: int = Field(5, ge=1, le=250, description="bars on each side that make a swing point; known that many bars later")
    lookback: int = Field(60, ge=1, le=5_000, description="bars within which a swing point must have been confirmed")
    buffer: float = Field(0.25, ge=0.0, le=100.0, description="room behind the swing point, in average true ranges")
    least: float = Field(0.5, gt=0.0, le=100.0, description="shortest distance, in average true ranges; a small one buys much")
    atr: int = Field(14, ge=1, le=5_000, description="bars in the average true range")

    @property
    def warmup(self) -> int:
        """Bars of the longer window."""
        return max(self.lookback, self.atr)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """The same entries with other stop distances."""
        import numpy as np

        swing = swing_distance(signals, bars, self.swing, self.lookback, ahead=False, latest=True)
        atr = line_atr(signals, bars, self.atr)
        distance = np.maximum(np.where(np.isinf(swing), np.nan, swing) + self.buffer * atr, self.least * atr)
        own = np.full(distance.shape, np.nan) if signals.stop_distance is None else signals.stop_distance
        stop = np.fmin(own, distance) if self.mode == "limit" else np.where(np.isnan(distance), own, distance)
        return replace(signals, stop_distance=stop)
