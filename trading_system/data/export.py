"""Rows to CSV files, one per symbol, as a person would write them: what `data sample` gives to look at and start from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from trading_system.data.source import SYNTHETIC
from trading_system.errors import UsageError

if TYPE_CHECKING:
    from trading_system.data.source import Rows

COLUMNS = ("open", "high", "low", "close", "volume", "split", "dividend")
_SYNTHETIC_TEXT = (
    b"SYNTHETIC: the bars in this folder were made by a generator from a seed; they are no prices of any market.\n"
)


def csv_files(rows: Rows) -> Iterator[tuple[str, bytes]]:
    """File name and content per symbol: ``date,open,high,low,close,volume`` and the actions that the rows have.

    Numbers read back to the same bits; a missing one is an empty field. Generated rows come with one more file, `SYNTHETIC.md`, which
    says so; the CSV source knows it and says it again in every run.

    Raises
    ------
    UsageError
        The rows are not daily.
    """
    if rows.kind != "date":
        raise UsageError("only daily bars are written as CSV")
    if rows.synthetic:
        yield SYNTHETIC, _SYNTHETIC_TEXT
    names = [name for name in COLUMNS if name in rows.columns]
    header = ",".join(("date", *names))
    for code, symbol in enumerate(rows.symbols):
        mine = np.flatnonzero(rows.code == code)
        mine = mine[np.argsort(rows.stamp[mine], kind="stable")]
        days = np.datetime_as_string(rows.stamp[mine].astype("M8[D]")).tolist()
        columns = [[_number(value) for value in rows.columns[name][mine].tolist()] for name in names]
        lines = map(",".join, zip(days, *columns, strict=True))
        yield f"{symbol}.csv", "\n".join([header, *lines, ""]).encode()


def _number(value: float) -> str:
    if math.isnan(value):
        return ""
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
