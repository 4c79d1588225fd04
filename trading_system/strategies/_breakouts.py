"""What the momentum rules share: a breakout in a trend, worked out on each symbol's own bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trading_system.strategies._own_bars import decide_by_blocks
from trading_system.strategies.base import Signals

if TYPE_CHECKING:
    from trading_system.data.bars import Bars
    from trading_system.types import BoolArray, FloatArray, Int8Array

COMPONENTS = ("breakout", "momentum")
STOP, BREAKOUT, MOMENTUM, TIGHTEN = range(4)  # the values that a breakout rule writes, in this order


@dataclass(frozen=True)
class Breakout:
    """Parameters of a breakout rule: bars, fractions and multiples of the average true range."""

    trend_ma: int
    trend_lookback: int
    trend_rise: float
    fast_breakout: int
    fast_margin: float
    slow_breakout: int
    slow_margin: float
    exit_ma: int
    atr: int
    stop_atr: float
    momentum: int
    tighten_ma: int = 0
    tighten_atr: float = 0.0

    @property
    def warmup(self) -> int:
        """Bars that the first complete decision needs."""
        tops = max(self.fast_breakout, self.slow_breakout) + 1
        return max(self.trend_ma + self.trend_lookback, tops, self.exit_ma, self.atr, self.momentum + 1, self.tighten_ma)

    def decide(self, bars: Bars) -> Signals:
        """Entries, exits, stops and the components `breakout` and `momentum`."""
        from trading_system.indicators.own_bars import floats

        benchmark = floats(benchmark_momentum(bars, self.momentum))
        rule = _Kernels(self, benchmark)
        entry, leave, values = decide_by_blocks(bars, TIGHTEN + bool(self.tighten_ma), rule, benchmark, MOMENTUM)
        return Signals(
            entry,
            leave,
            stop_distance=values[STOP],
            stop_tighten=values[TIGHTEN] if self.tighten_ma else None,
            components=values[BREAKOUT : MOMENTUM + 1],
            component_names=COMPONENTS,
        )


class _Kernels:
    """A breakout rule over the closed-up bars of one block; its panels are used again for the next."""

    def __init__(self, rule: Breakout, benchmark: FloatArray) -> None:
        import numpy as np

        from trading_system.indicators.own_bars import floats

        self._rule = rule
        self._benchmark = {True: benchmark, False: floats(np.zeros_like(benchmark))}
        self._levels = floats(np.array([rule.trend_rise, rule.fast_margin, rule.slow_margin, rule.stop_atr]))
        self._spans = np.array([rule.trend_lookback, rule.momentum], np.int64)
        self._panels: list[FloatArray] = []

    def __call__(
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

        rule, (close, high, low) = self._rule, prices
        if not self._panels or self._panels[0].shape != close.shape:
            self._panels = [np.empty(close.shape) for _ in range(5)]
        trend, fast, slow, floor, atr = self._panels
        series.mean(close, rule.trend_ma, trend)
        series.extreme(close, rule.fast_breakout, 1, 1.0, fast)
        series.extreme(close, rule.slow_breakout, 1, 1.0, slow)
        series.mean(close, rule.exit_ma, floor)
        series.average_true_range(high, low, close, rule.atr, atr)
        # fmt: off
        _kernels.breakouts(
            close, floats(trend), floats(fast), floats(slow), floats(floor), floats(atr), first, self._benchmark[whole],
            self._levels, self._spans, entry, leave, values[STOP], values[BREAKOUT : MOMENTUM + 1],
        )
        # fmt: on
        if rule.tighten_ma:
            series.mean(close, rule.tighten_ma, floor)
            _kernels.tightened(close, floats(floor), floats(atr), first, rule.tighten_atr, values[TIGHTEN])


def benchmark_momentum(bars: Bars, n: int) -> FloatArray:
    """Rate of change of the benchmark over n of its own bars, as of its last bar, shape (n_bars,); NaN before there is one."""
    import numpy as np

    from trading_system.indicators import roc

    change = roc(bars.benchmark_close, n)
    last = np.maximum.accumulate(np.where(np.isnan(change), -1, np.arange(change.size)))
    return np.where(last >= 0, change[np.maximum(last, 0)], np.nan)
