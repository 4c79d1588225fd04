"""What every registered filter keeps to, on rules with longs, with both sides and with legs that belong together."""

from __future__ import annotations

import numpy as np
import pytest

from tests.contracts.test_strategies import MARKETS, N_BARS, market
from tests.lookahead import find_leak, first_difference
from tests.sessions import session_bars
from trading_system.data.bars import Bars
from trading_system.strategies.base import Strategy
from trading_system.strategies.decisions import check_decisions
from trading_system.strategies.equity_momentum import EquityMomentum
from trading_system.strategies.filters.base import Filtered, filters
from trading_system.strategies.mean_reversion import MeanReversion
from trading_system.strategies.pairs import Pairs

RULES = ("breakouts", "both sides", "groups")
all_filters = pytest.mark.parametrize("name", filters.names())
all_rules = pytest.mark.parametrize("rule", RULES)
everywhere = pytest.mark.parametrize("kind", MARKETS)


def rule_of(rule: str, bars: Bars) -> Strategy:
    if rule == "breakouts":
        return EquityMomentum(trend_rise=-1.0)
    if rule == "both sides":
        return MeanReversion(lookback=10, enter=-1.0, short=True)
    return Pairs(pairs=(bars.symbols[:2], bars.symbols[2:4]), hedge_lookback=30, score_lookback=20, enter=1.0)


def filtered(name: str, rule: str, bars: Bars) -> Filtered:
    return Filtered(rule=rule_of(rule, bars), filters=(filters.get(name)(),))


@everywhere
@all_rules
@all_filters
def test_filtered_decisions_do_not_look_ahead(name: str, rule: str, kind: str) -> None:
    bars = market(kind)
    assert find_leak(filtered(name, rule, bars).decide, bars) is None


@all_rules
@all_filters
def test_filtered_decisions_on_hours_do_not_look_ahead(name: str, rule: str) -> None:
    bars = session_bars(last="2015-04-15", hourly=True, n_symbols=4, missing=0.02)
    assert find_leak(filtered(name, rule, bars).decide, bars) is None


@everywhere
@all_rules
@all_filters
def test_filters_keep_the_contract_and_invent_nothing(name: str, rule: str, kind: str) -> None:
    bars = market(kind)
    before, after = rule_of(rule, bars).decide(bars), filtered(name, rule, bars).decide(bars)
    check_decisions(after, bars, name)
    dropped = after.entry != before.entry
    assert not after.entry[dropped].any()
    assert (after.exit >= before.exit).all()
    assert not (after.exit & ~before.exit & ~dropped).any()
    if before.group is not None:
        np.testing.assert_array_equal(dropped[:, ::2], dropped[:, 1::2])
        assert after.group is not None
        np.testing.assert_array_equal(after.group, before.group)


@all_filters
def test_filters_change_something_and_not_everything(name: str) -> None:
    bars = market("whole")
    before, after = rule_of("both sides", bars).decide(bars), filtered(name, "both sides", bars).decide(bars)
    late = slice(filters.get(name)().warmup_on(bars), None)
    assert after.entry[late].any()
    assert first_difference(before, after, N_BARS, N_BARS) is not None
    if (before.entry != after.entry).any():
        for side in (1, -1):
            share = (after.entry[late] == side).sum() / (before.entry[late] == side).sum()
            assert 0.05 < share < 0.98


@all_rules
@all_filters
def test_the_same_bars_give_the_same_bytes(name: str, rule: str) -> None:
    bars = market("holes, splits and dividends")
    strategy = filtered(name, rule, bars)
    first = strategy.decide(bars)
    strategy.decide(market("whole"))
    assert first_difference(first, strategy.decide(bars), N_BARS, N_BARS) is None


@all_filters
def test_the_warm_up_is_that_of_the_longest_of_all(name: str) -> None:
    bars = market("whole")
    strategy, own = filtered(name, "both sides", bars), filters.get(name)()
    assert strategy.warmup == max(own.warmup, strategy.rule.warmup)
    assert strategy.warmup_on(bars) == max(own.warmup_on(bars), strategy.rule.warmup_on(bars))
    decisions = strategy.decide(bars.head(strategy.warmup_on(bars)))
    assert decisions.stop_distance is not None and not np.isnan(decisions.stop_distance[-1]).any()


@pytest.mark.parametrize("n_bars", [0, 1, 2])
@all_filters
def test_short_markets_give_empty_decisions(name: str, n_bars: int) -> None:
    bars = market("whole").head(n_bars)
    check_decisions(filtered(name, "both sides", bars).decide(bars), bars, name)


@all_filters
def test_filters_describe_themselves(name: str) -> None:
    kind = filters.get(name)
    assert kind.__doc__
    for field in kind.model_fields.values():
        assert field.description
        assert not field.is_required()
