"""Golden cases of fills: every figure is worked out by hand beside it, none comes from the code under test."""

from __future__ import annotations

import pytest

from tests.builders import make_bars
from tests.engine.scenes import (
    NAN,
    Play,
    Played,
    decided,
    flat_bars,
    rules,
    signals,
    still,
    strategy,
    weights,
)
from trading_system.engine.ledger import Code, OrderKind, OrderStatus
from trading_system.strategies.base import Weights

QUIET = (100.0, 101.0, 99.0, 100.0)


def only_trade(played: Played) -> dict:
    (trade,) = played.trades
    return trade


def ends(played: Played) -> list[tuple[int, int]]:
    return [(order["status"], order["end"]) for order in played.orders]


# stops and targets -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("high", [96.0, 92.0])
def test_a_gap_through_a_stop_fills_at_the_open(play: Play, high: float) -> None:
    # in at 100, stop 5 below at 95; the next bar opens at 85: out at 85 whether or not the bar comes back over the stop
    bars = flat_bars([QUIET, QUIET, (85.0, high, 80.0, 84.0)])
    played = play(bars, [signals(bars, {(0, 0): 1}, stop_distance=5.0)], rules())
    trade = only_trade(played)
    assert trade["exit_price"] == 85.0
    assert trade["exit_reason"] == Code.STOP
    assert trade["pnl"] == -150.0  # 10 × (85 − 100)
    assert trade["r_multiple"] == -3.0  # −150 / (10 × 5)
    assert played.equity == [100_000.0, 100_000.0, 99_850.0]


def test_a_short_gapped_over_its_stop_fills_at_the_open(play: Play) -> None:
    bars = flat_bars([QUIET, QUIET, (120.0, 130.0, 104.0, 125.0)])
    played = play(bars, [signals(bars, {(0, 0): -1}, stop_distance=5.0)], rules())
    assert only_trade(played)["exit_price"] == 120.0
    assert only_trade(played)["pnl"] == -200.0


def test_a_short_squeeze_can_take_more_than_all_the_money(play: Play) -> None:
    # 10 short at 100 with 1,000 of equity; the price trebles overnight: equity 1,000 + 10 × (100 − 300) = −1,000
    bars = flat_bars([QUIET, QUIET, (300.0, 310.0, 290.0, 300.0), (320.0, 320.0, 320.0, 320.0)])
    played = play(bars, [signals(bars, {(0, 0): -1})], rules(equity=1_000.0))
    assert played.equity == [1_000.0, 1_000.0, -1_000.0, -1_200.0]
    (event,) = played.events
    assert (event["row"], event["kind"], event["equity"]) == (2, Code.RUIN, -1_000.0)
    trade = only_trade(played)
    assert (trade["exit_row"], trade["exit_price"], trade["exit_reason"]) == (3, 320.0, Code.RUIN)


def test_stop_and_target_in_one_bar_is_the_stop(play: Play) -> None:
    bars = flat_bars([QUIET, QUIET, (100.0, 106.0, 94.0, 100.0)])
    played = play(bars, [signals(bars, {(0, 0): 1}, stop_distance=5.0, target_distance=5.0)], rules())
    trade = only_trade(played)
    assert (trade["exit_price"], trade["exit_reason"]) == (95.0, Code.STOP)


def test_a_target_fills_at_its_price_and_at_a_better_open(play: Play) -> None:
    # slippage of 1 % is paid on the way in, never by a target: in at 101, target 101 + 5
    costs = {"slippage": {"model": "fixed", "bps": 100.0}}
    for bar, price in (((100.0, 108.0, 99.0, 107.0), 106.0), ((107.0, 108.0, 99.0, 107.0), 107.0)):
        bars = flat_bars([QUIET, QUIET, bar])
        played = play(bars, [signals(bars, {(0, 0): 1}, target_distance=5.0)], rules(strategy(costs=costs)))
        trade = only_trade(played)
        assert (trade["entry_price"], trade["exit_price"]) == (101.0, price)
        assert trade["slippage"] == 10.0  # 10 × 1, the entry's alone
        assert trade["exit_reason"] == Code.TARGET


def test_an_open_beyond_the_target_wins_over_a_stop_touched_later(play: Play) -> None:
    bars = flat_bars([QUIET, QUIET, (106.0, 107.0, 94.0, 95.0)])
    played = play(bars, [signals(bars, {(0, 0): 1}, stop_distance=5.0, target_distance=5.0)], rules())
    assert (only_trade(played)["exit_price"], only_trade(played)["exit_reason"]) == (106.0, Code.TARGET)


def test_a_stop_holds_on_the_entry_bar(play: Play) -> None:
    bars = flat_bars([QUIET, (100.0, 110.0, 94.0, 108.0), QUIET])
    played = play(bars, [signals(bars, {(0, 0): 1}, stop_distance=5.0, target_distance=8.0)], rules())
    trade = only_trade(played)
    assert (trade["entry_row"], trade["exit_row"], trade["exit_price"]) == (1, 1, 95.0)
    assert trade["bars_held"] == 0
    assert trade["mae"] == pytest.approx(-0.05, rel=1e-12)  # the exit's own reference price is all that counts on its bar
    assert trade["mfe"] == 0.0


def test_on_the_entry_bar_the_stop_is_brought_into_the_bar(play: Play) -> None:
    # slippage of 10 %: in at 110, stop 5 below at 105, above the bar's high of 101: the reference is 101, the fill 90.9
    bars = flat_bars([QUIET, QUIET, QUIET])
    costs = {"slippage": {"model": "fixed", "bps": 1_000.0}}
    played = play(bars, [signals(bars, {(0, 0): 1}, stop_distance=5.0)], rules(strategy(costs=costs)))
    assert played.fills[1]["reference"] == 101.0
    assert played.fills[1]["price"] == pytest.approx(90.9, rel=1e-12)


def test_a_stop_is_a_market_order_and_pays_slippage(play: Play) -> None:
    bars = flat_bars([QUIET, QUIET, (99.0, 99.0, 90.0, 92.0)])
    costs = {"slippage": {"model": "fixed", "bps": 100.0}}
    played = play(bars, [signals(bars, {(0, 0): 1}, stop_distance=6.0)], rules(strategy(costs=costs)))
    # in at 100 × 1.01 = 101, stop 95, out at 95 × 0.99 = 94.05, below the low of nothing: 90
    assert played.fills[1]["reference"] == 95.0
    assert played.fills[1]["price"] == pytest.approx(94.05, rel=1e-12)
    assert only_trade(played)["gross_pnl"] == pytest.approx(-50.0, rel=1e-12)  # 10 × (95 − 100)
    assert only_trade(played)["slippage"] == pytest.approx(19.5, rel=1e-12)  # 10 × (1 + 0.95)
    assert only_trade(played)["pnl"] == pytest.approx(-69.5, rel=1e-12)


def test_a_trailing_stop_is_a_ratchet(play: Play) -> None:
    # in at 100; highs 104, 110, 108: the stop is 99, 105, 105 after those bars; then a low of 104.5 is out at 105
    bars = flat_bars([QUIET, (100, 104, 99.5, 103), (103, 110, 102, 109), (109, 108, 105.5, 106), (106, 107, 104.5, 106.5)])
    played = play(bars, [signals(bars, {(0, 0): 1}, stop_distance=8.0, trail_distance=5.0)], rules())
    trade = only_trade(played)
    assert (trade["exit_row"], trade["exit_price"], trade["exit_reason"]) == (4, 105.0, Code.TRAIL)
    assert trade["r_multiple"] == pytest.approx(50.0 / 80.0)  # risk is that of the first stop, 8 a share
    assert trade["bars_held"] == 3


def test_a_trailing_stop_of_a_limit_fill_counts_the_close_of_its_bar_only(play: Play) -> None:
    # the limit at 97 fills inside bar 1, whose high of 104 may have come before: best is its close 98, the stop 93
    bars = flat_bars([QUIET, (100, 104, 96, 98), (95, 96, 92.5, 94)])
    played = play(bars, [signals(bars, {(0, 0): 1}, limit_price=97.0, trail_distance=5.0)], rules())
    assert (only_trade(played)["entry_price"], only_trade(played)["exit_price"]) == (97.0, 93.0)


def test_stop_tighten_moves_a_stop_one_way_and_from_the_next_bar(play: Play) -> None:
    # tighten to 98 at close 1 (live on bar 2), to 96 at close 2 (looser, ignored); bar 3 falls through 98
    bars = flat_bars([QUIET, (100, 101, 97, 100), (100, 101, 98.5, 100), (100, 100, 95, 96)])
    played = play(bars, [signals(bars, {(0, 0): 1}, stop_distance=10.0, stop_tighten={(1, 0): 98.0, (2, 0): 96.0})], rules())
    trade = only_trade(played)
    assert (trade["exit_row"], trade["exit_price"], trade["exit_reason"]) == (3, 98.0, Code.TIGHTEN)


def test_stops_judged_at_the_close_exit_at_the_next_open(play: Play) -> None:
    bars = flat_bars([QUIET, QUIET, (100, 100, 90, 96), (96, 97, 93, 94), (92, 93, 91, 92)])
    played = play(bars, [signals(bars, {(0, 0): 1}, stop_distance=5.0)], rules(execution={"stop_evaluation": "close"}))
    # 90 inside bar 2 does not matter, its close of 96 is above 95; bar 3 closes at 94: out at the open of bar 4
    trade = only_trade(played)
    assert (trade["exit_row"], trade["exit_price"], trade["exit_reason"]) == (4, 92.0, Code.STOP)
    assert played.orders[1]["row"] == 3
    assert played.orders[1]["kind"] == OrderKind.EXIT


# limits ------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("bar", "price"),
    [((100, 101, 97, 99), 98.0), ((97.5, 99, 97, 98), 97.5), ((98, 99, 97, 98), 98.0)],
    ids=["touched", "open below", "open at"],
)
def test_a_buy_limit_fills_at_its_price_or_a_better_open(play: Play, bar: tuple, price: float) -> None:
    bars = flat_bars([QUIET, bar, QUIET])
    costs = {"slippage": {"model": "fixed", "bps": 50.0}}
    played = play(bars, [signals(bars, {(0, 0): 1}, limit_price=98.0)], rules(strategy(costs=costs)))
    assert (played.fills[0]["row"], played.fills[0]["price"]) == (1, price)
    assert played.orders[0]["kind"] == OrderKind.LIMIT_ENTRY


def test_a_limit_that_is_not_reached_expires(play: Play) -> None:
    bars = flat_bars([QUIET, (100, 101, 98.01, 99), (98, 98, 97, 97)])
    played = play(bars, [signals(bars, {(0, 0): 1}, limit_price=98.0)], rules())
    assert ends(played) == [(OrderStatus.EXPIRED, Code.LIMIT_NOT_REACHED)]
    assert played.fills == []


def test_a_sell_limit_mirrors_a_buy_limit(play: Play) -> None:
    bars = flat_bars([QUIET, (100, 103, 99, 101), QUIET])
    played = play(bars, [signals(bars, {(0, 0): -1}, limit_price=102.0)], rules())
    assert (played.fills[0]["side"], played.fills[0]["price"]) == (-1, 102.0)


def test_a_limit_fill_inside_the_bar_can_be_stopped_but_not_paid_in_it(play: Play) -> None:
    # limit 97, stop 92, target 99: the high of 104 may have come first, so the target waits; a low of 91 stops it
    stopped = flat_bars([QUIET, (100, 104, 91, 98), QUIET])
    decisions = {"limit_price": 97.0, "stop_distance": 5.0, "target_distance": 2.0}
    played = play(stopped, [signals(stopped, {(0, 0): 1}, **decisions)], rules())
    assert (only_trade(played)["exit_row"], only_trade(played)["exit_price"]) == (1, 92.0)
    waits = flat_bars([QUIET, (100, 104, 96, 98), (98, 99.5, 97.5, 98)])
    played = play(waits, [signals(waits, {(0, 0): 1}, **decisions)], rules())
    assert (only_trade(played)["exit_row"], only_trade(played)["exit_price"]) == (2, 99.0)


# bars without a trade, halts, delistings -----------------------------------------------------------------------------------
def test_nothing_fills_on_a_bar_without_volume(play: Play) -> None:
    # the entry expires; a later position waits with its exit, and its stop, through the dead bar
    dead = (90.0, 110.0, 80.0, 95.0, 0.0)
    bars = flat_bars([QUIET, dead, QUIET, QUIET, dead, (97.0, 98.0, 96.0, 97.0)])
    played = play(bars, [signals(bars, {(0, 0): 1, (1, 0): 1}, [(3, 0)], stop_distance=5.0)], rules())
    assert ends(played) == [(OrderStatus.EXPIRED, Code.NO_VOLUME), (OrderStatus.FILLED, 0), (OrderStatus.FILLED, 0)]
    trade = only_trade(played)
    assert (trade["entry_row"], trade["exit_row"], trade["exit_price"]) == (2, 5, 97.0)
    assert played.equity[4] == 99_950.0  # the dead bar's close still marks: 10 × (95 − 100)


def test_an_absent_volume_is_no_zero(play: Play) -> None:
    bars = flat_bars([(*QUIET, NAN)] * 3)
    played = play(bars, [signals(bars, {(0, 0): 1})], rules())
    assert len(played.fills) == 1


def test_a_missing_next_bar_ends_an_entry_and_delays_an_exit(play: Play) -> None:
    bars = flat_bars([QUIET, None, QUIET, QUIET, None, (90.0, 91.0, 89.0, 90.0)])
    played = play(bars, [signals(bars, {(0, 0): 1, (2, 0): 1}, [(3, 0)])], rules())
    assert ends(played)[0] == (OrderStatus.EXPIRED, Code.NO_BAR)
    trade = only_trade(played)
    assert (trade["entry_row"], trade["exit_row"], trade["exit_price"], trade["exit_reason"]) == (3, 5, 90.0, Code.SIGNAL)
    assert played.stale_marks == [0, 0, 0, 0, 1, 0]
    assert played.equity[4] == played.equity[3]


def test_a_halt_of_five_bars_queues_one_exit_for_the_first_bar_after_it(play: Play) -> None:
    # missing on rows 2..6: the second missing session (row 3) queues the exit; row 7 fills it at its open, and at its close
    # the line decides again
    bars = flat_bars([QUIET, QUIET, None, None, None, None, None, (80.0, 85.0, 79.0, 84.0), QUIET])
    entries = {(0, 0): 1, (4, 0): 1, (7, 0): 1}
    played = play(bars, [signals(bars, entries, stop_distance=5.0)], rules())
    exit_order = played.orders[1]
    assert (exit_order["row"], exit_order["cause"], exit_order["fill_row"]) == (3, Code.DATA_MISSING, 7)
    assert exit_order["fill_price"] == 80.0
    assert played.stale_marks[2:7] == [1] * 5
    assert played.equity[2:7] == [100_000.0] * 5
    assert played.equity[7] == 99_800.0
    assert (played.orders[2]["row"], played.orders[2]["fill_row"]) == (7, 8)
    assert played.refusals == []  # the line was held on row 4: its signal there is ignored


def test_an_entry_on_a_row_without_a_bar_is_refused(play: Play) -> None:
    bars = flat_bars([QUIET, None, None, QUIET])
    played = play(bars, [signals(bars, {(1, 0): 1, (2, 0): 1})], rules())
    assert played.refusals == [{"line": 0, "code": Code.NO_BAR, "first_row": 1, "last_row": 2, "count": 2}]
    assert played.signals == [2]


def test_one_missing_session_does_nothing(play: Play) -> None:
    bars = flat_bars([QUIET, QUIET, None, QUIET])
    played = play(bars, [signals(bars, {(0, 0): 1})], rules())
    assert len(played.orders) == 1
    assert only_trade(played)["open"] == 1
    assert only_trade(played)["bars_held"] == 2


def test_a_delisting_event_pays_its_price_without_costs(play: Play) -> None:
    bars = flat_bars([QUIET, QUIET, QUIET, None], delisted={0: (2, 42.0)})
    costs = {"commission_per_trade": 1.0, "slippage": {"model": "fixed", "bps": 0.0}}
    played = play(bars, [signals(bars, {(0, 0): 1})], rules(strategy(costs=costs)))
    trade = only_trade(played)
    assert (trade["exit_row"], trade["exit_price"], trade["exit_reason"]) == (2, 42.0, Code.DELISTED)
    assert trade["commission"] == 1.0  # the entry's
    assert played.orders[1]["kind"] == OrderKind.SETTLEMENT
    assert played.equity[2] == 100_000.0 - 1.0 - 580.0


def test_a_delisting_without_a_price_pays_the_last_close(play: Play) -> None:
    bars = flat_bars([QUIET, (100, 101, 90, 93), None, None], delisted={0: (2, NAN)})
    played = play(bars, [signals(bars, {(0, 0): 1})], rules())
    assert (only_trade(played)["exit_row"], only_trade(played)["exit_price"]) == (2, 93.0)


@pytest.mark.parametrize(("side", "price"), [(1, 60.0), (-1, 140.0)])
def test_a_name_that_vanishes_silently_is_closed_with_a_haircut_against_the_holder(
    play: Play, side: int, price: float
) -> None:
    # missing from row 2 on; the third missing session is row 4; the exit queued on row 3 dies with it
    bars = flat_bars([QUIET, QUIET, None, None, None, None])
    execution = {"delist_after": 3, "delisting_haircut": 0.4}
    played = play(bars, [signals(bars, {(0, 0): side})], rules(execution=execution))
    trade = only_trade(played)
    assert (trade["exit_row"], trade["exit_reason"]) == (4, Code.DELISTED_SILENT)
    assert trade["exit_price"] == pytest.approx(price, rel=1e-12)
    assert ends(played)[1] == (OrderStatus.EXPIRED, Code.DELISTED)
    assert played.equity[-1] == pytest.approx(99_600.0, rel=1e-12)


def test_leaving_the_universe_is_an_exit_and_bars_entries(play: Play) -> None:
    bars = flat_bars([QUIET] * 5, tradable=[True, True, False, False, True])
    played = play(bars, [signals(bars, {(0, 0): 1, (3, 0): 1})], rules())
    assert (played.orders[1]["row"], played.orders[1]["cause"], played.orders[1]["fill_row"]) == (2, Code.UNIVERSE, 3)
    assert [(r["code"], r["first_row"]) for r in played.refusals] == [(Code.NOT_TRADABLE, 3)]


# exits and entries on one bar -----------------------------------------------------------------------------------------------
def test_a_flip_closes_and_opens_the_other_way_at_one_open(play: Play) -> None:
    bars = still(100.0, 100.0, 110.0, 120.0, 120.0)
    played = play(bars, [signals(bars, {(0, 0): 1, (2, 0): -1})], rules())
    assert [(f["row"], f["side"], f["price"]) for f in played.fills] == [(1, 1, 100.0), (3, -1, 120.0), (3, -1, 120.0)]
    assert [t["exit_reason"] for t in played.trades] == [Code.REVERSAL, Code.NONE]
    assert played.trades[0]["pnl"] == 200.0
    assert played.signals == [2]  # the reversal is one signal: the entry that asked for it


def test_exit_and_entry_of_the_same_sign_on_one_bar_is_an_exit(play: Play) -> None:
    bars = still(100.0, 100.0, 100.0, 100.0)
    played = play(bars, [signals(bars, {(0, 0): 1, (1, 0): 1}, [(1, 0)])], rules())
    assert len(played.orders) == 2
    assert only_trade(played)["exit_row"] == 2
    assert played.repeated == [1]


def test_an_exit_by_stop_and_an_entry_at_the_same_close_are_two_trades(play: Play) -> None:
    # the stop of 95 closes the line inside bar 2; flat at its close, the line may enter again at the open of bar 3
    bars = flat_bars([QUIET, QUIET, (99, 99, 94, 98), (98, 99, 97, 98)])
    played = play(bars, [signals(bars, {(0, 0): 1, (2, 0): 1}, stop_distance=5.0)], rules())
    assert [(t["entry_row"], t["exit_row"]) for t in played.trades] == [(1, 2), (3, -1)]


def test_max_hold_counts_the_bar_of_the_fill_as_one(play: Play) -> None:
    bars = still(100.0, 100.0, 101.0, 102.0, 103.0)
    played = play(bars, [signals(bars, {(0, 0): 1}, max_hold=[2])], rules())
    trade = only_trade(played)  # held at the closes of bars 1 and 2, out at the open of bar 3
    assert (trade["exit_row"], trade["exit_reason"], trade["bars_held"]) == (3, Code.MAX_HOLD, 2)


def test_repeats_are_counted_and_are_no_signals(play: Play) -> None:
    bars = flat_bars([QUIET, QUIET, QUIET, None, QUIET])
    entries = {(0, 0): 1, (1, 0): 1, (2, 0): 1}
    played = play(bars, [signals(bars, entries, [(2, 0), (4, 0)])], rules())
    # entry again on rows 1 and 2; the exit of row 2 waits over the hole of row 3 and is gone at row 4
    assert played.repeated == [2]
    assert played.signals == [2]


def test_orders_of_the_last_bar_stay_open(play: Play) -> None:
    bars = still(100.0, 100.0, 100.0)
    played = play(bars, [signals(bars, {(0, 0): 1}, [(2, 0)])], rules())
    assert ends(played) == [(OrderStatus.FILLED, 0), (OrderStatus.OPEN, 0)]
    assert only_trade(played)["open"] == 1


def test_fills_at_the_signals_own_close_when_asked(play: Play) -> None:
    bars = flat_bars([(100, 101, 99, 100.5), (102, 103, 94, 101), (90, 91, 89, 90)])
    played = play(bars, [signals(bars, {(0, 0): 1}, stop_distance=5.0)], rules(execution={"fill": "same_close"}))
    # in at 100.5 on row 0; the stop of 95.5 is live from row 1, whose low of 94 takes it
    trade = only_trade(played)
    assert (trade["entry_row"], trade["entry_price"], trade["exit_row"], trade["exit_price"]) == (0, 100.5, 1, 95.5)
    assert played.n_positions == [1, 0, 0]
    assert played.equity == [100_000.0, 99_950.0, 99_950.0]


def test_weights_sell_first_and_flip_in_two_parts(play: Play) -> None:
    # 50 % long of 1,000 at 100: 5 units; then −30 %: wanted −0.3 × 1,000 / 100 = −3, so sell 5, and sell 3 more
    bars = still(100.0, 100.0, 100.0, 100.0)
    played = play(bars, [weights(bars, {(0, 0): 0.5, (1, 0): -0.3})], rules(equity=1_000.0))
    assert [(o["kind"], o["side"], o["filled"]) for o in played.orders] == [
        (OrderKind.WEIGHT_INCREASE, 1, 5.0),
        (OrderKind.WEIGHT_REDUCE, -1, 5.0),
        (OrderKind.WEIGHT_INCREASE, -1, 3.0),
    ]
    assert played.signals == [3]
    assert played.net_exposure == [0.0, 0.5, -0.3, -0.3]


def test_small_weight_changes_are_not_traded_but_a_close_is(play: Play) -> None:
    # 1 % of 10,000 is 1 unit at 100; 1.05 % asks for 1.05: 5 of value, below 0.1 % of 10,000; 0 closes all the same
    bars = still(100.0, 100.0, 100.0, 100.0, asset_class="crypto")
    entry = strategy(asset_class="crypto")
    played = play(bars, [weights(bars, {(0, 0): 0.01, (1, 0): 0.0105, (2, 0): 0.0})], rules(entry, equity=10_000.0))
    assert [(o["row"], o["filled"]) for o in played.orders] == [(0, 1.0), (2, 1.0)]


def test_buys_fill_on_the_ask_and_sells_on_the_bid(play: Play) -> None:
    from trading_system.data.bars import Quotes

    mid = [100.0, 100.0, 104.0, 104.0]

    def around(shift: float) -> list:
        return make_bars(*[[p + shift for p in mid]] * 4).open

    quotes = Quotes(around(-1.0), around(-0.5), around(-1.5), around(1.0), around(1.5), around(0.5))
    bars = make_bars(mid, mid, mid, mid, quotes=quotes)
    played = play(bars, [signals(bars, {(0, 0): 1}, [(2, 0)])], rules())
    assert [f["price"] for f in played.fills] == [101.0, 103.0]  # ask of row 1, bid of row 3
    assert played.equity[1] == 100_000.0 - 10.0  # marked at mid


def test_a_stop_of_a_long_is_watched_on_the_bid(play: Play) -> None:
    from trading_system.data.bars import Quotes

    mid = make_bars([100.0, 100.0, 100.0], [101.0] * 3, [96.0, 99.0, 96.0], [100.0] * 3)
    shifted = [mid.open - 1, mid.high - 1, mid.low - 1, mid.open + 1, mid.high + 1, mid.low + 1]
    bars = make_bars(mid.open, mid.high, mid.low, mid.close, quotes=Quotes(*shifted))
    # in at the ask, 101; stop 5.5 below at 95.5: the mid's low of 96 misses it, the bid's low of 95 does not
    played = play(bars, [signals(bars, {(0, 0): 1}, stop_distance=5.5)], rules())
    assert (only_trade(played)["exit_row"], only_trade(played)["exit_price"]) == (2, 95.5)


def test_trading_begins_at_the_first_row_of_the_period(play: Play) -> None:
    bars = still(*[100.0 + i for i in range(6)])
    made = signals(bars, {(0, 0): 1, (2, 0): 1})
    played = play(bars, [made], rules(), first=2, stop=5)
    assert len(played.equity) == 3
    assert [(o["row"], o["fill_row"], o["fill_price"]) for o in played.orders] == [(2, 3, 103.0)]


def test_weights_are_cut_pro_rata_when_the_cash_is_short(play: Play) -> None:
    # two of 50 % decided at 100 with 2,000: 10 each; both open at 125: 2,500 wanted, 2,000 there: factor 0.8, 8 each
    bars = make_bars(*[[[100.0, 100.0], [125.0, 125.0], [125.0, 125.0]]] * 4)
    played = play(bars, [decided(bars, Weights.on_change(_halves(bars)))], rules(equity=2_000.0))
    assert [(o["quantity"], o["filled"], o["status"]) for o in played.orders] == [(10.0, 8.0, OrderStatus.PART_FILLED)] * 2
    assert played.cash[1] == 0.0


def _halves(bars):  # type: ignore[no-untyped-def]
    import numpy as np

    return np.full(bars.close.shape, 0.5)
