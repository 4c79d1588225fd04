"""The JSON Schema is one, says what the reader says, and needs nothing from outside."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.config import yaml_oracle
from tests.config.files import RUN, mistakes
from trading_system.config.schema import schema


@pytest.mark.parametrize("kind", ["run", "strategy"])
def test_is_a_schema_and_refers_to_nothing_outside(kind: str) -> None:
    document = schema(kind)  # type: ignore[arg-type]
    jsonschema.Draft202012Validator.check_schema(document)
    references = [part.split('"')[0] for part in json.dumps(document).split('"$ref": "')[1:]]
    assert references and all(reference.removeprefix("#/$defs/") in document["$defs"] for reference in references)


@pytest.mark.parametrize("kind", ["run", "strategy"])
def test_every_key_is_described(kind: str) -> None:
    document = schema(kind)  # type: ignore[arg-type]
    for section in (document, *document["$defs"].values()):
        for name, field in section.get("properties", {}).items():
            assert field.get("description") or "$ref" in field, name
            assert section["additionalProperties"] is False


REFUSED_BY_BOTH = [
    "sed: 1",
    "seed: -1",
    "seed: x",
    "seed: 1.5",
    "portfolio: {starting_equity: 0}",
    "portfolio: {limits: {max_drawdown: 1}}",
    "portfolio: {limits: {resume: 0}}",
    "portfolio: {limits: {resume: nver}}",
    "portfolio: {ranking: {a: -1}}",
    "portfolio: {volatility_scaling: {mode: on}}",
    "execution: {lot: {bond: whole}}",
    "splits: {train: [2010-01-04]}",
    "splits: {train: [2010-01-04, 2010-01-05, 2010-01-06]}",
    "splits: {train: [2010-01-04, 2010-02-30]}",
    "splits: {}",
    "output: {formats: [pdf]}",
    "output: {formats: []}",
    "output: csv",
    "validation: []",
    "validation: {x: 1}",
]


@pytest.mark.parametrize("text", REFUSED_BY_BOTH)
def test_refuses_what_the_reader_refuses(text: str, tmp_path: Path) -> None:
    assert len(mistakes(tmp_path, RUN + text)) == 1
    assert yaml_oracle.errors(tmp_path / "run.yaml", schema("run"))


@pytest.mark.parametrize(
    "entry", ["{config: s.yaml}", "{config: s.yaml, allocation: 0.5}", "{name: a, type: b, allocation: 0.5}"]
)
def test_a_strategy_may_be_a_file_or_inline(entry: str, tmp_path: Path) -> None:
    assert mistakes(tmp_path, f"data: {{source: csv, path: d}}\nstrategies: [{entry}]\n", s="name: s\ntype: x\n") == []
    assert yaml_oracle.errors(tmp_path / "run.yaml", schema("run")) == []


def test_a_strategy_file_has_no_allocation(tmp_path: Path) -> None:
    assert len(mistakes(tmp_path, "name: s\ntype: x\nallocation: 1\n")) == 1
    assert yaml_oracle.errors(tmp_path / "run.yaml", schema("strategy"))
