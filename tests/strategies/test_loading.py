"""Types by name, dotted path and file; parameters with file, line and what is allowed; the user's mistakes named."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from trading_system.config.models import StrategyConfig
from trading_system.errors import ConfigError, StrategyError, UnknownNameError
from trading_system.strategies.loading import build_strategy, code_files, describe, load_type
from trading_system.strategies.ma_crossover import MovingAverageCrossover
from trading_system.strategies.pairs import Pairs

RULE = '''
from __future__ import annotations
import numpy as np
from pydantic import Field
from trading_system.strategies.base import Strategy, Weights
{more}

class Mine(Strategy):
    """Hold a tenth."""

    share: float = Field(0.1, gt=0, description="fraction of equity")

    @property
    def warmup(self):
        return 1

    def decide(self, bars):
        {body}
        return Weights(np.full(bars.close.shape, self.share))


class Half(Strategy):
    @property
    def warmup(self):
        return 1
'''


def rule(more: str = "", body: str = "pass") -> str:
    return RULE.format(more=more, body=body)


def config(type: str, universe: Any = "all", **params: Any) -> StrategyConfig:
    return StrategyConfig.model_validate({"name": "x", "type": type, "universe": universe, "params": params})


PLACES = {"strategies.1": "run.yaml:3", "strategies.1.params": "run.yaml:7", "strategies.1.params.fast": "run.yaml:8"}


def complaints(type: str, root: Path, universe: Any = "all", **params: Any) -> str:
    with pytest.raises((ConfigError, StrategyError)) as caught:
        build_strategy(config(type, universe, **params), root, PLACES, 1)
    return str(caught.value)


def test_a_registered_type_takes_its_parameters(tmp_path: Path) -> None:
    built = build_strategy(config("ma_crossover", fast=5, slow=9), tmp_path, {}, 0)
    assert built == MovingAverageCrossover(fast=5, slow=9)


def test_whole_numbers_are_numbers_and_lists_are_tuples(tmp_path: Path) -> None:
    built = build_strategy(config("pairs", pairs=[["A", "B"]], enter=3), tmp_path)
    assert isinstance(built, Pairs)
    assert (built.pairs, built.enter) == ((("A", "B"),), 3.0)


def test_every_wrong_parameter_is_named_with_its_line_in_one_pass(tmp_path: Path) -> None:
    text = complaints("ma_crossover", tmp_path, fast=2.5, slw=60, slow="x")
    assert text.splitlines() == [
        "run.yaml:8: strategies.1.params.fast: 2.5 is not allowed; allowed: a whole number, at least 1, at most 5000",
        "run.yaml:7: strategies.1.params.slow: 'x' is not allowed; allowed: a whole number, at least 2, at most 5000",
        "run.yaml:7: strategies.1.params.slw: 'slw' is no parameter of ma_crossover; allowed: fast, slow; did you mean 'slow'?",
    ]


@pytest.mark.parametrize(
    ("type", "params", "expected"),
    [
        ("ma_crossover", {"fast": 60, "slow": 50}, "run.yaml:7: strategies.1.params: fast (60) must be below slow (50)"),
        ("ma_crossover", {"fast": True}, "run.yaml:8: strategies.1.params.fast: True is not allowed"),
        ("mean_reversion", {"enter": -0.4}, "leave (-0.5) must be above enter (-0.4)"),
        ("pairs", {}, "pairs needs the parameter 'pairs'"),
        ("pairs", {"pairs": [["A", "A"]]}, "has one symbol twice"),
        ("pairs", {"pairs": [["A", "B"], ["A", "B"]]}, "listed twice"),
        ("pairs", {"pairs": [["A"]]}, "lacks a value"),
        ("pairs", {"pairs": []}, "at least 1"),
        ("pairs", {"pairs": [["A", "B"]], "stop": 1.0}, "must rise in this order"),
        ("buy_and_hold", {"x": 1}, "no parameters at all"),
    ],
)
def test_a_wrong_parameter_says_what_is_allowed(type: str, params: dict[str, Any], expected: str, tmp_path: Path) -> None:
    assert expected in complaints(type, tmp_path, **params)


def test_an_unknown_type_suggests_the_nearest(tmp_path: Path) -> None:
    text = complaints("ma_crosover", tmp_path)
    assert text.startswith("run.yaml:3: strategies.1.type: there is no strategy type 'ma_crosover'")
    assert text.endswith("did you mean 'ma_crossover'?")


def test_a_pair_outside_the_universe_is_refused_before_any_data(tmp_path: Path) -> None:
    text = complaints("pairs", tmp_path, universe=("KO", "PEP"), pairs=[["KO", "MCD"]])
    assert "pairs trades MCD, not in its universe" in text
    assert "allowed: KO, PEP" in text


def test_a_file_is_loaded_and_its_parameters_checked(tmp_path: Path) -> None:
    (tmp_path / "my_rule.py").write_text(rule())
    built = build_strategy(config("my_rule.py:Mine", share=0.5), tmp_path)
    assert type(built).__name__ == "Mine"
    assert built.warmup == 1
    assert "params.share: 0 is not allowed; allowed: a number, above 0" in complaints("my_rule.py:Mine", tmp_path, share=0)


def test_a_changed_file_is_read_again_and_so_are_its_helpers(tmp_path: Path) -> None:
    (tmp_path / "knobs.py").write_text("SHARE = 0.25\n")
    (tmp_path / "my_rule.py").write_text(rule("import knobs").replace("0.1, gt", "knobs.SHARE, gt"))
    assert build_strategy(config("my_rule.py:Mine"), tmp_path).model_dump() == {"share": 0.25}
    (tmp_path / "knobs.py").write_text("SHARE = 0.75  # changed\n")
    assert build_strategy(config("my_rule.py:Mine"), tmp_path).model_dump() == {"share": 0.75}


def test_two_folders_may_call_their_helpers_alike(tmp_path: Path) -> None:
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "knobs.py").write_text(f"SHARE = 0.{number}\n")
        (folder / "my_rule.py").write_text(rule("from knobs import SHARE").replace("0.1, gt", "SHARE, gt"))
        assert build_strategy(config("my_rule.py:Mine"), folder).model_dump() == {"share": number / 10}


def test_what_a_function_imports_later_is_found(tmp_path: Path) -> None:
    (tmp_path / "later.py").write_text("SHARE = 0.3\n")
    (tmp_path / "my_rule.py").write_text(rule(body="import later; assert later.SHARE == 0.3"))
    built = build_strategy(config("my_rule.py:Mine"), tmp_path)
    from tests.builders import random_bars

    built.decide(random_bars(5, 2))
    assert str(tmp_path) not in sys.path


def test_a_dotted_path_is_found_below_the_folder(tmp_path: Path) -> None:
    package = tmp_path / "my_package_of_rules"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "first.py").write_text(rule("from . import knobs"))
    (package / "knobs.py").write_text("")
    found = config("my_package_of_rules.first:Mine")
    assert type(build_strategy(found, tmp_path)).__name__ == "Mine"
    names = [file.relative_to(tmp_path).as_posix() for file in code_files(found, tmp_path)]
    assert names == [f"my_package_of_rules/{name}.py" for name in ("__init__", "first", "knobs")]


def test_a_missing_import_of_a_package_below_the_folder_is_the_users_line(tmp_path: Path) -> None:
    (tmp_path / "rules_with_a_gap.py").write_text("\nimport nothing_of_that_name\n")
    text = complaints("rules_with_a_gap:Mine", tmp_path)
    assert text.startswith("rules_with_a_gap.py:2: failed while it was imported: ModuleNotFoundError")


def test_a_rule_may_call_a_parameter_symbols(tmp_path: Path) -> None:
    (tmp_path / "my_rule.py").write_text(rule().replace("share: float", "symbols: tuple[str, ...] = ('A',)\n    share: float"))
    assert build_strategy(config("my_rule.py:Mine", symbols=["B"]), tmp_path).model_dump()["symbols"] == ("B",)


def test_an_installed_class_is_found_by_its_dotted_path(tmp_path: Path) -> None:
    found = config("trading_system.strategies.ma_crossover:MovingAverageCrossover", fast=3)
    assert build_strategy(found, tmp_path) == MovingAverageCrossover(fast=3)
    assert code_files(found, tmp_path) == []


def test_code_files_of_an_installed_package_are_its_own(tmp_path: Path) -> None:
    names = [file.name for file in code_files(config("json.decoder:JSONDecoder"), tmp_path)]
    assert names == ["__init__.py", "decoder.py", "encoder.py", "scanner.py"]
    assert code_files(config("not_installed_at_all:X"), tmp_path) == []


def test_code_files_follow_imports_without_running_anything(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "my_rule.py").write_text(rule("import beside, above.deep\nraise SystemExit", "import late"))
    (tmp_path / "rules" / "beside.py").write_text("import my_rule\nimport numpy, not_there")
    (tmp_path / "above").mkdir()
    (tmp_path / "above" / "__init__.py").write_text("")
    (tmp_path / "above" / "deep.py").write_text("from .near import name")
    (tmp_path / "above" / "near.py").write_text("def broken(:")
    (tmp_path / "late.py").write_text("")
    (tmp_path / "unused.py").write_text("")
    files = code_files(config("rules/my_rule.py:Mine"), tmp_path)
    names = [file.relative_to(tmp_path).as_posix() for file in files]
    assert names == ["above/__init__.py", "above/deep.py", "above/near.py", "late.py", "rules/beside.py", "rules/my_rule.py"]
    assert code_files(config("ma_crossover"), tmp_path) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import numpy\n\n1 / 0\n", "my_rule.py:3: failed while it was imported: ZeroDivisionError: division by zero"),
        ("def broken(:\n", "my_rule.py:1: is not valid Python"),
        ("import nothing_of_that_name\n", "my_rule.py:1: failed while it was imported: ModuleNotFoundError"),
        ("raise SystemExit(3)\n", "my_rule.py:1: failed while it was imported: SystemExit: 3"),
        ("import helper\n", "helper.py:2: failed while it was imported: KeyError: 'x'"),
    ],
)
def test_what_the_users_code_raises_is_named_by_its_own_line(text: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("\n{}['x']\n")
    (tmp_path / "my_rule.py").write_text(text)
    assert complaints("my_rule.py:Mine", tmp_path).startswith(expected)
    assert not any(
        name.startswith("_strategy_my_rule") and "Mine" not in vars(sys.modules[name]) for name in list(sys.modules)
    )


@pytest.mark.parametrize(
    ("type", "expected"),
    [
        ("my_rule.py:Min", "my_rule.py has no class 'Min'; allowed: Mine, Half; did you mean 'Mine'?"),
        ("my_rule.py:np", "my_rule.py:np is no strategy"),
        ("my_rule.py:Half", "Half lacks decide"),
        ("my_rle.py:Mine", "there is no strategy file my_rle.py; allowed: my_rule.py"),
        ("no/such/folder.py:Mine", "there is no strategy file no/such/folder.py"),
        ("../outside.py:Mine", "lies outside the run file's folder"),
        ("/etc/hosts.py:Mine", "lies outside the run file's folder"),
        ("no_package.at_all:Mine", "there is no module no_package.at_all"),
        ("json:Mine", "json has no class 'Mine'"),
        ("not a path:Mine", "'not a path:Mine' is no strategy type"),
    ],
)
def test_a_type_that_cannot_be_loaded_says_why(type: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "my_rule.py").write_text(rule())
    assert expected in complaints(type, tmp_path)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "elsewhere.py").write_text(rule())
    (tmp_path / "run" / "my_rule.py").symlink_to(tmp_path / "elsewhere.py")
    assert "lies outside" in complaints("my_rule.py:Mine", tmp_path / "run")


def test_a_module_of_another_place_with_the_same_name_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text(rule())
    assert "the module json is already imported from" in complaints("json:Mine", tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("return 1\n\n    def decide", "return None\n\n    def decide", "the warm-up of my_rule.py:Mine is None"),
        (
            "return 1\n\n    def decide",
            "return self.nothing\n\n    def decide",
            "failed while its warm-up was asked for: AttributeError",
        ),
        (
            "def decide",
            "def model_post_init(self, _):\n        {}['x']\n\n    def decide",
            "failed while its parameters were checked: KeyError",
        ),
    ],
)
def test_a_rule_that_fails_before_it_decides_is_named(old: str, new: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "my_rule.py").write_text(rule().replace(old, new, 1))
    text = complaints("my_rule.py:Mine", tmp_path)
    assert expected in text


def test_parameters_from_python_may_be_what_no_file_can_hold(tmp_path: Path) -> None:
    (tmp_path / "my_rule.py").write_text(
        rule("import datetime").replace("share: float", "day: datetime.date = datetime.date(2020, 1, 1)\n    share: float")
    )
    import datetime

    built = build_strategy(config("my_rule.py:Mine", day=datetime.date(2021, 1, 1)), tmp_path)
    assert built.model_dump()["day"] == datetime.date(2021, 1, 1)
    built = build_strategy(config("my_rule.py:Mine", day="2021-01-01"), tmp_path)
    assert built.model_dump()["day"] == datetime.date(2021, 1, 1)


def test_describe_tells_every_parameter() -> None:
    facts = describe("pairs")
    assert facts["warmup"] is None
    assert facts["decides"] == "Signals"
    first = facts["parameters"][0]
    assert (first["name"], first["required"]) == ("pairs", True)
    assert first["allowed"] == "a list, each a list of 2: text, text, entries: at least 1"
    assert describe("ma_crossover")["warmup"] == 50


def test_describe_reads_choices_and_references(tmp_path: Path) -> None:
    (tmp_path / "my_rule.py").write_text(
        rule(
            "from typing import Literal\nfrom trading_system.types import FrozenModel\nclass Knobs(FrozenModel):\n    a: int = 1"
        ).replace(
            "share: float",
            "mode: Literal['a', 'b'] = 'a'\n    one: Literal[1] | None = None\n    knobs: Knobs = Knobs()\n    share: float",
        )
    )
    allowed = {row["name"]: row["allowed"] for row in describe("my_rule.py:Mine", tmp_path)["parameters"]}
    assert allowed == {"mode": "a, b", "one": "1 or null", "knobs": "a mapping", "share": "a number, above 0"}


def test_an_unknown_name_is_an_unknown_name_error(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError):
        load_type("nothing", tmp_path)
