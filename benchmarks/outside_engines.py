"""Buy-and-hold and crossovers on five real symbols, here and in vectorbt and backtesting.py; prints the differences.

    python benchmarks/outside_engines.py --vectorbt PYTHON --backtesting PYTHON

Each peer runs in its own environment (its interpreter is given). Ends 1 when equal semantics give unequal equity or prices (1e-9 relative).

Where the semantics are equal:

* vectorbt `from_signals`: all cash at the signal's own close, fractional units, commission in the price of the units. Ours: weights of 1 with
  `execution.fill: same_close` and fractional lots.
* backtesting.py: market orders of a fixed quantity at the next open, decided from the second bar on. Ours: signals with `fixed_quantity` sizing.

Where they are not, the reason is printed: backtesting.py sizes a fraction of equity at the fill, ours at the decision.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
CASH, FEE, QUANTITY = 1_000_000.0, 0.001, 10
RULES = [
    {"rule": "buy_and_hold"},
    {"rule": "crossover", "fast": 20, "slow": 50},
    {"rule": "crossover", "fast": 5, "slow": 200},
]


def market() -> Any:
    """The built-in five symbols as printed, without their actions: every engine gets the same numbers."""
    from trading_system.config.models import DataConfig, RunConfig
    from trading_system.data.loading import load_market

    data = DataConfig(source="sample", path="us5", adjust="none")
    config = RunConfig.model_validate({"data": data.model_dump(), "strategies": ({"name": "x", "type": "buy_and_hold"},)})
    return load_market(config, HERE, None).bars


def alone(bars: Any, column: int) -> Any:
    """One symbol's own bars on its own axis."""
    from trading_system.data.bars import Bars

    rows = np.flatnonzero(np.isfinite(bars.close[:, column]))
    fields = {f: getattr(bars, f)[rows, column] for f in ("open", "high", "low", "close", "volume")}
    return Bars.daily(fields.pop("close"), symbols=(bars.symbols[column],), **fields)


def above(close: np.ndarray, job: dict[str, Any]) -> np.ndarray:
    """Whether the rule wants to be long at each close."""
    import pandas as pd

    if job["rule"] == "buy_and_hold":
        return np.ones(close.size, bool)
    series = pd.Series(close)
    wanted: np.ndarray = (series.rolling(job["fast"]).mean() > series.rolling(job["slow"]).mean()).to_numpy()
    return wanted


def simulated(
    bars: Any, decisions: Any, strategy: dict[str, Any], execution: dict[str, Any], portfolio: dict[str, Any]
) -> Any:
    """Our engine on these decisions."""
    from trading_system.config.models import RunConfig
    from trading_system.engine.simulate import StrategyDecisions, simulate

    strategy = {"name": "x", "type": "x", "costs": {"commission_bps": FEE * 1e4, "slippage": {"model": "none"}}, **strategy}
    config = RunConfig.model_validate(
        {
            "data": {"source": "sample", "path": "us5"},
            "strategies": (strategy,),
            "execution": execution,
            "portfolio": {"starting_equity": CASH, **portfolio},
        }
    )
    return simulate(bars, [StrategyDecisions(decisions, np.arange(1), np.ones(bars.close.shape, bool))], config)


def as_vectorbt(bars: Any, wanted: np.ndarray) -> Any:
    """All cash in and out at the signal's own close."""
    from trading_system.strategies.base import Weights

    target = np.where(wanted, 1.0, 0.0)[:, None]
    execution = {"fill": "same_close", "lot": {"equity": "fractional"}, "min_trade": 0.0}
    return simulated(bars, Weights.on_change(target), {}, execution, {})


def as_backtesting(bars: Any, wanted: np.ndarray) -> Any:
    """A fixed quantity in and out at the next open."""
    from trading_system.strategies.base import Signals

    wanted = wanted & (np.arange(wanted.size) > 0)  # it makes no decision on the first bar
    entry, leave = wanted.astype(np.int8)[:, None], ~wanted[:, None]
    sizing = {"method": "fixed_quantity", "quantity": float(QUANTITY)}
    return simulated(bars, Signals(entry=entry, exit=leave), {"sizing": sizing}, {}, {})


def gap(ours: np.ndarray, theirs: list[float]) -> float:
    """Largest relative difference; infinite when the lengths differ."""
    other = np.asarray(theirs, np.float64)
    if ours.shape != other.shape:
        return float("inf")
    return float(np.max(np.abs(ours - other) / np.maximum(np.abs(other), 1.0))) if other.size else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectorbt", required=True, help="python of an environment that has vectorbt")
    parser.add_argument("--backtesting", required=True, help="python of an environment that has backtesting.py")
    args = parser.parse_args()
    bars = market()
    singles = {symbol: alone(bars, column) for column, symbol in enumerate(bars.symbols)}
    jobs = [
        {"id": f"{s} {r['rule']} {r.get('fast', '')}/{r.get('slow', '')}", "symbol": s, **r} for s in singles for r in RULES
    ]
    worst = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for symbol, single in singles.items():
            for field in ("open", "high", "low", "close", "volume"):
                np.save(folder / f"{symbol}.{field}.npy", getattr(single, field)[:, 0])
        (folder / "jobs.json").write_text(json.dumps({"jobs": jobs, "fee": FEE, "cash": CASH, "quantity": QUANTITY}))
        for peer, python, ours in (
            ("vectorbt", args.vectorbt, as_vectorbt),
            ("backtesting", args.backtesting, as_backtesting),
        ):
            subprocess.run([python, str(HERE / "outside" / f"run_{peer}.py"), name], check=True, stdout=subprocess.DEVNULL)
            answer = json.loads((folder / f"{peer}.json").read_text())
            print(f"\n{peer} {answer['version']}: largest relative difference of equity, of fill prices; fills")
            for job in jobs:
                single = singles[job["symbol"]]
                ledger = ours(single, above(single.close[:, 0], job))
                theirs = answer["results"][job["id"]]
                equity = gap(ledger.equity, theirs["equity"])
                prices = gap(np.sort(ledger.fills["price"]), sorted(p for p in theirs["prices"] if not np.isnan(p)))
                worst = max(worst, equity, prices)
                print(f"  {job['id']:<28} {equity:.1e}  {prices:.1e}  {ledger.fills.size}")
    print(f"\nlargest difference {worst:.1e}: {'equal' if worst <= 1e-9 else 'NOT equal'} within 1e-9")
    print(
        "Not compared: backtesting.py's fraction-of-equity sizing (units at the fill's open; ours at the decision's close) and its "
        "same-bar stop order; vectorbt's stops (judged on the close of the bar or at the stop price even through a gap, by option)."
    )
    sys.exit(0 if worst <= 1e-9 else 1)


if __name__ == "__main__":
    main()
