"""JSON Schema of run and strategy files, for editors and other programs."""

from __future__ import annotations

from typing import Any, Literal

from trading_system.config.models import RunConfig, StrategyConfig, StrategyReference

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(kind: Literal["run", "strategy"] = "run") -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) that every accepted file of this kind passes.

    Scalars are judged as the reader takes them: where the schema wants text, a plain ``NO`` or ``010`` is that text. Rules on
    several fields together and paths are beyond a schema; `load_run` checks them too.
    """
    model = RunConfig if kind == "run" else StrategyConfig
    document = model.model_json_schema()
    if kind == "run":
        reference = StrategyReference.model_json_schema()
        document["$defs"]["StrategyReference"] = reference
        entries = document["properties"]["strategies"]
        entries["items"] = {"anyOf": [entries["items"], {"$ref": "#/$defs/StrategyReference"}]}
    title = "a run file of trading-system" if kind == "run" else "a strategy file of trading-system"
    return {"$schema": DIALECT, **document, "title": title}
