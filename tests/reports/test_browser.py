"""The page in a real browser: every chart is drawn, nothing is refused or asked for, names stay text. Skips where chromium is absent."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest

from tests.builders import random_bars
from tests.metrics.ledgers import Fill, curve_ledger, flat_bars, played
from tests.reports.made import html_of, made
from tests.reports.test_report import ARABIC, HOSTILE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--enable-logging=stderr", "--v=0", "--virtual-time-budget=4000", "--dump-dom",
)  # fmt: skip
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the page is not looked at")]


def shown(found, folder):
    """The page's elements after its script ran, and what the browser said of it."""
    page = folder / "report.html"
    page.write_text(html_of(found), encoding="utf-8")
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={folder / 'profile'}", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line or "Refused" in line]
    return done.stdout, said


def test_every_chart_is_drawn_and_nothing_is_refused(tmp_path):
    bars = random_bars(400, 2, 3, symbols=(HOSTILE, "S000"), benchmark="S000")
    price = bars.close
    fills = [Fill(20, 0, 20, price[20, 0], price[20, 0]), Fill(90, 0, -20, price[90, 0], price[90, 0])]
    page, said = shown(made(played(bars, fills, lines=[(0, 0), (1, 0)], names=(ARABIC,))), tmp_path)
    assert said == [] and 'data-drawn="yes"' in page
    charts = re.findall(r'<figure class="chart" data-chart="(\w+)".*?</figure>', page, re.DOTALL)
    drawn = re.findall(r'data-chart="(\w+)"(?:(?!</figure>).)*?<svg[^>]*role="(?:slider|img)"', page, re.DOTALL)
    assert charts == drawn and len(charts) == 7
    lines = re.findall(r'<path class="line [^"]*" d="([^"]*)"', page)
    assert len(lines) >= 7 and not any("NaN" in line or "Infinity" in line for line in lines)
    assert page.count('class="won"') + page.count('class="lost"') == 3  # a line, an entry, an exit
    assert "Trades in &lt;/script&gt;&lt;b&gt;: 1" in page and not re.search(r"<b[ >]", page)


@pytest.mark.parametrize("n", [1, 2, 30])
def test_the_shortest_runs_are_drawn_too(n, tmp_path):
    page, said = shown(made(curve_ledger([100.0 + i for i in range(n)], bars=flat_bars(n))), tmp_path)
    assert said == [] and 'data-drawn="yes"' in page and "NaN" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def test_a_thinned_intraday_run_is_drawn(tmp_path, monkeypatch):
    from trading_system.runs import series

    monkeypatch.setattr(series, "POINTS", 200)
    monkeypatch.setattr(series, "PRICE_POINTS", 100)
    bars = flat_bars(2_000, bars_per_session=7)
    fills = [Fill(20, 0, 20, 100.0, 100.0), Fill(900, 0, -20, 100.0, 100.0)]
    page, said = shown(made(played(bars, fills)), tmp_path)
    assert said == [] and 'data-drawn="yes"' in page and "so that extremes stay" in page


def numbers(element, *names):
    return [float(re.search(rf'\b{name}="([-\d.]+)"', element)[1]) for name in names]


def test_a_mark_at_the_end_is_whole_and_each_line_of_the_returns_has_its_own_label(tmp_path):
    moves = np.random.default_rng(3).normal(0.0, 0.01, 300)
    moves[-40:] -= 0.02  # the lowest point is the last one
    page, said = shown(made(curve_ledger(100.0 * np.exp(np.cumsum(moves)))), tmp_path)
    falls = page[page.index('data-chart="drawdown"') :].partition("</figure>")[0]
    wide = float(re.search(r'viewBox="0 0 ([\d.]+) ', falls)[1])
    circles = [numbers(circle, "cx", "r") for circle in re.findall(r"<circle[^>]*>", falls)]
    assert said == [] and circles and all(62 <= x - r and x + r <= wide - 14 for x, r in circles)
    assert max(x for x, _ in circles) > wide - 24
    bins = page[page.index('data-chart="histogram"') :].partition("</figure>")[0]
    lines = [numbers(line, "x1", "y1") for line in re.findall(r'<line class="quantile"[^>]*>', bins)]
    labels = [numbers(label, "x", "y") for label in re.findall(r"<text[^>]*>(?=5 % quantile|mean below)", bins)]
    assert len(lines) == len(labels) == 2
    for (x, top), (end, base) in zip(lines, labels, strict=True):
        assert 0 < x - end <= 6 and top < base <= top + 14
    assert lines[1][0] < lines[0][0] and lines[1][1] >= labels[0][1]  # the other line does not cross the label
