"""Random markets, decisions and rules: one number gives one world, whatever can happen happens in some of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tests.builders import make_bars
from tests.engine.scenes import StrategyDecisions, rules
from trading_system.config.models import RunConfig
from trading_system.data.bars import Bars, Quotes
from trading_system.strategies.base import Signals, Weights

NAN = float("nan")


@dataclass(frozen=True)
class World:
    """One case: what `simulate` takes."""

    bars: Bars
    decisions: list[StrategyDecisions]
    config: RunConfig
    first: int
    stop: int


class Dice:
    """A seeded generator with the few throws that a world needs."""

    def __init__(self, number: int) -> None:
        self.rng = np.random.default_rng([2024, number])
        self.plain = number % 8 == 7  # few lines, few rules: long stretches in which nothing happens

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def pick(self, *options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def whole(self, low: int, high: int) -> int:
        """In [low, high], both included."""
        return int(self.rng.integers(low, high + 1))

    def real(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def maybe(self, p: float, value: Any) -> Any:
        return value if self.chance(p) else None

    def mask(self, shape: tuple[int, ...], p: float) -> np.ndarray:
        return np.asarray(self.rng.random(shape) < p)


# the market -----------------------------------------------------------------------------------------------------------------
def prices(dice: Dice, n: int, k: int, splits: list[tuple[int, int, float]]) -> tuple[np.ndarray, ...]:
    """Open, high, low, close and volume of a correlated random walk with gaps and jumps."""
    step = dice.pick(0.005, 0.02, 0.06)
    common = dice.rng.standard_normal((n, 1)) * dice.pick(0.0, 1.0, 3.0)
    moves = step * (dice.rng.standard_normal((n, k)) + common) / 1.5
    moves += dice.mask((n, k), 0.01) * dice.rng.choice([-1.0, 1.0], (n, k)) * dice.pick(0.1, 0.5)
    if dice.chance(0.2):
        moves[n // 2 :] *= 3.0
    level = np.log(dice.rng.choice([2.0, 30.0, 150.0, 2_000.0], k)) + np.cumsum(moves, axis=0)
    for row, column, ratio in splits:
        level[row:, column] -= np.log(ratio)
    inside = step * 0.7 * dice.rng.standard_normal((n, k))
    close, open_ = np.exp(level), np.exp(level - inside)
    high = np.maximum(open_, close) * np.exp(step * 0.5 * np.abs(dice.rng.standard_normal((n, k))))
    low = np.minimum(open_, close) * np.exp(-step * 0.5 * np.abs(dice.rng.standard_normal((n, k))))
    panels = [open_, high, low, close]
    if dice.chance(0.3):  # coarse prices: ties, touches and repeats
        panels = [np.maximum(np.round(p * 2.0) / 2.0, 0.5) for p in panels]
    volume = np.floor(dice.rng.lognormal(dice.pick(5.0, 9.0, 13.0), 0.6, (n, k)))
    return (*panels, volume)


def punch_holes(dice: Dice, panels: tuple[np.ndarray, ...]) -> dict[int, tuple[int, float]]:
    """Missing bars, halts, dead bars and names that end; gives back the delisting events."""
    n, k = panels[0].shape
    *ohlc, volume = panels
    volume[dice.mask((n, k), dice.pick(0.0, 0.0, 0.05))] = 0.0
    hole = dice.mask((n, k), dice.pick(0.0, 0.0, 0.02, 0.1))
    events: dict[int, tuple[int, float]] = {}
    for column in range(k):
        if dice.chance(0.2):
            start = dice.whole(1, n - 1)
            hole[start : start + dice.whole(2, 15), column] = True
        if dice.chance(0.15):
            end = dice.whole(n // 3, n - 1)
            hole[end + dice.whole(0, 1) :, column] = True
            if dice.chance(0.6):
                last = float(ohlc[3][end, column])
                events[column] = (end, dice.pick(NAN, round(last * 0.6, 2)))
    for panel in panels:
        panel[hole] = NAN
    ohlc[3][dice.mask((n, k), 0.003)] = NAN  # a bar with a hole in it is no bar
    return events


def market(dice: Dice) -> Bars:
    n, k = dice.whole(40, 160), dice.whole(1, 2 if dice.plain else 6)
    kind = dice.pick("daily", "daily", "every day", "mixed", "intraday", "intraday mixed")
    per_session = dice.whole(2, 6) if "intraday" in kind else 1

    def cell() -> tuple[int, int]:
        return dice.whole(1, n - 1), dice.whole(0, k - 1)

    splits = [(*cell(), dice.pick(2.0, 3.0, 7.0, 1.5, 0.5, 0.1, 0.01)) for _ in range(dice.pick(0, 0, 1, 4))]
    panels = prices(dice, n, k, splits)
    gone = punch_holes(dice, panels)
    open_, high, low, close, volume = panels
    if dice.chance(0.1):
        volume[:] = NAN
    elif dice.chance(0.15):
        volume[dice.mask((n, k), 0.05)] = NAN
    dividends = [
        (r, c, 0.02 * float(close[r, c])) for r, c in (cell() for _ in range(dice.pick(0, 2, 6))) if close[r, c] > 0.0
    ]
    funding = [(*cell(), dice.pick(0.001, -0.002)) for _ in range(dice.pick(0, 0, 10))]
    quotes = around(dice, open_, high, low) if dice.chance(0.15) else None
    bars = make_bars(
        open_,
        high,
        low,
        close,
        volume,
        splits=splits,
        dividends=dividends,
        funding=funding,
        symbols=sorted(dice.rng.choice(["A", "B", "NA", "Ö", "TRUE", "ZZ", "a", "b"], k, replace=False).tolist()),
        every_day=kind in ("every day", "mixed"),
        bars_per_session=per_session,
        delisted=gone,
        quotes=quotes,
    )
    if dice.chance(0.5):
        bars = replace(bars, benchmark=bars.symbols[0])
    return with_calendars(dice, replace(bars, factor=None, split_factor=None), "mixed" in kind, per_session)


def around(dice: Dice, open_: np.ndarray, high: np.ndarray, low: np.ndarray) -> Quotes:
    """Bid and ask at a small distance from the mid; the ask may not trade where the mid did."""
    half = dice.pick(0.0005, 0.005) * dice.rng.uniform(0.5, 1.5, open_.shape)
    return Quotes(*(p * (1.0 - half) for p in (open_, high, low)), *(p * (1.0 + half) for p in (open_, high, low)))


def with_calendars(dice: Dice, bars: Bars, mixed: bool, per_session: int) -> Bars:
    """Sessions that are expected, a second calendar, and who may be traded when."""
    n, k = bars.close.shape
    expected, calendar_of = np.ones((n, 1), bool), np.zeros(k, np.int64)
    if mixed:
        weekday = (bars.session.astype(np.int64) + 3) % 7 < 5
        short = weekday if per_session == 1 else np.arange(n) % per_session < max(1, per_session - 1)
        other = np.ones(n, bool)
        if dice.chance(0.4):  # calendars that close at different hours share few rows, or none
            other = ~short if per_session > 1 else np.arange(n) % dice.pick(2, 3) != 0
            short = ~other if per_session > 1 else short & (np.arange(n) % 2 == 0)
        expected = np.column_stack([short, other])
        calendar_of = dice.rng.integers(0, 2, k)
        shut = ~expected[:, calendar_of] & ~dice.mask((n, k), 0.02)
        for panel in (bars.open, bars.high, bars.low, bars.close, bars.volume):
            panel[shut] = NAN
    tradable = expected[:, calendar_of].copy()
    for column in range(k):
        if dice.chance(0.3):
            start = dice.whole(0, n - 1)
            tradable[start : start + dice.whole(1, 30), column] = False
        if bars.delisted_row[column] >= 0:
            tradable[bars.delisted_row[column] + 1 :, column] = False
    sampled = expected[:, 0].copy()
    last = np.r_[bars.session[1:] != bars.session[:-1], True]
    day_end = sampled.copy() if per_session == 1 else last & np.ones(n, bool)
    return replace(
        bars,
        expected=np.ascontiguousarray(expected),
        calendar_of=np.ascontiguousarray(calendar_of, np.int64),
        calendars=("XNYS", "24/7")[: expected.shape[1]] if mixed else bars.calendars,
        tradable=np.ascontiguousarray(tradable),
        sampled=sampled,
        day_end=day_end,
        factor=None,
        split_factor=None,
    )


# decisions ------------------------------------------------------------------------------------------------------------------
def universe(dice: Dice, bars: Bars) -> np.ndarray:
    k = bars.n_symbols
    chosen = np.flatnonzero(dice.mask((k,), 0.8)) if dice.chance(0.4) else np.arange(k)
    return np.asarray(chosen if chosen.size else np.arange(k), np.int64)


def decisions(dice: Dice, bars: Bars, groups: bool, limits: bool) -> StrategyDecisions:
    columns = universe(dice, bars)
    tradable = bars.tradable[:, columns] & ~dice.mask((bars.n_bars, columns.size), dice.pick(0.0, 0.0, 0.01))
    symbol = None
    if dice.chance(0.25):
        symbol = dice.rng.integers(0, columns.size, dice.whole(1, 2 * columns.size))
    local = np.arange(columns.size) if symbol is None else symbol
    close = bars.adjusted.close[:, columns[local]]
    chosen = weights(dice, close, symbol) if dice.chance(0.25) else signals(dice, close, symbol, groups, limits)
    return StrategyDecisions(chosen, columns, np.ascontiguousarray(tradable))


def weights(dice: Dice, close: np.ndarray, symbol: np.ndarray | None) -> Weights:
    shape = close.shape
    target = np.round(dice.rng.uniform(dice.pick(0.0, -0.5), dice.pick(0.3, 0.8), shape), 2)
    target[dice.mask(shape, 0.2)] = 0.0
    target[~dice.mask(shape, 0.03 if dice.plain else dice.pick(0.05, 0.3, 1.0))] = NAN
    if dice.chance(0.3):
        target[~dice.mask((shape[0],), 0.1)] = NAN
    return Weights(target, symbol)


def signals(dice: Dice, close: np.ndarray, symbol: np.ndarray | None, groups: bool, limits: bool) -> Signals:
    shape = close.shape
    often = 0.03 if dice.plain else dice.pick(0.03, 0.1, 0.4)
    side = dice.rng.choice([1, 1, -1] if dice.chance(0.6) else [1], shape)
    entry = (side * dice.mask(shape, often)).astype(np.int8)
    if dice.chance(0.2):  # everybody at once
        entry[dice.mask((shape[0],), 0.1)] = 1
    spread = dice.pick(0.01, 0.04, 0.15)

    def distance(p: float, scale: float) -> np.ndarray | None:
        if not dice.chance(0.1 if dice.plain else p):
            return None
        out = np.nan_to_num(close, nan=10.0) * spread * scale * dice.rng.uniform(0.5, 2.0, shape)
        out[dice.mask(shape, dice.pick(0.0, 0.1))] = NAN
        return np.asarray(out)

    def level(p: float, keep: float) -> np.ndarray | None:
        if not dice.chance(0.1 if dice.plain else p):
            return None
        out = np.nan_to_num(close, nan=10.0) * (1.0 + spread * dice.rng.uniform(-1.0, 1.0, shape))
        out[~dice.mask(shape, keep)] = NAN
        return np.asarray(out)

    group = None
    if groups:
        group = np.arange(shape[1]) // 2
        group[dice.mask((shape[1],), 0.2)] = -1
        for number in np.unique(group[group >= 0]):  # both legs want in at once, mostly
            legs = np.flatnonzero(group == number)
            if dice.chance(0.8):
                entry[:, legs] = entry[:, legs[:1]] * dice.rng.choice([1, -1], legs.size)
    names = tuple(("value", "speed", "size")[: dice.whole(0, 3)])
    components = np.round(dice.rng.standard_normal((len(names), *shape)), dice.pick(0, 6))
    components[dice.mask(components.shape, 0.1)] = NAN
    return Signals(
        entry=np.ascontiguousarray(entry, np.int8),
        exit=dice.mask(shape, dice.pick(0.0, 0.05, 0.3)),
        symbol=symbol,
        stop_distance=distance(0.8, 1.0),
        trail_distance=distance(0.4, 1.5),
        stop_tighten=level(0.3, 0.2),
        target_distance=distance(0.4, 2.0),
        limit_price=level(0.35, 0.7) if limits and group is None else None,
        scale=dice.maybe(0.2, dice.rng.uniform(0.2, 3.0, shape)),
        components=components if names else None,
        component_names=names,
        max_hold=dice.maybe(0.3, dice.rng.integers(0, 8, shape[1])),
        group=group,
    )


# rules ----------------------------------------------------------------------------------------------------------------------
def entry_rules(dice: Dice, bars: Bars) -> dict[str, Any]:
    """One strategy's sizing, limits, capacity and costs."""
    method = dice.pick(
        "risk_per_trade", "risk_per_trade", "fixed_fraction", "equal_weight", "fixed_quantity", "volatility_target", "kelly"
    )
    sizing = {
        "method": method,
        "risk": dice.pick(0.0075, 0.03),
        "fraction": dice.pick(0.1, 0.5, 1.5),
        "quantity": dice.pick(1.0, 25.0, 0.37),
        "target_volatility": dice.pick(0.02, 0.2),
        "kelly_fraction": dice.pick(0.25, 1.0),
        "kelly_cap": dice.pick(0.1, 0.6),
        "kelly_min_trades": dice.whole(2, 5),
    }
    limits = {
        "max_positions": dice.maybe(0.3, dice.whole(1, 4)),
        "max_gross_exposure": dice.maybe(0.3, dice.real(0.2, 1.2)),
        "max_position_notional": dice.maybe(0.3, dice.pick(0.01, 0.1, 0.4)),
    }
    models = ["none", "fixed", "spread", "full"]
    if bars.has_volume:
        models.append("sqrt_impact")
        if not np.isnan(bars.volume[bars.has_bar]).any():
            models.append("volume_share")
    slippage = {
        "model": dice.pick(*models),
        "bps": dice.pick(0.0, 5.0, 300.0),
        "spread_bps": 20.0,
        "base_bps": dice.pick(2.0, 60.0),
        "impact": 0.2,
        "multiple": dice.pick(1.0, 1.0, 2.0, 0.0),
    }
    tiers = (
        {"from_notional": 0.0, "bps": 12.0},
        {"from_notional": 20_000.0, "bps": 6.0},
        {"from_notional": 90_000.0, "bps": 1.0},
    )
    costs = {
        "commission_bps": dice.pick(0.0, 3.0),
        "commission_per_share": dice.pick(0.0, 0.0, 0.01),
        "commission_per_trade": dice.pick(0.0, 0.0, 2.0),
        "commission_minimum": dice.pick(0.0, 0.0, 1.0, 15.0),
        "commission_tiers": tiers if dice.chance(0.2) else (),
        "slippage": slippage,
        "borrow_rate": dice.pick(0.0, 0.05),
    }
    entry: dict[str, Any] = {"name": "rule", "type": "rule", "sizing": sizing, "limits": limits, "costs": costs}
    entry["asset_class"] = dice.pick("equity", "crypto", "fx", "future")
    if bars.has_volume and dice.chance(0.3):
        entry["capacity"] = {"max_fraction_of_adv": dice.pick(0.001, 0.02, 0.5), "when_exceeded": dice.pick("reject", "clip")}
    return entry


def run_rules(dice: Dice, bars: Bars, made: list[StrategyDecisions], same_close: bool) -> RunConfig:
    entries = [entry_rules(dice, bars) for _ in made]
    names = {name for d in made for name in getattr(d.decisions, "component_names", ())}
    if dice.chance(0.3):
        for entry in entries:
            entry["allocation"] = dice.real(0.2, 1.0)
    limits = {
        "max_positions": dice.maybe(0.5, dice.whole(1, 5)),
        "max_gross_exposure": dice.pick(1.0, 1.0, 0.6, 2.5),
        "max_position_notional": dice.maybe(0.3, dice.real(0.05, 0.5)),
        "max_drawdown": dice.maybe(0.25, dice.pick(0.02, 0.1, 0.3)),
        "max_daily_loss": dice.maybe(0.25, dice.pick(0.005, 0.03)),
        "on_breach": dice.pick("stop_entries", "flatten"),
        "resume": dice.pick("never", 1, 5, 20),
    }
    scaling = {
        "mode": dice.pick("off", "continuous", "regime"),
        "lookback": dice.whole(2, 6),
        "baseline": dice.pick(60, 90),
        "floor": 0.33,
    }
    guard = {
        "min_positions": dice.whole(1, 3),
        "average_threshold": dice.pick(-1.0, 0.2),
        "candidate_threshold": dice.pick(-0.2, 0.4),
        "lookback": dice.whole(3, 20),
    }
    weights = {"value": 0.5, "speed": 0.3, "size": 0.2, "diversification": 0.4}
    if dice.plain:
        limits |= {"max_drawdown": None, "max_daily_loss": None}
        scaling["mode"] = "off"
        for entry in entries:
            entry["sizing"]["method"] = dice.pick("fixed_fraction", "equal_weight", "fixed_quantity")
            entry["costs"]["borrow_rate"] = 0.0
    ranking = {name: weights[name] for name in weights if name in (*names, "diversification") and dice.chance(0.6)}
    return rules(
        *entries,
        equity=dice.pick(1_000.0, 100_000.0, 100_000.0, 5_000_000.0),
        seed=dice.whole(0, 2**40),
        limits=limits,
        volatility_scaling=scaling,
        correlation_guard=dice.maybe(0.4, guard),
        ranking=ranking if ranking and dice.chance(0.5) else None,
        debit_rate=dice.pick(0.0, 0.08),
        execution={
            "fill": "same_close" if same_close else "next_open",
            "stop_evaluation": dice.pick("intrabar", "intrabar", "close"),
            "lot": {name: dice.pick("whole", "fractional") for name in ("equity", "crypto") if dice.chance(0.5)},
            "min_trade": dice.pick(0.001, 0.0, 0.05),
            "delist_after": dice.whole(2, 6),
            "delisting_haircut": dice.pick(0.0, 0.3, 1.0),
        },
    )


def world(number: int) -> World:
    """The case of that number."""
    dice = Dice(number)
    bars = market(dice)
    n_strategies, same_close = 1 if dice.plain else dice.pick(1, 1, 2, 3), dice.chance(0.15)
    made = [decisions(dice, bars, dice.chance(0.2), not same_close) for _ in range(n_strategies)]
    config = run_rules(dice, bars, made, same_close)
    first = dice.whole(1, 30) if dice.chance(0.4) else 0
    stop = dice.whole(first + 5, bars.n_bars) if dice.chance(0.3) else bars.n_bars
    return World(bars, made, config, first, stop)
