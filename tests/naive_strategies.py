"""Twins of the shipped strategies: one symbol, one bar at a time, with indicators from `naive_indicators`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from tests import naive_indicators as naive
from tests import naive_resampling
from trading_system.data.bars import Bars

Panel = np.ndarray


def on_change(target: Panel) -> Panel:
    """Keep only the rows at which a line's target differs from its last one; NaN decides nothing."""
    last, kept = np.zeros(target.shape[1]), np.full(target.shape, np.nan)
    for t in range(target.shape[0]):
        changed = ~np.isnan(target[t]) & (target[t] != last)
        kept[t, changed] = target[t, changed]
        last[changed] = target[t, changed]
    return kept


def crossover(bars: Bars, fast: int, slow: int) -> Panel:
    quick, late = naive.sma(bars.adjusted.close, fast), naive.sma(bars.adjusted.close, slow)
    share = 1.0 / np.maximum(bars.n_tradable, 1)[:, None]
    return on_change(np.where(np.isnan(late), np.nan, np.where(quick > late, share, 0.0)))


def benchmark_momentum(bars: Bars, n: int) -> Panel:
    series = pd.Series(bars.benchmark_close).dropna()
    return series.pct_change(n, fill_method=None).reindex(range(bars.n_bars)).ffill().to_numpy()


def own_rows(bars: Bars, column: int) -> list[int]:
    return [t for t in range(bars.n_bars) if not math.isnan(bars.adjusted.close[t, column])]


def breakouts(bars: Bars, p: dict[str, Any]) -> dict[str, Panel]:
    """Entry, exit, stop, tightened stop and components of a momentum rule with parameters `p`."""
    close = bars.adjusted.close
    trend, floor = naive.sma(close, p["trend_ma"]), naive.sma(close, p["exit_ma"])
    fast, slow = (naive.rolling_high(close, p[f"{name}_breakout"], prior=True) for name in ("fast", "slow"))
    atr = naive.wilder_atr(bars.adjusted.high, bars.adjusted.low, close, p["atr"])
    speed = naive.roc(close, p["momentum"]) - benchmark_momentum(bars, p["momentum"])[:, None]
    line = naive.sma(close, p["tighten_ma"]) if "tighten_ma" in p else np.full(close.shape, np.nan)
    entry, leave, tighten = np.zeros(close.shape, int), np.zeros(close.shape, bool), np.full(close.shape, np.nan)
    for i in range(bars.n_symbols):
        rows = own_rows(bars, i)
        for k, t in enumerate(rows):
            price = close[t, i]
            leave[t, i] = price < floor[t, i]
            above = price > trend[t, i]
            if "trend_rise" in p:
                earlier = trend[rows[k - p["trend_lookback"]], i] if k >= p["trend_lookback"] else math.nan
                above = above and trend[t, i] / earlier >= 1.0 + p["trend_rise"]
            high = price / fast[t, i] >= 1.0 + p["fast_margin"] or price / slow[t, i] >= 1.0 + p["slow_margin"]
            entry[t, i] = int(above and high and not leave[t, i])
            was_below = k > 0 and close[rows[k - 1], i] < line[rows[k - 1], i]
            if price < line[t, i] and not was_below:
                tighten[t, i] = price - p["tighten_atr"] * atr[t, i]
    return {
        "entry": entry,
        "exit": leave,
        "stop_distance": p["stop_atr"] * atr,
        "stop_tighten": tighten,
        "components": np.array([(close - trend) / atr, speed]),
    }


def reversion(bars: Bars, p: dict[str, Any]) -> dict[str, Panel]:
    """Entry, exit, stop and component of the mean reversion rule."""
    close = bars.adjusted.close
    score = naive.zscore(close, p["lookback"])
    atr = naive.wilder_atr(bars.adjusted.high, bars.adjusted.low, close, p["atr"])
    entry, leave = np.zeros(close.shape, int), np.zeros(close.shape, bool)
    for i in range(bars.n_symbols):
        side = 1
        for t in own_rows(bars, i):
            z = score[t, i]
            if math.isnan(atr[t, i]):
                leave[t, i] = z > p["leave"]
            elif z < p["enter"]:
                side = entry[t, i] = 1
            elif p["short"] and z > -p["enter"]:
                side = entry[t, i] = -1
            else:
                leave[t, i] = z > p["leave"] if side == 1 else z < -p["leave"]
    return {"entry": entry, "exit": leave, "stop_distance": p["stop_atr"] * atr, "components": np.abs(score)[None]}


def pair(bars: Bars, first: int, second: int, p: dict[str, Any]) -> dict[str, Panel]:
    """Side of the first leg, exit, hedge ratio and score of one pair, by row."""
    y, x = np.log(bars.adjusted.close[:, first]), np.log(bars.adjusted.close[:, second])
    rows = [t for t in range(bars.n_bars) if not math.isnan(y[t] + x[t])]
    out = {name: np.full(bars.n_bars, np.nan) for name in ("ratio", "score")}
    side, leave, held, stopped = np.zeros(bars.n_bars, int), np.zeros(bars.n_bars, bool), 0, False
    for k, t in enumerate(rows):
        if k < max(p["hedge_lookback"], p["score_lookback"]) - 1:
            continue
        past = rows[k - p["hedge_lookback"] + 1 : k + 1]
        ratio = float(np.polyfit(x[past], y[past], 1)[0])
        spread = y[rows[k - p["score_lookback"] + 1 : k + 1]] - ratio * x[rows[k - p["score_lookback"] + 1 : k + 1]]
        z = float((spread[-1] - spread.mean()) / spread.std(ddof=1))
        out["ratio"][t], out["score"][t] = ratio, z
        if abs(z) >= p["stop"]:
            stopped, leave[t] = True, True
        elif abs(z) <= p["leave"]:
            stopped, leave[t] = False, True
        elif abs(z) >= p["enter"] and not stopped and ratio > 0:
            held = side[t] = -1 if z > 0 else 1
        else:
            crossed = (held == 1 and z > 0) or (held == -1 and z < 0)
            leave[t] = crossed or ratio <= 0
    return {"side": side, "exit": leave, **out}


def fractional_rank(value: float, others: list[float]) -> float:
    """Mean rank of `value` among `others`, which hold it too, in (0, 1]."""
    below, same = sum(o < value for o in others), sum(o == value for o in others)
    return (below + (same + 1) / 2) / len(others)


def factor(bars: Bars, p: dict[str, Any]) -> Panel:
    """Targets of the factor rule, month by month and symbol by symbol."""
    target, held = np.full(bars.close.shape, np.nan), set[int]()
    close, high = bars.adjusted.close, bars.adjusted.high
    closing = [t for t in range(bars.n_bars) if bars.day_end[t]]
    months = [str(bars.dates()[t])[:7] for t in closing]
    starts = [t for t, now, last in zip(closing[1:], months[1:], months, strict=False) if now != last]
    late: dict[int, int] = {}
    for t in range(bars.n_bars):
        for i in [i for i in late if not math.isnan(close[t, i])]:
            if t not in starts:
                target[t, i] = 0.0
                del late[i]
        if t not in starts:
            continue
        values: dict[int, tuple[float, float, float]] = {}
        for i in range(bars.n_symbols):
            rows = [r for r in own_rows(bars, i) if r <= t]
            need = max(p["momentum"] + 1, p["high"], p["volatility"] + 1)
            if not bars.tradable[t, i] or not rows or rows[-1] != t or len(rows) < need:
                continue
            own = [float(close[r, i]) for r in rows]
            rise = own[-1 - p["skip"]] / own[-1 - p["momentum"]] - 1.0
            near = own[-1] / max(float(high[r, i]) for r in rows[-p["high"] :])
            changes = [own[k] / own[k - 1] - 1.0 for k in range(len(own) - p["volatility"], len(own))]
            spread = float(np.std(changes, ddof=1))
            if spread > 0.0:
                values[i] = (rise, near, 1.0 / spread)
        weights = [p["momentum_weight"], p["high_weight"], p["volatility_weight"]]
        scores = {
            i: sum(w * fractional_rank(mine[k], [other[k] for other in values.values()]) for k, w in enumerate(weights))
            / sum(weights)
            for i, mine in values.items()
        }
        n = min(len(scores), max(1, math.floor(p["share"] * len(scores) + 1e-9)))
        best = sorted(scores, key=lambda i: (-round(scores[i], 11), i))[:n]
        late = {}
        for i in held - set(best):
            if math.isnan(close[t, i]):
                late[i] = t
            else:
                target[t, i] = 0.0
        for i in best:
            target[t, i] = 1.0 / n
        held = set(best)
    return target


def multi_timeframe(bars: Bars, p: dict[str, Any]) -> dict[str, Panel]:
    """Entry, exit, stop and components of the rule on two time scales."""
    close = bars.adjusted.close
    atr = naive.wilder_atr(bars.adjusted.high, bars.adjusted.low, close, p["atr"])
    entry, leave = np.zeros(close.shape, int), np.zeros(close.shape, bool)
    components = np.full((2, *close.shape), np.nan)
    for i in range(bars.n_symbols):
        history = naive_resampling.History(bars, i, p["timeframe"])
        for t in range(bars.n_bars):
            now = [history.bar(group, t) for group in history.complete(t, before=False)]
            earlier = [history.bar(group, t) for group in history.complete(t, before=True)]
            closes = [bar["close"] for bar in now if not math.isnan(bar["close"])]
            highs = [bar["high"] for bar in earlier if not math.isnan(bar["high"])]
            average = top = math.nan
            if len(closes) >= p["trend_ma"] and not math.isnan(now[-1]["close"]):
                average = math.fsum(closes[-p["trend_ma"] :]) / p["trend_ma"]
            if len(highs) >= p["breakout"] and not math.isnan(earlier[-1]["high"]):
                top = max(highs[-p["breakout"] :])
            price = close[t, i]
            leave[t, i] = price < average
            rising = not math.isnan(average) and closes[-1] > average
            entry[t, i] = int(rising and price > top and not leave[t, i] and not math.isnan(atr[t, i]))
            if not math.isnan(atr[t, i]):
                components[0, t, i] = (price - top) / atr[t, i]
                components[1, t, i] = closes[-1] / average - 1.0 if not math.isnan(average) else math.nan
    return {"entry": entry, "exit": leave, "stop_distance": p["stop_atr"] * atr, "components": components}
