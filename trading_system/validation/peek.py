"""Does a strategy read the future? Its decisions on shortened and on altered histories, compared row by row.

A decision of row t may depend on rows up to t only. So what a strategy decides from the first k rows, and from all rows with noise in
place of those from k on, must equal what it decides from all rows, at every row before k. Whatever moves is named: the output, the
symbol, the first bar. A strategy that decides differently from equal bars, or writes into its bars, is found on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trading_system.errors import InsufficientDataError, StrategyError, TradingSystemError
from trading_system.validation.decided import LINES, Decided, Moved, moved
from trading_system.validation.histories import INPUTS, fingerprint, own_copy, perturbed
from trading_system.validation.lookahead import LEAST_CUTS, TOLERANCE

if TYPE_CHECKING:
    from trading_system.data.bars import Bars
    from trading_system.strategies.base import Signals, Weights
    from trading_system.types import IntArray
    from trading_system.validation.loop import Loop

HOW = ("truncation", "perturbation")
TRACED = 6
"""Cuts at which it is tried which input moves an output alone."""
_FAILED = -3.0


class Leak(NamedTuple):
    """An output that moved when only later data did.

    Attributes
    ----------
    output : str
        ``entry``, ``exit``, ``stop_distance``, ``components.momentum``, ``target``, ...; ``lines`` when lines or components changed.
    symbol : str
        Of the first row that moved.
    row : int
        First row that moved, over all comparisons.
    bar : str
        Its session or time.
    cut : int
        Rows that were left as they are, in the comparison that found it.
    how : str
        ``truncation`` or ``perturbation``.
    n_found : int
        Comparisons in which the output moved.
    through : tuple of str
        Inputs whose later rows alone move it: of `INPUTS`; empty when none does alone (the number of rows, the calendar).
    """

    output: str
    symbol: str
    row: int
    bar: str
    cut: int
    how: str
    n_found: int
    through: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Peek:
    """What was found about one strategy.

    Attributes
    ----------
    leaks : sequence of Leak
        By first row.
    unsteady : sequence of Leak
        Outputs that were not the same on the same bars; `how` is ``repeated``.
    written : sequence of str
        Arrays of the bars that the strategy changed.
    failed : sequence of str
        Histories on which it raised, one sentence each.
    cuts : sequence of int
    n_decisions : int
        Times that it was asked to decide.
    deaf : bool
        Whether nothing it decides changes when every bar is noise: it does not read them, or answers from memory.
    """

    leaks: Sequence[Leak]
    unsteady: Sequence[Leak]
    written: Sequence[str]
    failed: Sequence[str]
    cuts: Sequence[int]
    n_decisions: int
    deaf: bool = False

    @property
    def clean(self) -> bool:
        """Whether nothing speaks against it."""
        return not (self.leaks or self.unsteady or self.written)


@dataclass(eq=False)
class Looker:
    """Looks at one strategy.

    Attributes
    ----------
    decide : callable
        A strategy's, its failures told as `TradingSystemError`.
    bars : Bars
        Of the strategy's universe, rows up to the end of what may be read.
    seed : int
        Of the cuts and of the noise.
    tolerance : float
        Relative, for numbers; entries, exits and other whole numbers are compared exactly.
    """

    decide: Callable[[Bars], Signals | Weights]
    bars: Bars
    seed: int = 0
    tolerance: float = TOLERANCE

    def look(self, loop: Loop, name: str, n_cuts: int, least: int = 1) -> Peek:
        """Compare the decisions on `n_cuts` shortened and as many altered histories with those on the whole.

        Parameters
        ----------
        name : str
            Of the strategy, for progress and for the store.
        n_cuts : int
            At least 8: one in each of as many stretches of the rows, half of them right after a decision.
        least : int
            Rows of the shortest history: the warm-up.

        Raises
        ------
        StrategyError
            The strategy fails on all of its bars, or on every other history.
        InsufficientDataError
            There are fewer bars than cuts.
        """
        mine = own_copy(self.bars)
        before = fingerprint(mine)
        whole = self._decided(mine)
        written = [part for part, bits in fingerprint(mine).items() if bits != before[part]]
        again = self._decided(own_copy(self.bars))
        unsteady = self._unsteady(whole, again)
        cuts = decisive_cuts(
            whole.deciding_rows, self._holes(), self.bars.n_bars, np.random.default_rng([self.seed, 1]), n_cuts, least
        )
        outputs, table = self._compared(loop, name, whole, cuts, fresh=bool(written))
        if not unsteady:
            unsteady = self._unsteady(whole, self._decided(own_copy(self.bars)))  # it may remember what it was shown since
        shaky = {one.output for one in unsteady}
        asked = 4 + 2 * len(cuts)
        leaks = []
        for leak in _leaks_of(outputs, table, cuts, self.bars):
            if leak.output in shaky:
                continue
            hit = np.flatnonzero(table[:, 2 * outputs.index(leak.output)] >= 0) // 2
            through, tried = self._through(leak.output, whole, [cuts[i] for i in dict.fromkeys(hit.tolist())][:TRACED])
            asked += tried
            leaks.append(leak._replace(through=through))
        failed = self._failures(table, cuts, least)
        return Peek(leaks, unsteady, written, failed, cuts, asked, self._deaf(whole))

    def _decided(self, bars: Bars) -> Decided:
        return Decided.of(self.decide(bars), bars)

    def _unsteady(self, whole: Decided, again: Decided) -> list[Leak]:
        n = self.bars.n_bars
        found = moved(whole, again, n, 0.0)
        return [_named(output, place, self.bars, n, "repeated", 1) for output, place in found.items()]

    def _holes(self) -> IntArray:
        """Rows on which a symbol that had a bar before, and has one later, has none."""
        there = self.bars.has_bar
        known = np.logical_or.accumulate(there, axis=0) & np.logical_or.accumulate(there[::-1], axis=0)[::-1]
        return np.flatnonzero((known & ~there).any(axis=1))

    def _compared(
        self, loop: Loop, name: str, whole: Decided, cuts: Sequence[int], *, fresh: bool
    ) -> tuple[tuple[str, ...], np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
        """First row and column of every output that moved, per cut (truncated, then perturbed); NaN where none did."""
        outputs = whole.names

        def compare(number: int) -> list[float]:
            cut, how = cuts[number // 2], HOW[number % 2]
            try:
                part = self._decided(self.history(cut, how, fresh=fresh))
            except TradingSystemError:
                return [_FAILED] * (2 * len(outputs))
            found = moved(whole, part, cut, self.tolerance)
            places = [found.get(output) for output in outputs]
            return [x for place in places for x in ((np.nan, np.nan) if place is None else (place.row, place.column))]

        table = loop.rows(f"{name}: {len(cuts)} cuts of {self.bars.n_bars} rows", compare, 2 * len(cuts), 2 * len(outputs))
        if (table[:, 0] == _FAILED).all():
            raise self._failure(cuts[-1], HOW[0])
        return outputs, table

    def history(self, cut: int, how: str, *, only: str = "", fresh: bool = False) -> Bars:
        """The bars as known after `cut` rows: later ones taken away, or replaced by noise (of one input alone, if named)."""
        if how == "truncation":
            return own_copy(self.bars.head(cut)) if fresh else self.bars.head(cut)
        altered = perturbed(self.bars, cut, np.random.default_rng([self.seed, 2, cut]), only)
        return own_copy(altered) if fresh else altered

    def _through(self, output: str, whole: Decided, cuts: Sequence[int]) -> tuple[tuple[str, ...], int]:
        """Inputs that move `output` alone, and how often it was asked."""
        found, asked = [], 0
        for one in INPUTS:
            for cut in cuts:
                asked += 1
                try:
                    part = self._decided(self.history(cut, "perturbation", only=one, fresh=True))
                except TradingSystemError:
                    continue
                if output in moved(whole, part, cut, self.tolerance):
                    found.append(one)
                    break
        return tuple(found), asked

    def _deaf(self, whole: Decided) -> bool:
        """Whether noise in place of all bars changes nothing at all."""
        try:
            return not moved(
                whole, self._decided(self.history(0, "perturbation", fresh=True)), self.bars.n_bars, self.tolerance
            )
        except TradingSystemError:
            return False

    def _failure(self, cut: int, how: str) -> TradingSystemError:
        try:
            self._decided(self.history(cut, how, fresh=True))
        except TradingSystemError as error:
            return error
        return StrategyError(
            "fails on some histories and not on the same ones again", remedy="make decide depend on its bars alone"
        )

    def _failures(
        self, table: np.ndarray[tuple[int, ...], np.dtype[np.float64]], cuts: Sequence[int], least: int
    ) -> list[str]:
        """Where it raised: once for shortened and once for altered histories."""
        said = []
        for kind, how in enumerate(HOW):
            where = [cut for number, cut in enumerate(cuts) if table[2 * number + kind, 0] == _FAILED]
            if where:
                text = (
                    f"the first {where[0]} of {self.bars.n_bars} rows" if kind == 0 else f"other prices after row {where[0]}"
                )
                said.append(
                    f"fails on {text} ({len(where)} of {len(cuts)} histories of that kind; it declares a warm-up of {least}):"
                    f" {self._failure(where[0], how)}"
                )
        return said


def decisive_cuts(
    deciding: IntArray, holes: IntArray, n: int, rng: np.random.Generator, n_cuts: int, least: int = 1
) -> list[int]:
    """Irregular numbers of rows to keep, ascending, each below all: one in each of `n_cuts` stretches of equal length.

    In every other stretch the cut is right after a row that decides something, where there is one: a decision that needed the next bars
    cannot be made there. In every fourth it is right after a row on which a bar is missing, for what fills it may come from later.

    Parameters
    ----------
    deciding, holes : int64
        Rows that decide something; rows on which a symbol misses a bar.
    n : int
        Rows in all.

    Raises
    ------
    InsufficientDataError
        Fewer rows than cuts.
    """
    least = min(max(least, 1), max(n // 2, 1))
    if n_cuts < LEAST_CUTS or n - least < n_cuts:
        raise InsufficientDataError(
            f"{n_cuts} cuts need {least + max(n_cuts, LEAST_CUTS)} bars, the data has {n}", remedy="load more bars"
        )
    edges = np.linspace(least, n, n_cuts + 1).astype(np.int64)
    wanted = (deciding[:0], deciding, holes, deciding)
    cuts = []
    for number, (a, b) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        behind = wanted[number % 4] + 1
        chosen = behind[(behind >= a) & (behind < b)]
        cuts.append(int(rng.choice(chosen)) if chosen.size else int(rng.integers(a, b)))
    return cuts


def _leaks_of(
    outputs: Sequence[str], table: np.ndarray[tuple[int, ...], np.dtype[np.float64]], cuts: Sequence[int], bars: Bars
) -> list[Leak]:
    """The earliest row of every output that moved, by row."""
    found = []
    for number, output in enumerate(outputs):
        rows, columns = table[:, 2 * number], table[:, 2 * number + 1]
        hit = np.flatnonzero(rows >= -1)
        if hit.size:
            best = int(hit[np.argmin(rows[hit])])
            place = Moved(int(rows[best]), int(columns[best]))
            found.append(_named(output, place, bars, cuts[best // 2], HOW[best % 2], int(hit.size)))
    return sorted(found, key=lambda leak: (leak.row, leak.output == LINES, leak.output))


def _named(output: str, place: Moved, bars: Bars, cut: int, how: str, n_found: int) -> Leak:
    label = bars.rows(place.row, place.row + 1).labels()[0] if place.row >= 0 else ""
    symbol = bars.symbols[place.column] if 0 <= place.column < bars.n_symbols else ""
    return Leak(output, symbol, place.row, label, cut, how, n_found)
