"""How fast run files are answered: good ones within 20 ms of processor time, damaged ones 200 ms, hostile ones a second."""

from __future__ import annotations

import random
import time
from pathlib import Path

from pytest_benchmark.fixture import BenchmarkFixture

from tests.config import mutations
from tests.config.test_fuzz import HOSTILE, attempt
from tests.config.test_loading import DESIGN_RUN, DESIGN_STRATEGY
from trading_system import pipeline
from trading_system.config.loading import load_run
from trading_system.errors import ConfigError


def test_a_run_file_loads_within_20_ms(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(DESIGN_RUN, "utf-8")
    (tmp_path / "equity_config.yaml").write_text(DESIGN_STRATEGY, "utf-8")
    benchmark(load_run, tmp_path / "run.yaml")
    assert benchmark.stats is None or benchmark.stats["min"] < 0.02


def test_damaged_files_are_answered_within_200_ms(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    for kind in ("run", "strategy"):
        (tmp_path / kind).mkdir()
    (tmp_path / "run" / "strategy.yaml").write_text(mutations.emit(mutations.STRATEGY, random.Random(0)), "utf-8")
    slowest = benchmark.pedantic(lambda: max(attempt(tmp_path, seed)[2] for seed in range(2_000)), rounds=1)
    benchmark.extra_info["slowest_cpu_seconds"] = slowest
    print(f"slowest of 2,000: {slowest * 1e3:.0f} ms of processor time (goal 200)")
    assert slowest < 0.2


def refusal(path: Path) -> float:
    """Processor seconds until `path` is refused."""
    start = time.process_time()
    try:
        pipeline.load_run(path)
    except ConfigError:
        return time.process_time() - start
    raise AssertionError("a hostile file was accepted")


def test_hostile_files_are_refused_within_a_second(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    def each() -> dict[str, float]:
        taken = {}
        for name, content in HOSTILE.items():
            (tmp_path / "run.yaml").write_bytes(content)
            taken[name] = refusal(tmp_path / "run.yaml")
        return taken

    taken = benchmark.pedantic(each, rounds=1)
    benchmark.extra_info["cpu_seconds"] = taken
    for name, seconds in sorted(taken.items(), key=lambda item: -item[1]):
        print(f"{seconds * 1e3:7.0f} ms  {name}")
    assert max(taken.values()) < 1.0
