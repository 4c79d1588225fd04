"""Writing that happens whole or not at all: errors with path and errno, folders written beside and renamed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import platform
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from trading_system.errors import OutputError

REMEDIES = {
    errno.ENOSPC: "make room on that disk, or write elsewhere with --out",
    errno.EDQUOT: "your quota is used up: make room, or write elsewhere with --out",
    errno.EFBIG: "the file-size limit of this process is too small (ulimit -f)",
    errno.EACCES: "you may not write there: change its permissions, or write elsewhere with --out",
    errno.EPERM: "you may not write there: change its permissions, or write elsewhere with --out",
    errno.EROFS: "that file system is read-only: write elsewhere with --out",
    errno.EMFILE: "this process may not open more files (ulimit -n)",
    errno.ENFILE: "this machine may not open more files",
    errno.EIO: "the disk reports a fault: check it, and write elsewhere with --out",
}


@contextlib.contextmanager
def output_errors(path: Path, verb: str = "written") -> Iterator[None]:
    """Turn an `OSError` inside into an `OutputError` that names `path` and the errno."""
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        name = errno.errorcode.get(number, "")
        raise OutputError(
            f"cannot be {verb}: {error.strerror or error} (errno {number}{', ' + name if name else ''})",
            where=str(path),
            remedy=REMEDIES.get(number, ""),
        ) from error


def real_folder(folder: Path) -> Path:
    """`folder`, made when it does not exist; a symbolic link in its place is refused.

    Raises
    ------
    OutputError
        It is a link or a file, or cannot be made.
    """
    if folder.is_symlink():
        raise OutputError("is a symbolic link; results follow none", where=str(folder), remedy="name the folder itself")
    if folder.exists() and not folder.is_dir():
        raise OutputError("is a file, no folder", where=str(folder), remedy="choose another folder with --out")
    with output_errors(folder, "made"):
        os.makedirs(folder, exist_ok=True)
    return folder


class FolderWriter:
    """A folder of files that appears under its name complete, or never.

    The files are written to a hidden folder beside it, flushed to the disk, and renamed at `commit`. Whatever stops the
    process before that leaves the name free; what a killed process left behind is removed by the next one on this machine.

    Parameters
    ----------
    parent : Path
        Existing folder.
    name : str
        Of the new folder.
    """

    def __init__(self, parent: Path, name: str) -> None:
        self.path = parent / name
        self._temporary = beside(self.path)
        self._renamed = False
        self._open: list[tuple[str, int]] = []
        self.hashes: dict[str, str] = {}

    def __enter__(self) -> Self:
        sweep(self.path.parent)
        with output_errors(self.path):
            os.mkdir(self._temporary)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for _, number in self._open:
            with contextlib.suppress(OSError):
                os.close(number)
        if not self._renamed:
            _remove(self._temporary)

    def add(self, name: str, pieces: Iterable[bytes]) -> str:
        """Write `pieces` to the file `name`; its sha256 (hex). The disk gets all files at once, at `commit`."""
        digest = hashlib.sha256()
        with output_errors(self.path / name):
            number = os.open(self._temporary / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o666)
            self._open.append((name, number))
            for piece in pieces:
                digest.update(piece)
                _write(number, piece)
        self.hashes[name] = digest.hexdigest()
        return self.hashes[name]

    def read(self, name: str) -> bytes:
        """The bytes of a file that was added."""
        with output_errors(self.path / name, "read"):
            return (self._temporary / name).read_bytes()

    def commit(self) -> bool:
        """Give the folder its name; False when another writer has taken it in the meantime."""
        while self._open:
            name, number = self._open[-1]
            with output_errors(self.path / name):
                os.fsync(number)
                self._open.pop()
                os.close(number)
        with output_errors(self.path):
            _sync_folder(self._temporary)
            if os.path.lexists(self.path):
                return False
            try:
                os.rename(self._temporary, self.path)
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    return False
                raise
            self._renamed = True
            try:
                _sync_folder(self.path.parent)
            except OSError:
                with contextlib.suppress(OSError):
                    os.rename(self.path, self._temporary)
                    self._renamed = False
                raise
        return True


ESCAPED = "backslashreplace"  # a file name that is no UTF-8 is JSON's own escape in JSON
_SUFFIX = ".partial"
_OURS = re.compile(r"\A\..*\.([0-9a-f]{8})\.([0-9]{1,18})\.partial\Z", re.DOTALL)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def sweep(parent: Path) -> None:
    """Remove what processes of this machine that are gone left half-written below `parent`."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(parent):
            found = _OURS.search(entry.name)
            if found and found[1] == _host() and not _alive(int(found[2])) and not entry.is_symlink():
                _remove(Path(entry.path))


def beside(path: Path) -> Path:
    """A name of this process in the same folder, which nobody can guess and `sweep` knows."""
    return path.with_name(f".{path.name}.{os.urandom(6).hex()}.{_host()}.{os.getpid()}{_SUFFIX}")


def write_file(path: Path, data: bytes, *, new: bool = False) -> None:
    """Put `data` into the file `path`, atomically: readers see all of it or what was there before.

    With `new` a file that is there already is an `OutputError`, whoever put it there.
    """
    with _taking_place(path, new) as temporary:
        number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o666)
        try:
            _write(number, data)
            os.fsync(number)
        finally:
            os.close(number)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """An empty file beside `path` for the block to fill; on the disk and in the place of `path` when all went well, else gone."""
    with _taking_place(path, new=False) as temporary:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o666))
        yield temporary
        number = os.open(temporary, os.O_RDWR | _NO_FOLLOW)
        try:
            os.fsync(number)
        finally:
            os.close(number)


@contextlib.contextmanager
def _taking_place(path: Path, new: bool) -> Iterator[Path]:
    temporary = beside(path)
    try:
        with output_errors(path):
            yield temporary
            if new:
                _linked(temporary, path)
            else:
                os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _linked(temporary: Path, path: Path) -> None:
    """Give the file its name unless somebody else has it."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        os.rename(temporary, path)


@contextlib.contextmanager
def unmade(folder: Path) -> Iterator[None]:
    """Those of `folder` and the folders above it that do not exist yet are gone again when the block fails and left them empty."""
    fresh = [one for one in (folder, *folder.parents) if not os.path.lexists(one)]
    try:
        yield
    except BaseException:
        for one in fresh:
            with contextlib.suppress(OSError):
                os.rmdir(one)
        raise


def make_folder(folder: Path) -> None:
    """Make `folder` where it does not exist; links are followed, for folders that a command line names."""
    with output_errors(folder, "made"):
        os.makedirs(folder, exist_ok=True)


def _write(number: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(number, view) :]


def _sync_folder(path: Path) -> None:
    if os.name == "nt":
        return  # a folder cannot be opened there
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _remove(folder: Path) -> None:
    """Delete a file or a flat folder of ours; what cannot be deleted stays for the next sweep."""
    for _ in range(2):
        with contextlib.suppress(OSError):
            if not folder.is_dir():
                os.unlink(folder)
                return
            for name in os.listdir(folder):
                os.unlink(folder / name)
            os.rmdir(folder)
            return


def _host() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _alive(number: int) -> bool:
    if os.name == "nt":
        return True  # a signal of 0 would end the process there
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
