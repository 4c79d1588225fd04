"""What a strategy gave back, held against its contract before an engine trusts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.errors import StrategyError
from trading_system.strategies.base import Signals, Weights

if TYPE_CHECKING:
    from trading_system.data.bars import Bars
    from trading_system.types import BoolArray

_ABOVE_ZERO = ("trail_distance", "stop_tighten", "limit_price")  # read on any row, above 0 or NaN
_ON_ENTRY = ("stop_distance", "target_distance")  # read on entry rows, above 0 or NaN


def check_decisions(decisions: object, bars: Bars, name: str) -> None:
    """Shapes, types and values of `decisions`, which the strategy `name` made from `bars`.

    Raises
    ------
    StrategyError
        `where` is the first wrong row and line of the panel, with its session and symbol.
    """
    if not isinstance(decisions, Signals | Weights):
        raise StrategyError(f"{name} gave back {type(decisions).__name__}", allowed="Signals or Weights")
    check = _Check(bars, name, _columns(decisions.symbol, bars, name))
    if isinstance(decisions, Weights):
        target = check.panel("target", decisions.target, np.float64)
        check.nowhere("target", target, np.isinf(target), "a finite fraction of equity, or NaN")
        return
    entry = check.panel("entry", decisions.entry, np.int8)
    check.panel("exit", decisions.exit, np.bool_)
    check.nowhere("entry", entry, (entry < -1) | (entry > 1), "1, -1 or 0")
    for field in _ABOVE_ZERO:
        if getattr(decisions, field) is not None:
            values = check.panel(field, getattr(decisions, field), np.float64)
            check.nowhere(field, values, (values <= 0.0) | np.isinf(values), "above 0, or NaN for none")
    chosen = entry != 0
    for field in _ON_ENTRY:
        if getattr(decisions, field) is not None:
            values = check.panel(field, getattr(decisions, field), np.float64)
            check.nowhere(
                field, values, chosen & ((values <= 0.0) | np.isinf(values)), "above 0 on entry rows, or NaN for none"
            )
    if decisions.scale is not None:
        scale = check.panel("scale", decisions.scale, np.float64)
        check.nowhere("scale", scale, chosen & ~((scale > 0.0) & np.isfinite(scale)), "finite and above 0 on entry rows")
    check.components(decisions)
    check.per_line("max_hold", decisions.max_hold, 0)
    check.per_line("group", decisions.group, -1)


def _columns(symbol: Any, bars: Bars, name: str) -> list[int]:
    if symbol is None:
        return list(range(bars.n_symbols))
    if not isinstance(symbol, np.ndarray) or symbol.dtype != np.int64 or symbol.ndim != 1:
        raise StrategyError(f"{name}: symbol is {_kind(symbol)}", allowed="int64, one column of the bars per line")
    if symbol.size and (symbol.min() < 0 or symbol.max() >= bars.n_symbols):
        raise StrategyError(
            f"{name}: symbol names columns {symbol.min()} to {symbol.max()}", allowed=f"0 to {bars.n_symbols - 1}"
        )
    return [int(column) for column in symbol]


def _kind(value: object) -> str:
    return f"{value.dtype} of shape {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__


class _Check:
    """The size that panels must have, and the words for a place in one."""

    def __init__(self, bars: Bars, name: str, columns: list[int]) -> None:
        self._bars, self._name, self._columns = bars, name, columns
        self._shape = (bars.n_bars, len(columns))

    def panel(self, field: str, values: Any, dtype: type[np.generic]) -> Any:
        """`values`, when it is an array of that type with a row per bar and a column per line."""
        if not isinstance(values, np.ndarray) or values.dtype != dtype or values.shape != self._shape:
            raise StrategyError(
                f"{self._name}: {field} is {_kind(values)}", allowed=f"{np.dtype(dtype)} of shape {self._shape}: bars x lines"
            )
        return values

    def nowhere(self, field: str, values: Any, wrong: BoolArray, allowed: str) -> None:
        """Raise for the first place at which `wrong` holds."""
        if not wrong.any():
            return
        row, line = divmod(int(np.argmax(wrong)), self._shape[1])
        symbol = self._bars.symbols[self._columns[line]]
        place = f"row {row} ({self._bars.labels()[row]}), line {line} ({symbol})"
        raise StrategyError(f"{field} is {values[row, line]:g}", where=f"{self._name}: {place}", allowed=allowed)

    def components(self, decisions: Signals) -> None:
        """One name per component, no name twice, one panel each."""
        names, values = decisions.component_names, decisions.components
        if len(set(names)) != len(names):
            raise StrategyError(f"{self._name}: component_names has a name twice: {', '.join(names)}")
        if values is None:
            if names:
                raise StrategyError(f"{self._name}: component_names without components")
            return
        shape = (len(names), *self._shape)
        if not isinstance(values, np.ndarray) or values.dtype != np.float64 or values.shape != shape:
            raise StrategyError(
                f"{self._name}: components is {_kind(values)}", allowed=f"float64 of shape {shape}: names x bars x lines"
            )

    def per_line(self, field: str, values: Any, least: int) -> None:
        """One whole number of at least `least` per line."""
        if values is None:
            return
        shape = self._shape[1:]
        if not isinstance(values, np.ndarray) or values.dtype != np.int64 or values.shape != shape:
            raise StrategyError(f"{self._name}: {field} is {_kind(values)}", allowed=f"int64 of shape {shape}: one per line")
        if (values < least).any():
            raise StrategyError(f"{self._name}: {field} is {values.min()}", allowed=f"at least {least}")
