"""The configuration reference is what the models say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from trading_system.config import models
from trading_system.config.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == reference(), "run: python -m trading_system.config.reference > docs/configuration.md"


def test_the_command_that_the_page_names_writes_it_whatever_the_hash_seed() -> None:
    command = [sys.executable, "-m", "trading_system.config.reference"]
    done = subprocess.run(command, capture_output=True, check=True, env={"PYTHONHASHSEED": "7", "PYTHONUTF8": "1"}, text=True)
    assert done.stdout == reference()


def test_every_field_of_every_model_stands_in_the_page_with_a_meaning() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (.*) \| (.*) \| (.*) \|$", reference(), re.MULTILINE)
    described = {key.rpartition(".")[2] for key, _, _, meaning in rows if meaning.strip()}
    for model in vars(models).values():
        if isinstance(model, type) and issubclass(model, models.FrozenModel):
            assert set(model.model_fields) <= described, model.__name__


def test_the_example_of_the_yaml_traps_is_true(tmp_path: Path) -> None:
    from trading_system.config import scalars

    for row in re.findall(r"^\| (`[^|]*`)[^|]*\|[^|]*\|[^|]*\|$", reference(), re.MULTILINE)[:6]:
        for text in re.findall(r"`([^`]+)`", row):
            if text not in ("params",):
                assert scalars.trap(text) is not None, text
