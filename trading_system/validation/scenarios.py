"""Rows of a table of scenarios: what a run gives in another world, beside what it gives as its file says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.metrics import drawdown as falls
from trading_system.metrics import returns as measures
from trading_system.metrics import trades

if TYPE_CHECKING:
    from trading_system.types import FloatArray
    from trading_system.validation.experiment import Outcome

MEASURED = ("total_return", "sharpe", "max_drawdown", "calmar", "n_trades", "expectancy")
"""What every scenario is measured by; names of `docs/metrics.md`."""
UNITS = {
    "total_return": "fraction",
    "sharpe": "ratio",
    "max_drawdown": "fraction",
    "calmar": "ratio",
    "n_trades": "count",
    "expectancy": "money",
    "correlation": "ratio",
    "worlds": "count",
}
CONVENTIONS = (
    "total_return: growth over the whole period, a fraction; max_drawdown: never above 0; n_trades: closed trades",
    "expectancy: mean profit of a closed trade in quote currency, after all costs",
    "sharpe, calmar: annualised, as in metrics.json",
    "*_change: the scenario less the baseline; null where either has no number",
    "statistic: value of one world; mean, worst of several worlds, each measure by itself; worst is the smallest",
)


def measured(outcome: Outcome) -> FloatArray:
    """`MEASURED` of an outcome, shape (6,); NaN where one is not defined."""
    return np.array([outcome.metric(name) for name in MEASURED])


def of_returns(returns: FloatArray, pnl: FloatArray, periods_per_year: float, risk_free: float) -> FloatArray:
    """`MEASURED` of returns that stand for themselves and of the trades beside them, shape (6,).

    Parameters
    ----------
    returns : float64, shape (n_periods,)
    pnl : float64, shape (n_trades,)
        Profit of each closed trade, in money.
    """
    if returns.size == 0:
        return np.array([np.nan, np.nan, np.nan, np.nan, float(pnl.size), trades.expectancy(pnl)])
    fall = falls.max_drawdown(returns)
    return np.array(
        [
            measures.total_return(returns),
            measures.sharpe(returns, periods_per_year, risk_free),
            fall,
            falls.calmar(returns, periods_per_year) if fall < 0.0 else np.nan,
            float(pnl.size),
            trades.expectancy(pnl),
        ]
    )


def row(
    scenario: str,
    group: str,
    values: Sequence[float] | FloatArray,
    baseline: FloatArray,
    *,
    statistic: str = "value",
    worlds: int = 1,
    correlation: float | None = None,
    note: str = "",
) -> dict[str, Any]:
    """One flat row: the measures of a scenario and their differences to the baseline; None where there is no number."""
    found: dict[str, Any] = {"scenario": scenario, "group": group, "statistic": statistic, "worlds": worlds}
    for name, value in zip(MEASURED, values, strict=True):
        found[name] = _number(name, value)
    for name, value, was in zip(MEASURED, values, baseline, strict=True):
        found[f"{name}_change"] = _number(name, value - was)
    return {**found, "correlation": correlation, "note": note}


def rows_of_draws(scenario: str, group: str, table: FloatArray, baseline: FloatArray, note: str = "") -> list[dict[str, Any]]:
    """Mean and worst of several worlds, each measure by itself.

    Parameters
    ----------
    table : float64, shape (n_worlds, 6)
        `MEASURED` of each; NaN is left out of mean and worst, and counted in the note.
    """
    count = table.shape[0]
    if count == 0:
        return []
    if count == 1:
        return [row(scenario, group, table[0], baseline, note=note)]
    there = np.isfinite(table)
    total = np.where(there, table, 0.0).sum(axis=0)
    mean = np.divide(total, there.sum(axis=0), out=np.full(table.shape[1], np.nan), where=there.any(axis=0))
    worst = np.where(there.any(axis=0), np.where(there, table, np.inf).min(axis=0), np.nan)
    missing = [f"{name} in {int(n)}" for name, n in zip(MEASURED, (~there).sum(axis=0), strict=True) if n]
    note = "; ".join(part for part in (note, f"not defined: {', '.join(missing)}" if missing else "") if part)
    return [
        row(scenario, group, mean, baseline, statistic="mean", worlds=count, note=note),
        row(scenario, group, worst, baseline, statistic="worst", worlds=count, note=note),
    ]


def document_of(tests: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The content of ``scenario_comparison.json``: all scenarios with their units and conventions; None where no test has any.

    Parameters
    ----------
    tests : sequence of mappings
        Those of ``validation.json``; of scenarios that two of them made, the last is kept, in its place.
    """
    making = [test for test in tests if test["details"].get("scenarios")]
    if not making:
        return None
    kept: dict[tuple[str, str], Mapping[str, Any]] = {}
    for test in making:
        for one in test["details"]["scenarios"]:
            key = str(one["scenario"]), str(one["statistic"])
            kept.pop(key, None)
            kept[key] = one
    return {
        "schema": 1,
        "units": UNITS,
        "conventions": list(CONVENTIONS),
        "seeds": {str(test["name"]): test["seed"] for test in making if test["seed"] is not None},
        "scenarios": [dict(one) for one in kept.values()],
    }


def _number(name: str, value: float) -> float | int | None:
    if not np.isfinite(value):
        return None
    return int(value) if name == "n_trades" and float(value).is_integer() else float(value)
