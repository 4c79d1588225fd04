"""Twins of the filters: every entry is looked at alone, with lists of the symbol's own bars up to it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests import naive_indicators as naive
from tests import naive_resampling
from trading_system.data.bars import Bars
from trading_system.strategies.base import Signals


class Own:
    """One line's own bars up to a row."""

    def __init__(self, bars: Bars, column: int, row: int) -> None:
        p = bars.adjusted
        self.rows = [t for t in range(row + 1) if not math.isnan(p.close[t, column])]
        self.high = [float(p.high[t, column]) for t in self.rows]
        self.low = [float(p.low[t, column]) for t in self.rows]
        self.close = [float(p.close[t, column]) for t in self.rows]
        volume = [float(p.volume[t, column]) for t in self.rows]
        self.volume = [0.0 if math.isnan(v) else v for v in volume]

    def points(self, k: int, lookback: int, above: bool) -> list[float]:
        """Swing points on one side of the last close, confirmed within `lookback` bars, the latest last."""
        found = naive.swing_points(self.high if above else self.low, k, 1 if above else -1)
        recent = [price for n, price in found if n > len(self.rows) - 1 - lookback]
        return [price for price in recent if (price > self.close[-1] if above else price < self.close[-1])]

    def nodes(self, p: dict[str, Any], above: bool) -> list[float]:
        """Edges next to the close of the heavy bins that lie wholly on one side of it."""
        n = p["lookback"]
        top, bottom = max(self.high[-n:]), min(self.low[-n:])
        edges = [bottom + b * ((top - bottom) / p["bins"]) for b in range(p["bins"] + 1)]
        held = [0.0] * p["bins"]
        for h, lo, c, v in zip(self.high[-n:], self.low[-n:], self.close[-n:], self.volume[-n:], strict=True):
            price = (h + lo + c) / 3
            held[min(p["bins"] - 1, int((price - bottom) / ((top - bottom) / p["bins"])))] += v
        limit = p["heavy"] * sum(held) / p["bins"]
        heavy = [b for b in range(p["bins"]) if held[b] >= limit * (1 - 1e-12)]
        if above:
            return [edges[b] for b in heavy if edges[b] > self.close[-1]]
        return [edges[b + 1] for b in heavy if edges[b + 1] < self.close[-1]]


def verdicts(name: str, p: dict[str, Any], signals: Signals, bars: Bars) -> dict[tuple[int, int], bool]:
    """For each entry (row, line) whether the filter lets it stand, groups apart."""
    p_ = bars.adjusted
    atr = naive.wilder_atr(p_.high, p_.low, p_.close, p["atr"]) if "atr" in p else None
    out = {}
    for row, line in np.argwhere(signals.entry != 0).tolist():
        column = line if signals.symbol is None else int(signals.symbol[line])
        long = signals.entry[row, line] > 0
        if name == "trend":
            closes = [bar["close"] for bar in naive_resampling.periods(bars, column, p["timeframe"], row)]
            known = [c for c in closes if not math.isnan(c)]
            out[row, line] = False
            if len(known) >= p["ma"] and not math.isnan(closes[-1]):
                average = math.fsum(known[-p["ma"] :]) / p["ma"]
                out[row, line] = known[-1] > average if long else known[-1] < average
            continue
        own = Own(bars, column, row)
        assert atr is not None
        if len(own.rows) < max(p["lookback"], p["atr"]):
            out[row, line] = False
            continue
        levels = own.points(p["swing"], p["lookback"], long) if name == "swing_resistance" else own.nodes(p, long)
        room = min((abs(level - own.close[-1]) for level in levels), default=math.inf)
        out[row, line] = room >= p["distance"] * atr[row, column]
    return out


def stops(p: dict[str, Any], signals: Signals, bars: Bars) -> dict[tuple[int, int], float]:
    """Stop distance of each entry (row, line); NaN is none."""
    prices, out = bars.adjusted, {}
    atr = naive.wilder_atr(prices.high, prices.low, prices.close, p["atr"])
    for row, line in np.argwhere(signals.entry != 0).tolist():
        column = line if signals.symbol is None else int(signals.symbol[line])
        own = Own(bars, column, row)
        rule = math.nan if signals.stop_distance is None else float(signals.stop_distance[row, line])
        points = own.points(p["swing"], p["lookback"], signals.entry[row, line] < 0)
        if not points or len(own.rows) < max(p["lookback"], p["atr"]):
            out[row, line] = rule
            continue
        distance = max(abs(own.close[-1] - points[-1]) + p["buffer"] * atr[row, column], p["least"] * atr[row, column])
        nearer = p["mode"] == "limit" and not math.isnan(rule)
        out[row, line] = min(rule, distance) if nearer else distance
    return out
