"""The evidence in the report: the answer, the table, pictures, and what was still not checked."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.metrics.ledgers import curve_ledger
from tests.reports.made import made
from trading_system.reports.artefacts import Artefacts
from trading_system.reports.document import Picture
from trading_system.reports.drawings import DRAWN, drawn, ticks
from trading_system.reports.markdown import report_markdown
from trading_system.reports.report import report_json, report_of
from trading_system.reports.report_html import report_html
from trading_system.runs.store import from_json, to_json
from trading_system.validation import pictures

DRAW = np.random.default_rng(4)
PICTURES = [
    pictures.histogram("Best of permuted markets", DRAW.normal(size=99), {"real": 2.5}, summary="The real one lies outside."),
    pictures.fan(
        "Bootstrapped equities", [f"2020-01-{i:02d}" for i in range(1, 31)], np.cumsum(DRAW.normal(size=(2, 2, 30)), axis=2), np.arange(30.0)
    ),
    pictures.bars("Folds", ["1", "2", "3"], {"in sample": [1.0, 2.0, np.nan], "out of sample": [-0.5, 0.5, 0.1]}),
    pictures.curve("Deflated Sharpe ratio", [1, 10, 100], {"DSR": [0.9, 0.6, 0.4]}, {"here": 50.0}, x_name="trials", log_x=True),
    pictures.heat("Sharpe", ["10", "20"], ["2", "3"], [[0.5, np.nan], [-0.2, 1.0]], row_name="fast", column_name="slow", marked=(1, 1)),
]  # fmt: skip


def asked(name: str = "permutation", **more: Any) -> dict[str, Any]:
    bar = {
        "name": "permutation p",
        "measured": 0.3,
        "threshold": 0.05,
        "sense": "<=",
        "unit": "p",
        "why": "",
        "verdict": "reject",
    }
    return {
        "name": name, "title": "Permutation </script><b>", "verdict": "reject", "bars": [bar], "error": "", "work": "99 markets", "seed": 42,
        "worlds": 99, "p_value": 0.3, "interval": None, "warnings": ["a <i> warning"], "asks": "Asked?", "null": "None.", "reading": "So.",
        "assumes": ["exchangeable moves"], "blind_to": ["volume"], "source": "A paper.", "details": {}, "picture": {}, **more,
    }  # fmt: skip


def validation(*tests: dict[str, Any]) -> dict[str, Any]:
    return {
        "schema": 1, "answer": "no", "refused": ["permutation"], "fast": True, "period": {"name": "all", "first": "2020-01-02", "last": "2021-01-04"}, "left_out": ["stress"],
        "not_asked": [{"name": "overfitting", "why": "no grid"}], "trials": {"configurations": 51, "rows": 2, "sampled": False},
        "tests": list(tests),
    }  # fmt: skip


def artefacts(*tests: dict[str, Any]) -> Artefacts:
    values = 100.0 * np.cumprod(1.0 + np.random.default_rng(2).normal(0.0, 0.01, 400))
    found = made(curve_ledger(values))
    return Artefacts(**{**vars(found), "validation": from_json(to_json(validation(*tests)), "test") if tests else None})


def page(*tests: dict[str, Any]) -> str:
    return b"".join(report_html(artefacts(*tests))).decode()


def test_a_run_without_validation_says_nothing_of_it() -> None:
    text = page()
    assert "Is it luck?" not in text and "Backtest of" in text and "Walk-forward: whether" in text


def test_the_answer_the_table_and_the_number_of_trials_are_there() -> None:
    text = page(asked())
    assert "Validation of" in text and "NO: permutation" in text and "0.3000" in text and "2 trials in 6 runs" in text
    assert "overfitting: no grid" in text and "a &lt;i&gt; warning" in text and "exchangeable moves" in text


@pytest.mark.parametrize("data", PICTURES, ids=lambda data: data["form"])
def test_every_form_of_picture_is_drawn_with_finite_places(data: dict[str, Any]) -> None:
    text = page(asked(picture={"pictures": [data]}))
    assert data["title"] in text
    if data["form"] == "heat":
        assert "judged" in text
        return
    svg = re.search(r'<div class="plot still">(<svg.*?</svg>)</div>', text, re.DOTALL)
    assert svg is not None and "nan" not in svg[1] and "inf" not in svg[1]
    places = [float(value) for value in re.findall(r'(?:x|y|x1|x2|y1|y2)="(-?[\d.]+)"', svg[1])]
    assert places and min(places) >= 0.0 and max(places) <= 720.0


def test_every_form_that_a_test_may_use_has_a_drawing() -> None:
    assert {data["form"] for data in PICTURES} == {*DRAWN, "heat"}


def test_a_test_in_error_has_checked_nothing() -> None:
    broken, whole = asked("walk_forward", error="too few bars"), asked("walk_forward")
    assert "Walk-forward: whether" in page(broken) and "too few bars" in page(broken)
    assert "Walk-forward: whether" not in page(whole)


def test_markdown_and_json_say_the_same() -> None:
    found = artefacts(asked(picture={"pictures": PICTURES}))
    text = report_markdown(report_of(found))
    assert "NO: permutation" in text and "The real one lies outside." in text
    assert report_json(found)["validation"]["tests"][0]["name"] == "permutation"


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.2, 7.9), (1e-9, 2e-9), (-1e6, 1e6), (5.0, 5.0)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    found = ticks(low, high, 5)
    assert all(low - 1e-9 * abs(low) <= tick <= high + 1e-9 * abs(high) for tick in found) and len(found) <= 12
    assert (not found) == (low == high)


@pytest.mark.parametrize("data", [one for one in PICTURES if one["form"] in DRAWN], ids=lambda one: one["form"])
def test_no_shape_of_a_drawing_swallows_the_next(data: dict[str, Any]) -> None:
    """In SVG a shape that is not closed holds all that follows, and a browser draws none of it."""
    figure = ElementTree.fromstring(drawn(Picture("picture", data["title"], data["summary"], data)))
    svg = figure.find(".//svg")
    assert svg is not None and len(svg) > 3
    assert [len(shape) for shape in svg] == [0] * len(svg)
