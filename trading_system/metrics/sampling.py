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
    def levels(self) -> FloatArray:
        """V_0..V_n in money, shape (n_periods + 1,)."""
        return np.concatenate(([self.start], self.equity))

    def before(self, periods: IntArray) -> FloatArray:
        """Equity at the start of each of `periods`."""
        return np.where(periods > 0, self.equity[periods - 1], self.start)

    @cached_property
    def returns(self) -> FloatArray:
        """Simple return of each period, shape (n_periods,); 0 once the equity is gone."""
        return returns_between(self.levels)

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


def returns_between(levels: FloatArray) -> FloatArray:
    """Simple returns between levels, shape (n,) of (n + 1,); 0 once nothing is left."""
    before = levels[:-1]
    if (before > 0.0).all():
        return np.asarray(levels[1:] / before - 1.0)
    return np.where(before > 0.0, levels[1:] / np.where(before > 0.0, before, 1.0) - 1.0, 0.0)


@dataclass(frozen=True, eq=False)
class Pairing:
    """The run and its benchmark measured over the same periods, between closes that the benchmark has.

    Attributes
    ----------
    sample : Sample
        The run.
    closes : float64, shape (n_periods,)
        The benchmark's closes on the sampled rows, NaN where it has none.
    places : int64, shape (n_closes,), or None
        Where it has one; None where it has them all.
    """

    sample: Sample
    closes: FloatArray
    places: IntArray | None

    @property
    def whole(self) -> bool:
        """Whether the benchmark has a close in every period."""
        return self.places is None

    @property
    def n_pairs(self) -> int:
        """Number of returns of each."""
        if self.places is None:
            return int(self.closes.size)
        return max(int(self.places.size) - (0 if self._from_the_start else 1), 0)

    @property
    def _from_the_start(self) -> bool:
        return self.places is None or bool(self.places.size and self.places[0] == 0)

    @cached_property
    def held(self) -> FloatArray:
        """Levels of the run, shape (n_pairs + 1,)."""
        if self.places is None:
            return self.sample.levels
        opening = self.places + 1
        return self.sample.levels[np.concatenate(([0], opening)) if self._from_the_start else opening]

    @cached_property
    def marks(self) -> FloatArray:
        """Levels of the benchmark, shape (n_pairs + 1,).

        It is bought at the close of the first bar, as the run can hold nothing before it: its first return is 0.
        """
        values = self.closes if self.places is None else self.closes[self.places]
        return np.concatenate((values[:1], values)) if self._from_the_start else values

    @cached_property
    def returns(self) -> FloatArray:
        """Simple returns of the run, shape (n_pairs,)."""
        return returns_between(self.held)

    @cached_property
    def benchmark(self) -> FloatArray:
        """Simple returns of the benchmark, shape (n_pairs,)."""
        return returns_between(self.marks)


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
        return Pairing(sampled, values, None)
    return Pairing(sampled, np.where(exists, values, np.nan), np.flatnonzero(exists))
