"""The short way of a single line equals the long way to the byte, or says that it cannot go on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.builders import make_bars, random_bars
from tests.engine.scenes import CURVES, TABLES, Played, decided, flat_bars, rules, signals, still, strategy
from tests.engine.worlds import Dice, World, entry_rules, prices, run_rules, weights
from tests.engine.worlds import signals as random_signals
from trading_system.engine import lane
from trading_system.engine.laws import LawBroken, check_lane
from trading_system.engine.ledger import Code, Ledger
from trading_system.engine.simulate import Simulation, simulate
from trading_system.errors import StrategyError
from trading_system.strategies.base import Signals, Weights

CASES = int(os.environ.get("TRADING_SYSTEM_LANE_CASES", "2000"))
FAST = 200
CHUNK = 100
NAMES = (*CURVES, *TABLES, "repeated", "signals", "line_symbol", "line_strategy")
GROUPS = [
    pytest.param(range(n, n + CHUNK), id=f"{n}-{n + CHUNK - 1}", marks=[pytest.mark.slow] if n >= FAST else [])
    for n in range(0, CASES, CHUNK)
]


def lone_world(number: int) -> World:
    """A random run that may take the lane: one line, next-open fills, simple costs; holes and financing in a few of them."""
    dice = Dice(100_000 + number)
    n, k = dice.whole(20, 600), dice.pick(1, 1, 1, 3)
    *ohlc, volume = prices(dice, n, k, [])
    volume[dice.mask((n, k), dice.pick(0.0, 0.0, 0.05, 0.3))] = 0.0
    if dice.chance(0.1):
        volume[:] = np.nan
    if dice.chance(0.08):
        for panel in ohlc:
            panel[dice.whole(0, n - 1)] = np.nan
    bars = make_bars(*ohlc, volume, bars_per_session=dice.pick(1, 1, 5))
    column = dice.whole(0, k - 1)
    symbol = None if k == 1 else np.array([column])
    close = bars.close[:, [column]]
    made: Signals | Weights
    if dice.chance(0.4):
        made = weights(dice, close, symbol)
        if dice.chance(0.5):
            made = Weights.on_change(np.where(dice.mask(close.shape, 0.1), dice.pick(0.0, 1.0, 1.5, -0.5), np.nan), symbol)
    else:
        made = random_signals(dice, close, symbol, False, False)
        made = replace(made, trail_distance=None, stop_tighten=None, components=None, component_names=(), max_hold=None)
    decisions = [decided(bars, made)]
    config = plain_rules(dice, bars, decisions)
    first = dice.whole(1, 15) if dice.chance(0.3) else 0
    return World(bars, decisions, config, first, dice.whole(first + 1, n) if dice.chance(0.3) else n)


def plain_rules(dice: Dice, bars: Any, decisions: Any) -> Any:
    drawn = run_rules(dice, bars, decisions, False)
    entry = entry_rules(dice, bars)
    entry.pop("capacity", None)
    entry["sizing"]["method"] = dice.pick(*lane.PLAIN_SIZING)
    entry["allocation"] = dice.pick(1.0, 1.0, 0.5)
    model = dice.pick(*lane.PLAIN_SLIPPAGE)
    slippage = {"model": model, "bps": dice.pick(0.0, 5.0, 300.0), "spread_bps": 20.0, "multiple": dice.pick(1.0, 1.0, 3.0)}
    entry["costs"] |= {"commission_tiers": (), "slippage": slippage, "borrow_rate": dice.pick(0.0, 0.0, 0.0, 0.05)}
    portfolio = drawn.portfolio
    limits = portfolio.limits.model_dump() | {"max_drawdown": None, "max_daily_loss": None}
    return rules(
        entry,
        equity=portfolio.starting_equity,
        limits=limits,
        correlation_guard=dice.maybe(0.2, {"min_positions": 1, "average_threshold": -1.0, "candidate_threshold": -1.0}),
        debit_rate=dice.pick(0.0, 0.0, 0.08),
        execution=drawn.execution.model_dump() | {"stop_evaluation": "intrabar"},
    )


def tables(ledger: Ledger) -> dict[str, tuple[Any, bytes]]:
    """Every array of a ledger: its type and its bytes."""
    arrays = {name: np.ascontiguousarray(getattr(ledger, name)) for name in NAMES}
    return {name: (array.dtype, array.tobytes()) for name, array in arrays.items()}


def short_way(w: World) -> Ledger | None:
    assert lane.is_single_and_plain(w.bars, w.decisions, w.config, w.first, w.stop)
    return lane.simulate_single(w.bars, w.decisions, w.config, w.first, w.stop)


def long_way(w: World) -> Ledger:
    return Simulation(w.bars, w.decisions, w.config, first=w.first, stop=w.stop).advance().ledger()


def difference(number: int) -> tuple[str, bool]:
    """Arrays in which the two ways differ, and whether the lane went to the end."""
    w = lone_world(number)
    quick = short_way(w)
    if quick is None:
        return "", False
    mine, his = tables(quick), tables(long_way(w))
    wrong = [name for name in NAMES if mine[name] != his[name]]
    return f"world {number}: {', '.join(wrong)}" if wrong else "", True


@pytest.mark.parametrize("numbers", GROUPS)
def test_the_short_way_writes_the_bytes_of_the_long_way(numbers: range) -> None:
    found = [difference(number) for number in numbers]
    assert [text for text, _ in found if text] == []
    assert sum(whole for _, whole in found) > 0.7 * len(numbers)


def test_the_worlds_of_the_lane_hold_what_can_happen_to_a_line() -> None:
    seen: Counter[Code] = Counter()
    flips = grown = 0
    for number in range(2 * FAST):
        ledger = short_way(lone_world(number))
        if ledger is not None:
            played = Played(ledger)
            seen.update(played.codes())
            flips += any(row["side"] < 0 for row in played.trades)
            grown += len(played.orders) > lane.ROOM
    wanted = [
        "ENTRY",
        "SIGNAL",
        "REVERSAL",
        "STOP",
        "TARGET",
        "REBALANCE",
        "NO_VOLUME",
        "NO_STOP",
        "NOTIONAL",
        "GROSS_EXPOSURE",
        "CASH",
        "LOT",
        "REPEATED",
    ]
    assert [name for name in wanted if not seen[Code[name]]] == []
    assert flips > 20 and grown > 5


def real_columns(shared_data: Path) -> list[tuple[str, Any]]:
    """A few symbols of real daily and hourly files, each alone: name and bars with every row whole."""
    import pyarrow.parquet as pq

    found = []
    for file in ("crypto_daily/binance_usdt_daily.parquet", "intraday/crypto_btcusdt_hour_2017_2021.parquet"):
        table = pq.ParquetFile(shared_data / file).read().to_pydict()
        names = np.array(table.get("symbol", ["BTCUSDT"] * len(table["close"])))
        for name in np.unique(names)[:3]:
            rows = np.flatnonzero(names == name)
            ohlcv = [np.array(table[field], dtype=np.float64)[rows] for field in ("open", "high", "low", "close", "volume")]
            per_session = 24 if "hour" in file else 1
            found.append((f"{file} {name}", make_bars(*ohlcv, every_day=True, bars_per_session=per_session)))
    return found


def test_real_prices_give_the_same_bytes_both_ways(shared_data: Path) -> None:
    from trading_system.indicators import sma
    from trading_system.indicators.volatility import wilder_atr

    for name, bars in real_columns(shared_data):
        close = bars.close
        fast, slow, distance = sma(close, 10), sma(close, 40), 2.0 * wilder_atr(bars.high, bars.low, close, 14)
        trend = Weights.on_change(np.where(np.isnan(slow), np.nan, np.where(fast > slow, 1.0, -0.3)))
        up = Signals((fast > slow).astype(np.int8), fast < slow, stop_distance=distance, target_distance=1.5 * distance)
        for made in (trend, up):
            for costs in ({"commission_bps": 10.0}, {"commission_minimum": 3.0, "slippage": {"model": "fixed", "bps": 7.0}}):
                config = rules(strategy(costs=costs, asset_class="crypto", sizing={"method": "risk_per_trade", "risk": 0.02}))
                w = World(bars, [decided(bars, made)], config, 0, bars.n_bars)
                quick = short_way(w)
                assert quick is not None and len(quick.trades) > 20, name
                assert tables(quick) == tables(long_way(w)), name


# where the lane ends ---------------------------------------------------------------------------------------------------------
def lone(bars: Any, made: Any, **more: Any) -> World:
    return World(bars, [made], rules(more.pop("entry", strategy()), **more), 0, bars.n_bars)


def takes(w: World) -> bool:
    return lane.is_single_and_plain(w.bars, w.decisions, w.config, w.first, w.stop)


def test_only_a_single_line_without_portfolio_rules_takes_the_lane() -> None:
    bars = random_bars(60, 1, 3)
    made = signals(bars, {(3, 0): 1}, [(9, 0)], stop_distance=2.0, target_distance=4.0)
    assert takes(lone(bars, made))
    portfolio: list[dict[str, Any]] = [
        {"limits": {"max_drawdown": 0.5}},
        {"limits": {"max_daily_loss": 0.5}},
        {"volatility_scaling": {"mode": "regime"}},
        {"execution": {"fill": "same_close"}},
        {"execution": {"stop_evaluation": "close"}},
        {"ranking": {"diversification": 1.0}},
    ]
    entries: list[dict[str, Any]] = [
        {"costs": {"slippage": {"model": "full"}}},
        {"costs": {"commission_tiers": ({"from_notional": 0.0, "bps": 1.0},), "slippage": {"model": "none"}}},
        {"sizing": {"method": "kelly"}},
        {"capacity": {"max_fraction_of_adv": 0.1}},
    ]
    worlds = [lone(bars, made, **more) for more in portfolio] + [lone(bars, made, entry=strategy(**more)) for more in entries]
    for more in ({"trail_distance": 2.0}, {"stop_tighten": 2.0}, {"limit_price": 50.0}, {"max_hold": [3]}, {"group": [0]}):
        worlds.append(lone(bars, signals(bars, {(3, 0): 1}, **more)))  # type: ignore[arg-type]
    wide, split = random_bars(60, 2, 3), random_bars(60, 1, 3, n_splits=1)
    worlds += [lone(wide, signals(wide, {(3, 0): 1})), lone(split, signals(split, {(3, 0): 1}))]
    shut = replace(bars, tradable=np.arange(60)[:, None] != 30)
    worlds.append(lone(shut, signals(shut, {(3, 0): 1})))
    assert [takes(w) for w in worlds] == [False] * len(worlds)


def test_what_shows_on_the_way_sends_the_run_the_long_way() -> None:
    hole = flat_bars([(10.0, 10.0, 10.0, 10.0)] * 5 + [None] + [(10.0, 10.0, 10.0, 10.0)] * 5)
    held = lone(hole, signals(hole, {(1, 0): 1}, [(8, 0)]))
    flat = lone(hole, signals(hole, {(7, 0): 1}, [(9, 0)]))
    ruined = still(100.0, 100.0, 100.0, 300.0, 300.0, 300.0)
    short = lone(ruined, signals(ruined, {(0, 0): -1}), equity=1_000.0)
    assert [takes(w) for w in (held, flat, short)] == [True] * 3
    assert short_way(held) is None and short_way(flat) is not None and short_way(short) is None
    for w in (held, flat, short):
        assert tables(simulate(w.bars, w.decisions, w.config)) == tables(long_way(w))
    assert Played(simulate(ruined, short.decisions, short.config)).events


def test_a_value_that_breaks_the_contract_is_told_as_the_long_way_tells_it() -> None:
    bars = random_bars(40, 1, 8)
    for bad in ({"stop_distance": {(3, 0): -1.0}}, {"target_distance": {(3, 0): 0.0}}, {"scale": {(3, 0): np.inf}}):
        w = lone(bars, signals(bars, {(3, 0): 1}, **bad))
        assert takes(w)
        with pytest.raises(StrategyError, match=next(iter(bad))):
            simulate(w.bars, w.decisions, w.config)


def test_a_ledger_of_the_lane_can_be_changed_in_parts() -> None:
    bars = random_bars(60, 1, 3)
    w = lone(bars, signals(bars, {(3, 0): 1, (30, 0): -1}, [(9, 0)]))
    quick = short_way(w)
    assert quick is not None and len(quick.trades) == 2
    other = replace(quick, starting_equity=1.0)
    assert other.starting_equity == 1.0 and tables(other) == tables(quick)
    with pytest.raises(AttributeError, match="drawdown"):
        _ = quick.drawdown  # type: ignore[attr-defined]


def test_logs_that_grow_hold_what_they_held() -> None:
    bars = random_bars(400, 1, 6)
    target = np.where(np.arange(400) % 2 == 0, 0.9, 0.0)[:, None]
    w = lone(bars, decided(bars, Weights(target)))
    quick = short_way(w)
    assert quick is not None and len(quick.orders) > 3 * lane.ROOM
    assert tables(quick) == tables(long_way(w))


def test_a_run_without_logs_has_the_same_account_and_curve() -> None:
    for number in range(60):
        w = lone_world(number)
        made = w.decisions[0].decisions
        column = 0 if made.symbol is None else int(made.symbol[0])
        runs = [
            lane.run(lane.lane_arrays(w.bars, column, made, w.config, w.first, w.stop, keep_logs=keep), w.stop)
            for keep in (True, False)
        ]
        kept, bare = (x.state[0] for x in runs)
        assert kept["gave_up"] == bare["gave_up"]
        if not kept["gave_up"]:
            account = [name for name in kept.dtype.names if name != "refusal"]
            assert [kept[name].tobytes() for name in account] == [bare[name].tobytes() for name in account]
            assert runs[0].equity.tobytes() == runs[1].equity.tobytes()
            assert runs[1].orders.size == lane.ROOM


def test_forged_accounts_of_a_single_line_are_found_with_their_row() -> None:
    bars = random_bars(80, 1, 9)
    target = np.full((80, 1), np.nan)
    target[[5, 40, 60], 0] = [0.9, 0.0, 0.5]
    w = lone(bars, decided(bars, Weights(target)))

    def forged(change: Any) -> LawBroken:
        x = lane.run(lane.lane_arrays(w.bars, 0, w.decisions[0].decisions, w.config, 0, 80), 80)
        change(x)
        with pytest.raises(LawBroken) as caught:
            check_lane(lane._ledger(x, w.bars, w.config, 0, 0), x)
        return caught.value

    def add(array: str, place: int, field: str | None, more: float) -> Any:
        def change(x: Any) -> None:
            values = getattr(x, array) if field is None else getattr(x, array)[field]
            values[place] += more

        return change

    assert forged(add("equity", 50, None, 1.0)).row == 50
    assert forged(add("equity", 3, None, 1.0)).row == 3
    assert forged(add("fills", 1, "price", 0.5)).row == 41
    assert "equity" in forged(add("state", 0, "cash", 1.0)).law
    assert "signals" in forged(add("state", 0, "signals", 1)).law
    assert "signals" in forged(add("orders", 0, "cause", 20)).law
    assert "order" in forged(add("orders", 2, "filled", 0.5)).law
    assert "order" in forged(add("fills", 2, "order", -1)).law


def test_a_fresh_process_that_runs_a_crossover_loads_the_lane_alone() -> None:
    code = """
import sys
import numpy as np
from tests.builders import random_bars
from tests.engine.scenes import decided, rules
from trading_system.engine.simulate import simulate
from trading_system.metrics.summary import summarise
from trading_system.strategies.ma_crossover import MovingAverageCrossover
bars, config = random_bars(300, 1, 4), rules()
ledger = simulate(bars, [decided(bars, MovingAverageCrossover(fast=5, slow=20).decide(bars))], config)
summarise(ledger, config, benchmark=None)
print(len(ledger.trades) > 3, sorted(name.rpartition(".")[2] for name in sys.modules if "engine._kernels" in name))
"""

    def fresh() -> str:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    said = fresh()
    if "_kernels_bundle_type" in said:  # what only a compilation needs: this process filled an empty cache
        said = fresh()
    names = ["_kernels_bundle", "_kernels_lane", "_kernels_lane_audit", "_kernels_lane_fills"]
    assert said == f"True {names}"


def test_one_signature_without_reference_counts_serves_every_run_of_a_single_line() -> None:
    from trading_system.engine._kernels_lane import lane as kernel
    from trading_system.engine._kernels_lane_audit import audit_lane

    if not (hasattr(kernel, "overloads") and hasattr(audit_lane, "overloads")):  # asked, they compile from now on
        pytest.skip("nothing is compiled under NUMBA_DISABLE_JIT; there is no machine code to look at")
    for number in range(30):
        short_way(lone_world(number))
    for compiled in (kernel, audit_lane):
        overloads = list(compiled.overloads.values())
        assert len(overloads) == 1
        code = "".join(str(one.library._get_module_for_linking()) for one in overloads)
        assert "NRT_incref" not in code and "NRT_decref" not in code
