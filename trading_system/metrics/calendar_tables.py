"""The run by month and by week."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trading_system.engine.ledger import Ledger
    from trading_system.metrics.sampling import Sample
    from trading_system.types import FloatArray, IntArray

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def monthly_report(ledger: Ledger, sample: Sample, benchmark: FloatArray | None) -> dict[str, Any]:
    """`months`: one row per calendar month; `table`: year -> month -> return, with the whole year under `Year`.

    Months go by session labels. The first is measured from the starting equity; returns are fractions.
    """
    months = sample.session.astype("M8[D]").astype("M8[M]").astype(np.int64)
    rows = _rows(ledger, sample, benchmark, months)
    table: dict[str, dict[str, float | None]] = {}
    for row in rows:
        number = row.pop("_period")
        year, month = 1970 + number // 12, number % 12
        row["month"] = f"{year:04d}-{month + 1:02d}"
        table.setdefault(f"{year:04d}", dict.fromkeys((*MONTHS, "Year")))[MONTHS[month]] = row["return"]
    years = months // 12
    for row in _returns(sample, years):
        table[f"{1970 + row['_period']:04d}"]["Year"] = row["return"]
    return {"months": [_first(row, "month") for row in rows], "table": table}


def weekly_rows(ledger: Ledger, sample: Sample, benchmark: FloatArray | None) -> list[dict[str, Any]]:
    """One row per ISO week that has a sampled close; `week_end` is its last session."""
    weeks = (sample.session.astype(np.int64) + 3) // 7  # 1970-01-01 was a Thursday: Monday begins a week
    rows = _rows(ledger, sample, benchmark, weeks)
    names = _iso_names(np.array([row.pop("_period") for row in rows], np.int64))
    for row, name in zip(rows, names, strict=True):
        row["week"] = name
    return [_first(row, "week", "week_end") for row in rows]


def _iso_names(weeks: IntArray) -> list[str]:
    """ISO year and number, as 2015-W02, of the weeks that begin so many weeks after Monday 1969-12-29."""
    thursday = (weeks * 7).astype("M8[D]")  # a week belongs to the year of its Thursday
    year = thursday.astype("M8[Y]")
    number = (thursday - year.astype("M8[D]")).astype(np.int64) // 7 + 1
    return [f"{y + 1970:04d}-W{w:02d}" for y, w in zip(year.astype(np.int64).tolist(), number.tolist(), strict=True)]


def _ends(periods: IntArray) -> IntArray:
    """Last position of each run of equal values."""
    return np.flatnonzero(np.append(periods[1:] != periods[:-1], True)) if periods.size else np.zeros(0, np.int64)


def _returns(sample: Sample, periods: IntArray) -> list[dict[str, Any]]:
    ends = _ends(periods)
    levels = sample.equity[ends]
    before = np.concatenate(([sample.start], levels))[:-1]
    return [
        {"_period": int(period), "return": float(after / base - 1.0) if base > 0.0 else None}
        for period, after, base in zip(periods[ends], levels, before, strict=True)
    ]


def _rows(ledger: Ledger, sample: Sample, benchmark: FloatArray | None, periods: IntArray) -> list[dict[str, Any]]:
    """Equity, return, drawdown, trades, turnover and costs of each run of equal `periods`."""
    rows = _returns(sample, periods)
    if not rows:
        return rows
    ends = _ends(periods)
    peak = np.maximum(np.maximum.accumulate(sample.equity), sample.start)
    columns: dict[str, list[Any]] = {
        "week_end": np.datetime_as_string(sample.session[ends].astype("M8[D]")).tolist(),
        "equity": sample.equity[ends].tolist(),
        "drawdown": (sample.equity[ends] / peak[ends] - 1.0).tolist(),
        "benchmark_return": _benchmark_returns(benchmark, ends),
        **_activity(ledger, sample, ends),
    }
    for place, row in enumerate(rows):
        row.update({name: values[place] for name, values in columns.items()})
    return rows


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


def _first(row: dict[str, Any], *names: str) -> dict[str, Any]:
    """The row with `names` in front; a month does not print the end of its week."""
    rest = {key: value for key, value in row.items() if key not in names and key != "week_end"}
    return {**{name: row[name] for name in names}, **rest}
