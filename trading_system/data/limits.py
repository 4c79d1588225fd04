"""How much a process may hold, and files read no further than that."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path

from trading_system.errors import CapacityError, DataError


def memory_limit() -> int:
    """Bytes of memory this process may use: the machine's, or its control group's where that is smaller."""
    try:
        physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        physical = 8 * 2**30
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            physical = min(physical, int(Path(name).read_text().strip()))
        except (OSError, ValueError):
            continue
    return int(physical)


def read_bytes(file: Path) -> bytes:
    """The content of `file`, unpacked when it is gzip; never more than a quarter of the memory.

    Raises
    ------
    DataError
        When it cannot be read, or the gzip stream is damaged or cut.
    CapacityError
        When it is too large.
    """
    limit = memory_limit() // 4
    try:
        size = file.stat().st_size
        if size > limit:
            raise _too_large(file, f"{size:,} bytes", limit)
        raw = file.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            with gzip.open(file) as packed:
                raw = packed.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"cannot be read ({getattr(error, 'strerror', None) or error})", where=str(file), remedy="copy it again"
        ) from None
    if len(raw) > limit:
        raise _too_large(file, f"more than {limit:,} bytes unpacked", limit)
    return raw


def _too_large(file: Path, size: str, limit: int) -> CapacityError:
    return CapacityError(
        f"{size}; a quarter of the memory, {limit:,} bytes, is read at most",
        where=file.name,
        remedy="split the file, or convert it: data import",
    )
