"""What every statistic asks of its inputs, and how it says no."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trading_system.errors import DataError, InsufficientDataError
from trading_system.validation import inputs


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: inputs.as_matrix([[1.0, 2.0], [3.0, math.nan]]),
            r"returns: row 1: column 1: returns hold nan where a finite",
        ),
        (lambda: inputs.as_matrix([1.0]), r"returns have shape \(1,\); allowed: \(n_periods, n_columns\)"),
        (lambda: inputs.as_matrix([["a"]]), "returns are not numbers"),
        (lambda: inputs.at_least(2.5, 1, "block"), "block is 2.5; allowed: a whole number, 1 or more"),
        (lambda: inputs.at_least(True, 1, "block"), "block is True"),
        (lambda: inputs.at_least(math.nan, 1, "block"), "block is nan"),
        (lambda: inputs.at_least(math.inf, 1, "block"), "block is inf"),
        (lambda: inputs.probability(1.0, "level"), "level is 1.0; allowed: above 0 and below 1"),
        (lambda: inputs.positions([0, 5], 5, "starts"), "starts run from 0 to 5; allowed: 0 to 4"),
        (lambda: inputs.positions([0.5], 5, "starts"), "starts are float64; allowed: whole numbers"),
    ],
)
def test_a_refusal_is_one_message(call, words):
    with pytest.raises(DataError, match=words):
        call()


def test_too_few_periods_say_how_many():
    with pytest.raises(InsufficientDataError, match="a test needs 5 periods, the data has 4; load more periods"):
        inputs.enough(4, 5, "a test")


def test_good_inputs_pass_through():
    assert inputs.as_matrix(np.ones((2, 3))).shape == (2, 3)
