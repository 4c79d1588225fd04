"""The measures of one series or of one list of trades worked out together: what several of them need is taken once.

Each number has the bits of its own registered function, by the same operations in the same order; a test holds it to that.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from trading_system.metrics.base import per_period, ratio
from trading_system.metrics.returns import VAR_LEVEL
from trading_system.metrics.trades import longest_run

if TYPE_CHECKING:
    from trading_system.metrics.curve import Year
    from trading_system.types import FloatArray

NAN = float("nan")
_Z = NormalDist().inv_cdf(VAR_LEVEL)


def return_metrics(returns: FloatArray, year: Year) -> dict[str, float]:
    """Every measure of simple returns, shape (n,), but for those of the levels; nothing where `returns` are not finite."""
    n = returns.size
    if n == 0 or not np.isfinite(returns).all():
        return {}
    most, least = float(np.maximum.reduce(returns)), float(np.minimum.reduce(returns))
    mean, spread, (m2, m3, m4) = _moments(returns, most == least)
    root = float(np.sqrt(year.periods))
    rate, mar = (float(per_period(yearly, year.periods, n)) for yearly in (year.risk_free, year.mar))
    excess, deviation = mean, spread
    if rate != 0.0:
        above = returns - rate
        excess, deviation, _ = _moments(above, bool(np.maximum.reduce(above) == np.minimum.reduce(above)))
    short = returns - mar
    downside = math.sqrt(np.add.reduce(np.minimum(short, 0.0) ** 2) / n)
    gains = ratio(float(np.add.reduce(np.maximum(returns, 0.0))), float(np.add.reduce(np.maximum(-returns, 0.0))))
    ups, moves = int(np.count_nonzero(returns > 0.0)), int(np.count_nonzero(returns))
    q05, q95 = _quantiles(returns)
    tail = returns[returns <= q05]
    g1, kurtosis = ratio(m3, m2**1.5), ratio(m4, m2 * m2)
    return {
        "ann_vol": spread * root,
        "sharpe": excess / deviation * root if deviation > 0.0 else NAN,
        "sortino": ratio(float(np.add.reduce(short) / n), downside) * root,
        "omega0": gains,
        "profit_factor_periods": gains,
        "hit_rate": ratio(ups, n),
        "win_rate_nonzero": ratio(ups, moves),
        "best_period": most,
        "worst_period": least,
        "tail_ratio": ratio(abs(q95), abs(q05)),
        "var_95": q05,
        "cvar_95": float(np.add.reduce(tail) / tail.size),
        "gaussian_var_95": mean + spread * _Z,
        "skew_g1": g1,
        "kurtosis_raw": kurtosis,
        "skew_G1": g1 * math.sqrt(n * (n - 1.0)) / (n - 2.0) if n > 2 else NAN,
        "excess_kurtosis_G2": (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * (kurtosis - 3.0) + 6.0) if n > 3 else NAN,
    }


def _moments(series: FloatArray, constant: bool) -> tuple[float, float, tuple[float, float, float]]:
    """Mean, sample deviation (0 when `constant`, NaN below two values) and the population moments m2, m3, m4."""
    n = series.size
    mean = float(np.add.reduce(series) / n)
    if constant:
        return mean, 0.0 if n > 1 else NAN, (0.0, 0.0, 0.0)
    centred = series - mean
    square = centred * centred
    squares = np.add.reduce(square)
    third, fourth = np.add.reduce(square * centred), np.add.reduce(square * square)
    return mean, math.sqrt(squares / (n - 1)), (float(squares / n), float(third / n), float(fourth / n))


def _quantiles(series: FloatArray) -> tuple[float, float]:
    """The 5 % and the 95 % quantile (type 7)."""
    last = series.size - 1
    places = [last * level for level in (VAR_LEVEL, 1.0 - VAR_LEVEL)]
    below = [int(place) for place in places]
    above = [min(at + 1, last) for at in below]
    part = np.partition(series, [*below, *above])
    q05, q95 = (between(float(part[a]), float(part[b]), x - a) for a, b, x in zip(below, above, places, strict=True))
    return q05, q95


def between(first: float, second: float, share: float) -> float:
    """Linear interpolation as numpy's quantile does it, from the nearer end."""
    gap = second - first
    return second - gap * (1.0 - share) if share >= 0.5 else first + gap * share


def trade_metrics(pnl: FloatArray, return_pct: FloatArray, staked: FloatArray, risk: FloatArray) -> dict[str, float]:
    """Every measure of closed trades; nothing where there is none, or where a result is not finite.

    Parameters
    ----------
    pnl, return_pct : float64, shape (n_trades,)
        Results in money and as fractions, in the order of exit.
    staked, risk : float64, shape (n_with_stop,)
        Results and initial risks, above 0, of the trades that had a stop.
    """
    n = pnl.size
    if n == 0 or not (np.isfinite(pnl).all() and np.isfinite(return_pct).all() and np.isfinite(risk).all()):
        return {}
    won, lost = _sides(pnl)
    wins, losses = pnl > 0.0, pnl < 0.0
    n_wins, n_losses = int(np.count_nonzero(wins)), int(np.count_nonzero(losses))
    average_win, average_loss = ratio(won, n_wins), ratio(-lost, n_losses)
    payoff, win_rate = ratio(average_win, abs(average_loss)), ratio(n_wins, n)
    mean, sqn = _mean_and_t(pnl, math.inf)
    expectancy_r, sqn_r, sqn_capped = NAN, NAN, NAN
    if staked.size:
        multiples = staked / risk
        expectancy_r, sqn_r = _mean_and_t(multiples, math.inf)
        sqn_capped = sqn_r if multiples.size <= 100 else _mean_and_t(multiples, 100.0)[1]
    return {
        "n_trades": n,
        "win_rate": win_rate,
        "loss_rate": ratio(n_losses, n),
        "avg_win": average_win,
        "avg_loss": average_loss,
        "best_trade": float(np.maximum.reduce(pnl)),
        "worst_trade": float(np.minimum.reduce(pnl)),
        "payoff_ratio": payoff,
        "profit_factor": ratio(won, lost),
        "profit_factor_on_returns": ratio(*_sides(return_pct)),
        "expectancy": mean,
        "expectancy_R": expectancy_r,
        "sqn": sqn_r,
        "sqn_capped_100": sqn_capped,
        "sqn_on_pnl": sqn,
        "kelly": win_rate - ratio(1.0 - win_rate, payoff),
        "max_consecutive_wins": longest_run(wins),
        "max_consecutive_losses": longest_run(losses),
    }


def _sides(series: FloatArray) -> tuple[float, float]:
    """Sum of the gains and of the losses, both at least 0."""
    return float(np.add.reduce(np.maximum(series, 0.0))), float(np.add.reduce(np.maximum(-series, 0.0)))


def _mean_and_t(series: FloatArray, most: float) -> tuple[float, float]:
    """Mean, and sqrt(min(N, `most`)) mean / std; NaN below two values or without variation."""
    n = series.size
    mean = np.add.reduce(series) / n
    if n < 2 or np.maximum.reduce(series) == np.minimum.reduce(series):
        return float(mean), NAN
    centred = series - mean
    spread = math.sqrt(np.add.reduce(centred * centred) / (n - 1))
    return float(mean), float(np.sqrt(min(n, most)) * mean / spread) if spread > 0.0 else NAN
