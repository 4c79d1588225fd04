"""What is asked of the holdout: which bars, what a missing number means, how bad the worst days were."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from trading_system.metrics.sampling import Sample
from trading_system.validation import base, holdout
from trading_system.validation.base import Bar, TestResult
from trading_system.validation.holdout import Judgement
from trading_system.validation.verdict import Examined


def measured(equity, session=None) -> Sample:
    levels = np.asarray(equity, float)
    days = np.arange(levels.size) if session is None else np.asarray(session)
    return Sample(100.0, levels, None, days.astype(np.int32), -1)


def bars(*held: bool) -> tuple[Bar, ...]:
    return tuple(Bar(f"b{i}", 1.0 if one else -1.0, 0.0, ">") for i, one in enumerate(held))


GOOD = Examined([TestResult("performance", bars(True))], [], [])


def test_the_daily_loss_is_the_hundredth_part_of_the_sessions_by_hand():
    """101 sessions: the 1 % quantile of type 7 is the second smallest return."""
    returns = np.concatenate(([-0.10, -0.04], np.full(99, 0.01)))
    sample = measured(100.0 * np.cumprod(1.0 + returns))
    assert holdout.daily_loss(sample) == pytest.approx(0.04)


def test_several_closes_of_one_session_are_one_day():
    sample = measured([101.0, 99.0, 102.0, 96.9], session=[0, 0, 1, 1])
    assert holdout.session_returns(sample) == pytest.approx([-0.01, 96.9 / 99.0 - 1.0])


def test_without_a_session_there_is_no_daily_loss():
    assert holdout.daily_loss(measured([])) is None


@pytest.mark.parametrize(
    ("primary", "secondary", "needed", "refused"),
    [
        ((True,) * 4, (True, True, True, False), 3, []),
        ((True,) * 4, (True, True, False, False), 3, ["secondary"]),
        ((True, False, True, True), (True,) * 4, 3, ["b1"]),
        ((False,) * 4, (False,) * 4, 0, ["b0", "b1", "b2", "b3"]),
    ],
)
def test_every_primary_bar_and_enough_secondary_ones_must_hold(primary, secondary, needed, refused):
    assert Judgement(GOOD, bars(*primary), bars(*secondary), needed).refused == refused


def test_a_rejection_bar_or_a_test_that_could_not_be_made_is_a_no():
    hit = Examined([TestResult("costs", bars(False)), TestResult("bootstrap", error="no memory")], [], [])
    assert Judgement(hit, bars(True), bars(True), 1).refused == ["costs", "bootstrap"]


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_bar_without_a_number_does_not_hold(missing):
    lost = (Bar("x", missing, 1.0, ">=", why="no trade was closed"), *bars(True, True))
    assert Judgement(GOOD, (), lost, 3).refused == ["secondary"]


def test_every_rejection_bar_is_asked_here_or_has_the_reason_why_not():
    owners = {
        "performance",
        "best_trades",
        "costs",
        "bootstrap",
        "permutation",
        "familywise",
        "overfitting",
        "walk_forward",
        "lookahead",
    }
    assert set(holdout.JUDGED) | set(holdout.NOT_JUDGED) == owners <= set(base.tests.names())
    assert not set(holdout.JUDGED) & set(holdout.NOT_JUDGED) and all(holdout.NOT_JUDGED.values())


def test_a_look_that_was_not_the_first_is_never_a_yes():
    found = Judgement(GOOD, bars(True), bars(True), 1)
    object.__setattr__(found, "rejection", Examined([], [], []))
    held = {
        "first": "2020-01-02",
        "last": "2020-12-31",
        "openings": [{"created": "x", "config_hash": "y"}],
        "contaminated": "",
    }
    assert holdout.document(found, held)["answer"] == "yes"
    assert holdout.document(found, {**held, "contaminated": "it was opened 2 times"})["answer"] == "no"


def test_the_bars_are_those_of_the_run_file():
    numbers = {"max_drawdown": -0.2, "sharpe": 1.5, "calmar": None, "n_trades": 60, "expectancy_R": 0.5, "profit_factor": None}
    summary = SimpleNamespace(
        metrics=numbers, undefined={"calmar": "infinite: no drawdown", "profit_factor": "infinite: no losing trade"}
    )
    gates = SimpleNamespace(
        min_sharpe=1.0, max_drawdown=0.15, min_calmar=1.5, min_trades=50, min_expectancy_r=0.3, min_profit_factor=1.4,
        max_benchmark_correlation=0.8, max_daily_loss=0.05, secondary=3,
    )  # fmt: skip
    baseline = SimpleNamespace(summary=summary, sample=measured([99.0, 98.0]))
    examination = SimpleNamespace(settings=SimpleNamespace(holdout=gates), baseline=baseline)
    primary = {bar.name: bar.verdict for bar in holdout.primary_bars(examination)}
    assert primary == {"sharpe": "pass", "drawdown": "reject", "calmar": "reject", "trades": "pass"}
    secondary = {bar.name: (bar.verdict, bar.why) for bar in holdout.secondary_bars(examination)}
    assert secondary["expectancy_R"] == ("pass", "") and secondary["daily_loss_99"] == ("pass", "")
    assert secondary["profit_factor"] == ("reject", "infinite: no losing trade")
    assert secondary["benchmark_correlation"] == ("reject", "no benchmark")
