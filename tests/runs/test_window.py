"""Where trading begins and ends when strategies need history and markets keep different hours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.builders import make_bars
from tests.engine.scenes import rules, strategy
from trading_system.data.bars import Bars
from trading_system.errors import InsufficientDataError, UsageError
from trading_system.runs.window import history_row, period_name, window


def market(n: int = 40) -> Bars:
    """Rows of a share and of a coin in turn; equity is sampled on the share's."""
    prices = np.full((n, 2), np.nan)
    prices[0::2, 0] = prices[1::2, 1] = 10.0
    expected = np.isfinite(prices)
    bars = make_bars(
        prices, prices, prices, prices, expected=expected, sampled=expected[:, 0], asset_class=("equity", "crypto")
    )
    return replace(bars, calendar_of=np.array([0, 1]), calendars=("XNYS", "24/7"))


def test_history_is_counted_in_a_symbols_own_rows() -> None:
    bars = market()
    assert history_row(bars, "equity", 5) == 8  # rows 0, 2, 4, 6, 8
    assert history_row(bars, "crypto", 5) == 9
    assert history_row(bars, "equity", 0) == history_row(bars, "equity", 1) == 0
    assert history_row(bars, "equity", 21) == bars.n_bars


def test_trading_begins_when_every_strategy_has_its_history() -> None:
    config = rules(strategy(), strategy(asset_class="crypto"))
    found, warnings = window(market(), config, "all", 0, 40, [3, 6])
    assert (found.first, found.warmup) == (11, 6)
    assert "need 6 bars of history" in warnings[0]


def test_a_run_ends_on_the_last_row_on_which_equity_is_sampled() -> None:
    found, _ = window(market(), rules(strategy()), "all", 0, 40, [0])
    assert found.stop == 39


def test_too_little_history_is_an_error() -> None:
    with pytest.raises(InsufficientDataError, match="need 30 bars of history"):
        window(market(), rules(strategy()), "all", 0, 40, [30])


@pytest.mark.parametrize(("said", "near"), [("trian", "; did you mean 'train'?"), ("qqq", "")])
def test_an_unknown_period_names_the_one_that_was_probably_meant(said: str, near: str) -> None:
    with pytest.raises(UsageError) as refused:
        period_name(rules(), said)
    assert str(refused.value).startswith(f"'{said}' is no period; allowed: ") and str(refused.value).endswith(near)
    assert ("did you mean" in str(refused.value)) is bool(near)
