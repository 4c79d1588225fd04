"""What many parameter sets have in common on one market is worked out once: a memo that is on during a search and off otherwise.

Only results of panels that are known to stand still (those of a market's bars) are remembered; a panel that a rule makes on its way is not.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")
MOST = 256 * 2**20
"""Bytes of results that are kept; those that were not asked for longest go first."""


class Memo:
    """Results by owner and key, from any thread."""

    def __init__(self, most: int) -> None:
        self.most, self.held, self.scopes = most, 0, 0
        self.known: dict[int, Any] = {}
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> Any:
        """What is remembered, or None."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                return None
            self._entries.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Remember a result of `size` bytes, unless it alone is more than there is room for."""
        if size > self.most:
            return
        with self._lock:
            if key in self._entries:
                return
            self._entries[key] = (value, size)
            self.held += size
            while self.held > self.most:
                _, (_, gone) = self._entries.popitem(last=False)
                self.held -= gone


_now: list[Memo] = []
_gate = Lock()


@contextmanager
def remembering(owners: Iterable[Any], most: int = MOST) -> Iterator[Memo]:
    """Remember what is worked out from `owners` (bars and their panels, which must not change) until the outermost scope ends."""
    with _gate:
        if not _now:
            _now.append(Memo(most))
        memo = _now[0]
        memo.scopes += 1
        memo.known.update({id(owner): owner for owner in owners})
    try:
        yield memo
    finally:
        with _gate:
            memo.scopes -= 1
            if memo.scopes == 0:
                _now.clear()


def is_on() -> bool:
    """Whether anything is remembered now."""
    return bool(_now)


def remembered(owners: tuple[Any, ...], key: Hashable, make: Callable[[], T], size: Callable[[T], int]) -> T:
    """``make()``, or what it gave for the same owners and key before; whoever asks must not change it."""
    memo = _now[0] if _now else None
    if memo is None or any(id(owner) not in memo.known for owner in owners):
        return make()
    whole = (tuple(map(id, owners)), key)
    found: T | None = memo.get(whole)
    if found is None:
        found = make()
        memo.put(whole, found, size(found))
    return found


def kernel_key(kernel: Callable[..., Any]) -> Hashable | None:
    """What tells a kernel and the numbers that are bound to it from others; None where that cannot be told."""
    code = getattr(kernel, "__code__", None)
    if code is None or getattr(kernel, "__defaults__", None):
        return None
    bound = tuple(cell.cell_contents for cell in (getattr(kernel, "__closure__", None) or ()))
    if any(type(value) not in (int, float, bool, str) for value in bound):
        return None
    return code, tuple((type(value), value) for value in bound)
