"""A memo changes no number, and remembers nothing that may change."""

from __future__ import annotations

import numpy as np
import pytest

from tests.builders import random_bars
from tests.validation.examined import experiment_of
from trading_system.indicators import memo, sma, wilder_atr, zscore
from trading_system.strategies.equity_momentum import EquityMomentum
from trading_system.validation.experiment import World


@pytest.fixture
def bars():
    return random_bars(300, 5, 3, missing=0.05, n_splits=3)


def test_results_are_the_same_and_worked_out_once(bars, monkeypatch):
    prices = bars.adjusted
    plain = sma(prices.close, 20), wilder_atr(prices.high, prices.low, prices.close, 14), zscore(prices.close, 20)
    from trading_system.indicators import own_bars

    calls = []
    real = own_bars._computed
    monkeypatch.setattr(own_bars, "_computed", lambda *given: calls.append(1) or real(*given))
    with memo.remembering([prices.open, prices.high, prices.low, prices.close]):
        for _ in range(3):
            found = sma(prices.close, 20), wilder_atr(prices.high, prices.low, prices.close, 14), zscore(prices.close, 20)
            for one, other in zip(plain, found, strict=True):
                np.testing.assert_array_equal(one, other)
        assert len(calls) == 3
        sma(prices.close, 21)
        sma(prices.high, 20)
        assert len(calls) == 5
    sma(prices.close, 20)
    assert len(calls) == 6  # off again


def test_whoever_goes_on_in_place_changes_nothing_for_others(bars):
    close = bars.adjusted.close
    plain = sma(close, 10)
    with memo.remembering([close]):
        first = sma(close, 10)
        first *= 0.0
        np.testing.assert_array_equal(sma(close, 10), plain)
        out = np.empty_like(plain)
        assert sma(close, 10, out=out).base is out or sma(close, 10, out=out) is out
        np.testing.assert_array_equal(out, plain)


def test_a_panel_that_a_rule_makes_on_its_way_is_not_remembered(bars):
    with memo.remembering([bars.adjusted.close]):
        made = bars.adjusted.close * 2.0
        one = sma(made, 5)
        made *= 4.0
        np.testing.assert_array_equal(sma(made, 5), one * 4.0)


def test_no_more_bytes_are_held_than_there_is_room_for(bars):
    close = bars.adjusted.close
    with memo.remembering([close], most=3 * close.nbytes) as held:
        for n in range(2, 40):
            np.testing.assert_array_equal(sma(close, n), sma(close.copy(), n))
            assert held.held <= 3 * close.nbytes
        assert held.held > 0
    assert not memo.is_on()


def test_decisions_are_the_same_with_a_memo(bars):
    plain = EquityMomentum().decide(bars)
    with memo.remembering([bars]):
        for _ in range(2):
            found = EquityMomentum().decide(bars)
            for name in ("entry", "exit", "stop_distance", "components"):
                np.testing.assert_array_equal(getattr(found, name), getattr(plain, name))


def test_a_search_leaves_the_memo_off_also_after_an_error(bars):
    from trading_system.errors import ConfigError
    from trading_system.validation.loop import Loop
    from trading_system.validation.search import search_of

    key = "strategies.0.params.exit_ma"
    costs = {"slippage": {"model": "full", "base_bps": 8.0}}
    experiment = experiment_of(bars, "equity_momentum", first=71, costs=costs, validation={"grid": {key: (10, 20, 30)}})
    search = search_of(experiment, Loop())
    assert search is not None and not memo.is_on()
    for number, point in enumerate(search.points):
        assert search.measures[number, 1] == experiment.outcome(World(settings=point)).metric("total_return")
    wrong = experiment_of(bars, "equity_momentum", validation={"grid": {key: (10, 20)}, "search": {"objective": "nothing"}})
    with pytest.raises(ConfigError):
        search_of(wrong, Loop())
    assert not memo.is_on()
