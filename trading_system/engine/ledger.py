"""What the engine returns: curves, orders, fills, trades, refusals, events; arrays first, tables on demand."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trading_system.data.bars import Bars
    from trading_system.types import FloatArray, IntArray


class Code(IntEnum):
    """Why an order was made, refused, cut, expired or closed; a closed list, in `docs/fill-rules.md`."""

    NONE = 0
    # why an order was made
    ENTRY = 1
    SIGNAL = 2
    REVERSAL = 3
    MAX_HOLD = 4
    GROUP = 5
    STOP = 6
    TRAIL = 7
    TIGHTEN = 8
    TARGET = 9
    UNIVERSE = 10
    DATA_MISSING = 11
    DELISTED = 12
    DELISTED_SILENT = 13
    REBALANCE = 14
    DRAWDOWN_LIMIT = 15
    DAILY_LOSS_LIMIT = 16
    RUIN = 17
    # why a candidate was refused or an order did not (wholly) fill
    NO_BAR = 20
    NO_VOLUME = 21
    NOT_TRADABLE = 22
    SLOTS = 23
    SLOT_NOT_FREED = 24
    CORRELATION = 25
    NO_STOP = 26
    NO_HISTORY = 27
    NOTIONAL = 28
    GROSS_EXPOSURE = 29
    CAPACITY = 30
    CASH = 31
    LOT = 32
    ZERO_SIZE = 33
    LIMIT_NOT_REACHED = 34
    REPEATED = 35


class OrderKind(IntEnum):
    """What sort of order it is."""

    MARKET_ENTRY = 0
    LIMIT_ENTRY = 1
    EXIT = 2
    STOP = 3
    TARGET = 4
    WEIGHT_REDUCE = 5
    WEIGHT_INCREASE = 6
    SETTLEMENT = 7  # a delisting: no market order


class OrderStatus(IntEnum):
    """How an order ended."""

    OPEN = 0
    FILLED = 1
    PART_FILLED = 2  # the remainder was rejected with the code in `end`
    REJECTED = 3
    EXPIRED = 4


ORDER = np.dtype(
    [
        ("id", "i8"),
        ("row", "i8"),
        ("line", "i8"),
        ("side", "i8"),
        ("kind", "i8"),
        ("cause", "i8"),
        ("quantity", "f8"),
        ("filled", "f8"),
        ("status", "i8"),
        ("end", "i8"),
        ("fill_row", "i8"),
        ("fill_price", "f8"),
    ]
)  # row: the deciding bar (-1: before the run); quantity > 0 in units of the last split; fill_row -1 where unfilled
FILL = np.dtype(
    [
        ("order", "i8"),
        ("row", "i8"),
        ("line", "i8"),
        ("side", "i8"),
        ("quantity", "f8"),
        ("reference", "f8"),
        ("price", "f8"),
        ("commission", "f8"),
    ]
)  # slippage cost = |price - reference| * quantity
TRADE = np.dtype(
    [
        ("line", "i8"),
        ("side", "i8"),
        ("entry_row", "i8"),
        ("entry_price", "f8"),
        ("exit_row", "i8"),
        ("exit_price", "f8"),
        ("quantity", "f8"),
        ("gross_pnl", "f8"),
        ("commission", "f8"),
        ("slippage", "f8"),
        ("financing", "f8"),
        ("dividends", "f8"),
        ("pnl", "f8"),
        ("return_pct", "f8"),
        ("initial_risk", "f8"),
        ("r_multiple", "f8"),
        ("mae", "f8"),
        ("mfe", "f8"),
        ("bars_held", "i8"),
        ("entry_reason", "i8"),
        ("exit_reason", "i8"),
        ("open", "i8"),
    ]
)  # return_pct is a fraction: pnl / (entry_price * quantity); open 1: still held at the end, exit_row -1, exit_price the mark; financing > 0 is a cost
REFUSAL = np.dtype([("line", "i8"), ("code", "i8"), ("first_row", "i8"), ("last_row", "i8"), ("count", "i8")])
EVENT = np.dtype([("row", "i8"), ("kind", "i8"), ("equity", "f8"), ("reference", "f8"), ("measured", "f8"), ("limit", "f8")])


@dataclass(frozen=True, eq=False)
class Ledger:
    """The whole outcome of a simulation over rows `first`..`first + n_bars - 1` of its bars.

    Attributes
    ----------
    equity, cash : float64, shape (n_bars,)
        Quote currency at each close.
    gross_exposure, net_exposure : float64, shape (n_bars,)
        Fractions of equity.
    n_positions, stale_marks : int64, shape (n_bars,)
        Lines held at the close; those of them whose mark is older than this bar.
    orders, fills, trades, refusals, events : record arrays
        Layouts `ORDER`, `FILL`, `TRADE`, `REFUSAL`, `EVENT`; rows count from 0 at the first bar of `bars`.
    repeated : int64, shape (n_strategies,)
        Signals that repeated a standing position or order, outside the reconciliation.
    signals : int64, shape (n_strategies,)
        Entry, exit and weight signals inside the reconciliation.
    line_symbol, line_strategy : int64, shape (n_lines,)
        Column of bars and number of the strategy of each line.
    first : int
        Row of bars at which the curves begin.
    starting_equity : float
    """

    equity: FloatArray
    cash: FloatArray
    gross_exposure: FloatArray
    net_exposure: FloatArray
    n_positions: IntArray
    stale_marks: IntArray
    orders: NDArray[Any]
    fills: NDArray[Any]
    trades: NDArray[Any]
    refusals: NDArray[Any]
    events: NDArray[Any]
    repeated: IntArray
    signals: IntArray
    line_symbol: IntArray
    line_strategy: IntArray
    strategy_names: tuple[str, ...]
    bars: Bars
    first: int
    starting_equity: float
    interest: FloatArray  # (n_bars,) debit interest and borrow charged at each close
