"""What a run file may say: the shapes, their defaults and their bounds.

Every field is documentation (`description`), validation and JSON Schema at once. Fractions are fractions, ``_bps`` are
basis points. A strategy's ``params`` stay raw here; the corridor validates them through the strategy registry. Rules on several
fields of one model stand here, rules across models in `checks`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field

from trading_system.config.base import AssetClass, Date, Period, RuledModel, Symbol, Text
from trading_system.config.validation import Grid, ValidationConfig
from trading_system.types import FrozenModel

SAMPLE_MARKETS: dict[str, str] = {"us5": "equity", "equities50": "equity", "etfs10": "equity", "crypto10": "crypto"}
"""The built-in markets and their asset class."""
MAX_STRATEGIES = 1000
DIVERSIFICATION = "diversification"
"""What the engine itself can rank by, beside the components of strategies."""


class QualityConfig(FrozenModel):
    """What to do with bars that cannot be right."""

    impossible: Literal["error", "drop", "warn"] = Field(
        "drop", description="bars that cannot exist (high below close, price not above 0, ...); `drop` leaves no bar there"
    )
    jump: Literal["error", "warn", "ignore"] = Field("warn", description="moves beyond max_jump; prices are never changed")
    max_jump: float = Field(
        0.5, gt=0.0, le=1000.0, description="largest believable move against the previous bar, as a fraction"
    )
    split_suspect: Literal["error", "warn", "ignore"] = Field(
        "error", description="overnight ratios that look like an unrecorded split"
    )


class DataConfig(RuledModel):
    """Where the bars come from and how their stamps are read."""

    source: Text = Field(
        description="csv, parquet, sample, or the name of an installed data source", examples=["csv", "parquet", "sample"]
    )
    path: Text = Field(
        description="file, folder or pattern relative to the run file; for `sample` the market: us5, equities50, etfs10, crypto10"
    )
    timeframe: str = Field(
        "1d",
        pattern=r"^[1-9][0-9]{0,3}(m|h|d)$",
        description="length of a bar: minutes, hours or days",
        examples=["1m", "5m", "1h", "1d"],
    )
    stamp: Literal["open", "close"] | None = Field(
        None, description="whether intraday stamps mark the bar's open or its close; intraday bars need it"
    )
    calendar: Text | dict[AssetClass, Text] = Field(
        "XNYS",
        description="exchange calendar (XNYS, XLON, ...), 24/7 or 24/5; a mapping by asset class when mixed",
        examples=["XNYS", "24/7", "24/5"],
    )
    timezone: Text = Field("America/New_York", description="time zone of naive stamps in the files")
    adjust: Literal["none", "splits", "splits_and_dividends"] = Field(
        "splits_and_dividends", description="which recorded actions are applied"
    )
    prices: Literal["raw", "adjusted"] = Field(
        "raw",
        description="`adjusted` when the files hold only back-adjusted prices; they are traded as they are and the report says so",
    )
    columns: dict[str, Text] = Field(
        default_factory=dict, description="our column name to the file's header, where the usual aliases do not find it"
    )
    asset_class: dict[str, AssetClass] = Field(
        default_factory=dict, description="asset class per symbol, in mixed portfolios; else the strategies say it"
    )
    start: Date | None = Field(None, description="first session read; default: the first there is")
    end: Date | None = Field(None, description="last session read; default: the last there is")
    benchmark: Symbol = Field(
        "equal_weight", description="a symbol of the data, or equal_weight", examples=["SPY", "equal_weight"]
    )
    actions: Text | None = Field(
        None, description="CSV file with symbol, date, split, dividend when the actions lie beside the prices"
    )
    delistings: Text | None = Field(
        None, description="CSV file with symbol, date, price (optional): names that ceased to exist"
    )
    quality: QualityConfig = Field(
        default=QualityConfig.model_construct(), description="what to do with bars that cannot be right"
    )

    @classmethod
    def broken(cls, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        start, end, timeframe = values.get("start"), values.get("end"), values.get("timeframe", "1d")
        found = []
        if start is not None and end is not None and start > end:
            found.append(("start", f"{start} is after end {end}"))
        if not timeframe.endswith("d") and values.get("stamp", "close") is None:
            found.append(("stamp", f"bars of {timeframe} are stamped at their open or their close; allowed: open, close"))
        if values.get("source") == "sample":
            path = values.get("path", "us5")
            if path not in SAMPLE_MARKETS:
                found.append(("path", f"{path!r} is no sample market; allowed: {', '.join(SAMPLE_MARKETS)}"))
            if timeframe != "1d":
                found.append(("timeframe", "the sample markets have daily bars; allowed: 1d"))
        return found


class SplitsConfig(RuledModel):
    """Three periods, in order and without overlap: learn, choose, and never touch."""

    train: Period = Field(description="first and last session to learn from")
    validation: Period | None = Field(None, description="first and last session to choose by")
    holdout: Period | None = Field(None, description="first and last session that stay closed until the end")

    @classmethod
    def broken(cls, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        found = []
        last: dt.date | None = None
        for name in ("train", "validation", "holdout"):
            period = values.get(name)
            if period is None:
                continue
            start, end = period
            if start > end:
                found.append((name, f"starts {start}, after its end {end}"))
            if last is not None and start <= last:
                found.append((name, f"starts {start}, inside or before the period that ends {last}"))
            last = end
        return found


_SIZING_USES = {
    "risk_per_trade": {"risk"},
    "fixed_fraction": {"fraction"},
    "equal_weight": set(),
    "fixed_quantity": {"quantity"},
    "volatility_target": {"target_volatility"},
    "kelly": {"kelly_fraction", "kelly_cap", "kelly_min_trades", "fraction"},
}


class SizingConfig(FrozenModel):
    """How many units a signal buys, before the caps."""

    method: Literal["risk_per_trade", "fixed_fraction", "equal_weight", "fixed_quantity", "volatility_target", "kelly"] = (
        Field("risk_per_trade", description="the rule; it reads the keys below that name it")
    )
    risk: float = Field(
        0.0075, gt=0.0, le=1.0, description="risk_per_trade: fraction of the strategy's equity lost at the stop"
    )
    fraction: float = Field(
        0.1, gt=0.0, le=100.0, description="fixed_fraction: notional as a fraction of the strategy's equity"
    )
    quantity: float = Field(1.0, gt=0.0, le=1e12, description="fixed_quantity: units per position")
    target_volatility: float = Field(
        0.02,
        gt=0.0,
        le=100.0,
        description="volatility_target: annualised volatility that one position adds, as a fraction of the strategy's equity",
    )
    kelly_fraction: float = Field(0.25, gt=0.0, le=1.0, description="kelly: share of the full Kelly fraction")
    kelly_cap: float = Field(
        0.1, gt=0.0, le=100.0, description="kelly: largest notional as a fraction of the strategy's equity"
    )
    kelly_min_trades: int = Field(
        20, ge=2, le=1_000_000, description="kelly: closed trades of the strategy needed; `fraction` is used until then"
    )

    def used(self) -> frozenset[str]:
        """The keys that the chosen method reads."""
        return frozenset({"method"} | _SIZING_USES[self.method])


class StrategyLimits(FrozenModel):
    """Limits of one strategy, as fractions of its own equity."""

    max_positions: int | None = Field(None, ge=1, le=1_000_000, description="positions held at once; default: no limit")
    max_gross_exposure: float | None = Field(
        None, gt=0.0, le=1000.0, description="sum of absolute position values; default: no limit"
    )
    max_position_notional: float | None = Field(
        None, gt=0.0, le=1000.0, description="value of one position; default: no limit"
    )


class PortfolioLimits(FrozenModel):
    """Limits of the whole portfolio, as fractions of its equity."""

    max_positions: int | None = Field(None, ge=1, le=1_000_000, description="positions held at once; default: no limit")
    max_gross_exposure: float = Field(
        1.0, gt=0.0, le=1000.0, description="sum of absolute position values; above 1 is leverage"
    )
    max_position_notional: float | None = Field(
        None, gt=0.0, le=1000.0, description="value of one position; default: no limit"
    )
    max_drawdown: float | None = Field(
        None, gt=0.0, lt=1.0, description="fall from the run's peak that trips the limit; default: no limit"
    )
    max_daily_loss: float | None = Field(
        None, gt=0.0, lt=1.0, description="loss against the previous session's close that trips the limit; default: no limit"
    )
    on_breach: Literal["stop_entries", "flatten"] = Field(
        "stop_entries", description="what a tripped limit does: no new positions, or close everything too"
    )
    resume: Literal["never"] | Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        "never", description="after a drawdown breach: never, or after this many bars (the peak starts anew)"
    )


class CapacityConfig(FrozenModel):
    """How large a position may be beside what the market trades."""

    max_fraction_of_adv: float | None = Field(
        None, gt=0.0, le=1000.0, description="notional as a fraction of the 20-bar average traded value; default: no limit"
    )
    when_exceeded: Literal["reject", "clip"] = Field("reject", description="no position at all, or a smaller one")


class CommissionTier(FrozenModel):
    """From this month's traded value on, this rate."""

    from_notional: float = Field(
        ge=0.0, le=1e18, description="traded value of the month from which the rate holds; the first is 0"
    )
    bps: float = Field(ge=0.0, lt=10_000.0, description="commission in basis points")


_SLIPPAGE_USES = {
    "none": set(),
    "fixed": {"bps"},
    "spread": {"spread_bps"},
    "full": {"base_bps"},
    "volume_share": {"impact"},
    "sqrt_impact": {"bps"},
}


class SlippageConfig(FrozenModel):
    """How much worse than the reference price a market order fills."""

    model: Literal["none", "fixed", "spread", "full", "volume_share", "sqrt_impact"] = Field(
        "fixed", description="the rule; it reads the keys below that name it"
    )
    bps: float = Field(
        5.0,
        ge=0.0,
        lt=10_000.0,
        description="fixed: basis points of the price; sqrt_impact: the same, while history is too short",
    )
    spread_bps: float = Field(10.0, ge=0.0, lt=10_000.0, description="spread: the whole quoted spread; half of it is paid")
    base_bps: float = Field(8.0, ge=0.0, lt=10_000.0, description="full: basis points in a normal market")
    impact: float = Field(0.1, ge=0.0, le=1000.0, description="volume_share: coefficient of (quantity / volume) squared")
    multiple: float = Field(1.0, ge=0.0, le=1000.0, description="every slippage of the model times this, for what-if runs")

    def used(self) -> frozenset[str]:
        """The keys that the chosen model reads."""
        return frozenset({"model", "multiple"} | _SLIPPAGE_USES[self.model])

    def is_free(self) -> bool:
        """Whether market orders fill at the reference price."""
        paid = {"fixed": self.bps, "spread": self.spread_bps, "full": self.base_bps, "volume_share": self.impact}
        return self.model == "none" or self.multiple == 0.0 or paid.get(self.model, 1.0) == 0.0


class CostsConfig(RuledModel):
    """What trading and holding costs."""

    commission_bps: float = Field(0.0, ge=0.0, lt=10_000.0, description="basis points of the traded value")
    commission_per_share: float = Field(0.0, ge=0.0, le=1e6, description="money per unit traded")
    commission_per_trade: float = Field(0.0, ge=0.0, le=1e9, description="money per fill")
    commission_minimum: float = Field(0.0, ge=0.0, le=1e9, description="least commission of one fill, when there is any")
    commission_tiers: tuple[CommissionTier, ...] = Field(
        (), description="basis points by the calendar month's traded value so far; replaces commission_bps"
    )
    slippage: SlippageConfig = Field(default=SlippageConfig.model_construct(), description="how much worse market orders fill")
    borrow_rate: float = Field(0.0, ge=0.0, le=100.0, description="yearly rate on the value of shorts")

    @classmethod
    def broken(cls, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        starts = [tier.from_notional for tier in values.get("commission_tiers", ())]
        if starts and (starts[0] != 0.0 or any(b <= a for a, b in pairwise(starts))):
            return [("commission_tiers", "must start at from_notional 0 and rise")]
        return []

    def is_free(self) -> bool:
        """Whether trading costs nothing at all."""
        rates = (self.commission_bps, self.commission_per_share, self.commission_per_trade)
        tiers = any(tier.bps > 0.0 for tier in self.commission_tiers)
        charged = any(rates[1:]) or (tiers if self.commission_tiers else rates[0] > 0.0)
        return not charged and self.slippage.is_free()


class UniverseFile(FrozenModel):
    """Membership by date."""

    file: Text = Field(description="CSV with symbol, start, end (end may be empty), relative to the run file")


class StrategyConfig(RuledModel):
    """One strategy: the rule, its parameters, what it may trade and how much."""

    name: str = Field(
        pattern=r"^\w[\w .+-]{0,63}$",
        description="how results call it: letters, digits, blank and _ . + -, at most 64",
        examples=["momentum"],
    )
    type: Text = Field(description="a registered type, a dotted path (package.module:Class) or a file path (my_rule.py:Class)")
    asset_class: AssetClass = Field("equity", description="what it trades; decides lots, stress threshold and sample market")
    universe: Literal["all"] | UniverseFile | Annotated[tuple[Symbol, ...], Field(min_length=1)] = Field(
        "all", description="all symbols of the data, a list of symbols, or {file: members.csv} for membership by date"
    )
    params: dict[str, Any] = Field(
        default_factory=dict, description="parameters of the type; `trading-system strategy show TYPE`"
    )
    filters: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="conditions on the entries of a rule of signals: name to parameters; `trading-system strategy show FILTER`",
    )
    grid: Grid = Field(
        default_factory=dict,
        description="what a search tries: key of this strategy (params.fast) -> a list of values, or {start, stop, step}",
    )
    sizing: SizingConfig = Field(default=SizingConfig.model_construct(), description="how many units a signal buys")
    limits: StrategyLimits = Field(
        default=StrategyLimits.model_construct(), description="limits, as fractions of the strategy's equity"
    )
    capacity: CapacityConfig = Field(
        default=CapacityConfig.model_construct(), description="size beside what the market trades"
    )
    costs: CostsConfig = Field(default=CostsConfig.model_construct(), description="what trading and holding costs")

    @classmethod
    def broken(cls, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        universe = values.get("universe")
        if not isinstance(universe, tuple) or len(set(universe)) == len(universe):
            return []
        counts: dict[str, int] = {}
        for symbol in universe:
            counts[symbol] = counts.get(symbol, 0) + 1
        return [("universe", f"{symbol!r} stands {n} times") for symbol, n in list(counts.items()) if n > 1][:5]


class StrategyEntry(StrategyConfig):
    """A strategy inside a run: its file (already read in) or inline, and its share of the capital."""

    allocation: float | None = Field(
        None, gt=0.0, le=1000.0, description="share of the portfolio's equity; default: 1 / number of strategies"
    )


class StrategyReference(FrozenModel):
    """A strategy by its file; reading a run file replaces it by what the file says."""

    config: Text = Field(description="path of a strategy file, relative to the run file")
    allocation: float | None = Field(
        None, gt=0.0, le=1000.0, description="share of the portfolio's equity; default: 1 / number of strategies"
    )


class VolatilityScaling(FrozenModel):
    """Smaller new positions when the portfolio's own volatility is high."""

    mode: Literal["continuous", "regime", "off"] = Field(
        "off", description="continuous: median / present volatility, between floor and 1; regime: half when it has doubled"
    )
    lookback: int = Field(20, ge=2, le=252, description="daily returns in the present volatility")
    baseline: int = Field(252, ge=60, le=2520, description="values in the median that it is compared with")
    floor: float = Field(0.33, gt=0.0, le=1.0, description="continuous: smallest multiplier")


class CorrelationGuard(FrozenModel):
    """Refuse a candidate that moves with what is already held."""

    min_positions: int = Field(4, ge=1, le=1_000_000, description="positions held before the guard acts")
    average_threshold: float = Field(
        0.70, ge=-1.0, le=1.0, description="mean pairwise correlation of what is held, above which the guard acts"
    )
    candidate_threshold: float = Field(
        0.75, ge=-1.0, le=1.0, description="then a candidate whose mean correlation to them is above this is refused"
    )
    lookback: int = Field(20, ge=3, le=252, description="returns in each correlation")


class PortfolioConfig(RuledModel):
    """Money and the rules that hold over all strategies."""

    starting_equity: float = Field(100_000.0, gt=0.0, le=1e15, description="money at the start")
    limits: PortfolioLimits = Field(
        default=PortfolioLimits.model_construct(), description="limits, as fractions of the portfolio's equity"
    )
    volatility_scaling: VolatilityScaling = Field(
        default=VolatilityScaling.model_construct(), description="smaller positions in wild times"
    )
    correlation_guard: CorrelationGuard | None = Field(None, description="refuse what moves with what is held; default: off")
    ranking: dict[str, Annotated[float, Field(ge=0.0, le=1e6)]] | None = Field(
        None, description="weight of each component and of `diversification`; default: equal weights of the components"
    )
    debit_rate: float = Field(0.0, ge=0.0, le=100.0, description="yearly rate on negative cash")
    risk_free: float = Field(
        0.0, gt=-1.0, lt=1.0, description="yearly rate used by Sharpe, Sortino, alpha; converted geometrically to one period"
    )

    @classmethod
    def broken(cls, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        ranking = values.get("ranking")
        if ranking is not None and not any(weight > 0.0 for weight in ranking.values()):
            return [("ranking", "needs at least one weight above 0")]
        return []


class ExecutionConfig(FrozenModel):
    """When and in what units orders fill."""

    fill: Literal["next_open", "same_close"] = Field(
        "next_open", description="same_close fills at the signal's own close: it cannot be traded, and warns"
    )
    stop_evaluation: Literal["intrabar", "close"] = Field(
        "intrabar", description="stops against the bar's high and low, or its close with an exit at the next open"
    )
    lot: dict[AssetClass, Literal["whole", "fractional"]] = Field(
        default_factory=dict, description="default: equity and future whole, crypto and fx fractional"
    )
    min_trade: float = Field(
        0.001, ge=0.0, lt=1.0, description="weights: smallest change traded, as a fraction of the strategy's equity"
    )
    delist_after: int = Field(
        10, ge=2, le=1_000_000, description="sessions without a bar after which a position is closed at its last price"
    )
    delisting_haircut: float = Field(
        0.30, ge=0.0, le=1.0, description="taken off that last price (Shumway 1997 measured about 30 %)"
    )

    def whole_lots(self, asset_class: AssetClass) -> bool:
        """Whether this asset class trades in whole units."""
        default = "whole" if asset_class in ("equity", "future") else "fractional"
        return self.lot.get(asset_class, default) == "whole"


class OutputConfig(FrozenModel):
    """Where results go."""

    path: Text = Field("results", description="folder relative to the run file")
    formats: Annotated[tuple[Literal["csv", "html"], ...], Field(min_length=1)] = Field(
        ("csv", "html"), description="what is written beside the JSON files: tables, and a report to read"
    )


class RunConfig(FrozenModel):
    """A whole run: data, strategies, portfolio, execution."""

    data: DataConfig = Field(description="where the bars come from")
    splits: SplitsConfig | None = Field(
        None, description="periods to learn, to choose, and never to touch; default: none held out"
    )
    strategies: tuple[StrategyEntry, ...] = Field(
        min_length=1, max_length=MAX_STRATEGIES, description="the strategies, each by its file or inline"
    )
    portfolio: PortfolioConfig = Field(
        default=PortfolioConfig.model_construct(), description="money and the rules over all strategies"
    )
    execution: ExecutionConfig = Field(
        default=ExecutionConfig.model_construct(), description="when and in what units orders fill"
    )
    validation: ValidationConfig = Field(
        default=ValidationConfig.model_construct(), description="sizes and thresholds of the validation tests"
    )
    output: OutputConfig = Field(default=OutputConfig.model_construct(), description="where results go")
    seed: int = Field(42, ge=0, lt=2**63, description="of every random draw: the same seed, the same bytes")

    def allocation(self, number: int) -> float:
        """Share of the portfolio's equity that strategy `number` works with."""
        share = self.strategies[number].allocation
        return 1.0 / len(self.strategies) if share is None else share
