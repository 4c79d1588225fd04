"""Experiments 8 to 16, 20 to 22 and 31: what is said of one Sharpe ratio, of the best of many, and of resampled ones."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from experiments.base import (
    NOMINAL,
    YEAR,
    Experiment,
    FloatArray,
    Line,
    Part,
    Rows,
    average,
    kind,
    mixture,
    rejections,
    share,
)
from trading_system.validation import bootstrap, deflation, intervals, permutation, sharpe_inference
from trading_system.validation.autocorrelation import ljung_box
from trading_system.validation.block_length import block_length
from trading_system.validation.resampling import resample_keys

Source = Callable[[np.random.Generator, int], FloatArray]
SKEWED = 0.5  # |g1| above which the sign-flip test is told to be unsafe
HIT = 0.95


def normal(rng: np.random.Generator, n: int) -> FloatArray:
    """Mean 0, standard deviation 1."""
    return rng.standard_normal(n)


def student(freedom: float) -> Source:
    """t with `freedom` degrees of freedom, scaled to standard deviation 1."""
    return lambda rng, n: rng.standard_t(freedom, n) * np.sqrt((freedom - 2.0) / freedom)


def autoregressive(rho: float) -> Source:
    """AR(1) with standard deviation 1."""

    def drawn(rng: np.random.Generator, n: int) -> FloatArray:
        shocks, out = rng.standard_normal(n), np.empty(n)
        out[0] = shocks[0]
        for t in range(1, n):
            out[t] = rho * out[t - 1] + np.sqrt(1.0 - rho * rho) * shocks[t]
        return out

    return drawn


def flips(rng: np.random.Generator, source: Source, n: int, annual: float) -> list[float]:
    found = permutation.sign_flip_test(source(rng, n) + annual / np.sqrt(YEAR), resample_keys(rng, 499))
    return [found.p_value, found.skewness]


FLIPS = tuple(
    Part(f"sign flip {name}", functools.partial(flips, source=source, n=100, annual=0.0), 2, 2000, 400)
    for name, source in (("Normal", normal), ("t(3)", student(3.0)), ("mixture", mixture))
)
FLIP_POWER = Part("sign flip power", functools.partial(flips, source=normal, n=1260, annual=1.5), 2, 1000, 100)


def sign_flips(rows: Rows, full: bool) -> list[Line]:
    normal_, heavy, skewed = (rows[part.name] for part in FLIPS)
    return [
        rejections("Normal", normal_[:, 0]),
        rejections("t(3)", heavy[:, 0]),
        Line("mixture (rejections, reported)", float(np.mean(skewed[:, 0] <= NOMINAL))),
        share(
            f"mixture: skewness beyond {SKEWED}, of which the test warns", np.abs(skewed[:, 1]) > SKEWED, 0.70, None, full=full
        ),
    ]


def sign_flip_power(rows: Rows, full: bool) -> list[Line]:
    return [share("power", rows[FLIP_POWER.name][:, 0] <= NOMINAL, 0.90, None, full=full)]


def psr(rng: np.random.Generator, source: Source, n: int, annual: float, above: float) -> list[float]:
    """PSR above an annual benchmark with the series' own moments, and with those of a Normal; the ratio and its error."""
    moments = sharpe_inference.sharpe_moments(source(rng, n) + annual / np.sqrt(YEAR))
    mark = above / np.sqrt(YEAR)
    own = sharpe_inference.probabilistic_sharpe(moments.sharpe, n, moments.skew, moments.kurtosis, mark)
    plain = sharpe_inference.probabilistic_sharpe(moments.sharpe, n, benchmark=mark)
    error = sharpe_inference.standard_error(moments.sharpe, n, moments.skew, moments.kurtosis)
    return [own, plain, moments.sharpe, error]


def psr_part(name: str, source: Source, n: int, annual: float, above: float, full: int, reduced: int) -> Part:
    return Part(f"psr {name}", functools.partial(psr, source=source, n=n, annual=annual, above=above), 4, full, reduced)


NULLS = tuple(psr_part(f"null {n}", normal, n, 0.0, 0.0, 2000, 1000) for n in (60, 250, 1260))
SKEW_NULL = psr_part("mixture at 1.5", mixture, 1260, 1.5, 1.5, 2000, 1000)
POWERS = tuple(psr_part(f"power {n}", normal, n, 1.5, 0.0, 4000, 1000) for n in (504, 1260))
PER_PERIOD = 0.1 * np.sqrt(YEAR)
ERRORS = (
    psr_part("errors Normal", normal, 500, PER_PERIOD, 0.0, 10_000, 2000),
    psr_part("errors mixture", mixture, 500, PER_PERIOD, 0.0, 10_000, 2000),
)


def psr_null(rows: Rows, full: bool) -> list[Line]:
    return [rejections(kind(part), 1.0 - rows[part.name][:, 0]) for part in NULLS]


def psr_skewed(rows: Rows, full: bool) -> list[Line]:
    found = rows[SKEW_NULL.name]
    return [
        rejections("PSR with own moments", 1.0 - found[:, 0]),
        Line("with Normal moments (reported)", float(np.mean(found[:, 1] > HIT))),
    ]


def psr_power(rows: Rows, full: bool) -> list[Line]:
    bounds = ((0.65, 0.72), (0.93, None))
    return [
        share(kind(part), rows[part.name][:, 0] > HIT, low, high, full=full)
        for part, (low, high) in zip(POWERS, bounds, strict=True)
    ]


def mertens(rows: Rows, full: bool) -> list[Line]:
    lines = []
    for part in ERRORS:
        found = rows[part.name]
        slack = 0.04 if full else 0.04 + 3.29 / np.sqrt(2.0 * found.shape[0])
        ratio = float(found[:, 3].mean() / found[:, 2].std(ddof=1))
        lines.append(Line(f"{kind(part)}: Mertens / Monte Carlo", ratio, 1.0 - slack, 1.0 + slack, percent=False))
    return lines


def searched(rng: np.random.Generator, n_trials: int, n: int, rho: float, annual: float) -> list[float]:
    """DSR and PSR of the best of many trials, the first with `annual`; its Sharpe ratio times sqrt(n)."""
    table = np.sqrt(1.0 - rho) * rng.standard_normal((n, n_trials)) + np.sqrt(rho) * rng.standard_normal((n, 1))
    table[:, 0] += annual / np.sqrt(YEAR)
    found = deflation.deflated_best(table)
    chosen = sharpe_inference.sharpe_moments(table[:, found.selected])
    plain = sharpe_inference.probabilistic_sharpe(chosen.sharpe, n, chosen.skew, chosen.kurtosis)
    return [found.deflated.dsr, plain, found.sharpe * np.sqrt(n)]


def searched_part(name: str, n_trials: int, n: int, rho: float, annual: float, full: int, reduced: int) -> Part:
    task = functools.partial(searched, n_trials=n_trials, n=n, rho=rho, annual=annual)
    return Part(f"dsr {name}", task, 3, full, reduced)


NOISE = (
    searched_part("N=10", 10, 500, 0.0, 0.0, 2000, 400),
    searched_part("N=100", 100, 500, 0.0, 0.0, 2000, 80),
    searched_part("N=100 correlated", 100, 500, 0.5, 0.0, 2000, 80),
)
PLANTED = (
    searched_part("one of 10", 10, 1260, 0.0, 2.0, 1000, 50),
    searched_part("one of 100", 100, 1260, 0.0, 2.0, 1000, 40),
)


def deflated_noise(rows: Rows, full: bool) -> list[Line]:
    lines = []
    for part in NOISE:
        found = rows[part.name]
        lines.append(share(f"{kind(part)}: DSR > 0.95", found[:, 0] > HIT, None, 0.05, full=full))
        lines.append(average(f"{kind(part)}: mean DSR", found[:, 0], 0.45, 0.55, full=full))
        lines.append(Line(f"{kind(part)}: PSR > 0.95 (reported)", float(np.mean(found[:, 1] > HIT))))
    return lines


def deflated_power(rows: Rows, full: bool) -> list[Line]:
    return [
        share(kind(part), rows[part.name][:, 0] > HIT, low, None, full=full)
        for part, low in zip(PLANTED, (0.50, 0.43), strict=True)
    ]


def greatest(rows: Rows, full: bool) -> list[Line]:
    expected = deflation.expected_maximum(100.0)
    found = rows[NOISE[1].name][:, 2]
    return [average("mean maximum z of 100", found, expected - 0.06, expected + 0.06, full=full)]


RESAMPLES = 999


def annual_sharpe(x: FloatArray) -> float:
    """By sums: a jackknife asks for it a thousand times."""
    mean = float(x.sum()) / x.size
    return float(mean / np.sqrt((float(x @ x) - x.size * mean * mean) / (x.size - 1)) * np.sqrt(YEAR))


def covered(rng: np.random.Generator, source: Source, n: int, annual: float) -> list[float]:
    """Whether 95 % intervals of the Sharpe ratio hold the true one: IID percentile, BCa, stationary, Mertens, HAC.

    The last number is the p-value of Ljung and Box over 10 lags.
    """
    series, true = source(rng, n) + annual / np.sqrt(YEAR), annual
    moments = sharpe_inference.sharpe_moments(series)
    observed = moments.sharpe * np.sqrt(YEAR)
    single = bootstrap.resampled_performance(series, bootstrap.resamples("iid", n, 1.0, resample_keys(rng, RESAMPLES)), YEAR)
    chosen = bootstrap.resamples("stationary", n, block_length(series).stationary, resample_keys(rng, RESAMPLES))
    blocks = bootstrap.resampled_performance(series, chosen, YEAR)
    left_out = intervals.jackknife(series, annual_sharpe)
    error = sharpe_inference.standard_error(moments.sharpe, n, moments.skew, moments.kurtosis)
    robust = sharpe_inference.standard_error_hac(series)
    found = (
        intervals.percentile(single.sharpe),
        intervals.accelerated(observed, single.sharpe, left_out).interval,
        intervals.percentile(blocks.sharpe),
        sharpe_inference.confidence_interval(moments.sharpe, error, 0.95, YEAR),
        sharpe_inference.confidence_interval(moments.sharpe, robust, 0.95, YEAR),
    )
    return [*(float(low <= true <= high) for low, high in found), ljung_box(series, 10).p_value]


def covered_part(name: str, source: Source, n: int, reduced: int) -> Part:
    return Part(f"intervals {name}", functools.partial(covered, source=source, n=n, annual=1.0), 6, 2000, reduced)


IID = tuple(covered_part(f"Normal {n}", normal, n, 40) for n in (250, 500, 1260))
HEAVY = covered_part("t(4) 500", student(4.0), 500, 50)
SERIAL = (
    covered_part("AR(0.2) 500", autoregressive(0.2), 500, 50),
    covered_part("AR(0.4) 1000", autoregressive(0.4), 1000, 50),
)
METHODS = ("percentile", "BCa", "stationary, automatic block", "Mertens", "HAC")


def iid_coverage(rows: Rows, full: bool) -> list[Line]:
    return [
        share(f"{kind(part)}: {METHODS[k]}", rows[part.name][:, k], 0.93, 0.97, full=full) for part in IID for k in range(3)
    ]


def heavy_coverage(rows: Rows, full: bool) -> list[Line]:
    return [share(f"{kind(HEAVY)}: {METHODS[k]}", rows[HEAVY.name][:, k], 0.93, 0.97, full=full) for k in (0, 1, 3)]


def serial_coverage(rows: Rows, full: bool) -> list[Line]:
    lines = []
    for part in SERIAL:
        found = rows[part.name]
        lines += [share(f"{kind(part)}: {METHODS[k]}", found[:, k], 0.91, None, full=full) for k in (2, 4)]
        short = found[:, 2] - found[:, 0]
        lines.append(average(f"{kind(part)}: stationary less IID", short, 0.03, 1.0, full=full))
        lines.append(share(f"{kind(part)}: dependence warned of", found[:, 5] < NOMINAL, 0.70, None, full=full))
    return lines


def engine_error(rng: np.random.Generator, how: bootstrap.Kind, block: float) -> list[float]:
    """Bootstrapped standard error of a mean over the exact one, 20,000 resamples of an AR(1)."""
    series = autoregressive(0.6)(rng, 240)
    chosen = bootstrap.resamples(how, series.size, block, resample_keys(rng, 20_000))
    drawn = bootstrap.resampled_means(series, chosen)
    return [intervals.standard_error(drawn[:, 0]) / bootstrap.mean_standard_error(series, how, block)]


ENGINES = tuple(
    Part(f"engine {how}", functools.partial(engine_error, how=how, block=block), 1, 20, 3)
    for how, block in (("stationary", 10.0), ("circular", 10.0), ("moving", 10.0), ("iid", 1.0))
)


def engines(rows: Rows, full: bool) -> list[Line]:
    return [
        Line(f"{kind(part)}: worst ratio", float(found[np.abs(found - 1.0).argmax()]), 0.97, 1.03, percent=False)
        for part in ENGINES
        for found in (rows[part.name][:, 0],)
    ]


EXPERIMENTS = (
    Experiment(8, "sign flips, n = 100, mean 0", "3.9 / 4.5 / 7.8 %", FLIPS, sign_flips),
    Experiment(9, "sign-flip power, Sharpe 1.5, T = 1260", "0.96", (FLIP_POWER,), sign_flip_power),
    Experiment(10, "PSR(0) > 0.95 without skill", "5.0 / 4.8 / 4.8 %", NULLS, psr_null),
    Experiment(11, "PSR at the true Sharpe 1.5, skewed mixture", "5.0 %; Normal moments 8.1 %", (SKEW_NULL,), psr_skewed),
    Experiment(12, "PSR power, Sharpe 1.5, T = 504 / 1260", "0.685 / 0.954", POWERS, psr_power),
    Experiment(13, "Mertens' error against Monte Carlo, T = 500", "0.0448 / 0.0449; 0.0508 / 0.0520", ERRORS, mertens),
    Experiment(14, "DSR of the best of N noise trials, T = 500", "0 / 0.07 / 1.3 %", NOISE, deflated_noise),
    Experiment(15, "DSR power: one of Sharpe 2 among N, T = 1260", "0.58 / 0.51", PLANTED, deflated_power),
    Experiment(16, "mean maximum of 100 noise trials", "2.50 against 2.53", (NOISE[1],), greatest),
    Experiment(20, "95 % intervals of a Sharpe ratio, Normal", "94.1 to 95.3 %", IID, iid_coverage),
    Experiment(21, "the same, t(4), T = 500", "95.0 / 95.4 / 94.9 %", (HEAVY,), heavy_coverage),
    Experiment(
        22, "the same under dependence", "IID 88 / 80 %, stationary 92.8 / 92.9 %, HAC 93.2 / 92.8 %", SERIAL, serial_coverage
    ),
    Experiment(31, "bootstrap engine: error of a mean, B = 20,000", "within 1.1 %", ENGINES, engines),
)
