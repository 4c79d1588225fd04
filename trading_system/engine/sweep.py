"""Many runs of one line over one series: figures instead of ledgers, on threads, without a matrix of bars by runs.

A run is one set of decisions over one window of rows; it starts flat with its starting equity. Its fills and its equity are those of
`simulate`, to the bit; its figures are sums over the same curve, equal to `metrics` to 1e-12.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.engine import lane
from trading_system.engine.decisions import StrategyDecisions
from trading_system.engine.layout import (
    N_FIGURES,
    SWEEP_CASH,
    SWEEP_DEVIATION,
    SWEEP_DRAWDOWN,
    SWEEP_FILLS,
    SWEEP_FINAL,
    SWEEP_GAVE_UP,
    SWEEP_MEAN,
    SWEEP_PERIODS,
    SWEEP_QUANTITY,
    SWEEP_TRADES,
)
from trading_system.kernels import door
from trading_system.parallel import mapped
from trading_system.strategies.base import Changes, Weights

if TYPE_CHECKING:
    from trading_system.config.models import RunConfig
    from trading_system.data.bars import Bars
    from trading_system.strategies.base import Signals
    from trading_system.types import BoolArray, FloatArray, IntArray

VALUES_OF_A_TASK = 1 << 18  # bars x sets: half a millisecond of work, and the decisions stay in the processor's cache
MOST_SETS = 128
PERIODS = 3  # runs that are shorter are left to the long way

Window = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Figures:
    """What is kept of each run; every property has shape (n_sets, n_windows).

    Attributes
    ----------
    table : float64, shape (n_sets, n_windows, N_FIGURES)
    starting_equity : float
    curves : mapping of int to float64
        Measured equity of the sets for which it was asked, in the last window.
    """

    table: FloatArray
    starting_equity: float
    curves: Mapping[int, FloatArray]

    def _of(self, which: int) -> FloatArray:
        return self.table[:, :, which]

    @property
    def final(self) -> FloatArray:
        """Last measured equity."""
        return self._of(SWEEP_FINAL)

    @property
    def mean(self) -> FloatArray:
        """Mean return of a period."""
        return self._of(SWEEP_MEAN)

    @property
    def deviation(self) -> FloatArray:
        """Sample deviation of the returns (ddof 1); exactly 0 when they never vary."""
        return self._of(SWEEP_DEVIATION)

    @property
    def max_drawdown(self) -> FloatArray:
        """Deepest drawdown, never positive."""
        return self._of(SWEEP_DRAWDOWN)

    @property
    def n_periods(self) -> FloatArray:
        """Returns that are measured."""
        return self._of(SWEEP_PERIODS)

    @property
    def n_trades(self) -> FloatArray:
        """Closed trades."""
        return self._of(SWEEP_TRADES)

    @property
    def n_fills(self) -> FloatArray:
        """Fills."""
        return self._of(SWEEP_FILLS)

    @property
    def account(self) -> tuple[FloatArray, FloatArray]:
        """Cash and units held after the last bar."""
        return self._of(SWEEP_CASH), self._of(SWEEP_QUANTITY)

    @property
    def gave_up(self) -> BoolArray:
        """Runs that met something that is not for a sweep (ruin, interest that falls due): their figures mean nothing."""
        return np.asarray(self._of(SWEEP_GAVE_UP) != 0.0)


class Sweep:
    """One symbol's series and one set of rules, ready for many sets of decisions; from any thread.

    Parameters
    ----------
    bars : Bars
    column : int
        Of the symbol.
    config : RunConfig
        With a single strategy.
    windows : sequence of (first, stop)
        Rows of each run; None stands for one run over all rows.
    threads : bool
        Whether sets are spread over threads; not where the sweep is one task of a larger loop.

    See `applies` for what must hold.
    """

    def __init__(
        self, bars: Bars, column: int, config: RunConfig, windows: Sequence[Window] | None = None, *, threads: bool = True
    ) -> None:
        self.bars, self.column, self.config, self._threads = bars, column, config, threads
        self.windows = [(0, bars.n_bars)] if windows is None else [(int(a), int(b)) for a, b in windows]

    def applies(self, tradable: BoolArray) -> bool:
        """Whether runs of this line may be swept: the lane knows the rules, and no bar of the windows is missing.

        `tradable`, shape (n_bars, 1), is the strategy's own.
        """
        first, stop = min(a for a, _ in self.windows), max(b for _, b in self.windows)
        if not 0 <= first < stop <= self.bars.n_bars or any(b - a < PERIODS for a, b in self.windows):
            return False
        empty = Weights(np.empty((self.bars.n_bars, 1)))
        decisions = [StrategyDecisions(empty, np.array([self.column]), tradable)]
        if not lane.is_single_and_plain(self.bars, decisions, self.config, first, stop):
            return False
        panels = (self.bars.open, self.bars.high, self.bars.low, self.bars.close)
        return bool(np.isfinite(sum(panel[first:stop, self.column] for panel in panels)).all())

    def knows(self, made: Signals | Weights, first: int = 0, stop: int = 0) -> bool:
        """Whether the lane knows what these decisions ask for."""
        tradable = np.broadcast_to(True, self.bars.close.shape)  # `applies` has asked
        decisions = [StrategyDecisions(made, np.array([self.column]), tradable)]
        return lane.is_single_and_plain(self.bars, decisions, self.config, first, stop)

    @cached_property
    def _series(self) -> dict[str, Any]:
        return {name: lane.series_of(getattr(self.bars, name), self.column) for name in ("open", "close", "volume")}

    def elsewhere(self, open_: FloatArray, close: FloatArray, volume: FloatArray) -> Sweep:
        """The same rules and windows on other prices, shape (n_bars, 1), of the same rows; for `weights` alone."""
        other = copy(self)
        series = {"open": open_, "close": close, "volume": volume}
        vars(other).update(
            _series={name: lane.series_of(panel, 0) for name, panel in series.items()},
            _rules=self._rules,
            _windows=self._windows,
            sampled=self.sampled,
        )
        return other

    @cached_property
    def _windows(self) -> Any:
        return door(np.array(self.windows), np.int64)

    @cached_property
    def _rules(self) -> Any:
        return lane.lane_rules(self.config, Weights(np.empty((1, 1))), True, False, 0)

    @cached_property
    def sampled(self) -> Any:
        """Rows on which equity is measured; (1,) of -1 when every row of the windows is one."""
        first, stop = min(a for a, _ in self.windows), max(b for _, b in self.windows)
        chosen = self.bars.sampled[first:stop]
        return door(np.full(1, -1) if chosen.all() else first + np.flatnonzero(chosen), np.int64)

    def weights(
        self,
        changes: Callable[[int, int], Changes],
        n_sets: int,
        *,
        firsts: IntArray | None = None,
        keep: Collection[int] = (),
        end_alone: bool = False,
    ) -> Figures:
        """Run `n_sets` sets of target weights.

        Parameters
        ----------
        changes : callable
            first, stop -> changes of the sets first..stop - 1; called from several threads.
        firsts : int64, shape (n_sets,), or None
            Row before which no run of a set begins.
        keep : collection of int
            Sets whose measured equity is kept too.
        end_alone : bool
            Only the end of the account, fills and trades are asked for, to 1e-12: the rest may be left NaN.
        """
        begins, (rows, curves) = self._begins(firsts, n_sets), self._room(n_sets, keep)
        table = np.zeros((n_sets, len(self.windows), N_FIGURES))

        def work(first: int) -> None:
            stop = min(first + size, n_sets)
            own = rows[first:stop]
            self._trade(changes(first, stop), begins[first:stop], own, curves, table[first:stop], end_alone and not keep)

        size = max(1, min(MOST_SETS, VALUES_OF_A_TASK // max(self.bars.n_bars, 1)))
        self._each(work, range(0, n_sets, size))
        return self._figures(table, rows, curves)

    def decisions(
        self,
        decide: Callable[[int], Signals | Weights | None],
        n_sets: int,
        *,
        firsts: IntArray | None = None,
        keep: Collection[int] = (),
        end_alone: bool = False,
    ) -> Figures:
        """The same for decisions of any kind: ``decide(p)`` gives those of set p, over all rows, and is called from several threads.

        A set whose decisions are None, or nothing that the lane knows, has given up.
        """
        begins, (rows, curves) = self._begins(firsts, n_sets), self._room(n_sets, keep)
        table = np.zeros((n_sets, len(self.windows), N_FIGURES))

        def work(number: int) -> None:
            made, one = decide(number), slice(number, number + 1)
            if made is None or not self.knows(made):
                table[number, :, SWEEP_GAVE_UP] = 1.0
            elif isinstance(made, Weights):
                self._trade(_changes_of(made), begins[one], rows[one], curves, table[one], end_alone and not keep)
            else:
                self._follow(made, int(begins[number]), rows[number], curves, table[number])

        self._each(work, range(n_sets))
        return self._figures(table, rows, curves)

    def _trade(self, changes: Changes, begins: Any, rows: Any, curves: FloatArray, table: FloatArray, end_alone: bool) -> None:
        """Figures of some sets of weights into `table`, and into `curves`."""
        from trading_system.engine._kernels_sweep import LANES, sweep_weights

        prices, windows = self._series, self._windows
        open_, close, volume = prices["open"], prices["close"], prices["volume"]
        starts, at, asked = _through_the_door(changes)
        levels, lanes = np.empty(self.bars.n_bars + 1), np.empty(4 * LANES)
        hurried = int(end_alone and self.sampled[0] < 0)
        trips = np.empty((self.bars.n_bars if hurried else 0, 3))
        with np.errstate(all="ignore"):
            sweep_weights(
                open_, close, volume, self._rules, starts, at, asked, begins, windows, self.sampled, levels, lanes, rows, curves,
                hurried, trips, table,
            )  # fmt: skip

    def _follow(self, made: Signals, begin: int, row: int, curves: FloatArray, table: FloatArray) -> None:
        """Figures of one set of signals into `table`, shape (n_windows, N_FIGURES), and into `curves`."""
        for out, (first, stop) in zip(table, self.windows, strict=True):
            if max(first, begin) >= stop:
                out[SWEEP_GAVE_UP] = 1.0
                continue
            levels = self._one(made, max(first, begin), stop, out)
            if row >= 0 and not out[SWEEP_GAVE_UP]:  # the last window stays
                curves[row, : levels.size] = levels

    def _each(self, work: Callable[[int], None], tasks: Sequence[int]) -> None:
        if self._threads:
            mapped(work, tasks)
            return
        for task in tasks:
            work(task)

    @staticmethod
    def _begins(firsts: IntArray | None, n_sets: int) -> Any:
        return door(np.zeros(n_sets) if firsts is None else firsts, np.int64)

    def _room(self, n_sets: int, keep: Collection[int]) -> tuple[Any, FloatArray]:
        """Row of the kept curves that each set has (-1: none), and room for the curves."""
        rows, kept = np.full(n_sets, -1), np.array(sorted(set(keep)), np.int64)
        rows[kept] = np.arange(kept.size)
        first, stop = self.windows[-1]
        return door(rows, np.int64), np.zeros((kept.size, int(np.count_nonzero(self.bars.sampled[first:stop]))))

    def _one(self, made: Signals, first: int, stop: int, out: FloatArray) -> FloatArray:
        """Figures of one run into `out`; its measured levels come back."""
        from trading_system.engine._kernels_sweep import LANES, measure_curve

        x = lane.run(lane.lane_arrays(self.bars, self.column, made, self.config, first, stop, keep_logs=False), stop)
        state = x.state[0]
        out[SWEEP_CASH], out[SWEEP_QUANTITY] = state["cash"], state["quantity"]
        out[SWEEP_FILLS], out[SWEEP_TRADES], out[SWEEP_GAVE_UP] = state["n_fills"], state["n_trades"], state["gave_up"]
        if state["gave_up"]:
            return np.empty(0)
        levels, lanes = np.empty(x.equity.size + 1), np.empty(4 * LANES)
        start = self.config.portfolio.starting_equity
        equity: Any = door(x.equity, np.float64)
        with np.errstate(all="ignore"):
            n = measure_curve(equity, start, self.sampled, first, levels, lanes, out)
        return levels[1 : n + 1]

    def _figures(self, table: FloatArray, rows: IntArray, curves: FloatArray) -> Figures:
        kept = np.flatnonzero(rows >= 0).tolist()
        found = {p: curves[rows[p], : int(table[p, -1, SWEEP_PERIODS])] for p in kept if not table[p, -1, SWEEP_GAVE_UP]}
        return Figures(table, self.config.portfolio.starting_equity, found)


def _through_the_door(made: Changes) -> tuple[Any, Any, Any]:
    return door(made.starts, np.int64), door(made.rows, np.int64), door(made.weights, np.float64)


def _changes_of(made: Weights) -> Changes:
    """The changes of one set of weights."""
    target = made.target[:, 0]
    rows = np.flatnonzero(~np.isnan(target))
    return Changes(np.array([0, rows.size]), rows, target[rows])
