"""Damaged and hostile run files: one kind of exception, a place for every mistake, and a second opinion on what passes."""

from __future__ import annotations

import difflib
import random
import re
import time
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.config import mutations, yaml_oracle
from trading_system import pipeline
from trading_system.config import loading, yaml_reader
from trading_system.config.loading import LoadedRun, load_run
from trading_system.config.models import MAX_STRATEGIES, RunConfig
from trading_system.config.schema import schema
from trading_system.errors import MAX_PROBLEMS, ConfigError
from trading_system.strategies import parameters

SCHEMAS = {"run": schema("run"), "strategy": schema("strategy")}
PLACE = re.compile(r"(run|strategy)\.yaml:[1-9][0-9]*: \S")


def attempt(folder: Path, seed: int) -> tuple[str, LoadedRun | ConfigError, float]:
    """The verdict on one mutation, and the processor seconds that it took; `benchmarks/test_config.py` looks at those."""
    kind, base = ("run", mutations.RUN) if seed % 2 else ("strategy", mutations.STRATEGY)
    text = mutations.Damage(seed).text(base)
    (folder / kind / f"{kind}.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    start = time.process_time()
    try:
        verdict: LoadedRun | ConfigError = load_run(folder / kind / f"{kind}.yaml")
    except ConfigError as error:
        verdict = error
    return kind, verdict, time.process_time() - start


def judge(folder: Path, seeds: range) -> Counter[str]:
    """Check every claim on these mutations; the counts of what happened."""
    counts: Counter[str] = Counter()
    for kind in ("run", "strategy"):
        (folder / kind).mkdir()
    (folder / "run" / "strategy.yaml").write_text(mutations.emit(mutations.STRATEGY, random.Random(0)), "utf-8")
    for seed in seeds:
        kind, verdict, _ = attempt(folder, seed)
        if isinstance(verdict, ConfigError):
            counts["rejected"] += 1
            for problem in verdict.problems or (verdict,):
                assert PLACE.match(problem.where.removeprefix(f"{folder / kind}/")), f"seed {seed}: {problem}"
                assert str(problem).isprintable(), f"seed {seed}: {problem!r}"
        else:
            counts["accepted"] += 1
            assert yaml_oracle.errors(folder / kind / f"{kind}.yaml", SCHEMAS[kind]) == [], f"seed {seed}"
            assert RunConfig.model_validate(verdict.config.model_dump()) == verdict.config, f"seed {seed}"
            if seed % 4 < 2:
                (folder / "run" / "again.yaml").write_text(verdict.resolved, "utf-8")
                assert load_run(folder / "run" / "again.yaml").hash == verdict.hash, f"seed {seed}"
    return counts


def test_damaged_files_are_refused_with_their_place_or_pass_the_schema(tmp_path: Path) -> None:
    counts = judge(tmp_path, range(500))
    assert counts["rejected"] > 200 and counts["accepted"] > 50


@pytest.mark.slow
@pytest.mark.no_cover  # 500 of them are measured above; tracing every line more than doubles what these take
@pytest.mark.parametrize("thousand", range(10))
def test_ten_thousand_damaged_files_are_refused_with_their_place_or_pass_the_schema(tmp_path: Path, thousand: int) -> None:
    counts = judge(tmp_path, range(1_000 * thousand, 1_000 * (thousand + 1)))
    assert counts["rejected"] > 400 and counts["accepted"] > 100


def test_undamaged_files_of_the_fuzzer_are_accepted(tmp_path: Path) -> None:
    for seed in range(20):
        rng = random.Random(seed)
        (tmp_path / "strategy.yaml").write_text(mutations.emit(mutations.STRATEGY, rng), "utf-8")
        (tmp_path / "run.yaml").write_text(mutations.emit(mutations.RUN, rng), "utf-8")
        for kind in ("run", "strategy"):
            load_run(tmp_path / f"{kind}.yaml")
            assert yaml_oracle.errors(tmp_path / f"{kind}.yaml", SCHEMAS[kind]) == []


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
STRATEGY_WITH = b"strategies: [{name: a, type: %s, params: {%s}}]"
HOSTILE = {
    "alias bomb": BOMB.encode(),
    "alias to itself": b"a: &a [*a]\n",
    "merge bomb": b"a: &a {x: 1}\nb: {<<: [*a, *a, *a]}\n",
    "10,000 flow lists": b"[" * 10_000,
    "10,000 closed flow lists": b"[" * 10_000 + b"]" * 10_000,
    "10,000 flow mappings": b"{a: " * 10_000,
    "10,000 block lists": b"- " * 10_000 + b"x",
    "10,000 nested keys": b"".join(b" " * n + b"a:\n" for n in range(1_000)),
    "complex keys": b"? " * 10_000 + b"x",
    "1 MB of flow lists": b"[" * 999_999,
    "1 MB of items": b"universe: [" + b"a," * 499_000 + b"]",
    "1 MB of wrong keys": b"".join(b"dat%05d: 1\n" % n for n in range(70_000)),
    "1 MB of near misses": b"portfolio:\n" + b"".join(b"  limit%05d: 1\n" % n for n in range(55_000)),
    "1 MB of traps": b"name: a\ntype: b\nparams:\n  x: [" + b"no," * 300_000 + b"]",
    "1 MB of duplicates": b"data: 1\n" * 120_000,
    "1 MB of duplicated symbols": b"name: a\ntype: b\nuniverse: [" + b"AA, AB, " * 60_000 + b"]",
    "1 MB key": b"a" * 999_000 + b": 1",
    "1 MB value": b"name: " + b"a" * 999_000,
    "1 MB quoted": b"'" + b"a" * 999_990,
    "1 MB number": b"seed: " + b"9" * 999_000,
    "1 MB fraction": b"portfolio: {starting_equity: 1." + b"9" * 900_000 + b"}",
    "1 MB of lines": b"\n" * 999_999 + b"a",
    "1 MB of comments": b"# x\n" * 249_000,
    "1 MB of tabs": b"\t" * 999_999,
    "1 MB of documents": b"---\n" * 249_000,
    "1 MB of anchors": b"&a " * 333_000,
    "1 MB of directives": b"%TAG ! x\n" * 100_000,
    "50 MB": b"a: b\n" * 10_000_000,
    "as many wrong keys as are read": b"".join(b"dat%05d: 1\n" % n for n in range(24_900)),
    "as many near misses as are read": b"portfolio:\n" + b"".join(b"  limit%05d: 1\n" % n for n in range(24_900)),
    "as many traps as are read": b"name: a\ntype: b\nparams:\n  x: [" + b"no," * 49_000 + b"]",
    "as many cut numbers as are read": b"portfolio: {" + b"".join(b"x%05d: 1, %05d, " % (n, n) for n in range(12_000)) + b"}",
    "24,900 parameters": STRATEGY_WITH % (b"ma_crossover", b", ".join(b"fst%05d: 1" % n for n in range(24_900))),
    "24,900 columns": b"data: {columns: {" + b", ".join(b"opn%05d: 1" % n for n in range(24_900)) + b"}}",
    "24,900 calendars": b"data: {calendar: {" + b", ".join(b"equity%05d: XNIS" % n for n in range(24_900)) + b"}}",
    "9,000 strategies": b"strategies:\n" + b"- {name: a, type: ma_crosover}\n" * 9_000,
    "1,000 strategies of no type": b"strategies:\n"
    + b"".join(b"- {name: a%d, type: ma_croso%d}\n" % (n, n) for n in range(1_000)),
    "12,000 strategy files": b"strategies:\n" + b"".join(b"- {config: a%05d.yaml}\n" % n for n in range(12_000)),
    "10,000 filters": b"strategies: [{name: a, type: mean_reversion, filters: {"
    + b", ".join(b"trnd%d: {}" % n for n in range(10_000))
    + b"}}]",
    "python tag": b"a: !!python/object/apply:os.system ['true']\n",
    "python name": b"!!python/name:os.system\n",
    "own tag": b"data: !include /etc/passwd\n",
    "binary tag": b"data: !!binary aGVsbG8=\n",
    "set": b"!!set {a, b}\n",
    "NUL": b"data: {source: \0}\n",
    "escaped NUL": b'data: {source: "\\0", path: x}\n',
    "escape": b"data: \x1b[2J\n",
    "escaped escape": b'data: {source: "\\e[2J", path: x}\n',
    "right to left": 'data: {source: "\u202egnp", path: x}\n'.encode(),
    "lone surrogate": b'data: {source: "\\ud800", path: x}\n',
    "not UTF-8": b"data: \xff\xfe\n",
    "UTF-16": "data: {source: csv}\n".encode("utf-16"),
    "overlong": b"data: \xc0\xaf\n",
    "line separator": "data: a\u2028b\n".encode(),
    "two documents": b"data: {}\n---\ndata: {}\n",
    "empty": b"",
    "only a comment": b"# nothing\n",
    "null": b"~\n",
    "list": b"- data\n",
    "text": b"data\n",
    "ends in the middle": b"data: {source: 'csv",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_refused_after_bounded_work(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The work that can grow is counted; `benchmarks/test_config.py` measures the time."""
    (tmp_path / "run.yaml").write_bytes(HOSTILE[name])
    work: Counter[str] = Counter()

    def counted(original: Any, key: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            work[key] += 1
            return original(*arguments, **options)

        return call

    monkeypatch.setattr(difflib, "get_close_matches", counted(difflib.get_close_matches, "near"))
    monkeypatch.setattr(yaml_reader._Composer, "take", counted(yaml_reader._Composer.take, "events"))
    monkeypatch.setattr(loading, "read_text", counted(loading.read_text, "files"))
    monkeypatch.setattr(parameters, "mistake", counted(parameters.mistake, "parameters"))
    with pytest.raises(ConfigError) as caught:
        pipeline.load_run(tmp_path / "run.yaml")
    assert work["near"] <= 200 and work["parameters"] <= MAX_PROBLEMS and work["files"] <= 1 + MAX_STRATEGIES, work
    assert work["events"] <= 3 * yaml_reader.MAX_NODES, work
    assert len(caught.value.problems) <= MAX_PROBLEMS + 1
    for problem in caught.value.problems or (caught.value,):
        assert PLACE.match(problem.where.removeprefix(f"{tmp_path}/")) and str(problem).isprintable()
        assert len(str(problem)) < 2_000


@pytest.mark.parametrize("name", ["alias bomb", "50 MB", "1 MB of flow lists", "1 MB number", "10,000 closed flow lists"])
def test_hostile_file_is_refused_within_100_mb(name: str, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_bytes(HOSTILE[name])
    tracemalloc.start()
    try:
        with pytest.raises(ConfigError):
            load_run(tmp_path / "run.yaml")
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


BEYOND_A_SCHEMA = re.compile(
    "stands? (twice|[0-9]+ times)|start at from_notional 0|in quotes|allocations add up|are not allowed|is empty|there is no|no time zone"
    "|not a whole number; allowed: .*; write|cannot be (printed|read)|leads out of|is no file name|levels deep|control character|holds a tab"
    "|finite number|is the name of|stamped at|no sample market|daily bars|is not valid YAML|a key must be text|too large|a second document"
    "|starts [0-9]|ends [0-9]|is after end|at least one weight|belongs in|'0[0-9]+' is not a number|UTF-8|is a run file|is not a mapping"
)


def test_what_is_refused_is_wrong_by_the_schema_or_for_a_reason_beyond_it(tmp_path: Path) -> None:
    for kind in ("run", "strategy"):
        (tmp_path / kind).mkdir()
    (tmp_path / "run" / "strategy.yaml").write_text(mutations.emit(mutations.STRATEGY, random.Random(0)), "utf-8")
    for seed in range(50_000, 50_400):
        kind, verdict, _ = attempt(tmp_path, seed)
        if isinstance(verdict, ConfigError) and not any(
            BEYOND_A_SCHEMA.search(str(p)) for p in verdict.problems or (verdict,)
        ):
            assert yaml_oracle.errors(tmp_path / kind / f"{kind}.yaml", SCHEMAS[kind]), f"seed {seed}: {verdict}"
