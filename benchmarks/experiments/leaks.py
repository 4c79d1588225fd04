"""Experiments 29, 30 and 32: leaks through folds and through indicators; the same numbers however they are made."""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from experiments.base import Experiment, FloatArray, Line, Part, Rows, average, share
from trading_system.validation import folds, lookahead

HORIZON, NEIGHBOURS, FOLDS = 20, 5, 5


def nearest_accuracy(features: FloatArray, labels: FloatArray, splits: list[folds.Split]) -> float:
    """Share of labels that the majority of the five nearest training observations gets right."""
    right = 0
    for train, test in splits:
        apart = ((features[test][:, None, :] - features[train][None, :, :]) ** 2).sum(axis=2)
        near = np.argpartition(apart, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        right += int(((labels[train][near].mean(axis=1) > 0.5) == (labels[test] > 0.5)).sum())
    return right / sum(test.size for _, test in splits)


def purging(rng: np.random.Generator) -> list[float]:
    """Accuracy on labels that nothing predicts: folds that were shuffled, folds that were purged."""
    n = 1000
    features = np.cumsum(rng.standard_normal((n, 2)), axis=0)
    returns = rng.standard_normal(n + HORIZON)
    sums = np.concatenate(([0.0], np.cumsum(returns)))
    labels = (sums[HORIZON : n + HORIZON] > sums[:n]).astype(np.float64)
    rows = np.arange(n)
    mixed = np.array_split(rng.permutation(n), FOLDS)
    shuffled = [folds.Split(np.setdiff1d(rows, test), test) for test in mixed]
    purged = folds.purged_k_fold(rows, rows + HORIZON, FOLDS, HORIZON)
    return [nearest_accuracy(features, labels, shuffled), nearest_accuracy(features, labels, purged)]


PURGING = Part("purging", purging, 2, 60, 10)


def purged_folds(rows: Rows, full: bool) -> list[Line]:
    found = rows[PURGING.name]
    return [
        average("shuffled k-fold", found[:, 0], 0.62, 1.0, full=full),
        average("purged k-fold", found[:, 1], 0.48, 0.52, full=full),
    ]


def _rolling(x: FloatArray, width: int) -> FloatArray:
    out = np.full(x.size, np.nan)
    sums = np.concatenate(([0.0], np.cumsum(x)))
    out[width - 1 :] = (sums[width:] - sums[:-width]) / width
    return out


def _smoothed(x: FloatArray) -> FloatArray:
    out = x.copy()
    for t in range(1, x.size):
        out[t] = out[t - 1] + 2.0 / 11.0 * (x[t] - out[t - 1])
    return out


def _score_so_far(x: FloatArray) -> FloatArray:
    out = np.full(x.size, np.nan)
    for t in range(1, x.size):
        out[t] = (x[t] - x[: t + 1].mean()) / x[: t + 1].std(ddof=1)
    return out


def _block(x: FloatArray, *, completed: bool) -> FloatArray:
    """Last close of the five-bar block that a bar lies in, or of the one before it."""
    last = x[np.minimum(np.arange(x.size) // 5 * 5 + 4, x.size - 1)]
    return np.concatenate((np.full(5, np.nan), last[:-5])) if completed else last


def _centred(x: FloatArray) -> FloatArray:
    out = np.full(x.size, np.nan)
    out[:-2] = _rolling(x, 5)[2:]
    return out


INDICATORS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "mean of 5": lambda x: _rolling(x, 5),
    "exponential average of 10": _smoothed,
    "z-score so far": _score_so_far,
    "last completed block of 5": functools.partial(_block, completed=True),
    "centred mean of 5": _centred,
    "whole-sample z-score": lambda x: (x - x.mean()) / x.std(ddof=1),
    "whole-sample range": lambda x: (x - x.min()) / (x.max() - x.min()),
    "next return": lambda x: np.append(x[1:] / x[:-1] - 1.0, np.nan),
    "unfinished block of 5": functools.partial(_block, completed=False),
    "above the whole sample's 80 % quantile": lambda x: (x > np.quantile(x, 0.8)).astype(np.float64),
}
CAUSAL = 4  # the first ones of the list


def flagged(rng: np.random.Generator) -> list[float]:
    """Which indicators of a random walk change with later bars, at 10 cuts."""
    n = 250
    x = 100.0 * np.exp(np.cumsum(0.01 * rng.standard_normal(n)))
    cuts = lookahead.cut_points(n, rng, 10, 10)

    def compute(k: int) -> dict[str, FloatArray]:
        return {name: made(x[:k]) for name, made in INDICATORS.items()}

    found = {each.output for each in lookahead.truncation_mismatches(compute, n, cuts)}
    return [float(name in found) for name in INDICATORS]


LEAKS = Part("look-ahead", flagged, len(INDICATORS), 200, 25)


def leaks(rows: Rows, full: bool) -> list[Line]:
    found, names = rows[LEAKS.name], list(INDICATORS)
    causal = Line(f"causal, of {found[:, :CAUSAL].size}", float(found[:, :CAUSAL].mean()), 0.0, 0.0)
    return [causal, *(share(names[k], found[:, k], 0.98, None, full=full) for k in range(CAUSAL, len(names)))]


def fingerprint() -> str:
    """sha256 over draws of every kind, from one seed."""
    from trading_system.validation import bootstrap, data_snooping, permutation, random_entry, trade_order
    from trading_system.validation.resampling import resample_keys

    rng = np.random.default_rng(7)
    series, table = 0.01 * rng.standard_normal(700), 0.01 * rng.standard_normal((700, 30))
    keys = resample_keys(rng, 1500)
    chosen = bootstrap.resamples("stationary", 700, 9.0, keys)
    held = (rng.random(700) < 0.6).astype(np.float64)
    parts = [
        *bootstrap.resampled_performance(series, chosen, 252.0),
        data_snooping.contest(table, chosen).means,
        permutation.flipped_means(series, keys),
        random_entry.paired_means(held, series, keys),
        random_entry.shuffled_run_means(held, series, keys),
        *trade_order.trade_paths(100.0 * series, 1000.0, keys),
    ]
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()


def in_pieces(home: Path) -> bool:
    """A loop that is stopped on its way and begun again, in chunks of another size, gives the rows of one that was not."""
    from trading_system.validation.loop import Loop, Store

    def task(number: int) -> list[float]:
        return LEAKS.task(np.random.default_rng(number))[:3] + [float(number)]

    def stopped(number: int) -> list[float]:
        if number == 17:
            raise KeyboardInterrupt
        return list(task(number))

    whole = Loop().rows("pieces", task, 40, 4, chunk=3)
    store = Store(home, "0" * 64)
    try:
        Loop(store=store).rows("pieces", stopped, 40, 4, chunk=5)
    except KeyboardInterrupt:
        store.close(done=False)
    again = Store(home, "0" * 64)
    rows = Loop(store=again).rows("pieces", task, 40, 4, chunk=7)
    again.close(done=True)
    return bool((rows == whole).all())


def determined(rng: np.random.Generator) -> list[float]:
    """Whether fresh processes with 1, 2 and 5 threads give the same bytes, and a loop that was stopped the same rows."""
    folder = str(Path(__file__).resolve().parents[1])
    code = "import sys; sys.path.insert(0, sys.argv[1]); from experiments.leaks import fingerprint; print(fingerprint())"
    made = set()
    for threads in ("1", "2", "5"):
        environment = {**os.environ, "TRADING_SYSTEM_THREADS": threads, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", code, folder], env=environment, capture_output=True, text=True, check=True
        )
        made.add(done.stdout.strip())
    with tempfile.TemporaryDirectory() as home:
        return [float(len(made) == 1 and made == {fingerprint()}), float(in_pieces(Path(home)))]


SAME = Part("determinism", determined, 2, 1, 1)


def same(rows: Rows, full: bool) -> list[Line]:
    found = rows[SAME.name]
    return [
        Line("1, 2 and 5 threads, fresh processes", float(found[:, 0].min()), 1.0, 1.0, percent=False),
        Line("stopped and begun again", float(found[:, 1].min()), 1.0, 1.0, percent=False),
    ]


EXPERIMENTS = (
    Experiment(
        29, "5 nearest neighbours on labels that nothing predicts", "shuffled 0.672, purged 0.502", (PURGING,), purged_folds
    ),
    Experiment(30, "10 indicators, 10 cuts, random walks", "causal 0 of 800; leaky at least 99.5 %", (LEAKS,), leaks),
    Experiment(32, "the same seed with 1 and many workers, and after a restart", "identical", (SAME,), same),
)
