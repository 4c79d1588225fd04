"""The naive twin of the engine: an event loop over objects, written from `docs/fill-rules.md` alone.

No numba, no arrays: lines, positions, orders and books are objects, one method is one rule of the page.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from tests.naive.market import NAN, Market, correlation, deviation, mean, median, normal
from trading_system.engine.ledger import Code, OrderKind, OrderStatus

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


PANELS = ("stop_distance", "trail_distance", "stop_tighten", "target_distance", "limit_price", "scale")


class Twin:
    """One run; `run` gives back its ledger."""

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

    # the loop --------------------------------------------------------------------------------------------------------
    def run(self) -> NaiveLedger:
        for t in range(self.last):
            self.count_sessions(t)
            if t >= self.first:
                self.live_through(t)
        return self.ledger()

    def live_through(self, t: int) -> None:
        self.night(t)
        self.phase = "open"
        for position in self.positions.values():
            position.born = "before"
        self.corporate_actions(t)
        self.execute(t)
        self.touch_limits(t)
        self.touch_stops(t)
        self.delistings(t)
        for c in self.market.columns:
            if self.market.bar(t, c):
                self.marks[c] = self.market.close[t][c]
        self.funding(t)
        self.cash -= self.due
        self.flows -= self.due
        self.record(t, again=False)
        self.extremes(t)
        self.risk(t)
        self.scale_volatility(t)
        self.decide(t)
        if self.same_close:
            self.phase = "close"
            self.execute(t)
            self.record(t, again=True)

    # 0. before the open ----------------------------------------------------------------------------------------------
    def night(self, t: int) -> None:
        self.due = 0.0
        if t == self.first:
            return
        days = self.market.session[t] - self.market.session[t - 1]
        for position in self.held():
            rate = position.line.book.config.costs.borrow_rate
            if position.quantity < 0.0:
                borrow = abs(position.quantity) * self.marks[position.line.symbol] * rate * days / 365.0
                position.trade.financing += borrow
                self.due += borrow
        if self.cash < 0.0:
            self.due += -self.cash * self.config.portfolio.debit_rate * days / 365.0

    def count_sessions(self, t: int) -> None:
        market = self.market
        turned = t > 0 and market.session[t] != market.session[t - 1]
        for c in market.columns:
            expected, bar = market.expected[t][market.calendar_of[c]], market.bar(t, c)
            if market.daily:
                self.missing[c] += 1 if expected and not bar else 0
            else:
                if turned:
                    if self.session_expected[c] and not self.session_seen[c]:
                        self.missing[c] += 1
                    self.session_expected[c] = self.session_seen[c] = False
                self.session_expected[c] |= expected
                self.session_seen[c] |= bar
            if bar:
                self.missing[c] = 0

    # 1. open ---------------------------------------------------------------------------------------------------------
    def corporate_actions(self, t: int) -> None:
        for c, split, dividend, _ in self.market.actions.get(t, []):
            if split != 1.0:
                self.split_orders(c, split)
                self.split_positions(t, c, split)
            if dividend != 0.0:
                for position in self.held():
                    if position.line.symbol == c:
                        self.pay(position, position.quantity * dividend)
                        position.trade.dividends += position.quantity * dividend

    def pay(self, position: Position, cash: float) -> None:
        self.cash += cash
        self.flows += cash

    def waiting_orders(self) -> list[Order]:
        return [*self.exits, *self.reductions, *(o for unit in self.entries for o in unit), *self.increases]

    def split_orders(self, c: int, ratio: float) -> None:
        for order in self.waiting_orders():
            if order.line.symbol == c:
                order.quantity *= ratio
                order.limit /= ratio
                order.stop_distance /= ratio
                order.target_distance /= ratio
                if order.line.book.whole:
                    kept = float(math.floor(order.quantity + 1e-9))
                    if kept == 0.0:
                        order.over(OrderStatus.EXPIRED, Code.LOT)
                    else:
                        order.quantity = kept
        self.drop_ended()

    def drop_ended(self) -> None:
        self.exits = [o for o in self.exits if o.status == OrderStatus.OPEN]
        self.reductions = [o for o in self.reductions if o.status == OrderStatus.OPEN]
        self.increases = [o for o in self.increases if o.status == OrderStatus.OPEN]
        for unit in self.entries:  # a group never trades in part
            if any(o.status != OrderStatus.OPEN for o in unit):
                for order in unit:
                    order.over(OrderStatus.EXPIRED, Code.LOT)
        self.entries = [unit for unit in self.entries if unit[0].status == OrderStatus.OPEN]

    def split_positions(self, t: int, c: int, ratio: float) -> None:
        self.marks[c] /= ratio
        price = self.market.open[t][c] if self.market.bar(t, c) else self.marks[c]
        for position in self.held():
            if position.line.symbol != c:
                continue
            trade = position.trade
            position.quantity *= ratio
            position.stop /= ratio
            position.target /= ratio
            position.best /= ratio
            trade.low /= ratio
            trade.high /= ratio
            trade.entered *= ratio
            trade.left *= ratio
            if position.line.book.whole:
                kept = position.sign * math.floor(abs(position.quantity) + 1e-9)
                fraction = position.quantity - kept
                self.pay(position, fraction * price)
                trade.flow += fraction * price
                position.quantity = float(kept)
                if kept == 0:
                    trade.paid_at = price
                    self.end_trade(position, t, Code.LOT)

    def execute(self, t: int) -> None:
        """Steps 2 to 5, at the open or, with same_close, at the close."""
        waiting, self.exits = self.exits, []
        for order in waiting:
            if self.market.live(t, order.line.symbol):
                self.market_fill(order, t, order.quantity)
            else:
                self.exits.append(order)
        reductions, self.reductions = self.reductions, []
        for order in reductions:
            if self.expire_unless_live([order], t):
                self.market_fill(order, t, order.quantity)
        units, self.entries = self.entries, []
        for unit in units:
            self.enter(unit, t)
        increases, self.increases = self.increases, []
        self.increase(increases, t)

    def expire_unless_live(self, unit: list[Order], t: int) -> bool:
        for order in unit:
            if not self.market.live(t, order.line.symbol):
                code = Code.NO_VOLUME if self.market.bar(t, order.line.symbol) else Code.NO_BAR
                for leg in unit:
                    leg.over(OrderStatus.EXPIRED, code)
                return False
        return True

    def reference(self, order: Order, t: int) -> float:
        if self.phase == "close":
            return float(self.market.close[t][order.line.symbol])
        return self.market.side("open", t, order.line.symbol, order.side > 0)

    def enter(self, unit: list[Order], t: int) -> None:
        if not self.expire_unless_live(unit, t):
            return
        order = unit[0]
        at = self.reference(order, t)
        if not math.isnan(order.limit):
            if order.side * at > order.side * order.limit:
                self.resting.append(unit)
                return
            self.enter_one(order, t, at, "open", free=True)
        elif len(unit) > 1 or order.line.group >= 0:
            self.enter_group(unit, t)
        else:
            self.enter_one(order, t, at, "open", free=False)

    def room_taken(self, unit: list[Order]) -> bool:
        """Whether a line is still held or a slot was not freed; the orders then end."""
        book = unit[0].line.book
        limit, own_limit = self.limits.max_positions, book.config.limits.max_positions
        own = sum(1 for p in self.held() if p.line.book is book)
        full = limit is not None and len(self.positions) + len(unit) > limit
        full = full or (own_limit is not None and own + len(unit) > own_limit)
        if full or any(o.line.number in self.positions for o in unit):
            for order in unit:
                order.over(OrderStatus.EXPIRED, Code.SLOT_NOT_FREED)
            return True
        return False

    def value(self, c: int, t: int) -> float:
        return self.market.open[t][c] if self.phase == "open" and self.market.bar(t, c) else self.marks[c]

    def opening_equity(self, t: int) -> float:
        return self.cash + sum(p.quantity * self.value(p.line.symbol, t) for p in self.held())

    def gross_value(self, t: int, book: Book | None = None) -> float:
        return sum(abs(p.quantity) * self.value(p.line.symbol, t) for p in self.held() if book in (None, p.line.book))

    def rooms(self, book: Book, t: int, buys: bool) -> tuple[float, float]:
        """Room in gross exposure and in cash (infinite where cash is no limit)."""
        equity = self.opening_equity(t)
        gross = self.limits.max_gross_exposure * equity - self.gross_value(t)
        own = book.config.limits.max_gross_exposure
        if own is not None:
            gross = min(gross, own * book.allocation * equity - self.gross_value(t, book))
        cash = INF
        if buys and self.limits.max_gross_exposure <= 1.0:
            cash = max(0.0, self.free_cash(t))
        return max(0.0, gross), cash

    def free_cash(self, t: int) -> float:
        return self.cash - sum(-p.quantity * self.value(p.line.symbol, t) for p in self.held() if p.quantity < 0.0)

    def lots(self, book: Book, quantity: float, price: float, dust: float) -> float:
        if book.whole:
            return float(math.floor(quantity + 1e-9))
        return 0.0 if quantity * price < dust else quantity

    def enter_one(self, order: Order, t: int, at: float, born: str, free: bool) -> None:
        if self.room_taken([order]):
            return
        book, buys = order.line.book, order.side > 0
        dust = 1e-9 * abs(self.opening_equity(t))
        gross, cash = self.rooms(book, t, buys)
        price = at if free else self.slipped(order, t, order.quantity, at)
        rates = book.config.costs
        by_gross = gross / price
        by_cash = INF
        if not math.isinf(cash):
            unit_cost = price * (1.0 + self.commission_bps(book, t) / 1e4) + rates.commission_per_share
            by_cash = max(0.0, (cash - rates.commission_per_trade) / unit_cost)
        quantity, code = order.quantity, Code.NONE
        bound = min(by_gross, by_cash)
        if (quantity - bound) * price > dust:
            code = Code.CASH if by_cash * price < by_gross * price - dust else Code.GROSS_EXPOSURE
            quantity = self.lots(book, bound, price, dust)
        quantity, code = self.afford(book, t, quantity, price, cash, dust, code)
        self.settle_entry(order, t, quantity, at, born, free, code)

    def afford(
        self, book: Book, t: int, quantity: float, price: float, cash: float, dust: float, code: Code
    ) -> tuple[float, Code]:
        """The last check: the commission's minimum may not fit."""
        if quantity <= 0.0 or math.isinf(cash):
            return quantity, code
        commission = self.commission(book, t, quantity, price)
        if quantity * price + commission > cash + dust:
            return self.lots(book, max(0.0, (cash - commission) / price), price, dust), Code.CASH
        return quantity, code

    def settle_entry(self, order: Order, t: int, quantity: float, at: float, born: str, free: bool, code: Code) -> None:
        if quantity <= 0.0:
            order.over(OrderStatus.REJECTED, code)
            return
        price = at if free else self.slipped(order, t, quantity, at)
        self.fill(order, t, quantity, at, price, born)
        if quantity < order.quantity:
            order.over(OrderStatus.PART_FILLED, code)

    def enter_group(self, unit: list[Order], t: int) -> None:
        if self.room_taken(unit):
            return
        book = unit[0].line.book
        dust = 1e-9 * abs(self.opening_equity(t))
        gross, cash = self.rooms(book, t, True)
        ats = [self.reference(o, t) for o in unit]
        prices = [self.slipped(o, t, o.quantity, at) for o, at in zip(unit, ats, strict=True)]
        total = sum(o.quantity * p for o, p in zip(unit, prices, strict=True))
        longs = sum(
            o.quantity * p + self.commission(book, t, o.quantity, p) for o, p in zip(unit, prices, strict=True) if o.side > 0
        )
        by_gross = gross / total
        by_cash = cash / longs if longs > 0.0 else INF
        factor, code = min(by_gross, by_cash), Code.NONE
        quantities = [o.quantity for o in unit]
        if (1.0 - factor) * total > dust:
            code = Code.CASH if by_cash * total < by_gross * total - dust else Code.GROSS_EXPOSURE
            quantities = [self.lots(book, o.quantity * factor, p, dust) for o, p in zip(unit, prices, strict=True)]
        if min(quantities) <= 0.0:
            quantities = [0.0] * len(unit)
        for order, quantity, at in zip(unit, quantities, ats, strict=True):
            self.settle_entry(order, t, quantity, at, "open", False, code)

    def increase(self, orders: list[Order], t: int) -> None:
        """Weight increases: one factor per strategy, then one for all."""
        orders = [o for o in orders if self.expire_unless_live([o], t)]
        if not orders:
            return
        equity = self.opening_equity(t)
        dust = 1e-9 * abs(equity)
        limited = self.limits.max_gross_exposure <= 1.0
        ats = {o.id: self.reference(o, t) for o in orders}
        prices = {o.id: self.slipped(o, t, o.quantity, ats[o.id]) for o in orders}
        shares: dict[int, float] = {}
        for book in self.books:
            wanted = sum(o.quantity * prices[o.id] for o in orders if o.line.book is book)
            own = book.config.limits.max_gross_exposure
            if own is None or wanted == 0.0:
                shares[book.number] = 1.0
                continue
            room = max(0.0, own * book.allocation * equity - self.gross_value(t, book))
            shares[book.number] = room / wanted if wanted - room > dust else 1.0
        wishes = {o.id: o.quantity * shares[o.line.book.number] for o in orders}
        total = sum(wishes[o.id] * prices[o.id] for o in orders)
        longs = sum(
            wishes[o.id] * prices[o.id] + self.commission(o.line.book, t, wishes[o.id], prices[o.id])
            for o in orders
            if o.side > 0
        )
        room = max(0.0, self.limits.max_gross_exposure * equity - self.gross_value(t))
        by_gross = room / total if total > 0.0 else INF
        by_cash = max(0.0, self.free_cash(t)) / longs if limited and longs > 0.0 else INF
        factor, code = min(by_gross, by_cash), Code.GROSS_EXPOSURE
        if (1.0 - min(1.0, factor)) * total > dust:
            code = Code.CASH if by_cash * total < by_gross * total - dust else Code.GROSS_EXPOSURE
        else:
            factor = 1.0
        for order in orders:
            self.increase_one(order, t, wishes[order.id] * factor, ats[order.id], prices[order.id], dust, code)

    def increase_one(self, order: Order, t: int, quantity: float, at: float, price: float, dust: float, code: Code) -> None:
        book = order.line.book
        if quantity != order.quantity:
            quantity = self.lots(book, quantity, price, dust)
        _, cash = self.rooms(book, t, order.side > 0)
        quantity, code = self.afford(book, t, quantity, price, cash, dust, code)
        self.settle_entry(order, t, quantity, at, "open", False, code)

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
        return at * (1.0 + order.side * min(0.9, self.slippage(order, t, quantity, at)))

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

    # 2. during the bar -----------------------------------------------------------------------------------------------
    def touch_limits(self, t: int) -> None:
        units, self.resting = self.resting, []
        for (order,) in units:
            extreme = self.market.side("low" if order.side > 0 else "high", t, order.line.symbol, order.side > 0)
            if order.side * extreme > order.side * order.limit:
                order.over(OrderStatus.EXPIRED, Code.LIMIT_NOT_REACHED)
            else:
                self.enter_one(order, t, order.limit, "inside", free=True)

    def touch_stops(self, t: int) -> None:
        if self.config.execution.stop_evaluation != "intrabar":
            return
        for position in self.held():
            if position.line.book.signals and self.market.live(t, position.line.symbol):
                self.touch_stop(position, t)

    def touch_stop(self, position: Position, t: int) -> None:
        c, sign = position.line.symbol, position.sign
        o, h, lo = (self.market.side(which, t, c, sign < 0) for which in ("open", "high", "low"))
        worst, best = (lo, h) if sign > 0 else (h, lo)
        stopped = sign * worst <= sign * position.stop
        reached = sign * best >= sign * position.target
        if position.born == "before":
            if sign * o <= sign * position.stop:
                self.leave(position, t, o, position.stop_rule)
            elif sign * o >= sign * position.target:
                self.leave(position, t, o, Code.TARGET)
            elif stopped:
                self.leave(position, t, position.stop, position.stop_rule)
            elif reached:
                self.leave(position, t, position.target, Code.TARGET)
        elif stopped:
            self.leave(position, t, min(max(position.stop, lo), h), position.stop_rule)
        elif reached and position.born == "open":
            self.leave(position, t, min(max(position.target, lo), h), Code.TARGET)

    def leave(self, position: Position, t: int, at: float, cause: Code) -> None:
        kind = OrderKind.TARGET if cause == Code.TARGET else OrderKind.STOP
        order = self.order(t, position.line, -position.sign, kind, cause, abs(position.quantity))
        price = at if cause == Code.TARGET else self.slipped(order, t, order.quantity, at)
        self.fill(order, t, order.quantity, at, price, "inside")

    # 3. close --------------------------------------------------------------------------------------------------------
    def delistings(self, t: int) -> None:
        market = self.market
        for position in self.held():
            c = position.line.symbol
            if market.delisted_row[c] == t:
                price = market.delisted_price[c]
                if math.isnan(price):
                    price = market.close[t][c] if market.bar(t, c) else self.marks[c]
                self.settle(position, t, price, Code.DELISTED)
        for position in self.held():
            c = position.line.symbol
            if not market.bar(t, c) and self.missing[c] >= self.config.execution.delist_after:
                haircut = self.config.execution.delisting_haircut
                self.settle(position, t, self.marks[c] * (1.0 - position.sign * haircut), Code.DELISTED_SILENT)

    def settle(self, position: Position, t: int, price: float, cause: Code) -> None:
        for waiting in self.exits:
            if waiting.line is position.line:
                waiting.over(OrderStatus.EXPIRED, Code.DELISTED)
        self.exits = [o for o in self.exits if o.status == OrderStatus.OPEN]
        order = self.order(t, position.line, -position.sign, OrderKind.SETTLEMENT, cause, abs(position.quantity))
        self.fill(order, t, order.quantity, price, price, "inside", free=True)

    def funding(self, t: int) -> None:
        for c, _, _, rate in self.market.actions.get(t, []):
            for position in self.held():
                if rate != 0.0 and position.line.symbol == c:
                    paid = position.quantity * self.marks[c] * rate
                    self.pay(position, -paid)
                    position.trade.financing += paid

    def record(self, t: int, again: bool) -> None:
        held = self.held()
        values = [p.quantity * self.marks[p.line.symbol] for p in held]
        self.equity_now = self.cash + sum(values)
        assert math.isclose(self.flows, self.cash, rel_tol=1e-9, abs_tol=1e-9 * self.config.portfolio.starting_equity)
        if again:
            for curve in self.curves.values():
                curve.pop()
        else:
            self.equity = self.equity_now
        stale = sum(1 for p in held if not self.market.bar(t, p.line.symbol))
        gross, net = sum(abs(v) for v in values), sum(values)
        row = (self.equity_now, self.cash, gross / self.equity_now, net / self.equity_now, len(held), stale, self.due)
        for curve, value in zip(self.curves.values(), row, strict=True):
            curve.append(value)

    def extremes(self, t: int) -> None:
        for position in self.held():
            c = position.line.symbol
            if not self.market.bar(t, c):
                continue
            high, low = self.market.high[t][c], self.market.low[t][c]
            if position.born == "inside":
                high = low = self.market.close[t][c]
            best = high if position.sign > 0 else low
            if math.isnan(position.best) or position.sign * best > position.sign * position.best:
                position.best = best
            position.trade.see(low, high)
            position.trade.bars_held += 1

    # 4. risk ---------------------------------------------------------------------------------------------------------
    def risk(self, t: int) -> None:
        market, limits = self.market, self.limits
        if t > self.first and market.session[t] != market.session[t - 1]:
            self.day_reference = self.session_equity
            self.daily_tripped = False
        self.session_equity = self.equity
        resume = limits.resume
        if self.drawdown_since is not None and resume != "never" and t >= self.drawdown_since + resume:
            self.drawdown_since = None
            self.peak = self.equity
        self.peak = max(self.peak, self.equity)
        fall = self.equity / self.peak - 1.0
        if limits.max_drawdown is not None and self.drawdown_since is None and fall <= -limits.max_drawdown:
            self.drawdown_since = t
            self.trip(t, Code.DRAWDOWN_LIMIT, self.peak, fall, limits.max_drawdown)
        if limits.max_daily_loss is not None and not self.daily_tripped:
            loss = self.equity / self.day_reference - 1.0
            if loss <= -limits.max_daily_loss:
                self.daily_tripped = True
                self.trip(t, Code.DAILY_LOSS_LIMIT, self.day_reference, loss, limits.max_daily_loss)
        if self.equity <= 1e-9 * self.peak and not self.ruined:
            self.ruined = True
            self.trip(t, Code.RUIN, self.peak, fall, 1.0)

    def trip(self, t: int, kind: Code, reference: float, measured: float, limit: float) -> None:
        self.events.append(
            {
                "row": t,
                "kind": int(kind),
                "equity": self.equity,
                "reference": reference,
                "measured": measured,
                "limit": limit,
            }
        )

    def tripped(self) -> Code:
        if self.ruined:
            return Code.RUIN
        if self.drawdown_since is not None:
            return Code.DRAWDOWN_LIMIT
        return Code.DAILY_LOSS_LIMIT if self.daily_tripped else Code.NONE

    def scale_volatility(self, t: int) -> None:
        rule = self.config.portfolio.volatility_scaling
        if not self.market.day_end[t]:
            return
        self.changes.append(self.equity / self.multiplier_equity - 1.0)
        self.multiplier_equity = self.equity
        if len(self.changes) >= rule.lookback:
            self.deviations.append(deviation(self.changes[-rule.lookback :]))
        recent = self.deviations[-rule.baseline :]
        self.multiplier = 1.0
        if rule.mode == "off" or len(recent) < 60:
            return
        usual = median(recent)
        if usual == 0.0:
            return
        if rule.mode == "regime":
            self.multiplier = 0.5 if recent[-1] > 2.0 * usual else 1.0
        else:
            self.multiplier = min(1.0, max(rule.floor, 1.0 / max(recent[-1] / usual, 1.0)))

    # 5. decide -------------------------------------------------------------------------------------------------------
    def decide(self, t: int) -> None:
        self.queue_exits(t)
        self.queue_group_exits(t)
        for position in self.held():
            if position.line.book.signals and not self.leaving(position.line) and self.market.bar(t, position.line.symbol):
                self.move_stop(position, t)
        units = self.candidates(t)
        if units and self.free_slots() <= 0:
            for unit in units:
                for line in unit:
                    self.refuse(t, line, Code.SLOTS)
            units = []
        self.accept(t, self.ranked(t, units))
        for book in self.books:
            if not book.signals:
                for line in book.lines:
                    self.rebalance(t, line)

    def leaving(self, line: Line) -> bool:
        return any(o.line is line for o in self.exits)

    def queue_exit(self, t: int, position: Position, cause: Code) -> None:
        order = self.order(t, position.line, -position.sign, OrderKind.EXIT, cause, abs(position.quantity))
        self.exits.append(order)

    def queue_exits(self, t: int) -> None:
        for position in self.held():
            line = position.line
            bar = self.market.bar(t, line.symbol)
            asked = bar and line.book.signals and bool(line.book.panels["exit"][t][line.place])
            if self.leaving(line):
                line.book.repeated += asked
            else:
                cause = self.exit_cause(t, position, bar, asked)
                if cause != Code.NONE:
                    self.queue_exit(t, position, cause)
                line.book.repeated += asked and cause != Code.SIGNAL
            if bar and line.entry(t) == position.sign:
                line.book.repeated += 1

    def exit_cause(self, t: int, position: Position, bar: bool, asked: bool) -> Code:
        line = position.line
        code = self.tripped()
        if code != Code.NONE and (self.ruined or self.limits.on_breach == "flatten"):
            return code
        if bar and not line.tradable(t):
            return Code.UNIVERSE
        if not bar:
            return Code.DATA_MISSING if self.missing[line.symbol] >= 2 else Code.NONE
        if not line.book.signals:
            return Code.NONE
        if self.config.execution.stop_evaluation == "close":
            close = position.sign * self.market.close[t][line.symbol]
            if close <= position.sign * position.stop:
                return position.stop_rule
            if close >= position.sign * position.target:
                return Code.TARGET
        if asked:
            return Code.SIGNAL
        if line.entry(t) == -position.sign:
            return Code.REVERSAL
        most = 0 if line.book.max_hold is None else line.book.max_hold[line.place]
        return Code.MAX_HOLD if 0 < most <= position.trade.bars_held else Code.NONE

    def legs(self, line: Line) -> list[Line]:
        return [other for other in line.book.lines if other.group == line.group] if line.group >= 0 else [line]

    def queue_group_exits(self, t: int) -> None:
        torn = []
        for position in self.held():
            others = [other for other in self.legs(position.line) if other is not position.line]
            if any(other.number not in self.positions or self.leaving(other) for other in others):
                torn.append(position)
        for position in torn:
            if not self.leaving(position.line):
                self.queue_exit(t, position, Code.GROUP)

    def move_stop(self, position: Position, t: int) -> None:
        line = position.line
        scale = self.market.factor[t][line.symbol]
        position.tighten(position.best - position.sign * line.read("trail_distance", t) / scale, Code.TRAIL)
        position.tighten(line.read("stop_tighten", t) / scale, Code.TIGHTEN)

    def candidates(self, t: int) -> list[list[Line]]:
        """Units that may be taken: single lines, and groups with all their legs."""
        wanting: list[Line] = []
        for line in self.lines:
            side, position = line.entry(t), self.positions.get(line.number)
            if side == 0 or (position is not None and position.sign == side):
                continue
            if not self.market.bar(t, line.symbol):
                if position is None:
                    self.refuse(t, line, Code.NO_BAR)
            elif not line.tradable(t):
                self.refuse(t, line, Code.NOT_TRADABLE)
            elif self.tripped() != Code.NONE:
                self.refuse(t, line, self.tripped())
            else:
                wanting.append(line)
        units = []
        for line in wanting:
            legs = self.legs(line)
            if not all(leg in wanting for leg in legs):
                self.refuse(t, line, Code.GROUP)
            elif line is legs[0]:
                units.append(legs)
        return units

    def staying(self, book: Book | None = None) -> list[Position]:
        """What is held now less pending exits."""
        return [p for p in self.held() if not self.leaving(p.line) and book in (None, p.line.book)]

    def free_slots(self) -> float:
        most = self.limits.max_positions
        return INF if most is None else most - len(self.staying())

    def ranked(self, t: int, units: list[list[Line]]) -> list[list[Line]]:
        names: list[str] = []
        for book in self.books:
            names += [n for n in book.components if n not in names]
        weights = self.config.portfolio.ranking
        if weights is None:
            weights = {name: 1.0 / len(names) for name in names}
        scores = [0.0] * len(units)
        for name, weight in weights.items():
            if name == "diversification":
                values = [self.diversification(t, unit[0]) for unit in units]
            else:
                values = rank_shares([component(unit[0], name, t) for unit in units])
            scores = [score + weight * value for score, value in zip(scores, values, strict=True)]
        keys = [
            (-math.floor(score * 1e12 + 0.5), self.market.symbols[unit[0].symbol], unit[0].book.number, unit[0].number)
            for score, unit in zip(scores, units, strict=True)
        ]
        return [unit for _, unit in sorted(zip(keys, units, strict=True), key=lambda pair: pair[0])]

    @property
    def lookback(self) -> int:
        guard = self.config.portfolio.correlation_guard
        return 20 if guard is None else int(guard.lookback)

    def held_returns(self, t: int) -> list[list[float]]:
        series = [self.market.returns(t, p.line.symbol, self.lookback) for p in self.staying()]
        return [s for s in series if s is not None]

    def diversification(self, t: int, line: Line) -> float:
        mine, others = self.market.returns(t, line.symbol, self.lookback), self.held_returns(t)
        if mine is None or not others:
            return 0.5
        return 1.0 - mean([correlation(mine, other) for other in others])

    def guarded(self, t: int, unit: list[Line]) -> bool:
        guard = self.config.portfolio.correlation_guard
        if guard is None:
            return False
        others = self.held_returns(t)
        pairs = [correlation(a, b) for i, a in enumerate(others) for b in others[:i]]
        if len(others) < guard.min_positions or not pairs or mean(pairs) <= guard.average_threshold:
            return False
        series = [self.market.returns(t, line.symbol, self.lookback) for line in unit]
        return any(
            mine is not None and mean([correlation(mine, other) for other in others]) > guard.candidate_threshold
            for mine in series
        )

    def accept(self, t: int, units: list[list[Line]]) -> None:
        self.accepted: list[tuple[Line, int, float]] = []  # line, side, value at C
        for unit in units:
            answer = self.answer(t, unit)
            if isinstance(answer, Code):
                for line in unit:
                    self.refuse(t, line, answer)
                continue
            orders = []
            for line, quantity in zip(unit, answer, strict=True):
                orders.append(self.entry_order(t, line, quantity))
                self.accepted.append((line, line.entry(t), quantity * self.market.close[t][line.symbol]))
            self.entries.append(orders)

    def entry_order(self, t: int, line: Line, quantity: float) -> Order:
        limit = line.read("limit_price", t)
        kind = OrderKind.MARKET_ENTRY if math.isnan(limit) else OrderKind.LIMIT_ENTRY
        order = self.order(t, line, line.entry(t), kind, Code.ENTRY, quantity)
        scale = self.market.factor[t][line.symbol]
        order.limit = limit / scale
        order.stop_distance = line.read("stop_distance", t) / scale
        order.target_distance = line.read("target_distance", t) / scale
        return order

    def answer(self, t: int, unit: list[Line]) -> Code | list[float]:
        """Quantities of the legs, or why not."""
        book = unit[0].book
        own = sum(1 for line, _, _ in self.accepted if line.book is book) + len(self.staying(book))
        most = book.config.limits.max_positions
        if self.free_slots() - len(self.accepted) < len(unit) or (most is not None and own + len(unit) > most):
            return Code.SLOTS
        if self.guarded(t, unit):
            return Code.CORRELATION
        quantities = []
        for line in unit:
            sized = self.sized(t, line)
            if isinstance(sized, Code):
                return sized
            scale = line.read("scale", t)
            quantities.append(sized if math.isnan(scale) else sized * scale)
        return self.capped(t, unit, quantities)

    def sized(self, t: int, line: Line) -> float | Code:
        book, rule = line.book, line.book.config.sizing
        equity, close = book.allocation * self.equity, self.market.close[t][line.symbol]
        m = self.multiplier
        if rule.method == "risk_per_trade":
            distance = line.read("stop_distance", t) / self.market.factor[t][line.symbol]
            return Code.NO_STOP if math.isnan(distance) else m * rule.risk * equity / distance
        if rule.method == "fixed_fraction":
            return float(m * rule.fraction * equity / close)
        if rule.method == "equal_weight":
            slots = book.config.limits.max_positions or self.limits.max_positions or len(book.lines)
            return float(m / slots * equity / close)
        if rule.method == "fixed_quantity":
            return float(m * rule.quantity)
        if rule.method == "volatility_target":
            sigma = self.market.sigma(t, line.symbol)
            if math.isnan(sigma):
                return Code.NO_HISTORY
            return float(m * rule.target_volatility / (sigma * math.sqrt(self.market.periods_per_year)) * equity / close)
        share = m * self.kelly(book) * equity / close
        return float(share) if share > 0.0 else Code.ZERO_SIZE

    def kelly(self, book: Book) -> float:
        rule = book.config.sizing
        results = [trade.figures(NAN, 0.0)["return_pct"] for trade in book.closed]
        if len(results) < rule.kelly_min_trades:
            return float(rule.fraction)
        wins, losses = [r for r in results if r > 0.0], [-r for r in results if r < 0.0]
        if not losses:
            return float(rule.kelly_cap)
        if not wins:
            return 0.0
        share, payoff = len(wins) / len(results), mean(wins) / mean(losses)
        return float(min(rule.kelly_cap, rule.kelly_fraction * max(0.0, share - (1.0 - share) / payoff)))

    def capped(self, t: int, unit: list[Line], quantities: list[float]) -> Code | list[float]:
        book, closes = unit[0].book, [self.market.close[t][line.symbol] for line in unit]
        dust, bound = 1e-9 * abs(self.equity), Code.NONE
        values = [q * c for q, c in zip(quantities, closes, strict=True)]
        own = book.allocation * self.equity

        def cut(asked: float, room: float, code: Code) -> None:
            nonlocal values, bound
            room = max(0.0, room)
            if asked - room > dust:
                values = [v * (room / asked) for v in values]
                bound = code

        most = [
            limit
            for limit in (
                None if book.config.limits.max_position_notional is None else book.config.limits.max_position_notional * own,
                None if self.limits.max_position_notional is None else self.limits.max_position_notional * self.equity,
            )
            if limit is not None
        ]
        for k in range(len(unit)):
            if most:
                cut(values[k], min(most), Code.NOTIONAL)
        cut(sum(values), self.gross_room(book), Code.GROSS_EXPOSURE)
        rule = book.config.capacity
        if rule.max_fraction_of_adv is not None:
            for k, line in enumerate(unit):
                adv = self.market.adv(t, line.symbol)
                if math.isnan(adv):
                    return Code.NO_HISTORY
                if rule.when_exceeded == "reject" and values[k] - rule.max_fraction_of_adv * adv > dust:
                    return Code.CAPACITY
                cut(values[k], rule.max_fraction_of_adv * adv, Code.CAPACITY)
        if self.limits.max_gross_exposure <= 1.0:
            asked = sum(v for v, line in zip(values, unit, strict=True) if line.entry(t) > 0)
            if asked > 0.0:
                cut(asked, self.cash_room(), Code.CASH)
        lots = [self.lots(book, v / c, c, dust) for v, c in zip(values, closes, strict=True)]
        if min(lots) > 0.0:
            return lots
        return bound if bound != Code.NONE else Code.LOT

    def gross_room(self, book: Book) -> float:
        def taken(whose: Book | None) -> float:
            held = sum(abs(p.quantity) * self.marks[p.line.symbol] for p in self.staying(whose))
            return held + sum(v for line, _, v in self.accepted if whose in (None, line.book))

        room = self.limits.max_gross_exposure * self.equity - taken(None)
        own = book.config.limits.max_gross_exposure
        return room if own is None else min(room, own * book.allocation * self.equity - taken(book))

    def cash_room(self) -> float:
        longs = sum(p.quantity * self.marks[p.line.symbol] for p in self.staying() if p.quantity > 0.0)
        return self.equity - longs - sum(v for _, side, v in self.accepted if side > 0)

    def rebalance(self, t: int, line: Line) -> None:
        book = line.book
        weight = line.read("target", t)
        if math.isnan(weight) or (weight == 0.0 and line.number not in self.positions):
            return
        if not self.market.bar(t, line.symbol):
            self.refuse(t, line, Code.NO_BAR)
            return
        if self.leaving(line):
            book.repeated += 1
            return
        close, equity = self.market.close[t][line.symbol], book.allocation * self.equity
        value = abs(weight) * equity
        if book.config.limits.max_position_notional is not None:
            value = min(value, book.config.limits.max_position_notional * equity)
        if self.limits.max_position_notional is not None:
            value = min(value, self.limits.max_position_notional * self.equity)
        wanted = max(0.0, value) / close
        if book.whole:
            wanted = float(math.floor(wanted + 1e-9))
        wanted = math.copysign(wanted, weight)
        position = self.positions.get(line.number)
        held = 0.0 if position is None else position.quantity
        change = wanted - held
        small = max(0.0, self.config.execution.min_trade * equity) + 1e-9 * abs(self.equity)
        if change == 0.0 or (weight != 0.0 and abs(change) * close <= small):
            return
        less, more = abs(change) * (wanted * held >= 0.0), 0.0
        if held == 0.0 or (wanted * held > 0.0 and abs(wanted) > abs(held)):
            less, more = 0.0, abs(change)
        elif wanted * held < 0.0:
            less, more = abs(held), abs(wanted)
        side = 1 if change > 0.0 else -1
        if less > 0.0:
            order = self.order(t, line, side, OrderKind.WEIGHT_REDUCE, Code.REBALANCE, less)
            self.reductions.append(order)
        if more > 0.0:
            code = self.tripped() if line.tradable(t) else Code.NOT_TRADABLE
            if code != Code.NONE:
                self.refuse(t, line, code)
            else:
                order = self.order(t, line, side, OrderKind.WEIGHT_INCREASE, Code.REBALANCE, more)
                self.increases.append(order)

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


def component(line: Line, name: str, t: int) -> float:
    values = line.book.components.get(name)
    return NAN if values is None else float(values[t][line.place])


def rank_shares(values: list[float]) -> list[float]:
    """Rank / n, 1 the lowest; equal values share the mean rank, NaN lies below all."""
    keys = [-INF if math.isnan(v) else v for v in values]
    return [(sum(k < key for k in keys) + (sum(k == key for k in keys) + 1) / 2.0) / len(keys) for key in keys]


def simulate(bars: Any, decisions: Any, config: Any, *, first: int = 0, stop: int | None = None) -> NaiveLedger:
    """What `trading_system.engine.simulate.simulate` should return, slowly."""
    return Twin(bars, decisions, config, first, stop).run()
