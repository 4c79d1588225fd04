"""Combinatorial cross-validation against plain loops over the engine."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.builders import random_bars
from tests.validation.examined import examination_of, experiment_of
from tests.validation.test_walk_forward import FAST, GRID, SLOW, backtest, moody
from trading_system.errors import InsufficientDataError, StrategyError
from trading_system.metrics.base import metrics
from trading_system.validation.combinatorial import combinatorial, document, joined, of_returns, pooled
from trading_system.validation.experiment import Experiment
from trading_system.validation.loop import Loop, Store
from trading_system.validation.suite.combinatorial import CombinatorialTest, warnings_of
from trading_system.validation.verdict import examined


def crossover(seed: int, n_symbols: int = 1, grid: dict[str, Any] | None = None, n: int = 500, **told: Any) -> Experiment:
    """Measured over rows 70 to the end."""
    sizes = {"groups": 5, "test_groups": 2, "purge": 3, "embargo": 4, **told.pop("sizes", {})}
    validation = {"combinatorial": sizes, "grid": GRID if grid is None else grid, "search": told}
    params = {"fast": 10, "slow": 40}
    return experiment_of(random_bars(n, n_symbols, seed), "ma_crossover", first=70, params=params, validation=validation)


def returns_by_hand(experiment: Experiment, point: dict[str, Any], first: int, stop: int) -> list[float]:
    levels = [experiment.config.portfolio.starting_equity, *backtest(experiment, point, first, stop)]
    return [levels[i + 1] / levels[i] - 1.0 for i in range(len(levels) - 1)]


def sharpe_by_hand(r: list[float]) -> float:
    mean = sum(r) / len(r)
    deviation = (sum((x - mean) ** 2 for x in r) / (len(r) - 1)) ** 0.5
    return mean / deviation * 252**0.5 if max(r) > min(r) else -np.inf


@pytest.mark.parametrize(("seed", "n_symbols", "groups", "tested"), [(1, 1, 5, 2), (2, 3, 6, 2), (3, 1, 4, 3), (4, 1, 5, 1)])
def test_splits_choices_and_paths_are_a_plain_loop_over_runs(seed: int, n_symbols: int, groups: int, tested: int) -> None:
    experiment = crossover(seed, n_symbols, sizes={"groups": groups, "test_groups": tested})
    n, width = 430, 430 // groups
    points = [{FAST: fast, SLOW: slow} for fast in GRID[FAST] for slow in GRID[SLOW]] + [{FAST: 10, SLOW: 40}]
    group_of = [min(i // width, groups - 1) for i in range(n)]
    runs = []
    for point in points:
        whole: list[float] = []
        for g in range(groups):
            whole += returns_by_hand(experiment, point, 70 + group_of.index(g), 70 + n - group_of[::-1].index(g))
        runs.append(whole)
    paths: list[list[list[float]]] = [[] for _ in range(groups)]  # pieces of each group, in the order in which they are tested
    chosen = []
    for out in itertools.combinations(range(groups), tested):
        judged = [g in out for g in group_of]
        train = []
        for i in range(n):
            beside = any(judged[max(i - 7, 0) : i]) or any(judged[i + 1 : i + 4])  # embargo after the purge; the purge before
            if not judged[i] and not beside:
                train.append(i)
        scores = [sharpe_by_hand([run[i] for i in train]) for run in runs]
        best = scores.index(max(scores))
        chosen.append(best)
        for g in out:
            paths[g].append([runs[best][i] for i in range(n) if group_of[i] == g])
    found = combinatorial(experiment)
    assert found.chosen.tolist() == chosen
    assert found.splits.n_paths == len(paths[0])
    by_hand = [[x for g in range(groups) for x in paths[g][j]] for j in range(len(paths[0]))]
    np.testing.assert_allclose(found.paths, by_hand, rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(found.sharpes, [sharpe_by_hand(path) for path in by_hand], rtol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_training_keeps_away_from_what_is_judged(seed: int) -> None:
    """Nothing within the purge before a tested block or within purge and embargo after it is learned from."""
    found = combinatorial(crossover(seed, grid={FAST: (5, 10)}))
    for split in found.splits.splits:
        distance = split.train[:, None] - split.test[None, :]
        assert not ((distance >= -3) & (distance <= 7)).any()
    assert len(set(found.chosen.tolist())) <= 3 and np.isfinite(found.paths).all()


def test_every_path_is_made_of_pieces_of_what_was_chosen() -> None:
    experiment = crossover(5)
    found = combinatorial(experiment)
    told = document(found, experiment)
    assert (told["n_splits"], told["n_paths"]) == (10, 4)
    assert sum(len(split["paths"]) for split in told["splits"]) == 4 * 5
    assert {(g, p) for split in told["splits"] for g, p in zip(split["test_groups"], split["paths"], strict=True)} == set(
        itertools.product(range(5), range(4))
    )
    growth = [np.prod(1.0 + path) - 1.0 for path in found.paths]
    np.testing.assert_allclose([path["total_return"] for path in told["paths"]], growth)


def test_constraints_on_trades_are_added_over_the_groups_that_train() -> None:
    free, bound = crossover(6, 3), crossover(6, 3, constraints={"n_trades": {"min": 6.0}, "max_drawdown": {"min": -0.5}})
    found = combinatorial(bound)
    assert np.isnan(found.values).any() and not np.isnan(found.values).all()
    kept = ~np.isnan(found.values)
    np.testing.assert_array_equal(found.values[kept], combinatorial(free).values[kept])
    assert document(found, bound)["averaged_over_groups"] == ["n_trades"]


def test_no_point_within_the_constraints_is_the_own_values_and_is_said() -> None:
    experiment = crossover(7, constraints={"n_trades": {"min": 1e6}})
    found = combinatorial(experiment)
    assert (found.chosen == found.own).all() and found.n_unmet == 10
    (judged,) = examined(examination_of(experiment), ["combinatorial"]).results
    assert judged.warnings[0].startswith("in 10 of 10 splits no point had an objective within the constraints")


def test_pooled_measures_by_hand() -> None:
    groups, weight = np.array([4.0, np.nan, 6.0, 100.0]), np.array([10.0, 10.0, 30.0, 0.0])
    assert pooled("n_trades", groups, weight) == 10.0
    assert pooled("expectancy", groups, weight) == (4.0 * 10 + 6.0 * 30) / 40
    assert np.isnan(pooled("expectancy", groups[1:2], weight[1:2]))


def test_what_is_measured_on_joined_returns() -> None:
    yes = {name for name in metrics.names() if of_returns(name)}
    assert {"sharpe", "calmar", "sortino", "max_drawdown", "total_return", "omega0", "var_95"} <= yes
    assert not yes & {"expectancy", "beta", "n_trades", "cagr_calendar", "time_in_market", "expectancy_R"}
    experiment = crossover(8)
    r = np.random.default_rng(1).standard_normal(60) * 0.01
    assert joined("total_return", r, experiment) == pytest.approx(np.prod(1.0 + r) - 1.0)
    assert joined("var_95", r, experiment) == pytest.approx(np.quantile(r, 0.05))


def test_too_little_to_train_on_is_said_before_anything_runs() -> None:
    with pytest.raises(InsufficientDataError, match="12 groups of two periods need 24, and there are 20.*at most 10 groups"):
        combinatorial(crossover(1, n=90, sizes={"groups": 12}))
    with pytest.raises(InsufficientDataError, match="a purge of 40 and an embargo of 60 periods leave a split"):
        combinatorial(crossover(1, sizes={"test_groups": 4, "purge": 40, "embargo": 60}))


def test_the_same_bytes_with_any_threads_and_with_what_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = crossover(9, 2)
    monkeypatch.setenv("TRADING_SYSTEM_THREADS", "1")
    alone = combinatorial(experiment)
    monkeypatch.setenv("TRADING_SYSTEM_THREADS", "3")
    for _ in range(2):
        store = Store(tmp_path / ".trading-system", "b" * 64)
        again = combinatorial(experiment, Loop(store=store))
        store.close(done=False)
        assert again.paths.tobytes() == alone.paths.tobytes() and again.values.tobytes() == alone.values.tobytes()


def test_the_suite_reports_the_distribution_without_a_bar() -> None:
    experiment = crossover(10, 2)
    (judged,) = examined(examination_of(experiment), ["combinatorial"]).results
    assert judged.verdict == "report" and judged.n_worlds == 7 * 5
    sharpes = combinatorial(experiment).sharpes
    assert [bar.measured for bar in judged.bars] == [np.median(sharpes), np.quantile(sharpes, 0.05), np.mean(sharpes <= 0.0)]
    spread, fan = judged.picture["pictures"]
    assert sum(spread["counts"]) == 4 and np.shape(fan["bands"]) == (2, 2, 240) and len(fan["labels"]) == 240
    lower, upper = np.array(fan["bands"])[0]
    assert (lower <= upper).all() and fan["line"][-1] == np.prod(1.0 + experiment.baseline.returns)


def test_without_a_grid_the_question_does_not_arise() -> None:
    examination = examination_of(crossover(11, grid={}))
    assert CombinatorialTest.applies(examination).startswith("there is no grid")
    assert examined(examination, ["combinatorial"]).not_asked[0][0] == "combinatorial"


def test_a_point_that_fails_is_never_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    found = combinatorial(moody(monkeypatch, (1, 2, 3)))
    assert (found.chosen == 0).all() and found.n_failed == 2 and np.isfinite(found.paths).all()
    assert "2 of 3 points failed and were never chosen" in warnings_of(found)
    with pytest.raises(StrategyError, match="no such level"):
        combinatorial(moody(monkeypatch, (2, 3)))
