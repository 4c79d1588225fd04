"""The yardstick of trend rules: a crossover of two simple moving averages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from trading_system.strategies.base import Strategy, Weights, register

if TYPE_CHECKING:
    from trading_system.data.bars import Bars


@register("ma_crossover")
class MovingAverageCrossover(Strategy):
    """Long while the fast average is above the slow one, flat otherwise; equal weight of what is tradable."""

    fast: int = Field(20, ge=1, le=5_000, description="bars in the fast average")
    slow: int = Field(50, ge=2, le=5_000, description="bars in the slow average; more than `fast`")

    @model_validator(mode="after")
    def _ordered(self) -> MovingAverageCrossover:
        if self.fast >= self.slow:
            raise ValueError(f"fast ({self.fast}) must be below slow ({self.slow})")
        return self

    @property
    def warmup(self) -> int:
        """Bars in the slow average."""
        return self.slow

    def decide(self, bars: Bars) -> Weights:
        """1 / number of tradable symbols on the rows at which a symbol's averages cross, 0 where they cross back."""
        import numpy as np

        from trading_system.indicators import sma
        from trading_system.indicators.own_bars import floats
        from trading_system.strategies import _kernels

        close = bars.adjusted.close
        if bars.n_symbols == 1:
            kept = np.empty(close.shape)
            if _kernels.crossings(floats(close).reshape(-1), self.fast, self.slow, 1.0, kept.reshape(-1)) == 0:
                return Weights(kept)
        slow = sma(close, self.slow)
        fast = sma(close, self.fast)
        share = 1.0 / np.maximum(bars.n_tradable, 1)
        _kernels.crossover(floats(slow), floats(share), fast)
        return Weights.on_change(fast)
