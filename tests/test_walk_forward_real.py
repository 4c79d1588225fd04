"""Walk-forwards on real markets are plain loops over backtests: portfolios with actions, listings and slots, one symbol."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trading_system as ts

HALF = "splits: {train: [2009-01-02, 2010-06-30], validation: [2010-07-01, 2012-12-31]}"
EQUITIES = (
    "source: parquet, path: DATA/equities_daily/us_raw_actions_1999_2020.parquet, calendar: XNYS, benchmark: SPY, "
    "quality: {split_suspect: warn, max_jump: 0.6}, start: 2007-01-03, end: 2013-06-28"
)
MOMENTUM = """
  - name: momentum
    type: equity_momentum
    PARAMS
    sizing: {method: risk_per_trade, risk: 0.0075}
    limits: {max_positions: 6, max_position_notional: 0.2}
    capacity: {max_fraction_of_adv: 0.005, when_exceeded: clip}
    costs: {commission_bps: 1, slippage: {model: full, base_bps: 8}, borrow_rate: 0.01}
"""
CRYPTO = (
    "source: parquet, path: DATA/crypto_daily/binance_usdt_daily.parquet, calendar: 24/7, benchmark: BTCUSDT, "
    "quality: {split_suspect: warn, max_jump: 0.6}"
)
REVERSION = """
  - {name: reversion, type: mean_reversion, asset_class: crypto, PARAMS, sizing: {method: equal_weight}, limits: {max_positions: 4},
     costs: {commission_bps: 10, slippage: {model: full}}}
"""
CASES: dict[str, tuple[str, str, str, dict[str, tuple[Any, ...]], str]] = {
    "117 symbols with splits, dividends and delistings": (
        EQUITIES, HALF, MOMENTUM, {"fast_breakout": (15, 40), "stop_atr": (2.0, 3.5)}, "{train: 300, test: 150, step: 250}",
    ),
    "one symbol": (
        EQUITIES,
        HALF,
        "\n  - {name: cross, type: ma_crossover, universe: [AAPL], PARAMS, costs: {commission_bps: 2}}\n",
        {"fast": (5, 20), "slow": (30, 60)},
        "{train: 250, test: 60, gap: 5, anchored: true, step: 180}",
    ),
    "crypto with listings": (
        CRYPTO, "splits: {train: [2019-01-01, 2020-12-31]}", REVERSION, {"enter": (-2.5, -1.5)}, "{train: 250, test: 100, step: 190}",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_real_walk_forward_is_a_plain_loop_over_backtests(name: str, tmp_path: Path, shared_data: Path) -> None:
    data, splits, rule, grid, windows = CASES[name]
    path = tmp_path / "run.yaml"

    def write(params: dict[str, Any], more: str, period: str) -> None:
        said = f"params: {{{', '.join(f'{key}: {value}' for key, value in params.items())}}}"
        body = rule.replace("PARAMS", said + more)
        text = f"data: {{{data.replace('DATA', str(shared_data))}}}\n{period}\nstrategies:{body}"
        path.write_text(f"{text}validation: {{walk_forward: {windows}}}\noutput: {{formats: [csv]}}\n", "utf-8")

    lists = ", ".join(f"params.{key}: {list(values)}" for key, values in grid.items())
    own = {key: values[0] for key, values in grid.items()}
    indent = "\n    " if rule is MOMENTUM else ", "
    write(own, f"{indent}grid: {{{lists}}}", splits)
    walked = ts.run_walk_forward(path)
    assert len(walked.document["folds"]) >= 2 and len(walked.found.points) == np.prod([len(v) for v in grid.values()])

    def backtest(point: dict[str, Any], span: dict[str, Any]) -> ts.BacktestResult:
        write(
            {key.rsplit(".", 1)[-1]: value for key, value in point.items()},
            "",
            f"splits: {{train: [{span['first']}, {span['last']}]}}",
        )
        return ts.run_backtest(path)

    stitched: list[float] = []
    for fold, result in zip(walked.document["folds"], walked.found.folds, strict=True):
        scores = [backtest(dict(point), fold["train"]).metrics["sharpe"] for point in walked.found.points]
        assert result.number == int(np.nanargmax(np.array(scores, np.float64)))
        assert fold["in_sample"]["sharpe"] == pytest.approx(max(scores), abs=1e-12)
        after = backtest(fold["point"], fold["test"])
        for figure in ("total_return", "sharpe", "max_drawdown", "n_trades"):
            assert fold["out_of_sample"][figure] == pytest.approx(after.metrics[figure], abs=1e-12)
        levels = np.concatenate(([100_000.0], after.ledger.equity))
        stitched += (levels[1:] / levels[:-1] - 1.0).tolist()
    np.testing.assert_allclose(walked.found.returns, stitched, rtol=0.0, atol=1e-12)
