"""The same run with some of its values changed: how a search tries points and a stress test makes costs dearer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from trading_system.config.models import RunConfig
from trading_system.config.validation import grid_values
from trading_system.errors import ConfigError

FIXED = ("data", "splits", "output", "validation", "seed")
"""Sections that a search may not change: they say what is looked at, not what is done."""


def changed(config: RunConfig, settings: Mapping[str, Any]) -> RunConfig:
    """`config` with the values at the key paths of `settings` replaced, each section checked again.

    Parameters
    ----------
    settings : mapping
        ``strategies.0.params.fast`` -> value; what lies below ``params`` and ``filters`` is not judged here.

    Raises
    ------
    ConfigError
        There is no such key, it belongs to a section that is fixed, or the value is not allowed there.
    """
    for key, value in settings.items():
        parts = key.split(".")
        if parts[0] in FIXED:
            raise ConfigError(
                "a search cannot change what is looked at", where=key, allowed="keys of strategies, portfolio and execution"
            )
        config = _replaced(config, parts, value, key)
    return config


def _replaced(node: Any, parts: list[str], value: Any, key: str) -> Any:
    """`node` with the value below `parts` replaced."""
    if not parts:
        return tuple(value) if isinstance(node, tuple) and isinstance(value, list) else value
    name, rest = parts[0], parts[1:]
    if isinstance(node, BaseModel):
        fields = type(node).model_fields
        if name not in fields:
            raise ConfigError(f"there is no key {name!r}", where=key, allowed=", ".join(fields))
        new = _replaced(getattr(node, name), rest, value, key)
        return _checked(node, name, new, key)
    if isinstance(node, tuple):
        if not (name.isascii() and name.isdigit() and len(name) < 8 and int(name) < len(node)):
            raise ConfigError(f"{name!r} is no place in a list of {len(node)}", where=key, allowed=f"0 to {len(node) - 1}")
        at = int(name)
        return (*node[:at], _replaced(node[at], rest, value, key), *node[at + 1 :])
    if isinstance(node, Mapping) or node is None:
        table = dict(node or {})
        table[name] = _replaced(table.get(name), rest, value, key) if rest else value
        return table
    raise ConfigError(f"nothing can stand below {name!r}", where=key)


def _checked(node: BaseModel, name: str, value: Any, key: str) -> BaseModel:
    """`node` with one field replaced, after its own checks."""
    try:
        return type(node).model_validate({**node.__dict__, name: value})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigError(str(first["msg"]), where=key, remedy="see docs/configuration.md for what is allowed") from None


def grid_of(config: RunConfig) -> dict[str, tuple[Any, ...]]:
    """Every key that a search of this run tries, with its values: the run file's own grid, then those of its strategies."""
    found = grid_values(config.validation.grid)
    for number, strategy in enumerate(config.strategies):
        for key, values in grid_values(strategy.grid).items():
            found[f"strategies.{number}.{key}"] = values
    return found


def with_costs(config: RunConfig, *, fees: float = 1.0, slippage: float = 1.0) -> RunConfig:
    """`config` with every commission multiplied by `fees` and every slippage by `slippage`."""
    if fees == slippage == 1.0:
        return config
    strategies = []
    for entry in config.strategies:
        costs, model = entry.costs, entry.costs.slippage
        rates = ("commission_bps", "commission_per_share", "commission_per_trade", "commission_minimum")
        dearer: dict[str, Any] = {name: getattr(costs, name) * fees for name in rates}
        dearer["commission_tiers"] = tuple(tier.model_copy(update={"bps": tier.bps * fees}) for tier in costs.commission_tiers)
        dearer["slippage"] = model.model_copy(update={"multiple": model.multiple * slippage})
        strategies.append(entry.model_copy(update={"costs": costs.model_copy(update=dearer)}))
    return config.model_copy(update={"strategies": tuple(strategies)})
