"""Bars: prefixes keep their bits, adjustment follows its definition, cuts keep what they must."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from tests.builders import accumulate_factor
from trading_system.data import bars as module
from trading_system.data.bars import Actions, Bars
from trading_system.errors import DataError

CUTS = (1, 37, 60, 101, 149, 230, 299)


def market(seed: int = 0, n_bars: int = 300, n: int = 4) -> Bars:
    """Random closes with holes, splits and dividends, some of them on rows without a bar."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, (n_bars, n)), axis=0))
    close[rng.uniform(size=close.shape) < 0.05] = np.nan
    close[:20, 2] = np.nan
    places = np.sort(rng.choice(n_bars * n, 24, replace=False))
    row, col = places // n, places % n
    split = np.where(np.arange(24) % 3 == 0, 2.0, 1.0)
    actions = Actions(row, col, split, np.where(np.arange(24) % 3 == 0, 0.0, 0.5), np.zeros(24))
    return Bars.daily(close, actions=actions)


@pytest.mark.parametrize("seed", range(5))
def test_the_factor_is_the_definition_written_as_a_loop(seed: int) -> None:
    bars = market(seed)
    np.testing.assert_allclose(bars.factor, accumulate_factor(bars.close, bars.actions), rtol=1e-14)


@pytest.mark.parametrize("n", CUTS)
def test_a_prefix_has_the_same_bits_in_everything_derived(n: int) -> None:
    bars, head = market(), market().head(n)
    for name in ("open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(getattr(head.adjusted, name), getattr(bars.adjusted, name)[:n])
    np.testing.assert_array_equal(head.benchmark_close, bars.benchmark_close[:n])
    np.testing.assert_array_equal(head.split, bars.split[:n])
    np.testing.assert_array_equal(head.dividend, bars.dividend[:n])
    np.testing.assert_array_equal(head.n_tradable, bars.n_tradable[:n])


@pytest.mark.parametrize("n", CUTS)
def test_a_market_that_ends_earlier_gives_the_same_prefix(n: int) -> None:
    """Not a slice but a market that never saw the rest."""
    bars = market()
    known = bars.actions.row < n
    actions = Actions(*(getattr(bars.actions, name)[known] for name in ("row", "col", "split", "dividend", "funding")))
    early = Bars.daily(bars.close[:n].copy(), actions=actions)
    np.testing.assert_array_equal(early.adjusted.close, bars.adjusted.close[:n])
    np.testing.assert_array_equal(early.benchmark_close, bars.benchmark_close[:n])


def test_without_actions_adjusted_is_the_raw_arrays_themselves() -> None:
    bars = Bars.daily(np.full((5, 2), 10.0))
    assert bars.adjusted.close is bars.close
    assert bars.adjusted.volume is bars.volume
    assert bars.factor is None


def test_adjusted_prices_of_the_source_ignore_actions() -> None:
    actions = Actions(np.array([2]), np.array([0]), np.array([2.0]), np.zeros(1), np.zeros(1))
    bars = Bars.daily(np.full((5, 1), 10.0), actions=actions, prices="adjusted")
    assert bars.adjusted.close is bars.close


def test_a_split_and_a_dividend_by_hand() -> None:
    close = np.array([100.0, 51.0, 50.0])
    actions = Actions(np.array([1, 2]), np.array([0, 0]), np.array([2.0, 1.0]), np.array([0.0, 1.0]), np.zeros(2))
    bars = Bars.daily(close, actions=actions, volume=np.array([10.0, 20.0, 20.0]))
    np.testing.assert_allclose(bars.adjusted.close[:, 0], [100.0, 102.0, 102.0])
    np.testing.assert_allclose(bars.adjusted.volume[:, 0], [10.0, 10.0, 10.0])


def test_an_action_on_a_row_without_a_bar_waits_for_the_next_bar() -> None:
    close = np.array([100.0, np.nan, 50.0, 50.0])
    actions = Actions(np.array([1]), np.array([0]), np.array([2.0]), np.zeros(1), np.zeros(1))
    np.testing.assert_allclose(Bars.daily(close, actions=actions).factor[:, 0], [1.0, 1.0, 2.0, 2.0])


def test_a_dividend_without_a_bar_is_cash_per_share_before_the_split_of_the_next_bar() -> None:
    """100 shares at 100.00 pay 4.00 each on a day without a bar: 400. A 2:1 split makes them 200 at 48.00: 9,600, and 10,000 in all.

    Reinvested at 48.00 the 400 buy 8 1/3 more: 208 1/3 shares for 100. Dividing by the closes after the split without minding whose
    cash it was would make them 216 2/3, worth 10,400 out of 10,000.
    """
    close = np.array([100.0, np.nan, 48.0])
    actions = Actions(np.array([1, 2]), np.array([0, 0]), np.array([1.0, 2.0]), np.array([4.0, 0.0]), np.zeros(2))
    bars = Bars.daily(close, actions=actions)
    np.testing.assert_allclose(bars.factor[:, 0], [1.0, 1.0, 2.0 + 1.0 / 12.0], rtol=1e-15)
    assert bars.adjusted.close[2, 0] == pytest.approx(100.0, rel=1e-15)


def test_dividends_that_meet_at_one_bar_are_added_each_in_its_own_shares() -> None:
    """One share: 3.00, then 3:1, then 0.50 each on three, all before the bar at 10.00: 4.50 buy 0.45 of a share, beside three."""
    close = np.array([30.0, np.nan, np.nan, np.nan, 10.0])
    actions = Actions(np.array([1, 2, 3]), np.zeros(3, int), np.array([1.0, 3.0, 1.0]), np.array([3.0, 0.0, 0.5]), np.zeros(3))
    np.testing.assert_allclose(Bars.daily(close, actions=actions).factor[4, 0], 3.45, rtol=1e-15)


def test_rows_renumber_actions_and_delistings_and_keep_the_factor() -> None:
    bars = market()
    bars = Bars.daily(
        bars.close,
        actions=bars.actions,
        delisted_row=np.array([250, -1, 40, 299]),
        delisted_price=np.array([1.0, np.nan, 2.0, 3.0]),
    )
    cut = bars.rows(100, 260)
    assert cut.offset == 100
    assert cut.rows(10, 20).offset == 110
    assert cut.delisted_row.tolist() == [150, -1, -1, -1]
    assert np.isnan(cut.delisted_price[[2, 3]]).all()
    np.testing.assert_array_equal(cut.split, bars.split[100:260])
    np.testing.assert_array_equal(cut.adjusted.close, bars.adjusted.close[100:260])
    assert np.shares_memory(cut.close, bars.close)


def test_between_takes_both_ends() -> None:
    bars = market()
    days = bars.dates()
    cut = bars.between(dt.date.fromisoformat(str(days[10])), dt.date.fromisoformat(str(days[20])))
    assert cut.dates()[0] == days[10]
    assert cut.dates()[-1] == days[20]
    assert bars.between(None, None) is bars
    assert bars.between(dt.date(1990, 1, 1), dt.date(1990, 2, 1)).n_bars == 0


def test_select_gives_contiguous_columns_and_keeps_the_markets_benchmark() -> None:
    bars = market()
    part = bars.select(np.array([1, 3]))
    assert part.symbols == ("S001", "S003")
    assert part.close.flags.c_contiguous and part.tradable.flags.c_contiguous
    np.testing.assert_array_equal(part.adjusted.close, bars.adjusted.close[:, [1, 3]])
    np.testing.assert_array_equal(part.benchmark_close, bars.benchmark_close)
    np.testing.assert_array_equal(part.dividend, bars.dividend[:, [1, 3]])
    assert bars.select(np.arange(4)) is bars


@pytest.mark.parametrize("columns", [[1, 1], [2, 0], [-1, 2], [0, 4]])
def test_select_refuses_columns_that_do_not_exist_or_increase(columns: list[int]) -> None:
    with pytest.raises(DataError, match="increase"):
        market().select(np.array(columns))


def test_a_named_benchmark_is_its_adjusted_close() -> None:
    bars = Bars.daily(market().close, actions=market().actions, benchmark="S001")
    np.testing.assert_array_equal(bars.benchmark_close, bars.adjusted.close[:, 1])
    with pytest.raises(DataError, match="did you mean 'S001'"):
        bars.column("S01")


def test_equal_weight_by_hand_pays_a_delisting() -> None:
    close = np.array([[10.0, 20.0], [11.0, 20.0], [12.1, np.nan], [12.1, np.nan]])
    bars = Bars.daily(close, delisted_row=np.array([-1, 2]), delisted_price=np.array([np.nan, 10.0]))
    np.testing.assert_allclose(bars.benchmark_close, [1.0, 1.05, 1.05 * (1 + (0.1 - 0.5) / 2), 1.05 * (1 + (0.1 - 0.5) / 2)])


def test_equal_weight_is_the_same_in_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = market(3).benchmark_close
    monkeypatch.setattr(module, "_BLOCK", 28)
    np.testing.assert_array_equal(market(3).benchmark_close, whole)


def test_labels_are_sessions_daily_and_utc_closes_intraday() -> None:
    bars = Bars.daily(np.full((2, 1), 1.0), first="2020-01-06")
    assert bars.labels() == ["2020-01-06", "2020-01-07"]
    hourly = Bars.daily(np.full((2, 1), 1.0), first="2020-01-06", timeframe="1h")
    assert hourly.labels() == ["2020-01-06T21:00:00Z", "2020-01-07T21:00:00Z"]


def test_quotes_are_cut_and_chosen_with_the_bars() -> None:
    panel = np.arange(12.0).reshape(4, 3)
    quotes = module.Quotes(*(panel + i for i in range(6)))
    bars = Bars.daily(panel + 10, quotes=quotes)
    assert bars.rows(1, 3).quotes.ask_low.tolist() == (panel[1:3] + 5).tolist()
    assert bars.select(np.array([2])).quotes.bid_open[:, 0].tolist() == panel[:, 2].tolist()
