"""The HTML report from documents at hand: ``python -m pytest benchmarks/test_report.py --benchmark-enable``; the goal is 0.3 s."""

from __future__ import annotations

import numpy as np
import pytest

from tests.builders import make_bars
from tests.metrics.ledgers import Fill, played
from tests.reports.made import made
from trading_system.reports.report_html import report_html


@pytest.mark.parametrize(("n_bars", "n_symbols"), [(2_520, 1), (5_292, 117)])
def test_the_page_of_a_run(benchmark, n_bars, n_symbols):
    rng = np.random.default_rng(0)
    close = 50.0 * np.exp(np.cumsum(rng.normal(0.0002, 0.015, (n_bars, n_symbols)), axis=0))
    bars = make_bars(close, close, close, close, start="1999-11-01", benchmark="S000")
    fills = []
    for number in range(n_bars // 6):
        a, line = 5 * number + 20, number % n_symbols
        fills += [
            Fill(a, line, 10, close[a, line], close[a, line]),
            Fill(a + 3, line, -10, close[a + 3, line], close[a + 3, line]),
        ]
    found = made(played(bars, fills, start=1e6, lines=[(i, 0) for i in range(n_symbols)]))
    assert benchmark(lambda: sum(map(len, report_html(found)))) > 100_000
