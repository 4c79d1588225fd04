"""The familywise p-value: equal to the step-down of all, by law, about uniform on noise, and right about what is missing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tests.validation.sizes import sized
from tests.validation.told import family, made, told
from trading_system.validation import data_snooping, judged
from trading_system.validation.base import generator
from trading_system.validation.suite.familywise import Familywise, single_p

RNG = np.random.default_rng(2)
TRIALS = RNG.normal(0.0004, 0.01, (500, 15))


def judged_of(matrix: np.ndarray, without: int = 0, *, sampled: bool = False, elsewhere: int = 0, **more):
    trials = family(matrix, without, sampled=sampled, n_elsewhere=elsewhere)
    return made(Familywise, told(matrix[:, -1], trials=trials, **more))


def test_it_is_the_adjusted_p_value_of_the_step_down_over_all_trials():
    found = judged_of(TRIALS)
    examination = told(TRIALS[:, -1], trials=family(TRIALS))
    settings, scaled = judged.sizes(examination), judged.trialled(examination).returns
    chosen = judged.drawn_resamples(settings, 500, found.details["block"], 2000, generator(42, "familywise"))
    steps = data_snooping.step_down(data_snooping.contest(scaled, chosen))
    assert found.bars[0].measured == steps.adjusted_p[-1]
    assert found.details["method"] == "Romano-Wolf over all 15 trials"


def test_equal_volatility_or_not_is_all_the_same():
    """Selection is by Sharpe ratio, so leverage of a trial must not matter."""
    levered = TRIALS * np.linspace(0.2, 5.0, 15)
    assert judged_of(levered).bars[0].measured == judged_of(TRIALS).bars[0].measured


def test_the_more_trials_the_larger_and_copies_cost_next_to_nothing():
    own = TRIALS[:, [-1]]
    alone, among = judged_of(own).bars[0].measured, judged_of(TRIALS).bars[0].measured
    copies = judged_of(np.repeat(own, 15, axis=1)).bars[0].measured
    assert alone <= copies == pytest.approx(alone) and among > alone


def test_a_trial_without_returns_costs_a_single_test():
    whole, single = judged_of(TRIALS), single_p(TRIALS[:, -1])
    for without in (1, 7):
        found = judged_of(TRIALS, without)
        assert found.bars[0].measured == pytest.approx(min(whole.bars[0].measured + without * single, 1.0), rel=1e-9)
        assert f"Bonferroni over the {without} without" in found.details["method"]
        assert found.details["bonferroni_over_all_p"] == pytest.approx(min((15 + without) * single, 1.0))


def test_among_thousands_without_returns_only_a_very_good_record_passes():
    good, great = (np.random.default_rng(9).normal(mean, 0.01, (1500, 1)) for mean in (0.0007, 0.0022))
    assert judged_of(good, 10_000).verdict == "reject" and judged_of(good).verdict == "pass"
    assert judged_of(great, 10_000).verdict == "pass"


def test_what_is_missing_is_said():
    said = " ".join(judged_of(TRIALS, 9, sampled=True, elsewhere=4).warnings)
    assert "4 trials are over other sessions" in said and "a sample of the 24 trials" in said


def test_trials_that_never_traded_count_and_change_nothing():
    with_still = np.column_stack([np.zeros((500, 4)), TRIALS])
    found, plain = judged_of(with_still), judged_of(TRIALS)
    assert found.bars[0].measured == plain.bars[0].measured
    assert found.details["n_trials"] == 19 and any("4 trials never traded" in text for text in found.warnings)
    paid = made(Familywise, told(TRIALS[:, -1], trials=family(with_still), risk_free=0.03))
    assert paid.bars[0].measured > plain.bars[0].measured  # cash earns too; trials that stand still lose to it


def test_a_judged_record_that_never_varies_is_refused():
    found = judged_of(np.column_stack([TRIALS, np.zeros(500)]))
    assert found.verdict == "reject" and found.bars[0].measured is None and found.bars[0].why


def test_resamples_too_few_for_the_threshold_are_said():
    found = judged_of(TRIALS, gates={"max_familywise_p": 0.001}, bootstrap={"resamples": 99})
    assert any("1,000 or more" in text for text in found.warnings)


def test_the_picture_marks_the_real_value_among_the_best_of_nothing():
    (histogram,) = judged_of(TRIALS).picture["pictures"]
    assert sum(histogram["counts"]) == 2000 and set(histogram["marks"]) == {"judged"}


def test_the_single_p_value_by_hand():
    series = np.random.default_rng(4).normal(0.001, 0.01, 900)
    z = series.mean() / series.std(ddof=1) * 30.0
    assert single_p(series) == pytest.approx(stats.norm.sf(z), rel=0.35)
    assert single_p(series) + single_p(-series) == pytest.approx(1.0, abs=0.01)


def test_the_best_of_noise_is_rejected_no_more_often_than_said():
    """The best of 12 trials without an edge, 150 families: the p-value of the best is about uniform."""
    sets, rng, p = sized(150, 2), np.random.default_rng(8), []
    for _ in range(sets):
        matrix = rng.normal(0.0, 0.01, (600, 12)) + 0.5 * rng.normal(0.0, 0.01, (600, 1))
        best = int(np.argmax(matrix.mean(axis=0) / matrix.std(axis=0)))
        matrix[:, [best, -1]] = matrix[:, [-1, best]]
        p.append(judged_of(matrix, bootstrap={"resamples": 199}).p_value)
    if sets > 2:
        assert stats.kstest(p, "uniform").pvalue > 0.01
        assert np.mean(np.array(p) <= 0.05) <= stats.binom.ppf(0.9995, sets, 0.05) / sets


def test_a_real_edge_among_noise_is_found():
    rng, found = np.random.default_rng(10), 0
    for _ in range(sized(20, 1)):
        matrix = rng.normal(0.0, 0.01, (1260, 20))
        matrix[:, -1] += 2.5 / np.sqrt(252.0) * 0.01
        found += judged_of(matrix, bootstrap={"resamples": 199}).verdict == "pass"
    assert found >= sized(16, 0)
