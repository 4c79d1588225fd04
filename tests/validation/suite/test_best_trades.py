"""What is left without the best trades, counted by hand and as a law."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as draws

from tests.builders import make_bars, random_bars
from tests.validation.examined import examination_of, experiment_of, held_between
from trading_system.validation.base import generator, tests
from trading_system.validation.suite.best_trades import BestTrades, profit_without_best

MONEY = draws.lists(draws.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=40)


def judged(experiment):
    return BestTrades().run(examination_of(experiment), generator(1, "best_trades"))


@given(MONEY)
def test_without_more_of_the_best_trades_the_profit_never_rises(pnl):
    left = profit_without_best(np.array(pnl), 5)
    assert left[0] == pytest.approx(sum(pnl), abs=1e-6)
    assert (np.diff(left) <= 1e-9).all()


@given(MONEY, draws.integers(0, 50))
def test_it_is_the_sum_of_what_a_sort_leaves(pnl, k):
    kept = sorted(pnl, reverse=True)
    left = sum(value for place, value in enumerate(kept) if place >= k or value <= 0.0)
    assert profit_without_best(np.array(pnl), k)[k] == pytest.approx(left, abs=1e-5)


def test_nothing_is_left_when_every_trade_was_a_winner():
    assert profit_without_best(np.array([0.1, 0.2, 0.3]), 3).tolist()[3] == 0.0


@pytest.mark.parametrize(("best", "verdict"), [(1, "pass"), (2, "reject"), (0, "pass")])
def test_a_profit_of_two_trades_does_not_survive_their_loss(best, verdict):
    """Entries at 0, 3, 6, ...; out a bar later; wins of about 10 % twice, a small loss in between."""
    close = np.array([100, 100, 110, 110, 110, 109, 109, 109, 121, 121, 121, 120.9, 120.9])
    bars = make_bars(close, close, close, close)
    experiment = experiment_of(bars, held_between((0, 3, 6, 9), (1, 4, 7, 10)), validation={"gates": {"best_trades": best}})
    pnl = experiment.baseline.pnl
    assert pnl.size == 4
    found = judged(experiment)
    assert found.verdict == verdict
    (bar,) = found.bars
    assert bar.measured == pytest.approx(float(np.sort(pnl)[: 4 - best].sum()))
    assert found.details["trades_that_carry_the_profit"] == 2


def test_without_a_trade_it_rejects_and_says_why():
    found = judged(experiment_of(random_bars(60, 2), held_between((), ())))
    assert found.verdict == "reject" and found.bars[0].measured is None
    assert found.bars[0].why == "no trade was closed"


def test_losses_that_are_still_open_are_warned_of():
    close = np.array([100, 100, 101, 101, 101, 101, 60.0, 60.0])
    bars = make_bars(close, close, close, close)
    experiment = experiment_of(bars, held_between((0, 4), (1,)), validation={"gates": {"best_trades": 0}})
    assert experiment.baseline.pnl.size == 1
    found = judged(experiment)
    assert found.verdict == "pass" and "still open lose" in found.warnings[0]


def test_it_is_registered_and_explains_itself():
    assert tests.get("best_trades") is BestTrades
    assert BestTrades.asks.endswith("?") and BestTrades.blind_to
