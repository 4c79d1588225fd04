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
from tests.printed import EXCUSE, LANGUAGES, PAGES, PROGRAMS, ROOT, blocks, carried_out, commands, excused
from trading_system import errors
from trading_system.cli.app import GLOBAL_FLAGS, GLOBAL_OPTIONS, application
from trading_system.cli.main import main

PACKAGE = Path(trading_system.__file__).parent


def relative(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def page_text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def printed(name: str) -> list[str]:
    """The indented commands of a page, in their order."""
    return re.findall(r"^    ((?:trading-system|python3|\.venv/)\S* .*)$", text_of(name), re.MULTILINE)


def tree_of(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with its words."""
    for name, command in tree.commands.items():
        if hasattr(command, "commands"):
            yield from tree_of(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = list(tree_of(typer.main.get_command(application())))
IDS = [" ".join(path) for path, _ in COMMANDS]


def to_run(page: Path) -> bool:
    """Whether a page prints something that is run."""
    found = list(blocks(page.read_text(encoding="utf-8")))
    shell = any(not excuse for block in found if block.language == "sh" for _, excuse in commands(block))
    return shell or any(block.language == "python" and not block.title and not excused(block) for block in found)


RUN = [page for page in PAGES if page.name != "README.md" and to_run(page)]  # the README's two are CI's, see below


def promised(page: Path) -> list[str]:
    """The messages that a page prints below its commands; three dots stand for anything."""
    shown = [block.text for block in blocks(page.read_text(encoding="utf-8")) if block.language == "text"]
    return [line for text in shown for line in text.splitlines() if line.startswith("error: ")]


# what no test can have at hand: a market larger than the memory, a file that root may not read, a defect
ELSEWHERE = ("error: 12,000 symbols", "error: data/AAPL.csv: Permission denied", "error: a defect of")


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=relative)
def test_every_command_of_a_page_does_what_it_says_in_a_folder_that_is_not_the_checkout(page, tmp_path):
    done = carried_out(page, tmp_path)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert "Traceback" not in done.stderr
    for message in promised(page):
        pattern = re.escape(message).replace(re.escape("..."), ".*")
        assert message.startswith(ELSEWHERE) or re.search(f"^{pattern}$", done.stderr, re.MULTILINE), message


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_no_command_stands_in_the_prose_where_no_test_would_run_it(page):
    text = re.sub(r"^```.*?^```", "", page_text(page), flags=re.MULTILINE | re.DOTALL)
    assert re.findall(rf"^(?:\$ ?)?(?:{'|'.join(PROGRAMS[:7])}) [\w./-].*$", text, re.MULTILINE) == []


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_fence_says_what_it_is_and_every_command_that_is_not_run_says_why(page):
    for block in blocks(page.read_text(encoding="utf-8")):
        assert block.language in LANGUAGES, f"{page.name}:{block.line}: a fence of {block.language!r}"
        reasons = [excuse for _, excuse in commands(block)] if block.language == "sh" else [excused(block)]
        assert all(len(reason.split()) >= 3 for reason in reasons if reason), f"{page.name}:{block.line}: why is it not run?"
        if block.language == "sh" and block.text.splitlines()[0].startswith(EXCUSE):
            assert any(reasons), f"{page.name}:{block.line}: an excuse without a command"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_line_for_the_shell_begins_with_a_program_that_is_known(page):
    """So that no command hides as text: an indented line is one only when its first word is known here."""
    for block in blocks(page.read_text(encoding="utf-8")):
        for command, _ in commands(block) if block.language == "sh" else ():
            word = re.sub(r"^(\w+=(\"[^\"]*\"|\S*) ?)+", "", command).split(" ")[0]
            assert word in PROGRAMS or word.startswith(".venv/") or not word, f"{page.name}:{block.line}: {word}"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_command_named_anywhere_exists_with_its_options(page):
    tree = {path: {option for parameter in command.params for option in parameter.opts} for path, command in COMMANDS}
    known = {word for path in tree for word in path}
    for text in re.findall(
        r"(?:`|^    |^)trading-system ((?:[a-z][\w-]*|--?[a-z][\w-]*|[A-Z.]+)(?: [^`\n]*)?)(?:`|$)",
        page_text(page),
        re.MULTILINE,
    ):
        words = text.split()
        path = next((tuple(words[:n]) for n in (2, 1) if tuple(words[:n]) in tree), None)
        if text.endswith("# exits 2"):
            continue  # wrong on purpose; the page says so
        if path is None:
            assert words[0].startswith("-") or words[0].isupper() or words[0] in known, f"{page.name}: trading-system {text}"
            continue
        for word in words[len(path) :]:
            if re.fullmatch(r"--[a-z][a-z-]*", word):
                assert word in tree[path] | {"--help", *GLOBAL_OPTIONS, *GLOBAL_FLAGS}, f"{page.name}: trading-system {text}"


@pytest.mark.slow
def test_the_first_command_of_the_readme_ends_with_a_result_folder(tmp_path):
    """Its last part, run as printed on a copy of what it names; CI runs the whole line, and the other one."""
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


def test_the_strategy_of_the_page_does_not_look_ahead_and_reads_what_there_is(tmp_path):
    page = text_of("docs/strategies.md")
    (source,) = [block.text for block in blocks(page) if block.title == "breakout.py"]
    (tmp_path / "breakout.py").write_text(source, encoding="utf-8")

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
    without = {path for path, command in COMMANDS if not any({"--json", "--format"} & set(p.opts) for p in command.params)}
    assert without == {("config", "template"), ("config", "schema")}


ERRORS = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.TradingSystemError)]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_has_an_entry_with_cause_and_mend(error):
    entries = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text_of("TROUBLESHOOTING.md"), re.MULTILINE | re.DOTALL))
    entry = entries[error.__name__]
    if error is not errors.TradingSystemError:
        assert "    error: " in entry and "*Cause*" in entry and "*Mend*" in entry


# read by packages below, not by this one; the page says what they do here
BELOW = {"COLUMNS", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"}


def variables_read(source: str) -> set[str]:
    """Names of environment variables in a file: those asked of os.environ, and whatever looks like one of the program's own."""
    asked = re.findall(r"environ(?:\.get\(|\[)\"([A-Z][A-Z0-9_]+)\"|getenv\(\"([A-Z][A-Z0-9_]+)\"", source)
    return {name for pair in asked for name in pair if name} | set(re.findall(r"TRADING_SYSTEM_[A-Z_]+", source))


def test_the_table_of_environment_variables_is_complete_and_no_longer_than_that():
    read = {name for file in PACKAGE.rglob("*.py") for name in variables_read(file.read_text(encoding="utf-8"))}
    told = re.findall(r"^\| `([A-Z_]+)`", text_of("docs/ENVIRONMENT_VARIABLES.md"), re.MULTILINE)
    assert len(told) == len(set(told)) and set(told) == read | BELOW


def test_every_dependency_has_its_reason():
    declared = re.search(r"^dependencies = \[(.*?)\]", text_of("pyproject.toml"), re.MULTILINE | re.DOTALL)
    assert declared is not None
    names = set(re.findall(r'"([\w-]+)', declared.group(1)))
    assert set(re.findall(r"^\| ([\w-]+) \|", text_of("docs/dependencies.md"), re.MULTILINE)) - {"package"} == names


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_no_page_names_a_path_of_a_machine(page):
    assert re.search(r"(?<![\w./-])/(?:work|root|home|tmp|Users|farm)/", page.read_text(encoding="utf-8")) is None


def test_the_page_on_strategies_lists_every_type_and_every_filter_with_its_defaults():
    from trading_system.strategies.base import strategies
    from trading_system.strategies.filters.base import filters

    page = text_of("docs/strategies.md")
    rules = page.partition("## The shipped rules")[2].partition("\n### ")[0]
    for name in strategies.names():
        assert re.search(rf"^\|[^|]*`{name}`", rules, re.MULTILINE), name
    section = page.partition("## Filters")[2]
    rows = {line.split("|")[1].strip(" `"): line.split("|")[3] for line in section.splitlines() if line.startswith("| `")}
    assert set(rows) == set(filters.names())
    for name, cell in rows.items():
        for field, info in filters.get(name).model_fields.items():
            assert f"`{field}` {info.default}" in cell, (name, field)
