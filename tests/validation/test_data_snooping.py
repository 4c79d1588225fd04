"""Tests of many strategies: against arch where it means the same, by laws, and on noise."""

from __future__ import annotations

import numpy as np
import pytest
from arch import bootstrap as arch

from tests.validation.sizes import sized
from trading_system.errors import DataError
from trading_system.validation import bootstrap, data_snooping, resampling
from trading_system.validation.confidence_set import model_confidence_set

N, WIDTH = 120, 6


@pytest.fixture(scope="module")
def returns() -> np.ndarray:
    table = np.random.default_rng(8).normal(0.0, 0.01, (N, WIDTH))
    return table + np.array([0.002, 0.0012, 0.0, 0.0003, -0.001, -0.004])


def told(n: int, n_resamples: int, seed: int, block: float = 6.0) -> bootstrap.Resamples:
    keys = resampling.resample_keys(np.random.default_rng(seed), n_resamples)
    drawn = bootstrap.resamples("stationary", n, block, keys)
    return bootstrap.resamples_of(drawn.indices(), n, block)


class Replay(arch.StationaryBootstrap):
    """The resamples of ours, in arch's tests."""

    rows: np.ndarray

    def update_indices(self) -> np.ndarray:
        self.at = getattr(self, "at", -1) + 1
        return self.rows[self.at % len(self.rows)]


@pytest.fixture
def peer(monkeypatch):
    """arch's tests with the resamples that are given."""

    def using(rows: np.ndarray) -> None:
        class Told(Replay):
            pass

        Told.rows = rows.astype(np.int64)
        import arch.bootstrap.multiple_comparison as module

        monkeypatch.setattr(module, "StationaryBootstrap", Told)

    return using


def test_the_statistic_that_is_not_studentised_is_that_of_arch(returns, peer):
    chosen = told(N, 200, 1)
    peer(chosen.indices())
    theirs = arch.SPA(np.zeros(N), -returns, block_size=6, reps=200, bootstrap="stationary", studentize=False)
    theirs.compute()
    found = data_snooping.superior_ability(data_snooping.contest(returns, chosen), studentised=False)
    for name, ours in found._asdict().items():
        assert np.mean(ours.replicates > ours.statistic) == pytest.approx(theirs.pvalues[name])


@pytest.mark.parametrize(("statistic", "method"), [("range", "R"), ("max", "max")])
def test_the_confidence_set_is_that_of_arch(returns, peer, statistic, method):
    chosen = told(N, 200, 2)
    peer(chosen.indices())
    theirs = arch.MCS(-returns, size=0.1, block_size=6, reps=200, bootstrap="stationary", method=method)
    theirs.compute()
    ours = model_confidence_set(-returns, chosen, statistic)
    wanted = theirs.pvalues["Pvalue"]
    assert dict(zip(ours.order.tolist(), ours.p_values.tolist(), strict=True)) == pytest.approx(wanted.to_dict())
    assert ours.kept(0.1).tolist() == sorted(theirs.included)


def test_more_kinds_of_centre_are_more_careful(returns):
    found = data_snooping.superior_ability(data_snooping.contest(returns, told(N, 300, 3)))
    assert found.lower.p_value <= found.consistent.p_value <= found.upper.p_value
    assert 1 / 301 <= found.lower.p_value


def test_scale_and_order_of_strategies_change_nothing(returns):
    chosen = told(N, 200, 4)
    plain, scaled = data_snooping.contest(returns, chosen), data_snooping.contest(7.0 * returns[:, ::-1], chosen)
    a, b = data_snooping.step_down(plain), data_snooping.step_down(scaled)
    assert b.adjusted_p == pytest.approx(a.adjusted_p[::-1])
    assert sorted(WIDTH - 1 - b.rejected) == a.rejected.tolist()
    one, other = data_snooping.superior_ability(plain), data_snooping.superior_ability(scaled)
    assert other.consistent.p_value == one.consistent.p_value
    assert data_snooping.reality_check(scaled).p_value == data_snooping.reality_check(plain).p_value


def test_adjusted_p_values_step_down_written_out(returns):
    tested = data_snooping.contest(returns, told(N, 150, 5))
    root, z = np.sqrt(N), tested.t_statistics
    null = root * (tested.means - tested.mean) / tested.omega
    wanted, worst = {}, 0.0
    left = list(range(WIDTH))
    while left:
        best = max(left, key=lambda k: z[k])
        worst = max(worst, (1 + sum(row[left].max() >= z[best] for row in null)) / 151)
        wanted[best] = worst
        left.remove(best)
    found = data_snooping.step_down(tested)
    assert found.adjusted_p == pytest.approx([wanted[k] for k in range(WIDTH)])
    assert len(found.critical_values) >= 1 and (np.diff(found.critical_values) <= 0.0).all()


def test_a_strategy_that_never_differs_neither_wins_nor_breaks(returns):
    table = np.column_stack((returns, np.zeros(N)))
    chosen = told(N, 100, 6)
    with_idle, without = (data_snooping.step_down(data_snooping.contest(t, chosen)) for t in (table, returns))
    assert with_idle.adjusted_p[:2] == pytest.approx(without.adjusted_p[:2])
    assert with_idle.adjusted_p[WIDTH] > 0.3 and WIDTH not in with_idle.rejected
    with pytest.raises(DataError, match="told without a block length"):
        data_snooping.contest(returns, bootstrap.resamples_of(chosen.indices(), N))
    with pytest.raises(
        DataError, match="differences: column 6: a strategy differs from the benchmark by 0.001 in every period"
    ):
        data_snooping.contest(np.column_stack((returns, np.full(N, 0.001))), chosen)


def test_noise_is_found_superior_about_as_often_as_it_should():
    """400 sets of 20 noise strategies, T = 400: nominal 5 %; studentised tests are a little liberal below T = 500."""
    sets, rng = sized(400, 2), np.random.default_rng(9)
    hits = {"check": 0, "spa": 0, "step": 0}
    for _ in range(sets):
        keys = resampling.resample_keys(rng, 199)
        tested = data_snooping.contest(rng.standard_normal((400, 20)), bootstrap.resamples("stationary", 400, 5, keys))
        hits["check"] += data_snooping.reality_check(tested).p_value <= 0.05
        hits["spa"] += data_snooping.superior_ability(tested).consistent.p_value <= 0.05
        hits["step"] += data_snooping.step_down(tested).rejected.size > 0
    if sets >= 400:
        assert all(0.0175 <= count / sets <= 0.10 for count in hits.values()), hits


def test_one_skilled_strategy_among_poor_noisy_ones_is_found_by_the_consistent_test():
    sets, rng = sized(40, 1), np.random.default_rng(10)
    found = {"check": 0, "spa": 0, "step": 0}
    for _ in range(sets):
        table = rng.standard_normal((1_260, 20))
        table[:, 0] += 2.2 / np.sqrt(252)
        table[:, 10:] = 3.0 * table[:, 10:] - 6.0 / np.sqrt(252)
        keys = resampling.resample_keys(rng, 199)
        tested = data_snooping.contest(table, bootstrap.resamples("stationary", 1_260, 5, keys))
        found["check"] += data_snooping.reality_check(tested).p_value <= 0.05
        found["spa"] += data_snooping.superior_ability(tested).consistent.p_value <= 0.05
        found["step"] += 0 in data_snooping.step_down(tested).rejected
    if sets >= 40:
        assert found["spa"] >= 0.9 * sets and found["step"] >= 0.85 * sets and found["check"] < 0.3 * sets, found


def test_equal_models_stay_and_worse_ones_go():
    sets, rng = sized(60, 1), np.random.default_rng(12)
    kept, worse = 0, 0
    for _ in range(sets):
        losses = rng.standard_normal((500, 8))
        losses[:, 4:] += 0.25
        keys = resampling.resample_keys(rng, 199)
        models = model_confidence_set(losses, bootstrap.resamples("stationary", 500, 3, keys)).kept(0.1)
        kept += set(range(4)) <= set(models.tolist())
        worse += sum(model >= 4 for model in models)
    if sets >= 60:
        assert kept >= 0.72 * sets and worse <= 0.05 * 4 * sets


def test_one_model_is_its_own_set(returns):
    found = model_confidence_set(-returns[:, :1], told(N, 20, 7))
    assert found.order.tolist() == [0] and found.p_values.tolist() == [1.0]
    with pytest.raises(DataError, match="range or max"):
        model_confidence_set(-returns, told(N, 20, 7), "other")


@pytest.mark.parametrize("cells", [1, 700, 10**6])
@pytest.mark.parametrize("column", [0, 2, -1])
def test_one_adjusted_p_value_is_that_of_the_step_down_of_all_in_any_memory(returns, cells, column):
    chosen = told(N, 250, 4)
    tested = data_snooping.contest(returns, chosen)
    whole = data_snooping.step_down(tested)
    one = data_snooping.adjusted_p_of(returns, chosen, column, cells=cells)
    assert one.adjusted_p == whole.adjusted_p[column] and one.statistic == tested.t_statistics[column]
    null = (tested.means - tested.mean) * tested.scale(studentised=True)
    np.testing.assert_allclose(one.highest, null.max(axis=1), rtol=1e-9, atol=1e-12)
