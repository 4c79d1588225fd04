"""``series.json``: the curves behind the charts of a report, as plain JSON with base64 arrays.

Curves of up to `POINTS` bars are written whole; longer ones keep of each stretch the first, lowest, highest and last value
(`metrics.thinning`). Every number that must be exact stands in the other artefacts.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.engine.ledger import Code
from trading_system.metrics.base import distinct
from trading_system.metrics.thinning import rows_of, step_for, thinned
from trading_system.runs.frames import drawdown, invested

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trading_system.data.bars import Bars
    from trading_system.engine.ledger import Ledger
    from trading_system.metrics.summary import Summary
    from trading_system.types import FloatArray, IntArray

SCHEMA = 1
POINTS = 20_000  # of one curve
PRICE_POINTS = 1 << 20  # of the closes of all symbols
FEWEST_PRICES = 240  # of one symbol
TRADES = 20_000
LEVELS = 65_534  # of a quantised price; the next number means no bar


def series_document(ledger: Ledger, summary: Summary, benchmark: FloatArray) -> dict[str, Any]:
    """Curves on one grid of bars, closes of the symbols that were traded, and the trades.

    Parameters
    ----------
    benchmark : float64, shape (bars.n_bars,)
        Its closes, in adjusted scale.

    Returns
    -------
    dict
        `schema`; `bars` and `step` of the grid (see `metrics.thinning`), `stamps` per point; `equity`, `benchmark`, `drawdown`,
        `gross`, `net`, `positions`; `rolling` (window, sharpe, volatility, and the benchmark's); `histogram`; `symbols`; `trades`.
    """
    n = int(ledger.equity.size)
    step = step_for(n, POINTS)

    def curve(values: NDArray[Any], kind: str = "f4") -> dict[str, str]:
        return packed(thinned(np.asarray(values, dtype=np.float64), step), kind)

    rolling = dict(summary.rolling)
    window, places = rolling.pop("window"), rolling.pop("rows")
    traded = np.unique(ledger.line_symbol[ledger.trades["line"]]) if ledger.trades.size else np.zeros(0, np.int64)
    return {
        "schema": SCHEMA,
        "bars": n,
        "step": step,
        "intraday": ledger.bars.intraday,
        "stamps": _stamps(ledger.bars, ledger.first + rows_of(n, step)),
        "equity": curve(ledger.equity, "f8"),
        "benchmark": None if summary.conventions["benchmark"] is None else curve(invested(ledger, benchmark), "f8"),
        "drawdown": curve(drawdown(ledger)),
        "gross": curve(ledger.gross_exposure),
        "net": curve(ledger.net_exposure),
        "positions": curve(ledger.n_positions),
        "rolling": {"window": window, **{name: curve(_spread(values, places, n)) for name, values in rolling.items()}},
        "histogram": summary.histogram,
        "symbols": _symbols(ledger, traded),
        "trades": _trades(ledger, traded),
    }


def packed(values: NDArray[Any], kind: str) -> dict[str, str]:
    """An array as little-endian numbers of `kind` (f8, f4, i4, i1, u2) in base64."""
    return {"type": kind, "data": base64.b64encode(values.astype(f"<{kind}").tobytes()).decode("ascii")}


def unpacked(array: dict[str, str]) -> NDArray[Any]:
    """The numbers of a `packed` array."""
    return np.frombuffer(base64.b64decode(array["data"], validate=True), dtype=f"<{array['type']}")


def _stamps(bars: Bars, rows: IntArray) -> dict[str, str]:
    """Days since 1970 of daily bars, seconds of intraday ones; -1 as a row (never) is the first bar's."""
    if bars.intraday:
        return packed(bars.index[rows] / 1e9, "f8")
    return packed(bars.session[rows], "i4")


def _spread(values: FloatArray, places: IntArray | None, n: int) -> FloatArray:
    """One value per sampled close on the rows of the curves; NaN between."""
    if places is None:
        return values
    out = np.full(n, np.nan)
    out[places] = values
    return out


def _scale(bars: Bars, column: int, rows: IntArray) -> FloatArray:
    """What turns a printed price into one in the share units of the last bar."""
    if bars.split_factor is None:
        return np.ones(rows.size)
    factor = bars.split_factor[:, column]
    return np.asarray(factor[rows] / factor[-1])


def _symbols(ledger: Ledger, traded: IntArray) -> list[dict[str, Any]]:
    """Closes of each traded symbol from its first to its last bar in the run, splits taken out, in 65,534 steps."""
    bars, n = ledger.bars, int(ledger.equity.size)
    points = max(PRICE_POINTS // max(traded.size, 1), FEWEST_PRICES)
    out = []
    for column in traded.tolist():
        close = bars.close[ledger.first : ledger.first + n, column]
        there = np.flatnonzero(np.isfinite(close))
        first, last = (int(there[0]), int(there[-1])) if there.size else (0, -1)
        price = close[first : last + 1] * _scale(bars, column, np.arange(ledger.first + first, ledger.first + last + 1))
        step = step_for(price.size, points)
        out.append(
            {"symbol": bars.symbols[column], "first": first, "bars": price.size, "step": step, **_quantised(price, step)}
        )
    return out


def _quantised(price: FloatArray, step: int) -> dict[str, Any]:
    """Prices as whole numbers between the lowest and highest: even ratios where all are above 0 (`log`), else even steps."""
    values = thinned(price, step)
    there = np.isfinite(values)
    if not there.any():
        return {"log": False, "low": 0.0, "high": 0.0, "close": packed(np.zeros(0), "u2")}
    low, high = float(values[there].min()), float(values[there].max())
    log = low > 0.0
    a, b = (np.log(low), np.log(high)) if log else (low, high)
    level = np.full(values.size, LEVELS + 1.0)
    level[there] = np.rint(((np.log(values[there]) if log else values[there]) - a) / max(b - a, 1e-300) * LEVELS)
    return {"log": log, "low": low, "high": high, "close": packed(level, "u2")}


def _trades(ledger: Ledger, traded: IntArray) -> dict[str, Any]:
    """Trades as columns, in the order of the trade log; of more than `TRADES` those that made or lost most.

    `entry` and `exit` are bars of the run (-1: still open); prices as in ``trade_log.csv``, `scale` turns both into the units of
    the closes. `number` is the trade_id.
    """
    trades, bars = ledger.trades, ledger.bars
    kept = np.arange(trades.size)
    if trades.size > TRADES:
        kept = np.sort(np.argsort(-np.abs(trades["pnl"]), kind="stable")[:TRADES])
    t = trades[kept]
    column = ledger.line_symbol[t["line"]] if t.size else np.zeros(0, np.int64)
    last = np.where(t["exit_row"] >= 0, t["exit_row"], bars.n_bars - 1)
    scale = np.ones(t.size)
    if bars.split_factor is not None and t.size:
        scale = bars.split_factor[last, column] / bars.split_factor[-1, column]
    reasons = [code.name for code in Code]
    place = np.full(max(Code) + 1, -1, np.int64)
    place[[int(code) for code in Code]] = np.arange(len(reasons))
    return {
        "count": int(trades.size),
        "left_out": int(trades.size - t.size),
        "strategies": list(distinct(ledger.strategy_names)),
        "reasons": reasons,
        "number": packed(kept + 1, "i4"),
        "symbol": packed(np.searchsorted(traded, column), "i4"),
        "strategy": packed(ledger.line_strategy[t["line"]] if t.size else column, "i4"),
        "side": packed(t["side"], "i1"),
        "entry": packed(t["entry_row"] - ledger.first, "i4"),
        "exit": packed(np.where(t["exit_row"] >= 0, t["exit_row"] - ledger.first, -1), "i4"),
        "entered": _stamps(bars, t["entry_row"]),
        "left": _stamps(bars, last),
        "entry_price": packed(t["entry_price"], "f8"),
        "exit_price": packed(t["exit_price"], "f8"),
        "scale": packed(scale, "f4"),
        "quantity": packed(t["quantity"], "f8"),
        "pnl": packed(t["pnl"], "f8"),
        "return": packed(t["return_pct"], "f4"),
        "r": packed(t["r_multiple"], "f4"),
        "reason": packed(place[t["exit_reason"]], "i1"),
    }
