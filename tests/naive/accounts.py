"""Orders, fills, costs and the ledger of the naive engine: sections 6 and 7 of the page."""

from __future__ import annotations

import math
from typing import Any

from tests.naive.market import Market, normal
from tests.naive.records import NAN, Book, Line, NaiveLedger, Order, Position, Trade
from trading_system.engine.ledger import Code, OrderKind, OrderStatus

PANELS = ("stop_distance", "trail_distance", "stop_tighten", "target_distance", "limit_price", "scale")


class Accounts:
    """State of one run, and what a fill does to it."""

    def __init__(self, bars: Any, decisions: Any, config: Any, first: int = 0, stop: int | None = None) -> None:
        self.market = Market(bars)
        self.config = config
        self.limits = config.portfolio.limits
        self.first, self.last = first, self.market.n if stop is None else stop
        self.same_close = config.execution.fill == "same_close"
        self.books: list[Book] = []
        self.lines: list[Line] = []
        for number, given in enumerate(decisions):
            self.add_book(number, given)
        self.cash = config.portfolio.starting_equity
        self.marks = [NAN] * len(self.market.symbols)
        self.positions: dict[int, Position] = {}  # by line number
        self.exits: list[Order] = []
        self.reductions: list[Order] = []
        self.increases: list[Order] = []
        self.entries: list[list[Order]] = []  # in rank order; a group is one list
        self.resting: list[list[Order]] = []
        self.orders: list[Order] = []
        self.fills: list[dict[str, Any]] = []
        self.trades: list[Trade] = []
        self.refusals: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.curves: dict[str, list[Any]] = {
            n: [] for n in ("equity", "cash", "gross_exposure", "net_exposure", "n_positions", "stale_marks", "interest")
        }
        self.missing = [0] * len(self.market.symbols)
        self.session_expected = [False] * len(self.market.symbols)
        self.session_seen = [False] * len(self.market.symbols)
        self.equity = self.peak = self.day_reference = config.portfolio.starting_equity
        self.session_equity = self.multiplier_equity = config.portfolio.starting_equity
        self.drawdown_since: int | None = None
        self.daily_tripped = self.ruined = False
        self.changes: list[float] = []
        self.deviations: list[float] = []
        self.multiplier = 1.0
        self.phase = "open"
        self.due = 0.0
        self.flows = config.portfolio.starting_equity  # cash rebuilt another way, for the law

    def add_book(self, number: int, given: Any) -> None:
        rule, config = given.decisions, self.config.strategies[number]
        signals = hasattr(rule, "entry")
        panels: dict[str, Any] = {}
        if signals:
            panels = {"entry": rule.entry.tolist(), "exit": rule.exit.tolist()}
            for name in PANELS:
                values = getattr(rule, name)
                if values is not None:
                    panels[name] = values.tolist()
        else:
            panels = {"target": rule.target.tolist()}
        book = Book(
            number,
            config,
            self.config.allocation(number),
            self.config.execution.whole_lots(config.asset_class),
            signals,
            panels,
            given.tradable.tolist(),
        )
        if signals:
            book.max_hold = None if rule.max_hold is None else rule.max_hold.tolist()
            book.group = None if rule.group is None else rule.group.tolist()
            if rule.components is not None:
                book.components = dict(zip(rule.component_names, rule.components.tolist(), strict=True))
        width = (rule.entry if signals else rule.target).shape[1]
        for place in range(width):
            local = place if rule.symbol is None else int(rule.symbol[place])
            line = Line(len(self.lines), place, local, int(given.columns[local]), book)
            self.lines.append(line)
            book.lines.append(line)
        self.books.append(book)

    # costs -----------------------------------------------------------------------------------------------------------
    def commission_bps(self, book: Book, t: int) -> float:
        costs = book.config.costs
        if not costs.commission_tiers:
            return float(costs.commission_bps)
        traded = book.traded if book.month == self.market.month(t) else 0.0
        return float([tier.bps for tier in costs.commission_tiers if tier.from_notional <= traded][-1])

    def commission(self, book: Book, t: int, quantity: float, price: float) -> float:
        costs = book.config.costs
        asked = quantity * price * self.commission_bps(book, t) / 1e4
        asked += quantity * costs.commission_per_share + costs.commission_per_trade
        return max(float(costs.commission_minimum), asked)

    def slipped(self, order: Order, t: int, quantity: float, at: float) -> float:
        share = order.line.book.config.costs.slippage.multiple * self.slippage(order, t, quantity, at)
        return at * (1.0 + order.side * min(0.9, share))

    def slippage(self, order: Order, t: int, quantity: float, at: float) -> float:
        rule, market, c = order.line.book.config.costs.slippage, self.market, order.line.symbol
        read = t if self.phase == "close" else t - 1
        if rule.model == "fixed":
            return float(rule.bps) / 1e4
        if rule.model == "spread":
            return float(rule.spread_bps) / 2e4
        if rule.model == "volume_share":
            return float(rule.impact) * (quantity / market.volume[t][c]) ** 2
        if rule.model == "sqrt_impact":
            sigma, adv = market.sigma(read, c), market.adv(read, c)
            known = not math.isnan(sigma) and adv > 0.0
            return sigma * math.sqrt(quantity * at / adv) if known else float(rule.bps) / 1e4
        if rule.model == "full":
            return self.full_slippage(order, t, read, quantity * at)
        return 0.0

    def full_slippage(self, order: Order, t: int, read: int, notional: float) -> float:
        book, market, c = order.line.book, self.market, order.line.symbol
        expected = float(book.config.costs.slippage.base_bps)
        ratio, adv = market.range_ratio(read, c), market.adv(read, c)
        if not math.isnan(ratio):
            expected *= min(3.0, max(0.5, ratio))
        if adv > 0.0:
            expected *= min(2.0, max(0.5, notional / (0.01 * adv)))
        if market.weekend(t, c):
            expected *= 1.5
        stress = market.stress_return(read) < (-0.05 if book.config.asset_class == "crypto" else -0.03)
        if stress:
            expected *= 2.0
        spread = 0.75 * expected * (1.5 if stress else 1.0)
        draw = normal(self.config.seed, market.stamp[t], market.symbols[c], order.side > 0)
        return max(0.0, expected + spread * draw) / 1e4

    # fills -----------------------------------------------------------------------------------------------------------
    def market_fill(self, order: Order, t: int, quantity: float) -> None:
        at = self.reference(order, t)
        self.fill(order, t, quantity, at, self.slipped(order, t, quantity, at), "open")

    def fill(self, order: Order, t: int, quantity: float, at: float, price: float, born: str, free: bool = False) -> None:
        line, book = order.line, order.line.book
        commission = 0.0 if free else self.commission(book, t, quantity, price)
        if not free:
            if book.month != self.market.month(t):
                book.month, book.traded = self.market.month(t), 0.0
            book.traded += quantity * price
        order.filled, order.fill_row, order.fill_price, order.status = quantity, t, price, OrderStatus.FILLED
        self.fills.append(
            {
                "order": order.id,
                "row": t,
                "line": line.number,
                "side": order.side,
                "quantity": quantity,
                "reference": at,
                "price": price,
                "commission": commission,
            }
        )
        self.cash -= order.side * quantity * price
        self.cash -= commission
        self.flows += -order.side * quantity * price - commission
        position = self.positions.get(line.number)
        if position is None:
            position = self.begin(order, t, quantity, price, born)
        trade = position.trade
        trade.flow -= order.side * quantity * at
        trade.commission += commission
        trade.slippage += abs(price - at) * quantity
        if order.side == trade.side:
            trade.entered += quantity
            trade.entered_value += quantity * price
            position.quantity += order.side * quantity
            return
        trade.left += quantity
        trade.left_value += quantity * price
        position.quantity += order.side * quantity
        if abs(position.quantity) <= 1e-12 * quantity:
            trade.see(at, at)
            self.end_trade(position, t, order.cause)

    def begin(self, order: Order, t: int, quantity: float, price: float, born: str) -> Position:
        trade = Trade(order.line, order.side, t, order.cause)
        position = Position(order.line, 0.0, trade, born)
        if order.line.book.signals:
            position.stop = price - order.side * order.stop_distance
            position.target = price + order.side * order.target_distance
            trade.risk = quantity * abs(price - position.stop)
        if self.phase == "close":
            close = self.market.close[t][order.line.symbol]
            position.best = close
            trade.see(close, close)
            trade.bars_held = 1
        self.positions[order.line.number] = position
        return position

    def end_trade(self, position: Position, t: int, reason: Code) -> None:
        trade = position.trade
        trade.exit_row, trade.exit_reason = t, reason
        del self.positions[position.line.number]
        self.trades.append(trade)
        position.line.book.closed.append(trade)

    def held(self) -> list[Position]:
        return [self.positions[number] for number in sorted(self.positions)]

    def order(self, t: int, line: Line, side: int, kind: OrderKind, cause: Code, quantity: float) -> Order:
        order = Order(len(self.orders), t, line, side, kind, cause, quantity)
        self.orders.append(order)
        if cause in (Code.ENTRY, Code.SIGNAL, Code.REBALANCE):
            line.book.counted += 1
        return order

    def refuse(self, t: int, line: Line, code: Code) -> None:
        line.book.counted += 1
        for row in reversed(self.refusals):
            if row["line"] == line.number:
                if row["code"] == int(code) and row["last_row"] == t - 1:
                    row["last_row"], row["count"] = t, row["count"] + 1
                    return
                break
        self.refusals.append({"line": line.number, "code": int(code), "first_row": t, "last_row": t, "count": 1})

    # the end ---------------------------------------------------------------------------------------------------------
    def ledger(self) -> NaiveLedger:
        rows = [t.figures(NAN, 0.0) for t in self.trades]
        rows += [p.trade.figures(self.marks[p.line.symbol], p.quantity) for p in self.held()]
        orders = [
            {
                "id": o.id,
                "row": o.row,
                "line": o.line.number,
                "side": o.side,
                "kind": int(o.kind),
                "cause": int(o.cause),
                "quantity": o.quantity,
                "filled": o.filled,
                "status": int(o.status),
                "end": int(o.end),
                "fill_row": o.fill_row,
                "fill_price": o.fill_price,
            }
            for o in self.orders
        ]
        return NaiveLedger(
            **self.curves,
            orders=orders,
            fills=self.fills,
            trades=rows,
            refusals=self.refusals,
            events=self.events,
            repeated=[book.repeated for book in self.books],
            signals=[book.counted for book in self.books],
        )
