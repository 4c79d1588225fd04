"""Disks that fail at a chosen call: the operating system's functions, replaced for one test."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

CALLS = ("open", "write", "fsync", "close", "mkdir", "makedirs", "rename", "replace", "link")
ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EMFILE)


@dataclass
class Disk:
    """Counts calls; the one numbered `fails_at` raises `number`, every later one too where `for_good`."""

    fails_at: int
    number: int
    for_good: bool = False
    calls: int = 0

    def wrap(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            due = self.calls == self.fails_at or (self.for_good and self.calls > self.fails_at)
            if due and name == "close":
                real(*args, **kwargs)  # the descriptor is gone all the same
            if due:
                raise OSError(self.number, os.strerror(self.number), str(args[0]))
            return real(*args, **kwargs)

        return call


def install(monkeypatch: pytest.MonkeyPatch, disk: Disk) -> Disk:
    """Put `disk` in the way of every call of `CALLS`."""
    for name in CALLS:
        monkeypatch.setattr(os, name, disk.wrap(name, getattr(os, name)))
    return disk
