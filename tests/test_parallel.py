"""Threads change the time a map takes, never its outcome."""

from __future__ import annotations

import threading
import time

import pytest

from trading_system.errors import UsageError
from trading_system.parallel import mapped, n_threads


@pytest.mark.parametrize("threads", ["1", "2", "7"])
def test_results_keep_the_order_of_the_tasks(threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADING_SYSTEM_THREADS", threads)

    def slow_first(task: int) -> int:
        time.sleep(0.02 if task == 0 else 0.0)
        return task * task

    assert mapped(slow_first, range(20)) == [task * task for task in range(20)]


@pytest.mark.parametrize("threads", ["1", "3"])
def test_the_first_failure_in_task_order_is_raised(threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADING_SYSTEM_THREADS", threads)

    def fails(task: int) -> int:
        time.sleep(0.02 if task == 3 else 0.0)
        if task >= 3:
            raise ValueError(task)
        return task

    with pytest.raises(ValueError, match="3"):
        mapped(fails, range(10))


def test_work_is_done_by_as_many_threads_as_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADING_SYSTEM_THREADS", "2")
    meeting = threading.Barrier(2, timeout=10)
    assert sorted(mapped(lambda task: meeting.wait() >= 0, range(2))) == [True, True]


@pytest.mark.parametrize("told", ["0", "two", "-1", "1025", "1.5", "²"])
def test_a_senseless_number_of_threads_is_refused(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADING_SYSTEM_THREADS", told)
    with pytest.raises(UsageError, match="TRADING_SYSTEM_THREADS"):
        n_threads()
