"""Sweeps of one line, kernels warm: ``python -m pytest benchmarks/test_sweep.py --benchmark-enable``.

1,000 pairs of averages x 2,520 bars, first half (decisions) and second half (account, curve, statistics) apart, then together on
two, and the ends of accounts alone. `TRADING_SYSTEM_THREADS=1` for figures of one thread.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.builders import random_bars
from tests.engine.scenes import rules, strategy
from trading_system.engine.sweep import Sweep
from trading_system.indicators.own_bars import floats
from trading_system.strategies import _kernels_batch
from trading_system.strategies.base import Signals
from trading_system.strategies.ma_crossover import MovingAverageCrossover

N_BARS, N_SETS = 2_520, 1_000
BARS = random_bars(N_BARS, 1, 7)
RULES = rules(strategy(costs={"commission_bps": 10.0, "slippage": {"model": "none"}}))
PAIRS = [(fast, slow) for fast in range(2, 102, 5) for slow in range(102, 202, 2)]


def decided() -> Any:
    batch = MovingAverageCrossover.batch({"fast": [pair[0] for pair in PAIRS], "slow": [pair[1] for pair in PAIRS]})
    assert batch is not None and len(PAIRS) == N_SETS
    return batch


def test_seventy_averages_of_one_series(benchmark: Any) -> None:
    windows = decided().windows
    room = np.empty(_kernels_batch.GROUP, np.int64), np.empty((3, _kernels_batch.GROUP))
    out, series = np.empty((windows.size, N_BARS)), floats(BARS.close).reshape(-1)
    benchmark(_kernels_batch.averages_of, series, windows, *room, out)


def test_crossings_of_a_thousand_pairs(benchmark: Any) -> None:
    changes = decided().on(BARS)
    assert benchmark(lambda: changes(0, N_SETS)).n_sets == N_SETS


@pytest.mark.parametrize("end_alone", [False, True], ids=["accounts and curves", "ends of accounts"])
def test_a_thousand_sets_of_weights(benchmark: Any, end_alone: bool) -> None:
    changes = decided().on(BARS)(0, N_SETS)
    sweep = Sweep(BARS, 0, RULES)
    starts, rows, weights = changes.starts, changes.rows, changes.weights

    def part(first: int, stop: int) -> Any:
        return type(changes)(starts[first : stop + 1] - starts[first], rows[starts[first] :], weights[starts[first] :])

    assert not benchmark(lambda: sweep.weights(part, N_SETS, end_alone=end_alone)).gave_up.any()


def test_twenty_windows_of_fifty_sets(benchmark: Any) -> None:
    changes = decided().on(BARS)
    sweep = Sweep(BARS, 0, RULES, [(start, start + 500) for start in range(0, 2_000, 100)])
    assert not benchmark(lambda: sweep.weights(changes, 50)).gave_up.any()


def test_a_hundred_sets_of_signals(benchmark: Any) -> None:
    entry = np.zeros((N_BARS, 1), np.int8)
    entry[::40] = 1
    made = Signals(entry, np.roll(entry, 25, axis=0) > 0, stop_distance=0.05 * BARS.close)
    sweep = Sweep(BARS, 0, RULES)
    assert not benchmark(lambda: sweep.decisions(lambda _: made, 100)).gave_up.any()
