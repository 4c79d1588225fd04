"""One set of values over stretches of the data: decisions are taken once on the whole series, and each stretch is a run of the engine.

Indicators look back only, so a decision is the same whether the bars after it are there or not; a run over rows a..b - 1 is then
the run that ``backtest`` makes over them: it starts flat with the starting equity and ends with its positions marked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trading_system.engine.simulate import StrategyDecisions, simulate
from trading_system.errors import CapacityError, OutputError, StrategyError, TradingSystemError
from trading_system.metrics import returns as measures
from trading_system.metrics.drawdown import max_drawdown
from trading_system.runs.window import history_row
from trading_system.strategies.base import Signals
from trading_system.validation.experiment import Experiment, Outcome, World
from trading_system.validation.search import measure

if TYPE_CHECKING:
    from trading_system.config.models import RunConfig
    from trading_system.data.bars import Bars
    from trading_system.types import FloatArray
    from trading_system.validation.folds import Window


@dataclass(frozen=True, eq=False)
class Decided:
    """Decisions of one world over all rows, to be traded over any of them.

    Attributes
    ----------
    config : RunConfig
        Of that world.
    bars : Bars
    decisions : list of StrategyDecisions
        Nothing is entered before the warm-up of the world's own values has passed.
    """

    config: RunConfig
    bars: Bars
    decisions: list[StrategyDecisions]

    def over(self, first: int, stop: int) -> Outcome:
        """Rows first..stop - 1, from flat and the starting equity."""
        ledger = simulate(self.bars, self.decisions, self.config, first=first, stop=stop)
        return Outcome(self.config, ledger, self.bars.benchmark_close)


def decided(experiment: Experiment, world: World) -> Decided:
    """What is decided in `world`; a warm-up longer than the run file's own keeps it out of the market until it has passed.

    Raises
    ------
    TradingSystemError
        A setting is not allowed, or a strategy fails.
    """
    config = experiment.config_of(world)
    made = experiment.decided(world, config)
    ready = ready_row(experiment, config)
    if ready > experiment.first:
        made = [silent_before(one, ready) for one in made]
    return Decided(config, experiment.bars if world.bars is None else world.bars, made)


def ready_row(experiment: Experiment, config: RunConfig) -> int:
    """First row on which every strategy of `config` has the history that it asks for; ``n_bars`` when there is none."""
    row = 0
    for number, entry in enumerate(config.strategies):
        needed = experiment.strategy(config, number).warmup_on(experiment.bars)
        if isinstance(needed, bool) or not isinstance(needed, int) or needed < 0:
            raise StrategyError(f"{entry.name}: warmup_on gave back {needed!r}", allowed="a whole number of bars, 0 or more")
        row = max(row, history_row(experiment.bars, entry.asset_class, needed))
    return row


def silent_before(made: StrategyDecisions, row: int) -> StrategyDecisions:
    """The same decisions without an entry or a target before `row`."""
    own = made.decisions
    if isinstance(own, Signals):
        entry = own.entry.copy()
        entry[:row] = 0
        return dataclasses.replace(made, decisions=dataclasses.replace(own, entry=entry))
    target = own.target.copy()
    target[:row] = np.nan
    return dataclasses.replace(made, decisions=dataclasses.replace(own, target=target))


def or_failed(make: Callable[[], FloatArray], width: int) -> FloatArray:
    """0 and what `make` gives, or 1 and NaN where a point of a search fails, shape (1 + width,).

    Raises
    ------
    CapacityError, OutputError
        Which are no fault of the point.
    """
    try:
        return np.concatenate(([0.0], make()))
    except (CapacityError, OutputError):
        raise
    except TradingSystemError:
        return np.concatenate(([1.0], np.full(width, np.nan)))


def rows_of(experiment: Experiment, span: Window) -> tuple[int, int]:
    """Rows of the bars that the measured periods ``span`` are made of, half-open.

    A period ends at a sampled close and begins after the one before it; rows between them, in a market of several calendars,
    belong to it.
    """
    first, stop = span
    sampled = experiment.sampled_rows
    begin = experiment.first if first == 0 else int(sampled[first - 1]) + 1
    return begin, int(sampled[stop - 1]) + 1


@dataclass(frozen=True)
class Figures:
    """What one stretch earned.

    Attributes
    ----------
    n_periods : int
    total_return, max_drawdown : float
        Fractions.
    sharpe : float
        Annualised; NaN where returns never vary.
    n_trades : int
        Closed trades.
    objective : float
        What the search maximises, without its constraints; NaN where it is not defined.
    """

    n_periods: int
    total_return: float
    sharpe: float
    max_drawdown: float
    n_trades: int
    objective: float

    def document(self) -> dict[str, float | int | None]:
        """JSON-able; None where a figure is not defined."""
        return {name: None if np.isnan(value) else value for name, value in dataclasses.asdict(self).items()}


def figures_of(outcome: Outcome, objective: str) -> Figures:
    """Figures of one stretch; `objective` is the measure that the search maximises."""
    returns = outcome.returns
    sharpe = measure(outcome, "sharpe")
    return Figures(
        n_periods=int(returns.size),
        total_return=measures.total_return(returns),
        sharpe=sharpe,
        max_drawdown=max_drawdown(returns),
        n_trades=int(outcome.pnl.size),
        objective=sharpe if objective == "sharpe" else measure(outcome, objective),
    )
