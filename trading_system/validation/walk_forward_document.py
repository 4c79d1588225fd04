"""What is written down of a walk-forward: folds with their sessions, what was stitched, how it held, and what the report draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.metrics import returns as measures
from trading_system.metrics.drawdown import max_drawdown
from trading_system.runs.window import session
from trading_system.validation import pictures
from trading_system.validation.stretches import rows_of
from trading_system.validation.walk_forward import windows_text

if TYPE_CHECKING:
    from trading_system.validation.experiment import Experiment
    from trading_system.validation.folds import Window
    from trading_system.validation.walk_forward import FoldResult, WalkForward


def document(found: WalkForward, experiment: Experiment) -> dict[str, Any]:
    """The content of ``walk_forward.json``: folds with their sessions, what was stitched, efficiency and stability."""
    efficiency, stability, returns = found.efficiency, found.stability, found.returns
    year = found.periods_per_year
    return {
        "windows": {**found.windows.model_dump(mode="json"), "text": windows_text(found.windows)},
        "objective": experiment.config.validation.search.objective if found.grid else None,
        "grid": {key: list(values) for key, values in found.grid.items()},
        "points": len(found.points),
        "failed": found.n_failed,
        "skipped": found.n_skipped,
        "runs": found.n_runs,
        "periods_per_year": year,
        "stitched": {
            "first": session(experiment.bars, int(found.rows[0])),
            "last": session(experiment.bars, int(found.rows[-1])),
            "n_periods": int(returns.size),
            "total_return": measures.total_return(returns),
            "cagr": _number(measures.cagr(returns, year)),
            "ann_vol": _number(measures.ann_vol(returns, year)),
            "sharpe": _number(found.sharpe),
            "max_drawdown": max_drawdown(returns),
        },
        "share_profitable": efficiency.share_profitable,
        "efficiency": {
            "simple_rate": _number(efficiency.simple_rate),
            "mean_of_annualised": _number(efficiency.mean_of_annualised),
            "undefined": efficiency.undefined,
        },
        "stability": None
        if stability is None
        else {
            "modal_choice": dict(zip(found.grid, stability.modal_choice, strict=True)),
            "modal_share": stability.modal_share,
            "mean_jump": _number(stability.mean_jump),
            "jump_of_each": {key: _number(jump) for key, jump in zip(found.grid, stability.jump_of_each, strict=True)},
            "deviation_of_each": {key: _number(d) for key, d in zip(found.grid, stability.deviation_of_each, strict=True)},
        },
        "folds": [_fold_document(number, one, experiment) for number, one in enumerate(found.folds, 1)],
        "unused_periods": found.unused,
        "warnings": list(found.warnings),
    }


def _fold_document(number: int, one: FoldResult, experiment: Experiment) -> dict[str, Any]:
    return {
        "fold": number,
        "train": _span_document(one.fold.train, experiment),
        "test": _span_document(one.fold.test, experiment),
        "point": dict(one.point),
        "unmet": one.unmet,
        "in_sample": one.in_sample.document(),
        "out_of_sample": one.out_of_sample.document(),
    }


def _span_document(span: Window, experiment: Experiment) -> dict[str, Any]:
    first, stop = rows_of(experiment, span)
    return {
        "first": session(experiment.bars, first),
        "last": session(experiment.bars, stop - 1),
        "n_periods": span[1] - span[0],
    }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def pictures_of(found: WalkForward, told: Mapping[str, Any], experiment: Experiment) -> list[dict[str, Any]]:
    """Each fold in and out of sample, and the stitched curve."""
    efficiency, stitched = found.efficiency, told["stitched"]
    labels = np.datetime_as_string(experiment.bars.session[found.rows].astype("datetime64[D]")).tolist()
    kept = int(np.count_nonzero(efficiency.out_of_sample > 0.0))
    return [
        pictures.bars(
            "Folds in and out of sample",
            [one["test"]["first"] for one in told["folds"]],
            {"in sample, a year": efficiency.in_sample, "out of sample, a year": efficiency.out_of_sample},
            "fraction",
            f"Return a year of the chosen point on its training window and on the test that follows; {kept} of {len(found.folds)} tests"
            " earned money.",
        ),
        pictures.fan(
            "Stitched out-of-sample equity",
            labels,
            np.zeros((0, 2, len(labels))),
            found.equity,
            "ratio",
            f"Growth of 1 over the tests one after the other, {stitched['first']} to {stitched['last']}.",
        ),
    ]
