"""The page of two runs: both equities drawn as they grew, nothing from outside is markup, nothing is loaded."""

from __future__ import annotations

import base64
import hashlib
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reports.test_runs import compared
from trading_system.reports.comparison_html import _ticks, comparison_html


def page_of(found) -> str:
    return comparison_html(found).decode()


def lines(page: str) -> dict[str, list[tuple[float, float]]]:
    """Points of each drawn line by its style."""
    found = re.findall(r'<polyline class="line (\w+)" points="([^"]*)"', page)
    return {kind: [tuple(map(float, point.split(","))) for point in points.split()] for kind, points in found}


def test_both_lines_begin_together_and_end_as_far_apart_as_they_grew():
    """100 to 200 and 1,000 to 1,500: the second ends half as far above the start as the first."""
    drawn = lines(page_of(compared([100.0, 150.0, 200.0], [1000.0, 1000.0, 1500.0])))
    (x0, a0), _, (x2, a2) = drawn["run"]
    assert drawn["benchmark"][0] == (x0, a0) and drawn["benchmark"][2][0] == x2 > x0
    assert a0 - drawn["benchmark"][2][1] == pytest.approx((a0 - a2) / 2, abs=0.2)


def test_its_parts_are_well_formed_and_it_loads_nothing():
    page = page_of(compared([100.0, 90.0], [50.0, 60.0]))
    for part in re.findall(r"<svg.*?</svg>|<table.*?</table>", page, re.DOTALL):
        ET.fromstring(part)
    assert "<script" not in page and not re.findall(r'(?:src|href)="(?!data:,|#)', page)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    known = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src &#x27;sha256-{known}&#x27;" in page


def test_no_name_is_markup():
    evil = "</table><script>alert(1)</script>"
    found = compared([1.0, 2.0], [1.0, 2.0], config=[{"name": evil, "a": evil, "b": None}], code=[evil])
    assert "<script" not in page_of(found) and "&lt;script&gt;" in page_of(found)


def test_runs_without_a_common_date_are_told_so_and_equal_metrics_too():
    page = page_of(compared([], [], metrics=[]))
    assert "no date in common" in page and "Every metric is equal" in page and "<svg" not in page


def test_the_page_is_the_same_for_the_same_runs():
    found = compared([1.0, 2.0, 1.5], [3.0, 2.0, 1.0])
    assert comparison_html(found) == comparison_html(found)


@given(st.floats(-0.999, 1e6), st.floats(-0.999, 1e6))
def test_ticks_are_round_few_and_hold_what_is_drawn(one, other):
    low, high = min(one, other), max(one, other)
    ticks = _ticks(low, high)
    step = ticks[1] - ticks[0]
    assert 2 <= len(ticks) <= 9
    assert ticks[0] <= low + 1e-9 * step and ticks[-1] >= high - 1e-6 * step
    assert float(f"{step:.6e}"[0]) in (1.0, 2.0, 5.0, 9.0)
