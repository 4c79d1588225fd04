"""Laws of the engine, on random worlds: whatever the market and the rules, these hold."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.scenes import FREE, NAN, Played, StrategyDecisions, play_kernel, rules, strategy
from tests.engine.worlds import World, world
from trading_system.data.bars import Bars
from trading_system.engine.ledger import Code, OrderKind, OrderStatus
from trading_system.engine.simulate import simulate
from trading_system.errors import DataError
from trading_system.strategies.base import Signals, Weights

WORLDS = st.integers(0, 2**31).map(world)
INSIDE = (OrderKind.STOP, OrderKind.TARGET, OrderKind.SETTLEMENT)
COUNTED = (Code.ENTRY, Code.SIGNAL, Code.REBALANCE)


def played(w: World) -> Played:
    return play_kernel(w.bars, w.decisions, w.config, first=w.first, stop=w.stop)


def lines(w: World) -> list[tuple[int, int]]:
    """(strategy, column of bars) of every line."""
    out = []
    for number, given_ in enumerate(w.decisions):
        made = given_.decisions
        width = (made.entry if isinstance(made, Signals) else made.target).shape[1]
        local = range(width) if made.symbol is None else made.symbol.tolist()
        out += [(number, int(given_.columns[place])) for place in local]
    return out


def cut(given_: StrategyDecisions, n: int) -> StrategyDecisions:
    """The first n rows of decisions."""
    made = given_.decisions
    if isinstance(made, Weights):
        short: Any = Weights(made.target[:n], made.symbol)
    else:
        panels = (
            "entry",
            "exit",
            "stop_distance",
            "trail_distance",
            "stop_tighten",
            "target_distance",
            "limit_price",
            "scale",
        )
        rows = {name: None if getattr(made, name) is None else getattr(made, name)[:n] for name in panels}
        rows["components"] = None if made.components is None else np.ascontiguousarray(made.components[:, :n])
        short = replace(made, **rows)
    return StrategyDecisions(short, given_.columns, given_.tradable[:n])


class Replay:
    """Cash and holdings rebuilt from the fills and the market alone."""

    def __init__(self, w: World, ledger: Played) -> None:
        self.w, self.ledger, self.lines = w, ledger, lines(w)
        self.cash = w.config.portfolio.starting_equity
        self.quantity = [0.0] * len(self.lines)
        self.mark = [NAN] * w.bars.n_symbols
        self.fills: dict[int, list[dict[str, Any]]] = {}
        for fill in ledger.fills:
            self.fills.setdefault(fill["row"], []).append(fill)

    def whole(self, line: int) -> bool:
        return self.w.config.execution.whole_lots(self.w.config.strategies[self.lines[line][0]].asset_class)

    def apply(self, fill: dict[str, Any]) -> None:
        self.cash -= fill["side"] * fill["quantity"] * fill["price"] + fill["commission"]
        self.quantity[fill["line"]] += fill["side"] * fill["quantity"]
        if abs(self.quantity[fill["line"]]) < 1e-12 * fill["quantity"]:
            self.quantity[fill["line"]] = 0.0

    def actions(self, t: int) -> list[tuple[int, float, float, float]]:
        a = self.w.bars.actions
        return [
            (int(a.col[i]), float(a.split[i]), float(a.dividend[i]), float(a.funding[i])) for i in np.flatnonzero(a.row == t)
        ]

    def open(self, t: int) -> None:
        bars = self.w.bars
        for c, split, dividend, _ in self.actions(t):
            self.mark[c] /= split
            for line, (_, column) in enumerate(self.lines):
                if column == c:
                    self.quantity[line] *= split
                    if split != 1.0 and self.whole(line):
                        kept = math.copysign(math.floor(abs(self.quantity[line]) + 1e-9), self.quantity[line])
                        price = float(bars.open[t, c]) if bars.has_bar[t, c] else self.mark[c]
                        self.cash += (self.quantity[line] - kept) * price if self.quantity[line] else 0.0
                        self.quantity[line] = kept
                    self.cash += self.quantity[line] * dividend

    def row(self, t: int) -> float:
        """Lives through row t; gives back the equity."""
        bars, late = self.w.bars, []
        self.open(t)
        for fill in self.fills.get(t, []):
            order = self.ledger.orders[fill["order"]]
            if order["row"] == t and order["kind"] not in INSIDE:
                late.append(fill)  # filled at the close, after funding
            else:
                self.apply(fill)
        for c in np.flatnonzero(bars.has_bar[t]):
            self.mark[c] = float(bars.close[t, c])
        for c, _, _, rate in self.actions(t):
            held = sum(self.quantity[line] for line, (_, column) in enumerate(self.lines) if column == c)
            self.cash -= held * self.mark[c] * rate if held else 0.0
        self.cash -= self.ledger.interest[t - self.w.first]
        for fill in late:
            self.apply(fill)
        return self.cash + sum(q * self.mark[c] for q, (_, c) in zip(self.quantity, self.lines, strict=True) if q)


@given(WORLDS)
def test_equity_is_cash_and_holdings_rebuilt_from_the_fills(w: World) -> None:
    ledger = played(w)
    replay = Replay(w, ledger)
    for number, equity in enumerate(ledger.equity):
        rebuilt = replay.row(w.first + number)
        scale = max(1.0, abs(equity), w.config.portfolio.starting_equity)
        assert abs(rebuilt - equity) <= 1e-9 * scale, f"row {w.first + number}: rebuilt {rebuilt}, recorded {equity}"
        assert abs(replay.cash - ledger.cash[number]) <= 1e-9 * scale
        assert sum(q != 0.0 for q in replay.quantity) == ledger.n_positions[number]


@given(WORLDS)
def test_nothing_is_dropped(w: World) -> None:
    ledger = played(w)
    of = [number for number, _ in lines(w)]
    for number in range(len(w.decisions)):
        refused = sum(r["count"] for r in ledger.refusals if of[r["line"]] == number)
        ordered = sum(o["cause"] in COUNTED for o in ledger.orders if of[o["line"]] == number)
        assert ledger.signals[number] == refused + ordered
    filled: dict[int, float] = {}
    for fill in ledger.fills:
        assert fill["order"] not in filled
        filled[fill["order"]] = fill["quantity"]
    for number, order in enumerate(ledger.orders):
        assert order["id"] == number
        assert order["filled"] == filled.get(number, 0.0)
        status, rest = order["status"], order["quantity"] - order["filled"]
        if status == OrderStatus.FILLED:
            assert rest == 0.0 and order["filled"] > 0.0 and order["end"] == Code.NONE
        elif status == OrderStatus.PART_FILLED:
            assert 0.0 < rest < order["quantity"] and order["end"] in (Code.CASH, Code.GROSS_EXPOSURE)
        else:
            assert order["filled"] == 0.0 and (order["end"] == Code.NONE) == (status == OrderStatus.OPEN)


@given(WORLDS)
def test_no_fill_comes_before_its_order(w: World) -> None:
    ledger = played(w)
    waits = w.config.execution.fill == "next_open"
    for fill in ledger.fills:
        order = ledger.orders[fill["order"]]
        assert w.first <= order["row"] <= fill["row"] < w.stop
        if waits and order["kind"] not in INSIDE:
            assert order["row"] < fill["row"]
        assert (fill["line"], fill["side"], fill["row"]) == (order["line"], order["side"], order["fill_row"])


@given(WORLDS)
def test_reference_prices_lie_inside_the_bar_and_the_bar_traded(w: World) -> None:
    ledger, bars = played(w), w.bars
    column = [c for _, c in lines(w)]
    for fill in ledger.fills:
        order = ledger.orders[fill["order"]]
        if order["kind"] == OrderKind.SETTLEMENT:
            continue
        t, c, buys = fill["row"], column[fill["line"]], fill["side"] > 0
        assert bars.has_bar[t, c] and bars.volume[t, c] != 0.0
        low, high = bars.low[t, c], bars.high[t, c]
        at_close = order["row"] == t and order["kind"] not in INSIDE
        if bars.quotes is not None and not at_close:
            low = (bars.quotes.ask_low if buys else bars.quotes.bid_low)[t, c]
            high = (bars.quotes.ask_high if buys else bars.quotes.bid_high)[t, c]
        assert low <= fill["reference"] <= high
        assert fill["side"] * (fill["price"] - fill["reference"]) >= 0.0
        if order["kind"] in (OrderKind.LIMIT_ENTRY, OrderKind.TARGET):
            assert fill["price"] == fill["reference"]


@given(WORLDS)
def test_signs_and_bounds_of_the_accounts(w: World) -> None:
    ledger = played(w)
    of = [number for number, _ in lines(w)]
    for fill in ledger.fills:
        assert fill["quantity"] > 0.0 and fill["commission"] >= 0.0 and fill["price"] > 0.0 or fill["price"] == 0.0
        if w.config.execution.whole_lots(w.config.strategies[of[fill["line"]]].asset_class):
            assert fill["quantity"] == round(fill["quantity"])
    for trade in ledger.trades:
        assert trade["mae"] <= 0.0 <= trade["mfe"]
        assert trade["commission"] >= 0.0 and trade["slippage"] >= 0.0 and trade["bars_held"] >= 0
        assert trade["open"] == (trade["exit_row"] == -1)
        assert trade["open"] or trade["entry_row"] <= trade["exit_row"]
        parts = trade["gross_pnl"] - trade["commission"] - trade["slippage"] - trade["financing"] + trade["dividends"]
        assert math.isclose(trade["pnl"], parts, rel_tol=1e-9, abs_tol=1e-9 * w.config.portfolio.starting_equity)
    for equity, gross, net in zip(ledger.equity, ledger.gross_exposure, ledger.net_exposure, strict=True):
        assert equity <= 0.0 or abs(net) <= gross * (1.0 + 1e-9) + 1e-12


@given(WORLDS, st.floats(0.05, 0.95))
def test_what_comes_later_changes_nothing_before(w: World, share: float) -> None:
    n = max(w.first + 1, int(share * w.bars.n_bars))
    whole = played(replace(w, stop=w.bars.n_bars))
    part = played(replace(w, bars=w.bars.head(n), decisions=[cut(d, n) for d in w.decisions], stop=n))
    assert part.equity == whole.equity[: n - w.first]
    assert part.cash == whole.cash[: n - w.first]
    assert part.fills == [fill for fill in whole.fills if fill["row"] < n]
    assert part.events == [event for event in whole.events if event["row"] < n]


def plain(made: Any) -> Any:
    """Market entries and exits only: what trades does not depend on prices."""
    if isinstance(made, Weights):
        return None
    return Signals(made.entry, made.exit, symbol=made.symbol, max_hold=made.max_hold)


@given(WORLDS, st.floats(0.0, 200.0), st.floats(1.0, 5.0), st.sampled_from(["fixed", "spread", "full"]))
def test_dearer_costs_never_help_a_fixed_set_of_trades(w: World, bps: float, dearer: float, model: str) -> None:
    made = [replace(d, decisions=plain(d.decisions)) for d in w.decisions if plain(d.decisions) is not None]
    if not made:
        return
    results = []
    for factor in (1.0, dearer):
        slippage = {"model": model, "bps": bps * factor, "spread_bps": bps * factor, "base_bps": bps * factor}
        costs = {
            "commission_bps": 3.0 * factor,
            "commission_minimum": factor,
            "slippage": slippage,
            "borrow_rate": 0.02 * factor,
        }
        config = rules(*[strategy(costs=costs) for _ in made], equity=1e9, seed=w.config.seed)
        results.append(play_kernel(w.bars, made, config))
    cheap, dear = results
    assert [(f["row"], f["line"], f["quantity"]) for f in cheap.fills] == [
        (f["row"], f["line"], f["quantity"]) for f in dear.fills
    ]
    assert all(b <= a + 1e-6 for a, b in zip(cheap.equity, dear.equity, strict=True))


@given(WORLDS)
def test_twice_the_money_is_twice_of_everything_in_fractional_units(w: World) -> None:
    made = [replace(d, decisions=plain(d.decisions)) for d in w.decisions if plain(d.decisions) is not None]
    if not made:
        return
    results = []
    for equity in (2.0**14, 2.0**15):
        sizing = {"method": "fixed_fraction", "fraction": 0.3}
        costs = {"commission_bps": 2.0, "slippage": {"model": "fixed", "bps": 3.0}}
        entries = [strategy(asset_class="crypto", sizing=sizing, costs=costs) for _ in made]
        results.append(play_kernel(w.bars, made, rules(*entries, equity=equity)))
    one, two = results
    assert [2.0 * value for value in one.equity] == two.equity
    assert [2.0 * fill["quantity"] for fill in one.fills] == [fill["quantity"] for fill in two.fills]
    assert not any(refusal["code"] == Code.LOT for refusal in one.refusals)


@given(WORLDS)
def test_no_decision_is_no_change(w: World) -> None:
    still = [
        replace(
            d,
            decisions=Signals(
                np.zeros((w.bars.n_bars, 1), np.int8), np.zeros((w.bars.n_bars, 1), bool), symbol=np.zeros(1, np.int64)
            ),
        )
        for d in w.decisions
    ]
    config = rules(*[strategy(costs=FREE) for _ in still])
    ledger = play_kernel(w.bars, still, config)
    assert set(ledger.equity) == {100_000.0}
    assert ledger.orders == ledger.fills == ledger.trades == []


def test_money_that_outgrows_every_number_is_told_as_data_that_cannot_be_right() -> None:
    """All of the equity is turned over at prices that go from 1e-6 to 1e6 and back: 1e24 times as much at every fourth bar."""
    close = np.tile([1e-6, 1e6, 1e6, 1e-6], 30)[:, None]
    bars, target = Bars.daily(close), np.tile([1.0, 0.0, 0.0, 1.0], 30)[:, None]
    fractional = {"lot": {"equity": "fractional"}}
    decisions = [StrategyDecisions(Weights(target), np.array([0]), bars.tradable)]
    with pytest.raises(DataError, match="the money of the run outgrows"):
        simulate(bars, decisions, rules(strategy(), execution=fractional))
