"""Adjusted p-values when many tests were made: every trial ever logged counts, the abandoned ones too.

Each function takes p-values, shape (n_tests,), and returns the adjusted ones in the same order, never below the raw ones;
a test is rejected at level alpha when its adjusted p-value is at most alpha. M is the number of p-values, or `n_tests` where
more tests were made: those that are not known count as p-values of 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.errors import UnknownNameError
from trading_system.validation.inputs import as_p_values, at_least, probability

if TYPE_CHECKING:
    from trading_system.types import BoolArray, FloatArray


def bonferroni(p_values: Any, n_tests: int | None = None) -> FloatArray:
    """min(1, M p): familywise error under any dependence."""
    p = as_p_values(p_values)
    return np.minimum(_tests(p, n_tests) * p, 1.0)


def sidak(p_values: Any, n_tests: int | None = None) -> FloatArray:
    """1 - (1 - p)^M: familywise error of independent tests (Sidak 1967); exact to tiny p."""
    p = as_p_values(p_values)
    with np.errstate(divide="ignore"):
        return np.asarray(-np.expm1(_tests(p, n_tests) * np.log1p(-p)))


def holm(p_values: Any, n_tests: int | None = None) -> FloatArray:
    """Step-down: running maximum of (M - j + 1) p_(j) from the smallest up (Holm 1979); any dependence."""
    return _stepped(p_values, n_tests, lambda m, rank: m - rank + 1.0, up=False)


def hochberg(p_values: Any, n_tests: int | None = None) -> FloatArray:
    """Step-up: running minimum of (M - j + 1) p_(j) from the largest down (Hochberg 1988); independence or PRDS."""
    return _stepped(p_values, n_tests, lambda m, rank: m - rank + 1.0, up=True)


def benjamini_hochberg(p_values: Any, n_tests: int | None = None) -> FloatArray:
    """False discovery rate: running minimum of M p_(j) / j from the largest down (1995); independence or PRDS."""
    return _stepped(p_values, n_tests, lambda m, rank: m / rank, up=True)


def benjamini_yekutieli(p_values: Any, n_tests: int | None = None) -> FloatArray:
    """`benjamini_hochberg` times c(M) = sum 1/j (Benjamini & Yekutieli 2001); any dependence."""
    return _stepped(p_values, n_tests, lambda m, rank: m * harmonic(m) / rank, up=True)


def bhy_harvey_liu(p_values: Any, n_tests: int | None = None) -> FloatArray:
    """BHY as Harvey, Liu & Zhu (2016) write it: the step-up starts at p_(M) itself, not at c(M) p_(M).

    The largest p-values come out smaller than from `benjamini_yekutieli`.
    """
    return _stepped(p_values, n_tests, lambda m, rank: np.where(rank == m, 1.0, m * harmonic(m) / rank), up=True)


def harmonic(m: int) -> float:
    """1 + 1/2 + ... + 1/m."""
    return float(np.sum(1.0 / np.arange(1, m + 1)))


def _tests(p: FloatArray, n_tests: int | None) -> int:
    """How many tests there were."""
    return p.size if n_tests is None else at_least(n_tests, p.size, "n_tests")


def _stepped(p_values: Any, n_tests: int | None, factor: Callable[[int, FloatArray], Any], *, up: bool) -> FloatArray:
    """`factor(M, j) p_(j)`, made monotone: from the largest p down when `up`, else from the smallest up; at most 1.

    Tests without a p-value stand behind the others with a p-value of 1, whose adjusted one is 1: they only count.
    """
    p = as_p_values(p_values)
    order = np.argsort(p, kind="stable")
    scaled = np.minimum(factor(_tests(p, n_tests), np.arange(1.0, p.size + 1.0)) * p[order], 1.0)
    monotone = np.minimum.accumulate(scaled[::-1])[::-1] if up else np.maximum.accumulate(scaled)
    adjusted = np.empty_like(p)
    adjusted[order] = monotone
    return adjusted


METHODS: dict[str, Callable[..., FloatArray]] = {
    "bonferroni": bonferroni,
    "sidak": sidak,
    "holm": holm,
    "hochberg": hochberg,
    "bh": benjamini_hochberg,
    "by": benjamini_yekutieli,
    "bhy_harvey_liu": bhy_harvey_liu,
}


def adjusted_p_values(p_values: Any, method: str, n_tests: int | None = None) -> FloatArray:
    """Adjusted p-values by the name of a method; `n_tests` where more tests were made than p-values are known.

    Raises
    ------
    UnknownNameError
        When there is no such method.
    """
    if method not in METHODS:
        raise UnknownNameError(f"no correction is called {method!r}", allowed=", ".join(METHODS))
    return METHODS[method](p_values, n_tests)


def rejected(p_values: Any, alpha: float, method: str) -> BoolArray:
    """Which tests stay significant at level `alpha` after the correction `method`."""
    return np.asarray(adjusted_p_values(p_values, method) <= probability(alpha, "alpha"))
