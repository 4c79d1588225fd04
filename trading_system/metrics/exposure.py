"""How much is invested and how much is traded, from weights: fractions of equity per asset, shape (n_periods, n_assets).

Row t of `weights` is held at the start of period t, and `asset_returns` row t is earned in it; the rest is cash without
interest. NaN is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.errors import DataError
from trading_system.metrics.base import checked_periods, metrics, ratio

if TYPE_CHECKING:
    from trading_system.types import FloatArray

NAN = float("nan")


def _panel(values: Any, name: str) -> FloatArray:
    panel = np.asarray(values, dtype=np.float64)
    if panel.ndim == 1 and panel.size == 0:
        panel = panel.reshape(0, 0)
    if panel.ndim != 2:
        raise DataError(f"{name} have {panel.ndim} dimensions", allowed="one row per period, one column per asset")
    if not np.isfinite(panel).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(panel))[0])
        raise DataError(
            f"{name} hold {panel[row, column]}", where=f"{name}: row {row}: column {column}", allowed="finite numbers"
        )
    return panel


def _panels(weights: Any, asset_returns: Any) -> tuple[FloatArray, FloatArray]:
    held, moves = _panel(weights, "weights"), _panel(asset_returns, "asset returns")
    if held.shape != moves.shape:
        raise DataError(f"weights have shape {held.shape}, asset returns {moves.shape}", allowed="equal shapes")
    return held, moves


def portfolio_returns(weights: FloatArray, asset_returns: FloatArray) -> FloatArray:
    """Sum of weight x return per period, shape (n_periods,)."""
    held, moves = _panels(weights, asset_returns)
    return np.asarray((held * moves).sum(axis=1))


def turnover_one_way(weights: FloatArray, asset_returns: FloatArray) -> FloatArray:
    """0.5 sum |w_t - w_t-| per period, shape (n_periods,).

    w_t- = w_{t-1} (1 + r_{t-1}) / (1 + r_{t-1} of the portfolio) is the weight drifted by the market; the book starts empty.
    """
    held, moves = _panels(weights, asset_returns)
    before = np.zeros_like(held)
    grown = 1.0 + portfolio_returns(held, moves)[:-1, None]
    if (grown <= 0.0).any():
        raise DataError(f"the portfolio loses everything in period {int(np.argmax(grown <= 0.0))}", allowed="returns above -1")
    before[1:] = held[:-1] * (1.0 + moves[:-1]) / grown
    return np.asarray(0.5 * np.abs(held - before).sum(axis=1))


@metrics.register("turnover_one_way_annual")
def turnover_one_way_annual(weights: FloatArray, asset_returns: FloatArray, periods_per_year: float) -> float:
    """Mean one-way turnover of a period x P."""
    traded = turnover_one_way(weights, asset_returns)
    return float(traded.mean()) * checked_periods(periods_per_year) if traded.size else NAN


@metrics.register("time_in_market")
def time_in_market(weights: FloatArray) -> float:
    """Share of the periods with any weight other than 0."""
    held = _panel(weights, "weights")
    return ratio(int((held != 0.0).any(axis=1).sum()), held.shape[0])


@metrics.register("mean_gross_exposure")
def mean_gross_exposure(weights: FloatArray) -> float:
    """Mean of sum |w|."""
    held = _panel(weights, "weights")
    return float(np.abs(held).sum(axis=1).mean()) if held.shape[0] else NAN


@metrics.register("mean_net_exposure")
def mean_net_exposure(weights: FloatArray) -> float:
    """Mean of sum w."""
    held = _panel(weights, "weights")
    return float(held.sum(axis=1).mean()) if held.shape[0] else NAN
