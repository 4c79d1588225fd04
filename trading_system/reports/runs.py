"""Runs for the terminal: the list, one of them, two beside each other, one made again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trading_system.reports.formats import NOTHING, amount, money, one_line, percent, ratio, sparkline, table, wrapped_table
from trading_system.reports.page import Page
from trading_system.reports.terminal import ALONE, BESIDE, COMPARED, costs, figures, orders
from trading_system.reports.words import trials_so_far

SHOWN = 20
PERIODS = {"train+validation": "train+val"}
DATES = 6  # at which two equities are printed beside each other


def runs_page(rows: Sequence[Mapping[str, Any]], page: Page) -> str:
    """One line per run, newest first; damaged ones are said to be so."""
    if not rows:
        return "no runs here"
    whole = [row for row in rows if "damaged" not in row]
    lines = [
        (
            row["run_id"],
            ", ".join(s["name"] for s in row["strategies"]),
            PERIODS.get(row["period"], row["period"]),
            percent(row["total_return"]),
            ratio(row["sharpe"]),
            percent(row["max_drawdown"]),
        )
        for row in whole
    ]
    header = ("run", "strategies", "period", "return", "Sharpe", "drawdown")
    text = table(header, lines, right=(3, 4, 5), fixed=(0, 2), width=page.width).split("\n") if whole else []
    if text:
        text[0] = page.heading(text[0])
    text += [
        page.alarm(page.wrapped(f"{row['run_id']} was changed since: {', '.join(row['changed'])}", "  ", ""))
        for row in whole
        if row.get("changed")
    ]
    text += [
        page.alarm(page.wrapped(f"{row['run_id']}: {row['contaminated']}", "  ", ""))
        for row in whole
        if row.get("contaminated") and row["period"] == "holdout"
    ]
    broken = [row for row in rows if "damaged" in row]
    text += [page.alarm(page.wrapped(f"{row['run_id']} cannot be read: {row['damaged']}", "  ", "")) for row in broken]
    return "\n".join(text)


def run_page(run: Mapping[str, Any], page: Page) -> str:
    """What a run was made of and found, and whether its folder and its journal are still whole."""
    manifest, document = run["manifest"], run["metrics"]
    period, conventions = manifest["period"], document["conventions"]
    facts = [
        ("run", manifest["run_id"]),
        ("made", manifest["created"]),
        ("strategies", ", ".join(f"{s['name']} ({s['type']})" for s in manifest["strategies"])),
        ("period", f"{period['name']}, {period['first']} to {period['last']}, {amount(period['bars'], 'bar')}"),
        ("basis", f"{conventions['periods_per_year']:,g} periods a year, benchmark {conventions['benchmark'] or 'none'}"),
        ("config", manifest["config_hash"][:16]),
        ("data", f"{manifest['data']['hash'][:16]}, {amount(len(manifest['data']['symbols']), 'symbol')}"),
        ("code", manifest["code"]["hash"][:16]),
        ("trials so far", trials_so_far(manifest["trial"])),
    ]
    sections = [
        wrapped_table(("", ""), facts, width=page.width),
        "\n".join(figures(document, page)),
        "\n".join(costs(document, page)),
        "\n".join(orders(document, page)),
        "\n".join(page.alarm(page.wrapped(text, "  ", "warning: ")) for text in manifest["warnings"][:SHOWN]),
        "\n".join(page.alarm(page.wrapped(text, "  ", "changed since: ")) for text in run["damaged"]),
        "\n".join(page.alarm(page.wrapped(text, "  ", "journal: ")) for text in run["journal"]),
        f"results: {one_line(run['folder'])}",
    ]
    return "\n\n".join(section for section in sections if section)


def comparison_page(found: Mapping[str, Any], page: Page, *, every: bool = False) -> str:
    """What two runs were made of and found, where they differ: the figures of a summary, or `every` metric; both equities."""
    one, other = found["runs"]
    same = [(what, "the same" if equal else "differs") for what, equal in found["same"].items()]
    made = made_of(found)
    sections = [
        f"a: {one_line(one['run_id'])}\nb: {one_line(other['run_id'])}",
        _headed(table(("of", "a", "b"), described(one, other), width=page.width), page),
        table(("", ""), same, width=page.width),
        _headed(table(("made of", "a", "b"), made, width=page.width) if made else "made of the same", page),
        _compared(found["metrics"], page, every=every),
        _overlay(found["equity"], page),
    ]
    return "\n\n".join(section for section in sections if section)


def made_of(found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What two runs were made of, where they differ: its name, in a, in b."""
    rows = []
    if not found["same"].get("period", True):
        one, other = (f"{run['period']}, {run['first']} to {run['last']}" for run in found["runs"])
        rows.append(("period (figures are of different days)", one, other))
    differ = [row for row in [*found["config"], *found["versions"]] if not all(row[run] in (None, {}, []) for run in "ab")]
    rows += [(row["name"], _value(row["a"]), _value(row["b"])) for row in differ]
    rows += [(f"data of {symbol}", "one", "another") for symbol in found["data"]["changed"][:SHOWN]]
    rows += [(f"data of {symbol}", "there", NOTHING) for symbol in found["data"]["only_a"][:SHOWN]]
    rows += [(f"data of {symbol}", NOTHING, "there") for symbol in found["data"]["only_b"][:SHOWN]]
    only = found.get("code_only", {"a": [], "b": []})
    return rows + [
        (f"code of {name}", "there", NOTHING)
        if name in only["a"]
        else (f"code of {name}", NOTHING, "there")
        if name in only["b"]
        else (f"code of {name}", "one", "another")
        for name in found["code"][:SHOWN]
    ]


def described(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Strategies and data of two runs, whether they differ or not: what, of a, of b."""
    runs = (one, other)
    strategies = ["; ".join(f"{s['name']} ({s['type']})" for s in run["strategies"]) for run in runs]
    markets = [
        f"{market['source']} {market['path']}, {amount(market['symbols'], 'symbol')}"
        for market in (run["market"] for run in runs)
    ]
    return [("strategies", strategies[0], strategies[1]), ("data", markets[0], markets[1])]


def differing(rows: Sequence[Mapping[str, Any]], *, every: bool) -> tuple[list[tuple[str, str, str, str]], int]:
    """Metrics that differ, as text, and how many more there are: those of a summary in its words, or every one to six digits."""
    differ = [row for row in rows if row["a"] != row["b"]]
    said = {name: (label, form) for name, label, form in (*COMPARED, *ALONE, *BESIDE)}
    by_name = {row["name"]: row for row in differ}
    shown = differ if every else [by_name[name] for name in said if name in by_name]
    lines = []
    for row in shown:
        label, form = (row["name"], _value) if every else said[row["name"]]
        lines.append((label, form(row["a"]), form(row["b"]), form(row["difference"])))
    return lines, len(differ) - len(shown)


def _compared(rows: Sequence[Mapping[str, Any]], page: Page, *, every: bool) -> str:
    lines, rest = differing(rows, every=every)
    if not lines and not rest:
        return page.heading("every metric is equal")
    text = _headed(table(("metric", "a", "b", "b - a"), lines, right=(1, 2, 3), width=page.width), page)
    return f"{text}\nand {amount(rest, 'metric')} more that differ: --all" if rest else text


def _overlay(equity: Mapping[str, Any], page: Page) -> str:
    """Both equities on one scale, as growth from their first common date, and in money at a few dates."""
    points = equity["points"]
    if not points or not all(points[0][run] > 0.0 for run in ("a", "b")):
        return page.wrapped("the runs have no date in common" if not points else "equities: nothing to grow from", first="")
    growth = {run: [point[run] / points[0][run] for point in points] for run in ("a", "b")}
    bounds = min(map(min, growth.values())), max(map(max, growth.values()))
    room = max(page.width - 14, 8)
    lines = [
        f"{run}  {sparkline(growth[run], room, unicode=page.unicode, bounds=bounds)} {percent(growth[run][-1] - 1.0)}"
        for run in ("a", "b")
    ]
    few = min(DATES, len(points))
    picked = [points[i * (len(points) - 1) // max(few - 1, 1)] for i in range(few)]
    rows = [
        (p["date"], money(p["a"]), money(p["b"]), percent(p["b"] / points[0]["b"] - p["a"] / points[0]["a"])) for p in picked
    ]
    head = f"equity at {amount(equity['dates'], 'common date')}, one scale"
    told = table(("date", "a", "b", "growth b - a"), rows, right=(1, 2, 3), width=page.width)
    return "\n".join([page.heading(head), *lines, "", _headed(told, page)])


def reproduction_page(found: Mapping[str, Any], page: Page) -> str:
    """Whether the same work gave the same bytes, and if not, where they part and what has changed."""
    rows = [(row["name"], "the same bytes" if row["equal"] else f"differs: {row['where']}") for row in found["artefacts"]]
    changed = found["changed"]
    reasons = ["the configuration"] if changed["config"] else []
    reasons += [
        f"the bars of {symbol}" for kind in ("changed", "only_a", "only_b") for symbol in changed["data"][kind][:SHOWN]
    ]
    reasons += [f"the code of {name}" for name in changed["code"][:SHOWN]]
    reasons += [f"{row['name']} {_value(row['a'])} -> {_value(row['b'])}" for row in changed["versions"]]
    verdict = "reproduced: every byte but times and ids is the same" if found["equal"] else "NOT reproduced"
    sections = [
        page.heading(verdict) if found["equal"] else page.alarm(verdict),
        wrapped_table(("", ""), rows, width=page.width),
        page.wrapped("changed since: " + "; ".join(reasons), "  ", "") if reasons else "",
        page.wrapped("not the bytes that the manifest names: " + ", ".join(found["damaged"]), "  ", "")
        if found["damaged"]
        else "",
    ]
    return "\n\n".join(section for section in sections if section)


def _headed(text: str, page: Page) -> str:
    head, line, rest = text.partition("\n")
    return page.heading(head) + line + rest


def _value(value: Any) -> str:
    if value is None:
        return NOTHING
    return f"{value:.6g}" if isinstance(value, float) else str(value)
