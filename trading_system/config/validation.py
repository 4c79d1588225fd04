"""What a run file may say about validation: what is searched, how large each test is, and which numbers reject a strategy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from trading_system.config.base import RuledModel, Text
from trading_system.types import FrozenModel

MOST_VALUES = 100_000
MOST_SPLITS = 5_000
_STEPS = 1e-9  # of a step: how far above `to` the last value of a range may come by rounding


class GridRange(RuledModel):
    """Evenly spaced values, both ends included where the step meets them."""

    start: float = Field(ge=-1e15, le=1e15, description="first value; whole numbers stay whole where all of the range is")
    stop: float = Field(ge=-1e15, le=1e15, description="last value, included where a step meets it")
    step: float = Field(gt=0.0, le=1e15, description="distance between two values")

    @classmethod
    def broken(cls, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        start, stop, step = (values.get(name) for name in ("start", "stop", "step"))
        if start is None or stop is None or step is None:
            return []
        if start > stop:
            return [("start", f"{start:g} is above stop {stop:g}")]
        if (stop - start) / step > MOST_VALUES:
            return [("step", f"gives more than {MOST_VALUES:,} values")]
        return []

    def values(self) -> tuple[float | int, ...]:
        """The values, in order."""
        n = int((self.stop - self.start) / self.step + _STEPS) + 1
        found = [self.start + i * self.step for i in range(n)]
        if all(float(x).is_integer() for x in (self.start, self.step)):
            return tuple(int(x) for x in found)
        return tuple(float(f"{x:.12g}") for x in found)


Grid: TypeAlias = dict[str, GridRange | Annotated[tuple[Any, ...], Field(min_length=1)]]
"""Key path -> the values that are tried, as a list or as {start, stop, step}."""


def grid_values(grid: Grid) -> dict[str, tuple[Any, ...]]:
    """Key path -> its values, ranges written out."""
    return {key: told.values() if isinstance(told, GridRange) else tuple(told) for key, told in grid.items()}


class Constraint(FrozenModel):
    """Bounds that a point of the grid must keep to be chosen."""

    min: float | None = Field(None, ge=-1e18, le=1e18, description="least value; default: none")
    max: float | None = Field(None, ge=-1e18, le=1e18, description="largest value; default: none")


class SearchConfig(FrozenModel):
    """How the best point is found."""

    objective: Text = Field(
        "sharpe", description="metric that is maximised; `docs/metrics.md` lists them", examples=["sharpe"]
    )
    constraints: dict[str, Constraint] = Field(
        default_factory=dict, description="metric -> bounds; a point outside them is not chosen"
    )
    method: Literal["grid", "random"] = Field("grid", description="every combination, or a random draw of them")
    points: int = Field(1000, ge=1, le=10_000_000, description="random: how many combinations are drawn, without repetition")
    plateau: bool = Field(
        False, description="choose the best mean over neighbouring points, not the best point: it rejects lone spikes"
    )


class WalkForwardConfig(RuledModel):
    """Windows in bars of the sampled calendar."""

    train: int = Field(504, ge=2, le=10_000_000, description="bars to choose parameters on")
    test: int = Field(126, ge=1, le=10_000_000, description="bars that follow, traded with them")
    step: int | None = Field(None, ge=1, le=10_000_000, description="bars between two folds; default: `test`")
    anchored: bool = Field(False, description="train from the first bar on instead of a window that rolls")
    gap: int = Field(0, ge=0, le=1_000_000, description="bars left out between train and test")

    @classmethod
    def broken(cls, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        gap, train = values.get("gap"), values.get("train")
        if gap is not None and train is not None and gap >= train:
            return [("gap", f"a gap of {gap} bars leaves nothing of {train} to train on")]
        return []


class CombinatorialConfig(RuledModel):
    """Combinatorial purged cross-validation."""

    groups: int = Field(10, ge=2, le=24, description="groups that the bars are cut into")
    test_groups: int = Field(2, ge=1, le=12, description="groups judged in each split")
    purge: int = Field(5, ge=0, le=1_000_000, description="bars left out of training on each side of what is judged")
    embargo: int = Field(5, ge=0, le=1_000_000, description="further bars left out after what is judged")

    @classmethod
    def broken(cls, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        groups, tested = values.get("groups"), values.get("test_groups")
        if groups is None or tested is None:
            return []
        if tested >= groups:
            return [("test_groups", f"{tested} must be below groups, {groups}")]
        if math.comb(groups, tested) > MOST_SPLITS:
            return [
                (
                    "test_groups",
                    f"{tested} of {groups} groups are {math.comb(groups, tested):,} splits, more than {MOST_SPLITS:,}",
                )
            ]
        return []


class BootstrapConfig(FrozenModel):
    """Resampled returns and trades."""

    kind: Literal["stationary", "circular", "moving"] = Field("stationary", description="how blocks are drawn")
    block: Literal["auto"] | Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        "auto", description="mean block length in periods; auto: Politis & White (2004), corrected 2009"
    )
    resamples: int = Field(2000, ge=99, le=1_000_000, description="resamples")
    resamples_fast: int = Field(500, ge=99, le=1_000_000, description="resamples with --fast")
    level: float = Field(0.95, gt=0.5, lt=1.0, description="level of the two-sided intervals")


class PermutationConfig(FrozenModel):
    """Markets with the same moves in another order."""

    search: Literal["inside", "fixed"] = Field(
        "inside",
        description="with a grid the whole search runs on every permuted market; fixed keeps the configuration and is refused there",
    )
    resamples: int = Field(499, ge=19, le=1_000_000, description="permuted markets")
    resamples_fast: int = Field(99, ge=19, le=1_000_000, description="permuted markets with --fast")
    walk_forward: int = Field(199, ge=0, le=1_000_000, description="permuted markets for the whole walk-forward; 0: not made")
    walk_forward_fast: int = Field(0, ge=0, le=1_000_000, description="the same with --fast")
    random_entry: int = Field(1999, ge=99, le=1_000_000, description="draws of random entries, of signs and of trade orders")


class OverfittingConfig(RuledModel):
    """The probability of backtest overfitting by CSCV."""

    splits: int = Field(16, ge=2, le=20, description="blocks of the returns, an even number")

    @classmethod
    def broken(cls, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        splits = values.get("splits")
        return [("splits", f"{splits} is odd; halves need an even number")] if splits is not None and splits % 2 else []


class StressConfig(FrozenModel):
    """Worlds that are worse than the data."""

    best_days: int = Field(10, ge=1, le=10_000, description="best days that are left out")
    gap: float = Field(0.20, gt=0.0, lt=1.0, description="overnight gap against each position, as a fraction")
    flash_crash: float = Field(0.20, gt=0.0, lt=1.0, description="fall below the low within one bar, and back, as a fraction")
    delisting: tuple[Annotated[float, Field(gt=0.0, le=1.0)], ...] = Field(
        (0.3, 1.0), description="losses of a holding that is delisted, as fractions of its last close"
    )
    noise: float = Field(0.10, gt=0.0, le=1.0, description="noise on prices, as a share of each symbol's own volatility")
    missing: tuple[Annotated[float, Field(gt=0.0, lt=1.0)], ...] = Field(
        (0.01, 0.05), description="shares of bars that go missing"
    )
    draws: int = Field(10, ge=1, le=100_000, description="draws of missing bars and of noise; nights of gaps, days of crashes")
    draws_fast: int = Field(3, ge=1, le=100_000, description="the same with --fast")
    cases: int = Field(
        50, ge=1, le=1_000_000, description="most positions that are gapped in turn, and symbols that are delisted"
    )
    cases_fast: int = Field(8, ge=1, le=1_000_000, description="the same with --fast")
    start_shifts: int = Field(10, ge=1, le=1_000, description="start dates tried, `shift` bars apart")
    shift: int = Field(5, ge=1, le=10_000, description="bars between two start dates")


class LookaheadConfig(FrozenModel):
    """Other histories on which a strategy is asked to decide again."""

    cuts: int = Field(16, ge=8, le=100_000, description="rows after which history is cut, and after which it is noise")
    cuts_fast: int = Field(8, ge=8, le=100_000, description="the same with --fast")
    tolerance: float = Field(
        0.001, gt=0.0, lt=1.0, description="warm-up: relative difference to a longer history that is none, for numbers"
    )


class GatesConfig(FrozenModel):
    """Rejection bars: hit one, and the answer is no. All are judged on train and validation."""

    max_drawdown: float = Field(0.20, gt=0.0, le=1.0, description="largest fall from a peak, as a fraction")
    min_sharpe: float = Field(0.75, ge=-100.0, le=100.0, description="least annualised Sharpe ratio")
    min_calmar: float = Field(1.0, ge=-1e6, le=1e6, description="least yearly growth / largest fall")
    best_trades: int = Field(3, ge=0, le=1_000_000, description="best trades without which the profit must stay above 0")
    slippage_multiple: float = Field(2.0, ge=1.0, le=100.0, description="slippage at which the expectancy must stay above 0")
    min_bootstrap_sharpe: float = Field(
        0.40, ge=-100.0, le=100.0, description="least 5th percentile of the bootstrapped Sharpe ratio"
    )
    max_permutation_p: float = Field(0.05, gt=0.0, lt=1.0, description="largest p-value of the permutation test")
    max_familywise_p: float = Field(
        0.05, gt=0.0, lt=1.0, description="largest p-value over all trials of the family (Romano-Wolf, or Bonferroni)"
    )
    max_overfitting: float = Field(0.5, gt=0.0, le=1.0, description="largest probability of backtest overfitting")
    min_walk_forward_sharpe: float = Field(
        0.0, ge=-100.0, le=100.0, description="the stitched out-of-sample Sharpe ratio must be above this"
    )


class HoldoutGates(FrozenModel):
    """Bars of the one look at the holdout, besides the rejection bars."""

    min_sharpe: float = Field(1.0, ge=-100.0, le=100.0, description="primary: least annualised Sharpe ratio")
    max_drawdown: float = Field(0.15, gt=0.0, le=1.0, description="primary: largest fall from a peak")
    min_calmar: float = Field(1.5, ge=-1e6, le=1e6, description="primary: least yearly growth / largest fall")
    min_trades: int = Field(50, ge=0, le=1_000_000, description="primary: least number of closed trades")
    min_expectancy_r: float = Field(0.3, ge=-1e6, le=1e6, description="secondary: least mean R-multiple")
    min_profit_factor: float = Field(1.4, ge=0.0, le=1e6, description="secondary: least gains / losses of trades")
    max_benchmark_correlation: float = Field(
        0.8, ge=-1.0, le=1.0, description="secondary: largest correlation with the benchmark"
    )
    max_daily_loss: float = Field(0.05, gt=0.0, le=1.0, description="secondary: largest 99th-percentile daily loss")
    secondary: int = Field(3, ge=0, le=4, description="how many of the four secondary bars must hold")


class ValidationConfig(FrozenModel):
    """What is searched, the sizes of the tests, and the numbers that say no."""

    grid: Grid = Field(
        default_factory=dict,
        description="key of the run file -> values that are tried: a list, or {start, stop, step}; a strategy file has its own",
    )
    search: SearchConfig = Field(
        default=SearchConfig.model_construct(), description="how the best point of the grid is chosen"
    )
    walk_forward: WalkForwardConfig = Field(
        default=WalkForwardConfig.model_construct(), description="windows that parameters are chosen and judged on"
    )
    combinatorial: CombinatorialConfig = Field(
        default=CombinatorialConfig.model_construct(), description="combinatorial purged cross-validation"
    )
    bootstrap: BootstrapConfig = Field(default=BootstrapConfig.model_construct(), description="resampled returns and trades")
    permutation: PermutationConfig = Field(
        default=PermutationConfig.model_construct(), description="markets with the same moves in another order"
    )
    overfitting: OverfittingConfig = Field(
        default=OverfittingConfig.model_construct(), description="the probability of backtest overfitting"
    )
    stress: StressConfig = Field(default=StressConfig.model_construct(), description="worlds worse than the data")
    lookahead: LookaheadConfig = Field(
        default=LookaheadConfig.model_construct(), description="decisions on shortened and on altered histories"
    )
    gates: GatesConfig = Field(default=GatesConfig.model_construct(), description="rejection bars of `validate strategy`")
    holdout: HoldoutGates = Field(default=HoldoutGates.model_construct(), description="bars of `holdout`")
