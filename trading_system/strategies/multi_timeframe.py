"""Breakouts on the bars that are traded, in the direction of the weeks above them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from trading_system.strategies.base import Signals, Strategy, register

if TYPE_CHECKING:
    from trading_system.data.bars import Bars

BARS = {"session": 1, "week": 5, "month": 21}  # daily bars of a share in each of them, for the warm-up without data


@register("multi_timeframe")
class MultiTimeframe(Strategy):
    """Long a close above the highest of the last completed weeks while the weekly trend is up, out below the weekly average.

    Entry: the last completed week closed above the average of `trend_ma` completed weekly closes, and the close is above the
    highest high of the `breakout` weeks completed before the present one. Exit: a close below that average. The stop is
    `stop_atr` average true ranges of the bars that are traded. A week is complete at the last close that its calendar has in
    it, Thursday's where Friday is a holiday, and counts from that close on. Candidates are ranked by `breakout`, (close -
    high) / ATR, and `momentum`, the week's close over its average less 1. Bars may be daily or shorter.
    """

    components = ("breakout", "momentum")

    timeframe: Literal["session", "week", "month"] = Field("week", description="the longer bars that the trend is read from")
    trend_ma: int = Field(20, ge=1, le=1_000, description="completed weeks (or `timeframe`) in the average")
    breakout: int = Field(8, ge=1, le=1_000, description="completed weeks whose highest high the close must beat")
    atr: int = Field(14, ge=1, le=5_000, description="traded bars in the average true range")
    stop_atr: float = Field(3.0, gt=0.0, le=100.0, description="stop distance in average true ranges")

    @property
    def warmup(self) -> int:
        """Daily bars of the longest window; `warmup_on` counts those of the data."""
        return max(BARS[self.timeframe] * max(self.trend_ma, self.breakout + 1), self.atr)

    def warmup_on(self, bars: Bars) -> int:
        """Bars until enough weeks are complete on every calendar."""
        from trading_system.data.resampling import rows_until

        trend, tops = rows_until(bars, self.timeframe, self.trend_ma), rows_until(bars, self.timeframe, self.breakout)
        return max(trend, tops + 1, self.atr)

    def decide(self, bars: Bars) -> Signals:
        """Entries, exits, stop distances and the components `breakout` and `momentum`."""
        import numpy as np

        from trading_system.data.resampling import completed_bars
        from trading_system.indicators import rolling_high, sma, wilder_atr

        prices, higher = bars.adjusted, completed_bars(bars, self.timeframe)
        average = sma(higher.prices.close, self.trend_ma)
        above = higher.prices.close / average - 1.0
        floor, trend = higher.known(average), higher.known(above)
        top = higher.known_before(rolling_high(higher.prices.high, self.breakout))
        atr = wilder_atr(prices.high, prices.low, prices.close, self.atr)
        leave = prices.close < floor
        entry = (trend > 0.0) & (prices.close > top) & ~leave & ~np.isnan(atr)
        components = np.stack([(prices.close - top) / atr, np.where(np.isnan(atr), np.nan, trend)])
        return Signals(
            entry.astype(np.int8),
            leave,
            stop_distance=self.stop_atr * atr,
            components=components,
            component_names=self.components,
        )
