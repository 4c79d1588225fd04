"""A strategy's parameters in words: what each may be, and what is wrong with a value."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from trading_system.config import scalars

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from trading_system.types import FrozenModel

_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}
_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
    "minItems": "entries: at least",
    "maxItems": "entries: at most",
    "minLength": "characters: at least",
    "maxLength": "characters: at most",
    "pattern": "matching",
}


class Mistake(NamedTuple):
    """What is wrong with a parameter, in the words of an error."""

    message: str
    allowed: str
    remedy: str


def nearest(word: str, choices: Iterable[str]) -> str:
    """The one of `choices` that was probably meant, or an empty text."""
    close = difflib.get_close_matches(word[:64], list(choices), n=1)
    return close[0] if close else ""


@functools.lru_cache(16)
def _schema(found: type[FrozenModel]) -> dict[str, Any]:
    return found.model_json_schema()


def table(found: type[FrozenModel]) -> list[dict[str, Any]]:
    """One record per parameter: name, what is allowed, default, whether it must be given, description."""
    schema = found.model_json_schema()
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "allowed": allowed(shape, schema),
            "default": shape.get("default"),
            "required": name in required,
            "description": shape.get("description", ""),
        }
        for name, shape in schema.get("properties", {}).items()
    ]


def allowed(shape: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What a part of a JSON Schema allows, as a reader says it."""
    if "$ref" in shape:
        return allowed(schema.get("$defs", {}).get(str(shape["$ref"]).rpartition("/")[2], {}), schema)
    if "enum" in shape or "const" in shape:
        return ", ".join(str(value) for value in shape.get("enum", [shape.get("const")]))
    choices = shape.get("anyOf", shape.get("oneOf"))
    if choices:
        return " or ".join(dict.fromkeys(allowed(choice, schema) for choice in choices))
    text = _KINDS.get(str(shape.get("type")), "anything")
    fixed, items = shape.get("prefixItems"), shape.get("items")
    if fixed:
        text = f"a list of {len(fixed)}: " + ", ".join(allowed(item, schema) for item in fixed)
    elif isinstance(items, Mapping):
        text = f"a list, each {allowed(items, schema)}"
    bounds = [] if fixed else [f"{word} {shape[key]}" for key, word in _BOUNDS.items() if key in shape]
    return ", ".join([text, *bounds])


def mistake(detail: ErrorDetails, found: type[FrozenModel], name: str) -> Mistake:
    """One of pydantic's findings about the parameters of `found`, which the run file calls `name`."""
    schema = _schema(found)
    fields: Mapping[str, Any] = schema.get("properties", {})
    location = [str(part) for part in detail["loc"]]
    shape = fields.get(location[0], {}) if location else {}
    kind, value = detail["type"], detail.get("input")
    if kind == "extra_forbidden" and len(location) == 1:
        near = nearest(location[0], fields)
        return Mistake(
            f"{location[0]!r} is no parameter of {name}",
            ", ".join(fields) or "no parameters at all",
            f"did you mean {near!r}?" if near else "",
        )
    if kind == "missing" and len(location) == 1:
        return Mistake(
            f"{name} needs the parameter {location[0]!r}", allowed(shape, schema), str(shape.get("description", ""))
        )
    if kind in ("value_error", "assertion_error"):
        return Mistake(detail["msg"].partition(", ")[2] or detail["msg"], "", "")
    if kind == "missing":
        return Mistake("lacks a value", allowed(shape, schema), "")
    text = repr(value)
    mend = scalars.number_mend(value) if isinstance(value, str) and shape.get("type") in ("integer", "number") else ""
    return Mistake(f"{text if len(text) <= 80 else text[:77] + '...'} is not allowed", allowed(shape, schema), mend)
