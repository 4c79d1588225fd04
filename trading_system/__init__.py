"""From a trading idea to a defensible go / no-go: honest portfolio backtests, validation and a readiness gate.

    import trading_system as ts

    result = ts.run_backtest("run_config.yaml")
    result.summary.metrics["sharpe"], result.equity_frame()

Everything is imported when it is first used; importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trading_system.data.bars import Bars as Bars
    from trading_system.errors import TradingSystemError as TradingSystemError
    from trading_system.pipeline import BacktestResult as BacktestResult
    from trading_system.pipeline import HoldoutRun as HoldoutRun
    from trading_system.pipeline import OptimizeRun as OptimizeRun
    from trading_system.pipeline import ValidationRun as ValidationRun
    from trading_system.pipeline import WalkForwardRun as WalkForwardRun
    from trading_system.pipeline import compare_runs as compare_runs
    from trading_system.pipeline import list_runs as list_runs
    from trading_system.pipeline import list_trials as list_trials
    from trading_system.pipeline import load_run as load_run
    from trading_system.pipeline import preregister as preregister
    from trading_system.pipeline import report_run as report_run
    from trading_system.pipeline import reproduce_run as reproduce_run
    from trading_system.pipeline import run_backtest as run_backtest
    from trading_system.pipeline import run_holdout as run_holdout
    from trading_system.pipeline import run_optimize as run_optimize
    from trading_system.pipeline import run_validation as run_validation
    from trading_system.pipeline import run_walk_forward as run_walk_forward
    from trading_system.pipeline import show_run as show_run
    from trading_system.pipeline import show_trials as show_trials
    from trading_system.pipeline import validate_config as validate_config
    from trading_system.pipeline import validate_data as validate_data
    from trading_system.strategies.base import Signals as Signals
    from trading_system.strategies.base import Strategy as Strategy
    from trading_system.strategies.base import Weights as Weights

_HOME = {
    "Bars": "data.bars",
    "BacktestResult": "pipeline",
    "HoldoutRun": "pipeline",
    "OptimizeRun": "pipeline",
    "ValidationRun": "pipeline",
    "WalkForwardRun": "pipeline",
    "Signals": "strategies.base",
    "Strategy": "strategies.base",
    "TradingSystemError": "errors",
    "Weights": "strategies.base",
    "compare_runs": "pipeline",
    "list_runs": "pipeline",
    "list_trials": "pipeline",
    "load_run": "pipeline",
    "preregister": "pipeline",
    "report_run": "pipeline",
    "reproduce_run": "pipeline",
    "run_backtest": "pipeline",
    "run_holdout": "pipeline",
    "run_optimize": "pipeline",
    "run_validation": "pipeline",
    "run_walk_forward": "pipeline",
    "show_run": "pipeline",
    "show_trials": "pipeline",
    "validate_config": "pipeline",
    "validate_data": "pipeline",
}
__all__ = (*_HOME, "__version__")  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("trading-system")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
