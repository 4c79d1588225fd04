"""Series that charts and tables show beside the metrics: rolling figures, worst falls, the distribution, years."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.metrics import returns as growth
from trading_system.metrics.base import deviation
from trading_system.metrics.distribution import histogram
from trading_system.metrics.drawdown import drawdown_of, worst_of
from trading_system.metrics.rolling import rolling_sharpe, rolling_volatility, window_of

if TYPE_CHECKING:
    from trading_system.engine.ledger import Ledger
    from trading_system.metrics.sampling import Pairing, Sample
    from trading_system.types import FloatArray, IntArray

WORST = 5


def rolling_table(sample: Sample, pairing: Pairing | None, periods_per_year: float, risk_free: float) -> dict[str, Any]:
    """`window` in periods, and per sampled close the run's `sharpe` and `volatility`, the benchmark's where it has every close."""
    window = window_of(periods_per_year)
    table: dict[str, Any] = {"window": window}
    series = {"": sample.returns}
    if pairing is not None and pairing.whole:
        series["benchmark_"] = pairing.benchmark
    for prefix, values in series.items():
        table[f"{prefix}sharpe"] = rolling_sharpe(values, window, periods_per_year, risk_free)
        table[f"{prefix}volatility"] = rolling_volatility(values, window, periods_per_year)
    return table


def worst_drawdowns(sample: Sample) -> list[dict[str, Any]]:
    """The five deepest falls, deepest first: dates of peak, trough and recovery (null: not recovered), depth, lengths in periods.

    A fall that begins at the starting equity has no peak date. `to_trough` and `periods` count from the peak, `periods` to the
    recovery or the end.
    """
    if sample.n_periods == 0:
        return []

    def day(index: int | None) -> str | None:
        return None if not index else str(sample.session[index - 1].astype("M8[D]"))

    return [
        {
            "peak": day(fall.peak),
            "trough": day(fall.trough),
            "recovery": day(fall.recovery),
            "depth": fall.depth,
            "to_trough": fall.trough - fall.peak,
            "periods": fall.duration,
            "rows": [_row(sample, i) for i in (fall.peak, fall.trough, fall.recovery)],
        }
        for fall in worst_of(sample.levels, WORST)
    ]


def _row(sample: Sample, index: int | None) -> int | None:
    """Position in the ledger's curves of an index on V_0..V_n; V_0 stands at the first bar."""
    if index is None:
        return None
    place = max(index - 1, 0)
    return place if sample.rows is None else int(sample.rows[place])


def return_histogram(sample: Sample) -> dict[str, Any]:
    """`edges` and `counts` of the periods' returns."""
    edges, counts = histogram(sample.returns)
    return {"edges": [float(f"{edge:.12g}") for edge in edges], "counts": counts.tolist()}


def yearly_rows(
    ledger: Ledger, sample: Sample, pairing: Pairing | None, periods_per_year: float, risk_free: float
) -> list[dict[str, Any]]:
    """One row per calendar year of session labels: the run measured inside it, against the benchmark where there is one.

    `drawdown` is the lowest point of the year below the highest equity of the whole run so far. The first year is measured from the
    starting equity. Volatility and Sharpe ratio are annualised; null where a year has too few periods or does not vary.
    """
    if sample.n_periods == 0:
        return []
    years = sample.session.astype("M8[D]").astype("M8[Y]").astype(np.int64) + 1970
    starts = np.flatnonzero(np.r_[True, years[1:] != years[:-1]])
    ends = np.r_[starts[1:], years.size]
    falls = drawdown_of(sample.levels)[1:]
    chosen: Any = slice(None) if sample.rows is None else sample.rows
    gross, net = ledger.gross_exposure[chosen], ledger.net_exposure[chosen]
    closed = ledger.trades[ledger.trades["open"] == 0]
    period = sample.period_of(closed["exit_row"], ledger.first)
    rows = []
    for a, b in zip(starts.tolist(), ends.tolist(), strict=True):
        inside = sample.returns[a:b]
        during = (period >= a) & (period < b)
        rows.append(
            {
                "year": int(years[a]),
                "first": str(sample.session[a].astype("M8[D]")),
                "last": str(sample.session[b - 1].astype("M8[D]")),
                "equity": float(sample.equity[b - 1]),
                "return": _finite(_change(sample.levels, a, b)),
                "benchmark_return": _benchmark_change(pairing, a, b),
                "volatility": _finite(deviation(inside) * periods_per_year**0.5),
                "sharpe": _finite(growth.sharpe(inside, periods_per_year, risk_free)),
                "drawdown": float(falls[a:b].min()),
                "mean_gross_exposure": float(gross[a:b].mean()),
                "mean_net_exposure": float(net[a:b].mean()),
                "trades_closed": int(during.sum()),
                "pnl_closed": float(closed["pnl"][during].sum()),
            }
        )
    return rows


def _change(levels: FloatArray, a: int, b: int) -> float:
    """Return of periods a..b-1 of a curve V_0..V_n; NaN once nothing is left."""
    return float(levels[b] / levels[a] - 1.0) if levels[a] > 0.0 else float("nan")


def _benchmark_change(pairing: Pairing | None, a: int, b: int) -> float | None:
    """Return of the benchmark between its last closes before and in periods a..b-1; it is bought at its first close."""
    if pairing is None:
        return None
    known: IntArray = np.flatnonzero(~np.isnan(pairing.closes[:b]))
    if not known.size or known[-1] < a:
        return None
    before = known[known < a]
    base = pairing.closes[before[-1] if before.size else known[0]]
    return float(pairing.closes[known[-1]] / base - 1.0)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
