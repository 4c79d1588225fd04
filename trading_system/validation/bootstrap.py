"""Block bootstraps: which observations a resample takes, statistics of resamples, and their exact variance for a mean.

A `Resamples` says which observations each resample takes: drawn from one key each, or told. Several series of one market
are resampled with the same `Resamples`. Never resample an equity curve; resample its returns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from trading_system.errors import DataError
from trading_system.kernels import door
from trading_system.metrics.base import checked_periods
from trading_system.validation.inputs import as_matrix, as_series, at_least, enough, positions
from trading_system.validation.resampling import as_keys, in_chunks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trading_system.types import FloatArray, Int32Array, IntArray

Kind = Literal["stationary", "circular", "moving", "iid"]
KINDS: tuple[Kind, ...] = ("stationary", "circular", "moving", "iid")
CHUNK = 256  # resamples of one task
LARGEST = 2**31 - 1


class Blocks(NamedTuple):
    """Blocks of some resamples: int32 `starts` and `lengths`, shape (n_resamples, room), of which `counts` are used."""

    starts: Int32Array
    lengths: Int32Array
    counts: Int32Array


@dataclass(frozen=True, eq=False)
class Resamples:
    """Which observations each resample takes.

    Attributes
    ----------
    n : int
        Observations of the series, and of each resample.
    n_resamples : int
    kind : str
        ``stationary``, ``circular``, ``moving``, ``iid``, or ``told``.
    block : float
        Mean block length; NaN where they were told without one.
    keys : uint64, shape (n_resamples,), or None
        What they are drawn from; None where they were told.
    told : Blocks or None
    """

    n: int
    n_resamples: int
    kind: str
    block: float
    keys: NDArray[np.uint64] | None
    told: Blocks | None

    def blocks(self, first: int, stop: int) -> Blocks:
        """Blocks of the resamples from `first` to before `stop`."""
        if self.told is not None:
            starts, lengths, counts = self.told
            return Blocks(starts[first:stop], lengths[first:stop], counts[first:stop])
        assert self.keys is not None
        keys = door(self.keys[first:stop], np.uint64)
        expected = self.n / self.block
        room = min(self.n, int(expected + 8.0 * np.sqrt(expected)) + 16)
        drawn, short = self._drawn(keys, room)
        return self._drawn(keys, self.n)[0] if short else drawn

    def _drawn(self, keys: Any, room: int) -> tuple[Blocks, int]:
        """Blocks, and how many resamples need more than `room` of them."""
        from trading_system.validation import _kernels as kernels

        code = {"circular": kernels.CIRCULAR, "moving": kernels.MOVING}.get(self.kind, kernels.STATIONARY)
        starts, lengths = np.empty((2, keys.size, room), dtype=np.int32)
        counts = np.empty(keys.size, dtype=np.int32)
        short = kernels.draw_blocks(code, keys, self.n, self.block, starts, lengths, counts)
        return Blocks(starts, lengths, counts), short

    def indices(self, first: int = 0, stop: int | None = None) -> Int32Array:
        """Positions that the resamples take, in order, shape (stop - first, n)."""
        from trading_system.validation import _kernels as kernels

        blocks = self.blocks(first, self.n_resamples if stop is None else stop)
        out = np.empty((blocks.counts.size, self.n), dtype=np.int32)
        kernels.expand_blocks(*_through_the_door(blocks), self.n, out)
        return out


def _floats(values: FloatArray) -> Any:
    return door(values, np.float64)


def _through_the_door(blocks: Blocks) -> tuple[Any, Any, Any]:
    return door(blocks.starts, np.int32), door(blocks.lengths, np.int32), door(blocks.counts, np.int32)


def resamples(kind: Kind, n: int, block: float, keys: Any) -> Resamples:
    """Resamples of `n` observations, one per key.

    Parameters
    ----------
    kind : str
        ``stationary``: a new uniform start with probability 1/block at every step, else the next observation, around the
        end (Politis & Romano 1994). ``circular``: whole blocks from uniform starts, around the end (1992). ``moving``:
        whole blocks from starts that need no wrap (Kunsch 1989). ``iid``: single observations, `block` is not used.
    block : float
        Mean length of a block, from 1 to n; whole for circular and moving blocks.
    keys : uint64, shape (n_resamples,)
        See `resampling.resample_keys`.

    Raises
    ------
    DataError
        An impossible kind or block.
    """
    if kind not in KINDS:
        raise DataError(f"no bootstrap is called {kind!r}", allowed=", ".join(KINDS))
    at_least(n, 1, "n")
    width = 1.0 if kind == "iid" else float(block)
    whole = kind in ("circular", "moving")
    if not 1.0 <= width <= n or (whole and width != int(width)) or n > LARGEST:
        raise DataError(f"blocks of {block} in {n} observations", allowed=f"{'a whole number, ' if whole else ''}1 to {n}")
    given = as_keys(keys)
    return Resamples(n, given.size, kind, width, given, None)


def resamples_of(indices: Any, n: int, block: float | None = None) -> Resamples:
    """Resamples that are told: `indices`, shape (n_resamples, n), positions from 0 to n - 1.

    `block` is the mean block length that made them; tests of superior ability ask for it.
    """
    rows = positions(np.atleast_2d(indices), n, "indices")
    if rows.ndim != 2 or rows.shape[1] != n:
        raise DataError(f"indices have shape {rows.shape}", allowed=f"(n_resamples, {n})")
    begins = np.ones(rows.shape, dtype=np.bool_)
    begins[:, 1:] = rows[:, 1:] != (rows[:, :-1] + 1) % n
    counts = begins.sum(axis=1).astype(np.int32)
    starts, lengths = np.zeros((2, rows.shape[0], int(counts.max())), dtype=np.int32)
    for b, row in enumerate(begins):
        edges = np.flatnonzero(row)
        starts[b, : edges.size] = rows[b, edges]
        lengths[b, : edges.size] = np.diff(edges, append=n)
    return Resamples(
        n, rows.shape[0], "told", np.nan if block is None else float(block), None, Blocks(starts, lengths, counts)
    )


def block_indices(starts: Any, block: int, n: int) -> IntArray:
    """Blocks of `block` observations from `starts` on, around the end, concatenated and cut to `n`.

    Moving and circular blocks alike: `starts` of shape (..., n_blocks), n_blocks * block >= n; the result is (..., n).
    """
    given = positions(starts, n, "starts")
    steps = np.arange(at_least(block, 1, "block"))
    rows = (given[..., None] + steps).reshape(*given.shape[:-1], -1) % n
    if rows.shape[-1] < n:
        raise DataError(f"{given.shape[-1]} blocks of {block} for {n} observations", allowed=f"{-(-n // block)} or more")
    return np.asarray(rows[..., :n])


def stationary_indices(starts: Any, uniforms: Any, block: float) -> IntArray:
    """Path of the stationary bootstrap from told draws, shape (n,).

    Position t takes ``starts[t]`` when t is 0 or ``uniforms[t] < 1 / block``, else the observation after the one before.
    """
    draws = as_series(uniforms, "uniforms")
    given = positions(starts, draws.size, "starts")
    if given.shape != draws.shape:
        raise DataError(f"{given.size} starts and {draws.size} uniforms", allowed="one of each per observation")
    path = np.empty(draws.size, dtype=np.int64)
    for t in range(draws.size):
        path[t] = given[t] if t == 0 or draws[t] < 1.0 / block else (path[t - 1] + 1) % draws.size
    return path


def mean_standard_error(values: Any, kind: Kind, block: float = 1.0) -> float:
    r"""Exact standard error of the bootstrapped mean, without a draw.

    Stationary [1]_: :math:`\frac1n [g_0 + 2\sum_i \kappa_i g_i]`,
    :math:`\kappa_i = (1-\frac in)(1-p)^i + \frac in (1-p)^{n-i}`, g biased autocovariances, p = 1/block. Circular and
    moving: variance of the block means / (n / block), exact when the block divides n. IID: g_0 / n.

    References
    ----------
    .. [1] Politis & Romano (1994), "The stationary bootstrap", JASA 89, Lemma 1.
    """
    series = as_series(values, "values")
    n = series.size
    enough(n, 1, "a standard error")
    if kind in ("stationary", "iid"):
        width = 1.0 if kind == "iid" else float(block)
        if not 1.0 <= width:
            raise DataError(f"a block of {block}", allowed="1 or more")
        return float(np.sqrt(stationary_long_run_variance(series[:, None], width)[0] / n))
    if kind not in KINDS:
        raise DataError(f"no bootstrap is called {kind!r}", allowed=", ".join(KINDS))
    width = at_least(block, 1, "block")
    enough(n, width, f"a block of {width}")
    around = np.concatenate((series, series[: width - 1])) if kind == "circular" else series
    sums = np.concatenate(([0.0], np.cumsum(around - series.mean())))
    means = (sums[width:] - sums[:-width]) / width
    return float(np.sqrt(means.var() / (n / width)))


def stationary_long_run_variance(values: Any, block: float) -> FloatArray:
    """n times the exact variance of the stationary-bootstrap mean of each column, shape (n_columns,).

    The long-run variance w^2 that the test of superior ability divides by (Hansen 2005); one pass, whatever the block.
    """
    from trading_system.validation import _kernels as kernels

    matrix = as_matrix(values, "values")
    if not block >= 1.0:
        raise DataError(f"a block of {block}", allowed="1 or more")
    centred = matrix - matrix.mean(axis=0)
    centred[:, np.ptp(matrix, axis=0) == 0.0] = 0.0
    out = np.zeros(matrix.shape[1])
    kernels.stationary_variances(_floats(centred), 1.0 - 1.0 / block, np.zeros((2, out.size)), out)
    return np.asarray(np.maximum(out, 0.0))


class Performance(NamedTuple):
    """Replicates of annual Sharpe ratio, compound annual growth and maximum drawdown, each of shape (n_resamples,)."""

    sharpe: FloatArray
    cagr: FloatArray
    max_drawdown: FloatArray


def resampled_performance(returns: Any, chosen: Resamples, periods_per_year: float) -> Performance:
    """Sharpe ratio, CAGR and drawdown of every resample of `returns`, shape (n,), defined as in `metrics`.

    The Sharpe ratio of a resample that never varies is NaN. Equity that falls to 0 stays there: CAGR and drawdown are -1.
    """
    from trading_system.validation import _kernels as kernels

    series = _fitting(as_series(returns), chosen)
    n, periods = series.size, checked_periods(periods_per_year)
    mean = float(series.mean())
    twice = np.concatenate((series, series))
    growth = _floats(np.maximum(1.0 + twice, 0.0))
    running = np.zeros((2 * n + 1, 3))
    np.cumsum(twice - mean, out=running[1:, 0])
    np.cumsum((twice - mean) ** 2, out=running[1:, 1])
    running[1 : 2 * n, 2] = np.cumsum(twice[1:] != twice[:-1])
    running[2 * n, 2] = running[2 * n - 1, 2]
    sums = _floats(running)

    def work(first: int, stop: int) -> FloatArray:
        out = np.empty((stop - first, 4))
        kernels.resampled_performance(growth, sums, n, *_through_the_door(chosen.blocks(first, stop)), out)
        return out

    found = np.concatenate(in_chunks(work, chosen.n_resamples, CHUNK))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(found[:, 1] > 0.0, (found[:, 0] + mean) / found[:, 1] * np.sqrt(periods), np.nan)
    return Performance(ratio, found[:, 2] ** (periods / n) - 1.0, found[:, 3])


def resampled_means(values: Any, chosen: Resamples) -> FloatArray:
    """Mean of every column of `values`, shape (n, n_columns) or (n,), over every resample: (n_resamples, n_columns)."""
    from trading_system.validation import _kernels as kernels

    given = np.asarray(values, dtype=np.float64)
    matrix = _fitting(as_matrix(given[:, None] if given.ndim == 1 else given, "values"), chosen)
    n, width = matrix.shape
    means = matrix.mean(axis=0)
    n_tiles = -(-width // kernels.LANES)
    padded = np.zeros((n + 1, n_tiles * kernels.LANES))
    np.cumsum((matrix - means)[:-1], axis=0, out=padded[1:n, :width])  # the last sum is 0, exactly
    tiles = _floats(padded.reshape(n + 1, n_tiles, kernels.LANES).swapaxes(0, 1))

    def work(first: int, stop: int) -> FloatArray:
        out = np.empty((stop - first, n_tiles * kernels.LANES))
        kernels.resampled_sums(tiles, *_through_the_door(chosen.blocks(first, stop)), np.empty(kernels.LANES), out)
        return np.asarray(out[:, :width] / n + means)

    return np.concatenate(in_chunks(work, chosen.n_resamples, CHUNK))


def replicates(values: Any, chosen: Resamples, statistic: Callable[[FloatArray], float]) -> FloatArray:
    """`statistic` of every resample of `values`, shape (n,) or (n, n_columns) (rows stay whole): shape (n_resamples,)."""
    given = np.asarray(values, dtype=np.float64)
    _fitting(as_matrix(given[:, None] if given.ndim == 1 else given, "values"), chosen)

    def work(first: int, stop: int) -> list[float]:
        return [float(statistic(given[rows])) for rows in chosen.indices(first, stop)]

    return np.array([value for part in in_chunks(work, chosen.n_resamples, CHUNK) for value in part])


def _fitting(values: FloatArray, chosen: Resamples) -> FloatArray:
    if values.shape[0] != chosen.n:
        raise DataError(f"{values.shape[0]} periods, and resamples of {chosen.n}", allowed="resamples of the same length")
    return values
