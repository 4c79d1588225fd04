"""Positions and moves of a run against plain loops, and random times against every time there is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.builders import make_bars, random_bars
from tests.validation.examined import experiment_of, held_between
from tests.validation.sizes import sized
from trading_system.validation import held as room
from trading_system.validation.held import Held, held_of
from trading_system.validation.random_entry import rotated_means


def looped(ledger) -> tuple[dict, dict]:
    """Position and move per (row of the curve, symbol), by plain loops over fills, splits and closes."""
    bars, positions, moves = ledger.bars, {}, {}
    symbols = sorted({int(ledger.line_symbol[fill["line"]]) for fill in ledger.fills})
    for j in symbols:
        quantity, mark = 0.0, np.nan
        previous = None
        for row in range(ledger.first + ledger.equity.size):
            quantity *= bars.split[row, j]
            if np.isfinite(mark):
                mark /= bars.split[row, j]
            for fill in ledger.fills:
                if fill["row"] == row and ledger.line_symbol[fill["line"]] == j:
                    quantity += float(fill["side"] * fill["quantity"])
            if np.isfinite(bars.close[row, j]):
                mark = float(bars.close[row, j])
            t = row - ledger.first
            now = bars.adjusted.close[row, j]
            if t >= 1:
                moves[t - 1, j] = now / previous - 1.0 if np.isfinite(now) and previous is not None else 0.0
            if np.isfinite(now):
                previous = now
            if t >= 0:
                positions[t, j] = quantity * mark / ledger.equity[t] if np.isfinite(mark) and abs(quantity) > 1e-9 else 0.0
    return positions, moves


@pytest.mark.parametrize("seed", range(4))
def test_positions_and_moves_are_those_of_a_plain_loop(seed):
    bars = random_bars(60, 3, seed, missing=0.08, n_splits=2, n_dividends=2)
    rule = held_between(range(8, 60, 14), range(14, 60, 14), side=1 if seed % 2 else -1)
    ledger = experiment_of(bars, rule, first=5, sizing={"method": "fixed_fraction", "fraction": 0.2}).baseline.ledger
    found, (positions, moves) = held_of(ledger), looped(ledger)
    symbols = sorted({j for _, j in positions})
    for place, j in enumerate(symbols):
        for t in range(found.positions.shape[0]):
            assert found.positions[t, place] == pytest.approx(positions[t, j], rel=1e-9, abs=1e-12), (t, j)
            assert found.moves[t, place] == pytest.approx(moves[t, j], rel=1e-9, abs=1e-12), (t, j)


def test_what_was_held_earned_what_the_equity_earned_where_nothing_traded():
    bars = random_bars(40, 2, 3)
    ledger = experiment_of(bars, held_between([3], [39]), sizing={"method": "fixed_fraction", "fraction": 0.4}).baseline.ledger
    found = held_of(ledger)
    earned = (found.positions * found.moves).sum(axis=1)
    assert earned[5:] == pytest.approx(ledger.equity[6:] / ledger.equity[5:-1] - 1.0, abs=1e-12)


def sample(n: int, width: int, seed: int, holes: bool) -> Held:
    rng = np.random.default_rng(seed)
    moves = rng.normal(0.001, 0.01, (n, width))
    live = np.ones((n, width), bool)
    if holes:
        live[: n // 3, -1] = False
    positions = np.repeat(rng.random((n // 5, width)) < 0.4, 5, axis=0) * 0.3 * live
    return Held(positions, np.where(live, moves, 0.0), live)


def test_one_symbol_rotates_as_the_exact_rotations_do():
    held = sample(60, 1, 1, holes=False)
    every = rotated_means(held.positions[:, 0], held.moves[:, 0])
    drawn = room.rotated_totals(held, np.random.default_rng(1), 300)
    assert np.abs(drawn[:, None] - every).min(axis=1).max() < 1e-15
    assert len(np.unique(drawn.round(15))) > 50


@pytest.mark.parametrize("holes", [False, True])
def test_the_mean_of_random_times_is_exposure_times_drift(holes):
    held = sample(100, 3, 2, holes)
    wanted = (
        sum(held.positions[held.live[:, j], j].sum() * held.moves[held.live[:, j], j].mean() for j in range(3)) / held.n_rows
    )
    n = sized(4_000, 200)
    for draws in (room.paired_totals, room.rotated_totals):
        found = draws(held, np.random.default_rng(3), n)
        assert found.mean() == pytest.approx(wanted, abs=4.0 * found.std() / np.sqrt(n) + 1e-12)


def test_symbols_keep_their_common_days():
    """Two symbols held against each other in the same moves earn nothing at any time."""
    held = sample(100, 1, 4, holes=False)
    both = dataclasses.replace(
        held,
        positions=np.hstack([held.positions, -held.positions]),
        moves=np.hstack([held.moves] * 2),
        live=np.hstack([held.live] * 2),
    )
    for draws in (room.paired_totals, room.rotated_totals):
        assert draws(both, np.random.default_rng(1), 50) == pytest.approx(np.zeros(50), abs=1e-15)
    assert np.abs(room.run_totals(both, np.random.default_rng(1), 50)).max() > 1e-6  # which runs of single symbols do not keep


def test_runs_keep_lengths_and_threads_change_nothing(monkeypatch):
    held = sample(120, 2, 5, holes=True)
    constant = dataclasses.replace(held, moves=np.where(held.live, 0.01, 0.0))
    assert room.run_totals(constant, np.random.default_rng(1), 20) == pytest.approx(np.full(20, constant.mean))
    found = []
    for threads in ("1", "3"):
        monkeypatch.setenv("TRADING_SYSTEM_THREADS", threads)
        found.append(
            [
                draws(held, np.random.default_rng(2), 300).tobytes()
                for draws in (room.paired_totals, room.rotated_totals, room.run_totals)
            ]
        )
    assert found[0] == found[1]


def test_a_split_moves_no_position():
    plain = make_bars(*(np.full((12, 1), 100.0) for _ in range(4)))
    split = make_bars(
        *(np.concatenate((np.full((6, 1), 100.0), np.full((6, 1), 50.0))) for _ in range(4)), splits=[(6, 0, 2.0)]
    )
    ours, theirs = (held_of(experiment_of(bars, held_between([2], [9])).baseline.ledger) for bars in (split, plain))
    assert ours.positions == pytest.approx(theirs.positions) and not ours.moves.any()
