"""Nodes to values, led by the fields of the models: every mistake of a file in one pass, each with its place and mend.

A *shape* is what a field may hold, derived once from its annotation. Shapes convert the node they are given, enter what is
wrong into `Problems` and answer ``INVALID`` for it, so that one mistake never hides another.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, Union

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from trading_system.config import scalars
from trading_system.config.models import RuledModel
from trading_system.config.yaml_reader import Mapping, Node, Place, Problems, Scalar, Sequence, quoted, shorten


class _Invalid:
    """The value of a field that has been reported."""

    def __repr__(self) -> str:
        return "INVALID"


INVALID: Any = _Invalid()


@dataclass
class Reading:
    """One pass over a document: what is wrong, and where each key stands."""

    problems: Problems
    places: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Spot:
    """Where a value stands: its key from the top of the run, its key as messages show it, and its line."""

    key: str
    shown: str
    place: Place

    def child(self, name: str, place: Place, *, root: bool = False) -> Spot:
        """The spot of `name` below this one; `root` starts the shown key anew."""
        return Spot(_join(self.key, name), name if root else _join(self.shown, name), place)


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


class Shape:
    """What a field may hold."""

    def describe(self) -> str:
        """What is allowed, as a message and the reference say it."""
        raise TypeError(f"{type(self).__name__} does not describe itself")

    def takes(self, node: Node) -> bool:
        """Whether `node` is of this shape's kind (right or wrong in detail)."""
        return isinstance(node, Scalar)

    def read(self, node: Node, spot: Spot, reading: Reading) -> Any:
        """The value of `node`, or INVALID with the mistake entered."""
        if not isinstance(node, Scalar):
            what = "a list" if isinstance(node, Sequence) else "a mapping"
            return self.refuse(spot, reading, f"is {what}")
        if node.bad:
            return INVALID
        if node.plain and not node.text:
            return self.refuse(spot, reading, "has no value")
        if not node.text.isprintable():
            return self.refuse(spot, reading, f"{quoted(node.text)} holds a character that cannot be printed")
        return self.scalar(node, spot, reading)

    def scalar(self, node: Scalar, spot: Spot, reading: Reading) -> Any:
        """The value of a scalar that is not empty."""
        return self.refuse(spot, reading, f"is {quoted(node.text)}")

    def refuse(self, spot: Spot, reading: Reading, message: str, remedy: str = "") -> Any:
        """Enter a mistake with what is allowed."""
        reading.problems.add(spot.place, spot.shown, message, allowed=self.describe(), remedy=remedy)
        return INVALID


@dataclass(frozen=True)
class Text(Shape):
    """The scalar's own text, whatever it looks like."""

    pattern: str = ""
    min_length: int = 0
    max_length: int = 0
    said: str = ""

    def describe(self) -> str:
        return self.said or (f"text that matches {self.pattern}" if self.pattern else "text")

    def scalar(self, node: Scalar, spot: Spot, reading: Reading) -> Any:
        text = node.text
        if self.pattern and re.search(self.pattern, text) is None:
            return self.refuse(spot, reading, f"{quoted(text)} is not of the right form")
        if len(text) < self.min_length:
            return self.refuse(spot, reading, f"{quoted(text)} is too short")
        if self.max_length and len(text) > self.max_length:
            return self.refuse(spot, reading, f"{quoted(text)} is longer than {self.max_length} characters")
        return text


@dataclass(frozen=True)
class Number(Shape):
    """A number within bounds; whole when ``whole``."""

    whole: bool = False
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None

    def describe(self) -> str:
        bounds = []
        if self.gt is not None:
            bounds.append(f"above {_plain(self.gt)}")
        if self.ge is not None:
            bounds.append(f"at least {_plain(self.ge)}")
        if self.lt is not None:
            bounds.append(f"below {_plain(self.lt)}")
        if self.le is not None:
            bounds.append(f"at most {_plain(self.le)}")
        return " ".join(["a whole number" if self.whole else "a number", " and ".join(bounds)]).strip()

    def scalar(self, node: Scalar, spot: Spot, reading: Reading) -> Any:
        value = scalars.number(node.text)
        if not node.plain:
            remedy = f"write {node.text} without quotes" if value is not None else ""
            return self.refuse(spot, reading, f"{quoted(node.text)} is text, not a number", remedy)
        if value is None:
            return self.refuse(spot, reading, f"{quoted(node.text)} is not a number", scalars.number_mend(node.text))
        if self.whole and isinstance(value, float):
            mend = f"write {int(value)}" if value.is_integer() and abs(value) < scalars.MAX_INTEGER else ""
            return self.refuse(spot, reading, f"{shorten(node.text, 60)} is not a whole number", mend)
        if not self._within(value):
            return self.refuse(spot, reading, f"{shorten(node.text, 60)} is out of range")
        return value if self.whole else float(value)

    def _within(self, value: float) -> bool:
        return not (
            (self.gt is not None and not value > self.gt)
            or (self.ge is not None and not value >= self.ge)
            or (self.lt is not None and not value < self.lt)
            or (self.le is not None and not value <= self.le)
            or abs(value) > (scalars.MAX_INTEGER if self.whole else 1e300)
        )


@dataclass(frozen=True)
class Switch(Shape):
    """true or false."""

    def describe(self) -> str:
        return "true or false"

    def scalar(self, node: Scalar, spot: Spot, reading: Reading) -> Any:
        if node.plain and node.text in scalars.TRUE | scalars.FALSE:
            return node.text in scalars.TRUE
        found = scalars.trap(node.text)
        return self.refuse(spot, reading, f"{quoted(node.text)} is neither true nor false", found[1].split(",")[0] if found else "")


@dataclass(frozen=True)
class Choice(Shape):
    """One of some words."""

    words: tuple[str, ...]

    def describe(self) -> str:
        return ", ".join(self.words)

    def scalar(self, node: Scalar, spot: Spot, reading: Reading) -> Any:
        if node.text in self.words:
            return node.text
        return self.refuse(spot, reading, f"{quoted(node.text)} is not allowed", reading.problems.suggest(node.text, self.words))


@dataclass(frozen=True)
class Day(Shape):
    """A calendar date."""

    def describe(self) -> str:
        return "a date as YYYY-MM-DD"

    def scalar(self, node: Scalar, spot: Spot, reading: Reading) -> Any:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", node.text, re.ASCII):
            try:
                return dt.date.fromisoformat(node.text)
            except ValueError:
                pass
        return self.refuse(spot, reading, f"{quoted(node.text)} is not a date")


@dataclass(frozen=True)
class Raw(Shape):
    """Anything that JSON can say; the parameters of a strategy before its type is known."""

    def describe(self) -> str:
        return "any value"

    def takes(self, node: Node) -> bool:
        return True

    def read(self, node: Node, spot: Spot, reading: Reading) -> Any:
        if isinstance(node, Sequence):
            return _read_items(node, spot, reading, lambda number: self)
        if isinstance(node, Mapping):
            return _read_table(node, spot, reading, self._key, self)
        if not node.bad and node.plain and not node.text:
            return None
        return super().read(node, spot, reading)

    def _key(self, key: Scalar, spot: Spot, reading: Reading) -> bool:
        if key.plain and (scalars.looks_numeric(key.text) or scalars.trap(key.text) or key.text in scalars.TRUE | scalars.FALSE):
            reading.problems.add(key.place, spot.shown, "the key is not text to every YAML reader", remedy=f"write '{shorten(key.text, 60)}' in quotes")
            return False
        return True

    def scalar(self, node: Scalar, spot: Spot, reading: Reading) -> Any:
        text = node.text
        if not node.plain:
            return text
        if text in scalars.NULLS:
            return None
        if text in scalars.TRUE or text in scalars.FALSE:
            return text in scalars.TRUE
        if scalars.looks_numeric(text):
            value = scalars.number(text)
            if value is None or (isinstance(value, int) and abs(value) > scalars.MAX_INTEGER):
                reading.problems.add(spot.place, spot.shown, f"{quoted(text)} is too large for a number", remedy="quote it if it is text")
                return INVALID
            return value
        found = scalars.trap(text)
        if found is None:
            return text
        reading.problems.add(spot.place, spot.shown, f"{quoted(text)} {found[0]}", remedy=found[1])
        return INVALID


@dataclass(frozen=True)
class Table(Shape):
    """A mapping whose keys are data."""

    key: Shape
    value: Shape

    def describe(self) -> str:
        return f"a mapping of {_unlisted(self.key, 'name')} to {self.value.describe()}"

    def takes(self, node: Node) -> bool:
        return isinstance(node, Mapping)

    def read(self, node: Node, spot: Spot, reading: Reading) -> Any:
        if not isinstance(node, Mapping):
            return _not_a(self, "mapping", node, spot, reading)
        return _read_table(node, spot, reading, self._accept, self.value)

    def _accept(self, key: Scalar, spot: Spot, reading: Reading) -> bool:
        if isinstance(self.key, Choice) and key.text not in self.key.words:
            remedy = reading.problems.suggest(key.text, self.key.words)
            reading.problems.add(key.place, spot.shown, f"{quoted(key.text)} is no key here", allowed=self.key.describe(), remedy=remedy)
            return False
        return True


@dataclass(frozen=True)
class Items(Shape):
    """A list of one shape, of any length from ``min_length``."""

    item: Shape
    min_length: int = 0

    def describe(self) -> str:
        return f"a list of {_unlisted(self.item, 'items')}"

    def takes(self, node: Node) -> bool:
        return isinstance(node, Sequence)

    def read(self, node: Node, spot: Spot, reading: Reading) -> Any:
        if not isinstance(node, Sequence):
            return _not_a(self, "list", node, spot, reading)
        if len(node.items) < self.min_length:
            return self.refuse(spot, reading, "is an empty list")
        values = _read_items(node, spot, reading, lambda number: self.item)
        return INVALID if values is INVALID else tuple(values)


@dataclass(frozen=True)
class Fixed(Shape):
    """A list of fixed length."""

    items: tuple[Shape, ...]

    def describe(self) -> str:
        return "[" + ", ".join(item.describe() for item in self.items) + "]"

    def takes(self, node: Node) -> bool:
        return isinstance(node, Sequence)

    def read(self, node: Node, spot: Spot, reading: Reading) -> Any:
        if not isinstance(node, Sequence):
            return _not_a(self, "list", node, spot, reading)
        if len(node.items) != len(self.items):
            return self.refuse(spot, reading, f"has {len(node.items)} values instead of {len(self.items)}")
        values = _read_items(node, spot, reading, lambda number: self.items[number])
        return INVALID if values is INVALID else tuple(values)


@dataclass(frozen=True)
class Entry:
    """One field of a record."""

    shape: Shape
    required: bool
    info: FieldInfo


@dataclass(frozen=True)
class Record(Shape):
    """A mapping with the fields of a model; reads to an instance of it."""

    model: type[BaseModel]
    entries: dict[str, Entry]

    def describe(self) -> str:
        return "a mapping with " + ", ".join(self.entries)

    def takes(self, node: Node) -> bool:
        return isinstance(node, Mapping)

    def read(self, node: Node, spot: Spot, reading: Reading) -> Any:
        if not isinstance(node, Mapping):
            return _not_a(self, "mapping", node, spot, reading)
        values = self.fields(node, spot, reading)
        if any(value is INVALID for value in values.values()):
            self._still(values, node, spot, reading)
            return INVALID
        return self.build(values, node, spot, reading)

    def fields(self, node: Mapping, spot: Spot, reading: Reading) -> dict[str, Any]:
        """The value of every key of `node`, INVALID where it is wrong, unknown or missing."""
        values: dict[str, Any] = {}
        meant: set[str] = set()
        for name, child in node.items.items():
            below = self._below(name, node, spot)
            entry = self.entries.get(name)
            if entry is None:
                values[name] = INVALID
                self._unknown(name, child, meant, below, reading)
                continue
            reading.places[below.key] = str(below.place)
            values[name] = entry.shape.read(child, below, reading)
        for name, entry in self.entries.items():
            if entry.required and name not in node.items:
                values[name] = INVALID
                if name not in meant:
                    below = self._below(name, node, spot)
                    reading.problems.add(below.place, below.shown, "is missing", allowed=entry.shape.describe())
        return values

    def _unknown(self, name: str, child: Node, meant: set[str], below: Spot, reading: Reading) -> None:
        """Report a key that does not exist; its value is still read as that of the key that was probably meant."""
        near = reading.problems.near(name, self.entries)
        remedy = f"did you mean {near!r}?" if near else ""
        reading.problems.add(below.place, below.shown, "unknown key", allowed=", ".join(self.entries), remedy=remedy)
        if near:
            meant.add(near)
            self.entries[near].shape.read(child, below, reading)

    def build(self, values: dict[str, Any], node: Mapping, spot: Spot, reading: Reading) -> Any:
        """The instance, after the model's own rules on several fields together."""
        try:
            return self.model.model_validate(values)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_input=False):
                name = ".".join(str(part) for part in detail["loc"])
                said = detail["msg"].removeprefix("Value error, ")
                self._rules(detail.get("ctx", {}).get("rules", [(name, said)]), node, spot, reading)
            return INVALID

    def _still(self, values: dict[str, Any], node: Mapping, spot: Spot, reading: Reading) -> None:
        """The rules on several fields, with the fields that are right."""
        if issubclass(self.model, RuledModel):
            known = {name: entry.info.get_default(call_default_factory=True) for name, entry in self.entries.items() if not entry.required}
            known |= values
            good = {name: value for name, value in known.items() if value is not INVALID}
            self._rules(self.model.broken(good), node, spot, reading)

    def _rules(self, broken: Iterable[tuple[str, str]], node: Mapping, spot: Spot, reading: Reading) -> None:
        for key, sentence in broken:
            below = self._below(key, node, spot)
            reading.problems.add(below.place, below.shown, sentence)

    @staticmethod
    def _below(name: str, node: Mapping, spot: Spot) -> Spot:
        key = node.keys.get(name.split(".")[0])
        if not name:
            return spot
        place = key.place if key is not None else node.place if node.root else spot.place
        return spot.child(shorten(name), place, root=node.root and place.source == node.place.source)


@dataclass(frozen=True)
class Either(Shape):
    """One of several shapes, told apart by the node's kind; None when ``nullable``."""

    options: tuple[Shape, ...]
    nullable: bool = False

    def describe(self) -> str:
        return " or ".join(option.describe() for option in self.options)

    def takes(self, node: Node) -> bool:
        return any(option.takes(node) for option in self.options)

    def read(self, node: Node, spot: Spot, reading: Reading) -> Any:
        if self.nullable and isinstance(node, Scalar) and node.plain and not node.bad and node.text in scalars.NULLS:
            return None
        fitting = [option for option in self.options if option.takes(node)]
        if len(fitting) > 1 and isinstance(node, Scalar):
            numeric = node.plain and scalars.looks_numeric(node.text)
            fitting.sort(key=lambda option: isinstance(option, Number) != numeric)
        if not fitting:
            return _not_a(self, "", node, spot, reading)
        if len(self.options) > 1 and isinstance(node, Scalar) and isinstance(fitting[0], Choice):
            if not node.bad and node.text not in fitting[0].words:
                remedy = reading.problems.suggest(node.text, fitting[0].words)
                return self.refuse(spot, reading, f"{quoted(node.text)} is not allowed" if node.text else "has no value", remedy)
        return fitting[0].read(node, spot, reading)


def _not_a(shape: Shape, wanted: str, node: Node, spot: Spot, reading: Reading) -> Any:
    if isinstance(node, Scalar):
        if node.bad:
            return INVALID
        empty = node.plain and node.text in scalars.NULLS
        message = "has no value" if empty else f"{quoted(node.text)} is not a {wanted}" if wanted else f"{quoted(node.text)} is not allowed"
    else:
        message = "is a list" if isinstance(node, Sequence) else "is a mapping"
        message += f", not a {wanted}" if wanted else ""
    return shape.refuse(spot, reading, message)


def _read_items(node: Sequence, spot: Spot, reading: Reading, shape: Callable[[int], Shape]) -> Any:
    values = []
    for number, item in enumerate(node.items):
        below = spot.child(str(number), item.place)
        reading.places[below.key] = str(below.place)
        values.append(shape(number).read(item, below, reading))
    return INVALID if any(value is INVALID for value in values) else values


def _read_table(
    node: Mapping, spot: Spot, reading: Reading, accept: Callable[[Scalar, Spot, Reading], bool], shape: Shape
) -> Any:
    values: dict[str, Any] = {}
    valid = True
    for name, child in node.items.items():
        below = spot.child(shorten(name), node.keys[name].place)
        valid &= accept(node.keys[name], below, reading)
        reading.places[below.key] = str(below.place)
        values[name] = shape.read(child, below, reading)
        valid &= values[name] is not INVALID
    return values if valid else INVALID


def _unlisted(shape: Shape, word: str) -> str:
    return word if isinstance(shape, Text) and not shape.said else shape.describe()


def _plain(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e7 else f"{value:g}".replace("e+", "e")


@functools.cache
def record_of(model: type[BaseModel]) -> Record:
    """The shape of a model."""
    entries = {
        name: Entry(shape_of(info.annotation, info.metadata, info), info.is_required(), info)
        for name, info in model.model_fields.items()
    }
    return Record(model, entries)


def shape_of(annotation: Any, metadata: Iterable[Any] = (), info: FieldInfo | None = None) -> Shape:
    """The shape of an annotation with its constraints."""
    bounds = _bounds(metadata)
    if info is not None and info.examples:
        bounds["said"] = f"text such as {', '.join(str(example) for example in info.examples)}"
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return shape_of(arguments[0], [*metadata, *_flatten(arguments[1:])], info)
    if origin in (Union, types.UnionType):
        options = tuple(shape_of(option, metadata, info) for option in arguments if option is not type(None))
        return Either(options, nullable=type(None) in arguments)
    if origin is Literal:
        return Choice(tuple(str(word) for word in arguments))
    if origin is dict:
        return Table(shape_of(arguments[0]), shape_of(arguments[1]))
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return Items(shape_of(arguments[0]), int(bounds.get("min_length", 0)))
    if origin is tuple:
        return Fixed(tuple(shape_of(argument) for argument in arguments))
    return _plain_shape(annotation, bounds)


def _plain_shape(annotation: Any, bounds: dict[str, Any]) -> Shape:
    if annotation is Any:
        return Raw()
    if annotation is bool:
        return Switch()
    if annotation in (int, float):
        return Number(whole=annotation is int, **{name: bounds[name] for name in ("ge", "gt", "le", "lt") if name in bounds})
    if annotation is dt.date:
        return Day()
    if annotation is str:
        return Text(**{name: bounds[name] for name in ("pattern", "min_length", "max_length", "said") if name in bounds})
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return record_of(annotation)
    raise TypeError(f"a field of type {annotation!r} has no shape")


def _flatten(metadata: Iterable[Any]) -> list[Any]:
    flat: list[Any] = []
    for item in metadata:
        flat.extend(item.metadata if isinstance(item, FieldInfo) else [item])
    return flat


def _bounds(metadata: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in metadata:
        for name in ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern", "said"):
            value = getattr(item, name, None)
            if value is not None:
                found[name] = value
    return found
