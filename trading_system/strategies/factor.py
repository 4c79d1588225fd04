"""What has risen, stands near its high and moves little: the best fifth, chosen once a month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from trading_system.strategies.base import Strategy, Weights, register

if TYPE_CHECKING:
    from trading_system.data.bars import Bars
    from trading_system.types import BoolArray, FloatArray, IntArray

SAME = 1e12  # scores are compared as whole multiples of its inverse, so that rounding decides no tie


@register("factor")
class Factor(Strategy):
    """Equal weight of the best `share` of the universe by momentum, nearness to the high and calm, chosen once a month.

    On the first session of each month of the benchmark's calendar, at its close, every tradable symbol is ranked by three
    factors of its own bars: the rate of change over `momentum` bars without the last `skip`; the close over the highest high
    of `high` bars; the inverse of the deviation of the last `volatility` daily returns. Ranks lie in (0, 1], equal values
    share the mean rank, and their weighted mean is the score. A symbol that lacks one of the three, or that has not moved at
    all, is not ranked. The best are held at equal weight, at least one of them, ties going to the symbol that sorts first;
    what has left them is closed.
    """

    momentum: int = Field(252, ge=2, le=5_000, description="bars of the rate of change")
    skip: int = Field(21, ge=0, le=4_999, description="latest bars that it leaves out; fewer than `momentum`")
    high: int = Field(252, ge=1, le=5_000, description="bars of the high that the close is measured against")
    volatility: int = Field(60, ge=2, le=5_000, description="returns whose deviation is the volatility (ddof 1)")
    momentum_weight: float = Field(0.4, ge=0.0, le=1_000.0, description="weight of the rank by momentum")
    high_weight: float = Field(0.3, ge=0.0, le=1_000.0, description="weight of the rank by nearness to the high")
    volatility_weight: float = Field(0.3, ge=0.0, le=1_000.0, description="weight of the rank by low volatility")
    share: float = Field(0.2, gt=0.0, le=1.0, description="fraction of the ranked symbols that is held")

    @model_validator(mode="after")
    def _sound(self) -> Factor:
        if self.skip >= self.momentum:
            raise ValueError(f"skip ({self.skip}) must be below momentum ({self.momentum})")
        if not self.momentum_weight + self.high_weight + self.volatility_weight > 0.0:
            raise ValueError("one of momentum_weight, high_weight and volatility_weight must be above 0")
        return self

    @property
    def warmup(self) -> int:
        """Bars of the longest factor."""
        return max(self.momentum + 1, self.high, self.volatility + 1)

    def decide(self, bars: Bars) -> Weights:
        """1 / number held for the best, 0 for what left them, on each month's first session; NaN elsewhere."""
        import numpy as np

        target = np.full(bars.close.shape, np.nan)
        rows = month_starts(bars)
        exists = ~np.isnan(bars.adjusted.close)
        held = np.zeros(bars.n_symbols, np.bool_)
        if not rows.size:
            return Weights(target)
        best = self._best(self._factors(bars, rows), bars.tradable[rows])
        for row, until, chosen in zip(rows.tolist(), [*rows[1:].tolist(), bars.n_bars], best, strict=True):
            leaving = held & ~chosen
            target[row, chosen] = 1.0 / max(int(chosen.sum()), 1)
            target[row, leaving & exists[row]] = 0.0
            _close_later(target, leaving & ~exists[row], exists, row + 1, until)
            held = chosen
        return Weights(target)

    def _factors(self, bars: Bars, rows: IntArray) -> FloatArray:
        """Momentum, nearness to the high and calm at `rows`, shape (3, n_rows, n_symbols); more is better."""
        import numpy as np

        from trading_system.indicators.own_bars import blocks, floats

        found = np.full((3, rows.size, bars.n_symbols), np.nan)
        for block in blocks(floats(bars.adjusted.close), floats(bars.adjusted.high)):
            values, width = self._series(*block.panels), block.panels[0].shape[1]
            columns = slice(block.first, block.first + width)
            if block.exists is None:
                found[:, :, columns] = values[:, rows]
                continue
            own = np.cumsum(block.exists, axis=0)[rows] - 1  # which of its bars each symbol has on a row
            there = np.take_along_axis(values, np.maximum(own, 0)[None], axis=1)
            found[:, :, columns] = np.where(block.exists[rows], there, np.nan)
        return found

    def _series(self, close: FloatArray, high: FloatArray) -> FloatArray:
        """The three factors of bars without holes, shape (3, n_bars, n_symbols)."""
        import numpy as np

        from trading_system.indicators import _kernels

        out = np.empty((3, *close.shape))
        rise, near, calm = out
        n_bars, skip = len(close), min(self.skip, len(close))
        rise[:skip] = np.nan
        _kernels.change(close[: n_bars - skip], self.momentum - self.skip, rise[skip:])
        _kernels.extreme(high, self.high, 0, 1.0, near)
        np.divide(close, near, out=near)
        returns = np.empty_like(close)
        _kernels.change(close, 1, returns)
        returns.flags.writeable = False
        calm[:1] = np.nan
        _kernels.moments(returns[1:], self.volatility, 1, 1, calm[1:], calm[1:])
        calm[calm <= 0.0] = np.nan
        np.divide(1.0, calm, out=calm)
        return out

    def _best(self, factors: FloatArray, tradable: BoolArray) -> BoolArray:
        """Which symbols are among the best of each row, shape (n_rows, n_symbols)."""
        import numpy as np

        values = np.where(tradable & ~np.isnan(factors).any(axis=0), factors, np.nan)
        weights = np.array([self.momentum_weight, self.high_weight, self.volatility_weight])
        score = np.zeros(tradable.shape)
        for weight, value in zip(weights / weights.sum(), values, strict=True):
            score += weight * ranks(value)
        ranked = ~np.isnan(score)
        n_ranked = ranked.sum(axis=1, keepdims=True)
        n_best = np.minimum(np.maximum(np.floor(self.share * n_ranked + 1e-9), 1), n_ranked)
        order = np.argsort(np.where(ranked, -np.floor(score * SAME + 0.5), np.inf), axis=1, kind="stable")
        place = np.empty_like(order)
        np.put_along_axis(place, order, np.arange(order.shape[1])[None], axis=1)
        return np.asarray(place < n_best)


def _close_later(target: FloatArray, leaving: BoolArray, exists: BoolArray, start: int, stop: int) -> None:
    """0 on the first bar in rows `start` .. `stop` - 1 of each of `leaving`, which had none when it should have been sold."""
    import numpy as np

    for column in np.flatnonzero(leaving).tolist():
        rows = np.flatnonzero(exists[start:stop, column])
        target[start + rows[:1], column] = 0.0


def ranks(values: FloatArray) -> FloatArray:
    """Ranks in (0, 1] along each row of `values`, shape (n_rows, n_symbols): the highest is 1, equal values share the mean.

    NaN has no rank and does not count.
    """
    import numpy as np

    order = np.argsort(values, axis=1, kind="stable")
    rising = np.take_along_axis(values, order, axis=1)
    place = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    new = np.ones(values.shape, np.bool_)
    new[:, 1:] = rising[:, 1:] != rising[:, :-1]
    last = np.ones(values.shape, np.bool_)
    last[:, :-1] = new[:, 1:]
    low = np.maximum.accumulate(np.where(new, place, 0), axis=1)
    high = np.minimum.accumulate(np.where(last, place, values.shape[1])[:, ::-1], axis=1)[:, ::-1]
    count = np.maximum((~np.isnan(values)).sum(axis=1, keepdims=True), 1)
    rank = np.empty(values.shape)
    np.put_along_axis(rank, order, (low + high + 2) / (2.0 * count), axis=1)
    return np.where(np.isnan(values), np.nan, rank)


def month_starts(bars: Bars) -> IntArray:
    """Rows that close the first session of a month on the benchmark's calendar; not of the month in which the data begins."""
    import numpy as np

    rows = np.flatnonzero(bars.day_end)
    month = bars.dates()[rows].astype("datetime64[M]").astype(np.int64)
    return np.asarray(rows[1:][month[1:] != month[:-1]], np.int64)
