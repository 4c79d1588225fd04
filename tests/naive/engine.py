"""The naive twin of the engine: an event loop over objects, written from `docs/fill-rules.md` alone.

No numba, no arrays: lines, positions, orders and books are objects, one method is one rule of the page.
"""

from __future__ import annotations

from typing import Any

from tests.naive.closing import Closing
from tests.naive.deciding import Deciding
from tests.naive.opening import Opening
from tests.naive.records import NaiveLedger


class Twin(Opening, Closing, Deciding):
    """One run; `run` gives back its ledger."""

    def run(self) -> NaiveLedger:
        for t in range(self.last):
            self.count_sessions(t)
            if t >= self.first:
                self.live_through(t)
        return self.ledger()

    def live_through(self, t: int) -> None:
        self.night(t)
        self.phase = "open"
        for position in self.positions.values():
            position.born = "before"
        self.corporate_actions(t)
        self.execute(t)
        self.touch_limits(t)
        self.touch_stops(t)
        self.delistings(t)
        for c in self.market.columns:
            if self.market.bar(t, c):
                self.marks[c] = self.market.close[t][c]
        self.funding(t)
        self.cash -= self.due
        self.flows -= self.due
        self.record(t, again=False)
        self.extremes(t)
        self.risk(t)
        self.scale_volatility(t)
        self.decide(t)
        if self.same_close:
            self.phase = "close"
            self.execute(t)
            self.record(t, again=True)


def simulate(bars: Any, decisions: Any, config: Any, *, first: int = 0, stop: int | None = None) -> NaiveLedger:
    """What `trading_system.engine.simulate.simulate` should return, slowly."""
    return Twin(bars, decisions, config, first, stop).run()
