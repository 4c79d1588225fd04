"""Decisions worked out on each symbol's own bars, and put back on the rows where those bars stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from trading_system.data.bars import Bars
    from trading_system.types import BoolArray, FloatArray, Int8Array


class BlockRule(Protocol):
    """Writes decisions for a few symbols."""

    def __call__(
        self,
        prices: tuple[FloatArray, ...],
        whole: bool,
        first: int,
        entry: Int8Array,
        leave: BoolArray,
        values: FloatArray,
    ) -> None:
        """Decide on `prices` (close, high, low; row k is a symbol's k-th bar) and write to columns ``first ...``.

        `whole` says that every row has a bar, so that row k is row t; else the results are moved to their rows afterwards.
        `values` is (n_values, n_bars, columns).
        """


def decide_by_blocks(
    bars: Bars, n_values: int, rule: BlockRule, shift: FloatArray | None = None, shifted: int = -1
) -> tuple[Int8Array, BoolArray, FloatArray]:
    """Entry, exit and value panels of `rule` over all symbols of `bars`, block by block.

    Parameters
    ----------
    n_values : int
        Number of float panels that the rule writes.
    shift : float64, shape (n_bars,), or None
        Taken off value `shifted` where bars had holes, for what depends on the row and not on the symbol's own bars.

    Returns
    -------
    entry : int8, exit : bool, each (n_bars, n_symbols); values : float64, (n_values, n_bars, n_symbols)
    """
    import numpy as np

    from trading_system.indicators.own_bars import blocks, floats
    from trading_system.strategies import _kernels

    prices, shape = bars.adjusted, bars.close.shape
    entry, leave = np.empty(shape, np.int8), np.empty(shape, np.bool_)
    values = np.empty((n_values, *shape))
    shift = floats(np.zeros(bars.n_bars) if shift is None else shift)
    for block in blocks(floats(prices.close), floats(prices.high), floats(prices.low)):
        if block.exists is None:
            rule(block.panels, True, block.first, entry, leave, values)
            continue
        small = block.exists.shape
        own = np.empty(small, np.int8), np.empty(small, np.bool_), np.empty((n_values, *small))
        rule(block.panels, False, 0, *own)
        _kernels.spread_out(block.exists, block.first, shift, shifted, *own, entry, leave, values)
    return entry, leave, values
