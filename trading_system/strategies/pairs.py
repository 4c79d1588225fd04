"""Two symbols that move together: sell the dear one, buy the cheap one, both or neither."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field, model_validator

from trading_system.errors import StrategyError
from trading_system.strategies.base import Signals, Strategy, register

if TYPE_CHECKING:
    from trading_system.data.bars import Bars
    from trading_system.types import BoolArray, FloatArray, Int8Array, IntArray


def _as_tuples(value: object) -> object:
    """Lists, as files have them, to tuples."""
    if isinstance(value, list | tuple):
        return tuple(tuple(pair) if isinstance(pair, list) else pair for pair in value)
    return value


@register("pairs")
class Pairs(Strategy):
    """Trade the log-spread of two symbols back to its mean, both legs in one order.

    The hedge ratio at bar t is the slope of log y on log x (least squares with intercept) over the past `hedge_lookback` bars
    that both have, t included. The spread log y - ratio × log x is scored against its own mean and deviation over the past
    `score_lookback` bars, all with the ratio of bar t. Above `enter` the first symbol is sold and the second bought, below
    -`enter` the other way round, the second leg sized by the ratio; nothing is opened at a ratio of 0 or less. Out when the
    score is back within `leave` or on the other side, at `stop`, or after `max_hold` bars; after a stop, nothing until the score
    has been within `leave`. Size it with a method that needs no stop, such as fixed_fraction.
    """

    components = ("stretch",)

    pairs: Annotated[tuple[tuple[str, str], ...], BeforeValidator(_as_tuples)] = Field(
        min_length=1, description="the pairs, each as [first symbol, second symbol]"
    )
    hedge_lookback: int = Field(120, ge=3, le=5_000, description="bars of the regression that gives the hedge ratio")
    score_lookback: int = Field(60, ge=3, le=5_000, description="bars against which the spread is scored")
    enter: float = Field(2.0, gt=0.0, le=100.0, description="score at which a pair is opened")
    leave: float = Field(0.5, ge=0.0, le=100.0, description="score within which it is closed; below `enter`")
    stop: float = Field(4.0, gt=0.0, le=1_000.0, description="score at which it is given up; above `enter`")
    max_hold: int = Field(
        40, ge=0, le=100_000, description="bars after which it is closed, the fill's bar counting as 1; 0: no limit"
    )

    @model_validator(mode="after")
    def _sound(self) -> Pairs:
        if not self.leave < self.enter < self.stop:
            raise ValueError(
                f"leave ({self.leave:g}), enter ({self.enter:g}) and stop ({self.stop:g}) must rise in this order"
            )
        for first, second in self.pairs:
            if first == second:
                raise ValueError(f"the pair [{first}, {second}] has one symbol twice")
        if len(set(self.pairs)) < len(self.pairs):
            raise ValueError("a pair is listed twice")
        return self

    @classmethod
    def example(cls, symbols: Sequence[str]) -> Pairs:
        """Neighbours of `symbols` as pairs; needs two of them."""
        return cls(pairs=tuple(zip(symbols[::2], symbols[1::2], strict=False)))

    def required_symbols(self) -> tuple[str, ...]:
        """Every symbol of the pairs, once."""
        return tuple(dict.fromkeys(symbol for pair in self.pairs for symbol in pair))

    @property
    def warmup(self) -> int:
        """Bars of the longer window."""
        return max(self.hedge_lookback, self.score_lookback)

    def decide(self, bars: Bars) -> Signals:
        """Two lines per pair, in the order of `pairs`; component `stretch` is the distance of the score from 0."""
        import numpy as np

        missing = [symbol for symbol in self.required_symbols() if symbol not in bars.symbols]
        if missing:
            raise StrategyError(
                f"pairs: {', '.join(missing)} not in the strategy's universe",
                allowed=", ".join(bars.symbols[:20]) + (", ..." if bars.n_symbols > 20 else ""),
                remedy="add the symbols to the universe or take the pair out",
            )
        column = {symbol: number for number, symbol in enumerate(bars.symbols)}
        legs = np.array([[column[first], column[second]] for first, second in self.pairs], np.int64)
        shape = (bars.n_bars, legs.size)
        entry, leave = np.zeros(shape, np.int8), np.zeros(shape, np.bool_)
        scale, stretch = np.ones(shape), np.full((1, *shape), np.nan)
        scale[:, 1::2] = np.nan
        for number, (first, second) in enumerate(legs.tolist()):
            rows, ratio, score, side, out = self._trades(bars.adjusted.close[:, first], bars.adjusted.close[:, second])
            one, two = 2 * number, 2 * number + 1
            entry[rows, one], entry[rows, two] = side, -side
            leave[rows, one] = leave[rows, two] = out
            scale[rows, two] = np.where(ratio > 0.0, ratio, np.nan)
            stretch[0, rows, one] = stretch[0, rows, two] = np.abs(score)
        return Signals(
            entry,
            leave,
            symbol=legs.reshape(-1),
            scale=scale,
            components=stretch,
            component_names=self.components,
            max_hold=np.full(legs.size, self.max_hold, np.int64),
            group=np.repeat(np.arange(len(self.pairs), dtype=np.int64), 2),
        )

    def _trades(self, y: FloatArray, x: FloatArray) -> tuple[IntArray, FloatArray, FloatArray, Int8Array, BoolArray]:
        """Rows that both have, and there: hedge ratio, score, side (+1 is long y) and exit."""
        import numpy as np

        from trading_system.indicators import ols_hedge_ratio
        from trading_system.indicators.own_bars import floats
        from trading_system.strategies import _kernels

        rows: IntArray = np.flatnonzero(~np.isnan(y + x)).astype(np.int64)
        log_y, log_x = np.log(y[rows]), np.log(x[rows])
        ratio = ols_hedge_ratio(log_y, log_x, self.hedge_lookback).slope
        score, side, out = np.empty(rows.size), np.empty(rows.size, np.int8), np.empty(rows.size, np.bool_)
        levels = floats(np.array([self.enter, self.leave, self.stop]))
        _kernels.spread_trades(floats(log_y), floats(log_x), floats(ratio), self.score_lookback, levels, score, side, out)
        return rows, ratio, score, side, out
