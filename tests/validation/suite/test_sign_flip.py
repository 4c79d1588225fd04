"""Signs of returns and trades, with a warning where the distribution leans."""

from __future__ import annotations

import numpy as np
import pytest

from tests.builders import make_bars
from tests.validation.examined import examination_of, experiment_of, held_between
from trading_system.validation.base import TestResult, generator
from trading_system.validation.permutation import exact_sign_flip
from trading_system.validation.suite.sign_flip import SignFlipped


def made(moves: np.ndarray, exits: list[int], n: int = 999) -> TestResult:
    close = 100.0 * np.cumprod(1.0 + np.concatenate(([0.0], moves)))
    opens = np.concatenate((close[:1], close[:-1]))
    bars = make_bars(opens, np.maximum(opens, close), np.minimum(opens, close), close)
    rule = held_between([0, *exits], exits)
    examination = examination_of(experiment_of(bars, rule, validation={"permutation": {"random_entry": n}}))
    return SignFlipped().run(examination, generator(1, "sign_flip"))


def test_the_p_value_of_returns_is_that_of_all_signs():
    moves = np.random.default_rng(4).normal(0.006, 0.01, 12)
    found = made(moves, [], 9_999)
    assert found.bars[0].name == "sign flip p, returns" and found.bars[1].measured is None
    earned = examination_returns(moves)
    assert found.p_value == pytest.approx(exact_sign_flip(earned).p_value, abs=0.015)


def examination_returns(moves: np.ndarray) -> np.ndarray:
    """Half of the equity is held from the second open on; drift of the share is small and the signs do the rest."""
    equity, held = [1.0], 0.5
    value = held
    for move in moves:
        value *= 1.0 + move
        equity.append(1.0 - held + value)
    return np.diff(equity) / np.array(equity[:-1])


def test_few_trades_have_no_p_value_and_say_why():
    found = made(np.full(10, 0.01) * np.tile([1, -1], 5), [])
    assert found.bars[1].why == "fewer than two trades" and found.verdict == "report"


def test_leaning_returns_are_a_warning_that_says_which_way():
    moves = np.where(np.arange(100) % 20 == 19, -0.08, 0.004)
    warnings = " ".join(made(moves, []).warnings)
    assert "returns have a skewness of -" in warnings and "too small" in warnings
    assert "too large" in " ".join(made(-moves, []).warnings)
    even = np.random.default_rng(1).permutation(np.tile([0.01, -0.0099], 50))
    assert not made(even, []).warnings
