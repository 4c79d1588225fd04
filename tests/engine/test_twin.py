"""The engine equals its naive twin on random markets, strategies and rules: orders, fills and reasons, money to 1e-9.

``TRADING_SYSTEM_TWIN_CASES`` sets the number of worlds (300); the first 40 are in the fast half.
"""

from __future__ import annotations

import collections
import math
import os
from typing import Any

import pytest

from tests.engine.scenes import CURVES, Played, play_kernel, play_twin
from tests.engine.worlds import world
from trading_system.engine.ledger import Code, OrderKind, OrderStatus

CASES = int(os.environ.get("TRADING_SYSTEM_TWIN_CASES", "300"))
FAST = 40
CHUNK = 20
TABLES = {"orders": ("id",), "fills": (), "trades": ("line",), "refusals": ("first_row", "line"), "events": ()}
MONEY = ("gross_pnl", "commission", "slippage", "financing", "dividends", "pnl", "equity", "cash", "interest", "initial_risk")
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


def same(name: str, mine: Any, his: Any, scale: float) -> bool:
    """Whole numbers exactly; money to 1e-9 of the equity it is part of; everything else to 1e-9 of itself."""
    if isinstance(mine, int) and isinstance(his, int):
        return mine == his
    if math.isnan(mine) or math.isnan(his):
        return math.isnan(mine) and math.isnan(his)
    return math.isclose(mine, his, rel_tol=1e-9, abs_tol=1e-9 * (scale if name in MONEY else 1.0))


def shown(row: dict[str, Any], table: str) -> str:
    named = {key: f"{NAMES[key](value).name}" if key in NAMES and table != "events" else value for key, value in row.items()}
    return ", ".join(f"{key}={value}" for key, value in named.items())


def difference(engine: Played, twin: Played, scale: float) -> str:
    """The first row and field in which two ledgers differ, in the order in which one causes the other; "" when none."""
    for table, keys in TABLES.items():
        mine, his = (sorted(getattr(p, table), key=lambda r: [r[k] for k in keys]) for p in (engine, twin))
        for number, (a, b) in enumerate(zip(mine, his, strict=False)):
            fields = [name for name in b if not same(name, a[name], b[name], scale)]
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
    for number in range(CASES):
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
