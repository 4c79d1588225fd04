"""``--set``: what it replaces, what it adds, and what it says when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.files import RUN, load, mistakes

STRATEGY = "name: s\ntype: ma_crossover\nparams: {fast: 10}\n"
WITH_FILE = "data: {source: csv, path: data}\nstrategies:\n  - config: s.yaml\n"


def test_a_value_in_a_section_that_the_file_lacks(tmp_path: Path) -> None:
    assert load(tmp_path, RUN, ["portfolio.limits.max_drawdown=0.2"]).config.portfolio.limits.max_drawdown == 0.2


def test_a_parameter_of_a_strategy_that_stands_in_its_own_file(tmp_path: Path) -> None:
    run = load(tmp_path, WITH_FILE, ["strategies.0.params.fast=30", "strategies.0.params.slow=90"], s=STRATEGY)
    assert run.config.strategies[0].params == {"fast": 30, "slow": 90}
    assert run.places["strategies.0.params.fast"] == "--set strategies.0.params.fast"


def test_which_strategy_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("name: other\ntype: pairs\n", "utf-8")
    run = load(tmp_path, WITH_FILE, ["strategies.0.config=other.yaml", "strategies.0.name=third"], s=STRATEGY)
    assert (run.config.strategies[0].type, run.config.strategies[0].name) == ("pairs", "third")


def test_a_whole_list_of_strategies(tmp_path: Path) -> None:
    run = load(tmp_path, RUN, ["strategies=[{config: s.yaml}, {name: b, type: pairs}]"], s=STRATEGY)
    assert [entry.name for entry in run.config.strategies] == ["s", "b"]


def test_the_last_of_a_key_wins(tmp_path: Path) -> None:
    assert load(tmp_path, RUN, ["seed=1", "seed=2"]).config.seed == 2


@pytest.mark.parametrize(
    ("text", "universe"),
    [("[AAPL, NO]", ("AAPL", "NO")), ("{file: u.csv}", "u.csv"), ("all", "all"), ('["a, b"]', ("a, b",))],
)
def test_a_value_in_brackets_is_yaml(text: str, universe: object, tmp_path: Path) -> None:
    (tmp_path / "u.csv").touch()
    found = load(tmp_path, RUN, [f"strategies.0.universe={text}"]).config.strategies[0].universe
    assert getattr(found, "file", found) == universe


@pytest.mark.parametrize("text", ["*.csv", "a: b", "a #b", "&x", "!t", "a=b", "%", "@", "data/ÄÖ", "- a"])
def test_any_other_value_is_taken_as_it_stands(text: str, tmp_path: Path) -> None:
    assert load(tmp_path, RUN, [f"data.path={text}"]).config.data.path == text


def test_a_key_with_a_dot_stands_in_quotes(tmp_path: Path) -> None:
    run = load(tmp_path, RUN, ['data.asset_class."BRK.B"=equity'])
    assert run.config.data.asset_class == {"BRK.B": "equity"}


def test_null_unsets(tmp_path: Path) -> None:
    text = RUN.replace("path: data", "path: data, start: 2010-01-04")
    assert load(tmp_path, text, ["data.start=null"]).config.data.start is None
    assert load(tmp_path, text, ["data.start="]).config.data.start is None


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (
            "seed",
            "--set seed: 'seed' is not an override; allowed: key.path=value, as in portfolio.starting_equity=50000",
        ),
        (
            "=1",
            "--set '=1': (document): '=1' is not an override; allowed: key.path=value, as in portfolio.starting_equity=50000",
        ),
        (
            "a..b=1",
            "--set a..b: 'a..b=1' is not an override; allowed: key.path=value, as in portfolio.starting_equity=50000",
        ),
        ("seed=x", "--set seed: 'x' is not a number; allowed: a whole number at least 0 and below 9.22337e18"),
        (
            "sed=1",
            "--set sed: unknown key; allowed: data, splits, strategies, portfolio, execution, validation, output, seed; did you mean 'seed'?",
        ),
        (
            "strategies.1.name=b",
            "--set strategies.1.name: strategies.1: '1' is no place in a list of 1; allowed: a number from 0 to 0",
        ),
        (
            "strategies.x.name=b",
            "--set strategies.x.name: strategies.x: 'x' is no place in a list of 1; allowed: a number from 0 to 0",
        ),
        ("strategies.²=b", "--set strategies.²: '²' is no place in a list of 1; allowed: a number from 0 to 0"),
        ("data.path.x=1", "--set data.path.x: nothing can stand below 'data', which is one value"),
        (
            "strategies.0.params.x=yes",
            "--set strategies.0.params.x: 'yes' is true or false to some YAML readers and text to others; write true, or 'yes' in quotes",
        ),
    ],
)
def test_a_wrong_override_names_the_option(option: str, sentence: str, tmp_path: Path) -> None:
    assert mistakes(tmp_path, RUN, [option]) == [sentence]


@pytest.mark.parametrize("value", ["[1", "{a: &x 1}", "[*x]", "'a", "[\x00]", "[" * 60])
def test_a_value_that_is_no_yaml_names_the_option(value: str, tmp_path: Path) -> None:
    (sentence,) = mistakes(tmp_path, RUN, [f"strategies.0.params.x={value}"])
    assert sentence.startswith("--set strategies.0.params.x")


def test_mistakes_of_options_and_file_are_told_together(tmp_path: Path) -> None:
    found = mistakes(tmp_path, RUN + "sed: 1\n", ["seed=x", "nothing"])
    assert [sentence.split(":")[0] for sentence in found] == ["run.yaml", "--set nothing", "--set seed"]


@pytest.mark.parametrize("option", ["params.fast=30", "strategies.0.params.fast=30"])
def test_a_strategy_alone_takes_its_own_keys(option: str, tmp_path: Path) -> None:
    run = load(tmp_path, STRATEGY, [option, "seed=7", "portfolio.starting_equity=5"])
    assert (run.config.strategies[0].params, run.config.seed, run.config.portfolio.starting_equity) == ({"fast": 30}, 7, 5.0)


def test_a_mistyped_key_of_a_strategy_alone_is_told_as_one(tmp_path: Path) -> None:
    (sentence,) = mistakes(tmp_path, STRATEGY, ["parms.fast=30"])
    assert sentence.startswith("--set parms.fast: strategies.0.parms: unknown key; ") and sentence.endswith(
        "did you mean 'params'?"
    )
    (sentence,) = mistakes(tmp_path, STRATEGY, ["porfolio.starting_equity=30"])
    assert sentence.startswith("--set porfolio.starting_equity: porfolio: unknown key; ") and sentence.endswith(
        "did you mean 'portfolio'?"
    )
