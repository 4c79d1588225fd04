"""Experiments and examinations straight from bars and a rule, without files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from trading_system.config.models import RunConfig
from trading_system.data.bars import Bars
from trading_system.data.loading import Market
from trading_system.strategies.base import Signals, Strategy, Weights
from trading_system.validation.base import Examination, FamilyTrials
from trading_system.validation.experiment import Experiment
from trading_system.validation.loop import Loop

FREE = {"commission_bps": 0.0, "slippage": {"model": "none"}}


class Rule(Strategy):
    """A function of bars as a strategy; `needs` bars of warm-up are declared."""

    act: Callable[[Bars], Signals | Weights]
    needs: int = 1

    @property
    def warmup(self) -> int:
        return self.needs

    def decide(self, bars: Bars) -> Signals | Weights:
        return self.act(bars)


class OfRule(Experiment):
    """An experiment whose only strategy is handed in."""

    rule: Strategy | None = None

    def strategy(self, config: RunConfig, number: int) -> Strategy:
        return self.rule if self.rule is not None else super().strategy(config, number)


def experiment_of(
    bars: Bars,
    rule: Callable[[Bars], Signals | Weights] | Strategy | str,
    *,
    first: int = 0,
    needs: int = 1,
    validation: dict[str, Any] | None = None,
    execution: dict[str, Any] | None = None,
    portfolio: dict[str, Any] | None = None,
    seed: int = 42,
    **entry: Any,
) -> Experiment:
    """An experiment over all rows of `bars`; `entry` are keys of the strategy file. Lots are fractional, costs none unless told."""
    kind = rule if isinstance(rule, str) else "rule.py:Rule"
    told = {"name": "rule", "type": kind, "costs": FREE, "sizing": {"method": "fixed_fraction", "fraction": 0.5}, **entry}
    config = RunConfig.model_validate(
        {
            "data": {"source": "csv", "path": "data"},
            "strategies": (told,),
            "execution": {"lot": {"equity": "fractional"}, **(execution or {})},
            "portfolio": portfolio or {},
            "validation": validation or {},
            "seed": seed,
        }
    )
    found = OfRule(config, Path("."), Market(bars, {}, (), {}), first)
    if not isinstance(rule, str):
        found.rule = rule if isinstance(rule, Strategy) else Rule(act=rule, needs=needs)
    return found


def examination_of(experiment: Experiment, *, fast: bool = False) -> Examination:
    """An examination of the first trial of its family."""
    trials = FamilyTrials(1, 1, experiment.baseline.returns[:, None], False, None)
    return Examination(experiment, Loop(), trials, fast)


def held_between(entries: Any, exits: Any, side: int = 1) -> Callable[[Bars], Signals]:
    """A rule that enters every symbol on the rows `entries` and leaves it on the rows `exits`, as far as there are rows."""

    def decide(bars: Bars) -> Signals:
        entry, exit_ = np.zeros(bars.close.shape, np.int8), np.zeros(bars.close.shape, np.bool_)
        entry[[r for r in entries if r < bars.n_bars]] = side
        exit_[[r for r in exits if r < bars.n_bars]] = True
        return Signals(entry, exit_)

    return decide
