"""What a run file may say: the shapes, their defaults and their bounds.

Every field is documentation (`description`), validation and JSON Schema at once. Fractions are fractions, ``_bps`` are
basis points. A strategy's ``params`` stay raw here; the corridor validates them through the strategy registry.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from trading_system.types import FrozenModel


def _as_date(value: object) -> object:
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a date; write YYYY-MM-DD") from None
    return value


Date = Annotated[dt.date, BeforeValidator(_as_date)]
Period = tuple[Date, Date]
AssetClass = Literal["equity", "crypto", "fx", "future"]
Fraction = Annotated[float, Field(gt=0.0, le=1.0)]


class QualityConfig(FrozenModel):
    """What to do with bars that cannot be right."""

    impossible: Literal["error", "drop", "warn"] = Field("drop", description="bars that cannot exist (high below close, price not above 0, ...)")
    jump: Literal["error", "warn", "ignore"] = Field("warn", description="close-to-close moves beyond max_jump; prices are never changed")
    max_jump: float = Field(0.5, gt=0.0, description="largest believable move against the previous bar, as a fraction")
    split_suspect: Literal["error", "warn", "ignore"] = Field("error", description="overnight ratios that look like an unrecorded split")


class DataConfig(FrozenModel):
    """Where the bars come from and how their stamps are read."""

    source: str = Field(description="csv, parquet, sample, or the name of an installed data source")
    path: str = Field(description="file, folder or pattern relative to the run file; for `sample` the market's name")
    timeframe: str = Field("1d", pattern=r"^[1-9][0-9]{0,3}(m|h|d)$", description="length of a bar: 1m, 5m, 1h, 1d, ...")
    stamp: Literal["open", "close"] | None = Field(None, description="whether intraday stamps mark the bar's open or close; required intraday")
    calendar: str | dict[AssetClass, str] = Field("XNYS", description="exchange calendar (XNYS, ...), 24/7 or 24/5; a mapping by asset class when mixed")
    timezone: str = Field("America/New_York", description="time zone of naive stamps in the files")
    adjust: Literal["none", "splits", "splits_and_dividends"] = Field("splits_and_dividends", description="which recorded actions are applied")
    prices: Literal["raw", "adjusted"] = Field("raw", description="`adjusted` when the files hold only back-adjusted prices; they are traded as they are and the report says so")
    columns: dict[str, str] = Field(default_factory=dict, description="our column name -> the file's header, where the usual aliases do not find it")
    asset_class: dict[str, AssetClass] = Field(default_factory=dict, description="asset class per symbol, in mixed portfolios")
    start: Date | None = Field(None, description="first session read")
    end: Date | None = Field(None, description="last session read")
    benchmark: str = Field("equal_weight", description="a symbol of the data, or equal_weight")
    actions: str | None = Field(None, description="CSV file with symbol, date, split, dividend when the actions lie beside the prices")
    delistings: str | None = Field(None, description="CSV file with symbol, date, price (optional): names that ceased to exist")
    quality: QualityConfig = QualityConfig()


class SplitsConfig(FrozenModel):
    """Three periods, in order and without overlap: learn, choose, and never touch."""

    train: Period
    validation: Period | None = None
    holdout: Period | None = None

    @model_validator(mode="after")
    def _in_order(self) -> SplitsConfig:
        last: dt.date | None = None
        for name in ("train", "validation", "holdout"):
            period = getattr(self, name)
            if period is None:
                continue
            start, end = period
            if start > end:
                raise ValueError(f"{name} starts {start} after its end {end}")
            if last is not None and start <= last:
                raise ValueError(f"{name} starts {start}, inside or before the period that ends {last}")
            last = end
        return self


class SizingConfig(FrozenModel):
    """How many units a signal buys, before the caps."""

    method: Literal["risk_per_trade", "fixed_fraction", "equal_weight", "fixed_quantity", "volatility_target", "kelly"] = Field("risk_per_trade")
    risk: float = Field(0.0075, gt=0.0, le=1.0, description="risk_per_trade: fraction of the strategy's equity lost at the stop")
    fraction: float = Field(0.1, gt=0.0, description="fixed_fraction: notional as a fraction of the strategy's equity")
    quantity: float = Field(1.0, gt=0.0, description="fixed_quantity: units per position")
    target_volatility: float = Field(0.02, gt=0.0, description="volatility_target: annualised volatility that one position adds, as a fraction of the strategy's equity")
    kelly_fraction: float = Field(0.25, gt=0.0, le=1.0, description="kelly: share of the full Kelly fraction")
    kelly_cap: float = Field(0.1, gt=0.0, description="kelly: largest notional as a fraction of the strategy's equity")
    kelly_min_trades: int = Field(20, ge=2, description="kelly: closed trades of the strategy needed; `fraction` is used until then")


class StrategyLimits(FrozenModel):
    """Limits of one strategy, as fractions of its own equity."""

    max_positions: int | None = Field(None, ge=1)
    max_gross_exposure: float | None = Field(None, gt=0.0)
    max_position_notional: float | None = Field(None, gt=0.0)


class PortfolioLimits(FrozenModel):
    """Limits of the whole portfolio, as fractions of its equity."""

    max_positions: int | None = Field(None, ge=1, description="positions held at once")
    max_gross_exposure: float = Field(1.0, gt=0.0, description="sum of absolute position values; above 1 is leverage")
    max_position_notional: float | None = Field(None, gt=0.0, description="value of one position")
    max_drawdown: float | None = Field(None, gt=0.0, lt=1.0, description="fall from the run's peak that trips the limit")
    max_daily_loss: float | None = Field(None, gt=0.0, lt=1.0, description="loss against the previous session's close that trips the limit")
    on_breach: Literal["stop_entries", "flatten"] = Field("stop_entries")
    resume: Literal["never"] | Annotated[int, Field(ge=1)] = Field("never", description="after a drawdown breach: never, or after this many bars (the peak starts anew)")


class CapacityConfig(FrozenModel):
    """How large a position may be beside what the market trades."""

    max_fraction_of_adv: float | None = Field(None, gt=0.0, description="notional as a fraction of the 20-bar average traded value")
    when_exceeded: Literal["reject", "clip"] = Field("reject")


class CommissionTier(FrozenModel):
    """From this month's traded value on, this rate."""

    from_notional: float = Field(ge=0.0)
    bps: float = Field(ge=0.0)


class SlippageConfig(FrozenModel):
    """How much worse than the reference price a market order fills."""

    model: Literal["none", "fixed", "spread", "full", "volume_share", "sqrt_impact"] = Field("fixed")
    bps: float = Field(5.0, ge=0.0, lt=10_000.0, description="fixed: bps of the price")
    spread_bps: float = Field(10.0, ge=0.0, lt=10_000.0, description="spread: the whole quoted spread; half of it is paid")
    base_bps: float = Field(8.0, ge=0.0, lt=10_000.0, description="full: bps in a normal market")
    impact: float = Field(0.1, ge=0.0, description="volume_share: coefficient of (quantity / volume) squared")


class CostsConfig(FrozenModel):
    """What trading and holding costs."""

    commission_bps: float = Field(0.0, ge=0.0, lt=10_000.0)
    commission_per_share: float = Field(0.0, ge=0.0)
    commission_per_trade: float = Field(0.0, ge=0.0)
    commission_minimum: float = Field(0.0, ge=0.0, description="least commission of one fill")
    commission_tiers: tuple[CommissionTier, ...] = Field((), description="bps by the calendar month's traded value so far; replaces commission_bps")
    slippage: SlippageConfig = SlippageConfig()
    borrow_rate: float = Field(0.0, ge=0.0, description="yearly rate on the value of shorts")

    @model_validator(mode="after")
    def _tiers_rise(self) -> CostsConfig:
        starts = [tier.from_notional for tier in self.commission_tiers]
        if starts and (starts[0] != 0.0 or any(b <= a for a, b in zip(starts, starts[1:], strict=False))):
            raise ValueError("commission_tiers must start at from_notional 0 and rise")
        return self


class UniverseFile(FrozenModel):
    """Membership by date: a CSV with symbol, start, end (end may be empty)."""

    file: str


class StrategyConfig(FrozenModel):
    """One strategy: the rule, its parameters, what it may trade and how much."""

    name: str = Field(pattern=r"^\w[\w .+-]{0,63}$")
    type: str = Field(description="a registered type, a dotted path (package.module:Class) or a file path (my_rule.py:Class)")
    asset_class: AssetClass = "equity"
    universe: Literal["all"] | UniverseFile | tuple[str, ...] = "all"
    params: dict[str, Any] = Field(default_factory=dict)
    sizing: SizingConfig = SizingConfig()
    limits: StrategyLimits = StrategyLimits()
    capacity: CapacityConfig = CapacityConfig()
    costs: CostsConfig = CostsConfig()


class StrategyEntry(StrategyConfig):
    """A strategy inside a run: its file (already read in) or inline, and its share of the capital."""

    allocation: float | None = Field(None, gt=0.0, description="share of the portfolio's equity; default 1 / number of strategies")


class VolatilityScaling(FrozenModel):
    """Smaller new positions when the portfolio's own volatility is high."""

    mode: Literal["continuous", "regime", "off"] = "off"
    lookback: int = Field(20, ge=2, le=252)
    baseline: int = Field(252, ge=60, le=2520)
    floor: float = Field(0.33, gt=0.0, le=1.0)


class CorrelationGuard(FrozenModel):
    """Refuse a candidate that moves with what is already held."""

    min_positions: int = Field(4, ge=1)
    average_threshold: float = Field(0.70, ge=-1.0, le=1.0)
    candidate_threshold: float = Field(0.75, ge=-1.0, le=1.0)
    lookback: int = Field(20, ge=3, le=252)


class PortfolioConfig(FrozenModel):
    """Money and the rules that hold over all strategies."""

    starting_equity: float = Field(100_000.0, gt=0.0)
    limits: PortfolioLimits = PortfolioLimits()
    volatility_scaling: VolatilityScaling = VolatilityScaling()
    correlation_guard: CorrelationGuard | None = None
    ranking: dict[str, float] | None = Field(None, description="weight of each component and of `diversification`; default: equal weights of the components")
    debit_rate: float = Field(0.0, ge=0.0, description="yearly rate on negative cash")
    risk_free: float = Field(0.0, gt=-1.0, lt=1.0, description="yearly rate used by Sharpe, Sortino, alpha; converted geometrically to one period")


class ExecutionConfig(FrozenModel):
    """When and in what units orders fill."""

    fill: Literal["next_open", "same_close"] = Field("next_open", description="same_close fills at the signal's own close: it cannot be traded, and warns")
    stop_evaluation: Literal["intrabar", "close"] = "intrabar"
    lot: dict[AssetClass, Literal["whole", "fractional"]] = Field(default_factory=dict, description="default: equity and future whole, crypto and fx fractional")
    min_trade: float = Field(0.001, ge=0.0, lt=1.0, description="weights: smallest change traded, as a fraction of the strategy's equity")
    delist_after: int = Field(10, ge=2, description="sessions without a bar after which a position is closed at its last price")
    delisting_haircut: float = Field(0.30, ge=0.0, le=1.0, description="taken off that last price (Shumway 1997 measured about 30 %)")

    def whole_lots(self, asset_class: AssetClass) -> bool:
        """Whether this asset class trades in whole units."""
        default = "whole" if asset_class in ("equity", "future") else "fractional"
        return self.lot.get(asset_class, default) == "whole"


class ValidationConfig(FrozenModel):
    """Sizes and thresholds of the validation tests."""


class OutputConfig(FrozenModel):
    """Where results go."""

    path: str = Field("results", description="folder relative to the run file")
    formats: tuple[Literal["csv"], ...] = ("csv",)


class RunConfig(FrozenModel):
    """A whole run: data, strategies, portfolio, execution."""

    data: DataConfig
    splits: SplitsConfig | None = None
    strategies: tuple[StrategyEntry, ...] = Field(min_length=1)
    portfolio: PortfolioConfig = PortfolioConfig()
    execution: ExecutionConfig = ExecutionConfig()
    validation: ValidationConfig = ValidationConfig()
    output: OutputConfig = OutputConfig()
    seed: int = Field(42, ge=0, lt=2**63)

    def allocation(self, number: int) -> float:
        """Share of the portfolio's equity that strategy `number` works with."""
        share = self.strategies[number].allocation
        return 1.0 / len(self.strategies) if share is None else share
