"""Random command lines: every one ends with 0, 1 or 2, without a traceback, and writes nothing outside its folder."""

from __future__ import annotations

import random

import pytest

from trading_system.cli.main import main

WORDS = (
    *(
        "init",
        "backtest",
        "validate",
        "runs",
        "strategy",
        "config",
        "data",
        "doctor",
        "version",
        "list",
        "show",
        "compare",
        "info",
    ),
    *(
        "template",
        "schema",
        "run",
        "sample",
        "import",
        "reproduce",
        "--json",
        "--help",
        "--set",
        "--config",
        "-c",
        "--out",
        "--period",
    ),
    *(
        "train",
        "holdout",
        "all",
        "--results",
        "--fail-on-reject",
        "CASH",
        "SLOTZ",
        "--load",
        "--log-level",
        "INFO",
        "LOUD",
        "--log-format",
    ),
    *(
        "json",
        "--log-file",
        "log.txt",
        "seed=1",
        "seed",
        "a.b.c=1",
        "strategies.0.name=x",
        "=",
        "data.start=2015-01-02",
        "absent.yaml",
    ),
    *(
        "run.yaml",
        "strategy.yaml",
        "broken.yaml",
        "empty.yaml",
        "folder",
        "binary.yaml",
        ".",
        "",
        " ",
        "-",
        "--",
        "---",
        "-x",
        "--set=",
    ),
    *("\x1b[31m", "Größe", "a" * 5000, "\x00"[:0], "equity_momentum", "buy_and_hold", "0", "-1", "1e999", "%s", "{}", "us5"),
)
RUN = """\
data: {source: sample, path: us5, start: 2010-01-04, end: 2010-06-30}
strategies:
  - {name: hold, type: buy_and_hold, sizing: {method: equal_weight}}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    inside = tmp_path / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (inside / "run.yaml").write_text(RUN, encoding="utf-8")
    (inside / "strategy.yaml").write_text("name: hold\ntype: buy_and_hold\n", encoding="utf-8")
    (inside / "broken.yaml").write_text("data: {source: csv\nstrategies: [", encoding="utf-8")
    (inside / "empty.yaml").write_text("", encoding="utf-8")
    (inside / "binary.yaml").write_bytes(bytes(range(256)))
    (inside / "folder").mkdir()
    return inside


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_twenty_random_command_lines_end_with_0_1_or_2(block, folder, capsys):
    draw = random.Random(block)
    for _ in range(20):
        line = [draw.choice(WORDS) for _ in range(draw.randint(1, 7))]
        code = main(line)
        out, err = capsys.readouterr()
        assert code in (0, 1, 2), f"{line}\n{err}"
        assert "Traceback" not in out + err
        assert "\x1b" not in out + err
        if code == 2:
            assert out == "" and err.startswith("error: "), line
    assert sorted(path.name for path in folder.parent.iterdir()) == ["inside", "temporary"]
    assert not list((folder.parent / "temporary").glob("trading-system-defect-*"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_random_words_behind_a_real_command_end_with_0_1_or_2(seed, folder, capsys):
    draw = random.Random(1000 + seed)
    real = (
        ["backtest", "run.yaml"],
        ["validate", "config"],
        ["config", "show", "run.yaml"],
        ["data", "info", "run.yaml"],
        ["runs", "list"],
    )
    for _ in range(10):
        line = [*draw.choice(real), *(draw.choice(WORDS) for _ in range(draw.randint(0, 4)))]
        code = main(line)
        out, err = capsys.readouterr()
        assert code in (0, 1, 2), f"{line}\n{err}"
        assert "Traceback" not in out + err and "\x1b" not in out + err
