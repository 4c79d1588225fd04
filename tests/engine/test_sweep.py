"""A sweep gives what single runs give: the same fills and equity to the bit, the same statistics to 1e-12."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.builders import make_bars, random_bars
from tests.engine.scenes import decided, rules, still, strategy
from tests.engine.test_lane import lone_world, long_way
from tests.engine.worlds import World
from trading_system.engine.ledger import Ledger
from trading_system.engine.sweep import Figures, Sweep
from trading_system.strategies.base import Changes, Weights

CASES = 150


def changes_of(panels: Sequence[Any]) -> Callable[[int, int], Changes]:
    """Target panels of one line, shape (n_bars, 1), as changes."""

    def changes(first: int, stop: int) -> Changes:
        rows = [np.flatnonzero(~np.isnan(panel[:, 0])) for panel in panels[first:stop]]
        weights = [panel[found, 0] for panel, found in zip(panels[first:stop], rows, strict=True)]
        starts = np.concatenate(([0], np.cumsum([found.size for found in rows]))).astype(np.int64)
        return Changes(starts, np.concatenate(rows).astype(np.int64), np.concatenate(weights))

    return changes


def sampled_levels(ledger: Ledger) -> list[float]:
    window = slice(ledger.first, ledger.first + ledger.equity.size)
    return [ledger.starting_equity, *ledger.equity[ledger.bars.sampled[window]].tolist()]


def plain_figures(ledger: Ledger) -> dict[str, float]:
    """What a sweep says of a run, from its ledger by the definitions."""
    levels = sampled_levels(ledger)
    returns = [after / before - 1.0 for before, after in itertools.pairwise(levels)]
    peak, fall = levels[0], 0.0
    for level in levels:
        peak = max(peak, level)
        fall = min(fall, level / peak - 1.0)
    varies = len(set(returns)) > 1
    return {
        "mean": statistics.fmean(returns) if returns else float("nan"),
        "deviation": (statistics.stdev(returns) if varies else 0.0) if len(returns) > 1 else float("nan"),
        "max_drawdown": fall,
        "final": levels[-1],
        "n_trades": float(sum(ledger.trades["open"] == 0)),
        "n_fills": float(len(ledger.fills)),
    }


def assert_same_run(figures: Figures, place: tuple[int, int], ledger: Ledger, name: Any = "") -> None:
    plain = plain_figures(ledger)
    for key in ("final", "n_trades", "n_fills"):
        assert getattr(figures, key)[place] == plain[key], (name, key)
    for key in ("mean", "deviation", "max_drawdown"):
        assert getattr(figures, key)[place] == pytest.approx(plain[key], rel=1e-12, abs=1e-14, nan_ok=True), (name, key)
    cash, quantity = (values[place] for values in figures.account)
    held = float((ledger.fills["side"] * ledger.fills["quantity"]).cumsum()[-1]) if len(ledger.fills) else 0.0
    assert cash == ledger.cash[-1] and quantity == pytest.approx(held, rel=1e-9, abs=1e-9), name


def weight_worlds(n: int) -> list[tuple[int, World]]:
    """Random lone worlds whose decisions are weights, every row of which has a bar."""
    found, number = [], 0
    while len(found) < n:
        w, number = lone_world(number), number + 1
        if isinstance(w.decisions[0].decisions, Weights) and w.stop - w.first >= 3:
            found.append((number - 1, w))
    return found


def column_of(w: World) -> int:
    symbol = w.decisions[0].decisions.symbol
    return 0 if symbol is None else int(symbol[0])


def test_swept_weights_have_the_fills_and_the_equity_of_single_runs() -> None:
    whole = gave_up = trades = without_curve = 0
    for number, w in weight_worlds(CASES):
        made = w.decisions[0].decisions
        assert isinstance(made, Weights)
        sweep = Sweep(w.bars, column_of(w), w.config, [(w.first, w.stop)])
        if not sweep.applies(w.decisions[0].tradable[:, [column_of(w)]]):
            continue
        figures = sweep.weights(changes_of([made.target]), 1, keep=[0])
        gave_up += bool(figures.gave_up[0, 0])
        if not figures.gave_up[0, 0]:
            ledger = long_way(w)
            assert not len(ledger.events), number
            assert_same_run(figures, (0, 0), ledger, number)
            assert figures.curves[0].tolist() == sampled_levels(ledger)[1:], number
            hurried = sweep.weights(changes_of([made.target]), 1, end_alone=True)
            for name in ("final", "n_trades", "n_fills"):
                assert getattr(hurried, name)[0, 0] == pytest.approx(getattr(figures, name)[0, 0], rel=1e-12), (number, name)
            without_curve += bool(np.isnan(hurried.mean[0, 0]))
            whole, trades = whole + 1, trades + len(ledger.trades)
    assert whole > 0.6 * CASES and trades > 500 and gave_up > 3 and 10 < without_curve < whole


def test_swept_decisions_of_any_kind_have_the_figures_of_single_runs() -> None:
    seen = 0
    for number in range(80):
        w = lone_world(number)
        sweep = Sweep(w.bars, column_of(w), w.config, [(w.first, w.stop)])
        if w.stop - w.first < 3 or not sweep.applies(w.decisions[0].tradable[:, [column_of(w)]]):
            continue
        figures = sweep.decisions(lambda _, w=w: w.decisions[0].decisions, 1, keep=[0])  # type: ignore[misc]
        if not figures.gave_up[0, 0]:
            ledger = long_way(w)
            assert_same_run(figures, (0, 0), ledger, number)
            assert figures.curves[0].tolist() == sampled_levels(ledger)[1:]
            seen += 1
    assert seen > 40


def test_the_end_of_runs_that_are_all_in_or_out_needs_no_account_of_each() -> None:
    bars = random_bars(500, 1, 4)
    panels = []
    for seed in range(20):
        target = np.full((500, 1), np.nan)
        rng = np.random.default_rng(seed)
        at = np.sort(rng.choice(500, size=60, replace=False))
        target[at, 0] = np.where(np.arange(60) % 2 == seed % 2, 1.0, 0.0)
        panels.append(target)
    windows = [(0, 500), (37, 411)]
    every_cost: list[dict[str, Any]] = [
        {"commission_bps": 12.0, "slippage": {"model": "fixed", "bps": 9.0}},
        {"commission_bps": 0.0, "commission_per_share": 0.01, "slippage": {"model": "none"}},
        {"commission_bps": 3.0, "commission_minimum": 5.0, "slippage": {"model": "none"}},
    ]
    for costs in every_cost:
        for limits in ({}, {"max_position_notional": 0.4}):
            config = rules(strategy(costs=costs, limits=limits))
            figures = Sweep(bars, 0, config, windows).weights(changes_of(panels), 20, end_alone=True)
            assert np.isnan(figures.mean).all() and not figures.gave_up.any()
            for p, panel in enumerate(panels):
                for k, (first, stop) in enumerate(windows):
                    ledger = long_way(World(bars, [decided(bars, Weights(panel))], config, first, stop))
                    plain = plain_figures(ledger)
                    assert figures.n_trades[p, k] == plain["n_trades"] and figures.n_fills[p, k] == plain["n_fills"]
                    assert figures.final[p, k] == pytest.approx(plain["final"], rel=1e-12)
                    assert figures.account[0][p, k] == pytest.approx(ledger.cash[-1], rel=1e-9, abs=1e-6)


def test_a_sweep_over_windows_starts_each_of_them_flat() -> None:
    bars = random_bars(300, 1, 4)
    panels = []
    for seed in range(7):
        target = np.full((300, 1), np.nan)
        rng = np.random.default_rng(seed)
        at = np.sort(rng.choice(300, size=30, replace=False))
        target[at, 0] = rng.choice([0.0, 1.0, 0.5, -0.5], size=30)
        panels.append(target)
    windows = [(0, 120), (50, 200), (200, 300), (0, 300)]
    config = rules(strategy(costs={"commission_bps": 7.0, "slippage": {"model": "fixed", "bps": 3.0}}))
    figures = Sweep(bars, 0, config, windows).weights(changes_of(panels), 7)
    for p, panel in enumerate(panels):
        for k, (first, stop) in enumerate(windows):
            ledger = long_way(World(bars, [decided(bars, Weights(panel))], config, first, stop))
            assert_same_run(figures, (p, k), ledger, (p, k))


def test_a_set_begins_no_earlier_than_its_own_first_row() -> None:
    bars = random_bars(200, 1, 4)
    target = np.full((200, 1), np.nan)
    target[[20, 60, 90, 150], 0] = [1.0, 0.0, 1.0, 0.0]
    config = rules(strategy(costs={"commission_bps": 7.0}))
    firsts = np.array([0, 45, 70, 200])
    sweep = Sweep(bars, 0, config, [(10, 100), (30, 200)])
    swept = sweep.weights(changes_of([target] * 4), 4, firsts=firsts, keep=[1, 2, 3])
    walked = sweep.decisions(lambda _: Weights(target), 4, firsts=firsts, keep=[1, 2, 3])
    for figures in (swept, walked):
        for p, own in enumerate(firsts[:3].tolist()):
            for k, (first, stop) in enumerate(sweep.windows):
                ledger = long_way(World(bars, [decided(bars, Weights(target))], config, max(first, own), stop))
                assert_same_run(figures, (p, k), ledger, (p, k))
                assert figures.n_periods[p, k] == stop - max(first, own)
        assert sorted(figures.curves) == [1, 2] and figures.curves[2].tolist() == ledger.equity.tolist()
        assert figures.gave_up.tolist() == [[False, False]] * 3 + [[True, True]]


def test_equity_is_measured_where_the_benchmarks_calendar_closes() -> None:
    rng = np.random.default_rng(2)
    close = 100.0 * np.cumprod(1.0 + rng.normal(0.0, 0.01, 240))
    bars = make_bars(close, close * 1.01, close * 0.99, close, bars_per_session=6, sampled=np.arange(240) % 6 == 5)
    target = np.full((240, 1), np.nan)
    target[[10, 70, 100, 180], 0] = [1.0, 0.0, -0.6, 0.0]
    w = World(bars, [decided(bars, Weights(target))], rules(), 20, 233)
    figures = Sweep(bars, 0, w.config, [(20, 233)]).weights(changes_of([target]), 1, keep=[0])
    assert figures.n_periods.tolist() == [[35.0]] and figures.curves[0].shape == (35,)
    assert_same_run(figures, (0, 0), long_way(w))


def test_any_number_of_threads_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    bars = random_bars(200, 1, 6)
    rng = np.random.default_rng(3)
    panels = [np.where(rng.random((200, 1)) < 0.1, rng.choice([0.0, 1.0]), np.nan) for _ in range(400)]
    found = []
    for threads in ("1", "3"):
        monkeypatch.setenv("TRADING_SYSTEM_THREADS", threads)
        found.append(Sweep(bars, 0, rules()).weights(changes_of(panels), 400).table.tobytes())
    assert found[0] == found[1]


def test_returns_that_never_vary_have_no_deviation_and_a_steady_climb_keeps_its_digits() -> None:
    n = 200
    flat, climbing = still(*[100.0] * n), still(*(100.0 * 1.001 ** np.arange(n) + 1e-6 * (np.arange(n) % 2)))
    target = np.full((n, 1), np.nan)
    target[0] = 1.0
    costs = {"commission_bps": 0.0, "slippage": {"model": "none"}}
    for bars in (flat, climbing):
        w = World(bars, [decided(bars, Weights(target))], rules(strategy(costs=costs)), 0, n)
        figures = Sweep(bars, 0, w.config).weights(changes_of([target]), 1)
        assert_same_run(figures, (0, 0), long_way(w))
    assert Sweep(flat, 0, w.config).weights(changes_of([target]), 1).deviation[0, 0] == 0.0


def test_what_a_sweep_does_not_know_it_leaves_alone() -> None:
    bars = random_bars(60, 1, 3)
    tradable = bars.tradable
    assert Sweep(bars, 0, rules()).applies(tradable)
    hole = make_bars(
        *(np.where(np.arange(60) == 30, np.nan, panel[:, 0]) for panel in (bars.open, bars.high, bars.low, bars.close))
    )
    assert not Sweep(hole, 0, rules()).applies(hole.tradable)
    assert Sweep(hole, 0, rules(), [(0, 30)]).applies(hole.tradable)
    assert not Sweep(bars, 0, rules(limits={"max_drawdown": 0.5})).applies(tradable)
    assert not Sweep(bars, 0, rules(), [(0, 2)]).applies(tradable)
    assert not Sweep(bars, 0, rules(), [(0, 61)]).applies(tradable)
    shut = replace(bars, tradable=np.arange(60)[:, None] != 30)
    assert not Sweep(shut, 0, rules()).applies(shut.tradable)


def test_ruin_and_weights_that_are_no_numbers_give_up() -> None:
    ruined = still(100.0, 100.0, 100.0, 300.0, 300.0, 300.0)
    target = np.full((6, 1), np.nan)
    target[0] = -1.0
    assert Sweep(ruined, 0, rules(equity=1_000.0)).weights(changes_of([target]), 1).gave_up.all()
    target[0] = np.inf
    assert Sweep(ruined, 0, rules()).weights(changes_of([target]), 1).gave_up.all()
