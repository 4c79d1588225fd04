"""Chance as an argument: keys, p-values of replicates, and work cut into chunks that threads may share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from trading_system.errors import DataError
from trading_system.parallel import mapped
from trading_system.validation.inputs import at_least, probability

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trading_system.types import FloatArray

R = TypeVar("R")


def resample_keys(rng: np.random.Generator, n_resamples: int) -> NDArray[np.uint64]:
    """One 64-bit key per resample. A resample follows from its key alone: any part of the keys gives the same ones."""
    return rng.integers(0, 2**64, size=at_least(n_resamples, 1, "n_resamples"), dtype=np.uint64)


def as_keys(keys: Any) -> NDArray[np.uint64]:
    """`keys` as uint64, shape (n_resamples,), at least one.

    Raises
    ------
    DataError
        Of another type or shape.
    """
    given = np.asarray(keys)
    if given.ndim != 1 or given.size == 0 or given.dtype != np.uint64:
        raise DataError(f"keys are {given.dtype} of shape {given.shape}", allowed="uint64, one per resample: resample_keys")
    return given


def in_chunks(work: Callable[[int, int], R], n: int, size: int) -> list[R]:
    """``work(first, stop)`` over consecutive chunks of `size`, on threads; in their order, whatever the number of threads.

    Chunks are cut by `size` alone, never by the number of threads, so that results are the same to the byte.
    """
    return mapped(lambda first: work(first, min(first + size, n)), range(0, n, size))


def p_value_of_count(n_exceeding: int, n_resamples: int) -> float:
    """(1 + k) / (1 + B) [1]_ [2]_: never 0.

    References
    ----------
    .. [1] Davison & Hinkley (1997), "Bootstrap Methods and their Application".
    .. [2] Phipson & Smyth (2010), "Permutation p-values should never be zero".
    """
    if not 0 <= n_exceeding <= n_resamples:
        raise DataError(f"{n_exceeding} of {n_resamples} replicates exceed", allowed="0 to all of them")
    return (1.0 + n_exceeding) / (1.0 + n_resamples)


def n_exceeding(observed: float, replicates: Any, tie: float = 0.0) -> int:
    """Replicates at or above `observed`, or below it by at most `tie`: ties count against the strategy.

    `tie` is for sums of the same numbers in another order, which differ by rounding.

    Raises
    ------
    DataError
        NaN on either side, which is neither above nor below.
    """
    given = np.asarray(replicates, dtype=np.float64)
    if np.isnan(observed) or np.isnan(given).any():
        raise DataError(
            f"a statistic of NaN: observed {observed}, {int(np.isnan(given).sum())} of {given.size} replicates",
            remedy="choose a statistic that is defined on every resample",
        )
    return int(np.count_nonzero(given >= observed - tie))


def p_value(observed: float, replicates: Any) -> float:
    """One-sided p-value (1 + #{replicates >= observed}) / (1 + B), in [1/(1 + B), 1]."""
    given: FloatArray = np.asarray(replicates, dtype=np.float64).ravel()
    return p_value_of_count(n_exceeding(observed, given), given.size)


def least_resamples(n_tests: int, alpha: float = 0.05) -> int:
    """Resamples that let one of `n_tests` p-values survive a Bonferroni step at level `alpha`: M / alpha, rounded up."""
    return int(np.ceil(at_least(n_tests, 1, "n_tests") / probability(alpha, "alpha")))


def monte_carlo_error(p: float, n_resamples: int) -> float:
    """Standard error of a p-value from B resamples, sqrt(p (1 - p) / B)."""
    return float(np.sqrt(p * (1.0 - p) / at_least(n_resamples, 1, "n_resamples")))
