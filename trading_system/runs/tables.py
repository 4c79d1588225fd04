"""A ledger as CSV tables: fixed columns, exact numbers, text that no spreadsheet runs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.engine.ledger import Code, OrderKind, OrderStatus
from trading_system.runs.frames import MONEY, drawdown, invested

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trading_system.engine.ledger import Ledger
    from trading_system.types import FloatArray, IntArray

EQUITY = ("date", "equity", "cash", "gross_exposure", "net_exposure", "n_positions", "drawdown", "benchmark")
TRADES = (
    "trade_id", "strategy", "symbol", "side", "entry_date", "entry_price", "exit_date", "exit_price", "quantity", "gross_pnl",
    "commission", "slippage", "financing", "dividends", "pnl", "return_pct", "r_multiple", "mae", "mfe", "bars_held",
    "entry_reason", "exit_reason", "status",
)  # fmt: skip
ORDERS = (
    "order_id", "decided_at", "strategy", "symbol", "side", "quantity", "kind", "status", "reason", "filled_at", "fill_price",
)  # fmt: skip
REFUSALS = ("strategy", "symbol", "reason", "first", "last", "count")
WEEKLY = (
    "week", "week_end", "return", "equity", "drawdown", "benchmark_return", "trades_opened", "trades_closed", "wins",
    "pnl_closed", "turnover", "commission", "slippage",
)  # fmt: skip
CHUNK = 50_000  # rows made into text at once
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0")


def cell(text: str) -> str:
    """`text` as one CSV cell: no formula, no control character, quoted where it must be.

    What begins with ``= + - @`` TAB CR or NUL gets an apostrophe in front; control and bidirectional characters are written
    as escapes.
    """
    safe = _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
    if text.startswith(_FORMULA):
        safe = f"'{safe}"
    if any(character in safe for character in ',"'):
        safe = '"' + safe.replace('"', '""') + '"'
    return safe


def number(value: float | None) -> str:
    """A number that reads back to the same bits; nothing where there is none."""
    return "" if value is None or math.isnan(value) else repr(value)


def csv(header: Sequence[str], columns: Sequence[Sequence[str]]) -> Iterator[bytes]:
    """The header, then rows of `columns` in pieces of at most `CHUNK` rows."""
    yield (",".join(header) + "\n").encode()
    n_rows = len(columns[0]) if columns else 0
    for start in range(0, n_rows, CHUNK):
        part = [column[start : start + CHUNK] for column in columns]
        yield ("\n".join(map(",".join, zip(*part, strict=True))) + "\n").encode()


def equity_table(ledger: Ledger, labels: Sequence[str], benchmark: FloatArray) -> Iterator[bytes]:
    """``equity_curve.csv``: one row per bar; exposures and the drawdown are fractions.

    Parameters
    ----------
    labels : sequence of str
        What is printed for each row of the ledger's bars.
    benchmark : float64, shape (bars.n_bars,)
        Its close; the column shows the starting equity invested in it at the first close that it has.
    """
    window = slice(ledger.first, ledger.first + ledger.equity.size)
    yield from csv(
        EQUITY,
        (
            list(labels[window]),
            _floats(ledger.equity),
            _floats(ledger.cash),
            _floats(ledger.gross_exposure),
            _floats(ledger.net_exposure),
            _integers(ledger.n_positions),
            _floats(drawdown(ledger)),
            _floats(invested(ledger, benchmark)),
        ),
    )


def trade_table(ledger: Ledger, labels: Sequence[str]) -> Iterator[bytes]:
    """``trade_log.csv``: one row per trade; an open one has no exit date, its exit price is the last mark."""
    dates = [*labels, ""]  # row -1, before the first bar or never, is nothing
    strategy, symbol = _line_names(ledger)
    yield (",".join(TRADES) + "\n").encode()
    for start in range(0, ledger.trades.size, CHUNK):
        t = ledger.trades[start : start + CHUNK]
        columns = [
            list(map(str, range(start + 1, start + t.size + 1))),
            _named(strategy, t["line"]),
            _named(symbol, t["line"]),
            _named(_LONG_SHORT, t["side"]),
            _named(dates, t["entry_row"]),
            _floats(t["entry_price"]),
            _named(dates, t["exit_row"]),
            _floats(t["exit_price"]),
            _floats(t["quantity"]),
            *(_floats(t[name]) for name in MONEY),
            _integers(t["bars_held"]),
            _named(_CODES, t["entry_reason"]),
            _named(_CODES, t["exit_reason"]),
            _named(("closed", "open"), t["open"]),
        ]
        yield _rows(columns)


def order_table(ledger: Ledger, labels: Sequence[str]) -> Iterator[bytes]:
    """``orders.csv``: one row per end of an order, so a part fill and its rejected remainder are two rows of one order.

    `reason` is why the order was made where it filled or is still open, and why it did not fill elsewhere.
    """
    dates = [*labels, ""]  # row -1, before the first bar or never, is nothing
    strategy, symbol = _line_names(ledger)
    yield (",".join(ORDERS) + "\n").encode()
    for start in range(0, ledger.orders.size, CHUNK):
        o = _split_part_fills(ledger.orders[start : start + CHUNK])
        done = (o["status"] == OrderStatus.FILLED) | (o["status"] == OrderStatus.OPEN)
        columns = [
            _integers(o["id"]),
            _named(dates, o["row"]),
            _named(strategy, o["line"]),
            _named(symbol, o["line"]),
            _named(_BUY_SELL, o["side"]),
            _floats(o["quantity"]),
            _named(_KINDS, o["kind"]),
            _named(_STATUSES, o["status"]),
            _named(_CODES, np.where(done, o["cause"], o["end"])),
            _named(dates, o["fill_row"]),
            _floats(o["fill_price"]),
        ]
        yield _rows(columns)


def _split_part_fills(orders: NDArray[Any]) -> NDArray[Any]:
    """Each part-filled order as its fill and, right after it, the rejection of its remainder."""
    part = orders["status"] == OrderStatus.PART_FILLED
    if not part.any():
        return orders
    out = np.repeat(orders, np.where(part, 2, 1))
    first = np.flatnonzero(part) + np.arange(int(part.sum()))
    out["status"][first] = OrderStatus.FILLED
    out["quantity"][first] = out["filled"][first]
    out["status"][first + 1] = OrderStatus.REJECTED
    out["quantity"][first + 1] -= out["filled"][first + 1]
    out["fill_row"][first + 1] = -1
    out["fill_price"][first + 1] = np.nan
    return out


def refusal_table(ledger: Ledger, labels: Sequence[str]) -> Iterator[bytes]:
    """``refusals.csv``: candidates that never became orders; one row per line, reason and unbroken run of bars."""
    dates = [*labels, ""]  # row -1, before the first bar or never, is nothing
    strategy, symbol = _line_names(ledger)
    yield (",".join(REFUSALS) + "\n").encode()
    for start in range(0, ledger.refusals.size, CHUNK):
        r = ledger.refusals[start : start + CHUNK]
        columns = [
            _named(strategy, r["line"]),
            _named(symbol, r["line"]),
            _named(_CODES, r["code"]),
            _named(dates, r["first_row"]),
            _named(dates, r["last_row"]),
            _integers(r["count"]),
        ]
        yield _rows(columns)


def weekly_table(rows: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    """``weekly_summary.csv``: one row per ISO week."""
    header = tuple(rows[0]) if rows else WEEKLY
    columns = [
        [value if isinstance(value, str) else number(value) for value in (row[name] for row in rows)] for name in header
    ]
    yield from csv(header, columns)


Names = Sequence[str]


def _by_value(names: Mapping[int, str]) -> Names:
    """Names by their number, as a list: what is looked up a million times."""
    return [names.get(value, "") for value in range(max(names) + 1)]


_CODES = _by_value({code.value: "" if code is Code.NONE else code.name for code in Code})
_KINDS = _by_value({kind.value: kind.name.lower() for kind in OrderKind})
_STATUSES = _by_value({status.value: status.name.lower() for status in OrderStatus})
_LONG_SHORT, _BUY_SELL = ("", "long", "short"), ("", "buy", "sell")  # -1 is the last


def _line_names(ledger: Ledger) -> tuple[Names, Names]:
    """Line -> strategy and line -> symbol, as cells."""
    strategies = [cell(name) for name in ledger.strategy_names]
    symbols = [cell(name) for name in ledger.bars.symbols]
    return [strategies[s] for s in ledger.line_strategy.tolist()], [symbols[s] for s in ledger.line_symbol.tolist()]


def _named(names: Names, keys: IntArray) -> list[str]:
    return list(map(names.__getitem__, keys.tolist()))


def _integers(values: IntArray) -> list[str]:
    return list(map(str, values.tolist()))


def _floats(values: FloatArray) -> list[str]:
    texts = list(map(repr, values.tolist()))
    for i in np.flatnonzero(np.isnan(values)).tolist():
        texts[i] = ""
    return texts


def _rows(columns: Iterable[Sequence[str]]) -> bytes:
    text = "\n".join(map(",".join, zip(*columns, strict=True)))
    return (text + "\n").encode() if text else b""
