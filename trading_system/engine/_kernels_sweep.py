"""Many runs of one line whose decisions are target weights: account, curve and statistics, without logs.

The arithmetic of fills is that of `_kernels_lane.py`, operation by operation, so that every quantity and every level of equity has
its bits; a property test holds the two together. What a sweep does not need (orders, trades, best and worst price of a trade) is not
made, and between fills there is one loop over closes. The statistics are sums, which agree with `metrics` to 1e-12.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.engine.layout import (
    SWEEP_CASH,
    SWEEP_DEVIATION,
    SWEEP_DRAWDOWN,
    SWEEP_FILLS,
    SWEEP_FINAL,
    SWEEP_GAVE_UP,
    SWEEP_MEAN,
    SWEEP_PERIODS,
    SWEEP_QUANTITY,
    SWEEP_TRADES,
)
from trading_system.kernels import engine_helper, engine_kernel, engine_routine

if TYPE_CHECKING:
    from trading_system.types import FloatArray, IntArray

EPSILON = 1e-9
LANES = 16
SUM, SQUARES, TOP, BOTTOM = 0, LANES, 2 * LANES, 3 * LANES
NONE, HELD, WHOLE = range(3)  # levels of a run that are worked out


@engine_helper
def lots(q: float, whole: int) -> Any:
    """A quantity (>= 0) in lots: whole units, or as it is."""
    return np.floor(q + 1e-9) if whole else q


@engine_helper
def commission_of(rule: Any, q: float, price: float) -> Any:
    """Commission of a fill of q units."""
    return max(rule["minimum"], q * price * rule["bps"] / 1e4 + q * rule["per_share"] + rule["per_trade"])


@engine_helper
def wanted_quantity(rule: Any, weight: float, total: float, close: float) -> Any:
    """Signed units that a weight asks for, after the caps on one position."""
    equity = rule["allocation"] * total
    notional = min(abs(weight) * equity, rule["own_max_notional"] * equity, rule["max_notional"] * total)
    side = 1.0 if weight > 0.0 else -1.0
    return side * lots(max(0.0, notional) / close, rule["whole"])


@engine_helper
def filled_increase(rule: Any, cash: float, held: float, side: float, wanted: float, reference: float) -> Any:
    """Units of an order that moves away from zero that gross exposure and cash allow; 0 when it is refused."""
    value = held * reference
    equity, gross, shorts = cash, 0.0, 0.0
    if held != 0.0:
        equity, gross, shorts = cash + value, abs(value), max(0.0, -value)
    epsilon = EPSILON * abs(equity)
    price = reference * (1.0 + side * rule["slippage"])
    asked = wanted * price
    room = max(0.0, rule["own_max_gross"] * (rule["allocation"] * equity) - gross)
    own = room / asked if asked - room > epsilon else 1.0
    total, longs = own * asked, 0.0
    limited = side > 0.0 and rule["max_gross"] <= 1.0
    if side > 0.0:
        longs = wanted * own * price + commission_of(rule, wanted * own, price)
    by_gross, by_cash = math.inf, math.inf
    if total > 0.0:
        by_gross = max(0.0, rule["max_gross"] * equity - gross) / total
    if longs > 0.0 and rule["max_gross"] <= 1.0:
        by_cash = max(0.0, cash - shorts) / longs
    factor = min(by_gross, by_cash)
    if total == 0.0 or (1.0 - factor) * total <= epsilon:
        factor = 1.0
    q = lots(wanted * own * factor, rule["whole"]) if own != 1.0 or factor != 1.0 else lots(wanted, rule["whole"])
    if q * price >= epsilon and limited:
        room_cash = max(0.0, cash - shorts)
        commission = commission_of(rule, q, price)
        if q * price + commission > room_cash + epsilon:
            q = lots(max(0.0, (room_cash - commission) / price), rule["whole"])
    if q <= 0.0 or (rule["whole"] == 0 and q * price < epsilon):
        return 0.0
    return q


@engine_routine
def mark(closes: FloatArray, cash: float, q: float, levels: FloatArray) -> None:
    """Equity at each of `closes`."""
    for k in range(closes.size):
        levels[k] = cash + q * closes[k]


@engine_routine
def add_block(levels: FloatArray, lanes: FloatArray) -> None:
    """Returns of LANES levels (the first of `levels` comes before them) added to the partial sums, and their highest and lowest."""
    for k in range(LANES):
        r = levels[k + 1] / levels[k] - 1.0
        lanes[SUM + k] += r
        lanes[SQUARES + k] += r * r
    for k in range(LANES):
        lanes[TOP + k] = levels[k + 1]
        lanes[BOTTOM + k] = levels[k + 1]
    width = LANES // 2
    while width > 0:
        for k in range(width):
            lanes[TOP + k] = max(lanes[TOP + k], lanes[TOP + k + width])
            lanes[BOTTOM + k] = min(lanes[BOTTOM + k], lanes[BOTTOM + k + width])
        width //= 2


@engine_routine
def curve_figures(levels: FloatArray, n_rest: int, lanes: FloatArray, out: FloatArray) -> None:
    """Mean and deviation (ddof 1) of the returns between levels, and the deepest drawdown, into `out`.

    Parameters
    ----------
    levels : float64[::1], shape (m + 1,)
        Equity, above 0, V_0 first.
    n_rest : int64
        Further returns, all of them 0.
    lanes : float64[::1], shape (4 * LANES,)
        Room.
    """
    m = levels.size - 1
    n = m + n_rest
    for k in range(2 * LANES):
        lanes[k] = 0.0
    peak, worst, k = levels[0], 1.0, 0
    while k + LANES <= m:
        add_block(levels[k : k + LANES + 1], lanes)
        if lanes[BOTTOM] < worst * max(peak, lanes[TOP]):
            for i in range(k + 1, k + LANES + 1):
                peak = max(peak, levels[i])
                if levels[i] < worst * peak:
                    worst = levels[i] / peak
        else:
            peak = max(peak, lanes[TOP])
        k += LANES
    while k < m:
        r = levels[k + 1] / levels[k] - 1.0
        lanes[SUM] += r
        lanes[SQUARES] += r * r
        peak = max(peak, levels[k + 1])
        if levels[k + 1] < worst * peak:
            worst = levels[k + 1] / peak
        k += 1
    total, squares = 0.0, 0.0
    for k in range(LANES):
        total += lanes[SUM + k]
        squares += lanes[SQUARES + k]
    out[SWEEP_MEAN], out[SWEEP_DRAWDOWN] = total / n, worst - 1.0
    out[SWEEP_DEVIATION] = deviation(levels, n_rest, total / n, squares)


@engine_routine
def deviation(levels: FloatArray, n_rest: int, mean: float, squares: float) -> Any:
    """Sample deviation from the sum of squares, or from the returns again where that sum has lost its digits; 0 for a constant."""
    m = levels.size - 1
    n = m + n_rest
    if n < 2:
        return math.nan
    around = squares - n * mean * mean
    if around > 0.25 * squares:
        return math.sqrt(around / (n - 1))
    first = levels[1] / levels[0] - 1.0 if m > 0 else 0.0
    varies = n_rest > 0 and first != 0.0
    around = n_rest * mean * mean
    for k in range(m):
        r = levels[k + 1] / levels[k] - 1.0
        varies = varies or r != first
        around += (r - mean) * (r - mean)
    return math.sqrt(around / (n - 1)) if varies else 0.0


@engine_routine
def weights_account(
    open_: FloatArray,
    close: FloatArray,
    volume: FloatArray,
    rules: Any,
    rows: IntArray,
    weights: FloatArray,
    first: int,
    stop: int,
    curve: int,
    bound: float,
    levels: FloatArray,
    out: FloatArray,
) -> Any:
    """Trade the weights of one set over rows first..stop - 1; the number of levels written comes back.

    ``levels[0]`` is the starting equity. With WHOLE a level per row follows; with HELD rows that only rest at the level before them
    are left out; with NONE there is the last level alone, and the run gives up where it is short, owes cash, or falls below `bound`
    times its best level at a decision, for then it might be ruined in between. `out` gets final equity, cash, quantity, fills and closed trades; `SWEEP_GAVE_UP` is 1 where the run is not for
    this kernel: interest falls due, or a weight that is not finite.
    """
    rule = rules[0]
    cash, q = rule["starting_equity"], 0.0
    levels[0] = cash
    used, since, fills, trades, gave_up, peak = 1, first, 0, 0, 0, cash
    e, n = 0, rows.size
    while e < n and rows[e] < first:
        e += 1
    while e < n and rows[e] < stop and gave_up == 0:
        t, weight = rows[e], weights[e]
        e += 1
        total = cash + q * close[t] if q != 0.0 else cash
        peak = max(peak, total)
        if not abs(weight) < math.inf or (curve == NONE and (not total > bound * peak or q < 0.0 or cash < 0.0)):
            gave_up = 1
            break
        if weight == 0.0 and q == 0.0:
            continue
        wanted = wanted_quantity(rule, weight, total, close[t])
        change = abs(wanted - q) * close[t]
        if weight != 0.0 and change <= max(0.0, rule["min_trade"] * (rule["allocation"] * total)) + 1e-9 * abs(total):
            continue
        reduce, add = abs(q), abs(wanted)
        if q * wanted > 0.0:
            reduce, add = max(0.0, reduce - add), max(0.0, add - reduce)
        f = t + 1
        if f >= stop or volume[f] == 0.0 or not (reduce > 0.0 or add > 0.0):
            continue
        reference, cash_before, q_before = open_[f], cash, q
        if reduce > 0.0:
            side = -1.0 if q > 0.0 else 1.0
            price = reference * (1.0 + side * rule["slippage"])
            commission = commission_of(rule, reduce, price)
            q = 0.0 if reduce >= abs(q) else q + side * reduce
            cash -= side * reduce * price + commission
            fills += 1
            trades += int(q == 0.0)
        if add > 0.0:
            side = 1.0 if weight > 0.0 else -1.0
            bought = filled_increase(rule, cash, q, side, add, reference)
            if bought > 0.0:
                price = reference * (1.0 + side * rule["slippage"])
                commission = commission_of(rule, bought, price)
                q += side * bought
                cash -= side * bought * price + commission
                fills += 1
        if (rule["pays_debit"] and cash < 0.0) or (rule["pays_borrow"] and q < 0.0):
            gave_up = 1
        if curve != NONE:
            stretch = f if q_before != 0.0 or curve == WHOLE else min(since + 1, f)
            mark(close[since:stretch], cash_before, q_before, levels[used : used + stretch - since])
            used += stretch - since
            since = f
    if curve == NONE:
        since = stop - 1
        peak = max(peak, cash + q * close[since])
        if not cash + q * close[since] > bound * peak or q < 0.0 or cash < 0.0:
            gave_up = 1
    stretch = stop if q != 0.0 or curve == WHOLE else min(since + 1, stop)
    mark(close[since:stretch], cash, q, levels[used : used + stretch - since])
    used += stretch - since
    out[SWEEP_FINAL] = levels[used - 1]
    out[SWEEP_CASH], out[SWEEP_QUANTITY] = cash, q
    out[SWEEP_FILLS], out[SWEEP_TRADES], out[SWEEP_GAVE_UP] = fills, trades, gave_up
    return used  # a level is never above the highest of these, nor below the lowest: what is left out repeats one


@engine_routine
def is_scale_free(rule: Any, volume: FloatArray, windows: IntArray) -> Any:
    """Whether a purchase of everything is the same share of any equity, and every order fills at the next open."""
    if rule["whole"] or rule["per_trade"] != 0.0 or rule["minimum"] > 0.0 or rule["pays_debit"] or rule["min_trade"] > 0.5:
        return False
    for w in range(windows.shape[0]):
        for t in range(windows[w, 0], windows[w, 1]):
            if volume[t] == 0.0:
                return False
    return True


@engine_routine
def round_trips(open_: FloatArray, close: FloatArray, rule: Any, a: int, b: int, trips: FloatArray) -> None:
    """What a decision at each row a..b - 2 does to one unit of money: units bought, money left; and what one unit sells for."""
    for t in range(a, b - 1):
        wanted = wanted_quantity(rule, 1.0, 1.0, close[t])
        bought = filled_increase(rule, 1.0, 0.0, 1.0, wanted, open_[t + 1])
        price = open_[t + 1] * (1.0 + rule["slippage"])
        trips[t, 0], trips[t, 1] = bought, 1.0 - (bought * price + commission_of(rule, bought, price))
        price = open_[t + 1] * (1.0 - rule["slippage"])
        trips[t, 2] = price - commission_of(rule, 1.0, price)


@engine_routine
def compounded(
    close: FloatArray,
    rule: Any,
    rows: IntArray,
    weights: FloatArray,
    first: int,
    stop: int,
    trips: FloatArray,
    bound: float,
    out: FloatArray,
) -> Any:
    """End of a run that is all in or out: its equity is multiplied by what each round trip makes of one unit of money.

    False where it is something else (other weights, a refused order) or might be ruined on the way.
    """
    equity, peak, trades, fills, e = 1.0, 1.0, 0, 0, 0
    while e < rows.size and rows[e] < first:
        e += 1
    bought, left = 0.0, 1.0
    while e < rows.size and rows[e] < stop:
        t, weight = rows[e], weights[e]
        e += 1
        if weight == 0.0:
            if bought == 0.0 or t + 1 >= stop:
                continue
            equity *= left + bought * trips[t, 2]
            bought, left = 0.0, 1.0
            trades += 1
            fills += 1
            peak = max(peak, equity)
            if not equity > bound * peak:
                return False
        elif weight != 1.0 or bought != 0.0:
            return False
        elif t + 1 < stop:
            bought, left = trips[t, 0], trips[t, 1]
            fills += 1
            if not (bought > 0.0 and left > -1e-6):
                return False
    start = rule["starting_equity"]
    out[SWEEP_FINAL] = start * (equity * (left + bought * close[stop - 1]))
    out[SWEEP_CASH], out[SWEEP_QUANTITY] = start * equity * left, start * equity * bought
    out[SWEEP_FILLS], out[SWEEP_TRADES], out[SWEEP_GAVE_UP] = fills, trades, 0
    peak = max(peak, out[SWEEP_FINAL] / start)
    return out[SWEEP_FINAL] / start > bound * peak


@engine_routine
def fall_bound(close: FloatArray, windows: IntArray) -> Any:
    """Share of its best level at decisions below which a run that only holds might be ruined between them: 1e-9 (highest / lowest)^2."""
    top, bottom = close[windows[0, 0]], close[windows[0, 0]]
    for w in range(windows.shape[0]):
        for t in range(windows[w, 0], windows[w, 1]):
            top = max(top, close[t])
            bottom = min(bottom, close[t])
    return 1e-9 * (top / bottom) * (top / bottom)


@engine_routine
def is_ruined(levels: FloatArray) -> Any:
    """Whether equity ever falls to nothing, as the lane asks it at every row."""
    peak = levels[0]
    for k in range(1, levels.size):
        peak = max(peak, levels[k])
        if not levels[k] > 1e-9 * peak:
            return True
    return False


@engine_routine
def measured(levels: FloatArray, n_rows: int, sampled: IntArray, first: int, lanes: FloatArray, out: FloatArray) -> Any:
    """Figures of a run into `out`; `sampled` (rows, when it is not (1,) of -1) picks the levels that are measured, in place.

    The number of levels comes back, the starting equity not counted.
    """
    n = levels.size - 1
    if sampled[0] < 0:
        curve_figures(levels, n_rows - n, lanes, out)
        if out[SWEEP_DRAWDOWN] < -0.999 and is_ruined(levels):
            out[SWEEP_GAVE_UP] = 1
        out[SWEEP_PERIODS] = n_rows
        return n
    if is_ruined(levels):
        out[SWEEP_GAVE_UP] = 1
    n = 0
    for k in range(sampled.size):
        if first <= sampled[k] < first + n_rows:
            n += 1
            levels[n] = levels[sampled[k] - first + 1]
    out[SWEEP_FINAL] = levels[n]
    out[SWEEP_PERIODS] = n
    curve_figures(levels[: n + 1], 0, lanes, out)
    return n


@engine_kernel
def sweep_weights(
    open_: FloatArray,
    close: FloatArray,
    volume: FloatArray,
    rules: Any,
    starts: IntArray,
    rows: IntArray,
    weights: FloatArray,
    firsts: IntArray,
    windows: IntArray,
    sampled: IntArray,
    levels: FloatArray,
    lanes: FloatArray,
    keep: IntArray,
    curves: FloatArray,
    end_alone: int,
    trips: FloatArray,
    out: FloatArray,
) -> None:
    """Run every set of weights over every window.

    Parameters
    ----------
    open_, close, volume : float64[::1], shape (n_bars,)
        Quote currency, no NaN among the prices of the windows.
    rules : LANE_RULES, shape (1,)
    starts, rows, weights : int64[::1], int64[::1], float64[::1]
        As in `strategies.base.Changes`.
    firsts : int64[::1], shape (n_sets,)
        Row before which no run of a set begins.
    windows : int64[:, ::1], shape (n_windows, 2)
        First row and the row after the last of each run, which starts flat.
    sampled : int64[::1]
        Rows on which equity is measured; (1,) of -1 when every row is one.
    levels, lanes : float64[::1], shape (n_bars + 1,), (4 * LANES,)
        Room.
    keep : int64[::1], shape (n_sets,)
        Row of `curves` that gets the measured equity of a set in the last window; -1 for none.
    curves : float64[:, ::1], shape (n_kept, n_periods), written
    end_alone : int64
        1: nothing but the end of the account is asked for, to 1e-12; mean, deviation and drawdown are left NaN. Where every row is
        measured.
    trips : float64[:, ::1], shape (n_bars, 3), or (0, 3) without `end_alone`
        Room.
    out : float64[:, :, ::1], shape (n_sets, n_windows, N_FIGURES), written
    """
    curve, bound = WHOLE if sampled[0] >= 0 else HELD, fall_bound(close, windows)
    rule, scale_free = rules[0], end_alone and is_scale_free(rules[0], volume, windows)
    if scale_free:
        for w in range(windows.shape[0]):
            round_trips(open_, close, rule, windows[w, 0], windows[w, 1], trips)
    for p in range(starts.size - 1):
        own, asked = rows[starts[p] : starts[p + 1]], weights[starts[p] : starts[p + 1]]
        for w in range(windows.shape[0]):
            first, stop, figures = max(windows[w, 0], firsts[p]), windows[w, 1], out[p, w]
            if first >= stop:
                figures[SWEEP_GAVE_UP] = 1
                continue
            if end_alone and bound < 1.0:
                figures[SWEEP_MEAN] = figures[SWEEP_DEVIATION] = figures[SWEEP_DRAWDOWN] = math.nan
                figures[SWEEP_PERIODS] = stop - first
                if scale_free and compounded(close, rule, own, asked, first, stop, trips, bound, figures):
                    continue
                weights_account(open_, close, volume, rules, own, asked, first, stop, NONE, bound, levels, figures)
                if figures[SWEEP_GAVE_UP] == 0:
                    continue
            used = weights_account(open_, close, volume, rules, own, asked, first, stop, curve, bound, levels, figures)
            n = measured(levels[:used], stop - first, sampled, first, lanes, figures)
            if keep[p] >= 0 and w == windows.shape[0] - 1:
                if curve == HELD:
                    gave_up = figures[SWEEP_GAVE_UP]
                    n = (
                        weights_account(open_, close, volume, rules, own, asked, first, stop, WHOLE, bound, levels, figures)
                        - 1
                    )
                    figures[SWEEP_GAVE_UP] = gave_up
                row = curves[keep[p]]
                for k in range(min(n, row.size)):
                    row[k] = levels[k + 1]


@engine_kernel
def measure_curve(
    equity: FloatArray, start: float, sampled: IntArray, first: int, levels: FloatArray, lanes: FloatArray, out: FloatArray
) -> Any:
    """Figures of an equity curve that begins at row `first` with `start`, as `sweep_weights` has them; the number of levels."""
    n = equity.size
    levels[0] = start
    for k in range(n):
        levels[k + 1] = equity[k]
    out[SWEEP_FINAL] = levels[n]
    return measured(levels[: n + 1], n, sampled, first, lanes, out)
