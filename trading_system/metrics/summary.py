"""Everything that a run says about itself in numbers: what goes into `metrics.json` and the tables beside it."""

from __future__ import annotations

import functools
import inspect
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.engine.ledger import Code
from trading_system.errors import DataError
from trading_system.metrics import returns
from trading_system.metrics.base import SPECIFICATION, Metric, metrics, per_period
from trading_system.metrics.breakdown import trade_breakdown
from trading_system.metrics.calendar_tables import monthly_report, weekly_rows
from trading_system.metrics.charts import return_histogram, rolling_table, worst_drawdowns, yearly_rows
from trading_system.metrics.costs import Costs, breakeven_cost_multiple, cost_table, costs_of
from trading_system.metrics.curve import (
    LONG,
    Year,
    benchmark_metrics,
    exposure_metrics,
    level_metrics,
    long_metrics,
    long_relative,
    run_pass,
)
from trading_system.metrics.reconciliation import reconcile
from trading_system.metrics.sampling import Pairing, Sample, pair, sample
from trading_system.metrics.together import return_metrics, trade_metrics
from trading_system.metrics.undefined import Facts, reason

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trading_system.config.models import RunConfig
    from trading_system.engine.ledger import Ledger
    from trading_system.types import FloatArray

Number = float | int | None
NAN = float("nan")
QUICK_CURVE = ("total_return", "cagr", "max_drawdown", "calmar", "sharpe")
QUICK_TRADES = ("n_trades", "win_rate", "profit_factor", "expectancy")


@dataclass(frozen=True, eq=False)
class Summary:
    """The numbers of one run; everything is plain and JSON-able, tables are worked out when they are read.

    Attributes
    ----------
    metrics : dict of str to float, int or None
        Metric id to its number; null where it has none.
    undefined : dict of str to str
        Why a null is null.
    conventions : dict
        How every number was made: periods per year, risk-free rate, ddof, sampling, window, benchmark.
    """

    metrics: dict[str, Number]
    undefined: dict[str, str]
    conventions: dict[str, Any]
    _ledger: Ledger
    _sample: Sample
    _pairing: Pairing | None
    _costs: Costs

    @cached_property
    def reconciliation(self) -> dict[str, Any]:
        """Signals to refusals and orders, orders to their ends, in total and per strategy."""
        return reconcile(self._ledger)

    @cached_property
    def costs(self) -> dict[str, dict[str, float | None]]:
        """Each kind of cost in money and beside equity, traded value and gross profit."""
        return cost_table(self._costs, self._ledger.starting_equity)

    @cached_property
    def trades(self) -> dict[str, dict[str, dict[str, Number]]]:
        """Figures of the trades by strategy, symbol and exit reason."""
        return trade_breakdown(self._ledger)

    @cached_property
    def monthly(self) -> dict[str, Any]:
        """`monthly_report.json`: rows per month and the table of years x months."""
        return monthly_report(self._ledger, self._sample, self._benchmark_closes)

    @cached_property
    def weekly(self) -> list[dict[str, Any]]:
        """Rows of `weekly_summary.csv`, one per ISO week."""
        return weekly_rows(self._ledger, self._sample, self._benchmark_closes)

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """Limits that tripped, in order, each with its numbers."""
        return [_event(self._ledger, event) for event in self._ledger.events]

    @cached_property
    def drawdowns(self) -> list[dict[str, Any]]:
        """The five deepest falls, deepest first."""
        return worst_drawdowns(self._sample)

    @cached_property
    def years(self) -> list[dict[str, Any]]:
        """One row per calendar year."""
        return yearly_rows(self._ledger, self._sample, self._pairing, *self._year)

    @cached_property
    def histogram(self) -> dict[str, Any]:
        """How often which return of a period."""
        return return_histogram(self._sample)

    @cached_property
    def rolling(self) -> dict[str, Any]:
        """Volatility and Sharpe ratio over half a year at each sampled close; `rows` are positions in the ledger's curves."""
        return {**rolling_table(self._sample, self._pairing, *self._year), "rows": self._sample.rows}

    @property
    def _year(self) -> tuple[float, float]:
        return self.conventions["periods_per_year"], self.conventions["risk_free"]

    @property
    def _benchmark_closes(self) -> FloatArray | None:
        return None if self._pairing is None else self._pairing.closes

    def document(self) -> dict[str, Any]:
        """The content of `metrics.json`."""
        return {
            "metrics": self.metrics,
            "undefined": self.undefined,
            "conventions": self.conventions,
            "reconciliation": self.reconciliation,
            "costs": self.costs,
            "trades": self.trades,
            "drawdowns": self.drawdowns,
            "years": self.years,
            "events": self.events,
        }


def summarise(ledger: Ledger, config: RunConfig, *, benchmark: FloatArray | None) -> Summary:
    """Measure a run.

    Returns are taken at the closes of the benchmark's calendar from the ledger's first bar on, with the starting equity as
    V_0, so that a loss on the first bar counts.

    Parameters
    ----------
    ledger : Ledger
    config : RunConfig
        `portfolio.risk_free` (yearly, also the minimum acceptable return of Sortino), `portfolio.debit_rate`.
    benchmark : float64, shape (bars.n_bars,) or (n_bars of the ledger,), or None
        Closes of the benchmark in an adjusted scale; NaN where it has none.

    Raises
    ------
    DataError
        The equity curve holds NaN, or the benchmark is not one close per bar.
    """
    sampled = sample(ledger)
    pairing = None if benchmark is None else pair(ledger, sampled, benchmark)
    costs = costs_of(ledger, debit_rate=config.portfolio.debit_rate)
    year = Year(ledger.bars.periods_per_year, config.portfolio.risk_free, config.portfolio.risk_free, _days(ledger, sampled))
    inputs = _inputs(ledger, year)
    results = inputs["pnl"], inputs["return_pct"], inputs["pnl_with_stop"], inputs["initial_risk"]
    known = _of_curve(sampled, pairing, year) | trade_metrics(*results)
    known |= _of_run(ledger, sampled, costs, inputs["bars_held"])
    values = _registered(inputs, sampled, pairing, known)
    facts = _facts(inputs, pairing, values)
    numbers: dict[str, Number] = {}
    undefined: dict[str, str] = {}
    for name in sorted(values):
        value = values[name]
        numbers[name] = value if math.isfinite(value) else None
        if numbers[name] is None:
            undefined[name] = _why(name, value, facts, costs)
    return Summary(numbers, undefined, _conventions(ledger, config, sampled, pairing), ledger, sampled, pairing, costs)


def _of_curve(sampled: Sample, pairing: Pairing | None, year: Year) -> dict[str, float]:
    """Measures taken from the curve's own levels, and all of them in compiled passes where the curve is long."""
    n = sampled.n_periods
    if n == 0:
        return _of_benchmark(pairing, year)
    if n < LONG or sampled.ruin >= 0:
        return _of_short_curve(sampled, year) | _of_benchmark(pairing, year)
    rate = float(per_period(year.mar, year.periods, 0))
    run = run_pass(sampled.equity, sampled.start, rate, tails=True)
    found = long_metrics(run, float(sampled.equity[-1]), sampled.start, year)
    if found is None:
        return _of_short_curve(sampled, year) | _of_benchmark(pairing, year)
    if pairing is None or not pairing.whole:
        return found | _of_benchmark(pairing, year)
    market = run_pass(pairing.closes, float(pairing.closes[0]), rate, tails=False)
    beside = long_relative(run, market, sampled.equity, sampled.start, pairing.closes, year)
    if beside is None:
        return found | _of_benchmark(pairing, year)
    own = benchmark_metrics(market, pairing.closes, year)
    return found | own | beside | {"excess_cagr": found["cagr"] - own["benchmark_cagr"]}


def quick_curve(ledger: Ledger, config: RunConfig, sampled: Sample) -> dict[str, float]:
    """What is read off the curve alone (`QUICK_CURVE`), with the bits of `summarise`, for whoever runs thousands of ledgers."""
    n, own = sampled.n_periods, config.portfolio.risk_free
    if n == 0:
        return dict.fromkeys(QUICK_CURVE, NAN)
    year = Year(ledger.bars.periods_per_year, own, own, _days(ledger, sampled))
    if n >= LONG:
        found = _of_curve(sampled, None, year)
    else:
        found = level_metrics(sampled.levels, year) | {"sharpe": returns.sharpe(sampled.returns, year.periods, own)}
    return {name: found.get(name, NAN) for name in QUICK_CURVE}


def quick_sharpe(ledger: Ledger, config: RunConfig, sampled: Sample) -> float:
    """The Sharpe ratio of `quick_curve` alone, with its bits; a short curve is not looked at for anything else."""
    if 0 < sampled.n_periods < LONG:
        return returns.sharpe(sampled.returns, ledger.bars.periods_per_year, config.portfolio.risk_free)
    return quick_curve(ledger, config, sampled)["sharpe"]


def quick_trades(ledger: Ledger, config: RunConfig) -> dict[str, float]:
    """What is read off the closed trades alone (`QUICK_TRADES`), with the bits of `summarise`."""
    own = config.portfolio.risk_free
    inputs = _inputs(ledger, Year(ledger.bars.periods_per_year, own, own, NAN))
    results = inputs["pnl"], inputs["return_pct"], inputs["pnl_with_stop"], inputs["initial_risk"]
    found = trade_metrics(*results)
    if not found and inputs["pnl"].size:  # a result that is not finite
        return {name: float(metrics.get(name)(inputs["pnl"])) for name in QUICK_TRADES}
    return {name: found.get(name, NAN) for name in QUICK_TRADES} | {"n_trades": float(inputs["pnl"].size)}


def _of_short_curve(sampled: Sample, year: Year) -> dict[str, float]:
    return level_metrics(sampled.levels, year) | return_metrics(sampled.returns, year)


def _inputs(ledger: Ledger, year: Year) -> dict[str, Any]:
    """Every input a registered metric may name, but for the returns, which depend on whether it names the benchmark."""
    trades = ledger.trades
    closed = np.flatnonzero(trades["open"] == 0)
    exits = trades["exit_row"][closed]
    if (exits[1:] < exits[:-1]).any():
        closed = closed[np.argsort(exits, kind="stable")]
    pnl, risk = trades["pnl"][closed], trades["initial_risk"][closed]
    staked = risk > 0.0
    return {
        "periods_per_year": year.periods,
        "risk_free": year.risk_free,
        "mar": year.mar,
        "days": year.days,
        "pnl": pnl,
        "return_pct": trades["return_pct"][closed],
        "initial_risk": risk[staked],
        "pnl_with_stop": pnl[staked],
        "bars_held": trades["bars_held"][closed],
    }


def _days(ledger: Ledger, sampled: Sample) -> float:
    """Calendar days from V_0 (the session before the first bar where the data has one) to the last sampled close."""
    if not sampled.n_periods:
        return NAN
    return float(int(sampled.session[-1]) - int(ledger.bars.session[max(ledger.first - 1, 0)]))


@functools.cache
def _parameters(metric: Metric) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of a metric's parameters, and of those among them that it cannot do without."""
    found = inspect.signature(metric).parameters.values()
    needed = (parameter.name for parameter in found if parameter.default is parameter.empty)
    return tuple(parameter.name for parameter in found), tuple(needed)


def _registered(inputs: dict[str, Any], sampled: Sample, pairing: Pairing | None, known: dict[str, float]) -> dict[str, float]:
    """Every registered metric whose inputs a run has, and the `known` ones as they are."""
    values = dict(known)
    for name in metrics.names():
        if name in known:
            continue
        metric = metrics.get(name)
        names, needed = _parameters(metric)
        if "benchmark" in names and pairing is None:
            values[name] = NAN
            continue
        given = {parameter: inputs[parameter] for parameter in names if parameter in inputs}
        if "initial_risk" in names:
            given["pnl"] = inputs["pnl_with_stop"]
        if "benchmark" in names and pairing is not None:
            given |= {"returns": pairing.returns, "benchmark": pairing.benchmark}
        elif "returns" in names:
            given["returns"] = sampled.returns
        missing = [parameter for parameter in needed if parameter not in given]
        if missing:
            raise DataError(
                f"metric {name!r} names an input that a run does not have: {missing[0]!r}",
                allowed=", ".join(sorted({*inputs, "returns", "benchmark"})),
            )
        values[name] = metric(**given)
    return values


def _of_run(ledger: Ledger, sampled: Sample, costs: Costs, bars_held: NDArray[Any]) -> dict[str, float]:
    """Metrics that are read off the ledger itself."""
    gross = ledger.gross_exposure if sampled.rows is None else ledger.gross_exposure[sampled.rows]
    net = ledger.net_exposure if sampled.rows is None else ledger.net_exposure[sampled.rows]
    still_open = np.flatnonzero(ledger.trades["open"])
    return {
        "n_periods": sampled.n_periods,
        "starting_equity": ledger.starting_equity,
        "final_equity": float(ledger.equity[-1]) if ledger.equity.size else ledger.starting_equity,
        "net_pnl": costs.net_pnl,
        "gross_pnl": costs.gross_pnl,
        "total_costs": costs.trading + costs.financing,
        "breakeven_cost_multiple": breakeven_cost_multiple(costs),
        "n_open_trades": int(still_open.size),
        "open_pnl": float(ledger.trades["pnl"][still_open].sum()),
        "n_fills": costs.n_fills,
        "mean_bars_held": float(bars_held.mean()) if bars_held.size else NAN,
        "turnover_one_way_annual": _turnover(ledger, sampled),
        **exposure_metrics(gross, net),
    }


def _turnover(ledger: Ledger, sampled: Sample) -> float:
    """Mean over periods of half the traded value / equity at the start of the period, x P."""
    if not sampled.n_periods:
        return NAN
    fills = ledger.fills
    before = sampled.before(sampled.period_of(fills["row"], ledger.first))
    traded = 0.5 * np.abs(fills["quantity"] * fills["price"])
    alive = before > 0.0  # what is sold after ruin has nothing to be compared with
    return float((traded[alive] / before[alive]).sum()) / sampled.n_periods * ledger.bars.periods_per_year


def _of_benchmark(pairing: Pairing | None, year: Year) -> dict[str, float]:
    names = ("total_return", "cagr", "ann_vol", "sharpe", "max_drawdown")
    if pairing is None or pairing.n_pairs == 0:
        return {f"benchmark_{name}": NAN for name in names}
    values = level_metrics(pairing.marks, year)
    values["ann_vol"] = returns.ann_vol(pairing.benchmark, year.periods)
    values["sharpe"] = returns.sharpe(pairing.benchmark, year.periods, year.risk_free)
    return {f"benchmark_{name}": values[name] for name in names}


def _facts(inputs: dict[str, Any], pairing: Pairing | None, values: dict[str, float]) -> Facts:
    pnl = inputs["pnl"]
    return Facts(
        n_periods=int(values["n_periods"]),
        n_trades=int(pnl.size),
        n_wins=int((pnl > 0.0).sum()),
        n_losses=int((pnl < 0.0).sum()),
        n_with_stop=int(inputs["initial_risk"].size),
        n_pairs=None if pairing is None else pairing.n_pairs,
        drawdown=values["max_drawdown"] < 0.0,
    )


def _event(ledger: Ledger, event: Any) -> dict[str, Any]:
    """One tripped limit with its numbers."""
    return {
        "date": str(ledger.bars.dates()[int(event["row"])]),
        "kind": Code(int(event["kind"])).name,
        **{name: float(event[name]) for name in ("equity", "reference", "measured", "limit")},
    }


def _why(name: str, value: float, facts: Facts, costs: Costs) -> str:
    if name == "breakeven_cost_multiple":
        return (
            "no commission or slippage was paid" if costs.trading <= 0.0 else "the trades lose before commission and slippage"
        )
    if name == "mean_bars_held":
        return "no trade was closed"
    return reason(name, value, facts, _reads(name))


@functools.cache
def _reads(name: str) -> tuple[str, ...]:
    """What a metric is worked out from, as far as it tells why it has no number."""
    if name in metrics.names():
        return _parameters(metrics.get(name))[0]
    return ("benchmark",) if name.startswith("benchmark_") else ()


def _conventions(ledger: Ledger, config: RunConfig, sampled: Sample, pairing: Pairing | None) -> dict[str, Any]:
    dates = np.datetime_as_string(sampled.session[[0, -1]].astype("M8[D]")).tolist() if sampled.n_periods else [None, None]
    ruin = None if sampled.ruin < 0 else str(sampled.session[sampled.ruin].astype("M8[D]"))
    return {
        "metric_specification": SPECIFICATION,
        "periods_per_year": ledger.bars.periods_per_year,
        "timeframe": ledger.bars.timeframe,
        "risk_free": config.portfolio.risk_free,
        "minimum_acceptable_return": config.portfolio.risk_free,
        "rates": "yearly, converted geometrically to one period",
        "ddof": 1,
        "quantiles": "type 7 (linear interpolation)",
        "sampling": "closes of the benchmark's calendar; V_0 is the starting equity",
        "n_periods": sampled.n_periods,
        "first": dates[0],
        "last": dates[1],
        "benchmark": None if pairing is None else ledger.bars.benchmark,
        "benchmark_periods": None if pairing is None else pairing.n_pairs,
        "benchmark_start": None if pairing is None else "bought at the close of the first bar",
        "trades": "closed trades, money after all costs; R from trades with an initial stop; open trades apart, at their mark",
        "ruin": ruin,
    }
