"""The terminal summary of a backtest: plain text of a given width."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from trading_system.reports.formats import amount, command, count, money, one_line, percent, ratio, sparkline, table
from trading_system.reports.page import Page
from trading_system.reports.words import trials_so_far
from trading_system.runs.manifest import REPORT

if TYPE_CHECKING:
    from pathlib import Path

    from trading_system.config.models import RunConfig
    from trading_system.data.bars import Bars
    from trading_system.engine.ledger import Ledger
    from trading_system.metrics.summary import Summary

Form = Callable[[float | None], str]

COMPARED: tuple[tuple[str, str, Form], ...] = (
    ("total_return", "total return", percent),
    ("cagr", "CAGR", percent),
    ("ann_vol", "volatility, yearly", percent),
    ("sharpe", "Sharpe ratio", ratio),
    ("max_drawdown", "max drawdown", percent),
)
ALONE: tuple[tuple[str, str, Form], ...] = (
    ("sortino", "Sortino ratio", ratio),
    ("calmar", "Calmar ratio", ratio),
    ("max_dd_duration", "longest drawdown, bars", count),
    ("beta", "beta", ratio),
    ("alpha_ann_geom", "alpha, yearly", percent),
    ("information_ratio", "information ratio", ratio),
)
BESIDE: tuple[tuple[str, str, Form], ...] = (
    ("n_trades", "closed trades", count),
    ("n_open_trades", "still open", count),
    ("win_rate", "win rate", percent),
    ("profit_factor", "profit factor", ratio),
    ("expectancy", "mean profit", money),
    ("expectancy_R", "mean R", ratio),
    ("mean_bars_held", "mean bars held", ratio),
    ("time_in_market", "time in market", percent),
    ("mean_gross_exposure", "mean gross exposure", percent),
    ("max_gross_exposure", "max gross exposure", percent),
    ("turnover_one_way_annual", "turnover, yearly", percent),
)
COSTS = ("commission", "slippage", "borrow", "funding", "debit_interest", "total")
SYNTHETIC = {name: f"synthetic sample market {name}: invented prices" for name in ("equities50", "etfs10", "crypto10")}
SHOWN = 8
FROM_SIGNALS = ("ENTRY", "SIGNAL", "REBALANCE")
LARGEST_MULTIPLE = 1_000  # of the costs: more says nothing but that there were hardly any


class Window(Protocol):
    """Which bars a run traded on."""

    @property
    def name(self) -> str: ...


class BacktestResult(Protocol):
    """What the summary reads of a backtest."""

    @property
    def config(self) -> RunConfig: ...
    @property
    def bars(self) -> Bars: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def summary(self) -> Summary: ...
    @property
    def folder(self) -> Path: ...
    @property
    def run_id(self) -> str: ...
    @property
    def warnings(self) -> Sequence[str]: ...
    @property
    def notes(self) -> Sequence[str]: ...
    @property
    def window(self) -> Window: ...
    @property
    def timings(self) -> Mapping[str, float]: ...
    @property
    def trial(self) -> Mapping[str, Any]: ...


def backtest_document(result: BacktestResult) -> dict[str, Any]:
    """Everything that a backtest found, as ``--json`` prints it."""
    config, bars, ledger = result.config, result.bars, result.ledger
    return {
        "run_id": result.run_id,
        "folder": str(result.folder),
        "report": str(result.folder / REPORT) if "html" in config.output.formats else None,
        "run": {
            "strategies": [{"name": entry.name, "type": entry.type, "symbols": symbols} for entry, symbols in _lines(result)],
            "source": config.data.source,
            "path": config.data.path,
            "timeframe": bars.timeframe,
            "symbols": bars.n_symbols,
            "bars": int(ledger.equity.size),
            "period": result.window.name,
            "prices": bars.prices,
        },
        **result.summary.document(),
        "warnings": list(result.warnings),
        "notes": list(result.notes),
        "timings": dict(result.timings),
        "trial": dict(result.trial),
    }


def _lines(result: BacktestResult) -> list[tuple[Any, int]]:
    """Each strategy with the number of its lines."""
    numbers = result.ledger.line_strategy.tolist()
    return [(entry, numbers.count(number)) for number, entry in enumerate(result.config.strategies)]


def backtest_summary(result: BacktestResult, page: Page) -> str:
    """What a backtest was, found and left, on one screen."""
    return summary_page(backtest_document(result), result.ledger.equity, page)


def summary_page(document: Mapping[str, Any], equity: Iterable[float], page: Page) -> str:
    """The summary of one run, from its document and its equity curve; sections without content are left out."""
    sections = [_what(document, page), _curve(document, equity, page), figures(document, page), costs(document, page)]
    sections += [orders(document, page), _events(document, page), _trials(document, page)]
    sections += [_warnings(document, page), _where(document, page)]
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def _what(document: Mapping[str, Any], page: Page) -> list[str]:
    """Which strategies ran on which bars, over which window, beside which benchmark."""
    run, conventions = document["run"], document["conventions"]
    names = "; ".join(f"{s['name']} ({s['type']}) on {amount(s['symbols'], 'symbol')}" for s in run["strategies"])
    data = (
        f"data: {SYNTHETIC.get(run['path'], 'sample market ' + str(run['path']))}"
        if run["source"] == "sample"
        else f"data: {run['source']} {run['path']}"
    )
    if run["prices"] == "adjusted":
        data += ", back-adjusted prices traded as they are"
    window = (
        f"{run['period']}: {conventions['first']} to {conventions['last']}, {amount(run['bars'], 'bar')} of {run['timeframe']}"
    )
    basis = f"{conventions['periods_per_year']:,g} periods a year, risk-free {percent(conventions['risk_free'])}"
    bench = f"benchmark {conventions['benchmark'] or 'none'}"
    return [page.heading(line) if i == 0 else line for i, line in enumerate(page.wrapped(names, first="").split("\n"))] + [
        page.wrapped(data, first=""),
        page.wrapped(window, first=""),
        page.wrapped(f"{basis}; {bench}", first=""),
    ]


def _curve(document: Mapping[str, Any], equity: Iterable[float], page: Page) -> list[str]:
    """Equity as one line of blocks between its first and last amount."""
    metrics = document["metrics"]
    first, last = money(metrics.get("starting_equity"), 0), money(metrics.get("final_equity"), 0)
    room = page.width - len(first) - len(last) - len("equity    ")
    line = sparkline(equity, max(min(room, 100), 8), unicode=page.unicode)
    return [f"equity {first} {line} {last}"]


def figures(document: Mapping[str, Any], page: Page) -> list[str]:
    """Key figures against the benchmark, and beside them trades and exposure."""
    metrics = document["metrics"]
    held = [(label, form(metrics.get(name)), form(metrics.get(f"benchmark_{name}"))) for name, label, form in COMPARED]
    held += [(label, form(metrics.get(name)), "") for name, label, form in ALONE]
    left = table(("", "strategy", "benchmark"), held, right=(1, 2), width=page.width).split("\n")
    right = table(("", "trades"), [(label, form(metrics.get(name))) for name, label, form in BESIDE], right=(1,)).split("\n")
    span = max(map(len, left))
    if span + 3 + max(map(len, right)) > page.width:
        return [page.heading(left[0]), *left[1:], "", page.heading(right[0]), *right[1:]]
    rows = [f"{a:<{span}}   {b}".rstrip() for a, b in zip(left, right, strict=True)]
    return [page.heading(rows[0]), *rows[1:]]


def costs(document: Mapping[str, Any], page: Page) -> list[str]:
    """Costs by kind and the multiple of them at which the profit is gone."""
    kinds, metrics = document["costs"], document["metrics"]
    rows = [
        (
            name.replace("_", " "),
            money(row["money"]),
            percent(row["of_starting_equity"]),
            ratio(row["bps_of_traded_value"]),
            percent(row["share_of_gross_profit"], 1),
        )
        for name in COSTS
        if (row := kinds.get(name)) and (row["money"] or name in ("commission", "slippage", "total"))
    ]
    head, *lines = table(("costs", "money", "of equity", "bps traded", "of gross profit"), rows, right=(1, 2, 3, 4)).split(
        "\n"
    )
    multiple = metrics.get("breakeven_cost_multiple")
    if multiple is None:
        last = f"breakeven cost multiple: none, {document['undefined'].get('breakeven_cost_multiple', 'nothing was traded')}"
    elif multiple > LARGEST_MULTIPLE:
        last = f"breakeven cost multiple: > {LARGEST_MULTIPLE:,} (costs play no part in this result)"
    else:
        last = f"breakeven cost multiple: {multiple:,.1f} (at that many times the costs, no profit)"
    return [page.heading(head), *lines, page.wrapped(last, first="")]


def orders(document: Mapping[str, Any], page: Page) -> list[str]:
    """Signals to orders to fills, each refusal and each end with its code; the sums are the second law."""
    found = document["reconciliation"]
    scopes = dict(found["strategies"]) if len(found["strategies"]) > 1 else {}
    rows = [_flow(one_line(name), scope) for name, scope in scopes.items()] + [_flow("all" if scopes else "", found["total"])]
    header = ("orders", "signals", "refused", "placed", "filled", "part", "rejected", "expired", "open")
    head, *lines = table(header, rows, right=range(1, 9), width=page.width).split("\n")
    total = found["total"]
    reasons = [
        ("refused", total["refused"]),
        ("placed for", total["orders"]),
        ("part filled", total["ends"]["part_filled"]),
        ("rejected", total["ends"]["rejected"]),
        ("expired", total["ends"]["expired"]),
    ]
    if total["repeated"]:
        words = f"{count(total['repeated'])}, of standing positions or orders: outside these sums"
        lines.append(page.wrapped(words, " " * 16, f"  {'repeated:':<14}"))
    for title, codes in reasons:
        if codes:
            words = ", ".join(f"{code} {count(number)}" for code, number in codes.items())
            lines.append(page.wrapped(words, " " * 16, f"  {title + ':':<14}"))
    lines.append(page.wrapped(_sum(total), "    ", "  "))
    verdict = "balanced: every signal was refused or became an order, every order has one end"
    lines.append(
        page.faint(page.wrapped(verdict, "    ", "  "))
        if total["balanced"]
        else page.alarm("  NOT BALANCED: please report this")
    )
    return [page.heading(head), *lines]


def _sum(total: Mapping[str, Any]) -> str:
    """The law of signals with its numbers, and the orders that no signal made."""
    others = ", ".join(f"{code} {count(number)}" for code, number in total["orders"].items() if code not in FROM_SIGNALS)
    parts = f"signals {count(total['signals'])} = refused {count(total['n_refused'])} + orders {count(total['orders_from_signals'])}"
    return f"{parts}; other orders: {others}" if others else parts


def _flow(name: str, scope: Mapping[str, Any]) -> tuple[str, ...]:
    ends = scope["ends"]
    lost = [sum(ends[kind].values()) for kind in ("part_filled", "rejected", "expired")]
    figures = (scope["signals"], scope["n_refused"], scope["n_orders"], ends["filled"], *lost, ends["open"])
    return (name, *(count(figure) for figure in figures))


def _events(document: Mapping[str, Any], page: Page) -> list[str]:
    """Limits that tripped, with their numbers."""
    events = document.get("events", [])
    if not events:
        return []
    rows = [
        (event["date"], event["kind"], percent(event["measured"]), percent(event["limit"]), money(event["equity"]))
        for event in events[:SHOWN]
    ]
    head, *lines = table(("limits that tripped", "", "measured", "limit", "equity"), rows, right=(2, 3, 4)).split("\n")
    if len(events) > SHOWN:
        lines.append(f"  and {len(events) - SHOWN} more, in metrics.json")
    return [page.heading(head), *lines]


def _trials(document: Mapping[str, Any], page: Page) -> list[str]:
    """Of how many trials this is the best, by the journal."""
    trial = document.get("trial")
    return [page.wrapped(trials_so_far(trial), " " * 9, "trials:  ")] if trial else []


def _warnings(document: Mapping[str, Any], page: Page) -> list[str]:
    warnings, notes = document.get("warnings", []), document.get("notes", [])
    lines = [page.alarm(page.wrapped(text, "  ", "warning: ")) for text in warnings[:SHOWN]] + (
        [f"and {len(warnings) - SHOWN} more warnings in run.log"] if len(warnings) > SHOWN else []
    )
    return lines + [page.wrapped(text, "  ", "note: ") for text in notes[:SHOWN]]


def _where(document: Mapping[str, Any], page: Page) -> list[str]:
    """Where the results lie and what to do next; a path is never broken over two lines."""
    folder = str(document["folder"])
    made = [f"report:  {one_line(document['report'])}"] if document.get("report") else []
    return [f"results: {one_line(folder)}", *made, f"next:    {command('trading-system', 'runs', 'reproduce', folder)}"]
