"""The journal of trials for the terminal: what was tried, how often, and what is left of the best after that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trading_system.reports.formats import NOTHING, amount, count, one_line, percent, ratio, table, wrapped_table
from trading_system.reports.page import Page

SHOWN = 20
SYMBOLS = 12
WIDE = 110  # columns of a page on which a row has all of its fields
PERIODS = {"train+validation": "train+val"}
METHODS = {
    "bonferroni": "Bonferroni",
    "holm": "Holm",
    "hochberg": "Hochberg",
    "bh": "Benjamini-Hochberg",
    "by": "Benjamini-Yekutieli",
    "bhy_harvey_liu": "BHY",
}


def trials_page(found: Mapping[str, Any], page: Page, *, every: bool = False) -> str:
    """Families, their newest rows (or `every` one), and whether the chain is whole."""
    if not found["families"]:
        return "\n".join(["nothing was tried yet", *_chain(found["chain"], page)])
    families = [
        (
            row["family"][:8],
            ", ".join(row["strategies"]),
            count(row["n_symbols"]),
            count(row["trials"]),
            count(row["rows"]),
            count(row["kept"]) + ("*" if row["sampled"] else ""),
            ratio(row["sharpe_mean"]),
            ratio(row["sharpe_deviation"]),
            ratio(row["sharpe_best"]),
        )
        for row in found["families"]
    ]
    header = ("family", "strategies", "symbols", "trials", "runs", "kept", "Sharpe", "+-", "best")
    text = _headed(table(header, families, right=range(2, 9), fixed=(0,), width=page.width), page)
    words = "Sharpe ratios are yearly, above cash: mean, deviation and best of all trials of a family"
    notes = [page.faint(page.wrapped(words, first=""))]
    if any(row["sampled"] for row in found["families"]):
        notes.append(page.faint("* a seeded sample: only some of the returns are kept"))
    shown = found["rows"] if every else found["rows"][:SHOWN]
    rest = len(found["rows"]) - len(shown)
    rows = rows_table(shown, page)
    more = [f"and {amount(rest, 'older row')}: --all"] if rest else []
    return "\n".join([text, *notes, "", rows, *more, "", *_chain(found["chain"], page)])


def rows_table(rows: Sequence[Mapping[str, Any]], page: Page) -> str:
    """Rows of the journal, one a line; on a narrow page without date of making and period."""
    wide = page.width >= WIDE
    lines = []
    for row in rows:
        made, period = str(row["created"] or "")[:16].replace("T", " "), PERIODS.get(str(row["period"]), str(row["period"]))
        again = f"as {row['repeats']}" if row["repeats"] else ""
        lines.append(
            (
                str(row["number"]),
                *((made,) if wide else ()),
                str(row["family"])[:8],
                str(row["kind"] or NOTHING),
                *((period,) if wide else ()),
                f"{row['first']} {row['last']}",
                count(row["configurations"]),
                _sharpe(row),
                again,
            )
        )
    header = ("record", *(("made",) if wide else ()), "family", "kind", *(("period",) if wide else ()), "sessions")
    n = len(header)
    text = table((*header, "tried", "Sharpe", ""), lines, right=(0, n, n + 1), fixed=(n - 1,), width=page.width)
    marked = [str(row["number"]) for row in rows if row.get("mark")]
    which = f"record{'s' if len(marked) > 1 else ''} {', '.join(marked)}"
    said = [page.alarm(page.wrapped(f"{which}: not the first look at a holdout, contaminated", first=""))] if marked else []
    return "\n".join([_headed(text, page), *said])


def _sharpe(row: Mapping[str, Any]) -> str:
    """Yearly Sharpe ratio of one configuration, the largest of several."""
    value = row["sharpe_mean"] if row["configurations"] == 1 else row["sharpe_best"]
    year = row["periods_per_year"]
    return NOTHING if value is None or not year else ratio(float(value) * float(year) ** 0.5)


def trial_page(found: Mapping[str, Any], page: Page) -> str:
    """One row or one family with what corrections make of it."""
    family, row = found["family"], found["row"]
    names = ", ".join(found["symbols"][:SYMBOLS]) + (" and more" if len(found["symbols"]) > SYMBOLS else "")
    facts = [] if row is None else _row_facts(row)
    sampled = ", a seeded sample" if family["sampled"] else ""
    facts += [
        (
            "family",
            f"{family['family']}: {', '.join(family['strategies'])} on {amount(family['n_symbols'], 'symbol')}: {names}",
        ),
        (
            "N",
            f"{amount(family['trials'], 'trial')} in {amount(family['rows'], 'run')}; returns of {count(family['kept'])} kept{sampled}",
        ),
        ("made", f"{family['first_made']} to {family['last_made']}"),
        ("sessions", f"{family['first']} to {family['last']}"),
        (
            "Sharpe, yearly",
            f"mean {ratio(family['sharpe_mean'])}, deviation {ratio(family['sharpe_deviation'])}, best {ratio(family['sharpe_best'])}",
        ),
    ]
    sections = [wrapped_table(("", ""), facts, width=page.width), "\n".join(_corrections(found["corrections"], page))]
    if row is None:
        shown = found["rows"][:SHOWN]
        rest = len(found["rows"]) - len(shown)
        sections.append(rows_table(shown, page) + (f"\nand {amount(rest, 'older row')}: trials list --all" if rest else ""))
    sections.append("\n".join(_chain(found["chain"], page)))
    return "\n\n".join(section for section in sections if section)


def _row_facts(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    again = f", the same work as record {row['repeats']}" if row["repeats"] else ""
    return [
        ("record", f"{row['number']}, {row['kind']}, made {row['created']}{again}"),
        ("measured", f"{row['period']}: {row['first']} to {row['last']}, {amount(int(row['n_periods']), 'return')}"),
        ("tried", f"{amount(int(row['configurations']), 'configuration')}; Sharpe {_sharpe(row)} a year"),
        ("config, data, code", ", ".join(str(row[name])[:16] for name in ("config_hash", "data_hash", "code_hash"))),
    ]


def _corrections(found: Mapping[str, Any], page: Page) -> list[str]:
    if found["why"]:
        return [page.wrapped(f"not corrected: {found['why']}", first="")]
    rows = [
        ("Sharpe ratio, yearly", ratio(found["sharpe"])),
        ("p-value alone", _p(found["p_single"])),
        ("familywise p-value", f"{_p(found['p_familywise'])}: {found['method']}"),
        *((f"p-value, {METHODS[name]}", _p(value)) for name, value in found["p_adjusted"].items()),
        ("trials that survive Holm at 5 %", count(found["survivors_holm"])),
        ("expected of the best of N without skill", f"{ratio(found['expected_best'])} a year"),
        ("deflated Sharpe ratio (a probability)", percent(found["dsr"], 1)),
        ("haircut Sharpe ratio, Holm", ratio(found["haircut_sharpe"])),
    ]
    head = f"the best kept trial, record {found['record']}, after {amount(found['n_trials'], 'trial')}"
    made = (
        f"{found['resamples']:,} resamples, stationary blocks of {found['block']:.3g} periods on average, seed {found['seed']}"
    )
    return [page.heading(head), wrapped_table(("", ""), rows, width=page.width), page.faint(page.wrapped(made, first=""))]


def _p(value: float) -> str:
    return f"{value:.4f}"


def _chain(found: Mapping[str, Any], page: Page) -> list[str]:
    """Whether the journal is what was written."""
    against = f", held against {amount(found['anchors'], 'run')}" if found["anchors"] else ""
    if found["whole"]:
        return [page.wrapped(f"chain: whole, {amount(found['records'], 'record')}{against}", first="")]
    lines = [page.alarm(page.wrapped(text, "  ", "chain: ")) for text in found["problems"][:SHOWN]]
    more = len(found["problems"]) - SHOWN
    return [*lines, f"and {amount(more, 'problem')} more"] if more > 0 else lines


def _headed(text: str, page: Page) -> str:
    head, line, rest = text.partition("\n")
    return page.heading(head) + line + rest


def where(found: Mapping[str, Any]) -> str:
    """Where the journal lies, on one line."""
    return f"journal: {one_line(str(found['journal']))}"
