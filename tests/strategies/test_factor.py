"""The factor rule equals its twin, which ranks one symbol after the other, and closes what it no longer wants."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import naive_strategies as naive
from tests.builders import make_bars, random_bars
from tests.sessions import session_bars
from trading_system.data.bars import Bars
from trading_system.strategies.factor import Factor, month_starts, ranks

SMALL: dict[str, Any] = {"momentum": 40, "skip": 5, "high": 30, "volatility": 20}


def market(n_symbols: int, missing: float, seed: int = 3) -> Bars:
    bars = random_bars(260, n_symbols, seed=seed, missing=missing, n_splits=2, n_dividends=3)
    bars.tradable[100:150, 0] = False
    return replace(bars, factor=None, split_factor=None)


@pytest.mark.parametrize(("n_symbols", "missing"), [(1, 0.0), (4, 0.0), (9, 0.1), (70, 0.05), (70, 0.0)])
@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_the_factor_rule_equals_its_twin(n_symbols: int, missing: float, share: float) -> None:
    bars = market(n_symbols, missing)
    rule = Factor(**SMALL, share=share, momentum_weight=0.5)
    ours = rule.decide(bars).target
    np.testing.assert_array_equal(ours, naive.factor(bars, rule.model_dump()))
    assert (np.nan_to_num(ours) > 0.0).any()


def test_hourly_bars_are_ranked_at_the_close_of_the_months_first_session() -> None:
    bars = session_bars(last="2015-04-30", hourly=True, n_symbols=5)
    rule = Factor(momentum=100, skip=7, high=50, volatility=30)
    ours = rule.decide(bars).target
    np.testing.assert_array_equal(ours, naive.factor(bars, rule.model_dump()))
    rows = np.flatnonzero(~np.isnan(ours).all(axis=1))
    assert [str(stamp)[:16] for stamp in bars.times()[rows]] == ["2015-02-02T21:00", "2015-03-02T21:00", "2015-04-01T20:00"]


def test_months_begin_on_their_first_session_and_not_with_the_data() -> None:
    bars = session_bars(first="2015-01-14", last="2015-06-03", n_symbols=1)
    days = [str(day) for day in bars.dates()[month_starts(bars)]]
    assert days == ["2015-02-02", "2015-03-02", "2015-04-01", "2015-05-01", "2015-06-01"]


def test_targets_add_up_to_one_and_what_left_the_best_is_closed_once() -> None:
    bars = market(12, 0.0)
    target = Factor(**SMALL, share=0.25).decide(bars).target
    held: set[int] = set()
    turned = 0
    for row in np.flatnonzero(~np.isnan(target).all(axis=1)):
        best = set(np.flatnonzero(np.nan_to_num(target[row]) > 0.0).tolist())
        assert np.nansum(target[row]) == pytest.approx(1.0)
        assert set(np.flatnonzero(target[row] == 0.0).tolist()) == held - best
        turned += len(held - best)
        held = best
    assert turned > 3


def test_a_name_without_a_bar_on_the_day_is_closed_on_its_next_one() -> None:
    bars = market(12, 0.0)
    whole = Factor(**SMALL, share=0.25).decide(bars).target
    row, column = next((int(t), int(i)) for t, i in np.argwhere(whole == 0.0))
    for panel in (bars.open, bars.high, bars.low, bars.close, bars.volume):
        panel[row : row + 2, column] = np.nan
    target = Factor(**SMALL, share=0.25).decide(replace(bars, factor=None, split_factor=None)).target
    assert np.isnan(target[row : row + 2, column]).all()
    assert target[row + 2, column] == 0.0


def test_only_members_are_ranked_and_a_price_that_never_moves_is_not() -> None:
    bars = market(6, 0.0)
    for panel in (bars.open, bars.high, bars.low, bars.close):
        panel[:, 3] = 10.0
    bars.tradable[:, 1] = False
    target = (
        Factor(**SMALL, share=1.0)
        .decide(replace(bars, factor=None, split_factor=None, actions=bars.actions.rows(0, 0)))
        .target
    )
    bought = {int(i) for _, i in np.argwhere(np.nan_to_num(target) > 0.0)}
    assert bought == {0, 2, 4, 5}


def test_equal_scores_go_to_the_symbol_that_sorts_first() -> None:
    one = random_bars(100, 1, seed=4)
    panels = [np.repeat(getattr(one, name), 5, axis=1) for name in ("open", "high", "low", "close", "volume")]
    target = Factor(**SMALL, share=0.4).decide(make_bars(*panels)).target
    rows = np.flatnonzero(np.nan_to_num(target).any(axis=1))
    assert rows.size
    assert all(np.flatnonzero(np.nan_to_num(target[row])).tolist() == [0, 1] for row in rows)


def test_no_ranked_symbol_holds_nothing() -> None:
    bars = market(3, 0.0)
    assert np.isnan(Factor(momentum=4_000).decide(bars).target).all()


@given(st.lists(st.sampled_from([1.0, 2.0, 2.5, -3.0, 0.0, float("nan")]), min_size=1, max_size=12))
def test_ranks_equal_their_twin(values: list[float]) -> None:
    ours = ranks(np.array([values, values[::-1]]))
    known = [value for value in values if not math.isnan(value)]
    twin = [naive.fractional_rank(value, known) if not math.isnan(value) else np.nan for value in values]
    np.testing.assert_allclose(ours, [twin, twin[::-1]], rtol=1e-15)


def test_the_defaults_that_the_documents_promise() -> None:
    rule = Factor()
    assert (rule.momentum, rule.skip, rule.high, rule.volatility, rule.share) == (252, 21, 252, 60, 0.2)
    assert (rule.momentum_weight, rule.high_weight, rule.volatility_weight) == (0.4, 0.3, 0.3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"momentum": 20, "skip": 20}, "must be below momentum"),
        ({"momentum_weight": 0.0, "high_weight": 0.0, "volatility_weight": 0.0}, "must be above 0"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Factor(**wrong)
