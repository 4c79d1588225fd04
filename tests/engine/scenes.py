"""Small markets, decisions and rules for tests of the engine, and one door to the engine and to its naive twin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tests.builders import make_bars
from tests.naive import engine as naive
from trading_system.config.models import DataConfig, RunConfig
from trading_system.data.bars import Bars
from trading_system.engine.ledger import Code
from trading_system.engine.simulate import StrategyDecisions, simulate
from trading_system.strategies.base import Signals, Weights

NAN = float("nan")
FREE: dict[str, Any] = {"slippage": {"model": "none"}}
TABLES = ("orders", "fills", "trades", "refusals", "events")
CURVES = ("equity", "cash", "gross_exposure", "net_exposure", "n_positions", "stale_marks", "interest")


class Played:
    """A ledger as plain Python: curves are lists, tables are lists of dicts."""

    def __init__(self, ledger: Any) -> None:
        for name in (*CURVES, "repeated", "signals"):
            setattr(self, name, np.asarray(getattr(ledger, name)).tolist())
        for name in TABLES:
            setattr(self, name, as_rows(getattr(ledger, name)))

    def __getattr__(self, name: str) -> Any:  # only reached for names that __init__ did not set
        raise AttributeError(name)

    def codes(self) -> set[Code]:
        """Every code that occurs anywhere."""
        seen = {row[key] for row in self.orders for key in ("cause", "end")}
        seen |= {row["code"] for row in self.refusals} | {row["kind"] for row in self.events}
        seen |= {row["exit_reason"] for row in self.trades}
        if any(self.repeated):
            seen.add(int(Code.REPEATED))
        return {Code(code) for code in seen} - {Code.NONE}


def as_rows(table: Any) -> list[dict[str, Any]]:
    if isinstance(table, list):
        return table
    return [dict(zip(table.dtype.names, row.tolist(), strict=True)) for row in table]


Play = Callable[..., Played]


def play_kernel(bars: Bars, decisions: Any, config: RunConfig, **more: Any) -> Played:
    return Played(simulate(bars, decisions, config, **more))


def play_twin(bars: Bars, decisions: Any, config: RunConfig, **more: Any) -> Played:
    return Played(naive.simulate(bars, decisions, config, **more))


def flat_bars(rows: Iterable[Any], **more: Any) -> Bars:
    """One symbol from rows (open, high, low, close) or (open, high, low, close, volume); None is no bar."""
    full = [(NAN,) * 5 if row is None else (*row, 1e6)[:5] for row in rows]
    o, h, lo, c, v = (list(column) for column in zip(*full, strict=True))
    return make_bars(o, h, lo, c, v, **more)


def still(*prices: float, **more: Any) -> Bars:
    """One symbol whose open, high, low and close are the same price on each row."""
    return flat_bars([(p, p, p, p) for p in prices], **more)


def panel(n_bars: int, n_lines: int, cells: Mapping[tuple[int, int], float] | float | None) -> Any:
    """A panel of NaN with some cells set; a number fills all of it; None stays None."""
    if cells is None:
        return None
    if not isinstance(cells, Mapping):
        return np.full((n_bars, n_lines), float(cells))
    out = np.full((n_bars, n_lines), NAN)
    for (row, line), value in cells.items():
        out[row, line] = value
    return out


def signals(
    bars: Bars,
    entries: Mapping[tuple[int, int], int],
    exits: Iterable[tuple[int, int]] = (),
    *,
    n_lines: int | None = None,
    max_hold: list[int] | None = None,
    group: list[int] | None = None,
    components: Mapping[str, Any] | None = None,
    symbol: list[int] | None = None,
    **panels: Any,
) -> StrategyDecisions:
    """Signals from cells ``{(row, line): value}``."""
    n_bars, width = bars.n_bars, bars.n_symbols if n_lines is None else n_lines
    entry, leave = np.zeros((n_bars, width), np.int8), np.zeros((n_bars, width), bool)
    for cell, side in entries.items():
        entry[cell] = side
    for cell in exits:
        leave[cell] = True
    made = Signals(
        entry,
        leave,
        symbol=None if symbol is None else np.array(symbol, np.int64),
        max_hold=None if max_hold is None else np.array(max_hold, np.int64),
        group=None if group is None else np.array(group, np.int64),
        components=None if components is None else np.stack([panel(n_bars, width, c) for c in components.values()]),
        component_names=tuple(components or ()),
        **{name: panel(n_bars, width, cells) for name, cells in panels.items()},
    )
    return decided(bars, made)


def weights(bars: Bars, cells: Mapping[tuple[int, int], float]) -> StrategyDecisions:
    """Weights from cells ``{(row, line): weight}``."""
    return decided(bars, Weights(panel(bars.n_bars, bars.n_symbols, cells)))


def decided(bars: Bars, made: Any) -> StrategyDecisions:
    """A strategy whose universe is the whole market."""
    return StrategyDecisions(made, np.arange(bars.n_symbols), bars.tradable)


def strategy(**fields: Any) -> dict[str, Any]:
    """A strategy entry without costs that buys a fixed quantity of 10."""
    plain = {"name": "rule", "type": "rule", "costs": FREE, "sizing": {"method": "fixed_quantity", "quantity": 10.0}}
    return {**plain, **fields}


def rules(*entries: dict[str, Any], equity: float = 100_000.0, seed: int = 42, **more: Any) -> RunConfig:
    """A run file: `more` are fields of portfolio (and `execution`)."""
    execution = more.pop("execution", {})
    entries = entries or (strategy(),)
    named = [{**entry, "name": f"{entry['name']}{i}"} for i, entry in enumerate(entries)]
    return RunConfig.model_validate(
        {
            "data": DataConfig(source="csv", path="data"),
            "strategies": tuple(named),
            "portfolio": {"starting_equity": equity, **more},
            "execution": execution,
            "seed": seed,
        }
    )
