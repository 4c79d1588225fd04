"""Filters change what a rule of signals decided: they drop entries or move stops, and never invent an entry."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

from trading_system.errors import StrategyError
from trading_system.registry import Registry
from trading_system.strategies.base import Signals, Strategy
from trading_system.types import FrozenModel

if TYPE_CHECKING:
    from trading_system.data.bars import Bars
    from trading_system.types import BoolArray, FloatArray


class Filter(FrozenModel):
    """A condition on entries: its fields are its parameters, ``apply`` is its verb."""

    @property
    @abstractmethod
    def warmup(self) -> int:
        """Bars of history that the first judged entry needs."""

    def warmup_on(self, bars: Bars) -> int:
        """`warmup` on this time axis; a filter that counts in weeks overrides it."""
        return self.warmup

    @abstractmethod
    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """`signals` with some entries dropped or stops moved; row t may read rows up to t only."""


filters: Registry[type[Filter]] = Registry("filters", "trading_system.strategies.filters")
register = filters.register


class Filtered(Strategy):
    """A rule of signals and the filters that its decisions pass, in their order."""

    rule: Strategy
    filters: tuple[Filter, ...]

    @property
    def warmup(self) -> int:
        """The longest of all."""
        return max(self.rule.warmup, *(each.warmup for each in self.filters))

    def warmup_on(self, bars: Bars) -> int:
        """The longest of all on this time axis."""
        return max(self.rule.warmup_on(bars), *(each.warmup_on(bars) for each in self.filters))

    def required_symbols(self) -> tuple[str, ...]:
        """Those of the rule."""
        return self.rule.required_symbols()

    def decide(self, bars: Bars) -> Signals:
        """What the rule decides and the filters leave of it."""
        from trading_system.strategies.decisions import check_decisions

        decided = self.rule.decide(bars)
        if not type(self.rule).__module__.startswith("trading_system."):
            check_decisions(decided, bars, type(self.rule).__name__)
        if not isinstance(decided, Signals):
            raise StrategyError(
                f"{type(self.rule).__name__} decides weights, and filters act on signals", remedy="take `filters` out"
            )
        for each in self.filters:
            decided = each.apply(decided, bars)
        return decided


def allow(signals: Signals, allowed: BoolArray) -> Signals:
    """`signals` without the entries at which `allowed`, shape (n_bars, n_lines), is False.

    Lines of a group enter together or not at all. A dropped entry to the other side still closes what the last one that was
    let through has opened, as the whole entry would have done.
    """
    import numpy as np

    entry = signals.entry
    wanted = entry != 0
    dropped = wanted & ~allowed
    if signals.group is not None:
        for number in np.unique(signals.group[signals.group >= 0]).tolist():
            legs = np.flatnonzero(signals.group == number)
            dropped[:, legs] |= dropped[:, legs].any(axis=1, keepdims=True)
        dropped &= wanted
    kept = np.where(dropped, np.int8(0), entry)
    leave = signals.exit
    if (entry > 0).any() and (entry < 0).any():
        rows = np.where(kept != 0, np.arange(len(kept))[:, None], -1)
        last = np.maximum.accumulate(rows, axis=0)
        side = np.where(last >= 0, np.take_along_axis(kept, np.maximum(last, 0), axis=0), 0)
        leave = leave | (dropped & (side == -entry))
    return replace(signals, entry=kept, exit=leave)


def lines(signals: Signals, panel: FloatArray) -> FloatArray:
    """The columns of `panel` (n_bars, n_symbols) that the lines of `signals` trade, one per line."""
    return panel if signals.symbol is None else panel[:, signals.symbol]
