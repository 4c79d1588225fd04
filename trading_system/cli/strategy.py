"""The rules a strategy file may name, with their parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from trading_system.cli.options import AsJson
from trading_system.cli.output import page, show, show_json, width


def _types(incomplete: str) -> list[str]:
    """Types and filters that begin so, for the shell's completion."""
    from trading_system.strategies.base import strategies
    from trading_system.strategies.filters.base import filters

    return [name for name in (*strategies.names(), *filters.names()) if name.startswith(incomplete)]


Name = Annotated[
    str,
    typer.Argument(
        metavar="TYPE", help="a type or filter that `strategy list` names", show_default=False, autocompletion=_types
    ),
]


def strategy_list(as_json: AsJson = False) -> None:
    """List every strategy type with its rule in one sentence, and the filters that rules of signals take.

    Example: trading-system strategy list
    """
    from trading_system.reports.formats import wrapped_table
    from trading_system.strategies.base import strategies
    from trading_system.strategies.filters.base import filters

    rules = [(name, _sentence(strategies.get(name))) for name in strategies.names()]
    conditions = [(name, _sentence(filters.get(name))) for name in filters.names()]
    if as_json:
        rows = [("strategy", *row) for row in rules] + [("filter", *row) for row in conditions]
        show_json([{"type": name, "kind": kind, "rule": rule} for kind, name, rule in rows])
        return
    tables = (("type", rules), ("filter", conditions))
    show("\n\n".join(wrapped_table((head, "rule"), rows, width=width()) for head, rows in tables))


def strategy_show(name: Name, as_json: AsJson = False) -> None:
    """Show one strategy type or filter: its rule and every parameter with default, bounds and meaning.

    Example: trading-system strategy show equity_momentum
    """
    import inspect

    from trading_system.strategies.base import Strategy

    kind = _component(name)
    text = inspect.cleandoc(kind.__doc__ or "")
    parameters = _parameters(kind.model_json_schema())
    if as_json:
        ranked = {"components": kind.components} if issubclass(kind, Strategy) else {}
        show_json({"type": name, "rule": text, **ranked, "parameters": parameters})
        return
    from trading_system.reports.formats import one_line, wrapped_table

    rows = [(p["name"], _value(p["default"]), p["allowed"], p["description"]) for p in parameters]
    drawn = page()
    parts = [drawn.heading(one_line(name)), *(drawn.prose(paragraph) for paragraph in text.split("\n\n"))]
    if issubclass(kind, Strategy) and kind.components:
        parts.append(drawn.prose(f"Candidates can be ranked by: {', '.join(kind.components)} (portfolio.ranking)."))
    if rows:
        parts.append(wrapped_table(("parameter", "default", "allowed", "meaning"), rows, width=width()))
    show("\n\n".join(parts))


NewName = Annotated[
    str, typer.Argument(metavar="NAME", help="name of the rule: small letters, digits and _", show_default=False)
]
NewFolder = Annotated[Path, typer.Option("--dir", metavar="DIR", help="folder to write to; it is made when it does not exist")]
AsWeights = Annotated[bool, typer.Option("--weights", help="a rule that rebalances to weights, in place of one of signals")]


def strategy_new(name: NewName, folder: NewFolder = Path("."), weights: AsWeights = False, as_json: AsJson = False) -> None:
    """Write a rule of your own to start from: its code, its strategy file and its test; nothing is overwritten.

    Example: trading-system strategy new my_rule
    """
    from trading_system.cli.scaffold import rule_files
    from trading_system.cli.session import session
    from trading_system.cli.writing import write_new

    session.kept = "files that were written whole are kept"
    written = write_new(folder, rule_files(name, weights=weights), "choose another name or --dir; nothing was changed")
    if as_json:
        show_json({"folder": str(folder), "files": [str(path) for path in written]})
        return
    from trading_system.reports.formats import command, one_line

    config = str(folder / f"{name}.yaml")
    lines = [f"wrote {one_line(str(path))}" for path in written]
    lines += [f"try:   {command('trading-system', 'backtest', config)}"]
    show("\n".join([*lines, *_check(folder / f"test_{name}.py")]))


def _check(test: Path) -> list[str]:
    """How to run the test of a new rule with the Python that runs now; without pytest, how to get it first."""
    import sys
    from importlib.util import find_spec

    from trading_system.reports.formats import command

    python = sys.executable or "python"
    lines = [f"check: {command(python, '-m', 'pytest', str(test))}"]
    if find_spec("pytest") is None:
        lines.append(f"       pytest is not installed here; first: {command(python, '-m', 'pip', 'install', 'pytest')}")
    return lines


def _component(name: str) -> type[Any]:
    """The strategy type or filter called `name`."""
    from trading_system.errors import UnknownNameError
    from trading_system.strategies.base import strategies
    from trading_system.strategies.filters.base import filters
    from trading_system.strategies.parameters import nearest

    if name in strategies.names():
        return strategies.get(name)
    if name in filters.names():
        return filters.get(name)
    known = (*strategies.names(), *filters.names())
    near = nearest(name, known)
    raise UnknownNameError(
        f"there is no strategy type or filter {name!r}",
        allowed=", ".join(known),
        remedy=f"did you mean {near!r}?" if near else "",
    )


def _sentence(kind: type[Any]) -> str:
    return " ".join((kind.__doc__ or "").split("\n\n")[0].split())


def _value(default: Any) -> str:
    return "" if default is None else str(default)


def _parameters(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """One entry per field of a strategy's JSON Schema."""
    return [
        {
            "name": name,
            "default": field.get("default"),
            "allowed": _allowed(field),
            "description": field.get("description", ""),
        }
        for name, field in schema.get("properties", {}).items()
    ]


def _allowed(field: dict[str, Any]) -> str:
    """Type and bounds in words: ``integer >= 1``."""
    if "enum" in field:
        return ", ".join(str(item) for item in field["enum"])
    if "anyOf" in field:
        return " or ".join(_allowed(option) for option in field["anyOf"])
    if "prefixItems" in field:
        return f"[{', '.join(_allowed(item) for item in field['prefixItems'])}]"
    if field.get("type") == "array":
        return f"list of {_allowed(field.get('items', {}))}"
    bounds = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    parts = [f"{sign} {field[key]:g}" for key, sign in bounds.items() if key in field]
    return " ".join(
        [str(field.get("type", "any")).replace("null", "nothing").replace("string", "text"), ", ".join(parts)]
    ).strip()


COMMANDS = {"list": strategy_list, "show": strategy_show, "new": strategy_new}
