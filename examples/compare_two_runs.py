"""The same strategy with and without costs: what differs, and both equities at common dates.

python examples/compare_two_runs.py [FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import pandas as pd

import trading_system as ts

RUN_FILE = """
data: {source: sample, path: etfs10}
splits: {train: [2010-01-04, 2016-12-30], validation: [2017-01-03, 2018-12-31], holdout: [2019-01-02, 2020-12-31]}
strategies:
  - name: trend
    type: ma_crossover
    params: {fast: 10, slow: 30}
    costs: {commission_bps: 5, slippage: {model: fixed, bps: 10}}
"""


def main(folder: Path) -> None:
    run_file = folder / "run.yaml"
    run_file.write_text(RUN_FILE, encoding="utf-8")
    dear = ts.run_backtest(run_file)
    free = ts.run_backtest(
        run_file, overrides=("strategies.0.costs.commission_bps=0", "strategies.0.costs.slippage.model=none")
    )

    found = ts.compare_runs(str(dear.folder), str(free.folder))
    print("what the runs are made of:", {what: "same" if same else "differs" for what, same in found["same"].items()})
    for row in found["config"]:
        print(f"  {row['name']}: {row['a']} -> {row['b']}")
    for row in found["metrics"]:
        if row["name"] in ("total_return", "sharpe", "max_drawdown", "total_costs"):
            print(f"  {row['name']:14} {row['a']:>12.4f} {row['b']:>12.4f} {row['difference']:>+12.4f}")

    both = pd.DataFrame({"with costs": dear.equity_frame()["equity"], "without": free.equity_frame()["equity"]})
    print(both.iloc[:: len(both) // 8].round(0))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))
