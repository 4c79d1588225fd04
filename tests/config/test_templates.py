"""Files to start from load, teach every parameter, and stand in the folder of examples."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.config import yaml_oracle
from trading_system.config import templates
from trading_system.config.loading import load_run
from trading_system.config.schema import schema
from trading_system.errors import UnknownNameError
from trading_system.strategies.base import strategies

EXAMPLES = Path(__file__).parents[2] / "EXAMPLE_CONFIGS"


@pytest.mark.parametrize("name", templates.names())
def test_template_loads_without_error_and_passes_the_schema(name: str, tmp_path: Path) -> None:
    path = tmp_path / templates.file_name(name)
    path.write_text(templates.template(name), "utf-8")
    assert len(load_run(path).config.strategies) == 1
    assert yaml_oracle.errors(path, schema("run" if name == "run" else "strategy")) == []


@pytest.mark.parametrize("name", templates.names())
def test_template_is_short_enough_for_a_screen_and_has_only_spaces(name: str) -> None:
    text = templates.template(name)
    assert all(len(line) <= 132 and line == line.rstrip() for line in text.splitlines())
    assert text.endswith("\n") and text.isascii()


@pytest.mark.parametrize("name", [name for name in templates.names() if name != "run"])
def test_template_shows_every_parameter_of_its_type_at_its_default(name: str, tmp_path: Path) -> None:
    path = tmp_path / templates.file_name(name)
    path.write_text(templates.template(name), "utf-8")
    params = load_run(path).config.strategies[0].params
    rule = strategies.get(name)
    assert set(params) == set(rule.model_fields)
    for key, field in rule.model_fields.items():
        if not field.is_required():
            assert params[key] == field.get_default(), key
    rule.model_validate_json(json.dumps(params))


def test_run_template_warns_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(templates.template("run"), "utf-8")
    assert load_run(tmp_path / "run.yaml").warnings == ()


def test_run_template_ranks_by_components_that_its_strategy_has() -> None:
    source = (Path(__file__).parents[2] / "trading_system/strategies/_breakouts.py").read_text("utf-8")
    run = load_run(EXAMPLES / "run_config.yaml").config
    assert run.portfolio.ranking is not None
    for component in set(run.portfolio.ranking) - {"diversification"}:
        assert f'"{component}"' in source


def test_unknown_template_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'pairs'"):
        templates.template("pair")


def test_examples_are_the_templates() -> None:
    for name, text in templates.examples().items():
        assert (EXAMPLES / name).read_text("utf-8") == text, name


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_example_loads_and_passes_the_schema(path: Path) -> None:
    run = load_run(path)
    assert yaml_oracle.errors(path, schema("strategy" if run.sample_note else "run")) == []
    for entry in run.config.strategies:
        strategies.get(entry.type).model_validate_json(json.dumps(entry.params))


def test_example_run_warns_of_nothing() -> None:
    assert load_run(EXAMPLES / "run_config.yaml").warnings == ()
