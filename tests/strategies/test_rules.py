"""Each shipped rule equals its twin, which looks at one symbol and one bar at a time; and keeps its own promises."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests import naive_strategies as naive
from tests.builders import make_bars, random_bars
from trading_system.data.bars import Bars
from trading_system.errors import StrategyError
from trading_system.indicators import sma
from trading_system.strategies.base import Signals, Weights
from trading_system.strategies.buy_and_hold import BuyAndHold
from trading_system.strategies.crypto_momentum import CryptoMomentum
from trading_system.strategies.equity_momentum import EquityMomentum
from trading_system.strategies.ma_crossover import MovingAverageCrossover
from trading_system.strategies.mean_reversion import MeanReversion
from trading_system.strategies.pairs import Pairs

SMALL = {"trend_ma": 20, "fast_breakout": 8, "slow_breakout": 21, "exit_ma": 9, "atr": 5, "momentum": 15}


def market(n_symbols: int = 3, missing: float = 0.0, seed: int = 3) -> Bars:
    bars = random_bars(160, n_symbols, seed=seed, missing=missing, n_splits=2 if missing else 0, n_dividends=3)
    return replace(bars, factor=None, split_factor=None)


markets = pytest.mark.parametrize(
    ("n_symbols", "missing"), [(1, 0.0), (3, 0.0), (3, 0.08), (9, 0.0), (9, 0.08)], ids=lambda value: str(value)
)


def assert_signals(ours: Signals, twin: dict[str, np.ndarray]) -> None:
    np.testing.assert_array_equal(ours.entry, twin["entry"])
    np.testing.assert_array_equal(ours.exit, twin["exit"])
    for name in ("stop_distance", "stop_tighten", "components"):
        mine = getattr(ours, name)
        if mine is not None:
            np.testing.assert_allclose(mine, twin[name], rtol=1e-9, atol=1e-9)


@markets
@pytest.mark.parametrize("rise", [{}, {"trend_lookback": 7, "trend_rise": 0.02, "fast_margin": 0.0}])
def test_equity_momentum_equals_its_twin(n_symbols: int, missing: float, rise: dict[str, Any]) -> None:
    bars = market(n_symbols, missing)
    rule = EquityMomentum(**{**SMALL, **rise})
    ours = rule.decide(bars)
    assert_signals(ours, naive.breakouts(bars, rule.model_dump()))
    assert ours.component_names == ("breakout", "momentum")
    assert ours.stop_tighten is None
    assert n_symbols == 1 or ours.entry.any()


@markets
def test_crypto_momentum_equals_its_twin(n_symbols: int, missing: float) -> None:
    bars = market(n_symbols, missing, seed=5)
    rule = CryptoMomentum(**{**SMALL, "exit_ma": 25, "tighten_ma": 9})
    ours = rule.decide(bars)
    assert_signals(ours, naive.breakouts(bars, rule.model_dump()))
    assert ours.stop_tighten is not None
    assert (~np.isnan(ours.stop_tighten)).any()


def test_symbols_with_and_without_holes_are_decided_alike_in_wide_markets() -> None:
    """More symbols than one block, holes in the first block only: every symbol as if it were alone."""
    bars = market(70)
    for panel in (bars.open, bars.high, bars.low, bars.close, bars.volume):
        panel[50:53, 2] = np.nan
    bars = replace(bars, factor=None, split_factor=None, benchmark_price=bars.benchmark_close)
    for rule in (EquityMomentum(**SMALL), CryptoMomentum(**SMALL, tighten_ma=9), MeanReversion(lookback=10, short=True)):
        whole = rule.decide(bars)
        for column in (0, 2, 63, 64, 69):
            alone = rule.decide(bars.select(np.array([column])))
            np.testing.assert_array_equal(alone.entry[:, 0], whole.entry[:, column])
            np.testing.assert_array_equal(alone.exit[:, 0], whole.exit[:, column])
            np.testing.assert_array_equal(alone.stop_distance[:, 0], whole.stop_distance[:, column])
            np.testing.assert_array_equal(alone.components[:, :, 0], whole.components[:, :, column])


@markets
@pytest.mark.parametrize("short", [False, True])
def test_mean_reversion_equals_its_twin(n_symbols: int, missing: float, short: bool) -> None:
    bars = market(n_symbols, missing)
    rule = MeanReversion(lookback=10, enter=-1.5, short=short, max_hold=7)
    ours = rule.decide(bars)
    assert_signals(ours, naive.reversion(bars, rule.model_dump()))
    assert (ours.entry == -1).any() == short
    assert not (ours.entry.astype(bool) & ours.exit).any()
    assert ours.max_hold is not None
    assert ours.max_hold.tolist() == [7] * n_symbols


@markets
def test_crossover_equals_its_twin(n_symbols: int, missing: float) -> None:
    bars = market(n_symbols, missing)
    if missing:
        bars.tradable[40:60] = False
    ours = MovingAverageCrossover(fast=4, slow=11).decide(bars)
    np.testing.assert_array_equal(ours.target, naive.crossover(bars, 4, 11))


@pytest.mark.parametrize(("fast", "slow"), [(1, 2), (4, 11), (20, 50), (50, 200), (63, 64), (500, 513), (100, 1_030)])
def test_a_single_series_crosses_on_the_same_bits_as_a_column_of_a_wide_market(fast: int, slow: int) -> None:
    for n_bars, grain in ((slow - 1, 0.0), (slow + 3, 0.0), (513, 0.0), (2_600, 0.0), (2_600, 1.0), (9_000, 0.25)):
        wide = random_bars(n_bars, 2, seed=n_bars + fast)
        close = np.round(wide.close / grain) * grain if grain else wide.close
        wide = replace(wide, close=np.ascontiguousarray(close))
        rule = MovingAverageCrossover(fast=fast, slow=slow)
        both = sma(wide.close, fast), sma(wide.close, slow)
        held = np.where(np.isnan(both[1]), np.nan, np.where(both[0] > both[1], 1.0, 0.0))
        for column in range(2):
            alone = rule.decide(wide.select(np.array([column])))
            assert isinstance(alone, Weights)
            np.testing.assert_array_equal(alone.target, Weights.on_change(held[:, [column]]).target)


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (1, 4), (40, 1), (40, 3), (40, 11)])
def test_targets_on_change_equal_the_loop_over_rows(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(shape[0])
    for share_of_nan in (0.0, 0.3, 0.9):
        target = rng.choice([0.0, -0.0, 0.1, -0.1], shape)
        target[rng.random(shape) < share_of_nan] = np.nan
        ours = Weights.on_change(target).target
        np.testing.assert_array_equal(ours, naive.on_change(target))
        assert ours.shape == shape


def correlated(seed: int, missing: float = 0.0) -> Bars:
    rng = np.random.default_rng(seed)
    common = np.cumsum(rng.normal(0.0, 0.01, (200, 1)), axis=0)
    gap = np.zeros((200, 4))
    for t in range(1, 200):
        gap[t] = 0.85 * gap[t - 1] + rng.normal(0.0, 0.006, 4)
    close = 50.0 * np.exp(common * np.array([1.0, 0.8, 1.0, -1.0]) + gap)
    close[rng.random(close.shape) < missing] = np.nan
    return make_bars(close, close, close, close, symbols=("AA", "BB", "CC", "DD"))


@pytest.mark.parametrize("missing", [0.0, 0.05])
def test_pairs_equal_their_twin(missing: float) -> None:
    entries = 0
    for seed in range(4):
        bars = correlated(seed, missing)
        rule = Pairs(
            pairs=(("BB", "AA"), ("CC", "DD"), ("AA", "CC")), hedge_lookback=40, score_lookback=20, enter=1.5, stop=2.5
        )
        ours = rule.decide(bars)
        assert ours.symbol is not None and ours.scale is not None and ours.components is not None
        assert ours.symbol.tolist() == [1, 0, 2, 3, 0, 2]
        for number, (first, second) in enumerate(((1, 0), (2, 3), (0, 2))):
            twin = naive.pair(bars, first, second, rule.model_dump())
            one, two = 2 * number, 2 * number + 1
            np.testing.assert_array_equal(ours.entry[:, one], twin["side"])
            np.testing.assert_array_equal(ours.entry[:, two], -twin["side"])
            np.testing.assert_array_equal(ours.exit[:, one], twin["exit"])
            np.testing.assert_array_equal(ours.exit[:, two], twin["exit"])
            np.testing.assert_allclose(ours.components[0, :, one], np.abs(twin["score"]), rtol=1e-6, atol=1e-9)
            positive = twin["ratio"] > 0.0
            np.testing.assert_allclose(ours.scale[positive, two], twin["ratio"][positive], rtol=1e-7)
            assert np.isnan(ours.scale[~positive, two]).all()
            assert (ours.scale[:, one] == 1.0).all()
            entries += int(np.count_nonzero(twin["side"]))
    assert entries > 20


def test_a_pair_that_moves_against_each_other_is_not_traded() -> None:
    ours = Pairs(pairs=(("CC", "DD"),), hedge_lookback=40, score_lookback=20, enter=1.0).decide(correlated(0))
    assert not ours.entry.any()


def test_two_prices_in_a_fixed_ratio_have_no_spread_to_trade() -> None:
    close = np.exp2(np.array([[3.0], [4.0], [3.0], [5.0]] * 20))
    both = np.hstack([close, close])
    ours = Pairs(pairs=(("S000", "S001"),), hedge_lookback=8, score_lookback=8).decide(make_bars(both, both, both, both))
    assert not ours.entry.any()
    assert not ours.exit.any()


def test_after_a_stop_a_pair_waits_until_its_score_has_been_near_zero() -> None:
    from trading_system.strategies import _kernels

    rng = np.random.default_rng(1)
    y = rng.normal(0.0, 1.0, 60)
    y[30:34] = [60.0, 3.0, 3.0, 3.0]
    levels, score = np.array([0.8, 0.3, 4.0]), np.empty(60)
    side, leave = np.empty(60, np.int8), np.empty(60, np.bool_)
    frozen = [y, np.zeros(60), np.ones(60), levels]
    for array in frozen:
        array.flags.writeable = False
    _kernels.spread_trades(*frozen[:3], 20, levels, score, side, leave)
    stop = int(np.flatnonzero(np.abs(score) >= 4.0)[0])
    near = stop + 1 + int(np.flatnonzero(np.abs(score[stop + 1 :]) <= 0.3)[0])
    assert stop == 30
    assert leave[stop]
    assert not side[stop : near + 1].any()
    assert side[near + 1 :].any()


def test_pairs_outside_the_bars_are_refused_with_what_there_is() -> None:
    with pytest.raises(StrategyError, match="ZZ not in the strategy's universe; allowed: AA, BB, CC, DD"):
        Pairs(pairs=(("AA", "ZZ"),)).decide(correlated(0))


def test_buy_and_hold_buys_each_name_once_at_its_share() -> None:
    close = np.full((10, 4), 10.0)
    close[:3, 1] = np.nan  # listed late
    close[5, 2] = np.nan  # one missing bar closes nothing
    close[:, 3] = np.nan  # never there
    target = BuyAndHold().decide(make_bars(close, close, close, close)).target
    bought = [(int(t), int(i)) for t, i in np.argwhere(~np.isnan(target))]
    assert bought == [(0, 0), (0, 2), (3, 1)]
    assert set(target[~np.isnan(target)]) == {0.25}


def test_buy_and_hold_buys_again_what_the_engine_had_to_close() -> None:
    close = np.full((12, 3), 10.0)
    close[4:6, 0] = np.nan  # two sessions without a bar: closed on the next bar, row 6
    tradable = np.ones((12, 3), bool)
    tradable[3:7, 1] = False  # outside the universe
    tradable[:2, 2] = False
    target = BuyAndHold().decide(make_bars(close, close, close, close, tradable=tradable)).target
    bought = [(int(t), int(i)) for t, i in np.argwhere(~np.isnan(target))]
    assert bought == [(0, 0), (0, 1), (2, 2), (6, 0), (7, 1)]


def test_buy_and_hold_counts_whole_sessions_of_the_symbols_calendar() -> None:
    close = np.full((24, 1), 10.0)
    close[9:15] = np.nan  # the end of session 2, all of session 3: one whole session, nothing closed
    bars = make_bars(close, close, close, close, bars_per_session=4)
    assert np.argwhere(~np.isnan(BuyAndHold().decide(bars).target)).tolist() == [[0, 0]]
    close[15:20] = np.nan  # sessions 3 and 4
    bars = make_bars(close, close, close, close, bars_per_session=4)
    assert np.argwhere(~np.isnan(BuyAndHold().decide(bars).target)).tolist() == [[0, 0], [20, 0]]
    close = np.full((12, 1), 10.0)
    close[4:7] = np.nan
    closed = np.ones((12, 1), bool)
    closed[4:7] = False  # a holiday of three days is no absence
    bars = make_bars(close, close, close, close, expected=closed)
    assert np.argwhere(~np.isnan(BuyAndHold().decide(bars).target)).tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: MovingAverageCrossover(fast=50, slow=20), "must be below slow"),
        (lambda: MeanReversion(enter=-1.0, leave=-1.0), "must be above enter"),
        (lambda: Pairs(pairs=(("A", "A"),)), "one symbol twice"),
        (lambda: Pairs(pairs=[["A", "B"]], leave=3.0), "must rise in this order"),
        (lambda: Pairs(pairs="AB"), "valid tuple"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(wrong: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wrong()


def test_the_table_of_defaults() -> None:
    """The defaults that the documents promise."""
    equity, crypto = EquityMomentum(), CryptoMomentum()
    assert (equity.trend_ma, equity.trend_lookback, equity.trend_rise) == (50, 20, 0.005)
    assert (equity.fast_breakout, equity.fast_margin, equity.slow_breakout, equity.slow_margin) == (20, 0.005, 55, 0.010)
    assert (equity.exit_ma, equity.stop_atr, equity.atr, equity.momentum) == (20, 2.5, 14, 60)
    assert (crypto.trend_ma, crypto.tighten_ma, crypto.tighten_atr, crypto.exit_ma, crypto.stop_atr) == (200, 20, 2.0, 50, 3.0)
    back = MeanReversion()
    assert (back.lookback, back.enter, back.leave, back.max_hold, back.stop_atr) == (20, -2.0, -0.5, 10, 3.0)
    pairs = Pairs(pairs=(("A", "B"),))
    assert (pairs.hedge_lookback, pairs.score_lookback, pairs.enter, pairs.leave, pairs.stop, pairs.max_hold) == (
        120,
        60,
        2,
        0.5,
        4,
        40,
    )
