"""What the tests add up to: a yes needs every one of them, and a test that cannot be made is a no."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import pytest

from tests.validation.examined import examination_of, experiment_of
from trading_system.data.bars import Bars
from trading_system.errors import DataError, UsageError
from trading_system.validation import verdict
from trading_system.validation.base import Bar, Examination, TestResult, ValidationTest, tests
from trading_system.validation.verdict import Examined, chosen_tests, document, examined, explained

PASSED = TestResult("performance", (Bar("sharpe", 1.0, 0.75, ">="),))
REPORTED = TestResult("performance", (Bar("sharpe", 1.0),))
REJECTED = TestResult("performance", (Bar("sharpe", 0.5, 0.75, ">="),))
BROKEN = TestResult("performance", error="too few bars")


@pytest.mark.parametrize(
    ("measured", "sense", "expected"),
    [
        (1.0, ">=", "pass"), (1.0, ">", "reject"), (1.0, "<=", "pass"), (1.0, "<", "reject"), (1.1, ">", "pass"), (0.9, "<", "pass"),
        (math.nan, ">=", "reject"), (math.nan, "<=", "reject"), (None, "<=", "reject"), (math.inf, ">=", "pass"), (math.inf, "<", "reject"),
    ],
)  # fmt: skip
def test_a_bar_passes_only_with_a_number_on_its_side(measured: float | None, sense: str, expected: str) -> None:
    assert Bar("x", measured, 1.0, sense).verdict == expected  # type: ignore[arg-type]


def test_a_bar_without_a_threshold_is_reported_only() -> None:
    assert Bar("x", None).verdict == "report" and REPORTED.verdict == "report"


@pytest.mark.parametrize(
    ("results", "left_out", "answer"),
    [
        ([PASSED, REPORTED], [], "yes"),
        ([PASSED, REJECTED], [], "no"),
        ([PASSED, BROKEN], [], "no"),
        ([PASSED], ["overfitting"], "partial"),
        ([REJECTED], ["overfitting"], "no"),
        ([REPORTED], [], "partial"),
        ([], [], "partial"),
    ],
)
def test_only_a_whole_examination_without_a_no_is_a_yes(results: list[TestResult], left_out: list[str], answer: str) -> None:
    assert Examined(results, [], left_out).answer == answer


def flat_examination() -> Examination:
    closes = 100.0 * np.cumprod(1.0 + np.random.default_rng(3).normal(0.0005, 0.01, (400, 1)), axis=0)
    return examination_of(experiment_of(Bars.daily(closes), "buy_and_hold"))


class Broken(ValidationTest):
    title: ClassVar[str] = "Broken"
    asks: ClassVar[str] = "Nothing."
    null: ClassVar[str] = "None."
    reading: ClassVar[str] = "Not at all."
    source: ClassVar[str] = "A test."

    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        raise DataError("cannot be asked", where="here")


class NotAsked(Broken):
    @classmethod
    def applies(cls, examination: Examination) -> str:
        return "no grid"


def test_a_test_that_fails_is_in_error_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    performance = tests.get("performance")
    chosen = [("broken", Broken), ("absent", NotAsked), ("performance", performance)]
    monkeypatch.setattr(verdict, "chosen_tests", lambda only: chosen)
    found = examined(flat_examination())
    assert next((one.name, one.verdict) for one in found.results) == ("broken", "error")
    assert found.results[0].error == "here: cannot be asked" and found.results[1].name == "performance"
    assert found.not_asked == [("absent", "no grid")] and found.answer == "no" and "broken" in found.refused


def test_only_leaves_the_others_out_and_is_never_a_yes() -> None:
    found = examined(flat_examination(), ["performance"])
    assert [one.name for one in found.results] == ["performance"] and "performance" not in found.left_out
    assert set(found.left_out) == set(tests.names()) - {"performance"} and found.answer != "yes"


def test_an_unknown_test_is_named_with_the_near_one() -> None:
    with pytest.raises(UsageError, match="did you mean 'performance'"):
        chosen_tests(["perfomance"])


def test_the_document_says_everything_and_holds_no_array() -> None:
    examination = flat_examination()
    said = document(examined(examination, ["performance"]), examination, {"name": "all"})
    assert said["answer"] in ("no", "partial") and said["tests"][0]["bars"][1]["name"] == "sharpe"
    kinds: set[type] = set()

    def walk(value: object) -> None:
        kinds.add(type(value))
        for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(each)

    walk(said)
    assert kinds <= {dict, list, str, int, float, bool, type(None)}


@pytest.mark.parametrize("name", tests.names())
def test_every_test_explains_itself(name: str) -> None:
    said = explained(name)
    for key in ("title", "asks", "null", "reading", "source"):
        assert len(said[key]) > 3 and said[key].isprintable(), key
    assert said["assumes"] and said["cannot see"]


def test_the_source_of_chance_of_a_test_does_not_depend_on_the_others() -> None:
    from trading_system.validation.base import generator

    one, again, other = generator(1, "bootstrap"), generator(1, "bootstrap"), generator(1, "permutation")
    draws = [source.integers(0, 2**62, 4).tolist() for source in (one, again, other)]
    assert draws[0] == draws[1] != draws[2]
