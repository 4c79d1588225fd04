"""How sure is each number? Intervals for every metric of returns and of trades, and three errors for the Sharpe ratio."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from trading_system.metrics.base import metrics
from trading_system.metrics.curve import Year, level_metrics
from trading_system.metrics.sampling import pair
from trading_system.metrics.together import return_metrics, trade_metrics
from trading_system.validation import judged
from trading_system.validation import sharpe_inference as inference
from trading_system.validation.autocorrelation import ljung_box
from trading_system.validation.base import Bar, Examination, TestResult, ValidationTest, register
from trading_system.validation.intervals import accelerated, jackknife, percentile
from trading_system.validation.resampling import in_chunks

if TYPE_CHECKING:
    from trading_system.types import FloatArray
    from trading_system.validation.bootstrap import Resamples

NO_INTERVAL = ("dd_peak_index", "dd_trough_index", "dd_recovery_index", "n_trades")
"""Places and counts: a resample has others by construction."""
PATH = (
    *("max_drawdown", "max_dd_duration", "time_under_water", "ulcer", "calmar", "martin"),
    *("max_consecutive_wins", "max_consecutive_losses"),
)
OF_A_PATH = "depends on the order of what happened: the range over resampled orders, not a confidence interval"
EXTREMES = ("best_period", "worst_period", "best_trade", "worst_trade")
OF_AN_EXTREME = "an extreme of the record: no resample holds a larger one, so the interval is too narrow"
UNITS = {"sharpe": "ratio", "cagr": "fraction", "expectancy_R": "ratio"}  # that stand in the table
LEAST = 10  # observations for an automatic block length
LEFT_OUT = 500  # blocks of a jackknife, at most
CHUNK = 64
MOST_UNDEFINED = 0.05
LAGS = 10
ALPHA = 0.05
SKEWED = 1.0
FEW_TRADES = 100


@dataclass(frozen=True, eq=False)
class Group:
    """Metrics that are taken from the same rows.

    Attributes
    ----------
    what : str
        What a row is.
    names : tuple of str
    rows : float64, shape (n, n_columns)
    measure : callable
        Rows -> one number per name, NaN where it is not defined.
    block : float
    """

    what: str
    names: tuple[str, ...]
    rows: FloatArray
    measure: Callable[[FloatArray], FloatArray]
    block: float


@register("intervals")
class Intervals(ValidationTest):
    """Percentile and BCa intervals by block bootstrap; HAC and Mertens errors for the Sharpe ratio."""

    title: ClassVar[str] = "Intervals"
    asks: ClassVar[str] = (
        "Between which values may each measured number lie, given that it was measured once, on a record of this length?"
    )
    null: ClassVar[str] = "None: intervals are estimates, not tests."
    reading: ClassVar[str] = (
        "Percentile: quantiles of the resampled values. BCa: the same, corrected for bias and skewness; where the two differ much, "
        "believe BCa. An interval of the Sharpe ratio that holds 0 says that the record is too short to tell. Drawdowns and runs of "
        "losses depend on the order, so theirs are ranges over resampled orders and are labelled so."
    )
    source: ClassVar[str] = (
        "Efron (1987), Better bootstrap confidence intervals, JASA 82; Politis & Romano (1994), JASA 89; Lo (2002), The "
        "statistics of Sharpe ratios, FAJ 58(4); Mertens (2002); Opdyke (2007)."
    )
    assumes: ClassVar[tuple[str, ...]] = (
        "returns and trades keep drawing from what they drew from before",
        "trades depend on each other over a few trades at most",
        "Mertens' error: no dependence between periods",
    )
    blind_to: ClassVar[tuple[str, ...]] = (
        "selection: the best of many has intervals as if it were the only one",
        "events larger than any in the record",
    )
    order: ClassVar[int] = 32

    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        settings, n_resamples = judged.sizes(examination), examination.size("bootstrap", "resamples")
        series = judged.excess(examination)
        warnings: list[str] = []
        table: dict[str, dict[str, Any]] = {}
        for group in _groups(examination, warnings):
            chosen = judged.drawn_resamples(settings, group.rows.shape[0], group.block, n_resamples, rng)
            table |= intervals_of(group, chosen, settings.level)
        sharpe = table.get("sharpe", {})
        sharpe |= _errors(series, examination.periods_per_year, settings.level)
        warnings += _warnings(examination, series)
        ends = sharpe.get("percentile")
        return TestResult(
            name="intervals",
            bars=tuple(Bar(name, table[name]["value"], unit=UNITS[name]) for name in UNITS if name in table),
            work=f"{n_resamples:,} resamples of returns and of trades, {len(table)} metrics",
            seed=judged.seed(examination),
            interval=None if ends is None else (ends[0], ends[1]),
            warnings=warnings,
            details={"level": settings.level, "resamples": n_resamples, "intervals": table},
        )


def intervals_of(group: Group, chosen: Resamples, level: float) -> dict[str, dict[str, Any]]:
    """Value and intervals of every metric of a group."""
    observed = group.measure(group.rows)

    def work(first: int, stop: int) -> FloatArray:
        return np.array([group.measure(group.rows[taken]) for taken in chosen.indices(first, stop)])

    drawn = np.concatenate(in_chunks(work, chosen.n_resamples, CHUNK))
    n = group.rows.shape[0]
    width = min(max(int(np.ceil(group.block)), -(-n // LEFT_OUT)), n // 2)
    left_out = jackknife(group.rows, group.measure, width)
    return {
        name: {"of": group.what, **_of_one(name, float(observed[k]), drawn[:, k], left_out[:, k], level)}
        for k, name in enumerate(group.names)
    }


def _of_one(name: str, value: float, drawn: FloatArray, left_out: FloatArray, level: float) -> dict[str, Any]:
    known = drawn[np.isfinite(drawn)]
    undefined = drawn.size - known.size
    found: dict[str, Any] = {
        "value": judged.plain(value),
        "kind": "path" if name in PATH else "extreme" if name in EXTREMES else "estimate",
        "percentile": None,
        "bca": None,
        "undefined": undefined,
        "note": OF_A_PATH if name in PATH else OF_AN_EXTREME if name in EXTREMES else "",
    }
    if not np.isfinite(value):
        return found | {"note": "not defined on the record itself"}
    if undefined > MOST_UNDEFINED * drawn.size:
        return found | {"note": f"not defined on {undefined} of {drawn.size} resamples"}
    found["percentile"] = list(percentile(known, level))
    if found["kind"] == "estimate" and np.isfinite(left_out).all():
        corrected = accelerated(value, known, left_out, level)
        if np.isfinite(corrected.interval).all():
            found |= {"bca": list(corrected.interval), "z0": corrected.z0, "acceleration": corrected.acceleration}
    return found


def _groups(examination: Examination, warnings: list[str]) -> list[Group]:
    """Returns, returns beside the benchmark's, trades; those with too few rows are said and left out."""
    made = [_of_returns(examination), _of_pairs(examination), _of_trades(examination)]
    groups: list[Group] = []
    for what, names, rows, measure in made:
        if rows.shape[0] < LEAST:
            if names:
                warnings.append(f"{rows.shape[0]} {what}: no intervals of their metrics below {LEAST}")
            continue
        block = judged.block_of(judged.sizes(examination), rows[:, 0])
        warnings += [f"{what}: {text}" for text in judged.warned_of_blocks(rows.shape[0], block)]
        groups.append(Group(what, names, rows, measure, block))
    return groups


Made = tuple[str, tuple[str, ...], "FloatArray", Callable[["FloatArray"], "FloatArray"]]


def _year(examination: Examination) -> Year:
    """As the run's own summary has it."""
    outcome = examination.baseline
    sessions, bars = outcome.sample.session, outcome.ledger.bars
    days = float(int(sessions[-1]) - int(bars.session[max(outcome.ledger.first - 1, 0)])) if sessions.size else float("nan")
    rate = examination.experiment.config.portfolio.risk_free
    return Year(examination.periods_per_year, rate, rate, days)


@cache
def _takes(name: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Names of a metric's parameters, and of those among them that it cannot do without."""
    found = inspect.signature(metrics.get(name)).parameters.values()
    return tuple(one.name for one in found), frozenset(one.name for one in found if one.default is one.empty)


def _called(names: Sequence[str], given: Mapping[str, Any]) -> dict[str, float]:
    """Registered metrics called with those of the `given` inputs that they name."""
    return {name: float(metrics.get(name)(**{key: given[key] for key in _takes(name)[0] if key in given})) for name in names}


def _named(inputs: set[str], needed: str, known: Mapping[str, float]) -> tuple[str, ...]:
    """Registered metrics that take `needed`, nothing that is not among `inputs` but what has a default, and are not `known`."""
    return tuple(
        name for name in metrics.names() if needed in _takes(name)[0] and _takes(name)[1] <= inputs and name not in known
    )


def _measured(names: tuple[str, ...], found: Mapping[str, float]) -> FloatArray:
    return np.array([found.get(name, np.nan) for name in names], np.float64)


def _of_returns(examination: Examination) -> Made:
    year, rows = _year(examination), np.asarray(examination.baseline.returns)[:, None]

    def fast(series: FloatArray) -> dict[str, float]:
        levels = np.ones(series.size + 1)
        np.cumprod(np.maximum(1.0 + series, 0.0), out=levels[1:])
        return level_metrics(levels, year) | return_metrics(series, year)

    known = fast(rows[:, 0]) if rows.size else {}
    told = {"periods_per_year": year.periods, "risk_free": year.risk_free, "mar": year.mar, "days": year.days}
    slow = tuple(name for name in _named({"returns", *told}, "returns", known) if "benchmark" not in _takes(name)[0])
    names = tuple(name for name in sorted({*known, *slow}) if name not in NO_INTERVAL)

    def measure(taken: FloatArray) -> FloatArray:
        series = taken[:, 0]
        return _measured(names, fast(series) | _called(slow, {"returns": series, **told}))

    return "returns", names, rows, measure


def _of_pairs(examination: Examination) -> Made:
    outcome, year = examination.baseline, _year(examination)
    none: Made = "returns beside the benchmark's", (), np.zeros((0, 2)), lambda taken: np.zeros(0)
    if outcome.benchmark is None or outcome.summary.conventions["benchmark"] is None:
        return none
    both = pair(outcome.ledger, outcome.sample, outcome.benchmark)
    told = {"periods_per_year": year.periods, "risk_free": year.risk_free, "mar": year.mar, "days": year.days}
    names = _named({"returns", "benchmark", *told}, "benchmark", {})

    def measure(taken: FloatArray) -> FloatArray:
        return _measured(names, _called(names, {"returns": taken[:, 0], "benchmark": taken[:, 1], **told}))

    return none[0], names, np.column_stack((both.returns, both.benchmark)), measure


def _of_trades(examination: Examination) -> Made:
    ledger = examination.baseline.ledger
    closed = np.flatnonzero(ledger.trades["open"] == 0)
    trades = ledger.trades[closed[np.argsort(ledger.trades["exit_row"][closed], kind="stable")]]
    rows = np.column_stack([trades[name] for name in ("pnl", "return_pct", "initial_risk")]).astype(np.float64)

    def fast(taken: FloatArray) -> dict[str, float]:
        staked = taken[:, 2] > 0.0
        return trade_metrics(taken[:, 0], taken[:, 1], taken[staked, 0], taken[staked, 2])

    known = fast(rows)
    slow = _named({"pnl", "return_pct", "initial_risk"}, "pnl", known) if rows.size else ()
    names = tuple(name for name in sorted({*known, *slow}) if name not in NO_INTERVAL)
    return "trades", names, rows, partial(_trade_values, names, slow, fast)


def _trade_values(
    names: tuple[str, ...], slow: tuple[str, ...], fast: Callable[[FloatArray], dict[str, float]], taken: FloatArray
) -> FloatArray:
    found = fast(taken)
    for name in slow:
        staked = taken[:, 2] > 0.0 if "initial_risk" in _takes(name)[0] else slice(None)
        pnl, share, risk = taken[staked].T
        found |= _called((name,), {"pnl": pnl, "return_pct": share, "initial_risk": risk})
    return _measured(names, found)


def _errors(series: FloatArray, periods: float, level: float) -> dict[str, Any]:
    """Intervals of the annualised Sharpe ratio from its standard errors."""
    m = inference.sharpe_moments(series)
    if not np.isfinite(m.sharpe):
        return {}
    errors = {
        "lo": inference.standard_error_normal(m.sharpe, m.n),
        "mertens": inference.standard_error(m.sharpe, m.n, m.skew, m.kurtosis),
        "hac": inference.standard_error_hac(series),
    }
    return {name: list(inference.confidence_interval(m.sharpe, error, level, periods)) for name, error in errors.items()}


def _warnings(examination: Examination, series: FloatArray) -> list[str]:
    """Where dependence or skewness makes an interval unsafe."""
    if not judged.varies(series) or series.size < LEAST:
        return []
    said = []
    p = ljung_box(series, min(LAGS, series.size // 5)).p_value
    if p < ALPHA:
        said.append(
            f"returns depend on earlier ones (Ljung-Box p = {p:.2g}): Lo's and Mertens' intervals assume that they do not; "
            "read the HAC and the bootstrap intervals"
        )
    skew = inference.sharpe_moments(series).skew
    if abs(skew) > SKEWED:
        said.append(f"returns are skewed ({skew:+.1f}): Lo's interval assumes that they are not; where BCa differs, read BCa")
    pnl = np.asarray(examination.baseline.pnl)
    if LEAST <= pnl.size < FEW_TRADES and judged.varies(pnl):
        lean = inference.sharpe_moments(pnl).skew
        if abs(lean) > SKEWED:
            said.append(
                f"{pnl.size} trades of skewness {lean:+.1f}: intervals of trade metrics hold the truth less often than they say"
            )
    return said
