"""The CSV files: fixed columns, exact numbers, harmless text."""

from __future__ import annotations

import csv
import io
import math
import random

import numpy as np
import pytest

from tests.metrics.ledgers import Fill, curve_ledger, flat_bars, played
from trading_system.engine.ledger import ORDER, REFUSAL, Code, OrderKind, OrderStatus
from trading_system.runs import tables


def rows_of(pieces) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(pieces).decode(), newline="")))


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\0"])
def test_a_cell_that_would_be_a_formula_begins_with_an_apostrophe(first):
    for rest in ("1+1", "cmd|' /C calc'!A0", 'HYPERLINK("http://x")', ",=2", "\n=3", ""):
        text = tables.cell(first + rest)
        (row,) = csv.reader(io.StringIO(text))
        assert len(row) == 1 and row[0].startswith("'")
        assert "\n" not in row[0] and all(c.isprintable() for c in row[0])


def test_random_text_stays_one_cell_on_one_line_and_plain_text_stays_itself():
    draw = random.Random(1)
    alphabet = [chr(c) for c in (*range(0x100), 0x2028, 0x202E, 0x200F, 0x2066, 0x1F600)] + list("=+-@,\"'")
    for _ in range(2_000):
        text = "".join(draw.choices(alphabet, k=draw.randint(0, 12)))
        line = f"{tables.cell(text)},x\n"
        assert line.count("\n") == 1 and line.splitlines() == [line[:-1]]
        (row,) = csv.reader(io.StringIO(line))
        assert len(row) == 2 and row[1] == "x"
        assert not row[0].startswith(("=", "+", "-", "@"))
    for text in ("AAPL", "BRK.B", "my strategy 1", "Ünï", "NA", "TRUE"):
        assert tables.cell(text) == text


def test_hostile_names_reach_the_files_neutralised_and_numbers_stay_numbers():
    bars = flat_bars(4, symbols=("=2+5",))
    ledger = played(bars, [Fill(1, 0, -3.0, 100.0, 99.5), Fill(2, 0, 3.0, 98.0, 98.5)], names=('@SUM(A1),"x"',))
    (row,) = rows_of(tables.trade_table(ledger, bars.labels()))
    assert row["symbol"] == "'=2+5" and row["strategy"] == '\'@SUM(A1),"x"'
    assert float(row["quantity"]) == 3.0 and row["side"] == "short"


def test_every_float_reads_back_to_the_same_bits():
    draw = np.random.default_rng(7)
    values = np.concatenate(
        [draw.standard_normal(500) * 10.0 ** draw.integers(-300, 300, 500), [0.0, -0.0, 5e-324, 0.1, 1 / 3]]
    )
    curve = np.abs(values) + 1.0
    ledger = curve_ledger(curve, cash=values)
    found = rows_of(tables.equity_table(ledger, ledger.bars.labels(), ledger.bars.benchmark_close))
    assert [float(row["cash"]).hex() for row in found] == [float(v).hex() for v in values]


def test_the_columns_are_those_of_the_contract():
    bars = flat_bars(3)
    ledger = played(bars, [Fill(1, 0, 1.0, 100.0, 100.0)])
    labels = bars.labels()
    heads = [
        next(iter(table)).decode().strip()
        for table in (
            tables.equity_table(ledger, labels, bars.benchmark_close),
            tables.trade_table(ledger, labels),
            tables.order_table(ledger, labels),
            tables.refusal_table(ledger, labels),
        )
    ]
    assert heads == [
        "date,equity,cash,gross_exposure,net_exposure,n_positions,drawdown,benchmark",
        (
            "trade_id,strategy,symbol,side,entry_date,entry_price,exit_date,exit_price,quantity,gross_pnl,commission,slippage,financing,"
            "dividends,pnl,return_pct,r_multiple,mae,mfe,bars_held,entry_reason,exit_reason,status"
        ),
        "order_id,decided_at,strategy,symbol,side,quantity,kind,status,reason,filled_at,fill_price",
        "strategy,symbol,reason,first,last,count",
    ]


def test_an_open_trade_has_no_exit_date_and_a_closed_one_its_session():
    bars = flat_bars(5, start="2020-01-06")
    ledger = played(bars, [Fill(1, 0, 2.0, 100.0, 100.0), Fill(2, 0, -2.0, 100.0, 100.0), Fill(3, 0, 2.0, 100.0, 100.0)])
    closed, still_open = rows_of(tables.trade_table(ledger, bars.labels()))
    assert (closed["entry_date"], closed["exit_date"], closed["status"]) == ("2020-01-07", "2020-01-08", "closed")
    assert (still_open["exit_date"], still_open["exit_reason"], still_open["status"]) == ("", "", "open")


def test_the_drawdown_counts_from_the_starting_equity_and_the_benchmark_starts_with_it():
    ledger = curve_ledger([90.0, 120.0, 60.0], start=100.0)
    benchmark = np.array([np.nan, 50.0, 60.0])
    found = rows_of(tables.equity_table(ledger, ledger.bars.labels(), benchmark))
    assert [float(row["drawdown"]) for row in found] == pytest.approx([-0.1, 0.0, -0.5])
    assert [row["benchmark"] for row in found] == ["", "100.0", "120.0"]


def order(number: int, status: OrderStatus, filled: float, end: Code, fill_row: int, price: float) -> tuple:
    return (number, 0, 0, 1, OrderKind.MARKET_ENTRY, Code.ENTRY, 10.0, filled, status, end, fill_row, price)


def test_a_part_fill_is_a_fill_and_a_rejected_remainder_under_one_order_id():
    orders = np.array(
        [
            order(1, OrderStatus.FILLED, 10.0, Code.NONE, 1, 100.0),
            order(2, OrderStatus.PART_FILLED, 4.0, Code.CASH, 1, 100.0),
            order(3, OrderStatus.EXPIRED, 0.0, Code.NO_BAR, -1, math.nan),
            order(4, OrderStatus.OPEN, 0.0, Code.NONE, -1, math.nan),
        ],
        ORDER,
    )
    bars = flat_bars(3, start="2020-01-06")
    ledger = curve_ledger([100.0] * 3, bars=bars, orders=orders)
    found = rows_of(tables.order_table(ledger, bars.labels()))
    keys = ("order_id", "quantity", "status", "reason", "filled_at", "fill_price")
    assert [tuple(row[key] for key in keys) for row in found] == [
        ("1", "10.0", "filled", "ENTRY", "2020-01-07", "100.0"),
        ("2", "4.0", "filled", "ENTRY", "2020-01-07", "100.0"),
        ("2", "6.0", "rejected", "CASH", "", ""),
        ("3", "10.0", "expired", "NO_BAR", "", ""),
        ("4", "10.0", "open", "ENTRY", "", ""),
    ]
    assert {row["side"] for row in found} == {"buy"} and {row["decided_at"] for row in found} == {"2020-01-06"}


def test_a_table_longer_than_a_piece_is_whole(monkeypatch):
    monkeypatch.setattr(tables, "CHUNK", 3)
    bars = flat_bars(10)
    ledger = curve_ledger([100.0] * 10, bars=bars, refusals=np.array([(0, Code.SLOTS, i, i, 1) for i in range(8)], REFUSAL))
    assert [row["first"] for row in rows_of(tables.refusal_table(ledger, bars.labels()))] == bars.labels()[:8]
    assert len(rows_of(tables.equity_table(ledger, bars.labels(), bars.benchmark_close))) == 10


def test_intraday_tables_print_the_utc_close():
    bars = flat_bars(4, bars_per_session=2, start="2020-01-06")
    found = rows_of(tables.equity_table(curve_ledger([100.0] * 4, bars=bars), bars.labels(), bars.benchmark_close))
    assert found[0]["date"] == "2020-01-06T15:00:00Z"
