"""Bins hold every return once, have one round width and an edge at 0."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trading_system.metrics.distribution import MOST, histogram


@given(st.lists(st.floats(-1.0, 3.0), min_size=1, max_size=300))
def test_every_return_is_in_one_bin(values):
    returns = np.array(values)
    edges, counts = histogram(returns)
    assert counts.sum() == returns.size and counts.size == edges.size - 1 <= MOST
    width = edges[1] - edges[0]
    assert np.allclose(np.diff(edges), width) and np.isclose(edges, 0.0, atol=1e-12).any()
    assert edges[0] <= returns.min() + 1e-9 and returns.max() <= edges[-1] + 1e-9
    mantissa = width / 10.0 ** np.floor(np.log10(width * (1 + 1e-9)))
    assert min(abs(mantissa - step) for step in (1.0, 2.0, 2.5, 5.0, 10.0)) < 1e-6


def test_bins_by_hand():
    edges, counts = histogram(np.array([-0.011, -0.004, 0.0, 0.002, 0.004, 0.012]))
    assert np.allclose(edges, [-0.02, -0.01, 0.0, 0.01, 0.02]) and counts.tolist() == [1, 1, 3, 1]


def test_no_returns_no_bins_and_equal_returns_one():
    assert [part.size for part in histogram(np.zeros(0))] == [0, 0]
    edges, counts = histogram(np.zeros(7))
    assert counts.tolist() == [7] and edges[0] == 0.0
