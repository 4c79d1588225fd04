"""The documents say what is true: what they print runs, what they list is complete."""

from __future__ import annotations

import dataclasses
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import trading_system
from trading_system import errors
from trading_system.cli.app import application
from trading_system.cli.main import main

ROOT = Path(__file__).parents[1]
PACKAGE = Path(trading_system.__file__).parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def printed(name: str) -> list[str]:
    """The indented commands of a page, in their order."""
    return re.findall(r"^    ((?:trading-system|python3|\.venv/)\S* .*)$", text_of(name), re.MULTILINE)


def commands(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with its words."""
    for name, command in tree.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = list(commands(typer.main.get_command(application())))
IDS = [" ".join(path) for path, _ in COMMANDS]


@pytest.mark.slow
def test_getting_started_works_as_printed(tmp_path):
    """Every command of the page, in order, in a folder that is not the checkout; only a gate may say no."""
    lines = printed("docs/getting-started.md")
    assert len(lines) >= 12
    for line in lines:
        words = shlex.split(line)
        assert words[0] == "trading-system"
        done = subprocess.run(
            [sys.executable, "-m", "trading_system", *words[1:]], check=False, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode in ((0, 1) if "--fail-on-reject" in words else (0,)), f"{line}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_first_command_of_the_readme_ends_with_a_result_folder(tmp_path):
    """Its last part, run as printed on a copy of what it names; the installation before it is CI's."""
    install, run = printed("README.md")[0].rsplit(" && ", 1)
    assert install == "python3 -m venv .venv && .venv/bin/pip install ."
    words = shlex.split(run)
    assert words[0] == ".venv/bin/trading-system"
    for source in (ROOT / "EXAMPLE_CONFIGS").rglob("*"):
        if source.is_file() and "results" not in source.parts and ".trading-system" not in source.parts:
            target = tmp_path / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "trading_system", *words[1:]], check=False, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (folder,) = re.findall(r"^results: (.*)$", done.stdout, re.MULTILINE)
    assert (tmp_path / folder / "metrics.json").is_file()


def test_the_strategy_of_the_page_runs_as_printed_and_does_not_look_ahead(tmp_path, monkeypatch, capsys):
    page = text_of("docs/strategies.md")
    blocks = {kind: re.findall(rf"^```{kind}\n(.*?)^```", page, re.MULTILINE | re.DOTALL) for kind in ("python", "yaml")}
    (tmp_path / "breakout.py").write_text(blocks["python"][0], encoding="utf-8")
    (tmp_path / "my_strategy.yaml").write_text(blocks["yaml"][0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for line in printed("docs/strategies.md"):
        assert main(shlex.split(line)[1:]) == 0, line
    assert "breakout (breakout.py:Breakout)" in capsys.readouterr().out

    from tests.builders import random_bars
    from trading_system.strategies.loading import load_type

    bars, strategy = random_bars(120, 3), load_type("breakout.py:Breakout", tmp_path)(window=20)
    whole, part = strategy.decide(bars), strategy.decide(bars.head(60))
    assert whole.entry.any() and (whole.entry[:60] == part.entry).all() and (whole.exit[:60] == part.exit).all()
    for name in re.findall(r"`bars\.(\w+)", page):
        assert hasattr(bars, name), name


@pytest.mark.parametrize("name", ["Signals", "Weights"])
def test_the_page_on_strategies_lists_every_field_of_a_decision(name):
    section = text_of("docs/strategies.md").partition(f"## What it gives back: `{name}`")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    fields = {field.name for field in dataclasses.fields(getattr(trading_system, name))}
    assert set(re.findall(r"`(\w+)`", " ".join(cells))) == fields


def test_the_readme_prints_two_commands():
    assert [line.split()[0] for line in printed("README.md")] == ["python3", ".venv/bin/pip"]


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=IDS)
def test_every_command_says_what_it_does_and_shows_a_line_to_paste(path, command, capsys):
    assert main([*path, "--help"]) == 0
    text = capsys.readouterr().out
    (example,) = re.findall(r"Example: (.*)", text)
    assert example.startswith(f"trading-system {' '.join(path)}"), "the example is of another command"
    known = {option for parameter in command.params for option in parameter.opts}
    for word in re.findall(r"(?<=\s)--?[a-z][a-z-]*", example):
        assert word in known, f"the example of {' '.join(path)} uses {word}, which the command does not have"
    for parameter in command.params:
        if parameter.name != "help":
            assert parameter.help, f"{' '.join(path)}: {parameter.name} has no help"


def test_only_files_for_other_programs_are_printed_without_a_json_choice():
    without = {path for path, command in COMMANDS if not any("--json" in p.opts for p in command.params)}
    assert without == {("config", "template"), ("config", "schema")}


ERRORS = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.TradingSystemError)]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_has_an_entry_with_cause_and_mend(error):
    entries = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text_of("TROUBLESHOOTING.md"), re.MULTILINE | re.DOTALL))
    entry = entries[error.__name__]
    if error is not errors.TradingSystemError:
        assert "    error: " in entry and "*Cause*" in entry and "*Mend*" in entry


def test_the_table_of_environment_variables_is_complete_and_no_longer_than_that():
    read = {
        name
        for file in PACKAGE.rglob("*.py")
        for name in re.findall(r"TRADING_SYSTEM_[A-Z_]+", file.read_text(encoding="utf-8"))
    }
    told = set(re.findall(r"^\| `(TRADING_SYSTEM_[A-Z_]+)`", text_of("docs/getting-started.md"), re.MULTILINE))
    assert told == read


def test_every_dependency_has_its_reason():
    declared = re.search(r"^dependencies = \[(.*?)\]", text_of("pyproject.toml"), re.MULTILINE | re.DOTALL)
    assert declared is not None
    names = set(re.findall(r'"([\w-]+)', declared.group(1)))
    assert set(re.findall(r"^\| ([\w-]+) \|", text_of("docs/dependencies.md"), re.MULTILINE)) - {"package"} == names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_page_names_a_path_of_a_machine(page):
    assert re.search(r"(?<![\w./-])/(?:work|root|home|tmp|Users|farm)/", page.read_text(encoding="utf-8")) is None
