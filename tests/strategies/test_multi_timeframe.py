"""The rule on two time scales equals its twin and reads completed weeks only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests import naive_strategies as naive
from tests.sessions import mixed, session_bars
from trading_system.data.bars import Bars
from trading_system.strategies.multi_timeframe import MultiTimeframe

SMALL: dict[str, Any] = {"trend_ma": 5, "breakout": 3, "atr": 7}


@pytest.mark.parametrize("missing", [0.0, 0.12])
@pytest.mark.parametrize(
    ("name", "hourly", "last", "timeframe"),
    [
        ("XNYS", False, "2015-09-30", "week"),
        ("XNYS", False, "2016-06-30", "month"),
        ("24/7", False, "2015-08-31", "week"),
        ("XNYS", True, "2015-03-31", "week"),
        ("XNYS", True, "2015-02-13", "session"),
    ],
)
def test_the_rule_equals_its_twin(name: str, hourly: bool, last: str, timeframe: str, missing: float) -> None:
    bars = session_bars(name, last=last, hourly=hourly, missing=missing, n_symbols=3, seed=8)
    rule = MultiTimeframe(**SMALL, timeframe=timeframe)
    ours, twin = rule.decide(bars), naive.multi_timeframe(bars, rule.model_dump())
    np.testing.assert_array_equal(ours.entry, twin["entry"])
    np.testing.assert_array_equal(ours.exit, twin["exit"])
    np.testing.assert_allclose(ours.stop_distance, twin["stop_distance"], rtol=1e-9)
    np.testing.assert_allclose(ours.components, twin["components"], rtol=1e-9, atol=1e-12)
    assert ours.exit.any()
    assert ours.entry.any() or missing > 0.0


def moved(bars: Bars, day: str) -> tuple[Bars, int]:
    """`bars` with the last close of `day` three times as high, and its row."""
    row = [t for t, date in enumerate(bars.dates()) if str(date) == day][-1]
    panels = {name: getattr(bars, name).copy() for name in ("high", "close")}
    for panel in panels.values():
        panel[row] *= 3.0
    return replace(bars, **panels), row


@pytest.mark.parametrize(
    ("day", "hourly"), [("2015-02-27", False), ("2015-04-02", False), ("2015-02-27", True)], ids=["friday", "holiday", "hours"]
)
def test_weekly_decisions_use_completed_weeks_only(day: str, hourly: bool) -> None:
    """The close that ends a week moves: no decision before it changes, and the trend is another from that close on."""
    bars = session_bars(last="2015-06-30", hourly=hourly, seed=8)
    rule = MultiTimeframe(**SMALL)
    other, row = moved(bars, day)
    ours, changed = rule.decide(bars), rule.decide(other)
    assert ours.components is not None and changed.components is not None and ours.stop_distance is not None
    for name in ("entry", "exit", "stop_distance"):
        np.testing.assert_array_equal(getattr(ours, name)[:row], getattr(changed, name)[:row])
    np.testing.assert_array_equal(ours.components[:, :row], changed.components[:, :row])
    assert (changed.components[1, row] > ours.components[1, row]).all()


def test_a_close_inside_the_week_leaves_the_weekly_trend_alone() -> None:
    bars = session_bars(last="2015-06-30", seed=8)
    rule = MultiTimeframe(**SMALL)
    other, row = moved(bars, "2015-03-04")  # a Wednesday; Friday's close is the week's
    ours, changed = rule.decide(bars).components, rule.decide(other).components
    assert ours is not None and changed is not None
    np.testing.assert_array_equal(ours[1], changed[1])
    assert (ours[0, row] != changed[0, row]).all()


def test_each_symbol_of_a_mixed_market_is_decided_by_its_own_calendar() -> None:
    names = ("XNYS", "24/7")
    parts = [session_bars(name, last="2015-12-31", n_symbols=2, seed=8 + number) for number, name in enumerate(names)]
    whole, rule = mixed(parts), MultiTimeframe(**SMALL)
    ours = rule.decide(whole)
    for number, part in enumerate(parts):
        rows, columns = np.searchsorted(whole.index, part.index), slice(2 * number, 2 * number + 2)
        alone = rule.decide(part)
        np.testing.assert_array_equal(ours.entry[rows, columns], alone.entry)
        np.testing.assert_array_equal(ours.exit[rows, columns], alone.exit)
    assert ours.entry.any()


@pytest.mark.parametrize(("hourly", "last"), [(False, "2015-12-31"), (True, "2015-12-31")])
def test_the_warm_up_is_counted_on_the_bars_that_there_are(hourly: bool, last: str) -> None:
    bars = session_bars(last=last, hourly=hourly, n_symbols=1)
    rule = MultiTimeframe()
    needed = rule.warmup_on(bars)
    assert needed == (97 if not hourly else needed)  # twenty weeks of 2015 with three holidays
    known = rule.decide(bars).components
    assert known is not None
    assert np.isnan(known[:, needed - 2]).any()
    assert not np.isnan(known[:, needed - 1 :]).any()
    assert hourly == (needed > 600)


def test_the_defaults_that_the_documents_promise() -> None:
    rule = MultiTimeframe()
    assert (rule.timeframe, rule.trend_ma, rule.breakout, rule.atr, rule.stop_atr) == ("week", 20, 8, 14, 3.0)
    assert rule.warmup == 100
