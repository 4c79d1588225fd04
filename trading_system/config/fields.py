"""The shape of a field, derived from its annotation and constraints."""

from __future__ import annotations

import datetime as dt
import functools
import types
import typing
from collections.abc import Iterable
from typing import Any, Literal, Union

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from trading_system.config.containers import Either, Entry, Fixed, Items, Raw, Record, Table
from trading_system.config.shapes import Choice, Day, Number, Shape, Switch, Text


@functools.cache
def record_of(model: type[BaseModel]) -> Record:
    """The shape of a model."""
    entries = {
        name: Entry(shape_of(info.annotation, info.metadata, info), info.is_required(), info)
        for name, info in model.model_fields.items()
    }
    return Record(model, entries)


def shape_of(annotation: Any, metadata: Iterable[Any] = (), info: FieldInfo | None = None) -> Shape:
    """The shape of an annotation with its constraints."""
    bounds = _bounds(metadata)
    if info is not None and info.examples:
        bounds["said"] = f"text such as {', '.join(str(example) for example in info.examples)}"
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return shape_of(arguments[0], [*metadata, *_flatten(arguments[1:])], info)
    if origin in (Union, types.UnionType):
        options = tuple(shape_of(option, metadata, info) for option in arguments if option is not type(None))
        return Either(options, nullable=type(None) in arguments)
    if origin is Literal:
        return Choice(tuple(str(word) for word in arguments))
    if origin is dict:
        return Table(shape_of(arguments[0]), shape_of(arguments[1]))
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return Items(shape_of(arguments[0]), int(bounds.get("min_length", 0)), int(bounds.get("max_length", 0)))
    if origin is tuple:
        return Fixed(tuple(shape_of(argument) for argument in arguments), bounds.get("said", ""))
    return _plain_shape(annotation, bounds)


def _plain_shape(annotation: Any, bounds: dict[str, Any]) -> Shape:
    if annotation is Any:
        return Raw()
    if annotation is bool:
        return Switch()
    if annotation in (int, float):
        return Number(whole=annotation is int, **{name: bounds[name] for name in ("ge", "gt", "le", "lt") if name in bounds})
    if annotation is dt.date:
        return Day()
    if annotation is str:
        return Text(**{name: bounds[name] for name in ("pattern", "min_length", "max_length", "said") if name in bounds})
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return record_of(annotation)
    raise TypeError(f"a field of type {annotation!r} has no shape")


def _flatten(metadata: Iterable[Any]) -> list[Any]:
    flat: list[Any] = []
    for item in metadata:
        flat.extend(item.metadata if isinstance(item, FieldInfo) else [item])
    return flat


def _bounds(metadata: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in metadata:
        for name in ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern", "said"):
            value = getattr(item, name, None)
            if value is not None:
                found[name] = value
    return found
