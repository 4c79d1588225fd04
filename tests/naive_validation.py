"""Second implementations of the validation kernels: slow, obvious, written another way."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

MASK = (1 << 64) - 1


def splitmix(key: int) -> list[int]:
    """An endless supply, as a generator of whole numbers, of the 64-bit draws that follow from `key`."""
    state = key
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def resample(kind: str, key: int, n: int, block: float) -> list[int]:
    """Positions that one resample takes, one step at a time."""
    draws, path = splitmix(int(key)), []
    while len(path) < n:
        places = n - int(block) + 1 if kind == "moving" else n
        start = ((next(draws) >> 32) * places) >> 32
        length = int(block)
        if kind == "iid" or (kind == "stationary" and block == 1.0):
            length = 1
        elif kind == "stationary":
            u = ((next(draws) >> 11) + 0.5) / 2.0**53
            length = 1 + math.floor(math.log(u) / math.log1p(-1.0 / block))
        path += [(start + i) % n for i in range(length)]
    return path[:n]


def performance(returns: np.ndarray, periods: float) -> tuple[float, float, float]:
    """Annual Sharpe ratio, CAGR and drawdown of one series, by pandas."""
    r = pd.Series(returns)
    value = pd.concat([pd.Series([1.0]), (1.0 + r).clip(lower=0.0).cumprod()])
    drawdown = (value / value.cummax()).min() - 1.0
    flat = r.nunique() == 1
    sharpe = math.nan if flat or len(r) < 2 else r.mean() / r.std() * math.sqrt(periods)
    return sharpe, value.iloc[-1] ** (periods / len(r)) - 1.0, drawdown


def stationary_variance(x: np.ndarray, block: float) -> float:
    """n times the variance of the stationary-bootstrap mean, from autocovariances and their published weights."""
    n, p = len(x), 1.0 / block
    centred = x - x.mean()
    total = float(np.mean(centred**2))
    for i in range(1, n):
        g = float(np.sum(centred[i:] * centred[: n - i])) / n
        kappa = (1.0 - i / n) * (1.0 - p) ** i + i / n * (1.0 - p) ** (n - i)
        total += 2.0 * kappa * g
    return total
