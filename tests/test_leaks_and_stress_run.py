"""Look-ahead and stress end to end: a user's own file through the command line, and the real markets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import trading_system as ts
from tests.test_pipeline import prices
from tests.test_real_markets import CASES
from trading_system.cli.main import main

RULE = '''\
import numpy as np
from trading_system.strategies.base import Signals, Strategy


class Rule(Strategy):
    """In above the mean of the last closes, out below it."""

    bars: int = 5
    peek: int = 0

    @property
    def warmup(self) -> int:
        return self.bars

    def decide(self, bars):
        close = bars.adjusted.close
        mean = np.full(close.shape, np.nan)
        for t in range(self.bars - 1, len(close)):
            mean[t] = close[t - self.bars + 1 : t + 1].mean(axis=0)
        later = np.full(close.shape, np.nan)
        later[: len(close) - self.peek] = close[self.peek :]
        return Signals(np.where(later > mean, 1, 0).astype(np.int8), np.asarray(close < mean))
'''
RUN = """\
data: {source: csv, path: prices.csv, calendar: 24/7, timezone: UTC}
strategies:
  - {name: own, type: "rule.py:Rule", asset_class: crypto, params: {peek: PEEK}, costs: {commission_bps: 5}, sizing: {method: fixed_fraction, fraction: 0.2}}
output: {path: results, formats: [csv]}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "prices.csv").write_text(prices(n=400))
    (tmp_path / "rule.py").write_text(RULE)
    for peek in (0, 1):
        (tmp_path / f"run{peek}.yaml").write_text(RUN.replace("PEEK", str(peek)))
    return tmp_path


def asked(project: Path, peek: int, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
    code = main(["validate", "strategy", str(project / f"run{peek}.yaml"), *more])
    return code, " ".join(capsys.readouterr().out.split())


def test_a_users_strategy_that_reads_tomorrow_is_refused_and_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = asked(project, 1, capsys, "--only", "lookahead")
    assert code == 1 and "NO: lookahead" in said
    assert "lookahead: own: entry of " in said and "reads the future through later prices" in said
    assert "exit of" not in said, "the exit looks back only"


def test_one_that_looks_back_is_not(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = asked(project, 0, capsys, "--only", "lookahead", "--json")
    assert code == 1 and '"answer": "partial"' in said
    test = json.loads(said)["tests"][0]
    assert test["verdict"] == "pass" and not test["warnings"]
    assert test["details"]["warm_up"][0]["recommended"] == 5


def test_the_scenarios_stand_in_the_terminal_and_in_a_file(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, said = asked(project, 0, capsys, "--only", "stress", "--only", "costs", "--fast")
    assert "scenario return Sharpe drawdown trades mean profit" in said and "flash crash 20%, worst" in said
    (folder,) = [path for path in (project / "results").iterdir() if path.is_dir()]
    rows = json.loads((folder / "scenario_comparison.json").read_bytes())
    assert rows["units"]["expectancy"] == "money" and "stress" in rows["seeds"]
    names = [(row["scenario"], row["statistic"]) for row in rows["scenarios"]]
    assert names[0] == ("as the run file says", "value") and len(names) == len(set(names)) > 20


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_no_shipped_rule_is_flagged_on_real_markets_and_every_scenario_has_a_number(
    name: str, shared_data: Path, tmp_path: Path
) -> None:
    data, strategies = CASES[name]
    file = tmp_path / "run.yaml"
    text = f"data: {{{data.replace('path: ', f'path: {shared_data}/')}}}\nstrategies:{strategies}\n"
    file.write_text(text + "validation: {stress: {draws_fast: 1, cases_fast: 2, start_shifts: 2}}\n")
    found = ts.run_validation(file, only=("lookahead", "stress", "costs", "best_trades"), fast=True)
    results = {one.name: one for one in found.examined.results}
    assert not [one for one in results.values() if one.error]
    looked = results["lookahead"]
    assert looked.verdict == "pass" and not any("fails on" in text for text in looked.warnings), looked.warnings
    rows = results["stress"].details["scenarios"]
    told = [row for row in rows if row["group"] not in ("together", "months")]
    assert all(row["total_return"] is not None and np.isfinite(row["total_return"]) for row in told)
    baseline = rows[0]
    for row in rows:
        if row["group"] in ("gap", "delisting") and row["statistic"] != "mean":
            assert row["max_drawdown"] is not None and row["max_drawdown"] <= 0.0
        if row["scenario"] == "as the run file says":
            assert row["total_return"] == pytest.approx(found.backtest.metrics["total_return"])
    assert baseline["n_trades"] > 0
