"""Golden cases of cash, slots, sizing, ranking, groups and limits; every figure is worked out by hand beside it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.builders import make_bars
from tests.engine.scenes import NAN, Play, Played, decided, flat_bars, rules, signals, still, strategy, weights
from trading_system.engine.ledger import Code, OrderStatus
from trading_system.strategies.base import Signals

FRACTION = {"method": "fixed_fraction", "fraction": 0.2}


def closes(*columns: list[float], **more: object):  # type: ignore[no-untyped-def]
    """Bars whose open, high, low and close are one price; one list per symbol."""
    prices = np.array(columns, float).T
    return make_bars(prices, prices, prices, prices, **more)


def filled(played: Played) -> list[float]:
    return [order["filled"] for order in played.orders]


def codes(played: Played) -> list[tuple[int, int]]:
    return [(row["line"], row["code"]) for row in played.refusals]


# cash, lots, caps --------------------------------------------------------------------------------------------------------
def test_whole_lots_are_floored_and_fractional_ones_are_not(play: Play) -> None:
    # 20 % of 1,000 at 30: 6.67 units
    for asset_class, quantity in (("equity", 6.0), ("crypto", 200.0 / 30.0)):
        bars = still(30.0, 30.0)
        entry = strategy(asset_class=asset_class, sizing=FRACTION)
        played = play(bars, [signals(bars, {(0, 0): 1})], rules(entry, equity=1_000.0))
        assert filled(played) == [pytest.approx(quantity, rel=1e-12)]


def test_a_whole_number_of_lots_survives_rounding(play: Play) -> None:
    # 0.29 × 100 is 28.999999999999996 in floating point; it is 29 units at 1
    bars = still(1.0, 1.0)
    entry = strategy(sizing={"method": "fixed_fraction", "fraction": 0.29})
    played = play(bars, [signals(bars, {(0, 0): 1})], rules(entry, equity=100.0))
    assert filled(played) == [29.0]


def test_less_than_one_lot_is_refused(play: Play) -> None:
    bars = still(300.0, 300.0)
    played = play(bars, [signals(bars, {(0, 0): 1})], rules(strategy(sizing=FRACTION), equity=1_000.0))
    assert codes(played) == [(0, Code.LOT)]
    assert played.orders == []


def test_insufficient_cash_at_the_open_cuts_the_order(play: Play) -> None:
    # all of 1,000 at 100 is 10 units; the open is 125 and each fill costs 5: (1,000 − 5) / 125 = 7.96, so 7
    bars = still(100.0, 125.0)
    entry = strategy(
        sizing={"method": "fixed_fraction", "fraction": 1.0},
        costs={"commission_per_trade": 5.0, "slippage": {"model": "none"}},
    )
    played = play(bars, [signals(bars, {(0, 0): 1})], rules(entry, equity=1_000.0))
    (order,) = played.orders
    assert (order["quantity"], order["filled"]) == (10.0, 7.0)
    assert (order["status"], order["end"]) == (OrderStatus.PART_FILLED, Code.CASH)
    assert played.cash[1] == 1_000.0 - 875.0 - 5.0


def test_a_commission_minimum_that_no_longer_fits_costs_another_lot(play: Play) -> None:
    # 1 bp of 1,000 is 0.10, the minimum is 2: 10 units at 100 leave nothing for it; (1,000 − 2) / 100 = 9.98, so 9
    bars = still(100.0, 100.0)
    costs = {"commission_bps": 1.0, "commission_minimum": 2.0, "slippage": {"model": "none"}}
    entry = strategy(sizing={"method": "fixed_fraction", "fraction": 1.0}, costs=costs)
    played = play(bars, [signals(bars, {(0, 0): 1})], rules(entry, equity=1_000.0))
    assert filled(played) == [9.0]
    assert played.orders[0]["end"] == Code.CASH
    assert played.cash[1] == 98.0


def test_nothing_left_at_the_open_is_a_rejection(play: Play) -> None:
    bars = still(100.0, 1_001.0)
    entry = strategy(sizing={"method": "fixed_fraction", "fraction": 1.0})
    played = play(bars, [signals(bars, {(0, 0): 1})], rules(entry, equity=1_000.0))
    (order,) = played.orders
    assert (order["filled"], order["status"], order["end"]) == (0.0, OrderStatus.REJECTED, Code.GROSS_EXPOSURE)
    assert order["fill_row"] == -1
    assert math.isnan(order["fill_price"])


def test_five_targets_of_a_fifth_after_a_gap(play: Play) -> None:
    # five of 20 % of 10,000 at 100: 20 units each; all open at 110: 2,200 each, so four whole ones take 8,800 and 1,200
    # are left for the fifth: 10 units. With signals they are cut in rank order (symbol order here), with weights pro rata:
    # 10,000 / 11,000 × 20 = 18.18, so 18 each
    bars = closes(*[[100.0, 110.0, 110.0]] * 5)
    entries = {(0, line): 1 for line in range(5)}
    played = play(bars, [signals(bars, entries)], rules(strategy(sizing=FRACTION), equity=10_000.0))
    assert filled(played) == [20.0, 20.0, 20.0, 20.0, 10.0]
    assert played.orders[4]["end"] == Code.GROSS_EXPOSURE
    played = play(bars, [weights(bars, {(0, line): 0.2 for line in range(5)})], rules(equity=10_000.0))
    assert filled(played) == [18.0] * 5


def test_leverage_may_borrow_up_to_the_gross_limit(play: Play) -> None:
    # max gross 1.5 of 1,000: 15 units at 100, 500 of it borrowed
    bars = still(100.0, 100.0, 100.0)
    entry = strategy(sizing={"method": "fixed_fraction", "fraction": 2.0})
    played = play(bars, [signals(bars, {(0, 0): 1})], rules(entry, equity=1_000.0, limits={"max_gross_exposure": 1.5}))
    assert filled(played) == [15.0]
    assert played.cash[1] == -500.0
    assert played.gross_exposure[1] == 1.5


def test_short_proceeds_buy_nothing(play: Play) -> None:
    # 40 % short first (symbol order): gross room left is 60 %, although cash stands at 1,400
    bars = closes([100.0] * 3, [100.0] * 3)
    entry = strategy(sizing={"method": "fixed_fraction", "fraction": 0.4})
    played = play(bars, [signals(bars, {(0, 0): -1, (1, 1): 1})], rules(entry, equity=1_000.0))
    assert filled(played) == [4.0, 4.0]
    entry = strategy(sizing={"method": "fixed_fraction", "fraction": 0.8})
    played = play(bars, [signals(bars, {(0, 0): -1, (1, 1): 1})], rules(entry, equity=1_000.0))
    assert filled(played) == [8.0, 2.0]  # 1,000 × (1 − 0.8) / 100


@pytest.mark.parametrize(
    ("where", "limits"),
    [("strategy", {"max_position_notional": 0.1}), ("portfolio", {"max_position_notional": 0.1})],
)
def test_the_notional_cap_cuts_to_its_fraction(play: Play, where: str, limits: dict) -> None:
    bars = still(10.0, 10.0)
    entry = strategy(sizing=FRACTION, limits=limits if where == "strategy" else {})
    played = play(
        bars, [signals(bars, {(0, 0): 1})], rules(entry, equity=1_000.0, limits=limits if where == "portfolio" else {})
    )
    assert filled(played) == [10.0]  # 10 % of 1,000 at 10


def test_the_last_cap_that_bound_names_the_refusal(play: Play) -> None:
    # 1 % of 1,000 is 10, less than one unit at 30
    bars = still(30.0, 30.0)
    played = play(
        bars,
        [signals(bars, {(0, 0): 1})],
        rules(strategy(sizing=FRACTION), equity=1_000.0, limits={"max_position_notional": 0.01}),
    )
    assert codes(played) == [(0, Code.NOTIONAL)]


@pytest.mark.parametrize(("rule", "quantity"), [("reject", None), ("clip", 50.0)])
def test_capacity_rejects_or_clips(play: Play, rule: str, quantity: float | None) -> None:
    # 20 bars of 1,000 × 10: ADV20 = 10,000; 5 % of it is 500, 50 units at 10; wanted: 20 % of 100,000 = 2,000 units
    bars = flat_bars([(10.0, 10.0, 10.0, 10.0, 1_000.0)] * 22)
    entry = strategy(sizing=FRACTION, capacity={"max_fraction_of_adv": 0.05, "when_exceeded": rule})
    played = play(bars, [signals(bars, {(18, 0): 1, (19, 0): 1})], rules(entry))
    assert (0, Code.NO_HISTORY) in codes(played)  # row 18 has 19 bars
    if quantity is None:
        assert codes(played)[1] == (0, Code.CAPACITY)
    else:
        assert filled(played) == [quantity]


def test_a_strategy_works_with_its_allocation(play: Play) -> None:
    # a quarter of 10,000: 20 % of 2,500 at 100 is 5 units; its own gross limit of 30 % leaves 250 for the second: 2
    bars = closes([100.0] * 3, [100.0] * 3)
    entry = strategy(sizing=FRACTION, allocation=0.25, limits={"max_gross_exposure": 0.3})
    played = play(bars, [signals(bars, {(0, 0): 1, (1, 1): 1})], rules(entry, equity=10_000.0))
    assert filled(played) == [5.0, 2.0]


# sizing -------------------------------------------------------------------------------------------------------------------
def test_risk_per_trade_divides_the_risk_by_the_stop_distance(play: Play) -> None:
    bars = still(100.0, 100.0)
    entry = strategy(sizing={"method": "risk_per_trade", "risk": 0.01})
    played = play(bars, [signals(bars, {(0, 0): 1}, stop_distance=4.0)], rules(entry))
    assert filled(played) == [250.0]  # 1 % of 100,000 / 4
    played = play(bars, [signals(bars, {(0, 0): 1})], rules(entry))
    assert codes(played) == [(0, Code.NO_STOP)]


def test_equal_weight_divides_by_slots_then_by_lines(play: Play) -> None:
    bars = closes([100.0] * 2, [100.0] * 2)
    sizing = {"method": "equal_weight"}
    for own, whole, quantity in ((5, 4, 200.0), (None, 4, 250.0), (None, None, 500.0)):
        entry = strategy(sizing=sizing, limits={"max_positions": own})
        played = play(bars, [signals(bars, {(0, 0): 1})], rules(entry, limits={"max_positions": whole}))
        assert filled(played) == [quantity]


def test_scale_multiplies_the_sized_quantity(play: Play) -> None:
    bars = still(100.0, 100.0)
    played = play(bars, [signals(bars, {(0, 0): 1}, scale=1.55)], rules())
    assert filled(played) == [15.0]  # 10 × 1.55, floored


def test_volatility_target_divides_by_the_yearly_deviation(play: Play) -> None:
    # closes alternate between 100 and 101: ten returns of +1 %, ten of −1/101; mean m = (0.01 − 1/101) / 2, each return
    # lies d = (0.01 + 1/101) / 2 from it, deviation = d × √(20/19)
    prices = [100.0, 101.0] * 10 + [100.0, 100.0]
    bars = still(*prices)
    entry = strategy(asset_class="crypto", sizing={"method": "volatility_target", "target_volatility": 0.02})
    played = play(bars, [signals(bars, {(19, 0): 1, (20, 0): 1})], rules(entry))
    assert codes(played) == [(0, Code.NO_HISTORY)]  # 20 bars are 19 returns
    sigma = (0.01 + 1.0 / 101.0) / 2.0 * math.sqrt(20.0 / 19.0)
    assert filled(played) == [pytest.approx(0.02 / (sigma * math.sqrt(252.0)) * 100_000.0 / 100.0, rel=1e-12)]


def test_kelly_sizes_by_the_closed_trades(play: Play) -> None:
    # trades of +20 %, −10 %, +20 %: W = 2/3, payoff = 2, Kelly = 2/3 − (1/3)/2 = 1/2, a quarter of it 12.5 %, cap 10 %.
    prices = [100, 100, 120, 100, 90, 100, 120, 120, 120]
    bars = still(*map(float, prices), asset_class="crypto")
    entries, exits = {(0, 0): 1, (2, 0): 1, (4, 0): 1, (7, 0): 1}, [(1, 0), (3, 0), (5, 0)]
    for cap, share in ((0.1, 0.1), (0.5, 0.125)):
        sizing = {"method": "kelly", "fraction": 0.01, "kelly_min_trades": 3, "kelly_cap": cap}
        entry = strategy(asset_class="crypto", sizing=sizing)
        played = play(bars, [signals(bars, entries, exits)], rules(entry, equity=1_000.0))
        buys = [order["filled"] for order in played.orders if order["side"] > 0]
        assert buys[0] == 0.1  # 1 % of 1,000 at 100, until three trades have closed
        second = 0.01 * (1_000.0 + 0.1 * 20.0) / 120.0  # decided at 120, after +20 on 0.1 unit
        third = 0.01 * (1_002.0 - 10.0 * second) / 90.0
        equity = 1_002.0 - 10.0 * second + 20.0 * third
        assert buys[3] == pytest.approx(share * equity / 120.0, rel=1e-12)


def test_kelly_without_a_win_buys_nothing(play: Play) -> None:
    bars = still(100.0, 100.0, 90.0, 90.0, 81.0, 81.0)
    sizing = {"method": "kelly", "kelly_min_trades": 2}
    made = signals(bars, {(0, 0): 1, (2, 0): 1, (4, 0): 1}, [(1, 0), (3, 0)])
    played = play(bars, [made], rules(strategy(sizing=sizing)))
    assert codes(played) == [(0, Code.ZERO_SIZE)]


def test_volatility_scaling_halves_in_a_wild_regime(play: Play) -> None:
    # half of 1,000 in one name at 100: 5 units; its price moves by ±0.1 % by turns, after row 65 by ±5 %;
    # the lookback of 2 makes 60 deviations exist well before; the last is far above twice the median: half of the size
    prices = [100.0]
    for i in range(68):
        step = 0.001 if i < 65 else 0.05
        prices.append(prices[-1] * (1.0 + (step if i % 2 else -step)))
    bars = closes(prices, [50.0] * 69)
    entry = strategy(asset_class="crypto", sizing={"method": "fixed_fraction", "fraction": 0.5})
    for mode, share in (("off", 0.5), ("regime", 0.25), ("continuous", 0.5 * 0.33)):
        scaling = {"mode": mode, "lookback": 2}
        played = play(bars, [signals(bars, {(0, 0): 1, (67, 1): 1})], rules(entry, equity=1_000.0, volatility_scaling=scaling))
        equity = 1_000.0 + 5.0 * (prices[67] - prices[1])
        room = equity - 5.0 * prices[67]
        assert played.orders[1]["quantity"] == pytest.approx(min(share * equity, room) / 50.0, rel=1e-9)


# slots and ranks ----------------------------------------------------------------------------------------------------------
def test_candidates_take_slots_in_order_of_their_components(play: Play) -> None:
    # ranks of a: S0 1, S1 2, S2 3 (of 3); of b: S0 3, S1 1.5, S2 1.5. a alone: S2, S1. Equal weights of both:
    # S0 (1+3)/6, S1 (2+1.5)/6, S2 (3+1.5)/6: S2, S0
    bars = closes(*[[100.0] * 2] * 3)
    components = {"a": {(0, 0): 1.0, (0, 1): 2.0, (0, 2): 3.0}, "b": {(0, 0): 9.0, (0, 1): 5.0, (0, 2): 5.0}}
    made = signals(bars, {(0, 0): 1, (0, 1): 1, (0, 2): 1}, components=components)
    for ranking, taken in (({"a": 1.0}, [2, 1]), (None, [2, 0]), ({"b": 1.0}, [0, 1])):
        played = play(bars, [made], rules(limits={"max_positions": 2}, ranking=ranking))
        assert [order["line"] for order in played.orders] == taken
        assert [code for _, code in codes(played)] == [Code.SLOTS]


def test_missing_components_rank_lowest_and_ties_go_by_symbol(play: Play) -> None:
    bars = closes(*[[100.0] * 2] * 4, symbols=["A", "B", "C", "D"])
    made = signals(bars, {(0, i): 1 for i in range(4)}, components={"a": {(0, 1): 1.0, (0, 3): 1.0}})
    played = play(bars, [made], rules())
    assert [order["line"] for order in played.orders] == [1, 3, 0, 2]


def test_lines_of_one_symbol_tie_by_strategy(play: Play) -> None:
    bars = still(100.0, 100.0)
    made = [signals(bars, {(0, 0): 1}), signals(bars, {(0, 0): -1})]
    played = play(bars, made, rules(strategy(), strategy()))
    assert [(order["line"], order["side"]) for order in played.orders] == [(0, 1), (1, -1)]
    assert played.net_exposure[1] == 0.0
    assert played.n_positions[1] == 2


def test_a_full_house_refuses_everybody_and_counts_the_rows(play: Play) -> None:
    bars = closes(*[[100.0] * 5] * 2)
    made = signals(bars, {(0, 0): 1, (1, 1): 1, (2, 1): 1, (4, 1): 1})
    played = play(bars, [made], rules(limits={"max_positions": 1}))
    assert played.refusals == [
        {"line": 1, "code": Code.SLOTS, "first_row": 1, "last_row": 2, "count": 2},
        {"line": 1, "code": Code.SLOTS, "first_row": 4, "last_row": 4, "count": 1},
    ]
    assert played.signals == [4]


def test_a_slot_promised_by_an_exit_that_cannot_fill_is_not_freed(play: Play) -> None:
    # one slot: S0 exits and S1 enters at the close of row 1; S0 has no bar on row 2, so S1 may not have its place
    bars = closes([100.0, 100.0, NAN, 90.0], [50.0] * 4)
    made = signals(bars, {(0, 0): 1, (1, 1): 1}, [(1, 0)])
    played = play(bars, [made], rules(limits={"max_positions": 1}))
    assert [(o["line"], o["status"], o["end"]) for o in played.orders] == [
        (0, OrderStatus.FILLED, Code.NONE),
        (0, OrderStatus.FILLED, Code.NONE),
        (1, OrderStatus.EXPIRED, Code.SLOT_NOT_FREED),
    ]
    assert played.orders[1]["fill_row"] == 3


def test_diversification_prefers_what_moves_otherwise(play: Play) -> None:
    # held: S0; S1 is a copy of S0 (correlation 1), S2 moves against it (−1): 1 − ρ is 0 and 2
    up = [100.0 * 1.01 ** (i % 2) for i in range(26)]
    down = [100.0 * 1.01 ** ((i + 1) % 2) for i in range(26)]
    bars = closes(up, up, down)
    made = signals(bars, {(0, 0): 1, (23, 1): 1, (23, 2): 1})
    played = play(bars, [made], rules(ranking={"diversification": 1.0}))
    assert [order["line"] for order in played.orders] == [0, 2, 1]


def test_the_correlation_guard_refuses_a_fourth_of_a_kind(play: Play) -> None:
    # three held that move together (mean pairwise 1 > 0.7); the candidate that does so too is refused, the other is not
    up = [100.0 * 1.01 ** (i % 2) for i in range(26)]
    down = [100.0 * 1.01 ** ((i + 1) % 2) for i in range(26)]
    bars = closes(up, up, up, up, down)
    made = signals(bars, {(0, 0): 1, (0, 1): 1, (0, 2): 1, (22, 3): 1, (22, 4): 1})
    played = play(bars, [made], rules(correlation_guard={"min_positions": 3}))
    assert codes(played) == [(3, Code.CORRELATION)]
    assert [order["line"] for order in played.orders] == [0, 1, 2, 4]
    played = play(bars, [made], rules(correlation_guard={"min_positions": 4}))
    assert codes(played) == []


# groups -------------------------------------------------------------------------------------------------------------------
def test_a_pair_needs_both_of_its_legs(play: Play) -> None:
    bars = closes([100.0] * 3, [50.0] * 3)
    played = play(bars, [signals(bars, {(0, 0): 1}, group=[0, 0])], rules())
    assert codes(played) == [(0, Code.GROUP)]
    played = play(bars, [signals(bars, {(0, 0): 1, (0, 1): -1}, group=[0, 0])], rules(limits={"max_positions": 1}))
    assert codes(played) == [(0, Code.SLOTS), (1, Code.SLOTS)]


def test_a_pair_is_scaled_by_one_factor(play: Play) -> None:
    # 10 at 100 long and 20 at 100 short ask for 3,000 of 1,500 equity: half of each
    bars = closes([100.0] * 3, [100.0] * 3)
    made = signals(bars, {(0, 0): 1, (0, 1): -1}, group=[0, 0], scale={(0, 0): 1.0, (0, 1): 2.0})
    played = play(bars, [made], rules(equity=1_500.0))
    assert filled(played) == [5.0, 10.0]


def test_a_pair_expires_together_and_leaves_together(play: Play) -> None:
    bars = closes([100.0] * 6, [50.0, NAN, 50.0, 50.0, 50.0, 50.0])
    made = signals(bars, {(0, 0): 1, (0, 1): -1, (2, 0): 1, (2, 1): -1}, [(4, 1)], group=[7, 7])
    played = play(bars, [made], rules())
    assert [(o["status"], o["end"]) for o in played.orders[:2]] == [(OrderStatus.EXPIRED, Code.NO_BAR)] * 2
    assert [(o["line"], o["cause"], o["fill_row"]) for o in played.orders[4:]] == [
        (1, Code.SIGNAL, 5),
        (0, Code.GROUP, 5),
    ]


def test_a_stopped_leg_takes_the_other_out_at_the_next_open(play: Play) -> None:
    bars = closes([100.0, 100.0, 90.0, 91.0], [50.0, 50.0, 50.0, 52.0])
    made = signals(bars, {(0, 0): 1, (0, 1): -1}, group=[0, 0], stop_distance={(0, 0): 5.0})
    played = play(bars, [made], rules())
    assert [(t["line"], t["exit_row"], t["exit_reason"]) for t in played.trades] == [(0, 2, Code.STOP), (1, 3, Code.GROUP)]


# limits of the whole ------------------------------------------------------------------------------------------------------
def crash() -> tuple:
    """10 units of S0 at 100 out of 1,000 fall to 70 (drawdown 30 %); S1 stands still."""
    return closes([100.0, 100.0, 70.0, 70.0, 77.0, 77.0, 77.0], [10.0] * 7)  # type: ignore[return-value]


def test_a_drawdown_limit_stops_entries(play: Play) -> None:
    bars = crash()
    made = signals(bars, {(0, 0): 1, (2, 1): 1, (4, 1): 1})
    played = play(bars, [made], rules(equity=1_000.0, limits={"max_drawdown": 0.25}))
    (event,) = played.events
    assert (event["row"], event["kind"], event["equity"], event["reference"]) == (2, Code.DRAWDOWN_LIMIT, 700.0, 1_000.0)
    assert (event["measured"], event["limit"]) == (pytest.approx(-0.3), 0.25)
    assert codes(played) == [(1, Code.DRAWDOWN_LIMIT)] * 2  # for ever
    assert len(played.orders) == 1  # what is held stays


def test_a_drawdown_limit_that_flattens_and_resumes(play: Play) -> None:
    bars = crash()
    limits = {"max_drawdown": 0.25, "on_breach": "flatten", "resume": 2}
    made = signals(bars, {(0, 0): 1, (2, 1): 1, (4, 1): 1})
    played = play(bars, [made], rules(equity=1_000.0, limits=limits))
    # flat at the open of row 3; two bars after the trip, at row 4, entries are taken again and the peak is 700
    assert (played.trades[0]["exit_row"], played.trades[0]["exit_reason"]) == (3, Code.DRAWDOWN_LIMIT)
    assert [(r["code"], r["first_row"]) for r in played.refusals] == [(Code.DRAWDOWN_LIMIT, 2)]
    assert (played.orders[2]["row"], played.orders[2]["filled"]) == (4, 10.0)
    assert len(played.events) == 1


def test_a_daily_loss_limit_resumes_with_the_next_session(play: Play) -> None:
    # sessions of two hours: 5 units at 100 on row 1; at row 2, in session 2, equity is 5 % below the close of session 1
    prices = [100.0, 100.0, 90.0, 90.0, 90.0, 90.0]
    bars = closes(prices, [10.0] * 6, bars_per_session=2)
    made = signals(bars, {(0, 0): 1, (2, 1): 1, (3, 1): 1, (4, 1): 1})
    five = strategy(sizing={"method": "fixed_quantity", "quantity": 5.0})
    played = play(bars, [made], rules(five, equity=1_000.0, limits={"max_daily_loss": 0.04}))
    (event,) = played.events
    assert (event["row"], event["kind"]) == (2, Code.DAILY_LOSS_LIMIT)
    assert (event["reference"], event["equity"]) == (1_000.0, 950.0)
    assert played.refusals == [{"line": 1, "code": Code.DAILY_LOSS_LIMIT, "first_row": 2, "last_row": 3, "count": 2}]
    assert played.orders[1]["row"] == 4


def test_a_daily_loss_limit_can_flatten(play: Play) -> None:
    bars = closes([100.0, 100.0, 90.0, 80.0, 80.0])
    limits = {"max_daily_loss": 0.05, "on_breach": "flatten"}
    played = play(bars, [signals(bars, {(0, 0): 1})], rules(equity=1_000.0, limits=limits))
    assert (played.trades[0]["exit_row"], played.trades[0]["exit_reason"]) == (3, Code.DAILY_LOSS_LIMIT)


def test_an_opening_signal_of_a_weight_rule_is_refused_while_tripped(play: Play) -> None:
    bars = closes([100.0, 100.0, 60.0, 60.0])
    made = weights(bars, {(0, 0): 0.9, (2, 0): 1.0, (3, 0): 0.1})
    played = play(bars, [made], rules(equity=1_000.0, limits={"max_drawdown": 0.25}))
    # held 9, equity 640: wanted 10 at 60 refused; the reduction to 1 unit is no entry
    assert codes(played) == [(0, Code.DRAWDOWN_LIMIT)]
    assert (played.orders[1]["row"], played.orders[1]["quantity"]) == (3, 8.0)


def test_empty_decisions_change_nothing(play: Play) -> None:
    bars = closes([100.0, 101.0, 99.0])
    nothing = Signals(np.zeros((3, 1), np.int8), np.zeros((3, 1), bool))
    played = play(bars, [decided(bars, nothing)], rules())
    assert played.equity == [100_000.0] * 3
    assert played.orders == played.fills == played.trades == played.refusals == played.events == []
