"""The corridor: one function per user story, the same for the command line, Python and notebooks.

Bars go to strategies, decisions to the engine, the ledger to the metrics, all of it to a folder; nothing is decided here but the
order, and what a run may look at.
"""

from __future__ import annotations

from trading_system.pipeline.backtest import BacktestResult, run_backtest
from trading_system.pipeline.holdout import HoldoutRun, holdout_plan, run_holdout
from trading_system.pipeline.loading import load_run, validate_config, validate_data
from trading_system.pipeline.optimize import OptimizeRun, run_optimize
from trading_system.pipeline.preregistration import preregister
from trading_system.pipeline.runs import compare_runs, list_runs, report_run, reproduce_run, show_run
from trading_system.pipeline.trials import list_trials, show_trials
from trading_system.pipeline.validation import ValidationRun, run_validation
from trading_system.pipeline.walk_forward import WalkForwardRun, run_walk_forward

__all__ = [
    "BacktestResult",
    "HoldoutRun",
    "OptimizeRun",
    "ValidationRun",
    "WalkForwardRun",
    "compare_runs",
    "holdout_plan",
    "list_runs",
    "list_trials",
    "load_run",
    "preregister",
    "report_run",
    "reproduce_run",
    "run_backtest",
    "run_holdout",
    "run_optimize",
    "run_validation",
    "run_walk_forward",
    "show_run",
    "show_trials",
    "validate_config",
    "validate_data",
]
