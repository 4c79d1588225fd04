"""Is the best of everything tried better than cash, and than the market? Reality Check, SPA, StepM and the confidence set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from trading_system.metrics.sampling import pair
from trading_system.validation import judged
from trading_system.validation.base import Bar, Examination, TestResult, ValidationTest, register
from trading_system.validation.confidence_set import model_confidence_set
from trading_system.validation.data_snooping import Contest, contest, reality_check, step_down, superior_ability

if TYPE_CHECKING:
    from trading_system.types import FloatArray
    from trading_system.validation.bootstrap import Resamples

CELLS = 1 << 24  # numbers of one table of resampled means
FEWEST = 199
COMPARED = 200  # trials of the confidence set, at most
LEVEL = 0.10  # of the confidence set
ALPHA = 0.05
SHORT = 500
SAME = 1e-9  # range of differences, in volatilities, that is rounding


@register("data_snooping")
class DataSnooping(ValidationTest):
    """White's Reality Check, Hansen's SPA, Romano-Wolf StepM and the model confidence set over all kept trials."""

    title: ClassVar[str] = "Data snooping"
    asks: ClassVar[str] = (
        "Take all trials of the family whose returns are kept as one set. Is the best of them better than cash at the risk-free rate, "
        "and better than the market benchmark, once it is accounted for that it is the best of a set? Which are? Which cannot be told "
        "from the best?"
    )
    null: ClassVar[str] = "No trial of the set is better than the benchmark."
    reading: ClassVar[str] = (
        "Decide on SPA's consistent p-value. The upper one, and White's, lose their power where poor and noisy trials are in the set; "
        "the lower one is too small. StepM names the trials that beat the benchmark at 5 % familywise. The confidence set holds the "
        "trials that cannot be told from the best at 90 %: a set that holds nearly all says that the choice among them is arbitrary."
    )
    source: ClassVar[str] = (
        "White (2000), Econometrica 68(5); Hansen (2005), JBES 23(4); Romano & Wolf (2005), Econometrica 73(4); Hansen, Lunde & "
        "Nason (2011), Econometrica 79(2)."
    )
    assumes: ClassVar[tuple[str, ...]] = (
        "the set holds every trial",
        "dependence between periods fades within a few blocks",
        "trials are compared at equal volatility, as a choice by Sharpe ratio does",
    )
    blind_to: ClassVar[tuple[str, ...]] = (
        "trials over other sessions and trials whose returns are not kept: Familywise counts them",
        "whether the best one is good enough to trade",
    )
    order: ClassVar[int] = 56

    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        family, seed = judged.trialled(examination), judged.seed(examination)
        if not family.returns.shape[1]:
            bar = Bar("SPA p, over cash", None, unit="p", why=judged.NEVER_VARIES)
            return TestResult("data_snooping", bars=(bar,), seed=seed)
        settings = judged.sizes(examination)
        n, width = family.returns.shape
        asked = examination.size("bootstrap", "resamples")
        n_resamples = max(min(asked, CELLS // width), FEWEST)
        block = judged.common_block(settings, family.returns)
        chosen = judged.drawn_resamples(settings, n, block, n_resamples, rng)
        cash = against(family.returns, chosen)
        market, why = _against_the_market(examination, family.returns, chosen)
        alike = _confidence_set(family.returns, chosen)
        warnings = _warnings(examination, n, width, n_resamples, asked, family.n_still)
        return TestResult(
            name="data_snooping",
            bars=(
                Bar("SPA p, over cash", cash["spa"]["consistent"], unit="p"),
                Bar(
                    "SPA p, over benchmark",
                    market["spa"]["consistent"] if market else None,
                    unit="p",
                    why=why,
                ),
                Bar("no worse than the best", float(alike["kept"]), unit="count"),
            ),
            work=f"{width:,} trials together, {n_resamples:,} resamples, {judged.said_of_blocks(settings, n, block)}",
            seed=seed,
            p_value=cash["spa"]["consistent"],
            warnings=warnings,
            details={
                "cash": cash,
                "benchmark": market or why,
                "confidence_set": alike,
                "trials": width,
                "never_varying": family.n_still,
                "not_at_hand": examination.trials.n_without,
                "resamples": n_resamples,
                "block": block,
                "decides": "spa consistent",
            },
        )


def against(differences: FloatArray, chosen: Resamples) -> dict[str, Any]:
    """Every test of `differences`, shape (n_periods, n_trials); of the steps also how the last trial, which is judged, fares."""
    tested: Contest = contest(differences, chosen)
    ability, check, steps = superior_ability(tested), reality_check(tested), step_down(tested, ALPHA)
    best = int(np.argmax(tested.t_statistics))
    return {
        "reality_check": check.p_value,
        "spa": {"lower": ability.lower.p_value, "consistent": ability.consistent.p_value, "upper": ability.upper.p_value},
        "step_down": {
            "alpha": ALPHA,
            "beat_the_benchmark": int(steps.rejected.size),
            "judged_is_one_of_them": bool(differences.shape[1] - 1 in steps.rejected),
            "judged_adjusted_p": float(steps.adjusted_p[-1]),
            "steps": len(steps.critical_values),
        },
        "judged_is_the_best": bool(tested.t_statistics[best] <= tested.t_statistics[-1]),
        "best_statistic": float(tested.t_statistics[best]),
        "judged_statistic": float(tested.t_statistics[-1]),
    }


def _against_the_market(examination: Examination, returns: FloatArray, chosen: Resamples) -> tuple[dict[str, Any] | None, str]:
    """The same against the benchmark at the same volatility, and why not."""
    outcome = examination.baseline
    if outcome.benchmark is None or outcome.summary.conventions["benchmark"] is None:
        return None, "the run has no benchmark"
    both = pair(outcome.ledger, outcome.sample, outcome.benchmark)
    if not both.whole:
        return None, "the benchmark has no close on some sessions"
    market = both.benchmark - judged.cash_rate(examination)
    if not judged.varies(market):
        return None, "the benchmark never moves"
    differences = returns - (market / market.std(ddof=1))[:, None]
    differences[:, np.ptp(differences, axis=0) < SAME] = 0.0
    return against(differences, chosen), ""


def _confidence_set(returns: FloatArray, chosen: Resamples) -> dict[str, Any]:
    """Which trials cannot be told from the best; of very many, of those with the largest means."""
    width = returns.shape[1]
    last = width - 1
    places = np.sort(np.argsort(-returns.mean(axis=0), kind="stable")[:COMPARED])
    found = model_confidence_set(-returns[:, places], chosen)
    kept = places[found.kept(LEVEL)]
    where = np.flatnonzero(places[found.order] == last)
    return {
        "level": 1.0 - LEVEL,
        "compared": int(places.size),
        "kept": int(kept.size),
        "judged_is_kept": bool(last in kept),
        "judged_p": float(found.p_values[where[0]]) if where.size else None,
    }


def _warnings(examination: Examination, n: int, width: int, n_resamples: int, asked: int, n_still: int) -> list[str]:
    said, trials = [], examination.trials
    if trials.n_without:
        said.append(f"{trials.n_without:,} of {trials.n_trials:,} trials are not in the set: their returns are not at hand")
    if width == 1:
        said.append("one trial: these are plain tests of it, nothing was snooped that the journal knows of")
    if n < SHORT:
        said.append(f"{n} periods: studentised tests are a little liberal below {SHORT} (7 to 8 % at nominal 5 %)")
    if n_resamples < asked:
        said.append(f"{n_resamples:,} resamples in place of {asked:,}, for the memory that {width:,} trials need")
    if n_still:
        said.append(f"{n_still:,} trials never traded and are left out: they cannot be the best")
    if width > COMPARED:
        said.append(
            f"the confidence set compares the {COMPARED} trials with the largest means of {width:,}: it may be too small"
        )
    return said
