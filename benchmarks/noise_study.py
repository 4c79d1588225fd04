"""Does the verdict fool anybody? The shipped momentum file with its grid on markets without and with an edge.

    python benchmarks/noise_study.py                      all of it: about two hours on two cores
    python benchmarks/noise_study.py --markets 10         fewer markets of each kind
    python benchmarks/noise_study.py --resume             go on where a stopped run was
    python benchmarks/noise_study.py --resume --docs docs/noise-study.md

Every market has 10 symbols and 2,520 daily bars: GARCH(1,1) volatility with Student-t(5) shocks, one common factor, overnight gaps. An
edge is a latent AR(0.97) trend in each symbol's own returns. Its size is set on 50 other markets, so that the best point of the grid
(the one with the highest mean) has a true Sharpe ratio of 1.5, 2.0 and 2.5 after costs. On every market the grid is searched as
`optimize` does it, its best point written into the run file, and that run judged by every test with a rejection bar, 199 permuted
markets with the whole search in each. Exit code 1 when a bar of the table is not met.

A market follows from its seed alone; finished ones are kept in `--folder`, one JSON line each.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SYMBOLS, BARS, PERMUTATIONS, HAND_EDITED, CALIBRATION = 10, 2520, 199, 400, 50
GATED = (
    "performance", "best_trades", "costs", "bootstrap", "permutation", "familywise", "overfitting", "walk_forward", "lookahead",
)  # fmt: skip
TARGETS = (1.5, 2.0, 2.5)
WORKERS = max(1, min(2, os.cpu_count() or 1))


# markets -------------------------------------------------------------------------------------------------------------------
def market(seed: int, edge: float) -> Any:
    """Bars of one synthetic market; `edge` is the deviation of the latent trend as a share of each symbol's own volatility."""
    from trading_system.data.bars import Bars

    draw = np.random.default_rng(np.random.SeedSequence([20260101, seed]))
    common, common_deviation = clustered(draw, 1, 0.0085)
    own_volatility = 0.014 * draw.uniform(0.6, 1.5, SYMBOLS)
    own, own_deviation = clustered(draw, SYMBOLS, 1.0)
    beta = draw.uniform(0.5, 1.5, SYMBOLS)
    latent = np.zeros((BARS, SYMBOLS))
    kicks = draw.standard_normal((BARS, SYMBOLS)) * np.sqrt(1.0 - 0.97**2)
    latent[0] = draw.standard_normal(SYMBOLS)
    for t in range(1, BARS):
        latent[t] = 0.97 * latent[t - 1] + kicks[t]
    deviation = np.sqrt((common_deviation * beta) ** 2 + (own_deviation * own_volatility) ** 2)
    total = common * beta + own * own_volatility - 0.5 * deviation**2 + edge * own_volatility * latent
    gap = 0.35**2 * total + deviation * 0.35 * np.sqrt(1.0 - 0.35**2) * draw.standard_normal((BARS, SYMBOLS))
    inside = total - gap
    room = -2.0 * (deviation**2 * 0.65) * np.log(draw.uniform(1e-9, 1.0, (2, BARS, SYMBOLS)))
    above, below = 0.5 * (inside + np.sqrt(inside**2 + room[0])), 0.5 * (inside - np.sqrt(inside**2 + room[1]))
    log_close = np.log(draw.uniform(20.0, 200.0, SYMBOLS)) + np.cumsum(total, axis=0)
    log_open = log_close - inside
    volume = np.exp(np.log(5e7) + 0.3 * draw.standard_normal((BARS, SYMBOLS))) / np.exp(log_close)
    return Bars.daily(
        np.exp(log_close), open=np.exp(log_open), high=np.exp(log_open + above), low=np.exp(log_open + below), volume=volume,
        first="2010-01-04", calendars=("XNYS",), periods_per_year=252.0,
    )  # fmt: skip


def clustered(draw: np.random.Generator, n: int, volatility: float) -> tuple[Any, Any]:
    """GARCH(1,1) shocks with Student-t(5) innovations and their deviations, each (n_bars, n)."""
    shock = np.clip(draw.standard_t(5, (BARS, n)) / np.sqrt(5.0 / 3.0), -8.0, 8.0)
    variance, out, deviation = np.full(n, volatility**2), np.empty((BARS, n)), np.empty((BARS, n))
    for t in range(BARS):
        deviation[t] = np.sqrt(variance)
        out[t] = shock[t] * deviation[t]
        variance = 0.02 * volatility**2 + 0.08 * out[t] ** 2 + 0.90 * variance
    return out, deviation


# one market ----------------------------------------------------------------------------------------------------------------
def shipped() -> Any:
    """The shipped momentum file as a run, with the sizes of this study."""
    from trading_system.pipeline import load_run

    config = load_run(ROOT / "EXAMPLE_CONFIGS" / "equity_config.yaml").config
    sizes = config.validation.permutation.model_copy(update={"resamples": PERMUTATIONS})
    return config.model_copy(
        update={"validation": config.validation.model_copy(update={"permutation": sizes}), "splits": None}
    )


def experiment_on(bars: Any, config: Any) -> Any:
    """The experiment of a configuration on given bars; trading begins after the longest warm-up of its grid."""
    from trading_system.data.loading import Market
    from trading_system.validation.experiment import Experiment

    return Experiment(config, ROOT, Market(bars, {}, (), {}), FIRST)


FIRST = 80  # above the warm-up of every point of the grid


def searched(bars: Any, config: Any) -> Any:
    """The grid on this market."""
    from trading_system.validation.loop import Loop
    from trading_system.validation.search import search_of

    return search_of(experiment_on(bars, config), Loop())


def verdict_of(experiment: Any, returns: Any, n_trials: int) -> dict[str, Any]:
    """Every test with a bar, on one configuration that was chosen among `n_trials`; `returns` are theirs, its own last."""
    from trading_system.validation.base import Examination, FamilyTrials
    from trading_system.validation.loop import Loop
    from trading_system.validation.verdict import examined

    deviation = returns.std(axis=0, ddof=1)
    sharpes = returns.mean(axis=0)[deviation > 0.0] / deviation[deviation > 0.0]
    family = FamilyTrials(n_trials, 1, returns, False, float(sharpes.var(ddof=1)), n_covered=n_trials)
    found = examined(Examination(experiment, Loop(), family), GATED)
    metrics = experiment.baseline.summary.metrics
    return {
        "yes": not found.refused,
        "refused": found.refused,
        "errors": {one.name: one.error for one in found.results if one.error},
        "sharpe": metrics["sharpe"],
        "volatility": metrics["ann_vol"],
        "p": {one.name: one.p_value for one in found.results if one.p_value is not None},
    }


def judged(seed: int, edge: float) -> dict[str, Any]:
    """Search the grid, take its best point for the run's own, judge it."""
    from trading_system.config.changes import changed

    bars, config = market(seed, edge), shipped()
    search = searched(bars, config)
    best = search.best
    experiment = experiment_on(bars, changed(config, search.points[best]))
    returns = np.column_stack([np.delete(search.returns, best, axis=1), search.returns[:, best]])
    return verdict_of(experiment, returns, returns.shape[1])


def hand_edited(seed: int) -> dict[str, Any]:
    """The best of many configurations that were edited by hand, with no grid to search again."""
    from trading_system.config.changes import changed
    from trading_system.validation.experiment import World

    bars, config = market(seed, 0.0), shipped()
    config = config.model_copy(update={"strategies": tuple(one.model_copy(update={"grid": {}}) for one in config.strategies)})
    draw, experiment = np.random.default_rng(np.random.SeedSequence([77, seed])), experiment_on(bars, config)
    settings = [edited(draw) for _ in range(HAND_EDITED)]
    returns = np.column_stack([experiment.outcome(World(settings=one)).returns for one in settings])
    with np.errstate(all="ignore"):
        sharpes = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
    best = int(np.nanargmax(sharpes))
    returns = np.column_stack([np.delete(returns, best, axis=1), returns[:, best]])
    return verdict_of(experiment_on(bars, changed(config, settings[best])), returns, HAND_EDITED)


def edited(draw: np.random.Generator) -> dict[str, Any]:
    """Parameters as somebody who looks for better ones would type them."""
    return {
        "strategies.0.params.trend_ma": int(draw.integers(20, 61)),
        "strategies.0.params.trend_lookback": int(draw.integers(5, 20)),
        "strategies.0.params.fast_breakout": int(draw.integers(5, 41)),
        "strategies.0.params.slow_breakout": int(draw.integers(30, 71)),
        "strategies.0.params.exit_ma": int(draw.integers(5, 51)),
        "strategies.0.params.stop_atr": float(np.round(draw.uniform(1.0, 5.0), 2)),
    }


# the size of an edge -------------------------------------------------------------------------------------------------------
def calibrated(seed: int, edge: float) -> dict[str, Any]:
    """Sharpe ratio and volatility of every point of the grid on one market of those that set the size of an edge."""
    search = searched(market(seed, edge), shipped())
    deviation = search.returns.std(axis=0, ddof=1) * 252.0**0.5
    with np.errstate(all="ignore"):
        sharpes = search.returns.mean(axis=0) * 252.0 / deviation
    return {"sharpes": np.nan_to_num(sharpes).tolist(), "volatilities": deviation.tolist()}


def true_sharpe(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Highest mean Sharpe ratio of a point over the markets, and that point's mean volatility."""
    means = np.mean([row["sharpes"] for row in rows], axis=0)
    best = int(np.argmax(means))
    return float(means[best]), float(np.mean([row["volatilities"] for row in rows], axis=0)[best])


def edges(work: Work) -> dict[float, tuple[float, float, float]]:
    """Target -> size of the edge, its true Sharpe ratio, volatility: by secant steps on the calibration markets."""
    found = {}
    low, high = 0.0, 0.3
    known: dict[float, tuple[float, float]] = {}

    def at(edge: float) -> tuple[float, float]:
        edge = round(edge, 6)
        if edge not in known:
            known[edge] = true_sharpe(work.rows("calibrated", [(seed, edge) for seed in range(90_000, 90_000 + CALIBRATION)]))
            print(f"edge {edge:.4f}: true Sharpe ratio {known[edge][0]:.3f}, volatility {known[edge][1]:.3f}", flush=True)
        return known[edge]

    for target in TARGETS:
        a, b = low, high
        for _ in range(8):
            sharpe_a, sharpe_b = at(a)[0], at(b)[0]
            if sharpe_b < target:
                b *= 1.5
                continue
            edge = a + (b - a) * (target - sharpe_a) / (sharpe_b - sharpe_a)
            sharpe, volatility = at(edge)
            found[target] = (round(edge, 6), sharpe, volatility)
            if abs(sharpe - target) <= 0.05:
                break
            a, b = (edge, b) if sharpe < target else (a, edge)
    return found


# many markets --------------------------------------------------------------------------------------------------------------
JOBS = {"judged": judged, "calibrated": calibrated, "hand_edited": lambda seed, edge: hand_edited(seed)}


class Work:
    """Rows of jobs, kept as JSON lines; missing ones are made by child processes, each with one thread."""

    def __init__(self, folder: Path, *, fresh: bool) -> None:
        self.folder = folder / state()[:16]
        self.folder.mkdir(parents=True, exist_ok=True)
        if fresh:
            for path in self.folder.glob("*.jsonl"):
                path.unlink()

    def rows(self, job: str, arguments: Sequence[tuple[int, float]]) -> list[dict[str, Any]]:
        """A row per (seed, edge), in their order."""
        have = self._have(job)
        missing = [one for one in arguments if one not in have]
        children = []
        for number in range(WORKERS):
            mine = missing[number::WORKERS]
            if mine:
                path = self.folder / f"{job}-{number}.jsonl"
                command = [sys.executable, __file__, "--job", job, "--append", str(path), "--seeds", json.dumps(mine)]
                children.append(subprocess.Popen(command, env={**os.environ, "TRADING_SYSTEM_THREADS": "1"}))
        for child in children:
            if child.wait():
                raise SystemExit(f"a child failed with exit code {child.returncode}; --resume goes on")
        have = self._have(job)
        return [have[one] for one in arguments]

    def _have(self, job: str) -> dict[tuple[int, float], dict[str, Any]]:
        return {(row["seed"], row["edge"]): row for path in sorted(self.folder.glob(f"{job}-*.jsonl")) for row in read(path)}


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Whole lines of a checkpoint; a last line that was cut off is left out."""
    for line in path.read_text("utf-8").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return


def append(job: str, path: Path, arguments: Sequence[Sequence[Any]]) -> None:
    """Do some markets of a job, each kept when it is finished."""
    if path.exists() and not path.read_bytes().endswith(b"\n"):
        path.write_bytes(path.read_bytes().rpartition(b"\n")[0] + b"\n")
    with path.open("a", encoding="utf-8") as file:
        for seed, edge in arguments:
            start = time.perf_counter()
            row = {"seed": seed, "edge": edge, **JOBS[job](seed, edge), "seconds": round(time.perf_counter() - start, 2)}
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())


def state() -> str:
    """sha256 of this file, the shipped file and the package: what the rows depend on."""
    total = hashlib.sha256()
    for path in (
        Path(__file__),
        ROOT / "EXAMPLE_CONFIGS" / "equity_config.yaml",
        *sorted((ROOT / "trading_system").rglob("*.py")),
    ):
        if not {"cli", "reports"}.intersection(path.parts):
            total.update(path.read_bytes())
    return total.hexdigest()


# the table -----------------------------------------------------------------------------------------------------------------
@dataclasses.dataclass(frozen=True)
class Line:
    """One kind of market: how often the verdict was yes, what is asked of that, which bars refused."""

    name: str
    rows: Sequence[Mapping[str, Any]]
    least: float | None = None
    most: float | None = None

    @property
    def share(self) -> float:
        return sum(row["yes"] for row in self.rows) / len(self.rows)

    @property
    def held(self) -> bool:
        return (self.least is None or self.share >= self.least) and (self.most is None or self.share <= self.most)

    def cells(self) -> list[str]:
        refused = Counter(name for row in self.rows for name in row["refused"])
        asked = (
            f"at least {self.least:.0%}"
            if self.least is not None
            else f"at most {self.most:.0%}"
            if self.most is not None
            else "published"
        )
        counts = ", ".join(f"{name} {number}" for name, number in refused.most_common()) or "none"
        seconds = float(np.median([row["seconds"] for row in self.rows]))
        return [
            self.name,
            str(len(self.rows)),
            f"{self.share:.1%}",
            asked,
            "yes" if self.held else "NO",
            counts,
            f"{seconds:.0f} s",
        ]


HEADER = ("markets", "number", "verdict yes", "asked", "held", "refused by", "median time")


def page(lines: Sequence[Line], sizes: Mapping[float, tuple[float, float, float]]) -> str:
    """The table as a page of the documents."""
    said = "\n".join(
        f"- target {target}: trend of {edge:.4f} own deviations, measured Sharpe ratio {sharpe:.2f}, volatility {volatility:.1%}"
        for target, (edge, sharpe, volatility) in sizes.items()
    )
    table = "\n".join(
        "| " + " | ".join(cells) + " |" for cells in (HEADER, ["---"] * len(HEADER), *(line.cells() for line in lines))
    )
    intro = "\n".join((__doc__ or "").strip().splitlines()[7:])
    return f"# Does the verdict fool anybody?\n\nMade by `benchmarks/noise_study.py`.\n\n{intro}\n\n## Size of the edges\n\n{said}\n\n## Result\n\n{table}\n"


def main() -> int:
    told = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    told.add_argument("--markets", type=int, default=100, help="markets of each kind")
    told.add_argument("--folder", type=Path, default=Path("noise-study"), help="where finished markets are kept")
    told.add_argument("--resume", action="store_true", help="go on with what is there")
    told.add_argument("--docs", type=Path, help="write the page here")
    told.add_argument("--only", choices=("noise", "hand", "edge"), action="append", help="some of the kinds")
    told.add_argument("--job", help=argparse.SUPPRESS)
    told.add_argument("--append", type=Path, help=argparse.SUPPRESS)
    told.add_argument("--seeds", help=argparse.SUPPRESS)
    given = told.parse_args()
    if given.job:
        append(given.job, given.append, json.loads(given.seeds))
        return 0
    work, kinds, n = Work(given.folder, fresh=not given.resume), given.only or ["noise", "hand", "edge"], given.markets
    lines: list[Line] = []
    sizes: dict[float, tuple[float, float, float]] = {}
    if "noise" in kinds:
        lines.append(Line("no edge, grid searched", work.rows("judged", [(seed, 0.0) for seed in range(n)]), most=0.02))
    if "hand" in kinds:
        rows = work.rows("hand_edited", [(10_000 + seed, 0.0) for seed in range(n)])
        lines.append(Line(f"no edge, best of {HAND_EDITED} edited by hand", rows, most=0.05))
    if "edge" in kinds:
        sizes = edges(work)
        for target, (edge, _, _) in sizes.items():
            rows = work.rows("judged", [(20_000 + seed, edge) for seed in range(n)])
            lines.append(Line(f"Sharpe ratio {target}", rows, least=0.70 if target == 2.5 else None))
    text = page(lines, sizes)
    print(text)
    if given.docs:
        given.docs.write_text(text, "utf-8")
    errors = {name: text for line in lines for row in line.rows for name, text in row["errors"].items()}
    for name, text in errors.items():
        print(f"in error: {name}: {text}", file=sys.stderr)
    return 0 if all(line.held for line in lines) else 1


if __name__ == "__main__":
    raise SystemExit(main())
