"""The HTML report: one self-contained, well-formed, labelled page whose numbers are those of the artefacts."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from tests.builders import random_bars
from tests.metrics.ledgers import Fill, curve_ledger, flat_bars, played
from tests.reports.made import CONFIG, html_of, made
from trading_system.engine.ledger import EVENT, REFUSAL, Code
from trading_system.reports.formats import money, percent, ratio
from trading_system.reports.html import page_file
from trading_system.reports.markdown import report_markdown
from trading_system.reports.report import report_json, report_of
from trading_system.reports.words import CODES
from trading_system.runs.manifest import comparable

VOID = {"meta", "link", "br", "hr", "input"}
HOSTILE, ARABIC = "</script><b>", "زخم الأسهم"


class Page(HTMLParser):
    """Elements with their attributes and paths, and all text outside scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.texts, self.raw = [], [], [], {}
        self.feed(text)
        self.close()
        assert self.open == [], f"left open: {self.open}"

    def handle_starttag(self, name, attributes):
        self.elements.append((name, dict(attributes), tuple(self.open)))
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open and self.open[-1] == name, f"</{name}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] in ("script", "style"):
            self.raw.setdefault(self.open[-1], []).append(data)
        else:
            self.texts.append(data)

    def all(self, name):
        return [attributes for found, attributes, _ in self.elements if found == name]

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.texts))


@pytest.fixture(scope="module")
def ledger():
    """Two symbols, a year and a half, five trades and one still open."""
    bars = random_bars(400, 2, 3, symbols=(HOSTILE, "S000"), benchmark="S000")
    price = bars.close
    fills = []
    for number, (a, b) in enumerate([(20, 45), (60, 70), (100, 180), (200, 230), (250, 290)]):
        line = number % 2
        fills += [Fill(a, line, 20, price[a, line], price[a, line] * 1.001, 1.0)]
        fills += [Fill(b, line, -20, price[b, line], price[b, line] * 0.999, 1.0, Code.STOP if number % 2 else Code.SIGNAL)]
    fills += [Fill(380, 0, 10, price[380, 0], price[380, 0])]
    return played(bars, fills, lines=[(0, 0), (1, 0)], names=(ARABIC,), risk=100.0)


@pytest.fixture(scope="module")
def found(ledger):
    return made(ledger)


@pytest.fixture(scope="module")
def page(found):
    return Page(html_of(found))


def test_landmarks_and_headings(page):
    names = [name for name, _, _ in page.elements]
    for landmark in ("header", "nav", "main", "h1", "title"):
        assert names.count(landmark) == 1, landmark
    assert page.all("html")[0]["lang"] == "en"
    levels = [int(name[1]) for name in names if re.fullmatch(r"h[1-6]", name)]
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels)), "a level of headings is left out"
    identities = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(identities) == len(set(identities))
    for _, attributes, _ in page.elements:
        for key in ("aria-labelledby", "aria-describedby"):
            assert attributes.get(key, identities[0]) in identities
        if attributes.get("href", "").startswith("#"):
            assert attributes["href"][1:] in identities


def test_sections_stand_in_the_order_in_which_they_are_read(page):
    assert [section["id"] for section in page.all("section")] == [
        "what", "numbers", "equity", "drawdowns", "months", "rolling", "distribution", "exposure", "trades", "breakdown", "costs",
        "orders", "refusals", "events", "quality", "trials",
    ]  # fmt: skip


def test_every_table_has_a_caption_and_every_heading_of_it_a_scope(page):
    tables = [path for name, _, path in page.elements if name == "caption"]
    assert len(tables) == len(page.all("table")) and all(path[-1] == "table" for path in tables)
    assert all(heading.get("scope") in ("col", "row") for heading in page.all("th"))


def test_every_chart_is_labelled_described_and_has_its_numbers_in_a_table(page):
    charts = page.all("figure")
    assert {chart["data-chart"] for chart in charts} == {
        "equity", "drawdown", "sharpe", "volatility", "histogram", "exposure", "prices"
    }  # fmt: skip
    assert all(chart["aria-labelledby"] and chart["aria-describedby"] for chart in charts)
    links = [attributes["href"] for name, attributes, path in page.elements if name == "a" and "figcaption" in path]
    assert len(links) == len(charts)


def test_no_request_can_leave_the_page(found, page):
    text = html_of(found)
    for name, attributes, _ in page.elements:
        for key in ("src", "href", "srcset", "action", "data", "poster"):
            assert re.match(r"#|data:,", attributes.get(key, "#")), f"{name} {key}"
        assert not [key for key in attributes if key.startswith("on") or key == "style"]
    assert not re.search(r"@import|url\((?!#)|https?://(?!www\.w3\.org/2000/svg)", text)
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    (style,), scripts = page.raw["style"], page.raw["script"]
    for kind, piece in (("style", style), ("script", scripts[-1])):
        digest = base64.b64encode(hashlib.sha256(piece.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert not re.search(
        r"\b(fetch|XMLHttpRequest|WebSocket|eval|Function|innerHTML|document\.write|import)\b\(?", scripts[-1]
    )


def test_hostile_and_foreign_names_are_shown_as_text(page):
    assert HOSTILE in page.text and ARABIC in page.text
    assert page.all("b") == [] and len(page.all("script")) == 2
    data = json.loads(page.raw["script"][0])
    assert [entry["symbol"] for entry in data["symbols"]] == [HOSTILE, "S000"]


def test_the_numbers_are_those_of_metrics_json(found, page):
    metrics = found.metrics["metrics"]
    for text in (
        percent(metrics["total_return"]), percent(metrics["cagr"]), percent(metrics["benchmark_cagr"]), ratio(metrics["sharpe"]),
        percent(metrics["max_drawdown"]), money(metrics["net_pnl"]), ratio(metrics["beta"]), money(metrics["expectancy"]),
        ratio(metrics["profit_factor"]), percent(metrics["turnover_one_way_annual"], 1),
    ):  # fmt: skip
        assert f" {text} " in page.text, text
    for name, value in metrics.items():
        shown = repr(value) if value is not None else found.metrics["undefined"][name]
        assert f"{name} " in page.text and shown in page.text


def test_facts_stand_before_the_first_figure(page):
    before = page.text[: page.text.index("Headline numbers", page.text.index("Not checked by this run"))]
    for words in (
        "252, of the benchmark's calendar",
        "commission 1 bps",
        "slippage 5 bps",
        "risk 0.75 % of equity",
        "Walk-forward",
        "2 trials in 6 runs",
    ):
        assert words in before, words


def test_rules_of_signals_alone_are_said_not_to_hold_for_a_rule_of_weights():
    bars = random_bars(40, 2, 5, symbols=("S000", "B"), benchmark="S000")
    price = bars.close

    def facts_of(reasons):
        fills = [Fill(5, k, 3, price[5, k], price[5, k], reason=reason) for k, reason in enumerate(reasons)]
        lines = [(k, k) for k in range(len(reasons))]
        names = ("rule", "other")[: len(reasons)]
        entry = CONFIG[CONFIG.index("- name: rule") : CONFIG.index("portfolio:")]
        config = (
            CONFIG.replace("portfolio:", entry.replace("name: rule", "name: other") + "portfolio:") if reasons[1:] else CONFIG
        )
        text = report_markdown(report_of(made(played(bars, fills, lines=lines, names=names), config=config)))
        return {
            name: re.findall(rf"\b{name}\b[*:|\s]*([^\n|]*)", text)
            for name in ("Sizing", "Ranking", "Correlation guard", "Volatility scaling", "Stops")
        }

    unused = "not used by a rule of weights"
    assert all(said == [unused] for said in facts_of([Code.REBALANCE]).values())
    assert not any(unused in said for texts in facts_of([Code.ENTRY]).values() for said in texts)
    both = facts_of([Code.ENTRY, Code.REBALANCE])
    assert both["Sizing"] == ["risk 0.75 % of equity at the initial stop", unused]
    assert both["Correlation guard"] == ["off"] and both["Stops"][0].endswith(f"before target; {unused}")


def test_costs_of_open_trades_are_said_to_be_in_the_breakdown():
    bars = flat_bars(30)
    page = Page(html_of(made(played(bars, [Fill(5, 0, 3, 100.0, 100.0, commission=1.25)]))))
    assert "open ones apart, at their last mark. Commission and slippage are of both." in page.text
    assert " 1.25 " in page.text[page.text.index("Commission and slippage are of both") :]


def test_a_missing_number_is_a_dash_with_its_reason(page):
    bars = flat_bars(30)
    text = Page(html_of(made(curve_ledger(np.full(30, 100.0), bars=bars)))).text
    assert "Sharpe ratio" in text and "\N{EN DASH} returns never vary" in text and "\N{EN DASH} no trade was closed" in text


def test_the_same_artefacts_give_the_same_bytes_and_ids_stand_in_one_place(ledger, found):
    text = html_of(found)
    assert text == html_of(made(ledger))
    other = made(ledger, manifest={"run_id": "x", "created": "y", "trial": {"count": 8, "head": "z", "family": "f"}})
    assert text != html_of(other)
    assert comparable("report.html", text.encode()) == comparable("report.html", html_of(other).encode())
    assert text.count("<!-- identity -->") == text.count("<!-- /identity -->") == 1


EMPTY = {
    "one bar": lambda: curve_ledger([100.0]),
    "two bars": lambda: curve_ledger([100.0, 101.0]),
    "no trade": lambda: curve_ledger(np.full(300, 100.0)),
    "no sampled close": lambda: curve_ledger([100.0, 101.0], bars=flat_bars(2, sampled=[False, False])),
    "ruin": lambda: curve_ledger(np.r_[np.linspace(100.0, 1.0, 200), -5.0, np.full(99, -5.0)]),
    "no benchmark close": lambda: curve_ledger(
        np.linspace(100.0, 90.0, 40), bars=random_bars(40, 2, 1, symbols=("A", "B"), benchmark="A", missing=1.0)
    ),
    "intraday": lambda: curve_ledger(np.linspace(100.0, 120.0, 300), bars=flat_bars(300, bars_per_session=7)),
}


@pytest.mark.parametrize("name", EMPTY)
def test_runs_of_almost_nothing_have_a_report_in_every_format(name):
    found = made(EMPTY[name]())
    page = Page(html_of(found))
    assert len(page.all("section")) == 16 and "nan" not in re.findall(r"[a-z]+", page.text.lower())
    assert report_markdown(report_of(found)).startswith("# Backtest of s\n")
    json.dumps(report_json(found), allow_nan=False)


def test_limits_refusals_defects_and_warnings_are_shown():
    refused = np.array([(0, Code.SLOTS, 1, 3, 3), (0, Code.CASH, 5, 5, 1)], REFUSAL)
    tripped = np.array([(7, Code.DRAWDOWN_LIMIT, 74.0, 100.0, -0.26, 0.25)], EVENT)
    ledger = curve_ledger(np.linspace(100.0, 74.0, 10), refusals=refused, events=tripped, signals=np.array([4]))
    quality = {
        "synthetic": True, "counts": {"jump": 2}, "notes": ["<i>a note</i>"],
        "incidents": [{"symbol": "S000", "kind": "jump", "date": "2015-01-08", "detail": "+0.6"}],
    }  # fmt: skip
    text = Page(html_of(made(ledger, quality=quality, manifest={"warnings": ["no <splits>"]}))).text
    for words in (
        "Invented prices",
        "no <splits>",
        "<i>a note</i>",
        "SLOTS",
        CODES["SLOTS"],
        "-26.00 %",
        "25.00 %",
        "2015-01-14",
        "jump 2",
    ):
        assert words in text, words
    assert "Balanced" in text


def test_the_steps_from_gross_to_net_add_up_and_costs_take_away(found):
    (table,) = next(section for section in report_of(found).sections if section.id == "costs").parts
    amounts = [float(row[1].text.replace(",", "")) for row in table.rows]
    costs = found.metrics["costs"]
    assert amounts[0] == pytest.approx(costs["gross_pnl"]["money"], abs=0.01) and sum(amounts[:-1]) == pytest.approx(
        amounts[-1], abs=0.03
    )
    assert amounts[-1] == pytest.approx(costs["net_pnl"]["money"], abs=0.01) and amounts[1] < 0.0 and amounts[2] < 0.0
    for before, row in itertools.pairwise(table.rows[:-1]):  # each bar begins where the one before ended
        assert set(before[1].bar) & set(row[1].bar)
    assert all(0.0 <= start <= end <= 1.0 for start, end in (row[1].bar for row in table.rows))


def test_the_holdout_is_said_to_be_closed():
    splits = "splits: {train: ['2015-01-05', '2015-06-30'], validation: null, holdout: ['2016-01-04', '2016-12-30']}\n"
    text = Page(html_of(made(curve_ledger([100.0, 101.0]), config=CONFIG + splits))).text
    assert "2016-01-04 to 2016-12-30, closed: not read" in text and "Validation" not in text


def test_a_large_run_stays_under_eight_megabytes_and_is_made_quickly():
    """117 symbols x 21 years, four trades a month."""
    rng = np.random.default_rng(0)
    n, symbols = 5_292, 117
    close = 50.0 * np.exp(np.cumsum(rng.normal(0.0002, 0.015, (n, symbols)), axis=0))
    from tests.builders import make_bars

    bars = make_bars(close, close, close, close, start="1999-11-01", benchmark="S000")
    fills = []
    for number in range(1_000):
        a, line = 5 * number + 20, number % symbols
        fills += [
            Fill(a, line, 10, close[a, line], close[a, line]),
            Fill(a + 30, line, -10, close[a + 30, line], close[a + 30, line]),
        ]
    found = made(played(bars, fills, start=1e6, lines=[(i, 0) for i in range(symbols)]))
    size = len(html_of(found).encode())
    assert 1_000_000 < size < 4_000_000
    assert found.series["step"] == 1 and all(entry["step"] == 1 for entry in found.series["symbols"])


def test_assets_hold_nothing_that_would_end_their_element():
    for name in ("report.js", "report.css"):
        assert "</" not in page_file(name)
