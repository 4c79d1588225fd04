"""How deep could the same trades have fallen? The closed trades in another order: drawdown and runs of losses, nothing else."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from trading_system.validation.base import Bar, Examination, TestResult, ValidationTest, register
from trading_system.validation.pictures import histogram
from trading_system.validation.resampling import resample_keys
from trading_system.validation.trade_order import TradePaths, observed_path, share_at_least, trade_paths

if TYPE_CHECKING:
    from trading_system.engine.ledger import Ledger
    from trading_system.types import FloatArray

LEVEL = 0.95


@register("trade_order")
class TradeOrder(ValidationTest):
    """The closed trades shuffled: drawdown and longest run of losses beside the ones seen; drawn anew: how sure the sum is."""

    title: ClassVar[str] = "Order of trades"
    asks: ClassVar[str] = "Was the drawdown a matter of the order in which the trades came, and what else was as likely?"
    null: ClassVar[str] = "Any order of the closed trades is as likely as the one seen."
    reading: ClassVar[str] = (
        "Plan for the 95th percentile of the drawdown, not for the one seen. Shuffling cannot change the final equity, so it says"
        " nothing about whether the strategy earns; drawing trades with replacement says how much their sum may differ."
    )
    assumes: ClassVar[tuple[str, ...]] = (
        "profits in money as they were, whatever the equity at the time",
        "trades, or blocks of trades where they overlap, are exchangeable",
    )
    blind_to: ClassVar[tuple[str, ...]] = (
        "the final equity, which no order changes",
        "falls inside a trade, which only daily equity shows",
        "several trades that lose together, as far as blocks do not keep them together",
    )
    source: ClassVar[str] = "Aronson (2006); Masters (2018). Blocks as in Kunsch (1989)."
    order: ClassVar[int] = 48

    @classmethod
    def applies(cls, examination: Examination) -> str:
        n = examination.baseline.pnl.size
        return "" if n > 1 else f"{'one trade' if n else 'no trade'} was closed: there is no other order"

    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        outcome, n = examination.baseline, examination.settings.permutation.random_entry
        pnl, start = outcome.pnl, outcome.ledger.starting_equity
        block = block_of(outcome.ledger)
        seen = observed_path(pnl, start)
        shuffled = trade_paths(pnl, start, resample_keys(rng, n), block=block)
        redrawn = trade_paths(pnl, start, resample_keys(rng, n), block=block, replace=True)
        worst = float(np.quantile(shuffled.drawdown / start, LEVEL))
        warnings = ["the order of trades cannot change the final equity: this says nothing about whether the strategy earns"]
        if block > 1:
            warnings.append(f"trades overlap: they are moved in blocks of {block}, as many as were open at the same time")
        return TestResult(
            name="trade_order",
            bars=(
                Bar(f"drawdown of trades, {100 * LEVEL:g} % of orders", worst, unit="fraction"),
                Bar("drawdown of trades, as seen", float(seen.drawdown[0] / start), unit="fraction"),
                Bar(
                    f"run of losses, {100 * LEVEL:g} % of orders", float(np.quantile(shuffled.losing_run, LEVEL)), unit="count"
                ),
                Bar("run of losses, as seen", float(seen.losing_run[0]), unit="count"),
            ),
            work=f"{n} orders and {n} redraws of {pnl.size} trades",
            seed=examination.experiment.config.seed,
            warnings=warnings,
            details=_details(seen, shuffled, redrawn, start, block),
            picture={
                "pictures": [
                    histogram(
                        "Drawdown of the same trades in other orders",
                        shuffled.drawdown / start,
                        {"as seen": float(seen.drawdown[0] / start)},
                        "fraction",
                        "Of closed trades, as a fraction of the starting equity.",
                    )
                ]
            },
        )


def block_of(ledger: Ledger) -> int:
    """Trades that stay together: the mean number that was open when one was opened, at most a quarter of them; 1 where none overlap."""
    trades = ledger.trades[ledger.trades["open"] == 0]
    entries, exits = np.sort(trades["entry_row"]), np.sort(trades["exit_row"])
    standing = np.searchsorted(entries, trades["entry_row"], "right") - np.searchsorted(exits, trades["entry_row"], "right")
    if trades.size == 0 or standing.max() <= 1:
        return 1
    return max(min(math.ceil(float(standing.mean())), int(trades.size) // 4), 1)


def _details(seen: TradePaths, shuffled: TradePaths, redrawn: TradePaths, start: float, block: int) -> dict[str, Any]:
    return {
        "n_draws": int(shuffled.drawdown.size),
        "block": block,
        "share_of_orders_with_as_deep_a_drawdown": share_at_least(float(seen.drawdown[0]), shuffled.drawdown),
        "drawdown_money": _levels(shuffled.drawdown),
        "drawdown_compounded": _levels(shuffled.drawdown_compounded),
        "losing_run": _levels(shuffled.losing_run),
        "final_equity": float(seen.final_equity[0]),
        "final_equity_redrawn": _levels(redrawn.final_equity),
        "share_of_redraws_that_lose": float(np.mean(redrawn.final_equity < start)),
    }


def _levels(values: FloatArray) -> dict[str, float]:
    return {
        f"{level:g}": float(value)
        for level, value in zip((0.05, 0.5, 0.95), np.quantile(values, (0.05, 0.5, 0.95)), strict=True)
    }
