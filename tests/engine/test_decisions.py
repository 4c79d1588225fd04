"""Decisions that break their contract are refused before the first bar, never read out of bounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.engine.scenes import NAN, play_kernel, rules, signals, still, weights
from trading_system.engine.simulate import StrategyDecisions
from trading_system.errors import StrategyError

BARS = still(100.0, 101.0, 102.0, 103.0)


def refused(made: StrategyDecisions, says: str) -> None:
    with pytest.raises(StrategyError, match=says):
        play_kernel(BARS, [made], rules())


def with_fields(**fields: Any) -> StrategyDecisions:
    made = signals(BARS, {(1, 0): 1})
    return replace(made, decisions=replace(made.decisions, **fields))


def panel(*values: float) -> np.ndarray:
    return np.array(values)[:, None]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"component_names": ("a",)}, "components"),
        ({"component_names": ("a", "a"), "components": np.zeros((2, 4, 1))}, "components"),
        ({"component_names": ("a",), "components": np.zeros((2, 4, 1))}, "components"),
        ({"stop_distance": np.ones((3, 1))}, "stop_distance"),
        ({"stop_distance": np.ones((4, 1), np.int64)}, "stop_distance"),
        ({"entry": np.zeros((4, 1))}, "entry"),
        ({"exit": np.zeros((4, 1), np.int8)}, "exit"),
        ({"symbol": np.array([1])}, "symbol"),
        ({"symbol": np.array([-1])}, "symbol"),
        ({"max_hold": np.array([1, 2])}, "max_hold"),
        ({"group": np.array([0]), "limit_price": panel(NAN, 99.0, NAN, NAN)}, "group"),
    ],
)
def test_a_panel_of_the_wrong_shape_or_kind_is_refused(fields: dict[str, Any], says: str) -> None:
    refused(with_fields(**fields), says)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"stop_distance": panel(1.0, 0.0, 1.0, 1.0)}, "stop_distance"),
        ({"stop_distance": panel(1.0, np.inf, 1.0, 1.0)}, "stop_distance"),
        ({"target_distance": panel(1.0, -2.0, 1.0, 1.0)}, "target_distance"),
        ({"limit_price": panel(NAN, 0.0, NAN, NAN)}, "limit_price"),
        ({"scale": panel(1.0, NAN, 1.0, 1.0)}, "scale"),
        ({"entry": np.array([[0], [2], [0], [0]], np.int8)}, "entry"),
        ({"trail_distance": panel(1.0, 1.0, 0.0, 1.0)}, "trail_distance"),
        ({"stop_tighten": panel(NAN, NAN, np.inf, NAN)}, "stop_tighten"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_row_and_symbol(fields: dict[str, Any], says: str) -> None:
    made = with_fields(**fields)
    with pytest.raises(StrategyError, match=says) as caught:
        play_kernel(BARS, [made], rules())
    assert "S000" in caught.value.where and "2015-01-0" in caught.value.where


def test_an_infinite_weight_is_refused() -> None:
    refused(weights(BARS, {(1, 0): np.inf}), "target")


def test_lines_need_symbols() -> None:
    made = signals(BARS, {(1, 0): 1})
    refused(replace(made, columns=np.array([0, 0])), "lines")
