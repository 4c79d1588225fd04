"""Decisions in one form, and the first place at which two of them differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from trading_system.strategies.base import Signals, Weights
from trading_system.validation.lookahead import TOLERANCE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trading_system.data.bars import Bars
    from trading_system.types import IntArray

LINES = "lines"
"""The output that is said to move when lines or panels appear, vanish or change their order."""
ROUNDING = 1e-12
"""Of an output's largest value: smaller differences are rounding, however small the numbers themselves."""
PANELS = ("entry", "exit", "stop_distance", "trail_distance", "target_distance", "stop_tighten", "limit_price", "scale")
PER_LINE = ("max_hold", "group")
_NOTHING = {"entry": 0.0, "exit": 0.0, "scale": 1.0, "max_hold": 0.0, "group": -1.0}
_BLOCK = 256


@dataclass(frozen=True, eq=False)
class Decided:
    """Decisions in one form: a panel per output, a column per line, lines named by their symbol.

    Attributes
    ----------
    n_bars : int
    lines : tuple of (int, int)
        Column of the bars, and how many lines of that symbol come before it.
    panels : mapping
        Output -> array of shape (n_bars, n_lines).
    """

    n_bars: int
    lines: tuple[tuple[int, int], ...]
    panels: Mapping[str, NDArray[Any]]

    @classmethod
    def of(cls, made: Signals | Weights, bars: Bars) -> Decided:
        """The panels of what a strategy gave back."""
        symbol = range(bars.n_symbols) if made.symbol is None else made.symbol.tolist()
        lines, seen = [], dict[int, int]()
        for column in symbol:
            seen[column] = seen.get(column, -1) + 1
            lines.append((column, seen[column]))
        if isinstance(made, Weights):
            return cls(bars.n_bars, tuple(lines), {"target": made.target})
        panels = {name: getattr(made, name) for name in PANELS if getattr(made, name) is not None}
        if made.components is not None:
            panels |= {f"components.{name}": panel for name, panel in zip(made.component_names, made.components, strict=True)}
        for name in PER_LINE:
            if getattr(made, name) is not None:
                panels[name] = np.broadcast_to(getattr(made, name), (bars.n_bars, len(lines)))
        return cls(bars.n_bars, tuple(lines), panels)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the outputs in which others are compared with this one."""
        return (*self.panels, LINES)

    @cached_property
    def largest(self) -> dict[str, float]:
        """Largest finite magnitude of each output."""
        return {name: _largest(panel) for name, panel in self.panels.items()}

    @cached_property
    def deciding_rows(self) -> IntArray:
        """Rows that enter, leave or set a target."""
        if "target" in self.panels:
            return np.flatnonzero(~np.isnan(self.panels["target"]).all(axis=1))
        return np.flatnonzero((self.panels["entry"] != 0).any(axis=1) | self.panels["exit"].any(axis=1))


class Moved(NamedTuple):
    """First row, and column of the bars in it, at which an output is not what it was."""

    row: int
    column: int


def moved(whole: Decided, part: Decided, rows: int, tolerance: float = TOLERANCE, start: int = 0) -> dict[str, Moved]:
    """Every output that differs before row `rows`, with the first place.

    A line or a panel that only one of them has decides nothing in the other; so a rule may leave out symbols that it has not seen yet.

    Parameters
    ----------
    tolerance : float
        Relative, of floats; 0 compares bits. Whole numbers and truth values are compared exactly.
    start : int
        Row of `whole` that is row 0 of `part`.
    """
    found: dict[str, Moved] = {}
    common = set(whole.lines) & set(part.lines)
    if [line for line in whole.lines if line in common] != [line for line in part.lines if line in common]:
        found[LINES] = Moved(0, -1)
    every = whole.lines if whole.lines == part.lines else tuple(sorted({*whole.lines, *part.lines}))
    for name in dict.fromkeys((*whole.panels, *part.panels)):
        place = first_row(whole, part, name, every, range(start, start + rows), tolerance)
        if place is not None:
            known = name if name in whole.panels else LINES
            found[known] = min(place, found.get(known, place))
    return found


def first_row(
    whole: Decided, part: Decided, name: str, lines: Sequence[tuple[int, int]], rows: range, tolerance: float
) -> Moved | None:
    """First of `rows` (of `whole`) at which one output differs; None where none does."""
    slack = ROUNDING * whole.largest.get(name, 0.0) if tolerance else 0.0
    for a, b in _blocks(rows):
        was = _laid_out(whole, name, lines, a, b)
        now = _laid_out(part, name, lines, a - rows.start, b - rows.start)
        same = was == now
        if np.issubdtype(was.dtype, np.floating) or np.issubdtype(now.dtype, np.floating):
            with np.errstate(invalid="ignore"):
                close = np.abs(was - now) <= np.maximum(tolerance * np.abs(was), slack)
            same |= (np.isnan(was) & np.isnan(now)) | (close & np.isfinite(was) if tolerance else False)
        if not same.all():
            row = int(np.argmin(same.all(axis=1)))
            return Moved(a + row, lines[int(np.argmin(same[row]))][0])
    return None


def _blocks(rows: range) -> Iterator[tuple[int, int]]:
    for a in range(rows.start, rows.stop, _BLOCK):
        yield a, min(a + _BLOCK, rows.stop)


def _laid_out(made: Decided, name: str, lines: Sequence[tuple[int, int]], a: int, b: int) -> NDArray[Any]:
    """Rows a..b - 1 of an output over `lines`; what is not there decides nothing."""
    panel, empty = made.panels.get(name), _NOTHING.get(name, np.nan)
    if panel is None:
        return np.full((b - a, len(lines)), empty)
    if lines == made.lines:
        return panel[a:b]
    out = np.full((b - a, len(lines)), empty, panel.dtype)
    place = {line: i for i, line in enumerate(lines)}
    out[:, [place[line] for line in made.lines]] = panel[a:b]
    return out


def _largest(panel: NDArray[Any]) -> float:
    if not np.issubdtype(panel.dtype, np.floating):
        return 0.0
    finite = np.abs(panel[np.isfinite(panel)])
    return float(finite.max()) if finite.size else 0.0
