"""What the filters of levels share: distances on entry rows, and the yardstick that they are measured with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading_system.strategies.filters.base import lines

if TYPE_CHECKING:
    from trading_system.data.bars import Bars
    from trading_system.strategies.base import Signals
    from trading_system.types import FloatArray


def sides(signals: Signals, close: FloatArray) -> FloatArray:
    """Entries as numbers, NaN where the line has no bar, so that they close up as prices do."""
    import numpy as np

    return np.where(np.isnan(close), np.nan, signals.entry.astype(np.float64))


def swing_distance(signals: Signals, bars: Bars, k: int, lookback: int, *, ahead: bool, latest: bool) -> FloatArray:
    """Distance on entry rows from the close to a swing point that `k` later bars have confirmed, shape (n_bars, n_lines).

    `ahead`: in the direction of the entry, else behind it; the `latest` there, else the nearest. Infinite where there is none
    among those confirmed within `lookback` bars, NaN where there is too little history.
    """
    from trading_system.indicators.own_bars import compute, floats
    from trading_system.indicators.swings import swing_highs, swing_lows
    from trading_system.strategies import _kernels_filters as kernels

    prices = bars.adjusted
    close, high, low = (lines(signals, panel) for panel in (prices.close, prices.high, prices.low))

    long, short = bool((signals.entry > 0).any()), bool((signals.entry < 0).any())
    read_highs, read_lows = (long, short) if ahead else (short, long)

    def rule(c: FloatArray, h: FloatArray, lo: FloatArray, side: FloatArray, out: FloatArray) -> None:
        highs = floats(swing_highs(h, k)) if read_highs else h
        lows = floats(swing_lows(lo, k)) if read_lows else lo
        kernels.level_distance(c, highs, lows, side, lookback, int(ahead), int(latest), out)

    return compute(rule, (close, high, low, sides(signals, close)))[0]


def line_atr(signals: Signals, bars: Bars, n: int) -> FloatArray:
    """Average true range of each line's symbol, shape (n_bars, n_lines)."""
    from trading_system.indicators import wilder_atr

    prices = bars.adjusted
    return lines(signals, wilder_atr(prices.high, prices.low, prices.close, n))
