"""The short way through the engine, for runs of a single line: which runs may take it, and how.

The general kernel lives through every bar of every line. With one line and no rule that looks at the whole portfolio
nothing happens between decisions and stops, so `_kernels_lane.py` jumps from one to the next: the same ledger to the byte,
several times faster, and compiled in a fraction of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.engine import sizing
from trading_system.engine.laws import check_lane, within_digits
from trading_system.engine.layout import LANE_RULES, LANE_STATE, SIZING, LaneArrays
from trading_system.engine.ledger import EVENT, FILL, ORDER, REFUSAL, TRADE, Ledger
from trading_system.kernels import door
from trading_system.strategies.base import Signals, Weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trading_system.config.models import RunConfig, StrategyConfig
    from trading_system.data.bars import Bars
    from trading_system.engine.decisions import StrategyDecisions
    from trading_system.types import FloatArray

LOGS = {"orders": ORDER, "fills": FILL, "trades": TRADE, "refusals": REFUSAL}
PLAIN_SIZING = ("risk_per_trade", "fixed_fraction", "equal_weight", "fixed_quantity")
PLAIN_SLIPPAGE = ("none", "fixed", "spread")
MOST_SLIPPAGE = 0.9
ROOM = 64


def is_single_and_plain(bars: Bars, decisions: Sequence[StrategyDecisions], config: RunConfig, first: int, stop: int) -> bool:
    """Whether a run over rows first..stop - 1 may take the lane: one line, and no rule that the lane does not know.

    What only shows on the way (a bar with a hole, ruin, interest that falls due) is not asked here: the lane gives up there.
    """
    if len(decisions) != 1 or len(config.strategies) != 1 or config.portfolio.ranking is not None:
        return False
    made, strategy, limits = decisions[0].decisions, config.strategies[0], config.portfolio.limits
    if bars.quotes is not None or bars.factor is not None or len(bars.actions) or np.any(bars.delisted_row >= 0):
        return False
    watched = limits.max_drawdown is not None or limits.max_daily_loss is not None
    if watched or config.portfolio.volatility_scaling.mode != "off":
        return False
    if config.execution.fill != "next_open" or config.execution.stop_evaluation != "intrabar":
        return False
    costs = strategy.costs
    if costs.slippage.model not in PLAIN_SLIPPAGE or costs.commission_tiers:
        return False
    if isinstance(made, Weights):
        panel: Any = made.target
    else:
        panel = made.entry
        if not _is_plain(made, strategy):
            return False
    if np.ndim(panel) != 2 or panel.shape[1] != 1:
        return False
    column = 0 if made.symbol is None else made.symbol[0]
    return bool(np.all(decisions[0].tradable[first:stop, column]))


def _is_plain(made: Signals, strategy: StrategyConfig) -> bool:
    """Whether the lane knows what these signals ask for."""
    others = (made.trail_distance, made.stop_tighten, made.limit_price)
    if any(panel is not None for panel in others) or strategy.capacity.max_fraction_of_adv is not None:
        return False
    if any(values is not None and np.any(values > least) for values, least in ((made.max_hold, 0), (made.group, -1))):
        return False
    return strategy.sizing.method in PLAIN_SIZING


def simulate_single(
    bars: Bars, decisions: Sequence[StrategyDecisions], config: RunConfig, first: int, stop: int
) -> Ledger | None:
    """The ledger of a run that `is_single_and_plain`; None where it meets something that the lane does not know."""
    made = decisions[0]
    column = int(made.columns[0 if made.decisions.symbol is None else int(made.decisions.symbol[0])])
    x = run(lane_arrays(bars, column, made.decisions, config, first, stop), stop)
    if x.state[0]["gave_up"]:
        return None
    ledger = _ledger(x, bars, config, column, first)
    with within_digits(ledger):
        check_lane(ledger, x)
    return ledger


def run(x: LaneArrays, stop: int) -> LaneArrays:
    """Simulate up to row `stop`; the arrays come back, with larger logs where those were too small."""
    from trading_system.engine._kernels_bundle import bundled
    from trading_system.engine._kernels_lane import lane

    while True:
        with np.errstate(all="ignore"):
            lane(bundled(x), stop)
        if x.state[0]["gave_up"] or x.state[0]["row"] >= stop:
            return x
        x = x._replace(**_larger_logs(x, stop))


def _larger_logs(x: LaneArrays, stop: int) -> dict[str, NDArray[Any]]:
    """Every log that is nearly full, as large as the rows so far let expect it to become, at least twice as large."""
    state, first = x.state[0], int(x.rules[0]["first"])
    share = (int(state["row"]) - first + 1) / (stop - first)
    larger = {}
    for name, dtype in LOGS.items():
        old, used = getattr(x, name), int(state[f"n_{name}"])
        if 2 * used > old.size:
            new = np.zeros(min(max(2 * old.size, int(1.1 * used / share) + ROOM), 8 * old.size), dtype)
            new[:used] = old[:used]
            larger[name] = new
    return larger


def lane_arrays(
    bars: Bars, column: int, made: Signals | Weights, config: RunConfig, first: int, stop: int, *, keep_logs: bool = True
) -> LaneArrays:
    """All that the kernel reads and writes, for the symbol at `column`.

    Without logs the counters, the account and the equity curve are all that a run leaves, so that a sweep over parameters may use
    the same arrays again and again: new series of decisions, and `initial_state`.
    """
    n = stop - first
    room = ROOM + min(n // 16, 1024) if keep_logs else ROOM
    prices = {name: series_of(getattr(bars, name), column) for name in ("open", "high", "low", "close", "volume")}
    by_weight = isinstance(made, Weights)
    return LaneArrays(
        **prices,
        weight=_decided(made, "target", np.float64),
        entry=_decided(made, "entry", np.int8),
        exit=_decided(made, "exit", np.bool_),
        stop=_decided(made, "stop_distance", np.float64),
        target=_decided(made, "target_distance", np.float64),
        scale=_decided(made, "scale", np.float64),
        rules=lane_rules(config, made, by_weight, keep_logs, first),
        state=initial_state(config.portfolio.starting_equity, first),
        equity=np.empty(n),
        **{name: np.zeros(room, dtype) for name, dtype in LOGS.items()},
    )


def series_of(panel: FloatArray, column: int) -> Any:
    """One column as the kernel reads it: contiguous, read-only, a view where it can be one."""
    return door(panel[:, column] if panel.shape[1] > 1 else panel.reshape(-1), np.float64)


def _decided(made: Signals | Weights, field: str, dtype: Any) -> Any:
    panel = getattr(made, field, None)
    return door(np.zeros(1) if panel is None else panel.reshape(-1), dtype)


def initial_state(starting_equity: float, first: int) -> NDArray[Any]:
    """A run that starts flat with its starting equity before row `first`."""
    state = np.zeros(1, LANE_STATE)
    now = state[0]
    now["row"], now["cash"], now["equity"], now["peak"] = first, starting_equity, starting_equity, starting_equity
    now["exit_order"], now["entry_order"], now["refused_row"] = -1, -1, -2
    return state


def lane_rules(config: RunConfig, made: Signals | Weights, by_weight: bool, keep_logs: bool, first: int) -> Any:
    """The rules as one record."""
    strategy, portfolio = config.strategies[0], config.portfolio
    costs, limits, own = strategy.costs, portfolio.limits, strategy.limits
    slippage = costs.slippage
    fraction = {"none": 0.0, "spread": slippage.spread_bps / 2.0}.get(slippage.model, slippage.bps) * slippage.multiple / 1e4
    table = np.zeros(1, LANE_RULES)
    table[0] = (
        portfolio.starting_equity,
        limits.max_gross_exposure,
        sizing.bound(limits.max_position_notional),
        config.execution.min_trade,
        config.allocation(0),
        SIZING.index(strategy.sizing.method),
        sizing.amount(strategy, config, 1),
        sizing.bound(own.max_gross_exposure),
        sizing.bound(own.max_position_notional),
        costs.commission_bps,
        costs.commission_per_share,
        costs.commission_per_trade,
        costs.commission_minimum,
        min(fraction, MOST_SLIPPAGE),
        config.execution.whole_lots(strategy.asset_class),
        costs.borrow_rate > 0.0,
        portfolio.debit_rate > 0.0,
        by_weight,
        getattr(made, "stop_distance", None) is not None,
        getattr(made, "target_distance", None) is not None,
        getattr(made, "scale", None) is not None,
        keep_logs,
        first,
    )
    return door(table, LANE_RULES)


# the ledger -----------------------------------------------------------------------------------------------------------------
class LaneLedger(Ledger):
    """A ledger whose further curves are worked out from its fills when they are first read."""

    def __getattr__(self, name: str) -> Any:  # only reached for what is not there yet
        curve = CURVES.get(name)
        if curve is None:
            raise AttributeError(f"a ledger has no {name}")
        found = curve(self)
        object.__setattr__(self, name, found)
        return found


def _ledger(x: LaneArrays, bars: Bars, config: RunConfig, column: int, first: int) -> Ledger:
    state = x.state[0]
    number = {name: int(state[f"n_{name}"]) for name in LOGS}
    number["trades"] += state["quantity"] != 0.0
    ledger = LaneLedger.__new__(LaneLedger)
    vars(ledger).update(
        equity=x.equity,
        net_exposure=np.empty(x.equity.size),  # filled when the accounts are checked
        **{name: getattr(x, name)[:n] for name, n in number.items()},
        events=np.zeros(0, EVENT),
        repeated=x.state["repeated"].copy(),
        signals=x.state["signals"].copy(),
        line_symbol=np.array([column]),
        line_strategy=np.zeros(1, np.int64),
        strategy_names=(config.strategies[0].name,),
        bars=bars,
        first=first,
        starting_equity=config.portfolio.starting_equity,
    )
    return ledger


def _lengths(ledger: Ledger) -> NDArray[np.int64]:
    """Number of rows before the first fill, then from each fill to the next."""
    return np.diff(np.concatenate(([0], ledger.fills["row"] - ledger.first, [ledger.equity.size])))


def _cash(ledger: Ledger) -> FloatArray:
    fills = ledger.fills
    paid = fills["side"] * fills["quantity"] * fills["price"] + fills["commission"]
    return np.repeat(np.cumsum(np.concatenate(([ledger.starting_equity], -paid))), _lengths(ledger))


def _quantity(ledger: Ledger) -> FloatArray:
    fills = ledger.fills
    return np.cumsum(np.concatenate(([0.0], fills["side"] * fills["quantity"])))


def _gross_exposure(ledger: Ledger) -> FloatArray:
    net = ledger.net_exposure
    return net if (ledger.trades["side"] > 0).all() else np.abs(net)


CURVES: dict[str, Callable[[Ledger], NDArray[Any]]] = {
    "cash": _cash,
    "gross_exposure": _gross_exposure,
    "n_positions": lambda ledger: np.repeat((_quantity(ledger) != 0.0).astype(np.int64), _lengths(ledger)),
    "stale_marks": lambda ledger: np.broadcast_to(np.int64(0), ledger.equity.shape),
    "interest": lambda ledger: np.broadcast_to(np.float64(0.0), ledger.equity.shape),
}
