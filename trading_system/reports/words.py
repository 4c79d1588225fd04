"""Metrics, settings and reason codes in a reader's words, each number with its unit and convention."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from trading_system.reports.document import Cell, absent
from trading_system.reports.formats import amount, count, money, percent, ratio

Form = Callable[[float | None], str]


@dataclass(frozen=True)
class Word:
    """A metric as a reader sees it; `how` may name conventions in braces."""

    label: str
    form: Form
    how: str


def _share(value: float | None) -> str:
    return percent(value, 1)


def _periods(value: float | None) -> str:
    return count(value)


HEADLINE: dict[str, Word] = {
    "total_return": Word("Total return", percent, "final over starting equity, less 1"),
    "cagr": Word("Growth a year (CAGR)", percent, "by period count, {p} periods a year"),
    "ann_vol": Word("Volatility, yearly", percent, "sample deviation (ddof 1) of period returns × √{p}"),
    "sharpe": Word("Sharpe ratio", ratio, "mean over deviation of returns above the risk-free {rf} a year, × √{p}"),
    "max_drawdown": Word("Maximum drawdown", percent, "deepest fall below an earlier high, at closes; the start counts"),
}
RETURNS: dict[str, Word] = {
    "sortino": Word("Sortino ratio", ratio, "mean above {mar} a year over downside deviation of all periods, × √{p}"),
    "calmar": Word("Calmar ratio", ratio, "CAGR over maximum drawdown, whole period"),
    "martin": Word("Martin ratio", ratio, "CAGR above the risk-free rate over the ulcer index"),
    "ulcer": Word("Ulcer index", percent, "root of the mean squared drawdown"),
    "max_dd_duration": Word("Longest drawdown, periods", _periods, "from a high to its recovery, or to the end"),
    "time_under_water": Word("Time under water", _share, "share of periods below an earlier high"),
    "best_period": Word("Best period", percent, "largest return of one period"),
    "worst_period": Word("Worst period", percent, "smallest return of one period"),
    "hit_rate": Word("Periods with a gain", _share, "share of all periods with a return above 0"),
    "var_95": Word("Value at risk, 95 %", percent, "5 % quantile of period returns (type 7)"),
    "cvar_95": Word("Expected shortfall, 95 %", percent, "mean of the period returns at or below it"),
    "skew_G1": Word("Skewness", ratio, "of period returns, sample-corrected (G1)"),
    "excess_kurtosis_G2": Word("Excess kurtosis", ratio, "of period returns, sample-corrected (G2); a Normal has 0"),
    "tail_ratio": Word("Tail ratio", ratio, "95 % quantile over the 5 % quantile, sizes"),
}
RELATIVE: dict[str, Word] = {
    "excess_cagr": Word("CAGR above the benchmark", percent, "difference of the two"),
    "beta": Word("Beta", ratio, "least-squares slope on the benchmark's excess returns"),
    "alpha_ann_geom": Word("Alpha, yearly", percent, "intercept of that line, compounded over {p} periods"),
    "correlation": Word("Correlation", ratio, "Pearson, of period returns"),
    "tracking_error": Word("Tracking error, yearly", percent, "deviation of the difference of returns × √{p}"),
    "information_ratio": Word("Information ratio", ratio, "mean over deviation of that difference × √{p}"),
    "up_capture": Word("Up capture", ratio, "geometric mean return over the benchmark's, where the benchmark rose"),
    "down_capture": Word("Down capture", ratio, "the same where it fell"),
}
TRADES: dict[str, Word] = {
    "n_trades": Word("Closed trades", count, "count"),
    "n_open_trades": Word("Still open", count, "count, at their last mark"),
    "win_rate": Word("Winning trades", _share, "share of closed trades with a profit after all costs"),
    "profit_factor": Word("Profit factor", ratio, "profits over losses, in money"),
    "payoff_ratio": Word("Payoff ratio", ratio, "mean profit over mean loss"),
    "expectancy": Word("Mean result", money, "money a trade, after all costs"),
    "expectancy_R": Word("Mean result in R", ratio, "R is what the initial stop would have lost"),
    "sqn": Word("System quality number", ratio, "√n × mean(R) / deviation(R)"),
    "best_trade": Word("Best trade", money, "money"),
    "worst_trade": Word("Worst trade", money, "money"),
    "max_consecutive_losses": Word("Losses in a row, most", count, "closed trades in the order of their exits"),
    "mean_bars_held": Word("Bars held, mean", ratio, "bars; the bar of the fill counts as 1"),
}
EXPOSURE: dict[str, Word] = {
    "time_in_market": Word("Time in the market", _share, "share of periods with a position at the close"),
    "mean_gross_exposure": Word("Gross exposure, mean", _share, "sum of position sizes over equity"),
    "max_gross_exposure": Word("Gross exposure, most", _share, "at a close"),
    "mean_net_exposure": Word("Net exposure, mean", _share, "long less short, over equity"),
    "turnover_one_way_annual": Word("Turnover a year", _share, "half of the traded value over equity, × {p}"),
}

CODES = {
    "ENTRY": "a strategy's entry",
    "SIGNAL": "a strategy's exit",
    "REVERSAL": "closed to open the other way",
    "MAX_HOLD": "held as long as the strategy allows",
    "GROUP": "another leg of its group ended or could not trade",
    "STOP": "the initial stop was reached",
    "TRAIL": "the trailing stop was reached",
    "TIGHTEN": "the stop that the strategy had tightened was reached",
    "TARGET": "the target was reached",
    "UNIVERSE": "the symbol left the universe",
    "DATA_MISSING": "two sessions without a bar",
    "DELISTED": "delisted, at the price in the data",
    "DELISTED_SILENT": "no bar any more: closed at the last price less a haircut",
    "REBALANCE": "a target weight",
    "DRAWDOWN_LIMIT": "the drawdown limit had tripped",
    "DAILY_LOSS_LIMIT": "the daily loss limit had tripped",
    "RUIN": "nothing was left",
    "NO_BAR": "no bar to fill in",
    "NO_VOLUME": "nothing traded in the bar",
    "NOT_TRADABLE": "not listed, or not in the universe, on that date",
    "SLOTS": "as many positions as allowed",
    "SLOT_NOT_FREED": "the exit that was to make room did not fill",
    "CORRELATION": "too close to what is held",
    "NO_STOP": "no stop distance, so no size",
    "NO_HISTORY": "too little history for its size or capacity",
    "NOTIONAL": "the limit of one position",
    "GROSS_EXPOSURE": "the limit of gross exposure",
    "CAPACITY": "too large for the traded volume",
    "CASH": "not enough cash",
    "LOT": "less than one lot",
    "ZERO_SIZE": "the sizing rule gave nothing",
    "LIMIT_NOT_REACHED": "the limit price was not reached",
    "REPEATED": "repeats a standing position or order",
    "open": "still held at the end",
}

COSTS = {
    "gross_pnl": "Gross result at reference prices",
    "commission": "Commission",
    "slippage": "Slippage",
    "borrow": "Borrow fees on shorts",
    "funding": "Funding",
    "debit_interest": "Interest on negative cash",
    "dividends": "Dividends received less paid",
    "net_pnl": "Net result",
}


def figure(word: Word, name: str, document: Mapping[str, Any]) -> Cell:
    """A metric of `metrics.json` as a cell: its number, or a dash with the reason."""
    value = document["metrics"].get(name)
    if value is None:
        return absent(document["undefined"].get(name, "not measured"))
    return Cell(word.form(value))


def how(word: Word, conventions: Mapping[str, Any]) -> str:
    """The convention behind a metric, with this run's own numbers in it."""
    return word.how.format(
        p=f"{conventions['periods_per_year']:,g}",
        rf=percent(conventions["risk_free"]),
        mar=percent(conventions["minimum_acceptable_return"]),
    )


def named(code: str) -> str:
    """A reason code with its meaning."""
    return f"{code}: {CODES[code]}" if code in CODES else code


def trials_so_far(trial: Mapping[str, Any]) -> str:
    """How many trials of its family there were with this run, from the `trial` of a manifest; an older one has no count."""
    trials, runs = trial.get("trials"), trial.get("runs")
    if not isinstance(trials, int) or not isinstance(runs, int):
        return f"not counted then; record {count(trial['count'])} of the journal"
    whole = f"{amount(trials, 'trial')} in {amount(runs, 'run')} of these strategy types on these symbols, this one included"
    parts = [_place(trial, trials, whole)]
    if trial.get("repeats"):
        parts.append("the same work was counted before")
    if trial.get("others"):
        parts.append(f"counted apart: {amount(trial['others'], 'trial')} of other strategy types or symbols")
    return "; ".join(parts)


def _place(trial: Mapping[str, Any], trials: int, whole: str) -> str:
    """Whether a run is the best of its family, as far as the journal knows."""
    compared, own, other = trial.get("compared"), trial.get("sharpe"), trial.get("best_other")
    if trials < 2 or compared is None:
        return whole
    if own is None:
        return f"without a Sharpe ratio, one of {whole}"
    if other is not None and other > own:
        return f"not the best of {whole}: over the same sessions another had a Sharpe ratio of {ratio(other)}, this one {ratio(own)}"
    if compared >= trials:
        return f"this is the best of {whole}"
    return f"this is the best of the {compared:,} over the same sessions whose Sharpe ratio is known, of {whole}"
