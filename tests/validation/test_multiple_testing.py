"""Corrections for many tests, against scipy, definitions written out, and simulated nulls."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trading_system.errors import DataError, UnknownNameError
from trading_system.validation import multiple_testing as many

p_values = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30)


@given(p_values)
def test_false_discovery_rates_are_those_of_scipy(p):
    assert many.benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p, method="bh"))
    assert many.benjamini_yekutieli(p) == pytest.approx(stats.false_discovery_control(p, method="by"))


@given(p_values)
def test_holm_is_the_closure_of_bonferroni(p):
    """Adjusted p_j = the largest Bonferroni p over the sets that contain j; the worst of size m takes the m - 1 largest others."""
    wanted = []
    for j, value in enumerate(p):
        others = sorted(p[:j] + p[j + 1 :], reverse=True)
        wanted.append(max(min(1.0, (m + 1) * min([value, *others[:m]])) for m in range(len(p))))
    assert many.holm(p) == pytest.approx(wanted)


@given(p_values, st.randoms(use_true_random=False))
def test_corrections_keep_order_never_help_and_follow_the_tests(p, random):
    order = list(range(len(p)))
    random.shuffle(order)
    for name in many.METHODS:
        adjusted = many.adjusted_p_values(p, name)
        assert (adjusted >= np.array(p) - 1e-15).all() and (adjusted <= 1.0).all()
        assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= -1e-15).all()
        assert many.adjusted_p_values([p[i] for i in order], name) == pytest.approx(adjusted[order])


@given(p_values)
def test_powers_are_in_their_order(p):
    found = {name: many.adjusted_p_values(p, name) for name in many.METHODS}
    for stronger, weaker in [
        ("holm", "bonferroni"),
        ("hochberg", "holm"),
        ("bh", "hochberg"),
        ("bh", "by"),
        ("bhy_harvey_liu", "by"),
    ]:
        assert (found[stronger] <= found[weaker] + 1e-12).all(), (stronger, weaker)
    assert (found["sidak"] <= found["bonferroni"] + 1e-12).all()


def test_one_test_stays_as_it_is():
    for name in many.METHODS:
        assert many.adjusted_p_values([0.031], name) == pytest.approx([0.031])
    assert many.adjusted_p_values([], "holm").size == 0


def test_tiny_p_values_do_not_underflow():
    assert many.sidak([1e-18] * 10)[0] == pytest.approx(1e-17)
    assert many.sidak([0.0, 1.0]).tolist() == [0.0, 1.0]


def test_discoveries_and_errors_stay_at_their_levels():
    """100 tests, 20 of them with an effect of 3: shares over 300 draws."""
    rng = np.random.default_rng(4)
    effect = np.arange(100) < 20
    fdr, fwer, power = ({name: [] for name in ("bh", "by", "holm", "bonferroni")} for _ in range(3))
    for _ in range(300):
        p = stats.norm.sf(rng.standard_normal(100) + 3.0 * effect)
        for name, alpha in [("bh", 0.1), ("by", 0.1), ("holm", 0.05), ("bonferroni", 0.05)]:
            found = many.rejected(p, alpha, name)
            fdr[name].append((found & ~effect).sum() / max(found.sum(), 1))
            fwer[name].append((found & ~effect).any())
            power[name].append(found[effect].mean())
    assert np.mean(fdr["bh"]) <= 0.105 and np.mean(fdr["by"]) <= 0.105
    assert np.mean(fwer["holm"]) <= 0.08 and np.mean(fwer["bonferroni"]) <= 0.08
    assert np.mean(power["bh"]) > np.mean(power["by"]) > np.mean(power["holm"]) >= np.mean(power["bonferroni"])


def test_what_is_no_p_value_is_refused():
    with pytest.raises(DataError, match="p_values: row 1: p_values hold 1.5; allowed: 0 to 1"):
        many.holm([0.1, 1.5])
    with pytest.raises(UnknownNameError, match="no correction is called 'bon'; allowed: bonferroni"):
        many.adjusted_p_values([0.1], "bon")
    with pytest.raises(DataError, match="alpha is 0"):
        many.rejected([0.1], 0.0, "holm")


def test_two_ways_to_begin_the_step_up():
    """c(2) = 1.5: the largest p-value stays 0.06 as Harvey, Liu and Zhu write it, and becomes 0.09 as Yekutieli does."""
    assert many.bhy_harvey_liu([0.01, 0.06]) == pytest.approx([0.03, 0.06])
    assert many.benjamini_yekutieli([0.01, 0.06]) == pytest.approx([0.03, 0.09])


@given(p_values, st.integers(0, 20))
def test_tests_without_a_p_value_are_tests_with_a_p_value_of_one(p, unknown):
    for name in many.METHODS:
        whole = many.adjusted_p_values([*p, *[1.0] * unknown], name)
        assert many.adjusted_p_values(p, name, len(p) + unknown) == pytest.approx(whole[: len(p)])


def test_there_are_no_fewer_tests_than_p_values():
    with pytest.raises(DataError, match="n_tests is 1"):
        many.holm([0.1, 0.2], 1)
