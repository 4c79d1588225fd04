"""Resamples and their statistics: against twins, against arch, against exact variances, on any number of threads."""

from __future__ import annotations

import math

import numpy as np
import pytest
from arch import bootstrap as arch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import naive_validation as naive
from tests.validation.sizes import sized
from trading_system.errors import DataError
from trading_system.validation import bootstrap, resampling

laws = settings(max_examples=sized(40, 10))
keys = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4).map(lambda k: np.array(k, dtype=np.uint64))


def drawn(n_resamples: int, seed: int = 1) -> np.ndarray:
    return resampling.resample_keys(np.random.default_rng(seed), n_resamples)


def ar1(n: int, rho: float, seed: int = 1) -> np.ndarray:
    shocks = np.random.default_rng(seed).normal(0.0, 0.01, n)
    for t in range(1, n):
        shocks[t] += rho * shocks[t - 1]
    return shocks


@laws
@given(st.sampled_from(bootstrap.KINDS), keys, st.integers(1, 60), st.data())
def test_a_resample_follows_from_its_key(kind, given_keys, n, data):
    whole = kind in ("circular", "moving")
    block = data.draw(st.integers(1, n) if whole else st.floats(1.0, float(n)))
    chosen = bootstrap.resamples(kind, n, block, given_keys)
    wanted = [naive.resample(kind, key, n, block) for key in given_keys.tolist()]
    assert chosen.indices().tolist() == wanted
    assert chosen.indices(given_keys.size - 1).tolist() == wanted[-1:]


@laws
@given(keys, st.integers(1, 40), st.floats(1.0, 8.0))
def test_told_resamples_are_the_drawn_ones(given_keys, n, block):
    chosen = bootstrap.resamples("stationary", n, min(block, n), given_keys)
    told = bootstrap.resamples_of(chosen.indices(), n)
    assert (told.indices() == chosen.indices()).all()
    x = np.random.default_rng(n).normal(0.0, 0.1, (n, 3))
    assert bootstrap.resampled_means(x, told) == pytest.approx(bootstrap.resampled_means(x, chosen), abs=1e-14)


returns = st.lists(st.one_of(st.floats(-0.4, 0.4), st.sampled_from([0.0, -1.0, -1.5])), min_size=1, max_size=30)


@laws
@given(returns, keys, st.floats(1.0, 6.0))
def test_performance_of_a_resample_is_that_of_its_returns(values, given_keys, block):
    r = np.array(values)
    chosen = bootstrap.resamples("stationary", r.size, min(block, r.size), given_keys)
    found = bootstrap.resampled_performance(r, chosen, 252)
    wanted = np.array([naive.performance(r[rows], 252) for rows in chosen.indices()]).T
    assert found.sharpe == pytest.approx(wanted[0], rel=1e-7, abs=1e-7, nan_ok=True)
    assert found.cagr == pytest.approx(wanted[1], rel=1e-9, abs=1e-12, nan_ok=True)
    assert found.max_drawdown == pytest.approx(wanted[2], rel=1e-9, abs=1e-12)


@laws
@given(st.integers(1, 40), st.integers(1, 70), keys, st.floats(1.0, 6.0))
def test_means_of_a_resample_are_those_of_its_rows(n, width, given_keys, block):
    x = np.random.default_rng(n * 100 + width).normal(0.1, 1.0, (n, width))
    chosen = bootstrap.resamples("stationary", n, min(block, n), given_keys)
    wanted = [x[rows].mean(axis=0) for rows in chosen.indices()]
    assert bootstrap.resampled_means(x, chosen) == pytest.approx(np.array(wanted), abs=1e-12)
    assert bootstrap.replicates(x, chosen, lambda part: part[:, 0].mean()) == pytest.approx(np.array(wanted)[:, 0])


@laws
@given(st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=50), st.floats(1.0, 100.0))
def test_the_exact_variance_is_the_sum_over_weighted_autocovariances(values, block):
    x = np.array(values)
    wanted = naive.stationary_variance(x, block)
    assert bootstrap.stationary_long_run_variance(x[:, None], block)[0] == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", bootstrap.KINDS)
def test_resampled_means_vary_as_much_as_they_must(kind):
    x, block = ar1(400, 0.6), 10
    chosen = bootstrap.resamples(kind, 400, block, drawn(sized(20_000, 200)))
    exact = bootstrap.mean_standard_error(x, kind, block)
    assert bootstrap.resampled_means(x, chosen).std() == pytest.approx(exact, rel=sized(3, 20) / 100)


@pytest.mark.parametrize(
    ("kind", "peer"),
    [
        ("stationary", arch.StationaryBootstrap),
        ("circular", arch.CircularBlockBootstrap),
        ("moving", arch.MovingBlockBootstrap),
    ],
)
def test_performance_varies_as_it_does_in_a_second_implementation(kind, peer):
    x = ar1(300, 0.3, 3) + 0.001
    n = sized(4_000, 300)
    found = bootstrap.resampled_performance(x, bootstrap.resamples(kind, 300, 12, drawn(n)), 252)
    other = np.array(peer(12, x, seed=5).apply(lambda r: np.array(naive_numbers(r)), n)).T
    for ours, theirs in zip(found, other, strict=True):
        error = theirs.std() / math.sqrt(n)
        assert abs(ours.mean() - theirs.mean()) < 6.0 * error
        assert ours.std() == pytest.approx(theirs.std(), rel=sized(7, 25) / 100)


def naive_numbers(r: np.ndarray) -> list[float]:
    value = np.concatenate(([1.0], np.cumprod(1.0 + r)))
    worst = (value / np.maximum.accumulate(value)).min() - 1.0
    return [r.mean() / r.std(ddof=1) * math.sqrt(252), value[-1] ** (252 / r.size) - 1.0, worst]


def test_lengths_are_geometric_and_starts_uniform():
    """A generator whose low bits are poor would show here: mean, variance and lag of block lengths, spread of starts."""
    chosen = bootstrap.resamples("stationary", 5_000, 10.0, drawn(sized(400, 8)))
    blocks = chosen.blocks(0, chosen.n_resamples)
    lengths = np.concatenate([row[: c - 1] for row, c in zip(blocks.lengths, blocks.counts, strict=True)]).astype(float)
    starts = np.concatenate([row[: c - 1] for row, c in zip(blocks.starts, blocks.counts, strict=True)])
    wide = 4.5 / math.sqrt(lengths.size)
    assert abs(lengths.mean() - 10.0) < wide * 9.5
    assert lengths.var() == pytest.approx(90.0, rel=3.0 * wide)
    assert abs(np.corrcoef(lengths[1:], lengths[:-1])[0, 1]) < wide
    assert abs(np.corrcoef(starts, lengths)[0, 1]) < wide
    counts = np.bincount(starts // 500, minlength=10)
    assert ((counts - starts.size / 10) ** 2 / (starts.size / 10)).sum() < 35.0  # chi-square, 9 degrees: p < 0.0001


def test_threads_and_chunks_change_no_byte(monkeypatch):
    x = ar1(200, 0.2)
    table = np.column_stack((x, ar1(200, 0.5, 7)))
    n = sized(1_500, 40)

    def everything(threads: int, chunk: int) -> list[bytes]:
        monkeypatch.setenv("TRADING_SYSTEM_THREADS", str(threads))
        monkeypatch.setattr(bootstrap, "CHUNK", chunk)
        chosen = bootstrap.resamples("stationary", 200, 7.5, drawn(n))
        parts = [*bootstrap.resampled_performance(x, chosen, 252), bootstrap.resampled_means(table, chosen)]
        return [part.tobytes() for part in parts]

    first = everything(1, 256)
    assert everything(4, 256) == first
    assert everything(3, 17) == first


def test_blocks_that_need_more_room_are_drawn_again(monkeypatch):
    chosen = bootstrap.resamples("stationary", 50, 5.0, drawn(20))
    wanted = chosen.indices()
    monkeypatch.setattr(bootstrap.Resamples, "_drawn", narrowed(bootstrap.Resamples._drawn))
    assert (chosen.indices() == wanted).all()


def narrowed(draw):
    """The first try gets room for three blocks."""
    return lambda self, keys, room: draw(self, keys, room if room == self.n else 3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bootstrap.resamples("jackknife", 10, 2, drawn(1)), "no bootstrap is called 'jackknife'"),
        (
            lambda: bootstrap.resamples("circular", 10, 2.5, drawn(1)),
            "blocks of 2.5 in 10 observations; allowed: a whole number",
        ),
        (lambda: bootstrap.resamples("stationary", 10, 0.5, drawn(1)), "blocks of 0.5"),
        (lambda: bootstrap.resamples("stationary", 10, math.nan, drawn(1)), "blocks of nan"),
        (lambda: bootstrap.resamples("stationary", 10, 2, [1, 2]), "keys are int64"),
        (lambda: bootstrap.resamples_of([[0, 1]], 3), "indices have shape"),
        (lambda: bootstrap.block_indices([0], 2, 3), "1 blocks of 2 for 3 observations; allowed: 2 or more"),
        (
            lambda: bootstrap.resampled_means([1.0], bootstrap.resamples("iid", 3, 1, drawn(1))),
            "1 periods, and resamples of 3",
        ),
        (lambda: bootstrap.mean_standard_error([1.0, 2.0], "circular", 3), "a block of 3 needs 3 periods"),
        (lambda: bootstrap.mean_standard_error([1.0, 2.0], "other"), "no bootstrap is called 'other'"),
    ],
)
def test_impossible_resamples_are_one_message(call, words):
    with pytest.raises(DataError, match=words):
        call()
