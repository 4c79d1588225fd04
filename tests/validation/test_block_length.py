"""Automatic block lengths against arch, and what they do with little."""

from __future__ import annotations

import numpy as np
import pytest
from arch.bootstrap import optimal_block_length
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_system.errors import InsufficientDataError
from trading_system.validation.block_length import block_length, common_block_length


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(30, 600), st.floats(-0.8, 0.9))
def test_lengths_are_those_of_a_second_implementation(seed, n, rho):
    x = np.random.default_rng(seed).standard_normal(n)
    for t in range(1, n):
        x[t] += rho * x[t - 1]
    wanted = optimal_block_length(x).iloc[0]
    found = block_length(x)
    assert found.stationary == pytest.approx(min(max(wanted["stationary"], 1.0), found.largest), rel=1e-8)
    assert found.circular == pytest.approx(min(max(wanted["circular"], 1.0), found.largest), rel=1e-8)


def test_dependence_asks_for_longer_blocks():
    rng = np.random.default_rng(2)
    noise = rng.standard_normal(1_000)
    walk = noise.cumsum()
    assert block_length(noise).stationary < 4.0 < block_length(walk).stationary
    both = np.column_stack((noise, walk))
    assert common_block_length(both) == block_length(walk).stationary
    assert block_length(walk).whole == np.ceil(block_length(walk).circular)


def test_what_never_varies_needs_no_block_and_too_little_is_refused():
    assert block_length(np.ones(50)).stationary == 1.0
    with pytest.raises(InsufficientDataError, match="needs 10 periods, the data has 9"):
        block_length(np.arange(9.0))
