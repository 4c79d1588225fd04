"""The worked examples of `docs/fill-rules.md` are run as they are printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.builders import make_bars
from tests.engine.scenes import NAN, Play, rules, signals, strategy, weights
from trading_system.data.bars import Bars
from trading_system.engine.ledger import Code, OrderStatus

PAGE = Path(__file__).parents[2] / "docs" / "fill-rules.md"
CURVES = ("equity", "cash", "interest", "stale_marks")


def printed() -> list[Any]:
    """Every block under a heading of the section, named after it."""
    section = PAGE.read_text(encoding="utf-8").split("Worked examples\n", 1)[1]
    found = []
    for part in re.split(r"^### ", section, flags=re.MULTILINE)[1:]:
        name = part.splitlines()[0]
        blocks = re.findall(r"^```yaml\n(.*?)^```", part, flags=re.MULTILINE | re.DOTALL)
        assert blocks, f"{name} has no block"
        found += [pytest.param(yaml.safe_load(block), id=f"{name} {i}") for i, block in enumerate(blocks, 1)]
    return found


def bar(given: Any) -> list[float]:
    if given is None:
        return [NAN] * 5
    if not isinstance(given, list):
        given = [given] * 4
    return [*map(float, given), 1e6][:5]


def market(example: dict[str, Any]) -> Bars:
    symbols = list(example["bars"])
    rows = [[bar(b) for b in row] for row in zip(*example["bars"].values(), strict=True)]
    panels = [[[symbol[k] for symbol in row] for row in rows] for k in range(5)]
    actions = {
        name: [(row, symbols.index(symbol), float(value)) for row, symbol, value in example.get(name, [])]
        for name in ("splits", "dividends")
    }
    return make_bars(*panels, symbols=symbols, start=str(example.get("start", "2015-01-05")), **actions)


def decisions(example: dict[str, Any], bars: Bars) -> Any:
    cells: dict[str, dict[tuple[int, int], Any]] = {}
    for decision in example["decide"]:
        for symbol, words in decision.items():
            if symbol != "row":
                for word, value in words.items():
                    cells.setdefault(word, {})[decision["row"], bars.symbols.index(symbol)] = value
    if "weight" in cells:
        return weights(bars, cells["weight"])
    return signals(bars, cells.pop("entry"), cells.pop("exit", ()), **cells)


def as_config(value: Any) -> Any:
    """Whole numbers of YAML where the models want fractions."""
    if isinstance(value, dict):
        return {key: as_config(v) if key not in ("max_positions", "resume", "delist_after") else v for key, v in value.items()}
    return float(value) if isinstance(value, int) else value


@pytest.mark.parametrize("example", printed())
def test_the_page_is_right(play: Play, example: dict[str, Any]) -> None:
    bars = market(example)
    portfolio = as_config(example.get("portfolio", {}))
    equity = portfolio.pop("starting_equity", 100_000.0)
    config = rules(
        strategy(**as_config(example.get("strategy", {}))),
        equity=equity,
        execution=as_config(example.get("execution", {})),
        **portfolio,
    )
    played = play(bars, [decisions(example, bars)], config)
    then = dict(example["then"])
    fills = [(f["row"], bars.symbols[f["line"]], f["side"] * f["quantity"], pytest.approx(f["price"])) for f in played.fills]
    assert fills == [tuple(fill) for fill in then.pop("fills", fills)]
    unfilled = [
        [bars.symbols[o["line"]], OrderStatus(o["status"]).name, Code(o["end"]).name, o["filled"]]
        for o in played.orders
        if o["status"] not in (OrderStatus.FILLED, OrderStatus.OPEN)
    ]
    assert unfilled == then.pop("unfilled", [])
    refused = [
        [bars.symbols[r["line"]], Code(r["code"]).name, r["first_row"], r["last_row"], r["count"]] for r in played.refusals
    ]
    assert refused == then.pop("refused", [])
    trades = then.pop("trades", [])
    assert not trades or len(trades) == len(played.trades)
    for wanted, trade in zip(trades, played.trades, strict=False):
        for name, value in wanted.items():
            asked = int(Code[value]) if isinstance(value, str) else value
            assert trade[name] == pytest.approx(asked, rel=1e-9, abs=1e-9), name
    for name in CURVES:
        assert getattr(played, name) == pytest.approx(then.pop(name, getattr(played, name)), rel=1e-12, abs=1e-12)
    assert not then
