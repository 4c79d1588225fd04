"""Steps 0 to 2 of the page: the night, the open, and what happens inside the bar."""

from __future__ import annotations

import math

from tests.naive.accounts import Accounts
from tests.naive.records import INF, Book, Order, Position
from trading_system.engine.ledger import Code, OrderKind, OrderStatus


class Opening(Accounts):
    """What is done before the close of a bar."""

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
            if self.waits([order], t):
                self.reductions.append(order)
            elif self.expire_unless_live([order], t):
                self.market_fill(order, t, order.quantity)
        units, self.entries = self.entries, []
        for unit in units:
            if self.waits(unit, t):
                self.entries.append(unit)
            else:
                self.enter(unit, t)
        increases, self.increases = self.increases, []
        self.increases = [o for o in increases if self.waits([o], t)]
        self.increase([o for o in increases if not self.waits([o], t)], t)

    def waits(self, unit: list[Order], t: int) -> bool:
        """Whether none of the lines has its session at row t."""
        return not any(self.market.own_row(t, o.line.symbol) for o in unit)

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
