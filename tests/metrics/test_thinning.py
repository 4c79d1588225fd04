"""A thinned series keeps the first, lowest, highest and last value of every stretch."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trading_system.metrics.thinning import rows_of, step_for, thinned

VALUES = st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))), min_size=1, max_size=400)


@given(VALUES, st.integers(4, 200))
def test_no_extreme_of_any_stretch_is_lost(values, points):
    series = np.array(values)
    step = step_for(series.size, points)
    drawn, rows = thinned(series, step), rows_of(series.size, step)
    assert drawn.shape == rows.shape and (np.diff(rows) >= 0).all() and rows[0] == 0 and rows[-1] == series.size - 1
    if step == 1:
        np.testing.assert_array_equal(drawn, series)
        return
    assert drawn.size <= max(points, 4)
    for number, start in enumerate(range(0, series.size, step)):
        stretch, kept = series[start : start + step], drawn[4 * number : 4 * number + 4]
        np.testing.assert_array_equal(kept[0], stretch[0])
        if np.isfinite(stretch).any():
            assert np.nanmin(kept) == np.nanmin(stretch) and np.nanmax(kept) == np.nanmax(stretch)
        else:
            assert np.isnan(kept).all()
    np.testing.assert_array_equal(drawn[-1], series[-1])


def test_lowest_and_highest_stand_in_the_order_in_which_they_occur():
    assert thinned(np.array([5.0, 9.0, 1.0, 4.0, 5.0, 0.0, 8.0, 6.0]), 4).tolist() == [5, 9, 1, 4, 5, 0, 8, 6]
    assert rows_of(8, 4).tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
