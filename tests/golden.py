"""Run a folder of golden cases through the public functions: ``python -m tests.golden DIR``.

A case is a file ``<statistic>__<name>.json`` with `inputs`, `expected` and `tolerance`. One line per case says `pass`, `FAIL`
with both numbers, or `gap` where nothing public computes it yet; keys of a passing case that nothing computes are listed
as a gap of that case. The last line has the counts. Ends 1 on any failure, 2 when there is nothing to run.

Numbers may be written "nan", "inf", "-inf"; null means that the thing does not exist. Tolerances: `abs` and `rel` (pass
when |x - e| <= abs + rel |e|), `exact`, and `exact_*_abs` for the exact form of a statistic that also has a Monte-Carlo form.
A tolerance named for a key or the beginning of a key counts for it alone: `<key>_abs`, `<key>_rel`, and `<key>_rel_width`,
a share of the width of an expected interval (the numbers of another package, which computes a little differently).
`paper_*` are rounded published values, compared with the unrounded number within `paper_*_abs` (null: not judged).
`wrong_if_*` are traps: a result equal to one of them fails.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests import golden_validation
from trading_system.errors import TradingSystemError
from trading_system.metrics import drawdown, exposure, relative, returns, trades

Inputs = Mapping[str, Any]
Results = dict[str, Any]
TRAP_TOLERANCE = 1e-9


def _series_metrics(inputs: Inputs) -> Results:
    """Sections 1: every measure of one return series, and against its benchmark where there is one."""
    r = np.array(inputs["returns"], dtype=float)
    periods, rf = inputs["periods_per_year"], inputs.get("risk_free_annual", 0.0)
    level, theta = inputs.get("var_level", 0.05), inputs.get("omega_threshold_per_period", 0.0)
    results: Results = {
        "total_return": returns.total_return(r),
        "cagr": returns.cagr(r, periods),
        "ann_vol": returns.ann_vol(r, periods),
        "sharpe": returns.sharpe(r, periods, rf),
        "sortino": returns.sortino(r, periods, inputs.get("mar_annual", 0.0)),
        "max_drawdown": drawdown.max_drawdown(r),
        "dd_peak_index": drawdown.dd_peak_index(r),
        "dd_trough_index": drawdown.dd_trough_index(r),
        "dd_recovery_index": drawdown.dd_recovery_index(r),
        "max_dd_duration": drawdown.max_dd_duration(r),
        "time_under_water": drawdown.time_under_water(r),
        "calmar": drawdown.calmar(r, periods),
        "ulcer": drawdown.ulcer(r),
        "martin": drawdown.martin(r, periods, rf),
        "omega0": returns.omega(r, theta),
        "tail_ratio": returns.tail_ratio(r),
        "var_95": returns.value_at_risk(r, level),
        "cvar_95": returns.expected_shortfall(r, level),
        "gaussian_var_95": returns.gaussian_value_at_risk(r, level),
        "skew_g1": returns.skewness(r),
        "kurtosis_raw": returns.kurtosis_raw(r),
        "skew_G1": returns.skewness_sample(r),
        "excess_kurtosis_G2": returns.excess_kurtosis_sample(r),
        "hit_rate": returns.hit_rate(r),
        "win_rate_nonzero": returns.win_rate_nonzero(r),
        "profit_factor": returns.profit_factor_periods(r),
    }
    if "benchmark_returns" in inputs:
        b = np.array(inputs["benchmark_returns"], dtype=float)
        results |= {
            "beta": relative.beta(r, b, periods, rf),
            "alpha_period": relative.alpha_period(r, b, periods, rf),
            "alpha_ann_arith": relative.alpha_ann_arith(r, b, periods, rf),
            "alpha_ann_geom": relative.alpha_ann_geom(r, b, periods, rf),
            "tracking_error": relative.tracking_error(r, b, periods),
            "information_ratio": relative.information_ratio(r, b, periods),
            "correlation": relative.correlation(r, b),
        }
    return results


def _metrics(inputs: Inputs) -> Results:
    if "cases" not in inputs:
        return _series_metrics(inputs)
    shared = {key: value for key, value in inputs.items() if key != "cases"}
    return {case["id"]: _series_metrics({**shared, **case}) for case in inputs["cases"]}


def _sortino(inputs: Inputs) -> Results:
    r = np.array(inputs["returns"], dtype=float)
    return {"sortino": returns.sortino(r, inputs["periods_per_year"], np.full(r.size, inputs["mar_per_period"]))}


def _sharpe(inputs: Inputs) -> Results:
    r = np.array(inputs["returns"], dtype=float)
    rate = np.full(r.size, inputs["risk_free_per_period"])
    return {
        "sharpe": returns.sharpe(r, inputs["periods_per_year"], rate),
        "sharpe_annualised_as_monthly": returns.sharpe(r, 12, rate),
    }


def _trades(inputs: Inputs) -> Results:
    pnl, risk, moves = (np.array(inputs[key], dtype=float) for key in ("pnl", "initial_risk", "return_pct"))
    return {
        "n_trades": trades.n_trades(pnl),
        "win_rate": trades.win_rate(pnl),
        "loss_rate": trades.loss_rate(pnl),
        "avg_win": trades.avg_win(pnl),
        "avg_loss": trades.avg_loss(pnl),
        "payoff_ratio": trades.payoff_ratio(pnl),
        "profit_factor": trades.profit_factor(pnl),
        "expectancy": trades.expectancy(pnl),
        "expectancy_R": trades.expectancy_r(pnl, risk),
        "R_multiples": trades.r_multiples(pnl, risk),
        "sqn": trades.sqn(pnl, risk),
        "sqn_capped_100": trades.sqn_capped_100(pnl, risk),
        "sqn_on_pnl": trades.sqn_on_pnl(pnl),
        "kelly": trades.kelly(pnl),
        "t_stat_R": trades.sqn_of(trades.r_multiples(pnl, risk)),
        "max_consecutive_wins": trades.max_consecutive_wins(pnl),
        "max_consecutive_losses": trades.max_consecutive_losses(pnl),
        "profit_factor_on_returns": trades.profit_factor_on_returns(moves),
    }


def _exposure_turnover(inputs: Inputs) -> Results:
    held = np.array(inputs["weights_at_start_of_period"], dtype=float)
    moves = np.array(inputs["asset_returns"], dtype=float)
    return {
        "portfolio_returns": exposure.portfolio_returns(held, moves),
        "turnover_one_way_per_period": exposure.turnover_one_way(held, moves),
        "turnover_one_way_annual": exposure.turnover_one_way_annual(held, moves, inputs["periods_per_year"]),
        "time_in_market": exposure.time_in_market(held),
        "mean_gross_exposure": exposure.mean_gross_exposure(held),
        "mean_net_exposure": exposure.mean_net_exposure(held),
    }


STATISTICS: dict[str, Callable[[Inputs], Results]] = {
    "metrics": _metrics,
    "sortino": _sortino,
    "sharpe": _sharpe,
    "trades": _trades,
    "exposure_turnover": _exposure_turnover,
    **golden_validation.STATISTICS,
}


@dataclass
class Outcome:
    """What became of one case."""

    name: str
    wrong: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    met: int = 0

    @property
    def status(self) -> str:
        """pass, FAIL or gap; a case of which nothing is computed is a gap."""
        if self.wrong:
            return "FAIL"
        return "pass" if self.met else "gap"

    def line(self) -> str:
        """One line for the terminal."""
        text = f"{self.status:4}  {self.name}"
        if self.wrong:
            return f"{text}: " + "; ".join(self.wrong)
        if self.status == "gap":
            return text
        return f"{text} ({self.met})" + (f"; gap: {', '.join(self.missing)}" if self.missing else "")


def _number(value: Any) -> Any:
    """Expected numbers as floats; None and other things stay what they are."""
    if isinstance(value, str) and value in ("nan", "inf", "-inf"):
        return float(value)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _tolerances(tolerance: Mapping[str, Any]) -> tuple[float, float]:
    if tolerance.get("exact") is True:
        return 0.0, 0.0
    named = [value for key, value in tolerance.items() if key.startswith("exact_") and key.endswith("_abs")]
    return float(tolerance.get("abs", named[0] if named else 0.0)), float(tolerance.get("rel", 0.0))


def _tolerances_of(key: str, wanted: Any, tolerance: Mapping[str, Any]) -> tuple[float, float]:
    """Absolute and relative tolerance of one key: its own where one is named for it, else those of the case."""
    for name, value in tolerance.items():
        for ending in ("_rel_width", "_abs", "_rel"):
            stem = name.removesuffix(ending)
            if stem not in (name, "") and not name.startswith(("exact_", "paper_")) and key.startswith(stem):
                if ending == "_rel_width":
                    return float(value) * abs(wanted[1] - wanted[0]), 0.0
                return (float(value), 0.0) if ending == "_abs" else (0.0, float(value))
    return _tolerances(tolerance)


def _close(got: Any, wanted: Any, absolute: float, relative_: float) -> bool:
    if isinstance(wanted, (list, tuple)):
        found = list(got) if isinstance(got, (list, tuple, np.ndarray)) else None
        return (
            found is not None
            and len(found) == len(wanted)
            and all(_close(g, w, absolute, relative_) for g, w in zip(found, wanted, strict=True))
        )
    wanted = _number(wanted)
    if isinstance(wanted, Mapping):
        return isinstance(got, Mapping) and all(
            key in got and _close(got[key], value, absolute, relative_) for key, value in wanted.items()
        )
    if wanted is None:  # does not exist: NaN or None, never a number
        return got is None or (isinstance(got, float) and math.isnan(got))
    if isinstance(wanted, (bool, str)) or got is None:
        return bool(got == wanted)
    if not math.isfinite(wanted):
        return bool(math.isnan(wanted) and math.isnan(got)) or bool(got == wanted)
    return bool(abs(got - wanted) <= absolute + relative_ * abs(wanted))


def _published(got: Any, wanted: Any, bound: float) -> bool:
    """Whether `got` rounds to the published `wanted`; null inside means that nothing was published there."""
    if wanted is None:
        return True
    if isinstance(wanted, Mapping):
        return isinstance(got, Mapping) and all(key in got and _published(got[key], wanted[key], bound) for key in wanted)
    if isinstance(wanted, list):
        found = list(got) if isinstance(got, (list, tuple, np.ndarray)) else []
        return len(found) == len(wanted) and all(_published(g, w, bound) for g, w in zip(found, wanted, strict=True))
    return _close(got, wanted, bound, 0.0)


def _judge_paper(key: str, wanted: Any, results: Results, tolerance: Mapping[str, Any], outcome: Outcome, place: str) -> None:
    """A rounded published value against the unrounded result under the same key, or under it without `paper_`."""
    name = key if key in results else key.removeprefix("paper_")
    bound = tolerance.get(f"{key}_abs")
    if name not in results:
        outcome.missing.append(place + key)
    elif bound is not None:
        if _published(results[name], wanted, float(bound)):
            outcome.met += 1
        else:
            outcome.wrong.append(f"{place}{key}: {results[name]!r} does not round to the published {wanted!r}")


def _judge_trap(key: str, wanted: Any, results: Results, outcome: Outcome, place: str) -> None:
    """A result equal to a trap value was made by the mistake that the trap is named for."""
    for name, got in results.items():
        if (
            not isinstance(wanted, (list, dict))
            and isinstance(got, (int, float))
            and _close(got, wanted, TRAP_TOLERANCE, TRAP_TOLERANCE)
        ):
            outcome.wrong.append(f"{place}{name} is {got!r}, the wrong answer {key}")


def judge(
    expected: Mapping[str, Any], results: Results, tolerance: Mapping[str, Any], outcome: Outcome, place: str = ""
) -> None:
    """Compare every key of `expected` with `results` and write it down in `outcome`."""
    for key, wanted in expected.items():
        absolute, relative_ = _tolerances_of(key, wanted, tolerance)
        if key.startswith("wrong_if_"):
            _judge_trap(key, wanted, results, outcome, place)
        elif key.startswith("paper_"):
            _judge_paper(key, wanted, results, tolerance, outcome, place)
        elif key not in results:
            outcome.missing.append(place + key)
        elif isinstance(wanted, Mapping) and isinstance(results[key], Mapping):
            judge(wanted, dict(results[key]), tolerance, outcome, f"{place}{key}.")
        elif _close(results[key], wanted, absolute, relative_):
            outcome.met += 1
        else:
            outcome.wrong.append(f"{place}{key} is {results[key]!r}, expected {wanted!r}")


def run_case(path: Path) -> Outcome:
    """Judge one file; a file that cannot be read, or a function that refuses its inputs, is a failure."""
    outcome = Outcome(path.stem)
    try:
        case = json.loads(path.read_text(encoding="utf-8"))
        inputs, expected, tolerance = case["inputs"], case["expected"], case.get("tolerance", {})
    except (OSError, ValueError, KeyError, TypeError) as error:
        outcome.wrong.append(f"the case cannot be read: {type(error).__name__}: {error}")
        return outcome
    statistic = STATISTICS.get(path.stem.split("__")[0])
    if statistic is None:
        return outcome
    try:
        judge(expected, statistic(inputs), tolerance, outcome)
    except (TradingSystemError, KeyError, TypeError, ValueError) as error:
        outcome.wrong.append(f"{type(error).__name__}: {error}")
    return outcome


def run_folder(folder: Path) -> list[Outcome]:
    """Every case of a folder, by name."""
    return [run_case(path) for path in sorted(folder.glob("*__*.json"))]


def main(arguments: list[str]) -> int:
    """Print one line per case and the counts."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: python -m tests.golden DIR, a folder of <statistic>__<name>.json files", file=sys.stderr)
        return 2
    outcomes = run_folder(Path(arguments[0]))
    if not outcomes:
        print(f"{arguments[0]} holds no case", file=sys.stderr)
        return 2
    for outcome in outcomes:
        print(outcome.line())
    counts = {status: sum(outcome.status == status for outcome in outcomes) for status in ("pass", "FAIL", "gap")}
    print(f"{len(outcomes)} cases: {counts['pass']} pass, {counts['FAIL']} fail, {counts['gap']} gap")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
