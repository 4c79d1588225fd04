"""The warm-up that is found is the window that a rule has, and one that is declared too short is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.builders import random_bars
from tests.leaks import frame
from tests.validation.rules_that_peek import crossing
from trading_system.indicators import ema, sma
from trading_system.strategies.base import Signals, Weights, strategies
from trading_system.validation.startup import start_up

RNG = np.random.default_rng(4)


def bars_of(n=900, **more):
    return replace(random_bars(n, 5, seed=21, **more), factor=None, split_factor=None)


def above_mean(window):
    def decide(bars):
        close = bars.adjusted.close
        mean = sma(close, window)
        return Weights.on_change(np.where(np.isnan(mean), np.nan, np.where(close > mean, 0.1, 0.0)))

    return decide


def with_components(window):
    def decide(bars):
        made = crossing(bars)
        return replace(made, components=sma(bars.adjusted.close, window)[None], component_names=("mean",))

    return decide


@pytest.mark.parametrize("window", [1, 7, 33, 120])
@pytest.mark.parametrize("declared", [1, 20, 120])
def test_a_window_is_found_to_the_bar(window, declared):
    found = start_up(with_components(window), bars_of(), lambda bars: declared, 1e-6, RNG)
    assert found.recommended == max(window, 10) and found.needed == 10  # the crossing itself looks back 10 bars
    assert found.short == (declared < 10)


@pytest.mark.parametrize("window", [5, 50])
def test_targets_that_stand_are_compared_and_not_the_rows_on_which_they_were_set(window):
    found = start_up(above_mean(window), bars_of(), lambda bars: window, 1e-6, RNG)
    assert found.needed is not None and found.needed <= window and not found.short


def test_a_declared_warm_up_that_is_too_short_is_told_with_the_output_and_the_bars_it_takes():
    found = start_up(crossing, bars_of(), lambda bars: 4, 1e-6, RNG)
    assert found.short and found.needed == 10
    assert found.output in ("entry", "exit") and found.symbol.startswith("S0")
    assert "too short: with fewer than 10 bars" in found.sentence and "declares 4" in found.sentence


def test_an_average_without_end_needs_the_bars_after_which_its_beginning_is_forgotten():
    """The weight of the first value of an exponential mean over 20 bars is (19 / 21) ** s."""

    def decide(bars):
        close = bars.adjusted.close
        return Signals(
            np.zeros(close.shape, np.int8),
            np.zeros(close.shape, np.bool_),
            components=ema(close, 20)[None],
            component_names=("m",),
        )

    loose, tight = (start_up(decide, bars_of(), lambda bars: 20, tolerance, RNG).recommended for tolerance in (1e-3, 1e-9))
    assert loose is not None and tight is not None
    steps = np.log(1e-6) / np.log(19 / 21)
    assert tight - loose == pytest.approx(steps, rel=0.25)


def test_a_rule_that_counts_from_its_first_bar_never_settles():
    def decide(bars):
        close = frame(bars)
        return Weights(0.1 * np.array(close / close.iloc[0]))

    found = start_up(decide, bars_of(), lambda bars: 5, 1e-6, RNG)
    assert found.needed is None and found.short and "never forgets" in found.sentence


@pytest.mark.parametrize("name", strategies.names())
def test_shipped_types_declare_what_their_decisions_need(name):
    """The state machine of `pairs` remembers its last trade: that is memory of decisions, and said so."""
    bars = bars_of(1500)
    strategy = strategies.get(name).example(bars.symbols)
    found = start_up(strategy.decide, bars, strategy.warmup_on, 1e-3, RNG)
    assert found.short == (name == "pairs"), found.sentence
    assert found.recommended is not None and found.n_decisions < 120


def test_holes_lengthen_the_rows_and_not_the_declared_bars():
    bars = bars_of(900, missing=0.02)
    strategy = strategies.get("equity_momentum").example(bars.symbols)
    found = start_up(strategy.decide, bars, strategy.warmup_on, 1e-3, RNG)
    assert not found.short and found.needed is not None and found.needed >= strategy.warmup


def test_data_shorter_than_the_warm_up_says_so():
    found = start_up(above_mean(300), bars_of(200), lambda bars: 300, 1e-3, RNG)
    assert not found.short and "could not be tried" in found.sentence


def test_a_price_that_stands_still_does_not_hang_on_the_last_bits_of_a_running_mean():
    """Close below its mean, on prices of which a third does not move: equal to the mean but for rounding."""
    bars = bars_of(1200)
    still = 10.1 + 0.1 * np.arange(bars.n_symbols)
    panels = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close")}
    for panel in panels.values():
        panel[600:] = still

    found = start_up(crossing, replace(bars, **panels), lambda bars: 10, 1e-6, RNG)
    assert found.needed == 10 and not found.short
