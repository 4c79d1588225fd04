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
    return _on_threads(function, work, workers)


def _on_threads(function: Callable[[T], R], work: list[T], workers: int) -> list[R]:
    """`mapped` on daemon threads: one that an interrupt caught while it was being started never keeps the process alive.

    A pool of the standard library waits for such a thread for ever. Tasks are taken in order, so every task before the first
    that failed has been taken, and is finished.
    """
    from threading import Thread

    numbers, done, failed = iter(range(len(work))), dict[int, R](), dict[int, BaseException]()

    def labour() -> None:
        for number in numbers:
            if failed:
                return
            try:
                done[number] = function(work[number])
            except BaseException as error:  # noqa: BLE001  raised again where it was asked for
                failed[number] = error

    threads = [Thread(target=labour, daemon=True) for _ in range(workers)]
    try:
        for thread in threads:
            thread.start()
    finally:
        for thread in threads:
            if thread.ident is not None:
                thread.join()
    if failed:
        raise failed[min(failed)]
    return [done[number] for number in range(len(work))]
