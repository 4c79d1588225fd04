"""Does an output read the future, and how long does it remember? Comparisons of outputs made from less data with the whole.

An output is an array with one entry (or row) per bar: an indicator, a signal, an order. Causal outputs made from the first
k bars equal the whole-data outputs at **every** row before k; comparing the last value alone misses some leaks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from trading_system.errors import DataError, InsufficientDataError
from trading_system.validation.inputs import at_least

if TYPE_CHECKING:
    from trading_system.types import BoolArray, FloatArray

TOLERANCE = 1e-9
LEAST_CUTS = 8


def differs(whole: Any, part: Any, tolerance: float = TOLERANCE) -> BoolArray:
    """Where two outputs of equal shape differ by more than `tolerance`, relative to `whole`; NaN equals NaN.

    Whole numbers and truth values are compared exactly.
    """
    a, b = np.asarray(whole), np.asarray(part)
    if not (np.issubdtype(a.dtype, np.floating) or np.issubdtype(b.dtype, np.floating)):
        return np.asarray(a != b)
    a, b = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(invalid="ignore"):
        close = (a == b) | (np.abs(b - a) <= tolerance * np.abs(a)) & np.isfinite(a)
    return np.asarray(~(close | (np.isnan(a) & np.isnan(b))))


def first_mismatch(whole: Any, part: Any, tolerance: float = TOLERANCE) -> int | None:
    """First row at which `part`, made from the first ``len(part)`` bars, differs from `whole`; None where there is none.

    Raises
    ------
    DataError
        `part` is longer than `whole`, or has other columns.
    """
    a, b = np.asarray(whole), np.asarray(part)
    if a.ndim == 0 or a.ndim != b.ndim or a.shape[1:] != b.shape[1:] or b.shape[0] > a.shape[0]:
        raise DataError(f"an output of shape {b.shape} beside one of {a.shape}", allowed="the same columns, no more rows")
    wrong = differs(a[: b.shape[0]], b, tolerance)
    rows = wrong.reshape(wrong.shape[0], -1).any(axis=1)
    return int(np.argmax(rows)) if rows.any() else None


def last_value_differs(whole: Any, part: Any, tolerance: float = TOLERANCE) -> bool:
    """Whether the last row of `part` differs from the same row of `whole`: the weaker test that is often the only one."""
    b = np.asarray(part)
    return bool(b.shape[0] and differs(np.asarray(whole)[b.shape[0] - 1], b[-1], tolerance).any())


def cut_points(n: int, rng: np.random.Generator, n_cuts: int = 10, least: int = 1) -> list[int]:
    """Irregular prefix lengths from `least` to n - 1, ascending: aligned cuts hide leaks through coarser time frames.

    Raises
    ------
    DataError
        Fewer than 8 cuts asked for.
    InsufficientDataError
        Fewer bars than cuts.
    """
    at_least(n_cuts, LEAST_CUTS, "n_cuts")
    if n - least < n_cuts:
        raise InsufficientDataError(f"{n_cuts} cuts need {least + n_cuts} bars, the data has {n}", remedy="load more bars")
    return sorted(int(k) for k in rng.choice(np.arange(least, n), size=n_cuts, replace=False))


class Mismatch(NamedTuple):
    """An output that changed when later data did.

    Attributes
    ----------
    output : str
        Its name.
    cut : int
        Bars that were left as they are.
    row : int
        First row that changed; -1 when the output was missing, or of another shape.
    """

    output: str
    cut: int
    row: int


def truncation_mismatches(
    compute: Callable[[int], Any], n: int, cuts: Sequence[int], tolerance: float = TOLERANCE
) -> list[Mismatch]:
    """Truncation invariance: every output of ``compute(k)``, made from the first k bars, against ``compute(n)``.

    Works as well for perturbation, when ``compute(k)`` sees all n bars with noise after the first k: only the rows before
    k are compared.

    Parameters
    ----------
    compute : callable
        Gives the outputs (anything `outputs_of` reads) from the first k bars.
    n : int
        All bars.
    cuts : sequence of int
        Prefix lengths, each below n; see `cut_points`.

    Returns
    -------
    list of Mismatch
        One per output and cut that differ; empty when nothing does.
    """
    whole = dict(outputs_of(compute(n)))
    found = []
    for cut in cuts:
        part = dict(outputs_of(compute(cut)))
        for name in sorted(whole.keys() | part.keys()):
            row = _row_of_mismatch(whole.get(name), part.get(name), cut, n, tolerance)
            if row is not None:
                found.append(Mismatch(name, cut, row))
    return found


def _row_of_mismatch(whole: Any, part: Any, cut: int, n: int, tolerance: float) -> int | None:
    if whole is None or part is None:
        return -1
    if whole.ndim == 0 or n not in whole.shape:  # no bar axis: compared whole
        return None if whole.shape == part.shape and not differs(whole, part, tolerance).any() else -1
    axis = max(whole.ndim - 2, 0) if whole.shape[max(whole.ndim - 2, 0)] == n else whole.shape.index(n)
    if part.ndim != whole.ndim or part.shape[axis] < cut:
        return -1
    rows, made = np.moveaxis(whole, axis, 0)[:cut], np.moveaxis(part, axis, 0)[:cut]
    return first_mismatch(rows, made, tolerance) if rows.shape == made.shape else -1


def outputs_of(result: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every array of a result by name: of an array, a mapping, a named tuple, a dataclass such as `Signals` or `Weights`."""
    if isinstance(result, np.ndarray):
        yield name or "value", result
    elif is_dataclass(result) and not isinstance(result, type):
        for part in fields(result):
            yield from outputs_of(getattr(result, part.name), _joined(name, part.name))
    elif isinstance(result, Mapping):
        for key, value in result.items():
            yield from outputs_of(value, _joined(name, str(key)))
    elif hasattr(result, "_fields"):
        for key in result._fields:
            yield from outputs_of(getattr(result, key), _joined(name, key))
    elif isinstance(result, (list, tuple)) and not all(isinstance(part, str) for part in result):
        for number, value in enumerate(result):
            yield from outputs_of(value, f"{name}[{number}]")


def _joined(name: str, part: str) -> str:
    return f"{name}.{part}" if name else part


def relative_differences(values: Any, full: float) -> FloatArray:
    """|value / full - 1| of each value; 0 where both are 0, infinite where only `full` is, NaN where a value is NaN."""
    given = np.asarray(values, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.abs(given - full) / abs(full)
    return np.asarray(np.where(given == full, 0.0, change))


class WarmUp(NamedTuple):
    """What the last value still owes to the bars before the start-up window.

    Attributes
    ----------
    full : float
        Last value of the run over all bars.
    differences : float64, shape (n_lengths,)
        Relative difference of the last value after each number of start-up bars.
    """

    full: float
    differences: FloatArray

    def settled(self, lengths: Sequence[int], tolerance: float = 1e-6) -> int | None:
        """Fewest of `lengths` from which on every longer one stays within `tolerance`; None when none does."""
        best = None
        for length, difference in sorted(zip(lengths, self.differences.tolist(), strict=True), reverse=True):
            if not difference <= tolerance:
                break
            best = length
        return best


def warm_up(last_value: Callable[[int], float], n: int, lengths: Sequence[int]) -> WarmUp:
    """Warm-up dependence of an output: its last value computed from the last s bars only, against all n bars.

    Parameters
    ----------
    last_value : callable
        Last value of the output computed from the last s bars.
    lengths : sequence of int
        Start-up bars to try, each from 1 to n.
    """
    for length in lengths:
        if not 1 <= length <= n:
            raise DataError(f"{length} start-up bars of {n}", allowed=f"1 to {n}")
    full = float(last_value(n))
    return WarmUp(full, relative_differences([last_value(length) for length in lengths], full))
