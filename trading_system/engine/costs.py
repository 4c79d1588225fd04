"""Costs as the kernel reads them: rates in record fields, and the panels that slippage models need."""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_system.engine.layout import SLIPPAGE, TIER
from trading_system.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trading_system.config.models import CostsConfig, RunConfig, StrategyConfig
    from trading_system.data.bars import Bars
    from trading_system.types import FloatArray

ATR_BARS, ATR_MEAN = 14, 60
STRESS_SESSIONS = 5
STRESS_BELOW = {"equity": -0.03, "crypto": -0.05}


def fill_costs(record: Any, config: StrategyConfig, tiers: list[tuple[float, float]]) -> None:
    """Write one strategy's costs into its rule record, and append its commission tiers to `tiers`."""
    costs = config.costs
    record["bps"], record["per_share"] = costs.commission_bps, costs.commission_per_share
    record["per_trade"], record["minimum"] = costs.commission_per_trade, costs.commission_minimum
    record["tier_from"] = len(tiers)
    tiers += [(tier.from_notional, tier.bps) for tier in costs.commission_tiers]
    record["tier_to"] = len(tiers)
    record["borrow_rate"] = costs.borrow_rate
    slippage = costs.slippage
    coefficient = slippage.impact if slippage.model == "volume_share" else 1.0
    bps = {"spread": slippage.spread_bps / 2.0, "full": slippage.base_bps}.get(slippage.model, slippage.bps)
    record["slip_model"], record["impact"] = SLIPPAGE.index(slippage.model), coefficient * slippage.multiple
    record["slip_bps"] = bps * slippage.multiple
    record["stress_below"] = STRESS_BELOW.get(config.asset_class, STRESS_BELOW["equity"])


def tier_table(tiers: list[tuple[float, float]]) -> NDArray[Any]:
    """All strategies' tiers, one record each; at least one."""
    return np.array(tiers or [(0.0, 0.0)], dtype=TIER)


def needs_volume(costs: CostsConfig) -> bool:
    """Whether the slippage model reads volume and cannot do without."""
    return costs.slippage.model in ("volume_share", "sqrt_impact")


def require_volume(config: RunConfig, bars: Bars) -> None:
    """DataError when a rule needs the volume that the data does not have."""
    if bars.has_volume:
        return
    for number, strategy in enumerate(config.strategies):
        if needs_volume(strategy.costs):
            raise DataError(
                f"slippage {strategy.costs.slippage.model!r} needs volume, and the data has none",
                where=f"strategies.{number}.costs.slippage.model",
                allowed="none, fixed, spread, full",
                remedy="choose another slippage model or data with volume",
            )
        if strategy.capacity.max_fraction_of_adv is not None:
            raise DataError(
                "a capacity limit needs volume, and the data has none",
                where=f"strategies.{number}.capacity.max_fraction_of_adv",
                remedy="remove the limit or use data with volume",
            )


@functools.lru_cache(maxsize=65_536)
def symbol_hash(symbol: str) -> int:
    """First eight bytes of the sha256 of the symbol's text: the symbol's part of the key of a draw."""
    return int.from_bytes(hashlib.sha256(symbol.encode()).digest()[:8], "big")


def months(bars: Bars) -> NDArray[np.int64]:
    """Calendar month of each row's session label, counted from January 1970."""
    return bars.session.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def atr_ratio(bars: Bars) -> FloatArray:
    """ATR14 over its own mean of 60 bars, (n_bars, n_symbols), on adjusted prices and each symbol's own bars."""
    from trading_system.indicators import _kernels
    from trading_system.indicators.moving_averages import sma
    from trading_system.indicators.own_bars import floats
    from trading_system.indicators.volatility import wilder_atr

    prices = bars.adjusted
    if bars.whole[:1].all() and bars.n_symbols >= _kernels.FEW:
        high, low, close = floats(prices.high), floats(prices.low), floats(prices.close)
        out: FloatArray = np.empty(prices.close.shape)
        with np.errstate(invalid="ignore", divide="ignore"):
            if not _kernels.range_ratio(high, low, close, ATR_BARS, ATR_MEAN, out):
                return out
    atr, begin = wilder_atr(prices.high, prices.low, prices.close, ATR_BARS), ATR_BARS - 1
    if len(atr) > begin and np.isnan(atr[:begin]).all() and not np.isnan(atr[begin:]).any():
        ratio: FloatArray = np.full_like(atr, np.nan)  # no holes: the rows of every symbol are its own bars
        ratio[begin:] = sma(atr[begin:], ATR_MEAN)
    else:
        ratio = sma(atr, ATR_MEAN)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.divide(atr, ratio, out=ratio)


def stress_return(bars: Bars) -> FloatArray:
    """Benchmark's return over the five sessions that end at the last day end up to each row; NaN without enough of them."""
    close = bars.benchmark_close
    ends = np.flatnonzero(bars.day_end)
    change = np.full(ends.size + 1, np.nan)
    if ends.size > STRESS_SESSIONS:
        with np.errstate(invalid="ignore", divide="ignore"):  # an index of names that were all lost is 0
            change[STRESS_SESSIONS + 1 :] = close[ends[STRESS_SESSIONS:]] / close[ends[:-STRESS_SESSIONS]] - 1.0
    return change[np.cumsum(bars.day_end)]
