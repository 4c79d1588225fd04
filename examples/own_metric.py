"""A metric of your own beside the built-in ones.

python examples/own_metric.py [FOLDER]

A metric is a function that is called with the inputs it names: returns, periods_per_year, risk_free, benchmark, pnl, return_pct, bars_held, ...
A registered one stands in `result.metrics` and in metrics.json of every run of this process. For the `trading-system` command, install it with a
package that names it under the entry point group `trading_system.metrics`.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

import trading_system as ts
from trading_system.metrics.base import metrics


@metrics.register("best_month_share")
def best_month_share(returns: np.ndarray, periods_per_year: float) -> float:
    """Share of the total log return that the best twelfth of a year earned; NaN where the total is not above 0."""
    month = max(int(periods_per_year // 12), 1)
    growth = np.concatenate([[0.0], np.cumsum(np.log1p(returns))])
    if growth.size <= month or growth[-1] <= 0.0:
        return float("nan")
    return float((growth[month:] - growth[:-month]).max() / growth[-1])


@metrics.register("median_days_to_profit")
def median_days_to_profit(pnl: np.ndarray, bars_held: np.ndarray) -> float:
    """Median bars that a winning trade was held; NaN without one."""
    return float(np.median(bars_held[pnl > 0.0])) if (pnl > 0.0).any() else float("nan")


def main(folder: Path) -> None:
    (folder / "run.yaml").write_text(
        "data: {source: sample, path: us5, end: 2010-12-31}\nstrategies: [{name: trend, type: ma_crossover}]\n",
        encoding="utf-8",
    )
    result = ts.run_backtest(folder / "run.yaml")
    for name in ("sharpe", "best_month_share", "median_days_to_profit"):
        print(f"{name:24} {result.metrics[name]:.3f}")
    assert f'"best_month_share": {result.metrics["best_month_share"]}' in (result.folder / "metrics.json").read_text("utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))
