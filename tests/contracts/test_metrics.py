"""What every registered metric keeps to, whoever wrote it."""

from __future__ import annotations

import inspect
import math
from pathlib import Path

import numpy as np
import pytest

from trading_system.errors import TradingSystemError
from trading_system.metrics.base import metrics

RNG = np.random.default_rng(11)
N = 300
INPUTS = {
    "returns": RNG.normal(0.0005, 0.01, N),
    "benchmark": RNG.normal(0.0003, 0.012, N),
    "periods_per_year": 252.0,
    "risk_free": 0.02,
    "mar": 0.02,
    "days": 435.0,
    "pnl": RNG.normal(10.0, 100.0, N),
    "return_pct": RNG.normal(0.001, 0.01, N),
    "initial_risk": RNG.uniform(10.0, 100.0, N),
    "weights": RNG.uniform(-0.5, 0.5, (N, 3)),
    "asset_returns": RNG.normal(0.0, 0.01, (N, 3)),
}
SERIES = ("returns", "benchmark", "pnl", "return_pct", "initial_risk", "weights", "asset_returns")
COUNTS = ("n_trades", "max_consecutive_wins", "max_consecutive_losses")
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"


def given(name: str) -> dict[str, object]:
    """The inputs that a metric names."""
    parameters = inspect.signature(metrics.get(name)).parameters
    return {
        parameter: INPUTS[parameter].copy() if parameter in SERIES else INPUTS[parameter]
        for parameter in parameters
        if parameter in INPUTS
    }


@pytest.mark.parametrize("name", metrics.names())
def test_a_metric_is_one_number_and_the_same_every_time(name):
    first, second = metrics.get(name)(**given(name)), metrics.get(name)(**given(name))
    assert isinstance(first, (float, int)) and not isinstance(first, (bool, np.generic)) or isinstance(first, np.float64)
    assert math.isfinite(first) or name == "dd_recovery_index"
    assert first == second or (math.isnan(first) and math.isnan(second))


@pytest.mark.parametrize("name", metrics.names())
def test_a_metric_leaves_its_inputs_alone(name):
    inputs = given(name)
    before = {key: value.copy() for key, value in inputs.items() if isinstance(value, np.ndarray)}
    for value in inputs.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    metrics.get(name)(**inputs)
    assert all((inputs[key] == value).all() for key, value in before.items())


@pytest.mark.parametrize("name", metrics.names())
def test_nan_in_any_series_is_an_error(name):
    for key in given(name):
        if key in SERIES:
            inputs = given(name)
            inputs[key].flat[7] = np.nan
            with pytest.raises(TradingSystemError, match="row"):
                metrics.get(name)(**inputs)


@pytest.mark.parametrize("name", metrics.names())
def test_nothing_measured_gives_no_number(name):
    inputs = given(name)
    for key, value in inputs.items():
        if key in SERIES:
            inputs[key] = value[:0]
    found = metrics.get(name)(**inputs)
    assert found == 0 if name in COUNTS else math.isnan(found)


@pytest.mark.parametrize("name", metrics.names())
def test_one_period_or_trade_is_no_crash(name):
    inputs = given(name)
    for key, value in inputs.items():
        if key in SERIES:
            inputs[key] = value[:1]
    assert isinstance(metrics.get(name)(**inputs), (float, int))


@pytest.mark.parametrize("name", metrics.names())
def test_a_metric_says_what_it_is(name):
    text = inspect.getdoc(metrics.get(name))
    assert text and len(text) > 10


@pytest.mark.parametrize("name", metrics.names())
def test_a_metric_has_its_row_in_the_documentation(name):
    assert f"| `{name}` |" in DOCUMENT.read_text(encoding="utf-8")
