"""Ledgers made by hand for tests: an equity curve alone, or the outcome of a list of fills worked out in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.builders import make_bars
from trading_system.config.models import RunConfig
from trading_system.data.bars import Bars
from trading_system.engine.ledger import EVENT, FILL, ORDER, REFUSAL, TRADE, Code, Ledger, OrderKind, OrderStatus


def config_of(**portfolio: Any) -> RunConfig:
    """The smallest run file with these keys under `portfolio`."""
    return RunConfig.model_validate(
        {"data": {"source": "csv", "path": "x"}, "strategies": ({"name": "s", "type": "t"},), "portfolio": portfolio}
    )


def flat_bars(n_bars: int, **more: Any) -> Bars:
    """One symbol at 100 for `n_bars` bars."""
    level = np.full(n_bars, 100.0)
    return make_bars(level, level, level, level, **more)


def curve_ledger(
    equity: Sequence[float], *, start: float = 100.0, bars: Bars | None = None, first: int = 0, **more: Any
) -> Ledger:
    """A ledger that holds an equity curve and nothing else."""
    curve = np.asarray(equity, dtype=np.float64)
    n = curve.size
    parts: dict[str, Any] = {
        "equity": curve,
        "cash": curve.copy(),
        "gross_exposure": np.zeros(n),
        "net_exposure": np.zeros(n),
        "n_positions": np.zeros(n, np.int64),
        "stale_marks": np.zeros(n, np.int64),
        "orders": np.zeros(0, ORDER),
        "fills": np.zeros(0, FILL),
        "trades": np.zeros(0, TRADE),
        "refusals": np.zeros(0, REFUSAL),
        "events": np.zeros(0, EVENT),
        "repeated": np.zeros(1, np.int64),
        "signals": np.zeros(1, np.int64),
        "line_symbol": np.zeros(1, np.int64),
        "line_strategy": np.zeros(1, np.int64),
        "strategy_names": ("s",),
        "bars": flat_bars(n + first) if bars is None else bars,
        "first": first,
        "starting_equity": start,
        "interest": np.zeros(n),
    }
    return Ledger(**{**parts, **more})


@dataclass
class Fill:
    """Units bought (above 0) or sold at `reference`, filled at `price`."""

    row: int
    line: int
    units: float
    reference: float
    price: float
    commission: float = 0.0
    reason: Code = Code.ENTRY


@dataclass
class _Trade:
    fills: list[Fill] = field(default_factory=list)
    dividends: float = 0.0
    financing: float = 0.0

    def record(self, mark: float, risk: float) -> tuple[Any, ...]:
        first, side = self.fills[0], 1 if self.fills[0].units > 0 else -1
        held = sum(fill.units for fill in self.fills)
        entry = [fill for fill in self.fills if fill.units * side > 0]
        leaving = [fill for fill in self.fills if fill.units * side < 0]
        quantity = sum(abs(fill.units) for fill in entry)
        paid = sum(abs(fill.units) * fill.price for fill in entry) / quantity
        is_open = int(held != 0.0)
        gone = sum(abs(fill.units) for fill in leaving)
        got = mark if is_open else sum(abs(fill.units) * fill.price for fill in leaving) / gone
        gross = held * mark - sum(fill.units * fill.reference for fill in self.fills)
        commission = sum(fill.commission for fill in self.fills)
        slippage = sum(abs(fill.units) * abs(fill.price - fill.reference) for fill in self.fills)
        pnl = gross - commission - slippage - self.financing + self.dividends
        exit_row = -1 if is_open else self.fills[-1].row
        bars_held = 0 if is_open else exit_row - first.row + 1
        reason = Code.NONE if is_open else self.fills[-1].reason
        return (
            first.line, side, first.row, paid, exit_row, got, quantity, gross, commission, slippage, self.financing,
            self.dividends, pnl, pnl / (paid * quantity), risk, pnl / risk if risk > 0 else np.nan, 0.0, 0.0, bars_held,
            int(first.reason), int(reason), is_open,
        )  # fmt: skip


def played(
    bars: Bars,
    fills: Sequence[Fill],
    *,
    start: float = 10_000.0,
    first: int = 0,
    risk: float = np.nan,
    dividends: dict[tuple[int, int], float] | None = None,
    borrow: dict[tuple[int, int], float] | None = None,
    debit: dict[int, float] | None = None,
    lines: Sequence[tuple[int, int]] = ((0, 0),),
    names: tuple[str, ...] = ("s",),
) -> Ledger:
    """The outcome of `fills` at the closes of `bars` from row `first` on.

    `dividends` and `borrow` are money by (row, line), `debit` money by row; `lines` are (symbol, strategy).
    """
    n = bars.n_bars - first
    cash, held = start, dict.fromkeys(range(len(lines)), 0.0)
    equity, money, gross, net, count, interest = (np.zeros(n) for _ in range(6))
    running: dict[int, _Trade] = {}
    done: list[tuple[Any, ...]] = []
    for row in range(first, bars.n_bars):
        for fill in (fill for fill in fills if fill.row == row):
            cash -= fill.units * fill.price + fill.commission
            held[fill.line] += fill.units
            running.setdefault(fill.line, _Trade()).fills.append(fill)
            if held[fill.line] == 0.0:
                done.append(running.pop(fill.line).record(0.0, risk))
        for (at, line), value in (dividends or {}).items():
            if at == row:
                cash += value
                running[line].dividends += value
        for (at, line), value in (borrow or {}).items():
            if at == row:
                cash -= value
                interest[row - first] += value
                running[line].financing += value
        owed = (debit or {}).get(row, 0.0)
        cash -= owed
        interest[row - first] += owed
        marks = {line: held[line] * bars.close[row, lines[line][0]] for line in held if held[line] != 0.0}
        at = row - first
        equity[at], money[at] = cash + sum(marks.values()), cash
        gross[at], net[at] = sum(map(abs, marks.values())) / equity[at], sum(marks.values()) / equity[at]
        count[at] = len(marks)
    for line, trade in running.items():
        done.append(trade.record(float(bars.close[-1, lines[line][0]]), risk))
    return curve_ledger(
        equity,
        start=start,
        bars=bars,
        first=first,
        cash=money,
        gross_exposure=gross,
        net_exposure=net,
        n_positions=count.astype(np.int64),
        interest=interest,
        trades=np.array(done, TRADE),
        fills=np.array(
            [
                (i, f.row, f.line, 1 if f.units > 0 else -1, abs(f.units), f.reference, f.price, f.commission)
                for i, f in enumerate(fills)
            ],
            FILL,
        ),
        orders=np.array(
            [
                (
                    i,
                    f.row - 1,
                    f.line,
                    1 if f.units > 0 else -1,
                    OrderKind.MARKET_ENTRY,
                    int(f.reason),
                    abs(f.units),
                    abs(f.units),
                    OrderStatus.FILLED,
                    0,
                    f.row,
                    f.price,
                )
                for i, f in enumerate(fills)
            ],
            ORDER,
        ),
        signals=np.bincount([lines[f.line][1] for f in fills if f.reason in (Code.ENTRY, Code.SIGNAL)], minlength=len(names)),
        repeated=np.zeros(len(names), np.int64),
        line_symbol=np.array([symbol for symbol, _ in lines], np.int64),
        line_strategy=np.array([strategy for _, strategy in lines], np.int64),
        strategy_names=names,
    )
