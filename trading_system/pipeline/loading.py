"""A run file read and checked, and the market that it names."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trading_system.config.yaml_reader import label
from trading_system.errors import OutputError, UsageError

if TYPE_CHECKING:
    from trading_system.config.loading import LoadedRun
    from trading_system.data.loading import Market


def loaded_run(run: LoadedRun | Path | str, overrides: Sequence[str]) -> LoadedRun:
    if not isinstance(run, Path | str):
        if overrides:
            raise UsageError("overrides belong to a path; this run is already loaded", remedy="give them to load_run")
        return run
    return load_run(run, overrides)


def results_folder(run: LoadedRun, out: Path | str | None) -> Path:
    """Where runs are kept; no part of it below the run file's folder may be a symbolic link."""
    if out is not None:
        return Path(out)
    folder = run.root
    for part in Path(run.config.output.path).parts:
        folder = folder / part
        if folder.is_symlink():
            raise OutputError("is a symbolic link; results follow none", where=str(folder), remedy="name the folder itself")
    return folder


def config_warnings(run: LoadedRun) -> tuple[str, ...]:
    """What the run file itself is warned of; places without the folder, so that a moved project says the same."""
    folder = f"{label(run.path.parent)}{os.sep}"
    said = (*run.warnings, run.sample_note) if run.sample_note else run.warnings
    return tuple(text.removeprefix(folder) for text in said)


def market_of(run: LoadedRun) -> Market:
    from trading_system.data.loading import load_market
    from trading_system.kernels import cache_root
    from trading_system.runs.holdout import withheld

    try:
        cache: Path | None = cache_root() / "data"
    except RuntimeError:  # no home directory
        cache = None
    market = load_market(run.config, run.root, cache)
    return dataclasses.replace(market, quality=withheld(market.quality, run.config.splits))


def load_run(path: Path | str, overrides: Sequence[str] = (), *, load: bool = False) -> LoadedRun:
    """Read a run or strategy file and check all of it, the types and parameters of its strategies too, in one pass.

    Parameters
    ----------
    path : Path
        The file.
    overrides : sequence of str
        ``key.path=value`` each; see `trading_system.config.loading.load_run`.
    load : bool
        Also check the parameters of strategies of the user's own; their code runs.

    Raises
    ------
    ConfigError
        With every mistake of the file in ``problems``.
    """
    from trading_system.config import loading
    from trading_system.config.drafts import Judge
    from trading_system.strategies.loading import mistakes, supplied

    judge = Judge(functools.partial(mistakes, load=load), functools.partial(supplied, load=load))
    run = loading.load_run(path, overrides, judge=judge)
    refuse_grid(run, load=load)
    return run


def refuse_grid(run: LoadedRun, *, load: bool) -> None:
    """Raise ConfigError for keys and values of a grid that are not allowed, one problem each."""
    if not (run.config.validation.grid or any(entry.grid for entry in run.config.strategies)):
        return
    from trading_system.errors import ConfigError
    from trading_system.strategies.grid_checks import grid_mistakes

    found = grid_mistakes(run, load=load)
    if found:
        text = f"{len(found)} mistake{'s' if len(found) > 1 else ''} in the grid of {run.path.name}"
        raise ConfigError(text, where=label(run.path), problems=found)


def validate_config(path: Path | str, *, overrides: Sequence[str] = (), load: bool = False) -> LoadedRun:
    """`load_run`, for the command that asks nothing else."""
    return load_run(path, overrides, load=load)


def validate_data(run: LoadedRun | Path | str, *, lenient: bool = False) -> dict[str, Any]:
    """Load the data that a run file names and give what was found wrong with it, as ``data_quality.json`` says it.

    With `lenient` what the policy of the run file makes an error (`data.quality`) is counted like the rest, bars that cannot be
    right left out as under ``drop``; `policy` is still the run file's.

    Raises
    ------
    DataError
        The data cannot be read, or the policy makes an error of it.
    """
    run = loaded_run(run, ())
    if not lenient:
        return dict(market_of(run).quality)
    given = run.config.data.quality
    soft = {"impossible": "drop", "jump": "warn", "split_suspect": "warn"}
    changed = {key: value for key, value in soft.items() if getattr(given, key) == "error"}
    data = run.config.data.model_copy(update={"quality": given.model_copy(update=changed)})
    quality = dict(market_of(dataclasses.replace(run, config=run.config.model_copy(update={"data": data}))).quality)
    return {**quality, "policy": {**quality["policy"], **dict.fromkeys(changed, "error")}}
