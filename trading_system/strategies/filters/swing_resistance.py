"""Do not enter right below a price at which the market has turned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from trading_system.strategies.filters._levels import line_atr, swing_distance
from trading_system.strategies.filters.base import Filter, allow, register

if TYPE_CHECKING:
    from trading_system.data.bars import Bars
    from trading_system.strategies.base import Signals


@register("swing_resistance")
class SwingResistance(Filter):
    """No long with a confirmed swing high nearer than `distance` average true ranges above the close; shorts mirrored.

    A swing high is a high above the `swing` bars before it and not below the `swing` after it, and known only then. Those
    confirmed within the last `lookback` bars count, also when the price has been above them since. With none of them ahead the
    entry stands; until there are `lookback` bars nothing is entered.
    """

    swing: int = Field(5, ge=1, le=250, description="bars on each side that make a swing point; known that many bars later")
    lookback: int = Field(120, ge=1, le=5_000, description="bars within which a swing point must have been confirmed")
    distance: float = Field(1.0, ge=0.0, le=100.0, description="room that an entry needs, in average true ranges")
    atr: int = Field(14, ge=1, le=5_000, description="bars in the average true range")

    @property
    def warmup(self) -> int:
        """Bars of the longer window."""
        return max(self.lookback, self.atr)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Without the entries that have too little room."""
        room = swing_distance(signals, bars, self.swing, self.lookback, ahead=True, latest=False)
        return allow(signals, room >= self.distance * line_atr(signals, bars, self.atr))
