"""Markets kept ready: keyed by the content of every file that made them, the options, and the code of this room.

A key never contains a size or a time of change: the second load reads the files' bytes, hashes them (1 to 2 GB a second) and skips
the parsing, checking and aligning. Any damage is found by sha256 and mended by loading anew.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.data import blobs
from trading_system.data.bars import Actions, Bars, Quotes
from trading_system.errors import DataError
from trading_system.parallel import mapped

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_BYTES = 4 * 2**30
MOST_FILES = 64
_PIECE = 8 * 2**20
_ARRAYS = (
    "index", "session", "open", "high", "low", "close", "volume", "expected", "calendar_of", "tradable", "delisted_row", "delisted_price",
    "sampled", "day_end",
)  # fmt: skip
_PLAIN = ("symbols", "asset_class", "calendars", "timeframe", "periods_per_year", "benchmark", "has_volume", "prices")
Stored = tuple[Bars, dict[str, Any], tuple[str, ...], dict[str, str]]


def content_hash(files: Sequence[Path]) -> str:
    """sha256 over the names of `files` and the sha256 of every 8 MB of them, on threads.

    Raises
    ------
    DataError
        When one cannot be read.
    """
    pieces = [(file, start) for file in files for start in range(0, max(_size(file), 1), _PIECE)]
    digests = mapped(_piece_hash, pieces)
    whole = hashlib.sha256(json.dumps([file.name for file in files]).encode())
    for (file, start), digest in zip(pieces, digests, strict=True):
        whole.update(json.dumps([file.name, start, digest]).encode())
    return whole.hexdigest()


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", where=str(file)) from None


def _piece_hash(piece: tuple[Path, int]) -> str:
    file, start = piece
    try:
        with file.open("rb") as handle:
            handle.seek(start)
            return hashlib.sha256(handle.read(_PIECE)).hexdigest()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", where=str(file)) from None


@functools.cache
def _code() -> str:
    """sha256 of this room's own source: a change of any rule makes every older entry another key."""
    here = Path(__file__).parent
    return content_hash(sorted([*here.glob("*.py"), *here.glob("markets/*.parquet")]))


@functools.cache
def _versions() -> list[str]:
    from importlib.metadata import version

    return [version(name) for name in ("exchange-calendars", "numpy", "pyarrow")]


def key(content: str, options: Any) -> str:
    """The name of a market: what its files hold, what was asked of them, and who reads them."""
    text = json.dumps([content, options, _code(), _versions(), blobs.SCHEMA], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _file(cache: Path, name: str) -> Path:
    return cache / "bars" / f"{name}.sqlite"


def load(cache: Path, name: str) -> tuple[Stored | None, str]:
    """The market stored under `name`, or None; the second value is a note when something was there and could not be used."""
    file = _file(cache, name)
    try:
        meta, arrays = blobs.read(file)
        stored = _market(meta, arrays)
    except FileNotFoundError:
        return None, ""
    except (blobs.DamagedError, KeyError, TypeError, ValueError) as error:
        return None, f"the cached market {file.name[:12]} was damaged ({error}) and is built anew"
    except OSError as error:
        return None, f"the cache {cache} cannot be read ({error.strerror}); the files are read again"
    with contextlib.suppress(OSError):
        os.utime(file)
    return stored, ""


def _market(meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Stored:
    plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in meta["plain"].items()}
    quotes = Quotes(**{item.name: arrays[item.name] for item in fields(Quotes)}) if "bid_open" in arrays else None
    actions = Actions(*(arrays[f"action_{item.name}"] for item in fields(Actions)))
    parts: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
    bars = Bars(**parts, **plain, actions=actions, quotes=quotes)
    return bars, meta["quality"], tuple(meta["notes"]), meta["hashes"]


def save(cache: Path, name: str, stored: Stored) -> str:
    """Keep a market; the value is a note when that failed."""
    bars, quality, notes, hashes = stored
    arrays: dict[str, NDArray[Any]] = {array: getattr(bars, array) for array in _ARRAYS}
    arrays |= {f"action_{item.name}": getattr(bars.actions, item.name) for item in fields(Actions)}
    if bars.quotes is not None:
        arrays |= {item.name: getattr(bars.quotes, item.name) for item in fields(Quotes)}
    meta = {"plain": {item: getattr(bars, item) for item in _PLAIN}, "quality": quality, "notes": notes, "hashes": hashes}
    try:
        blobs.write(_file(cache, name), meta, arrays)
        _trim((cache / "bars").glob("*.sqlite"))
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return f"the cache {cache} cannot be written ({reason}); the next run reads the files again"
    return ""


def _trim(files: Iterable[Path]) -> None:
    """Remove the markets longest unused when there are too many or they are too large together."""
    known = []
    for file in files:
        with contextlib.suppress(OSError):
            stat = file.stat()
            known.append((stat.st_mtime, stat.st_size, file))
    known.sort(key=lambda one: one[0], reverse=True)
    total = np.cumsum([size for _, size, _ in known])
    for number, (_, _, file) in enumerate(known):
        if number and (number >= MOST_FILES or total[number] > MOST_BYTES):
            with contextlib.suppress(OSError):
                file.unlink()


def frozen(bars: Bars) -> Bars:
    """The same bars with arrays that nobody can write to, as those from the cache are."""
    arrays = [getattr(bars, name) for name in _ARRAYS] + [bars.factor, bars.split_factor]
    arrays += [getattr(bars.actions, item.name) for item in fields(Actions)]
    if bars.quotes is not None:
        arrays += [getattr(bars.quotes, item.name) for item in fields(Quotes)]
    for array in arrays:
        if array is not None:
            array.flags.writeable = False
    return bars
