"""Strategies of a file that is still being checked, for whoever knows what their types ask.

The types of strategies and their parameters are known to a later floor. It hands in a *judge*, so that mistakes in ``type`` and ``params``
are told in the same pass as all others, with the same places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from trading_system.config.checks import scalar_at, shown, strategies_of
from trading_system.config.containers import Raw
from trading_system.config.models import StrategyConfig
from trading_system.config.shapes import INVALID, Reading, Spot
from trading_system.config.yaml_reader import Mapping, Place, Problems, Scalar
from trading_system.config.yaml_reader import Sequence as Items
from trading_system.errors import ConfigError, TradingSystemError

Judge: TypeAlias = Callable[[StrategyConfig, Path], Sequence[TradingSystemError]]
"""What is wrong with a strategy's type and parameters; ``where`` of a ConfigError is the key below the strategy: ``params.fast``."""


def judged(document: Mapping, root: Path, reading: Reading, judge: Judge) -> None:
    """Enter what `judge` finds wrong with the strategies of `document`; what has been told of a key is not told twice."""
    for number, node in strategies_of(document):
        named = scalar_at(node, "type")
        if named is None or reading.problems.told(named[1], shown(node, number, "type")):
            continue
        params, unread = _params(node)
        draft = StrategyConfig.model_construct(
            name=f"strategies.{number}", type=named[0].text, params=params, universe=_universe(node)
        )
        for problem in judge(draft, root):
            if not isinstance(problem, ConfigError):
                reading.problems.enter(problem, named[1])
            elif not unread or not _depends(problem.where, unread):
                key = problem.where
                place = _place(node, key)
                reading.problems.add(
                    place, shown(node, number, key), problem.message, allowed=problem.allowed, remedy=problem.remedy
                )


def _params(node: Mapping) -> tuple[dict[str, Any], set[str]]:
    """The parameters that can be read, and the names of those whose mistake has been told."""
    params = node.items.get("params")
    if not isinstance(params, Mapping):
        empty = params is None or (isinstance(params, Scalar) and not params.text)
        return {}, set() if empty else {"params"}
    apart = Reading(Problems())
    read = {name: Raw().read(item, Spot(name, name, item.place), apart) for name, item in params.items.items()}
    unread = {name for name, value in read.items() if value is INVALID}
    return {name: value for name, value in read.items() if name not in unread}, unread


def _depends(key: str, unread: set[str]) -> bool:
    """Whether a mistake at `key` may come from a parameter that could not be read: it lacks, or a rule joins it with others."""
    name = key.removeprefix("params").strip(".").partition(".")[0]
    return key.startswith("params") and ("params" in unread or not name or name in unread)


def _universe(node: Mapping) -> Any:
    symbols = node.items.get("universe")
    if not isinstance(symbols, Items) or not all(isinstance(item, Scalar) and not item.bad for item in symbols.items):
        return "all"
    return tuple(item.text for item in symbols.items if isinstance(item, Scalar))


def _place(node: Mapping, key: str) -> Place:
    """Where `key`, or what stands above it, was written."""
    place, inside = node.place, node
    for name in key.split("."):
        below = inside.items.get(name)
        if below is None:
            break
        place = inside.place_of(name)
        if not isinstance(below, Mapping):
            break
        inside = below
    return place
