"""The yardstick of everything: buy the universe once and keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading_system.strategies.base import Strategy, Weights, register

if TYPE_CHECKING:
    from trading_system.data.bars import Bars
    from trading_system.types import BoolArray, IntArray

REENTRY_SESSIONS = 2  # the engine closes a position after this many expected sessions without a bar


@register("buy_and_hold")
class BuyAndHold(Strategy):
    """An equal share of the whole universe per symbol, bought when it first trades and never rebalanced.

    The share of a name that is not listed yet waits in cash. A name that the engine had to close, because it left the
    universe or its data stopped for two sessions, is bought again when it is back.
    """

    @property
    def warmup(self) -> int:
        """One bar."""
        return 1

    def decide(self, bars: Bars) -> Weights:
        """1 / number of symbols on the row at which a symbol is (again) first tradable, NaN elsewhere."""
        import numpy as np

        close = bars.adjusted.close
        target = np.full(close.shape, np.nan)
        exists = ~np.isnan(close)
        whole = exists & bars.tradable
        share = 1.0 / max(bars.n_symbols, 1)
        steady = whole.all(axis=0)
        target[:1, steady] = share
        sessions = [_sessions(bars, calendar) for calendar in range(bars.expected.shape[1])]
        for column in np.flatnonzero(~steady).tolist():
            begun = sessions[int(bars.calendar_of[column])]
            target[_bought(begun, exists[:, column], whole[:, column]), column] = share
        return Weights(target)


def _bought(begun: IntArray, exists: BoolArray, whole: BoolArray) -> IntArray:
    """Rows on which the symbol is bought: its first whole bar, and the first one after an absence that closed it."""
    import numpy as np

    rows = np.flatnonzero(exists)
    allowed = whole[rows]
    flat = np.ones(rows.size, np.bool_)  # before the first bar, after a bar outside the universe, after an absence
    flat[1:] = ~allowed[:-1] | (np.diff(begun[rows]) > REENTRY_SESSIONS)
    since = np.maximum.accumulate(np.where(flat, np.arange(rows.size), 0))
    count = np.cumsum(allowed)
    before = np.where(since > 0, count[since - 1], 0)
    return rows[allowed & (count - before == 1)]


def _sessions(bars: Bars, calendar: int) -> IntArray:
    """Number of the calendar's sessions begun up to each row."""
    import numpy as np

    expected = bars.expected[:, calendar]
    first = np.flatnonzero(np.diff(bars.session, prepend=bars.session[:1] - 1))
    if not first.size:
        return first
    begun = np.cumsum(np.logical_or.reduceat(expected, first))
    return np.repeat(begun, np.diff(first, append=bars.n_bars))
