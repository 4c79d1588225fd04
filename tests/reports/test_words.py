"""How many trials there were, and whether a run is the best of them: said exactly."""

from __future__ import annotations

import pytest

from trading_system.reports.words import trials_so_far

TOLD = {"count": 20, "trials": 12, "runs": 14, "compared": 12, "sharpe": 0.9, "best_other": 0.5, "repeats": False, "others": 0}
WHOLE = "12 trials in 14 runs of these strategy types on these symbols, this one included"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, f"this is the best of {WHOLE}"),
        ({"compared": 9}, f"this is the best of the 9 over the same sessions whose Sharpe ratio is known, of {WHOLE}"),
        (
            {"best_other": 1.25},
            f"not the best of {WHOLE}: over the same sessions another had a Sharpe ratio of 1.25, this one 0.90",
        ),
        ({"best_other": None}, f"this is the best of {WHOLE}"),
        ({"sharpe": None}, f"without a Sharpe ratio, one of {WHOLE}"),
        ({"repeats": True}, f"this is the best of {WHOLE}; the same work was counted before"),
        (
            {"others": 1},
            f"this is the best of {WHOLE}; counted apart: 1 trial of other strategy types or symbols",
        ),
        ({"trials": 1, "runs": 1}, "1 trial in 1 run of these strategy types on these symbols, this one included"),
    ],
)
def test_of_how_many_it_is_the_best(changed, words):
    assert trials_so_far({**TOLD, **changed}) == words


def test_older_manifests_say_what_they_know():
    assert trials_so_far({"count": 20, "trials": 12, "runs": 14}) == WHOLE
    assert trials_so_far({"count": 20}) == "not counted then; record 20 of the journal"
