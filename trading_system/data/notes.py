"""What the quality rules did, in one sentence each: what is dropped or doubtful is said where the run is summed up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trading_system.config.models import QualityConfig
    from trading_system.data.quality import Findings

_NAMED = 3


def alarming(note: str) -> bool:
    """Whether a note about the data says that numbers may be wrong, and is shown as a warning."""
    from trading_system.data.source import NOT_READ

    return note.startswith(NOT_READ)


def said(found: Findings, n_rows: int, config: QualityConfig) -> list[str]:
    """Sentences about the rows that were dropped, the jumps and the suspected splits, for the notes of the market."""
    notes = []
    total = sum(sum(of_kind.values()) for of_kind in found.dropped.values())
    if total:
        kinds = "; ".join(_kind(kind, of_kind) for kind, of_kind in sorted(found.dropped.items()))
        notes.append(
            f"{total:,} of {n_rows:,} rows {'was' if total == 1 else 'were'} dropped ({kinds}); see data_quality.json"
        )
    for kind, policy, text in (
        ("jump", config.jump, f"more than {config.max_jump:.0%} away from the one before"),
        ("split_suspect", config.split_suspect, "after a suspected split that is not recorded, or recorded wrongly"),
    ):
        number = found.totals().get(kind, 0)
        if number and policy == "warn":
            bars = "1 bar is" if number == 1 else f"{number:,} bars are"
            notes.append(f"{bars} {text}: {_incidents(found, kind, number)}; see data_quality.json")
    return notes


def _kind(kind: str, of_symbol: Mapping[str, int]) -> str:
    """``duplicate_timestamp 12: AAPL 10, KO 2``, the worst symbols first."""
    worst = sorted(of_symbol.items(), key=lambda pair: (-pair[1], pair[0]))
    more = f" and {len(worst) - _NAMED:,} more symbols" if len(worst) > _NAMED else ""
    named = ", ".join(f"{symbol} {number:,}" for symbol, number in worst[:_NAMED])
    return f"{kind} {sum(of_symbol.values()):,}: {named}{more}"


def _incidents(found: Findings, kind: str, number: int) -> str:
    hidden = found.hidden.get(kind, 0)
    mine = [one for one in found.incidents if one["kind"] == kind and one["date"]][:_NAMED]
    named = ", ".join(" ".join(str(one[key]) for key in ("symbol", "date")) for one in mine)
    more = f" and {number - hidden - len(mine):,} more" if number - hidden > len(mine) else ""
    there = f"{hidden:,} in the held-out days" if hidden else ""
    return "; ".join(text for text in (named + more, there) if text)
