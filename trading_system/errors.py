"""Every error the program raises on purpose.

::

    TradingSystemError                   every one below is bad input: exit 2
    ├── UsageError                       the command line asks for something that cannot be done
    ├── ConfigError                      the run file is wrong: names file:line, the key and the mend
    │   └── UnknownNameError             no such source, strategy, metric or check: did you mean ...?
    ├── DataError                        bars missing, unordered or impossible: names file, row, column
    │   └── InsufficientDataError        the work needs more bars than the data has
    ├── HoldoutError                     the run touches bars that are held out
    ├── StrategyError                    a strategy's own code failed or broke its contract
    ├── CapacityError                    the work needs more memory or disk than it may use
    └── OutputError                      a result, cache or ledger cannot be written or read back
"""

from __future__ import annotations

from collections.abc import Sequence

MAX_PROBLEMS = 100
"""Mistakes of one file that are told in words; further ones are counted."""


class TradingSystemError(Exception):
    """Bad input or environment; ``cli.main`` alone turns it into one message and exit code 2.

    Parameters
    ----------
    message : str
        What is wrong, in one sentence.
    where : str
        ``file:line: key.path`` or ``file: row N: column X``; empty when there is no place.
    allowed : str
        What would have been right.
    remedy : str
        What to do about it.
    """

    def __init__(self, message: str, *, where: str = "", allowed: str = "", remedy: str = "") -> None:
        self.message = message
        self.where = where
        self.allowed = allowed
        self.remedy = remedy
        super().__init__(message)

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.message}" if self.where else self.message]
        if self.allowed:
            parts.append(f"allowed: {self.allowed}")
        if self.remedy:
            parts.append(self.remedy)
        return "; ".join(parts)


class UsageError(TradingSystemError):
    """The command line asks for something that cannot be done."""


class ConfigError(TradingSystemError):
    """One or more mistakes in a run or strategy file; ``problems`` holds one error per mistake."""

    def __init__(
        self,
        message: str,
        *,
        where: str = "",
        allowed: str = "",
        remedy: str = "",
        problems: Sequence[TradingSystemError] = (),
    ) -> None:
        super().__init__(message, where=where, allowed=allowed, remedy=remedy)
        self.problems: tuple[TradingSystemError, ...] = tuple(problems)

    def __str__(self) -> str:
        if self.problems:
            return "\n".join(str(problem) for problem in self.problems)
        return super().__str__()


class UnknownNameError(ConfigError):
    """No component of that name is registered."""


class DataError(TradingSystemError):
    """Bars are missing, unordered or impossible; `stamp` is the date of the row at fault as it was written, where one row is."""

    def __init__(self, message: str, *, where: str = "", allowed: str = "", remedy: str = "", stamp: str = "") -> None:
        super().__init__(message, where=where, allowed=allowed, remedy=remedy)
        self.stamp = stamp


class InsufficientDataError(DataError):
    """The work needs more bars than the data has."""


class HoldoutError(TradingSystemError):
    """The run touches bars that are held out."""


class StrategyError(TradingSystemError):
    """A strategy's own code failed, or returned decisions that break its contract."""


class CapacityError(TradingSystemError):
    """The work needs more memory or disk space than it may use."""


class OutputError(TradingSystemError):
    """A result, cache or ledger cannot be written or read back."""
