"""Every measure of one equity curve, and of a curve beside its benchmark, worked out together.

Short curves go through `level_metrics` and `together.return_metrics`, and through the functions of `relative` one by one. Curves of `LONG` periods and more go
through one compiled pass each: the same definitions, from sums; a test holds the two to 1e-12.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, cast

import numpy as np

from trading_system.kernels import door
from trading_system.metrics import _layout as k
from trading_system.metrics import drawdown, returns
from trading_system.metrics.base import annualised_growth, per_period, power, ratio
from trading_system.metrics.together import between

if TYPE_CHECKING:
    from trading_system.types import FloatArray

LONG = 50_000
NAN = float("nan")


@dataclass(frozen=True)
class Year:
    """How periods become years: periods per year, yearly risk-free rate and minimum acceptable return, calendar days."""

    periods: float
    risk_free: float
    mar: float
    days: float


def level_metrics(levels: FloatArray, year: Year) -> dict[str, float]:
    """What is read off the levels V_0..V_n themselves, shape (n + 1,), n at least 1: growth and drawdowns.

    Returns multiplied up again would lose whether a level equals an earlier one.
    """
    running = np.maximum.accumulate(levels)
    every = levels / running - 1.0
    falls, peaks = every[1:], drawdown.highs_of(levels, running)
    fall, n = drawdown.deepest_of(levels, every, peaks), falls.size
    ulcer = math.sqrt(float(np.add.reduce(falls * falls) / n))
    return {
        "max_dd_duration": drawdown.longest_of(n, peaks),
        "time_under_water": int(np.count_nonzero(falls < 0.0)) / n,
        **_place(None if fall is None else (fall.peak, fall.trough, fall.recovery)),
        **_growth(float(levels[-1] / levels[0]), n, year, float(np.minimum.reduce(falls)), ulcer),
    }


def _place(indices: tuple[int, int, int | None] | None) -> dict[str, float]:
    peak, trough, recovery = indices or (NAN, NAN, None)
    return {"dd_peak_index": peak, "dd_trough_index": trough, "dd_recovery_index": NAN if recovery is None else recovery}


def _growth(value: float, n: int, year: Year, deepest: float, ulcer: float) -> dict[str, float]:
    depth = min(0.0, deepest)
    cagr = annualised_growth(value, n / year.periods)
    return {
        "total_return": value - 1.0,
        "cagr": cagr,
        "cagr_calendar": annualised_growth(value, year.days / 365.25),
        "max_drawdown": depth,
        "calmar": ratio(cagr, -depth),
        "ulcer": ulcer,
        "martin": ratio(cagr - year.risk_free, ulcer),
    }


@dataclass(frozen=True, eq=False)
class Pass:
    """What one compiled pass over a curve found; `below` and `above` hold the returns of its tails."""

    n: int
    sums: FloatArray
    falls: FloatArray
    below: FloatArray
    above: FloatArray

    def total(self, which: int) -> float:
        """One of the sums."""
        return float(self.sums[which : which + k.BLOCK].sum())

    @property
    def mean(self) -> float:
        """Mean return."""
        return self.total(k.SUM) / self.n

    @property
    def spread(self) -> float:
        """Sample deviation of the returns (ddof 1)."""
        return math.sqrt(self.moments[0] * self.n / (self.n - 1.0))

    @property
    def constant(self) -> bool:
        """Whether returns never vary."""
        return bool(self.sums[k.LEAST : k.LEAST + k.BLOCK].min() == self.sums[k.MOST : k.MOST + k.BLOCK].max())

    @property
    def moments(self) -> tuple[float, float, float]:
        """Population moments m2, m3, m4 about the mean."""
        if self.constant:
            return 0.0, 0.0, 0.0
        m, s2, s3, s4 = self.mean, self.total(k.SUM2) / self.n, self.total(k.SUM3) / self.n, self.total(k.SUM4) / self.n
        return s2 - m * m, s3 - 3.0 * m * s2 + 2.0 * m**3, s4 - 4.0 * m * s3 + 6.0 * m * m * s2 - 3.0 * m**4

    @property
    def trustworthy(self) -> bool:
        """Whether sums about 0 keep their digits: the mean is no larger than the deviation."""
        m2 = self.moments[0]
        return self.constant or self.mean * self.mean <= m2


def run_pass(equity: FloatArray, start: float, mar: float, *, tails: bool) -> Pass:
    """One pass over levels V_1..V_n above 0; `tails` copies a little more than the lowest and highest 5 % of the returns."""
    from trading_system.metrics._kernels import curve_sums

    n = equity.size
    low, high = _brackets(equity) if tails else (-np.inf, np.inf)
    sums, falls, found = np.empty(k.N_SUMS * k.BLOCK), np.empty(k.N_FALLS), np.empty(2, np.int64)
    room = n + 1 if tails else 1
    below, above = np.empty(room), np.empty(room)
    moves, lanes = np.empty(k.BLOCK), np.empty(4 * k.LANES)
    curve_sums(_door(equity), start, mar, low, high, moves, lanes, sums, falls, below, above, found)
    return Pass(n, sums, falls, below[: found[0]], above[: found[1]])


def _door(values: FloatArray) -> FloatArray:
    """As the kernels take it: read-only, so that one signature is compiled."""
    return cast("FloatArray", door(values, np.float64))


def _brackets(equity: FloatArray) -> tuple[float, float]:
    """Bounds that hold, with room to spare, the lowest and the highest 5 % of the returns, from every so many of them."""
    step = max(1, equity.size // 8192)
    later = equity[step::step]
    some = np.sort(later / equity[step - 1 : -1 : step][: later.size] - 1.0)
    inside = int(some.size * 0.065) + 1
    return float(some[inside]), float(some[-1 - inside])


def quantile_pair(found: Pass) -> tuple[float, float, float] | None:
    """q05, q95 (type 7) and the mean of the returns at or below q05; None when the tails copied are too short."""
    position = (found.n - 1) * 0.05
    at = int(position)
    if found.below.size < at + 2 or found.above.size < at + 2:
        return None
    low = np.partition(found.below, at + 1)
    high = np.partition(found.above, found.above.size - at - 2)[found.above.size - at - 2 :]
    share = position - at
    q05 = between(float(low[: at + 1].max()), float(low[at + 1]), share)
    q95 = between(float(high[0]), float(high[1:].min()), 1.0 - share)
    inside = low <= q05
    return q05, q95, float((low * inside).sum() / np.count_nonzero(inside))


def long_metrics(found: Pass, end: float, start: float, year: Year) -> dict[str, float] | None:
    """The measures of a curve from one pass; None when the pass cannot answer to full accuracy."""
    tails = quantile_pair(found)
    if tails is None or not found.trustworthy:
        return None
    n, mean, falls = found.n, found.mean, found.falls
    m2, m3, m4 = found.moments
    spread, root, g1, kurtosis = found.spread, math.sqrt(year.periods), ratio(m3, m2**1.5), ratio(m4, m2 * m2)
    q05, q95, shortfall = tails
    ups, downs = found.total(k.N_UP), found.total(k.N_DOWN)
    gains = ratio(found.total(k.GAIN), -found.total(k.LOSS))
    excess, missed = mean - _rate(year.risk_free, year), mean - _rate(year.mar, year)
    recovery = None if falls[k.RECOVERY] < 0.0 else int(falls[k.RECOVERY])
    fallen = None if falls[k.WORST] == 0.0 else (int(falls[k.PEAK]), int(falls[k.TROUGH]), recovery)
    return {
        "ann_vol": spread * root,
        "sharpe": excess / spread * root if spread > 0.0 else NAN,
        "sortino": ratio(missed, math.sqrt(found.total(k.SHORTFALL) / n)) * root,
        "omega0": gains,
        "profit_factor_periods": gains,
        "hit_rate": ups / n,
        "win_rate_nonzero": ratio(ups, ups + downs),
        "best_period": float(found.sums[k.MOST : k.MOST + k.BLOCK].max()),
        "worst_period": float(found.sums[k.LEAST : k.LEAST + k.BLOCK].min()),
        "tail_ratio": ratio(abs(q95), abs(q05)),
        "var_95": q05,
        "cvar_95": shortfall,
        "gaussian_var_95": mean + spread * NormalDist().inv_cdf(returns.VAR_LEVEL),
        "skew_g1": g1,
        "kurtosis_raw": kurtosis,
        "skew_G1": g1 * math.sqrt(n * (n - 1.0)) / (n - 2.0),
        "excess_kurtosis_G2": (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * (kurtosis - 3.0) + 6.0),
        "max_dd_duration": int(max(falls[k.LONGEST], n - falls[k.PEAK_AT])),
        "time_under_water": falls[k.UNDER] / n,
        **_place(fallen),
        **_growth(end / start, n, year, float(falls[k.WORST]), math.sqrt(falls[k.SQUARES] / n)),
    }


def _rate(rate: float, year: Year) -> float:
    return float(per_period(rate, year.periods, 0))


def benchmark_metrics(found: Pass, closes: FloatArray, year: Year) -> dict[str, float]:
    """The benchmark's own figures from one pass over its closes; it is bought at the first of them."""
    excess = found.mean - _rate(year.risk_free, year)
    growth = _growth(float(closes[-1] / closes[0]), found.n, year, float(found.falls[k.WORST]), NAN)
    return {
        "benchmark_total_return": growth["total_return"],
        "benchmark_cagr": growth["cagr"],
        "benchmark_ann_vol": found.spread * math.sqrt(year.periods),
        "benchmark_sharpe": excess / found.spread * math.sqrt(year.periods) if found.spread > 0.0 else NAN,
        "benchmark_max_drawdown": growth["max_drawdown"],
    }


def long_relative(
    run: Pass, market: Pass, equity: FloatArray, start: float, closes: FloatArray, year: Year
) -> dict[str, float] | None:
    """The measures of a run beside its benchmark from one pass over both; None when it cannot answer to full accuracy."""
    sums, growth = _pair_pass(equity, start, closes)

    def part(which: int) -> FloatArray:
        return sums[which : which + k.BLOCK]

    n, active = run.n, run.mean - market.mean
    active_m2 = float(part(k.ACTIVE2).sum()) / n - active * active
    if part(k.ACTIVE_LEAST).min() == part(k.ACTIVE_MOST).max():
        active_m2 = 0.0
    elif active * active > active_m2:
        return None
    if not (np.isfinite(growth).all() and run.trustworthy and market.trustworthy):
        return None
    (run_m2, _, _), (market_m2, _, _), root = run.moments, market.moments, math.sqrt(year.periods)
    covariance = float(part(k.PRODUCT).sum()) / n - run.mean * market.mean
    slope = covariance / market_m2 if market_m2 > 0.0 else NAN
    rate = _rate(year.risk_free, year)
    intercept = run.mean - rate - slope * (market.mean - rate)
    spread, both = math.sqrt(active_m2 * n / (n - 1.0)), math.sqrt(run_m2 * market_m2)
    ups, downs = market.total(k.N_UP), market.total(k.N_DOWN)
    up_run, up_market, down_run, down_market = (
        math.expm1(ratio(total, m)) for total, m in zip(growth, (ups, ups, downs, downs), strict=True)
    )
    return {
        "beta": slope,
        "alpha_period": intercept,
        "alpha_ann_arith": year.periods * intercept,
        "alpha_ann_geom": power(1.0 + intercept, year.periods) - 1.0 if intercept >= -1.0 else NAN,
        "correlation": max(-1.0, min(1.0, covariance / both)) if both > 0.0 else NAN,
        "tracking_error": spread * root,
        "information_ratio": active / spread * root if spread > 0.0 else NAN,
        "up_capture": ratio(up_run, up_market),
        "down_capture": ratio(down_run, down_market),
    }


def _pair_pass(equity: FloatArray, start: float, closes: FloatArray) -> tuple[FloatArray, FloatArray]:
    from trading_system.metrics._kernels import pair_sums

    sums, growth = np.empty(k.N_PAIR_SUMS * k.BLOCK), np.empty(4)
    moves, market, lanes = np.empty(k.BLOCK), np.empty(k.BLOCK), np.empty(4 * k.LANES)
    pair_sums(_door(equity), start, _door(closes), float(closes[0]), moves, market, lanes, sums, growth)
    return sums, growth


def exposure_metrics(gross: FloatArray, net: FloatArray) -> dict[str, float]:
    """Time in the market, mean and largest gross and mean net exposure at the closes, each of shape (n_periods,)."""
    n = gross.size
    if n == 0:
        return {"time_in_market": NAN, "mean_gross_exposure": NAN, "mean_net_exposure": NAN, "max_gross_exposure": NAN}
    if n < LONG:
        invested, total, balance, most = np.count_nonzero(gross), gross.sum(), net.sum(), gross.max()
    else:
        from trading_system.metrics._kernels import exposure_sums

        sums = np.empty(4 * k.BLOCK)
        exposure_sums(_door(gross), _door(net), sums)
        total, balance, most, invested = (
            sums[: k.BLOCK].sum(),
            sums[k.BLOCK : 2 * k.BLOCK].sum(),
            sums[2 * k.BLOCK : 3 * k.BLOCK].max(),
            sums[3 * k.BLOCK :].sum(),
        )
    return {
        "time_in_market": float(invested / n),
        "mean_gross_exposure": float(total / n),
        "mean_net_exposure": float(balance / n),
        "max_gross_exposure": float(most),
    }
