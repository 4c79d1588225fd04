"""Artefacts of runs made by hand, as a report reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.metrics.ledgers import config_of
from trading_system.engine.ledger import Ledger
from trading_system.metrics.summary import summarise
from trading_system.reports.artefacts import Artefacts, artefacts_of
from trading_system.reports.report_html import report_html
from trading_system.runs.store import artefacts

CONFIG = """\
data: {source: csv, path: bars.csv, benchmark: S000}
strategies:
- name: rule
  type: ma_crossover
  asset_class: equity
  universe: all
  params: {fast: 20}
  sizing: {method: risk_per_trade, risk: 0.0075}
  limits: {}
  costs:
    commission_bps: 1.0
    commission_per_share: 0.0
    commission_per_trade: 0.0
    commission_minimum: 0.0
    commission_tiers: []
    slippage: {model: fixed, bps: 5.0, spread_bps: 10.0, base_bps: 8.0, impact: 0.1}
    borrow_rate: 0.01
  allocation: null
portfolio: {starting_equity: 10000.0, limits: {max_drawdown: 0.25}, volatility_scaling: {mode: off}, correlation_guard: null, ranking: {}, debit_rate: 0.0}
execution: {fill: next_open, stop_evaluation: intrabar}
"""


def quality_of(ledger: Ledger, **more: Any) -> dict[str, Any]:
    bars = ledger.bars
    return {
        "source": "csv", "synthetic": False, "prices": "raw", "adjust": "none", "timeframe": bars.timeframe, "calendars": ["XNYS"],
        "periods_per_year": bars.periods_per_year, "rows": bars.n_bars, "bars": bars.n_bars, "sessions": bars.n_bars,
        "actions": {"splits": 0, "dividends": 0, "funding": 0}, "delistings": 0, "policy": {"impossible": "drop"}, "counts": {},
        "symbols": {name: {} for name in bars.symbols}, "incidents": [], "notes": [], **more,
    }  # fmt: skip


def manifest_of(ledger: Ledger, **more: Any) -> dict[str, Any]:
    labels = ledger.bars.labels()
    return {
        "schema": 1, "run_id": "20260102-030405-0a1b2c3d", "created": "2026-01-02T03:04:05Z", "config_hash": "c" * 64, "seed": 42,
        "period": {"name": "all", "read_from": labels[0], "first": labels[ledger.first], "last": labels[-1], "bars": int(ledger.equity.size), "warmup": 1},
        "strategies": [{"name": name, "type": "ma_crossover"} for name in ledger.strategy_names],
        "data": {"hash": "d" * 64, "symbols": dict.fromkeys(ledger.bars.symbols, "e" * 64)},
        "code": {"hash": "f" * 64, "package": "f" * 64, "files": {}}, "versions": {"trading-system": "0.1.0"}, "warnings": [],
        "config_warnings": 0, "notes": [], "trial": {"count": 17, "head": "h" * 64, "family": "f", "trials": 2, "runs": 6}, "git": None,
        "place": {"root": "../..", "run_file": "run.yaml"}, "headline": {}, "timings": {}, **more,
    }  # fmt: skip


def made(
    ledger: Ledger,
    *,
    quality: Mapping[str, Any] | None = None,
    manifest: Mapping[str, Any] | None = None,
    config: str = CONFIG,
) -> Artefacts:
    """What a run with this outcome leaves, read back."""
    benchmark = ledger.bars.benchmark_close
    summary = summarise(ledger, config_of(), benchmark=benchmark)
    pieces = artefacts(ledger, summary, resolved=config, quality=quality_of(ledger, **(quality or {})), benchmark=benchmark)
    files = {name: b"".join(piece()) for name, piece in pieces.items()}
    return artefacts_of(manifest_of(ledger, **(manifest or {})), files.__getitem__, "run")


def html_of(found: Artefacts) -> str:
    return b"".join(report_html(found)).decode()
