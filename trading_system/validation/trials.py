"""What the journal knows of a family of strategies, put beside the configuration that is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from trading_system.errors import DataError
from trading_system.metrics.base import per_period
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

    Trials over other sessions count in N and are left out of the matrix of returns: theirs are not synchronous. Those over nearly the
    same ones (another warm-up) are cut to the judged sessions and filled with cash where they had not begun.

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
    cash = float(per_period(present[0].risk_free or 0.0, present[0].periods_per_year or 1.0, 0))
    _, others, numbers = ledger.returns_of(journal, family, index, without=here, upto=upto, rest=cash)
    parts = [others.reshape(index.size, -1), own[:, None]]
    if searched is not None:
        parts.insert(1, searched)
    returns = np.column_stack(parts)
    same = (present[0].first, present[0].last)
    beside = set(numbers.tolist())
    moved = [row for row in once if tuple(row[name] for name in SESSIONS) != same]
    alone = [row for row in once if row["number"] not in beside and row["key"] not in here and _known_alone(row)]
    return FamilyTrials(
        n_trials=found.trials,
        n_rows=found.rows,
        returns=returns,
        sampled=found.sampled,
        sharpe_variance=ledger.pooled_sharpe(once)[1],
        n_searched=sum(
            int(row["configurations"])
            for row in once
            if int(row["configurations"]) > 1 and row["key"] not in {t.key for t in present}
        ),
        n_covered=min(returns.shape[1], found.trials),
        n_elsewhere=sum(int(row["configurations"]) for row in moved if row["number"] not in beside),
        n_fitted=int(np.isin(numbers, [row["number"] for row in moved]).sum()),
        other_sharpes=np.array([row["sharpe_mean"] for row in alone], np.float64),
        other_periods=np.array([row["n_periods"] for row in alone], np.int64),
    )


def _known_alone(row: Mapping[str, Any]) -> bool:
    """Whether a row tells the Sharpe ratio of one configuration."""
    return row["configurations"] == 1 and row["sharpe_mean"] is not None


class TrialTests(NamedTuple):
    """A one-sided test of a Sharpe ratio above 0 for every trial of which enough is known.

    Attributes
    ----------
    sharpes : float64, shape (n_known,)
        Per period, above cash; NaN for a trial that never varied. The last one is judged.
    periods : int64, shape (n_known,)
    p_values : float64, shape (n_known,)
        1 for a trial that never varied: it shows nothing.
    n_tests : int
        Trials in all; those of which nothing is known count as p-values of 1.
    """

    sharpes: FloatArray
    periods: IntArray
    p_values: FloatArray
    n_tests: int

    @property
    def two_sided(self) -> FloatArray:
        """p-values of t = SR sqrt(n) with n - 1 degrees of freedom, as Harvey & Liu (2015) adjust them."""
        from scipy.special import stdtr

        known = np.nan_to_num(self.sharpes, nan=0.0)
        return np.asarray(
            np.minimum(2.0 * stdtr(np.maximum(self.periods - 1, 1), -np.abs(known) * np.sqrt(self.periods)), 1.0)
        )


def trial_tests(trials: FamilyTrials, cash: float) -> TrialTests:
    """Sharpe ratios and p-values of the trials of a family.

    Those whose returns are at hand are tested with their own skewness and kurtosis (Mertens 2002), those of which the journal has
    the Sharpe ratio alone as if their returns were Normal (Lo 2002).

    Parameters
    ----------
    cash : float
        Risk-free rate of one period, as a fraction.
    """
    sharpes, p_values = _of_returns(trials.returns - cash)
    n = trials.returns.shape[0]
    others, periods = trials.other_sharpes, trials.other_periods
    theirs = _upper_tail(others * np.sqrt(np.maximum(periods - 1.0, 0.0)) / np.sqrt(1.0 + 0.5 * others**2))
    return TrialTests(
        np.concatenate((others, sharpes)),
        np.concatenate((periods, np.full(sharpes.size, n, np.int64))),
        np.concatenate((theirs, p_values)),
        max(trials.n_trials, sharpes.size + others.size),
    )


def _upper_tail(z: FloatArray) -> FloatArray:
    from scipy.special import ndtr

    return np.asarray(ndtr(-z))


def _of_returns(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Sharpe ratio of each column, NaN where it never varies, and 1 - PSR(0), 1 there; shape (n_columns,) each."""
    n = matrix.shape[0]
    ratio = np.full(matrix.shape[1], np.nan)
    p_values = np.ones(matrix.shape[1])
    moving = np.ptp(matrix, axis=0) > 0.0 if n > 1 else np.zeros(matrix.shape[1], np.bool_)
    if not moving.any():
        return ratio, p_values
    columns = matrix[:, moving]
    centred = columns - columns.mean(axis=0)
    square = np.mean(centred**2, axis=0)
    skew = np.mean(centred**3, axis=0) / square**1.5
    kurtosis = np.mean(centred**4, axis=0) / square**2
    sharpe = columns.mean(axis=0) / np.sqrt(square * (n / (n - 1.0)))
    spread = np.maximum(1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(spread > 0.0, sharpe * np.sqrt(n - 1.0) / np.sqrt(spread), np.sign(sharpe) * np.inf)
    ratio[moving], p_values[moving] = sharpe, _upper_tail(z)
    return ratio, p_values
