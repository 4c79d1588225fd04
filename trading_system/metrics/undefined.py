"""Why a metric has no number: one sentence for every null in `metrics.json`."""

from __future__ import annotations

from dataclasses import dataclass

_INFINITE = {
    "sortino": "infinite: no period fell short of the minimum acceptable return",
    "omega0": "infinite: no losing period",
    "profit_factor_periods": "infinite: no losing period",
    "profit_factor": "infinite: no losing trade",
    "profit_factor_on_returns": "infinite: no losing trade",
    "calmar": "infinite: no drawdown",
    "martin": "infinite: no drawdown",
    "benchmark_calmar": "infinite: no drawdown",
    "tail_ratio": "infinite: the 5 % quantile of the returns is 0",
    "up_capture": "infinite: the benchmark's mean gain is 0",
    "down_capture": "infinite: the benchmark's mean loss is 0",
}
_TOO_SHORT = "beyond the largest number: the period is too short to be made a year"
_INFINITE |= {name: _TOO_SHORT for name in ("cagr", "cagr_calendar", "benchmark_cagr", "excess_cagr", "alpha_ann_geom")}
_STILL = "returns never vary"
_VARIES = {"sharpe", "skew_g1", "kurtosis_raw", "skew_G1", "excess_kurtosis_G2"}
_LEAST = {"ann_vol": 2, "sharpe": 2, "gaussian_var_95": 2, "skew_G1": 3, "excess_kurtosis_G2": 4}
_NEEDS_BOTH = {"payoff_ratio", "kelly"}


@dataclass(frozen=True)
class Facts:
    """What a reason may have to say about a run."""

    n_periods: int
    n_trades: int
    n_wins: int
    n_losses: int
    n_with_stop: int
    n_pairs: int | None  # None: no benchmark
    drawdown: bool


def reason(name: str, value: float, facts: Facts, inputs: tuple[str, ...]) -> str:
    """Why `value` of the metric `name`, which reads `inputs`, is no number."""
    if value in (float("inf"), float("-inf")):
        return _INFINITE.get(name, "infinite: its denominator is 0")
    if "pnl" in inputs or "return_pct" in inputs:
        return _of_trades(name, facts, "initial_risk" in inputs)
    if "benchmark" in inputs:
        return _of_benchmark(name, facts)
    return _of_series(name, facts)


def _of_series(name: str, facts: Facts) -> str:
    least = _LEAST.get(name, 1)
    if facts.n_periods < least:
        return f"needs {least} periods, there are {facts.n_periods}" if facts.n_periods else "no period was measured"
    if name.startswith("dd_"):
        return "not recovered" if facts.drawdown else "no drawdown"
    if name in _VARIES:
        return _STILL
    return {
        "calmar": "0/0: neither growth nor drawdown",
        "martin": "0/0: neither growth nor drawdown",
        "sortino": "0/0: every return equals the minimum acceptable return",
        "cagr_calendar": "no calendar day passed",
    }.get(name, "0/0")


def _of_trades(name: str, facts: Facts, needs_stop: bool) -> str:
    if facts.n_trades == 0:
        return "no trade was closed"
    if needs_stop and facts.n_with_stop == 0:
        return "no closed trade had an initial stop"
    if name.startswith("sqn"):
        n = facts.n_with_stop if needs_stop else facts.n_trades
        return "results never vary" if n > 1 else f"needs 2 trades, there are {n}"
    if facts.n_losses == 0 and (name in _NEEDS_BOTH or name == "avg_loss"):
        return "no losing trade"
    if facts.n_wins == 0 and (name in _NEEDS_BOTH or name == "avg_win"):
        return "no winning trade"
    return "0/0: every trade broke even" if facts.n_wins == facts.n_losses == 0 else "0/0"


def _of_benchmark(name: str, facts: Facts) -> str:
    if facts.n_pairs is None:
        return "no benchmark"
    if facts.n_pairs < 2:
        return f"needs 2 periods with a benchmark, there are {facts.n_pairs}"
    return {
        "up_capture": "the benchmark never rose",
        "down_capture": "the benchmark never fell",
        "information_ratio": "returns differ from the benchmark's by a constant",
        "correlation": "returns or the benchmark's returns never vary",
    }.get(name, "the benchmark's returns never vary")
