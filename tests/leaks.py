"""Twelve rules that read the future, each in a way that people write by mistake."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from trading_system.data.bars import Bars
from trading_system.data.resampling import completed_bars
from trading_system.indicators import swing_lows
from trading_system.strategies.base import Weights


def frame(bars: Bars) -> pd.DataFrame:
    """Adjusted closes by session."""
    return pd.DataFrame(bars.adjusted.close, index=pd.to_datetime(bars.dates()))


def long_where(condition: pd.DataFrame) -> Weights:
    """A tenth of equity where the condition holds, nothing elsewhere."""
    return Weights(np.ascontiguousarray(np.where(condition.to_numpy(), 0.1, 0.0)))


def next_close(bars: Bars) -> Weights:
    close = frame(bars)
    return long_where(close.shift(-1) > close)


def whole_sample_zscore(bars: Bars) -> Weights:
    close = frame(bars)
    return long_where((close - close.mean()) / close.std() < -0.5)


def centred_window(bars: Bars) -> Weights:
    close = frame(bars)
    return long_where(close > close.rolling(5, center=True, min_periods=1).mean())


def left_labelled_resample(bars: Bars) -> Weights:
    close = frame(bars)
    weekly = close.resample("W-MON", label="left", closed="left").last()
    return long_where(close < weekly.reindex(close.index, method="ffill"))


def backfill(bars: Bars) -> Weights:
    close = frame(bars)
    return long_where(close.bfill() > close.bfill().rolling(10, min_periods=1).mean())


def future_maximum(bars: Bars) -> Weights:
    close = frame(bars)
    return long_where(close[::-1].rolling(20, min_periods=1).max()[::-1] > 1.05 * close)


def same_bar_weekly_close(bars: Bars) -> Weights:
    close = frame(bars)
    return long_where(close.groupby(close.index.to_period("W")).transform("last") > close)


def week_known_from_its_first_bar(bars: Bars) -> Weights:
    """Completed bars, put on the rows by their own week in place of `known`."""
    higher = completed_bars(bars, "week")
    week = (bars.session.astype(np.int64) + 3) // 7
    number = np.minimum(week - week[0], len(higher.prices.close) - 1)
    close = frame(bars)
    weekly = higher.prices.close[number] if len(higher.prices.close) else np.full(close.shape, np.nan)
    return long_where(close < weekly)


def swing_known_when_it_happens(bars: Bars) -> Weights:
    """Confirmed swing lows, moved back to the bars on which they happened."""
    confirmed = pd.DataFrame(swing_lows(bars.adjusted.low, 3))
    return long_where(confirmed.shift(-3).notna())


def full_sample_hedge_ratio(bars: Bars) -> Weights:
    close = np.log(frame(bars).ffill().bfill().iloc[:, :2])
    slope = np.polyfit(close[1], close[0], 1)[0] if len(close) > 1 else 1.0
    spread = close[0] - slope * close[1]
    low = spread < spread.rolling(20, min_periods=2).mean()
    return long_where(pd.DataFrame({0: low, 1: ~low}))


def normalised_by_last_price(bars: Bars) -> Weights:
    close = frame(bars).ffill()
    return long_where(close / close.iloc[-1] < 0.98)


def sorted_by_future_return(bars: Bars) -> Weights:
    close = frame(bars)
    return long_where((close.shift(-20) / close).rank(axis=1) > 2)


LEAKS: dict[str, Callable[[Bars], Weights]] = {
    rule.__name__: rule
    for rule in (
        next_close,
        whole_sample_zscore,
        centred_window,
        left_labelled_resample,
        backfill,
        future_maximum,
        same_bar_weekly_close,
        week_known_from_its_first_bar,
        swing_known_when_it_happens,
        full_sample_hedge_ratio,
        normalised_by_last_price,
        sorted_by_future_return,
    )
}
