"""Sizing and limits of one strategy as the kernel reads them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from trading_system.engine.layout import SIZING

if TYPE_CHECKING:
    from trading_system.config.models import RunConfig, StrategyConfig

NO_COUNT = 2**62


def bound(value: float | None) -> float:
    """A limit as a number: infinity where there is none."""
    return math.inf if value is None else float(value)


def count(value: int | None) -> int:
    """A number of positions: practically infinite where there is no limit."""
    return NO_COUNT if value is None else value


def amount(config: StrategyConfig, run: RunConfig, n_lines: int) -> float:
    """The number that the sizing method of a strategy of so many lines turns on."""
    sizing = config.sizing
    places = config.limits.max_positions or run.portfolio.limits.max_positions or max(n_lines, 1)
    return {
        "risk_per_trade": sizing.risk,
        "fixed_fraction": sizing.fraction,
        "equal_weight": 1.0 / places,
        "fixed_quantity": sizing.quantity,
        "volatility_target": sizing.target_volatility,
        "kelly": sizing.kelly_fraction,
    }[sizing.method]


def fill_sizing(record: Any, config: StrategyConfig, run: RunConfig, n_lines: int, periods_per_year: float) -> None:
    """Write one strategy's sizing, limits and capacity into its rule record."""
    sizing, limits = config.sizing, config.limits
    record["method"] = SIZING.index(sizing.method)
    record["amount"] = amount(config, run, n_lines)
    record["fallback"], record["kelly_cap"], record["kelly_min"] = sizing.fraction, sizing.kelly_cap, sizing.kelly_min_trades
    record["max_positions"] = count(limits.max_positions)
    record["max_gross"], record["max_notional"] = bound(limits.max_gross_exposure), bound(limits.max_position_notional)
    record["capacity"] = bound(config.capacity.max_fraction_of_adv)
    record["clip"] = config.capacity.when_exceeded == "clip"
    record["periods"] = periods_per_year
