"""How much a test of chance may draw."""

from __future__ import annotations


def sized(compiled: int, interpreted: int) -> int:
    """`compiled` repetitions, or `interpreted` where NUMBA_DISABLE_JIT makes every loop a Python loop."""
    import numba

    return interpreted if numba.config.DISABLE_JIT else compiled
