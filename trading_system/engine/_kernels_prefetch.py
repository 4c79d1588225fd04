"""`prefetch(panel, t, i)`: have an element brought near before it is wanted.

The prices of the few symbols that are held lie far apart in a wide panel; asked for a bar ahead they are there when they are
read, where a look at them would wait for the memory each time. It changes no value; interpreted it does nothing.
"""

from __future__ import annotations

import functools
from typing import Any


class Prefetch:
    """What numba compiles as one instruction; numba is loaded when it asks."""

    def __call__(self, panel: Any, t: int, i: int) -> None:
        """Interpreted: nothing."""

    @property
    def _numba_type_(self) -> Any:
        return _numba_type()


@functools.cache
def _numba_type() -> Any:
    from numba.core.registry import cpu_target
    from numba.extending import intrinsic

    compiled: Any = intrinsic(_typed)
    context: Any = cpu_target.typing_context
    context.refresh()
    return context.resolve_value_type(compiled)


def _typed(typing: Any, panel: Any, t: Any, i: Any) -> Any:
    """Signature, and what writes the code."""
    from numba import types

    return types.void(panel, t, i), _write


def _write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Read access, to stay in every level of the cache."""
    from llvmlite import ir
    from numba.core import cgutils

    tools: Any = cgutils
    kind, byte, word = signature.args[0], ir.IntType(8).as_pointer(), ir.IntType(32)
    memory = context.make_array(kind)(context, builder, args[0])
    place = tools.get_item_pointer(context, builder, kind, memory, list(args[1:]), wraparound=False)
    shape = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
    function = tools.get_or_insert_function(builder.module, shape, "llvm.prefetch.p0")
    builder.call(function, [builder.bitcast(place, byte), word(0), word(3), word(1)])
    return context.get_dummy_value()


prefetch: Any = Prefetch()
