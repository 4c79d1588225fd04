"""Does any decision read the future, and does any order trade at a price that was known when it was decided?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from trading_system.engine.ledger import OrderKind
from trading_system.errors import StrategyError, TradingSystemError
from trading_system.strategies.decisions import check_decisions
from trading_system.strategies.loading import raised_at
from trading_system.validation.base import Bar, Examination, TestResult, ValidationTest, register
from trading_system.validation.peek import Leak, Looker, Peek
from trading_system.validation.startup import StartUp, start_up
from trading_system.validation.worse import refuse_too_large

if TYPE_CHECKING:
    from trading_system.data.bars import Bars
    from trading_system.engine.ledger import Ledger
    from trading_system.strategies.base import Signals, Weights
    from trading_system.validation.experiment import Experiment

AT_THE_CLOSE = (
    OrderKind.MARKET_ENTRY,
    OrderKind.LIMIT_ENTRY,
    OrderKind.EXIT,
    OrderKind.WEIGHT_REDUCE,
    OrderKind.WEIGHT_INCREASE,
)
"""Orders decided at a close; stops and targets stand before the bar that they fill in."""
SHOWN = 20


@register("lookahead")
class LookAhead(ValidationTest):
    """Decisions on shortened and on altered histories, fills against the bar that decided, and the warm-up."""

    title: ClassVar[str] = "Look-ahead and warm-up"
    asks: ClassVar[str] = (
        "Does any output of a strategy at bar t change when only bars after t do? And how much history does it need?"
    )
    null: ClassVar[str] = (
        "Row t depends on rows up to t only: what is decided from the first k rows, or with noise after them, equals what is decided"
        " from all rows, at every row before k."
    )
    reading: ClassVar[str] = (
        "Any output that moved is a no: such a backtest has traded on tomorrow's news. The output, the symbol and the first bar that"
        " moved are named, and which later data moves it alone. So are a strategy that decides differently from the same bars, and one"
        " that writes into them."
    )
    assumes: ClassVar[tuple[str, ...]] = ("the strategy is asked as the engine asks it: `decide` on the bars of its universe",)
    blind_to: ClassVar[tuple[str, ...]] = (
        "a leak that shows only between two cuts: rare, for every other cut stands right behind a decision",
        "data that were revised after the fact, and universes of names that survived: the leak is then in the data",
        "parameters chosen on these very bars",
    )
    source: ClassVar[str] = (
        "Truncation and perturbation invariance over all rows, numbers to 1e-9 relative, whole numbers exactly; docs/validation.md."
    )
    order: ClassVar[int] = 5

    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        experiment = examination.experiment
        refuse_too_large(experiment.bars, "altered histories")
        seed = int(rng.integers(2**32))
        n_cuts = examination.size("lookahead", "cuts")
        peeks: list[tuple[str, Peek]] = []
        starts: list[tuple[str, StartUp]] = []
        for number, entry in enumerate(experiment.config.strategies):
            asked = Asked(experiment, number)
            looker = Looker(asked.decide, asked.bars, seed)
            peeks.append(
                (entry.name, looker.look(examination.loop, f"{number} {entry.name}", n_cuts, asked.declares(asked.bars)))
            )
            if not peeks[-1][1].clean:
                continue  # what reads the future, or chance, has no warm-up
            tolerance = examination.settings.lookahead.tolerance
            starts.append((entry.name, start_up(asked.decide, asked.bars, asked.declares, tolerance, rng)))
        return _result(experiment, peeks, starts, seed)


def _result(experiment: Experiment, peeks: list[tuple[str, Peek]], starts: list[tuple[str, StartUp]], seed: int) -> TestResult:
    leaks = [(name, leak) for name, peek in peeks for leak in peek.leaks]
    unsteady = [(name, leak) for name, peek in peeks for leak in peek.unsteady]
    written = [f"{name}: {array}" for name, peek in peeks for array in peek.written]
    early = early_fills(experiment.baseline.ledger)
    at_close = experiment.config.execution.fill == "same_close"
    warnings = [sentence(name, leak) for name, leak in (*leaks, *unsteady)][:SHOWN]
    warnings += [f"{text} of the bars was written to by decide" for text in written]
    warnings += [f"{name}: {text}" for name, peek in peeks for text in peek.failed]
    warnings += [
        f"{name} decides the same when every bar is noise: it reads no prices, or answers from memory"
        for name, peek in peeks
        if peek.deaf
    ]
    if at_close:
        warnings.append(
            f"execution.fill is same_close: {early} orders were filled at the close that decided them, which nobody can do"
        )
    warnings += [f"{name}: {start.sentence}" for name, start in starts if start.short]
    decisions = sum(peek.n_decisions for _, peek in peeks) + sum(start.n_decisions for _, start in starts)
    cuts = len(peeks[0][1].cuts)
    limit: dict[str, Any] = {} if at_close else {"threshold": 0.0, "sense": "<="}
    return TestResult(
        name="lookahead",
        bars=(
            Bar("outputs that moved", float(len(leaks)), 0.0, "<=", "count"),
            Bar("outputs that differ on equal bars", float(len(unsteady)), 0.0, "<=", "count"),
            Bar("arrays of the bars written to", float(len(written)), 0.0, "<=", "count"),
            Bar("fills at the bar that decided", float(early), unit="count", **limit),
        ),
        work=f"{decisions} times decide: {cuts} histories cut short and {cuts} with noise after the cut, the rest for the warm-up",
        seed=seed,
        warnings=warnings,
        details={
            "leaks": [row for name, peek in peeks for row in _leaks(name, list(peek.leaks))],
            "unsteady": [row for name, peek in peeks for row in _leaks(name, list(peek.unsteady))],
            "written": written,
            "cuts": {name: list(peek.cuts) for name, peek in peeks},
            "warm_up": [
                {
                    "strategy": name,
                    "declared": start.declared,
                    "needed": start.needed,
                    "recommended": start.recommended,
                    "longest_tried": start.tried,
                    "tolerance": start.tolerance,
                    "says": start.sentence,
                    "unit": "bars",
                }
                for name, start in starts
            ],
        },
    )


class Asked:
    """One strategy of an experiment, asked as the engine asks it.

    Parameters
    ----------
    experiment : Experiment
    number : int
        Of the strategy.
    """

    def __init__(self, experiment: Experiment, number: int) -> None:
        self.entry, self.root = experiment.config.strategies[number], experiment.root
        self.strategy = experiment.strategy(experiment.config, number)
        self.bars, _ = experiment.own_bars(number, experiment.bars)

    def decide(self, bars: Bars) -> Signals | Weights:
        """Decisions; those of a user's own strategy are held to the contract.

        Raises
        ------
        StrategyError
            The strategy fails, or breaks the contract.
        """
        who = f"{self.entry.name} ({self.entry.type})"
        try:
            made = self.strategy.decide(bars)
            if ":" in self.entry.type:
                check_decisions(made, bars, who)
        except (TradingSystemError, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            text = f"{who} failed: {type(error).__name__}: {error}"
            raise StrategyError(text, where=raised_at(error, self.root)) from error
        return made

    def declares(self, bars: Bars) -> int:
        """The warm-up that it declares on `bars`."""
        return int(self.strategy.warmup_on(bars))


def early_fills(ledger: Ledger) -> int:
    """Orders decided at a close that were filled on the bar that decided them, or before."""
    orders = ledger.orders
    decided = np.isin(orders["kind"], [int(kind) for kind in AT_THE_CLOSE])
    return int((decided & (orders["fill_row"] >= 0) & (orders["fill_row"] <= orders["row"])).sum())


def _leaks(name: str, found: list[Leak]) -> list[dict[str, Any]]:
    """JSON-able rows of what moved."""
    return [
        {
            "strategy": name,
            "output": leak.output,
            "symbol": leak.symbol,
            "first_bar": leak.bar,
            "row": leak.row,
            "cut": leak.cut,
            "how": leak.how,
            "found_in": leak.n_found,
            "moved_alone_by_later": list(leak.through),
        }
        for leak in found
    ]


def sentence(strategy: str, leak: Leak) -> str:
    """What moved, where, and what moved it, in one sentence."""
    what = f"{strategy}: {leak.output} of {leak.symbol}" if leak.symbol else f"{strategy}: {leak.output}"
    if leak.how == "repeated":
        return f"{what} on {leak.bar} is not the same when the same bars are given again"
    through = f" through later {', '.join(leak.through)}" if leak.through else ""
    way = "are taken away" if leak.how == "truncation" else "are noise"
    return f"{what} on {leak.bar} reads the future{through}: it moves when the bars after row {leak.cut - 1} {way}"
