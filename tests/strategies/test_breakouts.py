"""Breakouts on a market that is shared by many parameters: the same decisions to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import random_bars
from tests.validation.sizes import sized
from trading_system.data.shared import share
from trading_system.strategies.base import Signals
from trading_system.strategies.crypto_momentum import CryptoMomentum
from trading_system.strategies.equity_momentum import EquityMomentum

laws = settings(max_examples=sized(40, 5))
windows = st.integers(2, 30)


def same(one: Signals, other: Signals) -> None:
    for name in ("entry", "exit", "stop_distance", "stop_tighten", "components"):
        ours, theirs = getattr(one, name), getattr(other, name)
        assert (ours is None) == (theirs is None), name
        if ours is not None:
            assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f"), name


@laws
@given(
    st.integers(0, 10**6),
    st.sampled_from([1, 3, 9, 20]),
    st.sampled_from([0.0, 0.1]),
    st.lists(
        st.fixed_dictionaries({"trend_ma": windows, "fast_breakout": windows, "exit_ma": windows, "atr": windows}),
        min_size=1,
        max_size=3,
    ),
)
def test_shared_decisions_are_those_of_a_market_of_ones_own(seed, width, missing, tried):
    bars = random_bars(120, width, seed, missing=missing, n_splits=1, n_dividends=1)
    more: dict[str, Any] = {"slow_breakout": 25, "momentum": 12}
    rules: list[Any] = [EquityMomentum(**told, trend_lookback=4, **more) for told in tried]
    rules += [CryptoMomentum(**told, tighten_ma=7, **more) for told in tried]
    plain = [rule.decide(bars) for rule in rules]
    share(bars)
    for rule, wanted in zip(rules, plain, strict=True):
        same(rule.decide(bars), wanted)


def test_what_two_parameters_have_in_common_is_one_array():
    bars = random_bars(120, 9, 1)
    share(bars)
    one, other = (EquityMomentum(trend_ma=20, stop_atr=stop).decide(bars) for stop in (2.0, 3.0))
    assert one.entry is other.entry and one.components is other.components
    assert one.stop_distance == pytest.approx(other.stop_distance * (2.0 / 3.0), nan_ok=True)
