"""Hand-made and random bars for tests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trading_system.data.bars import Actions, Bars, Quotes

DAY_NS = 86_400 * 10**9


def weekdays(n: int, start: str = "2015-01-05", every_day: bool = False) -> np.ndarray:
    """`n` session labels (days since 1970): Monday to Friday, or every day."""
    day = dt.date.fromisoformat(start)
    days = []
    while len(days) < n:
        if every_day or day.weekday() < 5:
            days.append((day - dt.date(1970, 1, 1)).days)
        day += dt.timedelta(days=1)
    return np.array(days, np.int32)


def as_panel(values: Any) -> np.ndarray:
    """A list of numbers is one symbol; a list of rows is one row per bar."""
    panel = np.array(values, dtype=np.float64)
    return np.ascontiguousarray(panel[:, None] if panel.ndim == 1 else panel)


def accumulate_factor(close: np.ndarray, actions: Actions) -> np.ndarray | None:
    """factor_t = factor_{t-1} * split * (1 + dividend / close_t); an action on a row without a bar waits for the next bar.

    What waits is carried as shares held for one, and cash per share held now: a split halves the cash that came before it.
    """
    if not len(actions):
        return None
    n_bars, n_symbols = close.shape
    factor = np.ones((n_bars, n_symbols))
    events: dict[tuple[int, int], tuple[float, float]] = {
        (int(r), int(c)): (float(s), float(d))
        for r, c, s, d in zip(actions.row, actions.col, actions.split, actions.dividend, strict=True)
    }
    for column in range(n_symbols):
        level, shares, cash = 1.0, 1.0, 0.0
        for row in range(n_bars):
            if (row, column) in events:
                split, dividend = events[row, column]
                shares, cash = shares * split, cash / split + dividend
            if not np.isnan(close[row, column]):
                level *= shares * (1.0 + cash / close[row, column])
                shares, cash = 1.0, 0.0
            factor[row, column] = level
    return factor


def make_actions(
    splits: Sequence[tuple[int, int, float]],
    dividends: Sequence[tuple[int, int, float]],
    funding: Sequence[tuple[int, int, float]],
) -> Actions:
    """Events ``(row, column, value)`` merged per cell, sorted by row then column."""
    cells: dict[tuple[int, int], list[float]] = {}
    for place, events in enumerate((splits, dividends, funding)):
        for row, column, value in events:
            cells.setdefault((row, column), [1.0, 0.0, 0.0])[place] = value
    keys = sorted(cells)
    columns = np.array([cells[key] for key in keys], np.float64).reshape(-1, 3)
    return Actions(
        row=np.array([row for row, _ in keys], np.int64),
        col=np.array([column for _, column in keys], np.int64),
        split=columns[:, 0].copy(),
        dividend=columns[:, 1].copy(),
        funding=columns[:, 2].copy(),
    )


def make_bars(
    open: Any,
    high: Any,
    low: Any,
    close: Any,
    volume: Any = None,
    *,
    splits: Sequence[tuple[int, int, float]] = (),
    dividends: Sequence[tuple[int, int, float]] = (),
    funding: Sequence[tuple[int, int, float]] = (),
    symbols: Sequence[str] | None = None,
    start: str = "2015-01-05",
    every_day: bool = False,
    bars_per_session: int = 1,
    expected: Any = None,
    tradable: Any = None,
    delisted: Mapping[int, tuple[int, float]] | None = None,
    quotes: Quotes | None = None,
    asset_class: str | Sequence[str] = "equity",
    sampled: Any = None,
    factor: np.ndarray | None = None,
    benchmark: str = "equal_weight",
) -> Bars:
    """Bars from plain lists, shape (n_bars,) or (n_bars, n_symbols); NaN is a missing bar.

    Actions are ``(row, column, value)``; ``delisted`` maps a column to (row, price). ``every_day`` makes a 24/7 market.
    Sessions run on weekdays from `start`; with ``bars_per_session`` above 1 the bars are hours of those sessions.
    """
    o, h, lo, c = (as_panel(panel) for panel in (open, high, low, close))
    n_bars, n_symbols = c.shape
    v = np.full(c.shape, 1e6) if volume is None else as_panel(volume)
    v = np.where(np.isnan(c), np.nan, v)
    n_sessions = -(-n_bars // bars_per_session)
    session = np.repeat(weekdays(n_sessions, start, every_day), bars_per_session)[:n_bars]
    hour = np.tile(np.arange(bars_per_session), n_sessions)[:n_bars]
    index = session.astype(np.int64) * DAY_NS + (21 if bars_per_session == 1 else 15 + hour) * 3_600 * 10**9
    day_end = np.ones(n_bars, bool) if bars_per_session == 1 else np.r_[session[1:] != session[:-1], True]
    gone_row, gone_price = np.full(n_symbols, -1, np.int64), np.full(n_symbols, np.nan)
    for column, (row, price) in (delisted or {}).items():
        gone_row[column], gone_price[column] = row, price
    actions = make_actions(splits, dividends, funding)
    classes = (asset_class,) * n_symbols if isinstance(asset_class, str) else tuple(asset_class)
    return Bars(
        index=np.ascontiguousarray(index, np.int64),
        session=session,
        symbols=tuple(symbols or (f"S{i:03d}" for i in range(n_symbols))),
        open=o,
        high=h,
        low=lo,
        close=c,
        volume=v,
        expected=np.ones((n_bars, 1), bool) if expected is None else np.asarray(expected, bool).reshape(n_bars, -1),
        calendar_of=np.zeros(n_symbols, np.int64),
        tradable=np.ones(c.shape, bool) if tradable is None else np.asarray(tradable, bool).reshape(c.shape),
        delisted_row=gone_row,
        delisted_price=gone_price,
        sampled=np.ones(n_bars, bool) if sampled is None else np.asarray(sampled, bool),
        day_end=day_end,
        actions=actions,
        quotes=quotes,
        asset_class=classes,
        calendars=("24/7" if every_day else "XNYS",),
        timeframe="1d" if bars_per_session == 1 else "1h",
        periods_per_year=(365.0 if every_day else 252.0) * bars_per_session,
        benchmark=benchmark,
        has_volume=not bool(np.all(np.isnan(v))),
        factor=accumulate_factor(c, actions) if factor is None else factor,
    )


def random_bars(
    n_bars: int = 200,
    n_symbols: int = 4,
    seed: int = 0,
    *,
    volatility: float = 0.3,
    missing: float = 0.0,
    no_volume: float = 0.0,
    n_splits: int = 0,
    n_dividends: int = 0,
    **more: Any,
) -> Bars:
    """Geometric Brownian motion with overnight gaps; a share of bars missing or without volume; random actions."""
    rng = np.random.default_rng(seed)
    shape = (n_bars, n_symbols)
    step = volatility / np.sqrt(252.0)
    gap = rng.standard_normal(shape) * 0.35 * step
    intraday = rng.standard_normal(shape) * 0.94 * step
    gap[0] = 0.0
    log_close = np.cumsum(gap + intraday, axis=0) + np.log(rng.uniform(20.0, 200.0, n_symbols))
    splits = [
        (int(rng.integers(1, n_bars)), int(rng.integers(n_symbols)), float(rng.choice([2.0, 3.0, 1.5, 0.5, 0.1])))
        for _ in range(n_splits)
    ]
    for row, column, ratio in splits:
        log_close[row:, column] -= np.log(ratio)
    close = np.exp(log_close)
    open_ = np.exp(log_close - intraday)
    high = np.maximum(open_, close) * np.exp(np.abs(rng.standard_normal(shape)) * 0.35 * step)
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.standard_normal(shape)) * 0.35 * step)
    volume = np.floor(rng.lognormal(11.0, 0.5, shape))
    volume[rng.random(shape) < no_volume] = 0.0
    gone = rng.random(shape) < missing
    for panel in (open_, high, low, close, volume):
        panel[gone] = np.nan
    cash = [
        (row, column, float(0.01 * np.nanmean(close[max(0, row - 3) : row + 1, column])))
        for row, column in ((int(rng.integers(1, n_bars)), int(rng.integers(n_symbols))) for _ in range(n_dividends))
        if not np.all(np.isnan(close[max(0, row - 3) : row + 1, column]))
    ]
    return make_bars(open_, high, low, close, volume, splits=splits, dividends=cash, **more)
