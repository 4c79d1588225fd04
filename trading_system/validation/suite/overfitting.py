"""Does the search pick what lasts? The probability that the best of one half of the data is below the median of the other."""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from trading_system.config.changes import grid_of
from trading_system.validation import judged, pictures
from trading_system.validation.base import Bar, Examination, TestResult, ValidationTest, register
from trading_system.validation.overfitting import Overfitting as Found
from trading_system.validation.overfitting import probability_of_overfitting
from trading_system.validation.suite.permutation import refuse_forgotten_search

if TYPE_CHECKING:
    from trading_system.types import FloatArray
    from trading_system.validation.search import Search

NAME = "PBO"
CELLS = 10_000_000  # performances of one table; there are six of them at once
PARTS = 5  # of the halves, in the picture
FEW = 10  # trials


@register("overfitting")
class Overfitting(ValidationTest):
    """PBO by combinatorially symmetric cross-validation of the returns of every point of the grid."""

    title: ClassVar[str] = "Overfitting"
    asks: ClassVar[str] = (
        "If the best point of the grid is chosen on one half of the data, how often is it among the worse half of the points on the "
        "other? The data are cut into blocks, and every half of the blocks is tried as the half to choose on."
    )
    null: ClassVar[str] = "Choosing by past performance is no better than drawing a point: PBO is about 0.5."
    reading: ClassVar[str] = (
        "Near 0: what is best stays good. Near 0.5: the choice is a lottery. Above: chosen points do worse than the others. A logit is "
        "ln(rank / rest) of the chosen point out of sample, 0 at the median. The slope of out-of-sample on in-sample performance is "
        "negative for noise by construction. One data set's PBO is noisy: with 20 worthless points it scatters by 0.19 about 0.5."
    )
    source: ClassVar[str] = (
        "Bailey, Borwein, Lopez de Prado & Zhu (2017), The probability of backtest overfitting, J. Comp. Finance 20(4)."
    )
    assumes: ClassVar[tuple[str, ...]] = (
        "the grid holds every point that was tried",
        "points are chosen by Sharpe ratio",
        "blocks are long beside the memory of the returns",
    )
    blind_to: ClassVar[tuple[str, ...]] = (
        "whether anything earns: a grid of equally good points has a PBO near 0.5, one of equally bad ones too",
        "trials outside the grid",
    )
    order: ClassVar[int] = 54

    @classmethod
    def applies(cls, examination: Examination) -> str:
        grid = grid_of(examination.experiment.config)
        if not grid and examination.trials.n_searched > 1:
            return ""  # a search that the run file forgot: asked, and refused
        if not grid:
            return "the run file has no grid, so nothing was chosen that could be overfitted"
        if all(len(values) == 1 for values in grid.values()) and examination.search is not None:
            return "" if len(examination.search.points) > 1 else "the grid has one point, so nothing was chosen"
        return ""

    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        refuse_forgotten_search(examination)
        search, gate = examination.search, examination.settings.gates.max_overfitting
        assert search is not None
        matrix = search.returns - judged.cash_rate(examination)
        n, width = matrix.shape
        moves = np.ptp(matrix, axis=0) > 0.0 if n else np.zeros(width, np.bool_)
        still = width - int(np.count_nonzero(moves))
        if width - still < 2:
            why = "no point of the grid ever traded" if still == width else "one point of the grid alone ever traded"
            bar = Bar(NAME, None, gate, "<=", "fraction", why)
            return TestResult("overfitting", bars=(bar,), work=f"{width} points")
        matrix, width = (
            np.ascontiguousarray(matrix[:, moves]),
            width - still,
        )  # those that never trade would make ranks look good
        asked = examination.settings.overfitting.splits
        splits = splits_for(width, asked)
        found = probability_of_overfitting(matrix, splits)
        return TestResult(
            name="overfitting",
            bars=(Bar(NAME, found.pbo, gate, "<=", "fraction"),),
            work=f"{comb(splits, splits // 2):,} halves of {splits} blocks x {width:,} points, {n // splits} periods a block",
            warnings=_warnings(examination, search, width, still, splits, asked),
            details=_details(found, splits, width, still, n, search),
            picture={"pictures": _pictures(found)},
        )


def splits_for(width: int, asked: int) -> int:
    """Blocks that fit into memory for `width` points: `asked`, or the most below it."""
    splits = asked
    while splits > 2 and comb(splits, splits // 2) * width > CELLS:
        splits -= 2
    return splits


def _details(found: Found, splits: int, width: int, still: int, n: int, search: Search) -> dict[str, Any]:
    chosen, counts = np.unique(found.selected, return_counts=True)
    often = np.argsort(-counts, kind="stable")[:5]
    slope = found.degradation
    return {
        "pbo": found.pbo,
        "pbo_strict": found.pbo_strict,
        "logits_at_0": found.n_zero,
        "splits": splits,
        "halves": int(found.logits.size),
        "points": width,
        "points_never_varying": still,
        "rows_dropped": n % splits,
        "degradation": {
            "slope": judged.plain(slope.slope),
            "intercept": judged.plain(slope.intercept),
            "r_squared": judged.plain(slope.r_squared),
            "p_value": judged.plain(slope.p_value),
        },
        "probability_of_loss": judged.plain(found.probability_of_loss),
        "first_order_dominance": found.first_order,
        "second_order_dominance": found.second_order,
        "median_selected_period": judged.plain(found.median_selected),
        "median_all_period": judged.plain(found.median_all),
        "most_often_chosen": [
            {"settings": dict(search.points[int(chosen[i])]), "share": float(counts[i] / found.selected.size)}
            for i in often.tolist()
        ],
    }


def _pictures(found: Found) -> list[dict[str, Any]]:
    """How often which logit, and what the chosen point kept of its performance."""
    logits = pictures.histogram(
        "Logits of the chosen point out of sample",
        found.logits,
        {"median": 0.0},
        summary=f"{found.pbo:.1%} of {found.logits.size:,} halves are at or below the median.",
    )
    known = np.isfinite(found.in_sample) & np.isfinite(found.out_of_sample)
    inside, outside = found.in_sample[known], found.out_of_sample[known]
    kept = pictures.bars(
        "Sharpe ratio per period of the chosen point, by how good it was in sample",
        [f"{k + 1}" for k in range(PARTS)],
        {"in sample": _by_part(inside, inside), "out of sample": _by_part(inside, outside)},
        summary=f"Halves in {PARTS} parts, from the least to the most promising; the mean of each part.",
    )
    return [logits, kept] if inside.size >= PARTS else [logits]


def _by_part(order: FloatArray, values: FloatArray) -> list[float]:
    """Mean of `values` in parts of equal size by rising `order`."""
    ranked = values[np.argsort(order, kind="stable")]
    return [float(part.mean()) for part in np.array_split(ranked, PARTS) if part.size]


def _warnings(examination: Examination, search: Search, width: int, still: int, splits: int, asked: int) -> list[str]:
    said = []
    if splits < asked:
        said.append(f"{width:,} points: cut into {splits} blocks in place of {asked}, for the memory that the halves need")
    if width < FEW:
        said.append(f"{width} points: the probability of overfitting of so few is very noisy")
    if still:
        said.append(f"{still:,} points never traded: they are left out, for among them any other point would look well chosen")
    objective = examination.settings.search.objective
    if objective != "sharpe":
        said.append(f"the search chooses by {objective}, the halves are judged by Sharpe ratio")
    if len({column.tobytes() for column in search.returns.T}) < width:
        said.append("some points give the same returns: they share ranks, which leaves the probability about as it is")
    return said
