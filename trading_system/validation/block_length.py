"""How long the blocks of a bootstrap should be, from the data."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from trading_system.validation.autocorrelation import autocovariances
from trading_system.validation.inputs import as_matrix, as_series, enough


class BlockLength(NamedTuple):
    """Automatic block lengths and what they were made of.

    Attributes
    ----------
    stationary, circular : float
        Mean block length of the stationary, block length of the circular (and moving) bootstrap, at least 1, at most
        `largest`; round the circular one up.
    first_insignificant_lag : int or None
        First lag of a run of insignificant autocorrelations; None where there is no such run.
    bandwidth : int
        M, lags used.
    long_run_variance, weighted_lags : float
        S = sum lambda(k/M) g_k and G = sum lambda(k/M) |k| g_k over -M..M.
    largest : float
        ceil(min(3 sqrt n, n/3)).
    """

    stationary: float
    circular: float
    first_insignificant_lag: int | None
    bandwidth: int
    long_run_variance: float
    weighted_lags: float
    largest: float

    @property
    def whole(self) -> int:
        """The circular length, rounded up."""
        return int(np.ceil(self.circular))


def block_length(values: Any) -> BlockLength:
    r"""Automatic block length of Politis & White [1]_ with the correction of Patton, Politis & White [2]_.

    :math:`b = (2G^2/D)^{1/3} n^{1/3}` with D = 2 S^2 for the stationary and 4/3 S^2 for the circular bootstrap. K = max(5,
    int(log10 n)); m is the first lag that starts K autocorrelations below 2 sqrt(log10(n)/n) in size, M = min(2m, M_max),
    M_max = ceil(sqrt n) + K (M_max without such a lag); lambda(s) is 1 up to 1/2, then falls to 0 at 1. Without dependence,
    or when the values never vary, the length is 1.

    Raises
    ------
    InsufficientDataError
        Fewer than 10 periods.

    References
    ----------
    .. [1] Politis & White (2004), "Automatic block-length selection for the dependent bootstrap", Econometric Reviews 23(1).
    .. [2] Patton, Politis & White (2009), "Correction to ...", Econometric Reviews 28(4).
    """
    series = as_series(values, "values")
    n = series.size
    enough(n, 10, "an automatic block length")
    run = max(5, int(np.log10(n)))
    most = int(np.ceil(np.sqrt(n))) + run
    largest = float(np.ceil(min(3.0 * np.sqrt(n), n / 3.0)))
    if series.max() == series.min():
        return BlockLength(1.0, 1.0, 1, min(2, most), 0.0, 0.0, largest)
    covariances = autocovariances(series, min(most + run, n - 1))
    first = _first_insignificant_lag(covariances[1:] / covariances[0], run, most, n)
    bandwidth = most if first is None else min(2 * first, most)
    lags = np.arange(1, min(bandwidth, covariances.size - 1) + 1)
    share = lags / bandwidth
    weights = np.where(share <= 0.5, 1.0, 2.0 * (1.0 - share))
    weighted = 2.0 * float(np.sum(weights * lags * covariances[lags]))
    long_run = float(covariances[0] + 2.0 * np.sum(weights * covariances[lags]))

    def length(scale: float) -> float:
        if long_run == 0.0:
            return largest if weighted != 0.0 else 1.0
        return float(min(max((2.0 * weighted**2 / (scale * long_run**2) * n) ** (1.0 / 3.0), 1.0), largest))

    return BlockLength(length(2.0), length(4.0 / 3.0), first, bandwidth, long_run, weighted, largest)


def _first_insignificant_lag(rho: Any, run: int, most: int, n: int) -> int | None:
    """First lag j from 1 to `most` with |rho_j|, ..., |rho_(j + run - 1)| all below the bound."""
    small = np.abs(rho) < 2.0 * np.sqrt(np.log10(n) / n)
    for j in range(1, most + 1):
        if j - 1 + run <= small.size and small[j - 1 : j - 1 + run].all():
            return j
    return None


def common_block_length(values: Any) -> float:
    """Stationary block length for several series that are resampled together, shape (n, n_columns): the longest of them."""
    return max(block_length(column).stationary for column in as_matrix(values, "values").T)
