"""Small projects for tests of the command line."""

from __future__ import annotations

from pathlib import Path

RUN = """\
data: {source: sample, path: us5, start: 2010-01-04, end: 2012-12-31}
splits: {train: [2010-07-01, 2011-06-30], validation: [2011-07-01, 2011-12-30], holdout: [2012-01-03, 2012-12-31]}
strategies:
  - config: rule.yaml
portfolio: {starting_equity: 100000, limits: {max_positions: 2, max_drawdown: 0.2}}
"""
RULE = """\
name: momentum
type: equity_momentum
params: {trend_ma: 50, exit_ma: 20}
sizing: {method: risk_per_trade, risk: 0.01}
limits: {max_position_notional: 0.5}
costs: {commission_bps: 1, slippage: {model: fixed, bps: 5}}
"""


def write_project(folder: Path) -> Path:
    """A momentum strategy on three years of five shares; the run file's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rule.yaml").write_text(RULE, encoding="utf-8")
    (folder / "run.yaml").write_text(RUN, encoding="utf-8")
    return folder / "run.yaml"
