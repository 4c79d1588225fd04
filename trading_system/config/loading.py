"""A run file to a frozen RunConfig: read, strategy files merged in, overrides applied, every mistake found in one pass."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from trading_system.config import checks, drafts, scalars
from trading_system.config.checks import place_of
from trading_system.config.fields import record_of
from trading_system.config.models import MAX_STRATEGIES, SAMPLE_MARKETS, RunConfig, StrategyConfig, StrategyReference
from trading_system.config.overrides import Override, apply, read_overrides
from trading_system.config.shapes import INVALID, Reading, Spot
from trading_system.config.yaml_reader import (
    Mapping,
    Node,
    Place,
    Problems,
    Scalar,
    Sequence,
    label,
    nearest,
    quoted,
    read_text,
    read_yaml,
    shorten,
)
from trading_system.errors import ConfigError

_RUN_KEYS = tuple(RunConfig.model_fields)
_STRATEGY_KEYS = tuple(StrategyConfig.model_fields)
_SAMPLE_OF = {"equity": "equities50", "crypto": "crypto10"}
_SYNTHETIC = "{train: [2010-01-04, 2016-12-30], validation: [2017-01-03, 2018-12-31], holdout: [2019-01-02, 2020-12-31]}"
_SAMPLE_SPLITS = {
    "us5": "{train: [2000-01-03, 2007-12-31], validation: [2008-01-02, 2010-12-31], holdout: [2011-01-03, 2013-03-01]}",
    "equities50": _SYNTHETIC,
    "etfs10": _SYNTHETIC,
    "crypto10": "{train: [2014-01-01, 2017-12-31], validation: [2018-01-01, 2018-12-31], holdout: [2019-01-01, 2020-12-31]}",
}


__all__ = ["LoadedRun", "load_run", "place_of", "resolve"]


@dataclass(frozen=True)
class LoadedRun:
    """A run file that has been read and checked.

    Attributes
    ----------
    config : RunConfig
        The whole run; strategy files are merged in, ``params`` are as they were written.
    path : Path
        The file.
    root : Path
        The folder that its relative paths start from, absolute and resolved.
    warnings : tuple of str
        Legal but dangerous settings, each with its place.
    resolved : str
        YAML text of `config` with every default; it loads to the same hash.
    hash : str
        sha256 of the canonical resolved configuration; formatting, key order, the folder and ``output.path`` leave it alone.
    places : mapping
        ``strategies.0.params.fast`` -> ``equity_config.yaml:12``, for every key that was written.
    sample_note : str
        The sentence that a strategy file alone runs on a sample market, or empty.
    """

    config: RunConfig
    path: Path
    root: Path
    warnings: tuple[str, ...]
    resolved: str
    hash: str
    places: MappingOf[str, str]
    sample_note: str = ""


def load_run(
    path: Path | str,
    overrides: SequenceOf[str] = (),
    *,
    root: Path | None = None,
    judge: drafts.Judge | None = None,
) -> LoadedRun:
    """Read a run file, or a strategy file alone on the sample market of its asset class.

    Parameters
    ----------
    path : Path
        The file.
    overrides : sequence of str
        ``key.path=value`` each, applied in order before anything is checked. For a strategy file alone the path may start at
        the strategy (``params.fast=10``).
    root : Path, optional
        The folder that relative paths start from, where it is not the file's own (a resolved configuration among results).
    judge : callable, optional
        Says what is wrong with the type and the parameters of a strategy, which this floor does not know; the corridor's
        `load_run` brings it.

    Raises
    ------
    ConfigError
        The file cannot be read or holds mistakes; ``problems`` has one error per mistake, each with ``file:line: key``.
    """
    path = Path(path)
    source = label(path)
    problems = Problems(source)
    folder = (path.parent if root is None else root).resolve()
    document = _document(path, source, problems)
    changes = read_overrides(overrides, problems)
    alone = _is_strategy(document)
    if alone:
        document, changes = _wrapped(document, changes, source, problems)
    early = [change for change in changes if _names_files(change)]
    apply(document, early, problems)
    _merge_strategy_files(document, path.parent if root is None else root, folder, problems)
    apply(document, [change for change in changes if not _names_files(change)], problems)
    note = _on_sample(document, source, problems) if alone else ""

    reading = Reading(problems)
    record, top = record_of(RunConfig), Spot("", "", document.place)
    values = record.fields(document, top, reading)
    checks.check(document, values, folder, reading)
    if judge is not None:
        drafts.judged(document, folder, reading, judge)
    config = INVALID if problems.found else record.build(values, document, top, reading)
    problems.raise_any(source)
    text, digest = resolve(config)
    warned = checks.warnings(config, reading.places, source)
    return LoadedRun(config, path, folder, warned, text, digest, reading.places, note)


def resolve(config: RunConfig) -> tuple[str, str]:
    """The resolved configuration as YAML text, and its hash (sha256, hexadecimal)."""
    document = _plain(config)
    for number, entry in enumerate(document["strategies"]):
        entry["allocation"] = config.allocation(number)
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=None)
    document["output"].pop("path")
    canonical = json.dumps(_canonical(document), sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text, hashlib.sha256(canonical.encode()).hexdigest()


def deciding_hash(config: RunConfig, what: str = "") -> str:
    """sha256 of what decides the outcome of a run: all of it but `validation`, the grids and the output; `what` is hashed with it.

    Trials are told apart by it: another threshold or another size of a test is no new trial.
    """
    document = _plain(config)
    for number, entry in enumerate(document["strategies"]):
        entry["allocation"] = config.allocation(number)
        del entry["grid"]
    del document["output"], document["validation"]
    canonical = json.dumps(_canonical(document), sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(f"{canonical}{what}".encode()).hexdigest()


def _plain(value: Any) -> Any:
    """A model as JSON says it; pydantic's own serialiser would be built first, which takes longer than reading the file."""
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, dt.date) else value


def _canonical(value: Any) -> Any:
    """Equal numbers written alike: 20.0 is 20."""
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes what the strict reader reads back: no anchors, and quotes wherever a reader might guess."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: Any, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if scalars.is_plain_text(text) else '"')


def _represent_float(dumper: Any, value: float) -> Any:
    text = repr(value)
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")  # what YAML 1.1 readers, too, take for a number
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(float, _represent_float)


def _document(path: Path, source: str, problems: Problems) -> Mapping:
    """The mapping at the top of a file; raises when there is none."""
    node = read_yaml(read_text(path, source), source, problems)
    if isinstance(node, Mapping):
        node.root = True
        return node
    if not problems.found:
        what = (
            "is empty"
            if node is None
            else "is a list, not a mapping"
            if isinstance(node, Sequence)
            else "is one value, not a mapping"
        )
        problems.add(
            Place(source, 1),
            "",
            what,
            allowed=f"a run file ({', '.join(_RUN_KEYS)}) or a strategy file ({', '.join(_STRATEGY_KEYS)})",
        )
    problems.raise_any(source)
    raise AssertionError("unreachable")


def _is_strategy(document: Mapping) -> bool:
    """Whether a file is a strategy rather than a run, by the keys that it has or was meant to have."""
    score = 0
    for key in list(document.items)[:50]:
        if key not in _RUN_KEYS and key not in _STRATEGY_KEYS:
            key = nearest(key, (*_RUN_KEYS, *_STRATEGY_KEYS))
        score += (key in _STRATEGY_KEYS) - (key in _RUN_KEYS)
    return score > 0


def _names_files(change: Override) -> bool:
    """Whether an override changes which strategy files are read."""
    segments = change.segments
    return segments[0] == "strategies" and (len(segments) < 3 or (len(segments) == 3 and segments[2] == "config"))


def _wrapped(document: Mapping, changes: list[Override], source: str, problems: Problems) -> tuple[Mapping, list[Override]]:
    """A strategy alone as the only strategy of a run; overrides that start at the strategy are led there."""
    _no_allocation(document, problems)
    top = Place(source, 1)
    run = Mapping(top)
    for key, node in (("data", Mapping(top)), ("strategies", Sequence(top, [document]))):
        run.items[key] = node
        run.keys[key] = Scalar(top, key, plain=True)
    led = []
    for change in changes:
        inside = (
            change.segments[0] not in _RUN_KEYS and nearest(change.segments[0], _RUN_KEYS + _STRATEGY_KEYS) not in _RUN_KEYS
        )
        led.append(Override(("strategies", "0", *change.segments), change.value, change.place) if inside else change)
    return run, led


def _no_allocation(document: Mapping, problems: Problems) -> None:
    if "allocation" in document.items:
        problems.add(
            document.place_of("allocation"),
            "allocation",
            "does not belong in a strategy file",
            remedy="write it in the run file, beside config",
        )


def _on_sample(document: Mapping, source: str, problems: Problems) -> str:
    """Fill in the sample market of the strategy's asset class; the sentence that says so."""
    data, strategies = document.items.get("data"), document.items.get("strategies")
    if not isinstance(data, Mapping) or "source" in data.items or not isinstance(strategies, Sequence):
        return ""
    strategy = strategies.items[0]
    named = strategy.items.get("asset_class") if isinstance(strategy, Mapping) else None
    asset_class = named.text if isinstance(named, Scalar) else "equity"
    market = _SAMPLE_OF.get(asset_class)
    if market is None:
        if asset_class in ("fx", "future") and isinstance(strategy, Mapping):
            problems.add(
                strategy.place_of("asset_class"),
                "asset_class",
                f"there is no sample market of {asset_class}",
                remedy="write a run file that names the data",
            )
        market = "equities50"  # so that the rest of the file is still checked
    settings = {"source": "sample", "path": market}
    if SAMPLE_MARKETS[market] == "crypto":
        settings |= {"calendar": "24/7", "timezone": "UTC"}
    place = Place(source, 1)
    for key, text in settings.items():
        if key not in data.items:
            data.items[key] = Scalar(place, text, plain=True)
            data.keys[key] = Scalar(place, key, plain=True)
    path = data.items["path"]
    name = path.text if isinstance(path, Scalar) else market
    if name in _SAMPLE_SPLITS and not {"start", "end"} & set(data.items) and "splits" not in document.items:
        # those of the example run, so that one folder may hold both: a strategy alone must not open a holdout
        splits = read_yaml(_SAMPLE_SPLITS[name], source, problems)
        if splits is not None:
            document.items["splits"], document.keys["splits"] = splits, Scalar(place, "splits", plain=True)
    return f"{source} is a strategy alone: it runs on the sample market {shorten(name)}; write a run file to use your own data"


def _merge_strategy_files(document: Mapping, folder: Path, root: Path, problems: Problems) -> None:
    """Replace every ``config: file`` entry by the strategy in that file."""
    strategies = document.items.get("strategies")
    if not isinstance(strategies, Sequence) or len(strategies.items) > MAX_STRATEGIES:
        return
    for number, entry in enumerate(strategies.items):
        if isinstance(entry, Mapping) and "config" in entry.items:
            strategies.items[number] = _merged(entry, f"strategies.{number}", folder, root, problems)


def _merged(entry: Mapping, key: str, folder: Path, root: Path, problems: Problems) -> Node:
    own = tuple(StrategyReference.model_fields)
    for name in entry.items:
        if name not in own:
            known = name in _STRATEGY_KEYS
            problems.add(
                entry.place_of(name),
                f"{key}.{shorten(name)}",
                "belongs in the strategy's own file" if known else "unknown key",
                allowed=", ".join(own),
                remedy="write it there, or write the whole strategy here without config"
                if known
                else problems.suggest(name, own),
            )
    broken = Scalar(entry.place, "", plain=False, bad=True)  # what stands for a strategy that cannot be read
    place, node = entry.place_of("config"), entry.items["config"]
    if not isinstance(node, Scalar) or not node.text or not node.text.isprintable():
        if not (isinstance(node, Scalar) and node.bad):
            problems.add(place, f"{key}.config", "is no file name", allowed="path of a strategy file, relative to this file")
        return broken
    if node.bad or not checks.is_inside(root, node.text, place, f"{key}.config", problems):
        return broken
    strategy = _strategy_file(folder / node.text, node.text, place, f"{key}.config", problems)
    if strategy is None:
        return broken
    if "allocation" in entry.items:
        strategy.items["allocation"] = entry.items["allocation"]
        strategy.keys["allocation"] = entry.keys["allocation"]
    return strategy


def _strategy_file(path: Path, name: str, place: Place, key: str, problems: Problems) -> Mapping | None:
    """The document of a strategy file; mistakes are entered with its own lines."""
    source = label(path)
    try:
        text = read_text(path, source)
    except ConfigError as error:
        siblings = checks.siblings(path, (".yaml", ".yml"))
        problems.add(
            place, key, f"{quoted(name)} {error.message}", allowed=error.allowed, remedy=problems.suggest(path.name, siblings)
        )
        return None
    before = len(problems)
    node = read_yaml(text, source, problems)
    if isinstance(node, Mapping) and "strategies" not in node.items:
        node.root = True
        _no_allocation(node, problems)
        return node
    if len(problems) == before:
        what = (
            "is a run file, not a strategy file"
            if isinstance(node, Mapping)
            else "is empty"
            if node is None
            else "is not a mapping"
        )
        problems.add(place, key, f"{quoted(name)} {what}", allowed=f"a file with {', '.join(_STRATEGY_KEYS)}")
    return None
