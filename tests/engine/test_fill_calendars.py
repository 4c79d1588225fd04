"""Golden cases of markets with several calendars: an order meets its own symbol's next session, whatever closes in between.

Rows of these scenes: the share has its sessions on Friday and Monday, the coin on every day, and they close at different hours.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.builders import make_bars
from tests.engine.scenes import NAN, Play, rules, signals, strategy, weights
from trading_system.data.bars import Bars
from trading_system.engine.ledger import Code, OrderStatus

SHARE, COIN = 0, 1
# rows:    0 share Fri  1 coin Fri  2 coin Sat  3 coin Sun  4 share Mon  5 coin Mon
SHARE_ROWS = (0, 4)
QUANTITY = {"method": "fixed_quantity", "quantity": 10.0}


def market(share: tuple[float, float] = (100.0, 104.0), coin: tuple[float, ...] = (10.0, 11.0, 12.0, 13.0)) -> Bars:
    prices = np.full((6, 2), NAN)
    prices[list(SHARE_ROWS), SHARE] = share
    prices[[1, 2, 3, 5], COIN] = coin
    expected = np.ones((6, 2), bool)
    expected[:, 0] = np.isin(np.arange(6), SHARE_ROWS)
    expected[:, 1] = ~expected[:, 0]
    bars = make_bars(prices, prices, prices, prices, symbols=("SHARE", "COIN"), expected=expected)
    return replace(bars, calendar_of=np.array([0, 1]), calendars=("XNYS", "24/7"), sampled=expected[:, 0])


def both(**more: object) -> dict[str, object]:
    return strategy(sizing=QUANTITY, asset_class="crypto", **more)


def test_an_entry_of_friday_waits_for_monday(play: Play) -> None:
    bars = market()
    played = play(bars, [signals(bars, {(0, SHARE): 1})], rules(both()))
    (fill,) = played.fills
    assert (fill["row"], fill["price"]) == (4, 104.0)
    assert played.orders[0]["end"] == Code.NONE


def test_an_entry_whose_own_session_has_no_bar_expires(play: Play) -> None:
    bars = market()
    for panel in (bars.open, bars.high, bars.low, bars.close):
        panel[4, SHARE] = NAN
    played = play(bars, [signals(bars, {(0, SHARE): 1})], rules(both()))
    assert (played.orders[0]["status"], played.orders[0]["end"]) == (OrderStatus.EXPIRED, Code.NO_BAR)


def test_a_waiting_limit_is_good_for_its_own_next_bar_only(play: Play) -> None:
    for limit, end in ((105.0, Code.NONE), (103.0, Code.LIMIT_NOT_REACHED)):
        bars = market()
        played = play(bars, [signals(bars, {(0, SHARE): 1}, limit_price=limit)], rules(both()))
        assert played.orders[0]["end"] == end
        assert [fill["price"] for fill in played.fills] == ([104.0] if end == Code.NONE else [])


def test_a_waiting_entry_keeps_its_slot(play: Play) -> None:
    bars = market()
    limits = {"max_positions": 1}
    played = play(bars, [signals(bars, {(0, SHARE): 1, (1, COIN): 1, (2, COIN): 1})], rules(both(limits=limits)))
    assert [(row["line"], row["code"], row["count"]) for row in played.refusals] == [(COIN, Code.SLOTS, 2)]
    assert [fill["line"] for fill in played.fills] == [SHARE]


def test_a_waiting_entry_keeps_its_cash(play: Play) -> None:
    # 10 shares at 100 are decided out of 1,050; 50 are left for coins at 10: 5 of the 10 wanted. They cost 55 at 11, so that
    # 995 are there on Monday
    bars = market(share=(100.0, 100.0))
    played = play(bars, [signals(bars, {(0, SHARE): 1, (1, COIN): 1})], rules(both(), equity=1_050.0))
    assert [(fill["row"], fill["line"], fill["quantity"]) for fill in played.fills] == [
        (2, COIN, pytest.approx(5.0, rel=1e-12)),
        (4, SHARE, pytest.approx(9.95, rel=1e-12)),
    ]


def test_an_exit_of_friday_waits_for_monday_and_frees_its_slot_meanwhile(play: Play) -> None:
    prices = np.full((8, 2), NAN)
    prices[[0, 2, 6], SHARE] = (100.0, 102.0, 90.0)
    prices[[1, 3, 4, 5, 7], COIN] = 10.0
    expected = np.column_stack([np.isfinite(prices[:, SHARE]), np.isfinite(prices[:, COIN])])
    bars = make_bars(prices, prices, prices, prices, expected=expected)
    bars = replace(bars, calendar_of=np.array([0, 1]), calendars=("XNYS", "24/7"))
    decided = signals(bars, {(0, SHARE): 1, (3, COIN): 1, (5, COIN): 1}, exits=[(2, SHARE)])
    played = play(bars, [decided], rules(both(limits={"max_positions": 1})))
    assert [(fill["row"], fill["line"], fill["price"]) for fill in played.fills] == [
        (2, SHARE, 102.0),
        (6, SHARE, 90.0),
        (7, COIN, 10.0),
    ]
    # the coin of row 3 had been promised the slot, which was not free on row 4
    assert (played.orders[2]["status"], played.orders[2]["end"]) == (OrderStatus.EXPIRED, Code.SLOT_NOT_FREED)


def test_a_limit_on_risk_stops_an_entry_that_waits(play: Play) -> None:
    # the coin bought at 12 falls to 2 on Sunday: 10,000 of 100,000 lost, the limit is 5 %
    bars = market(coin=(12.0, 12.0, 2.0, 2.0))
    entry = strategy(sizing={"method": "fixed_quantity", "quantity": 1_000.0}, asset_class="crypto")
    decided = signals(bars, {(1, COIN): 1, (0, SHARE): 1})
    played = play(bars, [decided], rules(entry, limits={"max_drawdown": 0.05, "max_gross_exposure": 3.0}))
    order = next(order for order in played.orders if order["line"] == SHARE)
    assert (order["status"], order["end"]) == (OrderStatus.REJECTED, Code.DRAWDOWN_LIMIT)


def test_weights_of_friday_wait_for_monday(play: Play) -> None:
    bars = market(share=(100.0, 125.0))
    played = play(bars, [weights(bars, {(0, SHARE): 0.5, (1, COIN): 0.25})], rules(strategy(asset_class="crypto")))
    assert [(fill["row"], fill["line"], fill["price"]) for fill in played.fills] == [(2, COIN, 11.0), (4, SHARE, 125.0)]


def test_a_group_whose_legs_share_no_row_never_fills_in_part(play: Play) -> None:
    bars = market()
    decided = signals(bars, {(0, SHARE): 1, (0, COIN): -1, (1, SHARE): 1, (1, COIN): -1}, group=[0, 0])
    played = play(bars, [decided], rules(both()))
    assert played.fills == []
    assert {row["code"] for row in played.refusals} == {Code.NO_BAR, Code.GROUP}


def test_a_coin_is_correlated_with_a_share_by_its_last_close_before_the_share_closes(play: Play) -> None:
    """Closes at 21:00 and at midnight never meet; the held coin's value at each close of the share is its last midnight's."""
    n = 60
    rng = np.random.default_rng(3)
    moves = rng.standard_normal(n) * 0.02
    prices = np.full((2 * n, 3), NAN)
    level = 100.0 * np.exp(np.cumsum(moves))
    prices[0::2, 0] = level  # a share
    prices[1::2, 1] = np.roll(level, -1)  # a coin that knows the share's next close: at the share's rows they are one series
    prices[0::2, 2] = 50.0 * np.exp(np.cumsum(rng.standard_normal(n) * 0.02))
    expected = np.column_stack([np.isfinite(prices[:, 0]), np.isfinite(prices[:, 1])])
    bars = make_bars(prices, prices, prices, prices, expected=expected, sampled=expected[:, 0])
    bars = replace(bars, calendar_of=np.array([0, 1, 0]), calendars=("XNYS", "24/7"))
    guard = {"min_positions": 2, "average_threshold": -1.0, "candidate_threshold": 0.4, "lookback": 20}
    decided = signals(bars, {(60, 2): 1, (61, 1): 1, (70, 0): 1})
    played = play(bars, [decided], rules(both(), correlation_guard=guard))
    assert [(row["line"], row["code"]) for row in played.refusals] == [(0, Code.CORRELATION)]
