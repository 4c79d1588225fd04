"""Synthetic markets from a seed: correlated factors, volatility that clusters, fat tails, overnight gaps, splits and dividends.

Returns follow a one-market, several-sector factor model whose market, sector and own shocks are each GARCH(1,1) with Student-t(5)
innovations [1]_; the extremes of a bar are those of the Brownian bridge between its open and close [2]_. Nobody ever traded at
these prices; whatever shows them says so.

References
----------
.. [1] Bollerslev (1987), "A Conditionally Heteroskedastic Time Series Model for Speculative Prices and Rates of Return",
   Review of Economics and Statistics 69(3), 542-547.
.. [2] Beckers (1983), "Variances of Security Price Returns Based on High, Low, and Closing Prices", J. Business 56(1), 97-112.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trading_system.data.calendars import calendar
from trading_system.data.source import Rows

if TYPE_CHECKING:
    from trading_system.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Recipe:
    """What one synthetic market is made of; volatilities per day, drift per year, as fractions."""

    prefix: str
    n_symbols: int
    calendar: str
    first: dt.date
    last: dt.date
    seed: int
    market_volatility: float
    own_volatility: float
    drift: float
    overnight: float
    n_sectors: int
    pays: float
    digits: int


MARKETS = {
    "crypto10": Recipe("COIN", 10, "24/7", dt.date(2014, 1, 1), dt.date(2020, 12, 31), 3, 0.028, 0.026, 0.35, 0.02, 2, 0.0, 4),
    "equities50": Recipe(
        "SYN", 50, "XNYS", dt.date(2010, 1, 4), dt.date(2020, 12, 31), 1, 0.0085, 0.014, 0.08, 0.35, 5, 0.5, 2
    ),
    "etfs10": Recipe("FUND", 10, "XNYS", dt.date(2010, 1, 4), dt.date(2020, 12, 31), 2, 0.0085, 0.004, 0.06, 0.35, 3, 0.8, 2),
}
_ALPHA, _BETA = 0.08, 0.90


def generate(name: str, *, seed: int | None = None) -> Rows:
    """Rows of the synthetic market `name`, the same for the same seed; daily, raw prices with splits and dividends."""
    recipe = MARKETS[name]
    rng = np.random.Generator(np.random.PCG64(recipe.seed if seed is None else seed))
    first, last = (day.toordinal() - 719_163 for day in (recipe.first, recipe.last))
    day = calendar(recipe.calendar, first, last).day.astype(np.int64)
    columns = _market(recipe, day, rng)
    n_bars, n = day.size, recipe.n_symbols
    symbols = tuple(f"{recipe.prefix}{i + 1:02d}" for i in range(n))
    return Rows(
        symbols,
        np.repeat(np.arange(n), n_bars),
        np.tile(day, n),
        "date",
        {key: np.ascontiguousarray(panel.T).reshape(-1) for key, panel in columns.items()},
        lambda row: f"{name} (synthetic): {symbols[row // n_bars]} row {row % n_bars + 1}",
        (f"{name} is SYNTHETIC: made by a generator from a seed, not traded prices",),
        synthetic=True,
    )


def _clustered(rng: np.random.Generator, n_bars: int, n: int, volatility: float) -> tuple[FloatArray, FloatArray]:
    """GARCH(1,1) shocks with Student-t(5) innovations and their conditional deviations, each (n_bars, n)."""
    shock = rng.standard_t(5, (n_bars, n)) / np.sqrt(5.0 / 3.0)
    variance = np.full(n, volatility**2)
    out, deviation = np.empty((n_bars, n)), np.empty((n_bars, n))
    for t in range(n_bars):
        deviation[t] = np.sqrt(variance)
        out[t] = np.clip(shock[t], -8.0, 8.0) * deviation[t]
        variance = (1.0 - _ALPHA - _BETA) * volatility**2 + _ALPHA * out[t] ** 2 + _BETA * variance
    return out, deviation


def _market(recipe: Recipe, day: IntArray, rng: np.random.Generator) -> dict[str, FloatArray]:
    n_bars, n = day.size, recipe.n_symbols
    market, market_deviation = _clustered(rng, n_bars, 1, recipe.market_volatility)
    sector, _ = _clustered(rng, n_bars, recipe.n_sectors, 0.4 * recipe.market_volatility)
    own_volatility = recipe.own_volatility * rng.uniform(0.6, 1.5, n)
    own, own_deviation = _clustered(rng, n_bars, n, 1.0)
    own, own_deviation = own * own_volatility, own_deviation * own_volatility
    beta = rng.uniform(0.5, 1.5, n)
    per_year = 365.0 if recipe.calendar == "24/7" else 252.0
    total = market * beta + sector[:, np.arange(n) % recipe.n_sectors] + own
    deviation = np.sqrt((market_deviation * beta) ** 2 + own_deviation**2)
    growth = recipe.drift / per_year * (0.4 + 0.6 * beta) - 0.5 * deviation**2
    part = np.sqrt(recipe.overnight)
    gap = part * part * total + deviation * part * np.sqrt(1 - part * part) * rng.standard_normal((n_bars, n))
    inside = total + growth - gap
    above, below = _extremes(rng, inside, deviation * np.sqrt(1 - recipe.overnight))
    columns = _walk(recipe, day, rng, gap, inside, above, below)
    columns["volume"] = _volumes(rng, deviation, total, columns["close"], columns["split"])
    return columns


def _extremes(rng: np.random.Generator, move: FloatArray, deviation: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Highest and lowest log-price of a Brownian bridge from 0 to `move`."""
    room = -2.0 * deviation**2 * np.log(rng.uniform(1e-9, 1.0, (2, *move.shape)))
    above = 0.5 * (move + np.sqrt(move**2 + room[0]))
    below = 0.5 * (move - np.sqrt(move**2 + room[1]))
    return above, below


def _walk(
    recipe: Recipe,
    day: IntArray,
    rng: np.random.Generator,
    gap: FloatArray,
    inside: FloatArray,
    above: FloatArray,
    below: FloatArray,
) -> dict[str, FloatArray]:
    """Printed prices: ex-dividend drops, and a split where the price has run up."""
    n_bars, n = gap.shape
    price: FloatArray = np.exp(rng.uniform(np.log(15.0), np.log(120.0), n))
    columns = {name: np.empty((n_bars, n)) for name in ("open", "high", "low", "close")}
    split, dividend = np.ones((n_bars, n)), np.zeros((n_bars, n))
    payer = rng.uniform(size=n) < recipe.pays
    pay_yield, offset = rng.uniform(0.002, 0.009, (n,)), rng.integers(0, 63, n)
    splits = rng.uniform(size=(n_bars, n)) < 0.02
    for t in range(n_bars):
        if recipe.pays and t:
            divides: BoolArray = splits[t] & (price > 240.0)
            split[t][divides] = np.where(price[divides] > 480.0, 4.0, 2.0)
            price = np.asarray(price / split[t])
            due = payer & ((t + offset) % 63 == 0)
            dividend[t, due] = np.round(price[due] * pay_yield[due], 2)
            price = np.asarray(price - dividend[t])
        open_ = np.maximum(price * np.exp(gap[t]), 10.0**-recipe.digits)
        for name, log in (("open", np.zeros(n)), ("high", above[t]), ("low", below[t]), ("close", inside[t])):
            columns[name][t] = np.maximum(np.round(open_ * np.exp(log), recipe.digits), 10.0**-recipe.digits)
        price = columns["close"][t].copy()
    return {**columns, "split": split, "dividend": dividend}


def _volumes(
    rng: np.random.Generator, deviation: FloatArray, total: FloatArray, close: FloatArray, split: FloatArray
) -> FloatArray:
    """Units traded: about 1 to 100 million of quote currency a day, more on days that move, persistent."""
    n_bars, n = total.shape
    level = rng.uniform(np.log(5e6), np.log(1e8), n)
    noise = 0.25 * rng.standard_normal((n_bars, n))
    slow = np.zeros(n)
    value = np.empty((n_bars, n))
    for t in range(n_bars):
        slow = 0.9 * slow + noise[t]
        value[t] = level + slow + 0.35 * np.minimum(np.abs(total[t]) / deviation[t], 4.0)
    return np.asarray(np.maximum(np.round(np.exp(value) / close), 1.0))
