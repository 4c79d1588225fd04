"""The bootstrapped Sharpe ratio against arch, by law, and where it cannot be had."""

from __future__ import annotations

import math

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap

from tests.validation.sizes import sized
from tests.validation.told import made, told
from trading_system.errors import InsufficientDataError
from trading_system.validation import judged
from trading_system.validation.block_length import block_length
from trading_system.validation.suite.bootstrap import Bootstrap

RNG = np.random.default_rng(5)
RECORD = RNG.normal(0.0006, 0.01, 750)


def low_end(returns, **more):
    return made(Bootstrap, told(returns, **more)).bars[0].measured


def test_the_lower_end_is_that_of_arch_within_the_error_of_both():
    """Other draws of the same bootstrap: the 5th percentiles differ by their Monte-Carlo error alone."""
    found = made(Bootstrap, told(RECORD))
    peer = StationaryBootstrap(max(block_length(RECORD).stationary, 1.0), RECORD, seed=1)
    ratios = peer.apply(lambda r: r.mean() / r.std(ddof=1) * math.sqrt(252.0), sized(4000, 400))
    low, high = found.details["monte_carlo_95"]
    assert np.quantile(ratios, 0.05) == pytest.approx(found.bars[0].measured, abs=2.0 * (high - low))
    assert low < found.bars[0].measured < high


def test_the_bar_is_the_gate_and_rejects_below_it():
    steady = np.random.default_rng(1).normal(0.002, 0.01, 750)  # a Sharpe ratio about 3
    for gate, verdict in ((0.4, "pass"), (9.0, "reject")):
        found = made(Bootstrap, told(steady, gates={"min_bootstrap_sharpe": gate}))
        assert (found.verdict, found.bars[0].threshold) == (verdict, gate)
    assert made(Bootstrap, told(steady - 0.002)).verdict == "reject"


def test_leverage_changes_nothing_and_a_loss_more_a_day_lowers_it():
    plain = low_end(RECORD)
    assert low_end(RECORD * 3.0) == pytest.approx(plain, rel=1e-9)
    assert low_end(RECORD - 0.0005) < plain < low_end(RECORD + 0.0005)


def test_it_is_measured_above_the_risk_free_rate():
    year = 252.0
    rate = (1.0 + 0.05) ** (1.0 / year) - 1.0
    assert low_end(RECORD, risk_free=0.05) == pytest.approx(low_end(RECORD - rate), rel=1e-9)


def test_the_same_seed_gives_the_same_draws_and_another_seed_others():
    one, again, other = (made(Bootstrap, told(RECORD, seed=seed)) for seed in (1, 1, 2))
    assert one.details == again.details and one.picture == again.picture
    assert one.bars[0].measured != other.bars[0].measured


def test_the_size_is_that_of_the_run_file_and_smaller_when_fast():
    sizes = {"resamples": 400, "resamples_fast": 100}
    assert made(Bootstrap, told(RECORD, bootstrap=sizes)).work.startswith("400 resamples")
    assert made(Bootstrap, told(RECORD, fast=True, bootstrap=sizes)).work.startswith("100 resamples")


@pytest.mark.parametrize("kind", ["circular", "moving"])
def test_other_blocks_than_the_bar_is_defined_by_are_said(kind):
    found = made(Bootstrap, told(RECORD, bootstrap={"kind": kind}))
    assert found.details["block"] == int(found.details["block"])
    assert any("other blocks" in text for text in found.warnings)
    assert made(Bootstrap, told(RECORD, bootstrap={"block": 7})).details["block"] == 7.0


def test_a_record_that_never_varies_is_refused_with_the_reason():
    found = made(Bootstrap, told(np.zeros(100)))
    assert found.verdict == "reject" and found.bars[0].why == judged.NEVER_VARIES and not found.error


def test_a_record_too_short_for_blocks_is_an_error_of_the_test():
    with pytest.raises(InsufficientDataError):
        made(Bootstrap, told([0.01, -0.01, 0.02]))


def test_resamples_without_a_sharpe_ratio_count_as_the_worst():
    """One trade in 60 days: a third of the resamples do not hold it."""
    lonely = np.zeros(60)
    lonely[30] = 0.2
    found = made(Bootstrap, told(lonely, bootstrap={"block": 1}))
    assert found.bars[0].measured is None and found.verdict == "reject"
    assert any("count as worse" in text for text in found.warnings)
    assert any("no return that differs" in bar.why for bar in found.bars)
    share = int(found.bars[0].why.split()[0]) / 2000
    assert share == pytest.approx((1.0 - 1.0 / 60.0) ** 60, abs=0.06)


def test_the_fan_holds_the_real_curve_about_its_middle_and_is_thinned():
    long = np.random.default_rng(3).normal(0.0, 0.01, 3000)
    fan, histogram = made(Bootstrap, told(long)).picture["pictures"]
    bands = np.array(fan["bands"])
    assert len(fan["labels"]) <= 240 and bands.shape == (2, 2, len(fan["labels"]))
    assert (bands[0, 0] <= bands[1, 0]).all() and (bands[1, 1] <= bands[0, 1]).all()
    assert fan["line"][-1] == pytest.approx(np.prod(1.0 + long))
    half = np.mean((bands[1, 0] <= fan["line"]) & (np.array(fan["line"]) <= bands[1, 1]))
    assert half > 0.1 and sum(histogram["counts"]) == 2000


def test_few_blocks_are_a_warning():
    walk = np.repeat(np.random.default_rng(2).normal(0.0, 0.01, 20), 20)  # each return stays for twenty days
    assert any("blocks" in text for text in made(Bootstrap, told(walk)).warnings)
