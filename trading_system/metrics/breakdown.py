"""Closed and open trades by strategy, symbol and exit reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.engine.ledger import Code
from trading_system.metrics.base import distinct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trading_system.engine.ledger import Ledger
    from trading_system.types import FloatArray, IntArray

Row = dict[str, float | int | None]


def trade_breakdown(ledger: Ledger) -> dict[str, dict[str, Row]]:
    """`by_strategy`, `by_symbol`, `by_exit_reason`: name -> figures of its trades; only names that traded, in their order."""
    trades = ledger.trades
    line = trades["line"]
    codes = [code.name for code in Code]
    positions = np.full(max(Code) + 1, -1, np.int64)
    positions[[int(code) for code in Code]] = np.arange(len(codes))
    reason = np.where(trades["open"] == 1, len(codes), positions[trades["exit_reason"]])
    empty = np.zeros(0, np.int64)
    return {
        "by_strategy": _grouped(ledger, ledger.line_strategy[line] if line.size else empty, distinct(ledger.strategy_names)),
        "by_symbol": _grouped(ledger, ledger.line_symbol[line] if line.size else empty, ledger.bars.symbols),
        "by_exit_reason": _grouped(ledger, reason, [*codes, "open"]),
    }


def _grouped(ledger: Ledger, group: IntArray, names: Sequence[str]) -> dict[str, Row]:
    """Figures of each group; `group` is a position in `names` for each trade."""
    trades, size = ledger.trades, len(names)

    def total(values: Any, chosen: Any) -> FloatArray:
        weights = np.asarray(values, dtype=np.float64)[chosen]
        return np.asarray(np.bincount(group[chosen], weights=weights, minlength=size), dtype=np.float64)

    closed = trades["open"] == 0
    every = np.ones(trades.size, dtype=np.bool_)
    pnl, r = trades["pnl"], trades["r_multiple"]
    wins, losses, staked = closed & (pnl > 0.0), closed & (pnl < 0.0), closed & np.isfinite(r)
    n = total(closed, closed)
    won, lost = total(pnl, wins), -total(pnl, losses)
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = {
            "n_trades": n.astype(np.int64),
            "n_wins": total(wins, wins).astype(np.int64),
            "n_losses": total(losses, losses).astype(np.int64),
            "win_rate": total(wins, wins) / n,
            "pnl": total(pnl, closed),
            "expectancy": total(pnl, closed) / n,
            "profit_factor": won / lost,
            "expectancy_R": total(r, staked) / total(staked, staked),
            "mean_bars_held": total(trades["bars_held"], closed) / n,
            "gross_pnl": total(trades["gross_pnl"], every),
            "commission": total(trades["commission"], every),
            "slippage": total(trades["slippage"], every),
            "financing": total(trades["financing"], every),
            "dividends": total(trades["dividends"], every),
            "n_open": total(~closed, ~closed).astype(np.int64),
            "open_pnl": total(pnl, ~closed),
        }
    present = np.flatnonzero(np.bincount(group, minlength=size))
    cells = [_plain(column[present]) for column in columns.values()]
    return {
        names[place]: dict(zip(columns, row, strict=True))
        for place, row in zip(present.tolist(), zip(*cells, strict=True), strict=True)
    }


def _plain(column: Any) -> list[float | int | None]:
    """Python numbers, null where not finite."""
    values: list[float | int | None] = column.tolist()
    if column.dtype.kind == "f":
        finite = np.isfinite(column)
        if not finite.all():
            return [value if ok else None for value, ok in zip(values, finite.tolist(), strict=True)]
    return values
