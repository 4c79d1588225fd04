"""The test of the suite: bars, warnings and details, with strategies as a run has them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.builders import random_bars
from tests.validation.examined import Rule, examination_of, experiment_of
from tests.validation.rules_that_peek import PEEKING, crossing
from trading_system.errors import StrategyError
from trading_system.strategies.base import Weights
from trading_system.validation.base import generator, tests
from trading_system.validation.suite.lookahead import LookAhead, early_fills


def bars_of(n=600, **more):
    return replace(random_bars(n, 4, seed=8, **more), factor=None, split_factor=None)


def judged(experiment, fast=True):
    return LookAhead().run(examination_of(experiment, fast=fast), generator(1, "lookahead"))


def test_a_clean_strategy_passes_and_its_warm_up_is_recommended():
    found = judged(experiment_of(bars_of(), crossing, needs=10))
    assert found.verdict == "pass" and not found.warnings
    assert [bar.measured for bar in found.bars] == [0.0, 0.0, 0.0, 0.0]
    (warm_up,) = found.details["warm_up"]
    assert (warm_up["declared"], warm_up["needed"], warm_up["recommended"]) == (10, 10, 10)
    assert len(found.details["cuts"]["rule"]) == 8 and "8 histories cut short" in found.work
    assert json.loads(json.dumps(found.details)) == found.details


@pytest.mark.parametrize("name", ["exit_before_the_fall", "ranked_by_the_coming_month", "knows_the_benchmarks_next_close"])
def test_a_leak_rejects_and_is_named(name):
    act, output = PEEKING[name]
    found = judged(experiment_of(bars_of(), act))
    assert found.verdict == "reject" and found.bars[0].measured == 1.0
    (leak,) = found.details["leaks"]
    assert leak["output"] == output and leak["first_bar"] == bars_of().labels()[leak["row"]]
    assert any(
        f"rule: {output} of {leak['symbol']} on {leak['first_bar']} reads the future" in text for text in found.warnings
    )


def test_a_warm_up_that_is_too_short_is_warned_of_and_does_not_reject():
    found = judged(experiment_of(bars_of(), crossing, needs=3))
    assert found.verdict == "pass" and "too short: with fewer than 10 bars" in found.warnings[0]


def test_a_run_that_fills_at_its_own_close_is_warned_of_with_the_number_of_fills():
    found = judged(experiment_of(bars_of(), crossing, needs=10, execution={"fill": "same_close"}))
    assert found.verdict == "pass" and found.bars[3].threshold is None
    assert found.bars[3].measured > 0 and "same_close" in found.warnings[0]


def test_fills_come_after_their_decision_whatever_the_order():
    for more in ({}, {"n_splits": 3, "n_dividends": 6}):
        ledger = experiment_of(bars_of(**more), crossing).baseline.ledger
        assert ledger.fills.size and early_fills(ledger) == 0
    orders = ledger.orders.copy()
    filled = np.flatnonzero(orders["fill_row"] >= 0)[:2]
    orders["fill_row"][filled] = orders["row"][filled]
    assert early_fills(replace(ledger, orders=orders)) == 2


def test_the_shipped_types_pass():
    for kind in ("equity_momentum", "ma_crossover"):
        found = judged(experiment_of(bars_of(), kind))
        assert found.verdict == "pass", found.warnings
        assert not any("too short" in text for text in found.warnings)


def test_more_cuts_without_fast():
    assert len(judged(experiment_of(bars_of(), crossing), fast=False).details["cuts"]["rule"]) == 16


def test_a_strategy_that_breaks_the_contract_on_some_history_is_told():
    def act(bars):
        return Weights(np.full(bars.close.shape, 0.1)[: max(bars.n_bars - (bars.n_bars < 200), 0)])

    found = judged(experiment_of(bars_of(), act))
    assert any("fails on the first" in text and "target is float64 of shape" in text for text in found.warnings)


def test_an_error_of_the_strategy_is_one_message():
    class Broken(Rule):
        def decide(self, bars):
            if bars.n_bars < 600 or np.isnan(bars.close).any():
                raise ValueError("no")
            return super().decide(bars)

    with pytest.raises(StrategyError, match="rule .rule.py:Rule. failed: ValueError: no"):
        judged(experiment_of(random_bars(600, 4), Broken(act=crossing)))


def test_it_is_registered_first_of_all():
    assert tests.get("lookahead") is LookAhead and LookAhead.order < tests.get("performance").order
