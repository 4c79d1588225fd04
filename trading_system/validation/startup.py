"""How much history does a strategy need before its decisions are those of a longer run? What it declares, and what is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.errors import TradingSystemError
from trading_system.validation.decided import Decided, moved
from trading_system.validation.histories import untied

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trading_system.data.bars import Bars
    from trading_system.strategies.base import Signals, Weights
    from trading_system.types import BoolArray, FloatArray

WINDOW = 40
"""Rows that are compared, from the judged one on."""
ANCHORS = (0.62, 0.81, 0.97)
"""Where the judged rows lie, as shares of the bars: irregular, and late enough for a long history before them."""
STEPS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
"""Start-ups that are tried first, in declared warm-ups; between two of them the answer is halved out."""
LEAST = 4


FAILURE = "failure"
DECIDING = (FAILURE, "entry", "exit", "target", "lines", "max_hold", "group")
"""Outputs that say whether there is a trade; the others say at which distance, price, size and rank."""


@dataclass(frozen=True)
class StartUp:
    """Bars of history that decisions need.

    Attributes
    ----------
    declared : int
        By the strategy, on these bars.
    needed : int or None
        Fewest with which entries, exits and targets are those of the whole run; None when none that was tried is enough.
    recommended : int or None
        Fewest with which every output is, distances and components too.
    tried : int
        The longest one tried.
    tolerance : float
        Relative, of targets, distances, prices and components; entries and exits are compared exactly.
    output, symbol : str
        What differed at the longest start-up that was not `needed`, or else not `recommended`.
    n_decisions : int
        Times that the strategy was asked.
    """

    declared: int
    needed: int | None
    recommended: int | None
    tried: int
    tolerance: float
    output: str
    symbol: str
    n_decisions: int

    @property
    def short(self) -> bool:
        """Whether the declared warm-up is too short for entries, exits or targets."""
        return self.tried >= self.declared and (self.needed is None or self.needed > self.declared)

    @property
    def sentence(self) -> str:
        """What there is to know, in one sentence."""
        declared = f"the rule declares {self.declared}"
        what = "decide fails" if self.output == FAILURE else f"{self.output} of {self.symbol} differs from the whole run"
        if self.tried < self.declared:
            return f"the declared warm-up of {self.declared} bars could not be tried: the data has too few"
        if self.needed is None:
            return f"{what} after {self.tried} bars of history still; {declared}: it never forgets, or knows where its data begins"
        if self.short:
            return f"the warm-up is too short: with fewer than {self.needed} bars of history {what}; {declared}"
        if self.recommended is None:
            return f"decisions stand after {self.needed} bars ({declared}), but {what} after {self.tried} still"
        if self.recommended > self.declared:
            return (
                f"decisions stand after {self.needed} bars ({declared}); with fewer than {self.recommended} {what} by more than"
                f" {self.tolerance:g}"
            )
        return f"{self.recommended} bars of history are enough; {declared}"


def start_up(
    decide: Callable[[Bars], Signals | Weights],
    bars: Bars,
    declares: Callable[[Bars], int],
    tolerance: float,
    rng: np.random.Generator,
) -> StartUp:
    """The shortest start-up after which decisions no longer depend on what came before it.

    The strategy decides from the last s bars before a few judged rows, for several s; `WINDOW` rows from the judged one on are compared
    with the whole run. A row on which only one of them sets a target compares it with the target that stands in the other. Symbols
    with holes are left out where others have none: for them s rows are fewer than s bars.

    Parameters
    ----------
    declares : callable
        Warm-up that the strategy declares for some bars: where they begin may matter to it.
    """
    declared = declares(bars)
    bars = untied(bars, rng)
    trial = _Trial(decide, bars, Decided.of(decide(bars), bars), tolerance)
    needed, low, tried = _fewest(trial, declared, decisive=True)
    recommended, low_of_all, tried_too = _fewest(trial, declared, decisive=False)
    if needed is not None and needed > declared:
        declared = max(declared, min(trial.claimed(needed - 1, declares), needed))
    if needed is not None and needed <= declared:
        low = low_of_all
    output, symbol = trial.blamed.get(low, ("", ""))
    return StartUp(declared, needed, recommended, max(tried, tried_too), tolerance, output, symbol, trial.n_decisions)


def _fewest(trial: _Trial, declared: int, *, decisive: bool) -> tuple[int | None, int, int]:
    """The fewest bars that are enough (None: none was), the most that are known not to be, and the longest that was tried."""
    most, unit = trial.most, max(declared, LEAST)
    lengths = sorted({min(max(round(step * unit), 1), most) for step in STEPS})
    while lengths[-1] < most and not trial.agrees(lengths[-1], decisive):
        lengths.append(min(2 * lengths[-1], most))
    low, enough = 0, None
    for length in reversed(lengths):
        if not trial.agrees(length, decisive):
            low = length
            break
        enough = length
    while enough is not None and enough - low > 1:
        middle = (low + enough) // 2
        low, enough = (low, middle) if trial.agrees(middle, decisive) else (middle, enough)
    return enough, low, lengths[-1]


@dataclass(eq=False)
class _Trial:
    """Start-ups of one strategy, each tried once."""

    decide: Callable[[Bars], Signals | Weights]
    bars: Bars
    whole: Decided
    tolerance: float
    n_decisions: int = 1
    known: dict[int, dict[str, str]] = field(default_factory=dict)
    blamed: dict[int, tuple[str, str]] = field(default_factory=dict)

    @cached_property
    def window(self) -> int:
        return max(1, min(WINDOW, self.bars.n_bars // 8))

    @cached_property
    def anchors(self) -> list[int]:
        n = self.bars.n_bars
        return sorted({min(max(int(share * n), 1), n - self.window) for share in ANCHORS})

    @property
    def dropped(self) -> int:
        """First rows that every start-up leaves out: one that begins with the data is the whole run."""
        return max(self.bars.n_bars // 10, 1)

    @property
    def most(self) -> int:
        """The longest start-up that can be tried."""
        return max(max(self.anchors) + 1 - self.dropped, 1)

    @cached_property
    def whole_symbols(self) -> BoolArray:
        """Symbols with a bar on every row between their first and their last."""
        there = self.bars.has_bar
        counted = there.sum(axis=0)
        first, last = there.argmax(axis=0), there.shape[0] - 1 - there[::-1].argmax(axis=0)
        return np.asarray((counted > 0) & (last - first + 1 == counted))

    @cached_property
    def lines(self) -> tuple[tuple[int, int], ...]:
        """Lines of whole symbols; all where there is none."""
        kept = tuple(line for line in self.whole.lines if self.whole_symbols[line[0]])
        return kept or self.whole.lines

    def agrees(self, length: int, decisive: bool) -> bool:
        """Whether `length` bars of history give the outputs of the whole run at every judged row that has as many."""
        if length not in self.known:
            places = [self._found_at(anchor, length) for anchor in self.anchors if anchor + 1 - self.dropped >= length]
            self.known[length] = {output: symbol for found in reversed(places) for output, symbol in found.items()}
        wrong = {output: symbol for output, symbol in self.known[length].items() if output in DECIDING or not decisive}
        if wrong:
            first = min(wrong, key=lambda one: (one not in DECIDING, one))
            self.blamed[length] = first, wrong[first]
        return not wrong

    def _found_at(self, anchor: int, length: int) -> dict[str, str]:
        """Outputs that differ at one judged row and after it, each with a symbol."""
        begin = anchor + 1 - length
        cut = self.bars.rows(begin, anchor + self.window)
        self.n_decisions += 1
        try:
            part = Decided.of(self.decide(cut), cut)
        except TradingSystemError:
            return {FAILURE: ""}
        was, now = self._judged(self.whole, anchor), self._judged(part, anchor - begin)
        if "target" in was.panels and "target" in now.panels:
            was, now = _standing_where_either_sets(was, now, self.whole, part, anchor, begin)
        found = moved(was, now, self.window, self.tolerance)
        return {output: self.bars.symbols[max(place.column, 0)] for output, place in found.items()}

    def claimed(self, length: int, declares: Callable[[Bars], int]) -> int:
        """Largest warm-up declared for the cuts of `length` bars, and the bars that are missing in them where every symbol misses some."""
        found = 0
        for anchor in self.anchors:
            cut = self.bars.rows(max(anchor + 1 - length, 0), anchor + self.window)
            holes = 0 if self.whole_symbols.any() else int((~cut.has_bar).sum(axis=0).max(initial=0))
            found = max(found, declares(cut) + holes)
        return found

    def _judged(self, made: Decided, start: int) -> Decided:
        """The judged rows of the lines that are compared."""
        place = {line: i for i, line in enumerate(made.lines)}
        kept = tuple(line for line in self.lines if line in place)
        chosen = [place[line] for line in kept]
        rows = slice(start, start + self.window)
        return Decided(self.window, kept, {name: np.asarray(panel)[rows][:, chosen] for name, panel in made.panels.items()})


def _standing_where_either_sets(
    was: Decided, now: Decided, whole: Decided, part: Decided, anchor: int, begin: int
) -> tuple[Decided, Decided]:
    """Targets that stand, on the rows on which one of the two sets one; nothing on the others."""
    stands = [
        _standing(one, lines, start, was.n_bars) for one, lines, start in ((whole, was, anchor), (part, now, anchor - begin))
    ]
    sets = ~(np.isnan(was.panels["target"]) & np.isnan(now.panels["target"])) if was.lines == now.lines else True
    panels: list[dict[str, NDArray[Any]]] = [{"target": np.where(sets, one, np.nan)} for one in stands]
    return Decided(was.n_bars, was.lines, panels[0]), Decided(now.n_bars, now.lines, panels[1])


def _standing(made: Decided, judged: Decided, start: int, n_rows: int) -> FloatArray:
    """The target that stands on each judged row: the last one that was set; 0 before the first, when nothing is held."""
    place = {line: i for i, line in enumerate(made.lines)}
    target = made.panels["target"][: start + n_rows, [place[line] for line in judged.lines]]
    rows = np.arange(target.shape[0])[:, None]
    last = np.maximum.accumulate(np.where(np.isnan(target), -1, rows), axis=0)[start:]
    taken = np.take_along_axis(target, np.maximum(last, 0), axis=0)
    return np.where(last < 0, 0.0, taken)
