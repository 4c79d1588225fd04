"""An experiment: bars, strategies, costs and rules, run as they are or in a changed world.

Every validation test is a loop over changed worlds. A world says only what differs from the run file; what does not differ
(decisions above all) is worked out once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.config.changes import changed, with_costs
from trading_system.data.loading import strategy_bars
from trading_system.data.shared import share, shared
from trading_system.engine.simulate import StrategyDecisions, simulate
from trading_system.errors import StrategyError, TradingSystemError
from trading_system.metrics.sampling import Sample, sample
from trading_system.metrics.summary import Summary, summarise
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
        Rows of the bars over which it trades; default the experiment's own.
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

    def metric(self, name: str) -> float:
        """One measure; NaN where it is not defined.

        Raises
        ------
        KeyError
            There is none of that name.
        """
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
    """

    def __init__(self, config: RunConfig, root: Path, market: Market, first: int) -> None:
        self.config, self.root, self.market, self.first = config, root, market, first
        self._strategies: dict[str, Strategy] = {}
        self._own: dict[int, tuple[Bars, IntArray]] = {}

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
        """The configuration of a world."""
        config = changed(self.config, world.settings) if world.settings else self.config
        return with_costs(config, fees=world.fees, slippage=world.slippage)

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
        first = self.first if world.first is None else world.first
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
            if len(self._strategies) < 100_000:
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
        found = kept.get(("own bars", number), lambda: _members_of(bars, own, columns))
        share(found)
        return found, columns

    def _decided(self, config: RunConfig, number: int, bars: Bars) -> StrategyDecisions:
        entry = config.strategies[number]
        strategy = self.strategy(config, number)
        own, columns = self.own_bars(number, bars)
        who = f"{entry.name} ({entry.type})"
        try:
            made = strategy.decide(own)
            if ":" in entry.type:
                check_decisions(made, own, who)
        except (TradingSystemError, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            where = raised_at(error, self.root)
            raise StrategyError(f"{who} failed: {type(error).__name__}: {error}", where=where) from error
        return StrategyDecisions(made, columns, own.tradable)


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
