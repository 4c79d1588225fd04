"""Shapes made of other shapes: lists, mappings, and the records that models describe."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from trading_system.config import scalars
from trading_system.config.base import RuledModel
from trading_system.config.shapes import INVALID, Choice, Number, Reading, Shape, Spot, Text
from trading_system.config.yaml_reader import Mapping, Node, Scalar, Sequence, quoted, shorten


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
        if key.plain and (
            scalars.looks_numeric(key.text) or scalars.trap(key.text) or key.text in scalars.TRUE | scalars.FALSE
        ):
            reading.problems.add(
                key.place,
                spot.shown,
                "the key is not text to every YAML reader",
                remedy=f"write '{shorten(key.text, 60)}' in quotes",
            )
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
                reading.problems.add(
                    spot.place, spot.shown, f"{quoted(text)} is too large for a number", remedy="quote it if it is text"
                )
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
            reading.problems.add(
                key.place, spot.shown, f"{quoted(key.text)} is no key here", allowed=self.key.describe(), remedy=remedy
            )
            return False
        return True


@dataclass(frozen=True)
class Items(Shape):
    """A list of one shape, from ``min_length`` to ``max_length`` (0: any) items."""

    item: Shape
    min_length: int = 0
    max_length: int = 0

    def describe(self) -> str:
        one = isinstance(self.item, Choice) or self.item == Text()
        return f"a list of {self.item.describe()}" if one else f"a list, each {self.item.describe()}"

    def takes(self, node: Node) -> bool:
        return isinstance(node, Sequence)

    def read(self, node: Node, spot: Spot, reading: Reading) -> Any:
        if not isinstance(node, Sequence):
            return _not_a(self, "list", node, spot, reading)
        if len(node.items) < self.min_length:
            return self.refuse(spot, reading, "is an empty list")
        if self.max_length and len(node.items) > self.max_length:
            return self.refuse(spot, reading, f"has {len(node.items)} items, more than {self.max_length}")
        values = _read_items(node, spot, reading, lambda number: self.item)
        return INVALID if values is INVALID else tuple(values)


@dataclass(frozen=True)
class Fixed(Shape):
    """A list of fixed length."""

    items: tuple[Shape, ...]
    said: str = ""

    def describe(self) -> str:
        return self.said or "[" + ", ".join(item.describe() for item in self.items) + "]"

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
        before = ""
        for name, child in node.items.items():
            entry = self.entries.get(name)
            if entry is None:
                values[name] = INVALID
                self._unknown(name, before, node, meant, spot, reading)
                before = name
                continue
            before, below = name, self._below(name, node, spot)
            reading.places[below.key] = str(below.place)
            values[name] = entry.shape.read(child, below, reading)
        for name, entry in self.entries.items():
            if entry.required and name not in node.items:
                values[name] = INVALID
                if name not in meant:
                    below = self._below(name, node, spot)
                    reading.problems.add(below.place, below.shown, "is missing", allowed=entry.shape.describe())
        return values

    def _unknown(self, name: str, before: str, node: Mapping, meant: set[str], spot: Spot, reading: Reading) -> None:
        """Report a key that does not exist; its value is still read as that of the key that was probably meant."""
        if reading.problems.full:
            reading.problems.left_out += 1
            return
        below = self._below(name, node, spot)
        near = reading.problems.near(name, self.entries)
        remedy = f"did you mean {near!r}?" if near else _without_commas(name, before, node)
        reading.problems.add(below.place, below.shown, "unknown key", allowed=", ".join(self.entries), remedy=remedy)
        if near and near not in node.items:
            meant.add(near)
            shown = below.shown[: len(below.shown) - len(shorten(name))] + near
            self.entries[near].shape.read(node.items[name], Spot(below.key, shown, below.place), reading)

    def build(self, values: dict[str, Any], node: Mapping, spot: Spot, reading: Reading) -> Any:
        """The instance, after the model's own rules on several fields together."""
        built = self.model.model_construct(**values)
        if isinstance(built, RuledModel) and not self._rules(built.broken(built.__dict__), node, spot, reading):
            return INVALID
        return built

    def _still(self, values: dict[str, Any], node: Mapping, spot: Spot, reading: Reading) -> None:
        """The rules on several fields, with the fields that are right."""
        if issubclass(self.model, RuledModel):
            known = {
                name: entry.info.get_default(call_default_factory=True)
                for name, entry in self.entries.items()
                if not entry.required
            }
            known |= values
            good = {name: value for name, value in known.items() if value is not INVALID}
            self._rules(self.model.broken(good), node, spot, reading)

    def _rules(self, broken: list[tuple[str, str]], node: Mapping, spot: Spot, reading: Reading) -> bool:
        """Enter the rules that are broken; whether there were none."""
        for key, sentence in broken:
            below = self._below(key, node, spot)
            reading.problems.add(below.place, below.shown, sentence)
        return not broken

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
        return ", or ".join(option.describe() for option in self.options)

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
            return self._word(fitting[0], node, spot, reading)
        return fitting[0].read(node, spot, reading)

    def _word(self, choice: Choice, node: Scalar, spot: Spot, reading: Reading) -> Any:
        """One of the words of `choice`; what is allowed names the other options too."""
        if node.bad:
            return INVALID
        if node.text in choice.words:
            return node.text
        remedy = reading.problems.suggest(node.text, choice.words)
        return self.refuse(spot, reading, f"{quoted(node.text)} is not allowed" if node.text else "has no value", remedy)


def _without_commas(name: str, before: str, node: Mapping) -> str:
    """The mend of ``{equity: 100,000}``, where YAML reads a second key 000 after `before`; empty when this is something else."""
    value, first = node.items[name], node.items.get(before)
    cut = re.fullmatch(r"[0-9]{3}", name) and isinstance(value, Scalar) and not value.text
    if not cut or not isinstance(first, Scalar) or not re.fullmatch(r"-?[0-9]{1,3}", first.text):
        return ""
    return f"a number is written without commas: {before}: {first.text}{name}"


def _not_a(shape: Shape, wanted: str, node: Node, spot: Spot, reading: Reading) -> Any:
    if isinstance(node, Scalar):
        if node.bad:
            return INVALID
        empty = node.plain and node.text in scalars.NULLS
        message = (
            "has no value"
            if empty
            else f"{quoted(node.text)} is not a {wanted}"
            if wanted
            else f"{quoted(node.text)} is not allowed"
        )
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
