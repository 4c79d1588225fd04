"""Was it good enough at all? Drawdown, Sharpe ratio and Calmar ratio of the run as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from trading_system.validation.base import Bar, Examination, TestResult, ValidationTest, register

if TYPE_CHECKING:
    import numpy as np


@register("performance")
class Performance(ValidationTest):
    """Drawdown, Sharpe ratio and Calmar ratio on train and validation, after all costs."""

    title: ClassVar[str] = "Performance"
    asks: ClassVar[str] = (
        "Would the run as its file says it have been worth having: fall, Sharpe ratio, growth beside the fall?"
    )
    null: ClassVar[str] = "None: these are measurements, not tests."
    reading: ClassVar[str] = "Every bar must hold. They say nothing about luck; the tests below do."
    assumes: ClassVar[tuple[str, ...]] = ("costs, fills and data are as the run file says",)
    blind_to: ClassVar[tuple[str, ...]] = ("chance", "how many configurations were tried before this one")
    source: ClassVar[str] = "docs/metrics.md: max_drawdown, sharpe (Sharpe 1994), calmar (whole sample)."
    order: ClassVar[int] = 10

    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        gates, summary = examination.settings.gates, examination.baseline.summary
        numbers, why = summary.metrics, summary.undefined
        fall = numbers["max_drawdown"]
        return TestResult(
            name="performance",
            bars=(
                Bar(
                    "drawdown",
                    None if fall is None else -fall,
                    gates.max_drawdown,
                    "<=",
                    "fraction",
                    why.get("max_drawdown", ""),
                ),
                Bar("sharpe", numbers["sharpe"], gates.min_sharpe, ">=", "ratio", why.get("sharpe", "")),
                Bar("calmar", numbers["calmar"], gates.min_calmar, ">=", "ratio", why.get("calmar", "")),
            ),
            work=f"{numbers['n_periods']} periods, {numbers['n_trades']} closed trades",
            details={
                name: numbers[name]
                for name in ("total_return", "cagr", "ann_vol", "n_trades", "expectancy", "time_in_market")
                if name in numbers
            },
        )
