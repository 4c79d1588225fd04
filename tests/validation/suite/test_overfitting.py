"""The probability of overfitting through the suite: the published tables, noise near one half, a winner near zero."""

from __future__ import annotations

import numpy as np
import pytest

from tests.validation.cases import golden_case
from tests.validation.told import made, told
from trading_system.validation.suite.overfitting import CELLS, Overfitting, splits_for

RNG = np.random.default_rng(1)
NOISE = RNG.normal(0.0, 0.01, (480, 12))


def judged(matrix: np.ndarray, **more):
    return made(Overfitting, told(matrix[:, -1], grid=matrix[:, :-1], **more))


@pytest.mark.parametrize("name", ["pbo__winner_12x120_s8", "pbo__noise_10x120_s6"])
def test_the_golden_grids_come_through_the_suite(name):
    case = golden_case(name)
    expected = case["expected"]
    found = judged(np.array(case["inputs"]["returns_T_by_N"]), overfitting={"splits": case["inputs"]["n_splits"]})
    details = found.details
    assert found.bars[0].measured == pytest.approx(expected["pbo"], abs=1e-9)
    assert details["pbo_strict"] == pytest.approx(expected["pbo_strict"], abs=1e-9)
    assert details["halves"] == expected["n_combinations"]
    assert details["degradation"]["slope"] == pytest.approx(expected["slope"], abs=1e-9)
    assert details["degradation"]["p_value"] == pytest.approx(expected["slope_p_value"], abs=1e-9)
    assert details["probability_of_loss"] == pytest.approx(expected["prob_oos_loss"], abs=1e-9)
    assert details["first_order_dominance"] is expected["first_order_dominance"]
    assert details["second_order_dominance"] is expected["second_order_dominance"]


def test_without_a_grid_the_question_does_not_arise():
    assert "no grid" in Overfitting.applies(told(NOISE[:, 0]))
    assert "one point" in Overfitting.applies(told(NOISE[:, 0], grid=NOISE[:, :0]))
    assert not Overfitting.applies(told(NOISE[:, 0], grid=NOISE[:, 1:]))


def test_a_winner_passes_and_noise_is_about_one_half():
    winner = NOISE.copy()
    winner[:, 3] += 0.003
    assert judged(winner).bars[0].measured < 0.1 and judged(winner).verdict == "pass"
    rng = np.random.default_rng(2)
    values = [judged(rng.normal(0.0, 0.01, (480, 20)), overfitting={"splits": 10}).bars[0].measured for _ in range(40)]
    assert 0.40 < np.mean(values) < 0.60  # one grid scatters by 0.19


def test_the_gate_decides():
    found = judged(NOISE)
    for gate in (found.bars[0].measured, found.bars[0].measured - 1e-6):
        assert judged(NOISE, gates={"max_overfitting": gate}).verdict == (
            "pass" if gate == found.bars[0].measured else "reject"
        )


def test_points_that_never_trade_are_left_out_and_said():
    with_still = np.column_stack([np.zeros((480, 2)), NOISE])
    found = judged(with_still)
    assert found.details["points_never_varying"] == 2 and any("2 points never traded" in text for text in found.warnings)
    assert found.details["points"] == 12 and found.bars[0].measured == judged(NOISE).bars[0].measured
    paid = judged(with_still, risk_free=0.05)
    assert paid.details["points_never_varying"] == 2


def test_a_grid_that_never_trades_is_refused_with_the_reason():
    found = judged(np.zeros((100, 4)))
    assert found.verdict == "reject" and "ever traded" in found.bars[0].why


def test_another_objective_few_points_and_equal_points_are_said():
    few = judged(NOISE[:, [0, 0, 1]], search={"objective": "cagr"})
    said = " ".join(few.warnings)
    assert "chooses by cagr" in said and "3 points" in said and "same returns" in said


def test_very_many_points_are_cut_into_fewer_blocks():
    assert splits_for(50, 16) == 16 and splits_for(700, 16) == 16
    assert splits_for(2000, 16) == 14 and splits_for(CELLS, 16) == 2


def test_the_pictures_hold_every_half():
    logits, kept = judged(NOISE).picture["pictures"]
    assert sum(logits["counts"]) == 12_870 and logits["marks"] == {"median": 0.0}
    inside, outside = (np.array(kept["series"][name]) for name in ("in sample", "out of sample"))
    assert (np.diff(inside) > 0.0).all() and outside.size == 5
    found = judged(NOISE).details
    assert found["most_often_chosen"][0]["share"] >= found["most_often_chosen"][1]["share"]
