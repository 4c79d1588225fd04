"""The page on validation statistics names what exists, and its example runs."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import trading_system.validation as room

PAGE = (Path(__file__).parents[2] / "docs" / "validation.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| (.*?) \|", PAGE, re.MULTILINE)
FILES = {path.stem for path in Path(room.__file__).parent.glob("*.py")}


def test_every_file_has_a_row():
    assert {name for name, _ in ROWS} == {name for name in FILES if not name.startswith("_")} - {"inputs"}


@pytest.mark.parametrize(("file", "functions"), ROWS)
def test_every_function_of_a_row_exists_and_says_what_it_gives(file, functions):
    module = importlib.import_module(f"trading_system.validation.{file}")
    for name in re.findall(r"`(\w+)`", functions):
        assert inspect.getdoc(getattr(module, name)), name


def test_the_example_runs():
    (example,) = re.findall(r"(?:^    .*\n)+", PAGE, re.MULTILINE)
    lines = [line.strip() for line in example.splitlines()]
    imported = re.fullmatch(r"from (\S+) import (\w+), (\w+)", lines[0])
    assert imported is not None
    module = importlib.import_module(imported.group(1))
    assert lines[1:] == ["m = sharpe_moments(returns)", "probabilistic_sharpe(m.sharpe, m.n, m.skew, m.kurtosis)"]
    m = module.sharpe_moments(np.random.default_rng(1).standard_normal(50))
    assert 0.0 < module.probabilistic_sharpe(m.sharpe, m.n, m.skew, m.kurtosis) < 1.0
