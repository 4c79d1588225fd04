"""What is worked out together has the bits of what each registered function gives alone."""

from __future__ import annotations

import inspect
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_system.metrics.base import metrics
from trading_system.metrics.curve import Year
from trading_system.metrics.together import return_metrics, trade_metrics

YEARS = (Year(252.0, 0.0, 0.0, 400.0), Year(365.0, 0.02, 0.02, 400.0), Year(12.0, -0.01, 0.05, 400.0))
OF_LEVELS = {
    "total_return",
    "cagr",
    "cagr_calendar",
    "calmar",
    "martin",
    "max_drawdown",
    "max_dd_duration",
    "time_under_water",
    "ulcer",
}


def bits(value: float) -> bytes:
    return b"nan" if math.isnan(value) else struct.pack("<d", float(value))


def alone(names: set[str], inputs: dict[str, object]) -> dict[str, bytes]:
    found = {}
    for name in names:
        metric = metrics.get(name)
        parameters = inspect.signature(metric).parameters
        found[name] = bits(metric(**{key: inputs[key] for key in parameters if key in inputs}))
    return found


def reading(*names: str) -> set[str]:
    """Registered metrics that need nothing but these inputs, and the first of them."""
    found = set()
    for name in metrics.names():
        parameters = inspect.signature(metrics.get(name)).parameters
        needed = {key for key, parameter in parameters.items() if parameter.default is parameter.empty}
        if needed <= set(names) and names[0] in parameters:
            found.add(name)
    return found


def some_series(number: int) -> np.ndarray:
    """Returns: long and short, with ties, zeros, no losses, no gains, no variation, a total loss."""
    rng = np.random.default_rng(number)
    n = int(rng.choice([1, 2, 3, 4, 5, 20, 21, 40, 41, 127, 128, 129, 1_000, 2_520, 4_099]))
    r = rng.standard_t(3, n) * rng.choice([1e-4, 0.01, 0.1])
    kind = number % 8
    if kind == 1:
        r = np.round(r, 2)
    elif kind == 2:
        r[rng.random(n) < 0.7] = 0.0
    elif kind == 3:
        r = np.abs(r)
    elif kind == 4:
        r = -np.abs(r)
    elif kind == 5:
        r[:] = rng.choice([0.0, 0.01, -0.02])
    return np.maximum(r, -1.0)


@pytest.mark.parametrize("year", YEARS)
def test_measures_of_returns_have_the_bits_of_their_functions(year: Year) -> None:
    for number in range(200):
        r = some_series(number)
        inputs = {"returns": r, "periods_per_year": year.periods, "risk_free": year.risk_free, "mar": year.mar}
        found = return_metrics(r, year)
        assert {name: bits(value) for name, value in found.items()} == alone(set(found), inputs), number


@given(st.lists(st.floats(-1.0, 5.0, width=32), min_size=1, max_size=60))
def test_any_returns_have_the_bits_of_their_functions(values: list[float]) -> None:
    r, year = np.array(values) + 0.0, YEARS[1]  # levels give no zero below 0
    inputs = {"returns": r, "periods_per_year": year.periods, "risk_free": year.risk_free, "mar": year.mar}
    found = return_metrics(r, year)
    assert {name: bits(value) for name, value in found.items()} == alone(set(found), inputs)


def test_measures_of_trades_have_the_bits_of_their_functions() -> None:
    for number in range(200):
        pnl = some_series(number) * 1_000.0
        rng = np.random.default_rng(number)
        return_pct, risk = some_series(number + 1), rng.uniform(1.0, 50.0, pnl.size)
        stops = rng.random(pnl.size) < rng.choice([0.0, 0.5, 1.0])
        found = trade_metrics(pnl, return_pct, pnl[stops], risk[stops])
        of_r = {name for name in found if "initial_risk" in inspect.signature(metrics.get(name)).parameters}
        expected = alone(set(found) - of_r, {"pnl": pnl, "return_pct": return_pct})
        expected |= alone(of_r, {"pnl": pnl[stops], "initial_risk": risk[stops]})
        assert {name: bits(value) for name, value in found.items()} == expected, number


def test_every_registered_measure_of_returns_or_trades_is_among_them() -> None:
    r = some_series(0)
    of_returns = reading("returns", "periods_per_year", "days") - {name for name in metrics.names() if name.startswith("dd_")}
    assert set(return_metrics(r, YEARS[0])) == of_returns - OF_LEVELS
    assert set(trade_metrics(r, r, r, np.abs(r) + 1.0)) == reading("pnl", "initial_risk") | reading("return_pct")


def test_what_is_not_finite_or_not_there_is_left_to_the_functions() -> None:
    bad = np.array([0.01, np.nan, 0.02])
    good = np.ones(3)
    assert return_metrics(bad, YEARS[0]) == {} and return_metrics(bad[:0], YEARS[0]) == {}
    assert trade_metrics(bad, good, good, good) == {} and trade_metrics(good[:0], good[:0], good[:0], good[:0]) == {}
    assert trade_metrics(good, bad, good, good) == {} and trade_metrics(good, good, good, bad) == {}
