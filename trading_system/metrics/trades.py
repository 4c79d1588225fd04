"""Measures of closed trades.

`pnl` is the profit of each trade in money after all costs, shape (n_trades,); `initial_risk` the money lost at its initial
stop, above 0; R = pnl / initial_risk. A trade that breaks even (pnl 0) counts in n and is neither a win nor a loss. All
figures are in money except those named for R or for returns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trading_system.errors import DataError
from trading_system.metrics.base import as_series, deviation, metrics, ratio

if TYPE_CHECKING:
    from trading_system.types import BoolArray, FloatArray

NAN = float("nan")


def _mean(series: FloatArray) -> float:
    return float(series.mean()) if series.size else NAN


def _won(series: FloatArray) -> float:
    return float(np.maximum(series, 0.0).sum())


def _lost(series: FloatArray) -> float:
    return float(np.maximum(-series, 0.0).sum())


@metrics.register("n_trades")
def n_trades(pnl: FloatArray) -> float:
    """Number of closed trades."""
    return as_series(pnl, "pnl").size


@metrics.register("win_rate")
def win_rate(pnl: FloatArray) -> float:
    """Share of trades with pnl > 0; break-even trades count in the denominator."""
    series = as_series(pnl, "pnl")
    return ratio(int(np.count_nonzero(series > 0.0)), series.size)


@metrics.register("loss_rate")
def loss_rate(pnl: FloatArray) -> float:
    """Share of trades with pnl < 0."""
    series = as_series(pnl, "pnl")
    return ratio(int(np.count_nonzero(series < 0.0)), series.size)


@metrics.register("avg_win")
def avg_win(pnl: FloatArray) -> float:
    """Mean profit of the winning trades, money; NaN when there is none."""
    series = as_series(pnl, "pnl")
    return ratio(_won(series), int(np.count_nonzero(series > 0.0)))


@metrics.register("avg_loss")
def avg_loss(pnl: FloatArray) -> float:
    """Mean result of the losing trades, money, negative; NaN when there is none."""
    series = as_series(pnl, "pnl")
    return ratio(-_lost(series), int(np.count_nonzero(series < 0.0)))


@metrics.register("best_trade")
def best_trade(pnl: FloatArray) -> float:
    """Largest profit of one trade, money."""
    series = as_series(pnl, "pnl")
    return float(series.max()) if series.size else NAN


@metrics.register("worst_trade")
def worst_trade(pnl: FloatArray) -> float:
    """Smallest result of one trade, money."""
    series = as_series(pnl, "pnl")
    return float(series.min()) if series.size else NAN


@metrics.register("payoff_ratio")
def payoff_ratio(pnl: FloatArray) -> float:
    """Mean win / |mean loss|; NaN without both a winning and a losing trade."""
    return ratio(avg_win(pnl), abs(avg_loss(pnl)))


@metrics.register("profit_factor")
def profit_factor(pnl: FloatArray) -> float:
    """Sum of wins / |sum of losses|, on money; on `return_pct` it is `profit_factor_on_returns`."""
    series = as_series(pnl, "pnl")
    return ratio(_won(series), _lost(series))


@metrics.register("profit_factor_on_returns")
def profit_factor_on_returns(return_pct: FloatArray) -> float:
    """Sum of gains / |sum of losses| of the trades' own returns, unweighted by size."""
    return profit_factor(as_series(return_pct, "return_pct"))


@metrics.register("expectancy")
def expectancy(pnl: FloatArray) -> float:
    """Mean result of a trade, money."""
    return _mean(as_series(pnl, "pnl"))


def r_multiples(pnl: FloatArray, initial_risk: FloatArray) -> FloatArray:
    """Result of each trade in units of its initial risk, R_i = p_i / k_i, shape (n_trades,).

    Raises
    ------
    DataError
        An initial risk that is not above 0: a trade without a stop has no R-multiple; leave it out.
    """
    series = as_series(pnl, "pnl")
    risk = as_series(initial_risk, "initial risks", size=series.size)
    if (risk <= 0.0).any():
        bad = int(np.flatnonzero(risk <= 0.0)[0])
        raise DataError(
            f"initial risk of trade {bad} is {risk[bad]}", allowed="above 0", remedy="leave out trades without a stop"
        )
    return np.asarray(series / risk)


@metrics.register("expectancy_R")
def expectancy_r(pnl: FloatArray, initial_risk: FloatArray) -> float:
    """Mean R-multiple."""
    return _mean(r_multiples(pnl, initial_risk))


def sqn_of(values: FloatArray, most: float = np.inf) -> float:
    """sqrt(min(N, `most`)) mean / std (ddof 1): the one-sample t statistic; NaN below two values or without variation."""
    series = as_series(values, "values")
    spread = deviation(series)
    return float(np.sqrt(min(series.size, most)) * series.mean() / spread) if spread > 0.0 else NAN


@metrics.register("sqn")
def sqn(pnl: FloatArray, initial_risk: FloatArray) -> float:
    """System quality number (Tharp 2008), sqrt(N) mean(R) / std(R): the t statistic of R."""
    return sqn_of(r_multiples(pnl, initial_risk))


@metrics.register("sqn_capped_100")
def sqn_capped_100(pnl: FloatArray, initial_risk: FloatArray) -> float:
    """System quality number with sqrt(min(N, 100)), so that many trades alone do not make a system good."""
    return sqn_of(r_multiples(pnl, initial_risk), 100.0)


@metrics.register("sqn_on_pnl")
def sqn_on_pnl(pnl: FloatArray) -> float:
    """The same statistic on money, for trades without a stop."""
    return sqn_of(as_series(pnl, "pnl"))


@metrics.register("kelly")
def kelly(pnl: FloatArray) -> float:
    """Kelly fraction W - (1 - W) / payoff, on money; NaN without both a winning and a losing trade (Kelly 1956)."""
    wins = win_rate(pnl)
    return wins - ratio(1.0 - wins, payoff_ratio(pnl))


def longest_run(held: BoolArray) -> int:
    """Length of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], held.view(np.int8), [0]))))
    return int((edges[1::2] - edges[::2]).max(initial=0))


@metrics.register("max_consecutive_wins")
def max_consecutive_wins(pnl: FloatArray) -> float:
    """Most winning trades in a row, in order of exit; a break-even trade ends the run."""
    return longest_run(as_series(pnl, "pnl") > 0.0)


@metrics.register("max_consecutive_losses")
def max_consecutive_losses(pnl: FloatArray) -> float:
    """Most losing trades in a row, in order of exit; a break-even trade ends the run."""
    return longest_run(as_series(pnl, "pnl") < 0.0)
