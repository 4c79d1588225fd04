"""Exposure and turnover from weights."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trading_system.errors import DataError
from trading_system.metrics import exposure


def test_buying_the_whole_book_turns_over_half():
    held, moves = np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([[0.1, 0.1], [0.0, 0.0]])
    assert exposure.turnover_one_way(held, moves).tolist() == [0.5, 0.0]  # both drift alike: nothing to trade
    assert exposure.turnover_one_way_annual(held, moves, 252) == pytest.approx(0.25 * 252)


def test_drift_is_traded_back():
    held, moves = np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([[0.2, 0.0], [0.0, 0.0]])
    drifted = 0.5 * 1.2 / 1.1
    assert exposure.turnover_one_way(held, moves)[1] == pytest.approx(drifted - 0.5)


def test_exposures_by_hand():
    held = np.array([[0.0, 0.0], [1.0, -0.5], [0.5, 0.0], [0.0, 0.0]])
    assert exposure.time_in_market(held) == 0.5
    assert exposure.mean_gross_exposure(held) == 0.5
    assert exposure.mean_net_exposure(held) == 0.25
    assert exposure.portfolio_returns(held, np.full(held.shape, 0.1)).tolist() == pytest.approx([0.0, 0.05, 0.05, 0.0])


def test_no_period_has_no_figure():
    nothing: list[float] = []
    assert math.isnan(exposure.time_in_market(nothing))
    assert math.isnan(exposure.mean_gross_exposure(nothing))
    assert math.isnan(exposure.mean_net_exposure(nothing))
    assert math.isnan(exposure.turnover_one_way_annual(nothing, nothing, 252))


def test_what_is_no_panel_is_refused():
    with pytest.raises(DataError, match="1 dimensions"):
        exposure.time_in_market(np.ones(3))
    with pytest.raises(DataError, match="row 1: column 0"):
        exposure.time_in_market(np.array([[0.0], [np.nan]]))
    with pytest.raises(DataError, match="equal shapes"):
        exposure.turnover_one_way(np.ones((2, 1)), np.ones((2, 2)))
    with pytest.raises(DataError, match="loses everything in period 0"):
        exposure.turnover_one_way(np.ones((2, 1)), np.array([[-1.0], [0.0]]))
