"""Breakouts of coins above their long average, with two lines of retreat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from trading_system.strategies._breakouts import COMPONENTS, Breakout
from trading_system.strategies.base import Signals, Strategy, register

if TYPE_CHECKING:
    from trading_system.data.bars import Bars


@register("crypto_momentum")
class CryptoMomentum(Strategy):
    """Long a new closing high above the long average; a wide stop, tightened at the first weakness; out at the second.

    Entry: close > MA, and the close is at least 1 + `fast_margin` times the highest close of the `fast_breakout` bars before,
    or 1 + `slow_margin` times that of `slow_breakout` bars. On the bar at which the close falls below the `tighten_ma`
    average, the stop moves to `tighten_atr` average true ranges below that close. Exit: close below the `exit_ma` average.
    Candidates are ranked by `breakout`, (close - MA) / ATR, and `momentum`, the rate of change less the benchmark's (as of
    the benchmark's last bar).
    """

    components = COMPONENTS

    trend_ma: int = Field(200, ge=2, le=5_000, description="bars in the trend average")
    fast_breakout: int = Field(
        20, ge=1, le=5_000, description="bars before this one whose highest close the fast breakout beats"
    )
    fast_margin: float = Field(0.005, ge=0.0, le=10.0, description="by how much, as a fraction")
    slow_breakout: int = Field(
        55, ge=1, le=5_000, description="bars before this one whose highest close the slow breakout beats"
    )
    slow_margin: float = Field(0.010, ge=0.0, le=10.0, description="by how much, as a fraction")
    tighten_ma: int = Field(20, ge=1, le=5_000, description="bars in the average whose loss tightens the stop")
    tighten_atr: float = Field(
        2.0, gt=0.0, le=100.0, description="distance of the tightened stop below that close, in average true ranges"
    )
    exit_ma: int = Field(50, ge=1, le=5_000, description="bars in the average below which a close is an exit")
    atr: int = Field(14, ge=1, le=5_000, description="bars in the average true range")
    stop_atr: float = Field(3.0, gt=0.0, le=100.0, description="stop distance in average true ranges")
    momentum: int = Field(60, ge=1, le=5_000, description="bars of the rate of change that candidates are ranked by")

    @property
    def warmup(self) -> int:
        """Bars that the longest of the windows needs."""
        return self._rule().warmup

    def decide(self, bars: Bars) -> Signals:
        """Entries, exits, stop distances, tightened stops and the two components."""
        return self._rule().decide(bars)

    def _rule(self) -> Breakout:
        return Breakout(trend_lookback=0, trend_rise=0.0, **self.model_dump())
