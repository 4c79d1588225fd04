"""What the report draws of a test: a closed list of forms, each a plain document that goes into ``validation.json``.

A test puts a list of them under ``pictures`` of its `TestResult.picture`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from trading_system.types import FloatArray

BINS = 40
POINTS = 240


def histogram(title: str, values: Any, marks: Mapping[str, float], unit: str = "ratio", summary: str = "") -> dict[str, Any]:
    """How often which value came, with named values marked (the real one among its null distribution).

    Parameters
    ----------
    values : float64, shape (n,)
        NaN and infinities are left out, and counted in `summary`.
    marks : mapping
        Name -> value.
    """
    given = np.asarray(values, np.float64)
    known = given[np.isfinite(given)]
    shown = [value for value in marks.values() if np.isfinite(value)]
    ends = [float(bound) for bound in (*(known.min(), known.max()), *shown)] if known.size else [0.0, 1.0]
    low, high = min(ends), max(ends)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-300):  # equal but for rounding
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(known, bins=BINS, range=(low, high))
    left = given.size - known.size
    words = f"{summary}{' ' if summary and left else ''}{f'{left} without a number are left out.' if left else ''}"
    return {
        "form": "histogram", "title": title, "unit": unit, "edges": edges.tolist(), "counts": counts.tolist(),
        "marks": {name: float(value) for name, value in marks.items()}, "summary": words,
    }  # fmt: skip


def fan(title: str, labels: Sequence[str], bands: Any, line: Any, unit: str = "ratio", summary: str = "") -> dict[str, Any]:
    """Quantiles over time, outermost pair first, and the real curve in front of them.

    Parameters
    ----------
    labels : sequence of str, length n
        What each point is, as a date.
    bands : float64, shape (n_pairs, 2, n)
        Lower and upper edge of each band.
    line : float64, shape (n,)
    """
    rows = thinned(len(labels))
    edges = np.asarray(bands, np.float64)[:, :, rows]
    return {
        "form": "fan", "title": title, "unit": unit, "labels": [labels[i] for i in rows], "bands": edges.tolist(),
        "line": np.asarray(line, np.float64)[rows].tolist(), "summary": summary,
    }  # fmt: skip


def bars(
    title: str, labels: Sequence[str], series: Mapping[str, Any], unit: str = "ratio", summary: str = ""
) -> dict[str, Any]:
    """Values side by side: one group per label, one bar per series (folds in and out of sample)."""
    values = {name: np.asarray(one, np.float64).tolist() for name, one in series.items()}
    return {"form": "bars", "title": title, "unit": unit, "labels": list(labels), "series": values, "summary": summary}


def curve(
    title: str, x: Any, series: Mapping[str, Any], marks: Mapping[str, float] | None = None, *, unit: str = "ratio",
    x_name: str = "", log_x: bool = False, summary: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Lines over a number (DSR against the number of trials); `marks` are named values of x."""
    values = {name: np.asarray(one, np.float64).tolist() for name, one in series.items()}
    return {
        "form": "curve", "title": title, "unit": unit, "x": np.asarray(x, np.float64).tolist(), "x_name": x_name, "log_x": log_x,
        "series": values, "marks": dict(marks or {}), "summary": summary,
    }  # fmt: skip


def heat(
    title: str, rows: Sequence[str], columns: Sequence[str], values: Any, *, row_name: str, column_name: str, unit: str = "ratio",
    marked: tuple[int, int] | None = None, summary: str = "",
) -> dict[str, Any]:  # fmt: skip
    """A table of values by two parameters; `marked` is the place of the configuration that is judged."""
    return {
        "form": "heat", "title": title, "unit": unit, "rows": list(rows), "columns": list(columns), "row_name": row_name,
        "column_name": column_name, "values": np.asarray(values, np.float64).tolist(), "marked": list(marked) if marked else None,
        "summary": summary,
    }  # fmt: skip


def thinned(n: int, most: int = POINTS) -> Any:
    """Rows of at most about `most` points at equal distances, the first and the last among them."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64)) if n else np.zeros(0, np.int64)


def quantile_bands(paths: FloatArray, levels: Sequence[float] = (0.05, 0.25)) -> FloatArray:
    """Lower and upper quantile of each level over the paths, shape (n_levels, 2, n_points) of (n_paths, n_points)."""
    return np.stack([np.quantile(paths, [level, 1.0 - level], axis=0) for level in levels])
