"""The project's append-only journal: what was tried and what is held out, each record hashed over the one before it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from trading_system.errors import OutputError
from trading_system.files import beside, output_errors, real_folder, sweep

FOLDER = ".trading-system"
NAME = "trials.sqlite"
SCHEMA = 1
WAIT = 30.0  # seconds that one process waits for another's transaction
GENESIS = "0" * 64
_TABLES = """
CREATE TABLE IF NOT EXISTS records (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS trial_key ON records (kind, json_extract(body, '$.key'));
CREATE TABLE IF NOT EXISTS symbols (hash TEXT PRIMARY KEY, names TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS families (family TEXT PRIMARY KEY, seen INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS kept (
    family TEXT NOT NULL, slot INTEGER NOT NULL, trial INTEGER NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (family, slot));
CREATE VIEW IF NOT EXISTS trials AS SELECT number, json_extract(body, '$.created') AS created,
    json_extract(body, '$.family') AS family, json_extract(body, '$.strategies') AS strategies,
    json_extract(body, '$.period') AS period, json_extract(body, '$.first') AS first, json_extract(body, '$.last') AS last,
    json_extract(body, '$.configurations') AS configurations, json_extract(body, '$.sharpe_mean') AS sharpe_mean,
    json_extract(body, '$.sharpe_variance') AS sharpe_variance, json_extract(body, '$.config_hash') AS config_hash,
    json_extract(body, '$.data_hash') AS data_hash, hash FROM records WHERE kind = 'trial';
"""


@dataclass(frozen=True)
class Anchor:
    """How long the journal was at some moment, and the hash of its last record then."""

    count: int
    head: str


@dataclass(frozen=True)
class Verification:
    """Whether the journal is what was written.

    Attributes
    ----------
    count : int
        Records found.
    problems : tuple of str
        What is wrong with them, in the order of the records; empty when the chain is whole.
    """

    count: int
    problems: tuple[str, ...]

    @property
    def intact(self) -> bool:
        """No problem at all."""
        return not self.problems


class Journal:
    """The journal beside a run file, open for reading and appending; a context manager.

    It lies in ``.trading-system/trials.sqlite`` under the run file's folder, whatever ``--out`` says. Processes may append at
    the same time: each transaction waits for the others. A record is on the disk when `transaction` ends.

    Parameters
    ----------
    root : Path
        Folder of the run file.

    Raises
    ------
    OutputError
        It cannot be opened, read or written, is no journal, or was written by a newer version.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER
        self.path = self.folder / NAME

    def __enter__(self) -> Self:
        real_folder(self.folder)
        if self.path.is_symlink():
            raise OutputError("is a symbolic link; the journal follows none", where=str(self.path))
        sweep(self.folder)
        if not self.path.exists():
            self._create()
        with self._errors():
            self._store = sqlite3.connect(self.path, timeout=WAIT, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._store.close()
                raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._store.close()

    def _prepare(self) -> None:
        self._store.execute("PRAGMA synchronous = EXTRA")
        (version,) = self._store.execute("PRAGMA user_version").fetchone()
        if version == SCHEMA:
            return
        if version > SCHEMA:
            raise OutputError(
                f"was written by a newer version (schema {version}, this program knows {SCHEMA})",
                where=str(self.path),
                remedy="upgrade trading-system",
            )
        with self.transaction():
            _make_tables(self._store)

    def _create(self) -> None:
        """Put an empty journal in place, whole or not at all; one that another process puts there first is kept."""
        temporary = beside(self.path)
        try:
            with self._errors(), contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as store:
                store.execute("PRAGMA journal_mode = OFF")
                store.execute("BEGIN")
                _make_tables(store)
                store.execute("COMMIT")
            with output_errors(self.path):
                try:
                    os.link(temporary, self.path)
                except FileExistsError:
                    pass
                except OSError:  # a file system without links
                    if not self.path.exists():
                        os.rename(temporary, self.path)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorname", type(error).__name__)
            raise OutputError(
                f"the journal of trials cannot be used: {error} ({code})", where=str(self.path), remedy=_remedy(code)
            ) from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is kept together, or nothing of it; other writers wait."""
        with self._errors():
            self._store.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._store.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._store.execute("ROLLBACK")
                raise

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of one statement of this package on the journal's side tables."""
        with self._errors():
            return self._store.execute(statement, values).fetchall()

    def anchor(self) -> Anchor:
        """Where the journal stands now."""
        rows = self.execute("SELECT number, hash FROM records ORDER BY number DESC LIMIT 1")
        return Anchor(*rows[0]) if rows else Anchor(0, GENESIS)

    def append(self, kind: str, body: Mapping[str, Any]) -> Anchor:
        """Add a record; call it inside `transaction`."""
        before = self.anchor()
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        number = before.count + 1
        digest = link(number, kind, text, before.head)
        self.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?)", number, kind, text, before.head, digest)
        return Anchor(number, digest)

    def records(self, kind: str) -> list[dict[str, Any]]:
        """Bodies of all records of `kind`, oldest first, each with its ``number``; OutputError when one was edited."""
        rows = self.execute("SELECT * FROM records WHERE kind = ? ORDER BY number", kind)
        return [{**_parsed(self.path, *row), "number": row[0]} for row in rows]

    def verify(self, *anchors: Anchor) -> Verification:
        """Walk the whole chain; with `anchors`, taken from results, also whether the journal still contains them."""
        problems: list[str] = []
        hashes, previous, expected = {0: GENESIS}, GENESIS, 1
        for number, kind, body, before, digest in self.execute("SELECT * FROM records ORDER BY number"):
            if number != expected:
                problems.append(f"record {expected} is missing" if number > expected else f"record {number} is out of place")
            if before != previous:
                problems.append(f"record {number} does not follow the one before it")
            if digest != link(number, kind, body, before):
                problems.append(f"record {number} was edited")
            hashes[number], previous, expected = digest, digest, number + 1
        for anchor in anchors:
            if anchor.count not in hashes:
                problems.append(f"the journal ends before record {anchor.count}, which a result names")
            elif hashes[anchor.count] != anchor.head:
                problems.append(f"record {anchor.count} is not the one that a result names: the journal was rewritten")
        return Verification(len(hashes) - 1, tuple(problems))


def _make_tables(store: sqlite3.Connection) -> None:
    for statement in _TABLES.split(";\n"):
        store.execute(statement)
    store.execute(f"PRAGMA user_version = {SCHEMA}")


def link(number: int, kind: str, body: str, previous: str) -> str:
    """Hash of a record over the hash of the one before it."""
    return hashlib.sha256(f"{number}\n{kind}\n{previous}\n{body}".encode()).hexdigest()


def _parsed(path: Path, number: int, kind: str, body: Any, previous: str, digest: str) -> dict[str, Any]:
    if digest != link(number, kind, body, previous):
        raise OutputError(
            f"record {number} of the journal is not what was written", where=str(path), remedy="restore it from a backup"
        )
    found: dict[str, Any] = json.loads(body)
    return found


def _remedy(code: str) -> str:
    if code in ("SQLITE_BUSY", "SQLITE_LOCKED"):
        return f"another process has held it for {WAIT:g} s; wait for it to end"
    if code == "SQLITE_FULL":
        return "make room on that disk"
    if code in ("SQLITE_CORRUPT", "SQLITE_NOTADB"):
        return (
            "the file is damaged: restore it from a backup; moving it away starts a new count, which later results will show"
        )
    return "it lies beside the run file, which must be in a folder that you may write to"
