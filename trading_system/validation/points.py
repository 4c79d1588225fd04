"""The points of a grid: every combination, or a random draw of them, held as places in the grid and written out when they are read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trading_system.config.validation import SearchConfig
    from trading_system.types import IntArray

MOST_POINTS = 10_000_000


class Points(Sequence[dict[str, Any]]):
    """Settings of every point; four bytes per key and point.

    Parameters
    ----------
    grid : mapping
        Key path -> its values.
    places : int32, shape (n_points, n_keys)
        Index of each value along its key.
    extra : sequence of mappings
        Points after those, which are not of the grid.
    """

    def __init__(
        self, grid: Mapping[str, Sequence[Any]], places: NDArray[np.int32], extra: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        self.keys = tuple(grid)
        self.grid = tuple(tuple(values) for values in grid.values())
        self.places = places
        self.extra = tuple(dict(point) for point in extra)

    def __len__(self) -> int:
        return int(self.places.shape[0]) + len(self.extra)

    def __getitem__(self, number: Any) -> Any:
        """Settings of one point, or of a slice of them."""
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        n = len(self)
        if not -n <= number < n:
            raise IndexError(f"point {number} of {n}")
        number %= n
        if number >= self.places.shape[0]:
            return dict(self.extra[number - self.places.shape[0]])
        row = self.places[number].tolist()
        return {key: values[at] for key, values, at in zip(self.keys, self.grid, row, strict=True)}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in self.places.tolist():
            yield {key: values[at] for key, values, at in zip(self.keys, self.grid, row, strict=True)}
        yield from map(dict, self.extra)

    def find(self, point: Mapping[str, Any]) -> int:
        """Number of the point with these values; -1 where there is none."""
        wanted = [self._place(key, values, point) for key, values in zip(self.keys, self.grid, strict=True)]
        if -1 not in wanted:
            found = np.flatnonzero((self.places == np.array(wanted, np.int32)).all(axis=1))
            if found.size:
                return int(found[0])
        for number, other in enumerate(self.extra):
            if other == dict(point):
                return int(self.places.shape[0]) + number
        return -1

    @staticmethod
    def _place(key: str, values: Sequence[Any], point: Mapping[str, Any]) -> int:
        """Where a point's value stands among `values`; true is not 1."""
        own = point.get(key)
        kind = isinstance(own, bool)
        return next((i for i, value in enumerate(values) if value == own and isinstance(value, bool) is kind), -1)

    def all_places(self) -> IntArray:
        """Index of every point along each key, shape (n_points, n_keys); -1 for a value that is not in the grid."""
        rows = [
            [self._place(key, values, point) for key, values in zip(self.keys, self.grid, strict=True)] for point in self.extra
        ]
        extra = np.array(rows, np.int64).reshape(len(rows), len(self.keys))
        return np.concatenate([self.places.astype(np.int64), extra])

    def only(self, kept: NDArray[np.bool_]) -> Points:
        """Those of the grid that are `kept`, shape (n_places,), and the extra ones."""
        return Points(dict(zip(self.keys, self.grid, strict=True)), self.places[kept], self.extra)

    def plus(self, point: Mapping[str, Any]) -> Points:
        """These and one more."""
        return Points(dict(zip(self.keys, self.grid, strict=True)), self.places, (*self.extra, point))


def points_of(grid: Mapping[str, Sequence[Any]], search: SearchConfig, rng: np.random.Generator) -> Points:
    """Every combination of the grid in the order of its keys (the last one fastest), or a random draw of them in that order.

    Raises
    ------
    ConfigError
        There are more than `MOST_POINTS`.
    """
    sizes = [len(values) for values in grid.values()]
    total = math.prod(sizes) if sizes else 0
    if search.method == "random" and search.points < total:
        return Points(grid, _drawn(sizes, total, search.points, rng))
    if total > MOST_POINTS:
        raise ConfigError(
            f"the grid has {total:,} points",
            where="validation.grid",
            allowed=f"at most {MOST_POINTS:,}",
            remedy="draw some of them (--points N, or validation.search.method: random), or make the steps wider",
        )
    if not total:
        return Points(grid, np.zeros((0, len(sizes)), np.int32))
    places = np.empty((total, len(sizes)), np.int32)
    repeated, tiled = total, 1
    for column, size in enumerate(sizes):
        repeated //= size
        places[:, column] = np.tile(np.repeat(np.arange(size, dtype=np.int32), repeated), tiled)
        tiled *= size
    return Points(grid, places)


def _drawn(sizes: Sequence[int], total: int, n: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """Places of `n` different combinations of `total`, in the order of the grid."""
    if total <= 4 * n or total < 100_000:
        numbers = np.sort(rng.permutation(total)[:n])
        return np.stack(np.unravel_index(numbers, sizes), axis=1).astype(np.int32)
    found = np.zeros((0, len(sizes)), np.int32)
    while found.shape[0] < n:  # at least three quarters of what is drawn is new each time
        draw = np.stack([rng.integers(0, size, n - found.shape[0], dtype=np.int32) for size in sizes], axis=1)
        _, first = np.unique(np.concatenate([found, draw]), axis=0, return_index=True)
        found = np.concatenate([found, draw])[np.sort(first)]
    return found[np.lexsort(found.T[::-1])]
