"""Indicators see each symbol's own bars: holes are closed before a kernel runs, and put back after it.

A window of n counts n existing bars of the symbol, whatever other symbols do meanwhile; a missing bar is NaN on its row
only. A panel without holes goes to the kernel as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from trading_system.errors import UsageError
from trading_system.indicators import _kernels, memo
from trading_system.kernels import door

if TYPE_CHECKING:
    from trading_system.types import BoolArray, FloatArray

BLOCK = 64  # columns that are worked on together at most ...
BLOCK_VALUES = 163_840  # ... and values of one panel among them, so that a handful of panels stays in the processor's cache


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


class Block(NamedTuple):
    """Some symbols' own bars, without holes.

    Attributes
    ----------
    first : int
        Column of the whole panel that is column 0 here.
    panels : tuple of float64, shape (n_bars, width), read-only
        Row k holds a symbol's k-th existing bar; NaN behind its last.
    exists : bool, shape (n_bars, width), or None
        Where the bars stood; None when every row has one, so that row k is row t.
    """

    first: int
    panels: tuple[FloatArray, ...]
    exists: BoolArray | None


def blocks(*panels: FloatArray) -> Iterator[Block]:
    """Walk the columns of `panels` (read-only, C order, equal shapes) in blocks; a bar exists where all have a value.

    The arrays of one block are used again for the next.
    """
    n_bars, n_symbols = panels[0].shape
    buffers: list[FloatArray] = []
    most = min(BLOCK, max(16, BLOCK_VALUES // max(n_bars, 1) // 16 * 16))
    for first in range(0, n_symbols, most):
        width = min(most, n_symbols - first)
        if not buffers or buffers[0].shape[1] != width:
            buffers = [np.empty((n_bars, width)) for _ in panels]
        holes = [_kernels.take(source, first, buffer) for source, buffer in zip(panels, buffers, strict=True)]
        exists: BoolArray | None = None
        if any(holes):
            missing = np.isnan(buffers[0])
            for buffer in buffers[1:]:
                missing |= np.isnan(buffer)
            exists = cast("BoolArray", door(~missing, np.bool_))
            for source, buffer in zip(panels, buffers, strict=True):
                _kernels.gather(source, exists, first, buffer)
        yield Block(first, tuple(floats(buffer) for buffer in buffers), exists)


def compute(
    kernel: Callable[..., int | None],
    inputs: tuple[FloatArray, ...],
    n_outputs: int = 1,
    out: FloatArray | None = None,
    *,
    counts_holes: bool = False,
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
    counts_holes : bool
        Whether `kernel` finds the holes of wide panels itself, so that they are looked for only where they are likely.

    Returns
    -------
    tuple of float64, shaped as the inputs

    Raises
    ------
    UsageError
        When the inputs differ in shape or have more than two dimensions.
    """
    key = memo.kernel_key(kernel)
    if key is None or not memo.is_on():
        return _computed(kernel, inputs, n_outputs, out, counts_holes)
    kept = memo.remembered(
        inputs,
        (key, n_outputs),
        lambda: _computed(kernel, inputs, n_outputs, None, counts_holes),
        lambda found: sum(values.nbytes for values in found),
    )
    given = tuple(values.copy() for values in kept)  # whoever asked may go on with it in place
    if out is None:
        return given
    out.reshape(given[0].shape)[...] = given[0]
    return (out.reshape(given[0].shape), *given[1:])


def _computed(
    kernel: Callable[..., int | None],
    inputs: tuple[FloatArray, ...],
    n_outputs: int,
    out: FloatArray | None,
    counts_holes: bool,
) -> tuple[FloatArray, ...]:
    panels = tuple(panel(x) for x in inputs)
    shape: tuple[int, ...] = panels[0].shape
    if any(other.shape != shape for other in panels[1:]):
        raise UsageError(f"an indicator's inputs have different shapes: {', '.join(str(x.shape) for x in panels)}")
    results: list[FloatArray] = [np.empty(shape) for _ in range(n_outputs if out is None else n_outputs - 1)]
    if out is not None:
        results.insert(0, out.reshape(shape))
    counts_holes = counts_holes and shape[1] >= _kernels.FEW
    looked_at = [x[:: max(len(x) - 1, 1)] for x in panels] if counts_holes else panels  # late listings, early ends
    if any(np.isnan(x).any() for x in looked_at) or (kernel(*panels, *results) and counts_holes):
        _by_blocks(kernel, panels, results)
    flat = np.ndim(inputs[0]) == 1
    return tuple([result.reshape(-1) if flat else result for result in results])


def _by_blocks(kernel: Callable[..., int | None], panels: tuple[FloatArray, ...], results: list[FloatArray]) -> None:
    for block in blocks(*panels):
        values: list[FloatArray] = [np.empty(block.panels[0].shape) for _ in results]
        kernel(*block.panels, *values)
        for value, result in zip(values, results, strict=True):
            if block.exists is None:
                result[:, block.first : block.first + value.shape[1]] = value
            else:
                _kernels.scatter(floats(value), block.exists, block.first, result)
