"""What a file says, read by another road: PyYAML's own composer, scalars decided by the JSON Schema alone.

Nothing of `trading_system.config` is used here, so that an accepted file is judged twice by code that shares no mistake.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import yaml

NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)


def read(path: Path, schema: dict[str, Any]) -> Any:
    """The JSON value of a file under `schema`."""
    node = yaml.compose(path.read_text("utf-8"), Loader=yaml.SafeLoader)
    return value_of(node, [schema], schema)


def errors(path: Path, schema: dict[str, Any]) -> list[str]:
    """What the schema has against a file."""
    checker = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker(["date"]))
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in checker.iter_errors(read(path, schema))]


def value_of(node: yaml.Node, schemas: list[dict[str, Any]], top: dict[str, Any]) -> Any:
    """JSON value of a node where the given schemas are possible."""
    possible = [one for schema in schemas for one in spread(schema, top)]
    if isinstance(node, yaml.SequenceNode):
        return [value_of(item, items_at(number, possible), top) for number, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return {key.value: value_of(value, properties(key.value, possible), top) for key, value in node.value}
    return scalar(node, possible)


def spread(schema: dict[str, Any], top: dict[str, Any]) -> list[dict[str, Any]]:
    """The alternatives that a schema stands for."""
    if "$ref" in schema:
        return spread(top["$defs"][schema["$ref"].rpartition("/")[2]], top)
    if "anyOf" in schema:
        return [one for option in schema["anyOf"] for one in spread(option, top)]
    return [schema]


def items_at(number: int, possible: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Schemas of a list's item."""
    found = []
    for schema in possible:
        fixed = schema.get("prefixItems", [])
        if number < len(fixed):
            found.append(fixed[number])
        elif isinstance(schema.get("items"), dict):
            found.append(schema["items"])
    return found


def properties(key: str, possible: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Schemas of a mapping's value."""
    found = []
    for schema in possible:
        if key in schema.get("properties", {}):
            found.append(schema["properties"][key])
        elif isinstance(schema.get("additionalProperties"), dict):
            found.append(schema["additionalProperties"])
    return found


def scalar(node: yaml.Node, possible: list[dict[str, Any]]) -> Any:
    """A scalar: text where the schema wants text, else what the YAML 1.2 core says."""
    text = node.value
    if node.style:
        return text
    types = {schema.get("type") or ("string" if isinstance(schema.get("const"), str) else "any") for schema in possible}
    if "null" in types and text in ("", "~", "null", "Null", "NULL"):
        return None
    if "string" in types and not (types & {"number", "integer"} and NUMBER.fullmatch(text)):
        return text
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if NUMBER.fullmatch(text):
        return int(text) if re.fullmatch(r"[-+]?\d+", text, re.ASCII) else float(text)
    return text
