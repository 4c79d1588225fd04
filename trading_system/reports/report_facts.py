"""The first part of a report: what was run, on what, by which rules and conventions, and what nobody has checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trading_system.reports.artefacts import Artefacts
from trading_system.reports.document import Facts, Note, Part, Section
from trading_system.reports.formats import amount, count, money, percent
from trading_system.reports.words import trials_so_far
from trading_system.runs.secrets import masked

NOT_CHECKED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Walk-forward: whether parameters chosen on one period hold on the next.", ("walk_forward",)),
    (
        "Chance: bootstrap, permutation and multiple-testing corrections. One good curve is what the best of many tries looks like.",
        ("bootstrap", "permutation", "familywise"),
    ),
    ("The holdout: no figure here was measured on bars kept away from development.", ("holdout",)),
    ("Sensitivity: dearer costs, later fills, other parameters, market stress.", ("costs", "stress")),
)
"""What a run does not say, and the tests of a validation that say it."""
NOT_USED = "not used by a rule of weights"
Terms = list[tuple[str, str]]


def not_checked(found: Artefacts) -> list[str]:
    """What neither the run nor its validation looked at; a test in error has looked at nothing."""
    tests = () if found.validation is None else found.validation["tests"]
    made = {test["name"] for test in tests if not test["error"]}
    made |= set() if found.holdout is None else {"holdout"}
    made |= set() if found.walk_forward is None else {"walk_forward"}
    return [text for text, needed in NOT_CHECKED if not made.issuperset(needed)]


def facts(found: Artefacts) -> Section:
    """What was run, with every convention behind the numbers."""
    by_weight = _by_weight(found)
    parts: list[Part] = [
        Facts(
            [
                *[
                    (f"Strategy {entry['name']}", _strategy(entry, entry["name"] in by_weight))
                    for entry in found.config["strategies"]
                ],
                ("Data", _data(found)),
                ("Period", _period(found)),
                ("Portfolio and fills", _portfolio(found, by_weight)),
                ("How the numbers are made", _conventions(found)),
            ]
        ),
        Note(
            [*not_checked(found), "A good backtest is not evidence of skill."],
            title="Not checked by this run",
            alarm=True,
        ),
    ]
    warnings = list(found.manifest["warnings"])
    if warnings:
        parts.append(Note(warnings, title="Warnings", alarm=True))
    return Section("what", "What was run", parts)


def settings(values: Mapping[str, Any]) -> str:
    """``key value`` pairs of a mapping in one line; a null is none."""
    return ", ".join(f"{key} {_plain(value)}" for key, value in values.items()) or "none"


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return "(" + settings(value) + ")"
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(item) for item in value) or "none"
    return str(value)


def _by_weight(found: Artefacts) -> set[str]:
    """Names of the strategies that rebalanced to weights; a rule that ordered nothing is taken for one of signals."""
    of = found.metrics["reconciliation"]["strategies"]
    return {name for name, counted in of.items() if "REBALANCE" in counted["orders"]}


def _strategy(entry: Mapping[str, Any], by_weight: bool) -> Terms:
    universe = entry.get("universe")
    if isinstance(universe, list):
        names = ", ".join(map(str, universe[:12]))
        universe = f"{amount(len(universe), 'symbol')}: {names}" + (" and more" if len(universe) > 12 else "")
    elif isinstance(universe, Mapping):
        universe = f"from the file {universe.get('file')}, by date"
    share = entry.get("allocation")
    return [
        ("Rule", f"{entry['type']} on {entry.get('asset_class')}"),
        ("Universe", str(universe)),
        ("Parameters", settings(entry["params"]) if entry.get("params") else "the rule's defaults"),
        ("Share of equity", "equal among the strategies" if share is None else percent(share, 0)),
        ("Sizing", NOT_USED if by_weight else _sizing(entry["sizing"])),
        ("Limits", settings(entry.get("limits") or {})),
        ("Costs", "; ".join(_costs(entry["costs"]))),
    ]


SIZING = {
    "risk_per_trade": "risk {risk} of equity at the initial stop",
    "fixed_fraction": "{fraction} of equity a position",
    "equal_weight": "equal weights",
    "fixed_quantity": "{units:g} units",
    "volatility_target": "volatility of {target_volatility} a year a position",
    "kelly": "{kelly_fraction} of Kelly, at most {kelly_cap} of equity",
}


def _sizing(sizing: Mapping[str, Any]) -> str:
    method = str(sizing["method"])
    shares = {key: percent(value) for key, value in sizing.items() if isinstance(value, (int, float))}
    return SIZING[method].format(**shares, units=sizing.get("quantity", 0)) if method in SIZING else settings(sizing)


def _costs(costs: Mapping[str, Any]) -> Iterable[str]:
    """Commission, slippage and borrow of one strategy, as they were charged."""
    charged = [
        (costs["commission_bps"], f"{costs['commission_bps']:g} bps of traded value"),
        (costs["commission_per_share"], f"{costs['commission_per_share']:g} a share"),
        (costs["commission_per_trade"], f"{costs['commission_per_trade']:g} an order"),
        (costs["commission_minimum"], f"at least {costs['commission_minimum']:g}"),
        (costs["commission_tiers"], "by tiers of the month's volume"),
    ]
    yield "commission " + (", ".join(text for value, text in charged if value) or "none")
    slippage = costs["slippage"]
    model = str(slippage["model"])
    yield {
        "none": "no slippage",
        "fixed": f"slippage {slippage['bps']:g} bps",
        "spread": f"half of a spread of {slippage['spread_bps']:g} bps",
        "full": f"slippage {slippage['base_bps']:g} bps, scaled by range, size and stress, with seeded noise",
        "volume_share": f"slippage {slippage['impact']:g} × (share of the bar's volume)² of price",
        "sqrt_impact": "slippage σ20 × √(quantity over mean volume) of price",
    }.get(model, f"slippage {model}")
    yield f"borrow {percent(costs['borrow_rate'])} a year on shorts"


def _data(found: Artefacts) -> Terms:
    data, quality = found.config["data"], found.quality
    actions = quality["actions"]
    source = f"{data['source']} {masked(str(data.get('path') or ''))}".strip()
    invented = "invented by a generator, not traded" if quality["synthetic"] else str(quality["prices"])
    shown = {
        "raw": "raw, as printed",
        "adjusted": "back-adjusted by the source, traded as they are",
    }.get(invented, invented)
    return [
        ("Source", source),
        ("Symbols", count(len(found.manifest["data"]["symbols"]))),
        ("Prices", shown),
        (
            "Corporate actions",
            f"{amount(actions['splits'], 'split')}, {amount(actions['dividends'], 'dividend')}; applied: "
            + str(quality["adjust"]).replace("_", " "),
        ),
        ("Bars", f"{quality['timeframe']}, calendar {', '.join(quality['calendars'])}"),
        ("Benchmark", str(found.metrics["conventions"]["benchmark"] or "none")),
        ("Hash of the bars", str(found.manifest["data"]["hash"])[:16]),
    ]


def _period(found: Artefacts) -> Terms:
    period, splits = found.manifest["period"], found.config.get("splits")
    terms = [
        ("Measured", f"{period['first']} to {period['last']}, {amount(period['bars'], 'bar')} ({period['name']})"),
        ("Read from", f"{period.get('read_from')}; {amount(period.get('warmup') or 0, 'bar')} of warm-up"),
    ]
    if not splits:
        return [*terms, ("Held out", "nothing: the run file has no splits, so all data was open to development")]
    terms += [(name.capitalize(), " to ".join(map(str, splits[name]))) for name in ("train", "validation") if splits.get(name)]
    held = splits.get("holdout")
    return [*terms, ("Holdout", _holdout(found, f"{held[0]} to {held[1]}") if held else "none")]


def _holdout(found: Artefacts, dates: str) -> str:
    """Whether the holdout is closed, was opened, or is what this run reads."""
    known = found.manifest.get("holdout") or {}
    opened = [str(one["created"]) for one in known.get("openings", ())]
    if found.manifest["period"]["name"] == "holdout":
        text = f"{dates}: this run is look {len(opened)} at it"
    elif opened:
        text = f"{dates}, not read by this run; opened on {', '.join(opened)}"
    else:
        text = f"{dates}, closed: not read"
    return f"{text}; contaminated" if known.get("contaminated") else text


def _portfolio(found: Artefacts, by_weight: set[str]) -> Terms:
    portfolio, execution = found.config["portfolio"], found.config["execution"]
    fill = {
        "next_open": "decided at a close, filled at the next open",
        "same_close": "filled at the close that decided them: nobody can trade that",
    }.get(str(execution["fill"]), str(execution["fill"]))
    stops = {
        "intrabar": "inside the bar, at the stop or at a worse open; stop before target",
        "close": "at closes, filled at the next open",
    }.get(str(execution["stop_evaluation"]), str(execution["stop_evaluation"]))
    signals = any(entry["name"] not in by_weight for entry in found.config["strategies"])

    def of_signals(text: str) -> str:
        if not by_weight or (signals and text in ("off", "none")):
            return text
        return f"{text}; {NOT_USED}" if signals else NOT_USED

    return [
        ("Starting equity", money(portfolio["starting_equity"])),
        ("Orders", fill),
        ("Stops", of_signals(stops)),
        ("Limits", settings(portfolio["limits"])),
        ("Volatility scaling", of_signals(settings(portfolio["volatility_scaling"]))),
        ("Correlation guard", of_signals(_optional(portfolio.get("correlation_guard")))),
        ("Ranking", of_signals(settings(portfolio.get("ranking") or {}))),
        ("Interest on negative cash", f"{percent(portfolio['debit_rate'])} a year"),
    ]


def _optional(values: Mapping[str, Any] | None) -> str:
    return settings(values) if values else "off"


def _conventions(found: Artefacts) -> Terms:
    said, manifest = found.metrics["conventions"], found.manifest
    start = f", {said['benchmark_start']}" if said.get("benchmark_start") else ""
    terms = [
        ("Periods per year", f"{said['periods_per_year']:,g}, of the benchmark's calendar"),
        ("Risk-free rate", f"{percent(said['risk_free'])} a year, {str(said['rates']).partition(', ')[2] or said['rates']}"),
        ("Minimum acceptable return", f"{percent(said['minimum_acceptable_return'])} a year"),
        ("Sampling", f"{said['sampling']}; {count(said['n_periods'])} returns"),
        ("Deviation and quantiles", f"ddof {said['ddof']}; {said['quantiles']}"),
        ("Benchmark", f"{said['benchmark'] or 'none'}{start}"),
        ("Trades", str(said["trades"])),
        ("Money", "in the quote currency of the data"),
        ("Metric specification", f"version {said['metric_specification']}"),
        ("Configuration", f"hash {str(manifest['config_hash'])[:16]}, seed {manifest.get('seed')}"),
        (
            "Code",
            f"hash {str(manifest['code']['hash'])[:16]}, trading-system {manifest['versions'].get('trading-system', '')}",
        ),
    ]
    return [*terms, ("Ruin", f"equity was gone on {said['ruin']}")] if said.get("ruin") else terms


def identity(manifest: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """What names this copy of the run: id, time, place in the journal of trials, run file, repository."""
    terms = [
        ("Run", str(manifest["run_id"])),
        ("Made", str(manifest["created"])),
        ("Trials so far", trials_so_far(manifest["trial"])),
        ("Run file", str(manifest["place"]["run_file"])),
    ]
    git = manifest.get("git")
    if git:
        state = {True: ", changed since", False: ", clean"}.get(git.get("dirty"), "")
        terms.append(("Repository", f"{git.get('branch') or 'detached'} {str(git.get('commit') or '')[:12]}{state}"))
    return terms


TRIALS = (
    "Every backtest of a project is counted before its result is written; the head of this page says whether this is the best of them.",
    "It is of these strategy types on these symbols, and the same work done twice is one trial.",
    "The more trials there were, the better the best of them looks by luck alone.",
    "The figures above are not corrected for it.",
)


def trials(found: Artefacts) -> Section:
    """How many looks at data have been taken so far."""
    return Section("trials", "Trials so far", [Note(TRIALS)])
