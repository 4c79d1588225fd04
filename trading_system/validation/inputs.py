"""What every statistic asks of its inputs: finite numbers of the right shape, counts and probabilities in range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.errors import DataError, InsufficientDataError
from trading_system.metrics.base import as_series

if TYPE_CHECKING:
    from trading_system.types import FloatArray, IntArray

__all__ = ["as_matrix", "as_p_values", "as_series", "at_least", "enough", "positions", "probability"]


def as_matrix(values: Any, name: str = "returns") -> FloatArray:
    """`values` as float64 of shape (n_periods, n_columns); NaN and infinity are an error, never dropped or filled.

    Raises
    ------
    DataError
        Not two-dimensional, without a column, or not finite.
    """
    try:
        matrix = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} are not numbers: {error}", allowed="a table of finite numbers") from None
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise DataError(f"{name} have shape {matrix.shape}", allowed="(n_periods, n_columns) with at least one column")
    if not np.isfinite(matrix).all():
        row, column = (int(place) for place in np.argwhere(~np.isfinite(matrix))[0])
        raise DataError(
            f"{name} hold {matrix[row, column]} where a finite number is needed",
            where=f"{name}: row {row}: column {column}",
            remedy="drop or repair the period before testing; tests never fill it",
        )
    return matrix


def as_p_values(values: Any) -> FloatArray:
    """`values` as p-values, shape (n_tests,), each in [0, 1].

    Raises
    ------
    DataError
        Not one-dimensional, not finite, or outside [0, 1].
    """
    series = as_series(values, "p_values")
    outside = (series < 0.0) | (series > 1.0)
    if outside.any():
        bad = int(np.argmax(outside))
        raise DataError(f"p_values hold {series[bad]}", where=f"p_values: row {bad}", allowed="0 to 1")
    return series


def probability(value: float, name: str) -> float:
    """`value`, strictly between 0 and 1.

    Raises
    ------
    DataError
        Otherwise.
    """
    if not 0.0 < value < 1.0:
        raise DataError(f"{name} is {value}", allowed="above 0 and below 1")
    return float(value)


def at_least(value: float, least: int, name: str) -> int:
    """`value`, a whole number not below `least`.

    Raises
    ------
    DataError
        Otherwise.
    """
    whole = isinstance(value, (int, np.integer)) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole or value < least:
        raise DataError(f"{name} is {value!r}", allowed=f"a whole number, {least} or more")
    return int(value)


def enough(n: int, least: int, what: str) -> None:
    """Refuse `what` on fewer than `least` periods.

    Raises
    ------
    InsufficientDataError
        When `n` is below `least`.
    """
    if n < least:
        raise InsufficientDataError(f"{what} needs {least} periods, the data has {n}", remedy="load more periods")


def positions(values: Any, n: int, name: str) -> IntArray:
    """`values` as int64, each a position from 0 to n - 1.

    Raises
    ------
    DataError
        Not whole numbers, or outside 0..n-1.
    """
    given = np.asarray(values)
    if not np.issubdtype(given.dtype, np.integer):
        raise DataError(f"{name} are {given.dtype}", allowed="whole numbers")
    if given.size and not (0 <= given.min() and given.max() < n):
        raise DataError(f"{name} run from {given.min()} to {given.max()}", allowed=f"0 to {n - 1}")
    return given.astype(np.int64)
