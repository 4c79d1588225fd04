"""A vendor's CSV files to one canonical file, and a run on it.

python examples/import_vendor_files.py [FOLDER]

The vendor of this example prints days first, separates by semicolons, and gives an adjusted close instead of splits and dividends.
"""

import csv
import sys
import tempfile
from pathlib import Path

import trading_system as ts
from trading_system.data.importing import import_file

RUN_FILE = """
data: {source: parquet, path: prices.parquet, start: 2001-01-02}
strategies: [{name: hold, type: buy_and_hold, universe: {file: members.csv}}]
"""


def vendor_files(folder: Path) -> None:
    """Two shares as the vendor prints them: 2:1 split of ONE on 2005-06-01, dividends of TWO."""
    import numpy as np

    folder.mkdir()
    days = np.arange("2000-01-03", "2010-01-01", dtype="M8[D]")
    days = days[np.is_busday(days)]
    draw = np.random.default_rng(7)
    for name in ("ONE", "TWO"):
        growth = np.exp(np.cumsum(draw.normal(0.0003, 0.012, days.size)))
        split = np.where((days >= np.datetime64("2005-06-01")) & (name == "ONE"), 2.0, 1.0)
        paid = np.isin(np.arange(days.size) % 250, (0,)) & (name == "TWO")
        close = np.round(50.0 * growth / split, 4)
        later = np.ones(days.size)  # what an adjusted close takes off for everything that is still to come
        for i in range(days.size - 1, 0, -1):
            later[i - 1] = later[i] * (split[i - 1] / split[i]) * (1.0 - 0.01 * paid[i])
        with open(folder / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, delimiter=";")
            rows.writerow(["Datum", "Open", "High", "Low", "Px_Last", "Px_Adj", "Vol"])
            for i, day in enumerate(days):
                day_first = day.item().strftime("%d/%m/%Y")
                row = (close[i], close[i] * 1.01, close[i] * 0.99, close[i])
                rows.writerow([day_first, *(f"{price:.4f}" for price in row), f"{close[i] * later[i]:.8f}", 100_000])


def main(folder: Path) -> None:
    vendor_files(folder / "vendor")
    report = import_file(
        folder / "vendor",
        folder / "prices.parquet",
        columns={"date": "Datum", "close": "Px_Last", "adj_close": "Px_Adj"},  # what the usual aliases do not find
        universe=folder / "members.csv",
    )
    print(f"{report['rows']} rows of {report['symbols']} symbols: {report['splits']} splits, {report['dividends']} dividends")
    print("notes:", *report["notes"], sep="\n  ")
    (folder / "run.yaml").write_text(RUN_FILE, encoding="utf-8")
    quality = ts.validate_data(folder / "run.yaml")
    print("defects:", quality["counts"] or "none")
    result = ts.run_backtest(folder / "run.yaml")
    print(
        f"total return {result.metrics['total_return']:.1%}, of it dividends {result.summary.costs['dividends']['money']:,.2f}"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))
