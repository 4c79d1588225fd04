"""Which files a strategy is made of, found by reading imports; nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path


def imported_files(start: Iterable[Path], below: Path, bases: Sequence[Path]) -> list[Path]:
    """The files of `start` and every file below `below` that they import, transitively and wherever in the code; sorted.

    Parameters
    ----------
    start : iterable of Path
        Python files; one that cannot be read or parsed is listed and its imports are not followed.
    below : Path
        Folder (or single file) that bounds the search.
    bases : sequence of Path
        Folders in which absolute imports are looked up, first hit wins.
    """
    waiting, found = [file.resolve() for file in start], set[Path]()
    while waiting:
        path = waiting.pop()
        if path in found or not path.is_relative_to(below) or "site-packages" in path.relative_to(below).parts:
            continue
        found.add(path)
        waiting.extend(_imports_of(path, bases))
    return sorted(found)


def module_file(name: str, bases: Sequence[Path]) -> Path | None:
    """File of the module `name` in the first of `bases` that has it."""
    for base in bases:
        stem = base.joinpath(*name.split("."))
        for candidate in (stem.with_suffix(".py") if stem.name else stem, stem / "__init__.py"):
            if candidate.is_file():
                return candidate.resolve()
    return None


def _imports_of(file: Path, bases: Sequence[Path]) -> Iterator[Path]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from chain(alias.name, bases)
        elif isinstance(node, ast.ImportFrom):
            start = bases if node.level == 0 else (_ancestor(file, node.level),)
            yield from chain(node.module or "", start)
            for alias in node.names:
                yield from chain(f"{node.module}.{alias.name}" if node.module else alias.name, start)


def _ancestor(file: Path, level: int) -> Path:
    return file.parents[min(level, len(file.parents)) - 1]


def chain(name: str, bases: Sequence[Path]) -> Iterator[Path]:
    """Files of the packages above the module `name` and of the module itself, all of which an import runs."""
    parts = name.split(".") if name else []
    for length in range(1, len(parts) + 1):
        file = module_file(".".join(parts[:length]), bases)
        if file is not None:
            yield file
