"""YAML text to nodes that remember their file and line; strict, and safe on hostile input.

Built on the events of PyYAML's safe loader (the C one where it is compiled in), without its constructors: no tag, anchor or
alias is ever resolved and no scalar is ever converted here. What a scalar means is decided by the field that it is for,
in `shapes`. The limits: one document of at most 1 MB UTF-8, 50 levels deep, no control characters.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from trading_system.errors import MAX_PROBLEMS, ConfigError, TradingSystemError

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_NODES = 50_000
_SUGGESTIONS = 40  # suggestions are the only slow part of a message; a hostile file gets no more than this
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_TAB = re.compile(r"^[^#\t\n]*\t", re.MULTILINE)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Place:
    """A line of a file, or a ``--set`` option (line 0)."""

    source: str
    line: int

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source


@dataclass(slots=True)
class Scalar:
    """One scalar as it was written; ``bad`` marks one whose mistake has been reported already."""

    place: Place
    text: str
    plain: bool
    bad: bool = False


@dataclass(slots=True)
class Sequence:
    """A list."""

    place: Place
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Mapping:
    """Keys to values, in order; ``keys`` holds each key as it was written.

    ``root`` marks the top of a file: the keys of messages start anew there.
    """

    place: Place
    items: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Scalar] = field(default_factory=dict)
    root: bool = False

    def place_of(self, key: str) -> Place:
        """Where `key` stands, or the mapping itself when it is absent."""
        known = self.keys.get(key)
        return self.place if known is None else known.place


Node: TypeAlias = Scalar | Sequence | Mapping


class Problems:
    """The mistakes found so far; each becomes one ConfigError with its place. Those in `first` are told first."""

    def __init__(self, first: str = "") -> None:
        self.found: list[TradingSystemError] = []
        self.left_out = 0
        self.unread = False  # whether reading ended before all mistakes were counted
        self.n_nodes = 0  # values read so far, of all files together
        self._suggested = 0
        self._seen: set[str] = set()
        self._order: list[tuple[int, int]] = []
        self._sources: dict[str, int] = {first: 0}

    def __len__(self) -> int:
        return len(self.found) + self.left_out

    @property
    def full(self) -> bool:
        """Whether further mistakes are counted only: then nobody needs to look for their words."""
        return len(self.found) >= MAX_PROBLEMS

    def add(self, place: Place | str, key: str, message: str, *, allowed: str = "", remedy: str = "") -> None:
        """Enter one mistake; repeats of the same sentence at the same place are dropped."""
        if self.full:
            self.left_out += 1
            return
        self.enter(ConfigError(message, where=_where(place, key), allowed=allowed, remedy=remedy), place)

    def enter(self, problem: TradingSystemError, place: Place | str) -> None:
        """Enter a mistake that has its words already, among those of `place`."""
        if self.full:
            self.left_out += 1
            return
        text = str(problem)
        if text not in self._seen:
            self._seen.add(text)
            self.found.append(problem)
            source, line = (place.source, place.line) if isinstance(place, Place) else (place, 0)
            self._order.append((self._sources.setdefault(source, len(self._sources)), line))

    def told(self, place: Place | str, key: str) -> bool:
        """Whether a mistake of `key` at `place` has been entered."""
        where = _where(place, key)
        return any(problem.where == where for problem in self.found)

    def near(self, word: str, choices: Iterable[str]) -> str:
        """The one of `choices` that was probably meant, or an empty text."""
        if self._suggested >= _SUGGESTIONS:
            return ""
        self._suggested += 1
        return nearest(word, choices)

    def suggest(self, word: str, choices: Iterable[str]) -> str:
        """``did you mean 'x'?``, or an empty text."""
        near = self.near(word, choices)
        return f"did you mean {near!r}?" if near else ""

    def raise_any(self, source: str) -> None:
        """Raise them all as one ConfigError; a single mistake of another kind as it is."""
        if not self.found:
            return
        if len(self) == 1 and not isinstance(self.found[0], ConfigError):
            raise self.found[0]
        problems: list[TradingSystemError] = [
            self.found[n] for n in sorted(range(len(self.found)), key=self._order.__getitem__)
        ]
        least = "at least " if self.unread else ""
        if self.left_out:
            problems.append(ConfigError(f"and {least}{self.left_out} more mistakes", where=f"{source}:1: (document)"))
        count = len(self)
        raise ConfigError(f"{least}{count} mistake{'s' if count > 1 else ''} in {source}", where=source, problems=problems)


def _where(place: Place | str, key: str) -> str:
    name = shorten(key) or "(document)"
    return str(place) if str(place) == f"--set {name}" else f"{place}: {name}"  # an override's place is its key


def nearest(word: str, choices: Iterable[str]) -> str:
    """The one of `choices` that `word` was probably meant to be, or an empty text."""
    if not word or len(word) > 64:
        return ""
    names = {choice.lower(): choice for choice in choices}
    folded = word.lower().replace("-", "_")
    if folded in names:
        return names[folded]
    close = difflib.get_close_matches(folded, names, n=1, cutoff=0.6)
    return names[close[0]] if close else ""


def shorten(text: str, limit: int = 120) -> str:
    """Text for a message: one line, at most `limit` characters, nothing that a terminal obeys."""
    if len(text) > limit:
        text = text[: limit - 3] + "..."
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def quoted(text: str) -> str:
    """A value as a message shows it."""
    return f"'{shorten(text, 60)}'"


def label(path: Path) -> str:
    """A path as messages show it."""
    return shorten(os.fsencode(path).decode("utf-8", "replace"), 400)


def read_text(path: Path, source: str) -> str:
    """The text of a regular file of at most 1 MB of UTF-8; ConfigError otherwise, with path and reason."""
    where = f"{source}:1: (document)"
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        with os.fdopen(descriptor, "rb") as file:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                what = "is a folder" if stat.S_ISDIR(mode) else "is not a regular file"
                raise ConfigError(what, where=where, allowed="a YAML file")
            data = file.read(MAX_BYTES + 1)
    except IsADirectoryError:
        raise ConfigError("is a folder", where=where, allowed="a YAML file") from None
    except FileNotFoundError:
        raise ConfigError(
            "cannot be read: there is no such file", where=source, remedy="trading-system init writes one"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error} (errno {error.errno})", where=where) from None
    except ValueError:
        raise ConfigError("cannot be read: the path holds a NUL character", where=where) from None
    if len(data) > MAX_BYTES:
        raise ConfigError("is larger than 1 MB", where=where, allowed="at most 1,000,000 bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"is not UTF-8: byte 0x{data[error.start]:02x}",
            where=f"{source}:{line}: (document)",
            remedy="save the file as UTF-8",
        ) from None


def read_yaml(text: str, source: str, problems: Problems, *, option: str = "") -> Node | None:
    """The one document of `text` as nodes; None when it is empty or its syntax is broken.

    Parameters
    ----------
    text : str
        The document.
    source : str
        File name, or ``--set key``, that messages show.
    problems : Problems
        Receives every mistake that is found here.
    option : str
        The key of a ``--set`` option when `text` is its value; its places have no line.
    """
    line = not option
    odd = _FORBIDDEN.search(text)
    if odd is not None:
        row = text.count("\n", 0, odd.start()) + 1
        problems.add(Place(source, row if line else 0), option, f"holds the control character U+{ord(odd.group()):04X}")
        return None
    tab = _TAB.search(text)
    if tab is not None:  # some YAML readers take it, others do not
        row = text.count("\n", 0, tab.end()) + 1
        problems.add(Place(source, row if line else 0), option, "holds a tab", remedy="indent and separate with spaces")
        return None
    composer = _Composer(source, problems, option)
    try:
        for event in _events(text):
            if not composer.take(event):
                break
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = Place(source, (mark.line + 1 if mark is not None else 1) if line else 0)
        said = " ".join(part for part in (error.context, error.problem) if part)
        problems.add(at, composer.key(), f"is not valid YAML: {shorten(said, 200)}")
        return None
    except (yaml.YAMLError, UnicodeError, RecursionError) as error:
        problems.add(Place(source, 1 if line else 0), composer.key(), f"is not valid YAML: {shorten(str(error), 200)}")
        return None
    return None if composer.stopped else composer.document


def _events(text: str) -> Iterator[Any]:
    loader = _Loader(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


class _Composer:
    """Events to nodes with a stack of its own, so that depth costs no recursion."""

    def __init__(self, source: str, problems: Problems, option: str) -> None:
        self.source = source
        self.problems = problems
        self.option = option
        self.line = not option
        self.document: Node | None = None
        self.stopped = False
        self._open: list[Mapping | Sequence] = []
        self._names: list[str] = [option] if option else []  # the keys that lead to the innermost open collection
        self._pending: list[Scalar | None] = []  # the key that waits for its value, per open collection
        self._skipped: list[bool] = []  # whether that key was refused, so that its value is dropped
        self._documents = 0
        self._place = Place(source, 0)  # of the last event; what stands on one line shares it

    def key(self) -> str:
        """Path of the value being read."""
        return ".".join(name for name in (*self._names, self._name()) if name) or self.option

    def _name(self) -> str:
        """Key of the next value in the innermost open collection."""
        if not self._open:
            return ""
        holder, pending = self._open[-1], self._pending[-1]
        return str(len(holder.items)) if isinstance(holder, Sequence) else "" if pending is None else pending.text

    def take(self, event: Any) -> bool:
        """Read one event; False ends the reading."""
        line = event.start_mark.line + 1 if self.line else 0
        if line != self._place.line:
            self._place = Place(self.source, line)
        place = self._place
        if isinstance(event, yaml.ScalarEvent):
            self._put(Scalar(place, event.value, not event.style, self._marked(event, place)))
        elif isinstance(event, yaml.DocumentStartEvent):
            return self._start(event, place)
        elif isinstance(event, yaml.AliasEvent):
            self._report(place, "aliases (*name) are not allowed", "write the value out")
            self._put(Scalar(place, "", plain=False, bad=True))
        elif isinstance(event, yaml.CollectionStartEvent):
            self._marked(event, place)
            return self._enter(Mapping(place) if isinstance(event, yaml.MappingStartEvent) else Sequence(place))
        elif isinstance(event, yaml.CollectionEndEvent):
            node = self._open.pop()
            self._pending.pop()
            self._skipped.pop()
            if self._names:
                self._names.pop()
            if not self._open:
                self.document = node
        return not self.stopped

    def _start(self, event: Any, place: Place) -> bool:
        self._documents += 1
        if self._documents > 1:
            return self._stop(place, "a second document begins", "one document per file; remove the line '---'")
        if event.version or event.tags:
            return self._stop(place, "directives (%YAML, %TAG) are not allowed", "remove the line")
        return True

    def _stop(self, place: Place, message: str, remedy: str = "") -> bool:
        self._report(place, message, remedy)
        self.stopped = True
        return False

    def _report(self, place: Place, message: str, remedy: str = "") -> None:
        self.problems.add(place, self.key(), message, remedy=remedy)

    def _marked(self, event: Any, place: Place) -> bool:
        """Report tags and anchors; True when the node cannot be read as it stands."""
        if event.tag is not None:
            self._report(place, f"tags ({shorten(str(event.tag), 40)}) are not allowed", "write the plain value")
        if event.anchor is not None:
            self._report(
                place, f"anchors (&{shorten(str(event.anchor), 40)}) are not allowed", "write the value out where it is used"
            )
        return event.tag is not None or event.anchor is not None

    def _enter(self, node: Mapping | Sequence) -> bool:
        if len(self._open) >= MAX_DEPTH:
            return self._stop(node.place, f"is nested more than {MAX_DEPTH} levels deep")
        name = self._name()
        if not self._put(node):
            node = type(node)(node.place)  # read on, for its mistakes, but keep it out of the document
        if self._open:
            self._names.append(name)
        self._open.append(node)
        self._pending.append(None)
        self._skipped.append(False)
        return not self.stopped

    def _put(self, node: Node) -> bool:
        """Hang `node` where it belongs; False when it is dropped."""
        self.problems.n_nodes += 1
        if self.problems.left_out > MAX_NODES // 10:
            self.stopped = self.problems.unread = True  # nobody reads more
        if self.problems.n_nodes > MAX_NODES:
            return self._stop(node.place, f"has more than {MAX_NODES:,} values, with all files of the run")
        if not self._open:
            self.document = node
            return True
        holder = self._open[-1]
        if isinstance(holder, Sequence):
            holder.items.append(node)
            return True
        pending = self._pending[-1]
        if pending is None:
            self._key(holder, node)
            return False
        self._pending[-1] = None
        if self._skipped[-1]:
            return False
        holder.items[pending.text] = node
        holder.keys[pending.text] = pending
        return True

    def _key(self, holder: Mapping, node: Node) -> None:
        key = node if isinstance(node, Scalar) else Scalar(node.place, "", plain=False, bad=True)
        self._pending[-1], self._skipped[-1] = key, True
        if not isinstance(node, Scalar):
            self._report(node.place, "a key must be text, not a list or mapping")
        elif key.bad:
            pass
        elif key.plain and key.text == "<<":
            self._report(key.place, "merge keys (<<) are not allowed", "write the keys out")
        elif not key.text or (key.plain and key.text in ("~", "null")):
            self._report(key.place, "a key is empty")
        elif not key.text.isprintable():
            self._report(key.place, "a key holds a character that cannot be printed")
        elif key.text in holder.items:
            first = holder.keys[key.text].place.line
            self._report(key.place, f"the key stands twice (first on line {first})" if first else "the key stands twice")
        else:
            self._skipped[-1] = False
