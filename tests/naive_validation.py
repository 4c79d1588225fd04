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


def shuffled(draws, items: list) -> list:
    """Fisher and Yates from the end, with the next of `draws` for each place."""
    out = list(items)
    for i in range(len(out) - 1, 0, -1):
        j = ((next(draws) >> 32) * (i + 1)) >> 32
        out[i], out[j] = out[j], out[i]
    return out


def flipped_mean(values: list[float], key: int) -> float:
    """Mean under the signs of the bits of `key`'s draws."""
    draws, signs = splitmix(int(key)), []
    while len(signs) < len(values):
        bits = next(draws)
        signs += [-1.0 if bits >> place & 1 else 1.0 for place in range(64)]
    return sum(sign * value for sign, value in zip(signs, values, strict=False)) / len(values)


def runs(positions: list[float]) -> list[list[float]]:
    """Stretches of one sign."""
    out: list[list[float]] = []
    for position in positions:
        if out and np.sign(out[-1][-1]) == np.sign(position):
            out[-1].append(position)
        else:
            out.append([position])
    return out


def run_shuffled(positions: list[float], key: int) -> list[float]:
    """Runs change places with runs of their own sign: shorts are shuffled first, then times out, then longs."""
    draws, stretches = splitmix(int(key)), runs(positions)
    places = {sign: [k for k, run in enumerate(stretches) if np.sign(run[0]) == sign] for sign in (-1, 0, 1)}
    result = list(stretches)
    for sign in (-1, 0, 1):
        for place, source in zip(places[sign], shuffled(draws, places[sign]), strict=True):
            result[place] = stretches[source]
    return [position for run in result for position in run]


def trade_path(pnl: list[float], start: float) -> tuple[float, float, float, float, float]:
    """Drawdown in money and compounded, longest losing run, final equity and growth of trades in this order."""
    money = np.concatenate(([start], start + np.cumsum(pnl)))
    value, values, alive = 1.0, [1.0], True
    for gain in pnl:
        value = value * (1.0 + gain / start) if alive else 0.0
        alive = alive and value > 0.0
        value = max(value, 0.0)
        values.append(value)
    grown = np.array(values)
    longest = max((len(part) for part in "".join("x" if g < 0 else " " for g in pnl).split()), default=0)
    fall = (np.maximum.accumulate(money) - money).max()
    return fall, (grown / np.maximum.accumulate(grown) - 1.0).min(), float(longest), money[-1], grown[-1]


def permuted_symbol(bars: pd.DataFrame, start: int, gap_order, body_order, *, open_to_open: bool = False) -> pd.DataFrame:
    """One symbol's bars (open, high, low, close, volume; NaN rows are missing) permuted in logarithms."""
    whole = bars[["open", "high", "low", "close"]].notna().all(axis=1)
    live = bars[whole].copy()
    kept = [row for row in live.index if row <= start] or list(live.index[:1])
    moved = [row for row in live.index if row > kept[-1]]
    logs = np.log(live[["open", "high", "low", "close"]])
    gaps = (logs["open"] - logs["close"].shift(1)).to_dict()
    bodies = {
        row: [*(logs.loc[row, ["high", "low", "close"]] - logs.loc[row, "open"]), live.loc[row, "volume"]] for row in moved
    }
    gap_rows = [row for row in gap_order if row in moved]
    body_rows = [row for row in body_order if row in moved]
    if open_to_open and moved:
        gap_rows = [moved[0], *(row for row in gap_rows if row != moved[0])]
        body_rows = [*(row for row in body_rows if row != moved[-1]), moved[-1]]
    out, last = bars.copy(), logs.loc[kept[-1], "close"] if len(live) else math.nan
    for row, gap_row, body_row in zip(moved, gap_rows, body_rows, strict=True):
        opened = last + gaps[gap_row]
        high, low, close, volume = bodies[body_row]
        prices = [math.exp(opened + part) for part in (0.0, high, low, close)]
        out.loc[row, ["open", "high", "low", "close", "volume"]] = [*prices, volume]
        last = opened + close
    return out


def cross_validated(returns: np.ndarray, n_splits: int) -> list[tuple[int, float, float, float]]:
    """Selected trial, its rank out of sample and its performance in and out, half by half."""
    from itertools import combinations

    from scipy.stats import rankdata

    used = returns[len(returns) % n_splits :]
    blocks = np.split(used, n_splits)
    rows = []
    for chosen in combinations(range(n_splits), n_splits // 2):
        inside = np.concatenate([blocks[k] for k in chosen])
        outside = np.concatenate([blocks[k] for k in range(n_splits) if k not in chosen])
        scores = []
        for half in (inside, outside):
            frame = pd.DataFrame(half)
            scores.append(np.where(frame.nunique() > 1, frame.mean() / frame.std().where(frame.nunique() > 1, 1.0), math.nan))
        best = int(np.nanargmax(scores[0]))
        rank = rankdata(np.where(np.isnan(scores[1]), -np.inf, scores[1]))[best]
        rows.append((best, float(rank), float(scores[0][best]), float(scores[1][best])))
    return rows
