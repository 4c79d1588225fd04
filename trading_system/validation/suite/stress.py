"""How much worse would it have been? The run in worlds that are harsher than the data, each beside the run as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from trading_system.errors import DataError, StrategyError
from trading_system.validation import regimes, scenarios, worse
from trading_system.validation.base import Bar, Examination, TestResult, ValidationTest, register
from trading_system.validation.experiment import World
from trading_system.validation.pictures import bars
from trading_system.validation.suite.best_trades import profit_without_best
from trading_system.validation.suite.costs import cost_worlds

if TYPE_CHECKING:
    from trading_system.types import FloatArray, IntArray

Rows = list[dict[str, Any]]
PARTS = ("baseline", "left out", "months", "together")
"""Groups of rows that are parts of the run as it is, and no other world."""
NIGHTS = "all that is held gaps against it on the night after the greatest exposure, and on others spread over the run"
IN_TURN = "each trade in turn, on the night after it was worth most"
MIDWAY = "each name held long in turn, in the middle of the days on which it was held"
DAYS = "one bar of every name falls below its low and comes back, on the same days as the gaps"


@register("stress")
class Stress(ValidationTest):
    """Dearer, later, gapped, delisted, crashed, with holes and noise, from other dates, in bad months."""

    title: ClassVar[str] = "Stress"
    asks: ClassVar[str] = (
        "What would be left in worlds that are worse than the data: costs, delay, gaps, delistings, holes, noise, bad months?"
    )
    null: ClassVar[str] = "None: no world here stands for the absence of an edge."
    reading: ClassVar[str] = (
        "Read each row beside the first one. An edge that a bar of delay, a tenth of the usual move as noise, or another first day takes"
        " away was in the data and not in the rule. Worlds with a loss built in (gaps, delistings, crashes) say how much one of them costs."
    )
    assumes: ClassVar[tuple[str, ...]] = (
        "a world is as bad as its numbers say and no worse: each has one thing wrong",
        "the strategy decides anew in every changed market",
    )
    blind_to: ClassVar[tuple[str, ...]] = (
        "several things going wrong at once, as they do",
        "markets of another kind than any in the data",
    )
    source: ClassVar[str] = "docs/stress.md says for each world what is changed, when, and what stays."
    order: ClassVar[int] = 80

    def run(self, examination: Examination, rng: np.random.Generator) -> TestResult:
        worse.refuse_too_large(examination.experiment.bars, "stress")
        baseline = scenarios.measured(examination.baseline)
        seed = int(rng.integers(2**32))
        cases = list(cases_of(examination, seed))
        table = examination.loop.rows(
            f"stress, {len(cases)} worlds",
            lambda number: _measured(examination, cases[number]),
            len(cases),
            len(scenarios.MEASURED),
        )
        rows = [scenarios.row("as the run file says", "baseline", baseline, baseline)]
        rows += _rows_of_cases(cases, table, baseline)
        rows += left_out(examination, baseline)
        rows += months(examination, baseline)
        rows += together(examination, baseline)
        worst = _worst(rows)
        return TestResult(
            name="stress",
            bars=(Bar("return in the worst scenario", worst[1], unit="fraction"), *_kept_sharpe(rows)),
            work=f"{len(cases)} worlds in {len({case.scenario for case in cases})} scenarios",
            n_worlds=len(cases),
            seed=seed,
            warnings=[*_warnings(cases), *_failures(examination, cases, table)],
            details={
                "worst_scenario": worst[0],
                "scenarios": rows,
                "units": scenarios.UNITS,
                "conventions": list(scenarios.CONVENTIONS),
            },
            picture={"pictures": [_picture(rows)]},
        )


class Case(NamedTuple):
    """One world of one scenario; `world` makes it when it is its turn."""

    scenario: str
    group: str
    world: Callable[[], World]
    note: str = ""


def cases_of(examination: Examination, seed: int) -> Iterator[Case]:
    """Every world of every scenario, in the order of the table; what a world draws follows from `seed` and its own number."""
    told, experiment = examination.settings.stress, examination.experiment
    draws, most = examination.size("stress", "draws"), examination.size("stress", "cases")
    market, ledger = experiment.bars, examination.baseline.ledger
    for name, world in cost_worlds(examination.settings.gates.slippage_multiple).items():
        yield Case(name, "costs", lambda world=world: world)  # type: ignore[misc]
    yield Case("one more bar of delay", "delay", lambda: World(delay=1))
    yield from _starts(examination)
    sides = worse.held_sides(ledger)
    nights = _nights(examination, sides, draws)
    for row in nights:
        yield Case(f"gap {told.gap:.0%}, all positions", "gap", _gap_of_all(market, sides, row, told.gap), NIGHTS)
    for row, column, side in _positions(examination, most):
        yield Case(f"gap {told.gap:.0%}, one position", "gap", _gap_of_one(market, row, column, told.gap * side), IN_TURN)
    for loss in told.delisting:
        for row, column in _holdings(examination, sides, most):
            yield Case(f"delisting -{loss:.0%}", "delisting", _delisting(market, row, column, loss), MIDWAY)
    for row in nights:
        yield Case(f"flash crash {told.flash_crash:.0%}", "crash", _crash(market, sides, row, told.flash_crash), DAYS)
    for place, share in enumerate(told.missing):
        for draw in range(draws):
            yield Case(f"{share:.0%} of bars missing", "data", _missing(market, share, [seed, 1, place, draw]))
    for draw in range(draws):
        yield Case(f"noise {told.noise:.0%} of volatility", "data", _noise(market, told.noise, [seed, 2, draw]))


def _starts(examination: Examination) -> Iterator[Case]:
    experiment, told = examination.experiment, examination.settings.stress
    last = int(experiment.sampled_rows[-1]) if experiment.sampled_rows.size else experiment.first
    for number in range(1, told.start_shifts + 1):
        first = experiment.first + number * told.shift
        if first < last:
            note = f"trading begins {told.shift} to {told.start_shifts * told.shift} bars later"
            yield Case("later start", "start", lambda first=first: World(first=first), note)  # type: ignore[misc]


def _gap_of_all(bars: Any, sides: Any, row: int, gap: float) -> Callable[[], World]:
    return lambda: World(bars=worse.gapped(bars, row + 1, 1.0 - gap * sides[row]))


def _gap_of_one(bars: Any, row: int, column: int, gap: float) -> Callable[[], World]:
    def world() -> World:
        factor = np.ones(bars.n_symbols)
        factor[column] -= gap
        return World(bars=worse.gapped(bars, row + 1, factor))

    return world


def _delisting(bars: Any, row: int, column: int, loss: float) -> Callable[[], World]:
    return lambda: World(bars=worse.delisted(bars, row + 1, column, loss))


def _crash(bars: Any, sides: Any, row: int, depth: float) -> Callable[[], World]:
    return lambda: World(bars=worse.crashed(bars, row + 1, sides[row], depth))


def _missing(bars: Any, share: float, seed: Sequence[int]) -> Callable[[], World]:
    return lambda: World(bars=worse.thinned(bars, share, np.random.default_rng(seed)))


def _noise(bars: Any, share: float, seed: Sequence[int]) -> Callable[[], World]:
    return lambda: World(bars=worse.noisy(bars, share, np.random.default_rng(seed)))


def _nights(examination: Examination, sides: Any, most: int) -> list[int]:
    """Closes at which something is held and a row follows: that of the greatest gross exposure, and others spread evenly."""
    ledger, stop = examination.baseline.ledger, examination.experiment.stop
    rows = np.flatnonzero(sides[: stop - 1].any(axis=1))
    if not rows.size:
        return []
    gross = ledger.gross_exposure[rows - ledger.first]
    worst = int(rows[int(np.argmax(gross))])
    others = _spread(rows[rows != worst], most - 1)
    return sorted({worst, *others.tolist()})


def _positions(examination: Examination, most: int) -> list[tuple[int, int, int]]:
    """Row, column and side of trades at the close at which each was worth most, spread evenly over all trades."""
    ledger, stop = examination.baseline.ledger, examination.experiment.stop
    rows = worse.rows_of_most_value(ledger)
    chosen = _spread(np.flatnonzero((rows >= 0) & (rows < stop - 1)), most)
    trades = ledger.trades[chosen]
    columns = ledger.line_symbol[trades["line"]]
    return list(zip(rows[chosen].tolist(), columns.tolist(), trades["side"].tolist(), strict=True))


def _holdings(examination: Examination, sides: Any, most: int) -> list[tuple[int, int]]:
    """Row and column in the middle of the closes at which each symbol was held long, spread evenly over the symbols."""
    stop = examination.experiment.stop
    long = sides[: stop - 1] > 0
    chosen = _spread(np.flatnonzero(long.any(axis=0)), most)
    held = [np.flatnonzero(long[:, column]) for column in chosen.tolist()]
    return [(int(rows[rows.size // 2]), column) for rows, column in zip(held, chosen.tolist(), strict=True)]


def _spread(values: IntArray, most: int) -> IntArray:
    """At most so many of `values`, evenly spread, the first and the last among them."""
    if values.size <= max(most, 0):
        return values
    return values[np.unique(np.linspace(0, values.size - 1, max(most, 0)).round().astype(np.int64))]


def _rows_of_cases(cases: Sequence[Case], table: FloatArray, baseline: FloatArray) -> Rows:
    """A row, or mean and worst, of every scenario, in order."""
    places: dict[str, list[int]] = {}
    for number, case in enumerate(cases):
        places.setdefault(case.scenario, []).append(number)
    found: Rows = []
    for name, numbers in places.items():
        found += scenarios.rows_of_draws(name, cases[numbers[0]].group, table[numbers], baseline, cases[numbers[0]].note)
    return found


def left_out(examination: Examination, baseline: FloatArray) -> Rows:
    """The run without its best days, and without its best trades."""
    outcome, settings = examination.baseline, examination.settings
    k, best = settings.stress.best_days, settings.gates.best_trades
    rest = np.sort(np.argsort(-outcome.returns, kind="stable")[k:])
    days = _of(examination, outcome.returns[rest], outcome.pnl)
    days[4:] = np.nan  # trades cannot be told from days
    pnl = outcome.pnl
    wins = np.sort(pnl[pnl > 0.0])[::-1][:best]
    left = profit_without_best(pnl, best)
    lost = float(left[0] - left[min(best, left.size - 1)]) / outcome.ledger.starting_equity
    kept = pnl.size - wins.size
    mean = (float(pnl.sum()) - float(wins.sum())) / kept if kept else np.nan
    trades = [float(baseline[0]) - lost, np.nan, np.nan, np.nan, float(kept), mean]
    return [
        scenarios.row(f"without best {k} days", "left out", days, baseline, note="those days are taken out of the series"),
        scenarios.row(
            f"without best {best} trades", "left out", trades, baseline, note="return less their profit / starting equity"
        ),
    ]


def _of(examination: Examination, returns: FloatArray, pnl: FloatArray) -> FloatArray:
    return scenarios.of_returns(returns, pnl, examination.periods_per_year, examination.experiment.config.portfolio.risk_free)


def months(examination: Examination, baseline: FloatArray) -> Rows:
    """The run's own returns in months of one kind, strung together, and the trades that were closed in them."""
    experiment, outcome = examination.experiment, examination.baseline
    session = experiment.bars.session[experiment.sampled_rows].astype(np.int64)
    closes = outcome.benchmark[experiment.sampled_rows]
    trades = outcome.ledger.trades
    closed = np.flatnonzero(trades["open"] == 0)
    period = outcome.sample.period_of(trades["exit_row"][closed], outcome.ledger.first)
    found: Rows = []
    for kind, chosen in regimes.regimes(closes, session).items():
        n = np.unique(regimes.months_of(session[chosen])).size
        values = _of(examination, outcome.returns[chosen], trades["pnl"][closed[chosen[period]]])
        note = f"the {n} such months of the benchmark, of {np.unique(regimes.months_of(session)).size}"
        found.append(scenarios.row(f"{kind} months", "months", values, baseline, note=note))
    return found


def together(examination: Examination, baseline: FloatArray) -> Rows:
    """How holdings moved together while the run was deep in a drawdown, and while it was not."""
    experiment, outcome = examination.experiment, examination.baseline
    rows = experiment.sampled_rows
    close = experiment.bars.adjusted.close
    with np.errstate(invalid="ignore", divide="ignore"):
        change = np.log(close[rows[1:]] / close[rows[:-1]])
    sides = worse.held_sides(outcome.ledger)[rows[:-1]]
    deep = regimes.in_drawdown(outcome.returns)[1:]
    found: Rows = []
    for name, chosen in (("in drawdowns", deep), ("in calm", ~deep)):
        value, pairs = regimes.holdings_correlation(change, sides, chosen)
        if pairs:
            note = f"mean correlation of {pairs} pairs held together, over {int(chosen.sum())} periods"
            nothing = np.full(len(scenarios.MEASURED), np.nan)
            found.append(scenarios.row(f"holdings {name}", "together", nothing, baseline, correlation=value, note=note))
    return found


def _worst(rows: Rows) -> tuple[str, float | None]:
    """The scenario with the lowest return; parts of the run itself are none."""
    told = [row for row in rows if row["total_return"] is not None and row["group"] not in PARTS]
    if not told:
        return "none", None
    least = min(told, key=lambda row: float(row["total_return"]))
    return str(least["scenario"]), float(least["total_return"])


def _picture(rows: Rows) -> dict[str, Any]:
    """Lowest return and deepest drawdown of each group of worlds beside the run's own."""
    told = [row for row in rows if row["group"] == "baseline" or row["group"] not in PARTS]
    groups = list(dict.fromkeys(str(row["group"]) for row in told))
    series = {
        name: [
            min((row[key] for row in told if row["group"] == group and row[key] is not None), default=np.nan)
            for group in groups
        ]
        for name, key in (("return", "total_return"), ("drawdown", "max_drawdown"))
    }
    return bars(
        "The worst of each group of worlds",
        ["as it is" if group == "baseline" else group for group in groups],
        series,
        unit="fraction",
        summary="Lowest return and deepest drawdown in any world of a group, each by itself; the first pair is the run as its file says.",
    )


def _kept_sharpe(rows: Rows) -> list[Bar]:
    """Sharpe ratio with a bar of delay and from the worst first day: what a fragile edge loses first."""
    shown = []
    for group, label in (("delay", "sharpe, one bar later"), ("start", "sharpe, worst first day")):
        found = [row for row in rows if row["group"] == group]
        if found:
            shown.append(Bar(label, found[-1]["sharpe"], why="" if found[-1]["sharpe"] is not None else "not defined there"))
    return shown


def _measured(examination: Examination, case: Case) -> FloatArray:
    """What one world gives; all NaN where the strategy or the engine says that it cannot be run there."""
    try:
        return scenarios.measured(examination.experiment.outcome(case.world()))
    except (DataError, StrategyError):
        return np.full(len(scenarios.MEASURED), np.nan)


def _failures(examination: Examination, cases: Sequence[Case], table: FloatArray) -> list[str]:
    """One sentence per scenario of which worlds could not be run, with what the first of them said."""
    failed = np.isnan(table[:, scenarios.MEASURED.index("n_trades")])
    said: dict[str, str] = {}
    for number in np.flatnonzero(failed).tolist():
        name = cases[number].scenario
        if name in said:
            continue
        worlds = [one for one, case in enumerate(cases) if case.scenario == name]
        try:
            examination.experiment.outcome(cases[number].world())
            why = "it could be run the second time"
        except (DataError, StrategyError) as error:
            why = str(error)
        said[name] = f"{name}: {int(failed[worlds].sum())} of {len(worlds)} worlds could not be run: {why}"
    return list(said.values())


def _warnings(cases: Sequence[Case]) -> list[str]:
    groups = {case.group for case in cases}
    if "gap" not in groups:
        return ["nothing was ever held overnight: gaps, delistings and crashes do not arise"]
    if "delisting" not in groups:
        return ["nothing was ever held long: a delisting would have been a gain"]
    return []
