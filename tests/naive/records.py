"""What the naive engine is made of: lines, books, orders, trades and positions as objects."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from trading_system.engine.ledger import Code, OrderKind, OrderStatus

NAN = float("nan")
INF = float("inf")


@dataclass
class Line:
    """One symbol of one strategy."""

    number: int
    place: int  # column of the strategy's decisions
    local: int  # column of the strategy's own universe
    symbol: int  # column of the market
    book: Book

    def read(self, panel: str, t: int) -> float:
        values = self.book.panels.get(panel)
        return NAN if values is None else float(values[t][self.place])

    def entry(self, t: int) -> int:
        return int(self.book.panels["entry"][t][self.place]) if self.book.signals else 0

    def tradable(self, t: int) -> bool:
        return bool(self.book.tradable[t][self.local])

    @property
    def group(self) -> int:
        return -1 if self.book.group is None else int(self.book.group[self.place])


@dataclass
class Book:
    """One strategy: its decisions, rules and running counts."""

    number: int
    config: Any
    allocation: float
    whole: bool
    signals: bool
    panels: dict[str, Any]
    tradable: list[list[bool]]
    max_hold: list[int] | None = None
    group: list[int] | None = None
    components: dict[str, Any] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    month: tuple[int, int] = (0, 0)
    traded: float = 0.0
    repeated: int = 0
    counted: int = 0
    closed: list[Trade] = field(default_factory=list)


@dataclass
class Order:
    id: int
    row: int
    line: Line
    side: int
    kind: OrderKind
    cause: Code
    quantity: float
    filled: float = 0.0
    status: OrderStatus = OrderStatus.OPEN
    end: Code = Code.NONE
    fill_row: int = -1
    fill_price: float = NAN
    limit: float = NAN
    stop_distance: float = NAN
    target_distance: float = NAN
    value: float = NAN

    def over(self, status: OrderStatus, code: Code) -> None:
        self.status, self.end = status, code


@dataclass
class Trade:
    line: Line
    side: int
    entry_row: int
    entry_reason: Code
    entered: float = 0.0
    entered_value: float = 0.0
    left: float = 0.0
    left_value: float = 0.0
    flow: float = 0.0  # cash at reference prices: sales, payments in lieu, less purchases
    commission: float = 0.0
    slippage: float = 0.0
    financing: float = 0.0
    dividends: float = 0.0
    risk: float = NAN
    low: float = INF
    high: float = -INF
    bars_held: int = 0
    exit_row: int = -1
    exit_reason: Code = Code.NONE
    paid_at: float = NAN  # price of a payment in lieu that ended it

    def see(self, low: float, high: float) -> None:
        self.low, self.high = min(self.low, low), max(self.high, high)

    def figures(self, mark: float, quantity: float) -> dict[str, Any]:
        entry = self.entered_value / self.entered
        is_open = self.exit_row < 0
        out = mark if is_open else (self.left_value / self.left if self.left > 0.0 else self.paid_at)
        gross = self.flow + (quantity * mark if is_open else 0.0)
        pnl = gross - self.commission - self.slippage - self.financing + self.dividends
        worst, best = (self.low, self.high) if self.side > 0 else (self.high, self.low)
        seen = not math.isinf(self.low)
        return {
            "line": self.line.number,
            "side": self.side,
            "entry_row": self.entry_row,
            "entry_price": entry,
            "exit_row": self.exit_row,
            "exit_price": out,
            "quantity": self.entered,
            "gross_pnl": gross,
            "commission": self.commission,
            "slippage": self.slippage,
            "financing": self.financing,
            "dividends": self.dividends,
            "pnl": pnl,
            "return_pct": pnl / self.entered_value,
            "initial_risk": self.risk,
            "r_multiple": pnl / self.risk,
            "mae": min(0.0, self.side * (worst / entry - 1.0)) if seen else 0.0,
            "mfe": max(0.0, self.side * (best / entry - 1.0)) if seen else 0.0,
            "bars_held": self.bars_held,
            "entry_reason": int(self.entry_reason),
            "exit_reason": int(self.exit_reason),
            "open": int(is_open),
        }


@dataclass
class Position:
    line: Line
    quantity: float
    trade: Trade
    born: str  # "before" this bar, at its "open", "inside" it
    stop: float = NAN
    stop_rule: Code = Code.STOP
    target: float = NAN
    best: float = NAN

    @property
    def sign(self) -> int:
        return 1 if self.quantity > 0.0 else -1

    def tighten(self, price: float, rule: Code) -> None:
        if math.isnan(price):
            return
        if math.isnan(self.stop) or self.sign * price > self.sign * self.stop:
            self.stop, self.stop_rule = price, rule


@dataclass
class NaiveLedger:
    """The fields of `Ledger` as plain lists; a table is a list of dicts."""

    equity: list[float]
    cash: list[float]
    gross_exposure: list[float]
    net_exposure: list[float]
    n_positions: list[int]
    stale_marks: list[int]
    interest: list[float]
    orders: list[dict[str, Any]]
    fills: list[dict[str, Any]]
    trades: list[dict[str, Any]]
    refusals: list[dict[str, Any]]
    events: list[dict[str, Any]]
    repeated: list[int]
    signals: list[int]
