"""Indicators see each symbol's own bars: holes are closed before a kernel runs, and put back after it.

A window of n counts n existing bars of the symbol, whatever other symbols do meanwhile; a missing bar is NaN on its row
only. A panel without holes goes to the kernel as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

import numpy as np

from trading_system.errors import UsageError
from trading_system.indicators import _kernels
from trading_system.kernels import door

if TYPE_CHECKING:
    from trading_system.types import BoolArray, FloatArray

BLOCK = 64  # columns that are worked on together: their panels stay in the processor's cache


def floats(values: FloatArray) -> FloatArray:
    """`values` as kernels read them: float64, C order, read-only; a view where they already are."""
    return cast("FloatArray", door(values, np.float64))


def panel(values: FloatArray) -> FloatArray:
    """`values` as a read-only float64 panel in C order; one series becomes one column."""
    array = np.asarray(values)
    if array.ndim not in (1, 2):
        raise UsageError(f"an indicator takes one series or a panel (n_bars, n_symbols), not {array.ndim} dimensions")
    return floats(array[:, None] if array.ndim == 1 else array)


def window(name: str, n: int, least: int = 1) -> int:
    """`n` as a window length of at least `least` bars."""
    if isinstance(n, bool) or n != int(n) or n < least:
        raise UsageError(f"{name} is {n!r}", allowed=f"a whole number of bars, at least {least}")
    return int(n)


def existing(*panels: FloatArray) -> BoolArray | None:
    """Where all `panels` have a value, bool (n_bars, n_symbols); None when they have one everywhere."""
    hole = np.isnan(panels[0])
    for other in panels[1:]:
        hole |= np.isnan(other)
    if not hole.any():
        return None
    return cast("BoolArray", door(np.logical_not(hole, out=hole), np.bool_))


def blocks(n_symbols: int, width: int = BLOCK) -> Iterator[tuple[int, int]]:
    """Half-open ranges of columns, together all of them."""
    for first in range(0, n_symbols, width):
        yield first, min(first + width, n_symbols)


def compute(
    kernel: Callable[..., None], inputs: tuple[FloatArray, ...], n_outputs: int = 1, out: FloatArray | None = None
) -> tuple[FloatArray, ...]:
    """Run ``kernel(*inputs, *outputs)`` on every symbol's own bars.

    Parameters
    ----------
    kernel : callable
        Reads and writes panels without holes.
    inputs : tuple of float64, each (n_bars, n_symbols) or (n_bars,)
        A bar exists where all of them have a value.
    out : float64, C order, same shape, or None
        Where the first output goes; must not be one of the inputs.

    Returns
    -------
    tuple of float64, shaped as the inputs
    """
    panels = tuple(panel(x) for x in inputs)
    shape = panels[0].shape
    if any(other.shape != shape for other in panels[1:]):
        raise UsageError(f"an indicator's inputs have different shapes: {', '.join(str(x.shape) for x in panels)}")
    results = [np.empty(shape) for _ in range(n_outputs if out is None else n_outputs - 1)]
    if out is not None:
        results.insert(0, out.reshape(shape))
    exists = existing(*panels)
    if exists is None:
        kernel(*panels, *results)
    else:
        _by_blocks(kernel, panels, exists, results)
    if np.ndim(inputs[0]) == 1:
        return tuple(result[:, 0] for result in results)
    return tuple(results)


def _by_blocks(
    kernel: Callable[..., None], panels: tuple[FloatArray, ...], exists: BoolArray, results: list[FloatArray]
) -> None:
    n_bars, n_symbols = exists.shape
    for first, last in blocks(n_symbols):
        packed = [np.empty((n_bars, last - first)) for _ in panels]
        for source, target in zip(panels, packed, strict=True):
            _kernels.gather(source, exists, first, target)
        values = [np.empty((n_bars, last - first)) for _ in results]
        kernel(*(floats(x) for x in packed), *values)
        for value, result in zip(values, results, strict=True):
            _kernels.scatter(floats(value), exists, first, result)
