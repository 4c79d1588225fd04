"""The configuration reference, written from the models: ``python -m trading_system.config.reference > docs/configuration.md``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from trading_system.config import templates
from trading_system.config.containers import Either, Entry, Items, Record, Table
from trading_system.config.fields import record_of
from trading_system.config.models import RunConfig, StrategyConfig, StrategyReference
from trading_system.config.shapes import Shape

_INTRODUCTION = """\
# Configuration

This page is written by `python -m trading_system.config.reference`; a test keeps it current.

A **run file** says which bars, which strategies and how much money. A **strategy file** holds one strategy: its rule, parameters,
universe, sizing, limits and costs. A run file names strategy files or holds strategies inline. A strategy file given alone runs on the
sample market of its asset class (`equity`: equities50, `crypto`: crypto10), the last two years held out, and the program says so.

    trading-system config template run > run_config.yaml     # a commented file to start from
    trading-system validate config run_config.yaml           # every mistake in one pass
    trading-system config show run_config.yaml               # what it resolves to, every default written out
    trading-system config schema run                         # JSON Schema, for your editor

## How files are read

**One pass.** Every mistake of a file is reported at once, as `file:line: key: what is wrong; allowed: ...; did you mean ...?`.
Unknown keys are mistakes. A mistake in YAML syntax ends the reading, so it stands alone.

**Text is text.** Where a key wants text, the characters of the file are taken: a symbol may be `NO`, `TRUE`, `010` or `1e3` without quotes.
Everywhere else, and in `params`, what YAML readers disagree about is a mistake that says what to write:

| written | some readers take it as | write |
|---|---|---|
| `yes`, `no`, `on`, `off` | true or false | `true` or `false`; `'no'` for text |
| `16:00` | 960, in base 60 | `'16:00'` |
| `010`, `0x1F`, `0b11` | 8, 31, 3 | `10`, or `'010'` |
| `1_000` | 1000 | `1000` |
| `2010-01-04` in `params` | a date | `'2010-01-04'` |
| `.inf`, `.nan` | no finite number | a number |
| `50%`, `100,000` | text | `0.5`, `100000` |

Numbers are those of YAML 1.2: `5`, `-2.0`, `.5`, `1e-3`. `null` or nothing means "not set", where a key may be unset. Fractions are
fractions (0.05 is 5 %), keys that end in `_bps` are basis points, rates are yearly, dates are `YYYY-MM-DD`.

**Refused:** duplicate keys, tags, anchors and aliases, merge keys, several documents, directives, tabs, control characters, more than 50
levels, more than 1 MB, anything but UTF-8.

**Paths** are relative to the run file's folder and stay below it, links followed: strategy files, universe files, rules of your own.
`data.path` and `output.path` may lead elsewhere; `data.actions` and `data.delistings` lie below either the run file's folder or the data's.

**`--set key.path=value`** replaces one value before anything is checked; it may be given many times, the last of a key wins. Items of a
list are numbered from 0: `--set strategies.0.params.fast=10`. For a strategy file alone the path may start at the strategy: `--set params.fast=10`.
A value that begins with `[`, `{` or a quote is read as YAML, any other is taken as it stands. A key with a dot is quoted:
`--set 'data.asset_class."BRK.B"=equity'`.

**The hash** of a run is the sha256 of the resolved configuration. Formatting, comments, the order of keys, `1.0` for `1`, the folder,
`output.path`, and whether a strategy stands inline or in a file leave it alone; every other change is another run.

**Warnings** name what is legal and dangerous; the run goes on:

| setting | warned of |
|---|---|
| `splits`, `splits.holdout` | none: nothing is held out |
| `portfolio.limits.max_drawdown` | none, or above 0.30 |
| `max_position_notional`, `sizing.fraction`, `sizing.kelly_cap` | one position above half of the equity |
| `max_gross_exposure` | leverage above 2 |
| `allocation` | a sum above 1 (above `max_gross_exposure` it is a mistake) |
| `sizing.risk` | above 0.05 at every stop |
| `costs` | no commission and no slippage |
| `execution.fill` | `same_close`: nobody can trade that |
| `data.quality` | `split_suspect: ignore`, `impossible: warn` |
| `sizing`, `costs.slippage` | a key that the chosen method or model does not read |
"""


def reference() -> str:
    """The whole page, Markdown."""
    parts = [_INTRODUCTION]
    parts.append("## Run file\n\n" + _table("", record_of(RunConfig)))
    parts += [_section(key, record) for key, record in _records("", record_of(RunConfig), StrategyConfig)]
    parts.append(_strategies())
    parts += [_section(key, record) for key, record in _records("", record_of(StrategyConfig), None)]
    parts.append("## A whole run file\n\n```yaml\n" + templates.template("run") + "```\n")
    parts.append("## A whole strategy file\n\n```yaml\n" + templates.template("equity_momentum") + "```\n")
    return "\n".join(parts)


def _strategies() -> str:
    text = "## Strategies\n\nAn item of `strategies` in a run file names a file:\n\n"
    text += _table("strategies.N", record_of(StrategyReference))
    text += "\nor is a strategy itself, with `allocation` beside the keys below. A strategy file has these keys, without `allocation`:\n\n"
    return text + _table("", record_of(StrategyConfig))


def _section(key: str, record: Record) -> str:
    return f"### {key}\n\n{_said(record.model)}\n\n{_table(key, record)}"


def _said(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip()


def _records(prefix: str, record: Record, without: type[BaseModel] | None) -> Iterator[tuple[str, Record]]:
    """Every record below `record`, with its key; those of `without` and what builds on it are left out."""
    for name, entry in record.entries.items():
        key = f"{prefix}.{name}" if prefix else name
        for inner, suffix in _inside(entry.shape):
            if without is None or not issubclass(inner.model, without):
                yield key + suffix, inner
                yield from _records(key + suffix, inner, without)


def _inside(shape: Shape) -> Iterator[tuple[Record, str]]:
    if isinstance(shape, Record):
        if shape.entries:
            yield shape, ""
    elif isinstance(shape, Items):
        yield from ((record, ".N" + suffix) for record, suffix in _inside(shape.item))
    elif isinstance(shape, Either):
        for option in shape.options:
            yield from _inside(option)


def _table(prefix: str, record: Record) -> str:
    rows = ["| key | allowed | default | meaning |", "|---|---|---|---|"]
    for name, entry in record.entries.items():
        key = f"{prefix}.{name}" if prefix else name
        rows.append(
            f"| `{key}` | {_cell(_allowed(entry.shape))} | {_cell(_default(entry))} | {_cell(entry.info.description or '')} |"
        )
    return "\n".join(rows) + "\n"


def _allowed(shape: Shape) -> str:
    """What a cell says; records have a table of their own."""
    if isinstance(shape, Record):
        return "a mapping" if not shape.entries else "a mapping (see below)"
    if isinstance(shape, Table) and isinstance(shape.value, Record):
        return "a mapping of mappings (see below)"
    if isinstance(shape, Items):
        return "a list" if isinstance(shape.item, Record) else shape.describe()
    if isinstance(shape, Either):
        return ", or ".join(_allowed(option) for option in shape.options)
    return shape.describe()


def _default(entry: Entry) -> str:
    if entry.required:
        return "required"
    value: Any = entry.info.get_default(call_default_factory=True)
    if value is None:
        return "not set"
    if isinstance(value, BaseModel):
        return "its defaults"
    if isinstance(value, str):
        return f"`{value}`"
    if isinstance(value, dict | tuple):
        return f"`{json.dumps(value)}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    print(reference(), end="")
