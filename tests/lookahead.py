"""Does a rule read the future? Its decisions on less, and on other, later data must be the same, bit for bit.

Works on anything that turns bars into arrays: an indicator, a strategy's ``decide``, a function of a notebook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from trading_system.data.bars import Bars
from trading_system.validation.histories import perturbed

CUTS = (1, 37, 60, 88, 101, 118, 149, 173, 230, 257, 311, 351, 377, 402)  # irregular: block-aligned cuts hide leaks
Compute = Callable[[Bars], Any]


@dataclass(frozen=True)
class Leak:
    """The first value that changed when only later data did.

    Attributes
    ----------
    output : str
        Name of the array.
    row, column : int
        Where it differs first; -1 when its shape does.
    cut : int
        Rows that were left as they are.
    how : str
        ``truncation`` or ``perturbation``.
    """

    output: str
    row: int
    column: int
    cut: int
    how: str


def arrays_of(result: Any, name: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Every array of a result by name: of an array, a tuple, a mapping, a dataclass."""
    if isinstance(result, np.ndarray):
        yield name or "value", result
    elif is_dataclass(result) and not isinstance(result, type):
        for part in fields(result):
            yield from arrays_of(getattr(result, part.name), part.name)
    elif isinstance(result, Mapping):
        for key, value in result.items():
            yield from arrays_of(value, str(key))
    elif hasattr(result, "_fields"):
        for key in result._fields:
            yield from arrays_of(getattr(result, key), key)
    elif isinstance(result, list | tuple) and not all(isinstance(part, str) for part in result):
        for number, value in enumerate(result):
            yield from arrays_of(value, f"{name}[{number}]")


def first_difference(whole: Any, part: Any, n: int, n_bars: int) -> tuple[str, int, int] | None:
    """First (output, row, column) at which `part`, made from n rows or from other data after them, differs before row n.

    The bar axis is the last but one (the only one of a series) when it has n_bars entries; arrays without one are
    compared whole. Bits decide, and NaN equals NaN.
    """
    others = dict(arrays_of(part))
    found: list[tuple[str, int, int]] = []
    for name, expected in arrays_of(whole):
        axis = max(expected.ndim - 2, 0)
        got = others.get(name)
        if expected.ndim and expected.shape[axis] == n_bars:
            cut = [slice(None)] * expected.ndim
            cut[axis] = slice(0, n)
            expected = expected[tuple(cut)]
            got = None if got is None else got[tuple(cut)]
        if got is None or got.shape != expected.shape or got.dtype != expected.dtype:
            return name, -1, -1
        same = got == expected
        if np.issubdtype(expected.dtype, np.floating):
            same |= np.isnan(got) & np.isnan(expected)
        if not same.all():
            places = np.argwhere(~same)
            row = int(places[:, axis].min())
            column = int(places[places[:, axis] == row][0, -1]) if expected.ndim > 1 else 0
            found.append((name, row, column))
    return min(found, key=lambda place: place[1]) if found else None


def find_leak(compute: Compute, bars: Bars, cuts: Sequence[int] = CUTS) -> Leak | None:
    """The first sign that `compute` reads later rows than it writes, or None.

    Every cut is tried twice: with the later rows taken away and with noise in their place.
    """
    whole = compute(bars)
    for n in cuts:
        if n >= bars.n_bars:
            continue
        for how, other in (
            ("truncation", bars.head(n)),
            ("perturbation", perturbed(bars, n, np.random.default_rng(n), size=10.0)),
        ):
            place = first_difference(whole, compute(other), n, bars.n_bars)
            if place is not None:
                return Leak(*place, cut=n, how=how)
    return None
