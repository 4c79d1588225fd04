"""Buy what has fallen far below its mean, for a few bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from trading_system.strategies._own_bars import decide_by_blocks
from trading_system.strategies.base import Signals, Strategy, register

if TYPE_CHECKING:
    from trading_system.data.bars import Bars
    from trading_system.types import BoolArray, FloatArray, Int8Array


@register("mean_reversion")
class MeanReversion(Strategy):
    """Long when the close's z-score is below `enter`, out above `leave`, after `max_hold` bars, or at the stop.

    With `short`, also the mirror image: short above -`enter`, out below -`leave`. Candidates are ranked by `stretch`, how
    many deviations the close is from its mean.
    """

    components = ("stretch",)

    lookback: int = Field(20, ge=3, le=5_000, description="bars in the mean and the deviation (ddof 1)")
    enter: float = Field(-2.0, lt=0.0, ge=-100.0, description="z-score below which a long is opened")
    leave: float = Field(-0.5, le=100.0, ge=-100.0, description="z-score above which it is closed; above `enter`")
    max_hold: int = Field(
        10, ge=0, le=100_000, description="bars after which it is closed, the fill's bar counting as 1; 0: no limit"
    )
    atr: int = Field(14, ge=1, le=5_000, description="bars in the average true range")
    stop_atr: float = Field(3.0, gt=0.0, le=100.0, description="stop distance in average true ranges")
    short: bool = Field(False, description="trade the mirror image too")

    @model_validator(mode="after")
    def _ordered(self) -> MeanReversion:
        if self.leave <= self.enter:
            raise ValueError(f"leave ({self.leave:g}) must be above enter ({self.enter:g})")
        return self

    @property
    def warmup(self) -> int:
        """Bars of the longer window."""
        return max(self.lookback, self.atr)

    def decide(self, bars: Bars) -> Signals:
        """Entries, exits, stop distances and the component `stretch`."""
        import numpy as np

        entry, leave, values = decide_by_blocks(bars, 2, self._decide_block)
        hold = np.full(bars.n_symbols, self.max_hold, np.int64)
        return Signals(
            entry, leave, stop_distance=values[0], components=values[1:], component_names=self.components, max_hold=hold
        )

    def _decide_block(
        self,
        prices: tuple[FloatArray, ...],
        whole: bool,
        first: int,
        entry: Int8Array,
        leave: BoolArray,
        values: FloatArray,
    ) -> None:
        import numpy as np

        from trading_system.indicators import _kernels as series
        from trading_system.indicators.own_bars import floats
        from trading_system.strategies import _kernels

        close, high, low = prices
        score, atr = np.empty(close.shape), np.empty(close.shape)
        series.moments(close, self.lookback, 1, 2, score, score)
        series.average_true_range(high, low, close, self.atr, atr)
        levels = floats(np.array([self.enter, self.leave, self.stop_atr]))
        _kernels.reversions(floats(score), floats(atr), first, levels, int(self.short), entry, leave, values[0], values[1:])
