"""Would other draws of the same returns still have been good enough? The lower end of the bootstrapped Sharpe ratio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from trading_system.validation import judged, pictures
from trading_system.validation.base import Bar, Examination, TestResult, ValidationTest, register
from trading_system.validation.bootstrap import Resamples, resampled_performance
from trading_system.validation.intervals import percentile
from trading_system.validation.resampling import in_chunks

if TYPE_CHECKING:
    from trading_system.types import FloatArray, IntArray

POINTS = 240  # dates of the fan
LEVELS = (0.05, 0.25, 0.50, 0.75, 0.95)
CELLS = 1 << 20  # numbers of one task of the fan
LOWER = 0.05


@register("bootstrap")
class Bootstrap(ValidationTest):
    """The 5th percentile of the annualised Sharpe ratio over resamples of the returns."""

    title: ClassVar[str] = "Bootstrap"
    asks: ClassVar[str] = (
        "Had the same kind of days come in other draws, how low could the Sharpe ratio easily have been? "
        "Blocks of consecutive returns are drawn with replacement until a record of the same length is full, many times over."
    )
    null: ClassVar[str] = (
        "None: the spread of the estimate is measured, not a hypothesis tested. The bar asks that 19 of 20 resamples are above it."
    )
    reading: ClassVar[str] = (
        "The bar is the 5th percentile of the resampled Sharpe ratios, annualised, above the risk-free rate. A good Sharpe ratio "
        "with a low 5th percentile rests on few days or on a short record. The fan shows the equities of the resamples by date: a "
        "real curve at its upper edge at every date is what selection looks like."
    )
    source: ClassVar[str] = (
        "Politis & Romano (1994), The stationary bootstrap, JASA 89; block length: Politis & White (2004), corrected 2009."
    )
    assumes: ClassVar[tuple[str, ...]] = (
        "the future draws from the same returns as the past",
        "dependence fades within a few blocks",
    )
    blind_to: ClassVar[tuple[str, ...]] = (
        "how many configurations were tried: the best of many keeps its luck in every resample",
        "losses larger than any in the record",
        "a market that changes",
    )
    order: ClassVar[int] = 30

    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        settings, gate = judged.sizes(examination), examination.settings.gates.min_bootstrap_sharpe
        series, n_resamples = judged.excess(examination), examination.size("bootstrap", "resamples")
        seed = judged.seed(examination)
        if not judged.varies(series):
            bar = Bar("sharpe, 5th percentile", None, gate, ">=", "ratio", judged.NEVER_VARIES)
            return TestResult("bootstrap", bars=(bar,), work=f"{series.size} periods", seed=seed)
        block = judged.block_of(settings, series)
        chosen = judged.drawn_resamples(settings, series.size, block, n_resamples, rng)
        found = resampled_performance(series, chosen, examination.periods_per_year)
        raw = np.asarray(examination.baseline.returns)
        paths = (
            found if judged.cash_rate(examination) == 0.0 else resampled_performance(raw, chosen, examination.periods_per_year)
        )
        return TestResult(
            name="bootstrap",
            bars=(_bar(found.sharpe, gate),),
            work=f"{n_resamples:,} resamples of {series.size:,} returns, {judged.said_of_blocks(settings, series.size, block)}",
            seed=seed,
            interval=_interval(found.sharpe, settings.level),
            warnings=_warnings(series.size, block, found.sharpe, settings),
            details={
                "observed": judged.plain(examination.baseline.metric("sharpe")),
                "kind": settings.kind,
                "block": block,
                "resamples": n_resamples,
                "level": settings.level,
                "percentiles": {f"{level:g}": judged.plain(judged.quantile_of(found.sharpe, level)) for level in LEVELS},
                "monte_carlo_95": _monte_carlo(found.sharpe),
                "share_below_0": float(np.mean(~(found.sharpe > 0.0))),
                "cagr": {f"{level:g}": judged.plain(float(np.quantile(paths.cagr, level))) for level in LEVELS},
            },
            picture={"pictures": [_fan(examination, raw, chosen), _histogram(found.sharpe, series, examination, gate)]},
        )


def _bar(ratios: FloatArray, gate: float) -> Bar:
    low = judged.quantile_of(ratios, LOWER)
    missing = int(np.isnan(ratios).sum())
    why = "" if np.isfinite(low) else f"{missing} of {ratios.size} resamples hold no return that differs from the others"
    return Bar("sharpe, 5th percentile", judged.plain(low), gate, ">=", "ratio", why)


def _interval(ratios: FloatArray, level: float) -> tuple[float, float] | None:
    known = ratios[~np.isnan(ratios)]
    if known.size < 2:
        return None
    low, high = percentile(known, level)
    return low, high


def _monte_carlo(ratios: FloatArray) -> list[float | None]:
    """Where the 5th percentile would lie, at 95 %, with other draws of as many resamples: by order statistics."""
    reach = 1.96 * np.sqrt(LOWER * (1.0 - LOWER) / ratios.size)
    return [judged.plain(judged.quantile_of(ratios, max(LOWER + sign * reach, 0.0))) for sign in (-1.0, 1.0)]


def _warnings(n: int, block: float, ratios: FloatArray, settings: Any) -> list[str]:
    said = judged.warned_of_blocks(n, block)
    missing = int(np.isnan(ratios).sum())
    if missing:
        said.append(f"{missing} of {ratios.size} resamples have no Sharpe ratio: they count as worse than every other")
    if ratios.size < 1000:
        said.append(f"{ratios.size} resamples: the ends of intervals are rough; 1,000 or more for 95 %")
    if settings.kind != "stationary" or settings.block != "auto":
        said.append("the run file asks for other blocks than the stationary, automatic ones that the bar is defined by")
    return said


def _histogram(ratios: FloatArray, series: FloatArray, examination: Examination, gate: float) -> dict[str, Any]:
    observed = float(np.sqrt(examination.periods_per_year) * series.mean() / series.std(ddof=1))
    low = judged.quantile_of(ratios, LOWER)
    return pictures.histogram(
        "Sharpe ratio of the resamples",
        ratios,
        {
            name: value
            for name, value in (("observed", observed), ("5th percentile", low), ("bar", gate))
            if np.isfinite(value)
        },
        summary=f"{ratios.size:,} resamples; the 5th percentile must not be below the bar.",
    )


def _fan(examination: Examination, returns: FloatArray, chosen: Resamples) -> dict[str, Any]:
    """Quantiles by date of the equities of all resamples, starting from 1, beside the real one."""
    rows = pictures.thinned(returns.size, POINTS)
    growth = np.maximum(1.0 + returns, 0.0)
    return pictures.fan(
        "Equities of the resamples",
        judged.days(examination.baseline.sample.session[rows]),
        pictures.quantile_bands(_paths(growth, chosen, rows)),
        np.cumprod(growth)[rows],
        summary=(
            f"Growth of 1 in {chosen.n_resamples:,} resamples: nine of ten lie in the wide band, half in the narrow one. "
            "The line is the run itself."
        ),
    )


def _paths(growth: FloatArray, chosen: Resamples, rows: IntArray) -> FloatArray:
    """Equity of every resample at `rows`, shape (n_resamples, rows.size)."""

    def work(first: int, stop: int) -> FloatArray:
        taken = growth[chosen.indices(first, stop)]
        return np.asarray(np.cumprod(taken, axis=1)[:, rows])

    return np.concatenate(in_chunks(work, chosen.n_resamples, max(1, CELLS // growth.size)))
