"""What several tests ask of the judged record: returns above cash, how long its blocks are, which resamples it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from trading_system.metrics.base import per_period
from trading_system.validation.block_length import block_length
from trading_system.validation.bootstrap import Resamples, resamples
from trading_system.validation.resampling import resample_keys

if TYPE_CHECKING:
    from trading_system.config.validation import BootstrapConfig
    from trading_system.types import FloatArray, Int32Array
    from trading_system.validation.base import Examination

NEVER_VARIES = "returns never vary, so there is no Sharpe ratio"
BLOCKS_LOOKED_AT = 200  # columns whose automatic block length is asked for
FEW_BLOCKS = 20


def seed(examination: Examination) -> int:
    """The seed of the run file, that of every test's draws."""
    return int(examination.experiment.config.seed)


def cash_rate(examination: Examination) -> float:
    """The risk-free rate of one period, as a fraction."""
    rate = examination.experiment.config.portfolio.risk_free
    return float(per_period(rate, examination.periods_per_year, 0))


def excess(examination: Examination) -> FloatArray:
    """Returns of the judged run above cash, shape (n_periods,)."""
    return np.asarray(examination.baseline.returns) - cash_rate(examination)


def varies(series: FloatArray) -> bool:
    """Whether the numbers differ at all; there is no Sharpe ratio where they do not."""
    return bool(series.size > 1 and series.max() != series.min())


class Trialled(NamedTuple):
    """Returns above cash of the trials of a family that vary, at equal volatility.

    Attributes
    ----------
    returns : float64, shape (n_periods, n_varying)
        Each column divided by its own standard deviation (ddof 1): trials are chosen by Sharpe ratio. The last one is judged.
    n_still : int
        Trials left out because their returns never vary; they count in N, and could never have been chosen.
    """

    returns: FloatArray
    n_still: int


def trialled(examination: Examination) -> Trialled:
    """The kept trials of the family; without a column when the judged one itself never varies."""
    matrix = examination.trials.returns - cash_rate(examination)
    moving = np.ptp(matrix, axis=0) > 0.0 if matrix.shape[0] > 1 else np.zeros(matrix.shape[1], np.bool_)
    n_still = int(np.count_nonzero(~moving))
    if not moving[-1]:
        return Trialled(matrix[:, :0], n_still)
    matrix = matrix[:, moving]
    return Trialled(matrix / matrix.std(axis=0, ddof=1), n_still)


def block_of(settings: BootstrapConfig, series: FloatArray) -> float:
    """Mean length of a block for `series`: told by the run file, else automatic; whole for circular and moving blocks."""
    if settings.block != "auto":
        return float(min(settings.block, series.size))
    found = block_length(series)
    return found.stationary if settings.kind == "stationary" else float(min(found.whole, series.size))


def common_block(settings: BootstrapConfig, matrix: FloatArray) -> float:
    """Mean length of a block for columns that are resampled together: the longer of the last one's and the median one's.

    The longest of very many automatic lengths is the length of the noisiest estimate.
    """
    width = matrix.shape[1]
    looked_at = np.unique(np.linspace(0, width - 1, min(width, BLOCKS_LOOKED_AT)).astype(np.int64))
    lengths = [block_of(settings, matrix[:, column]) for column in looked_at.tolist()]
    longest = max(lengths[-1], float(np.median(lengths)))
    return longest if settings.kind == "stationary" else float(np.ceil(longest))


def drawn_resamples(settings: BootstrapConfig, n: int, block: float, n_resamples: int, rng: np.random.Generator) -> Resamples:
    """Resamples of `n` observations as the run file says."""
    return resamples(settings.kind, n, block, resample_keys(rng, n_resamples))


def said_of_blocks(settings: BootstrapConfig, n: int, block: float) -> str:
    """``stationary blocks of 3.4 periods on average (automatic)``."""
    how = "automatic" if settings.block == "auto" else "told"
    mean = " on average" if settings.kind == "stationary" else ""
    return f"{settings.kind} blocks of {block:.3g} periods{mean} ({how})"


def warned_of_blocks(n: int, block: float) -> list[str]:
    """What is to be said where a record holds too few blocks to learn from."""
    if n / block >= FEW_BLOCKS:
        return []
    return [f"{n} periods hold only {n / block:.0f} blocks of {block:.3g}: the resamples are too much alike to be relied on"]


def plain(value: float | None, digits: int | None = None) -> float | None:
    """A number for JSON: None where it is not finite."""
    if value is None or not np.isfinite(value):
        return None
    return float(value) if digits is None else round(float(value), digits)


def days(sessions: Int32Array) -> list[str]:
    """Session labels as ISO dates."""
    return [str(day) for day in np.asarray(sessions, "datetime64[D]")]


def quantile_of(replicates: FloatArray, probability: float) -> float:
    """A quantile (type 7) of replicates of which some do not exist: those count as worse than any other."""
    ordered = np.sort(np.where(np.isnan(replicates), -np.inf, replicates))
    place = probability * (ordered.size - 1)
    low, high = ordered[int(np.floor(place))], ordered[int(np.ceil(place))]
    return float(low if low == high else low + (place - np.floor(place)) * (high - low))


def sizes(examination: Examination) -> Any:
    """The section of the run file that says how resamples are drawn."""
    return examination.settings.bootstrap
