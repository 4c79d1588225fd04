"""Decisions and the contract of whoever makes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from trading_system.registry import Registry
from trading_system.types import FrozenModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trading_system.data.bars import Bars
    from trading_system.types import BoolArray, FloatArray, Int8Array, IntArray


@dataclass(frozen=True, eq=False)
class Signals:
    """Decisions taken at the close of bar t; row t depends on rows up to t only.

    A column is a *line*: one symbol of one strategy. Prices and distances are in the scale of ``bars.adjusted``; the
    engine converts them. Optional panels are None where the rule does not use them, never filled with NaN.

    Attributes
    ----------
    entry : int8, shape (n_bars, n_lines)
        +1 to be long, -1 to be short, 0 nothing.
    exit : bool, shape (n_bars, n_lines)
        Leave the position.
    symbol : int64, shape (n_lines,), or None
        Column of `bars` of each line; None means line i is symbol i.
    stop_distance, trail_distance, target_distance : float64 or None
        Distance from the fill (stop, target) or from the best price since the fill (trail), above 0; NaN means none.
    stop_tighten : float64 or None
        A stop price, live from t+1 where it is tighter than the present one; NaN leaves it.
    limit_price : float64 or None
        Limit of the entry order, good for the next bar; NaN means market.
    scale : float64 or None
        Multiplies the sized quantity (a pair's hedge ratio); above 0.
    components : float64, shape (n_components, n_bars, n_lines), or None
        Values that candidates are ranked by; more is better.
    component_names : tuple of str
        One name per component, as ``portfolio.ranking`` calls them.
    max_hold : int64, shape (n_lines,), or None
        Bars after which a position is closed, the fill's bar counting as 1; 0 means no limit.
    group : int64, shape (n_lines,), or None
        Lines with the same number are accepted, filled and rejected together; -1 means alone.
    """

    entry: Int8Array
    exit: BoolArray
    symbol: IntArray | None = None
    stop_distance: FloatArray | None = None
    trail_distance: FloatArray | None = None
    stop_tighten: FloatArray | None = None
    target_distance: FloatArray | None = None
    limit_price: FloatArray | None = None
    scale: FloatArray | None = None
    components: FloatArray | None = None
    component_names: tuple[str, ...] = ()
    max_hold: IntArray | None = None
    group: IntArray | None = None


@dataclass(frozen=True, eq=False)
class Weights:
    """Targets set at the close of bar t, for rules that rebalance.

    Attributes
    ----------
    target : float64, shape (n_bars, n_lines)
        Fraction of the strategy's equity, signed; 0 closes, NaN leaves the line alone.
    symbol : int64, shape (n_lines,), or None
        Column of `bars` of each line; None means line i is symbol i.
    """

    target: FloatArray
    symbol: IntArray | None = None

    @classmethod
    def on_change(cls, target: FloatArray, symbol: IntArray | None = None) -> Weights:
        """Keep only the rows at which a line's target differs from its last one; NaN decides nothing."""
        import numpy as np

        from trading_system.indicators.own_bars import floats
        from trading_system.strategies import _kernels

        kept = np.empty(target.shape)
        _kernels.on_change(floats(target).reshape(-1), target.shape[1], kept.reshape(-1))
        return cls(kept, symbol)


@dataclass(frozen=True, eq=False)
class Changes:
    """Targets of one line under many parameter sets: only the rows that decide something.

    Those of set p are ``rows[starts[p]:starts[p + 1]]``, rising; the same rows of ``weights`` say what is wanted, as in `Weights`.

    Attributes
    ----------
    starts : int64, shape (n_sets + 1,)
    rows : int64, shape (n_changes,) or longer
    weights : float64, as `rows`
        Finite.
    """

    starts: IntArray
    rows: IntArray
    weights: FloatArray

    @property
    def n_sets(self) -> int:
        """Number of parameter sets."""
        return int(self.starts.size) - 1


class Batch(ABC):
    """Many parameter sets of one rule that are decided together, so that what they share is worked out once.

    Attributes
    ----------
    warmups : int64, shape (n_sets,)
        `Strategy.warmup` of each.
    """

    warmups: IntArray

    @abstractmethod
    def on(self, bars: Bars) -> Callable[[int, int], Changes] | None:
        """What the sets decide on `bars` (a single symbol): first, stop -> changes of the sets first..stop - 1, from any thread.

        The same decisions as `Strategy.decide` of each set, to the bit, and none before the set's warm-up has passed; None where
        the batch cannot give them.
        """

    def of_closes(self, close: FloatArray) -> Callable[[int, int], Changes] | None:
        """The same from adjusted closes without a hole, shape (n_bars, 1); None for a rule that reads anything else."""
        return None


class Strategy(FrozenModel):
    """A rule: its fields are its parameters, ``decide`` is its verb.

    Attributes
    ----------
    components : tuple of str, or None
        Of the class: the names of what its signals can be ranked by, as ``decide`` gives them in ``component_names``, so that a run
        file's ``portfolio.ranking`` can be judged without running the rule; None does not tell.
    """

    components: ClassVar[tuple[str, ...] | None] = None

    @property
    @abstractmethod
    def warmup(self) -> int:
        """Bars of history that the first valid decision needs."""

    def warmup_on(self, bars: Bars) -> int:
        """`warmup` on this time axis; a rule that counts in sessions or weeks overrides it."""
        return self.warmup

    @classmethod
    def example(cls, symbols: Sequence[str]) -> Self:
        """One with its defaults, fit for `symbols`; a rule that must be told more overrides it."""
        return cls()

    def required_symbols(self) -> tuple[str, ...]:
        """Symbols that the parameters name, which the universe must have; most rules name none."""
        return ()

    @classmethod
    def batch(cls, columns: Mapping[str, Sequence[Any]]) -> Batch | None:
        """Many parameter sets decided together; None where the rule has no faster way than one after the other.

        Parameters
        ----------
        columns : mapping of str to sequence
            Every field -> its value in each set. Each value has passed the checks of its field; what must hold between the fields
            of a set is for the batch to see to.
        """
        return None

    @abstractmethod
    def decide(self, bars: Bars) -> Signals | Weights:
        """Decisions for every row of `bars`; row t may read rows up to t only.

        `bars` holds the strategy's universe; the run's benchmark is ``bars.benchmark_close`` in adjusted scale.
        """


strategies: Registry[type[Strategy]] = Registry("strategies", "trading_system.strategies")
register = strategies.register
