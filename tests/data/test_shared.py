"""What is shared between the runs of one market: made once, forgotten when there is too much, gone with the market."""

from __future__ import annotations

import gc
from weakref import ref

import numpy as np

from tests.builders import random_bars
from trading_system.data import shared as room
from trading_system.data.shared import Shared, share, shared


def test_a_result_is_made_once_and_the_oldest_go_when_there_are_too_many():
    made: list[str] = []

    def panel(name: str) -> np.ndarray:
        made.append(name)
        return np.zeros(10)

    kept = Shared(3 * 80)
    for name in ("a", "b", "a", "c", "d", "a", "d"):
        kept.get(name, lambda name=name: panel(name))
    assert made == ["a", "b", "c", "d", "a"]
    kept.get("large", lambda: np.zeros(1_000))
    assert "large" not in kept._kept and kept._used <= 240


def test_a_pair_of_panels_is_as_large_as_both():
    kept = Shared(100)
    kept.get("pair", lambda: (np.zeros(10), np.zeros(10)))
    assert not kept._kept


def test_nothing_is_shared_until_a_market_is_and_nothing_outlives_it():
    bars = random_bars(20, 1, 1)
    assert shared(bars) is None
    kept = share(bars)
    assert shared(bars) is kept and share(bars) is kept and shared(bars.rows(0, 10)) is None
    kept.get("panel", lambda: np.zeros(3))
    gone = ref(bars)
    del bars
    gc.collect()
    assert gone() is None and kept not in list(room._markets.values())
