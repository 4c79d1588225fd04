"""p-values of replicates, keys and chunks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_system.errors import DataError
from trading_system.validation import resampling


@given(st.floats(-5.0, 5.0), st.lists(st.floats(-5.0, 5.0), min_size=1, max_size=50))
def test_a_p_value_is_never_zero_and_falls_with_the_statistic(observed, replicates):
    p = resampling.p_value(observed, replicates)
    assert 1.0 / (len(replicates) + 1.0) <= p <= 1.0
    assert resampling.p_value(observed + 1.0, replicates) <= p
    assert resampling.p_value(observed, [*replicates, observed]) >= p - 1e-12
    assert p == (1 + sum(value >= observed for value in replicates)) / (1 + len(replicates))


def test_p_values_of_noise_are_uniform():
    rng = np.random.default_rng(1)
    p = [resampling.p_value(rng.standard_normal(), rng.standard_normal(19)) for _ in range(4_000)]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.015)
    assert np.mean(p) == pytest.approx(0.525, abs=0.02)


def test_a_statistic_of_nan_is_refused_not_counted():
    with pytest.raises(DataError, match="observed nan"):
        resampling.p_value(math.nan, [1.0])
    with pytest.raises(DataError, match="1 of 2 replicates"):
        resampling.p_value(0.0, [1.0, math.nan])
    with pytest.raises(DataError, match="3 of 2 replicates"):
        resampling.p_value_of_count(3, 2)


def test_keys_come_from_the_generator_alone():
    first = resampling.resample_keys(np.random.default_rng(3), 5)
    assert (first == resampling.resample_keys(np.random.default_rng(3), 5)).all() and first.dtype == np.uint64
    assert len(set(first.tolist())) == 5


def test_chunks_come_back_in_their_order():
    assert resampling.in_chunks(lambda a, b: (a, b), 10, 4) == [(0, 4), (4, 8), (8, 10)]
    assert resampling.monte_carlo_error(0.5, 100) == 0.05


def test_enough_resamples_let_a_result_survive_the_correction():
    enough = resampling.least_resamples(40, 0.05)
    assert enough == 800 and 40 * resampling.p_value_of_count(0, enough) <= 0.05 < 40 * resampling.p_value_of_count(0, 700)
