"""Strategies of a file that is still being checked, for whoever knows what their types ask.

The types of strategies and their parameters are known to a later floor. It hands in a *judge*, so that mistakes in ``type`` and ``params``
are told in the same pass as all others, with the same places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trading_system.config.checks import scalar_at, shown, strategies_of
from trading_system.config.containers import Raw
from trading_system.config.models import DIVERSIFICATION, StrategyConfig
from trading_system.config.shapes import INVALID, Reading, Spot
from trading_system.config.yaml_reader import Mapping, Place, Problems, Scalar, quoted, shorten
from trading_system.config.yaml_reader import Sequence as Items
from trading_system.errors import ConfigError, TradingSystemError


@dataclass(frozen=True)
class Judge:
    """What a later floor knows of a strategy.

    Attributes
    ----------
    mistakes : callable
        What is wrong with its type, parameters and filters; ``where`` of a ConfigError is the key below the strategy:
        ``params.fast``.
    components : callable
        The names that its signals can be ranked by; None where its type does not tell.
    """

    mistakes: Callable[[StrategyConfig, Path], Sequence[TradingSystemError]]
    components: Callable[[StrategyConfig, Path], tuple[str, ...] | None]


def judged(document: Mapping, root: Path, reading: Reading, judge: Judge) -> None:
    """Enter what `judge` finds wrong with the strategies of `document`; what has been told of a key is not told twice."""
    components: list[tuple[str, ...] | None] = []
    for number, node in strategies_of(document):
        if reading.problems.full:
            reading.problems.unread = True
            return
        named = scalar_at(node, "type")
        if named is None or reading.problems.told(named[1], shown(node, number, "type")):
            continue
        unread: set[str] = set()
        draft = StrategyConfig.model_construct(
            name=f"strategies.{number}",
            type=named[0].text,
            params=_section(node, "params", unread),
            filters=_section(node, "filters", unread, 2),
            universe=_universe(node),
        )
        components.append(judge.components(draft, root))
        for problem in judge.mistakes(draft, root):
            if not isinstance(problem, ConfigError):
                reading.problems.enter(problem, named[1])
            elif not _depends(problem.where, unread):
                key = problem.where
                place = _place(node, key)
                reading.problems.add(
                    place, shown(node, number, key), problem.message, allowed=problem.allowed, remedy=problem.remedy
                )
    _ranked(document, components, reading)


def _ranked(document: Mapping, components: Sequence[tuple[str, ...] | None], reading: Reading) -> None:
    """Enter the components of ``portfolio.ranking`` that no strategy supplies, when all strategies tell what they supply."""
    portfolio, strategies = document.items.get("portfolio"), document.items.get("strategies")
    ranking = portfolio.items.get("ranking") if isinstance(portfolio, Mapping) else None
    if not isinstance(ranking, Mapping) or not isinstance(strategies, Items) or len(components) < len(strategies.items):
        return
    supplied: list[str] = []
    for names in components:
        if names is None:
            return
        supplied += [name for name in names if name not in supplied]
    allowed = (*supplied, DIVERSIFICATION)
    for name in ranking.items:
        if name not in allowed and not reading.problems.full:
            reading.problems.add(
                ranking.place_of(name),
                f"portfolio.ranking.{shorten(name)}",
                f"no strategy supplies a ranking component called {quoted(name)}",
                allowed=", ".join(allowed),
                remedy=reading.problems.suggest(name, allowed),
            )


def _section(node: Mapping, key: str, unread: set[str], depth: int = 1) -> dict[str, Any]:
    """What of ``key`` of a strategy can be read; the keys `depth` levels below it whose mistake has been told join `unread`."""
    section = node.items.get(key.rpartition(".")[2])
    if not isinstance(section, Mapping):
        if section is not None and ("." in key or not (isinstance(section, Scalar) and not section.text)):
            unread.add(key)
        return {}
    if depth > 1:
        return {name: _section(section, f"{key}.{name}", unread, depth - 1) for name in section.items}
    apart = Reading(Problems())
    read = {name: Raw().read(item, Spot(name, name, item.place), apart) for name, item in section.items.items()}
    unread.update(f"{key}.{name}" for name, value in read.items() if value is INVALID)
    return {name: value for name, value in read.items() if value is not INVALID}


def _depends(key: str, unread: set[str]) -> bool:
    """Whether a mistake at `key` may come from something that could not be read: it lacks, or a rule joins it with others."""
    if key == "filters":
        return False
    return any(f"{key}.".startswith(f"{name}.") or name.startswith(f"{key}.") for name in unread)


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
