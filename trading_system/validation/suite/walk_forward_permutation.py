"""Would the whole walk-forward have earned as much unseen, had the market held nothing? Bars behind the first training window permuted."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from trading_system.data.shared import share
from trading_system.errors import DataError
from trading_system.metrics.returns import sharpe
from trading_system.validation.base import Bar, Examination, TestResult, ValidationTest, register
from trading_system.validation.permuted_worlds import PermutedWorlds
from trading_system.validation.resampling import monte_carlo_error, n_exceeding, p_value_of_count
from trading_system.validation.search import searched_points
from trading_system.validation.suite.permutation import TIE, null_facts, null_picture, undefined_warnings
from trading_system.validation.walk_forward import folds_of, untouched_row, walk_forward_returns, windows_text

if TYPE_CHECKING:
    from trading_system.data.bars import Bars
    from trading_system.validation.experiment import Experiment


@register("walk_forward_permutation")
class WalkForwardPermutation(ValidationTest):
    """The stitched out-of-sample Sharpe ratio against that of the same walk-forward on permuted markets."""

    title: ClassVar[str] = "Permuted walk-forward"
    asks: ClassVar[str] = (
        "Would choosing parameters window by window and trading the next one unseen have earned as much in a market whose moves come"
        " in a random order?"
    )
    null: ClassVar[str] = "Behind the first training window the order of the market's moves holds nothing to exploit."
    reading: ClassVar[str] = (
        "A small p says that what was chosen on the past held for the bars that followed. The first training window stays as it was;"
        " every permuted market is walked through whole, with every choice made anew."
    )
    assumes: ClassVar[tuple[str, ...]] = (
        "gaps and intrabar moves are exchangeable under the null",
        "the windows were chosen before the out-of-sample result was seen",
    )
    blind_to: ClassVar[tuple[str, ...]] = (
        "the trend that stays in the total change of the market",
        "walk-forwards with other windows that were tried before",
    )
    source: ClassVar[str] = "Masters (2018), Testing and Tuning Market Trading Systems; p = (1 + k) / (1 + B)."
    order: ClassVar[int] = 42

    @classmethod
    def applies(cls, examination: Examination) -> str:
        if examination.size("permutation", "walk_forward"):
            return ""
        key = "walk_forward_fast is 0 (--fast)" if examination.fast else "walk_forward is 0"
        return f"validation.permutation.{key}: no permuted walk-forward was asked for"

    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        experiment, n = examination.experiment, examination.size("permutation", "walk_forward")
        windows = experiment.config.validation.walk_forward
        n_folds, start = len(folds_of(experiment, windows)), untouched_row(experiment)
        worlds = PermutedWorlds(experiment, int(rng.integers(2**63)), start)
        worlds.check_memory()
        n_points = len(searched_points(experiment)[0])
        observed = stitched_sharpe(worlds.experiment)
        if np.isnan(observed):
            raise DataError(
                "the stitched Sharpe ratio of the walk-forward is not defined: there is nothing to compare with permuted markets",
                remedy="longer test windows, or a rule that trades in them",
            )

        def one(number: int) -> tuple[float]:
            market = worlds.market(number)
            if n_points > 1:
                share(market)
            found = stitched_sharpe(worlds.experiment, market)
            return (-np.inf if np.isnan(found) else found,)

        name = f"permuted walk-forward: {n} markets x {n_points} configurations, {windows_text(windows)}"
        null = examination.loop.rows(name, one, n, 1)[:, 0]
        count = n_exceeding(observed, null, TIE * max(abs(observed), 1.0))
        p = p_value_of_count(count, n)
        work = f"{n} permuted markets x {n_folds} folds x {n_points} configurations"
        return TestResult(
            name="walk_forward_permutation",
            bars=(Bar("permuted walk-forward p", p, unit="p"),),
            work=work,
            n_worlds=n * n_folds * (n_points + 1),
            seed=experiment.config.seed,
            p_value=p,
            warnings=undefined_warnings(null, n),
            details={
                "statistic": "sharpe of the stitched out-of-sample returns",
                "observed": observed,
                "n_permutations": n,
                "n_folds": n_folds,
                "n_configurations": n_points,
                "windows": windows_text(windows),
                "n_exceeding": count,
                "monte_carlo_error": monte_carlo_error(p, n),
                **null_facts(null, observed),
                "permuted_from_row": start + 1,
            },
            picture={"pictures": [null_picture(null, observed, "stitched Sharpe ratio", work)]},
        )


def stitched_sharpe(experiment: Experiment, bars: Bars | None = None) -> float:
    """Annualised Sharpe ratio of the stitched out-of-sample returns, on this market or another with the same rows."""
    returns = walk_forward_returns(experiment, bars)
    return sharpe(returns, experiment.bars.periods_per_year, experiment.config.portfolio.risk_free)
