"""What is worked out of one market and asked for again: a search tries many parameters on it, and most of the work is the same.

Nothing is shared unless somebody says that a market will be asked often: a single backtest keeps nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from trading_system.data.bars import Bars

T = TypeVar("T")
PANELS = 48  # as many panels of a market are kept at most ...
MOST = 1 << 30  # ... and as many bytes


class Shared:
    """Results by key, as many as fit; the ones that were made first go first.

    Parameters
    ----------
    most : int
        Bytes that may be kept.
    """

    def __init__(self, most: int) -> None:
        self._most, self._used = most, 0
        self._kept: dict[Hashable, tuple[Any, int]] = {}
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, made once for `key` as long as it is kept; nobody may write to it.

        Threads that ask at the same time may both make it: they make the same.
        """
        found = self._kept.get(key)
        if found is not None:
            value: T = found[0]
            return value
        made = make()
        size = _size(made)
        with self._lock:
            if size <= self._most and key not in self._kept:
                while self._used + size > self._most:
                    self._used -= self._kept.pop(next(iter(self._kept)))[1]
                self._kept[key] = made, size
                self._used += size
        return made


def _size(value: Any) -> int:
    if isinstance(value, (tuple, list)):
        return sum(_size(part) for part in value)
    return int(getattr(value, "nbytes", 64))


_markets: WeakKeyDictionary[Bars, Shared] = WeakKeyDictionary()
_lock = Lock()


def share(bars: Bars) -> Shared:
    """From now on, what is worked out of `bars` is kept as long as somebody holds them."""
    with _lock:
        found = _markets.get(bars)
        if found is None:
            found = _markets[bars] = Shared(min(MOST, PANELS * bars.close.nbytes))
        return found


def shared(bars: Bars) -> Shared | None:
    """Where results of `bars` are kept; None where they are not."""
    return _markets.get(bars) if _markets else None
