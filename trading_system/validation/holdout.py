"""The one look: rejection bars, primary and secondary bars on the held-out period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.metrics.sampling import returns_between
from trading_system.validation import verdict
from trading_system.validation.base import Bar, Examination

if TYPE_CHECKING:
    from trading_system.metrics.sampling import Sample
    from trading_system.types import FloatArray
    from trading_system.validation.verdict import Examined

SCHEMA = 1
JUDGED = ("performance", "best_trades", "costs", "bootstrap")
"""Tests of the suite whose rejection bars are asked on the holdout too."""
NOT_JUDGED: Mapping[str, str] = {
    "permutation": "it asks whether a search found more than chance in the data it searched; nothing was searched here",
    "familywise": "it corrects for the trials that were made on train and validation; the holdout is looked at once",
    "overfitting": "it needs the returns of everything that was searched, and only the chosen configuration is shown the holdout",
    "walk_forward": "the holdout is itself the unseen piece that follows",
    "lookahead": "it is a property of the rule, and is proved or refuted on train and validation",
}
"""Rejection bars that are not asked on the holdout, with the reason."""
LEVEL = 0.01


@dataclass(frozen=True)
class Judgement:
    """What the holdout says.

    Attributes
    ----------
    rejection : Examined
        The tests of `JUDGED`.
    primary, secondary : sequence of Bar
        A bar that is not defined is not held, and its `why` says why.
    needed : int
        Secondary bars that must hold.
    """

    rejection: Examined
    primary: Sequence[Bar]
    secondary: Sequence[Bar]
    needed: int

    @property
    def n_held(self) -> int:
        """Secondary bars that hold."""
        return sum(bar.verdict == "pass" for bar in self.secondary)

    @property
    def refused(self) -> list[str]:
        """What says no: tests, primary bars, and ``secondary`` when too few of those hold."""
        names = [*self.rejection.refused, *(bar.name for bar in self.primary if bar.verdict != "pass")]
        return [*names, *(["secondary"] if self.n_held < self.needed else [])]


def judged(examination: Examination) -> Judgement:
    """Ask every bar of an experiment that begins with the holdout's first bar."""
    return Judgement(
        verdict.examined(examination, JUDGED),
        primary_bars(examination),
        secondary_bars(examination),
        examination.settings.holdout.secondary,
    )


def primary_bars(examination: Examination) -> tuple[Bar, ...]:
    """Sharpe ratio, drawdown, Calmar ratio, number of closed trades."""
    gates, summary = examination.settings.holdout, examination.baseline.summary
    numbers, why = summary.metrics, summary.undefined
    fall = numbers["max_drawdown"]
    return (
        Bar("sharpe", numbers["sharpe"], gates.min_sharpe, ">=", "ratio", why.get("sharpe", "")),
        Bar(
            "drawdown",
            None if fall is None else -fall,
            gates.max_drawdown,
            "<=",
            "fraction",
            why.get("max_drawdown", ""),
        ),
        Bar("calmar", numbers["calmar"], gates.min_calmar, ">=", "ratio", why.get("calmar", "")),
        Bar("trades", float(numbers["n_trades"] or 0), gates.min_trades, ">=", "count"),
    )


def secondary_bars(examination: Examination) -> tuple[Bar, ...]:
    """Mean R-multiple, profit factor, correlation with the benchmark, 99th-percentile daily loss."""
    gates, summary = examination.settings.holdout, examination.baseline.summary
    numbers, why = summary.metrics, summary.undefined

    def bar(name: str, metric: str, limit: float, sense: Any) -> Bar:
        return Bar(
            name, numbers.get(metric), limit, sense, "ratio", why.get(metric, "" if metric in numbers else "no benchmark")
        )

    loss = daily_loss(examination.baseline.sample)
    return (
        bar("expectancy_R", "expectancy_R", gates.min_expectancy_r, ">="),
        bar("profit_factor", "profit_factor", gates.min_profit_factor, ">="),
        bar("benchmark_correlation", "correlation", gates.max_benchmark_correlation, "<="),
        Bar(
            "daily_loss_99",
            loss,
            gates.max_daily_loss,
            "<=",
            "fraction",
            "" if loss is not None else "no session was measured",
        ),
    )


def session_returns(sample: Sample) -> FloatArray:
    """Simple return of each session, shape (n_sessions,): from the last measured close of one to that of the next."""
    last = np.flatnonzero(np.append(sample.session[1:] != sample.session[:-1], True)) if sample.n_periods else np.zeros(0, int)
    return returns_between(np.concatenate(([sample.start], sample.equity[last])))


def daily_loss(sample: Sample) -> float | None:
    """The loss that 99 of 100 sessions stay within, as a fraction: minus the 1 % quantile (type 7); None without a session."""
    returns = session_returns(sample)
    return -float(np.quantile(returns, LEVEL)) if returns.size else None


def document(found: Judgement, held: Mapping[str, Any], preregistered: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The content of ``holdout.json``; `held` is what the journal knows of this holdout, this opening included."""
    bars_hold = not found.refused
    contaminated = str(held["contaminated"])
    return {
        "schema": SCHEMA,
        "answer": "yes" if bars_hold and not contaminated else "no",
        "bars_hold": bars_hold,
        "refused": found.refused,
        "period": {"first": held["first"], "last": held["last"]},
        "look": len(held["openings"]),
        "openings": list(held["openings"]),
        "contaminated": contaminated,
        "preregistration": None if preregistered is None else dict(preregistered),
        "tests": [verdict.test_document(one) for one in found.rejection.results],
        "primary": [verdict.bar_document(bar) for bar in found.primary],
        "secondary": [verdict.bar_document(bar) for bar in found.secondary],
        "secondary_held": found.n_held,
        "secondary_needed": found.needed,
        "not_judged": [
            *({"name": name, "why": why} for name, why in NOT_JUDGED.items()),
            *({"name": name, "why": why} for name, why in found.rejection.not_asked),
        ],
    }
