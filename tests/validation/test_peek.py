"""Planted leaks of every kind are found and named, clean rules of every kind are not."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from tests.builders import random_bars
from tests.validation.rules_that_peek import CLEAN, PEEKING, crossing, shipped
from trading_system.data.bars import Bars
from trading_system.errors import InsufficientDataError, StrategyError
from trading_system.strategies.base import Weights
from trading_system.validation.decided import Decided, moved
from trading_system.validation.histories import INPUTS, arrays_of, fingerprint, own_copy, perturbed
from trading_system.validation.loop import Loop
from trading_system.validation.peek import Looker, decisive_cuts

N_BARS = 430
DEAF = ("chance_from_a_fixed_seed", "weekday_of_this_bar")
SHIPPED = shipped(tuple(f"S{i:03d}" for i in range(6)))


def market(seed: int = 12, n_bars: int = N_BARS) -> Bars:
    """Six names with holes, splits and dividends; one listed late, one gone early, one that leaves the universe for a while."""
    bars = random_bars(n_bars, 6, seed=seed, missing=0.03, n_splits=4, n_dividends=12)
    for panel in (bars.open, bars.high, bars.low, bars.close, bars.volume):
        panel[: n_bars // 3, 2] = panel[2 * n_bars // 3 :, 4] = np.nan
    bars.tradable[n_bars // 4 : n_bars // 2, 0] = False
    return replace(bars, factor=None, split_factor=None)


def look(act, bars=None, n_cuts=16, seed=5, least=1):
    return Looker(act, market() if bars is None else bars, seed).look(Loop(), "rule", n_cuts, least)


@pytest.mark.parametrize("name", PEEKING)
def test_planted_leaks_are_flagged_with_their_output_and_first_bar(name):
    act, output = PEEKING[name]
    bars = market()
    found = look(act, bars)
    assert not found.clean and not found.unsteady and not found.written
    assert output in {leak.output for leak in found.leaks}
    for leak in found.leaks:
        assert 0 <= leak.row < leak.cut and leak.bar == bars.labels()[leak.row]
        assert leak.symbol in bars.symbols or leak.output == "lines"
        assert set(leak.through) <= set(INPUTS)


def test_more_than_a_dozen_kinds_of_leaks_are_planted_and_twenty_clean_rules_held_beside_them():
    assert len(PEEKING) >= 12 and len({output for _, output in PEEKING.values()}) >= 9
    assert len(CLEAN) + len(SHIPPED) >= 20


@pytest.mark.parametrize("seed", [1, 12])
@pytest.mark.parametrize("name", [*CLEAN, *SHIPPED])
def test_clean_rules_are_not_flagged(name, seed):
    found = look((CLEAN | SHIPPED)[name], market(seed))
    assert found.clean, found
    assert not found.failed and found.n_decisions == 36 and found.deaf == (name in DEAF)


@pytest.mark.parametrize(
    ("name", "through"),
    [
        ("knows_the_benchmarks_next_close", ("benchmark",)),
        ("knows_who_will_leave_the_universe", ("universe",)),
        ("adjusted_backwards", ("actions",)),
        ("scaled_by_the_last_volume", ("prices", "volume")),
        ("exit_before_the_fall", ("prices", "actions")),
        ("last_rows_of_the_data", ()),
    ],
)
def test_the_input_that_gave_the_future_away_is_named(name, through):
    act, output = PEEKING[name]
    (leak,) = [one for one in look(act).leaks if one.output == output]
    assert leak.through == through


def test_the_first_bar_is_the_first_that_could_have_moved():
    """One row that reads one later row: only cuts between the two can show it, and they show that row."""

    def act(bars: Bars) -> Weights:
        target = np.full(bars.close.shape, 0.1)
        if bars.n_bars > 260:
            target[200, 3] = np.nan_to_num(bars.close[260, 3])
        return Weights(target)

    (leak,) = look(act, random_bars(N_BARS, 6)).leaks
    assert (leak.output, leak.row, leak.symbol) == ("target", 200, "S003")
    assert 200 < leak.cut <= 260 and leak.n_found >= 2 and leak.through == ("prices",)


def test_a_rare_leak_right_behind_a_decision_is_found_by_a_cut_there():
    """Three decisions in 2,000 bars, each made of the next bar."""

    def act(bars: Bars) -> Weights:
        target = np.full(bars.close.shape, np.nan)
        for row in (400, 1130, 1750):
            if bars.n_bars > row:
                target[row] = np.where(bars.close[row + 1] > bars.close[row], 0.2, 0.1) if bars.n_bars > row + 1 else 0.15
        return Weights(target)

    assert look(act, random_bars(2000, 2), n_cuts=8).leaks[0].row in (400, 1130, 1750)


def test_a_rule_that_draws_anew_each_time_is_unsteady_and_not_said_to_look_ahead():
    rng = np.random.default_rng(1)
    lock = threading.Lock()

    def act(bars: Bars) -> Weights:
        with lock:
            return Weights(np.where(rng.random(bars.close.shape) < 0.5, 0.1, 0.0))

    found = look(act)
    assert [one.output for one in found.unsteady] == ["target"] and not found.leaks and not found.clean


def test_a_rule_that_remembers_other_bars_is_unsteady():
    longest: dict[int, np.ndarray] = {}

    def act(bars: Bars) -> Weights:
        """Averages over all calls."""
        longest[len(longest)] = bars.close
        return Weights(np.full(bars.close.shape, 0.1 if len(longest) < 3 else 0.2))

    found = look(act)
    assert found.unsteady and found.unsteady[0].how == "repeated"


def test_a_rule_that_answers_from_its_first_call_is_found():
    first: list[Weights] = []

    def act(bars: Bars) -> Weights:
        if not first:
            first.append(crossing_weights(bars))
        return Weights(first[0].target[: bars.n_bars])

    def crossing_weights(bars: Bars) -> Weights:
        return Weights(np.where(np.nan_to_num(bars.close) > np.nanmean(bars.close, axis=0), 0.1, 0.0))

    found = look(act)
    assert found.clean and found.deaf, "nothing moves, not even where every bar is noise"
    assert not look(crossing_weights).deaf


@pytest.mark.parametrize("array", ["close", "adjusted.close", "tradable"])
def test_a_rule_that_writes_into_its_bars_is_named_with_the_array(array):
    def act(bars: Bars) -> Weights:
        panel = {"close": bars.close, "adjusted.close": bars.adjusted.close, "tradable": bars.tradable}[array]
        panel[~panel if array == "tradable" else np.isnan(panel)] = 1
        return Weights(np.where(np.nan_to_num(bars.close) > 50.0, 0.1, 0.0))

    bars = market()
    before = fingerprint(bars)
    found = look(act, bars)
    assert array in found.written and not found.clean
    assert fingerprint(bars) == before, "the bars of the run themselves were never handed out"


def test_histories_on_which_it_fails_are_told_and_the_others_still_compared():
    def act(bars: Bars) -> Weights:
        if bars.n_bars < 120:
            raise StrategyError("needs 120 bars")
        return Weights(np.where(np.nan_to_num(bars.close) > 50.0, 0.1, 0.0))

    found = look(act)
    assert found.clean and len(found.failed) == 1
    assert found.failed[0].startswith("fails on the first ") and "needs 120 bars" in found.failed[0]


def test_a_rule_that_fails_on_every_other_history_is_an_error():
    def act(bars: Bars) -> Weights:
        if bars.n_bars < N_BARS or not np.array_equal(bars.close, whole.close, equal_nan=True):
            raise StrategyError("only these bars")
        return Weights(np.zeros(bars.close.shape))

    whole = market()
    with pytest.raises(StrategyError, match="only these bars"):
        look(act, whole)


def test_the_answer_is_the_same_on_any_number_of_threads(monkeypatch):
    found = []
    for threads in ("1", "2"):
        monkeypatch.setenv("TRADING_SYSTEM_THREADS", threads)
        found.append(look(PEEKING["ranked_by_the_coming_month"][0]))
    assert found[0].leaks == found[1].leaks and found[0].cuts == found[1].cuts


def test_cuts_are_irregular_below_all_rows_and_stand_behind_decisions_and_holes():
    deciding, holes = np.arange(0, 1000, 7), np.arange(5, 1000, 11)
    cuts = decisive_cuts(deciding, holes, 1000, np.random.default_rng(3), 20, 50)
    assert len(cuts) == 20 and cuts == sorted(cuts) and 50 <= cuts[0] and cuts[-1] < 1000
    assert all((cut - 1) % 7 == 0 for cut in cuts[1::2]) and all((cut - 1) % 11 == 5 for cut in cuts[2::4])
    assert len({cut % 5 for cut in cuts}) > 2
    none = np.zeros(0, np.int64)
    assert len(set(decisive_cuts(none, none, 1000, np.random.default_rng(3), 20))) == 20
    with pytest.raises(InsufficientDataError, match="8 cuts need"):
        decisive_cuts(none, none, 8, np.random.default_rng(3), 8)


@pytest.mark.parametrize("only", ["", *INPUTS])
def test_noise_leaves_every_earlier_row_and_changes_later_ones_of_its_own_input(only):
    bars, n = market(), 222
    other = perturbed(bars, n, np.random.default_rng(9), only)
    was, now = dict(arrays_of(bars)), dict(arrays_of(other))
    for name, array in was.items():
        if name.startswith("actions.") or name in ("delisted_row", "delisted_price", "calendar_of"):
            continue
        assert np.array_equal(array[:n], now[name][:n], equal_nan=array.dtype.kind == "f"), name
    assert other.actions.row[other.actions.row < n].size == bars.actions.row[bars.actions.row < n].size
    parts = {
        "prices": "close",
        "volume": "volume",
        "actions": "factor",
        "universe": "tradable",
        "benchmark": "benchmark_close",
    }
    for part, name in parts.items():
        same = np.array_equal(was[name][n:], now[name][n:], equal_nan=was[name].dtype.kind == "f")
        touched = only in ("", part) or (only == "prices" and part == "volume")
        assert same != touched, (part, name)


def test_noisy_bars_are_valid_bars():
    other = perturbed(market(), 100, np.random.default_rng(2))
    there = other.has_bar
    top, bottom = np.maximum(other.open, other.close)[there], np.minimum(other.open, other.close)[there]
    assert (other.high[there] >= top).all() and (other.low[there] <= bottom).all() and (other.low[there] > 0.0).all()


def test_a_copy_shares_nothing():
    bars = market()
    other = own_copy(bars)
    for (name, one), (_, two) in zip(arrays_of(bars), arrays_of(other), strict=True):
        assert not np.shares_memory(one, two), name
        assert np.array_equal(one, two, equal_nan=one.dtype.kind == "f")


def test_a_line_that_is_not_there_yet_decides_nothing_and_one_that_moves_its_place_is_named():
    bars = random_bars(10, 3)
    one = Decided.of(crossing(bars), bars)
    fewer = Decided(10, one.lines[:2], {name: panel[:, :2] for name, panel in one.panels.items()})
    quiet = Decided(10, one.lines, {name: np.where([True, True, False], panel, 0) for name, panel in one.panels.items()})
    assert not moved(quiet, fewer, 10) and not moved(fewer, quiet, 10)
    swapped = Decided(10, one.lines[::-1], {name: panel[:, ::-1] for name, panel in one.panels.items()})
    assert set(moved(one, swapped, 10)) == {"lines"}
