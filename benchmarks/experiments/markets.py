"""Experiments 1 to 7 and 28: permuted markets and random positions, on noise and on markets with something in them."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from experiments.base import NOMINAL, Experiment, FloatArray, Judge, Line, Part, Rows, rejections, share, uniform
from trading_system.validation import permutation, random_entry
from trading_system.validation.resampling import p_value, resample_keys

LOOKBACKS = (5, 10, 15, 20, 25, 30, 35, 40, 45, 50)
FIXED = LOOKBACKS.index(35)
FIRST = max(LOOKBACKS) - 1  # first bar on which every lookback has an average
B = 199
STEPS = 9  # of equal variance in a day: the gap and eight of the body
DRIFT, SIGMA = 0.0005, 0.01
Maker = Callable[[np.random.Generator, int], tuple[FloatArray, ...]]


def prices(rng: np.random.Generator, drift: FloatArray, sigma: FloatArray) -> tuple[FloatArray, ...]:
    """Open, high, low, close of a walk with this drift and volatility per day, shape (n_bars,) each."""
    n = drift.size
    steps = drift[:, None] / STEPS + sigma[:, None] / np.sqrt(STEPS) * rng.standard_normal((n, STEPS))
    path = 4.0 + np.cumsum(steps.ravel()).reshape(n, STEPS)  # logarithms; the first column is the open
    return tuple(np.exp(panel) for panel in (path[:, 0], path.max(axis=1), path.min(axis=1), path[:, -1]))


def walk(rng: np.random.Generator, n: int) -> tuple[FloatArray, ...]:
    """A random walk with drift."""
    return prices(rng, np.full(n, DRIFT), np.full(n, SIGMA))


def garch(rng: np.random.Generator, n: int) -> tuple[FloatArray, ...]:
    """The same with volatility that clusters: GARCH(1,1), 0.08 and 0.90."""
    alpha, beta, variance = 0.08, 0.90, 1.0
    sigma = np.empty(n)
    for t, shock in enumerate(rng.standard_normal(n)):
        sigma[t] = np.sqrt(variance)
        variance = 1.0 - alpha - beta + variance * (alpha * shock**2 + beta)
    return prices(rng, np.full(n, DRIFT), SIGMA * sigma)


def trend(rng: np.random.Generator, n: int) -> tuple[FloatArray, ...]:
    """A walk whose drift is a latent AR(0.97) of 0.22 sigma."""
    latent = np.empty(n)
    latent[0] = rng.standard_normal()
    for t, shock in enumerate(rng.standard_normal(n - 1), 1):
        latent[t] = 0.97 * latent[t - 1] + np.sqrt(1.0 - 0.97**2) * shock
    return prices(rng, 0.22 * SIGMA * latent, np.full(n, SIGMA))


def earned(closes: FloatArray) -> FloatArray:
    """Log return of the sign of close less its average, held to the next close: (n_lookbacks, n_markets, n_bars - 1 - FIRST).

    `closes` has the shape (n_markets, n_bars).
    """
    ahead = np.diff(np.log(closes), axis=1)[:, FIRST:]
    sums = np.concatenate((np.zeros((closes.shape[0], 1)), np.cumsum(closes, axis=1)), axis=1)
    out = np.empty((len(LOOKBACKS), closes.shape[0], ahead.shape[1]))
    for k, width in enumerate(LOOKBACKS):
        average = (sums[:, FIRST + 1 : -1] - sums[:, FIRST + 1 - width : -1 - width]) / width
        out[k] = np.where(closes[:, FIRST:-1] > average, ahead, -ahead)
    return out


def walked_forward(returns: FloatArray, train: int, test: int) -> FloatArray:
    """Mean out-of-sample return when each window takes the best lookback of the one before, shape (n_markets,)."""
    n_bars = returns.shape[2] + FIRST + 1
    sums = np.concatenate((np.zeros((*returns.shape[:2], 1)), np.cumsum(returns, axis=2)), axis=2)

    def total(first: int, stop: int) -> FloatArray:
        """Of the decisions at bars `first` to `stop` - 1, shape (n_lookbacks, n_markets)."""
        return np.asarray(sums[:, :, min(stop, n_bars - 1) - FIRST] - sums[:, :, first - FIRST])

    gained, bars = np.zeros(returns.shape[1]), 0
    for start in range(train, n_bars - test + 1, test):
        best = total(start - train + FIRST, start - 1).argmax(axis=0)
        gained += np.take_along_axis(total(start, start + test), best[None], axis=0)[0]
        bars += min(start + test, n_bars - 1) - start
    return np.asarray(gained / bars)


def permuted_closes(bars: tuple[FloatArray, ...], rng: np.random.Generator, start: int = 0) -> FloatArray:
    """Closes of the market itself and of `B` permuted ones, shape (B + 1, n_bars)."""
    market = permutation.moves_of(*bars, start=start)
    out = np.empty((B + 1, market.n_bars))
    out[0] = bars[-1]
    for b in range(B):
        out[b + 1] = permutation.permuted(market, permutation.drawn_orders(rng, market.n_bars, market.start)).close
    return out


def judged(rng: np.random.Generator, make: Maker, n: int, train: int, test: int) -> list[float]:
    """p-values of one market: fixed rule, best of all re-optimised, the chosen one not re-optimised, walk-forward."""
    bars = make(rng, n)
    means = earned(permuted_closes(bars, rng)).mean(axis=2)
    best, chosen = means.max(axis=0), int(means[:, 0].argmax())
    behind = earned(permuted_closes(bars, rng, train - 1))
    stitched = walked_forward(behind, train, test)
    tested = (means[FIXED], best, means[chosen], stitched)
    return [p_value(float(each[0]), each[1:]) for each in tested]


NOISE = Part("random walk 750", functools.partial(judged, make=walk, n=750, train=250, test=50), 4, 2000, 80)
CLUSTERED = Part("garch 750", functools.partial(judged, make=garch, n=750, train=250, test=50), 4, 2000, 80)
SHORT = Part("trend 1260", functools.partial(judged, make=trend, n=1260, train=378, test=63), 4, 300, 30)
LONG = Part("trend 2520", functools.partial(judged, make=trend, n=2520, train=378, test=63), 4, 300, 15)


def exact(column: int, what: str) -> Judge:
    def judge(rows: Rows, full: bool) -> list[Line]:
        p = rows[NOISE.name][:, column]
        return [rejections(what, p), uniform(what, p)]

    return judge


def not_optimised(rows: Rows, full: bool) -> list[Line]:
    p = rows[NOISE.name][:, 2]
    return [share("chosen rule permuted as if it were fixed", p <= NOMINAL, 0.12, None, full=full)]


def clustered(rows: Rows, full: bool) -> list[Line]:
    p = rows[CLUSTERED.name]
    return [rejections(what, p[:, k]) for what, k in (("fixed", 0), ("re-optimised", 1), ("walk-forward", 3))]


def power(part: Part, bounds: tuple[float, float, float]) -> Judge:
    def judge(rows: Rows, full: bool) -> list[Line]:
        names = (("fixed", 0), ("re-optimised", 1), ("walk-forward", 3))
        hits = rows[part.name] <= NOMINAL
        return [share(what, hits[:, k], low, None, full=full) for (what, k), low in zip(names, bounds, strict=True)]

    return judge


def positions(rng: np.random.Generator) -> list[float]:
    """p-values of a rule that is in the market 60 % of the time at random: t test, pairing, rotation, runs."""
    from scipy.special import stdtr

    n = 750
    market = rng.normal(0.0008, SIGMA, n)
    leave, enter = 0.08, 0.12  # in the market 0.12 / 0.20 of the time, in runs
    held = np.empty(n)
    held[0] = rng.random() < 0.6
    for t, u in enumerate(rng.random(n - 1), 1):
        held[t] = (u >= leave) if held[t - 1] else (u < enter)
    made = held * market
    t_value = made.mean() / (made.std(ddof=1) / np.sqrt(n))
    keys = resample_keys(rng, 499)
    paired = random_entry.random_entry_p_value(held, market, random_entry.paired_means(held, market, keys))
    runs = random_entry.random_entry_p_value(held, market, random_entry.shuffled_run_means(held, market, keys))
    return [float(stdtr(n - 1, -t_value)), paired, random_entry.rotation_p_value(held, market), runs]


ENTRIES = Part("random positions 750", positions, 4, 2000, 250)


def entries(rows: Rows, full: bool) -> list[Line]:
    p = rows[ENTRIES.name]
    lines = [share("t test of raw returns", p[:, 0] <= NOMINAL, 0.25, None, full=full)]
    for what, column in (("permutation", 1), ("rotation", 2), ("run shuffle", 3)):
        lines += [rejections(what, p[:, column]), uniform(what, p[:, column])]
    return lines


EXPERIMENTS = (
    Experiment(1, "bar permutation of a fixed rule on random walks", "5.35 %, KS p 0.34", (NOISE,), exact(0, "fixed")),
    Experiment(2, "the best of 10 lookbacks, re-optimised each time", "5.2 %, KS p 0.85", (NOISE,), exact(1, "re-optimised")),
    Experiment(3, "the same without re-optimisation (negative control)", "18.5 %", (NOISE,), not_optimised),
    Experiment(4, "walk-forward permutation", "5.5 %, KS p 0.88", (NOISE,), exact(3, "walk-forward")),
    Experiment(5, "1, 2 and 4 under GARCH(1,1)", "5.35 / 4.7 / 5.0 %", (CLUSTERED,), clustered),
    Experiment(6, "power on a latent trend, T = 1260", "0.87 / 0.88 / 0.68", (SHORT,), power(SHORT, (0.80, 0.80, 0.60))),
    Experiment(7, "power on a latent trend, T = 2520", "0.985 / 0.99 / 0.94", (LONG,), power(LONG, (0.95, 0.95, 0.88))),
    Experiment(28, "random rules in a drifting market", "37.8 / 5.35 / 5.3 / 5.5 %", (ENTRIES,), entries),
)
