"""The rows of a ledger on which equity is measured, and what was earned between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from trading_system.errors import DataError

if TYPE_CHECKING:
    from trading_system.engine.ledger import Ledger
    from trading_system.types import FloatArray, Int32Array, IntArray


@dataclass(frozen=True, eq=False)
class Sample:
    """Equity at the closes of the benchmark's calendar, from the ledger's first bar on.

    Attributes
    ----------
    start : float
        V_0, the starting equity, in quote currency.
    equity : float64, shape (n_periods,)
        Equity at each sampled close; 0 from the bar on which nothing is left.
    rows : int64, shape (n_periods,), or None
        Position of each sampled close in the ledger's curves; None where every bar is one.
    session : int32, shape (n_periods,)
        Session label of each, days since 1970-01-01.
    ruin : int
        Index of the first sampled close without equity; -1 where there is none.
    """

    start: float
    equity: FloatArray
    rows: IntArray | None
    session: Int32Array
    ruin: int

    @property
    def n_periods(self) -> int:
        """Number of returns."""
        return int(self.equity.size)

    @cached_property
    def before(self) -> FloatArray:
        """Equity at the start of each period, shape (n_periods,)."""
        earlier = np.empty_like(self.equity)
        earlier[:1] = self.start
        earlier[1:] = self.equity[:-1]
        return earlier

    @cached_property
    def returns(self) -> FloatArray:
        """Simple return of each period, shape (n_periods,); 0 once the equity is gone."""
        if self.ruin < 0:
            return np.asarray(self.equity / self.before - 1.0)
        earned = np.zeros(self.n_periods)
        alive = slice(0, self.ruin + 1)
        earned[alive] = self.equity[alive] / self.before[alive] - 1.0
        return earned

    def period_of(self, rows: IntArray, first: int) -> IntArray:
        """Period in which each row of bars falls: the first sampled close at or after it (the last one beyond the end)."""
        position = rows - first
        if self.rows is not None:
            position = np.searchsorted(self.rows, position)
        return np.asarray(np.clip(position, 0, max(self.n_periods - 1, 0)))


def sample(ledger: Ledger) -> Sample:
    """Sample the equity of `ledger` where `bars.sampled` says so; V_0 is the starting equity."""
    bars, n = ledger.bars, ledger.equity.size
    window = slice(ledger.first, ledger.first + n)
    chosen = bars.sampled[window]
    rows = None if chosen.all() else np.flatnonzero(chosen)
    equity = ledger.equity if rows is None else ledger.equity[rows]
    session = bars.session[window] if rows is None else bars.session[window][rows]
    lowest = float(equity.min(initial=np.inf))
    if np.isnan(lowest):
        raise DataError("the equity curve holds NaN", where=f"bar {ledger.first + int(np.argmax(np.isnan(ledger.equity)))}")
    ruin = -1
    if lowest <= 0.0:
        ruin = int(np.argmax(equity <= 0.0))
        equity = equity.copy()
        equity[ruin:] = 0.0
    return Sample(ledger.starting_equity, equity, rows, session, ruin)


@dataclass(frozen=True, eq=False)
class Pairing:
    """The run and its benchmark measured over the same periods, between closes that the benchmark has.

    Attributes
    ----------
    returns, benchmark : float64, shape (n_pairs,)
        Simple returns. The benchmark is bought at the close of the first bar, as the run can hold nothing before it.
    closes : float64, shape (n_periods,)
        The benchmark's closes on the sampled rows, NaN where it has none.
    """

    returns: FloatArray
    benchmark: FloatArray
    closes: FloatArray


def pair(ledger: Ledger, sampled: Sample, benchmark: FloatArray) -> Pairing:
    """Pair the sampled equity with `benchmark`, closes of shape (bars.n_bars,) or (n_bars of the ledger,).

    A close that is missing (NaN) is not filled: both are then measured over the longer period between its neighbours.
    """
    n, values = ledger.equity.size, np.asarray(benchmark, dtype=np.float64)
    if values.shape == ledger.bars.index.shape:
        values = values[ledger.first : ledger.first + n]
    if values.shape != (n,):
        raise DataError(f"the benchmark has shape {values.shape}", allowed=f"({ledger.bars.index.size},) or ({n},)")
    if sampled.rows is not None:
        values = values[sampled.rows]
    exists = values > 0.0  # False for NaN
    if exists.all():
        moves = np.empty_like(values)
        moves[:1] = 0.0
        moves[1:] = values[1:] / values[:-1] - 1.0
        return Pairing(sampled.returns, moves, values)
    places = np.flatnonzero(exists)
    closes = np.where(exists, values, np.nan)
    levels = np.concatenate(([sampled.start], sampled.equity))
    opening = np.concatenate(([0], places + 1)) if places.size and places[0] == 0 else places + 1
    held, marks = levels[opening], values[places]
    if opening.size > places.size:
        marks = np.concatenate((marks[:1], marks))
    earlier = np.where(held[:-1] > 0.0, held[:-1], 1.0)  # nothing is earned once the equity is gone
    return Pairing(np.where(held[:-1] > 0.0, held[1:] / earlier - 1.0, 0.0), marks[1:] / marks[:-1] - 1.0, closes)
