"""A function over tasks: threads here; the one place that knows how many."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TypeVar

from trading_system.errors import UsageError

T = TypeVar("T")
R = TypeVar("R")


def n_threads() -> int:
    """Threads to use: ``TRADING_SYSTEM_THREADS``, else the processors this process may run on.

    Raises
    ------
    UsageError
        When the variable is not a whole number from 1 to 1024.
    """
    told = os.environ.get("TRADING_SYSTEM_THREADS", "")
    if not told:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not (told.isascii() and told.isdigit() and 1 <= int(told) <= 1024):
        raise UsageError(f"TRADING_SYSTEM_THREADS is {told!r}", allowed="a whole number from 1 to 1024")
    return int(told)


def mapped(function: Callable[[T], R], tasks: Iterable[T]) -> list[R]:
    """``[function(task) for task in tasks]``, on threads; the results keep the order of the tasks.

    The first failure, in the order of the tasks, is raised; so the outcome does not depend on the number of threads.
    """
    work = list(tasks)
    workers = min(n_threads(), len(work))
    if workers <= 1:
        return [function(task) for task in work]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(function, task) for task in work]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()
