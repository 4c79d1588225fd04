"""What the journal knows of a family of strategies, put beside the configuration that is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.errors import DataError
from trading_system.runs import trials as ledger
from trading_system.validation.base import FamilyTrials

if TYPE_CHECKING:
    from trading_system.runs.journal import Journal
    from trading_system.types import FloatArray, IntArray

SESSIONS = ("first", "last")
"""What of a row says over which sessions it was measured."""


def family_trials(
    journal: Journal,
    present: Sequence[ledger.Trial],
    index: IntArray,
    own: FloatArray,
    searched: FloatArray | None = None,
    upto: int | None = None,
) -> FamilyTrials:
    """All trials of a family, those of the present examination included, which has been written into `journal` before.

    Trials over other sessions count in N and are left out of the matrix of returns: theirs are not synchronous.

    Parameters
    ----------
    present : sequence of Trial
        What was written for this examination: the run as its file says it, then its search where there is one.
    index : int64, shape (n_periods,)
        UTC nanoseconds of the closes on which the judged returns are measured.
    own : float64, shape (n_periods,)
        Returns of the configuration that is judged.
    searched : float64, shape (n_periods, n_points), or None
        Returns of the points of its search. Above `runs.trials.KEPT_PER_FAMILY` of them those that the journal keeps are used.
    upto : int, optional
        The last record of the journal that counts: what was known when an examination was made.

    Raises
    ------
    DataError
        Arrays that do not belong together.
    OutputError
        The journal or a file of returns cannot be read, or is not what was written.
    """
    if own.shape != index.shape or (searched is not None and searched.shape[0] != index.size):
        raise DataError("the judged returns and their closes differ in number", allowed="one return per close")
    if searched is not None and searched.shape[1] > ledger.KEPT_PER_FAMILY:
        searched = None
    here = {trial.key for trial in (present[:1] if searched is None else present)}
    family = present[0].family
    found = ledger.count(journal, family, upto)
    once = ledger.rows_of(journal, family, upto)
    _, others, numbers = ledger.returns_of(journal, family, index, without=here, upto=upto)
    parts = [others.reshape(index.size, -1), own[:, None]]
    if searched is not None:
        parts.insert(1, searched)
    returns = np.column_stack(parts)
    same = (present[0].first, present[0].last)
    beside = set(numbers.tolist())
    alone = [row for row in once if row["number"] not in beside and row["key"] not in here and _known_alone(row)]
    return FamilyTrials(
        n_trials=found.trials,
        n_rows=found.rows,
        returns=returns,
        sampled=found.sampled,
        sharpe_variance=ledger.pooled_sharpe(once)[1],
        n_covered=min(returns.shape[1], found.trials),
        n_elsewhere=sum(int(row["configurations"]) for row in once if tuple(row[name] for name in SESSIONS) != same),
        other_sharpes=np.array([row["sharpe_mean"] for row in alone], np.float64),
        other_periods=np.array([row["n_periods"] for row in alone], np.int64),
    )


def _known_alone(row: Mapping[str, Any]) -> bool:
    """Whether a row tells the Sharpe ratio of one configuration."""
    return row["configurations"] == 1 and row["sharpe_mean"] is not None
