"""What two runs were made of, where they differ."""

from __future__ import annotations

from trading_system.reports.runs import made_of


def test_periods_that_differ_are_named_and_a_difference_of_nothing_is_left_out():
    runs = [
        {"period": "train", "first": "2020-01-02", "last": "2020-06-30"},
        {"period": "all", "first": "2020-01-02", "last": "2021-01-04"},
    ]
    empty = [{"name": "portfolio.ranking", "a": None, "b": None}, {"name": "filters", "a": {}, "b": None}]
    data = {"changed": [], "only_a": [], "only_b": []}
    found = {
        "runs": runs,
        "same": {"period": False},
        "config": [*empty, {"name": "fast", "a": 0, "b": 5}],
        "versions": [],
        "data": data,
        "code": [],
    }
    period, fast = made_of(found)
    assert period[1:] == ("train, 2020-01-02 to 2020-06-30", "all, 2020-01-02 to 2021-01-04")
    assert fast == ("fast", "0", "5")
    assert made_of({**found, "same": {"period": True}}) == [fast]
