"""Twins of the indicators: pandas and plain loops on each symbol's own bars, slow and obvious."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pandas as pd

Series = list[float]


def own_bars(rule: Callable[..., list[Series]], *panels: np.ndarray) -> list[np.ndarray]:
    """Apply `rule` to lists of each symbol's existing values; what it returns goes back to the rows they came from."""
    panels = tuple(np.asarray(p, dtype=float) for p in panels)
    results: list[np.ndarray] = []
    for column in range(panels[0].shape[1]):
        rows = [t for t in range(panels[0].shape[0]) if not any(math.isnan(p[t, column]) for p in panels)]
        for number, values in enumerate(rule(*([float(p[t, column]) for t in rows] for p in panels))):
            if number == len(results):
                results.append(np.full(panels[0].shape, np.nan))
            for t, value in zip(rows, values, strict=True):
                results[number][t, column] = value
    return results


def windows(values: Series, n: int, rule: Callable[[Series], float]) -> Series:
    """`rule` of the last n values, NaN before there are n."""
    return [rule(values[t - n + 1 : t + 1]) if t >= n - 1 else math.nan for t in range(len(values))]


def sma(x: np.ndarray, n: int) -> np.ndarray:
    return own_bars(lambda v: [windows(v, n, lambda w: math.fsum(w) / n)], x)[0]


def ema(x: np.ndarray, n: int) -> np.ndarray:
    return own_bars(lambda v: [list(pd.Series(v, dtype=float).ewm(span=n, adjust=False, min_periods=n).mean())], x)[0]


def roc(x: np.ndarray, n: int) -> np.ndarray:
    return own_bars(lambda v: [list(pd.Series(v, dtype=float).pct_change(n, fill_method=None))], x)[0]


def rolling_high(x: np.ndarray, n: int, prior: bool = False) -> np.ndarray:
    return own_bars(lambda v: [list(pd.Series(v, dtype=float).rolling(n).max().shift(1 if prior else 0))], x)[0]


def rolling_low(x: np.ndarray, n: int, prior: bool = False) -> np.ndarray:
    return own_bars(lambda v: [list(pd.Series(v, dtype=float).rolling(n).min().shift(1 if prior else 0))], x)[0]


def _deviation(window: Series, ddof: int) -> float:
    centre = math.fsum(window) / len(window)
    if max(window) == min(window):
        return 0.0
    return math.sqrt(math.fsum((v - centre) ** 2 for v in window) / (len(window) - ddof))


def rolling_std(x: np.ndarray, n: int, ddof: int = 1) -> np.ndarray:
    return own_bars(lambda v: [windows(v, n, lambda w: _deviation(w, ddof))], x)[0]


def zscore(x: np.ndarray, n: int, ddof: int = 1) -> np.ndarray:
    def score(window: Series) -> float:
        spread = _deviation(window, ddof)
        return (window[-1] - math.fsum(window) / n) / spread if spread > 0 else math.nan

    return own_bars(lambda v: [windows(v, n, score)], x)[0]


def bollinger(x: np.ndarray, n: int, width: float) -> list[np.ndarray]:
    middle, spread = sma(x, n), rolling_std(x, n, ddof=0)
    return [middle - width * spread, middle, middle + width * spread]


def donchian(high: np.ndarray, low: np.ndarray, n: int, prior: bool = False) -> list[np.ndarray]:
    lower, upper = rolling_low(low, n, prior), rolling_high(high, n, prior)
    return [lower, (lower + upper) / 2, upper]


def wilder_atr(high: np.ndarray, low: np.ndarray, close: np.ndarray, n: int) -> np.ndarray:
    def rule(h: Series, lo: Series, c: Series) -> list[Series]:
        ranges = [
            max(a - b, *([abs(a - c[i - 1]), abs(b - c[i - 1])] if i else [a - b]))
            for i, (a, b) in enumerate(zip(h, lo, strict=True))
        ]
        return [_wilder(ranges, n)]

    return own_bars(rule, high, low, close)[0]


def _wilder(values: Series, n: int) -> Series:
    out, average = [], math.nan
    for t, value in enumerate(values):
        if t == n - 1:
            average = math.fsum(values[:n]) / n
        elif t >= n:
            average = (average * (n - 1) + value) / n
        out.append(average)
    return out


def rsi(x: np.ndarray, n: int) -> np.ndarray:
    def rule(v: Series) -> list[Series]:
        changes = [b - a for a, b in itertools.pairwise(v)]
        up, down = _wilder([max(c, 0.0) for c in changes], n), _wilder([max(-c, 0.0) for c in changes], n)
        out = [math.nan] * min(1, len(v))
        for rise, fall in zip(up, down, strict=True):
            if math.isnan(rise):
                out.append(math.nan)
            elif fall == 0:
                out.append(100.0 if rise > 0 else 50.0)
            else:
                out.append(100.0 - 100.0 / (1.0 + rise / fall))
        return [out]

    return own_bars(rule, x)[0]


def macd(x: np.ndarray, fast: int, slow: int, signal: int) -> list[np.ndarray]:
    line = ema(x, fast) - ema(x, slow)
    average = ema(line, signal)
    return [line, average, line - average]


def rolling_correlation(x: np.ndarray, y: np.ndarray, n: int) -> np.ndarray:
    def rule(a: Series, b: Series) -> list[Series]:
        out = []
        for t in range(len(a)):
            u, v = np.array(a[max(0, t - n + 1) : t + 1]), np.array(b[max(0, t - n + 1) : t + 1])
            flat = t < n - 1 or np.ptp(u) == 0 or np.ptp(v) == 0
            out.append(math.nan if flat else float(np.corrcoef(u, v)[0, 1]))
        return [out]

    return own_bars(rule, x, y)[0]


def ols_hedge_ratio(y: np.ndarray, x: np.ndarray, n: int) -> list[np.ndarray]:
    def rule(b: Series, a: Series) -> list[Series]:
        slopes, levels = [], []
        for t in range(len(a)):
            u, v = np.array(a[max(0, t - n + 1) : t + 1]), np.array(b[max(0, t - n + 1) : t + 1])
            if t < n - 1 or np.ptp(u) == 0:
                slope = level = math.nan
            else:
                level, slope = np.linalg.lstsq(np.column_stack([np.ones(n), u]), v, rcond=None)[0]
            slopes.append(float(slope))
            levels.append(float(level))
        return [slopes, levels]

    return own_bars(rule, y, x)


def adv(volume: np.ndarray, close: np.ndarray, n: int) -> np.ndarray:
    return own_bars(
        lambda v, c: [windows([a * b for a, b in zip(v, c, strict=True)], n, lambda w: math.fsum(w) / n)], volume, close
    )[0]


def realised_volatility(close: np.ndarray, n: int, periods: float) -> np.ndarray:
    def rule(v: Series) -> list[Series]:
        returns = [b / a - 1.0 for a, b in itertools.pairwise(v)]
        return [[math.nan] * min(1, len(v)) + windows(returns, n, lambda w: _deviation(w, 1) * math.sqrt(periods))]

    return own_bars(rule, close)[0]


def swings(x: np.ndarray, k: int, sign: int) -> np.ndarray:
    """Swing highs (sign 1) or lows (-1), each on the bar that confirms it."""

    def rule(v: Series) -> list[Series]:
        out = [math.nan] * len(v)
        for number, price in swing_points(v, k, sign):
            out[number] = price
        return [out]

    return own_bars(rule, x)[0]


def swing_points(values: Series, k: int, sign: int) -> list[tuple[int, float]]:
    """(number of the bar that confirms it, price) of every swing high (sign 1) or low (-1), oldest first."""
    found = []
    for i in range(k, len(values) - k):
        before, after = values[i - k : i], values[i + 1 : i + k + 1]
        if all(sign * v < sign * values[i] for v in before) and all(sign * v <= sign * values[i] for v in after):
            found.append((i + k, values[i]))
    return found
