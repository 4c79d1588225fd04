"""Steps 3 and 4 of the page: the close and the limits on risk."""

from __future__ import annotations

import math

from tests.naive.accounts import Accounts
from tests.naive.market import deviation, median
from tests.naive.records import Position
from trading_system.engine.ledger import Code, OrderKind, OrderStatus


class Closing(Accounts):
    """What is done at the close, before anything is decided."""

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
        self.forget(position, Code.DELISTED)
        order = self.order(t, position.line, -position.sign, OrderKind.SETTLEMENT, cause, abs(position.quantity))
        self.fill(order, t, order.quantity, price, price, "inside", free=True)

    def forget(self, position: Position, cause: Code) -> None:
        """Entries and weight orders that still wait for the line's next session expire, entries with their group."""
        for unit in self.entries:
            if any(o.line is position.line for o in unit):
                for order in unit:
                    order.over(OrderStatus.EXPIRED, cause)
        for order in (*self.reductions, *self.increases):
            if order.line is position.line:
                order.over(OrderStatus.EXPIRED, cause)
        self.entries = [unit for unit in self.entries if unit[0].status == OrderStatus.OPEN]
        self.reductions = [o for o in self.reductions if o.status == OrderStatus.OPEN]
        self.increases = [o for o in self.increases if o.status == OrderStatus.OPEN]

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
        gross, net = (gross / self.equity_now, net / self.equity_now) if held else (0.0, 0.0)
        row = (self.equity_now, self.cash, gross, net, len(held), stale, self.due)
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
