"""How the kernel's memory is laid out: records, bundles of arrays, and the numbers of the closed lists."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from trading_system.engine.ledger import Code, OrderKind, OrderStatus

ENTRY, SIGNAL, REVERSAL, MAX_HOLD, GROUP = (
    int(Code.ENTRY),
    int(Code.SIGNAL),
    int(Code.REVERSAL),
    int(Code.MAX_HOLD),
    int(Code.GROUP),
)
STOP, TRAIL, TIGHTEN, TARGET = int(Code.STOP), int(Code.TRAIL), int(Code.TIGHTEN), int(Code.TARGET)
UNIVERSE, DATA_MISSING, DELISTED, DELISTED_SILENT = (
    int(Code.UNIVERSE),
    int(Code.DATA_MISSING),
    int(Code.DELISTED),
    int(Code.DELISTED_SILENT),
)
REBALANCE, DRAWDOWN_LIMIT, DAILY_LOSS_LIMIT, RUIN = (
    int(Code.REBALANCE),
    int(Code.DRAWDOWN_LIMIT),
    int(Code.DAILY_LOSS_LIMIT),
    int(Code.RUIN),
)
NO_BAR, NO_VOLUME, NOT_TRADABLE, SLOTS, SLOT_NOT_FREED = (
    int(Code.NO_BAR),
    int(Code.NO_VOLUME),
    int(Code.NOT_TRADABLE),
    int(Code.SLOTS),
    int(Code.SLOT_NOT_FREED),
)
CORRELATION, NO_STOP, NO_HISTORY, NOTIONAL = int(Code.CORRELATION), int(Code.NO_STOP), int(Code.NO_HISTORY), int(Code.NOTIONAL)
GROSS_EXPOSURE, CAPACITY, CASH, LOT, ZERO_SIZE = (
    int(Code.GROSS_EXPOSURE),
    int(Code.CAPACITY),
    int(Code.CASH),
    int(Code.LOT),
    int(Code.ZERO_SIZE),
)
LIMIT_NOT_REACHED = int(Code.LIMIT_NOT_REACHED)

KIND_MARKET, KIND_LIMIT, KIND_EXIT, KIND_STOP = (
    int(OrderKind.MARKET_ENTRY),
    int(OrderKind.LIMIT_ENTRY),
    int(OrderKind.EXIT),
    int(OrderKind.STOP),
)
KIND_TARGET, KIND_REDUCE, KIND_INCREASE, KIND_SETTLEMENT = (
    int(OrderKind.TARGET),
    int(OrderKind.WEIGHT_REDUCE),
    int(OrderKind.WEIGHT_INCREASE),
    int(OrderKind.SETTLEMENT),
)
OPEN, FILLED, PART_FILLED, REJECTED, EXPIRED = (int(status) for status in OrderStatus)

SIZING = ("risk_per_trade", "fixed_fraction", "equal_weight", "fixed_quantity", "volatility_target", "kelly")
BY_RISK, BY_FRACTION, BY_EQUAL_WEIGHT, BY_QUANTITY, BY_VOLATILITY, BY_KELLY = range(6)
SLIPPAGE = ("none", "fixed", "spread", "full", "volume_share", "sqrt_impact")
SLIP_NONE, SLIP_FIXED, SLIP_SPREAD, SLIP_FULL, SLIP_SHARE, SLIP_IMPACT = range(6)
SCALING = ("off", "continuous", "regime")

BAD_STOP, BAD_TRAIL, BAD_TARGET, BAD_LIMIT, BAD_SCALE, BAD_TIGHTEN, BAD_WEIGHT, BAD_VOLUME, BAD_ENTRY = range(1, 10)

WORD_BITS = 2
ENTRIES_PER_WORD = 1 << WORD_BITS  # entries looked at together
ADV_BARS = 20
SIGMA_BARS = 20
MIN_VOLATILITIES = 60
NO_VARIANCE = 1e-24
RUN_LENGTH = 64  # keys that are sorted by counting
UNIT_WIDTH = 16  # symbols whose correlations are worked out side by side
LOWEST, HIGHEST = -(2**63), 2**63 - 1

RULES = np.dtype(
    [
        ("starting_equity", "f8"), ("max_positions", "i8"), ("max_gross", "f8"), ("max_notional", "f8"), ("max_drawdown", "f8"),
        ("max_daily_loss", "f8"), ("flatten", "i8"), ("resume", "i8"), ("debit_rate", "f8"), ("scaling", "i8"), ("vol_lookback", "i8"),
        ("vol_baseline", "i8"), ("vol_floor", "f8"), ("guard", "i8"), ("guard_min", "i8"), ("guard_average", "f8"), ("guard_candidate", "f8"),
        ("corr_lookback", "i8"), ("diversification", "f8"), ("same_close", "i8"), ("stops_on_close", "i8"), ("min_trade", "f8"),
        ("delist_after", "i8"), ("haircut", "f8"), ("daily", "i8"), ("has_factor", "i8"), ("has_stop", "i8"), ("has_trail", "i8"),
        ("has_tighten", "i8"), ("has_target", "i8"), ("has_limit", "i8"), ("has_scale", "i8"), ("has_groups", "i8"), ("has_delistings", "i8"),
        ("quiet", "i8"), ("entries_per_word", "i8"), ("first", "i8"), ("worst", "i8"), ("seed", "u8"),
    ]
)  # fmt: skip
STRATEGY = np.dtype(
    [
        ("allocation", "f8"), ("method", "i8"), ("amount", "f8"), ("fallback", "f8"), ("kelly_cap", "f8"), ("kelly_min", "i8"),
        ("max_positions", "i8"), ("max_gross", "f8"), ("max_notional", "f8"), ("capacity", "f8"), ("clip", "i8"), ("periods", "f8"),
        ("bps", "f8"), ("per_share", "f8"), ("per_trade", "f8"), ("minimum", "f8"), ("tier_from", "i8"), ("tier_to", "i8"),
        ("slip_model", "i8"), ("slip_bps", "f8"), ("impact", "f8"), ("borrow_rate", "f8"), ("stress_below", "f8"),
    ]
)  # fmt: skip
LINE = np.dtype(
    [
        ("symbol", "i8"),
        ("strategy", "i8"),
        ("signal", "i8"),
        ("weight", "i8"),
        ("tradable", "i8"),
        ("whole", "i8"),
        ("group", "i8"),
        ("max_hold", "i8"),
    ]
)
SYMBOL = np.dtype(
    [("calendar", "i8"), ("always_open", "i8"), ("delisted_row", "i8"), ("delisted_price", "f8"), ("hash", "u8")]
)
TIER = np.dtype([("from_notional", "f8"), ("bps", "f8")])

RUN_STATE = np.dtype(
    [
        ("cash", "f8"), ("equity", "f8"), ("peak", "f8"), ("session_equity", "f8"), ("day_equity", "f8"), ("due", "f8"), ("multiplier", "f8"),
        ("row", "i8"), ("action", "i8"), ("n_held", "i8"), ("n_exits", "i8"), ("n_entries", "i8"), ("n_reduces", "i8"), ("n_increases", "i8"),
        ("n_orders", "i8"), ("n_fills", "i8"), ("n_trades", "i8"), ("n_refusals", "i8"), ("n_events", "i8"), ("tripped_drawdown", "i8"),
        ("tripped_daily", "i8"), ("tripped_ruin", "i8"), ("n_days", "i8"), ("n_vols", "i8"), ("session_start", "i8"),
        ("error", "i8"), ("error_line", "i8"), ("gross", "f8"), ("longs", "f8"),
    ]
)  # fmt: skip
LINE_STATE = np.dtype(
    [
        ("quantity", "f8"), ("refusal", "i8"), ("refused_code", "i8"), ("refused_row", "i8"), ("mark", "f8"), ("mark_row", "i8"), ("stop", "f8"), ("stop_code", "i8"), ("target", "f8"), ("best", "f8"),
        ("fill_row", "i8"), ("inside_row", "i8"), ("bars", "i8"),
        ("exit_order", "i8"), ("exit_cause", "i8"), ("entry_order", "i8"), ("entry_side", "i8"), ("entry_quantity", "f8"),
        ("entry_limit", "f8"), ("entry_stop", "f8"), ("entry_target", "f8"), ("entry_value", "f8"),
        ("reduce_order", "i8"), ("reduce_quantity", "f8"), ("increase_order", "i8"), ("increase_side", "i8"), ("increase_quantity", "f8"),
        ("side", "i8"), ("entry_row", "i8"), ("reason", "i8"), ("quantity_in", "f8"), ("value_in", "f8"), ("quantity_out", "f8"),
        ("value_out", "f8"), ("gross", "f8"), ("commission", "f8"), ("slippage", "f8"), ("financing", "f8"), ("dividends", "f8"),
        ("risk", "f8"), ("highest", "f8"), ("lowest", "f8"),
    ]
)  # fmt: skip
SYMBOL_STATE = np.dtype([("missing", "i8"), ("counted_row", "i8"), ("bar_row", "i8")])
STRATEGY_STATE = np.dtype(
    [
        ("n_held", "i8"), ("n_exiting", "i8"), ("month", "i8"), ("month_value", "f8"), ("signals", "i8"), ("repeated", "i8"),
        ("n_closed", "i8"), ("n_won", "i8"), ("n_lost", "i8"), ("won", "f8"), ("lost", "f8"),
    ]
)  # fmt: skip


class MarketArrays(NamedTuple):
    """The market, read-only. Panels are (n_bars, n_symbols); without quotes ask and bid are the bar's own panels."""

    open: Any
    high: Any
    low: Any
    close: Any
    volume: Any
    ask_open: Any
    ask_high: Any
    ask_low: Any
    bid_open: Any
    bid_high: Any
    bid_low: Any
    factor: Any  # (1, 1) without actions
    whole: Any  # rows known to have a bar of every symbol
    expected: Any
    session: Any
    stamp: Any
    month: Any  # (n_bars,) or (1,) when no tier needs it
    day_end: Any
    sampled_rows: Any  # rows with `sampled`; (1,) when no correlation is used
    sampled_count: Any  # how many of them are at or before each row
    atr_ratio: Any  # ATR14 / its 60-bar mean; (1, 1) unless slippage `full` is used
    stress: Any  # benchmark's return over five sessions; (1,) unless slippage `full` is used
    action_row: Any
    action_col: Any
    action_split: Any
    action_dividend: Any
    action_funding: Any
    symbols: Any
    line_start: Any  # lines of symbol i are lines_of[line_start[i]:line_start[i + 1]]
    lines_of: Any


class DecisionArrays(NamedTuple):
    """What the strategies decided, read-only; an absent panel is (1, 1) and its flag in the rules is 0."""

    entry: Any
    entry_words: Any  # several entries in one number, where their count allows; (1, 1) otherwise
    exit: Any
    stop: Any
    trail: Any
    tighten: Any
    target: Any
    limit: Any
    scale: Any
    components: Any
    weights: Any
    tradable: Any


class RuleArrays(NamedTuple):
    """The rules, read-only."""

    run: Any
    strategies: Any
    lines: Any
    tiers: Any
    scan: Any  # signal columns by (symbol, line)
    signal_line: Any
    weight_line: Any
    group_start: Any
    group_lines: Any
    rank_panel: Any
    rank_weight: Any


class StateArrays(NamedTuple):
    """Everything that one bar hands to the next."""

    run: Any
    lines: Any
    symbols: Any
    strategies: Any
    held: Any  # lines, ascending
    exits: Any  # lines with a pending exit, in the order decided
    entries: Any  # lines with a pending entry, in rank order
    reduces: Any
    increases: Any
    returns: Any  # ring of day-end returns
    vols: Any  # ring of their deviations
    ordered_vols: Any  # the same, ascending


class ScratchArrays(NamedTuple):
    """Working memory; nothing in it outlives a bar."""

    candidates: Any
    index: Any
    spare: Any
    key: Any
    key_bits: Any  # the memory of `key` as integers
    order: Any
    score: Any
    correlation: Any
    accepted: Any  # per strategy
    quantity: Any
    price: Any
    unit: Any  # (lookback, UNIT_WIDTH): returns of symbols side by side
    column: Any  # of each of them; the rest is (UNIT_WIDTH,) too
    earlier: Any
    later: Any
    mean: Any
    length: Any
    held_unit: Any
    value: Any  # per strategy
    bar: Any  # per symbol, of the present row


class OutputArrays(NamedTuple):
    """Curves and logs."""

    equity: Any
    cash: Any
    gross: Any
    net: Any
    n_positions: Any
    stale: Any
    interest: Any
    orders: Any
    fills: Any
    trades: Any
    refusals: Any
    events: Any


class Engine(NamedTuple):
    """All arrays of one simulation."""

    m: Any
    d: Any
    r: Any
    s: Any
    w: Any
    o: Any


LANE_RULES = np.dtype(
    [
        ("starting_equity", "f8"), ("max_gross", "f8"), ("max_notional", "f8"), ("min_trade", "f8"), ("allocation", "f8"), ("method", "i8"),
        ("amount", "f8"), ("own_max_gross", "f8"), ("own_max_notional", "f8"), ("bps", "f8"), ("per_share", "f8"), ("per_trade", "f8"),
        ("minimum", "f8"), ("slippage", "f8"), ("whole", "i8"), ("pays_borrow", "i8"), ("pays_debit", "i8"), ("by_weight", "i8"),
        ("has_stop", "i8"), ("has_target", "i8"), ("has_scale", "i8"), ("keeps_logs", "i8"), ("first", "i8"),
    ]
)  # fmt: skip
LANE_STATE = np.dtype(
    [
        ("row", "i8"), ("gave_up", "i8"), ("cash", "f8"), ("equity", "f8"), ("peak", "f8"), ("quantity", "f8"), ("side", "i8"),
        ("stop", "f8"), ("target", "f8"), ("entry_row", "i8"), ("reason", "i8"), ("bars", "i8"), ("quantity_in", "f8"), ("value_in", "f8"),
        ("quantity_out", "f8"), ("value_out", "f8"), ("gross", "f8"), ("commission", "f8"), ("slippage", "f8"), ("risk", "f8"),
        ("highest", "f8"), ("lowest", "f8"), ("exit_order", "i8"), ("exit_cause", "i8"), ("exit_quantity", "f8"),
        ("entry_order", "i8"), ("entry_side", "i8"), ("entry_quantity", "f8"), ("entry_stop", "f8"), ("entry_target", "f8"),
        ("n_orders", "i8"), ("n_fills", "i8"), ("n_trades", "i8"), ("n_refusals", "i8"), ("refusal", "i8"), ("refused_code", "i8"),
        ("refused_row", "i8"), ("signals", "i8"), ("repeated", "i8"),
    ]
)  # fmt: skip

(
    SWEEP_FINAL,
    SWEEP_MEAN,
    SWEEP_DEVIATION,
    SWEEP_DRAWDOWN,
    SWEEP_FILLS,
    SWEEP_TRADES,
    SWEEP_GAVE_UP,
    SWEEP_CASH,
    SWEEP_QUANTITY,
    SWEEP_PERIODS,
) = range(10)
N_FIGURES = 10  # of one run of a sweep


class LaneArrays(NamedTuple):
    """What the lane reads and writes; the first eleven are read-only, one series each over all rows of the market."""

    open: Any
    high: Any
    low: Any
    close: Any
    volume: Any
    weight: Any  # an absent series is (1,) and its flag in the rules is 0
    entry: Any
    exit: Any
    stop: Any
    target: Any
    scale: Any
    rules: Any
    state: Any
    equity: Any  # from the first row of the run on
    orders: Any
    fills: Any
    trades: Any
    refusals: Any
