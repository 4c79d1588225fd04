"""Does the profit hang on a handful of trades? What is left without the best of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from trading_system.validation.base import Bar, Examination, TestResult, ValidationTest, register
from trading_system.validation.pictures import curve

if TYPE_CHECKING:
    from trading_system.types import FloatArray


@register("best_trades")
class BestTrades(ValidationTest):
    """Profit of the closed trades without the best few."""

    title: ClassVar[str] = "Best trades"
    asks: ClassVar[str] = "Is anything left of the profit when the few best closed trades are taken away?"
    null: ClassVar[str] = "None: a measurement. A profit that three trades made is a story about three trades."
    reading: ClassVar[str] = (
        "Above 0: the other trades earn money too. At or below 0: all of the profit came from trades that may not come again."
        " Without a closed trade there is nothing to judge, and that is a no."
    )
    assumes: ClassVar[tuple[str, ...]] = (
        "the other trades would have been the same without the best ones; their size would have been a little smaller",
    )
    blind_to: ClassVar[tuple[str, ...]] = (
        "positions still open at the end, however good or bad; their profit is listed beside",
        "whether rare large wins are what the rule is built on, as trend following is; then it needs more trades",
    )
    source: ClassVar[str] = "Profit after costs of closed trades, sorted; docs/stress.md."
    order: ClassVar[int] = 12

    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        pnl, k = examination.baseline.pnl, examination.settings.gates.best_trades
        ledger = examination.baseline.ledger
        still_open = float(ledger.trades["pnl"][ledger.trades["open"] == 1].sum())
        left = profit_without_best(pnl, k)
        gone = int(np.argmax(left <= 0.0)) if left.size and (left <= 0.0).any() else None
        measured = float(left[min(k, left.size - 1)]) if pnl.size else None
        warnings = []
        if measured is not None and measured > 0.0 and measured + still_open <= 0.0:
            warnings.append(f"positions still open lose {-still_open:,.2f}, more than what is left without the best trades")
        details: dict[str, Any] = {
            "n_trades": int(pnl.size),
            "profit": float(pnl.sum()),
            "best_trades": k,
            "trades_that_carry_the_profit": gone,
            "open_pnl": still_open,
            "unit": "quote currency, after all costs",
        }
        return TestResult(
            name="best_trades",
            bars=(
                Bar(f"profit without the best {k}", measured, 0.0, ">", "money", "" if pnl.size else "no trade was closed"),
            ),
            work=f"{pnl.size} closed trades, sorted",
            warnings=warnings,
            details=details,
            picture={"pictures": [_picture(left[:201], k)] if pnl.size else []},
        )


def _picture(left: FloatArray, k: int) -> dict[str, Any]:
    return curve(
        "Profit without the best trades",
        np.arange(left.size),
        {"profit of the others": left},
        {"judged": float(k)},
        unit="money",
        x_name="best trades taken away",
        summary=f"{left[0]:,.2f} with all of them, {left[min(k, left.size - 1)]:,.2f} without the best {k}.",
    )


def profit_without_best(pnl: FloatArray, most: int | None = None) -> FloatArray:
    """Profit of all trades without the j best, j = 0, 1, ...; only winners are taken away, so that it never rises.

    Parameters
    ----------
    pnl : float64, shape (n_trades,)
        Profit of each trade, in money, in any order.
    most : int, optional
        Largest j that must be there; beyond the winners nothing changes any more.

    Returns
    -------
    float64, shape (max(n_winners, most) + 1,)
    """
    wins = np.sort(pnl[pnl > 0.0])[::-1]
    n = max(wins.size, most or 0)
    removed = np.zeros(n + 1)
    removed[1 : wins.size + 1] = np.cumsum(wins)
    removed[wins.size + 1 :] = removed[wins.size]
    left: FloatArray = pnl.sum() - removed
    if wins.size == pnl.size:
        left[wins.size :] = 0.0  # nothing is left, to the last digit
    return left
