"""The yardstick of trend rules: a crossover of two simple moving averages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from trading_system.strategies.base import Batch, Changes, Strategy, Weights, register

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trading_system.data.bars import Bars

MOST_VALUES = 1 << 23  # of all averages of a batch together: 64 MB


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

    @classmethod
    def batch(cls, columns: Mapping[str, Sequence[Any]]) -> Batch | None:
        """Every average once, however many pairs it belongs to."""
        import numpy as np

        fast, slow = (np.asarray(columns[name], dtype=np.int64) for name in ("fast", "slow"))
        return Crossovers(fast, slow) if (fast < slow).all() else None

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


class Crossovers(Batch):
    """Many pairs of averages of one series.

    Parameters
    ----------
    fast, slow : int64, shape (n_pairs,)
        Bars in each average.
    """

    def __init__(self, fast: Any, slow: Any) -> None:
        import numpy as np

        self.windows, places = np.unique(np.concatenate((fast, slow)), return_inverse=True)
        self.warmups = slow
        self._fast, self._slow = places[: fast.size].astype(np.int64), places[fast.size :].astype(np.int64)

    def on(self, bars: Bars) -> Callable[[int, int], Changes] | None:
        """The rows at which each pair crosses, 1 and 0 in turn; None for a series with holes, or too long to keep its averages."""
        import numpy as np

        close = bars.adjusted.close
        return self.of_closes(close) if bars.n_symbols == 1 and not np.isnan(close).any() else None

    def of_closes(self, close: Any) -> Callable[[int, int], Changes] | None:
        """Every average once; None where they would take too much memory."""
        import numpy as np

        from trading_system.indicators.own_bars import floats
        from trading_system.strategies import _kernels_batch as kernels

        series, n_bars = floats(close), close.shape[0]
        if self.windows.size * n_bars > MOST_VALUES:
            return None
        averages = np.empty((self.windows.size, n_bars))
        room = np.empty(kernels.GROUP, np.int64), np.empty((3, kernels.GROUP))
        kernels.averages_of(series.reshape(-1), self.windows, *room, averages)
        averages.flags.writeable = False

        def changes(first: int, stop: int) -> Changes:
            above = np.zeros(-(-n_bars // 8) * 8, np.bool_)
            starts, most = np.zeros(stop - first + 1, np.int64), (stop - first) * (n_bars // 16 + 8)
            while True:
                rows, weights = np.empty(most, np.int64), np.empty(most)
                pairs = self._fast[first:stop], self._slow[first:stop]
                found = kernels.crossing_rows(averages, *pairs, above, above.view(np.int64), starts, rows, weights)
                if found <= most:
                    return Changes(starts, rows, weights)
                most = found

        return changes
