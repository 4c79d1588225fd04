"""What a report is made of, whatever it is written as: sections of facts, figures, tables and charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

DASH = "\N{EN DASH}"


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes
    ----------
    text : str
        What is read.
    under : str
        A smaller line below it: why there is no number, how it is measured.
    heat : float or None
        -1 (as bad as it gets) to 1: how strongly the cell is coloured.
    bar : (float, float) or None
        Where a bar behind the text begins and ends, as fractions of the cell's width.
    """

    text: str
    under: str = ""
    heat: float | None = None
    bar: tuple[float, float] | None = None


def absent(why: str) -> Cell:
    """A number that does not exist."""
    return Cell(DASH, why)


@dataclass(frozen=True)
class Table:
    """Rows under a caption; the first cell of a row names it. Columns in `left` are text (in `prose` it wraps), the others figures."""

    id: str
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell | str]]
    left: Sequence[int] = (0,)
    prose: Sequence[int] = ()
    note: str = ""
    style: str = ""
    sortable: bool = False


@dataclass(frozen=True)
class Facts:
    """Terms and what they are, in groups."""

    groups: Sequence[tuple[str, Sequence[tuple[str, str]]]]


@dataclass(frozen=True)
class Figures:
    """The few numbers that stand first: label, value, what it is compared with."""

    items: Sequence[tuple[str, Cell, str]]


@dataclass(frozen=True)
class Chart:
    """A drawing of `series.json`; `summary` says in words what it shows, `see` is the id of the table with the same in numbers, `hint`
    says how it is used on a screen."""

    id: str
    title: str
    summary: str
    caption: str
    see: str = ""
    hint: str = ""
    log: bool = False
    choices: Sequence[str] = ()
    legend: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Note:
    """A paragraph, or a list of them; `alarm` is one that must be seen."""

    lines: Sequence[str]
    title: str = ""
    alarm: bool = False


@dataclass(frozen=True)
class Beside:
    """Small tables that stand beside each other where there is room."""

    parts: Sequence[Table]


@dataclass(frozen=True)
class Folded:
    """A part that is closed until it is asked for."""

    title: str
    part: Table


@dataclass(frozen=True)
class Picture:
    """A drawing that needs no script: one of the forms of `trading_system.validation.pictures`; `summary` says in words what it
    shows."""

    id: str
    title: str
    summary: str
    data: Mapping[str, Any]


Part: TypeAlias = Table | Facts | Figures | Chart | Note | Beside | Folded | Picture


@dataclass(frozen=True)
class Section:
    """A titled part of the report."""

    id: str
    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Report:
    """A whole report: what names it, what identifies this copy of the run, and its sections.

    Attributes
    ----------
    identity : sequence of (str, str)
        Run id, time, trial, place: what differs between two runs of the same work, kept in one place.
    """

    title: str
    subtitle: str
    identity: Sequence[tuple[str, str]]
    banners: Sequence[str]
    sections: Sequence[Section] = field(default_factory=tuple)
