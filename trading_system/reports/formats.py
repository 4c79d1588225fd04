"""Numbers, words and tables as text; what came from outside is made harmless here."""

from __future__ import annotations

import json
import math
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "_.-~=+*#"
NOTHING = "-"


def plain(text: str) -> str:
    """`text` with every character that could drive a terminal, or reorder or hide text, written as an escape."""
    return "".join(c if c == "\n" or c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def one_line(text: str) -> str:
    """`text` made harmless and kept on one line."""
    return plain(text).replace("\n", "\\n")


def to_json(document: Any) -> str:
    """One JSON document (RFC 8259): keys in the given order, NaN and infinities as null, numpy scalars as numbers."""
    return json.dumps(_finite(document), indent=2, ensure_ascii=False, default=str)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_finite(item) for item in value]
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return _finite(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def percent(value: float | None, digits: int = 2) -> str:
    """A fraction as percent; a dash where there is no number."""
    return NOTHING if _missing(value) else f"{_fixed(100.0 * _number(value), digits)} %"


def ratio(value: float | None, digits: int = 2) -> str:
    """A plain ratio."""
    return NOTHING if _missing(value) else _fixed(_number(value), digits)


def count(value: float | None) -> str:
    """A whole number with thousands separated."""
    return NOTHING if _missing(value) else f"{round(_number(value)):,}"


def money(value: float | None, digits: int = 2) -> str:
    """An amount of the quote currency with thousands separated."""
    return NOTHING if _missing(value) else _fixed(_number(value), digits)


def _missing(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def _number(value: float | None) -> float:
    return float(value or 0.0)


def _fixed(number: float, digits: int) -> str:
    """Thousands separated; a rounded nothing has no sign."""
    text = f"{number:,.{digits}f}"
    return text if text.strip("-0.,") else text.lstrip("-")


def cells(text: str) -> int:
    """Columns of the terminal that `text` takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fitted(text: str, width: int, *, right: bool = False) -> str:
    """`text` padded to `width` columns, or cut with two dots at its end."""
    text = one_line(text)
    if cells(text) > width:
        kept = ""
        for character in text:
            if cells(kept + character) > width - 2:
                break
            kept += character
        text = (kept + "..")[:width] if width > 2 else kept
    space = " " * max(width - cells(text), 0)
    return space + text if right else text + space


def amount(number: int, noun: str) -> str:
    """A number of things in words: ``1 bar``, ``3,276 bars``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def command(*words: str) -> str:
    """A command line to paste: each word quoted for the shell where that is needed, on one line."""
    import shlex

    return one_line(" ".join(shlex.quote(word) for word in words))


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Sequence[int] = (),
    fixed: Sequence[int] = (),
    width: int = 80,
) -> str:
    """Columns two spaces apart, figures (the columns in `right`) set right, the widest text column cut to fit `width`.

    Columns in `fixed` are never cut.

    No trailing spaces; the header is left out when all of its words are empty.
    """
    lines = [[one_line(cell) for cell in row] for row in ([header] if any(header) else []) + list(rows)]
    if not lines:
        return ""
    widths = [max(cells(line[i]) for line in lines) for i in range(len(lines[0]))]
    free = [i for i in range(len(widths)) if i not in (*right, *fixed)] or list(range(len(widths)))
    while sum(widths) + 2 * (len(widths) - 1) > width:
        widest = max(free, key=lambda i: widths[i])
        if widths[widest] <= 6:
            break
        widths[widest] -= 1
    return "\n".join(
        "  ".join(fitted(cell, widths[i], right=i in right) for i, cell in enumerate(line)).rstrip() for line in lines
    )


def wrapped_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, width: int = 80) -> str:
    """A table whose last column is prose: it is wrapped into what the others leave of `width`, never cut; a path stays whole."""
    lines = [[one_line(cell) for cell in row] for row in ([header] if any(header) else []) + list(rows)]
    if not lines:
        return ""
    widths = [max(cells(line[i]) for line in lines) for i in range(len(lines[0]) - 1)]
    indent = sum(widths) + 2 * len(widths)
    room = max(width - indent, 20)
    text = []
    for line in lines:
        head = "".join(fitted(cell, widths[i]) + "  " for i, cell in enumerate(line[:-1]))
        prose = textwrap.wrap(line[-1], room, break_long_words=False, break_on_hyphens=False) or [""]
        text += [(head + prose[0]).rstrip(), *(" " * indent + part for part in prose[1:])]
    return "\n".join(text)


def sparkline(values: Iterable[float], width: int, *, unicode: bool = True, bounds: tuple[float, float] | None = None) -> str:
    """`values` as one line of blocks: `width` points read at equal distances, the last value always the last one.

    The lowest and highest block stand for `bounds`, by default the lowest and highest value that is drawn.
    """
    blocks = BLOCKS if unicode else ASCII_BLOCKS
    numbers = [float(v) for v in values]
    if not numbers or width < 1:
        return ""
    step = max(len(numbers) / width, 1.0)
    picked = [numbers[min(int((i + 1) * step) - 1, len(numbers) - 1)] for i in range(min(width, len(numbers)))]
    finite = [v for v in picked if math.isfinite(v)]
    if not finite:
        return " " * len(picked)
    least, most = bounds or (min(finite), max(finite))
    low, span = least / 2.0, most / 2.0 - least / 2.0  # halves: the whole may overflow
    top = len(blocks) - 1
    return "".join(
        " " if not math.isfinite(v) else blocks[top // 2] if span == 0.0 else blocks[round((v / 2.0 - low) / span * top)]
        for v in picked
    )
