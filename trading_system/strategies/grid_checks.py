"""What is wrong with the grid of a run, found before anything runs: keys that do not exist, values that are not allowed there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from trading_system.config.changes import FIXED, changed, grid_of
from trading_system.config.fields import record_of
from trading_system.config.shapes import INVALID, Reading, Spot
from trading_system.config.yaml_reader import Place, Problems, Scalar, nearest
from trading_system.errors import ConfigError, TradingSystemError, UnknownNameError
from trading_system.strategies import parameters
from trading_system.strategies.filters.base import filters
from trading_system.strategies.loading import load_type

if TYPE_CHECKING:
    from trading_system.config.loading import LoadedRun
    from trading_system.types import FrozenModel

APART = ("name", "type", "asset_class", "universe", "grid")
"""Keys of a strategy that make it another family of trials, and not another point of one search."""
ASSUMED = (
    "execution.fill",
    "execution.stop_evaluation",
    "portfolio.risk_free",
    "portfolio.starting_equity",
    "portfolio.debit_rate",
)
"""Keys that say what is assumed of the market, as `costs` do; a search would choose the kindest assumption."""
MOST_TOLD = 5


def grid_mistakes(run: LoadedRun, *, load: bool = False) -> list[TradingSystemError]:
    """What is wrong with keys and values of the grids of `run`; parameters of a user's own type only with `load`, which runs its code.

    Combinations are not judged here: those that a strategy refuses (fast >= slow) are skipped by the search, and counted.
    """
    found: list[TradingSystemError] = []
    for key, values in grid_of(run.config).items():
        where = _where(run, key)
        try:
            told = list(_of_key(run, key, values, where, load))
        except ConfigError as error:
            told = [ConfigError(error.message, where=where, allowed=error.allowed, remedy=error.remedy)]
        found += told[:MOST_TOLD]
    return found


def _where(run: LoadedRun, key: str) -> str:
    """``file:line: key`` of one key of a grid."""
    _, number, rest = (*key.split(".", 2), "", "")[:3]
    for written in (f"validation.grid.{key}", f"strategies.{number}.grid.{rest}"):
        place = run.places.get(written, "")
        if place:
            return place if place.startswith("--") else f"{place}: {written}"
    return key


def _of_key(run: LoadedRun, key: str, values: Sequence[Any], where: str, load: bool) -> list[TradingSystemError]:
    parts = key.split(".")
    repeated = _repeated(values)
    if repeated:
        return [ConfigError(f"{repeated[0]!r} stands twice among the values", where=where, remedy="write each value once")]
    if key in ASSUMED or (parts[0] == "strategies" and parts[2:3] == ["costs"]):
        return [ConfigError("a search cannot choose what is assumed of the market: costs, fills, rates, money", where=where)]
    if parts[0] in FIXED:
        text = f"a search cannot change {parts[0]}, which says what is looked at"
        return [ConfigError(text, where=where, allowed="keys of strategies, portfolio and execution")]
    if parts[0] == "strategies" and len(parts) > 2 and parts[1].isdigit() and int(parts[1]) < len(run.config.strategies):
        if parts[2] in APART:
            text = f"another {parts[2]} is another family of trials, not another point"
            return [ConfigError(text, where=where, remedy="make a run of its own for each")]
        entry = run.config.strategies[int(parts[1])]
        if parts[2] == "params":
            if ":" in entry.type and not load:
                return []
            return _of_model(load_type(entry.type, run.root), entry.type, parts[3:], dict(entry.params), values, where)
        if parts[2] == "filters":
            return _of_filter(entry.filters, parts[3:], values, where)
    return _of_config(run, key, parts, values, where)


def _repeated(values: Sequence[Any]) -> list[Any]:
    seen: list[Any] = []
    for value in values:
        if any(value == other and isinstance(value, bool) is isinstance(other, bool) for other in seen[-1000:]):
            return [value]
        seen.append(value)
    return []


def _of_filter(
    given: Mapping[str, Mapping[str, Any]], parts: Sequence[str], values: Sequence[Any], where: str
) -> list[TradingSystemError]:
    name = parts[0] if parts else ""
    if name not in given:
        return [
            ConfigError(
                f"the strategy has no filter {name!r}",
                where=where,
                allowed=", ".join(given) or "none: there are no filters",
                remedy="write it under filters with its own values first",
            )
        ]
    try:
        kind = filters.get(name)
    except UnknownNameError:
        return []  # told already
    return _of_model(kind, f"the filter {name}", parts[1:], dict(given[name]), values, where)


def _of_model(
    found: type[FrozenModel], name: str, parts: Sequence[str], own: dict[str, Any], values: Sequence[Any], where: str
) -> list[TradingSystemError]:
    """What the model of a rule or a filter says of each value alone."""
    if len(parts) != 1:
        return [
            ConfigError("is no parameter", where=where, allowed=", ".join(f"params.{field}" for field in found.model_fields))
        ]
    field, told = parts[0], []
    if field not in found.model_fields:
        near = parameters.nearest(field, found.model_fields)
        return [
            ConfigError(
                f"{field!r} is no parameter of {name}",
                where=where,
                allowed=", ".join(found.model_fields),
                remedy=f"did you mean {near!r}?" if near else "",
            )
        ]
    for value in values:
        try:
            found.model_validate_json(json.dumps({**own, field: value}))
        except ValidationError as error:
            mine = [detail for detail in error.errors(include_url=False) if detail["loc"][:1] == (field,)]
            for detail in mine[:1]:
                mistake = parameters.mistake(detail, found, name)
                told.append(ConfigError(mistake.message, where=where, allowed=mistake.allowed, remedy=mistake.remedy))
        except Exception:  # noqa: BLE001  a user's own check failed: the search will say so, point by point
            return []
    return list(told)


def _of_config(run: LoadedRun, key: str, parts: Sequence[str], values: Sequence[Any], where: str) -> list[TradingSystemError]:
    """What the run file's own fields say of each value alone."""
    node: Any = run.config
    for name in parts[:-1]:
        _known(node, name, where)
        node = node[int(name)] if isinstance(node, tuple) else getattr(node, name)
    _known(node, parts[-1], where)
    told: list[TradingSystemError] = []
    for value in values:
        problems = Problems(where)
        if isinstance(node, BaseModel) and isinstance(value, (bool, int, float, str)):
            text = str(value).lower() if isinstance(value, bool) else str(value)
            scalar = Scalar(Place("", 0), text, plain=True)
            shape = record_of(type(node)).entries[parts[-1]].shape
            if shape.read(scalar, Spot(key, "", scalar.place), Reading(problems)) is INVALID:
                first: Any = problems.found[0]
                told.append(ConfigError(first.message, where=where, allowed=first.allowed, remedy=first.remedy))
                continue
        try:
            changed(run.config, {key: value})
        except ConfigError as error:
            told.append(ConfigError(f"{value!r} is not allowed: {error.message}", where=where, allowed=error.allowed))
    return told


def _known(node: Any, name: str, where: str) -> None:
    """Raise where nothing called `name` stands below `node`."""
    if isinstance(node, tuple):
        if not (name.isascii() and name.isdigit() and len(name) < 8 and int(name) < len(node)):
            raise ConfigError(f"{name!r} is no place in a list of {len(node)}", where=where, allowed=f"0 to {len(node) - 1}")
        return
    fields = tuple(type(node).model_fields) if isinstance(node, BaseModel) else ()
    if name not in fields:
        near = nearest(name, fields)
        raise ConfigError(
            f"there is no key {name!r}",
            where=where,
            allowed=", ".join(fields) or "nothing below it",
            remedy=f"did you mean {near!r}?" if near else "",
        )
