"""An experiment: bars, strategies, costs and rules, run as they are or in a changed world.

Every validation test is a loop over changed worlds. A world says only what differs from the run file; what does not differ
(decisions above all) is worked out once.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.config.changes import changed, with_costs
from trading_system.data.loading import strategy_bars
from trading_system.data.shared import share, shared
from trading_system.engine.simulate import StrategyDecisions, simulate
from trading_system.errors import InsufficientDataError, StrategyError, TradingSystemError
from trading_system.metrics.sampling import Sample, sample
from trading_system.metrics.summary import (
    QUICK_CURVE,
    QUICK_TRADES,
    Summary,
    quick_curve,
    quick_sharpe,
    quick_trades,
    summarise,
)
from trading_system.runs.window import history_row
from trading_system.strategies.base import Signals, Weights
from trading_system.strategies.decisions import check_decisions
from trading_system.strategies.loading import build_strategy, raised_at

if TYPE_CHECKING:
    from trading_system.config.models import RunConfig, StrategyEntry
    from trading_system.data.bars import Bars
    from trading_system.data.loading import Market
    from trading_system.engine.ledger import Ledger
    from trading_system.strategies.base import Strategy
    from trading_system.types import FloatArray, IntArray

DECIDING = ("type", "asset_class", "universe", "params", "filters")
"""What of a strategy's part of a run file its decisions depend on."""
MOST_REMEMBERED = 5_000
"""Configurations and strategies that an experiment keeps, some kilobytes each."""


@dataclass(frozen=True, eq=False)
class World:
    """What differs from the run as its file says it; the default differs in nothing.

    Attributes
    ----------
    settings : mapping
        ``strategies.0.params.fast`` -> value.
    bars : Bars or None
        Another market with the same rows and symbols.
    fees, slippage : float
        Multiples of every commission and of every slippage.
    delay : int
        Bars by which every decision comes later.
    first, stop : int or None
        Rows of the bars over which it trades; default what a backtest of that configuration would trade.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    bars: Bars | None = None
    fees: float = 1.0
    slippage: float = 1.0
    delay: int = 0
    first: int | None = None
    stop: int | None = None


SAME = World()


@dataclass(frozen=True, eq=False)
class Outcome:
    """What an experiment gave in one world; measures are worked out when they are read.

    Attributes
    ----------
    config : RunConfig
        Of that world.
    ledger : Ledger
    benchmark : float64, shape (bars.n_bars,)
    """

    config: RunConfig
    ledger: Ledger
    benchmark: FloatArray

    @cached_property
    def sample(self) -> Sample:
        """Equity at the closes on which it is measured."""
        return sample(self.ledger)

    @property
    def returns(self) -> FloatArray:
        """Simple return of each period, shape (n_periods,)."""
        return self.sample.returns

    @cached_property
    def summary(self) -> Summary:
        """Every measure, as ``metrics.json`` has them."""
        return summarise(self.ledger, self.config, benchmark=self.benchmark)

    @cached_property
    def _curve(self) -> dict[str, float]:
        return quick_curve(self.ledger, self.config, self.sample)

    @cached_property
    def _trades(self) -> dict[str, float]:
        return quick_trades(self.ledger, self.config)

    def metric(self, name: str) -> float:
        """One measure; NaN where it is not defined. Those that a search asks for most are taken without all the others.

        Raises
        ------
        KeyError
            There is none of that name.
        """
        if name == "sharpe" and "_curve" not in vars(self):
            found = quick_sharpe(self.ledger, self.config, self.sample)
            return found if np.isfinite(found) else float("nan")
        if name in QUICK_CURVE or name in QUICK_TRADES:
            found = (self._curve if name in QUICK_CURVE else self._trades)[name]
            return found if np.isfinite(found) else float("nan")
        value = self.summary.metrics[name]
        return float("nan") if value is None else float(value)

    @cached_property
    def pnl(self) -> FloatArray:
        """Profit of each closed trade in money, in order of exit, shape (n_trades,)."""
        trades = self.ledger.trades
        closed = np.flatnonzero(trades["open"] == 0)
        return np.asarray(trades["pnl"][closed][np.argsort(trades["exit_row"][closed], kind="stable")])


class Experiment:
    """Bars, strategies, costs and portfolio rules; `outcome` runs them, perhaps in a changed world.

    Nothing is written and nothing is counted here. It may be used from several threads.

    Parameters
    ----------
    config : RunConfig
    root : Path
        Folder of the run file.
    market : Market
        Its bars end where the period ends.
    first : int
        Row of the bars on which trading and curves begin.
    start : int or None
        Row on which the period begins. A world with other parameters then begins where its own backtest would: there, or when its
        own warm-up has passed; None: every world begins at `first`.
    """

    def __init__(self, config: RunConfig, root: Path, market: Market, first: int, start: int | None = None) -> None:
        self.config, self.root, self.market, self.first, self.start = config, root, market, first, start
        self._strategies: dict[str, Strategy] = {}
        self._configs: dict[Any, RunConfig] = {}
        self._firsts: dict[tuple[int, ...], int] = {}
        self._own: dict[int, tuple[Bars, IntArray]] = {}
        self.notes: dict[str, Any] = {}  # what a search finds out once

    def elsewhere(self, config: RunConfig, market: Market) -> Experiment:
        """The same experiment with another configuration, in another market with the same rows and symbols."""
        found = copy.copy(self)
        known: dict[str, Any] = {name: {} for name, value in vars(self).items() if isinstance(value, dict)}
        vars(found).update(known, config=config, market=market)
        for kind in type(self).__mro__:
            for name, value in vars(kind).items():
                if isinstance(value, cached_property):
                    vars(found).pop(name, None)
        return found

    @property
    def bars(self) -> Bars:
        """The market as it was."""
        return self.market.bars

    @property
    def stop(self) -> int:
        """The row after the last one that is traded."""
        return self.bars.n_bars

    @cached_property
    def sampled_rows(self) -> IntArray:
        """Rows of the bars on which equity is measured, shape (n_periods,)."""
        return self.first + np.flatnonzero(self.bars.sampled[self.first : self.stop])

    @cached_property
    def baseline(self) -> Outcome:
        """The run as its file says it."""
        return self.outcome(SAME)

    @cached_property
    def decisions(self) -> list[StrategyDecisions]:
        """What the strategies decide in the market as it was."""
        return [self._decided(self.config, number, self.bars) for number in range(len(self.config.strategies))]

    def config_of(self, world: World) -> RunConfig:
        """The configuration of a world, made once."""
        if not world.settings and world.fees == world.slippage == 1.0:
            return self.config
        try:
            key = (tuple(world.settings.items()), tuple(map(type, world.settings.values())), world.fees, world.slippage)
            found = self._configs.get(key)
        except TypeError:  # a list among the values
            return self._config_of(world)
        if found is None:
            found = self._config_of(world)
            if len(self._configs) < MOST_REMEMBERED:
                self._configs[key] = found
        return found

    def _config_of(self, world: World) -> RunConfig:
        config = changed(self.config, world.settings) if world.settings else self.config
        return with_costs(config, fees=world.fees, slippage=world.slippage)

    def first_of(self, config: RunConfig) -> int:
        """Row on which a backtest of `config`, a changed `self.config`, begins in this period.

        Raises
        ------
        InsufficientDataError
            The period ends before its warm-up does.
        """
        if self.start is None or all(map(_decides_alike, config.strategies, self.config.strategies)):
            return self.first
        warmups = tuple(self._warmup(config, number) for number in range(len(config.strategies)))
        first = self._firsts.get(warmups)
        if first is None:
            kinds = [entry.asset_class for entry in config.strategies]
            rows = [history_row(self.bars, kind, n) for kind, n in zip(kinds, warmups, strict=True)]
            first = self._firsts[warmups] = max(self.start, *rows)
        if first >= self.stop:
            raise InsufficientDataError(
                f"the strategies need {max(warmups)} bars of history, and there are {self.stop} up to the end of the period",
                remedy="load more data (data.start), or shorten the strategies' windows",
            )
        return first

    def _warmup(self, config: RunConfig, number: int) -> int:
        entry, strategy = config.strategies[number], self.strategy(config, number)
        with self._blamed(entry):
            needed = strategy.warmup_on(self.bars)
        if isinstance(needed, bool) or not isinstance(needed, int) or needed < 0:
            raise StrategyError(f"{entry.name}: warmup_on gave back {needed!r}", allowed="a whole number of bars, 0 or more")
        return needed

    def outcome(self, world: World = SAME) -> Outcome:
        """Run the experiment in `world`.

        Raises
        ------
        TradingSystemError
            A setting is not allowed, or a strategy fails.
        """
        config = self.config_of(world)
        bars = self.bars if world.bars is None else world.bars
        decisions = self.decided(world, config)
        first = self.first_of(config) if world.first is None else world.first
        ledger = simulate(bars, decisions, config, first=first, stop=world.stop)
        return Outcome(config, ledger, bars.benchmark_close)

    def decided(self, world: World, config: RunConfig | None = None) -> list[StrategyDecisions]:
        """What every strategy decides in `world`; those that nothing changes are the experiment's own."""
        config = self.config_of(world) if config is None else config
        same_market = world.bars is None or world.bars is self.bars
        made = []
        for number, entry in enumerate(config.strategies):
            if same_market and _decides_alike(entry, self.config.strategies[number]):
                one = self.decisions[number]
            else:
                one = self._decided(config, number, self.bars if world.bars is None else world.bars)
            made.append(delayed(one, world.delay) if world.delay else one)
        return made

    def strategy(self, config: RunConfig, number: int) -> Strategy:
        """Strategy `number` of `config`, built once per set of parameters."""
        entry = config.strategies[number]
        key = f"{number} {entry.type} {sorted(entry.params.items())!r} {entry.filters!r}"
        found = self._strategies.get(key)
        if found is None:
            found = build_strategy(entry, self.root, None, number)
            if len(self._strategies) < MOST_REMEMBERED:
                self._strategies[key] = found
        return found

    def own_bars(self, number: int, bars: Bars) -> tuple[Bars, IntArray]:
        """Bars of the universe of strategy `number` in `bars`, and their columns."""
        if number not in self._own:
            self._own[number] = strategy_bars(self.market, self.config.strategies[number], self.root)
        own, columns = self._own[number]
        if bars is self.bars:
            return own, columns
        kept = shared(bars)
        if kept is None:
            return _members_of(bars, own, columns), columns
        found = kept.get(("own bars", number), lambda: _other_than(bars, _members_of(bars, own, columns)))
        if found is None:
            return bars, columns
        share(found)
        return found, columns

    def _decided(self, config: RunConfig, number: int, bars: Bars) -> StrategyDecisions:
        entry = config.strategies[number]
        strategy = self.strategy(config, number)
        own, columns = self.own_bars(number, bars)
        with self._blamed(entry):
            made = strategy.decide(own)
            if ":" in entry.type:
                check_decisions(made, own, f"{entry.name} ({entry.type})")
        return StrategyDecisions(made, columns, own.tradable)

    @contextmanager
    def _blamed(self, entry: StrategyEntry) -> Iterator[None]:
        """Whatever a strategy's own code raises is a `StrategyError` that names the place."""
        try:
            yield
        except (TradingSystemError, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            text = f"{entry.name} ({entry.type}) failed: {type(error).__name__}: {error}"
            raise StrategyError(text, where=raised_at(error, self.root)) from error


def _other_than(bars: Bars, found: Bars) -> Bars | None:
    """`found`, or None where it is the market itself, which must not be kept by what it keeps: it would live for ever."""
    return None if found is bars else found


def _members_of(bars: Bars, own: Bars, columns: IntArray) -> Bars:
    """The symbols of `own` in other bars; the bars themselves where that is all of them."""
    chosen = bars.select(columns)
    tradable = chosen.tradable & own.tradable
    same = chosen is bars and np.array_equal(tradable, bars.tradable)
    return bars if same else dataclasses.replace(chosen, tradable=tradable)


def _decides_alike(one: StrategyEntry, other: StrategyEntry) -> bool:
    return one is other or all(getattr(one, name) == getattr(other, name) for name in DECIDING)


def delayed(made: StrategyDecisions, bars: int) -> StrategyDecisions:
    """The same decisions taken `bars` rows later; the first rows decide nothing."""
    own = made.decisions
    if isinstance(own, Weights):
        return dataclasses.replace(made, decisions=dataclasses.replace(own, target=_later(own.target, bars, np.nan)))
    panels = ("stop_distance", "trail_distance", "stop_tighten", "target_distance", "limit_price")
    moved: dict[str, Any] = {name: _later(getattr(own, name), bars, np.nan) for name in panels}
    moved |= {
        "entry": _later(own.entry, bars, 0),
        "exit": _later(own.exit, bars, False),
        "scale": _later(own.scale, bars, 1.0),
    }
    if own.components is not None:
        moved["components"] = np.stack([_later(panel, bars, np.nan) for panel in own.components])
    assert isinstance(own, Signals)
    return dataclasses.replace(made, decisions=dataclasses.replace(own, **moved))


def _later(panel: Any, bars: int, empty: Any) -> Any:
    if panel is None:
        return None
    out = np.full_like(panel, empty)
    out[bars:] = panel[: max(panel.shape[0] - bars, 0)]
    return out


def settings_text(settings: Mapping[str, Any]) -> str:
    """``params.fast=10, params.slow=50``, as ``--set`` would say it."""
    return ", ".join(f"{key}={value}" for key, value in settings.items())


def periods(outcomes: Sequence[Outcome]) -> FloatArray:
    """Returns of several outcomes over the same rows beside each other, shape (n_periods, n_outcomes)."""
    return np.column_stack([one.returns for one in outcomes])
