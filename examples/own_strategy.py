"""A rule of your own: written to a file, tested for look-ahead, then run.

python examples/own_strategy.py [FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

import trading_system as ts
from trading_system.strategies.loading import load_type

RULE = '''
"""Buy after three falls in a row above a long average; leave after two rises."""

import numpy as np
from pydantic import Field

from trading_system import Bars, Signals, Strategy
from trading_system.indicators import sma


class BuyTheDip(Strategy):
    """Long after `falls` lower closes in a row above the `trend`-bar average; out after `rises` higher ones."""

    falls: int = Field(3, ge=1, description="lower closes in a row")
    rises: int = Field(2, ge=1, description="higher closes in a row")
    trend: int = Field(200, ge=2, description="bars in the average that the close must be above")

    @property
    def warmup(self) -> int:
        return self.trend

    def decide(self, bars: Bars) -> Signals:
        close = bars.adjusted.close
        change = np.vstack([np.zeros((1, close.shape[1])), np.diff(close, axis=0)])
        entry = in_a_row(change < 0.0, self.falls) & (close > sma(close, self.trend))
        return Signals(entry=entry.astype(np.int8), exit=in_a_row(change > 0.0, self.rises), stop_distance=0.08 * close)


def in_a_row(happened, n):
    """Whether it happened on each of the last n rows, this one included."""
    count = np.zeros(happened.shape[1], int)
    rows = []
    for row in happened:
        count = np.where(row, count + 1, 0)
        rows.append(count >= n)
    return np.array(rows)
'''
RUN_FILE = """
data: {source: sample, path: equities50}
splits: {train: [2010-01-04, 2016-12-30], validation: [2017-01-03, 2018-12-31], holdout: [2019-01-02, 2020-12-31]}
strategies:
  - name: dip
    type: buy_the_dip.py:BuyTheDip
    params: {trend: 150}
    sizing: {method: equal_weight}
    limits: {max_positions: 10}
    costs: {commission_bps: 1, slippage: {model: fixed, bps: 5}}
portfolio:
  limits: {max_drawdown: 0.3}
"""


def decides_the_same_without_the_future(folder: Path, bars: ts.Bars) -> bool:
    """Decisions on a truncated history equal those on the whole one; odd cuts, as even ones can hide a leak."""
    strategy = load_type("buy_the_dip.py:BuyTheDip", folder)(trend=150)
    whole = strategy.decide(bars)
    for n in (160, 271, 389, 1003):
        part = strategy.decide(bars.head(n))
        if not (np.array_equal(part.entry, whole.entry[:n]) and np.array_equal(part.exit, whole.exit[:n])):
            return False
    return True


def main(folder: Path) -> None:
    (folder / "buy_the_dip.py").write_text(RULE, encoding="utf-8")
    (folder / "run.yaml").write_text(RUN_FILE, encoding="utf-8")
    ts.validate_config(folder / "run.yaml", load=True)  # parameters and bounds, before anything runs
    result = ts.run_backtest(folder / "run.yaml")
    print("looks into the future:", "no" if decides_the_same_without_the_future(folder, result.bars) else "YES")
    print(f"Sharpe ratio {result.metrics['sharpe']:.2f}, {result.metrics['n_trades']} trades")
    print(result.trades_frame()["exit_reason"].value_counts())
    print("results:", result.folder)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))
