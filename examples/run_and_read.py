"""Run a backtest from Python and read what it found.

python examples/run_and_read.py [FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import trading_system as ts

RUN_FILE = """
data: {source: sample, path: equities50, benchmark: equal_weight}
splits: {train: [2010-01-04, 2016-12-30], validation: [2017-01-03, 2018-12-31], holdout: [2019-01-02, 2020-12-31]}
strategies:
  - name: trend
    type: ma_crossover
    params: {fast: 50, slow: 200}
    costs: {commission_bps: 1, slippage: {model: fixed, bps: 5}}
portfolio:
  limits: {max_drawdown: 0.3}
"""


def shown(value: float | None) -> str:
    """A number, or a dash where there is none."""
    return "-" if value is None else f"{value:.4g}"


def main(folder: Path) -> None:
    run_file = folder / "run.yaml"
    run_file.write_text(RUN_FILE, encoding="utf-8")
    result = ts.run_backtest(run_file)  # train and validation; the holdout stays closed

    print(f"{'':24} {'strategy':>10} {'benchmark':>10}")
    for name in ("total_return", "cagr", "sharpe", "max_drawdown", "n_trades", "breakeven_cost_multiple"):
        print(f"{name:24} {shown(result.metrics[name]):>10} {shown(result.metrics.get(f'benchmark_{name}')):>10}")
    print("\nwhy a number is missing:", result.summary.undefined or "none is")
    print("warnings:", *result.warnings, sep="\n  ")

    equity = result.equity_frame()
    print("\nthe worst day:", equity["equity"].pct_change().idxmin(), f"{equity['equity'].pct_change().min():.2%}")
    trades = result.trades_frame()
    print("\nprofit of the five best symbols:")
    print(trades.groupby("symbol")["pnl"].agg(["count", "sum"]).nlargest(5, "sum").round(2))
    print("\nresults:", result.folder)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))
