"""Efficiency, stability and plateaus on cases small enough to see."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from trading_system.errors import DataError
from trading_system.validation import stability

grids = hnp.arrays(np.float64, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.integers(-5, 9).map(float))


@given(grids, st.integers(1, 3))
def test_the_smoothed_maximum_is_that_of_a_generic_filter(grid, radius):
    def mean(window):
        return window[~np.isnan(window)].mean()

    smooth = ndimage.generic_filter(grid, mean, size=2 * radius + 1, mode="constant", cval=np.nan)
    found = stability.plateau(grid, radius)
    assert found.smoothed == pytest.approx(smooth.max())
    assert smooth[found.smoothed_index] == pytest.approx(smooth.max())
    assert found.best == grid.max() == grid[found.best_index]


def test_neighbours_are_the_evaluated_points_around_the_best():
    found = stability.plateau([[1.0, math.nan, 0.0], [2.0, 3.0, -1.0]])
    assert found.best_index == (1, 1) and found.n_neighbours == 4
    assert (found.neighbour_median, found.neighbour_min) == (0.5, -1.0)
    assert found.ratio == pytest.approx(0.5 / 3.0)
    assert (found.share_half_best, found.share_positive) == (0.25, 0.5)


def test_a_grid_of_one_point_or_of_losses_has_no_ratio():
    alone = stability.plateau([[2.0]])
    assert alone.n_neighbours == 0 and math.isnan(alone.ratio) and math.isnan(alone.share_positive)
    assert math.isnan(stability.plateau([-3.0, -1.0, -2.0]).ratio)
    assert stability.plateau(np.ones((2, 2, 2))).ratio == 1.0


def test_a_walk_forward_that_lost_in_sample_has_no_efficiency():
    found = stability.walk_forward_efficiency([-0.1, 0.05], [0.02, 0.01], [252, 252], [63, 63], 252)
    assert math.isnan(found.simple_rate) and math.isnan(found.mean_of_annualised)
    assert found.compounded == pytest.approx(1.02 * 1.01 - 1.0) and found.share_profitable == 1.0
    assert found.undefined == "nothing was earned in sample: no share of it can survive"


def test_equal_rates_in_and_out_are_an_efficiency_of_one():
    found = stability.walk_forward_efficiency([0.2, 0.2], [0.05, 0.05], [200, 200], [50, 50], 252)
    assert found.simple_rate == pytest.approx(1.0) and found.undefined == ""


def test_parameters_that_never_move_are_stable():
    still = stability.parameter_stability([(10, "a")] * 3, [[10, 20], ["a", "b"]])
    assert still.modal_share == 1.0 and still.mean_jump == 0.0 and still.deviation_of_each.tolist() == [0.0, 0.0]
    once = stability.parameter_stability([(10,)], [[10]])
    assert once.modal_share == 1.0 and math.isnan(once.mean_jump)
    wild = stability.parameter_stability([(1,), (3,), (1,)], [[1, 2, 3]])
    assert wild.mean_jump == 1.0 and wild.deviation_of_each == pytest.approx([math.sqrt(1.0 / 3.0)])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: stability.parameter_stability([(7,)], [[1, 2]]), "7 was chosen but is not in its grid; allowed: 1, 2"),
        (lambda: stability.parameter_stability([(1, 2)], [[1]]), "do not fit the grids"),
        (lambda: stability.plateau([[math.nan]]), "no finite value"),
        (lambda: stability.plateau([[1.0, math.inf]]), "infinite"),
        (lambda: stability.walk_forward_efficiency([0.1], [0.1], [0], [5], 252), "window without bars"),
        (lambda: stability.walk_forward_efficiency([0.1], [0.1, 0.2], [5], [5], 252), "series of equal length"),
    ],
)
def test_impossible_inputs_are_one_message(call, words):
    with pytest.raises(DataError, match=words):
        call()
