"""Logging: loguru, set up by the first record that is wanted, so that a quiet command never pays for it.

Standard error is logged to when a level or format is asked for; a file at INFO unless a level is. A run's records carry
``run_id``: the last part of its id while the run goes on, the whole of it when its folder is written.

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

from trading_system.errors import OutputError, UsageError
from trading_system.runs.secrets import masked, masked_in

if TYPE_CHECKING:
    from loguru import Logger, Message

    from trading_system.runs.store import RunLog

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
    asked: bool = False

    @property
    def floor(self) -> str:
        """The lowest level that any sink takes."""
        return "INFO" if self.file and not self.asked else self.level


chosen = Chosen()


def choose(level: str | None, form: str | None, file: str | None) -> None:
    """Settle level, format and file: the command line first, then the environment, then the default.

    Raises
    ------
    UsageError
        A level or format that does not exist.
    OutputError
        A file that cannot be written.
    """
    asked = (level, form, os.environ.get("TRADING_SYSTEM_LOG_LEVEL"), os.environ.get("TRADING_SYSTEM_LOG_FORMAT"))
    chosen.asked = any(value is not None and value != "" for value in asked)
    chosen.level = _one_of("--log-level", level, "TRADING_SYSTEM_LOG_LEVEL", "WARNING", tuple(LEVELS), str.upper)
    chosen.format = _one_of("--log-format", form, "TRADING_SYSTEM_LOG_FORMAT", "text", FORMATS, str.lower)
    chosen.file = file
    chosen.ready = False
    if file is not None:
        try:
            open(file, "a", encoding="utf-8").close()
        except (OSError, ValueError) as error:
            chosen.file = None
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise OutputError(
                f"the log cannot be written: {why}", where=file or "--log-file", remedy="name a file in a folder that exists"
            ) from None


def _one_of(option: str, given: str | None, variable: str, default: str, allowed: tuple[str, ...], fold: Any) -> str:
    value, source = (given, option) if given is not None else (os.environ.get(variable) or default, f"${variable}")
    folded: str = fold(value)
    if folded not in allowed:
        raise UsageError(f"{value!r} is not a value of {source}", allowed=", ".join(allowed))
    return folded


def log(level: str, event: str, **fields: Any) -> None:
    """Write one record when `level` is wanted; secrets are masked by value."""
    if LEVELS[level] < LEVELS[chosen.floor]:
        return
    _logger().bind(**fields).log(level, event)


def failed(text: str) -> bool:
    """Log an error; True when standard error got it as a record, False when it is still to be printed there."""
    if not (chosen.file or chosen.asked):
        return False
    as_record = chosen.asked and chosen.format == "json"
    if as_record or chosen.file:
        _logger().bind(_printed=not as_record, message=text).log("ERROR", "failed")
    return as_record


def run_log() -> RunLog | None:
    """A log for a run that tells every step while the run goes on; None when nobody listens."""
    if not (chosen.file or chosen.asked):
        return None
    from trading_system.runs.store import RunLog

    class Told(RunLog):
        """Notes that are also records."""

        def note(self, event: str, level: str = "INFO", **fields: Any) -> None:
            super().note(event, level, **fields)
            log(level, event, **{"run_id": self.token, **fields})

    return Told()


def _logger() -> Logger:
    from loguru import logger

    if not chosen.ready:
        logger.remove()
        if chosen.asked or not chosen.file:
            write = _json_line if chosen.format == "json" else _text_line
            logger.add(
                lambda message: print(write(message), file=sys.stderr, flush=True),
                level=chosen.level,
                format="{message}",
                filter=lambda record: not record["extra"].get("_printed"),
            )
        if chosen.file:
            options: dict[str, Any] = {"rotation": ROTATION, "retention": RETENTION, "encoding": "utf-8"}
            logger.add(
                chosen.file,
                level=chosen.floor,
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
    fields = {key: value for key, value in record["extra"].items() if not key.startswith("_")}
    stamp = record["time"].isoformat(timespec="milliseconds")
    document = {"ts": stamp, "level": record["level"].name, "event": record["message"], **fields}
    return json.dumps(masked_in(document), default=lambda value: masked(str(value)))


def _text_record(record: Any) -> str:
    from trading_system.reports.formats import one_line

    fields = "".join(f" {key}={value}" for key, value in record["extra"].items() if not key.startswith("_"))
    stamp = record["time"].strftime("%H:%M:%S")
    return masked(one_line(f"{stamp} {record['level'].name:<7} {record['message']}{fields}"))
