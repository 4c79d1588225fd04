"""Permuted bars of whole universes: what stays where it is, and what is only re-ordered."""

from __future__ import annotations

import dataclasses
import gc
from pathlib import Path
from weakref import ref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import make_bars, random_bars
from tests.validation.examined import experiment_of
from tests.validation.sizes import sized
from trading_system import pipeline
from trading_system.data.bars import Bars, Quotes
from trading_system.data.loading import load_market
from trading_system.data.shared import share
from trading_system.engine.simulate import LateLedger
from trading_system.errors import InsufficientDataError
from trading_system.validation.experiment import World
from trading_system.validation.permuted_market import PermutedMarkets, predicted_bytes
from trading_system.validation.search import with_settings

laws = settings(max_examples=sized(30, 6))
UNTOUCHED = ("index", "session", "expected", "calendar_of", "tradable", "delisted_row", "sampled", "day_end", "symbols")
REAL = {
    "us_raw": "path: equities_daily/us_raw_actions_1999_2020.parquet, calendar: XNYS, benchmark: SPY, quality: {split_suspect: warn}",
    "point_in_time": (
        "path: equities_daily/us_pit_with_delisted_2015_2017.parquet, prices: adjusted, calendar: XNYS, quality: {split_suspect: warn}"
    ),
    "crypto": "path: crypto_daily/binance_usdt_daily.parquet, calendar: 24/7, benchmark: BTCUSDT, quality: {split_suspect: warn}",
}


def moves_of_symbol(bars: Bars, column: int, start: int) -> tuple[np.ndarray, np.ndarray]:
    """Log gaps, shape (n,), and intrabar moves with volume, shape (n, 4), of a symbol's bars behind `start`, one by one."""
    prices, gaps, tuples, last = bars.adjusted, [], [], None
    for row in np.flatnonzero(bars.has_bar[:, column]):
        opened = prices.open[row, column]
        if last is not None and row > start:
            gaps.append(np.log(opened / last))
            rest = [np.log(panel[row, column] / opened) for panel in (prices.high, prices.low, prices.close)]
            tuples.append([*rest, prices.volume[row, column]])
        last = prices.close[row, column]
    return np.array(gaps), np.array(tuples).reshape(-1, 4)


def assert_only_reordered(before: Bars, after: Bars, start: int) -> None:
    for name in UNTOUCHED:
        assert np.array_equal(getattr(before, name), getattr(after, name)), name
    for name in ("open", "high", "low", "close", "volume"):
        own, other = getattr(before.adjusted, name), getattr(after, name)
        assert (np.isnan(own) == np.isnan(other)).all(), name
        assert np.array_equal(own[: start + 1], other[: start + 1], equal_nan=True), name
    there = after.has_bar
    assert np.array_equal(there, before.has_bar) and np.array_equal(after.whole, before.whole)
    top, bottom = np.maximum(after.open, after.close)[there], np.minimum(after.open, after.close)[there]
    sound = (before.high >= np.maximum(before.open, before.close)) & (before.low <= np.minimum(before.open, before.close))
    if sound[there].all():
        assert (after.high[there] >= top * (1 - 1e-12)).all() and (after.low[there] <= bottom * (1 + 1e-12)).all()
    for column in range(before.n_symbols):
        rows = np.flatnonzero(there[:, column])
        if rows.size == 0:
            continue
        assert after.close[rows[-1], column] == pytest.approx(before.adjusted.close[rows[-1], column], rel=1e-9)
        assert after.close[rows[0], column] == before.adjusted.close[rows[0], column]  # a late listing starts where it started
        (gaps, tuples), (other_gaps, other_tuples) = (moves_of_symbol(bars, column, start) for bars in (before, after))
        assert np.sort(gaps) == pytest.approx(np.sort(other_gaps), abs=1e-9)
        ours, theirs = (part[np.lexsort(part.round(9).T)] for part in (tuples, other_tuples))
        assert ours == pytest.approx(theirs, abs=1e-9, rel=1e-9, nan_ok=True)
    assert len(after.actions) == np.count_nonzero(before.actions.funding) and after.factor is None
    assert (after.actions.split == 1.0).all() and (after.actions.dividend == 0.0).all()


@laws
@given(st.integers(0, 10**6), st.integers(5, 60), st.integers(1, 4), st.integers(0, 20), st.booleans())
def test_everything_but_the_order_of_moves_stays(seed, n, width, start, holes):
    start = min(start, n - 3)
    bars = random_bars(
        n, width, seed, missing=0.2 if holes else 0.0, n_splits=2, n_dividends=3, funding=[(n // 2, 0, 0.001)], every_day=True
    )
    after = PermutedMarkets(bars, start).drawn(np.random.default_rng(seed))
    assert_only_reordered(bars, after, start)


@pytest.mark.parametrize("name", REAL)
def test_real_universes_keep_listings_holes_and_moves(name: str, tmp_path: Path, shared_data: Path) -> None:
    data = REAL[name].replace("path: ", f"path: {shared_data}/")
    file = tmp_path / "run.yaml"
    strategies = "[{name: hold, type: buy_and_hold, asset_class: " + ("crypto" if name == "crypto" else "equity") + "}]"
    file.write_text(f"data: {{source: parquet, {data}}}\nstrategies: {strategies}\n", encoding="utf-8")
    bars = load_market(pipeline.load_run(file).config, tmp_path, None).bars
    if bars.n_symbols > 20:  # every symbol is checked one by one
        bars = bars.select(np.unique(np.linspace(0, bars.n_symbols - 1, 20).astype(int)))
        bars = dataclasses.replace(bars, benchmark_price=None, benchmark="equal_weight")
    for start in (0, bars.n_bars // 3):
        after = PermutedMarkets(bars, start).drawn(np.random.default_rng(start))
        assert_only_reordered(bars, after, start)
        assert np.isfinite(after.benchmark_close).any()


def test_symbols_that_share_their_dates_keep_their_correlations_part_by_part():
    rng = np.random.default_rng(3)
    common = rng.standard_normal((200, 1)) * 0.01
    close = np.exp(np.cumsum(common + rng.standard_normal((200, 3)) * 0.01, axis=0))
    open_ = close * np.exp(common * 0.3)
    bars = make_bars(open_, np.maximum(open_, close), np.minimum(open_, close), close)
    after = PermutedMarkets(bars, 20).drawn(rng)
    for part in (lambda b: np.log(b.open[21:] / b.close[20:-1]), lambda b: np.log(b.close[21:] / b.open[21:])):
        assert np.corrcoef(part(bars).T) == pytest.approx(np.corrcoef(part(after).T), abs=1e-9)


def test_the_same_generator_gives_the_same_market_and_another_another():
    markets = PermutedMarkets(random_bars(60, 3, 1, missing=0.1))
    one, two, other = (markets.drawn(np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert one.close.tobytes() == two.close.tobytes() and one.volume.tobytes() == two.volume.tobytes()
    assert one.close.tobytes() != other.close.tobytes()


def test_its_own_market_is_the_adjusted_one_and_the_market_itself_without_actions():
    plain = random_bars(40, 2, 1)
    assert PermutedMarkets(plain).own is plain
    bars = random_bars(40, 2, 1, n_splits=2, n_dividends=2)
    own = PermutedMarkets(bars).own
    assert np.array_equal(own.close, bars.adjusted.close) and np.array_equal(own.volume, bars.adjusted.volume)
    assert np.array_equal(own.benchmark_close, bars.benchmark_close) and own.factor is None and not len(own.actions)


def test_moves_in_their_own_order_give_the_market_back():
    bars = random_bars(80, 4, 7, missing=0.1, n_splits=3, n_dividends=3)
    markets = PermutedMarkets(bars, 5)
    rows = np.arange(6, 80)
    again = markets.of(type(markets.orders(np.random.default_rng(1)))(rows, rows))
    for name in ("open", "high", "low", "close", "volume"):
        assert getattr(again, name) == pytest.approx(getattr(markets.own, name), rel=1e-11, nan_ok=True)
    assert again.benchmark_close == pytest.approx(markets.own.benchmark_close, rel=1e-11, nan_ok=True)


def test_the_benchmark_is_that_of_the_permuted_market():
    bars = dataclasses.replace(random_bars(60, 3, 2), benchmark="S001")
    after = PermutedMarkets(bars).drawn(np.random.default_rng(1))
    assert np.array_equal(after.benchmark_close, after.close[:, 1])
    mean = PermutedMarkets(random_bars(60, 3, 2)).drawn(np.random.default_rng(1))
    growth = (mean.close[1:] / mean.close[:-1]).mean(axis=1)
    assert mean.benchmark_close[1:] / mean.benchmark_close[:-1] == pytest.approx(growth)
    assert np.array_equal(mean.rows(10, 60).benchmark_close, mean.benchmark_close[10:])


def test_spreads_travel_with_the_bar_whose_prices_they_belong_to():
    bars = random_bars(50, 2, 4)
    spread = np.random.default_rng(1).uniform(0.0001, 0.001, bars.close.shape)
    sides = {
        f"{side}_{name}": getattr(bars, name) * (1 + sign * spread)
        for side, sign in (("bid", -1), ("ask", 1))
        for name in ("open", "high", "low")
    }
    quoted = dataclasses.replace(bars, quotes=Quotes(**sides))
    after = PermutedMarkets(quoted).drawn(np.random.default_rng(3))
    assert after.quotes is not None
    found = after.quotes.ask_open / after.open - 1.0
    assert np.sort(found, axis=0)[1:] == pytest.approx(np.sort(spread, axis=0)[1:], rel=0.5)
    assert np.sort(found[1:], axis=0) == pytest.approx(np.sort(spread[1:], axis=0), rel=1e-9)
    assert 1.0 - after.quotes.bid_low / after.low == pytest.approx(found, rel=1e-9)  # of one bar, all of them


def test_what_a_delisted_share_was_paid_stays_beside_its_last_close():
    bars = random_bars(60, 2, 5, n_splits=0, n_dividends=4, delisted={0: (40, 7.0)})
    close = bars.close.copy()
    close[40:, 0] = np.nan
    bars = dataclasses.replace(bars, open=np.where(np.isnan(close), np.nan, bars.open), close=close)
    before, after = PermutedMarkets(bars).own, PermutedMarkets(bars).drawn(np.random.default_rng(2))
    assert after.delisted_row[0] == 40
    assert after.delisted_price[0] / after.close[39, 0] == pytest.approx(before.delisted_price[0] / before.close[39, 0])
    assert before.delisted_price[0] == pytest.approx(7.0 * bars.factor[40, 0])


def test_bars_of_one_date_move_together_though_their_calendars_close_at_different_hours():
    """Rows 2k and 2k + 1 are one date: the first calendar closes in the one, the second in the other."""
    n = 60
    plain = random_bars(n, 2, 8)
    panels = {name: getattr(plain, name).copy() for name in ("open", "high", "low", "close", "volume")}
    for panel in panels.values():
        panel[1::2, 0], panel[::2, 1] = np.nan, np.nan
    session = np.repeat(plain.session[: n // 2], 2)
    index = session.astype(np.int64) * 86_400 * 10**9 + np.tile([21, 24], n // 2) * 3_600 * 10**9
    bars = dataclasses.replace(plain, **panels, session=session, index=index)
    markets = PermutedMarkets(bars, 3)
    orders = markets.orders(np.random.default_rng(1))
    assert (orders.gaps[::2] + 1 == orders.gaps[1::2]).all() and (orders.bodies[::2] % 2 == 0).all()
    body = {(row, column): bars.close[row, column] / bars.open[row, column] for row in range(4, n) for column in (row % 2,)}
    after = markets.drawn(np.random.default_rng(1))
    for date in range(2, n // 2):
        rows = [
            min(body, key=lambda cell, c=c, r=r: (cell[1] != c, abs(body[cell] - after.close[r, c] / after.open[r, c])))[0]
            for r, c in ((2 * date, 0), (2 * date + 1, 1))
        ]
        assert rows[0] + 1 == rows[1]


def test_intraday_bars_are_drawn_one_by_one():
    bars = random_bars(40, 1, 9, bars_per_session=4)
    orders = PermutedMarkets(bars).orders(np.random.default_rng(1))
    assert sorted(orders.gaps.tolist()) == list(range(1, 40)) and np.any(np.diff(orders.gaps)[::4] != 1)


def test_too_little_to_permute_is_refused_and_memory_is_predicted():
    with pytest.raises(InsufficientDataError, match="a permutation behind bar 38"):
        PermutedMarkets(random_bars(40, 1, 1), 38).drawn(np.random.default_rng(1))
    bars = random_bars(100, 3, 1)
    assert predicted_bytes(bars, 2) - predicted_bytes(bars, 1) == 300 * 8 * 17


def test_a_shared_market_gives_the_same_outcomes_and_the_same_ledger():
    bars = random_bars(300, 9, 2, missing=0.02)
    points = [{"strategies.0.params.fast_breakout": n, "strategies.0.params.stop_atr": a} for n in (5, 9) for a in (1.0, 2.0)]
    experiment = experiment_of(
        bars,
        "equity_momentum",
        first=60,
        params={"trend_ma": 10, "slow_breakout": 20, "exit_ma": 5, "momentum": 20},
        sizing={"method": "risk_per_trade", "risk": 0.01},
        universe=tuple(bars.symbols[:6]),
        costs={"commission_bps": 1, "slippage": {"model": "full", "base_bps": 8}},
    )
    world = World(bars=PermutedMarkets(bars).drawn(np.random.default_rng(1)))
    plain = [experiment.outcome(with_settings(world, point)) for point in points]
    share(world.bars)
    for point, wanted in zip(points, plain, strict=True):
        found = experiment.outcome(with_settings(world, point))
        assert found.returns.tobytes() == wanted.returns.tobytes()
        assert isinstance(found.ledger, LateLedger) and "orders" not in vars(found.ledger)
        assert found.ledger.trades.tobytes() == wanted.ledger.trades.tobytes()
        assert found.metric("n_trades") == wanted.metric("n_trades") > 0
        assert found.ledger.equity.tobytes() == wanted.ledger.equity.tobytes()
        with pytest.raises(AttributeError, match="a ledger has no such"):
            _ = found.ledger.such


@pytest.mark.parametrize("symbols", [9, 5])
def test_a_shared_market_is_gone_when_nobody_holds_it(symbols):
    """Five hundred of them are made one after the other: what is kept of a market must not keep the market."""
    bars = random_bars(200, 9, 3)
    experiment = experiment_of(bars, "equity_momentum", first=60, universe=tuple(bars.symbols[:symbols]))
    market = PermutedMarkets(bars).drawn(np.random.default_rng(1))
    share(market)
    assert experiment.outcome(World(bars=market)).returns.size and experiment.decided(World(bars=market))
    gone = ref(market)
    del market
    gc.collect()
    assert gone() is None


def test_a_sharpe_ratio_asked_for_alone_has_the_bits_of_the_summary():
    experiment = experiment_of(random_bars(200, 2, 3), "ma_crossover", params={"fast": 3, "slow": 9}, first=20)
    one, other = experiment.outcome(), experiment.outcome()
    assert other.metric("cagr") and one.metric("sharpe") == other.metric("sharpe") == one.summary.metrics["sharpe"]
