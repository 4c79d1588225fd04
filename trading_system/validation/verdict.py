"""The tests of one examination made in order, and what they add up to."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trading_system.errors import CapacityError, TradingSystemError, UsageError
from trading_system.validation.base import Bar, Examination, TestResult, ValidationTest, generator, in_order, tests

SCHEMA = 1


@dataclass(frozen=True)
class Examined:
    """Every test that was made and every one that was not, with the answer.

    Attributes
    ----------
    results : sequence of TestResult
        In the order of the table.
    not_asked : sequence of (str, str)
        Name and reason of tests whose question does not arise for this run.
    left_out : sequence of str
        Tests that ``--only`` left out; then the answer is ``partial``.
    """

    results: Sequence[TestResult]
    not_asked: Sequence[tuple[str, str]]
    left_out: Sequence[str]

    @property
    def answer(self) -> Literal["yes", "no", "partial"]:
        """``yes`` only when every test was made, none is in error and none rejects."""
        if any(one.verdict in ("reject", "error") for one in self.results):
            return "no"
        if self.left_out or not any(one.verdict == "pass" for one in self.results):
            return "partial"
        return "yes"

    @property
    def refused(self) -> list[str]:
        """Names of the tests that say no, those in error among them."""
        return [one.name for one in self.results if one.verdict in ("reject", "error")]


def chosen_tests(only: Sequence[str]) -> list[tuple[str, type[ValidationTest]]]:
    """The tests that `only` names, all of them where it names none, in the order of the table.

    Raises
    ------
    UsageError
        It names one that does not exist.
    """
    everything = in_order()
    known = [name for name, _ in everything]
    for name in only:
        if name not in known:
            import difflib

            near = difflib.get_close_matches(name, known, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"{name!r} is no validation test", allowed=", ".join(known), remedy=remedy)
    return [(name, test) for name, test in everything if not only or name in only]


def examined(examination: Examination, only: Sequence[str] = (), told: Callable[[str], None] | None = None) -> Examined:
    """Make every test; one that cannot be made is in error, and the others go on.

    Parameters
    ----------
    only : sequence of str
        Names of tests; empty: all.
    told : callable, optional
        Hears the title of each test before it is made.
    """
    seed = examination.experiment.config.seed
    results, not_asked = [], []
    chosen = chosen_tests(only)
    for name, kind in chosen:
        reason = kind.applies(examination)
        if reason:
            not_asked.append((name, reason))
            continue
        if told is not None:
            told(kind.title)
        results.append(_made(name, kind, examination, seed))
    made = {name for name, _ in chosen}
    left_out = [name for name in tests.names() if name not in made]
    return Examined(results, not_asked, left_out)


def _made(name: str, kind: type[ValidationTest], examination: Examination, seed: int) -> TestResult:
    try:
        with np.errstate(all="ignore"):
            return kind().run(examination, generator(seed, name))
    except MemoryError:
        error: TradingSystemError = CapacityError("there is not enough memory for this test")
    except TradingSystemError as caught:
        error = caught
    except Exception as caught:  # noqa: BLE001  a defect of one test: the others go on, and the answer is no
        place = traceback.extract_tb(caught.__traceback__)[-1]
        at = f"{Path(place.filename).name}:{place.lineno}"
        error = TradingSystemError(f"a defect of this test ({type(caught).__name__} at {at}: {caught}); please report it")
    return TestResult(name=name, error=str(error))


def document(found: Examined, examination: Examination, period: Mapping[str, Any]) -> dict[str, Any]:
    """The content of ``validation.json``; `period` is the window that was judged, as the manifest says it."""
    trials = examination.trials
    return {
        "schema": SCHEMA,
        "answer": found.answer,
        "refused": found.refused,
        "period": dict(period),
        "fast": examination.fast,
        "left_out": list(found.left_out),
        "not_asked": [{"name": name, "why": why} for name, why in found.not_asked],
        "trials": {"configurations": trials.n_trials, "rows": trials.n_rows, "sampled": trials.sampled},
        "tests": [test_document(one) for one in found.results],
    }


def test_document(result: TestResult) -> dict[str, Any]:
    """One test in ``validation.json``."""
    kind = tests.get(result.name)
    return {
        "name": result.name,
        "title": kind.title,
        "verdict": result.verdict,
        "bars": [bar_document(bar) for bar in result.bars],
        "error": result.error,
        "work": result.work,
        "worlds": result.n_worlds,
        "seed": result.seed,
        "p_value": _plain(result.p_value),
        "interval": _plain(result.interval),
        "warnings": list(result.warnings),
        "asks": kind.asks,
        "null": kind.null,
        "reading": kind.reading,
        "assumes": list(kind.assumes),
        "blind_to": list(kind.blind_to),
        "source": kind.source,
        "details": _plain(result.details),
        "picture": _plain(result.picture),
    }


def bar_document(bar: Bar) -> dict[str, Any]:
    """One bar, as documents hold it."""
    return {**{name: _plain(value) for name, value in dataclasses.asdict(bar).items()}, "verdict": bar.verdict}


def _plain(value: Any) -> Any:
    """`value` as JSON says it: arrays are lists, numpy's numbers are Python's."""
    if isinstance(value, np.ndarray):
        return [_plain(one) for one in value.tolist()]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(one) for one in value]
    return value


def explained(name: str) -> dict[str, Any]:
    """What a test asks, its null, what it assumes and cannot see, how to read it, its source."""
    _, kind = chosen_tests([name])[0]
    return {
        "name": name,
        "title": kind.title,
        "asks": kind.asks,
        "null": kind.null,
        "assumes": list(kind.assumes),
        "cannot see": list(kind.blind_to),
        "reading": kind.reading,
        "source": kind.source,
    }
