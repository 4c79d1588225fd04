"""Arrays kept in one SQLite file: written whole or not at all, checked by sha256 when read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.parallel import mapped

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCHEMA = 1
_CHUNK = 256 * 1024 * 1024
_TYPES = ("<f8", "<i8", "<i4", "|b1")


class DamagedError(Exception):
    """The file is not what was written; rebuild it."""


def write(path: Path, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Put `meta` (JSON-able) and `arrays` into `path`, atomically: a reader sees the old file, none, or the whole new one.

    Raises
    ------
    OSError, sqlite3.Error
        When it cannot be written; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        with contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as store:
            store.execute("PRAGMA page_size = 65536")
            store.execute("PRAGMA journal_mode = OFF")
            store.execute("PRAGMA synchronous = OFF")
            store.execute("BEGIN")
            store.execute("CREATE TABLE meta (text TEXT, sha256 TEXT)")
            store.execute("CREATE TABLE arrays (name TEXT, part INTEGER, dtype TEXT, shape TEXT, sha256 TEXT, data BLOB)")
            text = json.dumps({"schema": SCHEMA, "meta": meta, "arrays": list(arrays)})  # the order of keys is kept
            store.execute("INSERT INTO meta VALUES (?, ?)", (text, hashlib.sha256(text.encode()).hexdigest()))
            for name, array in arrays.items():
                _insert(store, name, array)
            store.execute("COMMIT")
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _insert(store: sqlite3.Connection, name: str, array: NDArray[Any]) -> None:
    array = np.ascontiguousarray(array)
    if array.dtype.str not in _TYPES:
        raise TypeError(f"{name}: dtype {array.dtype}")
    data = array.reshape(-1).view(np.uint8).data
    shape = json.dumps(array.shape)
    for part, start in enumerate(range(0, max(len(data), 1), _CHUNK)):
        piece = data[start : start + _CHUNK]
        digest = _digest(shape, piece)
        store.execute("INSERT INTO arrays VALUES (?, ?, ?, ?, ?, ?)", (name, part, array.dtype.str, shape, digest, piece))


def _digest(shape: str, piece: memoryview | bytes) -> str:
    digest = hashlib.sha256(shape.encode())
    digest.update(piece)
    return digest.hexdigest()


def read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What `write` put there; the arrays are read-only.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    DamagedError
        When any byte of it changed, or another version wrote it.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as store:
            store.execute("PRAGMA mmap_size = 2147483648")
            text, digest = store.execute("SELECT text, sha256 FROM meta").fetchone()
            rows = store.execute("SELECT name, part, dtype, shape, sha256, data FROM arrays ORDER BY rowid").fetchall()
        if hashlib.sha256(text.encode()).hexdigest() != digest:
            raise DamagedError("the header does not match its sha256")
        header = json.loads(text)
        if header["schema"] != SCHEMA:
            raise DamagedError(f"schema {header['schema']}")
        return header["meta"], _arrays(rows, header["arrays"])
    except (sqlite3.Error, ValueError, TypeError, KeyError, AttributeError, OverflowError, MemoryError) as error:
        raise DamagedError(str(error)) from error


def _arrays(rows: list[tuple[Any, ...]], names: list[str]) -> dict[str, NDArray[Any]]:
    pieces: dict[str, list[NDArray[Any]]] = {}
    shapes: dict[str, list[int]] = {}
    digests = mapped(lambda row: _digest(row[3], row[5]), rows)
    for (name, part, dtype, shape, expected, data), found in zip(rows, digests, strict=True):
        if found != expected or dtype not in _TYPES or part != len(pieces.setdefault(name, [])):
            raise DamagedError(f"{name} does not match its sha256")
        pieces[name].append(np.frombuffer(data, dtype=dtype))
        shapes[name] = json.loads(shape)
    if sorted(pieces) != sorted(names):
        raise DamagedError("an array is missing")
    return {name: (part[0] if len(part) == 1 else np.concatenate(part)).reshape(shapes[name]) for name, part in pieces.items()}
