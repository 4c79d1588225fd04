"""Permuted markets: a twin in logarithms, what must not change, and how often noise is found exploitable."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import naive_validation as naive
from tests.builders import random_bars
from tests.validation.sizes import sized
from trading_system.errors import DataError, InsufficientDataError
from trading_system.validation import permutation, resampling

laws = settings(max_examples=sized(30, 10))
NAMES = ("open", "high", "low", "close", "volume")


def market(n: int, width: int, seed: int, missing: float = 0.0) -> dict[str, np.ndarray]:
    """Panels of random bars; symbols list late and leave early when bars are missing."""
    bars = random_bars(n, width, seed, missing=missing)
    panels = {name: np.array(getattr(bars, name)) for name in NAMES}
    if missing:
        rng = np.random.default_rng(seed)
        for column in range(width):
            first, last = sorted(rng.integers(0, n, 2))
            for panel in panels.values():
                panel[:first, column] = panel[last + 1 :, column] = np.nan
    return panels


def taken_apart(panels: dict[str, np.ndarray], start: int = 0) -> permutation.Moves:
    return permutation.moves_of(*(panels[name] for name in NAMES), start=start)


@laws
@given(st.integers(0, 10**6), st.integers(5, 40), st.integers(1, 4), st.integers(0, 8), st.booleans(), st.booleans())
def test_a_permuted_market_is_that_of_a_second_implementation(seed, n, width, start, holes, open_to_open):
    start = min(start, n - 3)
    panels = market(n, width, seed, 0.2 if holes else 0.0)
    orders = permutation.drawn_orders(np.random.default_rng(seed), n, start)
    found = permutation.permuted(taken_apart(panels, start), orders, open_to_open=open_to_open)
    for column in range(width):
        bars = pd.DataFrame({name: panels[name][:, column] for name in NAMES})
        wanted = naive.permuted_symbol(bars, start, *(order.tolist() for order in orders), open_to_open=open_to_open)
        for name in NAMES:
            ours, theirs = getattr(found, name)[:, column], wanted[name].to_numpy()
            assert ours == pytest.approx(theirs, rel=1e-11, nan_ok=True), name


@laws
@given(st.integers(0, 10**6), st.integers(5, 60), st.integers(0, 20))
def test_what_a_permutation_keeps(seed, n, start):
    start = min(start, n - 3)
    panels = market(n, 3, seed)
    after = permutation.permuted(taken_apart(panels, start), permutation.drawn_orders(np.random.default_rng(seed), n, start))
    for name in NAMES:
        assert (getattr(after, name)[: start + 1] == panels[name][: start + 1]).all()
    assert after.close[-1] == pytest.approx(panels["close"][-1], rel=1e-12)
    assert (after.high >= np.maximum(after.open, after.close)).all() and (
        after.low <= np.minimum(after.open, after.close)
    ).all()
    before, moved = (
        (
            np.log(p.open[start + 1 :] / p.close[start:-1]),
            np.log(p.close[start + 1 :] / p.open[start + 1 :]),
            p.volume[start + 1 :],
        )
        for p in (permutation.Panels(*(panels[name] for name in NAMES)), after)
    )
    for own, other in zip(before, moved, strict=True):
        assert np.sort(own, axis=0) == pytest.approx(np.sort(other, axis=0), abs=1e-12)
    for own, other in zip(before[:2], moved[:2], strict=True):  # symbols keep their correlation, part by part
        if len(own) > 2:
            assert np.corrcoef(own.T) == pytest.approx(np.corrcoef(other.T), abs=1e-8)


def test_a_missing_bar_stays_missing_and_a_half_bar_stays_as_it_is():
    panels = market(60, 3, 4, 0.3)
    row = int(np.flatnonzero(~np.isnan(panels["close"][:, 0]))[3])
    panels["high"][row, 0] = np.nan
    after = permutation.permuted(taken_apart(panels), permutation.drawn_orders(np.random.default_rng(1), 60))
    assert (np.isnan(after.close) == np.isnan(panels["close"])).all()
    assert after.close[row, 0] == panels["close"][row, 0] and np.isnan(after.high[row, 0])


def test_row_keys_order_every_symbol_by_the_keys_of_its_own_rows():
    rng = np.random.default_rng(2)
    gap_keys, body_keys = rng.random(30), rng.random(30)
    orders = permutation.orders_of_keys(gap_keys, body_keys, 4)
    assert orders.gaps.tolist() == sorted(range(5, 30), key=lambda row: gap_keys[row])
    panels = market(30, 1, 6)
    alone = permutation.permuted(taken_apart(panels, 4), orders)
    with_gap = {name: np.column_stack((panel, panel)) for name, panel in panels.items()}
    for panel in with_gap.values():
        panel[10:20, 1] = np.nan
    both = permutation.permuted(taken_apart(with_gap, 4), orders)
    assert (both.close[:, 0] == alone.close[:, 0]).all()


def test_open_to_open_keeps_the_change_between_the_opens():
    panels = market(50, 2, 7)
    orders = permutation.drawn_orders(np.random.default_rng(3), 50)
    kept = permutation.permuted(taken_apart(panels), orders, open_to_open=True)
    assert kept.open[1] == pytest.approx(panels["open"][1], rel=1e-12)
    assert kept.open[-1] == pytest.approx(panels["open"][-1], rel=1e-12)
    assert kept.close[-1] == pytest.approx(panels["close"][-1], rel=1e-12)
    free = permutation.permuted(taken_apart(panels), orders)
    assert not np.allclose(free.open[-1], panels["open"][-1])


def test_a_market_without_volume_has_none_afterwards_and_the_first_is_not_changed():
    panels = market(20, 1, 8)
    before = panels["close"].copy()
    moves = permutation.moves_of(*(panels[name][:, 0] for name in NAMES[:4]))
    after = permutation.permuted(moves, permutation.drawn_orders(np.random.default_rng(1), 20))
    assert after.volume is None and after.close.shape == (20,) and (panels["close"] == before).all()


def random_walks(rng: np.random.Generator, n_bars: int) -> np.ndarray:
    """Open, high, low and close of a market without memory: a gap and eight steps a day."""
    steps = rng.normal(0.0, 0.01 / 3.0, (n_bars, 9))
    steps[:, 0] += 0.0005
    path = np.cumsum(steps.ravel()).reshape(n_bars, 9)
    return np.exp([path[:, 0], path.max(axis=1), path.min(axis=1), path[:, -1]])


def best_of(close: np.ndarray, lookbacks: tuple[int, ...]) -> tuple[float, int]:
    """Best mean log return of the sign of close less its average, and its lookback."""
    sums = np.concatenate(([0.0], np.cumsum(close)))
    moves = np.diff(np.log(close))[max(lookbacks) - 1 :]
    found = []
    for n in lookbacks:
        average = (sums[n:] - sums[:-n]) / n
        held = np.where(close[n - 1 :] > average, 1.0, -1.0)[max(lookbacks) - n : -1]
        found.append((float((held * moves).mean()), n))
    return max(found)


def test_noise_is_exploitable_five_times_in_a_hundred_when_the_search_is_inside_and_more_when_it_is_not():
    sets, rng, lookbacks = sized(250, 2), np.random.default_rng(13), (3, 5, 8, 12, 20, 30, 45, 60, 80, 100)
    inside, outside = [], []
    for _ in range(sets):
        prices = random_walks(rng, 400)
        moves = permutation.moves_of(*prices)
        observed, chosen = best_of(prices[3], lookbacks)
        worlds = [permutation.permuted(moves, permutation.drawn_orders(rng, 400)).close for _ in range(99)]
        inside.append(resampling.p_value(observed, [best_of(world, lookbacks)[0] for world in worlds]))
        full = max(lookbacks)
        fixed = [best_of(world, (chosen, full) if chosen != full else (full,)) for world in worlds]
        outside.append(resampling.p_value(observed, [value for value, _ in fixed]))
    if sets >= 250:
        assert 0.01 <= np.mean(np.array(inside) <= 0.05) <= 0.10
        assert np.mean(np.array(outside) <= 0.05) > 0.09


keys = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4).map(lambda k: np.array(k, dtype=np.uint64))


@laws
@given(st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=150), keys)
def test_signs_are_the_bits_of_the_draws(values, given_keys):
    wanted = [naive.flipped_mean(values, key) for key in given_keys.tolist()]
    assert permutation.flipped_means(values, given_keys) == pytest.approx(wanted, abs=1e-12)


def test_drawn_signs_agree_with_all_signs():
    values = np.random.default_rng(3).normal(0.3, 1.0, 12)
    exact = permutation.exact_sign_flip(values)
    drawn = permutation.sign_flip_test(values, resampling.resample_keys(np.random.default_rng(4), sized(9_999, 999)))
    assert drawn.p_value == pytest.approx(exact.p_value, abs=sized(15, 50) / 1_000)
    assert exact.p_two_sided == pytest.approx(2.0 * exact.p_value)


def test_equal_values_tie_with_themselves():
    """Every sign vector with all pluses is the observed one; 0.1 summed in another order differs in its last bit."""
    found = permutation.exact_sign_flip([0.1, 0.2, 0.3, 0.0])
    assert found.n_exceeding == 2 and found.n_vectors == 16  # the sign of a zero changes nothing
    assert permutation.exact_sign_flip([0.0, 0.0]).p_value == 1.0


def test_symmetric_returns_without_a_mean_are_significant_five_times_in_a_hundred():
    sets, rng = sized(500, 3), np.random.default_rng(5)
    p = [permutation.sign_flip_test(rng.standard_t(3, 100), resampling.resample_keys(rng, 199)).p_value for _ in range(sets)]
    if sets >= 500:
        assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.085


def test_threads_change_no_byte(monkeypatch):
    values = np.random.default_rng(6).standard_normal(200)
    given_keys = resampling.resample_keys(np.random.default_rng(7), sized(700, 30))
    monkeypatch.setenv("TRADING_SYSTEM_THREADS", "1")
    one = permutation.flipped_means(values, given_keys)
    monkeypatch.setenv("TRADING_SYSTEM_THREADS", "4")
    monkeypatch.setattr(permutation, "CHUNK", 13)
    assert permutation.flipped_means(values, given_keys).tobytes() == one.tobytes()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda p: permutation.moves_of(p["open"], p["high"], p["low"], p["close"][:5]), "panels of shape"),
        (lambda p: permutation.moves_of(-p["open"], p["high"], p["low"], p["close"]), "row 0: symbol 0: a bar has a price"),
        (
            lambda p: permutation.permuted(taken_apart(p), permutation.Orders(np.arange(9), np.arange(9))),
            "gaps is no permutation",
        ),
        (lambda p: permutation.exact_sign_flip(np.ones(21)), "21 values; allowed: 1 to 20"),
    ],
)
def test_impossible_inputs_are_one_message(call, words):
    with pytest.raises(DataError, match=words):
        call(market(20, 2, 9))


def test_nothing_behind_the_start_is_refused():
    with pytest.raises(InsufficientDataError, match="behind bar 18 needs 21 bars, the data has 20"):
        taken_apart(market(20, 1, 1), 18)
    assert permutation.selection_bias([1.0, 3.0]) == 2.0
    with pytest.raises(InsufficientDataError):
        permutation.flipped_means([], np.zeros(1, dtype=np.uint64))
    assert math.isfinite(permutation.exact_sign_flip([1.0]).p_value)
