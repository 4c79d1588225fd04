"""What every registered strategy keeps to, so that a new file arrives tested; and that the tests would notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.builders import random_bars
from tests.leaks import LEAKS
from tests.lookahead import CUTS, arrays_of, find_leak, first_difference
from trading_system.config.models import StrategyConfig
from trading_system.data.bars import Bars
from trading_system.strategies.base import Signals, Strategy, Weights, strategies
from trading_system.strategies.decisions import check_decisions
from trading_system.strategies.loading import describe, supplied

N_BARS = 430


def market(kind: str) -> Bars:
    """Random prices, as markets have them: whole, with holes and actions, of every day, with late and early names."""
    return replace(_market(kind), factor=None, split_factor=None)  # both accumulated by Bars itself


def _market(kind: str) -> Bars:
    if kind == "whole":
        return random_bars(N_BARS, 6, seed=11)
    if kind == "holes, splits and dividends":
        return random_bars(N_BARS, 6, seed=12, missing=0.06, no_volume=0.02, n_splits=5, n_dividends=12)
    if kind == "every day, volatile":
        return random_bars(N_BARS, 4, seed=13, volatility=0.9, missing=0.01, every_day=True, asset_class="crypto")
    bars = random_bars(N_BARS, 9, seed=14, n_splits=3)
    for panel in (bars.open, bars.high, bars.low, bars.close, bars.volume):
        panel[:150, 2] = panel[260:, 4] = np.nan
        panel[200:205, 1] = np.nan
        panel[:, 8] = np.nan
    bars.tradable[90:120, 0] = False
    return bars


MARKETS = ("whole", "holes, splits and dividends", "every day, volatile", "late, gone and absent names")
everywhere = pytest.mark.parametrize("kind", MARKETS)
all_strategies = pytest.mark.parametrize("name", strategies.names())


def build(name: str, bars: Bars) -> Strategy:
    return strategies.get(name).example(bars.symbols)


@everywhere
@all_strategies
def test_decisions_do_not_look_ahead(name: str, kind: str) -> None:
    bars = market(kind)
    assert len(CUTS) >= 8
    assert find_leak(build(name, bars).decide, bars) is None


@all_strategies
def test_decisions_need_no_warm_memory(name: str) -> None:
    """The same bars give the same bits, whatever was decided before."""
    bars = market("holes, splits and dividends")
    strategy = build(name, bars)
    first = strategy.decide(bars)
    strategy.decide(market("whole"))
    assert first_difference(first, strategy.decide(bars), N_BARS, N_BARS) is None


@everywhere
@all_strategies
def test_decisions_keep_the_contract(name: str, kind: str) -> None:
    bars = market(kind)
    check_decisions(build(name, bars).decide(bars), bars, name)


@all_strategies
def test_strategies_decide_something_after_their_warm_up(name: str) -> None:
    for kind in MARKETS:
        bars = market(kind)
        strategy = build(name, bars)
        decisions = strategy.decide(bars)
        if isinstance(decisions, Weights):
            rows = np.flatnonzero((np.nan_to_num(decisions.target) != 0.0).any(axis=1))
        else:
            rows = np.flatnonzero((decisions.entry != 0).any(axis=1))
        if rows.size:
            assert rows[0] >= strategy.warmup_on(bars) - 1
            return
    pytest.fail(f"{name} never decides")


@everywhere
@all_strategies
def test_the_components_that_signals_are_ranked_by_are_declared(name: str, kind: str) -> None:
    bars = market(kind)
    strategy = build(name, bars)
    told = supplied(StrategyConfig(name="a", type=name), Path())
    decisions = strategy.decide(bars)
    assert told == (decisions.component_names if isinstance(decisions, Signals) else ())


@all_strategies
def test_the_longest_window_is_declared_as_warm_up(name: str) -> None:
    """With `warmup` bars the last row is as complete as it will ever be: no panel is NaN there that is a number later."""
    bars = market("whole")
    strategy = build(name, bars)
    decisions = strategy.decide(bars.head(strategy.warmup_on(bars)))
    if isinstance(decisions, Signals):
        for panel in (decisions.stop_distance, decisions.components):
            assert panel is None or not np.isnan(panel[..., -1, :]).any()


@all_strategies
def test_missing_bars_decide_nothing(name: str) -> None:
    bars = market("holes, splits and dividends")
    decisions = build(name, bars).decide(bars)
    columns = np.arange(bars.n_symbols) if decisions.symbol is None else decisions.symbol
    missing = np.isnan(bars.close)[:, columns]
    if isinstance(decisions, Weights):
        assert np.isnan(decisions.target[missing]).all()
    else:
        assert not decisions.entry[missing].any()
        assert not decisions.exit[missing].any()


@pytest.mark.parametrize("n_bars", [0, 1, 2])
@all_strategies
def test_short_markets_give_empty_decisions(name: str, n_bars: int) -> None:
    bars = market("whole").head(n_bars)
    check_decisions(build(name, bars).decide(bars), bars, name)


@all_strategies
def test_strategies_describe_themselves(name: str) -> None:
    facts = describe(name)
    assert facts["summary"]
    assert facts["decides"] in ("Signals", "Weights")
    for parameter in facts["parameters"]:
        assert parameter["description"], parameter["name"]
        assert parameter["allowed"] != "anything"


@pytest.mark.parametrize("leak", LEAKS)
def test_planted_leaks_are_caught(leak: str) -> None:
    rule: Callable[[Bars], Weights] = LEAKS[leak]
    bars = market("holes, splits and dividends")
    found = find_leak(rule, bars)
    assert found is not None
    assert found.output == "target"
    assert 0 <= found.row < found.cut


def test_a_leak_through_one_late_row_is_named() -> None:
    def last_rows_only(bars: Bars) -> Weights:
        target = np.full(bars.close.shape, np.nan)
        if bars.n_bars > 200:
            target[100, 3] = bars.close[200, 3]
        return Weights(target)

    found = find_leak(last_rows_only, market("whole"))
    assert found is not None
    assert (found.output, found.row, found.column, found.cut) == ("target", 100, 3, 101)


def test_a_leak_through_the_number_of_lines_is_named() -> None:
    def lines_of_the_future(bars: Bars) -> Weights:
        kept = np.flatnonzero(np.nan_to_num(bars.close[-1]) > np.nanmedian(bars.close[-1])).astype(np.int64)
        return Weights(np.zeros((bars.n_bars, kept.size)), symbol=kept)

    found = find_leak(lines_of_the_future, market("holes, splits and dividends"))
    assert found is not None


def test_arrays_are_found_in_every_kind_of_result() -> None:
    one = np.zeros(3)
    names = [name for name, _ in arrays_of({"a": one, "b": (one, one), "c": ("x", "y")})]
    assert names == ["a", "b[0]", "b[1]"]
    assert [name for name, _ in arrays_of(Weights(np.zeros((2, 2))))] == ["target"]
    assert partial(first_difference, one, one)(2, 3) is None
