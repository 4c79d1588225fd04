"""Nodes to values, led by the fields of the models: every mistake of a file in one pass, each with its place and mend.

A *shape* is what a field may hold; `fields` derives it once from the annotation. Shapes convert the node they are given, enter what is
wrong into `Problems` and answer ``INVALID`` for it, so that one mistake never hides another.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import Any

from trading_system.config import scalars
from trading_system.config.yaml_reader import Node, Place, Problems, Scalar, Sequence, quoted, shorten


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
        word = "a whole number" if self.whole else "a number"
        if self.ge is not None and self.le is not None:
            return f"{word} from {_plain(self.ge)} to {_plain(self.le)}"
        bounds = []
        if self.gt is not None:
            bounds.append(f"above {_plain(self.gt)}")
        if self.ge is not None:
            bounds.append(f"at least {_plain(self.ge)}")
        if self.lt is not None:
            bounds.append(f"below {_plain(self.lt)}")
        if self.le is not None:
            bounds.append(f"at most {_plain(self.le)}")
        return f"{word} {' and '.join(bounds)}".strip()

    def scalar(self, node: Scalar, spot: Spot, reading: Reading) -> Any:
        value = scalars.number(node.text)
        if not node.plain:
            remedy = f"write {node.text} without quotes" if value is not None else scalars.number_mend(node.text)
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
        return self.refuse(
            spot, reading, f"{quoted(node.text)} is neither true nor false", found[1].split(",")[0] if found else ""
        )


@dataclass(frozen=True)
class Choice(Shape):
    """One of some words."""

    words: tuple[str, ...]

    def describe(self) -> str:
        return ", ".join(self.words)

    def scalar(self, node: Scalar, spot: Spot, reading: Reading) -> Any:
        if node.text in self.words:
            return node.text
        return self.refuse(
            spot, reading, f"{quoted(node.text)} is not allowed", reading.problems.suggest(node.text, self.words)
        )


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


def _plain(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e7 else f"{value:g}".replace("e+", "e")
