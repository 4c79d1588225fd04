"""Rules of signals that read the future in one output, through one input; and causal ones that look suspicious and are not."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pandas as pd

from tests.leaks import LEAKS, frame, long_where
from trading_system.data.bars import Bars
from trading_system.indicators import sma
from trading_system.strategies.base import Signals, Weights, strategies

Act = Callable[[Bars], Signals | Weights]


def crossing(bars: Bars, **more: np.ndarray) -> Signals:
    """Above the 10-bar mean: in; below: out."""
    close = bars.adjusted.close
    mean = sma(close, 10)
    given = {"entry": np.where(close > mean, 1, 0).astype(np.int8), "exit": np.asarray(close < mean), **more}
    return Signals(**given)


def later(panel: np.ndarray, rows: int = 1) -> np.ndarray:
    out = np.full(panel.shape, np.nan)
    out[: -rows or None] = panel[rows:]
    return out


def entry_before_the_rise(bars: Bars) -> Signals:
    close = bars.adjusted.close
    return crossing(bars, entry=np.where(later(close, 3) > 1.02 * close, 1, 0).astype(np.int8))


def exit_before_the_fall(bars: Bars) -> Signals:
    close = bars.adjusted.close
    return crossing(bars, exit=np.asarray(later(close) < close))


def stop_below_the_next_low(bars: Bars) -> Signals:
    close, low = bars.adjusted.close, bars.adjusted.low
    return crossing(
        bars, stop_distance=np.where(np.isnan(later(low)), np.nan, np.maximum(close - later(low), 0.0) + 0.01 * close)
    )


def target_at_the_coming_high(bars: Bars) -> Signals:
    high = pd.DataFrame(bars.adjusted.high)
    coming = high[::-1].rolling(5, min_periods=1).max()[::-1].to_numpy()
    return crossing(bars, target_distance=np.abs(coming - bars.adjusted.close) + 0.01)


def limit_at_the_next_low(bars: Bars) -> Signals:
    return crossing(bars, limit_price=later(bars.adjusted.low))


def ranked_by_the_coming_month(bars: Bars) -> Signals:
    close = bars.adjusted.close
    return crossing(bars, components=np.stack([close, later(close, 20) / close]), component_names=("level", "promise"))


def trail_by_the_volatility_of_all_bars(bars: Bars) -> Signals:
    spread = np.nanstd(np.diff(bars.adjusted.close, axis=0), axis=0) if bars.n_bars > 1 else np.ones(bars.n_symbols)
    return crossing(bars, trail_distance=np.broadcast_to(spread + 0.01, bars.close.shape).copy())


def held_as_long_as_it_will_last(bars: Bars) -> Signals:
    longest = np.nan_to_num(np.nanmax(bars.adjusted.close, axis=0), nan=1.0)
    return crossing(bars, max_hold=(longest % 7).astype(np.int64))


def scaled_by_the_last_volume(bars: Bars) -> Signals:
    scale = 1.0 + np.nan_to_num(bars.volume[-1:], nan=0.0) / 1e9 if bars.n_bars else np.ones((0, bars.n_symbols))
    return crossing(bars, scale=np.broadcast_to(scale, bars.close.shape).copy())


def knows_the_benchmarks_next_close(bars: Bars) -> Weights:
    level = bars.benchmark_close[:, None]
    return Weights(np.where(later(level) > level, 0.1, 0.0) * np.ones(bars.close.shape))


def knows_who_will_leave_the_universe(bars: Bars) -> Weights:
    leaves = ~np.logical_and.accumulate(bars.tradable[::-1], axis=0)[::-1]
    return Weights(np.where(leaves, 0.0, 0.1))


def knows_the_next_dividend(bars: Bars) -> Weights:
    target = np.zeros(bars.close.shape)
    paid = np.flatnonzero(bars.actions.dividend > 0.0)
    for row, column in zip(bars.actions.row[paid].tolist(), bars.actions.col[paid].tolist(), strict=True):
        target[max(row - 5, 0) : row, column] = 0.1
    return Weights(target)


def adjusted_backwards(bars: Bars) -> Weights:
    """Back-adjusted closes: every value moves when a later action comes."""
    factor = np.ones(bars.close.shape) if bars.factor is None else bars.factor
    close = bars.close * factor / (factor[-1:] if len(factor) else 1.0)
    return Weights(np.where(close > 60.0, 0.1, 0.0))


def last_rows_of_the_data(bars: Bars) -> Weights:
    """In until 50 rows before the end of what there is."""
    target = np.full(bars.close.shape, 0.1)
    target[max(bars.n_bars - 50, 0) :] = 0.0
    return Weights(target)


def only_the_winners_have_lines(bars: Bars) -> Weights:
    last = np.nan_to_num(bars.close[-1]) if bars.n_bars else np.zeros(bars.n_symbols)
    kept = np.flatnonzero(last >= np.sort(last)[bars.n_symbols // 2]).astype(np.int64)
    return Weights(np.full((bars.n_bars, kept.size), 0.1), symbol=kept)


PEEKING: dict[str, tuple[Act, str]] = {
    rule.__name__: (rule, output)
    for rule, output in (
        (entry_before_the_rise, "entry"),
        (exit_before_the_fall, "exit"),
        (stop_below_the_next_low, "stop_distance"),
        (target_at_the_coming_high, "target_distance"),
        (limit_at_the_next_low, "limit_price"),
        (ranked_by_the_coming_month, "components.promise"),
        (trail_by_the_volatility_of_all_bars, "trail_distance"),
        (held_as_long_as_it_will_last, "max_hold"),
        (scaled_by_the_last_volume, "scale"),
        (knows_the_benchmarks_next_close, "target"),
        (knows_who_will_leave_the_universe, "target"),
        (knows_the_next_dividend, "target"),
        (adjusted_backwards, "target"),
        (last_rows_of_the_data, "target"),
        (only_the_winners_have_lines, "target"),
    )
} | {name: (rule, "target") for name, rule in LEAKS.items()}


def expanding_zscore(bars: Bars) -> Weights:
    close = frame(bars)
    return long_where((close - close.expanding().mean()) / close.expanding().std() < -0.5)


def exponential_mean_from_the_first_bar(bars: Bars) -> Weights:
    close = frame(bars)
    return long_where(close > close.ewm(span=30, adjust=True).mean())


def state_machine(bars: Bars) -> Weights:
    """A loop with memory: in on a 5 % rise from the lowest close since the last exit, out on a 5 % fall from the highest since."""
    close, target = bars.adjusted.close, np.full(bars.close.shape, np.nan)
    for column in range(bars.n_symbols):
        inside, mark = False, np.nan
        for row, price in enumerate(close[:, column].tolist()):
            if np.isnan(price):
                continue
            mark = price if np.isnan(mark) else (max(mark, price) if inside else min(mark, price))
            if inside != (price > 1.05 * mark if not inside else price >= 0.95 * mark):
                inside, mark = not inside, price
                target[row, column] = 0.1 if inside else 0.0
    return Weights(target)


@functools.lru_cache(maxsize=4)
def _seen(first: bytes, n: int) -> int:
    return n


def remembers_what_it_was_asked(bars: Bars) -> Weights:
    """A cache keyed by everything that the answer depends on."""
    n = _seen(bars.close.tobytes(), bars.n_bars)
    return long_where(frame(bars).iloc[:n].rolling(7).mean().notna())


def chance_from_a_fixed_seed(bars: Bars) -> Weights:
    """The same draws on every row whatever comes later: row t takes the t-th of the sequence."""
    return Weights(np.where(np.random.default_rng(7).random(bars.close.shape) < 0.1, 0.1, np.nan))


def lines_of_symbols_seen_so_far(bars: Bars) -> Weights:
    """A symbol gets its line once it has had a bar: more lines in longer histories, and the same decisions."""
    seen = np.flatnonzero(bars.has_bar.any(axis=0)).astype(np.int64)
    close = bars.adjusted.close[:, seen]
    rose = np.full(close.shape, np.nan)
    rose[1:] = np.where(close[1:] > close[:-1], 0.1, np.nan)
    return Weights(rose, symbol=seen)


def last_completed_month(bars: Bars) -> Weights:
    close = frame(bars)
    months = close.resample("MS").last().shift(1)
    return long_where(close > months.reindex(close.index, method="ffill"))


def ranks_of_this_row(bars: Bars) -> Weights:
    close = frame(bars)
    return long_where((close / close.shift(20)).rank(axis=1, ascending=False) <= 2)


def regression_by_matrix_products(bars: Bars) -> Signals:
    """Slope of the last 20 log closes: products of matrices, whose last bits may depend on how many rows there are."""
    close, n = np.log(np.nan_to_num(bars.adjusted.close, nan=1.0)), 20
    slope = np.full(close.shape, np.nan)
    if bars.n_bars >= n:
        windows = np.lib.stride_tricks.sliding_window_view(close, n, axis=0)
        weight = np.arange(n) - (n - 1) / 2.0
        slope[n - 1 :] = windows @ (weight / (weight @ weight))
    return crossing(bars, components=slope[None], component_names=("slope",), stop_distance=np.abs(slope) * 100.0 + 1.0)


def single_precision(bars: Bars) -> Weights:
    close = bars.adjusted.close.astype(np.float32)
    mean = pd.DataFrame(close).rolling(15).mean().to_numpy()
    return long_where(pd.DataFrame(close > mean))


def relative_to_the_benchmark(bars: Bars) -> Weights:
    ratio = pd.DataFrame(bars.adjusted.close / bars.benchmark_close[:, None])
    return long_where(ratio > ratio.rolling(25).mean())


def weekday_of_this_bar(bars: Bars) -> Weights:
    monday = (bars.session.astype(np.int64) + 3) % 7 == 0
    return Weights(np.where(monday[:, None], 0.1, 0.0) * np.ones(bars.close.shape))


def entry_on_the_day_after_a_dividend(bars: Bars) -> Weights:
    target = np.full(bars.close.shape, np.nan)
    rows = bars.actions.row + 1
    kept = rows < bars.n_bars
    target[rows[kept], bars.actions.col[kept]] = 0.1
    return Weights(target)


CLEAN: dict[str, Act] = {
    rule.__name__: rule
    for rule in (
        expanding_zscore,
        exponential_mean_from_the_first_bar,
        state_machine,
        remembers_what_it_was_asked,
        chance_from_a_fixed_seed,
        lines_of_symbols_seen_so_far,
        last_completed_month,
        ranks_of_this_row,
        regression_by_matrix_products,
        single_precision,
        relative_to_the_benchmark,
        weekday_of_this_bar,
        entry_on_the_day_after_a_dividend,
    )
}


def shipped(symbols: tuple[str, ...]) -> dict[str, Act]:
    """Every registered type, and the momentum rule behind each filter."""
    from trading_system.strategies.filters.base import Filtered, filters

    found: dict[str, Act] = {name: strategies.get(name).example(symbols).decide for name in strategies.names()}
    rule = strategies.get("equity_momentum").example(symbols)
    for name in filters.names():
        found[f"equity_momentum behind {name}"] = Filtered(rule=rule, filters=(filters.get(name)(),)).decide
    return found
