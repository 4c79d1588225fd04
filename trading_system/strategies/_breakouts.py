"""What the momentum rules share: a breakout in a trend, worked out on each symbol's own bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trading_system.strategies._own_bars import decide_by_blocks
from trading_system.strategies.base import Signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from trading_system.data.bars import Bars
    from trading_system.data.shared import Shared
    from trading_system.indicators.own_bars import Block
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
        from trading_system.data.shared import shared
        from trading_system.indicators.own_bars import floats

        kept = shared(bars)
        if kept is not None:
            return _Parts(self, bars, kept).signals()
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


class _Parts:
    """A breakout rule on a market that many parameters are tried on: what does not depend on a parameter is worked out once.

    The same numbers as `_Kernels` to the bit, in four parts: entries with exits, stops, components, tightened stops.
    """

    def __init__(self, rule: Breakout, bars: Bars, kept: Shared) -> None:
        self._rule, self._bars, self._kept = rule, bars, kept

    def signals(self) -> Signals:
        rule, get = self._rule, self._kept.get
        flags = (rule.trend_ma, rule.trend_lookback, rule.trend_rise, rule.exit_ma)
        tops = (rule.fast_breakout, rule.fast_margin, rule.slow_breakout, rule.slow_margin)
        entry, leave = get(("breakout flags", *flags, *tops), self._flags)
        return Signals(
            entry,
            leave,
            stop_distance=get(("stop", rule.atr, rule.stop_atr), lambda: rule.stop_atr * self._range()),
            stop_tighten=get(("tighten", rule.tighten_ma, rule.tighten_atr, rule.atr), self._tightened)
            if rule.tighten_ma
            else None,
            components=get(("components", rule.trend_ma, rule.atr, rule.momentum), self._components),
            component_names=("breakout", "momentum"),
        )

    def _blocks(self) -> list[Block]:
        """Every symbol's own bars, closed up."""
        from trading_system.indicators.own_bars import blocks, floats

        prices = self._bars.adjusted

        def made() -> list[Block]:
            found = blocks(floats(prices.close), floats(prices.high), floats(prices.low))
            return [block._replace(panels=tuple(floats(panel.copy()) for panel in block.panels)) for block in found]

        return self._kept.get("blocks", made)

    def _mean(self, n: int) -> list[FloatArray]:
        from trading_system.indicators import _kernels as series

        return self._series(("mean", n), lambda block, out: series.mean(block.panels[0], n, out))

    def _top(self, n: int) -> list[FloatArray]:
        from trading_system.indicators import _kernels as series

        return self._series(("top", n), lambda block, out: series.extreme(block.panels[0], n, 1, 1.0, out))

    def _atr(self) -> list[FloatArray]:
        from trading_system.indicators import _kernels as series

        def work(block: Block, out: FloatArray) -> None:
            close, high, low = block.panels
            series.average_true_range(high, low, close, self._rule.atr, out)

        return self._series(("range", self._rule.atr), work)

    def _series(self, key: tuple[str, int], work: Callable[[Block, FloatArray], object]) -> list[FloatArray]:
        """One indicator of every block."""
        import numpy as np

        from trading_system.indicators.own_bars import floats

        def made() -> list[FloatArray]:
            found = []
            for block in self._blocks():
                out = np.empty(block.panels[0].shape)
                work(block, out)
                found.append(floats(out))
            return found

        return self._kept.get(key, made)

    def _spread(self, parts: list[FloatArray], shift: FloatArray | None = None) -> FloatArray:
        """The values of every block, back on the rows of the bars; less `shift` where rows and own bars are not the same."""
        import numpy as np

        from trading_system.indicators import _kernels as series
        from trading_system.indicators.own_bars import floats

        out = np.empty(self._bars.close.shape)
        for block, part in zip(self._blocks(), parts, strict=True):
            columns = slice(block.first, block.first + part.shape[1])
            if block.exists is None:
                out[:, columns] = part
            else:
                series.scatter(floats(part), block.exists, block.first, out)
                if shift is not None:
                    out[:, columns] -= shift[:, None]
        return out

    def _range(self) -> FloatArray:
        return self._kept.get(("range panel", self._rule.atr), lambda: self._spread(self._atr()))

    def _flags(self) -> tuple[Int8Array, BoolArray]:
        import numpy as np

        from trading_system.strategies import _kernels

        rule, shape = self._rule, self._bars.close.shape
        entry, leave = np.empty(shape, np.int8), np.empty(shape, np.bool_)
        levels, none = np.array([rule.trend_rise, rule.fast_margin, rule.slow_margin]), np.zeros(shape[0])
        inputs = zip(
            self._blocks(),
            self._mean(rule.trend_ma),
            self._top(rule.fast_breakout),
            self._top(rule.slow_breakout),
            self._mean(rule.exit_ma),
            strict=True,
        )
        for block, trend, fast, slow, floor in inputs:
            small = trend.shape
            own = np.empty(small, np.int8), np.empty(small, np.bool_)
            _kernels.breakout_flags(block.panels[0], trend, fast, slow, floor, levels, rule.trend_lookback, *own)
            if block.exists is None:
                columns = slice(block.first, block.first + small[1])
                entry[:, columns], leave[:, columns] = own
            else:
                values = np.empty((0, *small)), np.empty((0, *shape))
                _kernels.spread_out(block.exists, block.first, none, -1, *own, values[0], entry, leave, values[1])
        return entry, leave

    def _components(self) -> FloatArray:
        import numpy as np

        rule, blocks = self._rule, self._blocks()
        benchmark = benchmark_momentum(self._bars, rule.momentum)
        none = np.zeros_like(benchmark)
        strength = [
            (block.panels[0] - trend) / atr
            for block, trend, atr in zip(blocks, self._mean(rule.trend_ma), self._atr(), strict=True)
        ]
        changes = [
            _less_benchmark(block.panels[0], rule.momentum, benchmark if block.exists is None else none) for block in blocks
        ]
        return np.stack([self._spread(strength), self._spread(changes, benchmark)])

    def _tightened(self) -> FloatArray:
        import numpy as np

        from trading_system.strategies import _kernels

        rule, parts = self._rule, []
        for block, floor, atr in zip(self._blocks(), self._mean(rule.tighten_ma), self._atr(), strict=True):
            parts.append(np.empty(floor.shape))
            _kernels.tightened(block.panels[0], floor, atr, 0, rule.tighten_atr, parts[-1])
        return self._spread(parts)


def _less_benchmark(close: FloatArray, n: int, benchmark: FloatArray) -> FloatArray:
    """Rate of change over n rows less `benchmark`, shape as `close`; NaN on the first n rows."""
    import numpy as np

    out = np.full(close.shape, np.nan)
    out[n:] = close[n:] / close[:-n] - 1.0 - benchmark[n:, None]
    return out


def benchmark_momentum(bars: Bars, n: int) -> FloatArray:
    """Rate of change of the benchmark over n of its own bars, as of its last bar, shape (n_bars,); NaN before there is one."""
    import numpy as np

    from trading_system.indicators import roc

    change = roc(bars.benchmark_close, n)
    last = np.maximum.accumulate(np.where(np.isnan(change), -1, np.arange(change.size)))
    return np.where(last >= 0, change[np.maximum(last, 0)], np.nan)
