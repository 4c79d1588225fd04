"""The kernels of validation compile once each, whatever comes in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.validation.sizes import sized
from trading_system.validation import (
    _kernels,
    _kernels_chance,
    _kernels_cscv,
    bootstrap,
    overfitting,
    permutation,
    random_entry,
    resampling,
    trade_order,
)

FORMS: tuple[Callable[[np.ndarray], Any], ...] = (
    np.array,
    np.asfortranarray,
    np.ndarray.tolist,
    lambda x: x.astype(np.float32),
    lambda x: np.repeat(x, 2, axis=0)[::2],
)


def frozen(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.flags.writeable = False
    return x


@pytest.mark.parametrize("form", [*FORMS, frozen])
def test_kernels_have_one_signature_each(form):
    rng = np.random.default_rng(1)
    table, keys = form(rng.normal(0.0, 0.01, (48, 3))), resampling.resample_keys(rng, 3)
    series = form(rng.normal(0.0, 0.01, 48))
    for kind in bootstrap.KINDS:
        chosen = bootstrap.resamples(kind, 48, 4, frozen(keys))
        bootstrap.resampled_performance(series, chosen, 252)
        bootstrap.resampled_means(table, bootstrap.resamples_of(chosen.indices(), 48))
    bootstrap.stationary_long_run_variance(table, 4)
    overfitting.probability_of_overfitting(table, 4)
    permutation.flipped_means(series, keys)
    random_entry.paired_means(form(np.ones(48)), series, keys)
    random_entry.shuffled_run_means(form(np.ones(48)), series, keys)
    trade_order.trade_paths(series, 100, keys)
    price = form(np.exp(rng.normal(0.0, 0.01, (48, 2)).cumsum(axis=0)))
    market = permutation.moves_of(price, price, price, price)
    permutation.permuted(market, permutation.drawn_orders(rng, 48))
    if sized(1, 0):
        for module in (_kernels, _kernels_cscv, _kernels_chance):
            for name, kernel in vars(module).items():
                if hasattr(kernel, "signatures") and getattr(kernel, "__module__", "") == module.__name__:
                    assert len(kernel.signatures) <= 1, (name, kernel.signatures)
