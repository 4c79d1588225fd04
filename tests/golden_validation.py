"""How the inputs of a golden case of the validation suite become calls of its public functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from trading_system.metrics import returns as measures
from trading_system.metrics.trades import sqn_of
from trading_system.validation import autocorrelation as serial
from trading_system.validation import block_length as lengths
from trading_system.validation import (
    bootstrap,
    confidence_set,
    data_snooping,
    deflation,
    folds,
    intervals,
    lookahead,
    multiple_testing,
    overfitting,
    permutation,
    random_entry,
    resampling,
    stability,
)
from trading_system.validation import sharpe_inference as inference
from trading_system.validation import trade_order as trade_orders

Inputs = Mapping[str, Any]
Results = dict[str, Any]


def array(values: Any) -> np.ndarray:
    return np.array(values, dtype=float)


def psr(inputs: Inputs) -> Results:
    if "cases" in inputs:
        values = [
            inference.probabilistic_sharpe(c["sr"], c["n"], c["skew"], c["kurtosis_raw"], c["sr_benchmark"])
            for c in inputs["cases"]
        ]
        errors = [inference.standard_error(c["sr"], c["n"] - 1, c["skew"], c["kurtosis_raw"]) for c in inputs["cases"]]
        return {"psr": values, "standard_error_n_minus_1": errors, "rounded": values}
    r, periods = array(inputs["returns"]), inputs["periods_per_year"]
    m = inference.sharpe_moments(r)
    error = inference.standard_error(m.sharpe, m.n, m.skew, m.kurtosis)
    value = inference.probabilistic_sharpe(m.sharpe, m.n, m.skew, m.kurtosis, inputs["sr_benchmark_per_period"])
    return {
        "sr_per_period": m.sharpe,
        "sr_annual": measures.sharpe(r, periods),
        "skew_g1": m.skew,
        "kurtosis_raw": m.kurtosis,
        "psr": value,
        "skfolio_1_12_2": value,
        "se_lo_iid_normal": inference.standard_error_normal(m.sharpe, m.n),
        "se_mertens": error,
        "ci95_annual_mertens": inference.confidence_interval(m.sharpe, error, 0.95, periods),
    }


def psr2025(inputs: Inputs) -> Results:
    cases = inputs["cases"]
    errors = [inference.standard_error(c["sr"], c["n"], c["skew"], c["kurtosis_raw"], c["rho"]) for c in cases]
    shared = [(c["skew"], c["kurtosis_raw"], c["sr0"]) for c in cases]
    null = [
        inference.probabilistic_sharpe(c["sr"], c["n"], *moments, variance="null", rho=c["rho"])
        for c, moments in zip(cases, shared, strict=True)
    ]
    lengths = [
        inference.min_track_record(c["sr"], *moments, 0.05, variance="null", rho=c["rho"])
        for c, moments in zip(cases, shared, strict=True)
    ]
    return {
        "se_at_observed_sr": errors,
        "psr_null_variance": null,
        "min_trl_null_variance_alpha_05": lengths,
        "rounded": {"se": errors, "psr": null, "min_trl": lengths},
    }


def min_trl(inputs: Inputs) -> Results:
    cases = inputs["cases"]
    lengths = [inference.min_track_record(c["sr"], c["skew"], c["kurtosis_raw"], c["sr_benchmark"], c["alpha"]) for c in cases]
    years = [n / c["periods_per_year"] for n, c in zip(lengths, cases, strict=True)]
    return {"min_trl_observations": lengths, "years": years}


def dsr(inputs: Inputs) -> Results:
    if "cases" not in inputs:
        best = deflation.deflated_best(inputs["trial_returns_T_by_N"])
        return {
            "selected": best.selected,
            "sr_selected": best.sharpe,
            "sr_trials_std": best.trials_std,
            "sr0": best.deflated.threshold,
            "dsr": best.deflated.dsr,
        }
    found = []
    for c in inputs["cases"]:
        periods = c["periods_per_year"]
        found.append(
            deflation.deflated_sharpe(
                c["sr_annual"] / np.sqrt(periods),
                c["n"],
                c["skew"],
                c["kurtosis_raw"],
                c["var_sr_trials_annual"] / periods,
                c["n_trials"],
            )
        )
    values = [each.dsr for each in found]
    return {"sr0_per_period": [each.threshold for each in found], "dsr": values, "rounded": values}


def expected_max_sharpe(inputs: Inputs) -> Results:
    mean, std = inputs["sr_mean"], inputs["sr_std"]
    return {
        "approximation": [mean + std * deflation.expected_maximum(n) for n in inputs["n_trials"]],
        "exact": [mean + std * deflation.expected_maximum_exact(n) for n in inputs["n_trials"]],
    }


def min_btl(inputs: Inputs) -> Results:
    found = [deflation.min_backtest_length(c["n_trials"], c["target_annual_sharpe"]) for c in inputs["cases"]]
    return {"min_btl_years": [f.years for f in found], "upper_bound_years": [f.upper_bound for f in found]}


def lo2002(inputs: Inputs) -> Results:
    if "rho" in inputs:
        rows = [[serial.aggregation_factor_ar1(rho, q) for q in inputs["q"]] for rho in inputs["rho"]]
        summed = [[serial.aggregation_factor(rho ** np.arange(1, q), q) for q in inputs["q"]] for rho in inputs["rho"]]
        assert np.allclose(rows, summed, rtol=1e-12)
        return {"eta_rows_by_rho": rows}
    r, q = array(inputs["returns"]), inputs["q"]
    m = inference.sharpe_moments(r)
    eta = serial.aggregation_factor(serial.autocorrelations(r, q - 1)[1:], q)
    box = serial.ljung_box(r, q - 1)
    population = r.mean() / r.std()  # the method of moments divides by n: with 0 lags it equals this error
    return {
        "sr_per_period": m.sharpe,
        "eta_q": eta,
        "sr_q": eta * m.sharpe,
        "sr_naive_sqrt_q": np.sqrt(q) * m.sharpe,
        "ljung_box_stat": box.statistic,
        "ljung_box_p": box.p_value,
        "se_hac": inference.standard_error_hac(r, inputs["hac_lags"]),
        "se_mertens": inference.standard_error(population, m.n, m.skew, m.kurtosis),
    }


def haircut_sharpe(inputs: Inputs) -> Results:
    results = []
    for c in inputs["cases"]:
        by_method = {
            name: deflation.haircut_sharpe(c["sr_annual"], c["n"], c["periods_per_year"], c["n_tests"], name)
            for name in ("bonferroni", "sidak")
        }
        first = by_method["bonferroni"]
        normal = 2.0 * (1.0 - inference.probabilistic_sharpe(first.t_statistic, 2, 0.0, 1.0))  # variance 1: a plain z test
        results.append(
            {
                "t_stat": first.t_statistic,
                "p_single_t": first.p_single,
                "p_single_normal": normal,
                **{
                    name: {
                        "p_adjusted": cut.p_adjusted,
                        "haircut_sharpe": cut.sharpe,
                        "haircut_fraction": cut.fraction,
                    }
                    for name, cut in by_method.items()
                },
            }
        )
    case = results[0]
    rounded = {
        "p_single": case["p_single_normal"],
        "p_multiple": float(multiple_testing.sidak([round(case["p_single_normal"], 4)] * 200)[0]),
        "haircut_sharpe": case["sidak"]["haircut_sharpe"],
        "haircut_fraction": case["sidak"]["haircut_fraction"],
    }
    return {"results": results, "rounded_case_0_normal_p": rounded}


def effective_trials(inputs: Inputs) -> Results:
    matrices = [array(matrix) for matrix in inputs["correlation_matrices"]]
    return {
        "effective_rank": [deflation.effective_rank(matrix) for matrix in matrices],
        "mean_off_diagonal": [deflation.mean_correlation(matrix) for matrix in matrices],
        "n_effective_average_correlation": [
            deflation.effective_trials(c["n_trials"], c["mean_correlation"]) for c in inputs["average_correlation_cases"]
        ],
    }


def multiplicity(inputs: Inputs) -> Results:
    p, alpha = inputs["p_values"], inputs["alpha"]
    adjusted = {name: multiple_testing.adjusted_p_values(p, name) for name in multiple_testing.METHODS}
    counts = {name: int(multiple_testing.rejected(p, alpha, name).sum()) for name in adjusted}
    return {**adjusted, "n_rejected_at_5pct": counts, "rounded": adjusted}


def walk_forward(inputs: Inputs) -> Results:
    found = folds.walk_forward_folds(
        inputs["n"],
        inputs["train"],
        inputs["test"],
        inputs["step"],
        anchored=inputs["anchored"],
        gap=inputs["gap_bars_removed_from_train_end"],
    )
    return {"windows": found, "n_windows": len(found)}


def purged_kfold(inputs: Inputs) -> Results:
    labels = inputs["label_start"], inputs["label_end"]
    rows = inputs["embargo_rows_after_last_test_row"]
    splits = folds.purged_k_fold(*labels, inputs["n_splits"], rows)
    snippet = folds.purged_k_fold(*labels, inputs["n_splits"], rows, embargo_from="label_end")
    return {
        "test": [split.test for split in splits],
        "train": [split.train for split in splits],
        "afml_snippet_7_3_train": [split.train for split in snippet],
    }


def cpcv(inputs: Inputs) -> Results:
    if "N_k" in inputs:
        counts = [folds.combinatorial_counts(*pair) for pair in inputs["N_k"]]
        return {"n_splits": [c.n_splits for c in counts], "n_paths": [c.n_paths for c in counts]}
    found = folds.combinatorial_splits(
        inputs["n"],
        inputs["n_groups"],
        inputs["n_test_groups"],
        inputs["label_horizon_bars"],
        inputs["embargo_bars"],
        closed=inputs["interval_rule"].startswith("closed"),
    )
    return {
        "test_groups": found.test_groups,
        "train": [split.train for split in found.splits],
        "path_ids": found.path_ids,
        "n_paths": found.n_paths,
    }


def walk_forward_efficiency(inputs: Inputs) -> Results:
    found = stability.walk_forward_efficiency(
        inputs["is_returns"], inputs["oos_returns"], inputs["is_bars"], inputs["oos_bars"], inputs["periods_per_year"]
    )
    return {
        "is_annualised": found.in_sample,
        "oos_annualised": found.out_of_sample,
        "wfe_mean_of_annualised": found.mean_of_annualised,
        "wfe_simple_rate": found.simple_rate,
        "share_of_profitable_oos_windows": found.share_profitable,
        "oos_compounded": found.compounded,
        "oos_cagr": found.cagr,
    }


def parameter_stability(inputs: Inputs) -> Results:
    found = stability.parameter_stability(inputs["chosen_parameters"], inputs["grids"])
    return {
        "modal_choice": found.modal_choice,
        "modal_share": found.modal_share,
        "mean_normalised_jump": found.mean_jump,
        "per_parameter_normalised_jump": found.jump_of_each,
        "std_of_normalised_index": found.deviation_of_each,
    }


def parameter_plateau(inputs: Inputs) -> Results:
    found = stability.plateau(inputs["metric_grid"], inputs["radius"])
    return {
        "best_index": found.best_index,
        "best": found.best,
        "n_neighbours": found.n_neighbours,
        "neighbour_median": found.neighbour_median,
        "neighbour_min": found.neighbour_min,
        "plateau_ratio": found.ratio,
        "share_neighbours_at_least_half_best": found.share_half_best,
        "share_neighbours_positive": found.share_positive,
        "smoothed_best_index": found.smoothed_index,
        "smoothed_best": found.smoothed,
    }


def _block_close(close: np.ndarray, *, shifted: bool) -> np.ndarray:
    """Last close of the current five-bar block as far as it is known, or of the one before."""
    out = np.full(close.size, np.nan)
    for t in range(close.size):
        row = t // 5 * 5 - 1 if shifted else min(t // 5 * 5 + 4, close.size - 1)
        if row >= 0:
            out[t] = close[row]
    return out


def _expanding_z(close: np.ndarray) -> np.ndarray:
    means = np.array([close[: t + 1].mean() for t in range(close.size)])
    deviations = np.array([close[: t + 1].std(ddof=1) if t else np.nan for t in range(close.size)])
    return (close - means) / deviations


def _mean_of(close: np.ndarray, back: int, ahead: int) -> np.ndarray:
    n = close.size
    return np.array([close[t - back : t + ahead + 1].mean() if back <= t < n - ahead else np.nan for t in range(n)])


def _ema(close: np.ndarray, span: int) -> np.ndarray:
    values = [close[0]]
    for price in close[1:]:
        values.append(values[-1] + 2.0 / (span + 1.0) * (price - values[-1]))
    return np.array(values)


INDICATORS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sma5": lambda c: _mean_of(c, 4, 0),
    "ema10_seeded": lambda c: _ema(c, 10),
    "expanding_z": _expanding_z,
    "block5_close_shifted": lambda c: _block_close(c, shifted=True),
    "centred_sma5": lambda c: _mean_of(c, 2, 2),
    "full_sample_z": lambda c: (c - c.mean()) / (c.std(ddof=1) if c.size > 1 else np.nan),
    "full_sample_minmax": lambda c: (c - c.min()) / max(c.max() - c.min(), 1e-300),
    "next_return": lambda c: np.append(c[1:] / c[:-1] - 1.0, np.nan),
    "block5_close_unshifted": lambda c: _block_close(c, shifted=False),
    "quantile_threshold_full": lambda c: (c > np.quantile(c, 0.8)).astype(float),
}


def look_ahead(inputs: Inputs) -> Results:
    close, cuts = array(inputs["close"]), inputs["prefix_lengths"]
    found = {}
    for name in inputs["indicators"]:
        rule = INDICATORS[name]
        whole, parts = rule(close), [rule(close[:k]) for k in cuts]
        wrong = lookahead.truncation_mismatches(lambda k, rule=rule: rule(close[:k]), close.size, cuts)  # type: ignore[misc]
        first = {mismatch.cut: mismatch.row for mismatch in wrong}
        found[name] = {
            "lookahead": bool(wrong),
            "first_mismatch_index_per_prefix": [first.get(k) for k in cuts],
            "prefix_last_vs_full": [[part[-1], whole[part.size - 1]] for part in parts],
            "detected_by_last_value_only": any(lookahead.last_value_differs(whole, part) for part in parts),
        }
    return found


def recursive(inputs: Inputs) -> Results:
    close = array(inputs["close"])
    found = lookahead.warm_up(lambda s: float(_ema(close[-s:], inputs["ema_span"])[-1]), close.size, inputs["startup_bars"])
    return {"full_value": found.full, "relative_difference": found.differences}


def block_length(inputs: Inputs) -> Results:
    found = lengths.block_length(inputs["x"])
    return {
        "stationary": found.stationary,
        "circular": found.circular,
        "first_insignificant_lag": found.first_insignificant_lag,
        "bandwidth_M": found.bandwidth,
        "long_run_variance": found.long_run_variance,
        "G": found.weighted_lags,
        "max_block": found.largest,
        "patton_matlab_port": [found.stationary, found.circular],
    }


def block_indices(inputs: Inputs) -> Results:
    n, block = inputs["n"], inputs["block"]
    return {
        "moving_block": bootstrap.block_indices(inputs["moving_block_starts"], block, n),
        "circular": bootstrap.block_indices(inputs["circular_starts"], block, n),
        "stationary": bootstrap.stationary_indices(inputs["stationary_starts"], inputs["stationary_uniforms"], block),
    }


def bootstrap_se(inputs: Inputs) -> Results:
    x, block = array(inputs["x"]), inputs["block"]
    found = {
        "iid": bootstrap.mean_standard_error(x, "iid"),
        "stationary": bootstrap.mean_standard_error(x, "stationary", block),
        "circular": bootstrap.mean_standard_error(x, "circular", block),
        "moving_block": bootstrap.mean_standard_error(x, "moving", block),
    }
    return {"se": found}


def bootstrap_ci(inputs: Inputs) -> Results:
    x, drawn, level = array(inputs["x"]), array(inputs["replicates"]), inputs["confidence"]

    def sharpe(r: np.ndarray) -> float:
        return float(r.mean() / r.std(ddof=1))

    statistic = np.mean if inputs["statistic"] == "mean" else sharpe
    observed = float(statistic(x))
    corrected = intervals.accelerated(observed, drawn, intervals.jackknife(x, statistic), level)
    inside = intervals.percentile(drawn, level)
    return {
        "theta_hat": observed,
        "bootstrap_se_ddof1": intervals.standard_error(drawn),
        "bias": intervals.bias(observed, drawn),
        "normal": intervals.normal(observed, drawn, level),
        "percentile": inside,
        "basic": intervals.basic(observed, drawn, level),
        "z0": corrected.z0,
        "acceleration": corrected.acceleration,
        "bc": intervals.bias_corrected(observed, drawn, level).interval,
        "bca": corrected.interval,
        "bca_probabilities": corrected.probabilities,
        "r_boot_bca": corrected.interval,
        "r_boot_percentile": inside,
    }


def snooping(inputs: Inputs) -> Results:
    strategies, benchmark = array(inputs["strategy_returns_T_by_k"]), array(inputs["benchmark_returns"])
    n, block = benchmark.size, inputs["block"]
    chosen = bootstrap.resamples_of(bootstrap.block_indices(inputs["circular_starts_B_by_nb"], block, n), n, block)
    tested = data_snooping.contest(data_snooping.differences_from(strategies, benchmark), chosen)
    tests = {}
    for prefix, studentised in (("raw", False), ("stud", True)):
        for name, found in data_snooping.superior_ability(tested, studentised=studentised)._asdict().items():
            strict = int((found.replicates > found.statistic).sum())
            tests[f"{prefix}_{name}"] = {
                "statistic": found.statistic,
                "exceed_strict": strict,
                "exceed_or_equal": resampling.n_exceeding(found.statistic, found.replicates),
                "p_arch": strict / found.replicates.size,
                "p_value": found.p_value,
            }
    step = data_snooping.step_down(tested, inputs["alpha"])
    losses, sets = -np.column_stack((benchmark, strategies)), {}
    for key, statistic in (("R", "range"), ("max", "max")):
        kept = confidence_set.model_confidence_set(losses, chosen, statistic)  # type: ignore[arg-type]
        sets[key] = {"order": kept.order, "p": kept.p_values, "included_at_10pct": kept.kept(0.1)}
    return {
        "omega": tested.omega,
        "mean_diff": tested.mean,
        "t_stats": tested.t_statistics,
        "tests": tests,
        "stepm_studentised_rejected": step.rejected,
        "romano_wolf_adjusted_p": step.adjusted_p,
        "stepm_arch_unstudentised": data_snooping.step_down(tested, inputs["alpha"], studentised=False).rejected,
        "mcs": sets,
    }


def pbo(inputs: Inputs) -> Results:
    found = overfitting.probability_of_overfitting(inputs["returns_T_by_N"], inputs["n_splits"])
    return {
        "n_combinations": found.selected.size,
        "selected": found.selected,
        "oos_rank": found.rank,
        "omega": found.omega,
        "logits": found.logits,
        "pbo": found.pbo,
        "pbo_strict": found.pbo_strict,
        "n_logit_zero": found.n_zero,
        "is_performance": found.in_sample,
        "oos_performance": found.out_of_sample,
        "slope": found.degradation.slope,
        "intercept": found.degradation.intercept,
        "r_squared": found.degradation.r_squared,
        "slope_p_value": found.degradation.p_value,
        "prob_oos_loss": found.probability_of_loss,
        "first_order_dominance": found.first_order,
        "second_order_dominance": found.second_order,
        "median_oos_of_selected": found.median_selected,
        "median_oos_of_all": found.median_all,
    }


def permutation_p(inputs: Inputs) -> Results:
    if "observed" in inputs:
        k = resampling.n_exceeding(inputs["observed"], inputs["permuted"])
        return {"k": k, "p": resampling.p_value(inputs["observed"], inputs["permuted"])}
    pairs = zip(inputs["k_exceed_or_equal"], inputs["n_permutations"], strict=True)
    return {"p": [resampling.p_value_of_count(k, n) for k, n in pairs]}


def sign_flip(inputs: Inputs) -> Results:
    found = permutation.exact_sign_flip(inputs["returns"])
    return {
        "exact_count_ge": found.n_exceeding,
        "n_sign_vectors": found.n_vectors,
        "exact_p_one_sided": found.p_value,
        "exact_p_two_sided": found.p_two_sided,
        "t_stat": sqn_of(array(inputs["returns"])),
    }


def random_entries(inputs: Inputs) -> Results:
    held, market = array(inputs["positions"]), array(inputs["market_returns"])

    def judged(moves: np.ndarray) -> Results:
        return {
            "mean_return": random_entry.mean_return(held, moves),
            "null_mean": random_entry.expected_mean(held, moves),
            "exact_p": random_entry.exact_p_value(held, moves),
            "rotation_p": random_entry.rotation_p_value(held, moves),
        }

    without = judged(random_entry.detrended(market))
    return {
        "raw": judged(market),
        "detrended": without,
        "position_bias": float(held.mean()),
        "bias_times_mean_market_return": random_entry.expected_mean(held, market),
        "aronson_detrended_rule_return": without["mean_return"],
    }


def trade_order(inputs: Inputs) -> Results:
    pnl, start = inputs["trade_pnl"], inputs["start_equity"]
    seen, orders = trade_orders.observed_path(pnl, start), trade_orders.all_paths(pnl, start)
    quantiles = (0.05, 0.5, 0.95)
    return {
        "n_orders": orders.drawdown.size,
        "final_equity_additive": seen.final_equity[0],
        "final_growth_compounded": seen.final_growth[0],
        "observed_max_dd_abs": seen.drawdown[0],
        "observed_max_dd_pct_compounded": seen.drawdown_compounded[0],
        "max_dd_abs_mean": orders.drawdown.mean(),
        "max_dd_abs_q05_q50_q95": np.quantile(orders.drawdown, quantiles),
        "max_dd_pct_compounded_mean": orders.drawdown_compounded.mean(),
        "max_dd_pct_compounded_q05_q50_q95": np.quantile(orders.drawdown_compounded, quantiles),
        "p_dd_at_least_observed": trade_orders.share_at_least(seen.drawdown[0], orders.drawdown),
    }


PRICES = ("open", "high", "low", "close")


def _permuted(market: Mapping[str, Any], gaps: Any, bodies: Any, start: int) -> permutation.Panels:
    moves = permutation.moves_of(*(array(market[name]) for name in PRICES), start=start)
    order = permutation.Orders(np.array(gaps) + start + 1, np.array(bodies) + start + 1)
    return permutation.permuted(moves, order)


def _relative(market: Any) -> tuple[np.ndarray, np.ndarray]:
    """Gaps, and intrabar moves of close, high and low, in logarithms."""
    open_, high, low, close = (np.log(array(part)) for part in market)
    return open_[1:] - close[:-1], np.column_stack((close - open_, high - open_, low - open_))[1:]


def bar_permutation(inputs: Inputs) -> Results:
    start, orders = inputs["start_index"], (inputs["permutation_gaps"], inputs["permutation_intrabar"])
    worlds = [(tuple(market[name] for name in PRICES), _permuted(market, *orders, start)[:4]) for market in inputs["markets"]]
    kept = {"last_close_unchanged": True, "multiset_of_gaps_unchanged": True, "multiset_of_intrabar_tuples_unchanged": True}
    kept |= {"high_ge_max_open_close": True, "low_le_min_open_close": True}
    relative = []
    for before, after in worlds:
        open_, high, low, close = after
        (gaps, bodies), (new_gaps, new_bodies) = _relative(before), _relative(after)
        kept["last_close_unchanged"] &= bool(np.isclose(close[-1], before[3][-1], rtol=1e-12))
        kept["multiset_of_gaps_unchanged"] &= bool(np.allclose(np.sort(gaps), np.sort(new_gaps), rtol=0, atol=1e-12))
        same = np.allclose(_sorted_rows(bodies), _sorted_rows(new_bodies), rtol=0, atol=1e-12)
        kept["multiset_of_intrabar_tuples_unchanged"] &= bool(same)
        kept["high_ge_max_open_close"] &= bool((high >= np.maximum(open_, close)).all())
        kept["low_le_min_open_close"] &= bool((low <= np.minimum(open_, close)).all())
        relative.append((new_gaps, new_bodies))
    results: Results = {
        "markets": [
            {"name": market["name"], **dict(zip(PRICES, after, strict=True))}
            for market, (_, after) in zip(inputs["markets"], worlds, strict=True)
        ],
        "invariants": kept,
    }
    if len(relative) == 2:
        results["cross_correlation_gaps"] = np.corrcoef(relative[0][0], relative[1][0])[0, 1]
        results["cross_correlation_intrabar"] = np.corrcoef(relative[0][1][:, 0], relative[1][1][:, 0])[0, 1]
    return results


def _sorted_rows(rows: np.ndarray) -> np.ndarray:
    return rows[np.lexsort(np.round(rows, 10).T)]


def _rule_earnings(close: np.ndarray, lookback: int) -> np.ndarray:
    """What the sign of close less its average earns over the next bar, NaN before there is an average."""
    average = _mean_of(close, lookback - 1, 0)
    held = np.where(close > average, 1.0, -1.0)
    earned = held[:-1] * np.log(close[1:] / close[:-1])
    earned[: lookback - 1] = np.nan
    return earned


def _searched(close: np.ndarray, inputs: Inputs) -> tuple[float, float, int, float, list[int]]:
    """Fixed rule, best rule and its lookback, walk-forward and its choices, on one market."""
    lookbacks, train, test = inputs["lookbacks"], inputs["train"], inputs["test"]
    earned = {n: _rule_earnings(close, n) for n in lookbacks}
    first = max(lookbacks) - 1
    means = {n: float(earned[n][first:].mean()) for n in lookbacks}
    best = max(lookbacks, key=lambda n: means[n])
    choices, outside = [], []
    for fold in folds.walk_forward_folds(close.size - 1, train, test):
        begin, stop = fold.test
        fit = {n: float(earned[n][begin - train + first : begin - 1].mean()) for n in lookbacks}
        choices.append(max(lookbacks, key=lambda n: fit[n]))
        outside.append(earned[choices[-1]][begin:stop])
    return means[inputs["fixed_lookback"]], means[best], best, float(np.concatenate(outside).mean()), choices


def permutation_test(inputs: Inputs) -> Results:
    train = inputs["train"]
    fixed, best, lookback, walked, choices = _searched(array(inputs["close"]), inputs)
    whole, later = [], []
    for order in inputs["permutations"]:
        orders = [np.array(order[name]) for name in ("gaps", "intrabar")]
        whole.append(_searched(_permuted(inputs, *orders, 0).close, inputs))
        left = array(inputs["close"]).size - train
        behind = _permuted(inputs, *(part[part < left] for part in orders), train - 1)
        later.append(_searched(behind.close, inputs)[3])
    fixed_p, best_p = [each[0] for each in whole], [each[1] for each in whole]
    return {
        "observed_fixed": fixed,
        "observed_best": best,
        "observed_best_lookback": lookback,
        "observed_walk_forward": walked,
        "walk_forward_choices": choices,
        "permuted_fixed": fixed_p,
        "permuted_best": best_p,
        "permuted_walk_forward": later,
        "p_fixed": resampling.p_value(fixed, fixed_p),
        "p_in_sample_reoptimised": resampling.p_value(best, best_p),
        "p_walk_forward": resampling.p_value(walked, later),
    }


STATISTICS: dict[str, Callable[[Inputs], Results]] = {
    "block_length": block_length,
    "block_indices": block_indices,
    "bootstrap_se": bootstrap_se,
    "bootstrap_ci": bootstrap_ci,
    "data_snooping": snooping,
    "pbo": pbo,
    "permutation_p": permutation_p,
    "sign_flip": sign_flip,
    "random_entry": random_entries,
    "trade_order": trade_order,
    "bar_permutation": bar_permutation,
    "permutation_test": permutation_test,
    "psr": psr,
    "psr2025": psr2025,
    "min_trl": min_trl,
    "dsr": dsr,
    "expected_max_sharpe": expected_max_sharpe,
    "min_btl": min_btl,
    "lo2002": lo2002,
    "haircut_sharpe": haircut_sharpe,
    "effective_trials": effective_trials,
    "multiple_testing": multiplicity,
    "walk_forward": walk_forward,
    "purged_kfold": purged_kfold,
    "cpcv": cpcv,
    "walk_forward_efficiency": walk_forward_efficiency,
    "parameter_stability": parameter_stability,
    "parameter_plateau": parameter_plateau,
    "lookahead": look_ahead,
    "recursive": recursive,
}
