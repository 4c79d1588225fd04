"""Golden cases of costs, financing, corporate actions and accounts; every figure is worked out by hand beside it."""

from __future__ import annotations

import hashlib
import math

import pytest

from tests.builders import make_bars
from tests.engine.scenes import NAN, Play, flat_bars, rules, signals, still, strategy, weights
from trading_system.engine.ledger import Code, OrderStatus

NONE = {"model": "none"}


def paid(played, which: int = 0) -> float:  # type: ignore[no-untyped-def]
    return played.fills[which]["commission"]


# commissions ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("costs", "commission"),
    [
        ({"commission_bps": 10.0}, 1.0),  # 10 × 100 × 0.001
        ({"commission_per_share": 0.005}, 0.05),  # 10 × 0.005
        ({"commission_per_trade": 2.5}, 2.5),
        ({"commission_bps": 10.0, "commission_per_share": 0.005, "commission_per_trade": 2.5}, 3.55),
        ({"commission_per_share": 0.005, "commission_minimum": 1.0}, 1.0),
        ({"commission_minimum": 1.5}, 1.5),
    ],
)
def test_commission_of_ten_units_at_100(play: Play, costs: dict, commission: float) -> None:
    bars = still(100.0, 100.0)
    played = play(bars, [signals(bars, {(0, 0): 1})], rules(strategy(costs={**costs, "slippage": NONE})))
    assert paid(played) == pytest.approx(commission, rel=1e-12)
    assert played.cash[1] == pytest.approx(100_000.0 - 1_000.0 - commission, rel=1e-12)


def test_tiers_follow_the_months_traded_value_before_the_fill(play: Play) -> None:
    # 10 bps, from 1,500 of the month on 5 bps. January 29 and 30, 2015: 1,000 (10 bps), 1,000 (10: 1,000 were traded),
    # then February 2: a new month, 10 bps again, and 10 once more at 1,000; the fourth fill of February would be at 5
    bars = still(*[100.0] * 8, start="2015-01-28")
    tiers = ({"from_notional": 0.0, "bps": 10.0}, {"from_notional": 1_500.0, "bps": 5.0})
    entry = strategy(costs={"commission_tiers": tiers, "slippage": NONE})
    made = signals(bars, {(0, 0): 1, (2, 0): 1, (4, 0): 1}, [(1, 0), (3, 0), (5, 0)])
    played = play(bars, [made], rules(entry))
    assert [f["row"] for f in played.fills] == [1, 2, 3, 4, 5, 6]
    # rows 1 and 2 are January 29, 30; row 3 is Monday, February 2
    assert [f["commission"] for f in played.fills] == pytest.approx([1.0, 1.0, 1.0, 1.0, 0.5, 0.5], rel=1e-12)


# slippage -------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("slippage", "price"),
    [
        ({"model": "none"}, 100.0),
        ({"model": "fixed", "bps": 5.0}, 100.05),
        ({"model": "spread", "spread_bps": 10.0}, 100.05),  # half of it
        ({"model": "volume_share", "impact": 0.1}, 100.0 * (1.0 + 0.1 * (10.0 / 50.0) ** 2)),  # 0.4 %
        ({"model": "volume_share", "impact": 100.0}, 190.0),  # 4 times the price, held at 0.9
    ],
)
def test_a_buy_of_ten_at_100_in_a_bar_of_50_units(play: Play, slippage: dict, price: float) -> None:
    bars = flat_bars([(100.0, 100.0, 100.0, 100.0, 50.0)] * 2)
    played = play(bars, [signals(bars, {(0, 0): 1})], rules(strategy(costs={"slippage": slippage})))
    assert played.fills[0]["price"] == pytest.approx(price, rel=1e-12)
    assert played.trades[0]["slippage"] == pytest.approx(10.0 * (price - 100.0), rel=1e-9, abs=1e-12)


def test_a_sale_slips_downwards(play: Play) -> None:
    bars = still(100.0, 100.0)
    played = play(bars, [signals(bars, {(0, 0): -1})], rules(strategy(costs={"slippage": {"model": "fixed", "bps": 5.0}})))
    assert played.fills[0]["price"] == pytest.approx(99.95, rel=1e-12)


def test_square_root_impact(play: Play) -> None:
    # closes alternate 100, 101: σ20 = (0.01 + 1/101)/2 × √(20/19), as each return lies that far from their mean;
    # ADV20 = 1,000 × 100.5; 10 units at 100: σ × √(1,000 / 100,500). Before 21 bars: the fixed bps
    prices = [100.0, 101.0] * 11
    bars = flat_bars([(p, p, p, p, 1_000.0) for p in prices])
    entry = strategy(costs={"slippage": {"model": "sqrt_impact", "bps": 7.0}})
    made = signals(bars, {(19, 0): 1}, [(20, 0)])
    played = play(bars, [made], rules(entry))
    assert played.fills[0]["price"] == pytest.approx(100.0 * 1.0007, rel=1e-12)  # row 20; row 19 knows 19 returns
    sigma = (0.01 + 1.0 / 101.0) / 2.0 * math.sqrt(20.0 / 19.0)
    impact = sigma * math.sqrt(10.0 * 101.0 / 100_500.0)  # row 20 knows 20 returns; sold at the 101 of row 21
    assert played.fills[1]["price"] == pytest.approx(101.0 * (1.0 - impact), rel=1e-12)


M64 = 2**64 - 1


def splitmix(x: int) -> int:
    x = (x + 0x9E3779B97F4A7C15) & M64
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & M64
    x = (x ^ x >> 27) * 0x94D049BB133111EB & M64
    return x ^ x >> 31


def drawn(seed: int, stamp_ns: int, symbol: str, side: int) -> float:
    """Box–Muller of the two uniforms that belong to a bar, a symbol and a side (1 buys, 2 sells)."""
    name = int(hashlib.sha256(symbol.encode()).hexdigest()[:16], 16)
    h2 = splitmix(splitmix(splitmix(seed ^ splitmix(stamp_ns)) ^ name) ^ side)
    u1, u2 = ((h2 >> 11) + 1) / 2**53, (splitmix(h2) >> 11) / 2**53
    return math.sqrt(-2.0 * math.log(u1)) * math.cos(2.0 * math.pi * u2)


def test_splitmix64_gives_its_published_numbers() -> None:
    # the first outputs for the seed 1234567, from Vigna's reference program
    state, out = 1234567, []
    for _ in range(3):
        out.append(splitmix(state))
        state = (state + 0x9E3779B97F4A7C15) & M64
    assert out == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_full_slippage_without_history_is_the_base_and_its_draw(play: Play) -> None:
    # no ATR, no ADV: mean 8 bps, deviation 6 bps; the draw of Tuesday 2015-01-06 21:00 UTC
    bars = still(100.0, 100.0, symbols=["ÄÖ"])
    stamp = 1_420_578_000 * 10**9
    assert bars.index[1] == stamp
    for seed in (42, 7, 2**63 - 1):
        for side in (1, -1):
            entry = strategy(costs={"slippage": {"model": "full", "base_bps": 8.0}})
            played = play(bars, [signals(bars, {(0, 0): side})], rules(entry, seed=seed))
            bps = max(0.0, 8.0 + 6.0 * drawn(seed, stamp, "ÄÖ", 1 if side > 0 else 2))
            assert played.fills[0]["price"] == pytest.approx(100.0 * (1.0 + side * bps / 1e4), rel=1e-12)


def test_full_slippage_grows_with_range_size_weekend_and_stress(play: Play) -> None:
    # 80 days of a crypto market: range 2 a day around 100, then one day with a range of 16: Wilder's ATR14 goes from 2 to
    # 2 + 14/14 = 3 on row 79, the mean of the last 60 is (59 × 2 + 3) / 60; ADV20 = 1,000 × 100; 30 units at 100 are
    # 3,000 = 3 × (0.01 × ADV): clipped to 2. Row 80 is a Saturday: × 1.5. The benchmark is another symbol that loses 6 %
    # on row 79: × 2, the deviation × 1.5
    n = 81
    high, low = [101.0] * n, [99.0] * n
    high[79], low[79] = 108.0, 92.0
    other = [50.0] * 79 + [47.0] * 2
    rows = list(zip([100.0] * n, other, strict=True))
    bars = make_bars(
        rows, list(zip(high, other, strict=True)), list(zip(low, other, strict=True)), rows, [[1_000.0, 1e6]] * n,
        every_day=True, start="2015-01-07", benchmark="S001", asset_class="crypto",
    )  # fmt: skip
    assert (int(bars.session[80]) + 4) % 7 == 6  # a Saturday; 1970-01-01 was a Thursday
    entry = strategy(
        asset_class="crypto", sizing={"method": "fixed_quantity", "quantity": 30.0},
        costs={"slippage": {"model": "full", "base_bps": 8.0}},
    )  # fmt: skip
    played = play(bars, [signals(bars, {(79, 0): 1})], rules(entry))
    usual = 8.0 * (3.0 / ((59.0 * 2.0 + 3.0) / 60.0)) * 2.0 * 1.5 * 2.0
    bps = max(0.0, usual + 0.75 * usual * 1.5 * drawn(42, int(bars.index[80]), "S000", 1))
    assert played.fills[0]["price"] == pytest.approx(100.0 * (1.0 + bps / 1e4), rel=1e-12)


# financing ------------------------------------------------------------------------------------------------------------------
def test_borrow_over_a_weekend_is_three_days(play: Play) -> None:
    # short 10 at 100 on Friday 2015-01-09 (row 4), borrow 3.65 % a year: 0.1 a day on 1,000; Monday pays three days
    bars = still(*[100.0] * 7)
    entry = strategy(costs={"slippage": NONE, "borrow_rate": 0.0365})
    played = play(bars, [signals(bars, {(3, 0): -1}, [(5, 0)])], rules(entry))
    assert played.interest == pytest.approx([0.0, 0.0, 0.0, 0.0, 0.0, 0.3, 0.1], rel=1e-12)
    trade = played.trades[0]
    assert trade["financing"] == pytest.approx(0.4, rel=1e-12)  # the night to Tuesday was held as well
    assert trade["pnl"] == pytest.approx(-0.4, rel=1e-12)
    assert played.equity[-1] == pytest.approx(100_000.0 - 0.4, rel=1e-12)


def test_borrow_is_charged_at_the_last_mark(play: Play) -> None:
    bars = still(100.0, 100.0, 200.0, 300.0)
    entry = strategy(costs={"slippage": NONE, "borrow_rate": 0.365})
    played = play(bars, [signals(bars, {(0, 0): -1})], rules(entry))
    assert played.interest == pytest.approx([0.0, 0.0, 1.0, 2.0], rel=1e-12)  # 10 × 100 × 0.001, 10 × 200 × 0.001


def test_margin_interest_over_a_weekend(play: Play) -> None:
    # 20 at 100 with 1,000: 1,000 borrowed on Friday at 3.65 %: 0.3 on Monday, which is borrowed too: Tuesday 0.10003
    bars = still(*[100.0] * 7)
    entry = strategy(sizing={"method": "fixed_quantity", "quantity": 20.0})
    played = play(
        bars, [signals(bars, {(3, 0): 1})], rules(entry, equity=1_000.0, debit_rate=0.0365, limits={"max_gross_exposure": 2.0})
    )
    assert played.cash[4] == -1_000.0
    assert played.interest[5:] == pytest.approx([0.3, 1_000.3 * 0.0365 / 365.0], rel=1e-12)
    assert played.trades[0]["financing"] == 0.0  # interest on cash is the portfolio's


def test_funding_is_paid_by_longs_and_received_by_shorts(play: Play) -> None:
    for side in (1, -1):
        bars = still(100.0, 100.0, 110.0, funding=[(2, 0, 0.001)])
        played = play(bars, [signals(bars, {(0, 0): side})], rules())
        assert played.trades[0]["financing"] == pytest.approx(side * 10.0 * 110.0 * 0.001, rel=1e-12)
        assert played.equity[2] == pytest.approx(100_000.0 + side * (100.0 - 1.1), rel=1e-12)


# corporate actions ----------------------------------------------------------------------------------------------------------
def test_a_dividend_is_received_by_longs_and_paid_by_shorts(play: Play) -> None:
    # 2 a share on the ex-date, on what was held overnight: an exit at that open still has it, an entry has not
    for side in (1, -1):
        bars = still(100.0, 100.0, 98.0, 98.0, dividends=[(2, 0, 2.0)])
        played = play(bars, [signals(bars, {(0, 0): side}, [(1, 0)])], rules())
        trade = played.trades[0]
        assert (trade["exit_row"], trade["dividends"], trade["gross_pnl"]) == (2, side * 20.0, side * -20.0)
        assert trade["pnl"] == 0.0
        assert played.equity == [100_000.0] * 4
    bars = still(100.0, 98.0, dividends=[(1, 0, 2.0)])
    assert play(bars, [signals(bars, {(0, 0): 1})], rules()).trades[0]["dividends"] == 0.0


def test_a_split_of_seven_to_one_pays_the_fraction_in_cash(play: Play) -> None:
    # 10 at 645.57; at the open of the split day 10 × 7 = 70 whole shares; stop 600 becomes 600/7; equity does not move
    bars = still(645.57, 645.57, 645.57 / 7.0, 80.0, splits=[(2, 0, 7.0)])
    played = play(bars, [signals(bars, {(0, 0): 1}, stop_distance=45.57)], rules())
    assert played.equity[2] == pytest.approx(played.equity[1], rel=1e-12)
    assert played.orders[1]["quantity"] == 70.0
    trade = played.trades[0]
    assert trade["entry_price"] == pytest.approx(645.57 / 7.0, rel=1e-12)
    assert (trade["quantity"], trade["exit_price"], trade["exit_reason"]) == (70.0, 80.0, Code.STOP)
    assert trade["initial_risk"] == pytest.approx(455.7, rel=1e-9)


def test_cash_in_lieu_is_paid_at_the_open_of_the_split(play: Play) -> None:
    # 3 for 2 on 5 shares: 7 and a half; the half is paid at the open of 66, and the close is 67
    bars = flat_bars([(100.0,) * 4, (100.0,) * 4, (66.0, 67.0, 66.0, 67.0)], splits=[(2, 0, 1.5)])
    entry = strategy(sizing={"method": "fixed_quantity", "quantity": 5.0})
    played = play(bars, [signals(bars, {(0, 0): 1})], rules(entry))
    assert played.cash[2] == 100_000.0 - 500.0 + 33.0
    assert played.equity[2] == 100_000.0 - 500.0 + 33.0 + 7.0 * 67.0
    assert played.trades[0]["quantity"] == 7.5
    assert played.trades[0]["pnl"] == pytest.approx(2.0, rel=1e-12)  # 33 + 469 − 500
    short = play(bars, [signals(bars, {(0, 0): -1})], rules(entry))
    assert short.cash[2] == 100_000.0 + 500.0 - 33.0


def test_a_reverse_split_that_leaves_nothing_ends_the_trade(play: Play) -> None:
    # 1 for 20 on 10 shares: half a share, paid at the open of 1,980
    bars = flat_bars([(100.0,) * 4, (100.0,) * 4, (1_980.0, 2_000.0, 1_980.0, 2_000.0)], splits=[(2, 0, 0.05)])
    played = play(bars, [signals(bars, {(0, 0): 1})], rules())
    trade = played.trades[0]
    assert (trade["exit_row"], trade["exit_price"], trade["exit_reason"]) == (2, 1_980.0, Code.LOT)
    assert played.cash[2] == 100_000.0 - 1_000.0 + 990.0
    assert played.n_positions == [0, 1, 0]


def test_a_split_restates_the_waiting_order(play: Play) -> None:
    # 10 decided at 100 fill as 20 at 50, their stop 5 below becomes 2.5; a limit of 98 becomes 49
    bars = flat_bars([(100.0,) * 4, (50.0, 50.5, 48.5, 50.0), (50.0, 50.0, 47.0, 48.0)], splits=[(1, 0, 2.0)])
    played = play(bars, [signals(bars, {(0, 0): 1}, stop_distance=5.0)], rules())
    assert (played.orders[0]["quantity"], played.fills[0]["price"]) == (20.0, 50.0)
    assert played.fills[1]["price"] == 47.5
    played = play(bars, [signals(bars, {(0, 0): 1}, limit_price=98.0)], rules())
    assert played.fills[0]["price"] == 49.0


def test_distances_and_prices_of_decisions_are_in_adjusted_scale(play: Play) -> None:
    # after a split of 2 the adjusted scale is twice the raw one: 110 adjusted is 55 raw, a distance of 10 is 5
    bars = flat_bars([(100.0,) * 4, (50.0,) * 4, (50.0, 50.0, 49.0, 50.0), (50.0, 50.0, 44.0, 46.0)], splits=[(1, 0, 2.0)])
    played = play(bars, [signals(bars, {(1, 0): 1}, stop_distance=10.0)], rules())
    assert [f["price"] for f in played.fills] == [50.0, 45.0]


# accounts -------------------------------------------------------------------------------------------------------------------
def test_a_part_fill_keeps_its_accounts(play: Play) -> None:
    # 10 wanted at 100; the open of 200 leaves 1,000 / 200 = 5. Order: 10 = 5 filled + 5 rejected; the trade is of 5
    bars = still(100.0, 200.0, 220.0)
    played = play(bars, [signals(bars, {(0, 0): 1}, [(1, 0)])], rules(equity=1_000.0))
    order = played.orders[0]
    assert (order["quantity"], order["filled"], order["status"]) == (10.0, 5.0, OrderStatus.PART_FILLED)
    assert played.orders[1]["quantity"] == 5.0
    assert (played.trades[0]["quantity"], played.trades[0]["pnl"]) == (5.0, 100.0)


def test_a_trades_result_is_taken_apart(play: Play) -> None:
    # in 10 at 100 + 1 %, out at 110 − 1 %: gross 100, slippage 10 + 11, commission 2 × 1, pnl 77 of 1,010
    bars = still(100.0, 100.0, 110.0, 110.0)
    costs = {"commission_per_trade": 1.0, "slippage": {"model": "fixed", "bps": 100.0}}
    played = play(bars, [signals(bars, {(0, 0): 1}, [(1, 0)])], rules(strategy(costs=costs)))
    trade = played.trades[0]
    assert trade["gross_pnl"] == 100.0
    assert trade["slippage"] == pytest.approx(21.0, rel=1e-12)
    assert trade["commission"] == 2.0
    assert trade["pnl"] == pytest.approx(77.0, rel=1e-12)
    assert trade["return_pct"] == pytest.approx(77.0 / 1_010.0, rel=1e-12)
    assert (trade["entry_price"], trade["exit_price"]) == (101.0, pytest.approx(108.9, rel=1e-12))
    assert math.isnan(trade["r_multiple"])


def test_excursions_are_fractions_of_the_entry(play: Play) -> None:
    # in at 100 on row 1 (low 98, high 103), row 2 (97, 106), out at the open of row 3 at 101, whose 90 does not count
    bars = flat_bars([(100.0,) * 4, (100, 103, 98, 102), (102, 106, 97, 101), (101, 101, 90, 95)])
    for side, mae, mfe in ((1, -0.03, 0.06), (-1, -0.06, 0.03)):
        played = play(bars, [signals(bars, {(0, 0): side}, [(2, 0)])], rules())
        assert played.trades[0]["mae"] == pytest.approx(mae, rel=1e-12)
        assert played.trades[0]["mfe"] == pytest.approx(mfe, rel=1e-12)


def test_an_open_trade_is_marked(play: Play) -> None:
    bars = still(100.0, 100.0, 105.0)
    trade = play(bars, [signals(bars, {(0, 0): 1})], rules()).trades[0]
    assert (trade["open"], trade["exit_row"], trade["exit_price"]) == (1, -1, 105.0)
    assert (trade["pnl"], trade["exit_reason"], trade["bars_held"]) == (50.0, Code.NONE, 2)


def test_prices_of_a_trade_filled_in_parts_are_averages(play: Play) -> None:
    # 50 % of 1,000 at 100: 5; 50 % of 1,100 at 120 (4.58): already more; then 80 % of 1,100 at 120: 7, so 2 more at 120
    bars = still(100.0, 100.0, 120.0, 120.0, 150.0, 150.0)
    played = play(bars, [weights(bars, {(0, 0): 0.5, (2, 0): 0.8, (4, 0): 0.0})], rules(equity=1_000.0))
    trade = played.trades[0]
    assert trade["quantity"] == 7.0
    assert trade["entry_price"] == pytest.approx(740.0 / 7.0, rel=1e-12)
    assert (trade["exit_price"], trade["pnl"], trade["entry_reason"]) == (150.0, 310.0, Code.REBALANCE)


def test_an_unknown_price_is_never_invented(play: Play) -> None:
    bars = flat_bars([(100.0,) * 4, (100.0,) * 4, (100.0, NAN, 99.0, 99.0), (98.0,) * 4])
    played = play(bars, [signals(bars, {(0, 0): 1}, [(1, 0)])], rules())
    assert played.trades[0]["exit_row"] == 3  # a bar with a hole is no bar
    assert played.stale_marks == [0, 0, 1, 0]
