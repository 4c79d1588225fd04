"""Bars that are like others up to a row: copies, and histories whose later rows are noise."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.data.bars import Actions, Bars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

PRICES = ("open", "high", "low", "close")
INPUTS = ("prices", "volume", "actions", "universe", "benchmark")
"""What `perturbed` can alter alone."""
_DERIVED = ("adjusted", "benchmark_close", "has_bar", "n_tradable")
GONE, LEVEL = 0.1, 50.0
JUMP, DRIFT, WIDEST = 0.1, 0.05, 3.0
"""Deviation of the noise on each bar, and of the step by which it wanders off (at most by e^3): more than any market, and no rule need break on it."""


def arrays_of(bars: Bars) -> Iterator[tuple[str, NDArray[Any]]]:
    """Every array that a strategy can read from `bars`, by name, those worked out from others included."""
    for one in fields(bars):
        value = getattr(bars, one.name)
        if isinstance(value, np.ndarray):
            yield one.name, value
        elif is_dataclass(value):
            yield from ((f"{one.name}.{part.name}", getattr(value, part.name)) for part in fields(value))
    for name in _DERIVED:
        value = getattr(bars, name)
        if isinstance(value, np.ndarray):
            yield name, value
        else:
            yield from ((f"{name}.{part.name}", getattr(value, part.name)) for part in fields(value))


def fingerprint(bars: Bars) -> dict[str, bytes]:
    """A digest of every array; what is worked out on first reading is, and so stands still from then on."""
    return {name: hashlib.blake2b(array.tobytes(), digest_size=16).digest() for name, array in arrays_of(bars)}


def own_copy(bars: Bars) -> Bars:
    """The same bars in arrays of their own, which can be written to."""
    changed: dict[str, Any] = {}
    for one in fields(bars):
        value = getattr(bars, one.name)
        if isinstance(value, np.ndarray):
            changed[one.name] = value.copy()
        elif is_dataclass(value) and not isinstance(value, type):
            parts = {part.name: getattr(value, part.name).copy() for part in fields(value)}
            changed[one.name] = replace(value, **parts)
    return replace(bars, **changed)


def perturbed(bars: Bars, n: int, rng: np.random.Generator, only: str = "", size: float = 1.0) -> Bars:
    """`bars` with noise in place of everything that is known after row n - 1: prices, volume, actions, universe, benchmark.

    Bars stay valid (one factor per bar, which jumps and wanders), a tenth of them go missing, and names without a bar get one. The calendar stays: when sessions
    will be is known before. Accumulated factors go on from their values at row n - 1.

    Parameters
    ----------
    only : str
        One of `INPUTS`: alter that alone.
    size : float
        Times the usual noise of prices.

    Raises
    ------
    KeyError
        `only` is none of them.
    """
    makers: dict[str, Callable[[Bars, int, np.random.Generator], dict[str, Any]]] = {
        "prices": functools.partial(_prices, size=size),
        "volume": _volume,
        "actions": _actions,
        "universe": _universe,
        "benchmark": _benchmark,
    }
    altered = replace(bars, benchmark_price=bars.benchmark_close)
    for name in (only,) if only else INPUTS:
        altered = replace(altered, **makers[name](altered, n, rng))
    return altered


def untied(bars: Bars, rng: np.random.Generator, size: float = 1e-6) -> Bars:
    """The same bars with every price moved by about `size`, all of a bar by one factor, so that no two prices are equal.

    A running sum differs in its last bits with the bar on which it began; where a price stood still that decides ``close < mean``.
    """
    factor = 1.0 + size * rng.standard_normal(bars.close.shape)
    changed: dict[str, Any] = {name: getattr(bars, name) * factor for name in PRICES}
    if bars.quotes is not None:
        changed["quotes"] = bars.quotes.map(lambda panel: panel * factor)
    return replace(bars, **changed, benchmark_price=bars.benchmark_close)


def _prices(bars: Bars, n: int, rng: np.random.Generator, size: float = 1.0) -> dict[str, Any]:
    shape = bars.close[n:].shape
    wander = np.cumsum(rng.normal(0.0, DRIFT, shape), axis=0)
    level, gone = np.exp(rng.normal(0.0, JUMP * size, shape) + np.clip(wander, -WIDEST, WIDEST)), rng.random(shape) < GONE
    there = bars.has_bar[n:]
    found: dict[str, Any] = {}
    for name in PRICES:
        panel = getattr(bars, name).copy()
        panel[n:] = np.where(gone, np.nan, np.where(there, panel[n:], LEVEL) * level)
        found[name] = panel
    if bars.quotes is not None:
        whole = np.concatenate((np.ones((n, shape[1])), np.where(gone, np.nan, level)))
        found["quotes"] = bars.quotes.map(lambda panel: panel * whole)
    volume = bars.volume.copy()
    volume[n:] = np.where(gone, np.nan, np.where(np.isnan(volume[n:]), 1e6 if bars.has_volume else np.nan, volume[n:]))
    return {**found, "volume": volume}


def _volume(bars: Bars, n: int, rng: np.random.Generator) -> dict[str, Any]:
    volume = bars.volume.copy()
    volume[n:] *= np.exp(rng.normal(0.0, 1.0, volume[n:].shape))
    return {"volume": volume}


def _actions(bars: Bars, n: int, rng: np.random.Generator) -> dict[str, Any]:
    """Half of the later splits and dividends, larger, no later delisting, and other factors of the adjusted prices."""
    old = bars.actions
    kept = (old.row < n) | (rng.random(old.row.size) < 0.5)
    old = Actions(old.row[kept], old.col[kept], old.split[kept], old.dividend[kept], old.funding[kept])
    later = old.row >= n
    gone = bars.delisted_row >= n
    found: dict[str, Any] = {
        "actions": Actions(
            old.row,
            old.col,
            np.where(later, old.split * 2.0, old.split),
            np.where(later, old.dividend * 3.0, old.dividend),
            np.where(later, -old.funding, old.funding),
        ),
        "delisted_row": np.where(gone, -1, bars.delisted_row),
        "delisted_price": np.where(gone, np.nan, bars.delisted_price),
    }
    for name in ("factor", "split_factor"):
        factor = getattr(bars, name)
        if factor is not None:
            factor = factor.copy()
            steps = np.exp(rng.normal(0.0, 0.1, factor[n:].shape)).cumprod(axis=0)
            factor[n:] = (factor[n - 1] if n else 1.0) * steps
            found[name] = factor
    return found


def _universe(bars: Bars, n: int, rng: np.random.Generator) -> dict[str, Any]:
    tradable = bars.tradable.copy()
    tradable[n:] = rng.random(tradable[n:].shape) < 0.5
    return {"tradable": tradable}


def _benchmark(bars: Bars, n: int, rng: np.random.Generator) -> dict[str, Any]:
    level = bars.benchmark_close.copy()
    level[n:] *= np.exp(rng.normal(0.0, 1.0, level[n:].shape))
    return {"benchmark_price": level}
