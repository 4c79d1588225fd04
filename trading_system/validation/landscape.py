"""What surrounds the best point of a search: a heat map for every pair of keys, and whether the best is a plateau or a lone spike."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.errors import DataError
from trading_system.validation.stability import plateau_of

if TYPE_CHECKING:
    from trading_system.types import FloatArray, IntArray
    from trading_system.validation.search import Search

SPIKE, PLATEAU = 0.5, 0.8
"""Median of the neighbours over the best: below the first it is a lone spike, from the second on a plateau."""
MOST_CELLS = 40_000
MOST_PAIRS = 45


def heat_maps(search: Search) -> list[dict[str, Any]]:
    """One table for every pair of keys that take several values: mean and best objective over all other keys, None where none is.

    Pairs of more than `MOST_CELLS` cells are left out, and after the first `MOST_PAIRS` all others.
    """
    places = search.points.all_places()
    inside = (places >= 0).all(axis=1) & np.isfinite(search.values)
    wide = [i for i, values in enumerate(search.grid) if len(values) > 1]
    pairs = [(a, b) for a, b in itertools.combinations(wide, 2) if len(search.grid[a]) * len(search.grid[b]) <= MOST_CELLS]
    return [_map(search, places[inside], search.values[inside], a, b) for a, b in pairs[:MOST_PAIRS]]


def _map(search: Search, places: IntArray, values: FloatArray, a: int, b: int) -> dict[str, Any]:
    shape = len(search.grid[a]), len(search.grid[b])
    sums, numbers, best = np.zeros(shape), np.zeros(shape, np.int64), np.full(shape, -np.inf)
    cells = places[:, a], places[:, b]
    np.add.at(sums, cells, values)
    np.add.at(numbers, cells, 1)
    np.maximum.at(best, cells, values)
    with np.errstate(invalid="ignore"):
        mean = np.where(numbers > 0, sums / np.maximum(numbers, 1), np.nan)
    return {
        "rows": {"key": search.keys[a], "values": list(search.grid[a])},
        "columns": {"key": search.keys[b], "values": list(search.grid[b])},
        "mean": _numbers(mean),
        "best": _numbers(np.where(numbers > 0, best, np.nan)),
        "points": numbers.tolist(),
    }


def _numbers(table: FloatArray) -> list[list[float | None]]:
    return [[float(x) if np.isfinite(x) else None for x in row] for row in table]


def stability(search: Search) -> dict[str, Any]:
    """The best point beside its neighbours (one step along any keys), the best neighbourhood, and what that means in words."""
    n = search.points.places.shape[0]
    inside = np.flatnonzero(np.isfinite(search.values[:n]))
    if not inside.size:
        return {"kind": "unknown", "words": "no point of the grid has an objective within the constraints"}
    try:
        found = plateau_of(search.values[inside], search.points.places[inside])
    except DataError as error:
        return {"kind": "unknown", "words": f"{error.message}: nothing is said of plateaus"}
    best, middle = int(inside[found.best_at]), int(inside[found.smoothed_at])
    kind, words = _words(found.best, found.n_neighbours, found.ratio)
    if kind == "spike" and middle != best:
        words += "; the best neighbourhood is elsewhere"
    return {
        "kind": kind,
        "words": words,
        "point": best,
        "objective": found.best,
        "neighbours": found.n_neighbours,
        "neighbour_median": _known(found.neighbour_median),
        "neighbour_min": _known(found.neighbour_min),
        "ratio": _known(found.ratio),
        "share_half_best": _known(found.share_half_best),
        "share_positive": _known(found.share_positive),
        "neighbourhood": {"point": middle, "mean": found.smoothed, "settings": dict(search.points[middle])},
    }


def _words(best: float, neighbours: int, ratio: float) -> tuple[str, str]:
    if neighbours == 0:
        return "alone", "no neighbour of the best point was evaluated: nothing says whether it is a plateau or a lone spike"
    if not best > 0.0:
        return "nothing", "the best point is not above 0: there is no plateau to look for"
    share = f"the median of its {neighbours} neighbours is {100.0 * ratio:.0f} % of the best"
    if ratio < SPIKE:
        return "spike", f"a lone spike: {share}, as luck looks"
    return ("plateau", f"a plateau: {share}") if ratio >= PLATEAU else ("slope", f"a slope: {share}")


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
