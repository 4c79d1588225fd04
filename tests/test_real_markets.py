"""Whole runs on real markets: every one finishes, and the accounts of each are rebuilt here from its own artefacts.

The engine asserts both of its laws at the end of every run; these tests check them again from outside, from the files
that a user would open, with nothing of the engine.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from trading_system import pipeline
from trading_system.engine.ledger import Code

SIZING = "sizing: {method: risk_per_trade, risk: 0.0075}"
COSTS = "costs: {commission_bps: 1, slippage: {model: full, base_bps: 8}, borrow_rate: 0.01}"
EQUITY_MOMENTUM = f"""
  - name: momentum
    type: equity_momentum
    {SIZING}
    limits: {{max_positions: 8, max_gross_exposure: 0.8, max_position_notional: 0.10}}
    capacity: {{max_fraction_of_adv: 0.005, when_exceeded: reject}}
    {COSTS}
"""
CROSSOVER = """
  - name: crossover
    type: ma_crossover
    asset_class: {asset_class}
    params: {{fast: 20, slow: 60}}
    costs: {{commission_bps: 1, slippage: {{model: none}}}}
"""
CASES = {
    "us_raw_actions": (
        (
            "source: parquet, path: equities_daily/us_raw_actions_1999_2020.parquet, calendar: XNYS, benchmark: SPY, "
            "quality: {split_suspect: warn, max_jump: 0.6}"
        ),
        EQUITY_MOMENTUM,
    ),
    "crypto": (
        (
            "source: parquet, path: crypto_daily/binance_usdt_daily.parquet, calendar: 24/7, benchmark: BTCUSDT, "
            "quality: {split_suspect: warn, max_jump: 0.6}"
        ),
        """
  - name: crypto
    type: crypto_momentum
    asset_class: crypto
    sizing: {method: risk_per_trade, risk: 0.01}
    limits: {max_positions: 4, max_position_notional: 0.25}
    costs: {commission_bps: 10, slippage: {model: full, base_bps: 10}}
""",
    ),
    "pairs": (
        "source: parquet, path: pairs/pairs_daily_1999_2020.parquet, calendar: XNYS, quality: {split_suspect: warn}",
        """
  - name: pairs
    type: pairs
    params: {pairs: [[KO, PEP], [GLD, GDX], [EWA, EWC]]}
    sizing: {method: fixed_fraction, fraction: 0.15}
    costs: {commission_bps: 1, slippage: {model: spread, spread_bps: 4}, borrow_rate: 0.02}
""",
    ),
    "hourly": (
        (
            "source: parquet, path: intraday/us_equity_hour_raw_1998_2021.parquet, timeframe: 1h, stamp: open, calendar: XNYS, "
            "benchmark: SPY, quality: {split_suspect: warn}"
        ),
        """
  - name: reversion
    type: mean_reversion
    sizing: {method: risk_per_trade, risk: 0.005}
    limits: {max_position_notional: 0.3}
    costs: {commission_per_share: 0.005, commission_minimum: 1, slippage: {model: fixed, bps: 2}}
""",
    ),
    "factor": (
        (
            "source: parquet, path: equities_daily/sp500_split_adj_2013_2018.parquet, calendar: XNYS, "
            "quality: {split_suspect: warn}"
        ),
        """
  - name: factor
    type: factor
    costs: {commission_bps: 1, slippage: {model: full, base_bps: 8}}
""",
    ),
    "two_time_scales": (
        (
            "source: parquet, path: intraday/us_equity_hour_raw_1998_2021.parquet, timeframe: 1h, stamp: open, calendar: XNYS, "
            "benchmark: SPY, quality: {split_suspect: warn}"
        ),
        """
  - name: weeks
    type: multi_timeframe
    sizing: {method: risk_per_trade, risk: 0.005}
    limits: {max_position_notional: 0.3}
    costs: {commission_per_share: 0.005, commission_minimum: 1, slippage: {model: fixed, bps: 2}}
""",
    ),
    "all_filters": (
        (
            "source: parquet, path: intraday/us_equity_hour_raw_1998_2021.parquet, timeframe: 1h, stamp: open, calendar: XNYS, "
            "benchmark: SPY, quality: {split_suspect: warn}"
        ),
        """
  - name: reversion
    type: mean_reversion
    params: {short: true}
    filters:
      trend: {timeframe: session, ma: 50}
      swing_resistance: {distance: 0.5}
      volume_resistance: {distance: 0.5}
      swing_stop: {}
    sizing: {method: risk_per_trade, risk: 0.005}
    limits: {max_position_notional: 0.3}
    costs: {commission_per_share: 0.005, commission_minimum: 1, slippage: {model: fixed, bps: 2}}
""",
    ),
    "fx_hourly": (
        "source: parquet, path: intraday/fx_eurusd_hour_bidask_2010_2018.parquet, timeframe: 1h, stamp: open, calendar: 24/5",
        CROSSOVER.format(asset_class="fx"),
    ),
    "fx_daily": (
        "source: parquet, path: intraday/fx_daily_bidask_2007_2018.parquet, calendar: 24/5",
        CROSSOVER.format(asset_class="fx"),
    ),
    "fx_minute": (
        "source: parquet, path: intraday/fx_usdjpy_minute_bidask_2013_02.parquet, timeframe: 1m, stamp: open, calendar: 24/5",
        CROSSOVER.format(asset_class="fx"),
    ),
    "btc_minute": (
        "source: parquet, path: intraday/btc_perp_minute_2022_01.parquet, timeframe: 1m, stamp: open, calendar: 24/7",
        CROSSOVER.format(asset_class="crypto"),
    ),
    "btc_minute_with_holes": (
        (
            "source: parquet, path: intraday/coinbase_btcusd_minute_days.parquet, timeframe: 1m, stamp: open, calendar: 24/7, "
            "quality: {split_suspect: warn}"
        ),
        CROSSOVER.format(asset_class="crypto"),
    ),
}


def run(tmp_path: Path, data: str, strategies: str) -> pipeline.BacktestResult:
    file = tmp_path / "run.yaml"
    file.write_text(f"data: {{{data}}}\nstrategies:{strategies}\n", encoding="utf-8")
    return pipeline.run_backtest(file)


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def assert_accounts(result: pipeline.BacktestResult) -> None:
    """Equity at every bar from fills and marks, by plain loops over the ledger's own records."""
    ledger, bars = result.ledger, result.bars
    fills, quantity = defaultdict(list), defaultdict(float)
    for fill in ledger.fills:
        fills[int(fill["row"])].append(fill)
    splits = defaultdict(list)
    for row, column, ratio in zip(bars.actions.row, bars.actions.col, bars.actions.split, strict=True):
        splits[int(row)].append((int(column), float(ratio)))
    marks: dict[int, float] = {}
    for t, (equity, cash) in enumerate(zip(ledger.equity, ledger.cash, strict=True)):
        row = ledger.first + t
        whole = result.config.execution.whole_lots("equity")
        for column, ratio in splits[row]:
            marks[column] = marks.get(column, np.nan) / ratio
            for line in [k for k in quantity if ledger.line_symbol[k] == column]:
                new = quantity[line] * ratio
                quantity[line] = float(np.trunc(round(new, 9))) if whole and bars.asset_class[column] == "equity" else new
        for fill in fills[row]:
            quantity[int(fill["line"])] += float(fill["side"]) * float(fill["quantity"])
        finite = np.flatnonzero(np.isfinite(bars.close[row]))
        marks.update(zip(finite.tolist(), bars.close[row, finite].tolist(), strict=True))
        held = sum(q * marks[int(ledger.line_symbol[k])] for k, q in quantity.items() if q)
        assert equity == pytest.approx(cash + held, rel=1e-9), (t, bars.labels()[row])


def assert_nothing_dropped(result: pipeline.BacktestResult) -> None:
    for order in result.ledger.orders:
        fills = result.ledger.fills[result.ledger.fills["order"] == order["id"]]
        if order["status"] in (3, 4):
            assert not fills.size
        assert order["filled"] <= order["quantity"] * (1 + 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_real_market_runs_and_its_accounts_hold(name: str, tmp_path: Path, shared_data: Path) -> None:
    data, strategies = CASES[name]
    result = run(tmp_path, data.replace("path: ", f"path: {shared_data}/"), strategies)
    assert_accounts(result)
    assert_nothing_dropped(result)
    assert len(result.ledger.fills), "a run without a fill proves nothing"
    metrics = json.loads((result.folder / "metrics.json").read_text())
    assert metrics["metrics"]["total_return"] == pytest.approx(result.ledger.equity[-1] / 100_000 - 1, rel=1e-9)
    curve = table(result.folder, "equity_curve.csv")
    assert float(curve[-1]["equity"]) == result.ledger.equity[-1]


@pytest.mark.slow
def test_every_recorded_split_leaves_equity_alone_at_one_price(shared_data: Path, tmp_path: Path) -> None:
    """Held over each split of the real file with the price moved by the split alone, equity stays to 1e-9."""
    from tests.builders import make_bars
    from trading_system.config.loading import load_run
    from trading_system.config.models import RunConfig
    from trading_system.data.loading import load_market
    from trading_system.engine.simulate import StrategyDecisions, simulate
    from trading_system.strategies.base import Signals

    data, strategies = CASES["us_raw_actions"]
    file = tmp_path / "run.yaml"
    file.write_text(f"data: {{{data.replace('path: ', f'path: {shared_data}/')}}}\nstrategies:{strategies}\n")
    loaded = load_run(file)
    bars = load_market(loaded.config, loaded.root, None).bars
    real = [i for i in range(len(bars.actions)) if bars.actions.split[i] != 1.0]
    assert len(real) > 100
    seen = set()
    for i in real:
        row, column, ratio = int(bars.actions.row[i]), int(bars.actions.col[i]), float(bars.actions.split[i])
        before = bars.close[:row, column]
        price = float(before[np.isfinite(before)][-1])
        seen.add((bars.symbols[column], str(bars.dates()[row])))
        flat = [price, price, price / ratio, price / ratio]
        small = make_bars(flat, flat, flat, flat, splits=[(2, 0, ratio)])
        entry = np.array([[1], [0], [0], [0]], np.int8)
        for lot in ("whole", "fractional"):
            config = RunConfig.model_validate(
                {
                    "data": {"source": "sample", "path": "us5"},
                    "strategies": (
                        {
                            "name": "x",
                            "type": "x",
                            "sizing": {"method": "fixed_fraction", "fraction": 0.9},
                            "costs": {"slippage": {"model": "none"}},
                        },
                    ),
                    "execution": {"lot": {"equity": lot}},
                    "portfolio": {"starting_equity": 1_000_000.0},
                }
            )
            decided = StrategyDecisions(Signals(entry, np.zeros((4, 1), bool)), np.arange(1), np.ones((4, 1), bool))
            equity = simulate(small, [decided], config).equity
            assert np.all(np.abs(equity / 1_000_000.0 - 1.0) <= 1e-9), (bars.symbols[column], ratio, lot)
    assert ("AAPL", "2014-06-09") in seen


@pytest.mark.slow
def test_vanished_names_are_traded_point_in_time(shared_data: Path, tmp_path: Path) -> None:
    from trading_system.data.importing import import_file

    source = shared_data / "equities_daily/us_pit_with_delisted_2015_2017.parquet"
    report = import_file(source, tmp_path / "pit.parquet", universe=tmp_path / "universe.csv")
    assert any("inferred" in note for note in report["notes"])
    strategies = EQUITY_MOMENTUM.replace("type: equity", "universe: {file: universe.csv}\n    type: equity")
    data = "source: parquet, path: pit.parquet, calendar: XNYS, quality: {split_suspect: warn, max_jump: 0.6}"
    result = run(tmp_path, data, strategies)
    assert_accounts(result)
    assert_nothing_dropped(result)
    assert len(result.bars.symbols) == 317
    gone = sum(not np.isfinite(result.bars.close[-1, column]) for column in range(317))
    assert gone == 186
    assert result.ledger.fills.size


COINS = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "XRPUSDT", "ADAUSDT", "DOGEUSDT", "SOLUSDT")
COIN_MOMENTUM = """
  - name: coins
    type: crypto_momentum
    asset_class: crypto
    allocation: 0.4
    sizing: {method: risk_per_trade, risk: 0.01}
    limits: {max_positions: 4, max_position_notional: 0.25}
    costs: {commission_bps: 10, slippage: {model: full, base_bps: 10}}
"""
MIXED_CALENDAR = "calendar: {equity: XNYS, crypto: 24/7}, quality: {split_suspect: warn, max_jump: 0.6}"


def together(tmp_path: Path, *files: Path) -> None:
    """A folder `market` with those files in it."""
    (tmp_path / "market").mkdir()
    for file in files:
        (tmp_path / "market" / file.name).symlink_to(file)


def assert_own_sessions(result: pipeline.BacktestResult) -> None:
    """Every fill stands on a row on which its symbol traded, and no order of one market died on a row of the other."""
    bars, ledger = result.bars, result.ledger
    column = ledger.line_symbol[ledger.fills["line"]]
    assert np.isfinite(bars.close[ledger.fills["row"], column]).all()
    assert not (ledger.orders["end"] == int(Code.NO_BAR)).any()


@pytest.mark.slow
def test_shares_and_coins_share_one_cash(shared_data: Path, tmp_path: Path) -> None:
    together(
        tmp_path,
        shared_data / "equities_daily/us_raw_actions_1999_2020.parquet",
        shared_data / "crypto_daily/binance_usdt_daily.parquet",
    )
    classes = ", ".join(f"{name}: crypto" for name in COINS)
    data = f"source: parquet, path: market, benchmark: SPY, start: 2017-08-17, end: 2020-12-11, {MIXED_CALENDAR}, asset_class: {{{classes}}}"
    shares = EQUITY_MOMENTUM.replace("type: equity_momentum", "type: equity_momentum\n    allocation: 0.6")
    result = run(tmp_path, data, shares + COIN_MOMENTUM)
    assert_accounts(result)
    assert_nothing_dropped(result)
    assert_own_sessions(result)
    bars, ledger = result.bars, result.ledger
    filled = {bars.asset_class[i] for i in ledger.line_symbol[np.unique(ledger.fills["line"])]}
    assert filled == {"equity", "crypto"}
    metrics = json.loads((result.folder / "metrics.json").read_text())
    sessions = int(bars.sampled[ledger.first :].sum())
    assert metrics["conventions"]["periods_per_year"] == 252.0
    assert metrics["conventions"]["n_periods"] == sessions < ledger.equity.size
    assert bars.sampled[-1], "the run ends where equity can be measured"
    assert metrics["metrics"]["total_return"] == pytest.approx(ledger.equity[-1] / 100_000 - 1, rel=1e-9)
    weekend = (bars.session[ledger.fills["row"]].astype(np.int64) + 3) % 7 >= 5
    assert {bars.asset_class[i] for i in ledger.line_symbol[ledger.fills["line"][weekend]]} == {"crypto"}


@pytest.mark.slow
def test_hours_of_shares_and_coins_share_one_cash(shared_data: Path, tmp_path: Path) -> None:
    together(
        tmp_path,
        shared_data / "intraday/us_equity_hour_raw_1998_2021.parquet",
        shared_data / "intraday/crypto_btcusdt_hour_2017_2021.parquet",
    )
    data = (
        f"source: parquet, path: market, timeframe: 1h, stamp: open, benchmark: SPY, start: 2019-01-02, end: 2021-03-31, "
        f"{MIXED_CALENDAR}, asset_class: {{BTCUSDT: crypto}}"
    )
    strategies = """
  - name: reversion
    type: mean_reversion
    sizing: {method: risk_per_trade, risk: 0.005}
    limits: {max_position_notional: 0.3}
    costs: {commission_per_share: 0.005, commission_minimum: 1, slippage: {model: fixed, bps: 2}}
  - name: coin
    type: ma_crossover
    asset_class: crypto
    costs: {commission_bps: 10, slippage: {model: fixed, bps: 5}}
"""
    result = run(tmp_path, data, strategies)
    assert_accounts(result)
    assert_nothing_dropped(result)
    assert_own_sessions(result)
    assert len(set(result.ledger.line_strategy[np.unique(result.ledger.fills["line"])])) == 2
    metrics = json.loads((result.folder / "metrics.json").read_text())
    assert metrics["conventions"]["periods_per_year"] == 252.0 * 7


@pytest.mark.slow
def test_a_market_beside_it_that_nobody_trades_changes_nothing(shared_data: Path, tmp_path: Path) -> None:
    """Shares alone, and shares beside coins that no rule ever buys: the same trades to the last digit, every rule of a portfolio on."""
    together(
        tmp_path,
        shared_data / "equities_daily/us_raw_actions_1999_2020.parquet",
        shared_data / "crypto_daily/binance_usdt_daily.parquet",
    )
    shares = EQUITY_MOMENTUM.replace("type: equity_momentum", "type: equity_momentum\n    allocation: 1.0").replace(
        "0.10}", "0.2}"
    )
    never = "  - {name: never, type: mean_reversion, asset_class: crypto, allocation: 0.5, params: {enter: -50}}\n"
    portfolio = """portfolio:
  limits: {max_positions: 10, max_gross_exposure: 1.5, max_drawdown: 0.25, max_daily_loss: 0.02}
  debit_rate: 0.05
  volatility_scaling: {mode: continuous}
  correlation_guard: {min_positions: 2, average_threshold: 0.2, candidate_threshold: 0.3}
  ranking: {momentum: 0.8, diversification: 0.2}
"""
    span = "source: parquet, benchmark: SPY, start: 2017-08-17, end: 2020-12-11, quality: {split_suspect: warn, max_jump: 0.6}"
    alone = f"{span}, path: market/us_raw_actions_1999_2020.parquet, calendar: XNYS"
    classes = ", ".join(f"{name}: crypto" for name in COINS)
    beside = f"{span}, path: market, calendar: {{equity: XNYS, crypto: 24/7}}, asset_class: {{{classes}}}"
    first = run(tmp_path, alone, f"{shares}\n{portfolio}")
    second = run(tmp_path, beside, f"{shares}{never}\n{portfolio}")
    trades = [[{**row, "trade_id": ""} for row in table(result.folder, "trade_log.csv")] for result in (first, second)]
    assert trades[0] == trades[1] and len(trades[0]) > 300
    sampled = second.bars.sampled[second.ledger.first :]
    np.testing.assert_array_equal(first.ledger.equity, second.ledger.equity[sampled])
