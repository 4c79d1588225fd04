"""Shapes of fields that no section has yet, on a model of the test's own."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from trading_system.config.base import RuledModel
from trading_system.config.fields import record_of, shape_of
from trading_system.config.shapes import INVALID, Reading, Shape, Spot
from trading_system.config.yaml_reader import Mapping, Place, Problems, read_yaml
from trading_system.types import FrozenModel


class Toy(RuledModel):
    """Every kind of field."""

    flag: bool = True
    word: Annotated[str, Field(pattern="^[a-z]+$", min_length=2, max_length=4)] = "ab"
    either: Literal["never"] | int = "never"
    pair: tuple[int, float] = (1, 2.0)
    many: Annotated[tuple[int, ...], Field(max_length=2)] = ()
    day: dt.date | None = None
    inner: dict[str, dict[str, int]] = Field(default_factory=dict)
    open: Any = None


def read(text: str) -> tuple[Any, list[str]]:
    """What `text` is as a Toy, and the mistakes."""
    problems = Problems()
    node = read_yaml(text, "f", problems)
    assert isinstance(node, Mapping)
    value = record_of(Toy).read(node, Spot("", "", Place("f", 1)), Reading(problems))
    return value, [str(problem).split(": ", 1)[1] for problem in problems.found]


@pytest.mark.parametrize(("written", "value"), [("true", True), ("True", True), ("FALSE", False)])
def test_a_switch_is_true_or_false(written: str, value: bool) -> None:
    assert read(f"flag: {written}")[0].flag is value


@pytest.mark.parametrize(
    ("written", "mend"),
    [("yes", "; write true"), ("OFF", "; write false"), ("1", ""), ("'true'", ""), ("treu", ""), ("y", "")],
)
def test_a_switch_in_other_words_says_which_to_write(written: str, mend: str) -> None:
    text = written.strip("'")
    assert read(f"flag: {written}") == (INVALID, [f"flag: '{text}' is neither true nor false; allowed: true or false{mend}"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("word: a", "is too short"),
        ("word: abcde", "is longer than 4 characters"),
        ("word: A1", "is not of the right form; allowed: text that matches ^[a-z]+$"),
        ("either: nevr", "'nevr' is not allowed; allowed: never, or a whole number; did you mean 'never'?"),
        ("either: 1.5", "1.5 is not a whole number"),
        ("either: [1]", "is a list; allowed: never, or a whole number"),
        ("either:", "has no value; allowed: never, or a whole number"),
        ("pair: [1]", "has 1 values instead of 2; allowed: [a whole number, a number]"),
        ("pair: 1", "'1' is not a list"),
        ("many: [1, 2, 3]", "has 3 items, more than 2; allowed: a list, each a whole number"),
        ("many: {a: 1}", "is a mapping, not a list"),
        ("inner: {a: 1}", "inner.a: '1' is not a mapping; allowed: a mapping of name to a whole number"),
        ("inner: {a: {b: x}}", "inner.a.b: 'x' is not a number; allowed: a whole number"),
        ("inner:", "has no value; allowed: a mapping"),
        ("day: 2010-02-30", "is not a date"),
        ("day: [2010-01-04]", "is a list"),
    ],
)
def test_refuses(text: str, said: str) -> None:
    value, (sentence,) = read(text)
    assert value is INVALID and said in sentence


def test_values_have_the_types_of_their_fields() -> None:
    value, found = read(
        "{pair: [1, 2], many: [3], either: 7, day: 2010-01-04, inner: {a: {b: 1}}, open: [1, a, {b: null}], word: abc}"
    )
    assert found == []
    assert Toy.model_validate(value.model_dump()) == value
    assert (value.pair, value.many, value.either, value.day) == ((1, 2.0), (3,), 7, dt.date(2010, 1, 4))
    assert type(value.pair[1]) is float and value.open == [1, "a", {"b": None}]


def test_an_invalid_value_says_so() -> None:
    assert repr(INVALID) == "INVALID"


def test_a_field_of_an_unknown_type_is_the_programmers_mistake() -> None:
    with pytest.raises(TypeError, match="has no shape"):
        shape_of(complex)
    with pytest.raises(TypeError, match="does not describe itself"):
        Shape().describe()


def test_a_model_without_rules_is_built_as_it_is() -> None:
    class Plain(FrozenModel):
        x: int = 1

    node = read_yaml("x: 2", "f", Problems())
    assert isinstance(node, Mapping)
    assert record_of(Plain).read(node, Spot("", "", node.place), Reading(Problems())).x == 2
