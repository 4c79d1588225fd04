"""Would the same search have found as much in markets that hold nothing to be found? Permuted bars, the whole search on each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from trading_system.errors import ConfigError, DataError
from trading_system.validation.base import Bar, Examination, TestResult, ValidationTest, register
from trading_system.validation.permutation import selection_bias
from trading_system.validation.permuted_worlds import (
    PermutedWorlds,
    cannot_change,
    reads_no_price,
    refuse_what_cannot_change,
)
from trading_system.validation.pictures import histogram
from trading_system.validation.resampling import monte_carlo_error, n_exceeding, p_value_of_count
from trading_system.validation.search import objective_of

if TYPE_CHECKING:
    from trading_system.types import FloatArray
    from trading_system.validation.search import Search

TIE = 1e-9  # of the observed value: the same moves multiplied in another order differ by rounding


@register("permutation")
class Permutation(ValidationTest):
    """The run's objective against the best of the same search on markets with the same moves in another order."""

    title: ClassVar[str] = "Permutation"
    asks: ClassVar[str] = (
        "Would a search as wide as the one behind this configuration have found as much in a market whose moves come in a random order?"
    )
    null: ClassVar[str] = (
        "The order of the market's moves holds nothing to exploit: gaps, and intrabar moves, are exchangeable in time."
    )
    reading: ClassVar[str] = (
        "p is the share of markets (the real one among them) in which the best of the whole search is at least as good as this run."
        " At most the threshold: the order of the moves was worth something. The mean of the best on permuted markets is what fitting"
        " and the market's trend alone give; only what lies above it is the rule's own."
    )
    assumes: ClassVar[tuple[str, ...]] = (
        "the grid of the run file is all that was searched; without one the configuration was chosen before the data was seen",
        "gaps and intrabar moves are exchangeable under the null, which a random walk fulfils exactly",
        "indicators, costs and rules are worked out anew in every permuted market, as on the real one",
    )
    blind_to: ClassVar[tuple[str, ...]] = (
        "trend that stays in the total change of the market: every permuted market ends where the real one ended",
        "configurations tried by hand: the familywise test counts those",
        "rules of volume or of the calendar alone, which need a null of their own",
        "volatility clustering, which permuting destroys: a rule that exploits nothing else is found significant too",
    )
    source: ClassVar[str] = (
        "Masters (2018), Testing and Tuning Market Trading Systems; Aronson (2006). p = (1 + k) / (1 + B): Davison & Hinkley (1997)."
    )
    order: ClassVar[int] = 40

    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        experiment, search = examination.experiment, examination.search
        refuse_fixed_choice(examination)
        n = examination.size("permutation", "resamples")
        worlds = PermutedWorlds(experiment, int(rng.integers(2**63)), max(experiment.first - 1, 0))
        worlds.check_memory()
        objective = experiment.config.validation.search.objective
        points, own = (search.points, search.own) if search is not None else ([{}], 0)
        observed, as_traded = observed_values(examination, worlds)
        refuse_what_cannot_change(worlds)
        warnings = warnings_of(worlds, search)
        table = examination.loop.rows(
            f"permutation: {n} markets x {len(points)} configurations", lambda k: worlds.best(points, k, own), n, 2
        )
        null = table[:, 0]
        tie = TIE * max(abs(observed), 1.0)
        if (np.abs(null - observed) <= tie).all():
            raise cannot_change(objective, f"it is {observed:.6g} in all {n} of them")
        count = n_exceeding(observed, null, tie)
        p = p_value_of_count(count, n)
        return TestResult(
            name="permutation",
            bars=(Bar("permutation p", p, examination.settings.gates.max_permutation_p, "<=", "p"),),
            work=work_of(n, len(points)),
            n_worlds=n * len(points),
            seed=experiment.config.seed,
            p_value=p,
            warnings=[*warnings, *undefined_warnings(null, n)],
            details={
                "objective": objective,
                "observed": observed,
                "observed_as_traded": as_traded,
                "n_permutations": n,
                "n_configurations": len(points),
                "searched_inside": search is not None,
                "n_exceeding": count,
                "monte_carlo_error": monte_carlo_error(p, n),
                **null_facts(null, observed),
                "permuted_from_row": worlds.start + 1,
            },
            picture={
                "pictures": [null_picture(null, observed, f"best {objective}", work_of(n, len(points)))],
                "null": null[np.isfinite(null)],
            },
        )


def refuse_fixed_choice(examination: Examination) -> None:
    """Refuse to permute a chosen best without searching again.

    Raises
    ------
    ConfigError
        The run file has a grid, and asks to keep the configuration fixed.
    """
    refuse_forgotten_search(examination)
    if examination.settings.permutation.search == "fixed" and examination.search is not None:
        raise ConfigError(
            f"a configuration chosen among {len(examination.search.points)} must not be permuted as if it were the only one: the"
            " observed value is the best of a search, the permuted ones would not be, and a 5 % test would reject 18 to 20 % of noise",
            where="validation.permutation.search",
            allowed="inside, as long as there is a grid",
            remedy="set inside; or remove the grid, if nothing was ever chosen with it",
        )


def refuse_forgotten_search(examination: Examination) -> None:
    """Refuse to judge a run without a grid as if nothing had been searched, where the journal holds a search of its family.

    Raises
    ------
    ConfigError
        The journal holds one, and the run file has no grid.
    """
    searched = examination.trials.n_searched
    if examination.search is None and searched > 1:
        raise ConfigError(
            f"the journal holds searches of {searched:,} configurations of these strategy types on this universe, and the run file has no"
            " grid: what was chosen by a search must not be judged as if it had been the only one",
            where="validation.grid",
            remedy="put the grid that was searched back into the run or strategy file",
        )


def observed_values(examination: Examination, worlds: PermutedWorlds) -> tuple[float, float]:
    """The run's own objective in the scale of the permuted markets, and as it was traded.

    Raises
    ------
    DataError
        It is not defined, or breaks a constraint.
    """
    settings = examination.experiment.config.validation.search
    as_traded = objective_of(examination.baseline, settings)
    observed = objective_of(worlds.experiment.baseline, settings) if worlds.rescaled else as_traded
    if np.isnan(observed):
        broken = f", or breaks one of the constraints on {', '.join(settings.constraints)}" if settings.constraints else ""
        raise DataError(
            f"the run's own {settings.objective} is not defined{broken}: there is nothing to compare with permuted markets",
            remedy="look at what `backtest` says of it; a run without trades has none",
        )
    return observed, as_traded


def work_of(n: int, n_points: int) -> str:
    """How much was done."""
    return f"{n} permuted markets x {n_points} configurations" if n_points > 1 else f"{n} permuted markets"


def warnings_of(worlds: PermutedWorlds, search: Search | None) -> list[str]:
    """What makes the answer less sure than it looks."""
    found = []
    if search is not None and search.values[search.own] < np.nanmax(search.values, initial=-np.inf):
        best = ", ".join(f"{key}={value}" for key, value in search.points[search.best].items())
        found.append(
            f"the run's own values are not the best of the search ({best} is): they are compared with the best of every permuted"
            " market all the same, which is on the safe side"
        )
    if reads_no_price(worlds):
        found.append(
            "decisions stay the same when prices are permuted: a rule of volume, of the calendar, or of neither needs a null of its"
            " own; look at the test of random entries"
        )
    return found


def null_picture(null: FloatArray, observed: float, what: str, work: str) -> dict[str, Any]:
    """The distribution over permuted markets, the run and the selection bias marked."""
    there = null[np.isfinite(null)]
    marks = {"this run": observed} | ({"mean of permuted markets": selection_bias(there)} if there.size else {})
    return histogram(f"{what[:1].upper()}{what[1:]} on permuted markets", there, marks, "ratio", f"{work}.")


def undefined_warnings(null: FloatArray, n: int) -> list[str]:
    """A word on permuted markets in which the search found nothing."""
    lost = int(np.count_nonzero(null == -np.inf))
    text = f"in {lost} of {n} permuted markets no configuration had an objective; they count as worse than the run"
    return [text] if lost else []


def null_facts(null: FloatArray, observed: float) -> dict[str, Any]:
    """Mean and quantiles of the permuted results, and what lies above the mean: JSON-able."""
    there = null[np.isfinite(null)]
    if there.size == 0:
        return {"selection_bias": None, "above_selection_bias": None, "null_quantiles": None}
    bias = selection_bias(there)
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    quantiles = {f"{level:g}": float(value) for level, value in zip(levels, np.quantile(there, levels), strict=True)}
    return {"selection_bias": bias, "above_selection_bias": observed - bias, "null_quantiles": quantiles}
