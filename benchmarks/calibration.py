"""Do the statistics say what they claim? 32 experiments with known answers, each number beside its band.

    python benchmarks/calibration.py                              all of it, in its full size (about an hour on one core)
    python benchmarks/calibration.py --profile reduced --only 1,2
    python benchmarks/calibration.py --resume                     go on where a stopped run was
    python benchmarks/calibration.py --resume --docs docs/calibration.md

Every data set follows from a fixed seed and its own number, so a number outside its band is a defect to find, not bad luck and not
a seed to change. Finished data sets are kept in `--folder`; `--resume` reads them as long as the experiment and the statistics are
the same. Exit code 1 when a number lies outside its band.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
from experiments import leaks, markets, sharpe, snooping
from experiments.base import Experiment, FloatArray, Line, Part

from trading_system.validation.loop import Loop, Store

MODULES = (markets, sharpe, snooping, leaks)
NOT_STATISTICS = {"__init__", "base", "experiment", "loop", "search", "trials"}


def experiments() -> dict[int, tuple[ModuleType, Experiment]]:
    """Every experiment by its number, with the file that it stands in."""
    return {each.number: (module, each) for module in MODULES for each in module.EXPERIMENTS}


def state_of(module: ModuleType) -> str:
    """sha256 over the file of some experiments, what all of them share, and the statistics."""
    import trading_system.validation as room

    here = Path(str(module.__file__))
    statistics = sorted(path for path in Path(room.__path__[0]).glob("*.py") if path.stem not in NOT_STATISTICS)
    total = hashlib.sha256()
    for path in (here, here.with_name("base.py"), *statistics):
        total.update(path.read_bytes())
    return total.hexdigest()


class Rows:
    """Rows of parts, made once and kept in a file per family of experiments.

    Parameters
    ----------
    folder : Path
    full : bool
        The full profile, or the reduced one.
    fresh : bool
        Forget what is kept.
    """

    def __init__(self, folder: Path, *, full: bool, fresh: bool) -> None:
        self.folder, self.full, self.fresh = folder, full, fresh
        self._stores: dict[ModuleType, Store] = {}
        self._rows: dict[str, FloatArray] = {}
        self._told = 0.0

    def of(self, module: ModuleType, parts: Iterable[Part]) -> dict[str, FloatArray]:
        """Part -> rows, shape (data sets, width)."""
        if module not in self._stores:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._stores[module] = Store(self.folder, state_of(module), fresh=self.fresh)
        loop = Loop(self._progress, self._stores[module])
        found = {}
        for part in parts:
            if part.name not in self._rows:
                n = part.full if self.full else part.reduced
                self._rows[part.name] = loop.rows(f"{part.name}, {n} data sets", part.row, n, part.width)
            found[part.name] = self._rows[part.name]
        return found

    def close(self) -> None:
        """Let go of the files; what is in them stays."""
        for store in self._stores.values():
            store.close(done=False)

    def _progress(self, name: str, done: int, of: int) -> None:
        now = time.monotonic()
        if done == of or now - self._told > 20.0:
            self._told = now
            print(f"{name}: {done} done", file=sys.stderr, flush=True)


def judged(number: int, rows: Rows) -> list[Line]:
    """Every number of one experiment beside its band."""
    module, experiment = experiments()[number]
    return experiment.judge(rows.of(module, experiment.parts), rows.full)


def shown(value: float, line: Line) -> str:
    """A number as the table says it."""
    if not np.isfinite(value):
        return ""
    return f"{100.0 * value:.4g} %" if line.percent else f"{value:.4g}"


def band(line: Line) -> str:
    """What a number must be."""
    low, high = shown(line.low, line), shown(line.high, line)
    if line.low == line.high:
        return low
    return f"{low} to {high}" if low and high else f"at least {low}" if low else f"at most {high}" if high else "reported"


def verdict(line: Line) -> str:
    return "" if line.told else "yes" if line.held else "**no**"


def table(found: dict[int, list[Line]]) -> str:
    """The results as Markdown."""
    said = ["| # | experiment | measured | must be | reference | held |", "|---|---|---|---|---|---|"]
    for number, lines in found.items():
        experiment = experiments()[number][1]
        for place, line in enumerate(lines):
            first = (str(number), f"**{experiment.title}**: ", experiment.reference) if place == 0 else ("", "", "")
            cells = (first[0], first[1] + line.what, shown(line.measured, line), band(line), first[2], verdict(line))
            said.append("| " + " | ".join(cells) + " |")
    return "\n".join(said)


def sizes(numbers: Iterable[int], *, full: bool) -> str:
    """How many data sets each part has."""
    parts = {part.name: part.full if full else part.reduced for n in numbers for part in experiments()[n][1].parts}
    return "; ".join(f"{name} {n:,}" for name, n in parts.items())


def document(found: dict[int, list[Line]]) -> str:
    """``docs/calibration.md``."""
    n_lines = sum(not line.told for lines in found.values() for line in lines)
    held = sum(line.held and not line.told for lines in found.values() for line in lines)
    return f"""# Calibration

A test that is said to err in 5 of 100 cases must err in 5 of 100 cases. So every statistic of `trading-system` is asked questions whose
answers are known: on pure noise it must reject about 5 % of data sets, neither more nor fewer; where something was planted it must find
it; and the **negative controls**, ways of testing that are known to be wrong, must be seen to be wrong, or the experiment could not tell.

Written by `python benchmarks/calibration.py --docs docs/calibration.md` from its full profile, with fixed seeds; a number outside its band is a
defect to find, never a seed to change. The same experiments run on fewer data sets, with bands as much wider, in the test suite. All of them in
the full size take less than an hour on one core; `--resume` goes on with a run that was stopped.

**{held} of {n_lines} numbers lie in their bands.** Rejection rates answer to the 99.9 % binomial band of their number of data sets (of 2,000: 3.45 to
6.65 %). *Reference* is what independent code gave for the same experiment; *reported* numbers have no band. Experiment 3 is a way of testing that the
program itself refuses: see [validation](validation.md).

{table(found)}

## How much was done

Data sets of each kind: {sizes(found, full=True)}.

A data set is drawn from the seed, the name of its kind and its own number; permutation tests make 199 permuted markets of each, intervals 999 resamples,
tests of sets of strategies 299. Made with Python {platform.python_version()} and numpy {np.__version__}; the bytes do not depend on threads, chunks or interruptions
(experiment 32).

## What is measured

- **1 to 5**: a random walk of {markets.STEPS} steps a day (a gap and eight of the body), drift 0.05 % and volatility 1 % a day, T = 750; the rule is long above the average
  of the last closes and short below it, held to the next close; lookbacks {markets.LOOKBACKS[0]} to {markets.LOOKBACKS[-1]}, the fixed one {markets.LOOKBACKS[markets.FIXED]}. Under GARCH the coefficients are 0.08 and 0.90. Walk-forward: train 250, test 50,
  permuted behind the first training window.
- **6, 7**: the drift is a latent AR(0.97) of 0.22 sigma; the fixed rule's true Sharpe ratio is about 1.57. Train 378, test 63.
- **8, 11, 13**: the skewed mixture is a Normal with a 2 % chance of a crash, skewness -2.5 and raw kurtosis 17.
- **20 to 22**: true annual Sharpe ratio 1, daily returns.
- **28**: a rule that is long 60 % of the time in runs, independent of a market with a drift of 0.08 % a day.
- **29**: features are two random walks, labels the sign of the next 20 returns, which nothing predicts; five folds.
"""


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="32 experiments with known answers")
    parser.add_argument("--only", default="", help="numbers of experiments, as 1,2")
    parser.add_argument("--profile", choices=("full", "reduced"), default="full")
    parser.add_argument("--resume", action="store_true", help="go on with what a stopped run has kept")
    parser.add_argument("--folder", type=Path, default=Path(".trading-system"), help="where finished data sets are kept")
    parser.add_argument("--docs", type=Path, help="write the page with the table; the full profile with all experiments")
    asked = parser.parse_args(argv)
    asked.numbers = [int(word) for word in asked.only.split(",")] if asked.only else sorted(experiments())
    unknown = [n for n in asked.numbers if n not in experiments()]
    if unknown:
        parser.error(f"there is no experiment {unknown[0]}; there are 1 to {max(experiments())}")
    if asked.docs and (asked.only or asked.profile != "full"):
        parser.error("--docs needs the full profile with all experiments")
    return asked


def main(argv: Sequence[str] | None = None) -> int:
    asked = arguments(argv)
    rows = Rows(asked.folder, full=asked.profile == "full", fresh=not asked.resume)
    try:
        found = {number: judged(number, rows) for number in asked.numbers}
    finally:
        rows.close()
    print(table(found))
    if asked.docs:
        asked.docs.write_text(document(found), encoding="utf-8")
    wrong = [f"{number} {line.what}" for number, lines in found.items() for line in lines if not (line.held or line.told)]
    print("\n" + ("outside their bands: " + "; ".join(wrong) if wrong else "every number lies in its band"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
