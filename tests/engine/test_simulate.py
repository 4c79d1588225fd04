"""The engine's door: what it refuses, what it says, and that cutting a run changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.builders import make_bars, random_bars
from tests.validation.examined import experiment_of
from trading_system.config.changes import with_costs
from trading_system.config.models import RunConfig
from trading_system.data.bars import Bars
from trading_system.data.shared import share
from trading_system.engine.laws import LawBroken, check_orders, check_signals
from trading_system.engine.ledger import Code, Ledger
from trading_system.engine.simulate import Simulation, StrategyDecisions, simulate
from trading_system.errors import ConfigError, DataError, StrategyError, UnknownNameError, UsageError
from trading_system.strategies.base import Signals, Weights

PARTS = [
    "equity",
    "cash",
    "gross_exposure",
    "net_exposure",
    "n_positions",
    "stale_marks",
    "interest",
    "orders",
    "fills",
    "trades",
    "refusals",
    "events",
    "repeated",
    "signals",
]


def config(portfolio: dict[str, Any] | None = None, execution: dict[str, Any] | None = None, **strategy: Any) -> RunConfig:
    return RunConfig.model_validate(
        {
            "data": {"source": "csv", "path": "x"},
            "strategies": [{"name": "mine", "type": "x", **strategy}],
            "portfolio": portfolio or {},
            "execution": execution or {},
        },
        strict=False,
    )


def given(bars: Any, decisions: Signals | Weights) -> list[StrategyDecisions]:
    return [StrategyDecisions(decisions, np.arange(bars.n_symbols), bars.tradable)]


def some_signals(n_bars: int, n_lines: int, seed: int = 0, **more: Any) -> Signals:
    rng = np.random.default_rng(seed)
    entry = rng.choice(np.array([-1, 0, 1], np.int8), (n_bars, n_lines), p=[0.05, 0.85, 0.1])
    return Signals(
        entry=entry, exit=rng.random((n_bars, n_lines)) < 0.1, **{"stop_distance": np.full(entry.shape, 2.0), **more}
    )


def as_bytes(ledger: Ledger) -> dict[str, bytes]:
    return {name: np.ascontiguousarray(getattr(ledger, name)).tobytes() for name in PARTS}


def test_a_run_cut_at_random_rows_writes_the_same_bytes() -> None:
    bars = random_bars(260, 12, 3, missing=0.03, n_splits=4, n_dividends=6)
    rules = config({"limits": {"max_positions": 5}, "correlation_guard": {}, "volatility_scaling": {"mode": "continuous"}})
    made = given(bars, some_signals(260, 12))
    whole = as_bytes(simulate(bars, made, rules))
    rng = np.random.default_rng(1)
    for _ in range(5):
        run = Simulation(bars, made, rules)
        for row in np.sort(rng.integers(0, 260, 12)):
            run.advance(int(row))
        assert as_bytes(run.advance().ledger()) == whole


def test_quiet_stretches_change_no_bit() -> None:
    bars = random_bars(400, 1, 4)
    target = np.full((400, 1), np.nan)
    target[[5, 100, 101, 250], 0] = [0.9, 0.0, 0.5, 0.2]
    made = given(bars, Weights(target))
    quick = simulate(bars, made, config())
    slow = simulate(bars, made, config({"limits": {"max_drawdown": 0.99}}))  # a watched run takes the long way
    assert as_bytes(quick) == as_bytes(slow)


def test_one_signature_serves_every_run() -> None:
    from trading_system.engine._kernels import advance

    if not hasattr(advance, "signatures"):
        pytest.skip("nothing is compiled under NUMBA_DISABLE_JIT; there is no machine code to look at")
    bars = random_bars(60, 4, 5)
    wide = replace(bars, close=np.asfortranarray(bars.close), tradable=np.repeat(bars.tradable, 2, axis=1)[:, ::2])
    simulate(bars, given(bars, some_signals(60, 4)), config())
    simulate(wide, given(wide, Weights(np.full((60, 4), 0.1))), config(costs={"slippage": {"model": "full"}}))
    simulate(bars, given(bars, some_signals(60, 4, components=np.ones((1, 60, 4)), component_names=("c",))), config())
    assert len(advance.signatures) == 1


def test_compiled_code_counts_no_references() -> None:
    from trading_system.engine._kernels import advance

    if not hasattr(advance, "overloads"):
        pytest.skip("nothing is compiled under NUMBA_DISABLE_JIT; there is no machine code to look at")
    bars = random_bars(30, 2, 5)
    simulate(bars, given(bars, some_signals(30, 2)), config())
    for compiled in advance.overloads.values():
        code = str(compiled.library._get_module_for_linking())
        assert "advance" in code and "NRT_incref" not in code and "NRT_decref" not in code


def test_logs_grow_without_changing_what_they_hold() -> None:
    bars = random_bars(120, 6, 6)
    made, rules = given(bars, some_signals(120, 6)), config()
    small = Simulation(bars, made, rules)
    engine = small._engine
    tiny = {name: getattr(engine.o, name)[: small._worst + 1].copy() for name in ("orders", "fills", "trades", "refusals")}
    small._engine = engine._replace(o=engine.o._replace(**tiny))
    assert as_bytes(small.advance().ledger()) == as_bytes(simulate(bars, made, rules))


def test_trading_begins_at_the_first_row_of_the_period() -> None:
    bars = random_bars(50, 2, 7)
    ledger = simulate(bars, given(bars, Weights(np.full((50, 2), 0.4))), config(), first=20, stop=35)
    assert ledger.equity.size == 15
    assert ledger.orders["row"].min() == 20
    assert ledger.equity[0] == ledger.starting_equity


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"stop_distance": np.full((40, 2), -1.0)}, "stop_distance"),
        ({"scale": np.full((40, 2), np.inf)}, "scale"),
        ({"limit_price": np.zeros((40, 2))}, "limit_price"),
        ({"target_distance": np.zeros((40, 2))}, "target_distance"),
    ],
)
def test_a_value_that_breaks_the_contract_names_row_and_symbol(more: dict[str, Any], says: str) -> None:
    bars = random_bars(40, 2, 8)
    with pytest.raises(StrategyError, match=says) as caught:
        simulate(bars, given(bars, some_signals(40, 2, **more)), config())
    assert "row" in caught.value.where and "symbol S00" in caught.value.where


@pytest.mark.parametrize(
    "made",
    [
        Signals(entry=np.zeros((40, 2)), exit=np.zeros((40, 2), bool)),
        Signals(entry=np.zeros((40, 2), np.int8), exit=np.zeros((39, 2), bool)),
        Signals(entry=np.zeros((40, 2), np.int8), exit=np.zeros((40, 2), bool), max_hold=np.zeros(3, np.int64)),
        Weights(np.zeros((40, 3))),
        Weights(np.zeros((40, 2)), symbol=np.array([0, 7])),
    ],
)
def test_panels_of_the_wrong_shape_or_type_are_refused(made: Signals | Weights) -> None:
    bars = random_bars(40, 2, 8)
    with pytest.raises(StrategyError, match="mine"):
        simulate(bars, given(bars, made), config())


def test_rules_that_need_volume_say_so() -> None:
    bars = make_bars([10.0] * 5, [11.0] * 5, [9.0] * 5, [10.0] * 5, [np.nan] * 5)
    made = given(bars, Weights(np.full((5, 1), 0.5)))
    with pytest.raises(DataError, match="volume"):
        simulate(bars, made, config(costs={"slippage": {"model": "volume_share"}}))
    with pytest.raises(DataError, match="volume"):
        simulate(bars, made, config(capacity={"max_fraction_of_adv": 0.01}))


def test_an_unknown_ranking_component_is_named() -> None:
    bars = random_bars(40, 2, 8)
    with pytest.raises(UnknownNameError, match="speed"):
        simulate(bars, given(bars, some_signals(40, 2)), config({"ranking": {"speed": 1.0}}))


def test_limits_at_the_signals_own_close_are_refused() -> None:
    bars = random_bars(40, 2, 8)
    with pytest.raises(ConfigError, match="limit"):
        simulate(
            bars,
            given(bars, some_signals(40, 2, limit_price=np.full((40, 2), 50.0))),
            config(execution={"fill": "same_close"}),
        )


def test_rows_outside_the_data_are_refused() -> None:
    bars = random_bars(40, 2, 8)
    with pytest.raises(UsageError, match="rows 5 to 41"):
        simulate(bars, given(bars, some_signals(40, 2)), config(), first=5, stop=41)


def test_a_ledger_that_lost_a_signal_or_a_fill_is_a_defect() -> None:
    bars = random_bars(80, 3, 9)
    ledger = simulate(bars, given(bars, some_signals(80, 3)), config())
    with pytest.raises(LawBroken, match="signals"):
        check_signals(replace(ledger, signals=ledger.signals + 1))
    with pytest.raises(LawBroken, match="order"):
        check_orders(replace(ledger, fills=ledger.fills[1:]))
    assert Code.ENTRY in ledger.orders["cause"]


def test_a_forged_equity_is_found_with_its_row() -> None:
    bars = random_bars(80, 3, 9)
    run = Simulation(bars, given(bars, some_signals(80, 3)), config()).advance()
    run._engine.o.equity[50] += 1.0
    with pytest.raises(LawBroken) as caught:
        run.ledger()
    assert caught.value.row == 50


@pytest.mark.parametrize("n", [2, 16, 63, 64, 65, 150, 300])
def test_many_candidates_are_ranked_best_first_ties_by_symbol_and_nan_last(n: int) -> None:
    rng = np.random.default_rng(n)
    component = rng.choice(np.array([-np.inf, -2.5, -1e-300, -0.0, 0.0, 1.0, 3.0, np.inf, np.nan]), n)
    component = np.where(rng.random(n) < 0.6, rng.normal(0.0, 1.0, n), component)
    bars = Bars.daily(np.full((3, n), 50.0), symbols=tuple(f"S{j:04d}" for j in range(n)))
    entry = np.zeros((3, n), np.int8)
    entry[1] = 1
    panel = np.tile(component, (1, 3, 1))
    made = Signals(entry, np.zeros((3, n), bool), components=panel, component_names=("strength",))
    sizing = {"method": "fixed_quantity", "quantity": 1.0}
    ledger = simulate(bars, given(bars, made), config({"limits": {"max_positions": 1}}, sizing=sizing))
    found = [*ledger.orders["line"].tolist(), *ledger.refusals["line"].tolist()]
    value = np.where(np.isnan(component), 0.0, component)
    assert found == sorted(range(n), key=lambda j: (np.isnan(component[j]), -value[j], j))


@pytest.mark.parametrize("n", [2, 31, 40])
def test_diversification_is_worked_out_alike_for_one_candidate_and_for_many(n: int) -> None:
    bars = random_bars(60, n + 3, 9, missing=0.02)
    entry = np.zeros((60, n + 3), np.int8)
    entry[[2, 3, 4], [0, 1, 2]] = 1
    entry[50, 3:] = 1
    made = Signals(entry, np.zeros(entry.shape, bool))
    rules = config({"ranking": {"diversification": 1.0}, "limits": {"max_positions": 4}}, sizing={"method": "fixed_quantity"})
    ledger = simulate(bars, given(bars, made), rules)
    rows = slice(50 - 20, 51)
    change = bars.adjusted.close[rows][1:] / bars.adjusted.close[rows][:-1] - 1.0
    held = [j for j in range(3) if np.isfinite(change[:, j]).all()]

    def score(j: int) -> float:
        if not held or not np.isfinite(change[:, j]).all():
            return 0.5
        return 1.0 - float(np.mean([np.corrcoef(change[:, j], change[:, k])[0, 1] for k in held]))

    here = [j for j in range(3, n + 3) if bars.has_bar[50, j]]
    order = sorted(here, key=lambda j: (-round(score(j), 9), j))
    late = ledger.orders["row"] == 50
    refused = ledger.refusals[(ledger.refusals["first_row"] == 50) & (ledger.refusals["code"] == Code.SLOTS)]
    assert held and [*ledger.orders["line"][late].tolist(), *refused["line"].tolist()] == order


def test_runs_of_the_same_decisions_on_a_shared_market_are_those_of_a_market_of_ones_own():
    """What they have in common is laid out once; each has its own first row, and its laws hold when its logs are read late."""
    bars = random_bars(200, 9, 4, missing=0.02)
    experiment = experiment_of(
        bars,
        "equity_momentum",
        params={"trend_ma": 10, "slow_breakout": 20, "exit_ma": 5, "momentum": 20},
        sizing={"method": "risk_per_trade", "risk": 0.01},
        portfolio={"limits": {"max_drawdown": 0.2}},
        costs={"commission_bps": 2.0, "slippage": {"model": "none"}},
    )
    made, spans = experiment.decisions, [(0, 200), (40, 120), (90, 90), (100, 200)]
    wanted = [simulate(bars, made, experiment.config, first=first, stop=stop) for first, stop in spans]
    share(bars)
    found = [simulate(bars, made, experiment.config, first=first, stop=stop) for first, stop in spans]
    for ours, theirs in zip(found, wanted, strict=True):
        for name in ("equity", "cash", "orders", "fills", "trades", "refusals", "events", "signals"):
            assert getattr(ours, name).tobytes() == getattr(theirs, name).tobytes(), name
    with pytest.raises(UsageError, match="rows 100 to 300 do not lie in the 200 rows"):
        simulate(bars, made, experiment.config, first=100, stop=300)
    dearer = with_costs(experiment.config, fees=50.0)
    assert simulate(bars, made, dearer, first=0).equity[-1] < wanted[0].equity[-1]
