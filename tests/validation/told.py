"""Examinations whose returns, trades, trials and grid are told instead of simulated."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.builders import weekdays
from trading_system.config.models import RunConfig
from trading_system.metrics import returns as measures
from trading_system.validation.base import Examination, FamilyTrials, TestResult, ValidationTest, generator
from trading_system.validation.loop import Loop
from trading_system.validation.search import Search

TRADE = np.dtype(
    [("open", np.int8), ("exit_row", np.int64), ("pnl", np.float64), ("return_pct", np.float64), ("initial_risk", np.float64)]
)


def told(
    returns: Any,
    *,
    trials: FamilyTrials | None = None,
    grid: Any = None,
    pnl: Any = (),
    risk: Any = None,
    market: Any = None,
    year: float = 252.0,
    risk_free: float = 0.0,
    seed: int = 42,
    fast: bool = False,
    **validation: Any,
) -> Examination:
    """An examination of a record of `returns`; `grid` are returns of the points of a search, `market` those of the benchmark."""
    series = np.asarray(returns, np.float64)
    points = None if grid is None else np.column_stack([np.asarray(grid, np.float64), series])
    if points is not None:
        validation["grid"] = {"strategies.0.params.fast": tuple(range(1, points.shape[1] + 1))}
    config = RunConfig.model_validate(
        {
            "data": {"source": "csv", "path": "data"},
            "strategies": ({"name": "told", "type": "ma_crossover"},),
            "portfolio": {"risk_free": risk_free},
            "validation": validation,
            "seed": seed,
        }
    )
    experiment = SimpleNamespace(
        config=config,
        baseline=_outcome(series, pnl, risk, market, year, risk_free),
        bars=SimpleNamespace(periods_per_year=year),
    )
    examination = Examination(experiment, Loop(), trials or only(series), fast)  # type: ignore[arg-type]
    if points is not None:
        labels = [{"strategies.0.params.fast": k + 1} for k in range(points.shape[1])]
        values = np.array([measures.sharpe(column, year, risk_free) for column in points.T])
        keys = ("strategies.0.params.fast",)
        found = Search(
            keys,
            (tuple(range(1, len(labels) + 1)),),
            labels,
            values,
            points,
            len(labels) - 1,
            np.full((len(labels), 5), np.nan),
        )
        examination.__dict__["search"] = found
    return examination


def only(series: np.ndarray) -> FamilyTrials:
    """The first trial of a family."""
    return FamilyTrials(1, 1, series[:, None], sampled=False, sharpe_variance=None)


def family(matrix: np.ndarray, without: int = 0, **more: Any) -> FamilyTrials:
    """Trials of which `matrix` are the returns, the last column judged, and `without` more whose returns are not at hand."""
    moving = matrix[:, np.ptp(matrix, axis=0) > 0.0]
    ratios = moving.mean(axis=0) / moving.std(axis=0, ddof=1)
    width = matrix.shape[1]
    return FamilyTrials(
        n_trials=width + without,
        n_rows=width,
        returns=matrix,
        sampled=more.pop("sampled", False),
        sharpe_variance=float(ratios.var(ddof=1)) if ratios.size > 1 else None,
        n_covered=width,
        **more,
    )


def made(test: type[ValidationTest], examination: Examination) -> TestResult:
    """The test as the suite makes it."""
    name = test.__module__.rpartition(".")[2]
    return test().run(examination, generator(examination.experiment.config.seed, name))


def _outcome(series: np.ndarray, pnl: Any, risk: Any, market: Any, year: float, risk_free: float) -> SimpleNamespace:
    profits = np.asarray(pnl, np.float64)
    trades = np.zeros(profits.size, TRADE)
    trades["pnl"], trades["exit_row"], trades["return_pct"] = profits, np.arange(profits.size), profits / 1e4
    trades["initial_risk"] = np.nan if risk is None else risk
    session = weekdays(series.size)
    bars = SimpleNamespace(session=session, index=session.astype(np.int64))
    closes = None if market is None else 100.0 * np.cumprod(1.0 + np.asarray(market, np.float64))
    levels = np.concatenate(([1.0], np.cumprod(1.0 + series)))
    sample = SimpleNamespace(session=session, returns=series, rows=None, levels=levels)
    ledger = SimpleNamespace(trades=trades, bars=bars, first=0, equity=levels[1:])
    numbers = {"sharpe": measures.sharpe(series, year, risk_free)}
    return SimpleNamespace(
        returns=series,
        sample=sample,
        ledger=ledger,
        benchmark=closes,
        pnl=profits,
        metric=lambda name: numbers[name],
        summary=SimpleNamespace(metrics=numbers, conventions={"benchmark": None if market is None else "M"}),
    )
