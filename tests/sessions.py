"""Bars on the sessions of real calendars, daily or hourly, asked from exchange-calendars itself."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import exchange_calendars
import numpy as np
import pandas as pd

from tests.builders import DAY_NS, make_bars
from trading_system.data.bars import Bars

HOUR_NS = 3_600 * 10**9


@functools.cache
def schedule(name: str, first: str, last: str) -> pd.DataFrame:
    """Open and close (UTC ns) of each session, by date."""
    if name in ("24/7", "24/5"):
        days = pd.date_range(first, last, freq="D" if name == "24/7" else "B")
        start = days.to_numpy().astype("M8[ns]").astype(np.int64)
        return pd.DataFrame({"open": start, "close": start + DAY_NS}, index=days)
    found = exchange_calendars.get_calendar(name, start="2000-01-03", end="2026-01-02").schedule.loc[first:last]
    return pd.DataFrame(
        {key: found[key].dt.tz_convert(None).to_numpy().astype("M8[ns]").astype(np.int64) for key in ("open", "close")},
        found.index,
    )


def prices(n_bars: int, n_symbols: int, seed: int, missing: float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    close = 50.0 * np.exp(np.cumsum(rng.normal(0.0005, 0.02, (n_bars, n_symbols)), axis=0))
    open_ = close * np.exp(rng.normal(0.0, 0.008, close.shape))
    spread = np.abs(rng.normal(0.0, 0.006, (2, *close.shape)))
    high, low = np.maximum(open_, close) * (1 + spread[0]), np.minimum(open_, close) * (1 - spread[1])
    volume = np.floor(rng.lognormal(10.0, 0.5, close.shape))
    gone = rng.random(close.shape) < missing
    panels = {"open": open_, "high": high, "low": low, "close": close, "volume": volume}
    return {key: np.where(gone, np.nan, panel) for key, panel in panels.items()}


def session_bars(
    name: str = "XNYS",
    first: str = "2015-01-05",
    last: str = "2016-06-30",
    *,
    hourly: bool = False,
    n_symbols: int = 3,
    seed: int = 0,
    missing: float = 0.0,
    **fields: Any,
) -> Bars:
    """Random prices on the true closes of a calendar; hourly bars end at full hours after the open and at the close."""
    index, session = [], []
    for day, row in schedule(name, first, last).iterrows():
        stamps = [*range(int(row["open"]) + HOUR_NS, int(row["close"]), HOUR_NS)] if hourly else []
        index += [*stamps, int(row["close"])]
        session += [int(day.to_numpy().astype("M8[D]").astype(int))] * (len(stamps) + 1)
    panels = prices(len(index), n_symbols, seed, missing)
    bars = make_bars(*(panels[key] for key in ("open", "high", "low", "close", "volume")))
    label = np.array(session, np.int32)
    plain: dict[str, Any] = {
        "index": np.array(index, np.int64),
        "session": label,
        "calendars": (name,),
        "timeframe": "1h" if hourly else "1d",
        "day_end": np.r_[label[1:] != label[:-1], True],
        "tradable": ~np.isnan(panels["close"]),
    }
    return replace(bars, **{**plain, **fields})


def mixed(parts: list[Bars]) -> Bars:
    """Several markets of one calendar each on the union of their rows; the first one's calendar is the benchmark's."""
    index = np.unique(np.concatenate([part.index for part in parts]))
    rows = [np.searchsorted(index, part.index) for part in parts]
    session = np.full(index.size, -(2**31), np.int64)
    expected = np.zeros((index.size, len(parts)), bool)
    for number, (part, row) in enumerate(zip(parts, rows, strict=True)):
        session[row] = np.maximum(session[row], part.session)
        expected[row, number] = True

    def spread(name: str) -> np.ndarray:
        blocks = []
        for part, row in zip(parts, rows, strict=True):
            panel = getattr(part, name)
            out = np.full((index.size, panel.shape[1]), np.nan)
            out[row] = panel
            blocks.append(out)
        return np.hstack(blocks)

    panels = {name: spread(name) for name in ("open", "high", "low", "close", "volume")}
    sampled = expected[:, 0].copy()
    bars = make_bars(*panels.values(), sampled=sampled, expected=expected)
    return replace(
        bars,
        index=index,
        session=np.maximum.accumulate(session).astype(np.int32),
        day_end=sampled,
        calendars=tuple(part.calendars[0] for part in parts),
        calendar_of=np.repeat(np.arange(len(parts)), [part.n_symbols for part in parts]),
        tradable=~np.isnan(panels["close"]),
        timeframe=parts[0].timeframe,
    )
