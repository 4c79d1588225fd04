"""Equities of two runs at the dates that both have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_system.errors import OutputError
from trading_system.runs.comparison import equities


def run(folder, rows):
    folder.mkdir(exist_ok=True)
    text = "date,equity,cash\n" + "".join(f"{date},{equity},0\n" for date, equity in rows)
    (folder / "equity_curve.csv").write_text(text, encoding="utf-8")
    return folder


def test_only_common_dates_count_each_with_its_own_money(tmp_path):
    a = run(tmp_path / "a", [("2020-01-02", 1.5), ("2020-01-03", 2.5), ("2020-01-06", 3.5)])
    b = run(tmp_path / "b", [("2020-01-03", 20.0), ("2020-01-06", 30.0), ("2020-01-07", 40.0)])
    assert equities(a, b) == {
        "dates": 2,
        "points": [{"date": "2020-01-03", "a": 2.5, "b": 20.0}, {"date": "2020-01-06", "a": 3.5, "b": 30.0}],
    }
    assert equities(a, run(tmp_path / "c", [])) == {"dates": 0, "points": []}


@given(n=st.integers(1, 60), points=st.integers(1, 70))
def test_the_first_and_the_last_date_are_among_the_points(tmp_path_factory, n, points):
    folder = run(tmp_path_factory.mktemp("run"), [(f"{i:04}", i) for i in range(n)])
    found = equities(folder, folder, points)["points"]
    dates = [int(point["date"]) for point in found]
    assert len(dates) == min(n, points) and dates == sorted(set(dates)) and dates[0] == 0
    assert dates[-1] == n - 1 or points == 1


@pytest.mark.parametrize("text", ["day,equity\n1,2\n", "date,equity\n2020-01-02,much\n", "date,equity\n2020-01-02\n"])
def test_a_curve_that_is_none_is_refused_with_its_place(tmp_path, text):
    (tmp_path / "equity_curve.csv").write_text(text, encoding="utf-8")
    with pytest.raises(OutputError, match=r"equity_curve\.csv: is no equity curve"):
        equities(tmp_path, tmp_path)


def test_a_missing_curve_is_refused_with_its_place(tmp_path):
    with pytest.raises(OutputError, match=r"equity_curve\.csv: cannot be read"):
        equities(tmp_path, tmp_path)
