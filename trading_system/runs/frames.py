"""A ledger as pandas tables, for notebooks; the columns are those of the CSV files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.engine.ledger import Code, OrderKind, OrderStatus

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from trading_system.engine.ledger import Ledger
    from trading_system.types import FloatArray, IntArray

MONEY = ("gross_pnl", "commission", "slippage", "financing", "dividends", "pnl", "return_pct", "r_multiple", "mae", "mfe")


def equity_frame(ledger: Ledger, benchmark: FloatArray) -> pd.DataFrame:
    """One row per bar: equity, cash, exposures, positions, drawdown, benchmark; indexed by date (intraday: UTC close)."""
    import pandas as pd

    window = slice(ledger.first, ledger.first + ledger.equity.size)
    return pd.DataFrame(
        {
            "equity": ledger.equity,
            "cash": ledger.cash,
            "gross_exposure": ledger.gross_exposure,
            "net_exposure": ledger.net_exposure,
            "n_positions": ledger.n_positions,
            "drawdown": drawdown(ledger),
            "benchmark": invested(ledger, benchmark),
        },
        index=pd.Index(_stamps(ledger)[window], name="date"),
    )


def trades_frame(ledger: Ledger) -> pd.DataFrame:
    """One row per trade; the exit date of an open one is NaT, its exit price the last mark."""
    import pandas as pd

    t, named = ledger.trades, _Names(ledger)
    return pd.DataFrame(
        {
            "trade_id": np.arange(1, t.size + 1),
            "strategy": named.strategy(t["line"]),
            "symbol": named.symbol(t["line"]),
            "side": np.where(t["side"] > 0, "long", "short"),
            "entry_date": named.date(t["entry_row"]),
            "entry_price": t["entry_price"],
            "exit_date": named.date(t["exit_row"]),
            "exit_price": t["exit_price"],
            "quantity": t["quantity"],
            **{name: t[name] for name in MONEY},
            "bars_held": t["bars_held"],
            "entry_reason": named.code(t["entry_reason"]),
            "exit_reason": named.code(t["exit_reason"]),
            "status": np.where(t["open"] == 1, "open", "closed"),
        }
    )


def orders_frame(ledger: Ledger) -> pd.DataFrame:
    """One row per order: `cause` is why it was made, `reason` why it did not (wholly) fill, `filled` the quantity that did."""
    import pandas as pd

    o, named = ledger.orders, _Names(ledger)
    return pd.DataFrame(
        {
            "order_id": o["id"],
            "decided_at": named.date(o["row"]),
            "strategy": named.strategy(o["line"]),
            "symbol": named.symbol(o["line"]),
            "side": np.where(o["side"] > 0, "buy", "sell"),
            "quantity": o["quantity"],
            "filled": o["filled"],
            "kind": [OrderKind(kind).name.lower() for kind in o["kind"].tolist()],
            "status": [OrderStatus(status).name.lower() for status in o["status"].tolist()],
            "cause": named.code(o["cause"]),
            "reason": named.code(o["end"]),
            "filled_at": named.date(o["fill_row"]),
            "fill_price": o["fill_price"],
        }
    )


def drawdown(ledger: Ledger) -> FloatArray:
    """Equity over its peak so far, the starting equity included, less 1; shape (n_bars,), never positive."""
    peak = np.maximum(np.maximum.accumulate(ledger.equity), ledger.starting_equity)
    return np.asarray(ledger.equity / peak - 1.0)


def invested(ledger: Ledger, benchmark: FloatArray) -> FloatArray:
    """The starting equity put into `benchmark`, (bars.n_bars,), at the first close that it has in the run; (n_bars,)."""
    level = benchmark[ledger.first : ledger.first + ledger.equity.size]
    known = np.flatnonzero(np.isfinite(level))
    return level * (ledger.starting_equity / level[known[0]]) if known.size else level


def _stamps(ledger: Ledger) -> NDArray[Any]:
    bars = ledger.bars
    return bars.times() if bars.intraday else bars.dates().astype("datetime64[s]")


class _Names:
    """Numbers of a ledger to what they stand for."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        stamps = _stamps(ledger)
        self._dates = np.append(stamps, np.array(["NaT"], stamps.dtype))

    def date(self, rows: IntArray) -> NDArray[Any]:
        return self._dates[rows]

    def strategy(self, lines: IntArray) -> list[str]:
        return [self._ledger.strategy_names[s] for s in self._ledger.line_strategy[lines].tolist()]

    def symbol(self, lines: IntArray) -> list[str]:
        return [self._ledger.bars.symbols[s] for s in self._ledger.line_symbol[lines].tolist()]

    def code(self, codes: IntArray) -> list[str]:
        return ["" if code == Code.NONE else Code(code).name for code in codes.tolist()]
