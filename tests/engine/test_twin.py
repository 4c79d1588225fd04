"""The engine equals its naive twin on random markets, strategies and rules: orders, fills and reasons, money to 1e-9.

``TRADING_SYSTEM_TWIN_CASES`` sets the number of worlds (600); the first 40 are in the fast half.
"""

from __future__ import annotations

import collections
import math
import os
from typing import Any

import numpy as np
import pytest

from tests.engine.scenes import CURVES, Played, play_kernel, play_twin
from tests.engine.worlds import world
from trading_system.engine.ledger import Code, OrderKind, OrderStatus
from trading_system.engine.simulate import Simulation, simulate

CASES = int(os.environ.get("TRADING_SYSTEM_TWIN_CASES", "600"))
FAST = 40
CHUNK = 20
TABLES = {"orders": ("id",), "fills": (), "trades": ("line",), "refusals": ("first_row", "line"), "events": ()}
MONEY = ("gross_pnl", "commission", "slippage", "financing", "dividends", "pnl", "equity", "cash", "interest", "initial_risk")
UNITS = ("quantity", "filled")
NAN = float("nan")
NAMES = {
    "cause": Code,
    "end": Code,
    "code": Code,
    "entry_reason": Code,
    "exit_reason": Code,
    "kind": OrderKind,
    "status": OrderStatus,
}
GROUPS = [
    pytest.param(
        range(n, min(n + CHUNK, CASES)), id=f"{n}-{min(n + CHUNK, CASES) - 1}", marks=[pytest.mark.slow] if n >= FAST else []
    )
    for n in range(0, CASES, CHUNK)
]


def same(name: str, mine: Any, his: Any, scale: float, price: float = NAN) -> bool:
    """Whole numbers exactly; money, and what a quantity is worth at `price`, to 1e-9 of the equity it is part of; all else to 1e-9 of itself."""
    if isinstance(mine, int) and isinstance(his, int):
        return mine == his
    if math.isnan(mine) or math.isnan(his):
        return math.isnan(mine) and math.isnan(his)
    unit = scale if name in MONEY else scale / price if name in UNITS and price > 0.0 else 1.0
    return math.isclose(mine, his, rel_tol=1e-9, abs_tol=1e-9 * unit)


def price_of(row: dict[str, Any]) -> float:
    """Price at which the row's quantity was traded, NaN when it was not."""
    return next((row[name] for name in ("fill_price", "price", "entry_price") if name in row), NAN)


def shown(row: dict[str, Any], table: str) -> str:
    named = {key: f"{NAMES[key](value).name}" if key in NAMES and table != "events" else value for key, value in row.items()}
    return ", ".join(f"{key}={value}" for key, value in named.items())


def difference(engine: Played, twin: Played, scale: float) -> str:
    """The first row and field in which two ledgers differ, in the order in which one causes the other; "" when none."""
    for table, keys in TABLES.items():
        mine, his = (sorted(getattr(p, table), key=lambda r: [r[k] for k in keys]) for p in (engine, twin))
        for number, (a, b) in enumerate(zip(mine, his, strict=False)):
            fields = [name for name in b if not same(name, a[name], b[name], scale, price_of(b))]
            if fields:
                return f"{table}[{number}] differ in {fields}:\n engine {shown(a, table)}\n twin   {shown(b, table)}"
        if len(mine) != len(his):
            more = (mine if len(mine) > len(his) else his)[min(len(mine), len(his))]
            return f"{table}: engine has {len(mine)} rows, twin {len(his)}; the first one more: {shown(more, table)}"
    for curve in (*CURVES, "repeated", "signals"):
        a_curve, b_curve = getattr(engine, curve), getattr(twin, curve)
        if len(a_curve) != len(b_curve):
            return f"{curve}: engine has {len(a_curve)} values, twin {len(b_curve)}"
        for t, (a, b) in enumerate(zip(a_curve, b_curve, strict=True)):
            if not same(curve, a, b, scale):
                return f"{curve}[{t}]: engine {a!r}, twin {b!r}"
    return ""


def compare(number: int) -> str:
    """What differs in one world, with what one needs to look at it again."""
    w = world(number)
    engine = play_kernel(w.bars, w.decisions, w.config, first=w.first, stop=w.stop)
    twin = play_twin(w.bars, w.decisions, w.config, first=w.first, stop=w.stop)
    found = difference(engine, twin, w.config.portfolio.starting_equity)
    return found and f"world {number} (rows {w.first}..{w.stop}): {found}"


@pytest.mark.parametrize("numbers", GROUPS)
def test_the_engine_equals_its_naive_twin(numbers: range) -> None:
    found = [text for text in map(compare, numbers) if text]
    assert not found, f"{len(found)} of {len(numbers)} worlds differ\n" + "\n".join(found[:5])


@pytest.mark.slow
def test_every_code_occurs_in_some_world() -> None:
    seen: collections.Counter[Code] = collections.Counter()
    for number in range(max(CASES, 300)):
        w = world(number)
        seen.update(play_kernel(w.bars, w.decisions, w.config, first=w.first, stop=w.stop).codes())
    print({code.name: seen[code] for code in Code})
    assert [code.name for code in Code if code is not Code.NONE and not seen[code]] == []


def test_the_comparison_sees_a_difference() -> None:
    w = world(0)
    twin = play_twin(w.bars, w.decisions, w.config, first=w.first, stop=w.stop)
    other = play_twin(w.bars, w.decisions, w.config, first=w.first, stop=w.stop)
    assert difference(twin, other, 1.0) == ""
    other.equity[-1] *= 1.0 + 1e-6
    assert difference(twin, other, 1.0).startswith("equity[")
    del other.orders[-1]
    assert difference(twin, other, 1.0).startswith("orders: ")


def tables(ledger: Any) -> dict[str, bytes]:
    """Every array of a ledger as bytes."""
    names = (*CURVES, *TABLES, "repeated", "signals")
    return {name: np.ascontiguousarray(getattr(ledger, name)).tobytes() for name in names}


def cut_at_random_rows(number: int) -> list[str]:
    """Arrays of a run in steps that differ from those of the whole run."""
    w = world(number)
    whole = simulate(w.bars, w.decisions, w.config, first=w.first, stop=w.stop)
    rng = np.random.default_rng(number)
    cuts = sorted(rng.integers(w.first, w.stop + 1, int(rng.integers(1, 8))).tolist())
    stepped = Simulation(w.bars, w.decisions, w.config, first=w.first, stop=w.stop)
    for row in cuts:
        stepped.advance(row)
    mine, his = tables(stepped.advance().ledger()), tables(whole)
    return [f"world {number}, cut at {cuts}: {name}" for name in his if mine[name] != his[name]]


@pytest.mark.parametrize("numbers", GROUPS)
def test_a_run_cut_anywhere_and_resumed_is_the_same_to_the_byte(numbers: range) -> None:
    assert [text for number in numbers for text in cut_at_random_rows(number)] == []


def test_a_run_bar_by_bar_is_the_same_to_the_byte() -> None:
    for number in range(12):
        w = world(number)
        stepped = Simulation(w.bars, w.decisions, w.config, first=w.first, stop=w.stop)
        for row in range(w.first + 1, w.stop + 1):
            stepped.advance(row)
            stepped.ledger()  # looking changes nothing
        assert tables(stepped.ledger()) == tables(simulate(w.bars, w.decisions, w.config, first=w.first, stop=w.stop))
