"""The table of intervals: every metric a row in its own unit, what has no interval says why."""

from __future__ import annotations

import numpy as np

from tests.validation.told import made, told
from trading_system.reports.document import DASH
from trading_system.reports.intervals import interval_table
from trading_system.validation.suite.intervals import Intervals

RNG = np.random.default_rng(1)


def test_every_metric_is_a_row_in_its_own_unit():
    found = made(Intervals, told(RNG.normal(0.001, 0.01, 200), pnl=RNG.normal(5.0, 50.0, 40), bootstrap={"resamples": 99}))
    table = interval_table(found.details)
    rows = {row[0]: row for row in table.rows}
    assert len(rows) == len(table.rows) == len(found.details["intervals"]) + 3
    low, high = found.details["intervals"]["cagr"]["percentile"]
    assert rows["Growth a year (CAGR)"][2].text == f"{100 * low:,.2f} % to {100 * high:,.2f} %"
    assert rows["Sharpe ratio, HAC"][4] == "standard error"
    assert "not a confidence interval" in rows["Maximum drawdown"][4] and rows["Maximum drawdown"][3].text == DASH
    assert rows["Mean result in R"][1].text == DASH and "not defined" in rows["Mean result in R"][4]
    assert "95 %" in table.caption and "99 resamples" in table.caption
