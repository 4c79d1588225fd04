"""Bars of weeks, months and sessions are known when their calendar ends them, and not a bar earlier."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests import naive_resampling as naive
from tests.builders import make_bars, random_bars
from tests.lookahead import find_leak
from tests.sessions import mixed, session_bars
from trading_system.data.bars import Bars
from trading_system.data.resampling import PERIODS, Period, completed_bars, rows_until
from trading_system.errors import UsageError

all_periods = pytest.mark.parametrize("period", PERIODS)


def everything(bars: Bars, period: Period) -> dict[str, np.ndarray]:
    """Every series of completed bars on the rows, as known then and as known before the present period."""
    higher = completed_bars(bars, period)
    found = {field.name: getattr(higher.prices, field.name) for field in dataclasses.fields(higher.prices)}
    return {name: higher.known(series) for name, series in found.items()} | {
        f"{name}_before": higher.known_before(series) for name, series in found.items()
    }


@all_periods
@pytest.mark.parametrize(
    ("name", "hourly", "missing"),
    [("XNYS", False, 0.0), ("XNYS", False, 0.15), ("XNYS", True, 0.3), ("24/7", False, 0.05), ("24/5", False, 0.0)],
)
def test_completed_bars_equal_their_twin(name: str, hourly: bool, missing: float, period: Period) -> None:
    first, last = ("2015-03-26", "2015-05-08") if hourly else ("2014-12-30", "2015-05-12")
    bars = session_bars(name, first, last, hourly=hourly, missing=missing, n_symbols=2)
    ours = everything(bars, period)
    twin, earlier = naive.known(bars, period), naive.known(bars, period, before=True)
    for field in naive.FIELDS:
        np.testing.assert_allclose(ours[field], twin[field], rtol=1e-12)
        np.testing.assert_allclose(ours[f"{field}_before"], earlier[field], rtol=1e-12)


def test_a_week_ends_on_friday_or_on_thursday_before_a_holiday() -> None:
    bars = session_bars(first="2015-03-23", last="2015-04-17", n_symbols=1)  # 3 April 2015 was Good Friday
    close, known = bars.close[:, 0], everything(bars, "week")["close"][:, 0]
    days = [str(day) for day in bars.dates()]
    assert "2015-04-03" not in days
    ends = [days.index(day) for day in ("2015-03-27", "2015-04-02", "2015-04-10", "2015-04-17")]
    expected, level = [], np.nan
    for t in range(bars.n_bars):
        level = close[t] if t in ends else level
        expected.append(level)
    np.testing.assert_array_equal(known, expected)


def test_a_week_of_a_market_that_never_closes_ends_on_sunday() -> None:
    bars = session_bars("24/7", "2015-01-05", "2015-01-20", n_symbols=1)
    known = everything(bars, "week")["close"][:, 0]
    assert np.isnan(known[:6]).all()
    assert (known[6:13] == bars.close[6, 0]).all()
    assert known[13] == bars.close[13, 0]


def test_a_breakout_is_measured_against_the_weeks_before_the_present_one() -> None:
    bars = session_bars(first="2015-01-05", last="2015-01-23", n_symbols=1)
    ours = everything(bars, "week")
    friday = [str(day) for day in bars.dates()].index("2015-01-16")
    assert ours["high"][friday, 0] == bars.high[5 : friday + 1, 0].max()
    assert ours["high_before"][friday, 0] == bars.high[:5, 0].max()
    assert ours["high_before"][friday + 1, 0] == ours["high"][friday, 0]


@pytest.mark.parametrize("hourly", [False, True])
def test_moving_fridays_close_changes_nothing_before_it(hourly: bool) -> None:
    bars = session_bars(first="2015-02-02", last="2015-03-31", hourly=hourly)
    row = [t for t, day in enumerate(bars.dates()) if str(day) == "2015-02-27"][-1]  # also the last of its month
    moved = {name: getattr(bars, name).copy() for name in ("high", "close")}
    for panel in moved.values():
        panel[row] *= 3.0
    for period in PERIODS:
        whole, other = everything(bars, period), everything(replace(bars, **moved), period)
        for name, panel in whole.items():
            np.testing.assert_array_equal(panel[:row], other[name][:row])
        assert (whole["close"][row] != other["close"][row]).all()
        np.testing.assert_array_equal(whole["close_before"][row], other["close_before"][row])


@all_periods
@pytest.mark.parametrize("kind", ["daily", "hourly", "24/7", "mixed", "made-up sessions", "made-up hours"])
def test_completed_bars_do_not_look_ahead(kind: str, period: Period) -> None:
    bars = {
        "daily": lambda: session_bars(missing=0.1),
        "hourly": lambda: session_bars(last="2015-04-30", hourly=True, missing=0.1),
        "24/7": lambda: session_bars("24/7", missing=0.1),
        "mixed": lambda: market_of_three(),
        "made-up sessions": lambda: random_bars(430, 3, seed=1, n_splits=2),
        "made-up hours": lambda: random_bars(430, 3, seed=1, bars_per_session=7),
    }[kind]()
    assert find_leak(lambda b: everything(b, period), replace(bars, factor=None, split_factor=None)) is None


def market_of_three() -> Bars:
    """New York, Tokyo (which closes earlier on the same day) and a market that never closes."""
    return mixed([session_bars(name, last="2015-12-31", n_symbols=2, seed=number) for number, name in enumerate(THREE)])


THREE = ("XNYS", "XTKS", "24/7")


@all_periods
def test_in_a_mixed_market_each_symbol_keeps_its_own_weeks(period: Period) -> None:
    """On its own rows every symbol knows what it would know alone."""
    whole = market_of_three()
    ours = everything(whole, period)
    for number, name in enumerate(THREE):
        part = session_bars(name, last="2015-12-31", n_symbols=2, seed=number)
        rows = np.searchsorted(whole.index, part.index)
        for field, panel in everything(part, period).items():
            np.testing.assert_array_equal(ours[field][rows, 2 * number : 2 * number + 2], panel)


def test_a_week_whose_last_hour_nobody_traded_is_complete_on_the_next_row() -> None:
    bars = session_bars(first="2015-01-05", last="2015-01-16", hourly=True, n_symbols=1)
    kept = np.ones(bars.n_bars, bool)
    friday = [t for t, day in enumerate(bars.dates()) if str(day) == "2015-01-09"]
    kept[friday[-1]] = False
    rows = ("index", "session", "open", "high", "low", "close", "volume", "expected", "tradable", "sampled", "day_end")
    cut = replace(bars, **{name: np.ascontiguousarray(getattr(bars, name)[kept]) for name in rows})
    known = everything(cut, "week")["close"][:, 0]
    assert np.isnan(known[: friday[-1]]).all()
    assert known[friday[-1]] == bars.close[friday[-2], 0]


@pytest.mark.parametrize(
    ("first", "hourly", "empty"), [("2015-01-05", False, 4), ("2015-01-07", False, 7), ("2015-01-05", True, 34)]
)
def test_a_week_that_began_before_the_data_is_left_out(first: str, hourly: bool, empty: int) -> None:
    bars = session_bars(first=first, last="2015-01-30", hourly=hourly, n_symbols=1)
    known = everything(bars, "week")["open"][:, 0]
    assert np.isnan(known[:empty]).all()
    assert not np.isnan(known[empty:]).any()


def test_a_day_that_began_before_the_data_leaves_its_week_out() -> None:
    bars = session_bars(first="2015-01-05", last="2015-01-30", hourly=True, n_symbols=1).rows(2, 10_000)
    assert np.flatnonzero(~np.isnan(everything(bars, "week")["close"][:, 0]))[0] == 67
    assert np.flatnonzero(~np.isnan(everything(bars, "session")["close"][:, 0]))[0] == 11


def test_a_week_without_a_bar_of_the_symbol_is_missing_and_only_that_week() -> None:
    bars = session_bars(first="2015-01-05", last="2015-02-06", n_symbols=2)
    gone = [t for t, day in enumerate(bars.dates()) if np.datetime64("2015-01-12") <= day <= np.datetime64("2015-01-16")]
    for panel in (bars.open, bars.high, bars.low, bars.close, bars.volume):
        panel[gone, 1] = np.nan
    higher = completed_bars(bars, "week")
    assert np.isnan(higher.prices.close[:, 1]).tolist() == [False, True, False, False, False]
    known = higher.known(higher.prices.close)
    assert np.isnan(known[gone[-1] : gone[-1] + 4, 1]).all()
    assert known[gone[-1] + 5, 1] == bars.close[gone[-1] + 4, 1] or not np.isnan(known[gone[-1] + 5, 1])
    assert not np.isnan(known[gone[-1] :, 0]).any()


def test_prices_are_those_that_strategies_read() -> None:
    close = [100.0, 100.0, 50.0, 50.0, 50.0, 60.0]
    bars = make_bars(close, close, close, close, splits=[(2, 0, 2.0)])
    higher = completed_bars(bars, "week")
    assert (higher.prices.open[0, 0], higher.prices.low[0, 0], higher.prices.close[0, 0]) == (100.0, 100.0, 100.0)


def test_volume_is_summed_and_missing_where_nobody_knows_it() -> None:
    close, volume = (
        np.full((5, 2), 10.0),
        np.array([[1.0, np.nan], [2.0, np.nan], [np.nan, np.nan], [4.0, np.nan], [5.0, np.nan]]),
    )
    higher = completed_bars(make_bars(close, close, close, close, volume), "week")
    np.testing.assert_array_equal(higher.prices.volume, [[12.0, np.nan]])


@all_periods
@pytest.mark.parametrize("name", ["XNYS", "24/7"])
def test_rows_until_counts_to_the_close_that_ends_the_last_period(name: str, period: Period) -> None:
    bars = session_bars(name, "2015-01-07", "2015-12-31", n_symbols=1)
    for n in (1, 3, 9):
        stop = rows_until(bars, period, n)
        counts = [len(naive.periods(bars, 0, period, row)) for row in (stop - 2, stop - 1)] if stop > 1 else [0, 1]
        assert counts == [n - 1, n]
    assert rows_until(bars, period, 5_000) == bars.n_bars + 1
    assert rows_until(bars.head(0), period, 1) == 0


@pytest.mark.parametrize("n_bars", [0, 1, 3])
@all_periods
def test_short_markets_have_no_completed_bars_to_invent(n_bars: int, period: Period) -> None:
    higher = completed_bars(session_bars(first="2015-01-05", last="2015-01-30").head(n_bars), period)
    known = higher.known(higher.prices.close)
    assert known.shape == (n_bars, 3)
    assert period == "session" or np.isnan(known).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda b: completed_bars(replace(b, timeframe="5d"), "week"), "cannot be made from bars of 5d"),
        (lambda b: completed_bars(b, "fortnight"), "'fortnight' is no period; allowed: session, week, month"),
        (lambda b: completed_bars(b, "week").known(b.close), r"a series of weeks has shape"),
    ],
)
def test_what_cannot_be_resampled_is_refused(wrong: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        wrong(session_bars(first="2015-01-05", last="2015-02-27"))
