"""What every validation test is: a small file that runs an experiment in changed worlds and says what it found."""

from __future__ import annotations

import zlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from trading_system.registry import Registry
from trading_system.types import FrozenModel

if TYPE_CHECKING:
    from trading_system.config.validation import ValidationConfig
    from trading_system.types import FloatArray, IntArray
    from trading_system.validation.experiment import Experiment, Outcome
    from trading_system.validation.loop import Loop
    from trading_system.validation.search import Search

Verdict = Literal["pass", "reject", "report", "error"]
"""``pass`` and ``reject`` answer to a threshold; ``report`` has none; ``error``: the test could not be made."""


@dataclass(frozen=True)
class Bar:
    """One number beside its threshold, one line of the table of the verdict.

    Attributes
    ----------
    name : str
        ``sharpe``, as the table says it.
    measured : float or None
        None where it is not defined; then `why` says why, and a bar with a threshold is a rejection.
    threshold : float or None
        None: reported only.
    sense : str
        How `measured` must stand to `threshold` to pass: ``>=``, ``>``, ``<=``, ``<``; empty without one.
    unit : str
        ``fraction``, ``ratio``, ``money``, ``p``, ``count``, ``periods``; how it is printed.
    why : str
    """

    name: str
    measured: float | None
    threshold: float | None = None
    sense: Literal[">=", ">", "<=", "<", ""] = ""
    unit: str = "ratio"
    why: str = ""

    @property
    def verdict(self) -> Verdict:
        """Whether it passes; a number that is not there is never a pass."""
        if self.threshold is None:
            return "report"
        if self.measured is None or np.isnan(self.measured):
            return "reject"
        measured, limit = self.measured, self.threshold
        held = {">=": measured >= limit, ">": measured > limit, "<=": measured <= limit, "<": measured < limit}[self.sense]
        return "pass" if held else "reject"


@dataclass(frozen=True, eq=False)
class TestResult:
    """What one test found; every field is JSON-able but for the arrays of `picture`.

    Attributes
    ----------
    name : str
        Of the test.
    bars : sequence of Bar
        What was measured; the test rejects when one of them does.
    work : str
        How much was done, in words: ``499 permuted markets x 50 configurations``.
    n_worlds : int
        Runs of the experiment that it took; 0 where statistics of the real run were enough.
    seed : int or None
        Of its draws.
    p_value, interval : optional
        Where the test has one; an interval with its level in `details`.
    warnings : sequence of str
        What makes these numbers less sure than they look.
    details : mapping
        Everything else that belongs into ``validation.json``.
    picture : mapping
        What the report draws: name -> array, number or list.
    error : str
        Why the test could not be made; then the verdict is ``error``.
    """

    __test__: ClassVar[bool] = False  # not a test case of pytest
    name: str
    bars: Sequence[Bar] = ()
    work: str = ""
    n_worlds: int = 0
    seed: int | None = None
    p_value: float | None = None
    interval: tuple[float, float] | None = None
    warnings: Sequence[str] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    picture: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def verdict(self) -> Verdict:
        """``error``, else ``reject`` when a bar rejects, ``pass`` when one passes, ``report`` when none has a threshold."""
        if self.error:
            return "error"
        found = {bar.verdict for bar in self.bars}
        return "reject" if "reject" in found else "pass" if "pass" in found else "report"


@dataclass(frozen=True)
class FamilyTrials:
    """What the journal knows of the family of strategies that is judged, this evaluation and its search included.

    Attributes
    ----------
    n_trials : int
        Configurations ever evaluated: the N of every correction.
    n_rows : int
        Rows of the journal.
    returns : float64, shape (n_periods, n_kept)
        Per-period returns of those that are kept over the same periods, columns in the order in which they were tried; the last
        column is the configuration that is judged.
    sampled : bool
        Whether only a sample of the trials' returns is kept.
    sharpe_variance : float or None
        Of the per-period Sharpe ratios of all trials, ddof 1; None below two.
    n_covered : int
        Trials whose returns stand in `returns`; 0 takes the number of its columns.
    n_elsewhere : int
        Trials over other sessions: they count in N, and their returns are not synchronous.
    n_fitted : int
        Columns of trials over nearly the same sessions, cut to the judged ones and filled with cash where they had not begun.
    other_sharpes, other_periods : float64 and int64, shape (n_other,)
        Per-period Sharpe ratio and number of periods of trials that are not in `returns` and are rows of their own.
    n_searched : int
        Configurations of searches and walk-forwards that are not part of this examination.
    """

    n_trials: int
    n_rows: int
    returns: FloatArray
    sampled: bool
    sharpe_variance: float | None
    n_covered: int = 0
    n_elsewhere: int = 0
    n_fitted: int = 0
    other_sharpes: FloatArray = field(default_factory=lambda: np.zeros(0))
    other_periods: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    n_searched: int = 0

    @property
    def n_without(self) -> int:
        """Trials that count and whose returns are not at hand."""
        return max(self.n_trials - (self.n_covered or self.returns.shape[1]), 0)


@dataclass(eq=False)
class Examination:
    """One strategy under examination: the experiment, what is asked of it, and what several tests share.

    Attributes
    ----------
    experiment : Experiment
    fast : bool
        The smaller sizes of the run file.
    loop : Loop
        Over worlds; it shows progress and keeps what is finished.
    trials : FamilyTrials
        From the journal.
    """

    experiment: Experiment
    loop: Loop
    trials: FamilyTrials
    fast: bool = False

    @property
    def settings(self) -> ValidationConfig:
        """Sizes and thresholds of the run file."""
        return self.experiment.config.validation

    @property
    def baseline(self) -> Outcome:
        """The run as its file says it."""
        return self.experiment.baseline

    @property
    def periods_per_year(self) -> float:
        """Of the returns."""
        return self.experiment.bars.periods_per_year

    @cached_property
    def search(self) -> Search | None:
        """The grid evaluated on the real data; None where the run file has no grid."""
        from trading_system.validation.search import search_of

        return search_of(self.experiment, self.loop)

    def size(self, section: str, name: str) -> int:
        """``permutation``, ``resamples`` -> how many, with --fast or without."""
        sizes = getattr(self.settings, section)
        return int(getattr(sizes, f"{name}_fast") if self.fast else getattr(sizes, name))


class ValidationTest(FrozenModel):
    """One question asked of an experiment. Its class says what ``--explain`` prints; its verb is `run`.

    Attributes
    ----------
    title : str
        A few words for the table.
    asks, null, reading, source : str
        The question; what holds when there is nothing; how to read the answer; paper or rule.
    assumes, blind_to : tuple of str
        What must hold for the answer to be right; what it cannot see.
    order : int
        Place in the table; cheap and telling tests come first.
    """

    title: ClassVar[str]
    asks: ClassVar[str]
    null: ClassVar[str]
    reading: ClassVar[str]
    source: ClassVar[str]
    assumes: ClassVar[tuple[str, ...]] = ()
    blind_to: ClassVar[tuple[str, ...]] = ()
    order: ClassVar[int] = 100

    @classmethod
    def applies(cls, examination: Examination) -> str:
        """Why the question does not arise for this run; empty when it does. What does not arise is listed as such."""
        return ""

    @abstractmethod
    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        """Ask it. Draws come from `rng` alone; a `TradingSystemError` is the verdict ``error`` of this test only."""


tests: Registry[type[ValidationTest]] = Registry("validation tests", "trading_system.validation.suite")
register = tests.register


def generator(seed: int, name: str) -> np.random.Generator:
    """The source of chance of the test `name`: the same whatever other tests are made."""
    return np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(name.encode())]))


def in_order() -> list[tuple[str, type[ValidationTest]]]:
    """Every registered test, in the order of the table."""
    return sorted(((name, tests.get(name)) for name in tests.names()), key=lambda one: (one[1].order, one[0]))
