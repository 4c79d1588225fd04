"""Two runs beside each other: the figures of a summary, both equities on one scale, every line inside the page."""

from __future__ import annotations

import pytest

from trading_system.reports.formats import BLOCKS, cells
from trading_system.reports.page import Page
from trading_system.reports.runs import comparison_page


def compared(a, b, **changes):
    """A comparison of two runs with these equities."""
    points = [{"date": f"2020-01-{i + 1:02}", "a": x, "b": y} for i, (x, y) in enumerate(zip(a, b, strict=True))]
    return {
        "runs": [
            {
                "run_id": run_id,
                "strategies": [{"name": "a_rule_of_a_long_name", "type": "ma_crossover"}],
                "market": {"source": "csv", "path": "data/a folder of many files", "symbols": 117},
            }
            for run_id in ("20260101-000000-aaaaaaaa", "20260102-000000-bbbbbbbb")
        ],
        "same": {"config": False, "data": True},
        "config": [{"name": "seed", "a": 1, "b": 2}],
        "data": {"changed": [], "only_a": [], "only_b": []},
        "code": [],
        "versions": [],
        "metrics": [
            {"name": "sharpe", "a": 1.0, "b": 0.5, "difference": -0.5},
            {"name": "skew_g1", "a": 0.1, "b": None, "difference": None},
            {"name": "cagr", "a": 0.1, "b": 0.1, "difference": 0.0},
        ],
        "equity": {"dates": len(points), "points": points},
        **changes,
    }


def lines_of(page, start):
    return [line for line in page.splitlines() if line.startswith(start)]


def test_figures_are_those_of_a_summary_unless_all_are_asked_for():
    found = compared([100.0, 110.0], [50.0, 60.0])
    page = comparison_page(found, Page(80))
    assert lines_of(page, "Sharpe ratio")[0].split()[-3:] == ["1.00", "0.50", "-0.50"]
    assert "skew_g1" not in page and "CAGR" not in page and "and 1 metric more that differ: --all" in page
    every = comparison_page(found, Page(80), every=True)
    assert lines_of(every, "skew_g1")[0].split() == ["skew_g1", "0.1", "-", "-"] and "--all" not in every


def test_both_equities_are_drawn_as_growth_on_one_scale():
    """The one that grew less never reaches the top, though it has more money."""
    page = comparison_page(compared([100.0, 150.0, 200.0], [1000.0, 1000.0, 1500.0]), Page(80))
    a, b = (lines_of(page, f"{run}  ")[0] for run in "ab")
    assert a == f"a  {BLOCKS[0]}{BLOCKS[4]}{BLOCKS[7]} 100.00 %"
    assert b == f"b  {BLOCKS[0]}{BLOCKS[0]}{BLOCKS[4]} 50.00 %"
    assert lines_of(page, "2020-01-03")[0].split() == ["2020-01-03", "200.00", "1,500.00", "-50.00", "%"]


@pytest.mark.parametrize("width", [72, 80, 120])
@pytest.mark.parametrize("unicode", [True, False])
def test_no_line_leaves_the_page(width, unicode):
    grown = [100.0 * 1.01**i for i in range(200)]
    page = comparison_page(compared(grown, grown[::-1]), Page(width, unicode=unicode), every=True)
    assert all(cells(line) <= width for line in page.splitlines())
    assert page.isascii() is not unicode


def test_runs_without_a_common_date_or_money_are_told_so():
    assert "no date in common" in comparison_page(compared([], []), Page(80))
    assert "nothing to grow from" in comparison_page(compared([0.0, 1.0], [1.0, 2.0]), Page(80))


def test_equal_runs_have_equal_metrics():
    found = compared([1.0, 2.0], [1.0, 2.0], metrics=[{"name": "sharpe", "a": 1.0, "b": 1.0, "difference": 0.0}], config=[])
    page = comparison_page(found, Page(80))
    assert "every metric is equal" in page and "made of the same" in page
