"""Decisions of all strategies as one set of panels whose columns are lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.engine.layout import ENTRIES_PER_WORD, LINE, DecisionArrays
from trading_system.errors import StrategyError
from trading_system.kernels import door
from trading_system.strategies.base import Signals, Weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trading_system.config.models import RunConfig
    from trading_system.data.bars import Bars
    from trading_system.types import BoolArray, IntArray

PANELS = {
    "stop": "stop_distance",
    "trail": "trail_distance",
    "tighten": "stop_tighten",
    "target": "target_distance",
    "limit": "limit_price",
    "scale": "scale",
}


@dataclass(frozen=True, eq=False)
class StrategyDecisions:
    """What one strategy decided, and where its universe lies in the market.

    Attributes
    ----------
    decisions : Signals or Weights
        Rows as the market's; symbols as the strategy's own bars.
    columns : int64, shape (n_own_symbols,)
        Column of the market's bars of each of the strategy's own symbols.
    tradable : bool, shape (n_bars, n_own_symbols)
        Which of them may be entered on each row.
    """

    decisions: Signals | Weights
    columns: IntArray
    tradable: BoolArray


@dataclass(frozen=True, eq=False)
class Lines:
    """All lines of a run: static facts, and where their decisions stand."""

    table: NDArray[Any]
    scan: NDArray[np.int64]
    signal_line: NDArray[np.int64]
    weight_line: NDArray[np.int64]
    group_start: NDArray[np.int64]
    group_lines: NDArray[np.int64]
    component_names: tuple[str, ...]
    has: dict[str, bool]


def n_lines(made: StrategyDecisions) -> int:
    """Number of lines of one strategy."""
    panel = made.decisions.entry if isinstance(made.decisions, Signals) else made.decisions.target
    return int(panel.shape[1]) if np.ndim(panel) == 2 else 0


def check_shapes(config: RunConfig, bars: Bars, decisions: Sequence[StrategyDecisions]) -> None:
    """Raise StrategyError for a panel of the wrong shape or type, a symbol that is not there, a limit inside a group."""
    for number, made in enumerate(decisions):
        name, own = config.strategies[number].name, made.decisions
        shape = (bars.n_bars, n_lines(made))
        for field, value in vars(own).items():
            if value is None or field == "component_names":
                continue
            _check_array(name, field, value, shape, len(getattr(own, "component_names", ())))
        if isinstance(own, Signals):
            _check_signals(name, own)
        if own.symbol is None and shape[1] != len(made.columns):
            raise StrategyError(f"strategy {name!r} decided {shape[1]} lines for {len(made.columns)} symbols; give `symbol`")
        if own.symbol is not None and shape[1] and not 0 <= own.symbol.min() <= own.symbol.max() < len(made.columns):
            raise StrategyError(f"strategy {name!r}: `symbol` names a column outside 0 to {len(made.columns) - 1}")
        if np.shape(made.tradable) != (bars.n_bars, len(made.columns)):
            raise StrategyError(f"strategy {name!r}: `tradable` has shape {np.shape(made.tradable)}")


def _check_signals(name: str, own: Signals) -> None:
    names = own.component_names
    if len(set(names)) != len(names) or (names and own.components is None):
        raise StrategyError(f"strategy {name!r} names the components {list(names)}; each needs its own panel in `components`")
    if own.group is None or own.limit_price is None:
        return
    if not np.all(np.isnan(own.limit_price[:, own.group >= 0])):
        raise StrategyError(f"strategy {name!r}: legs of a group are market orders, `limit_price` must be NaN there")


def _check_array(name: str, field: str, value: Any, shape: tuple[int, int], n_components: int) -> None:
    kinds = {"entry": "i", "exit": "b", "symbol": "iu", "max_hold": "iu", "group": "iu"}
    if field in ("symbol", "max_hold", "group"):
        wanted: tuple[int, ...] = shape[1:]
    elif field == "components":
        wanted = (n_components, *shape)
    else:
        wanted = shape
    kind = kinds.get(field, "f")
    if not isinstance(value, np.ndarray) or value.shape != wanted or value.dtype.kind not in kind:
        have = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
        words = {"i": "int8", "b": "bool", "iu": "int64", "f": "float64"}[kind]
        raise StrategyError(f"strategy {name!r}: `{field}` is {have}", allowed=f"a {words} array of shape {wanted}")


def build_lines(config: RunConfig, decisions: Sequence[StrategyDecisions]) -> Lines:
    """Number all lines: strategies in order, columns in order."""
    tables, groups, n_tradable, n_signals, n_weights = [], [], 0, 0, 0
    names: list[str] = []
    for number, made in enumerate(decisions):
        own, n = made.decisions, n_lines(made)
        table = np.zeros(n, LINE)
        local = np.arange(n) if own.symbol is None else own.symbol
        table["symbol"], table["strategy"], table["tradable"] = np.asarray(made.columns)[local], number, n_tradable + local
        table["signal"], table["weight"], table["group"] = -1, -1, -1
        table["whole"] = config.execution.whole_lots(config.strategies[number].asset_class)
        group = np.full(n, -1, np.int64)
        if isinstance(own, Signals):
            table["signal"] = n_signals + np.arange(n)
            table["max_hold"] = 0 if own.max_hold is None else own.max_hold
            group = group if own.group is None else np.asarray(own.group, np.int64)
            names += [name for name in own.component_names if name not in names]
            n_signals += n
        else:
            table["weight"] = n_weights + np.arange(n)
            n_weights += n
        n_tradable += made.tradable.shape[1]
        tables.append(table)
        groups.append(group)
    table = np.concatenate(tables)
    start, members = _number_groups(table, groups)
    signal_line = np.flatnonzero(table["signal"] >= 0)
    return Lines(
        table=table,
        scan=np.argsort(table["symbol"][signal_line], kind="stable"),
        signal_line=signal_line,
        weight_line=np.flatnonzero(table["weight"] >= 0),
        group_start=start,
        group_lines=members,
        component_names=tuple(names),
        has={short: _has(decisions, long) for short, long in PANELS.items()},
    )


def _has(decisions: Sequence[StrategyDecisions], field: str) -> bool:
    return any(getattr(made.decisions, field, None) is not None for made in decisions)


def _number_groups(table: NDArray[Any], groups: list[NDArray[np.int64]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    start, members, base = [0], [], 0
    for group in groups:
        for key in np.unique(group[group >= 0]):
            legs = base + np.flatnonzero(group == key)
            table["group"][legs] = len(start) - 1
            members += legs.tolist()
            start.append(len(members))
        base += group.size
    return np.array(start, np.int64), np.array(members or [0], np.int64)


def decision_arrays(bars: Bars, decisions: Sequence[StrategyDecisions], names: tuple[str, ...]) -> DecisionArrays:
    """The panels of all strategies side by side; those of a single strategy are passed on as they are."""
    signals = [made.decisions for made in decisions if isinstance(made.decisions, Signals)]
    weights = [made.decisions.target for made in decisions if isinstance(made.decisions, Weights)]
    floats = {short: door(_beside(signals, long, bars.n_bars), np.float64) for short, long in PANELS.items()}
    entry = door(_stacked([own.entry for own in signals], np.int8), np.int8)
    return DecisionArrays(
        entry=entry,
        entry_words=_words(entry),
        exit=door(_stacked([own.exit for own in signals], np.bool_), np.bool_),
        **floats,
        components=door(_components(signals, names), np.float64),
        weights=door(_stacked(weights, np.float64), np.float64),
        tradable=door(_stacked([made.tradable for made in decisions], np.bool_), np.bool_),
    )


def _words(entry: Any) -> Any:
    """The same bytes, four entries to a number; (1, 1) where that does not go into a row."""
    if entry.shape[1] % ENTRIES_PER_WORD or not entry.shape[1]:
        return door(np.zeros((1, 1), np.uint32), np.uint32)
    return door(entry.view(np.uint32), np.uint32)


def _stacked(panels: Sequence[Any], dtype: Any) -> Any:
    if not panels:
        return np.zeros((1, 1), dtype)
    return panels[0] if len(panels) == 1 else np.hstack(panels)


def _beside(signals: Sequence[Signals], field: str, n_bars: int) -> Any:
    panels = [getattr(own, field) for own in signals]
    if all(panel is None for panel in panels):
        return np.zeros((1, 1))
    default = 1.0 if field == "scale" else np.nan
    shapes = [own.entry.shape for own in signals]
    return _stacked(
        [np.full(shape, default) if panel is None else panel for panel, shape in zip(panels, shapes, strict=True)], np.float64
    )


def _components(signals: Sequence[Signals], names: tuple[str, ...]) -> Any:
    if not names:
        return np.zeros((1, 1, 1))
    if len(signals) == 1:
        return signals[0].components
    whole = [np.full((len(names), *own.entry.shape), np.nan) for own in signals]
    for panel, own in zip(whole, signals, strict=True):
        for k, name in enumerate(own.component_names):
            panel[names.index(name)] = own.components[k] if own.components is not None else np.nan
    return np.concatenate(whole, axis=2)
