"""Markets made worse: gaps, delistings, flash crashes, missing bars, noise. Bars in, bars out; all stay valid bars.

Raw prices are changed and the recorded actions follow, so that holders are paid, stopped and settled as in any other market. The
benchmark stays what it was: it is what the run is measured against, and one name among many moves it little.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.data.bars import Actions, Bars
from trading_system.data.limits import memory_limit
from trading_system.errors import CapacityError
from trading_system.parallel import n_threads

if TYPE_CHECKING:
    from trading_system.engine.ledger import Ledger
    from trading_system.types import FloatArray, Int8Array, IntArray

PRICES = ("open", "high", "low", "close")
LEAST_FACTOR = 1e-6


PANELS = 28
"""Panels that adjusted prices, a strategy's decisions and the engine take in one thread besides the prices of a changed market: measured
with 117 symbols x 5,314 bars."""


def refuse_too_large(bars: Bars, what: str) -> int:
    """Bytes that changed markets take at their peak, one in every thread.

    Raises
    ------
    CapacityError
        More than 80 % of the memory.
    """
    parts = 5 if bars.quotes is None else 11
    threads, have = n_threads(), memory_limit()
    need = bars.n_bars * bars.n_symbols * 8 * (parts + threads * (parts + PANELS))
    if need > 0.8 * have:
        raise CapacityError(
            f"{what} of {bars.n_bars:,} bars x {bars.n_symbols:,} symbols on {threads} threads takes {need / 2**30:,.1f} GB;"
            f" 80 % of the memory is {0.8 * have / 2**30:,.1f} GB",
            remedy="set TRADING_SYSTEM_THREADS=1, name fewer symbols, or shorten data.start",
        )
    return need


def held_sides(ledger: Ledger) -> Int8Array:
    """+1 where a symbol is held long at a close, -1 where short, 0 elsewhere or where lines cancel out; shape (bars.n_bars, n_symbols)."""
    bars, trades = ledger.bars, ledger.trades
    change = np.zeros((bars.n_bars + 1, bars.n_symbols), np.int32)
    columns = ledger.line_symbol[trades["line"]]
    stop = ledger.first + ledger.equity.size
    end = np.where(trades["open"] == 1, stop, trades["exit_row"])
    np.add.at(change, (trades["entry_row"], columns), trades["side"])
    np.add.at(change, (end, columns), -trades["side"])
    sides: Int8Array = np.sign(np.cumsum(change, axis=0)[:-1]).astype(np.int8)
    return sides


def gapped(bars: Bars, row: int, factor: FloatArray) -> Bars:
    """Prices of row `row` and all later ones times `factor`, shape (n_symbols,): one overnight gap, every other move as it was.

    Dividends and settlement prices from that row on are multiplied too, so that returns and accumulated factors stay.
    """
    scale = np.ones((bars.n_bars, 1)) * np.ones(bars.n_symbols)
    scale[row:] = np.maximum(factor, LEAST_FACTOR)
    actions = bars.actions
    later = np.where(actions.row >= row, scale[-1, actions.col], 1.0)
    gone = np.where(bars.delisted_row >= row, scale[-1], 1.0)
    changed: dict[str, Any] = {name: getattr(bars, name) * scale for name in PRICES}
    if bars.quotes is not None:
        changed["quotes"] = bars.quotes.map(lambda panel: panel * scale)
    return replace(
        bars,
        **changed,
        actions=replace(actions, dividend=actions.dividend * later),
        delisted_price=bars.delisted_price * gone,
        benchmark_price=bars.benchmark_close,
    )


def delisted(bars: Bars, row: int, column: int, loss: float) -> Bars:
    """The symbol at `column` has no bar from `row` on and is settled there at its last close less `loss`, a fraction."""
    close = bars.close[:row, column]
    there = np.flatnonzero(np.isfinite(close))
    price = float(close[there[-1]]) * (1.0 - loss) if there.size else np.nan
    changed: dict[str, Any] = {}
    for name in (*PRICES, "volume"):
        panel = getattr(bars, name).copy()
        panel[row:, column] = np.nan
        changed[name] = panel
    tradable, delisted_row, delisted_price = bars.tradable.copy(), bars.delisted_row.copy(), bars.delisted_price.copy()
    tradable[row:, column] = False
    delisted_row[column], delisted_price[column] = row, price
    if bars.quotes is not None:
        gone = np.ones(bars.close.shape)
        gone[row:, column] = np.nan
        changed["quotes"] = bars.quotes.map(lambda panel: panel * gone)
    kept = ~((bars.actions.col == column) & (bars.actions.row >= row))
    return replace(
        bars,
        **changed,
        tradable=tradable,
        delisted_row=delisted_row,
        delisted_price=delisted_price,
        actions=_kept(bars.actions, kept),
        benchmark_price=bars.benchmark_close,
    )


def crashed(bars: Bars, row: int, sides: Int8Array, depth: float) -> Bars:
    """In bar `row` every price falls by `depth` below its low and comes back; symbols held short spike above their high instead.

    Open and close stay, so that the next bar knows of it only by the range.

    Parameters
    ----------
    sides : int8, shape (n_symbols,)
        Held into that bar.
    """
    low, high = bars.low.copy(), bars.high.copy()
    short = sides < 0
    low[row, ~short] *= 1.0 - depth
    high[row, short] *= 1.0 + depth
    changed: dict[str, Any] = {"low": low, "high": high}
    if bars.quotes is not None:
        changed["quotes"] = replace(
            bars.quotes,
            **{name: _ranged(getattr(bars.quotes, name), row, ~short, 1.0 - depth) for name in ("bid_low", "ask_low")},
            **{name: _ranged(getattr(bars.quotes, name), row, short, 1.0 + depth) for name in ("bid_high", "ask_high")},
        )
    return replace(bars, **changed, benchmark_price=bars.benchmark_close)


def _ranged(panel: FloatArray, row: int, chosen: Any, factor: float) -> FloatArray:
    out = panel.copy()
    out[row, chosen] *= factor
    return out


def thinned(bars: Bars, share: float, rng: np.random.Generator) -> Bars:
    """A share of all bars goes missing, each by itself; recorded actions stay and wait for the next bar that is there."""
    gone = np.where(rng.random(bars.close.shape) < share, np.nan, 1.0)
    changed: dict[str, Any] = {name: getattr(bars, name) * gone for name in (*PRICES, "volume")}
    if bars.quotes is not None:
        changed["quotes"] = bars.quotes.map(lambda panel: panel * gone)
    return replace(bars, **changed, **_anew(bars), benchmark_price=bars.benchmark_close)


def noisy(bars: Bars, share: float, rng: np.random.Generator) -> Bars:
    """Open, high, low and close of every bar times their own exp(e), e Normal with `share` of the symbol's volatility per bar.

    The noise is on levels and does not add up. High and low become the largest and smallest of the four, so a bar stays a bar.
    """
    size = share * volatility(bars)
    moved = {name: getattr(bars, name) * np.exp(size * rng.standard_normal(bars.close.shape)) for name in PRICES}
    moved["high"] = np.maximum.reduce([moved[name] for name in PRICES])
    moved["low"] = np.minimum.reduce([moved[name] for name in PRICES])
    changed: dict[str, Any] = dict(moved)
    if bars.quotes is not None:
        with np.errstate(invalid="ignore"):
            ratio = {name: moved[name] / getattr(bars, name) for name in PRICES}
        names = ("open", "high", "low")
        changed["quotes"] = replace(
            bars.quotes,
            **{
                f"{side}_{name}": getattr(bars.quotes, f"{side}_{name}") * ratio[name]
                for side in ("bid", "ask")
                for name in names
            },
        )
    return replace(bars, **changed, **_anew(bars), benchmark_price=bars.benchmark_close)


def volatility(bars: Bars) -> FloatArray:
    """Standard deviation of each symbol's log return from bar to bar, shape (n_symbols,); 0 where it has fewer than three bars.

    Over the whole of its bars: the size of what is drawn, which nobody trades on.
    """
    found = np.zeros(bars.n_symbols)
    close = bars.adjusted.close
    for column in range(bars.n_symbols):
        own = close[np.isfinite(close[:, column]), column]
        if own.size > 2:
            found[column] = np.diff(np.log(own)).std(ddof=1)
    return found


def _anew(bars: Bars) -> dict[str, Any]:
    """Accumulated factors to be worked out again from other closes; those of bars that begin later than the data stay."""
    return {} if bars.offset else {"factor": None, "split_factor": None}


def _kept(actions: Actions, kept: Any) -> Actions:
    return Actions(actions.row[kept], actions.col[kept], actions.split[kept], actions.dividend[kept], actions.funding[kept])


def rows_of_most_value(ledger: Ledger) -> IntArray:
    """For every trade the row between its entry and its exit at whose close the position was worth most; -1 where it never saw a close."""
    close, trades = ledger.bars.adjusted.close, ledger.trades
    stop = ledger.first + ledger.equity.size
    rows = np.full(trades.size, -1, np.int64)
    for number, trade in enumerate(trades):
        first = int(trade["entry_row"])
        last = stop if trade["open"] == 1 else int(trade["exit_row"])
        prices = close[first:last, ledger.line_symbol[int(trade["line"])]]
        if prices.size and np.isfinite(prices).any():
            rows[number] = first + int(np.nanargmax(prices))
    return rows
