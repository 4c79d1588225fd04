"""Random entries: what drift earns is not skill, foresight is, and a rule without a position is not asked."""

from __future__ import annotations

import numpy as np
import pytest

from tests.builders import make_bars
from tests.validation.examined import examination_of, experiment_of
from tests.validation.sizes import sized
from trading_system.data.bars import Bars
from trading_system.strategies.base import Weights
from trading_system.validation.base import TestResult, generator
from trading_system.validation.suite.random_entry import RandomEntry

DRAWS = {"permutation": {"random_entry": 199}}


def market(n: int, seed: int, drift: float = 0.0, width: int = 1) -> Bars:
    moves = np.random.default_rng(seed).normal(drift, 0.01, (n, width))
    close = 100.0 * np.exp(np.cumsum(moves, axis=0))
    return make_bars(close, close * 1.001, close * 0.999, close)


def made(bars: Bars, rule: object, seed: int = 1) -> TestResult:
    examination = examination_of(experiment_of(bars, rule, validation=DRAWS, seed=seed))  # type: ignore[arg-type]
    assert RandomEntry.applies(examination) == ""
    return RandomEntry().run(examination, generator(seed, "random_entry"))


def seeing(bars: Bars) -> Weights:
    """Long before days that rise: a rule that knows tomorrow's close and the day after's."""
    ahead = np.full(bars.close.shape, np.nan)
    ahead[:-2] = bars.close[2:] / bars.close[1:-1] - 1.0
    return Weights.on_change(np.where(ahead > 0.0, 0.9 / bars.n_symbols, 0.0))


def by_chance(seed: int, share: float = 0.6):
    def decide(bars: Bars) -> Weights:
        drawn = np.random.default_rng(seed).random((bars.n_bars // 4 + 1, bars.n_symbols)) < share
        return Weights.on_change(np.where(np.repeat(drawn, 4, axis=0)[: bars.n_bars], 0.9 / bars.n_symbols, 0.0))

    return decide


@pytest.mark.parametrize("width", [1, 3])
def test_foresight_is_found_by_every_way(width):
    found = made(market(300, 1, width=width), seeing)
    assert all(bar.measured <= 0.03 for bar in found.bars) and found.p_value == found.bars[0].measured
    assert found.details["ways"]["random entry p, pairing"]["n_exceeding"] == 0
    assert any("shuffled apart" in text for text in found.warnings) == (width > 1)


def test_being_long_in_a_rising_market_at_random_is_significant_five_times_in_a_hundred():
    sets = sized(120, 2)
    p = np.array(
        [[bar.measured for bar in made(market(250, seed, 0.002), by_chance(seed + 1), seed).bars] for seed in range(sets)]
    )
    if sets >= 120:
        assert ((p <= 0.05).mean(axis=0) <= 0.12).all() and (p.mean(axis=0) > 0.4).all() and (p.mean(axis=0) < 0.6).all()


def test_positions_that_never_change_are_a_warning():
    def hold(bars: Bars) -> Weights:
        target = np.full(bars.close.shape, np.nan)
        target[0] = 1.0
        return Weights(target)

    bars = market(50, 1)
    flat = make_bars(*(np.full((50, 1), 100.0) for _ in range(4)))
    assert made(bars, hold).p_value > 0.3
    examination = examination_of(experiment_of(flat, hold, first=0, validation=DRAWS))
    found = RandomEntry().run(examination, generator(1, "random_entry"))
    assert found.p_value == 1.0


def test_a_rule_that_never_held_anything_is_not_asked():
    def idle(bars: Bars) -> Weights:
        return Weights(np.full(bars.close.shape, np.nan))

    assert RandomEntry.applies(examination_of(experiment_of(market(30, 1), idle))) == "the run never held a position"
