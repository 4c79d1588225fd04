"""The market as plain lists, and what the engine reads from it: own bars, ATR, ADV, deviations, correlations, draws."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import math
from bisect import bisect_right
from typing import Any

NAN = float("nan")


def finite(x: float) -> bool:
    return not (math.isnan(x) or math.isinf(x))


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def deviation(values: list[float]) -> float:
    centre = mean(values)
    return math.sqrt(math.fsum((v - centre) ** 2 for v in values) / (len(values) - 1))


def median(values: list[float]) -> float:
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2.0


def squares(values: list[float]) -> float:
    centre = mean(values)
    return math.fsum((v - centre) ** 2 for v in values)


def correlation(x: list[float], y: list[float]) -> float:
    mx, my = mean(x), mean(y)
    return math.fsum((a - mx) * (b - my) for a, b in zip(x, y, strict=True)) / math.sqrt(squares(x) * squares(y))


MASK = (1 << 64) - 1


def mix(x: int) -> int:
    """Splitmix64 of the state x: the golden gamma is added, then the finaliser."""
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def normal(seed: int, stamp: int, symbol: str, buys: bool) -> float:
    """The draw that belongs to a seed, a bar, a symbol and a side."""
    name = int.from_bytes(hashlib.sha256(symbol.encode("utf-8")).digest()[:8], "big")
    key = mix(mix(mix(seed ^ mix(stamp)) ^ name) ^ (1 if buys else 2))
    u1 = ((key >> 11) + 1) * 2.0**-53
    u2 = (mix(key) >> 11) * 2.0**-53
    return math.sqrt(-2.0 * math.log(u1)) * math.cos(2.0 * math.pi * u2)


class Market:
    """One symbol is a column number; every price is a float out of a list of lists."""

    def __init__(self, bars: Any) -> None:
        self.n = len(bars.index)
        self.symbols = list(bars.symbols)
        self.columns = range(len(self.symbols))
        self.stamp = bars.index.tolist()
        self.session = bars.session.tolist()
        self.open, self.high, self.low = bars.open.tolist(), bars.high.tolist(), bars.low.tolist()
        self.close, self.volume = bars.close.tolist(), bars.volume.tolist()
        self.expected = bars.expected.tolist()
        self.calendar_of = bars.calendar_of.tolist()
        self.calendars = list(bars.calendars)
        self.delisted_row, self.delisted_price = bars.delisted_row.tolist(), bars.delisted_price.tolist()
        self.sampled, self.day_end = bars.sampled.tolist(), bars.day_end.tolist()
        self.daily = bars.timeframe.endswith("d")
        self.periods_per_year = bars.periods_per_year
        self.benchmark = bars.benchmark_close.tolist()
        self.quotes: dict[str, Any] | None = None
        if bars.quotes is not None:
            names = ("bid_open", "bid_high", "bid_low", "ask_open", "ask_high", "ask_low")
            self.quotes = {name: getattr(bars.quotes, name).tolist() for name in names}
        self.actions: dict[int, list[tuple[int, float, float, float]]] = {}
        a = bars.actions
        for row, col, split, dividend, funding in zip(
            a.row.tolist(), a.col.tolist(), a.split.tolist(), a.dividend.tolist(), a.funding.tolist(), strict=True
        ):
            self.actions.setdefault(row, []).append((col, split, dividend, funding))
        self.own = [[t for t in range(self.n) if self.bar(t, c)] for c in self.columns]
        self.factor = self.factors(bars.prices)
        self.atr_of = [self.wilder(c) for c in self.columns]

    # one bar ---------------------------------------------------------------------------------------------------------
    def bar(self, t: int, c: int) -> bool:
        return all(finite(panel[t][c]) for panel in (self.open, self.high, self.low, self.close))

    def live(self, t: int, c: int) -> bool:
        return self.bar(t, c) and self.volume[t][c] != 0.0

    def side(self, which: str, t: int, c: int, buys: bool) -> float:
        """Open, high or low that a buyer (the ask's) or a seller (the bid's) meets."""
        if self.quotes is None:
            return float(getattr(self, which)[t][c])
        return float(self.quotes[f"{'ask' if buys else 'bid'}_{which}"][t][c])

    def weekend(self, t: int, c: int) -> bool:
        day = dt.date(1970, 1, 1) + dt.timedelta(days=self.session[t])
        return self.calendars[self.calendar_of[c]] == "24/7" and day.weekday() >= 5

    def month(self, t: int) -> tuple[int, int]:
        day = dt.date(1970, 1, 1) + dt.timedelta(days=self.session[t])
        return day.year, day.month

    # history ---------------------------------------------------------------------------------------------------------
    def factors(self, prices: str) -> list[list[float]]:
        level = [1.0 for _ in self.columns]
        waiting: dict[int, list[tuple[float, float]]] = {}
        out = []
        for t in range(self.n):
            if prices == "raw":
                for c, split, dividend, _ in self.actions.get(t, []):
                    waiting.setdefault(c, []).append((split, dividend))
            for c in [c for c in waiting if self.bar(t, c)]:
                events = waiting.pop(c)
                shares = math.prod(split for split, _ in events)
                held = [math.prod(split for split, _ in events[: k + 1]) for k in range(len(events))]
                cash = sum(dividend / (shares / mine) for mine, (_, dividend) in zip(held, events, strict=True))
                level[c] *= shares * (1.0 + cash / self.close[t][c])
            out.append(list(level))
        return out

    def adjusted(self, panel: list[list[float]], t: int, c: int) -> float:
        return panel[t][c] * self.factor[t][c]

    def last_own(self, t: int, c: int, n: int) -> list[int]:
        """The symbol's last n rows with a bar up to t; empty when there are fewer."""
        end = bisect_right(self.own[c], t)
        return self.own[c][end - n : end] if end >= n else []

    def adv(self, t: int, c: int) -> float:
        rows = self.last_own(t, c, 20)
        return mean([self.volume[r][c] * self.close[r][c] for r in rows]) if rows else NAN

    def sigma(self, t: int, c: int) -> float:
        rows = self.last_own(t, c, 21)
        if not rows:
            return NAN
        closes = [self.adjusted(self.close, r, c) for r in rows]
        spread = deviation([b / a - 1.0 for a, b in itertools.pairwise(closes)])
        return spread if spread > 1e-12 else NAN

    def wilder(self, c: int) -> list[float]:
        """ATR14 per own bar."""
        out: list[float] = []
        ranges: list[float] = []
        last = NAN
        for t in self.own[c]:
            high, low = self.adjusted(self.high, t, c), self.adjusted(self.low, t, c)
            true_range = high - low if math.isnan(last) else max(high, last) - min(low, last)
            ranges.append(true_range)
            if len(ranges) < 14:
                out.append(NAN)
            elif len(ranges) == 14:
                out.append(mean(ranges))
            else:
                out.append((out[-1] * 13.0 + true_range) / 14.0)
            last = self.adjusted(self.close, t, c)
        return out

    def range_ratio(self, t: int, c: int) -> float:
        """ATR14 against the mean of its last 60 values."""
        end = bisect_right(self.own[c], t)
        recent = self.atr_of[c][max(0, end - 60) : end]
        if len(recent) < 60 or any(math.isnan(v) for v in recent):
            return NAN
        usual = mean(recent)
        return recent[-1] / usual if usual > 0.0 else NAN

    def returns(self, t: int, c: int, lookback: int) -> list[float] | None:
        """Returns of adjusted closes on the last sampled rows; None with a hole or without variance."""
        every = [r for r in range(t + 1) if self.sampled[r]]
        rows = [self.known(r, before, c) for before, r in itertools.pairwise([-1, *every])][-(lookback + 1) :]
        if len(rows) < lookback + 1 or not all(self.bar(r, c) for r in rows):
            return None
        closes = [self.adjusted(self.close, r, c) for r in rows]
        changes = [b / a - 1.0 for a, b in itertools.pairwise(closes)]
        return changes if squares(changes) > 1e-24 else None

    def known(self, row: int, before: int, c: int) -> int:
        """Where the close of row `row` stands: on another calendar's row at the symbol's last bar after row `before`."""
        if self.own_row(row, c):
            return row
        return max((r for r in range(before + 1, row) if self.bar(r, c)), default=row)

    def own_row(self, t: int, c: int) -> bool:
        """Whether the symbol has a bar at row t or should have one."""
        return self.bar(t, c) or bool(self.expected[t][self.calendar_of[c]])

    def stress_return(self, t: int) -> float:
        """Benchmark over its last five closed sessions, as known at row t."""
        ends = [r for r in range(max(0, t) + 1) if self.day_end[r] and r <= t]
        if len(ends) < 6:
            return NAN
        return float(self.benchmark[ends[-1]] / self.benchmark[ends[-6]] - 1.0)
