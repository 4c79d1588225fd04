"""The commands, put together; each has a file of its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import typer

from trading_system.cli import (
    backtest,
    config,
    data,
    doctor,
    holdout,
    init,
    optimize,
    preregister,
    report,
    runs,
    strategy,
    trials,
    validate,
    version,
    walk_forward,
)
from trading_system.cli.main import PROGRAM
from trading_system.errors import UsageError

GLOBAL_OPTIONS = ("--log-level", "--log-format", "--log-file")
GLOBAL_FLAGS = ("--quiet",)

LogLevel = Annotated[
    str | None,
    typer.Option("--log-level", metavar="LEVEL", help="DEBUG, INFO, WARNING (default) or ERROR; $TRADING_SYSTEM_LOG_LEVEL"),
]
LogFormat = Annotated[
    str | None, typer.Option("--log-format", metavar="FORMAT", help="text (default) or json; $TRADING_SYSTEM_LOG_FORMAT")
]
LogFile = Annotated[
    str | None, typer.Option("--log-file", metavar="FILE", help="log to this file too; it rotates at 10 MB, 5 are kept")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", help="no progress and no warnings on standard error; backtest prints its folder alone")
]


def top(log_level: LogLevel = None, log_format: LogFormat = None, log_file: LogFile = None, quiet: Quiet = False) -> None:
    """From a trading idea to a defensible go / no-go: honest portfolio backtests from a file.

    The options below may stand anywhere on the line. Results go to standard output, everything else to standard error.

    Example: trading-system init my-idea && trading-system backtest my-idea/run_config.yaml
    """
    from trading_system.cli import logs
    from trading_system.cli.session import session

    session.quiet = quiet
    logs.choose(log_level or ("ERROR" if quiet else None), log_format, log_file)


def application() -> typer.Typer:
    """The whole command tree."""
    app = _group(top.__doc__, completion=True)
    app.callback(help=_help(top.__doc__))(top)
    for module in (init, backtest, optimize, walk_forward, preregister, holdout, report, doctor, version):
        _add(app, module.COMMANDS)
    for name, room in (
        ("validate", validate),
        ("runs", runs),
        ("trials", trials),
        ("strategy", strategy),
        ("config", config),
        ("data", data),
    ):
        group = _group(room.__doc__)
        _add(group, room.COMMANDS)
        app.add_typer(group, name=name)
    return app


def _group(text: str | None, *, completion: bool = False) -> typer.Typer:
    return typer.Typer(help=_help(text), add_completion=completion, rich_markup_mode=None, pretty_exceptions_enable=False)


def _add(group: typer.Typer, commands: Mapping[str, Callable[..., None]]) -> None:
    for name, function in commands.items():
        text = _help(function.__doc__)
        group.command(name, help=text, short_help=text.partition("\n")[0])(function)


def _help(text: str | None) -> str:
    """A docstring for the screen: its example stays on one line, so that it can be pasted."""
    return inspect.cleandoc(text or "").replace("\nExample:", "\n\b\nExample:")


def run(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name; returns 0 or the code it chose, raises `UsageError` on a wrong line."""
    command = typer.main.get_command(application())
    line = hoisted(arguments) or ["--help"]
    try:
        code = command.main(args=line, prog_name=PROGRAM, standalone_mode=False)
    except typer.TyperException as error:
        raise _usage(error) from None
    except typer.Abort:
        raise UsageError("the question was not answered") from None
    done = code if isinstance(code, int) else 0
    if line[-1] != "--help":
        from trading_system.cli import logs

        logs.log("INFO", "finished", command=" ".join(word for word in arguments if not word.startswith("-"))[:200], code=done)
    return done


def hoisted(arguments: Sequence[str]) -> list[str]:
    """`arguments` with the global options moved to the front, so that they may stand anywhere before a ``--``."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            return [*front, *rest, word, *words]
        if word in GLOBAL_FLAGS:
            front.append(word)
        elif word in GLOBAL_OPTIONS:
            value = next(words, None)
            if value is None:
                raise UsageError(f"{word} needs a value")
            front += [word, value]
        elif word.startswith(tuple(f"{option}=" for option in GLOBAL_OPTIONS)):
            front.append(word)
        else:
            rest.append(word)
    return [*front, *rest]


def _usage(error: typer.TyperException) -> UsageError:
    """The same mistake in the program's own words: what is wrong, what there is, where to read on."""
    context = getattr(error, "ctx", None)
    if context is None:
        return UsageError(error.format_message())
    commands = getattr(context.command, "commands", None)
    said = " ".join(error.format_message().replace("Value error, ", "").split()).rstrip(".")
    return UsageError(
        said,
        allowed=", ".join(commands) if commands else "",
        remedy=f"{_meant(said)}see {context.command_path} --help",
    )


def _meant(said: str) -> str:
    """The choice that was probably meant, where a message of the parser says that a word is none of them."""
    import difflib
    import re

    found = re.search(r"'([^']{1,64})' is not one of ('.*')", said)
    near = difflib.get_close_matches(found[1], re.findall(r"'([^']+)'", found[2]), n=1) if found else []
    return f"did you mean {near[0]!r}? " if near else ""
