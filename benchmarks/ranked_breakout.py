"""The portfolio rule that the side-by-side measurements use, written as a user would write it.

Long above the highest high of the 20 bars before, out below the 20-bar average, stop 2.5 ATR14, ranked by 60-bar return.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from trading_system.data.bars import Bars
from trading_system.indicators import roc, rolling_high, sma, wilder_atr
from trading_system.strategies.base import Signals, Strategy


class RankedBreakout(Strategy):
    """Ranked breakouts with an ATR stop."""

    breakout: int = Field(20, ge=2, description="bars before today whose highest high must be passed")
    average: int = Field(20, ge=2, description="bars in the exit average")
    atr: int = Field(14, ge=1, description="bars in the true range average")
    stop_atr: float = Field(2.5, gt=0.0, description="stop distance in ATR")
    momentum: int = Field(60, ge=1, description="bars in the return that ranks")

    @property
    def warmup(self) -> int:
        return self.momentum + 1

    def decide(self, bars: Bars) -> Signals:
        price = bars.adjusted
        top = rolling_high(price.high, self.breakout, prior=True)
        entry = price.close > top
        stop = wilder_atr(price.high, price.low, price.close, self.atr)
        stop *= self.stop_atr
        components = np.empty((1, *price.close.shape))
        roc(price.close, self.momentum, out=components[0])
        entry &= np.isfinite(components[0])
        return Signals(
            entry=entry.view(np.int8),
            exit=price.close < sma(price.close, self.average),
            stop_distance=stop,
            components=components,
            component_names=("momentum",),
        )
