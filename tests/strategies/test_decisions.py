"""Decisions that break the contract are refused with the panel, the row and the symbol."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.builders import random_bars
from trading_system.errors import StrategyError
from trading_system.strategies.base import Signals, Weights
from trading_system.strategies.decisions import check_decisions

BARS = random_bars(6, 3)
SHAPE = (6, 3)


def panel(value: float = 1.0, row: int = 4, column: int = 2, rest: float = np.nan) -> np.ndarray:
    values = np.full(SHAPE, rest)
    values[row, column] = value
    return values


def signals(**more: Any) -> Signals:
    entry = np.zeros(SHAPE, np.int8)
    entry[4, 2] = 1
    return Signals(**{"entry": entry, "exit": np.zeros(SHAPE, np.bool_), **more})


def test_sound_decisions_pass() -> None:
    check_decisions(Weights(panel(-0.5)), BARS, "mine")
    check_decisions(
        signals(
            stop_distance=panel(2.0, rest=0.0),
            trail_distance=panel(),
            stop_tighten=panel(),
            target_distance=panel(),
            limit_price=panel(),
            scale=panel(),
            components=np.zeros((1, *SHAPE)),
            component_names=("momentum",),
            max_hold=np.zeros(3, np.int64),
            group=np.full(3, -1, np.int64),
            symbol=np.array([0, 1, 1], np.int64),
        ),
        BARS,
        "mine",
    )


@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        (None, "mine gave back NoneType; allowed: Signals or Weights"),
        (Weights(panel()[:3]), "target is float64 of shape (3, 3); allowed: float64 of shape (6, 3)"),
        (Weights(panel().astype(np.float32)), "target is float32"),
        (Weights([1.0]), "target is list"),  # type: ignore[arg-type]
        (Weights(panel(np.inf)), "row 4 (2015-01-09), line 2 (S002): target is inf"),
        (Weights(panel(), symbol=np.array([0, 1, 3], np.int64)), "symbol names columns 0 to 3; allowed: 0 to 2"),
        (Weights(panel(), symbol=np.array([0.0])), "symbol is float64 of shape (1,)"),
        (signals(entry=np.zeros(SHAPE)), "entry is float64"),
        (signals(entry=np.full(SHAPE, 2, np.int8)), "row 0 (2015-01-05), line 0 (S000): entry is 2; allowed: 1, -1 or 0"),
        (signals(exit=np.zeros(SHAPE, np.int8)), "exit is int8"),
        (signals(stop_distance=panel(0.0)), "line 2 (S002): stop_distance is 0; allowed: above 0 on entry rows"),
        (signals(target_distance=panel(-1.0)), "target_distance is -1"),
        (signals(trail_distance=panel(0.0, row=0)), "row 0 (2015-01-05), line 2 (S002): trail_distance is 0"),
        (signals(stop_tighten=panel(np.inf)), "stop_tighten is inf"),
        (signals(limit_price=panel(-3.0)), "limit_price is -3"),
        (signals(scale=panel(row=3)), "scale is nan; allowed: finite and above 0 on entry rows"),
        (signals(component_names=("a",)), "component_names without components"),
        (signals(components=np.zeros(SHAPE), component_names=("a",)), "components is float64 of shape (6, 3)"),
        (signals(components=np.zeros((2, *SHAPE)), component_names=("a", "a")), "a name twice: a, a"),
        (signals(max_hold=np.full(3, -1, np.int64)), "max_hold is -1; allowed: at least 0"),
        (signals(max_hold=np.zeros(3)), "max_hold is float64"),
        (signals(group=np.zeros(2, np.int64)), "group is int64 of shape (2,)"),
    ],
)
def test_a_breach_is_named(decisions: object, expected: str) -> None:
    with pytest.raises(StrategyError) as caught:
        check_decisions(decisions, BARS, "mine")
    assert expected in str(caught.value)
