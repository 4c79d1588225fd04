"""The table of scenarios in the terminal and on the page."""

from __future__ import annotations

import numpy as np

from trading_system.reports.scenarios import scenario_lines, scenario_table
from trading_system.validation import scenarios

BASE = np.array([0.5, 1.25, -0.1, 0.9, 40.0, 12.5])
ROWS = [
    scenarios.row("as the run file says", "baseline", BASE, BASE),
    *scenarios.rows_of_draws(
        "delisting -100%", "delisting", BASE - [[0.1, 0.2, 0.1, 0, 1, 2], [0.3, np.nan, 0, 0, 1, 2]], BASE
    ),
    scenarios.row("holdings in calm", "together", np.full(6, np.nan), BASE, correlation=0.25, note="3 pairs"),
]


def test_the_terminal_sees_the_worst_of_several_worlds_within_its_width():
    lines = scenario_lines(ROWS, 80)
    assert len(lines) == 3 and max(map(len, lines)) <= 80
    assert lines[0].split() == ["scenario", "return", "Sharpe", "drawdown", "trades", "mean", "profit"]
    assert lines[1].split()[-7:] == ["50.00", "%", "1.25", "-10.00", "%", "40", "12.50"]
    assert lines[2].startswith("delisting -100%, worst") and lines[2].split()[-7] == "20.00"
    assert scenario_lines(ROWS[3:], 80) == []


def test_the_page_has_every_row_with_its_difference_to_the_first():
    table = scenario_table(ROWS)
    assert len(table.rows) == 4 and all(len(row) == len(table.header) for row in table.rows)
    mean, worst = table.rows[1], table.rows[2]
    assert mean[1] == "mean of 2" and worst[1] == "worst of 2"
    assert (worst[2].text, worst[2].under) == ("20.00 %", "-30.00 %") and table.rows[0][2].under == ""
    assert worst[3].text == "1.05" and mean[9] == "not defined: sharpe in 1"
    assert table.rows[3][8] == "0.25" and table.rows[3][9] == "3 pairs"
