"""Every scenario against the same world made by hand, and what the table says of them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.builders import make_bars, random_bars
from tests.validation.examined import examination_of, experiment_of, held_between
from trading_system.metrics.drawdown import max_drawdown
from trading_system.validation import regimes, scenarios, worse
from trading_system.validation.base import generator
from trading_system.validation.experiment import World
from trading_system.validation.loop import Loop
from trading_system.validation.suite.stress import Stress, cases_of

ROUNDS = held_between(range(20, 480, 25), range(32, 490, 25))
SMALL = {"stress": {"draws": 3, "cases": 4, "start_shifts": 3}}


def bars_of():
    return replace(random_bars(500, 3, seed=6, n_dividends=4), factor=None, split_factor=None)


def judged(experiment, fast=False):
    return Stress().run(examination_of(experiment, fast=fast), generator(42, "stress"))


def table_of(found):
    return {(row["scenario"], row["statistic"]): row for row in found.details["scenarios"]}


@pytest.fixture(scope="module")
def experiment():
    return experiment_of(
        bars_of(),
        ROUNDS,
        first=10,
        validation=SMALL,
        costs={"commission_bps": 2.0, "slippage": {"model": "fixed", "bps": 5.0}},
    )


@pytest.fixture(scope="module")
def found(experiment):
    return judged(experiment)


def assert_row(row, outcome):
    for name in scenarios.MEASURED:
        value = outcome.metric(name)
        assert row[name] == pytest.approx(value) if np.isfinite(value) else row[name] is None


def test_the_first_row_is_the_run_itself_and_no_scenario_changes_it(experiment, found):
    first = found.details["scenarios"][0]
    assert first["scenario"] == "as the run file says"
    assert_row(first, experiment.baseline)
    assert all(first[f"{name}_change"] in (0, None) for name in scenarios.MEASURED)
    again = experiment.outcome(World(delay=0, bars=bars_of()))
    assert again.ledger.equity.tobytes() == experiment.baseline.ledger.equity.tobytes()


def test_costs_and_delay_are_those_worlds(experiment, found):
    rows = table_of(found)
    for m in (2, 3):
        assert_row(rows[f"fees x{m}", "value"], experiment.outcome(World(fees=m)))
        assert_row(rows[f"slippage x{m}", "value"], experiment.outcome(World(slippage=m)))
        assert_row(rows[f"fees and slippage x{m}", "value"], experiment.outcome(World(fees=m, slippage=m)))
    later = experiment_of(
        bars_of(),
        held_between(range(21, 481, 25), range(33, 491, 25)),
        first=10,
        costs=experiment.config.strategies[0].costs.model_dump(),
    )
    assert_row(rows["one more bar of delay", "value"], later.baseline)


def test_start_dates_are_runs_that_begin_later(experiment, found):
    rows = table_of(found)
    runs = [experiment.outcome(World(first=10 + 5 * i)) for i in (1, 2, 3)]
    name = "later start"
    for measure in ("total_return", "sharpe", "max_drawdown"):
        values = [run.metric(measure) for run in runs]
        assert rows[name, "mean"][measure] == pytest.approx(np.mean(values))
        assert rows[name, "worst"][measure] == pytest.approx(min(values))
    assert rows[name, "mean"]["worlds"] == 3


def test_gaps_crashes_and_delistings_hit_what_is_held(experiment):
    """Every such world differs from the run on exactly the rows from its night on, and loses what was built into it."""
    examination = examination_of(experiment)
    ledger = experiment.baseline.ledger
    sides = worse.held_sides(ledger)
    groups: dict[str, list] = {}
    for case in cases_of(examination, 7):
        groups.setdefault(case.group, []).append(case.world())
    assert {name: len(worlds) for name, worlds in groups.items()} == {
        "costs": 6,
        "delay": 1,
        "start": 3,
        "gap": 7,
        "delisting": 4,
        "crash": 3,
        "data": 9,
    }
    for world in groups["gap"] + groups["delisting"]:
        changed = np.flatnonzero((world.bars.close != experiment.bars.close).any(axis=1))
        night = int(changed[0])
        columns = np.flatnonzero(world.bars.close[night] != experiment.bars.close[night])
        assert (sides[night - 1, columns] > 0).all(), "only what was held into that night"
        equity = experiment.outcome(world).ledger.equity
        assert equity[: night - 10].tobytes() == ledger.equity[: night - 10].tobytes()
        assert equity[night - 10] < ledger.equity[night - 10]
    greatest = int(np.argmax(ledger.gross_exposure)) + 10
    hit = [int(np.flatnonzero((w.bars.close != experiment.bars.close).any(axis=1))[0]) for w in groups["gap"][:3]]
    assert greatest + 1 in hit
    for world, row in zip(groups["crash"], hit, strict=True):
        assert (world.bars.low[row] == 0.8 * experiment.bars.low[row]).all() and (
            world.bars.close == experiment.bars.close
        ).all()


def test_a_gap_against_everything_costs_that_share_of_the_exposure(experiment):
    """Positions held into the night lose a fifth of their worth there, less what is sold at that open anyway at the same prices."""
    examination = examination_of(experiment)
    (case, *_) = [one for one in cases_of(examination, 7) if one.group == "gap"]
    world, ledger = case.world(), experiment.baseline.ledger
    night = int(np.flatnonzero((world.bars.open != experiment.bars.open).any(axis=1))[0])
    lost = ledger.equity[night - 10] - experiment.outcome(world).ledger.equity[night - 10]
    assert lost == pytest.approx(0.2 * ledger.gross_exposure[night - 11] * ledger.equity[night - 11], rel=0.05)


def test_holes_and_noise_are_drawn_from_the_seed(experiment, found):
    assert judged(experiment).details == found.details
    assert found.seed is not None
    other = Stress().run(examination_of(experiment), generator(43, "stress"))
    assert table_of(other)["1% of bars missing", "mean"] != table_of(found)["1% of bars missing", "mean"]
    assert table_of(other)["slippage x2", "value"] == table_of(found)["slippage x2", "value"]
    seed = found.seed
    runs = [
        experiment.outcome(World(bars=worse.noisy(experiment.bars, 0.1, np.random.default_rng([seed, 2, i]))))
        for i in range(3)
    ]
    row = table_of(found)["noise 10% of volatility", "mean"]
    assert row["total_return"] == pytest.approx(np.mean([run.metric("total_return") for run in runs]))


def test_without_the_best_days_and_trades_by_hand(experiment, found):
    rows, outcome = table_of(found), experiment.baseline
    days = rows["without best 10 days", "value"]
    kept = [r for i, r in enumerate(outcome.returns) if i not in set(np.argsort(-outcome.returns)[:10].tolist())]
    assert days["total_return"] == pytest.approx(np.prod(1.0 + np.array(kept)) - 1.0)
    assert days["max_drawdown"] == pytest.approx(max_drawdown(np.array(kept))) and days["n_trades"] is None
    trades = rows["without best 3 trades", "value"]
    pnl = sorted(outcome.pnl)[:-3]
    assert trades["n_trades"] == len(pnl) and trades["expectancy"] == pytest.approx(np.mean(pnl))
    lost = sum(sorted(outcome.pnl)[-3:]) / 100_000.0
    assert trades["total_return"] == pytest.approx(outcome.metric("total_return") - lost)
    assert trades["total_return_change"] <= 0.0 and days["total_return_change"] <= 0.0 and trades["sharpe"] is None


def test_months_of_one_kind_hold_the_returns_and_trades_of_those_months(experiment, found):
    rows, outcome, bars = table_of(found), experiment.baseline, experiment.bars
    session = bars.session[10:].astype(np.int64)
    for kind, chosen in regimes.regimes(bars.benchmark_close[10:], session).items():
        row = rows[f"{kind} months", "value"]
        assert row["total_return"] == pytest.approx(np.prod(1.0 + outcome.returns[chosen]) - 1.0)
        months = set(regimes.months_of(session[chosen]).tolist())
        closed = outcome.ledger.trades[outcome.ledger.trades["open"] == 0]
        inside = [t["pnl"] for t in closed if int(regimes.months_of(bars.session[t["exit_row"]].astype(np.int64))) in months]
        assert row["n_trades"] == len(inside)
        assert row["expectancy"] == (pytest.approx(np.mean(inside)) if inside else None)
        assert f"the {len(months)} such months" in row["note"]


def test_the_correlation_of_holdings_stands_in_calm_beside_drawdowns(found):
    rows = table_of(found)
    for name in ("holdings in calm", "holdings in drawdowns"):
        assert -1.0 <= rows[name, "value"]["correlation"] <= 1.0 and rows[name, "value"]["total_return"] is None


def test_the_result_is_reported_and_can_be_written_down(found):
    assert found.verdict == "report" and found.n_worlds == 33 and "33 worlds" in found.work
    assert json.loads(json.dumps(found.details)) == found.details
    parts = ("baseline", "left out", "months", "together")
    worst = min(row["total_return"] for row in found.details["scenarios"] if row["group"] not in parts)
    assert found.bars[0].measured == worst
    keys = {tuple(row) for row in found.details["scenarios"]}
    assert len(keys) == 1, "one flat form for all"
    (picture,) = found.picture["pictures"]
    assert picture["labels"] == ["as it is", "costs", "delay", "start", "gap", "delisting", "crash", "data"]
    assert picture["series"]["return"][0] == found.details["scenarios"][0]["total_return"]
    assert min(picture["series"]["return"]) == worst


def test_a_run_that_holds_nothing_has_the_scenarios_that_arise():
    found = judged(experiment_of(bars_of(), held_between((), ())))
    assert "nothing was ever held" in found.warnings[0]
    names = {row["group"] for row in found.details["scenarios"]}
    assert {"costs", "delay", "start", "data", "left out", "months"} <= names and not names & {"gap", "delisting", "crash"}


def test_a_short_strategy_is_gapped_upwards_and_never_delisted():
    experiment = experiment_of(bars_of(), held_between(range(20, 480, 25), range(32, 490, 25), -1), validation=SMALL)
    examination = examination_of(experiment)
    cases = {case.group: case for case in cases_of(examination, 1)}
    world = cases["gap"].world()
    changed = world.bars.close != experiment.bars.close
    assert (world.bars.close[changed] > experiment.bars.close[changed]).all() and "delisting" not in cases
    assert "nothing was ever held long" in judged(experiment).warnings[0]


def test_fast_makes_fewer_worlds_and_threads_change_nothing(experiment, found, monkeypatch):
    settings = {"stress": {"draws_fast": 2, "cases_fast": 2, "start_shifts": 2}}
    quick = judged(experiment_of(bars_of(), ROUNDS, validation=settings), fast=True)
    assert quick.n_worlds == 6 + 1 + 2 + (2 + 2) + 2 * 2 + 2 + (2 + 2 + 2)
    monkeypatch.setenv("TRADING_SYSTEM_THREADS", "1")
    examination = examination_of(experiment)
    examination.loop = Loop()
    assert Stress().run(examination, generator(42, "stress")).details == found.details


def test_one_position_in_one_symbol_by_hand():
    """Bought at 100 for half of the equity, never sold: a gap of a fifth costs a tenth, a delisting at -30 % 15 %."""
    close = np.concatenate([np.full(60, 100.0), np.full(60, 101.0)])
    experiment = experiment_of(make_bars(close, close, close, close), held_between((5,), ()), validation=SMALL)
    rows = table_of(judged(experiment))
    assert rows["gap 20%, one position", "value"]["total_return"] == pytest.approx(0.5 * (1.01 * 0.8 - 1.0))
    assert rows["delisting -100%", "value"]["total_return"] == pytest.approx(-0.5)
    value = rows["delisting -30%", "value"]
    assert value["total_return"] == pytest.approx(0.5 * (1.01 * 0.7 - 1.0)) and value["n_trades"] == 1


def test_worlds_in_which_the_strategy_fails_are_counted_and_the_others_stand(experiment, found):
    def act(bars):
        if np.isnan(bars.close).any():
            raise ValueError("a bar is missing")
        return ROUNDS(bars)

    told = judged(
        experiment_of(bars_of(), act, first=10, validation=SMALL, costs=experiment.config.strategies[0].costs.model_dump())
    )
    assert told.verdict == "report" and len(told.warnings) == 4
    assert told.warnings[-1].startswith("5% of bars missing: 3 of 3 worlds could not be run: ")
    assert told.warnings[-1].endswith("rule (rule.py:Rule) failed: ValueError: a bar is missing")
    rows, whole = table_of(told), table_of(found)
    assert rows["slippage x2", "value"] == whole["slippage x2", "value"]
    assert (
        rows["5% of bars missing", "mean"]["total_return"] is None
        and "sharpe in 3" in rows["5% of bars missing", "mean"]["note"]
    )
