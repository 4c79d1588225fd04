"""Logging: loguru, set up by the first record that is wanted, so that a quiet command never pays for it.

==============================  =======================================================================
TRADING_SYSTEM_LOG_LEVEL        DEBUG, INFO, WARNING (default) or ERROR
TRADING_SYSTEM_LOG_FORMAT       text (default) or json: one object per line with ts, level, event, fields
==============================  =======================================================================
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trading_system.cli.secrets import masked
from trading_system.errors import UsageError

if TYPE_CHECKING:
    from loguru import Logger, Message

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}
FORMATS = ("text", "json")
ROTATION, RETENTION = "10 MB", 5


@dataclass
class Chosen:
    """What the command line and the environment ask for."""

    level: str = "WARNING"
    format: str = "text"
    file: str | None = None
    ready: bool = False


chosen = Chosen()


def choose(level: str | None, form: str | None, file: str | None) -> None:
    """Settle level, format and file: the command line first, then the environment, then the default.

    Raises
    ------
    UsageError
        A level or format that does not exist.
    """
    chosen.level = _one_of("--log-level", level, "TRADING_SYSTEM_LOG_LEVEL", "WARNING", tuple(LEVELS), str.upper)
    chosen.format = _one_of("--log-format", form, "TRADING_SYSTEM_LOG_FORMAT", "text", FORMATS, str.lower)
    chosen.file = file
    chosen.ready = False


def _one_of(option: str, given: str | None, variable: str, default: str, allowed: tuple[str, ...], fold: Any) -> str:
    value, source = (given, option) if given is not None else (os.environ.get(variable) or default, f"${variable}")
    folded: str = fold(value)
    if folded not in allowed:
        raise UsageError(f"{value!r} is not a value of {source}", allowed=", ".join(allowed))
    return folded


def log(level: str, event: str, **fields: Any) -> None:
    """Write one record when `level` is wanted; secrets are masked by value."""
    if LEVELS[level] < LEVELS[chosen.level]:
        return
    _logger().bind(**fields).log(level, event)


def _logger() -> Logger:
    from loguru import logger

    if not chosen.ready:
        logger.remove()
        write = _json_line if chosen.format == "json" else _text_line
        logger.add(lambda message: print(write(message), file=sys.stderr, flush=True), level=chosen.level, format="{message}")
        if chosen.file:
            options: dict[str, Any] = {"rotation": ROTATION, "retention": RETENTION, "encoding": "utf-8"}
            logger.add(
                chosen.file,
                level=chosen.level,
                format=lambda record: "{extra[_line]}\n",
                filter=_with_line,
                catch=False,
                **options,
            )
        chosen.ready = True
    return logger


def _with_line(record: Any) -> bool:
    line = (_json_record if chosen.format == "json" else _text_record)(record)
    record["extra"]["_line"] = line
    return True


def _json_line(message: Message) -> str:
    return _json_record(message.record)


def _text_line(message: Message) -> str:
    return _text_record(message.record)


def _json_record(record: Any) -> str:
    fields = {key: value for key, value in record["extra"].items() if key != "_line"}
    stamp = record["time"].isoformat(timespec="milliseconds")
    return masked(json.dumps({"ts": stamp, "level": record["level"].name, "event": record["message"], **fields}, default=str))


def _text_record(record: Any) -> str:
    from trading_system.reports.formats import one_line

    fields = "".join(f" {key}={value}" for key, value in record["extra"].items() if key != "_line")
    stamp = record["time"].strftime("%H:%M:%S")
    return masked(one_line(f"{stamp} {record['level'].name:<7} {record['message']}{fields}"))
