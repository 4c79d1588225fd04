"""Does the result hold between neighbours and between windows: walk-forward efficiency, parameter stability, plateaus."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from trading_system.errors import DataError
from trading_system.metrics.base import annualised_growth, checked_periods
from trading_system.validation.inputs import as_series, at_least

if TYPE_CHECKING:
    from trading_system.types import FloatArray

NAN = float("nan")


class WalkForwardEfficiency(NamedTuple):
    """How much of the in-sample result survives out of sample (Pardo 2008).

    Attributes
    ----------
    simple_rate : float
        (sum of out-of-sample returns / their bars) / (the same in sample); NaN when the in-sample rate is not above 0.
    mean_of_annualised : float
        Ratio of the mean annualised returns; NaN when the in-sample mean is not above 0.
    in_sample, out_of_sample : float64, shape (n_windows,)
        Annualised return of each window.
    share_profitable : float
        Share of windows that made money out of sample.
    compounded, cagr : float
        Of the out-of-sample windows stitched together.
    undefined : str
        Why a ratio is NaN; empty where both are numbers.
    """

    simple_rate: float
    mean_of_annualised: float
    in_sample: FloatArray
    out_of_sample: FloatArray
    share_profitable: float
    compounded: float
    cagr: float
    undefined: str


def walk_forward_efficiency(
    in_sample: Any, out_of_sample: Any, in_sample_bars: Any, out_of_sample_bars: Any, periods_per_year: float
) -> WalkForwardEfficiency:
    """Efficiency of a walk-forward from the total return and the number of bars of each window, in and out of sample.

    Raises
    ------
    DataError
        Series of different lengths, no window, a window without bars.
    """
    inside = as_series(in_sample, "in-sample returns")
    n = inside.size
    outside = as_series(out_of_sample, "out-of-sample returns", size=n)
    bars_in = as_series(in_sample_bars, "in-sample bars", size=n)
    bars_out = as_series(out_of_sample_bars, "out-of-sample bars", size=n)
    if n == 0 or not ((bars_in > 0).all() and (bars_out > 0).all()):
        raise DataError("a walk-forward without windows, or a window without bars", allowed="at least one window of one bar")
    periods = checked_periods(periods_per_year)
    annual_in = _annualised(inside, bars_in, periods)
    annual_out = _annualised(outside, bars_out, periods)
    grown = float(np.prod(1.0 + outside))
    return WalkForwardEfficiency(
        _above_zero(outside.sum() / bars_out.sum(), inside.sum() / bars_in.sum()),
        _above_zero(annual_out.mean(), annual_in.mean()),
        annual_in,
        annual_out,
        float(np.mean(outside > 0.0)),
        grown - 1.0,
        annualised_growth(grown, float(bars_out.sum()) / periods),
        "" if inside.sum() > 0.0 and annual_in.mean() > 0.0 else "nothing was earned in sample: no share of it can survive",
    )


def _annualised(total: FloatArray, bars: FloatArray, periods: float) -> FloatArray:
    return np.array([annualised_growth(1.0 + gain, n / periods) for gain, n in zip(total, bars, strict=True)])


def _above_zero(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator > 0.0 else NAN


class ParameterStability(NamedTuple):
    """How much the chosen parameters wander from window to window.

    Attributes
    ----------
    modal_choice : tuple
        Most frequent choice, the earliest of equals.
    modal_share : float
        Share of windows that made it.
    jump_of_each : float64, shape (n_parameters,)
        Mean absolute change of the grid index between windows, over (grid size - 1); 0 for a grid of one.
    mean_jump : float
        Their mean; NaN with one window.
    deviation_of_each : float64, shape (n_parameters,)
        Standard deviation (ddof 1) of index / (grid size - 1); NaN with one window.
    """

    modal_choice: tuple[Any, ...]
    modal_share: float
    jump_of_each: FloatArray
    mean_jump: float
    deviation_of_each: FloatArray


def parameter_stability(chosen: Sequence[Sequence[Any]], grids: Sequence[Sequence[Any]]) -> ParameterStability:
    """Stability of the parameters chosen in each window.

    Parameters
    ----------
    chosen : n_windows rows of n_parameters values
        What each window chose; every value stands in the grid of its parameter.
    grids : n_parameters rows of values
        The values tried, in their order.
    """
    choices = [tuple(row) for row in chosen]
    if not choices or not grids or any(len(row) != len(grids) for row in choices):
        raise DataError("the choices do not fit the grids", allowed="one value per grid in every window, one window or more")
    index = np.array([[_place(value, grid) for value, grid in zip(row, grids, strict=True)] for row in choices])
    scaled = index / np.array([max(len(grid) - 1, 1) for grid in grids])
    jumps = np.abs(np.diff(scaled, axis=0))
    of_each = jumps.mean(axis=0) if len(choices) > 1 else np.full(len(grids), NAN)
    modal, times = Counter(choices).most_common(1)[0]
    spread = scaled.std(axis=0, ddof=1) if len(choices) > 1 else np.full(len(grids), NAN)
    return ParameterStability(modal, times / len(choices), of_each, float(of_each.mean()), spread)


def _place(value: Any, grid: Sequence[Any]) -> int:
    values = list(grid)
    if value not in values:
        raise DataError(f"{value!r} was chosen but is not in its grid", allowed=", ".join(map(repr, values)))
    return values.index(value)


class Plateau(NamedTuple):
    """The best point of a grid and what surrounds it.

    Attributes
    ----------
    best_index, best
        First position of the largest value, and the value.
    n_neighbours : int
        Evaluated grid points around it.
    neighbour_median, neighbour_min : float
        Of their values; NaN without neighbours.
    ratio : float
        neighbour_median / best; NaN when the best is not above 0, where a ratio says nothing.
    share_half_best, share_positive : float
        Shares of neighbours with at least half of the best, and above 0.
    smoothed_index, smoothed
        Where the mean of a point and its neighbours is largest, and that mean: it passes over a lone spike.
    best_at, smoothed_at : int
        Which of the evaluated points these are, in the order in which they were given (that of the grid).
    """

    best_index: tuple[int, ...]
    best: float
    n_neighbours: int
    neighbour_median: float
    neighbour_min: float
    ratio: float
    share_half_best: float
    share_positive: float
    smoothed_index: tuple[int, ...]
    smoothed: float
    best_at: int
    smoothed_at: int


def plateau(values: Any, radius: int = 1) -> Plateau:
    """Plateau or spike: the best point of a grid of results of any dimension, against its neighbours.

    Neighbours are the points within Chebyshev distance `radius`, inside the grid, the centre excluded. NaN marks a
    combination that was not evaluated: it is no candidate and nobody's neighbour.

    Raises
    ------
    DataError
        When nothing was evaluated, or a value is infinite.
    """
    at_least(radius, 1, "radius")
    grid = np.asarray(values, dtype=np.float64)
    if grid.ndim == 0 or np.isinf(grid).any() or not np.isfinite(grid).any():
        raise DataError(
            "the grid holds no finite value, or an infinite one", allowed="numbers, NaN where nothing was evaluated"
        )
    places = np.argwhere(~np.isnan(grid))
    return plateau_of(grid[tuple(places.T)], places, radius)


MOST_LOOKED_AT = 400_000_000


def plateau_of(values: Any, places: Any, radius: int = 1) -> Plateau:
    """`plateau` of points that lie anywhere in a grid, as a random search leaves them.

    Parameters
    ----------
    values : float64, shape (n_points,)
        Finite results.
    places : int, shape (n_points, n_keys)
        Index of each point along every key; no two alike.

    Raises
    ------
    DataError
        No point, a value that is not finite, or so many keys that their neighbours cannot be looked at.
    """
    at_least(radius, 1, "radius")
    found, where = as_series(values, "results of a grid"), np.asarray(places, np.int64)
    n, keys = where.shape
    if n == 0 or n != found.size:
        raise DataError("a grid without points has no plateau", allowed="one place for every value")
    shape = where.max(axis=0) + 2 * radius + 1
    if float(np.prod(shape, dtype=np.float64)) > 2.0**62 or (2 * radius + 1) ** keys * n > MOST_LOOKED_AT:
        raise DataError(f"the neighbours of {n:,} points along {keys} keys are too many to look at", allowed="fewer keys")
    strides = np.concatenate([np.cumprod(shape[:0:-1])[::-1], [1]]).astype(np.int64)
    codes = (where + radius) @ strides
    order = np.argsort(codes, kind="stable")
    known, sums, numbers = codes[order], np.zeros(n), np.zeros(n)
    best = int(np.argmax(found))
    beside = np.zeros(n, np.bool_)
    for step in itertools.product(range(-radius, radius + 1), repeat=keys):
        wanted = codes + int(np.dot(step, strides))
        at = np.minimum(np.searchsorted(known, wanted), n - 1)
        hit = known[at] == wanted
        sums[hit] += found[order[at[hit]]]
        numbers[hit] += 1.0
        if hit[best] and any(step):
            beside[order[at[best]]] = True
    smooth = sums / numbers
    return _plateau(found, where, best, found[beside], smooth)


def _plateau(found: FloatArray, where: Any, best: int, beside: FloatArray, smooth: FloatArray) -> Plateau:
    top, some, at = float(found[best]), beside.size > 0, int(np.argmax(smooth))
    median = float(np.median(beside)) if some else NAN
    return Plateau(
        tuple(int(i) for i in where[best]),
        top,
        int(beside.size),
        median,
        float(beside.min()) if some else NAN,
        median / top if top > 0.0 else NAN,
        float(np.mean(beside >= top / 2.0)) if some else NAN,
        float(np.mean(beside > 0.0)) if some else NAN,
        tuple(int(i) for i in where[at]),
        float(smooth[at]),
        best,
        at,
    )
