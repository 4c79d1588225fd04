"""Many arrays as one argument: kernels get a pointer to a table of array descriptors and read ``x.m.open`` through it.

Passing a hundred arrays by value makes every routine's compilation and call a hundred arrays long. Here the descriptors
(numba's own array layout: data pointer, shape, strides) are written once into a block of int64, and attribute access in
compiled code is a load. With ``NUMBA_DISABLE_JIT=1`` the plain named tuples are used instead.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AttributeTemplate
from numba.extending import NativeValue, infer_getattr, lower_getattr_generic, models, register_model, typeof_impl, unbox

NUMBA: Any = numba


class BundleType(types.Type):
    """Type of a bundle: names with the array type (and the word at which its descriptor begins) or an inner bundle's type."""

    def __init__(self, name: str, fields: tuple[tuple[str, Any, int], ...]) -> None:
        self.fields = fields
        inner = ", ".join(f"{field}@{offset}: {kind}" for field, kind, offset in fields)
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


class Bundle:
    """Arrays that are handed to a kernel together; it keeps them alive."""

    def __init__(self, arrays: Any) -> None:
        words: list[int] = []
        key: list[Any] = []
        self.arrays = arrays
        _describe(arrays, words, key)
        known = tuple(key)
        if known not in _TYPES:
            _TYPES[known] = _type_of(arrays, 0)[0]
        self.numba_type = _TYPES[known]
        self._words = np.array(words, np.int64)
        self.address = int(self._words.ctypes.data)


_TYPES: dict[tuple[Any, ...], BundleType] = {}


def _describe(arrays: Any, words: list[int], key: list[Any]) -> None:
    """Append the descriptors of `arrays` (a named tuple of arrays or of such tuples) to `words`, their types to `key`."""
    for value in arrays:
        if isinstance(value, tuple):
            _describe(value, words, key)
        else:
            words += (0, 0, value.size, value.itemsize, value.ctypes.data, *value.shape, *value.strides)
            key += (value.dtype.str, value.dtype.itemsize, value.ndim, value.flags.writeable)


def _type_of(arrays: Any, offset: int) -> tuple[BundleType, int]:
    """Type of a bundle whose descriptors begin at word `offset`, and the first word after them."""
    fields = []
    for name, value in zip(arrays._fields, arrays, strict=True):
        if isinstance(value, tuple):
            kind, after = _type_of(value, offset)
            fields.append((name, kind, 0))
            offset = after
        else:
            fields.append((name, NUMBA.typeof(value), offset))
            offset += 5 + 2 * value.ndim
    return BundleType(type(arrays).__name__, tuple(fields)), offset


@typeof_impl.register(Bundle)
def _type_of_bundle(value: Bundle, context: Any) -> BundleType:
    return value.numba_type


@unbox(BundleType)  # type: ignore[no-untyped-call, untyped-decorator]
def _unbox_bundle(typ: Any, obj: Any, c: Any) -> Any:
    address = c.pyapi.object_getattr_string(obj, "address")
    pointer = c.builder.inttoptr(c.pyapi.long_as_longlong(address), cgutils.voidptr_t)
    c.pyapi.decref(address)
    return NativeValue(pointer)  # type: ignore[no-untyped-call]


def bundled(arrays: Any) -> Any:
    """`arrays` as kernels take them."""
    return arrays if NUMBA.config.DISABLE_JIT else Bundle(arrays)
