"""The permuted walk-forward: the whole of it on every market, the first training window left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.builders import random_bars
from tests.validation.examined import examination_of, experiment_of
from tests.validation.sizes import sized
from tests.validation.suite.test_permutation import walk
from trading_system.data.bars import Bars
from trading_system.errors import InsufficientDataError
from trading_system.metrics.returns import sharpe
from trading_system.validation.base import Examination, TestResult, generator
from trading_system.validation.experiment import World
from trading_system.validation.permuted_worlds import PermutedWorlds
from trading_system.validation.resampling import p_value
from trading_system.validation.suite.walk_forward_permutation import WalkForwardPermutation, stitched_sharpe
from trading_system.validation.walk_forward import untouched_row, walk_forward

GRID = {"strategies.0.params.fast": (2, 4), "strategies.0.params.slow": (12, 24)}


def examined(bars: Bars, n: int = 19, *, fast: bool = False, seed: int = 1, **more: Any) -> Examination:
    validation = {
        "grid": GRID,
        "walk_forward": {"train": 60, "test": 20},
        "permutation": {"walk_forward": n},
    }
    experiment = experiment_of(
        bars, "ma_crossover", first=30, validation=validation, params={"fast": 4, "slow": 24}, seed=seed, **more
    )
    return examination_of(experiment, fast=fast)


def made(examination: Examination) -> TestResult:
    assert WalkForwardPermutation.applies(examination) == ""
    return WalkForwardPermutation().run(examination, generator(examination.experiment.config.seed, "walk_forward_permutation"))


def test_every_market_is_walked_through_whole_and_begins_as_the_real_one():
    examination = examined(walk(220, 3))
    found, experiment = made(examination), examination.experiment
    seed = int(generator(1, "walk_forward_permutation").integers(2**63))
    worlds = PermutedWorlds(experiment, seed, untouched_row(experiment))
    null = []
    for number in range(19):
        market = worlds.market(number)
        assert np.array_equal(market.close[:90], experiment.bars.close[:90]) and market.close[91] != experiment.bars.close[91]
        null.append(sharpe(walk_forward(experiment, world=World(bars=market)).returns, 252.0))
    observed = walk_forward(experiment).sharpe
    assert found.details["observed"] == pytest.approx(observed) and found.p_value == p_value(observed, null)
    assert found.details["selection_bias"] == pytest.approx(np.mean(null))
    assert found.details["permuted_from_row"] == 90 and found.verdict == "report"


def test_recorded_actions_are_part_of_the_moves():
    bars = random_bars(220, 2, 5, n_splits=2, n_dividends=3)
    assert made(examined(bars)).p_value is not None


def test_fast_asks_for_none_and_says_so():
    examination = examined(walk(150, 1), fast=True)
    assert "walk_forward_fast is 0 (--fast)" in WalkForwardPermutation.applies(examination)
    assert "walk_forward is 0" in WalkForwardPermutation.applies(examined(walk(150, 1), 0))


def test_too_few_periods_are_refused():
    with pytest.raises(InsufficientDataError, match="a walk-forward of 60 . 20 periods needs 80"):
        made(examined(walk(100, 1)))


@pytest.mark.slow
def test_noise_passes_five_times_in_a_hundred_and_a_lasting_trend_more_often_than_not():
    sets = sized(40, 1)
    noise = [made(examined(walk(220, seed), seed=seed)).p_value for seed in range(sets)]
    trend = [made(examined(walk(600, 50 + seed, latent=0.8), seed=seed)).p_value for seed in range(sized(10, 1))]
    if sets >= 40:
        assert np.mean(np.array(noise) <= 0.05) <= 0.175 and 0.35 <= np.mean(noise) <= 0.65
        assert np.mean(np.array(trend) <= 0.05) >= 0.6


def test_another_market_is_asked_about_through_the_same_function():
    examination = examined(walk(220, 3))
    assert stitched_sharpe(examination.experiment) == pytest.approx(walk_forward(examination.experiment).sharpe)
