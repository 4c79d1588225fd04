"""What an experiment is: data sets that are drawn, what each gives, and the bands that the whole must lie in."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
SEED = 20_200_215
LEVEL = 0.001  # bands hold 99.9 % of what a right program gives
NOMINAL = 0.05
YEAR = 252.0


@dataclass(frozen=True)
class Part:
    """Data sets of one kind.

    Attributes
    ----------
    name : str
        Several experiments may read the same part.
    task : callable
        Draws one data set and gives `width` numbers.
    full, reduced : int
        Data sets in each profile.
    """

    name: str
    task: Callable[[np.random.Generator], Sequence[float]]
    width: int
    full: int
    reduced: int

    def row(self, number: int) -> Sequence[float]:
        """What data set `number` gives; it depends on its number alone."""
        return self.task(np.random.default_rng(np.random.SeedSequence([SEED, zlib.crc32(self.name.encode()), number])))


@dataclass(frozen=True)
class Line:
    """One number of an experiment beside its band; `told` instead of a band where it is only reported."""

    what: str
    measured: float
    low: float = -np.inf
    high: float = np.inf
    percent: bool = True

    @property
    def held(self) -> bool:
        """Whether it lies in its band; NaN does not."""
        return bool(self.low <= self.measured <= self.high)

    @property
    def told(self) -> bool:
        """Without a band."""
        return bool(self.low == -np.inf and self.high == np.inf)


Rows = Mapping[str, FloatArray]
Judge = Callable[[Rows, bool], list[Line]]


@dataclass(frozen=True)
class Experiment:
    """One line of the table.

    Attributes
    ----------
    number : int
    title, reference : str
        What is done; what independent code gave.
    parts : tuple of Part
    judge : callable
        Rows of each part, and whether they are of the full profile -> numbers beside their bands.
    """

    number: int
    title: str
    reference: str
    parts: tuple[Part, ...]
    judge: Judge


def kind(part: Part) -> str:
    """The part's name without the word that its family has in common."""
    return part.name.partition(" ")[2]


def binomial_band(n: int, rate: float = NOMINAL) -> tuple[float, float]:
    """Shares that `n` draws of probability `rate` give with 99.9 %."""
    from scipy.stats import binom

    return float(binom.ppf(LEVEL / 2.0, n, rate)) / n, float(binom.ppf(1.0 - LEVEL / 2.0, n, rate)) / n


def rejections(what: str, p_values: FloatArray) -> Line:
    """Share of p-values up to 5 %, in the binomial band of their number."""
    return Line(what, float(np.mean(p_values <= NOMINAL)), *binomial_band(p_values.size))


def share(what: str, hits: FloatArray, low: float | None, high: float | None, *, full: bool) -> Line:
    """A share beside its bounds; the reduced profile lets it miss them by the binomial error of its number."""
    n = hits.size
    least = -np.inf if low is None else low if full else binomial_band(n, low)[0]
    most = np.inf if high is None else high if full else binomial_band(n, high)[1]
    return Line(what, float(np.mean(hits)), least, most)


def average(what: str, values: FloatArray, low: float, high: float, *, full: bool) -> Line:
    """A mean beside its bounds; the reduced profile lets it miss them by 3.29 of its standard errors."""
    slack = 0.0 if full else 3.29 * float(values.std(ddof=1)) / np.sqrt(values.size)
    return Line(what, float(values.mean()), low - slack, high + slack, percent=False)


def uniform(what: str, p_values: FloatArray) -> Line:
    """p-value of Kolmogorov and Smirnov's test that p-values are uniform."""
    from scipy.stats import kstest

    return Line(f"{what}: KS p", float(kstest(p_values, "uniform").pvalue), 0.01, 1.0, percent=False)


CRASH, CRASH_DEPTH, CRASH_WIDTH = 0.02, 6.2875437, 2.36574957  # skewness -2.5 and raw kurtosis 17, solved for at 2 %


def mixture(rng: np.random.Generator, size: int | tuple[int, ...]) -> FloatArray:
    """A skewed mixture with mean 0, standard deviation 1, skewness -2.5 and raw kurtosis 17: now and then a crash."""
    crash = rng.random(size) < CRASH
    calm, fall = rng.standard_normal(size), rng.standard_normal(size)
    raw = np.where(crash, -CRASH_DEPTH + CRASH_WIDTH * fall, calm)
    mean = -CRASH * CRASH_DEPTH
    second = (1.0 - CRASH) + CRASH * (CRASH_DEPTH**2 + CRASH_WIDTH**2)
    return np.asarray((raw - mean) / np.sqrt(second - mean**2))
