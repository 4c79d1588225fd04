"""The permutation test as a whole: what it compares, what it refuses, how often noise passes it, and how often an edge does."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.builders import make_bars, random_bars
from tests.validation.examined import examination_of, experiment_of
from tests.validation.sizes import sized
from trading_system.data.bars import Bars
from trading_system.errors import ConfigError, DataError, TradingSystemError
from trading_system.strategies.base import Weights
from trading_system.validation.base import Examination, TestResult, generator
from trading_system.validation.loop import Loop, Store
from trading_system.validation.permuted_worlds import PermutedWorlds
from trading_system.validation.resampling import p_value
from trading_system.validation.suite.permutation import Permutation

GRID = {"strategies.0.params.fast": (2, 4, 8), "strategies.0.params.slow": (12, 24)}
WIDE = {"strategies.0.params.fast": (1, 2, 3, 5, 8), "strategies.0.params.slow": (9, 15, 28)}


def walk(n: int, seed: int, latent: float = 0.0, persistence: float = 0.97) -> Bars:
    """A random walk of one symbol, with a latent trend of `latent` standard deviations that lasts."""
    rng = np.random.default_rng(seed)
    trend = np.zeros(n)
    for t in range(1, n):
        trend[t] = persistence * trend[t - 1] + rng.normal(0.0, math.sqrt(1.0 - persistence**2))
    gap, body = rng.normal(0.0, 0.003, n), rng.normal(0.0003, 0.0095, n) + latent * 0.01 * trend
    close = 100.0 * np.exp(np.cumsum(gap + body))
    open_ = close * np.exp(-body)
    return make_bars(open_, np.maximum(open_, close) * 1.002, np.minimum(open_, close) * 0.998, close)


def examined(
    bars: Bars, *, grid: dict[str, Any] | None = None, n: int = 39, rule: Any = "ma_crossover", seed: int = 1, **more: Any
) -> Examination:
    validation = {
        "grid": grid or {},
        "permutation": {"resamples": n, **more.pop("permutation", {})},
        **more.pop("validation", {}),
    }
    params = {"fast": 4, "slow": 24} if rule == "ma_crossover" else {}
    return examination_of(experiment_of(bars, rule, first=30, validation=validation, params=params, seed=seed, **more))


def made(examination: Examination) -> TestResult:
    return Permutation().run(examination, generator(examination.experiment.config.seed, "permutation"))


def test_the_observed_value_is_compared_with_the_best_of_the_whole_search_on_every_market():
    examination = examined(walk(250, 3), grid=GRID, n=19)
    found = made(examination)
    search = examination.search
    assert search is not None and len(search.points) == 6
    worlds = PermutedWorlds(
        examination.experiment, int(generator(1, "permutation").integers(2**63)), 29
    )  # what is judged alone
    best = []
    for number in range(19):
        config_values = [
            examination.experiment.outcome(dataclasses.replace(worlds.world(number), settings=point)).metric("sharpe")
            for point in search.points
        ]
        best.append(max(config_values))
    assert found.details["observed"] == search.values[search.own]
    assert found.picture["null"] == pytest.approx(best, abs=1e-12)
    assert found.p_value == p_value(search.values[search.own], best)
    assert found.details["selection_bias"] == pytest.approx(np.mean(best))
    assert found.n_worlds == 19 * 6 and found.work == "19 permuted markets x 6 configurations"


def test_without_a_grid_the_strategy_is_fixed():
    found = made(examined(walk(250, 3), n=19))
    assert not found.details["searched_inside"] and found.n_worlds == 19
    assert found.details["monte_carlo_error"] == pytest.approx(math.sqrt(found.p_value * (1 - found.p_value) / 19))


def test_permuting_a_chosen_best_without_searching_again_is_refused_and_says_why():
    with pytest.raises(ConfigError, match="a 5 % test would reject 18 to 20 % of noise"):
        made(examined(walk(200, 1), grid=GRID, n=19, permutation={"search": "fixed"}))
    assert made(examined(walk(200, 1), n=19, permutation={"search": "fixed"})).p_value


def test_values_that_are_not_the_best_of_the_search_are_a_warning_that_names_the_best():
    examination = examined(walk(250, 3), grid=GRID, n=19)
    search = examination.search
    assert search is not None and search.best != search.own
    (warning,) = made(examination).warnings
    assert "strategies.0.params.fast=" in warning and "on the safe side" in warning


def hold_all(bars: Bars) -> Weights:
    target = np.full(bars.close.shape, np.nan)
    target[0] = 1.0 / bars.n_symbols
    return Weights(target)


@pytest.mark.parametrize("measure", ["total_return", "cagr", "final_equity", "net_pnl"])
def test_a_measure_that_no_permutation_can_change_is_refused(measure):
    bars = walk(200, 2)
    experiment = experiment_of(bars, hold_all, validation={"search": {"objective": measure}, "permutation": {"resamples": 19}})
    with pytest.raises(ConfigError, match=f"can change {measure}: every position is opened at the beginning"):
        made(examination_of(experiment))


def test_holding_the_same_two_days_is_a_measure_that_permutes():
    """The same measure of a rule that is not always in the market is left alone."""
    bars = walk(200, 2)
    validation = {"search": {"objective": "total_return"}, "permutation": {"resamples": 19}}
    experiment = experiment_of(bars, "ma_crossover", first=30, validation=validation, params={"fast": 4, "slow": 24})
    assert made(examination_of(experiment)).p_value is not None


def test_an_objective_that_is_the_same_in_every_market_is_refused():
    flat = make_bars(*(np.full((60, 1), 100.0) for _ in range(4)))
    bars = dataclasses.replace(flat, volume=np.random.default_rng(1).uniform(1e6, 2e6, (60, 1)))
    validation = {"search": {"objective": "n_trades"}, "permutation": {"resamples": 19}}
    experiment = experiment_of(bars, hold_all, validation=validation)
    with pytest.raises(ConfigError, match="it is 0 in all 19 of them"):
        made(examination_of(experiment))


def test_a_rule_without_an_objective_cannot_be_tested():
    def idle(bars: Bars) -> Weights:
        return Weights(np.full(bars.close.shape, np.nan))

    with pytest.raises(DataError, match="the run's own sharpe is not defined"):
        made(examination_of(experiment_of(walk(100, 1), idle, validation={"permutation": {"resamples": 19}})))


def by_calendar(bars: Bars) -> Weights:
    """In on even weeks, out on odd ones."""
    return Weights.on_change(np.where((np.asarray(bars.session) // 7 % 2 == 0)[:, None], 1.0, 0.0) * np.ones(bars.close.shape))


def by_volume(bars: Bars) -> Weights:
    heavy = bars.volume > 1e5 * np.ones(bars.close.shape)
    return Weights.on_change(np.where(np.isnan(bars.volume), np.nan, np.where(heavy, 1.0, 0.0)))


@pytest.mark.parametrize("rule", [by_calendar, by_volume])
def test_a_rule_of_the_calendar_or_of_volume_alone_gets_a_warning(rule):
    bars = random_bars(120, 1, 3)
    (warning,) = made(examination_of(experiment_of(bars, rule, validation={"permutation": {"resamples": 19}}))).warnings
    assert "needs a null of its own" in warning
    assert not made(examined(bars, n=19)).warnings


def test_with_recorded_actions_the_observed_value_is_that_of_the_adjusted_market():
    """A split halves the price: a share that costs more than the money there is must not decide the test."""
    plain = walk(250, 7)
    bars = make_bars(
        *(
            np.concatenate((getattr(plain, name)[:125], getattr(plain, name)[125:] / 2.0))
            for name in ("open", "high", "low", "close")
        ),
        splits=[(125, 0, 2.0)],
    )
    whole = {"execution": {"lot": {"equity": "whole"}}}
    split, smooth = made(examined(bars, n=19, **whole)), made(examined(plain, n=19))
    assert split.details["observed"] == pytest.approx(smooth.details["observed"], rel=1e-9)
    assert split.p_value == smooth.p_value
    assert split.details["observed_as_traded"] != split.details["observed"]


def test_markets_in_which_the_search_finds_nothing_count_as_worse_and_are_told():
    constraint = {"search": {"constraints": {"n_trades": {"min": 1e6}}}}
    with pytest.raises(DataError, match="breaks one of the constraints on n_trades"):
        made(examined(walk(200, 1), n=19, validation=constraint))
    trades = examined(walk(250, 3), n=19).baseline.pnl.size
    found = made(examined(walk(250, 3), n=19, validation={"search": {"constraints": {"n_trades": {"min": trades}}}}))
    lost = 19 - len(found.picture["null"])
    assert lost > 0 and any(f"in {lost} of 19 permuted markets" in text for text in found.warnings)


@pytest.mark.slow
def test_noise_passes_five_times_in_a_hundred_with_the_search_inside_and_far_more_often_without():
    sets, n = sized(60, 2), 19
    inside, fixed = [], []
    for seed in range(sets):
        examination = examined(walk(300, 1_000 + seed), grid=WIDE, n=n, seed=seed)
        search = examination.search
        assert search is not None
        worlds = PermutedWorlds(examination.experiment, seed)
        best = float(search.values[search.best])
        table = np.array([worlds.best(search.points, number, search.best) for number in range(n)])
        inside.append(p_value(best, table[:, 0]))
        fixed.append(p_value(best, table[:, 1]))
    if sets >= 60:  # a test of exactly 5 % is above 15 % in one such experiment of two thousand
        assert np.mean(np.array(inside) <= 0.05) <= 0.15 < np.mean(np.array(fixed) <= 0.05)


@pytest.mark.slow
def test_a_lasting_trend_is_found():
    markets = sized(20, 1)
    p = [made(examined(walk(1_260, seed, latent=0.5), grid=GRID, n=39)).p_value for seed in range(markets)]
    if markets >= 20:
        assert np.mean(np.array(p) <= 0.05) >= 0.7


def test_threads_and_chunks_change_no_byte(monkeypatch):
    tables = []
    for threads, chunk in (("1", 0), ("2", 3), ("4", 1)):
        monkeypatch.setenv("TRADING_SYSTEM_THREADS", threads)
        examination = examined(random_bars(150, 3, 5, missing=0.05), grid=GRID, n=19)
        worlds = PermutedWorlds(examination.experiment, 9)
        points = examination.search.points
        tables.append(examination.loop.rows("p", lambda k, w=worlds, p=points: w.best(p, k), 19, 2, chunk).tobytes())
    assert len(set(tables)) == 1


def test_a_test_that_was_stopped_goes_on_and_gives_the_same(tmp_path: Path):
    bars = walk(200, 4)
    whole = made(examined(bars, grid=GRID, n=29))

    class Stop(TradingSystemError):
        pass

    def told(name: str, done: int, of: int) -> None:
        if name.startswith("permutation") and done >= 10:
            raise Stop("stopped")

    store = Store(tmp_path, "k" * 64)
    stopped = examined(bars, grid=GRID, n=29)
    stopped.loop = Loop(told, store)
    rows = stopped.loop.rows
    stopped.loop.rows = lambda name, task, n, width, chunk=0: rows(name, task, n, width, 5)  # type: ignore[method-assign]
    with pytest.raises(Stop):
        made(stopped)
    heard: list[int] = []
    again = examined(bars, grid=GRID, n=29)
    again.loop = Loop(lambda name, done, of: heard.append(done) if name.startswith("permutation") else None, store)
    resumed = made(again)
    store.close(done=True)
    assert heard[0] >= 10
    assert resumed.p_value == whole.p_value and resumed.picture["null"].tobytes() == whole.picture["null"].tobytes()


def test_a_search_that_the_run_file_forgot_is_refused():
    from dataclasses import replace

    from trading_system.errors import ConfigError
    from trading_system.validation.suite.overfitting import Overfitting

    examination = examination_of(experiment_of(random_bars(3, 200, 1), "buy_and_hold"))
    examination.trials = replace(examination.trials, n_trials=161, n_searched=160)
    for kind in (Permutation, Overfitting):
        assert kind.applies(examination) == ""
        with pytest.raises(ConfigError, match="searches of 160 configurations"):
            kind().run(examination, generator(1, "permutation"))
