"""What two runs were made of, where they differ."""

from __future__ import annotations

from trading_system.reports.runs import described, made_of


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


def test_a_file_that_one_run_alone_has_is_there_in_it_and_nowhere_else():
    found = {
        "runs": [],
        "same": {},
        "config": [],
        "versions": [],
        "data": {"changed": [], "only_a": [], "only_b": []},
        "code": ["trading_system", "both.py", "mine.py", "yours.py"],
        "code_only": {"a": ["mine.py"], "b": ["yours.py"]},
    }
    assert made_of(found) == [
        ("code of trading_system", "one", "another"),
        ("code of both.py", "one", "another"),
        ("code of mine.py", "there", "-"),
        ("code of yours.py", "-", "there"),
    ]


def test_strategies_and_data_of_both_runs_stand_beside_each_other():
    one = {
        "run_id": "1",
        "strategies": [{"name": "fast", "type": "ma_crossover"}, {"name": "slow", "type": "rule.py:Slow"}],
        "market": {"source": "csv", "path": "bars", "symbols": 1},
    }
    other = {"run_id": "2", "strategies": [], "market": {"source": "sample", "path": "us5", "symbols": 5}}
    assert described(one, other) == [
        ("strategies", "fast (ma_crossover); slow (rule.py:Slow)", ""),
        ("data", "csv bars, 1 symbol", "sample us5, 5 symbols"),
    ]
