"""Enter with the trend of longer bars only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from trading_system.strategies.filters.base import Filter, allow, lines, register

if TYPE_CHECKING:
    from trading_system.data.bars import Bars
    from trading_system.strategies.base import Signals

BARS = {"session": 1, "week": 5, "month": 21}  # daily bars of a share in each of them, for the warm-up without data


@register("trend")
class Trend(Filter):
    """Longs only while the last completed week closed above the average of `ma` completed weeks, shorts only while below.

    Weeks (or sessions, months) are complete when the symbol's own calendar says so; until `ma` of them are, nothing is
    entered.
    """

    timeframe: Literal["session", "week", "month"] = Field("week", description="the longer bars that the trend is read from")
    ma: int = Field(20, ge=1, le=1_000, description="completed weeks (or `timeframe`) in the average")

    @property
    def warmup(self) -> int:
        """Daily bars of the average; `warmup_on` counts those of the data."""
        return BARS[self.timeframe] * self.ma

    def warmup_on(self, bars: Bars) -> int:
        """Bars until enough weeks are complete on every calendar."""
        from trading_system.data.resampling import rows_until

        return rows_until(bars, self.timeframe, self.ma)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Without the entries against the trend."""
        from trading_system.data.resampling import completed_bars
        from trading_system.indicators import sma

        higher = completed_bars(bars, self.timeframe)
        above = lines(signals, higher.known(higher.prices.close - sma(higher.prices.close, self.ma)))
        return allow(signals, above * signals.entry > 0.0)
