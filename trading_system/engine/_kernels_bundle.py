"""Many arrays as one argument: kernels get a pointer to a table of array descriptors and read ``x.m.open`` through it.

Passing a hundred arrays by value makes every routine's compilation and call a hundred arrays long. Here the descriptors
(numba's own array layout: data pointer, shape, strides) are written once into a block of int64, and attribute access in
compiled code is a load. With ``NUMBA_DISABLE_JIT=1`` the plain named tuples are used instead.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from trading_system.kernels import source_stamp

Description: TypeAlias = tuple[list[int], list[Any]]
NOTHING: Mapping[int, Description] = {}


class Bundle:
    """Arrays that are handed to a kernel together; it keeps them alive.

    Attributes
    ----------
    address : int
        Of the table.
    kernel_token : str
        Names what compiled code knows of the arrays: names, types, order.
    """

    def __init__(self, arrays: Any, known: Mapping[int, Description] = NOTHING) -> None:
        words: list[int] = []
        key: list[Any] = []
        self.arrays = arrays
        _describe(arrays, words, key, known)
        self.kernel_token = _token((type(arrays), *key))
        self._words = np.array(words, np.int64)
        self.address = int(self._words.ctypes.data)

    @property
    def _numba_type_(self) -> Any:
        from trading_system.engine._kernels_bundle_type import type_of

        return type_of(self)


def _describe(arrays: Any, words: list[int], key: list[Any], known: Mapping[int, Description] = NOTHING) -> None:
    """Append the descriptors of `arrays` (a named tuple of arrays or of such tuples) to `words`, their types to `key`.

    `known` are parts that were described before, by `id`.
    """
    for value in arrays:
        if isinstance(value, tuple):
            key.append(type(value))
            found = known.get(id(value))
            if found is None:
                _describe(value, words, key)
            else:
                words += found[0]
                key += found[1]
            key.append(None)
        else:
            data = (
                value.ctypes.data if value.dtype.names else value.__array_interface__["data"][0]
            )  # which would tell all fields
            words += (0, 0, value.size, value.itemsize, data, *value.shape, *value.strides)
            key += (_told(value.dtype), value.ndim, value.flags.writeable)


def described(arrays: Any) -> Description:
    """Descriptors and types of one named tuple of arrays, for `bundled`; they hold as long as the arrays are there."""
    words: list[int] = []
    key: list[Any] = []
    _describe(arrays, words, key)
    return words, key


_KINDS: dict[int, tuple[Any, str]] = {}  # the type of a record is hashed in a hundred microseconds, its id at once


def _told(dtype: Any) -> str:
    """What tells one type of elements from another, found once for those of the layout."""
    found = _KINDS.get(id(dtype))
    if found is None:
        found = dtype, repr(dtype.descr)
        if len(_KINDS) < 256:
            _KINDS[id(dtype)] = found  # which holds the type, so that nothing else gets its id
    return found[1]


@functools.lru_cache(maxsize=64)
def _token(key: tuple[Any, ...]) -> str:
    """The same for bundles that one piece of machine code fits, in every process; another where the layout's own code differs."""
    told = [source_stamp(Path(__file__).with_name("_kernels_bundle_type.py"))]
    told += [_names(each) if isinstance(each, type) else repr(getattr(each, "descr", each)) for each in key]
    return f"bundle {hashlib.sha256(repr(told).encode()).hexdigest()[:24]}"


def _names(kind: Any) -> str:
    return f"{kind.__name__}{kind._fields}"


def bundled(arrays: Any, known: Mapping[int, Description] = NOTHING) -> Any:
    """`arrays` as kernels take them; `known` are parts of them that were `described` before, by `id`."""
    return arrays if interpreted() else Bundle(arrays, known)


def interpreted() -> bool:
    """Whether kernels run as plain Python."""
    config = getattr(sys.modules.get("numba"), "config", None)  # another thread may be importing numba just now
    told = getattr(config, "DISABLE_JIT", None)
    return os.environ.get("NUMBA_DISABLE_JIT", "0") != "0" if told is None else bool(told)
