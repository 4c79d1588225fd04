"""Falls from the highest value so far: depth, place, duration, and the ratios built on them.

V_0 = 1 belongs to the curve and is the first peak, so that a loss on the first bar is seen. Indices count on
V_0..V_n: index 0 is the start, index t the close of period t. Drawdowns are fractions and never positive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trading_system.metrics.base import as_series, metrics, per_period, ratio
from trading_system.metrics.returns import cagr

if TYPE_CHECKING:
    from trading_system.types import FloatArray, IntArray

NAN = float("nan")


def curve(returns: FloatArray) -> FloatArray:
    """V_0..V_n, shape (n + 1,)."""
    series = as_series(returns)
    values = np.empty(series.size + 1)
    values[0] = 1.0
    np.cumprod(1.0 + series, out=values[1:])
    return values


def drawdown_of(values: FloatArray) -> FloatArray:
    """V_t / max_{s<=t} V_s - 1 of a curve that starts above 0, same shape."""
    return np.asarray(values / np.maximum.accumulate(values) - 1.0)


def drawdown(returns: FloatArray) -> FloatArray:
    """Drawdown at the close of periods 1..n, shape (n,); V_0 counts as a peak."""
    return drawdown_of(curve(returns))[1:]


@metrics.register("max_drawdown")
def max_drawdown(returns: FloatArray) -> float:
    """Deepest drawdown, a fraction, never positive; 0 when no period ends below an earlier one."""
    falls = drawdown(returns)
    return min(0.0, float(falls.min())) if falls.size else NAN


@dataclass(frozen=True)
class Episode:
    """One fall: indices on V_0..V_n; `recovery` is None while V has not come back to the peak."""

    peak: int
    trough: int
    recovery: int | None
    depth: float
    duration: int


def highs_of(values: FloatArray, running: FloatArray | None = None) -> IntArray:
    """Indices at which the curve equals its running maximum, which may be at hand."""
    return np.flatnonzero(values == (np.maximum.accumulate(values) if running is None else running))


def _episode(values: FloatArray, peaks: IntArray, peak: int) -> Episode:
    """The fall that begins at `peak`, one of the indices in `peaks`: it ends where the curve next equals its running maximum."""
    at = int(np.searchsorted(peaks, peak)) + 1
    recovery = int(peaks[at]) if at < peaks.size else None
    end = values.size - 1 if recovery is None else recovery
    trough = peak + int(np.argmin(values[peak : end + 1]))
    return Episode(peak, trough, recovery, float(values[trough] / values[peak] - 1.0), end - peak)


def episodes(returns: FloatArray) -> tuple[Episode, ...]:
    """Every fall below an earlier high, in time order; a new high in every period is none."""
    values = curve(returns)
    peaks = highs_of(values)
    below = np.append(peaks[1:], values.size) - peaks > 1
    return tuple(_episode(values, peaks, int(peak)) for peak in peaks[below])


def deepest_of(values: FloatArray, falls: FloatArray | None = None, peaks: IntArray | None = None) -> Episode | None:
    """The fall of a curve that holds its first lowest drawdown; None when there is none. Its drawdowns and highs may be at hand."""
    falls = drawdown_of(values) if falls is None else falls
    peaks = highs_of(values) if peaks is None else peaks
    trough = int(np.argmin(falls))
    if falls[trough] >= 0.0:
        return None
    return _episode(values, peaks, int(peaks[np.searchsorted(peaks, trough, side="right") - 1]))


def worst_of(values: FloatArray, count: int) -> tuple[Episode, ...]:
    """The `count` deepest falls of a curve that starts above 0, deepest first; of equal ones the earlier first."""
    peaks = highs_of(values)
    falls = drawdown_of(values)
    lowest = np.minimum.reduceat(falls, peaks)  # between one high and the next, or the end
    order = np.argsort(lowest, kind="stable")[:count]
    return tuple(_episode(values, peaks, int(peaks[i])) for i in order if lowest[i] < 0.0)


def deepest(returns: FloatArray) -> Episode | None:
    """The fall that holds the first lowest drawdown; None when there is none."""
    return deepest_of(curve(returns))


def longest_of(n_periods: int, peaks: IntArray) -> int:
    """Periods of the longest fall of a curve with highs at `peaks`, from peak to recovery or to the end; 0 when each is a high."""
    recovered = np.diff(peaks)
    unrecovered = n_periods - int(peaks[-1])
    return max(int(recovered[recovered > 1].max(initial=0)), unrecovered)


@metrics.register("dd_peak_index")
def dd_peak_index(returns: FloatArray) -> float:
    """Last index at or before the trough where V equals its running maximum; NaN without a drawdown."""
    fall = deepest(returns)
    return NAN if fall is None else fall.peak


@metrics.register("dd_trough_index")
def dd_trough_index(returns: FloatArray) -> float:
    """First index of the lowest drawdown; NaN without a drawdown."""
    fall = deepest(returns)
    return NAN if fall is None else fall.trough


@metrics.register("dd_recovery_index")
def dd_recovery_index(returns: FloatArray) -> float:
    """First index after the trough with V at or above the peak; NaN while not recovered, or without a drawdown."""
    fall = deepest(returns)
    return NAN if fall is None or fall.recovery is None else fall.recovery


@metrics.register("max_dd_duration")
def max_dd_duration(returns: FloatArray) -> float:
    """Longest fall in periods, from its peak to the recovery or to the end; 0 when every period is a new high."""
    values = curve(returns)
    return longest_of(values.size - 1, highs_of(values)) if values.size > 1 else NAN


@metrics.register("time_under_water")
def time_under_water(returns: FloatArray) -> float:
    """Share of the periods 1..n that end below an earlier value of the curve."""
    falls = drawdown(returns)
    return ratio(int((falls < 0.0).sum()), falls.size)


@metrics.register("calmar")
def calmar(returns: FloatArray, periods_per_year: float) -> float:
    """CAGR / |max drawdown| over the whole window (Young 1991 takes 36 months); infinite without a drawdown."""
    return ratio(cagr(returns, periods_per_year), abs(max_drawdown(returns)))


@metrics.register("ulcer")
def ulcer(returns: FloatArray) -> float:
    """Ulcer index, sqrt(mean of squared drawdowns over periods 1..n), a fraction (Martin & McCann 1989)."""
    falls = drawdown(returns)
    return float(np.sqrt(np.mean(falls * falls))) if falls.size else NAN


@metrics.register("martin")
def martin(returns: FloatArray, periods_per_year: float, risk_free: float = 0.0) -> float:
    """Martin ratio, (CAGR - yearly risk-free rate) / Ulcer index; infinite without a drawdown."""
    per_period(risk_free, periods_per_year, 0)  # refuses a rate that is none
    return ratio(cagr(returns, periods_per_year) - risk_free, ulcer(returns))
