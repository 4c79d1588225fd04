"""What is left of the Sharpe ratio after all the trials? Deflated and haircut ratios with N from the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from trading_system.validation import deflation, judged, pictures
from trading_system.validation import sharpe_inference as inference
from trading_system.validation.base import Bar, Examination, TestResult, ValidationTest, register
from trading_system.validation.trials import trial_tests

if TYPE_CHECKING:
    from trading_system.types import FloatArray

POINTS = 60  # of the curve
FURTHEST = 10  # times N
RANKED = 500  # columns of the effective rank, at most
METHODS = ("bonferroni", "holm", "bhy_harvey_liu")
DIGITS = 6  # of numbers that come from an eigenvalue routine


@register("deflated_sharpe")
class DeflatedSharpe(ValidationTest):
    """DSR, haircut Sharpe ratio, minimum backtest length and effective number of trials."""

    title: ClassVar[str] = "Deflated Sharpe"
    asks: ClassVar[str] = (
        "The best of N worthless trials shows a good Sharpe ratio by luck alone. How far is this one above what N trials, as many as "
        "the journal counts, would be expected to show?"
    )
    null: ClassVar[str] = "All N trials have a true Sharpe ratio of 0 and differ by chance only."
    reading: ClassVar[str] = (
        "DSR is the probability that the true ratio is above the expected maximum of N trials without skill: near 0.5 it looks just "
        "like the best of noise. It is no 5 % test: on noise DSR > 0.95 almost never happens, so a low DSR does not prove noise. "
        "The haircut says which Sharpe ratio a single test would have needed to be as convincing as this one is after N. The raw N "
        "counts; the effective numbers are shown beside it, for correlated trials already shrink the variance that N multiplies."
    )
    source: ClassVar[str] = (
        "Bailey & Lopez de Prado (2014), The deflated Sharpe ratio, JPM 40(5); Harvey & Liu (2015), Backtesting, JPM 42(1); Bailey, "
        "Borwein, Lopez de Prado & Zhu (2014), Notices AMS 61(5); Roy & Vetterli (2007)."
    )
    assumes: ClassVar[tuple[str, ...]] = (
        "every trial is in the journal",
        "the trials' Sharpe ratios scatter about Normally",
        "haircut: Normal returns without dependence",
    )
    blind_to: ClassVar[tuple[str, ...]] = (
        "trials made elsewhere, and ideas taken from papers that report the best of theirs",
        "trials of other families",
    )
    order: ClassVar[int] = 52

    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        series, year, trials = judged.excess(examination), examination.periods_per_year, examination.trials
        work = f"{trials.n_trials:,} trials of the family in the journal"
        if not judged.varies(series):
            return TestResult("deflated_sharpe", bars=(Bar("DSR", None, unit="fraction", why=judged.NEVER_VARIES),), work=work)
        m, n_trials = inference.sharpe_moments(series), max(trials.n_trials, 1)
        variance, warnings = _variance(examination, m.n)
        deflated = {
            form: deflation.deflated_sharpe(m.sharpe, m.n, m.skew, m.kurtosis, variance, n_trials, variance=form)
            for form in ("observed", "null")
        }
        cuts = _haircuts(examination, m, year)
        length = _backtest_length(n_trials, examination.settings.gates.min_sharpe, m.n / year, warnings)
        effective = _effective(examination, n_trials)
        threshold = deflated["observed"].threshold
        return TestResult(
            name="deflated_sharpe",
            bars=(
                Bar("DSR", judged.plain(deflated["observed"].dsr), unit="fraction"),
                Bar("sharpe, best of N noise", threshold * float(np.sqrt(year))),
                Bar("sharpe after haircut", cuts["bonferroni"]["sharpe_annual"]),
            ),
            work=work,
            warnings=warnings,
            details={
                "n_trials": n_trials,
                "sharpe_variance": variance,
                "expected_maximum": deflation.expected_maximum(n_trials),
                "threshold_period": threshold,
                "threshold_annual": threshold * float(np.sqrt(year)),
                "dsr": {form: judged.plain(found.dsr) for form, found in deflated.items()},
                "haircut": cuts,
                "min_backtest_length": length,
                "effective_trials": effective,
            },
            picture=_curve(m, variance, n_trials),
        )


def _variance(examination: Examination, n: int) -> tuple[float, list[str]]:
    """Of the trials' Sharpe ratios per period; what noise of this length has where fewer than two are known."""
    known, n_trials = examination.trials.sharpe_variance, examination.trials.n_trials
    if known is not None:
        return float(known), []
    if n_trials < 2:
        return 0.0, ["one trial in the journal: nothing is deflated. Trials that were made elsewhere are not known here"]
    return 1.0 / n, [f"the journal knows fewer than two Sharpe ratios of {n_trials} trials: their variance is taken as 1/n"]


def _haircuts(examination: Examination, m: inference.SharpeMoments, year: float) -> dict[str, dict[str, float | None]]:
    tested = trial_tests(examination.trials, judged.cash_rate(examination))
    others = tested.two_sided[:-1]
    found = {}
    for method in METHODS:
        cut = deflation.haircut_sharpe(m.sharpe * float(np.sqrt(year)), m.n, year, tested.n_tests, method, others)
        found[method] = {
            "p_single": cut.p_single,
            "p_adjusted": cut.p_adjusted,
            "sharpe_annual": cut.sharpe,
            "haircut": judged.plain(cut.fraction),
        }
    return found


def _backtest_length(n_trials: int, target: float, years: float, warnings: list[str]) -> dict[str, float] | None:
    if not target > 0.0:
        return None
    needed = deflation.min_backtest_length(n_trials, target)
    if years < needed.years:
        warnings.append(
            f"{years:.1f} years are too short for {n_trials:,} trials: the best of them is expected to show a Sharpe ratio of "
            f"{target:g} without any skill below {needed.years:.1f} years"
        )
    return {"target_annual": target, "years": needed.years, "upper_bound": needed.upper_bound, "years_at_hand": years}


def _effective(examination: Examination, n_trials: int) -> dict[str, float | int | None]:
    """Numbers of trials that would be as many if they were independent, from the returns that are kept."""
    columns = judged.trialled(examination).returns
    width = columns.shape[1]
    if width < 2:
        return {"columns": width, "mean_correlation": None, "by_mean_correlation": None, "by_rank": None}
    unit = columns - columns.mean(axis=0)
    unit /= np.sqrt(np.sum(unit**2, axis=0))
    together = unit.sum(axis=1)
    mean = float((together @ together - width) / (width * (width - 1.0)))
    chosen = np.unique(np.linspace(0, width - 1, min(width, RANKED)).astype(np.int64))
    rank = deflation.effective_rank(_correlations(unit[:, chosen]))
    return {
        "columns": width,
        "mean_correlation": judged.plain(mean, DIGITS),
        "by_mean_correlation": judged.plain(deflation.effective_trials(n_trials, min(max(mean, -1.0), 1.0)), DIGITS),
        "by_rank": judged.plain(rank, DIGITS),
        "by_rank_of_columns": int(chosen.size),
    }


def _correlations(unit: FloatArray) -> FloatArray:
    return np.asarray(unit.T @ unit)


def _curve(m: inference.SharpeMoments, variance: float, n_trials: int) -> dict[str, Any]:
    """DSR as it would be after other numbers of trials with the same spread."""
    far = max(FURTHEST * n_trials, 1000)
    numbers = np.unique(np.append(np.geomspace(1, far, POINTS).astype(np.int64), n_trials))
    curve = [deflation.deflated_sharpe(m.sharpe, m.n, m.skew, m.kurtosis, variance, int(n)).dsr for n in numbers]
    told = pictures.curve(
        "Deflated Sharpe ratio against the number of trials",
        numbers,
        {"DSR": curve},
        {"trials so far": float(n_trials)},
        unit="fraction",
        x_name="trials",
        log_x=True,
        summary=f"With the spread of the trials so far; {curve[int(np.searchsorted(numbers, n_trials))]:.3f} at {n_trials:,}.",
    )
    return {"pictures": [told]}
