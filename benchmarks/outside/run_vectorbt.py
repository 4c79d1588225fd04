"""Runs inside an environment that has vectorbt: same-close orders on given prices, equity curves out.

python run_vectorbt.py FOLDER     reads jobs.json and <symbol>.close.npy, writes vectorbt.json
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import vectorbt as vbt


def curve(close, entries, exits, fee, cash):
    portfolio = vbt.Portfolio.from_signals(close, entries, exits, fees=fee, init_cash=cash, freq="1D")
    return portfolio.value().to_numpy().tolist(), portfolio.orders.records_readable["Price"].tolist()


def main(folder: Path) -> None:
    jobs = json.loads((folder / "jobs.json").read_text())
    results = {}
    for job in jobs["jobs"]:
        close = pd.Series(np.load(folder / f"{job['symbol']}.close.npy"))
        if job["rule"] == "buy_and_hold":
            entries = pd.Series(np.arange(close.size) == 0)
            exits = pd.Series(np.zeros(close.size, bool))
        else:
            fast, slow = close.rolling(job["fast"]).mean(), close.rolling(job["slow"]).mean()
            above = fast > slow
            entries = above & ~above.shift(1, fill_value=False)
            exits = ~above & above.shift(1, fill_value=False)
        equity, prices = curve(close, entries, exits, jobs["fee"], jobs["cash"])
        results[job["id"]] = {"equity": equity, "prices": prices}
    (folder / "vectorbt.json").write_text(json.dumps({"version": vbt.__version__, "results": results}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
