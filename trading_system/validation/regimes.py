"""Months of one kind, told apart by the benchmark, and how holdings move together when it goes badly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trading_system.metrics import drawdown as falls

if TYPE_CHECKING:
    from trading_system.types import BoolArray, FloatArray, Int8Array, IntArray

LEAST_MONTHS = 6
LEAST_TOGETHER = 20
MOST_SYMBOLS = 400
RANGE = 0.5
"""Of the standard deviation of the benchmark's monthly returns: below minus this a month is a bear's, within both it ranges."""
VOLATILE = 0.8
"""Quantile of the benchmark's volatility within a month above which the month is a volatile one."""
KINDS = ("bear", "range", "high volatility")


def months_of(session: IntArray) -> IntArray:
    """Calendar month of each session label (days since 1970), counted from January 1970."""
    return session.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def regimes(benchmark: FloatArray, session: IntArray) -> dict[str, BoolArray]:
    """Kind of month -> whether each period lies in one, shape (n_periods,); empty with fewer than six months.

    The months are told apart with hindsight, over all of them; nobody trades on it.

    Parameters
    ----------
    benchmark : float64, shape (n_periods,)
        Closes of the benchmark at the periods' ends; NaN where it has none.
    session : int, shape (n_periods,)
        Session label of each.
    """
    month = months_of(session)
    kept = np.flatnonzero(np.isfinite(benchmark))
    there = month[kept]
    names = np.unique(there)
    if names.size < LEAST_MONTHS:
        return {}
    close = benchmark[kept]
    last = np.searchsorted(there, names, side="right") - 1
    ends = close[last]
    change = ends / np.concatenate((close[:1], ends[:-1])) - 1.0
    daily = np.concatenate(([0.0], close[1:] / close[:-1] - 1.0))
    spread = np.array([daily[there == name].std() for name in names])
    width = RANGE * float(change.std(ddof=1))
    calm = np.abs(change) <= width
    chosen = {"bear": change < -width, "range": calm, "high volatility": spread > np.quantile(spread, VOLATILE)}
    return {kind: np.isin(month, names[chosen[kind]]) for kind in KINDS}


def in_drawdown(returns: FloatArray) -> BoolArray:
    """Periods that end more than half of the deepest drawdown below the peak, shape (n_periods,)."""
    fall = falls.drawdown(returns)
    deepest = float(fall.min(initial=0.0))
    return np.asarray((fall < deepest / 2.0) & (deepest < 0.0))


def holdings_correlation(returns: FloatArray, sides: Int8Array, chosen: BoolArray) -> tuple[float, int]:
    """Mean correlation between the returns of positions held together, over the periods `chosen`, and the number of pairs.

    Each pair counts by the periods on which both are held, of which it needs 20; a short position's returns are turned round.

    Parameters
    ----------
    returns : float64, shape (n_periods, n_symbols)
        NaN where a symbol has none.
    sides : int8, shape (n_periods, n_symbols)
        Held into each period.
    chosen : bool, shape (n_periods,)
    """
    values = np.where(sides != 0, returns * sides, np.nan)[chosen]
    held = np.isfinite(values)
    often = np.flatnonzero(held.sum(axis=0) >= LEAST_TOGETHER)
    often = often[np.argsort(-held[:, often].sum(axis=0), kind="stable")][:MOST_SYMBOLS]
    if often.size < 2:
        return float("nan"), 0
    x, m = np.where(held, values, 0.0)[:, often], held[:, often].astype(np.float64)
    n, total, square = m.T @ m, x.T @ m, (x * x).T @ m  # of the row's symbol, on the periods that it shares with the column's
    cross = x.T @ x
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = cross / n - total / n * (total.T / n)
        variance = square / n - (total / n) ** 2
        correlation = covariance / np.sqrt(variance * variance.T)
    upper = np.triu(np.ones(n.shape, np.bool_), 1) & (n >= LEAST_TOGETHER) & np.isfinite(correlation)
    weight = n[upper]
    if not weight.size:
        return float("nan"), 0
    return float((correlation[upper] * weight).sum() / weight.sum()), int(weight.size)
