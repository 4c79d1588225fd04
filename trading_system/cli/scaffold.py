"""The files that `strategy new` writes, and the names that a rule may have."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from pathlib import Path
from string import Template

from trading_system.errors import UsageError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_ALLOWED = "a small letter, then small letters, digits and _, at most 48"


def rule_files(name: str, *, weights: bool = False) -> dict[str, str]:
    """The files of a new rule called `name`: its code, its strategy file, its test.

    Raises
    ------
    UsageError
        The name is no module name, or one that something else has.
    """
    check_name(name)
    kind = "weights" if weights else "signals"
    words = {"name": name, "rule": class_name(name)}
    sources = {
        f"{name}.py": f"rule_{kind}.py.txt",
        f"{name}.yaml": f"rule_{kind}.yaml.txt",
        f"test_{name}.py": "rule_test.py.txt",
    }
    return {file: Template(_text(source)).substitute(words) for file, source in sources.items()}


def _text(source: str) -> str:
    from importlib.resources import files

    return files("trading_system.cli").joinpath("templates", source).read_text(encoding="utf-8")


def class_name(name: str) -> str:
    """``my_rule`` -> ``MyRule``."""
    return "".join(part.capitalize() for part in name.split("_"))


def check_name(name: str) -> None:
    """Raise UsageError unless a module and a strategy may be called so."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise UsageError(f"{name[:60]!r} is no name for a rule", allowed=_ALLOWED, remedy="such as my_rule")
    if name.startswith("test_"):
        raise UsageError(f"{name!r} would be taken for a test", remedy="let the name begin otherwise")
    if name in sys.stdlib_module_names or _installed(name):
        raise UsageError(
            f"{name!r} is the name of an installed module, which the rule would hide", remedy="choose another name"
        )
    from trading_system.strategies.base import strategies

    if name in strategies.names():
        raise UsageError(f"{name!r} is a type that is shipped", remedy="choose another name")


def _installed(name: str) -> bool:
    """Whether a module of that name is found elsewhere than in the present folder, where it is a rule of the user's."""
    spec = importlib.util.find_spec(name)
    return spec is not None and (spec.origin is None or Path(spec.origin).resolve().parent != Path.cwd().resolve())
