"""``--grid key=1,2,3`` and ``--grid key=start:stop:step``: the values of a search told on the command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from trading_system.config import scalars
from trading_system.config.containers import Raw
from trading_system.config.loading import resolve
from trading_system.config.models import RunConfig, StrategyConfig
from trading_system.config.shapes import INVALID, Reading, Spot
from trading_system.config.validation import GridRange
from trading_system.config.yaml_reader import Mapping, Place, Problems, quoted, read_yaml
from trading_system.config.yaml_reader import Sequence as Items

if TYPE_CHECKING:
    from trading_system.config.loading import LoadedRun

FORM = "key=1,2,3 or key=start:stop:step, as in strategies.0.params.fast=10:50:10"


def with_grid(run: LoadedRun, texts: Sequence[str]) -> LoadedRun:
    """`run` that searches what `texts` say, and nothing else; as it is where there are none.

    With a single strategy a key may start at the strategy, as in its own file: ``params.fast``.

    Raises
    ------
    ConfigError
        One problem per text that is no grid.
    """
    if not texts:
        return run
    problems = Problems("--grid")
    grid: dict[str, Any] = {}
    for text in texts:
        key, equals, told = (part.strip() for part in text.partition("="))
        if not (key and equals and told):
            problems.add(Place(f"--grid {quoted(text)}", 0), "", "is no grid", allowed=FORM)
            continue
        found, place = _full(run.config, key, problems), Place(f"--grid {key}", 0)
        if found in grid:
            problems.add(place, key, "is given twice")
        grid[found] = _values(told, key, place, problems)
    problems.raise_any("--grid")
    strategies = tuple(entry.model_copy(update={"grid": {}}) for entry in run.config.strategies)
    validation = run.config.validation.model_copy(update={"grid": grid})
    config = run.config.model_copy(update={"strategies": strategies, "validation": validation})
    text, digest = resolve(config)
    places = {key: place for key, place in run.places.items() if ".grid" not in key}
    places |= {f"validation.grid.{key}": f"--grid {key}" for key in grid}
    return dataclasses.replace(run, config=config, resolved=text, hash=digest, places=places)


def _full(config: RunConfig, key: str, problems: Problems) -> str:
    """The key from the top of the run."""
    first = key.partition(".")[0]
    if first in RunConfig.model_fields or first not in StrategyConfig.model_fields:
        return key
    if len(config.strategies) > 1:
        problems.add(
            Place(f"--grid {key}", 0),
            "",
            f"{first!r} is a key of a strategy, and there are {len(config.strategies)}",
            remedy=f"write strategies.0.{key}",
        )
    return f"strategies.0.{key}"


def _values(text: str, key: str, place: Place, problems: Problems) -> Any:
    """A range, or a list of values as a file would have them."""
    parts = [scalars.number(part.strip()) for part in text.split(":")]
    if len(parts) == 3 and all(part is not None for part in parts):
        try:
            return GridRange(**{name: float(part or 0) for name, part in zip(("start", "stop", "step"), parts, strict=True)})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            problems.add(
                place, key, f"{quoted(text)} is no range: {first['msg']}", allowed="start:stop:step with start <= stop"
            )
            return ()
    if text[:1] not in "[{\"'" and not all(piece.strip() for piece in text.split(",")):
        problems.add(place, key, "a value is missing between two commas", allowed=FORM)
        return ()
    before = len(problems)
    node = read_yaml(text if text.startswith("[") else f"[{text}]", place.source, problems, option=key)
    if len(problems) > before or not isinstance(node, Items) or isinstance(node, Mapping):
        if len(problems) == before:
            problems.add(place, key, f"{quoted(text)} is no list of values", allowed=FORM)
        return ()
    reading, found = Reading(problems), []
    for item in node.items:
        value = Raw().read(item, Spot(key, key, place), reading)
        if value is not INVALID:
            found.append(value)
    return tuple(found)
