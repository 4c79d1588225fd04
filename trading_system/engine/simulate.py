"""Decisions + bars + rules -> ledger.

`simulate` runs a whole period at once; `Simulation` is the same fold in steps: advance to any row, look, go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import numpy as np

from trading_system.data.shared import shared
from trading_system.engine import rules
from trading_system.engine._kernels_bundle import bundled, described
from trading_system.engine.decisions import Lines, StrategyDecisions, build_lines, check_shapes, decision_arrays
from trading_system.engine.lane import is_single_and_plain, simulate_single
from trading_system.engine.layout import (
    BAD_ENTRY,
    BAD_LIMIT,
    BAD_SCALE,
    BAD_STOP,
    BAD_TARGET,
    BAD_TIGHTEN,
    BAD_TRAIL,
    BAD_VOLUME,
    BAD_WEIGHT,
    LINE_STATE,
    RUN_LENGTH,
    RUN_STATE,
    STRATEGY_STATE,
    SYMBOL_STATE,
    UNIT_WIDTH,
    DecisionArrays,
    Engine,
    MarketArrays,
    OutputArrays,
    RuleArrays,
    ScratchArrays,
    StateArrays,
)
from trading_system.engine.ledger import EVENT, FILL, ORDER, REFUSAL, TRADE, Ledger
from trading_system.errors import DataError, StrategyError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trading_system.config.models import RunConfig
    from trading_system.data.bars import Bars

__all__ = ["Simulation", "StrategyDecisions", "simulate"]

LOGS = {"orders": ORDER, "fills": FILL, "trades": TRADE, "refusals": REFUSAL, "events": EVENT}
BROKEN = {
    BAD_STOP: "stop_distance must be above 0 and finite, or NaN",
    BAD_TRAIL: "trail_distance must be above 0 and finite, or NaN",
    BAD_TARGET: "target_distance must be above 0 and finite, or NaN",
    BAD_LIMIT: "limit_price must be above 0 and finite, or NaN",
    BAD_SCALE: "scale must be above 0 and finite",
    BAD_TIGHTEN: "stop_tighten must be finite, or NaN",
    BAD_WEIGHT: "target must be finite, or NaN",
    BAD_ENTRY: "entry must be 1, -1 or 0",
}


class Simulation:
    """A run that can be advanced row by row; cut anywhere, it writes the same bytes.

    Parameters
    ----------
    bars : Bars
        The whole market; rows before `first` are history for averages and correlations.
    decisions : sequence of StrategyDecisions
        One per strategy of `config`, over all rows of `bars`.
    config : RunConfig
        Sizing, limits, costs and execution rules.
    first, stop : int
        Half-open range of rows over which curves and trading run; `stop` None means to the end.

    Raises
    ------
    ConfigError, DataError
        When the rules contradict each other or the data.
    StrategyError
        When decisions break the contract.
    """

    def __init__(
        self,
        bars: Bars,
        decisions: Sequence[StrategyDecisions],
        config: RunConfig,
        *,
        first: int = 0,
        stop: int | None = None,
    ) -> None:
        stop = bars.n_bars if stop is None else stop
        ready = prepared(bars, decisions, config, first, stop)
        self.bars, self.config, self.first, self.stop = bars, config, first, stop
        self._lines, self._described = ready.lines, ready.described
        rule = rules.beginning(ready.rules, first)
        self._worst = int(rule.run[0]["worst"])
        n_lines, n_strategies = len(self._lines.table), len(config.strategies)
        state = _state(bars, config, n_lines, n_strategies, first)
        scratch = _scratch(config, n_lines, n_strategies, bars.n_symbols)
        self._engine = Engine(ready.market, ready.decisions, rule, state, scratch, self._outputs(stop - first))

    @property
    def row(self) -> int:
        """The next row to be simulated."""
        return int(self._engine.s.run[0]["row"])

    def advance(self, stop: int | None = None) -> Simulation:
        """Simulate up to row `stop` (excluded), at most to the end of the run."""
        from trading_system.engine._kernels import advance

        stop = self.stop if stop is None else min(stop, self.stop)
        while self.row < stop:
            with np.errstate(all="ignore"):
                advance(bundled(self._engine, self._described), self.row, stop)
            if self._engine.s.run[0]["error"]:
                raise self._broken()
            if self.row < stop:
                self._grow()
        return self

    def curves(self) -> dict[str, Any]:
        """The curves of the ledger so far, by its names."""
        out, done = self._engine.o, self.row - self.first
        return {
            "equity": out.equity[:done],
            "cash": out.cash[:done],
            "gross_exposure": out.gross[:done],
            "net_exposure": out.net[:done],
            "n_positions": out.n_positions[:done],
            "stale_marks": out.stale[:done],
            "interest": out.interest[:done],
        }

    def ledger(self) -> Ledger:
        """What has happened so far; the two laws are checked.

        Raises
        ------
        DataError
            When prices made the run's money larger than numbers can account for.
        LawBroken
            When the accounts do not add up, which is a defect of the engine.
        """
        from trading_system.engine.laws import check_laws, within_digits

        out, state = self._engine.o, self._engine.s
        number = {name: int(state.run[0][f"n_{name}"]) for name in LOGS}
        logs = {name: getattr(out, name)[: number[name]] for name in LOGS}
        if self.row < self.stop:  # what is still open goes on changing
            logs = {name: log.copy() for name, log in logs.items()}
        ledger = Ledger(
            **self.curves(),
            orders=logs["orders"],
            fills=logs["fills"],
            trades=np.concatenate([out.trades[: number["trades"]], self._open_trades()]),
            refusals=logs["refusals"],
            events=logs["events"],
            repeated=state.strategies["repeated"].copy(),
            signals=state.strategies["signals"].copy(),
            line_symbol=self._lines.table["symbol"].copy(),
            line_strategy=self._lines.table["strategy"].copy(),
            strategy_names=tuple(strategy.name for strategy in self.config.strategies),
            bars=self.bars,
            first=self.first,
            starting_equity=self.config.portfolio.starting_equity,
        )
        with within_digits(ledger):
            check_laws(ledger, self._engine)
        return ledger

    def _outputs(self, n_rows: int) -> OutputArrays:
        floats = {name: np.zeros(n_rows) for name in ("equity", "cash", "gross", "net", "interest")}
        longs = {name: np.zeros(n_rows, np.int64) for name in ("n_positions", "stale")}
        room = dict.fromkeys(LOGS, 2 * self._worst + min(65536, 8 * n_rows))
        # rejections are many in wide markets; memory that is never written to costs nothing
        room["refusals"] += min(1 << 20, n_rows * len(self._lines.table) // 16)
        return OutputArrays(**floats, **longs, **{name: np.zeros(room[name], dtype) for name, dtype in LOGS.items()})

    def _grow(self) -> None:
        """Double every log that could not hold one more worst bar."""
        out, run = self._engine.o, self._engine.s.run[0]
        larger = {}
        for name, dtype in LOGS.items():
            old = getattr(out, name)
            if run[f"n_{name}"] + self._worst > old.size:
                new = np.zeros(2 * old.size, dtype)
                new[: old.size] = old
                larger[name] = new
        self._engine = self._engine._replace(o=out._replace(**larger))

    def _broken(self) -> DataError | StrategyError:
        run = self._engine.s.run[0]
        row, line, code = self.row, self._lines.table[int(run["error_line"])], int(run["error"])
        symbol, when = self.bars.symbols[line["symbol"]], self._when(row)
        if code == BAD_VOLUME:
            return DataError(
                "slippage `volume_share` needs the volume of the bar in which it fills",
                where=f"row {row} ({when}), symbol {symbol}",
                remedy="choose another slippage model or repair the volume",
            )
        name = self.config.strategies[line["strategy"]].name
        return StrategyError(f"strategy {name!r}: {BROKEN[code]}", where=f"row {row} ({when}), symbol {symbol}")

    def _when(self, row: int) -> str:
        return str(np.datetime64(int(self.bars.session[row]), "D"))

    def _open_trades(self) -> NDArray[Any]:
        """Trades still open: marked, in line order."""
        state = self._engine.s
        held = state.held[: int(state.run[0]["n_held"])]
        rows = np.zeros(held.size, TRADE)
        now = state.lines[held]
        side, entry, mark = now["side"], now["value_in"] / now["quantity_in"], now["mark"]
        gross = now["gross"] + now["quantity"] * mark
        rows["line"], rows["side"], rows["entry_row"], rows["entry_price"] = held, side, now["entry_row"], entry
        rows["exit_row"], rows["exit_price"], rows["quantity"], rows["gross_pnl"] = -1, mark, now["quantity_in"], gross
        for name in ("commission", "slippage", "financing", "dividends"):
            rows[name] = now[name]
        rows["pnl"] = gross - now["commission"] - now["slippage"] - now["financing"] + now["dividends"]
        rows["return_pct"], rows["initial_risk"] = rows["pnl"] / now["value_in"], now["risk"]
        rows["r_multiple"] = rows["pnl"] / now["risk"]
        worst = np.where(side > 0, now["lowest"], now["highest"])
        top = np.where(side > 0, now["highest"], now["lowest"])
        with np.errstate(invalid="ignore"):
            rows["mae"] = (
                np.where(np.isfinite(worst), np.minimum(0.0, side * (worst / entry - 1.0)), 0.0) + 0.0
            )  # a zero is never below 0
            rows["mfe"] = np.where(np.isfinite(top), np.maximum(0.0, side * (top / entry - 1.0)), 0.0) + 0.0
        rows["bars_held"], rows["entry_reason"], rows["open"] = now["bars"], now["reason"], 1
        return rows


@dataclass(frozen=True, eq=False)
class Prepared:
    """What runs of the same decisions under the same rules have in common, whatever rows they trade.

    Attributes
    ----------
    lines, decisions, market, rules :
        As the kernel reads them; the first row of the rules is 0.
    described : dict
        What `bundled` has found out about them.
    """

    lines: Lines
    decisions: DecisionArrays
    market: MarketArrays
    rules: RuleArrays
    described: dict[int, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, bars: Bars, decisions: Sequence[StrategyDecisions], config: RunConfig) -> Prepared:
        lines = build_lines(config, decisions)
        arrays = decision_arrays(bars, decisions, lines.component_names)
        rule = rules.rule_arrays(config, bars, arrays, lines, 0)
        return cls(lines, arrays, rules.with_lines(rules.market_arrays(bars, config), lines, bars.n_symbols), rule)


_prepared: WeakKeyDictionary[StrategyDecisions, tuple[RunConfig, list[Any], Prepared]] = WeakKeyDictionary()
"""On shared markets: first decisions -> rules, the market and the other decisions (weakly), and what was prepared of them."""


def prepared(bars: Bars, decisions: Sequence[StrategyDecisions], config: RunConfig, first: int, stop: int) -> Prepared:
    """Everything checked and laid out; on a market that is shared, once for all rows that the same decisions are traded over."""
    kept = _prepared.get(decisions[0]) if decisions and shared(bars) is not None else None
    if kept is not None and kept[0] is config and [one() for one in kept[1]] == [bars, *decisions]:
        refuse_rows(bars, first, stop)
        return kept[2]
    refuse_mistakes(bars, decisions, config, first, stop)
    made = Prepared.of(bars, decisions, config)
    if decisions and shared(bars) is not None:
        made.described.update({id(part): described(part) for part in (made.market, made.decisions)})
        _prepared[decisions[0]] = config, [ref(one) for one in (bars, *decisions)], made
    return made


def refuse_mistakes(bars: Bars, decisions: Sequence[StrategyDecisions], config: RunConfig, first: int, stop: int) -> None:
    """Raise for rows that do not exist, rules that contradict each other or the data, and panels of the wrong shape."""
    refuse_rows(bars, first, stop)
    rules.refuse_impossible(config, bars, decisions)
    check_shapes(config, bars, decisions)


def refuse_rows(bars: Bars, first: int, stop: int) -> None:
    """Raise for rows that do not exist."""
    if not 0 <= first <= stop <= bars.n_bars:
        raise UsageError(f"rows {first} to {stop} do not lie in the {bars.n_bars} rows of the data")


def _state(bars: Bars, config: RunConfig, n_lines: int, n_strategies: int, first: int) -> StateArrays:
    """A run that starts flat with its starting equity before row `first`."""
    run = np.zeros(1, RUN_STATE)
    start = config.portfolio.starting_equity
    for name in ("cash", "equity", "peak", "session_equity", "day_equity"):
        run[0][name] = start
    run[0]["multiplier"], run[0]["row"], run[0]["session_start"] = 1.0, first, first
    run[0]["action"] = np.searchsorted(bars.actions.row, first)
    for name in ("tripped_drawdown", "tripped_daily", "tripped_ruin"):
        run[0][name] = -1
    lines = np.zeros(n_lines, LINE_STATE)
    for name in ("exit_order", "entry_order", "reduce_order", "increase_order", "inside_row"):
        lines[name] = -1
    lines["refused_row"] = -2
    symbols = np.zeros(bars.n_symbols, SYMBOL_STATE)
    symbols["counted_row"] = -1
    scaling = config.portfolio.volatility_scaling
    lists = {name: np.zeros(n_lines, np.int64) for name in ("held", "exits", "entries", "reduces", "increases")}
    return StateArrays(
        run=run,
        lines=lines,
        symbols=symbols,
        strategies=np.zeros(n_strategies, STRATEGY_STATE),
        returns=np.zeros(scaling.lookback),
        vols=np.zeros(scaling.baseline),
        ordered_vols=np.zeros(scaling.baseline),
        **lists,
    )


def _scratch(config: RunConfig, n_lines: int, n_strategies: int, n_symbols: int) -> ScratchArrays:
    n, lookback, key = max(n_lines, 1), rules.correlation_lookback(config), np.zeros(max(n_lines, 1))
    width = UNIT_WIDTH if rules.correlates(config) else 1
    return ScratchArrays(
        candidates=np.zeros(n, np.int64),
        index=np.zeros(n, np.int64),
        spare=np.zeros(n, np.int64),
        key=key,
        key_bits=key.view(np.int64),
        order=np.zeros(n + RUN_LENGTH, np.int64),
        score=np.zeros(n),
        correlation=np.zeros(n),
        accepted=np.zeros(n_strategies),
        quantity=np.zeros(n),
        price=np.zeros(n),
        unit=np.zeros((lookback, width)),
        column=np.zeros(width, np.uint64),
        earlier=np.zeros(width),
        later=np.zeros(width),
        mean=np.zeros(width),
        length=np.zeros(width),
        held_unit=np.zeros(lookback),
        value=np.zeros(n_strategies),
        bar=np.zeros(n_symbols, np.bool_),
    )


def simulate(
    bars: Bars,
    decisions: Sequence[StrategyDecisions],
    config: RunConfig,
    *,
    first: int = 0,
    stop: int | None = None,
) -> Ledger:
    """Trade the decisions from row `first` to row `stop` (excluded; None: the end) and give the ledger.

    The rules are in `docs/fill-rules.md`. Accounting is checked at every bar and every signal is accounted for.

    Parameters
    ----------
    bars, decisions, config, first, stop :
        As in `Simulation`.

    Raises
    ------
    ConfigError, DataError, StrategyError
        For rules, data or decisions that cannot be traded.
    LawBroken
        When the accounts do not add up, which is a defect of the engine.
    """
    last = bars.n_bars if stop is None else stop
    refuse_mistakes(bars, decisions, config, first, last)
    if is_single_and_plain(bars, decisions, config, first, last):
        ledger = simulate_single(bars, decisions, config, first, last)
        if ledger is not None:
            return ledger
    run = Simulation(bars, decisions, config, first=first, stop=stop).advance()
    return run.ledger() if shared(bars) is None else LateLedger.of(run)


class LateLedger(Ledger):
    """A ledger whose logs are put together, and whose laws are checked, when something but its curves is first read.

    On a market that is shared by many runs most are asked for their equity alone.
    """

    @classmethod
    def of(cls, run: Simulation) -> LateLedger:
        """The ledger of a run that is over."""
        ledger = cls.__new__(cls)
        told = {"bars": run.bars, "first": run.first, "starting_equity": run.config.portfolio.starting_equity}
        vars(ledger).update(run.curves(), **told, _run=run)
        return ledger

    def __getattr__(self, name: str) -> Any:  # only reached for what is not there yet
        run = vars(self).get("_run")
        if run is None or name not in Ledger.__dataclass_fields__:
            raise AttributeError(f"a ledger has no {name}")
        vars(self).update(vars(run.ledger()), _run=None)
        return vars(self)[name]
