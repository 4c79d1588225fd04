"""The run by month and by week."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trading_system.engine.ledger import Ledger
    from trading_system.metrics.sampling import Sample
    from trading_system.types import FloatArray, Int32Array, IntArray

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def monthly_report(ledger: Ledger, sample: Sample, benchmark: FloatArray | None) -> dict[str, Any]:
    """`months`: one row per calendar month; `table`: year -> month -> return, with the whole year under `Year`.

    Months go by session labels. The first is measured from the starting equity; returns are fractions.
    """
    days = _ends(sample.session)
    months = sample.session[days].astype("M8[D]").astype("M8[M]").astype(np.int64)
    ends, months = days[_ends(months)], months[_ends(months)]
    names = np.datetime_as_string(months.astype("M8[M]")).tolist()
    rows = _records({"month": names, **_columns(ledger, sample, benchmark, ends)})
    table: dict[str, dict[str, float | None]] = {}
    for number, row in zip(months.tolist(), rows, strict=True):
        table.setdefault(row["month"][:4], dict.fromkeys((*MONTHS, "Year")))[MONTHS[number % 12]] = row["return"]
    for year, value in zip(table.values(), _returns(sample, ends[_ends(months // 12)]), strict=True):
        year["Year"] = value
    return {"months": rows, "table": table}


def weekly_rows(ledger: Ledger, sample: Sample, benchmark: FloatArray | None) -> list[dict[str, Any]]:
    """One row per ISO week that has a sampled close; `week_end` is its last session."""
    days = _ends(sample.session)
    weeks = (sample.session[days].astype(np.int64) + 3) // 7  # 1970-01-01 was a Thursday: Monday begins a week
    ends, weeks = days[_ends(weeks)], weeks[_ends(weeks)]
    last = np.datetime_as_string(sample.session[ends].astype("M8[D]")).tolist()
    return _records({"week": _iso_names(weeks), "week_end": last, **_columns(ledger, sample, benchmark, ends)})


def _iso_names(weeks: IntArray) -> list[str]:
    """ISO year and number, as 2015-W02, of the weeks that begin so many weeks after Monday 1969-12-29."""
    thursday = (weeks * 7).astype("M8[D]")  # a week belongs to the year of its Thursday
    year = thursday.astype("M8[Y]")
    number = (thursday - year.astype("M8[D]")).astype(np.int64) // 7 + 1
    return [f"{y + 1970:04d}-W{w:02d}" for y, w in zip(year.astype(np.int64).tolist(), number.tolist(), strict=True)]


def _ends(periods: IntArray | Int32Array) -> IntArray:
    """Last position of each run of equal values."""
    return np.flatnonzero(np.append(periods[1:] != periods[:-1], True)) if periods.size else np.zeros(0, np.int64)


def _records(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _returns(sample: Sample, ends: IntArray) -> list[float | None]:
    """Return of each period that ends at a position of `ends`; null once the equity is gone."""
    levels = sample.equity[ends]
    before = np.concatenate(([sample.start], levels))[:-1]
    return [float(after / base - 1.0) if base > 0.0 else None for after, base in zip(levels, before, strict=True)]


def _columns(ledger: Ledger, sample: Sample, benchmark: FloatArray | None, ends: IntArray) -> dict[str, list[Any]]:
    """Return, equity, drawdown, trades, turnover and costs of the periods that end at positions `ends`."""
    if not ends.size:
        return {}
    peak = np.maximum(np.maximum.accumulate(sample.equity), sample.start)[ends]
    return {
        "return": _returns(sample, ends),
        "equity": sample.equity[ends].tolist(),
        "drawdown": (sample.equity[ends] / peak - 1.0).tolist(),
        "benchmark_return": _benchmark_returns(benchmark, ends),
        **_activity(ledger, sample, ends),
    }


def _benchmark_returns(closes: FloatArray | None, ends: IntArray) -> list[float | None]:
    """Return between the benchmark's last closes in each period; null where it has none to compare."""
    if closes is None:
        return [None] * ends.size
    exists = np.flatnonzero(~np.isnan(closes))
    if not exists.size:
        return [None] * ends.size
    last = np.searchsorted(exists, ends, side="right") - 1  # last close at or before the end of the period
    before = np.concatenate(([0], np.maximum(last[:-1], 0)))
    moved: FloatArray = closes[exists[np.maximum(last, 0)]] / closes[exists[before]] - 1.0
    known = last >= 0
    known[1:] &= last[1:] > last[:-1]
    return [value if ok else None for value, ok in zip(moved.tolist(), known.tolist(), strict=True)]


def _activity(ledger: Ledger, sample: Sample, ends: IntArray) -> dict[str, list[Any]]:
    """Trades opened and closed, their result, turnover and costs per period."""
    trades, fills = ledger.trades, ledger.fills
    closed = trades[trades["open"] == 0]

    def by(rows: IntArray, weights: NDArray[Any] | None = None) -> NDArray[Any]:
        place = np.searchsorted(ends, sample.period_of(rows, ledger.first))
        return np.bincount(place, weights=weights, minlength=ends.size)

    before = np.concatenate(([sample.start], sample.equity[ends[:-1]]))
    traded = by(fills["row"], np.abs(fills["quantity"] * fills["price"]))
    with np.errstate(divide="ignore", invalid="ignore"):
        turnover = np.where(before > 0.0, 0.5 * traded / before, 0.0)
    slipped = np.abs((fills["price"] - fills["reference"]) * fills["quantity"])
    return {
        "trades_opened": by(trades["entry_row"]).tolist(),
        "trades_closed": by(closed["exit_row"]).tolist(),
        "wins": by(closed["exit_row"][closed["pnl"] > 0.0]).tolist(),
        "pnl_closed": by(closed["exit_row"], closed["pnl"]).tolist(),
        "turnover": turnover.tolist(),
        "commission": by(fills["row"], fills["commission"]).tolist(),
        "slippage": by(fills["row"], slipped).tolist(),
    }
