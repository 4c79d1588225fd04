"""Does it survive dearer trading? The run again with commissions and slippage multiplied."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from trading_system.validation import scenarios
from trading_system.validation.base import Bar, Examination, TestResult, ValidationTest, register
from trading_system.validation.experiment import World
from trading_system.validation.pictures import curve

if TYPE_CHECKING:
    import numpy as np

MULTIPLES = (2.0, 3.0)
DEAREST = 64.0
STEPS = 10


@register("costs")
class DearerCosts(ValidationTest):
    """The run with fees and slippage multiplied, and the multiple at which nothing is left."""

    title: ClassVar[str] = "Dearer trading"
    asks: ClassVar[str] = "Would a trade still earn money on average if slippage were a multiple of what the run file assumes?"
    null: ClassVar[str] = (
        "None: a measurement under a harsher assumption. Costs are the one part of a backtest that is guessed."
    )
    reading: ClassVar[str] = (
        "The mean profit per closed trade at the dearer slippage must be above 0. The breakeven multiple says how wrong the"
        " assumed costs may be: below 2, a bad week of spreads ends the edge."
    )
    assumes: ClassVar[tuple[str, ...]] = (
        "the costs of the run file are of the right order: a multiple of nothing is nothing",
        "decisions stay the same; sizes, cash and limits follow the dearer fills",
    )
    blind_to: ClassVar[tuple[str, ...]] = (
        "fills that would not have happened at all",
        "borrow, funding and interest, which are not multiplied",
    )
    source: ClassVar[str] = "The same engine with every commission and every slippage times m; docs/stress.md."
    order: ClassVar[int] = 14

    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        experiment, gate = examination.experiment, examination.settings.gates.slippage_multiple
        worlds = cost_worlds(gate)
        names = list(worlds)
        table = examination.loop.rows(
            f"dearer trading, slippage x{gate:g}",
            lambda number: scenarios.measured(experiment.outcome(worlds[names[number]])),
            len(names),
            len(scenarios.MEASURED),
        )
        baseline = scenarios.measured(examination.baseline)
        rows = [scenarios.row("as the run file says", "baseline", baseline, baseline)]
        rows += [scenarios.row(name, "costs", values, baseline) for name, values in zip(names, table, strict=True)]
        at_gate = baseline if gate == 1.0 else table[names.index(_slippage(gate))]
        expectancy = float(at_gate[scenarios.MEASURED.index("expectancy")])
        multiple, tried = breakeven(lambda m: _expectancy(examination, m))
        costs = examination.baseline.summary.costs
        warnings = [
            f"the run pays no {kind}: its multiples change nothing"
            for kind in ("slippage", "commission")
            if not costs[kind]["money"]
        ]
        none = math.isnan(expectancy)
        details: dict[str, Any] = {
            "scenarios": rows,
            "breakeven_multiple": multiple,
            "breakeven_unit": "times commission and slippage together, mean profit of a closed trade is 0 there; null: see breakeven_why",
            "breakeven_why": _why(multiple, tried),
            "breakeven_same_trades": examination.baseline.summary.metrics["breakeven_cost_multiple"],
        }
        return TestResult(
            name="costs",
            bars=(
                Bar(
                    f"expectancy, slippage x{gate:g}",
                    None if none else expectancy,
                    0.0,
                    ">",
                    "money",
                    "no trade was closed" if none else "",
                ),
                Bar("breakeven multiple of costs", multiple, why=_why(multiple, tried)),
            ),
            work=f"{len(names) + len(tried)} runs with other costs",
            n_worlds=len(names) + len(tried),
            warnings=warnings,
            details=details,
            picture={"pictures": [_picture(tried, multiple)]},
        )


def cost_worlds(gate: float) -> dict[str, World]:
    """Name -> world: fees, slippage and both times 2 and 3, and slippage times `gate`; x1 is the run as it is."""
    found: dict[str, World] = {}
    for m in MULTIPLES:
        found[f"fees x{m:g}"] = World(fees=m)
        found[_slippage(m)] = World(slippage=m)
        found[f"fees and slippage x{m:g}"] = World(fees=m, slippage=m)
    if gate != 1.0:
        found.setdefault(_slippage(gate), World(slippage=gate))
    return found


def _slippage(multiple: float) -> str:
    return f"slippage x{multiple:g}"


def _expectancy(examination: Examination, multiple: float) -> float:
    """Mean profit of a closed trade with all costs times `multiple`."""
    return examination.experiment.outcome(World(fees=multiple, slippage=multiple)).metric("expectancy")


def breakeven(expectancy: Callable[[float], float]) -> tuple[float | None, dict[float, float]]:
    """Multiple of the costs at which `expectancy` crosses 0, and every multiple that was tried.

    The first crossing between doublings from 1 on is halved until it is known to a thousandth of its bracket; None when it lies above
    `DEAREST`, when there is no profit even without costs, or when it is not defined.
    """
    tried: dict[float, float] = {}

    def profit(multiple: float) -> float:
        tried[multiple] = float(expectancy(multiple))
        return tried[multiple]

    high = 1.0
    while profit(high) > 0.0 and high < DEAREST:
        high *= 2.0
    if not tried[high] <= 0.0:  # above the dearest, or not defined
        return None, tried
    low = high / 2.0 if high > 1.0 else 0.0
    if low == 0.0 and not profit(0.0) > 0.0:
        return None, tried
    for _ in range(STEPS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if profit(middle) > 0.0 else (low, middle)
    return (low + high) / 2.0, tried


def _picture(tried: dict[float, float], multiple: float | None) -> dict[str, Any]:
    """Mean profit of a trade over the multiple of all costs, as far as it was tried."""
    at = sorted(tried)
    marks = {"as the run file says": 1.0} | ({} if multiple is None else {"nothing is left": multiple})
    return curve(
        "Mean profit of a closed trade as costs grow",
        at,
        {"mean profit": [tried[m] for m in at]},
        marks,
        unit="money",
        x_name="multiple of commission and slippage",
        summary=f"Mean profit {tried[1.0]:,.2f} with the costs of the run file; {_why(multiple, tried) or f'nothing is left at {multiple:.2f} times these'}.",
    )


def _why(multiple: float | None, tried: dict[float, float]) -> str:
    """Why there is no breakeven multiple."""
    if multiple is not None:
        return ""
    if 0.0 in tried:
        return "the trades earn nothing even without costs"
    if DEAREST in tried and tried[DEAREST] > 0.0:
        return f"above {DEAREST:g}"
    return "the mean profit of a trade is not defined"
