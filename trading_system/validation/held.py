"""What a run held from close to close, and what the market did meanwhile: what random entries are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.kernels import door
from trading_system.validation.random_entry import CHUNK, shuffled_run_means
from trading_system.validation.resampling import in_chunks, resample_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from trading_system.engine.ledger import Ledger
    from trading_system.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Held:
    """Positions and moves of every symbol that was ever held.

    Attributes
    ----------
    positions : float64, shape (n, n_symbols)
        Fraction of equity that each symbol was at a close, short negative; row k is held over row k of `moves`.
    moves : float64, shape (n, n_symbols)
        Change of its adjusted price from that close to the next, 0 where it has no bar then.
    live : bool, shape (n, n_symbols)
        Where the symbol has a bar that its position could have been held over.
    """

    positions: FloatArray
    moves: FloatArray
    live: BoolArray

    @property
    def n_rows(self) -> int:
        """Rows, at least 1."""
        return max(int(self.positions.shape[0]), 1)

    @property
    def mean(self) -> float:
        """Mean over rows of the sum over symbols of position times move."""
        return float((self.positions * self.moves).sum() / self.n_rows)

    @property
    def scale(self) -> float:
        """How large a mean could be: what rounding is measured against."""
        return float((np.abs(self.positions) * np.abs(self.moves)).sum() / self.n_rows)

    def groups(self) -> list[IntArray]:
        """Columns that have bars on the same rows, together."""
        _, which = np.unique(self.live, axis=1, return_inverse=True)
        return [np.flatnonzero(which.reshape(-1) == number) for number in range(int(which.max(initial=-1)) + 1)]


def held_of(ledger: Ledger) -> Held:
    """Positions and moves of a run, from its fills.

    A position is marked at the last existing close, in raw prices; splits change its quantity and not its value.
    """
    bars, first, n = ledger.bars, ledger.first, ledger.equity.size
    rows = slice(first, first + n)
    columns = np.unique(ledger.line_symbol[ledger.fills["line"]])
    marks = _filled(bars.close[: first + n, columns])[first:]
    factor = np.cumprod(bars.split[rows, columns], axis=0)
    fills = ledger.fills
    at, place = fills["row"] - first, np.searchsorted(columns, ledger.line_symbol[fills["line"]])
    units = np.zeros(marks.shape)
    np.add.at(units, (at, place), fills["side"] * fills["quantity"] / factor[at, place])
    values = np.cumsum(units, axis=0) * factor * np.where(np.isfinite(marks), marks, 0.0)
    equity = np.where(ledger.equity > 0.0, ledger.equity, np.inf)[:, None]
    share = values / equity
    share[np.abs(share) < 1e-12] = 0.0  # what rounding leaves of a position that was closed
    adjusted = _filled(bars.adjusted.close[: first + n, columns])
    with np.errstate(invalid="ignore"):
        change = adjusted[first + 1 :] / adjusted[first : first + n - 1] - 1.0
    live = bars.has_bar[first + 1 : first + n, columns] & np.isfinite(change)
    return Held(share[:-1], np.where(live, change, 0.0), live)


def _filled(panel: FloatArray) -> FloatArray:
    """Each column's last existing value, NaN before the first."""
    row = np.maximum.accumulate(np.where(np.isfinite(panel), np.arange(panel.shape[0])[:, None], 0), axis=0)
    return np.take_along_axis(panel, row, axis=0)


@dataclass(frozen=True, eq=False)
class _Group:
    """Symbols with the same bars: their positions as entries (rank among the bars, column, weight), and their moves."""

    rank: IntArray
    column: IntArray
    weight: FloatArray
    moves: FloatArray
    rows: IntArray

    def total(self, order: IntArray) -> float:
        """Sum of positions times moves when bar ``order[k]`` comes in place of bar k."""
        return float((self.weight * self.moves[order[self.rank], self.column]).sum())


def _grouped(held: Held) -> list[_Group]:
    found = []
    for columns in held.groups():
        rows = np.flatnonzero(held.live[:, columns[0]])
        positions = held.positions[np.ix_(rows, columns)]
        rank, column = np.nonzero(positions)
        found.append(_Group(rank, column, positions[rank, column], held.moves[np.ix_(rows, columns)], rows))
    return found


def paired_totals(held: Held, rng: np.random.Generator, n_draws: int) -> FloatArray:
    """Mean result when the dates of the moves are shuffled against the positions, shape (n_draws,).

    All symbols follow one order of the dates, each on its own bars, so that what they have in common stays.
    """
    groups, n, keys = _grouped(held), held.n_rows, resample_keys(rng, n_draws)

    def work(key: Any) -> float:
        place = np.random.default_rng(int(key)).permutation(n)
        return sum((group.total(np.argsort(place[group.rows], kind="stable")) for group in groups), 0.0) / n

    return _drawn(work, keys)


def rotated_totals(held: Held, rng: np.random.Generator, n_draws: int) -> FloatArray:
    """Mean result when all positions begin that much later, around the end, shape (n_draws,); the same share of every symbol's bars."""
    groups, n, shares = _grouped(held), held.n_rows, rng.random(n_draws)

    def work(share: Any) -> float:
        total = 0.0
        for group in groups:
            size = group.rows.size
            total += group.total((np.arange(size) + int(share * size)) % max(size, 1))
        return total / n

    return _drawn(work, shares)


def run_totals(held: Held, rng: np.random.Generator, n_draws: int) -> FloatArray:
    """Mean result when each symbol's stretches in and out of the market are shuffled, shape (n_draws,).

    Number, length and spacing of the trades of each symbol stay; symbols are shuffled independently.
    """
    found = np.zeros(n_draws)
    for column in range(held.positions.shape[1]):
        rows = np.flatnonzero(held.live[:, column])
        if not held.positions[rows, column].any():
            continue
        weights, moves = (door(panel[rows, column], np.float64) for panel in (held.positions, held.moves))
        found += shuffled_run_means(weights, moves, resample_keys(rng, n_draws)) * rows.size
    return found / held.n_rows


def _drawn(work: Callable[[Any], float], draws: Any) -> FloatArray:
    def chunk(start: int, stop: int) -> list[float]:
        return [work(one) for one in draws[start:stop]]

    return np.array([value for part in in_chunks(chunk, len(draws), CHUNK) for value in part], np.float64)
