"""Falls from the highest value so far."""

from __future__ import annotations

import math

import empyrical
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_system.metrics import drawdown

moves = st.lists(st.floats(-0.5, 0.5).map(lambda r: round(r, 3)), min_size=1, max_size=60).map(np.array)


def returns_of(*levels: float) -> np.ndarray:
    """Returns of a curve that starts at its first level."""
    values = np.array(levels)
    return values[1:] / values[:-1] - 1.0


def test_a_loss_on_the_first_bar_is_seen():
    r = returns_of(100, 90, 95)
    assert drawdown.max_drawdown(r) == pytest.approx(-0.1)
    assert (drawdown.dd_peak_index(r), drawdown.dd_trough_index(r)) == (0, 1)
    assert math.isnan(drawdown.dd_recovery_index(r))
    assert drawdown.max_dd_duration(r) == 2


def test_one_fall_by_hand():
    r = returns_of(1, 2, 1.5, 1.5, 3)  # levels and returns that a float64 holds exactly
    assert drawdown.drawdown(r).tolist() == [0.0, -0.25, -0.25, 0.0]
    assert drawdown.max_drawdown(r) == -0.25
    places = (drawdown.dd_peak_index(r), drawdown.dd_trough_index(r), drawdown.dd_recovery_index(r))
    assert places == (1, 2, 4)
    assert drawdown.max_dd_duration(r) == 3
    assert drawdown.time_under_water(r) == 0.5
    assert drawdown.ulcer(r) == pytest.approx(math.sqrt((0.25**2 + 0.25**2) / 4))
    assert drawdown.calmar(r, 4) == pytest.approx(2.0 / 0.25)
    assert drawdown.martin(r, 4, 0.5) == pytest.approx(1.5 / drawdown.ulcer(r))


def test_levels_that_come_back_exactly_have_recovered():
    fall = drawdown.deepest_of(np.array([100.0, 120.0, 90.0, 96.0, 120.0, 130.0]))
    assert fall is not None
    assert (fall.peak, fall.trough, fall.recovery, fall.duration) == (1, 2, 4, 3)


def test_the_peak_is_the_last_high_before_the_trough_and_the_trough_the_first_low():
    values = np.array([100.0, 120.0, 120.0, 90.0, 90.0, 119.0])
    fall = drawdown.deepest_of(values)
    assert fall is not None
    assert (fall.peak, fall.trough, fall.recovery, fall.duration) == (2, 3, None, 3)


def test_the_longest_fall_need_not_be_the_deepest():
    r = returns_of(100, 80, 101, 100, 100.5, 100.2, 100.1, 102)
    assert drawdown.dd_trough_index(r) == 1
    assert drawdown.max_dd_duration(r) == 5
    falls = drawdown.episodes(r)
    assert [(fall.peak, fall.trough, fall.recovery, fall.duration) for fall in falls] == [(0, 1, 2, 2), (2, 3, 7, 5)]
    assert falls[0].depth == pytest.approx(-0.2)


def test_new_highs_and_flat_stretches_are_no_falls():
    for r in (np.array([0.01, 0.02]), np.zeros(4), np.array([0.01, 0.0, 0.0])):
        assert drawdown.max_drawdown(r) == 0.0
        assert drawdown.max_dd_duration(r) == 0
        assert drawdown.time_under_water(r) == 0.0
        assert drawdown.episodes(r) == ()
        assert math.isnan(drawdown.dd_peak_index(r))


def test_a_fall_on_the_last_bar_lasts_one_period():
    assert drawdown.max_dd_duration(np.array([0.01, -0.01])) == 1


def test_without_a_fall_the_ratios_are_infinite_or_undefined():
    assert drawdown.calmar(np.array([0.01, 0.02]), 252) == math.inf
    assert drawdown.martin(np.array([0.01, 0.02]), 252) == math.inf
    assert math.isnan(drawdown.calmar(np.zeros(4), 252))


def test_an_empty_series_has_no_figure():
    nothing = np.zeros(0)
    for measure in (drawdown.max_drawdown, drawdown.max_dd_duration, drawdown.time_under_water, drawdown.ulcer):
        assert math.isnan(measure(nothing))


@given(moves)
def test_drawdown_is_never_positive_and_the_deepest_is_the_least(r):
    falls = drawdown.drawdown(r)
    assert (falls <= 0.0).all()
    assert drawdown.max_drawdown(r) == falls.min(initial=0.0)
    assert drawdown.max_drawdown(r) == pytest.approx(empyrical.max_drawdown(r), abs=1e-12)


@given(moves)
def test_indices_frame_the_deepest_fall(r):
    values, fall = drawdown.curve(r), drawdown.deepest(r)
    if fall is None:
        assert drawdown.max_drawdown(r) == 0.0
        return
    assert fall.peak < fall.trough
    assert values[fall.peak] == values[: fall.trough + 1].max()
    assert values[fall.trough] / values[fall.peak] - 1.0 == pytest.approx(drawdown.max_drawdown(r))
    end = values.size if fall.recovery is None else fall.recovery
    assert (values[fall.trough : end] < values[fall.peak]).all()
    assert fall.recovery is None or values[fall.recovery] >= values[fall.peak]


@given(moves)
def test_the_duration_is_what_a_loop_counts(r):
    level, peak, at, longest = 1.0, 1.0, 0, 0
    for t, move in enumerate(r, start=1):
        level = drawdown.curve(r)[t]
        if level >= peak:
            longest = max(longest, t - at if t - at > 1 else 0)
            peak, at = level, t
    assert drawdown.max_dd_duration(r) == max(longest, len(r) - at)


@given(moves)
def test_episodes_hold_every_period_under_water(r):
    under = np.zeros(r.size + 1, bool)
    for fall in drawdown.episodes(r):
        under[fall.peak + 1 : fall.recovery if fall.recovery is not None else r.size + 1] = True
    assert (under[1:] == (drawdown.drawdown(r) < 0.0)).all()
