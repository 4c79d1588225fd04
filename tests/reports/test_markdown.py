"""The report as Markdown: whole tables, and text from outside that stays text."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.metrics.ledgers import curve_ledger
from tests.reports.made import made
from trading_system.reports import report_holdout, report_validation, report_walk_forward
from trading_system.reports.markdown import report_markdown, text
from trading_system.reports.report import SECTIONS, report_of


@given(
    st.one_of(
        st.sampled_from(["| a | b |", "# x\n## y", "[a](javascript:x)", "<script>", "`x`", "*b*", "\u202e"]),
        st.text(max_size=30),
    )
)
def test_no_mark_of_markdown_or_html_is_left_bare(given_text):
    made_plain = text(given_text)
    assert "\n" not in made_plain and "\r" not in made_plain
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_{}\[\]<>|#~$&]", made_plain)
    assert re.sub(r"\\([\\`*_{}\[\]<>|#~$&])", r"\1", made_plain) == given_text or not given_text.isprintable()


@pytest.fixture(scope="module")
def page():
    values = 100.0 * np.cumprod(1.0 + np.random.default_rng(2).normal(0.0, 0.01, 400))
    return report_markdown(report_of(made(curve_ledger(values), manifest={"warnings": ["a | b <i>"]})))


OF_OTHER_WORK = (  # a backtest has no answer of a validation, a walk-forward or a holdout
    report_validation.verdict,
    report_validation.evidence,
    report_holdout.answer,
    report_holdout.evidence,
    report_walk_forward.folds,
)


def test_every_section_is_there_and_every_table_has_whole_rows(page):
    assert len(re.findall(r"^## ", page, re.MULTILINE)) == len(SECTIONS) - len(OF_OTHER_WORK) and page.count("\n# ") == 0
    tables = re.findall(r"(?:^\|.*\|\n)+", page, re.MULTILINE)
    assert len(tables) >= 9
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_warnings_are_escaped_and_reasons_of_missing_numbers_are_told(page):
    assert r"a \| b \<i\>" in page and "(no trade was closed)" in page
