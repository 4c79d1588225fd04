"""Prices to series: functions of (n_bars, n_symbols) panels, each symbol on its own bars, row t from rows up to t."""

from trading_system.indicators.momentum import Macd, macd, roc, rolling_high, rolling_low, rsi
from trading_system.indicators.moving_averages import ema, rolling_mean, sma
from trading_system.indicators.regression import HedgeRatio, ols_hedge_ratio, rolling_correlation
from trading_system.indicators.swings import swing_highs, swing_lows
from trading_system.indicators.volatility import (
    Bands,
    bollinger,
    donchian,
    realised_volatility,
    rolling_std,
    wilder_atr,
    zscore,
)
from trading_system.indicators.volume import adv

__all__ = [
    "Bands",
    "HedgeRatio",
    "Macd",
    "adv",
    "bollinger",
    "donchian",
    "ema",
    "macd",
    "ols_hedge_ratio",
    "realised_volatility",
    "roc",
    "rolling_correlation",
    "rolling_high",
    "rolling_low",
    "rolling_mean",
    "rolling_std",
    "rsi",
    "sma",
    "swing_highs",
    "swing_lows",
    "wilder_atr",
    "zscore",
]
