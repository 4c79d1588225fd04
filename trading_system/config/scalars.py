"""What a scalar says: numbers of the YAML 1.2 core, and the traps of YAML 1.1 refused with the mend.

YAML 1.1 reads ``NO`` as false, ``16:00`` as 960, ``010`` as 8 and ``2010-01-04`` as a date, YAML 1.2 and a reader's eye
do not. Where a field is text the scalar's own text is taken and nothing is guessed; everywhere else such a scalar is an
error that says what to write.
"""

from __future__ import annotations

import re

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
TRUE = frozenset({"true", "True", "TRUE"})
FALSE = frozenset({"false", "False", "FALSE"})
_SWITCH = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z", re.ASCII)
_ZEROS = re.compile(r"([-+]?)0+([0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)\Z", re.ASCII)
_BASED = re.compile(r"([-+]?)(0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+)\Z", re.ASCII)
_GROUPED = re.compile(r"[-+]?[0-9][0-9_,' ]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?\Z", re.ASCII)
_CLOCK = re.compile(r"[-+]?[0-9]+(?::[0-9]{1,2})+(?:\.[0-9]*)?\Z", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?\Z", re.ASCII)
_ENDLESS = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_PERCENT = re.compile(r"([-+]?[0-9]*\.?[0-9]+) ?%\Z", re.ASCII)
MAX_DIGITS = 60
MAX_INTEGER = 2**63 - 1


def looks_numeric(text: str) -> bool:
    """Whether plain `text` is a number of the YAML 1.2 core."""
    return _FLOAT.match(text) is not None


def number(text: str) -> int | float | None:
    """The number that plain `text` is; None when it is none, too long, or not finite."""
    if len(text) > MAX_DIGITS or not _FLOAT.match(text):
        return None
    if _INTEGER.match(text):
        return int(text)
    value = float(text)
    return value if abs(value) != float("inf") else None


def number_mend(text: str) -> str:
    """What to write instead of a text that was meant as a number; empty when nobody knows."""
    if len(text) > MAX_DIGITS:
        return ""
    percent = _PERCENT.match(text)
    if percent:
        return f"write {float(percent.group(1)) / 100:.12g}"
    mended = _without_traps(text)
    return f"write {mended}" if mended else ""


def _without_traps(text: str) -> str:
    zeros, based = _ZEROS.match(text), _BASED.match(text)
    if based:
        sign = "-" if based.group(1) == "-" else ""
        digits = based.group(2).replace("_", "")
        return f"{sign}{int(digits, 0)}" if len(digits) > 2 else ""
    if zeros:
        return (zeros.group(1) + zeros.group(2)).lstrip("+")
    if _GROUPED.match(text):
        bare = re.sub(r"[_,' ]", "", text)
        return bare if _FLOAT.match(bare) else ""
    return ""


def trap(text: str) -> tuple[str, str] | None:
    """What makes a plain scalar ambiguous where its meaning is not fixed, and what to write; None when nothing does."""
    folded = text.lower()
    if folded in _SWITCH:
        return "is true or false to some YAML readers and text to others", f"write {_SWITCH[folded]}, or '{text}' in quotes"
    if _ENDLESS.match(text):
        return "is not a finite number", "write a number"
    if _CLOCK.match(text):
        return "is a number in base 60 to some YAML readers", f"write '{text}' in quotes"
    if _DATE.match(text):
        return "is a date to some YAML readers and text to others", f"write '{text}' in quotes"
    if _ZEROS.match(text) or _BASED.match(text):
        return (
            "is a number in another base to some YAML readers",
            f"write {_without_traps(text) or 'a number'}, or '{text}' in quotes",
        )
    if "_" in text and _GROUPED.match(text):
        return "is a number to some YAML readers", f"write {_without_traps(text)}, or '{text}' in quotes"
    if text in ("=", "<<"):
        return "has a meaning of its own in YAML", f"write '{text}' in quotes"
    return None


def is_plain_text(text: str) -> bool:
    """Whether `text` unquoted is text to every YAML reader."""
    plain = re.match(r"[A-Za-z_][A-Za-z0-9_./+-]*(?: [A-Za-z0-9_./+-]+)*\Z", text, re.ASCII) is not None
    return plain and text not in NULLS | TRUE | FALSE and text.lower() not in ("y", "n") and trap(text) is None
