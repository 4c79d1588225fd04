"""A result folder read with pandas alone: nothing of this package is needed to look at what a run left.

python examples/read_artefacts.py [RESULT_FOLDER]

Without an argument a small run is made first.
"""

import json
import sys
import tempfile
from pathlib import Path

import pandas as pd


def read(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    document = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    print(run.name, manifest["period"]["first"], "to", manifest["period"]["last"], "config", manifest["config_hash"][:12])

    equity = pd.read_csv(run / "equity_curve.csv", parse_dates=["date"], index_col="date")
    yearly = equity["equity"].resample("YE").last().pct_change()
    print(yearly.dropna().map("{:.1%}".format).to_string(), "\n")

    # "NA" may be a symbol: text columns are read as text, and an empty cell of a number is NaN
    text = {"strategy": str, "symbol": str, "side": str, "entry_reason": str, "exit_reason": str, "status": str}
    trades = pd.read_csv(run / "trade_log.csv", dtype=text, keep_default_na=False, na_values={"r_multiple": [""]})
    closed = trades[trades["status"] == "closed"]
    print(closed.groupby("exit_reason")["pnl"].agg(["count", "mean", "sum"]).round(2), "\n")
    assert len(closed) == document["metrics"]["n_trades"]

    orders = pd.read_csv(run / "orders.csv", dtype={"symbol": str, "reason": str}, keep_default_na=False)
    print(orders.groupby(["status", "reason"]).size(), "\n")
    print("signals to orders to fills:", document["reconciliation"]["total"]["balanced"])
    print(
        "how the numbers were made:",
        document["conventions"]["periods_per_year"],
        "periods a year,",
        document["conventions"]["sampling"],
    )


def made() -> Path:
    import trading_system as ts

    folder = Path(tempfile.mkdtemp())
    text = "data: {source: sample, path: us5, end: 2010-12-31}\nstrategies: [{name: trend, type: ma_crossover}]\n"
    (folder / "run.yaml").write_text(text, encoding="utf-8")
    return ts.run_backtest(folder / "run.yaml").folder


if __name__ == "__main__":
    read(Path(sys.argv[1]) if len(sys.argv) > 1 else made())
