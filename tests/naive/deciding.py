"""Step 5 of the page: exits, stops, candidates, ranks, sizes, weights."""

from __future__ import annotations

import math

from tests.naive.accounts import Accounts
from tests.naive.market import correlation, mean
from tests.naive.records import INF, NAN, Book, Line, Order, Position
from trading_system.engine.ledger import Code, OrderKind, OrderStatus


class Deciding(Accounts):
    """What is decided at the close of a bar."""

    # 5. decide -------------------------------------------------------------------------------------------------------
    def decide(self, t: int) -> None:
        if self.tripped() != Code.NONE:
            for order in (*(o for unit in self.entries for o in unit), *self.increases):
                order.over(OrderStatus.REJECTED, self.tripped())
            self.entries, self.increases = [], []
        self.queue_exits(t)
        self.queue_group_exits(t)
        for position in self.held():
            if position.line.book.signals and not self.leaving(position.line) and self.market.bar(t, position.line.symbol):
                self.move_stop(position, t)
        units = self.candidates(t)
        if units and self.free_slots() <= sum(len(unit) for unit in self.entries):
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
        for waiting in self.reductions:
            if waiting.line is position.line:
                waiting.over(OrderStatus.EXPIRED, cause)
        self.reductions = [o for o in self.reductions if o.status == OrderStatus.OPEN]

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
        # line, side, value at the close that decided; entries that still wait for their session count like new ones
        self.accepted = [(o.line, o.side, o.value) for unit in self.entries for o in unit]
        for unit in units:
            answer = self.answer(t, unit)
            if isinstance(answer, Code):
                for line in unit:
                    self.refuse(t, line, answer)
                continue
            orders = []
            for line, quantity in zip(unit, answer, strict=True):
                orders.append(self.entry_order(t, line, quantity))
                self.accepted.append((line, line.entry(t), orders[-1].value))
            self.entries.append(orders)

    def entry_order(self, t: int, line: Line, quantity: float) -> Order:
        limit = line.read("limit_price", t)
        kind = OrderKind.MARKET_ENTRY if math.isnan(limit) else OrderKind.LIMIT_ENTRY
        order = self.order(t, line, line.entry(t), kind, Code.ENTRY, quantity)
        scale = self.market.factor[t][line.symbol]
        order.limit = limit / scale
        order.value = quantity * self.market.close[t][line.symbol]
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


def component(line: Line, name: str, t: int) -> float:
    values = line.book.components.get(name)
    return NAN if values is None else float(values[t][line.place])


def rank_shares(values: list[float]) -> list[float]:
    """Rank / n, 1 the lowest; equal values share the mean rank, NaN lies below all."""
    keys = [-INF if math.isnan(v) else v for v in values]
    return [(sum(k < key for k in keys) + (sum(k == key for k in keys) + 1) / 2.0) / len(keys) for key in keys]
