"""The registry of metrics and the arithmetic they share.

A metric is a plain function of named inputs: `returns` (simple returns, one per period), `periods_per_year`, `risk_free`
(yearly), `mar` (yearly), `benchmark` (returns of the same periods), `days` (calendar days), `pnl`, `initial_risk` and
`return_pct` (one per trade), `weights` and `asset_returns`. A registered function is called with the inputs that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from trading_system.errors import DataError
from trading_system.registry import Registry

if TYPE_CHECKING:
    from trading_system.types import FloatArray

SPECIFICATION = "1"
"""Version of the definitions in this package, written beside every set of results."""

Metric: TypeAlias = Callable[..., float]
metrics: Registry[Metric] = Registry("metrics", "trading_system.metrics")


def as_series(values: Any, name: str = "returns", *, size: int | None = None) -> FloatArray:
    """`values` as float64 of shape (n,); NaN and infinity are an error, never dropped or filled.

    Raises
    ------
    DataError
        Not one-dimensional, not finite, or not of `size` elements where one is asked for.
    """
    try:
        series = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} are not numbers: {error}", allowed="a sequence of finite numbers") from None
    if series.ndim != 1:
        raise DataError(f"{name} have {series.ndim} dimensions", allowed="one number per period")
    if not np.isfinite(series).all():
        bad = int(np.flatnonzero(~np.isfinite(series))[0])
        raise DataError(
            f"{name} hold {series[bad]} where a finite number is needed",
            where=f"{name}: row {bad}",
            remedy="drop or repair the period before measuring; metrics never fill it",
        )
    if size is not None and series.size != size:
        raise DataError(f"{name} have {series.size} periods, the series beside them {size}", allowed="series of equal length")
    return series


def ratio(numerator: float, denominator: float) -> float:
    """Their quotient; 0/0 is NaN and x/0 is infinity with the sign of x."""
    if denominator != 0.0:
        return float(numerator / denominator)
    if numerator == 0.0 or np.isnan(numerator) or np.isnan(denominator):
        return float("nan")
    return float("inf") if numerator > 0.0 else float("-inf")


def per_period(rate: Any, periods_per_year: float, size: int) -> FloatArray | float:
    """A yearly `rate` converted geometrically to one period, (1 + R)^(1/P) - 1; a series is already per period."""
    if isinstance(rate, (int, float)):
        if not rate > -1.0:
            raise DataError(f"a yearly rate of {rate} loses more than everything", allowed="above -1")
        return float((1.0 + rate) ** (1.0 / checked_periods(periods_per_year)) - 1.0)
    return as_series(rate, "the rate per period", size=size)


def checked_periods(periods_per_year: float) -> float:
    """`periods_per_year`, which is explicit and above 0 (252, 365, 52, 12, ...)."""
    if not (periods_per_year > 0.0 and np.isfinite(periods_per_year)):
        raise DataError(f"periods_per_year is {periods_per_year}", allowed="a finite number above 0")
    return float(periods_per_year)


def deviation(series: FloatArray) -> float:
    """Sample standard deviation (ddof 1); exactly 0 when the range is 0, NaN below two values."""
    if series.size < 2:
        return float("nan")
    if series.max() == series.min():  # rounding residue in std would give 1e-18, and a Sharpe ratio of 1e16
        return 0.0
    return float(series.std(ddof=1))


def growth(returns: FloatArray) -> float:
    """V_n = prod(1 + r); NaN for an empty series."""
    return float(np.prod(1.0 + returns)) if returns.size else float("nan")


def annualised_growth(value: float, years: float) -> float:
    """value^(1 / years) - 1; NaN when the value is negative or no time passed, infinite beyond the largest number."""
    if not (years > 0.0 and value >= 0.0):
        return float("nan")
    return power(value, 1.0 / years) - 1.0


def power(base: float, exponent: float) -> float:
    """base^exponent of a base not below 0, infinite beyond the largest number: a few minutes of gain, held for a year."""
    try:
        return float(base**exponent)
    except OverflowError:
        return float("inf")


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """`names`, a number behind each that came before: two strategies of one name stay two."""
    seen: dict[str, int] = {}
    labels = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        labels.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(labels)
