"""Which trials survive a correction for their number? p-values of all logged trials, adjusted six ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from trading_system.validation import judged, pictures
from trading_system.validation.base import Bar, Examination, TestResult, ValidationTest, register
from trading_system.validation.multiple_testing import adjusted_p_values
from trading_system.validation.trials import TrialTests, trial_tests

if TYPE_CHECKING:
    from typing import Any

METHODS = {
    "bonferroni": "Bonferroni",
    "holm": "Holm",
    "hochberg": "Hochberg",
    "bh": "Benjamini-Hochberg",
    "by": "Benjamini-Yekutieli",
    "bhy_harvey_liu": "BHY (Harvey, Liu & Zhu)",
}
RATES = {"bonferroni": "familywise", "holm": "familywise", "hochberg": "familywise"}


@register("multiple_testing")
class MultipleTesting(ValidationTest):
    """Bonferroni, Holm, Hochberg, BH, BY and BHY over the p-values of all trials of the family."""

    title: ClassVar[str] = "Multiple testing"
    asks: ClassVar[str] = (
        "Every trial of the family is a test of a Sharpe ratio above 0. After a correction for their number, is the judged one still "
        "significant, and how many are?"
    )
    null: ClassVar[str] = "Each trial: a true Sharpe ratio of 0."
    reading: ClassVar[str] = (
        "Bonferroni, Holm and Hochberg bound the chance of one false discovery among all; BH, BY and BHY the share of false ones among "
        "those that survive. All of them ignore that trials resemble each other, which makes the first three severe: Familywise uses "
        "the returns and is the one that decides."
    )
    source: ClassVar[str] = (
        "Holm (1979); Hochberg (1988); Benjamini & Hochberg (1995); Benjamini & Yekutieli (2001); Harvey, Liu & Zhu (2016), RFS 29(1)."
    )
    assumes: ClassVar[tuple[str, ...]] = (
        "every trial is in the journal",
        "returns without dependence (their skewness and tails are accounted for where they are kept)",
        "Hochberg, BH: positive dependence between trials",
    )
    blind_to: ClassVar[tuple[str, ...]] = ("how alike the trials are", "trials of other families")
    order: ClassVar[int] = 58

    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        tested = trial_tests(examination.trials, judged.cash_rate(examination))
        alpha = examination.settings.gates.max_familywise_p
        table = {method: _row(tested, method, alpha) for method in METHODS}
        known = tested.p_values.size
        return TestResult(
            name="multiple_testing",
            bars=(
                Bar("p alone", float(tested.p_values[-1]), unit="p"),
                Bar("p after Holm", table["holm"]["judged_p"], unit="p"),
                Bar("p after BH", table["bh"]["judged_p"], unit="p"),
                Bar(f"trials with p <= {alpha:g}, Holm", float(table["holm"]["survivors"]), unit="count"),
            ),
            work=f"{tested.n_tests:,} tests, {known:,} with a p-value of their own",
            p_value=table["holm"]["judged_p"],
            warnings=_warnings(tested),
            details={
                "n_tests": tested.n_tests,
                "n_known": known,
                "alpha": alpha,
                "judged_p": float(tested.p_values[-1]),
                "adjusted": table,
                "p_values_below": {f"{p:g}": int(np.count_nonzero(tested.p_values <= p)) for p in (0.001, 0.01, 0.05)},
            },
            picture={
                "pictures": [
                    pictures.histogram(
                        "p-values of the trials",
                        tested.p_values,
                        {"judged": float(tested.p_values[-1])},
                        unit="p",
                        summary=f"{known:,} trials; without any edge they would be spread evenly.",
                    )
                ]
            },
        )


def _row(tested: TrialTests, method: str, alpha: float) -> dict[str, Any]:
    adjusted = adjusted_p_values(tested.p_values, method, tested.n_tests)
    return {
        "name": METHODS[method],
        "controls": RATES.get(method, "false discovery rate"),
        "judged_p": float(adjusted[-1]),
        "survivors": int(np.count_nonzero(adjusted <= alpha)),
    }


def _warnings(tested: TrialTests) -> list[str]:
    said, unknown = [], tested.n_tests - tested.p_values.size
    if unknown:
        said.append(f"{unknown:,} of {tested.n_tests:,} trials have no p-value at hand and count as p = 1")
    still = int(np.isnan(tested.sharpes).sum())
    if still:
        said.append(f"{still:,} trials never traded: their p-value is 1")
    return said
