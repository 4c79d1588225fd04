"""Runs inside an environment that has backtesting.py: next-open orders of a fixed quantity, equity curves out.

python run_backtesting.py FOLDER     reads jobs.json and <symbol>.<field>.npy, writes backtesting.json
"""

import json
import sys
import warnings
from pathlib import Path

import backtesting
import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy

warnings.simplefilter("ignore")


def rule(job, quantity):
    class Rule(Strategy):
        def init(self):
            close = pd.Series(self.data.Close)
            if job["rule"] == "buy_and_hold":
                above = np.ones(close.size)
            else:
                fast, slow = close.rolling(job["fast"]).mean(), close.rolling(job["slow"]).mean()
                above = np.where(slow.isna(), 0.0, (fast > slow).astype(float))
            self.above = self.I(lambda: above, name="above")

        def next(self):
            if self.above[-1] and not self.position:
                self.buy(size=quantity)
            elif not self.above[-1] and self.position:
                self.position.close()

    return Rule


def main(folder: Path) -> None:
    jobs = json.loads((folder / "jobs.json").read_text())
    results = {}
    for job in jobs["jobs"]:
        columns = {
            f.capitalize(): np.load(folder / f"{job['symbol']}.{f}.npy") for f in ("open", "high", "low", "close", "volume")
        }
        frame = pd.DataFrame(columns, index=pd.date_range("2000-01-03", periods=columns["Open"].size, freq="B"))
        test = Backtest(frame, rule(job, jobs["quantity"]), cash=jobs["cash"], commission=jobs["fee"], finalize_trades=False)
        stats = test.run()
        trades = stats["_trades"]
        held = [trade.entry_price for trade in stats["_strategy"].trades]
        prices = trades["EntryPrice"].tolist() + trades["ExitPrice"].tolist() + held
        results[job["id"]] = {"equity": stats["_equity_curve"]["Equity"].tolist(), "prices": prices}
    (folder / "backtesting.json").write_text(json.dumps({"version": backtesting.__version__, "results": results}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
