"""What numba makes of a bundle: its type, how an attribute is read, how one comes in from Python; loaded with numba alone."""

from __future__ import annotations

import hashlib
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AttributeTemplate
from numba.extending import NativeValue, infer_getattr, lower_getattr_generic, models, register_model, typeof_impl, unbox

from trading_system.engine._kernels_bundle import Bundle

NUMBA: Any = numba


class BundleType(types.Type):
    """Type of a bundle: names with the array type (and the word at which its descriptor begins) or an inner bundle's type."""

    def __init__(self, name: str, fields: tuple[tuple[str, Any, int], ...], token: str) -> None:
        self.fields, self.kernel_token = fields, token
        inner = ", ".join([token, *(f"{field}@{offset}: {kind}" for field, kind, offset in fields)])
        # the name is part of every symbol that LLVM sees: a hash keeps it short
        super().__init__(name=f"{name}_{hashlib.sha256(inner.encode()).hexdigest()[:12]}")

    def field(self, name: str) -> tuple[Any, int]:
        """Type and first word of the field called `name`."""
        for field, kind, offset in self.fields:
            if field == name:
                return kind, offset
        raise AttributeError(name)


register_model(BundleType)(models.OpaqueModel)


@infer_getattr
class BundleAttributes(AttributeTemplate):
    """Types of the attributes."""

    key = BundleType

    def generic_resolve(self, typ: Any, attr: str) -> Any:  # type: ignore[override]
        """Type of ``typ.attr``."""
        for field, kind, _ in typ.fields:
            if field == attr:
                return kind
        return None


@lower_getattr_generic(BundleType)  # type: ignore[no-untyped-call, untyped-decorator]
def load_attribute(context: Any, builder: Any, typ: Any, value: Any, attr: str) -> Any:
    """A descriptor, read from the block; an inner bundle is the same pointer."""
    kind, offset = typ.field(attr)
    if isinstance(kind, BundleType):
        return value
    words = builder.bitcast(value, ir.IntType(64).as_pointer())
    place = builder.gep(words, [ir.Constant(ir.IntType(64), offset)])
    layout = context.get_data_type(kind)
    return builder.load(builder.bitcast(place, layout.as_pointer()))


TYPES: dict[str, BundleType] = {}


def type_of(bundle: Bundle) -> BundleType:
    """The type of a bundle; one for all that have its token."""
    token = bundle.kernel_token
    if token not in TYPES:
        TYPES[token] = _type_of(bundle.arrays, 0, token)[0]
    return TYPES[token]


def _type_of(arrays: Any, offset: int, token: str) -> tuple[BundleType, int]:
    """Type of a bundle whose descriptors begin at word `offset`, and the first word after them."""
    fields = []
    for name, value in zip(arrays._fields, arrays, strict=True):
        if isinstance(value, tuple):
            kind, after = _type_of(value, offset, token)
            fields.append((name, kind, 0))
            offset = after
        else:
            fields.append((name, NUMBA.typeof(value), offset))
            offset += 5 + 2 * value.ndim
    return BundleType(type(arrays).__name__, tuple(fields), token), offset


@typeof_impl.register(Bundle)
def _type_of_bundle(value: Bundle, context: Any) -> BundleType:
    return type_of(value)


@unbox(BundleType)  # type: ignore[no-untyped-call, untyped-decorator]
def _unbox_bundle(typ: Any, obj: Any, c: Any) -> Any:
    address = c.pyapi.object_getattr_string(obj, "address")
    pointer = c.builder.inttoptr(c.pyapi.long_as_longlong(address), cgutils.voidptr_t)
    c.pyapi.decref(address)
    return NativeValue(pointer)  # type: ignore[no-untyped-call]
