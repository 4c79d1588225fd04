"""The walk-forward as a test of the suite: one bar that can reject, and an error that says how much data is missing."""

from __future__ import annotations

import numpy as np
import pytest

from tests.builders import make_bars, random_bars
from tests.validation.examined import examination_of, experiment_of, held_between
from trading_system.validation.suite.walk_forward import WalkForwardTest
from trading_system.validation.verdict import examined
from trading_system.validation.walk_forward import walk_forward

WINDOWS = {"train": 200, "test": 60}


def judged(experiment):
    (found,) = examined(examination_of(experiment), ["walk_forward"]).results
    return found


def trending(slope: float):
    """A market that goes one way with noise that a crossover does not care for."""
    close = 100.0 * np.exp(slope * np.arange(700) + 0.002 * np.sin(np.arange(700)))
    return make_bars(close, close * 1.001, close * 0.999, close)


@pytest.mark.parametrize(("slope", "verdict"), [(0.002, "pass"), (-0.002, "reject")])
def test_the_bar_is_the_stitched_sharpe_ratio(slope, verdict):
    """Bought on every third row and held for two: it earns what the market does."""
    bars = trending(slope)

    experiment = experiment_of(bars, held_between(range(0, 700, 3), range(2, 702, 3)), validation={"walk_forward": WINDOWS})
    found = judged(experiment)
    sharpe, efficiency, profitable = found.bars
    assert found.verdict == sharpe.verdict == verdict
    returns = walk_forward(experiment).returns
    assert sharpe.measured == pytest.approx(returns.mean() / returns.std(ddof=1) * 252**0.5)
    assert profitable.measured == (1.0 if verdict == "pass" else 0.0)
    assert (efficiency.measured == pytest.approx(1.0, abs=0.2)) if verdict == "pass" else efficiency.measured is None
    assert found.n_worlds == 16 and found.work == "8 folds, own values; 480 periods out of sample"


def test_a_rule_that_never_trades_unseen_is_rejected_with_the_reason():
    experiment = experiment_of(random_bars(700, 1, 1), held_between((10,), (50,)), validation={"walk_forward": WINDOWS})
    found = judged(experiment)
    assert found.verdict == "reject" and found.bars[0].measured is None
    assert found.bars[0].why == "the out-of-sample returns never vary: nothing was held"


def test_too_few_bars_are_an_error_that_says_how_many_are_needed():
    experiment = experiment_of(random_bars(150, 1, 1), "ma_crossover", validation={"walk_forward": WINDOWS})
    found = judged(experiment)
    assert found.verdict == "error"
    assert "needs 260, and there are 150" in found.error and "shorten train and test to 150 together" in found.error


def test_the_threshold_is_the_run_files():
    bars = trending(0.002)
    gates = {"gates": {"min_walk_forward_sharpe": 99.0}, "walk_forward": WINDOWS}
    found = judged(experiment_of(bars, "ma_crossover", params={"fast": 3, "slow": 9}, validation=gates))
    assert found.bars[0].threshold == 99.0 and found.verdict == "reject"


def test_the_picture_has_a_bar_for_every_fold_and_a_point_for_every_period():
    grid = {"strategies.0.params.fast": (3, 6)}
    settings = {"walk_forward": WINDOWS, "grid": grid}
    experiment = experiment_of(random_bars(700, 2, 2), "ma_crossover", params={"fast": 3, "slow": 20}, validation=settings)
    found = judged(experiment)
    folds, curve = found.picture["pictures"]
    assert (folds["form"], curve["form"]) == ("bars", "fan")
    assert [len(one) for one in folds["series"].values()] == [8, 8] and len(folds["labels"]) == 8
    assert curve["labels"][0] == folds["labels"][0] and curve["line"][-1] == walk_forward(experiment).equity[-1]
    assert found.n_worlds == 2 * 8 + 16 and "x 2 points" in found.work


def test_what_explain_prints_is_there():
    for text in (WalkForwardTest.asks, WalkForwardTest.null, WalkForwardTest.reading, WalkForwardTest.source):
        assert text.endswith((".", "?"))
