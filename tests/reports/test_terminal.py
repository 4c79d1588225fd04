"""The terminal summary: fits its width, shows every sum, and lets nothing from outside drive the terminal."""

from __future__ import annotations

import copy
import shlex

import pytest

from trading_system.reports.formats import cells
from trading_system.reports.page import Page
from trading_system.reports.terminal import summary_page

NUMBERS = {
    "starting_equity": 100_000.0,
    "final_equity": 143_210.123,
    "total_return": 0.43210123,
    "cagr": 0.0617,
    "ann_vol": 0.1432,
    "sharpe": 0.61,
    "max_drawdown": -0.1834,
    "benchmark_total_return": 1.02,
    "benchmark_cagr": 0.1234,
    "benchmark_ann_vol": 0.2011,
    "benchmark_sharpe": 0.68,
    "benchmark_max_drawdown": -0.31,
    "sortino": 0.9,
    "calmar": 0.34,
    "max_dd_duration": 412,
    "beta": 0.55,
    "alpha_ann_geom": 0.01,
    "information_ratio": None,
    "n_trades": 1234,
    "n_open_trades": 2,
    "win_rate": 0.41,
    "profit_factor": 1.31,
    "expectancy": 35.1,
    "expectancy_R": 0.21,
    "mean_bars_held": 28.5,
    "time_in_market": 0.83,
    "mean_gross_exposure": 0.61,
    "max_gross_exposure": 1.0,
    "turnover_one_way_annual": 5.31,
    "breakeven_cost_multiple": 7.3,
}
TOTAL = {
    "signals": 5000,
    "repeated": 20_000,
    "refused": {"SLOTS": 2500, "CASH": 10},
    "n_refused": 2510,
    "orders": {"ENTRY": 1245, "SIGNAL": 1245, "STOP": 400},
    "n_orders": 2890,
    "orders_from_signals": 2490,
    "ends": {"filled": 2870, "part_filled": {"CASH": 3}, "rejected": {"CASH": 9}, "expired": {"NO_BAR": 8}, "open": 0},
    "quantity": {"ordered": 10.0, "filled": 9.0, "open": 0.0, "rejected": 0.5, "expired": 0.5},
    "balanced": True,
}


def cost(amount):
    return {
        "money": amount,
        "of_starting_equity": amount / 1e5,
        "bps_of_traded_value": amount / 900.0,
        "share_of_gross_profit": amount / 5e4,
    }


DOCUMENT = {
    "run_id": "20260102-101500-1a2b3c4d",
    "folder": "my-idea/results/20260102-101500-1a2b3c4d",
    "report": "my-idea/results/20260102-101500-1a2b3c4d/report.html",
    "run": {
        "strategies": [{"name": "my_strategy", "type": "equity_momentum", "symbols": 5}],
        "source": "sample",
        "path": "equities50",
        "timeframe": "1d",
        "symbols": 5,
        "bars": 1510,
        "period": "train+validation",
        "prices": "raw",
    },
    "metrics": NUMBERS,
    "undefined": {"information_ratio": "the benchmark is the strategy"},
    "conventions": {
        "periods_per_year": 252.0,
        "risk_free": 0.0,
        "first": "2010-01-04",
        "last": "2015-12-31",
        "benchmark": "equal_weight",
    },
    "reconciliation": {"total": TOTAL, "strategies": {"my_strategy": TOTAL}},
    "costs": {
        "commission": cost(1234.5),
        "slippage": cost(5678.9),
        "borrow": cost(0.0),
        "funding": cost(0.0),
        "debit_interest": cost(0.0),
        "dividends": cost(900.0),
        "total": cost(6913.4),
        "gross_pnl": cost(50_000.0),
        "net_pnl": cost(43_210.123),
    },
    "events": [
        {
            "date": "2011-08-08",
            "kind": "DRAWDOWN_LIMIT",
            "equity": 81_234.0,
            "reference": 108_312.0,
            "measured": -0.25,
            "limit": -0.25,
        }
    ],
    "warnings": [
        "run_config.yaml:12: portfolio.limits.max_drawdown: 0.40 is above 30 %: a fall of that size needs 67 % to recover"
    ],
}
EQUITY = [100_000.0 + 43_210.123 * i / 1509 for i in range(1510)]


@pytest.mark.parametrize("width", [72, 80, 100, 120])
@pytest.mark.parametrize("unicode", [True, False])
def test_no_line_but_a_path_or_command_leaves_the_width(width, unicode):
    for line in summary_page(DOCUMENT, EQUITY, Page(width, unicode)).splitlines():
        assert cells(line) <= width or "trading-system runs" in line or line.startswith(("results: ", "report: "))


def test_everything_a_reader_needs_is_on_the_page():
    text = summary_page(DOCUMENT, EQUITY, Page(80))
    for words in (
        "my_strategy (equity_momentum) on 5 symbols",
        "synthetic sample market equities50: invented prices",
        "train+validation: 2010-01-04 to 2015-12-31, 1,510 bars of 1d",
        "252 periods a year, risk-free 0.00 %; benchmark equal_weight",
        "100,000 ▁",
        "█ 143,210",
        "breakeven cost multiple: 7.3 (",
        "SLOTS 2,500, CASH 10",
        "signals 5,000 = refused 2,510 + orders 2,490; other orders: STOP 400",
        "DRAWDOWN_LIMIT",
        "warning: run_config.yaml:12",
        "results: my-idea/results/20260102-101500-1a2b3c4d",
        "report:  my-idea/results/20260102-101500-1a2b3c4d/report.html",
        "trading-system runs reproduce",
    ):
        assert words in text, words


def test_plain_ascii_is_used_where_blocks_cannot_be_printed():
    assert summary_page(DOCUMENT, EQUITY, Page(80, unicode=False)).isascii()


def test_colours_are_used_only_when_asked_for():
    assert "\x1b" not in summary_page(DOCUMENT, EQUITY, Page(80))
    assert "\x1b[1m" in summary_page(DOCUMENT, EQUITY, Page(80, colour=True))


def test_a_number_that_does_not_exist_is_a_dash_with_its_reason_in_words():
    document = copy.deepcopy(DOCUMENT)
    document["metrics"]["breakeven_cost_multiple"] = None
    document["undefined"]["breakeven_cost_multiple"] = "the trades lose before commission and slippage"
    text = summary_page(document, EQUITY, Page(80))
    assert "breakeven cost multiple: none, the trades lose before commission and slippage" in text
    assert "nan" not in text and "None" not in text


def test_names_from_outside_cannot_drive_the_terminal():
    document = copy.deepcopy(DOCUMENT)
    document["run"]["strategies"][0]["name"] = "evil\x1b]0;owned\x07[bold red]"
    document["warnings"] = ["\x1b[2Jgone\r\nsecond line"]
    document["folder"] = "results/\x1b[31m"
    text = summary_page(document, EQUITY, Page(80))
    assert "\x1b" not in text and "\x07" not in text and "\r" not in text
    assert "[bold red]" in text  # markup of a rendering library is only text here


def test_an_unbalanced_ledger_is_said_aloud():
    document = copy.deepcopy(DOCUMENT)
    document["reconciliation"]["total"]["balanced"] = False
    assert "NOT BALANCED" in summary_page(document, EQUITY, Page(80))


def test_several_strategies_have_a_row_each_and_one_for_all():
    document = copy.deepcopy(DOCUMENT)
    document["reconciliation"]["strategies"] = {
        "first": TOTAL,
        "a strategy with a name that is much too long for its column": TOTAL,
    }
    text = summary_page(document, EQUITY, Page(80))
    rows = [line for line in text.splitlines() if " 5,000 " in line and "=" not in line]
    assert [row.split()[0] for row in rows] == ["first", "a", "all"]


def test_a_breakeven_multiple_without_meaning_is_cut_off():
    document = copy.deepcopy(DOCUMENT)
    document["metrics"]["breakeven_cost_multiple"] = 2_322_854.0
    assert "breakeven cost multiple: > 1,000 (" in summary_page(document, EQUITY, Page(80))


def test_the_next_command_can_be_pasted_whatever_the_path_is():
    document = copy.deepcopy(DOCUMENT)
    document["folder"] = "Größe und Maß/it's/results"
    last = summary_page(document, EQUITY, Page(80)).splitlines()[-1]
    assert shlex.split(last.removeprefix("next:")) == ["trading-system", "runs", "reproduce", document["folder"]]
