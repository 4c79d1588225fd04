"""Ours beside the best peers, measured in one run on one machine; prints the table of `docs/performance.md`.

    python benchmarks/speed.py --bench FOLDER --venvs FOLDER [--only w1 w4 ...] [--runs 5]

`--bench` is the folder with the peers' scripts (`gen.py`, `peer_vectorbt.py`, `peer_backtrader.py`, `peer_arch.py`, `peer_quantstats.py`: one
function per workload, each prints JSON lines), `--venvs` a folder with one virtual environment per peer (`vectorbt`, `vectorbt-rust`, `backtrader`,
`arch`, `quantstats`). A goal is met when ours / peer, both
measured here, is at most the goal's own ratio; medians of `--runs`, fresh processes in turn (ours, peer, ours, ...).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
WARM = 50  # runs of a work of a millisecond, ours and the peer's: five would be measured in their first steps
PROGRAM = [sys.executable, "-m", "trading_system"]
RUN_W1 = """\
data: {source: csv, path: w1.csv, calendar: 24/5, benchmark: S000}
strategies:
  - name: crossover
    type: ma_crossover
    params: {fast: 20, slow: 50}
    costs: {commission_bps: 10, slippage: {model: none}}
execution: {lot: {equity: fractional}}
output: {formats: [csv]}
"""
RUN_W4 = """\
data: {source: parquet, path: w4.parquet, calendar: 24/5, benchmark: equal_weight, quality: {split_suspect: ignore}}
strategies:
  - name: breakout
    type: ranked_breakout.py:RankedBreakout
    sizing: {method: risk_per_trade, risk: 0.0075}
    limits: {max_positions: 10}
    costs: {commission_bps: 5, slippage: {model: fixed, bps: 5}}
execution: {lot: {equity: fractional}}
output: {formats: [csv]}
"""


def once(command: list[str], env: dict[str, str] | None = None, cwd: Path | None = None) -> tuple[float, float, str]:
    """Wall seconds, peak MB and standard output of one process; a failure stops the measurement."""
    env = {key: value for key, value in (env or os.environ).items() if key != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=cwd)
    out, err = process.communicate()
    wall = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended {process.returncode}: {err[-2000:]}")
    return wall, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, out


def in_turn(ours: Callable[[], float], peer: Callable[[], float] | None, runs: int) -> tuple[float, float | None]:
    """Medians of both, run one after the other after a warm-up each."""
    ours()
    if peer is not None:
        peer()
    a, b = [], []
    for _ in range(runs):
        a.append(ours())
        if peer is not None:
            b.append(peer())
    return statistics.median(a), statistics.median(b) if b else None


class Measure:
    """The measurements, one method per row of the table."""

    def __init__(self, bench: Path, venvs: Path, runs: int, folder: Path) -> None:
        self.bench, self.venvs, self.runs, self.folder = bench, venvs, runs, folder
        sys.path.insert(0, str(bench))

    def peer(self, venv: str, script: str, workload: str, *words: str, cache: Path | None = None) -> list[dict[str, Any]]:
        env = dict(os.environ, VBT_ENGINE="rust" if venv == "vectorbt-rust" else "numba")
        env["NUMBA_CACHE_DIR"] = str(cache or self.folder / f"numba-{venv}")
        command = [str(self.venvs / venv / "bin" / "python"), str(self.bench / script), workload, *words]
        return [json.loads(line) for line in once(command, env, self.bench)[2].splitlines() if line.startswith("{")]

    def ours(self, workload: str, runs: int = 0, threads: int = 0) -> dict[str, Any]:
        command = [sys.executable, str(HERE / "workloads.py"), str(self.bench), workload, str(runs or self.runs)]
        env = dict(os.environ, TRADING_SYSTEM_THREADS=str(threads)) if threads else None
        line: dict[str, Any] = json.loads(once(command, env)[2].splitlines()[-1])
        return line

    def fresh(self, words: list[str], env: dict[str, str] | None = None) -> float:
        return once([*PROGRAM, *words], env, self.folder)[0]

    def write_w1(self) -> None:
        import gen

        prices, dates = gen.daily(), gen.dates(2520).astype("datetime64[D]")
        rows = zip(dates, *(prices[f][:, 0].tolist() for f in ("open", "high", "low", "close", "volume")), strict=True)
        lines = [f"{date},S000," + ",".join(map(repr, values)) for date, *values in rows]
        (self.folder / "w1.csv").write_text("date,symbol,open,high,low,close,volume\n" + "\n".join(lines) + "\n")
        (self.folder / "w1.yaml").write_text(RUN_W1)

    def write_w4(self) -> None:
        import gen
        import pyarrow as pa
        import pyarrow.parquet as pq

        prices, dates = gen.panel(), gen.dates(2520).astype("datetime64[D]")
        n_bars, n_symbols = prices["close"].shape
        columns: dict[str, Any] = {
            "symbol": np.repeat([f"S{i:03d}" for i in range(n_symbols)], n_bars),
            "date": np.tile(dates, n_symbols),
        }
        columns |= {f: prices[f].T.ravel() for f in ("open", "high", "low", "close", "volume")}
        pq.write_table(pa.table(columns), self.folder / "w4.parquet")
        shutil.copy(HERE / "ranked_breakout.py", self.folder / "ranked_breakout.py")
        (self.folder / "w4.yaml").write_text(RUN_W4)

    def w1(self) -> list[Any]:
        peers = [self.peer(v, "peer_vectorbt.py", "w1", f"n={WARM}")[0]["median"] for v in ("vectorbt", "vectorbt-rust")]
        return ["W1 one symbol, 2,520 bars, warm", self.ours("w1", WARM)["median"], min(peers), "vectorbt", 1e-3 / 16e-3, ""]

    def w1fresh(self) -> list[Any]:
        self.write_w1()
        backtrader = [str(self.venvs / "backtrader" / "bin" / "python"), str(self.bench / "peer_backtrader.py"), "w1", "cold"]
        ours, peer = in_turn(
            lambda: self.fresh(["backtest", "w1.yaml"]), lambda: once(backtrader, cwd=self.bench)[0], self.runs
        )
        return ["W1 fresh process, file to result folder", ours, peer, "backtrader", 0.9 / 0.7, ""]

    def first(self) -> list[Any]:
        self.write_w1()
        env = dict(os.environ, TRADING_SYSTEM_CACHE=str(self.folder / "empty-cache"))
        ours = self.fresh(["backtest", "w1.yaml"], env)
        start = time.perf_counter()
        self.peer("vectorbt", "peer_vectorbt.py", "w1", "cold", cache=self.folder / "empty-vectorbt")
        return ["first run after install", ours, time.perf_counter() - start, "vectorbt", 15 / 43, "one run each"]

    def first4(self) -> list[Any]:
        self.write_w4()
        env = dict(os.environ, TRADING_SYSTEM_CACHE=str(self.folder / "empty-cache-4"))
        ours = self.fresh(["backtest", "w4.yaml"], env)
        return ["first run after install, W4", ours, None, "", None, "goal 15 s; one run"]

    def help(self) -> list[Any]:
        return ["--help", in_turn(lambda: self.fresh(["--help"]), None, self.runs)[0], None, "", None, "goal 0.2 s"]

    def validate(self) -> list[Any]:
        self.write_w1()
        ours = in_turn(lambda: self.fresh(["validate", "config", "w1.yaml"]), None, self.runs)[0]
        return ["validate config", ours, None, "", None, "goal 0.35 s"]

    def w2(self) -> list[Any]:
        ours, peer = self.ours("w2"), self.peer("vectorbt-rust", "peer_vectorbt.py", "w2")[0]
        note = f"peak {ours['peak_mb']:.0f} MB (goal 300), peer {peer['peak_mb']:.0f} MB"
        return ["W2 one symbol, 1,000,000 bars", ours["median"], peer["median"], "vectorbt (Rust)", 0.012 / 0.11, note]

    def best_vectorbt(self, workload: str) -> dict[str, Any]:
        """The faster of its two engines."""
        found = [self.peer(venv, "peer_vectorbt.py", workload)[0] for venv in ("vectorbt", "vectorbt-rust")]
        return min(found, key=lambda line: float(line["median"]))

    def w3(self) -> list[Any]:
        ours, peer = self.ours("w3"), self.peer("vectorbt-rust", "peer_vectorbt.py", "w3c")[0]
        note = f"peak {ours['peak_mb']:.0f} MB (goal 250), peer {peer['peak_mb']:.0f} MB"
        return [
            "W3 sweep, 10,000 pairs x 2,520",
            ours["median"],
            peer["median"],
            "vectorbt (Rust), in chunks",
            0.060 / 4.0,
            note,
        ]

    def w5(self) -> list[Any]:
        peer = self.peer("arch", "peer_arch.py", "w5")[0]
        ours = self.ours("w5", threads=1)
        return ["W5 10,000 stationary resamples", ours["median"], peer["median"], "arch", 0.090 / 0.51, "one thread"]

    def spa(self) -> list[Any]:
        ours, peer = self.ours("spa"), self.peer("arch", "peer_arch.py", "w5spa")[0]
        row = "SPA, 500 strategies x 1,000 resamples"
        return [row, ours["median"], peer["median"], "arch", 0.15 / 1.64, "ours studentised, the peer not"]

    def w6(self) -> list[Any]:
        return self._permutations("w6", "W6 1,000 permuted markets, best return of 100 pairs", 0.15 / 26.0)

    def w6line(self) -> list[Any]:
        return self._permutations("w6line", "W6 the same, best Sharpe ratio: every account and curve", 0.6 / 26.0)

    def _permutations(self, workload: str, row: str, goal: float) -> list[Any]:
        ours, peer = self.ours(workload), self.best_vectorbt("w6")
        whole = peer["median"] * 1_000 / peer["perms"]
        return [row, ours["median"], whole, "vectorbt", goal, f"peer: {peer['perms']} markets, times {1_000 // peer['perms']}"]

    def w7(self) -> list[Any]:
        ours, peer = self.ours("w7"), self.best_vectorbt("w7")
        note = f"peak {ours['peak_mb']:.0f} MB (goal 250), peer {peer['peak_mb']:.0f} MB"
        return ["W7 walk-forward, 20 folds x 500 pairs", ours["median"], peer["median"], "vectorbt", 0.050 / 4.0, note]

    def report(self) -> list[Any]:
        ours, peer = self.ours("report"), self.peer("quantstats", "peer_quantstats.py", "report")[0]
        return [
            "HTML report of 2,520 returns",
            ours["median"],
            peer["median"],
            "quantstats",
            0.3 / 1.55,
            "ours from the ledger on",
        ]

    def w4(self) -> list[Any]:
        ours, peer = self.ours("w4"), self.peer("vectorbt", "peer_vectorbt.py", "w4")[0]
        return ["W4 portfolio, 500 x 2,520", ours["median"], peer["median"], "vectorbt, own callbacks", 0.030 / 0.20, ""]

    def w4all(self) -> list[Any]:
        ours, peer = self.ours("w4all"), self.peer("vectorbt", "peer_vectorbt.py", "w4")[0]
        row = "W4 with every portfolio rule on"
        return [row, ours["median"], peer["median"], "vectorbt, own callbacks", 0.030 / 0.20, "peer without those rules"]

    def w4fresh(self) -> list[Any]:
        self.write_w4()

        def peer() -> float:
            start = time.perf_counter()
            self.peer("vectorbt", "peer_vectorbt.py", "w4", "cold")
            return time.perf_counter() - start

        ours, other = in_turn(lambda: self.fresh(["backtest", "w4.yaml"]), peer, self.runs)
        return ["W4 fresh process", ours, other, "vectorbt", 1.3 / 10, ""]

    def w8(self) -> list[Any]:
        ours, peer = self.ours("w8"), self.peer("vectorbt", "peer_vectorbt.py", "w8")[0]
        note = f"peak {ours['peak_mb'] / ours['input_mb']:.2f} x input (goal 2.5), peer {peer['peak_mb']:.0f} MB"
        return ["W8 portfolio, 3,000 x 5,040", ours["median"], peer["median"], "vectorbt, own callbacks", 0.35 / 2.1, note]


ROWS = (
    "help",
    "validate",
    "w1",
    "w1fresh",
    "first",
    "first4",
    "w2",
    "w3",
    "w4",
    "w4all",
    "w4fresh",
    "w5",
    "spa",
    "w6",
    "w6line",
    "w7",
    "w8",
    "report",
)


def seconds(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value * 1e3:.2f} ms" if value < 1 else f"{value:.2f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", type=Path, required=True)
    parser.add_argument("--venvs", type=Path, required=True)
    parser.add_argument("--only", nargs="*", choices=ROWS, default=ROWS)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    print("| work | ours | peer | | ours / peer | goal's ratio | met | |\n|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        measure = Measure(args.bench.resolve(), args.venvs.resolve(), args.runs, Path(folder))
        for name in args.only:
            work, ours, peer, who, goal, note = getattr(measure, name)()
            ratio = ours / peer if peer else None
            met = "" if goal is None or ratio is None else ("yes" if ratio <= goal else "no")
            cells = [
                work,
                seconds(ours),
                seconds(peer),
                who,
                f"{ratio:.3f}" if ratio else "",
                f"{goal:.3f}" if goal else "",
                met,
                note,
            ]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
