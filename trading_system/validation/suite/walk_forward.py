"""Does it hold on data that its parameters were not chosen on? Choose on a window, trade the next, move on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from trading_system.validation.base import Bar, Examination, TestResult, ValidationTest, register

if TYPE_CHECKING:
    from trading_system.validation.walk_forward import WalkForward


@register("walk_forward")
class WalkForwardTest(ValidationTest):
    """The stitched out-of-sample result of a walk-forward, parameters chosen anew on every training window."""

    title: ClassVar[str] = "Walk-forward"
    asks: ClassVar[str] = (
        "Had the parameters been chosen again and again on the past alone, as one would have had to, what would they have earned?"
    )
    null: ClassVar[str] = "None: a measurement. Whether it is luck is asked by the walk-forward permutation test."
    reading: ClassVar[str] = (
        "The Sharpe ratio of the stitched out-of-sample returns must be above the bar. Efficiency is the share of the in-sample"
        " rate of return that was left out of sample: about 1 is a rule that needs no fitting, below 0.5 most of the result was"
        " fitting. Parameters that jump from fold to fold say that the choice is noise. With few folds all of it is noisy."
    )
    assumes: ClassVar[tuple[str, ...]] = (
        "windows, objective and grid were fixed before out-of-sample results were seen: keeping the best of several is a search too",
        "every window starts flat with the starting equity, so positions are not carried from fold to fold",
        "without a grid nothing is chosen: then it only shows whether the result holds from window to window",
    )
    blind_to: ClassVar[tuple[str, ...]] = (
        "what the idea itself was chosen on: the person who wrote the rule has seen these years",
        "everything before the first test window, which only trains",
    )
    source: ClassVar[str] = (
        "Pardo (2008), The Evaluation and Optimization of Trading Strategies, ch. 11; docs/walk-forward.md."
    )
    order: ClassVar[int] = 50

    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        from trading_system.validation.walk_forward import walk_forward
        from trading_system.validation.walk_forward_document import document, pictures_of

        experiment = examination.experiment
        found = walk_forward(experiment, examination.loop)
        told = document(found, experiment)
        efficiency = found.efficiency
        flat, unmet = np.isnan(found.sharpe), sum(one.unmet for one in found.folds)
        why = "the out-of-sample returns never vary: nothing was held" if flat else ""
        if unmet:  # the run file's own values were chosen knowing all of the data
            why = (
                f"in {unmet} of {len(found.folds)} folds no point met the constraints, so nothing was chosen without hindsight"
            )
        return TestResult(
            name="walk_forward",
            bars=(
                Bar(
                    "out-of-sample sharpe",
                    None if flat or unmet else found.sharpe,
                    examination.settings.gates.min_walk_forward_sharpe,
                    ">",
                    "ratio",
                    why,
                ),
                Bar("efficiency", told["efficiency"]["simple_rate"], unit="ratio", why=efficiency.undefined),
                Bar("profitable folds", efficiency.share_profitable, unit="fraction"),
            ),
            work=_work(found),
            n_worlds=found.n_runs,
            warnings=found.warnings,
            details=told,
            picture={"pictures": pictures_of(found, told, experiment)},
        )


def _work(found: WalkForward) -> str:
    """``8 folds x 50 points``, and how many periods were traded unseen."""
    points = f" x {len(found.points)} points" if found.grid else ", own values"
    return f"{len(found.folds)} folds{points}; {found.returns.size} periods out of sample"
