"""What the sections of a run file are made of: dates, texts, symbols, and models with rules on several fields."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from trading_system.types import FrozenModel


def _as_date(value: object) -> object:
    if isinstance(value, str):
        try:
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value, re.ASCII):
                return dt.date.fromisoformat(value)
        except ValueError:
            pass
        raise ValueError(f"{value!r} is not a date; write YYYY-MM-DD")
    return value


class RuledModel(FrozenModel):
    """A section with rules on several fields together."""

    @classmethod
    def broken(cls, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The rules that `values` break, each as (key, sentence); a key that is wrong in itself is absent from `values`."""
        return []

    @model_validator(mode="after")
    def _keeps_its_rules(self) -> Self:
        broken = self.broken(self.__dict__)
        if broken:
            said = "; ".join(f"{key}: {sentence}" for key, sentence in broken)
            raise PydanticCustomError("rules", "{said}", {"said": said, "rules": broken})
        return self


@dataclass(frozen=True)
class Said:
    """How messages and the reference say what a field may hold, where the constraints alone would say it badly."""

    said: str


Date = Annotated[dt.date, BeforeValidator(_as_date)]
Period = Annotated[tuple[Date, Date], Said("[first, last], dates as YYYY-MM-DD")]
AssetClass = Literal["equity", "crypto", "fx", "future"]
Text = Annotated[str, Field(min_length=1, max_length=1000)]
Symbol = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\S(.*\S)?$"), Said("a symbol of at most 64 characters")]
