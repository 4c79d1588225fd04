"""What a run was made of: hashes of config, bars and code, versions, the state of the repository."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from trading_system.files import ESCAPED

PACKAGE = Path(__file__).resolve().parent.parent
SCHEMA = 1
NAMED = ("numpy", "numba", "llvmlite", "pydantic")
GIT_SECONDS = 0.25
VOLATILE = ("run_id", "created", "timings", "trial", "place", "git", "holdout", "preregistration")
"""Keys of a manifest that differ between two runs of the same work: times, ids, places, and what the journal held then."""
REPORT = "report.html"
IDENTITY = ("<!-- identity -->", "<!-- /identity -->")
"""What encloses the same in ``report.html``; no text from outside can hold it there."""
_NOT_COMPARED = ("run.log", REPORT)  # hashes of files that hold times and ids


def data_hash(hashes: Mapping[str, str]) -> str:
    """One sha256 over the bars of all symbols."""
    return hashlib.sha256("\n".join(f"{symbol} {digest}" for symbol, digest in sorted(hashes.items())).encode()).hexdigest()


def code_state(files: Iterable[Path], root: Path) -> dict[str, Any]:
    """Hashes of this package's source and of the user's own code, and one over both.

    Parameters
    ----------
    files : iterable of Path
        A user's strategy files and the modules below `root` that they import.
    root : Path
        Folder of the run file.
    """
    own: dict[str, str] = {}
    for path in sorted(set(files)):
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
        own[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    package = package_hash()
    total = hashlib.sha256("\n".join([package, *(f"{name} {digest}" for name, digest in own.items())]).encode()).hexdigest()
    return {"hash": total, "package": package, "files": own}


@functools.cache
def package_hash() -> str:
    """sha256 over every source file of this package, the report's style and script among them."""
    total = hashlib.sha256()
    for path in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.glob("reports/page_files/report.*")]):
        total.update(f"{path.relative_to(PACKAGE).as_posix()}\n".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


@functools.cache
def versions() -> dict[str, str]:
    """Versions of this program, Python and what numbers depend on, and the kind of machine."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version(), "machine": f"{sys.platform} {platform.machine()}"}
    for name in NAMED:
        module = sys.modules.get(name)
        loaded = getattr(module, "__version__", None) or getattr(module, "VERSION", None)
        found[name] = str(loaded) if loaded else _installed(name)
    try:
        found["trading-system"] = version("trading-system")
    except PackageNotFoundError:
        found["trading-system"] = "from source"
    return found


def _installed(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


class GitState:
    """Branch, commit and cleanliness of the repository around a folder, asked for while other work goes on."""

    def __init__(self, folder: Path) -> None:
        self._git = _git_folder(folder)
        self._child: subprocess.Popen[bytes] | None = None
        if self._git is None:
            return
        command = ["git", "-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false", "status", "--porcelain", "-uno"]
        try:
            self._child = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError:  # no git on this machine: branch and commit are read from its files
            self._child = None

    def state(self) -> dict[str, Any] | None:
        """`branch` and `commit` (None when unborn or detached), `dirty`: a tracked file differs; None outside a repository."""
        if self._git is None:
            return None
        branch, commit = _head(self._git)
        return {"branch": branch, "commit": commit, "dirty": self._dirty()}

    def _dirty(self) -> bool | None:
        child, self._child = self._child, None
        if child is None:
            return None
        try:
            out, _ = child.communicate(timeout=GIT_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            return None
        return bool(out.strip()) if child.returncode == 0 else None

    def close(self) -> None:
        """Stop asking."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None


def _git_folder(folder: Path) -> Path | None:
    for parent in (folder, *folder.parents):
        git = parent / ".git"
        if git.is_dir():
            return git
        if git.is_file():  # a linked work tree
            text = _text(git)
            return (parent / text[8:].strip()).resolve() if text.startswith("gitdir: ") else None
    return None


def _head(git: Path) -> tuple[str | None, str | None]:
    head = _text(git / "HEAD").strip()
    if not head.startswith("ref: "):
        return None, head or None
    name = head[5:]
    common = git / (_text(git / "commondir").strip() or ".")
    for folder in (git, common):
        loose = _text(folder / name).strip()
        if loose:
            return name.removeprefix("refs/heads/"), loose
    for line in _text(common / "packed-refs").splitlines():
        if line.endswith(f" {name}"):
            return name.removeprefix("refs/heads/"), line.split()[0]
    return name.removeprefix("refs/heads/"), None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def comparable(name: str, data: bytes) -> bytes:
    """The bytes of an artefact without times, ids and places; what must be equal when the same work is done twice.

    A log that is not what was written is given as it is.
    """
    if name == "manifest.json":
        document = json.loads(data)
        for key in VOLATILE:
            document.pop(key, None)
        for key in _NOT_COMPARED:
            document.get("artefacts", {}).pop(key, None)
        return json.dumps(document, indent=2, ensure_ascii=False).encode(errors=ESCAPED)
    if name == REPORT:
        begin, end = (mark.encode() for mark in IDENTITY)
        head, _, rest = data.partition(begin)
        return head + rest.partition(end)[2]
    if name == "run.log":
        try:
            lines = [dict(json.loads(line)) for line in data.splitlines()]
        except (ValueError, TypeError, RecursionError):
            return data
        kept = [{key: value for key, value in line.items() if key not in ("ts", "run_id", "seconds")} for line in lines]
        return "\n".join(json.dumps(line, ensure_ascii=False) for line in kept).encode(errors=ESCAPED)
    return data
