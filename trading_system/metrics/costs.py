"""What trading and holding cost, in money and beside the equity, the traded value and the profit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trading_system.metrics.base import ratio

if TYPE_CHECKING:
    from trading_system.engine.ledger import Ledger

NAN = float("nan")


@dataclass(frozen=True)
class Costs:
    """Money of a whole run, in quote currency; costs are positive, dividends positive when received.

    ``net_pnl = gross_pnl - commission - slippage - borrow - funding - debit_interest + dividends``, open trades at their mark.
    """

    gross_pnl: float
    commission: float
    slippage: float
    borrow: float
    funding: float
    debit_interest: float
    dividends: float
    traded_value: float
    n_fills: int

    @property
    def trading(self) -> float:
        """Commission and slippage."""
        return self.commission + self.slippage

    @property
    def financing(self) -> float:
        """Borrow fees, funding and interest on negative cash."""
        return self.borrow + self.funding + self.debit_interest

    @property
    def before_trading_costs(self) -> float:
        """What the same trades would have earned without commission and slippage."""
        return self.gross_pnl - self.financing + self.dividends

    @property
    def net_pnl(self) -> float:
        """What was earned after everything."""
        return self.before_trading_costs - self.trading


def costs_of(ledger: Ledger, *, debit_rate: float) -> Costs:
    """Add up a ledger's fills, trades (open ones included) and interest."""
    fills, trades = ledger.fills, ledger.trades
    quantity, price = fills["quantity"], fills["price"]
    per_trade = float(trades["financing"].sum())  # borrow and funding
    overnight = float(ledger.interest.sum())  # borrow and debit interest
    debit = 0.0
    if debit_rate > 0.0:
        funded = bool(np.any(ledger.bars.actions.funding != 0.0))
        if funded and ledger.equity.size:  # what the trades earned and the curve did not is interest on cash
            debit = ledger.starting_equity + float(trades["pnl"].sum()) - float(ledger.equity[-1])
        else:
            debit = overnight - per_trade
    borrow = overnight - debit
    return Costs(
        gross_pnl=float(trades["gross_pnl"].sum()),
        commission=float(fills["commission"].sum()),
        slippage=float(np.abs((price - fills["reference"]) * quantity).sum()),
        borrow=borrow,
        funding=per_trade - borrow,
        debit_interest=debit,
        dividends=float(trades["dividends"].sum()),
        traded_value=float(np.abs(quantity * price).sum()),
        n_fills=int(fills.size),
    )


def breakeven_cost_multiple(costs: Costs) -> float:
    """Factor on all commission and slippage at which the same trades would have earned nothing.

    (gross profit - financing + dividends) / (commission + slippage). NaN without trading costs, and when the trades lose
    before them: no multiple of a cost makes a loss break even.
    """
    if costs.trading <= 0.0 or costs.before_trading_costs <= 0.0:
        return NAN
    return costs.before_trading_costs / costs.trading


def cost_table(costs: Costs, starting_equity: float) -> dict[str, dict[str, float | None]]:
    """Each kind of cost as money, fraction of the starting equity, bps of the traded value and share of the gross profit.

    The share is null when the gross profit is not above 0, bps when nothing was traded.
    """

    def row(money: float) -> dict[str, float | None]:
        bps, share = ratio(money, costs.traded_value) * 1e4, ratio(money, costs.gross_pnl)
        return {
            "money": money,
            "of_starting_equity": money / starting_equity,
            "bps_of_traded_value": bps if costs.traded_value > 0.0 else None,
            "share_of_gross_profit": share if costs.gross_pnl > 0.0 else None,
        }

    kinds = {
        "commission": costs.commission,
        "slippage": costs.slippage,
        "borrow": costs.borrow,
        "debit_interest": costs.debit_interest,
        "funding": costs.funding,
        "dividends": costs.dividends,
        "total": costs.trading + costs.financing,
        "gross_pnl": costs.gross_pnl,
        "net_pnl": costs.net_pnl,
    }
    return {kind: row(money) for kind, money in kinds.items()}
