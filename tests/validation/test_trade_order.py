"""Trades in another order: a twin, what no order changes, and blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import naive_validation as naive
from tests.validation.sizes import sized
from trading_system.errors import DataError, InsufficientDataError
from trading_system.validation import resampling, trade_order

laws = settings(max_examples=sized(40, 10))
trades = st.lists(st.one_of(st.floats(-80.0, 80.0), st.sampled_from([0.0, -150.0])), min_size=1, max_size=25)
keys = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4).map(lambda k: np.array(k, dtype=np.uint64))


@laws
@given(trades, keys, st.integers(1, 25), st.booleans())
def test_orders_follow_from_their_keys(pnl, given_keys, block, replace):
    block = min(block, len(pnl))
    wanted = []
    for key in given_keys.tolist():
        draws, n = naive.splitmix(key), len(pnl)
        firsts = list(range(0, n, block))
        if replace:
            order = [((next(draws) >> 32) * n) >> 32 for _ in firsts]
            path = [pnl[(first + i) % n] for first in order for i in range(block)][:n]
        else:
            path = [pnl[i] for first in naive.shuffled(draws, firsts) for i in range(first, min(first + block, n))]
        wanted.append(naive.trade_path(path, 100.0))
    found = trade_order.trade_paths(pnl, 100.0, given_keys, block=block, replace=replace)
    assert np.array(found).T == pytest.approx(np.array(wanted), abs=1e-9)


@laws
@given(trades, keys)
def test_shuffling_changes_no_final_equity(pnl, given_keys):
    seen, drawn = trade_order.observed_path(pnl, 1_000.0), trade_order.trade_paths(pnl, 1_000.0, given_keys)
    assert drawn.final_equity == pytest.approx(seen.final_equity[0])
    assert drawn.final_growth == pytest.approx(seen.final_growth[0])
    assert (drawn.drawdown >= max(0.0, -min(pnl)) - 1e-9).all() and (drawn.drawdown_compounded <= 0.0).all()


def test_drawn_orders_agree_with_all_orders():
    pnl = [120.0, -80.0, 60.0, -150.0, 200.0, -40.0]
    every = trade_order.all_paths(pnl, 1_000.0)
    drawn = trade_order.trade_paths(pnl, 1_000.0, resampling.resample_keys(np.random.default_rng(1), sized(10_000, 500)))
    assert every.drawdown.size == 720
    tolerance = sized(3, 12) / 100
    assert drawn.drawdown.mean() == pytest.approx(every.drawdown.mean(), rel=tolerance)
    assert drawn.drawdown_compounded.mean() == pytest.approx(every.drawdown_compounded.mean(), rel=tolerance)
    share = trade_order.share_at_least(170.0, every.drawdown)
    assert trade_order.share_at_least(170.0, drawn.drawdown) == pytest.approx(share, abs=sized(2, 9) / 100)


def test_blocks_keep_runs_of_losses_together():
    pnl = [-1.0] * 5 + [1.0] * 15
    given_keys = resampling.resample_keys(np.random.default_rng(2), 50)
    assert (trade_order.trade_paths(pnl, 100.0, given_keys, block=5).losing_run == 5.0).all()
    assert trade_order.trade_paths(pnl, 100.0, given_keys).losing_run.mean() < 4.0


def test_ruin_is_final():
    seen = trade_order.observed_path([-60.0, 50.0, -120.0, 500.0], 100.0)
    assert seen.drawdown_compounded[0] == -1.0 and seen.final_growth[0] == 0.0 and seen.final_equity[0] == 470.0


def test_impossible_inputs_are_one_message():
    some = resampling.resample_keys(np.random.default_rng(1), 2)
    with pytest.raises(DataError, match="the start equity is 0.0"):
        trade_order.trade_paths([1.0], 0.0, some)
    with pytest.raises(DataError, match="blocks of 3 trades, there are 2"):
        trade_order.trade_paths([1.0, 2.0], 100.0, some, block=3)
    with pytest.raises(DataError, match="9 trades; allowed: 1 to 8"):
        trade_order.all_paths(np.ones(9), 100.0)
    with pytest.raises(InsufficientDataError):
        trade_order.observed_path([], 100.0)
