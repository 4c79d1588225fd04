"""Small run files for tests, and the sentences that they are refused with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

from trading_system.config.loading import LoadedRun, load_run
from trading_system.errors import ConfigError

RUN = """\
data: {source: csv, path: data}
strategies:
  - {name: a, type: ma_crossover}
"""


def load(folder: Path, text: str = RUN, overrides: Sequence[str] = (), **others: str) -> LoadedRun:
    """Load `text` as run.yaml in `folder`; `others` are further YAML files by their stem."""
    for stem, other in others.items():
        (folder / f"{stem}.yaml").write_text(dedent(other), "utf-8")
    (folder / "run.yaml").write_text(dedent(text), "utf-8")
    return load_run(folder / "run.yaml", overrides)


def mistakes(folder: Path, text: str = RUN, overrides: Sequence[str] = (), **others: str) -> list[str]:
    """The sentences that `text` is refused with, the folder left out; empty when it loads."""
    try:
        load(folder, text, overrides, **others)
    except ConfigError as error:
        return [str(problem).replace(f"{folder}/", "") for problem in error.problems or (error,)]
    return []


def params(folder: Path, value: str) -> list[str]:
    """Mistakes of a run whose one parameter is written as `value`."""
    return mistakes(folder, RUN.replace("ma_crossover}", f"ma_crossover, params: {{x: {value}}}}}"))
