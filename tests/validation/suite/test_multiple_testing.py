"""p-values of all logged trials: by statsmodels, by hand, and with trials of which little is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tests.validation.told import family, made, told
from trading_system.validation.base import FamilyTrials
from trading_system.validation.sharpe_inference import probabilistic_sharpe, sharpe_moments
from trading_system.validation.suite.multiple_testing import METHODS, MultipleTesting
from trading_system.validation.trials import trial_tests

RNG = np.random.default_rng(4)
TRIALS = RNG.normal(0.0003, 0.01, (400, 12)) + np.linspace(0.0, 0.0015, 12)


def judged(trials: FamilyTrials, series=TRIALS[:, -1], **more):
    return made(MultipleTesting, told(series, trials=trials, **more))


def test_each_p_value_is_one_less_the_probabilistic_sharpe_ratio():
    tested = trial_tests(family(TRIALS), 0.0)
    for column, p in zip(TRIALS.T, tested.p_values, strict=True):
        m = sharpe_moments(column)
        assert p == pytest.approx(1.0 - probabilistic_sharpe(m.sharpe, m.n, m.skew, m.kurtosis), abs=1e-12)
    above = trial_tests(family(TRIALS), 0.0005)
    assert above.sharpes[-1] == pytest.approx((TRIALS[:, -1].mean() - 0.0005) / TRIALS[:, -1].std(ddof=1))


def test_two_sided_p_values_are_those_of_a_t_test():
    tested = trial_tests(family(TRIALS), 0.0)
    np.testing.assert_allclose(tested.two_sided, stats.ttest_1samp(TRIALS, 0.0, axis=0).pvalue, rtol=1e-9)


def test_adjusted_values_against_scipy():
    found = judged(family(TRIALS)).details
    p = trial_tests(family(TRIALS), 0.0).p_values
    assert found["judged_p"] == p[-1]
    for ours, theirs in (("bh", "bh"), ("by", "by")):
        adjusted = stats.false_discovery_control(p, method=theirs)
        assert found["adjusted"][ours]["judged_p"] == pytest.approx(adjusted[-1])
        assert found["adjusted"][ours]["survivors"] == np.count_nonzero(adjusted <= 0.05)
    assert found["adjusted"]["bonferroni"]["judged_p"] == pytest.approx(min(12.0 * p[-1], 1.0))


def test_trials_without_a_p_value_count_as_one():
    known = judged(family(TRIALS))
    more = judged(family(TRIALS, 30))
    padded = np.column_stack([np.zeros((400, 30)), TRIALS])  # that never traded: p = 1
    told_so = judged(family(padded))
    for method in METHODS:
        assert more.details["adjusted"][method] == told_so.details["adjusted"][method]
        assert more.details["adjusted"][method]["judged_p"] >= known.details["adjusted"][method]["judged_p"]
    assert any("30 of 42 trials" in text for text in more.warnings)
    assert any("30 trials never traded" in text for text in told_so.warnings)


def test_a_trial_over_other_sessions_is_tested_by_its_ratio_alone():
    own = TRIALS[:, [-1]]
    trials = FamilyTrials(
        2,
        2,
        own,
        sampled=False,
        sharpe_variance=None,
        n_covered=1,
        other_sharpes=np.array([0.2]),
        other_periods=np.array([101]),
    )
    tested = trial_tests(trials, 0.0)
    assert tested.p_values[0] == pytest.approx(stats.norm.sf(0.2 * 10.0 / np.sqrt(1.0 + 0.02)))
    assert tested.n_tests == 2 and tested.sharpes.size == 2


def test_one_trial_is_not_adjusted():
    found = judged(family(TRIALS[:, -1:])).details
    assert all(row["judged_p"] == found["judged_p"] for row in found["adjusted"].values())


def test_survivors_of_a_false_discovery_rate_are_no_fewer_than_of_a_familywise_one():
    table = judged(family(TRIALS)).details["adjusted"]
    assert table["bonferroni"]["survivors"] <= table["holm"]["survivors"] <= table["hochberg"]["survivors"]
    assert table["hochberg"]["survivors"] <= table["bh"]["survivors"] and table["by"]["survivors"] <= table["bh"]["survivors"]


def test_millions_of_unknown_trials_need_no_room():
    found = judged(family(TRIALS, 10_000_000))
    assert found.details["n_tests"] == 10_000_012 and found.details["adjusted"]["holm"]["judged_p"] == 1.0
