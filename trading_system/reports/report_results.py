"""The middle of a report: figures, curves, months, distribution, exposure, trades, costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trading_system.metrics.calendar_tables import MONTHS
from trading_system.reports.artefacts import Artefacts
from trading_system.reports.document import DASH, Beside, Cell, Chart, Figures, Folded, Note, Part, Section, Table, absent
from trading_system.reports.formats import amount, count, money, percent, ratio
from trading_system.reports.words import COSTS, EXPOSURE, HEADLINE, RELATIVE, RETURNS, TRADES, Word, figure, how, named

HEAT_MONTH, HEAT_YEAR = 0.10, 0.30  # a return of this size has the strongest colour
MOST_ROWS = 300
CENT = 0.005  # less than that is shown as nothing
ZOOM = "Drag over a stretch to look closer, double-click or press Escape to see all; arrow keys read values."


def headline(found: Artefacts) -> Section:
    """The few numbers, then every measure with its convention."""
    document = found.metrics
    tiles = [
        (word.label, figure(word, name, document), _versus(word, name, document))
        for name, word in HEADLINE.items()
        if name != "ann_vol"
    ]
    tiles.append(
        (
            "Net result",
            Cell(money(document["metrics"].get("net_pnl"))),
            f"of {money(document['metrics'].get('starting_equity'))}",
        )
    )
    both = [(*_measure(word, name, document), figure(word, f"benchmark_{name}", document)) for name, word in HEADLINE.items()]
    groups = (
        ("measures-returns", "Returns and drawdowns", RETURNS),
        ("measures-trades", "Trades as a whole", TRADES),
        ("measures-benchmark", "Against the benchmark", RELATIVE),
        ("measures-exposure", "Exposure and turnover", EXPOSURE),
    )
    tables = [
        Table(key, title, ("Measure", "Strategy"), [_measure(word, name, document) for name, word in words.items()])
        for key, title, words in groups
    ]
    return Section(
        "numbers",
        "Headline numbers",
        [
            Figures(tiles),
            Table("measures", "Strategy and benchmark", ("Measure", "Strategy", "Benchmark"), both),
            Beside(tables),
            Folded("Every metric, unrounded", _every(document)),
        ],
    )


def _versus(word: Word, name: str, document: Mapping[str, Any]) -> str:
    value = document["metrics"].get(f"benchmark_{name}")
    return "no benchmark figure" if value is None else f"benchmark {word.form(value)}"


def _measure(word: Word, name: str, document: Mapping[str, Any]) -> tuple[Cell | str, ...]:
    return Cell(word.label, how(word, document["conventions"])), figure(word, name, document)


def _every(document: Mapping[str, Any]) -> Table:
    rows = [
        (name, absent(document["undefined"].get(name, "not measured")) if value is None else repr(value))
        for name, value in document["metrics"].items()
    ]
    note = "Fractions are fractions here (0.05 is 5 %), money is in the quote currency; definitions by id in docs/metrics.md."
    return Table("metrics", "metrics.json", ("Metric", "Value"), rows, note=note)


def equity(found: Artefacts) -> Section:
    """Equity beside the benchmark, and the years."""
    metrics, bench = found.metrics["metrics"], found.metrics["conventions"]["benchmark"]
    first, last = money(metrics.get("starting_equity"), 0), money(metrics.get("final_equity"), 0)
    said = f"Equity from {first} to {last}, total return {percent(metrics.get('total_return'))}"
    said += f"; {bench} {percent(metrics.get('benchmark_total_return'))}." if bench else "."
    legend = [("run", "Strategy"), ("benchmark", f"{bench}, starting equity put into it at its first close")] if bench else []
    caption = f"Account value at each close, in money.{_thin(found)}"
    return Section(
        "equity",
        "Equity against the benchmark",
        [Chart("equity", "Equity", said, caption, "years", ZOOM, log=True, legend=legend), _years(found)],
    )


def _thin(found: Artefacts) -> str:
    step = int(found.series["step"])
    return (
        f" Drawn from the first, lowest, highest and last of every {count(step)} bars, so that extremes stay."
        if step > 1
        else ""
    )


def _years(found: Artefacts) -> Table:
    def number(row: Mapping[str, Any], key: str, form: Any, heat: float = 0.0) -> Cell | str:
        value = row.get(key)
        if value is None:
            return DASH
        return Cell(form(value), heat=_heat(value, heat)) if heat else str(form(value))

    rows = [
        (
            str(row["year"]),
            number(row, "equity", lambda v: money(v, 0)),
            number(row, "return", percent, HEAT_YEAR),
            number(row, "benchmark_return", percent),
            number(row, "volatility", percent),
            number(row, "sharpe", ratio),
            number(row, "drawdown", percent),
            number(row, "mean_gross_exposure", lambda v: percent(v, 1)),
            number(row, "mean_net_exposure", lambda v: percent(v, 1)),
            number(row, "trades_closed", count),
            number(row, "pnl_closed", lambda v: money(v, 0)),
        )
        for row in found.metrics["years"]
    ]
    header = (
        "Year", "Equity at end", "Return", "Benchmark", "Volatility", "Sharpe", "Lowest drawdown", "Gross exposure",
        "Net exposure", "Trades closed", "Their result",
    )  # fmt: skip
    note = (
        "Volatility and Sharpe ratio are of the year alone, annualised; the drawdown is against the highest equity of the whole run;"
        " exposures are means of the closes. First and last year may be parts. A dash: too few periods, or no benchmark close."
    )
    return Table("years", "Year by year", header, rows, note=note)


def drawdowns(found: Artefacts) -> Section:
    """The curve below its highs, and the five deepest falls."""
    rows = [
        (
            str(number),
            percent(fall["depth"]),
            fall["peak"] or "the start",
            fall["trough"] or "the start",
            fall["recovery"] or "not recovered",
            count(fall["to_trough"]),
            count(fall["periods"]),
        )
        for number, fall in enumerate(found.metrics["drawdowns"], 1)
    ]
    header = ("No.", "Depth", "Peak", "Trough", "Recovered", "Periods to trough", "Periods in all")
    table = Table(
        "falls",
        "The five deepest drawdowns",
        header,
        rows,
        (0, 2, 3, 4),
        note="At sampled closes; the start counts as a high.",
    )
    if not rows:
        return Section("drawdowns", "Drawdowns", [Note(["Equity was never below an earlier high."])])
    said = f"Deepest {percent(found.metrics['metrics'].get('max_drawdown'))}, {amount(len(rows), 'fall')} marked."
    caption = (
        f"Equity over its highest value so far, less 1, at each close; the deepest falls carry their numbers.{_thin(found)}"
    )
    return Section("drawdowns", "Drawdowns", [Chart("drawdown", "Drawdown", said, caption, "falls"), table])


def months(found: Artefacts) -> Section:
    """Returns of the months, years down, months across."""
    rows = []
    for year, row in found.monthly["table"].items():
        cells = [_month(row.get(name), HEAT_MONTH) for name in MONTHS]
        rows.append((year, *cells, _month(row.get("Year"), HEAT_YEAR)))
    note = "Percent of the equity at the month's start, by session labels. A dash: no session of the run in that month."
    return Section(
        "months",
        "Month by month",
        [Table("heatmap", "Returns by month, in percent", ("Year", *MONTHS, "Year's return"), rows, style="heat", note=note)],
    )


def _month(value: float | None, strongest: float) -> Cell | str:
    if value is None:
        return DASH
    return Cell(percent(value, 1).removesuffix(" %"), heat=_heat(value, strongest))


def _heat(value: float, strongest: float) -> float:
    return max(-1.0, min(1.0, value / strongest))


def rolling(found: Artefacts) -> Section:
    """Sharpe ratio and volatility over half a year, all along."""
    window, n = int(found.series["rolling"]["window"]), int(found.metrics["conventions"]["n_periods"])
    if n < window:
        text = f"The window is half a year, {amount(window, 'period')}; this run has {count(n)}."
        return Section("rolling", "Rolling Sharpe ratio and volatility", [Note([text])])
    caption = f"Each point looks back over {amount(window, 'period')} (half a year)"
    legend = [("run", "Strategy"), ("benchmark", "Benchmark")] if "benchmark_sharpe" in found.series["rolling"] else []
    charts: list[Part] = [
        Chart(
            "sharpe",
            "Rolling Sharpe ratio",
            f"Sharpe ratio over {amount(window, 'period')}; over the whole run {ratio(found.metrics['metrics'].get('sharpe'))}.",
            f"{caption}; annualised, ddof 1, above the risk-free rate.{_thin(found)}",
            "years",
            legend=legend,
        ),
        Chart(
            "volatility",
            "Rolling volatility",
            f"Volatility over {amount(window, 'period')}; over the whole run {percent(found.metrics['metrics'].get('ann_vol'))}.",
            f"{caption}; percent a year, ddof 1.{_thin(found)}",
            "years",
            legend=legend,
        ),
    ]
    return Section("rolling", "Rolling Sharpe ratio and volatility", charts)


def distribution(found: Artefacts) -> Section:
    """How often which return."""
    edges, counts = found.series["histogram"]["edges"], found.series["histogram"]["counts"]
    if not counts:
        return Section("distribution", "Return distribution", [Note(["No period was measured."])])
    total = sum(counts)
    digits = 3 if len(edges) > 1 and edges[1] - edges[0] < 0.0005 else 2
    rows = [
        (f"{percent(edges[i], digits)} to {percent(edges[i + 1], digits)}", count(number), percent(number / total, 1))
        for i, number in enumerate(counts)
        if number
    ]
    metrics = found.metrics["metrics"]
    said = (
        f"{count(total)} returns, from {percent(metrics.get('worst_period'))} to {percent(metrics.get('best_period'))};"
        f" 5 % of them at or below {percent(metrics.get('var_95'))}."
    )
    caption = "Number of periods by return; a value on an edge counts above it. Lines: 5 % quantile and mean below it."
    table = Table("bins", "Returns in bins", ("Return of a period", "Periods", "Share"), rows)
    return Section(
        "distribution",
        "Return distribution",
        [Chart("histogram", "Returns", said, caption, "bins"), Folded("Bins as a table", table)],
    )


def exposure(found: Artefacts) -> Section:
    """How much of the equity was at work."""
    metrics = found.metrics["metrics"]
    said = (
        f"Gross exposure {percent(metrics.get('mean_gross_exposure'), 1)} on average, {percent(metrics.get('max_gross_exposure'), 1)} at"
        f" most; net {percent(metrics.get('mean_net_exposure'), 1)} on average."
    )
    caption = f"Sum of position sizes over equity at each close (gross), and long less short (net).{_thin(found)}"
    if metrics.get("mean_gross_exposure") == metrics.get("mean_net_exposure"):
        legend, caption = (
            [],
            caption.replace("(gross), and long less short (net)", "(gross); nothing was held short, so the net is the same"),
        )
    else:
        legend = [("run", "Gross"), ("benchmark", "Net")]
    return Section("exposure", "Exposure", [Chart("exposure", "Exposure", said, caption, "years", legend=legend)])


def trades(found: Artefacts) -> Section:
    """Trades on the closes of a symbol, and the figures of all of them."""
    series = found.series
    if not series["trades"]["count"]:
        return Section("trades", "Trades", [Note(["No trade was made."])])
    names = [entry["symbol"] for entry in series["symbols"]]
    steps = {int(entry["step"]) for entry in series["symbols"]}
    caption = (
        "Closes of one symbol and the trades on it: entries, exits, and a line between them. Prices in the share units of the last"
        " bar (splits taken out, dividends not); the table below has the prices as they were."
    )
    if max(steps) > 1:
        caption += f" Closes drawn from the first, lowest, highest and last of up to {count(max(steps))} bars."
    if series["trades"]["left_out"]:
        caption += f" {count(series['trades']['left_out'])} trades that moved least are left out here; trade_log.csv has all."
    said = f"{amount(series['trades']['count'], 'trade')} in {amount(len(names), 'symbol')}."
    parts: list[Part] = [Chart("prices", "Trades on price", said, caption, "symbols", choices=names)]
    return Section("trades", "Trades", parts)


BREAKDOWN = (
    ("n_trades", "Trades", count),
    ("n_wins", "Won", count),
    ("win_rate", "Won, share", lambda v: percent(v, 1)),
    ("pnl", "Result", money),
    ("expectancy", "Mean", money),
    ("profit_factor", "Profit factor", ratio),
    ("expectancy_R", "Mean R", ratio),
    ("mean_bars_held", "Bars held", lambda v: ratio(v, 1)),
    ("commission", "Commission", money),
    ("slippage", "Slippage", money),
    ("n_open", "Open", count),
    ("open_pnl", "Open, at mark", money),
)


def breakdown(found: Artefacts) -> Section:
    """Figures of the trades by strategy, symbol and exit reason."""
    parts = [
        _breakdown(found, "by_strategy", "strategies", "By strategy", "Strategy"),
        _breakdown(found, "by_exit_reason", "reasons", "By exit reason", "Reason"),
        _breakdown(found, "by_symbol", "symbols", "By symbol", "Symbol"),
    ]
    if not found.metrics["trades"].get("by_strategy"):
        return Section("breakdown", "Where the result came from", [Note(["No trade was made."])])
    said = "Closed trades in money after all costs; open ones apart, at their last mark. Commission and slippage are of both."
    note = Note([f"{said} A dash: no losing trade, no initial stop, or none closed."])
    return Section("breakdown", "Where the result came from", [note, *parts])


def _breakdown(found: Artefacts, key: str, name: str, caption: str, first: str) -> Table:
    table = found.metrics["trades"][key]
    shown = list(table.items())
    note = ""
    if len(shown) > MOST_ROWS:
        shown = sorted(shown, key=lambda item: -abs((item[1].get("pnl") or 0.0) + (item[1].get("open_pnl") or 0.0)))[
            :MOST_ROWS
        ]
        note = f"The {MOST_ROWS} that moved most of {count(len(table))}; metrics.json has all."
    rows: list[Sequence[Cell | str]] = [
        (
            named(label) if key == "by_exit_reason" else label,
            *(DASH if row.get(column) is None else form(row[column]) for column, _, form in BREAKDOWN),
        )
        for label, row in shown
    ]
    return Table(name, caption, (first, *(title for _, title, _ in BREAKDOWN)), rows, note=note, sortable=len(rows) > 2)


def costs(found: Artefacts) -> Section:
    """From the gross result to the net one, step by step."""
    kinds, metrics = found.metrics["costs"], found.metrics["metrics"]
    steps = _waterfall(kinds)
    rows = [
        (
            COSTS[name],
            Cell(money(value), bar=bar),
            percent(_signed(name, kinds[name].get("of_starting_equity"))),
            _dashed(_signed(name, kinds[name].get("bps_of_traded_value")), ratio, "nothing was traded"),
            _dashed(_signed(name, kinds[name].get("share_of_gross_profit")), lambda v: percent(v, 1), "no gross profit"),
        )
        for name, value, bar in steps
    ]
    header = ("Step", "Money", "Of starting equity", "Basis points of traded value", "Of gross profit")
    multiple = metrics.get("breakeven_cost_multiple")
    why = found.metrics["undefined"].get("breakeven_cost_multiple", "")
    note = (
        f"No multiple of the costs breaks even: {why}."
        if multiple is None
        else f"At {ratio(multiple, 1)} times commission and slippage the same trades would have earned nothing."
    )
    return Section(
        "costs",
        "Costs: from gross to net",
        [Table("waterfall", "What trading and holding took", header, rows, style="bars", note=note)],
    )


def _dashed(value: float | None, form: Any, why: str) -> Cell | str:
    return absent(why) if value is None else str(form(value))


def _signed(name: str, value: float | None) -> float | None:
    """What a step adds to the result: costs take away."""
    return value if value is None or name in ("gross_pnl", "dividends", "net_pnl") else -value


def _waterfall(kinds: Mapping[str, Any]) -> list[tuple[str, float, tuple[float, float]]]:
    """Name, signed money and the place of its bar between the lowest and highest level that the steps reach."""
    level, spans = 0.0, []
    for name in COSTS:
        change = _signed(name, float(kinds[name]["money"])) or 0.0
        if name in ("gross_pnl", "net_pnl"):
            spans.append((name, change, 0.0, change))
            level = change
            continue
        if abs(change) >= CENT or name in ("commission", "slippage"):
            spans.append((name, change, level, level + change))
        level += change
    low = min(min(a, b) for _, _, a, b in spans)
    span = max(max(a, b) for _, _, a, b in spans) - low
    if span <= 0.0:
        return [(name, value, (0.0, 0.0)) for name, value, _, _ in spans]
    return [(name, value, ((min(a, b) - low) / span, (max(a, b) - low) / span)) for name, value, a, b in spans]
