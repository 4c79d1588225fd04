"""Worse markets: valid bars, changed in one place and nowhere else, their effect on a run by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.builders import make_bars, random_bars
from tests.validation.examined import experiment_of, held_between
from trading_system.data.bars import Quotes
from trading_system.errors import CapacityError
from trading_system.validation import worse
from trading_system.validation.experiment import World

FLAT = [100.0] * 12
RNG = np.random.default_rng


def flat(**more):
    return make_bars(FLAT, FLAT, FLAT, FLAT, **more)


def market(**more):
    bars = random_bars(300, 4, seed=3, missing=0.02, n_splits=4, n_dividends=8, **more)
    return replace(bars, factor=None, split_factor=None)


def quoted(bars):
    return replace(bars, quotes=Quotes(*(panel * f for f in (0.999, 1.001) for panel in (bars.open, bars.high, bars.low))))


def assert_valid(bars):
    there = bars.has_bar
    o, h, lo, c = (getattr(bars, name)[there] for name in worse.PRICES)
    assert (lo > 0.0).all() and (h >= np.maximum(o, c)).all() and (lo <= np.minimum(o, c)).all()


def long_from(row, quantity=10.0, bars=None, **more):
    """Enter at the open after `row` with 10 units, no costs."""
    return experiment_of(
        flat(**more) if bars is None else bars,
        held_between((row,), ()),
        sizing={"method": "fixed_quantity", "quantity": quantity},
    )


def test_a_gap_of_a_fifth_costs_a_fifth_of_the_position():
    experiment = long_from(1)
    ledger = experiment.outcome(World(bars=worse.gapped(experiment.bars, 6, np.array([0.8])))).ledger
    assert np.allclose(ledger.equity[:6], 100_000.0) and np.allclose(ledger.equity[6:], 99_800.0)


def test_a_gap_goes_through_a_stop_that_stands_nearer():
    """A stop 5 below a fill at 100; the open after the gap is 80, and so is the fill."""

    def decide(bars):
        made = held_between((1,), ())(bars)
        return replace(made, stop_distance=np.full(bars.close.shape, 5.0))

    experiment = experiment_of(flat(), decide, sizing={"method": "fixed_quantity", "quantity": 10.0})
    ledger = experiment.outcome(World(bars=worse.gapped(experiment.bars, 6, np.array([0.8])))).ledger
    (trade,) = ledger.trades
    assert trade["exit_price"] == 80.0 and trade["exit_row"] == 6 and trade["pnl"] == pytest.approx(-200.0)


def test_a_gap_against_a_short_position_is_upwards():
    experiment = experiment_of(flat(), held_between((1,), (), -1), sizing={"method": "fixed_quantity", "quantity": 10.0})
    sides = worse.held_sides(experiment.baseline.ledger)
    assert sides[:, 0].tolist() == [0, 0, *[-1] * 10]
    ledger = experiment.outcome(World(bars=worse.gapped(experiment.bars, 6, 1.0 - 0.2 * sides[5]))).ledger
    assert ledger.equity[-1] == pytest.approx(99_800.0)


def test_a_gap_moves_one_night_and_leaves_every_other_return_dividend_yield_and_factor():
    bars, row = quoted(market()), 150
    other = worse.gapped(bars, row, np.array([0.8, 1.0, 1.2, 1.0]))
    assert_valid(other)
    assert np.array_equal(other.close[:row], bars.close[:row], equal_nan=True)
    for column, factor in enumerate((0.8, 1.0, 1.2, 1.0)):
        assert np.allclose(other.close[row:, column], bars.close[row:, column] * factor, equal_nan=True)
        own = np.flatnonzero(np.isfinite(bars.adjusted.close[:, column]))
        moved = np.diff(np.log(other.adjusted.close[own, column])) - np.diff(np.log(bars.adjusted.close[own, column]))
        night = int(np.searchsorted(own, row)) - 1
        assert moved[night] == pytest.approx(np.log(factor), abs=1e-12)
        assert np.allclose(np.delete(moved, night), 0.0, atol=1e-12)
    again = replace(other, factor=None, split_factor=None)
    assert np.allclose(again.factor, other.factor, rtol=1e-12), "the factors are those of the changed prices"
    assert np.array_equal(other.benchmark_close, bars.benchmark_close, equal_nan=True)
    assert np.allclose(other.quotes.bid_low[row:, 0], 0.8 * bars.quotes.bid_low[row:, 0], equal_nan=True)


@pytest.mark.parametrize(("loss", "left"), [(0.3, 99_700.0), (1.0, 99_000.0)])
def test_a_delisting_settles_at_the_last_close_less_the_loss(loss, left):
    experiment = long_from(1)
    world = World(bars=worse.delisted(experiment.bars, 6, 0, loss))
    ledger = experiment.outcome(world).ledger
    assert np.allclose(ledger.equity[:6], 100_000.0) and np.allclose(ledger.equity[6:], left)
    (trade,) = ledger.trades
    assert trade["exit_row"] == 6 and trade["exit_reason"] == 12 and trade["pnl"] == pytest.approx(left - 100_000.0)


def test_a_delisted_symbol_has_nothing_afterwards_and_the_others_stay():
    bars = quoted(market())
    other = worse.delisted(bars, 150, 1, 0.3)
    assert np.isnan(other.close[150:, 1]).all() and not other.tradable[150:, 1].any()
    assert not ((other.actions.col == 1) & (other.actions.row >= 150)).any()
    kept = [0, 2, 3]
    assert np.array_equal(other.close[:, kept], bars.close[:, kept], equal_nan=True)
    assert other.delisted_row.tolist() == [-1, 150, -1, -1]
    last = bars.close[:150, 1]
    assert other.delisted_price[1] == pytest.approx(0.7 * last[np.isfinite(last)][-1])
    assert bars.delisted_row.tolist() == [-1] * 4, "the market itself stays as it was"


def test_a_flash_crash_reaches_a_stop_and_nothing_else():
    def decide(bars):
        made = held_between((1,), ())(bars)
        return replace(made, stop_distance=np.full(bars.close.shape, 15.0))

    sized = {"method": "fixed_quantity", "quantity": 10.0}
    stopped, held = (experiment_of(flat(), rule, sizing=sized) for rule in (decide, held_between((1,), ())))
    crash = World(bars=worse.crashed(flat(), 6, np.array([1], np.int8), 0.2))
    assert held.outcome(crash).ledger.equity.tolist() == held.baseline.ledger.equity.tolist()
    (trade,) = stopped.outcome(crash).ledger.trades
    assert (trade["exit_row"], trade["exit_price"]) == (6, 85.0)


def test_a_flash_crash_spikes_against_short_positions():
    bars = quoted(market())
    other = worse.crashed(bars, 100, np.array([1, -1, 0, 0], np.int8), 0.2)
    assert_valid(other)
    assert np.allclose(other.low[100], bars.low[100] * [0.8, 1.0, 0.8, 0.8], equal_nan=True)
    assert np.allclose(other.high[100], bars.high[100] * [1.0, 1.2, 1.0, 1.0], equal_nan=True)
    assert np.allclose(other.quotes.ask_high[100], bars.quotes.ask_high[100] * [1.0, 1.2, 1.0, 1.0], equal_nan=True)
    assert np.array_equal(np.delete(other.low, 100, 0), np.delete(bars.low, 100, 0), equal_nan=True)


@pytest.mark.parametrize("share", [0.01, 0.05])
def test_missing_bars_are_whole_bars_and_about_as_many_as_asked(share):
    bars = quoted(market())
    other = worse.thinned(bars, share, RNG(1))
    gone = bars.has_bar & ~other.has_bar
    assert gone.sum() / bars.has_bar.sum() == pytest.approx(share, abs=0.012) and gone.any()
    for panel in (other.open, other.high, other.low, other.close, other.volume, other.quotes.bid_open):
        assert np.isnan(panel[gone]).all()
    assert np.array_equal(other.close[other.has_bar], bars.close[other.has_bar])
    assert np.array_equal(worse.thinned(bars, share, RNG(1)).close, other.close, equal_nan=True)
    assert not np.array_equal(worse.thinned(bars, share, RNG(2)).close, other.close, equal_nan=True)


def test_a_dividend_whose_bar_goes_missing_waits_for_the_next_one_in_the_factors():
    bars = flat(dividends=[(5, 0, 10.0)])
    other = worse.thinned(bars, 1e-12, RNG(0))
    assert np.array_equal(other.factor, bars.factor)
    hole = replace(bars, **{name: np.where(np.arange(12)[:, None] == 5, np.nan, bars.close) for name in worse.PRICES})
    moved = worse.thinned(hole, 1e-12, RNG(0))
    assert moved.factor[:, 0].tolist() == [1.0] * 6 + [1.1] * 6


def test_noise_has_the_size_asked_for_and_bars_stay_bars():
    bars = quoted(random_bars(2000, 3, seed=5))
    other = worse.noisy(bars, 0.1, RNG(7))
    assert_valid(other)
    for column in range(3):
        size = np.std(np.diff(np.log(bars.close[:, column])), ddof=1)
        assert worse.volatility(bars)[column] == pytest.approx(size)
        for name in ("open", "close"):
            moved = np.log(getattr(other, name)[:, column] / getattr(bars, name)[:, column])
            assert moved.std() == pytest.approx(0.1 * size, rel=0.1) and abs(moved.mean()) < 0.02 * size
            assert abs(np.corrcoef(moved[1:], moved[:-1])[0, 1]) < 0.1, "it does not add up"
    assert np.allclose(other.quotes.bid_low / other.low, bars.quotes.bid_low / bars.low)


def test_no_noise_and_no_hole_is_the_market_itself():
    bars = market()
    for other in (worse.noisy(bars, 0.0, RNG(1)), worse.thinned(bars, 0.0, RNG(1)), worse.gapped(bars, 99, np.ones(4))):
        for name in (*worse.PRICES, "volume", "factor", "split_factor", "tradable"):
            assert np.array_equal(getattr(other, name), getattr(bars, name), equal_nan=True), name


def test_more_than_the_memory_is_refused_with_the_arithmetic(monkeypatch):
    monkeypatch.setenv("TRADING_SYSTEM_THREADS", "2")
    assert worse.refuse_too_large(market(), "stress") == 300 * 4 * 8 * (5 + 2 * 33)
    monkeypatch.setattr(worse, "memory_limit", lambda: 100_000)
    with pytest.raises(CapacityError, match="stress of 300 bars x 4 symbols on 2 threads takes"):
        worse.refuse_too_large(market(), "stress")


def test_the_row_of_most_value_is_the_highest_close_between_entry_and_exit():
    close = [10.0, 11.0, 15.0, 12.0, 14.0, 30.0, 9.0, 9.0]
    bars = make_bars(close, close, close, close)
    ledger = experiment_of(bars, held_between((0, 5), (3,))).baseline.ledger
    assert ledger.trades[["entry_row", "exit_row"]].tolist() == [(1, 4), (6, -1)]
    assert worse.rows_of_most_value(ledger).tolist() == [2, 6]


@pytest.mark.parametrize("kind", ["equity_momentum", "ma_crossover"])
def test_held_sides_are_the_positions_of_the_ledger(kind):
    ledger = experiment_of(market(), kind).baseline.ledger
    sides = worse.held_sides(ledger)
    assert ledger.n_positions.any()
    assert (sides != 0).sum(axis=1).tolist() == ledger.n_positions.tolist()
