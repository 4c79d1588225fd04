"""``--set a.b.c=value``: one value of a document replaced before it is checked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass

from trading_system.config.yaml_reader import Mapping, Node, Place, Problems, Scalar, Sequence, quoted, read_yaml, shorten

_SEGMENT = re.compile(r'"([^"]+)"|([^."]+)')


@dataclass(frozen=True)
class Override:
    """A key path and the value it receives."""

    segments: tuple[str, ...]
    value: Node
    place: Place

    @property
    def key(self) -> str:
        """The path as it was written."""
        return ".".join(self.segments)


def read_overrides(texts: Iterable[str], problems: Problems) -> list[Override]:
    """The overrides that `texts` (``key.path=value``) mean.

    A value that begins with a bracket, brace or quote is read as YAML; any other text is one plain value, taken as it stands.
    A key that holds a dot is written in double quotes: ``data.asset_class."BRK.B"=equity``.
    """
    found = []
    for text in texts:
        key, equals, value = text.partition("=")
        key, value = key.strip(), value.strip()
        place = Place(f"--set {shorten(key) or quoted(text)}", 0)
        segments = _segments(key)
        if not equals or not segments:
            problems.add(
                place,
                key,
                f"{quoted(text)} is not an override",
                allowed="key.path=value, as in portfolio.starting_equity=50000",
            )
            continue
        node = _value(value, key, place, problems)
        if node is not None:
            found.append(Override(segments, node, place))
    return found


def _segments(key: str) -> tuple[str, ...]:
    parts: list[str] = []
    at = 0
    while True:
        match = _SEGMENT.match(key, at)
        if match is None:
            return ()
        parts.append(match.group(1) or match.group(2).strip())
        at = match.end()
        if at == len(key):
            return tuple(parts) if all(parts) else ()
        if key[at] != ".":
            return ()
        at += 1


def _value(text: str, key: str, place: Place, problems: Problems) -> Node | None:
    if text[:1] not in ("[", "{", '"', "'"):
        return Scalar(place, text, plain=True)
    before = len(problems)
    node = read_yaml(text, place.source, problems, option=shorten(key))
    return None if len(problems) > before else node


def apply(document: Mapping, overrides: SequenceOf[Override], problems: Problems) -> None:
    """Put each override into `document`; a later one of the same key wins."""
    for override in overrides:
        _apply(document, override, problems)


def _apply(document: Mapping, override: Override, problems: Problems) -> None:
    node: Node = document
    for depth, segment in enumerate(override.segments):
        shown = ".".join(override.segments[: depth + 1])
        last = depth == len(override.segments) - 1
        if isinstance(node, Mapping):
            if last or segment not in node.items:
                node.items[segment] = override.value if last else Mapping(override.place)
                node.keys[segment] = Scalar(override.place, segment, plain=False)
            node = node.items[segment]
        elif isinstance(node, Sequence):
            if not (segment.isascii() and segment.isdigit() and len(segment) < 8 and int(segment) < len(node.items)):
                allowed = f"a number from 0 to {len(node.items) - 1}" if node.items else ""
                problems.add(
                    override.place, shown, f"{quoted(segment)} is no place in a list of {len(node.items)}", allowed=allowed
                )
                return
            if last:
                node.items[int(segment)] = override.value
            node = node.items[int(segment)]
        else:
            problems.add(override.place, shown, f"nothing can stand below {quoted(node.text)}, which is one value")
            return
