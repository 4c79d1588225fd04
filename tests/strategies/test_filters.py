"""Each filter equals its twin, which looks at one entry at a time; and what filters leave of an entry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import naive_filters as naive
from tests.builders import make_bars
from tests.sessions import session_bars
from trading_system.config.models import StrategyConfig
from trading_system.data.bars import Bars
from trading_system.errors import ConfigError, StrategyError
from trading_system.strategies.base import Signals
from trading_system.strategies.filters.base import Filter, Filtered, allow, filters
from trading_system.strategies.loading import build_strategy
from trading_system.strategies.ma_crossover import MovingAverageCrossover
from trading_system.strategies.mean_reversion import MeanReversion

CASES: list[tuple[str, dict[str, Any]]] = [
    ("trend", {"ma": 6}),
    ("trend", {"timeframe": "session", "ma": 15}),
    ("trend", {"timeframe": "month", "ma": 2}),
    ("swing_resistance", {"swing": 3, "lookback": 40}),
    ("swing_resistance", {"swing": 1, "lookback": 9, "distance": 0.3, "atr": 5}),
    ("volume_resistance", {"lookback": 40}),
    ("volume_resistance", {"lookback": 25, "bins": 9, "heavy": 1.3, "distance": 0.4}),
]


def market(missing: float = 0.0) -> Bars:
    bars = session_bars(last="2015-10-05", n_symbols=4, seed=21, missing=missing)
    bars.volume[60:64, 1] = np.nan
    bars.volume[70:80, 2] = 0.0
    return bars


def entries(bars: Bars) -> Signals:
    return MeanReversion(lookback=8, enter=-0.8, leave=0.0, short=True).decide(bars)


@pytest.mark.parametrize("missing", [0.0, 0.08])
@pytest.mark.parametrize(("name", "params"), CASES)
def test_each_filter_equals_its_twin(name: str, params: dict[str, Any], missing: float) -> None:
    bars, chosen = market(missing), filters.get(name)(**params)
    before = entries(bars)
    after = chosen.apply(before, bars)
    twin = naive.verdicts(name, chosen.model_dump(), before, bars)
    ours = {(row, line): bool(after.entry[row, line]) for row, line in twin}
    assert ours == twin
    assert len(set(twin.values())) == 2


@pytest.mark.parametrize("missing", [0.0, 0.08])
@pytest.mark.parametrize(
    "params", [{}, {"mode": "limit", "swing": 2, "buffer": 0.0}, {"lookback": 8, "swing": 3, "least": 2.0}]
)
@pytest.mark.parametrize("stopped", [True, False])
def test_the_stop_at_a_swing_equals_its_twin(params: dict[str, Any], missing: float, stopped: bool) -> None:
    bars, chosen = market(missing), filters.get("swing_stop")(**params)
    before = entries(bars) if stopped else replace(entries(bars), stop_distance=None)
    after = chosen.apply(before, bars)
    twin = naive.stops(chosen.model_dump(), before, bars)
    assert after.stop_distance is not None
    np.testing.assert_allclose([after.stop_distance[place] for place in twin], list(twin.values()), rtol=1e-9)
    np.testing.assert_array_equal(after.entry, before.entry)
    if before.stop_distance is not None:
        own = [float(before.stop_distance[place]) for place in twin]
        moved = sum(abs(a - b) > 1e-9 for a, b in zip(own, twin.values(), strict=True))
        assert 0 < moved < len(own)


def day(side: int, close: list[float], row: int) -> tuple[Bars, Signals]:
    bars = make_bars(close, [c + 1 for c in close], [c - 1 for c in close], close)
    entry = np.zeros((len(close), 1), np.int8)
    entry[row] = side
    return bars, Signals(entry, np.zeros((len(close), 1), bool), stop_distance=np.full((len(close), 1), 9.0))


PEAK = [100.0, 102.0, 110.0, 103.0, 101.0, 100.0, 104.0, 107.0]


def test_a_swing_high_counts_from_the_bar_that_confirms_it() -> None:
    """The high of 111 on row 2 is known on row 4: an entry there has 10 of room, and 3.5 ATRs are 10.5; one on row 3 stands."""
    rule = filters.get("swing_resistance")(swing=2, lookback=4, distance=3.5, atr=1)
    for row, stands in ((3, True), (4, False)):
        bars, signals = day(1, PEAK, row)
        assert bool(rule.apply(signals, bars).entry[row, 0]) == stands, row


def test_a_long_is_stopped_behind_the_last_swing_low() -> None:
    rule = filters.get("swing_stop")(swing=1, lookback=3, buffer=0.0, least=0.01, atr=1)
    bars, signals = day(1, PEAK, 6)  # lows of 99 on row 5, confirmed on row 6
    stop = rule.apply(signals, bars).stop_distance
    assert stop is not None
    assert stop[6, 0] == 104.0 - 99.0
    assert stop[0, 0] == 9.0


def test_a_short_is_stopped_behind_the_last_swing_high() -> None:
    rule = filters.get("swing_stop")(swing=2, lookback=3, buffer=0.0, least=0.01, atr=1)
    bars, signals = day(-1, PEAK, 4)
    stop = rule.apply(signals, bars).stop_distance
    assert stop is not None
    assert stop[4, 0] == 111.0 - 101.0


def panel(*rows: tuple[int, ...]) -> np.ndarray:
    return np.array(rows, np.int8)


def test_a_dropped_entry_to_the_other_side_still_closes_what_was_opened() -> None:
    signals = Signals(panel((1,), (0,), (-1,), (1,), (-1,), (-1,)), np.zeros((6, 1), bool))
    allowed = np.array([[True], [True], [False], [False], [True], [False]])
    after = allow(signals, allowed)
    assert after.entry[:, 0].tolist() == [1, 0, 0, 0, -1, 0]
    assert after.exit[:, 0].tolist() == [False, False, True, False, False, False]


def test_legs_of_a_group_enter_together_or_not_at_all() -> None:
    signals = Signals(panel((1, -1, 1), (1, -1, 1)), np.zeros((2, 3), bool), group=np.array([0, 0, -1]))
    after = allow(signals, np.array([[True, False, True], [True, True, False]]))
    assert after.entry.tolist() == [[0, 0, 1], [1, -1, 0]]


def test_filters_apply_in_their_order_and_all_must_agree() -> None:
    bars = market()
    chosen: list[Filter] = [filters.get(name)(**params) for name, params in (CASES[0], CASES[3], CASES[5])]
    rule = MeanReversion(lookback=8, enter=-0.8, leave=0.0, short=True)
    together = Filtered(rule=rule, filters=tuple(chosen)).decide(bars).entry != 0
    alone = [each.apply(rule.decide(bars), bars).entry != 0 for each in chosen]
    np.testing.assert_array_equal(together, np.logical_and.reduce(alone))
    assert together.any()


def test_volume_is_needed_where_it_is_read() -> None:
    bars = replace(market(), has_volume=False)
    with pytest.raises(StrategyError, match="volume_resistance needs volume, and the data has none"):
        filters.get("volume_resistance")().apply(entries(bars), bars)


def test_a_price_that_never_moved_has_no_heavy_bins() -> None:
    bars, signals = day(1, [10.0] * 9, 8)
    flat = replace(bars, high=bars.close, low=bars.close)
    assert filters.get("volume_resistance")(lookback=5, distance=0.0, atr=2).apply(signals, flat).entry[8, 0] == 1


def config(type: str, filters: dict[str, Any], **params: Any) -> StrategyConfig:
    return StrategyConfig.model_validate({"name": "x", "type": type, "params": params, "filters": filters})


def test_a_strategy_file_names_its_filters(tmp_path: Path) -> None:
    built = build_strategy(config("mean_reversion", {"trend": {"ma": 10}, "swing_stop": {}}), tmp_path)
    assert isinstance(built, Filtered)
    assert [type(each) for each in built.filters] == [filters.get("trend"), filters.get("swing_stop")]
    assert built.filters[0].model_dump() == {"timeframe": "week", "ma": 10}
    assert built.warmup == 60


def test_every_mistake_in_filters_is_named_with_its_line_in_one_pass(tmp_path: Path) -> None:
    wrong = {"trend": {"ma": 0, "timeframe": "fortnight"}, "swing_stp": {}, "volume_resistance": {"bin": 3}}
    places = {"strategies.0.filters.trend.ma": "run.yaml:9", "strategies.0.filters.swing_stp": "run.yaml:11"}
    with pytest.raises(ConfigError) as caught:
        build_strategy(config("mean_reversion", wrong, lookback=1), tmp_path, places)
    known = ", ".join(filters.names())
    fields, no_bin = "lookback, bins, heavy, distance, atr", "'bin' is no parameter of the filter volume_resistance"
    assert sorted(str(caught.value).splitlines()) == sorted(
        [
            "strategies.0.params.lookback: 1 is not allowed; allowed: a whole number, at least 3, at most 5000",
            "strategies.0.filters.trend.timeframe: 'fortnight' is not allowed; allowed: session, week, month",
            "run.yaml:9: strategies.0.filters.trend.ma: 0 is not allowed; allowed: a whole number, at least 1, at most 1000",
            f"run.yaml:11: strategies.0.filters.swing_stp: there is no filter 'swing_stp'; allowed: {known}; did you mean 'swing_stop'?",
            f"strategies.0.filters.volume_resistance.bin: {no_bin}; allowed: {fields}; did you mean 'bins'?",
        ]
    )


def test_filters_on_a_rule_of_weights_are_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="strategies.0.filters: ma_crossover decides weights, and filters act on signals"):
        build_strategy(config("ma_crossover", {"trend": {}}), tmp_path)


def test_a_rule_that_gives_weights_all_the_same_is_refused_when_it_decides() -> None:
    rule = Filtered(rule=MovingAverageCrossover(), filters=(filters.get("trend")(),))
    with pytest.raises(StrategyError, match="decides weights"):
        rule.decide(market())
