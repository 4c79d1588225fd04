"""Numbers, words and tables as text."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_system.reports.formats import (
    cells,
    count,
    fitted,
    money,
    one_line,
    percent,
    plain,
    ratio,
    sparkline,
    table,
    to_json,
    wrapped_table,
)


@given(st.text())
def test_no_character_that_drives_a_terminal_survives(text):
    safe = plain(text)
    assert all(c == "\n" or c.isprintable() for c in safe)
    assert "\n" not in one_line(text)


def test_ordinary_words_in_any_script_are_left_alone():
    assert plain("Größe 資産 €5 – ok") == "Größe 資産 €5 – ok"


def test_escapes_bells_and_text_reordering_are_shown_instead_of_done():
    assert plain("a\x1b[31mb\x07\u202ec\u200b\r") == "a\\x1b[31mb\\x07\\u202ec\\u200b\\r"


def test_numbers_that_do_not_exist_are_null_in_json():
    document = {"a": float("nan"), "b": [float("inf"), 1.5, np.float64(2.0)], "c": np.arange(2), 3: (np.int64(4), None, True)}
    assert json.loads(to_json(document)) == {"a": None, "b": [None, 1.5, 2.0], "c": [0, 1], "3": [4, None, True]}


def test_json_keeps_order_and_scripts():
    assert to_json({"z": "資産", "a": 1}).split() == ["{", '"z":', '"資産",', '"a":', "1", "}"]


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (percent, 0.12345, "12.35 %"),
        (percent, -1e-15, "0.00 %"),
        (percent, None, "-"),
        (ratio, float("nan"), "-"),
        (ratio, float("inf"), "-"),
        (ratio, -1.005, "-1.00"),
        (count, 1234567.0, "1,234,567"),
        (money, 1234.5, "1,234.50"),
        (money, -0.001, "0.00"),
        (money, -1234.5, "-1,234.50"),
    ],
)
def test_a_number_is_printed_with_its_unit_or_as_a_dash(form, value, text):
    assert form(value) == text


def test_a_wide_character_takes_two_columns_and_a_combining_one_none():
    assert cells("資産") == 4
    assert cells("e\u0301") == 1
    assert fitted("資産表", 5) == "資.. "


@given(st.text(max_size=30), st.integers(3, 40))
def test_a_fitted_cell_takes_exactly_its_width(text, width):
    assert cells(fitted(text, width)) == width


@given(
    st.lists(
        st.tuples(st.text(max_size=60), st.text(max_size=60), st.text("0123456789.", max_size=12)), min_size=1, max_size=5
    ),
    st.integers(40, 120),
)
def test_a_table_never_leaves_its_width_and_keeps_its_figures_whole(rows, width):
    lines = table(("name", "why", "figure"), rows, right=[2], width=width).split("\n")
    assert len(lines) == len(rows) + 1
    for line, row in zip(lines[1:], rows, strict=True):
        assert cells(line) <= width
        assert line.endswith(row[2])


def test_a_sparkline_ends_with_the_last_value_and_spans_lowest_to_highest():
    assert sparkline([1, 2, 3, 4, 5, 6, 7, 8], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([1, 2, 3, 4, 5, 6, 7, 8], 8, unicode=False) == "_.-~=+*#"
    assert sparkline(range(1000), 40)[-1] == "█"
    assert sparkline([5, 1], 40) == "█▁"
    assert sparkline([3.0, 3.0], 2) == "▄▄"
    assert sparkline([], 10) == "" and sparkline([1.0, float("nan")], 10) == "▄ "


@given(st.binary(max_size=2_400), st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=12), st.integers(1, 120))
def test_a_sparkline_is_never_wider_than_asked(any_bits, chosen, width):
    values = [*np.frombuffer(any_bits[: len(any_bits) // 8 * 8]).tolist(), *chosen]
    assert len(sparkline(values, width)) == min(len(values), width)


def test_prose_in_the_last_column_is_wrapped_and_never_cut():
    text = wrapped_table(("type", "rule"), [("a", "word " * 30), ("longer", "")], width=40)
    assert text.count("word") == 30
    assert all(cells(line) <= 40 for line in text.splitlines())
    assert text.splitlines()[2].startswith(" " * 8 + "word")
    assert wrapped_table(("", ""), []) == "" and table((), []) == ""
