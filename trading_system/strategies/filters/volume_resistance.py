"""Do not enter right below a price at which much has changed hands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from trading_system.errors import StrategyError
from trading_system.strategies.filters._levels import line_atr, sides
from trading_system.strategies.filters.base import Filter, allow, lines, register

if TYPE_CHECKING:
    from trading_system.data.bars import Bars
    from trading_system.strategies.base import Signals
    from trading_system.types import FloatArray


@register("volume_resistance")
class VolumeResistance(Filter):
    """No long with a heavily traded price less than `distance` average true ranges above the close; shorts mirrored.

    The range of the last `lookback` bars is cut into `bins` equal prices; each bar's volume falls into the one of its
    (high + low + close) / 3. A bin is heavy from `heavy` times the mean volume of a bin on, and its edge next to the close is
    what counts; the bin that the close lies in does not. With none ahead the entry stands; until there are `lookback` bars
    nothing is entered. A bar without a volume adds nothing.
    """

    lookback: int = Field(120, ge=2, le=5_000, description="bars in the volume profile, the present one included")
    bins: int = Field(24, ge=2, le=500, description="equal price bins between their lowest low and highest high")
    heavy: float = Field(2.0, gt=0.0, le=500.0, description="volume of a heavy bin, in mean volumes of a bin")
    distance: float = Field(1.0, ge=0.0, le=100.0, description="room that an entry needs, in average true ranges")
    atr: int = Field(14, ge=1, le=5_000, description="bars in the average true range")

    @property
    def warmup(self) -> int:
        """Bars of the longer window."""
        return max(self.lookback, self.atr)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Without the entries that have too little room."""
        import numpy as np

        from trading_system.indicators.own_bars import compute
        from trading_system.strategies import _kernels_filters as kernels

        if not bars.has_volume:
            raise StrategyError("the filter volume_resistance needs volume, and the data has none", remedy="take it out")
        prices = bars.adjusted
        close, high, low, volume = (lines(signals, panel) for panel in (prices.close, prices.high, prices.low, prices.volume))
        volume = np.where(np.isnan(close), np.nan, np.nan_to_num(volume))

        def rule(c: FloatArray, h: FloatArray, lo: FloatArray, v: FloatArray, side: FloatArray, out: FloatArray) -> None:
            kernels.node_distance(c, h, lo, v, side, self.lookback, self.bins, self.heavy, out)

        room = compute(rule, (close, high, low, volume, sides(signals, close)))[0]
        return allow(signals, room >= self.distance * line_atr(signals, bars, self.atr))
