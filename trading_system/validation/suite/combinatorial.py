"""How would the search have done on other histories? Every choice of years to train on and years to be judged on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from trading_system.config.changes import grid_of
from trading_system.validation import pictures
from trading_system.validation.base import Bar, Examination, TestResult, ValidationTest, register

if TYPE_CHECKING:
    from trading_system.validation.combinatorial import CombinatorialResult

LOW = 0.05


@register("combinatorial")
class CombinatorialTest(ValidationTest):
    """Combinatorial purged cross-validation: several out-of-sample paths over the whole window instead of one."""

    title: ClassVar[str] = "Combinatorial cross-validation"
    asks: ClassVar[str] = (
        "A walk-forward is one path. Over every choice of the groups that are judged, how does the Sharpe ratio of what the search"
        " would have chosen elsewhere vary?"
    )
    null: ClassVar[str] = "None: a distribution of measurements, reported without a bar."
    reading: ClassVar[str] = (
        "Each path is a whole out-of-sample history. A median far below the run's own Sharpe ratio is what the fitting was worth;"
        " a wide spread, or paths below 0, says that the result hangs on which years were learned from. The paths share their data,"
        " so their spread is no confidence interval."
    )
    assumes: ClassVar[tuple[str, ...]] = (
        "years may be learned from whatever came after them: a choice made on the future is tested on the past too",
        "purge and embargo are as long as a position or an indicator carries from one group into the next",
        "every group starts flat with the starting equity",
    )
    blind_to: ClassVar[tuple[str, ...]] = (
        "what was tried outside the grid",
        "change that never comes back: a rule that worked in the first half only looks better here than in a walk-forward",
    )
    source: ClassVar[str] = (
        "Lopez de Prado (2018), Advances in Financial Machine Learning, ch. 7 and 12; docs/walk-forward.md."
    )
    order: ClassVar[int] = 55

    @classmethod
    def applies(cls, examination: Examination) -> str:
        if grid_of(examination.experiment.config):
            return ""
        return "there is no grid: nothing is chosen, and every path would be the run itself"

    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        from trading_system.validation.combinatorial import combinatorial, document

        experiment = examination.experiment
        found = combinatorial(experiment, examination.loop)
        told, known = document(found, experiment), found.sharpes[~np.isnan(found.sharpes)]
        why = "" if known.size else "no path holds anything: their returns never vary"
        low, middle = (float(np.quantile(known, q)) if known.size else None for q in (LOW, 0.5))
        lost = float(np.mean(~(found.sharpes > 0.0)))
        return TestResult(
            name="combinatorial",
            bars=(
                Bar("median path sharpe", middle, why=why),
                Bar("5th percentile path sharpe", low, why=why),
                Bar("paths not above 0", lost, unit="fraction"),
            ),
            work=f"{told['n_splits']} splits x {told['points']} points, {told['n_paths']} paths",
            n_worlds=told["points"] * told["groups"],
            warnings=warnings_of(found),
            details=told,
            picture={"pictures": pictures_of(found, examination)},
        )


def warnings_of(found: CombinatorialResult) -> tuple[str, ...]:
    """What makes the distribution less sure than it looks."""
    said = []
    if found.n_unmet:
        said.append(
            f"in {found.n_unmet} of {len(found.splits.splits)} splits no point had an objective within the constraints; the run"
            " file's own values were traded"
        )
    if found.n_failed:
        said.append(f"{found.n_failed} of {len(found.points)} points failed and were never chosen")
    if found.splits.n_paths < 5:
        said.append(f"only {found.splits.n_paths} paths: more groups or test_groups give more")
    return tuple(said)


def pictures_of(found: CombinatorialResult, examination: Examination) -> list[dict[str, Any]]:
    """The Sharpe ratios of the paths, and the fan of their curves with the run in front."""
    experiment, own = examination.experiment, examination.baseline
    labels = np.datetime_as_string(experiment.bars.session[experiment.sampled_rows].astype("datetime64[D]")).tolist()
    return [
        pictures.histogram(
            "Sharpe ratio of the out-of-sample paths",
            found.sharpes,
            {"the run as it is": own.metric("sharpe")},
            "ratio",
            f"{found.splits.n_paths} paths of {len(found.splits.splits)} splits; the run was made with all of the data in view.",
        ),
        pictures.fan(
            "Out-of-sample paths",
            labels,
            pictures.quantile_bands(np.asarray(np.cumprod(1.0 + found.paths, axis=1), np.float64)),
            np.cumprod(1.0 + own.returns),
            "ratio",
            "Growth of 1: 5th to 95th and 25th to 75th percentile of the paths, and the run as its file says it as the line.",
        ),
    ]
