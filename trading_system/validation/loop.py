"""The one loop over worlds: numbered tasks on threads, in chunks that are kept, so that a stopped test goes on where it was.

A task is a number and gives one row of floats that depends on nothing else; so the table is the same in any chunks, on any number
of threads, and after any number of kills.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from trading_system.errors import OutputError
from trading_system.files import real_folder
from trading_system.parallel import mapped

if TYPE_CHECKING:
    from trading_system.types import FloatArray

SCHEMA = 1
FOLDER = "work"
TARGET_SECONDS = 1.0
Told = Callable[[str, int, int], None]
"""Hears the name of a piece of work, how many tasks are done, and how many there are."""


def silent(name: str, done: int, of: int) -> None:
    """Hears nothing."""


@dataclass(eq=False)
class Loop:
    """Runs numbered tasks.

    Attributes
    ----------
    told : callable
        Hears of progress, from one thread at a time.
    store : Store or None
        Where finished chunks are kept; None keeps nothing.
    """

    told: Told = silent
    store: Store | None = None
    _lock: Lock = field(default_factory=Lock)

    def rows(
        self, name: str, task: Callable[[int], Sequence[float] | FloatArray], n: int, width: int, chunk: int = 0
    ) -> FloatArray:
        """``[task(0), ..., task(n - 1)]`` as an array, shape (n, width).

        Parameters
        ----------
        name : str
            What it is; together with the store's key it names the work, so it must say every size that the rows depend on.
        task : callable
            Number -> `width` floats; runs on several threads at once, and must depend on its number alone.
        chunk : int
            Tasks that are kept together; 0 chooses so many that a chunk takes about a second.

        Raises
        ------
        TradingSystemError
            What a task raised, the first in order; chunks that were finished are kept.
        """

        def piece(start: int, stop: int) -> FloatArray:
            rows = np.empty((stop - start, width))
            for number in range(start, stop):
                rows[number - start] = task(number)
            return rows

        return self.spans(name, piece, n, width, chunk)

    def spans(self, name: str, piece: Callable[[int, int], FloatArray], n: int, width: int, chunk: int = 0) -> FloatArray:
        """`rows` of tasks that are done many at a time: ``piece(start, stop)`` gives the rows of tasks start..stop - 1.

        A row depends on the number of its task alone, not on the piece that it is made in.
        """
        out = np.empty((n, width))
        if n == 0:
            return out
        spans = self._kept(name, n, width, out)
        done = n - sum(stop - start for start, stop in spans)
        self.told(name, done, n)
        if spans and not chunk:
            (start, stop), *rest = spans
            began = time.perf_counter()
            self._finish(name, start, piece(start, start + 1), out)
            spent = max(time.perf_counter() - began, 1e-6)
            chunk = max(1, min(int(TARGET_SECONDS / spent), 4096))
            spans, done = [(start + 1, stop), *rest], done + 1
        pieces = [
            (a, min(a + chunk, stop)) for start, stop in spans for a in range(start, stop, max(chunk, 1)) if start < stop
        ]
        progress = [done]

        def work(span: tuple[int, int]) -> None:
            a, b = span
            self._finish(name, a, piece(a, b), out)
            with self._lock:
                progress[0] += b - a
                self.told(name, progress[0], n)

        mapped(work, pieces)
        return out

    def _finish(self, name: str, start: int, rows: FloatArray, out: FloatArray) -> None:
        """Put finished rows in their place, and keep them."""
        out[start : start + rows.shape[0]] = rows
        if self.store is not None:
            self.store.put(name, start, rows)

    def _kept(self, name: str, n: int, width: int, out: FloatArray) -> list[tuple[int, int]]:
        """Fill `out` with what is kept; the spans that are still to be done."""
        if self.store is None:
            return [(0, n)]
        missing, at = [], 0
        for start, rows in self.store.get(name, width):
            stop = start + rows.shape[0]
            if start < at or stop > n:
                continue
            if start > at:
                missing.append((at, start))
            out[start:stop], at = rows, stop
        if at < n:
            missing.append((at, n))
        return missing


class Store:
    """Finished chunks of one piece of work, in a SQLite file below the journal's folder; a chunk is there whole or not at all.

    Parameters
    ----------
    folder : Path
        The journal's folder (``.trading-system``).
    key : str
        sha256 of all that the rows depend on: configuration, data, code, period, versions.
    fresh : bool
        Forget what an earlier, stopped run of the same work has kept.

    Raises
    ------
    OutputError
        The file cannot be written, or is not such a file.
    """

    def __init__(self, folder: Path, key: str, *, fresh: bool = False) -> None:
        self.path = folder / FOLDER / f"{key[:32]}.sqlite"
        self._lock = Lock()
        with self._errors():
            real_folder(folder)
            real_folder(self.path.parent)
            if fresh:
                self._remove()
            self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=30.0)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS chunks (name TEXT, start INTEGER, width INTEGER, sha256 TEXT, data BLOB,"
                " PRIMARY KEY (name, start))"
            )
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS texts (name TEXT, number INTEGER, text TEXT, PRIMARY KEY (name, number))"
            )
            version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
            if version not in (0, SCHEMA):
                raise OutputError(f"was written by another version (schema {version})", where=str(self.path))
            self._db.execute(f"PRAGMA user_version={SCHEMA}")

    def get(self, name: str, width: int) -> Iterator[tuple[int, FloatArray]]:
        """First task and rows of every chunk of `name`, in order; one that is damaged is left out, to be done again."""
        with self._errors(), self._lock:
            found = self._db.execute(
                "SELECT start, width, sha256, data FROM chunks WHERE name = ? ORDER BY start", (name,)
            ).fetchall()
        for start, wide, digest, data in found:
            if wide == width and hashlib.sha256(data).hexdigest() == digest and len(data) % (8 * width) == 0:
                yield int(start), np.frombuffer(data, np.float64).reshape(-1, width)

    def put(self, name: str, start: int, rows: FloatArray) -> None:
        """Keep a chunk; it is on the disk when this returns."""
        data = np.ascontiguousarray(rows, np.float64).tobytes()
        digest = hashlib.sha256(data).hexdigest()
        with self._errors(), self._lock:
            self._db.execute(
                "INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?)", (name, start, rows.shape[1], digest, data)
            )

    def say(self, name: str, number: int, text: str) -> None:
        """Keep what is to be said of one task."""
        with self._errors(), self._lock:
            self._db.execute("INSERT OR REPLACE INTO texts VALUES (?, ?, ?)", (name, number, text))

    def said(self, name: str) -> dict[int, str]:
        """What was said of the tasks of `name`."""
        with self._errors(), self._lock:
            return dict(self._db.execute("SELECT number, text FROM texts WHERE name = ? ORDER BY number", (name,)).fetchall())

    def close(self, *, done: bool) -> None:
        """Let go of the file; `done` removes it, for nothing is left to go on with."""
        self._db.close()
        if done:
            self._remove()

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise OutputError(
                f"what is finished of the work cannot be kept: {error}",
                where=str(self.path),
                remedy="make room, or remove the file and begin again",
            ) from error
