"""From a run file and decisions to the arrays that the kernel reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.config.models import DIVERSIFICATION
from trading_system.data.shared import shared
from trading_system.engine import costs, sizing
from trading_system.engine.decisions import Lines, StrategyDecisions
from trading_system.engine.layout import (
    ENTRIES_PER_WORD,
    RULES,
    SCALING,
    STRATEGY,
    SYMBOL,
    TIER,
    DecisionArrays,
    MarketArrays,
    RuleArrays,
)
from trading_system.errors import ConfigError, UnknownNameError
from trading_system.kernels import door

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trading_system.config.models import RunConfig
    from trading_system.data.bars import Bars

FEW_LINES = 8


def correlates(config: RunConfig) -> bool:
    """Whether ranks or the guard read correlations."""
    ranking = config.portfolio.ranking or {}
    return config.portfolio.correlation_guard is not None or DIVERSIFICATION in ranking


def correlation_lookback(config: RunConfig) -> int:
    """Returns in a correlation: the guard's, or 20."""
    guard = config.portfolio.correlation_guard
    return guard.lookback if guard is not None else 20


def market_arrays(bars: Bars, config: RunConfig) -> MarketArrays:
    """The market as the kernel reads it; panels that no rule needs are (1, 1) or (1,)."""
    float_dummy, long_dummy = np.zeros((1, 1)), np.zeros(1, np.int64)
    slow = any(strategy.costs.slippage.model == "full" for strategy in config.strategies)
    tiered = any(strategy.costs.commission_tiers for strategy in config.strategies)
    near = correlates(config)
    actions, quotes = bars.actions, bars.quotes
    panels = {name: door(getattr(bars, name), np.float64) for name in ("open", "high", "low", "close", "volume")}
    for side in ("ask", "bid"):
        for name in ("open", "high", "low"):
            panels[f"{side}_{name}"] = panels[name] if quotes is None else door(getattr(quotes, f"{side}_{name}"), np.float64)
    return MarketArrays(
        **panels,
        factor=door(float_dummy if bars.factor is None else bars.factor, np.float64),
        whole=door(bars.whole if bars.n_symbols > FEW_LINES else np.zeros(bars.n_bars, np.bool_), np.bool_),
        expected=door(bars.expected, np.bool_),
        session=door(bars.session, np.int32),
        stamp=door(bars.index, np.int64),
        month=door(costs.months(bars) if tiered else long_dummy, np.int64),
        day_end=door(bars.day_end, np.bool_),
        sampled_rows=door(np.flatnonzero(bars.sampled) if near else long_dummy, np.int64),
        sampled_count=door(np.cumsum(bars.sampled) if near else long_dummy, np.int64),
        atr_ratio=door(_of_market(bars, costs.atr_ratio) if slow else float_dummy, np.float64),
        stress=door(_of_market(bars, costs.stress_return) if slow else np.zeros(1), np.float64),
        action_row=door(actions.row, np.int64),
        action_col=door(actions.col, np.int64),
        action_split=door(actions.split, np.float64),
        action_dividend=door(actions.dividend, np.float64),
        action_funding=door(actions.funding, np.float64),
        symbols=door(_of_market(bars, symbol_table), SYMBOL),
        line_start=long_dummy,
        lines_of=long_dummy,
    )


def _of_market(bars: Bars, work: Callable[[Bars], NDArray[Any]]) -> NDArray[Any]:
    """``work(bars)``, once where the market is shared by many runs."""
    kept = shared(bars)
    return work(bars) if kept is None else kept.get(work.__name__, lambda: work(bars))


def symbol_table(bars: Bars) -> NDArray[Any]:
    """Facts of each symbol that the kernel reads."""
    table = np.zeros(bars.n_symbols, SYMBOL)
    table["calendar"] = bars.calendar_of
    open_always = np.array([name == "24/7" for name in bars.calendars] or [False])
    table["always_open"] = open_always[np.minimum(bars.calendar_of, open_always.size - 1)]
    table["delisted_row"], table["delisted_price"] = bars.delisted_row, bars.delisted_price
    table["hash"] = [costs.symbol_hash(symbol) for symbol in bars.symbols]
    return table


def with_lines(market: MarketArrays, lines: Lines, n_symbols: int) -> MarketArrays:
    """The market with the lines of each symbol beside it."""
    of_symbol = np.argsort(lines.table["symbol"], kind="stable")
    start = np.searchsorted(lines.table["symbol"][of_symbol], np.arange(n_symbols + 1))
    return market._replace(line_start=door(start, np.int64), lines_of=door(of_symbol, np.int64))


def ranking_arrays(config: RunConfig, names: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Panel (-1: diversification) and weight of each term of the score, in the order they are summed.

    Raises
    ------
    UnknownNameError
        When the run file ranks by a component that no strategy supplies.
    """
    ranking = config.portfolio.ranking
    if ranking is None:
        ranking = {name: 1.0 / len(names) for name in names}
    panels = []
    for name in ranking:
        if name != DIVERSIFICATION and name not in names:
            raise UnknownNameError(
                f"no strategy supplies a ranking component called {name!r}",
                where=f"portfolio.ranking.{name}",
                allowed=", ".join([*names, DIVERSIFICATION]),
            )
        panels.append(-1 if name == DIVERSIFICATION else list(names).index(name))
    return np.array(panels, np.int64), np.array(list(ranking.values()), np.float64)


def run_rules(config: RunConfig, bars: Bars, arrays: DecisionArrays, lines: Lines, first: int) -> NDArray[Any]:
    """Portfolio and execution rules as one record."""
    table = np.zeros(1, RULES)
    rule, portfolio, execution = table[0], config.portfolio, config.execution
    limits, scaling, guard = portfolio.limits, portfolio.volatility_scaling, portfolio.correlation_guard
    rule["starting_equity"], rule["debit_rate"] = portfolio.starting_equity, portfolio.debit_rate
    rule["max_positions"] = sizing.count(limits.max_positions)
    rule["max_gross"], rule["max_notional"] = limits.max_gross_exposure, sizing.bound(limits.max_position_notional)
    rule["max_drawdown"], rule["max_daily_loss"] = sizing.bound(limits.max_drawdown), sizing.bound(limits.max_daily_loss)
    rule["flatten"] = limits.on_breach == "flatten"
    rule["resume"] = 0 if limits.resume == "never" else limits.resume
    rule["scaling"], rule["vol_lookback"] = SCALING.index(scaling.mode), scaling.lookback
    rule["vol_baseline"], rule["vol_floor"] = scaling.baseline, scaling.floor
    rule["corr_lookback"] = correlation_lookback(config)
    rule["diversification"] = (portfolio.ranking or {}).get(DIVERSIFICATION, 0.0)
    if guard is not None:
        rule["guard"], rule["guard_min"] = 1, guard.min_positions
        rule["guard_average"], rule["guard_candidate"] = guard.average_threshold, guard.candidate_threshold
    rule["same_close"], rule["stops_on_close"] = execution.fill == "same_close", execution.stop_evaluation == "close"
    rule["min_trade"], rule["delist_after"] = execution.min_trade, execution.delist_after
    rule["haircut"], rule["daily"] = execution.delisting_haircut, not bars.intraday
    rule["has_factor"] = bars.factor is not None
    for name in ("stop", "trail", "tighten", "target", "limit", "scale"):
        rule[f"has_{name}"] = getattr(arrays, name).size > 1 or lines.has[name]
    rule["has_groups"] = lines.group_start.size > 1
    rule["has_delistings"] = bool(np.any(bars.delisted_row >= 0))
    watched = limits.max_drawdown is not None or limits.max_daily_loss is not None or scaling.mode != "off"
    rule["quiet"] = len(lines.table) <= FEW_LINES and not watched
    in_order = np.array_equal(lines.scan, np.arange(lines.scan.size))
    whole_words = lines.scan.size > 0 and lines.scan.size % ENTRIES_PER_WORD == 0
    rule["entries_per_word"] = ENTRIES_PER_WORD if in_order and whole_words else 0
    rule["first"], rule["worst"], rule["seed"] = first, 4 * len(lines.table) + 16, config.seed
    return table


def rule_arrays(config: RunConfig, bars: Bars, arrays: DecisionArrays, lines: Lines, first: int) -> RuleArrays:
    """All rules as the kernel reads them."""
    table = np.zeros(len(config.strategies), STRATEGY)
    tiers: list[tuple[float, float]] = []
    for number, strategy in enumerate(config.strategies):
        table[number]["allocation"] = config.allocation(number)
        n_lines = int(np.sum(lines.table["strategy"] == number))
        sizing.fill_sizing(table[number], strategy, config, n_lines, bars.periods_per_year)
        costs.fill_costs(table[number], strategy, tiers)
    panels, weights = ranking_arrays(config, lines.component_names)
    return RuleArrays(
        run=door(run_rules(config, bars, arrays, lines, first), RULES),
        strategies=door(table, STRATEGY),
        lines=door(lines.table, lines.table.dtype),
        tiers=door(costs.tier_table(tiers), TIER),
        scan=door(lines.scan, np.int64),
        signal_line=door(lines.signal_line, np.int64),
        weight_line=door(lines.weight_line, np.int64),
        group_start=door(lines.group_start, np.int64),
        group_lines=door(lines.group_lines, np.int64),
        rank_panel=door(panels, np.int64),
        rank_weight=door(weights, np.float64),
    )


def beginning(table: RuleArrays, first: int) -> RuleArrays:
    """The same rules for a run that begins at row `first`."""
    run = table.run.copy()
    run[0]["first"] = first
    return table._replace(run=door(run, RULES))


def refuse_impossible(config: RunConfig, bars: Bars, decisions: Sequence[StrategyDecisions]) -> None:
    """Raise for rules that contradict each other or the data.

    Raises
    ------
    ConfigError
        For limit orders that fill at the signal's own close, or the wrong number of strategies.
    DataError
        For rules that need a volume that is absent.
    """
    if len(decisions) != len(config.strategies):
        raise ConfigError(f"{len(decisions)} decisions for {len(config.strategies)} strategies")
    costs.require_volume(config, bars)
    if config.execution.fill == "same_close":
        for number, made in enumerate(decisions):
            if getattr(made.decisions, "limit_price", None) is not None:
                raise ConfigError(
                    f"strategy {config.strategies[number].name!r} uses limit orders, which cannot fill at the signal's own close",
                    where="execution.fill",
                    allowed="next_open",
                )
