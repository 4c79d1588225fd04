"""Would the best of all trials of this family have looked as good by luck? The familywise p-value of what is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from trading_system.validation import judged, pictures
from trading_system.validation import sharpe_inference as inference
from trading_system.validation.base import Bar, Examination, FamilyTrials, TestResult, ValidationTest, register
from trading_system.validation.data_snooping import adjusted_p_of
from trading_system.validation.resampling import least_resamples, monte_carlo_error

if TYPE_CHECKING:
    from trading_system.types import FloatArray

NAME = "familywise p"


@register("familywise")
class Familywise(ValidationTest):
    """Romano-Wolf over the trials whose returns are kept, Bonferroni over those whose are not."""

    title: ClassVar[str] = "Familywise"
    asks: ClassVar[str] = (
        "Of all configurations of this strategy on these symbols that were ever tried in this project, one is judged. How probable is "
        "a Sharpe ratio as good as this one anywhere among them if none has an edge over cash?"
    )
    null: ClassVar[str] = "No trial of the family has a mean return above cash."
    reading: ClassVar[str] = (
        "At 0.05 or less luck among all trials is an unlikely reason. Every further trial makes it larger, those that were given up "
        "too. Trials whose returns are kept are resampled together, so that fifty variants of one idea cost little more than one; "
        "each trial without returns costs the whole p-value of a single test."
    )
    source: ClassVar[str] = (
        "Romano & Wolf (2005), Econometrica 73(4), and (2016), Statistics & Probability Letters 113; Bonferroni's inequality."
    )
    assumes: ClassVar[tuple[str, ...]] = (
        "every trial is in the journal",
        "dependence between periods fades within a few blocks",
        "500 periods or more: below, the resampled test is a little liberal",
    )
    blind_to: ClassVar[tuple[str, ...]] = (
        "trials of other families, on other data in other projects, and in papers",
        "a market that rose for everybody: the null is cash, not the benchmark",
    )
    order: ClassVar[int] = 50

    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        trials, gate = examination.trials, examination.settings.gates.max_familywise_p
        family, seed = judged.trialled(examination), judged.seed(examination)
        if not family.returns.shape[1]:
            bar = Bar(NAME, None, gate, "<=", "p", judged.NEVER_VARIES)
            return TestResult("familywise", bars=(bar,), work=f"{trials.n_trials:,} trials", seed=seed)
        settings, n_resamples = judged.sizes(examination), examination.size("bootstrap", "resamples")
        n, width = family.returns.shape
        block = judged.common_block(settings, family.returns)
        found = adjusted_p_of(family.returns, judged.drawn_resamples(settings, n, block, n_resamples, rng))
        single = single_p(family.returns[:, -1])
        without = trials.n_without
        p = min(found.adjusted_p + without * single, 1.0)
        return TestResult(
            name="familywise",
            bars=(Bar(NAME, p, gate, "<=", "p"),),
            work=_work(trials, width, n_resamples) + ", " + judged.said_of_blocks(settings, n, block),
            seed=seed,
            p_value=p,
            warnings=_warnings(trials, family.n_still, n_resamples, gate) + judged.warned_of_blocks(n, block),
            details={
                "n_trials": trials.n_trials,
                "n_resampled_together": width,
                "n_without_returns": without,
                "n_over_other_sessions": trials.n_elsewhere,
                "n_cut_to_these_sessions": trials.n_fitted,
                "n_never_varying": family.n_still,
                "method": method_of(without, width),
                "romano_wolf_p": found.adjusted_p,
                "single_p": single,
                "bonferroni_over_all_p": min(trials.n_trials * single, 1.0),
                "statistic": found.statistic,
                "monte_carlo_error": monte_carlo_error(found.adjusted_p, n_resamples),
                "block": block,
                "resamples": n_resamples,
            },
            picture={"pictures": [_null(found.highest, found.statistic, width)]},
        )


def _null(highest: FloatArray, statistic: float, width: int) -> dict[str, Any]:
    return pictures.histogram(
        "The best of all trials without an edge",
        highest,
        {"judged": statistic},
        summary=f"Largest studentised mean of {width:,} trials in each resample, their own means taken out.",
    )


def single_p(series: FloatArray) -> float:
    """One-sided p-value of a Sharpe ratio above 0: the larger of those by Mertens' and by the HAC standard error."""
    from scipy.special import ndtr

    m = inference.sharpe_moments(series)
    errors = (inference.standard_error(m.sharpe, m.n, m.skew, m.kurtosis), inference.standard_error_hac(series))
    z = [m.sharpe / error if error > 0.0 else float(np.sign(m.sharpe)) * np.inf for error in errors]
    return float(ndtr(-min(z)))


def method_of(without: int, width: int) -> str:
    """How the p-value was made, in words."""
    if not without:
        return f"Romano-Wolf over all {width:,} trials"
    return f"Romano-Wolf over the {width:,} trials whose returns are kept, plus Bonferroni over the {without:,} without"


def _work(trials: FamilyTrials, width: int, n_resamples: int) -> str:
    return f"{trials.n_trials:,} trials; {method_of(trials.n_without, width)}; {n_resamples:,} resamples"


def _warnings(trials: FamilyTrials, n_still: int, n_resamples: int, gate: float) -> list[str]:
    said = []
    if trials.n_elsewhere:
        said.append(f"{trials.n_elsewhere:,} trials are over other sessions: they count, and cost a single test each")
    if trials.n_fitted:
        said.append(
            f"{trials.n_fitted:,} trials begin or end on other days: cut to the judged sessions, and cash where they had not begun"
        )
    if trials.sampled:
        said.append(
            f"the journal keeps the returns of a sample of the {trials.n_trials:,} trials; the others cost a single test each"
        )
    if n_still:
        said.append(f"{n_still:,} trials never traded: they count, and nothing of theirs is resampled")
    if n_resamples < least_resamples(1, gate):
        said.append(f"{n_resamples:,} resamples cannot show a p-value of {gate:g}: {least_resamples(1, gate):,} or more")
    return said
