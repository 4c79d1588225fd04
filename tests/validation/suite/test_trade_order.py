"""Orders of trades: falls and runs of losses, never the sum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.builders import make_bars
from tests.validation.examined import examination_of, experiment_of, held_between
from trading_system.data.bars import Bars
from trading_system.strategies.base import Signals
from trading_system.validation.base import Examination, TestResult, generator
from trading_system.validation.suite.trade_order import TradeOrder, block_of
from trading_system.validation.trade_order import all_paths


def zigzag(gains: list[float]) -> Bars:
    """Each trade of one bar's hold earns one of `gains`: the price moves on every second bar only."""
    close = [100.0]
    for gain in gains:
        close += [close[-1], close[-1] * (1.0 + gain)]
    opens = np.array([close[0], *close[:-1]])
    return make_bars(opens, np.maximum(opens, close), np.minimum(opens, close), np.array(close))


def examined(bars: Bars, rule: Any, n: int = 499, share: float = 0.5) -> Examination:
    sizing = {"method": "fixed_fraction", "fraction": share}
    return examination_of(experiment_of(bars, rule, validation={"permutation": {"random_entry": n}}, sizing=sizing))


def made(examination: Examination) -> TestResult:
    assert TradeOrder.applies(examination) == ""
    return TradeOrder().run(examination, generator(1, "trade_order"))


def test_orders_are_those_of_the_same_trades_and_the_sum_never_changes():
    gains = [0.05, -0.02, -0.03, 0.04, -0.01, 0.02]
    n = 2 * len(gains)
    examination = examined(zigzag([*gains, 0.0]), held_between(range(0, n, 2), range(2, n + 2, 2)), 4_999)
    found, start = made(examination), examination.baseline.ledger.starting_equity
    pnl = examination.baseline.pnl
    assert pnl.size >= 3
    every = all_paths(pnl, start)
    assert found.details["drawdown_money"]["0.5"] == pytest.approx(np.quantile(every.drawdown, 0.5), rel=0.1)
    assert found.bars[0].measured * start <= every.drawdown.max() * (1 + 1e-12)
    assert found.bars[1].measured * start == pytest.approx(every.drawdown[0])
    assert found.details["final_equity"] == pytest.approx(start + pnl.sum())
    assert found.verdict == "report" and "cannot change the final equity" in found.warnings[0]
    low, high = (found.details["final_equity_redrawn"][level] for level in ("0.05", "0.95"))
    assert low < start + pnl.sum() < high


def test_trades_that_overlap_stay_together():
    bars = make_bars(*(np.full((60, 4), 100.0) for _ in range(4)))

    def staggered(own: Bars) -> Signals:
        entry, leave = np.zeros(own.close.shape, np.int8), np.zeros(own.close.shape, bool)
        for start in (2, 22, 42):
            for j in range(4):
                entry[start + j, j], leave[start + 10 + j, j] = 1, True
        return Signals(entry, leave)

    together = examined(bars, staggered, share=0.1)
    assert block_of(together.baseline.ledger) == 3 and together.baseline.pnl.size == 12
    assert any("blocks of 3" in text for text in made(together).warnings)
    apart = examined(zigzag([0.01] * 6), held_between(range(0, 12, 2), range(1, 13, 2)))
    assert block_of(apart.baseline.ledger) == 1


def test_one_trade_has_no_other_order():
    assert "one trade was closed" in TradeOrder.applies(examined(zigzag([0.01] * 4), held_between([0], [3])))
    assert "no trade was closed" in TradeOrder.applies(examined(zigzag([0.01] * 4), held_between([], [])))
