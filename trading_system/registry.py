"""Names to components: the only dynamic import in the house."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from trading_system.errors import UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """Components of one kind by name.

    The registry does not know its items: at the first look-up it imports every module of its package,
    whose ``@register`` lines fill it, then the entry points of the group ``trading_system.<kind>``.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self._items: dict[str, T] = {}
        self._filled = False

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that enters a component under `name`; a second entry of the name is an error."""

        def enter(item: T) -> T:
            known = self._items.get(name)
            if known is not None and getattr(known, "__qualname__", None) != getattr(item, "__qualname__", None):
                raise UnknownNameError(f"two {self.kind} components are called {name!r}")
            self._items[name] = item
            return item

        return enter

    def get(self, name: str) -> T:
        """The component called `name`; importing its own module first keeps one look-up cheap."""
        if name not in self._items and not self._filled and name.isidentifier():
            try:
                importlib.import_module(f"{self.package}.{name}")
            except ModuleNotFoundError as error:
                if error.name != f"{self.package}.{name}":
                    raise
        if name not in self._items:
            self._fill()
        if name not in self._items:
            close = difflib.get_close_matches(name, self._items, n=1)
            raise UnknownNameError(
                f"{name!r} is none of the {self.kind}",
                allowed=", ".join(self.names()),
                remedy=f"did you mean {close[0]!r}?" if close else "",
            )
        return self._items[name]

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        self._fill()
        return tuple(sorted(self._items))

    def _fill(self) -> None:
        if self._filled:
            return
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            if not module.name.startswith("_"):
                importlib.import_module(f"{self.package}.{module.name}")
        for point in entry_points(group=f"trading_system.{self.kind}"):
            if point.name not in self._items:
                self._items[point.name] = point.load()
        self._filled = True
