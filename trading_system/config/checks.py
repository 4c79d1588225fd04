"""What several keys together must keep to, which paths may be named, and what is legal but dangerous."""

from __future__ import annotations

import os
from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from pathlib import Path
from typing import Any

from trading_system.config import scalars
from trading_system.config.models import MAX_STRATEGIES, DataConfig, PortfolioConfig, RunConfig, SplitsConfig, StrategyEntry
from trading_system.config.names import CALENDARS, COLUMNS
from trading_system.config.shapes import Reading
from trading_system.config.yaml_reader import Mapping, Node, Place, Problems, Scalar, Sequence, quoted, shorten

SOURCES = ("csv", "parquet", "sample")
"""Data sources that come with the program; packages may bring more."""


def check(document: Mapping, values: MappingOf[str, Any], root: Path, reading: Reading) -> None:
    """Enter every mistake that no single field shows.

    Parameters
    ----------
    document : Mapping
        The merged run file.
    values : mapping
        What its sections were read to, INVALID where they are wrong.
    root : Path
        The run file's folder, resolved.
    reading : Reading
        Receives the mistakes.
    """
    problems = reading.problems
    _splits_inside(values, reading)
    _names_differ(document, problems)
    _capital_suffices(document, values, problems)
    _source(document, problems)
    _time_zone(document, problems)
    _calendars(document, problems)
    _columns(document, problems)
    _paths(document, root, problems)


def scalar_at(node: Node | None, *keys: str) -> tuple[Scalar, Place] | None:
    """The good scalar below `keys`, and where it stands."""
    place = None
    for key in keys:
        if not isinstance(node, Mapping) or key not in node.items:
            return None
        place, node = node.place_of(key), node.items[key]
    usable = isinstance(node, Scalar) and not node.bad and bool(node.text) and node.text.isprintable()
    return (node, place) if usable and isinstance(node, Scalar) and place is not None else None


def strategies_of(document: Mapping) -> Iterator[tuple[int, Mapping]]:
    """Number and node of every strategy that is a mapping; none of a list that is refused for its length."""
    node = document.items.get("strategies")
    if isinstance(node, Sequence) and len(node.items) <= MAX_STRATEGIES:
        for number, item in enumerate(node.items):
            if isinstance(item, Mapping):
                yield number, item


def shown(strategy: Mapping, number: int, key: str) -> str:
    """`key` of a strategy as messages say it: from the top of its own file, or of the run file."""
    same_file = strategy.root and strategy.place_of(key.split(".")[0]).source == strategy.place.source
    return key if same_file else f"strategies.{number}.{key}"


def _splits_inside(values: MappingOf[str, Any], reading: Reading) -> None:
    data, splits = values.get("data"), values.get("splits")
    if not isinstance(data, DataConfig) or not isinstance(splits, SplitsConfig):
        return
    for name in ("train", "validation", "holdout"):
        period = getattr(splits, name)
        if period is None:
            continue
        place = reading.places[f"splits.{name}"]
        if data.start is not None and period[0] < data.start:
            reading.problems.add(place, f"splits.{name}", f"starts {period[0]}, before the data's start {data.start}")
        if data.end is not None and period[1] > data.end:
            reading.problems.add(place, f"splits.{name}", f"ends {period[1]}, after the data's end {data.end}")


def _names_differ(document: Mapping, problems: Problems) -> None:
    seen: dict[str, str] = {}
    for number, strategy in strategies_of(document):
        found = scalar_at(strategy, "name")
        if found is None:
            continue
        name, place = found[0].text, found[1]
        if name in seen:
            problems.add(
                place,
                shown(strategy, number, "name"),
                f"{quoted(name)} is the name of {seen[name]} too",
                remedy="give every strategy a name of its own",
            )
        seen.setdefault(name, f"strategies.{number}")


def _capital_suffices(document: Mapping, values: MappingOf[str, Any], problems: Problems) -> None:
    """Allocations above one are leverage; the portfolio's exposure limit must allow it."""
    portfolio = values.get("portfolio", PortfolioConfig.model_construct())
    node = document.items.get("strategies")
    if not isinstance(portfolio, PortfolioConfig) or not isinstance(node, Sequence) or not node.items:
        return
    total, last = 0.0, None
    for _, strategy in strategies_of(document):
        found = scalar_at(strategy, "allocation")
        value = scalars.number(found[0].text) if found is not None else None
        total += 1.0 / len(node.items) if value is None else float(value)
        last = found[1] if found is not None else last
    limit = portfolio.limits.max_gross_exposure
    if last is not None and total > max(1.0, limit) + 1e-9:
        problems.add(
            last,
            "strategies.allocation",
            f"the allocations add up to {total:.6g}, more than portfolio.limits.max_gross_exposure ({limit:g})",
            allowed=f"a sum of at most {max(1.0, limit):g}; a strategy without one gets 1 / number of strategies",
        )


def _source(document: Mapping, problems: Problems) -> None:
    found = scalar_at(document, "data", "source")
    if found is None or found[0].text in SOURCES:
        return
    from importlib.metadata import entry_points

    names = (*SOURCES, *(point.name for point in entry_points(group="trading_system.sources")))
    if found[0].text not in names:
        remedy = problems.suggest(found[0].text, names)
        problems.add(
            found[1],
            "data.source",
            f"there is no data source {quoted(found[0].text)}",
            allowed=", ".join(names),
            remedy=remedy,
        )


def _time_zone(document: Mapping, problems: Problems) -> None:
    found = scalar_at(document, "data", "timezone")
    if found is None or found[0].text in ("UTC", "America/New_York"):
        return
    import zoneinfo

    node, place = found
    try:
        zoneinfo.ZoneInfo(node.text)
    except (KeyError, ValueError, OSError):
        remedy = problems.suggest(node.text, zoneinfo.available_timezones())
        problems.add(
            place,
            "data.timezone",
            f"{quoted(node.text)} is no time zone",
            allowed="a name such as UTC or America/New_York",
            remedy=remedy,
        )


def _calendars(document: Mapping, problems: Problems) -> None:
    data = document.items.get("data")
    node = data.items.get("calendar") if isinstance(data, Mapping) else None
    keys = [("calendar", name) for name in node.items] if isinstance(node, Mapping) else [("calendar",)]
    for key in keys:
        found = scalar_at(data, *key)
        if found is not None and found[0].text not in CALENDARS:
            problems.add(
                found[1],
                ".".join(("data", *(shorten(name) for name in key))),
                f"there is no calendar {quoted(found[0].text)}",
                allowed="a name of exchange-calendars such as XNYS or XLON, 24/7 or 24/5",
                remedy=problems.suggest(found[0].text, CALENDARS),
            )


def _columns(document: Mapping, problems: Problems) -> None:
    data = document.items.get("data")
    node = data.items.get("columns") if isinstance(data, Mapping) else None
    if not isinstance(node, Mapping):
        return
    for ours, theirs in node.items.items():
        key, place = f"data.columns.{shorten(ours)}", node.place_of(ours)
        if ours not in COLUMNS:
            problems.add(
                place,
                key,
                f"{quoted(ours)} is none of our columns",
                allowed=", ".join(COLUMNS),
                remedy=problems.suggest(ours, COLUMNS) or _turned(ours, theirs),
            )
        elif isinstance(theirs, Scalar) and theirs.text and not theirs.text.strip():
            problems.add(place, key, "names a blank header", allowed="a header of the file")


def _turned(ours: str, theirs: Node) -> str:
    """The mend of ``theirs: ours``."""
    if not isinstance(theirs, Scalar) or theirs.text not in COLUMNS:
        return ""
    return f"write ours: theirs, as in {theirs.text}: {shorten(ours)}"


def _paths(document: Mapping, root: Path, problems: Problems) -> None:
    for number, strategy in strategies_of(document):
        universe = scalar_at(strategy, "universe", "file")
        if universe is not None:
            _existing_file(root, universe[0].text, universe[1], shown(strategy, number, "universe.file"), (".csv",), problems)
        rule = scalar_at(strategy, "type")
        if rule is not None and ".py:" in rule[0].text:
            _existing_file(root, rule[0].text.rpartition(":")[0], rule[1], shown(strategy, number, "type"), (".py",), problems)
    data = scalar_at(document, "data", "path")
    allowed = [root] if data is None else [root, _data_folder(root, data[0].text)]
    for key in ("actions", "delistings"):
        found = scalar_at(document, "data", key)
        if found is not None and not (found[0].plain and found[0].text in scalars.NULLS):
            is_inside(root, found[0].text, found[1], f"data.{key}", problems, allowed)


def _data_folder(root: Path, text: str) -> Path:
    """The folder that holds the data: the path itself, or what stands before a file name or pattern."""
    path = Path(text)
    while any(character in path.name for character in "*?["):
        path = path.parent
    found = _resolved(root / path)
    return root if found is None else found if found.is_dir() else found.parent


def _resolved(path: Path) -> Path | None:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return None


def is_inside(root: Path, text: str, place: Place, key: str, problems: Problems, allowed: list[Path] | None = None) -> bool:
    """Whether the path `text` stays inside `root` (or one of `allowed`), links followed; a mistake is entered if not."""
    found = _resolved(root / text)
    folders = allowed or [root]
    if found is not None and any(found.is_relative_to(folder) for folder in folders):
        return True
    beside = ", or below the folder that data.path names" if allowed and len(allowed) > 1 else ""
    problems.add(
        place, key, f"{quoted(text)} leads out of the run file's folder", allowed=f"a path below the run file's folder{beside}"
    )
    return False


def _existing_file(root: Path, text: str, place: Place, key: str, endings: tuple[str, ...], problems: Problems) -> None:
    if not is_inside(root, text, place, key, problems):
        return
    path = root / text
    if not os.path.isfile(path):
        problems.add(
            place, key, f"there is no file {quoted(text)}", remedy=problems.suggest(path.name, siblings(path, endings))
        )


def siblings(path: Path, endings: tuple[str, ...]) -> list[str]:
    """Names of the files beside `path` with one of the endings; at most 200."""
    try:
        with os.scandir(path.parent) as entries:
            return [entry.name for _, entry in zip(range(200), entries, strict=False) if entry.name.endswith(endings)]
    except (OSError, ValueError):
        return []


def warnings(config: RunConfig, places: MappingOf[str, str], source: str) -> tuple[str, ...]:
    """Legal but dangerous settings, each as ``file:line: key: sentence``."""
    found = [*_run_warnings(config), *_portfolio_warnings(config), *_gate_warnings(config)]
    for number, entry in enumerate(config.strategies):
        found += [
            (f"strategies.{number}.{key}", text) for key, text in _strategy_warnings(entry, places, f"strategies.{number}.")
        ]
    return tuple(f"{place_of(places, key) or source}: {key}: {text}" for key, text in found)


def place_of(places: MappingOf[str, str], key: str) -> str:
    """Where `key`, or the nearest key above it that was written, stands: ``file:line``; empty when nowhere."""
    while key and key not in places:
        key = key.rpartition(".")[0]
    return places.get(key, "")


def _run_warnings(config: RunConfig) -> Iterator[tuple[str, str]]:
    if config.splits is None:
        yield "splits", "no splits: the whole data is used and nothing is held out"
    elif config.splits.holdout is None:
        yield "splits.holdout", "no holdout: nothing is held out"
    if config.data.quality.split_suspect == "ignore":
        yield "data.quality.split_suspect", "unrecorded splits pass as returns of 50 % and more"
    if config.data.quality.impossible == "warn":
        yield "data.quality.impossible", "bars that cannot exist are traded"
    if config.execution.fill == "same_close":
        yield "execution.fill", "orders fill at the close that decided them: nobody can trade that"
    if _leads_out(config.output.path):
        yield (
            "output.path",
            f"{quoted(config.output.path)} leads out of the run file's folder: whoever runs this file writes there",
        )


def _gate_warnings(config: RunConfig) -> Iterator[tuple[str, str]]:
    """Bars of the verdict that are easier to pass than they are by default."""
    for section in ("gates", "holdout"):
        told = getattr(config.validation, section)
        for name, field in type(told).model_fields.items():
            value, usual = getattr(told, name), field.default
            easier = value > usual if name.startswith("max_") else value < usual
            if easier:
                yield f"validation.{section}.{name}", f"{value:g} is easier to pass than the default, {usual:g}"


def _leads_out(text: str) -> bool:
    """Whether a relative path of a run file would be none: absolute or climbing above where it starts."""
    path = os.path.normpath(text)
    return os.path.isabs(path) or path.split(os.sep)[0] == os.pardir


def _portfolio_warnings(config: RunConfig) -> Iterator[tuple[str, str]]:
    limits = config.portfolio.limits
    if limits.max_drawdown is None:
        yield "portfolio.limits.max_drawdown", "no drawdown limit: losses are not stopped"
    elif limits.max_drawdown > 0.3:
        yield "portfolio.limits.max_drawdown", f"{limits.max_drawdown:.0%} of equity may be lost before trading stops"
    if limits.max_gross_exposure > 2.0:
        yield "portfolio.limits.max_gross_exposure", f"leverage of {limits.max_gross_exposure:g}"
    if limits.max_position_notional is not None and limits.max_position_notional > 0.5:
        yield "portfolio.limits.max_position_notional", f"one position may be {limits.max_position_notional:.0%} of equity"
    total = sum(config.allocation(number) for number in range(len(config.strategies)))
    if total > 1.0 + 1e-9:
        yield "strategies", f"the allocations add up to {total:.6g}: the strategies share more than there is"


def _strategy_warnings(entry: StrategyEntry, places: MappingOf[str, str], prefix: str) -> Iterator[tuple[str, str]]:
    sizing, limits, costs = entry.sizing, entry.limits, entry.costs
    if sizing.method == "risk_per_trade" and sizing.risk > 0.05:
        yield "sizing.risk", f"{sizing.risk:.1%} of equity is lost at every stop"
    if sizing.method == "fixed_fraction" and sizing.fraction > 0.5:
        yield "sizing.fraction", f"one position is {sizing.fraction:.0%} of equity"
    if sizing.method == "kelly" and sizing.kelly_cap > 0.5:
        yield "sizing.kelly_cap", f"one position may be {sizing.kelly_cap:.0%} of equity"
    if limits.max_position_notional is not None and limits.max_position_notional > 0.5:
        yield "limits.max_position_notional", f"one position may be {limits.max_position_notional:.0%} of equity"
    if limits.max_gross_exposure is not None and limits.max_gross_exposure > 2.0:
        yield "limits.max_gross_exposure", f"leverage of {limits.max_gross_exposure:g}"
    if costs.is_free():
        yield "costs", "trading costs nothing: no commission and no slippage"
    for group, used in (("sizing", sizing.used()), ("costs.slippage", costs.slippage.used())):
        model = sizing.method if group == "sizing" else costs.slippage.model
        known = type(sizing).model_fields if group == "sizing" else type(costs.slippage).model_fields
        for name in known:
            if name not in used and f"{prefix}{group}.{name}" in places:
                yield f"{group}.{name}", f"has no effect with {model}"
