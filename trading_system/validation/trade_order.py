"""The same trades in another order: what drawdown, and what run of losses, were as likely as the ones seen.

Shuffling never changes the final equity; it informs about drawdown, run length and ruin alone. Drawing with replacement
informs about the uncertainty of the return. Trades that cluster or overlap are moved in blocks.
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from trading_system.errors import DataError
from trading_system.kernels import door
from trading_system.metrics.base import as_series
from trading_system.validation.inputs import at_least, enough
from trading_system.validation.resampling import as_keys, in_chunks

if TYPE_CHECKING:
    from trading_system.types import FloatArray

CHUNK = 256
MOST_TRADES = 8


class TradePaths(NamedTuple):
    """What each order of trades led to, float64 of shape (n_orders,).

    Attributes
    ----------
    drawdown : money
        Deepest fall from a peak of equity, the start among them; 0 or more.
    drawdown_compounded : fraction
        The same when each trade earns pnl / start equity on current equity; 0 or less. Equity that falls to 0 stays there.
    losing_run : trades
        Longest run of losses; a trade without gain or loss ends it.
    final_equity : money
        Start equity plus all pnl.
    final_growth : ratio
        Product of 1 + pnl / start equity.
    """

    drawdown: FloatArray
    drawdown_compounded: FloatArray
    losing_run: FloatArray
    final_equity: FloatArray
    final_growth: FloatArray


def _checked(pnl: Any, start_equity: float) -> FloatArray:
    given = as_series(pnl, "pnl")
    enough(given.size, 1, "an order of trades")
    if not (start_equity > 0.0 and np.isfinite(start_equity)):
        raise DataError(f"the start equity is {start_equity}", allowed="a finite number above 0")
    return given


def trade_paths(pnl: Any, start_equity: float, keys: Any, *, block: int = 1, replace: bool = False) -> TradePaths:
    """Random orders of closed trades, one per key.

    Parameters
    ----------
    pnl : shape (n_trades,), money
        In the order in which they closed.
    block : int
        Consecutive trades that stay together; the last block may be shorter.
    replace : bool
        Draw blocks with replacement (around the end, cut to n_trades) in place of shuffling them.
    """
    given = _checked(pnl, start_equity)
    if at_least(block, 1, "block") > given.size:
        raise DataError(f"blocks of {block} trades, there are {given.size}", allowed=f"1 to {given.size}")
    return _walked(given, start_equity, as_keys(keys), block, replace=replace)


def _walked(pnl: FloatArray, equity: float, keys: Any, block: int, *, replace: bool) -> TradePaths:
    from trading_system.validation import _kernels_chance as kernels

    series: Any = door(pnl, np.float64)

    def work(first: int, stop: int) -> FloatArray:
        out = np.empty((stop - first, 5))
        room = np.empty(-(-pnl.size // block), dtype=np.int64)
        kernels.trade_orders(series, float(equity), block, int(replace), door(keys[first:stop], np.uint64), room, out)
        return out

    return TradePaths(*np.concatenate(in_chunks(work, keys.size, CHUNK)).T)


def observed_path(pnl: Any, start_equity: float) -> TradePaths:
    """The order as it was: one path."""
    given = _checked(pnl, start_equity)
    return _walked(given, start_equity, np.zeros(1, dtype=np.uint64), given.size, replace=False)


def all_paths(pnl: Any, start_equity: float) -> TradePaths:
    """Every order of up to 8 trades, the observed one first."""
    given = _checked(pnl, start_equity)
    if given.size > MOST_TRADES:
        raise DataError(f"{given.size} trades", allowed=f"1 to {MOST_TRADES} for all orders; draw them for more")
    paths = [observed_path(given[list(order)], start_equity) for order in permutations(range(given.size))]
    return TradePaths(*(np.concatenate(parts) for parts in zip(*paths, strict=True)))


def share_at_least(observed: float, drawn: Any) -> float:
    """Share of orders with a drawdown (money) of at least the observed one; ties within rounding count."""
    depths = as_series(drawn, "drawdowns")
    enough(depths.size, 1, "a share")
    return float(np.mean(depths >= observed - 1e-9 * max(abs(observed), 1.0)))
