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
from pathlib import Path
from typing import Any

import numpy as np

from trading_system.kernels import source_stamp


class Bundle:
    """Arrays that are handed to a kernel together; it keeps them alive.

    Attributes
    ----------
    address : int
        Of the table.
    kernel_token : str
        Names what compiled code knows of the arrays: names, types, order.
    """

    def __init__(self, arrays: Any) -> None:
        words: list[int] = []
        key: list[Any] = []
        self.arrays = arrays
        _describe(arrays, words, key)
        self.kernel_token = _token((type(arrays), *key))
        self._words = np.array(words, np.int64)
        self.address = int(self._words.ctypes.data)

    @property
    def _numba_type_(self) -> Any:
        from trading_system.engine._kernels_bundle_type import type_of

        return type_of(self)


def _describe(arrays: Any, words: list[int], key: list[Any]) -> None:
    """Append the descriptors of `arrays` (a named tuple of arrays or of such tuples) to `words`, their types to `key`."""
    for value in arrays:
        if isinstance(value, tuple):
            key.append(type(value))
            _describe(value, words, key)
            key.append(None)
        else:
            words += (0, 0, value.size, value.itemsize, value.ctypes.data, *value.shape, *value.strides)
            key += (value.dtype, value.ndim, value.flags.writeable)


@functools.lru_cache(maxsize=64)
def _token(key: tuple[Any, ...]) -> str:
    """The same for bundles that one piece of machine code fits, in every process; another where the layout's own code differs."""
    told = [source_stamp(Path(__file__).with_name("_kernels_bundle_type.py"))]
    told += [_names(each) if isinstance(each, type) else repr(getattr(each, "descr", each)) for each in key]
    return f"bundle {hashlib.sha256(repr(told).encode()).hexdigest()[:24]}"


def _names(kind: Any) -> str:
    return f"{kind.__name__}{kind._fields}"


def bundled(arrays: Any) -> Any:
    """`arrays` as kernels take them."""
    return arrays if interpreted() else Bundle(arrays)


def interpreted() -> bool:
    """Whether kernels run as plain Python."""
    config = getattr(sys.modules.get("numba"), "config", None)  # another thread may be importing numba just now
    told = getattr(config, "DISABLE_JIT", None)
    return os.environ.get("NUMBA_DISABLE_JIT", "0") != "0" if told is None else bool(told)
