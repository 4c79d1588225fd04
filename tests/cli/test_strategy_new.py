"""`strategy new` writes a rule that runs, checks and tests itself as it stands, and hides or overwrites nothing."""

from __future__ import annotations

import importlib.util
import json
import shlex
import subprocess
import sys

import pytest

from trading_system.cli.main import main

kinds = pytest.mark.parametrize("weights", [False, True], ids=["signals", "weights"])


def run(capsys, *line: str) -> tuple[int, str, str]:
    code = main(list(line))
    out, err = capsys.readouterr()
    return code, out, err


@kinds
def test_the_files_of_a_new_rule_are_valid_and_run(weights, tmp_path, capsys):
    option = ["--weights"] if weights else []
    code, out, err = run(capsys, "strategy", "new", "my_rule", "--dir", str(tmp_path / "rules"), *option)
    assert (code, err) == (0, "")
    assert sorted(path.name for path in (tmp_path / "rules").iterdir()) == ["my_rule.py", "my_rule.yaml", "test_my_rule.py"]
    assert f"backtest {tmp_path}/rules/my_rule.yaml" in out
    config = str(tmp_path / "rules" / "my_rule.yaml")
    code, out, err = run(capsys, "validate", "config", config, "--load")
    assert code == 0, out + err
    assert out.splitlines()[0].endswith("valid")
    code, out, err = run(capsys, "backtest", config, "--out", str(tmp_path / "results"), "--json")
    assert code == 0, err
    assert json.loads(out)["metrics"]["n_trades"] > 5


@kinds
def test_the_test_of_a_new_rule_passes_as_written(weights, tmp_path):
    option = ["--weights"] if weights else []
    assert main(["strategy", "new", "my_rule", "--dir", str(tmp_path), *option]) == 0
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_rule.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 passed" in done.stdout


@kinds
def test_the_test_of_a_new_rule_notices_a_look_ahead(weights, tmp_path):
    option = ["--weights"] if weights else []
    assert main(["strategy", "new", "my_rule", "--dir", str(tmp_path), *option]) == 0
    rule = tmp_path / "my_rule.py"
    wrong = rule.read_text("utf-8").replace("close > average", "np.roll(close, -1, axis=0) > average")
    rule.write_text(wrong.replace("(prices.close > top)", "(np.roll(prices.close, -1, axis=0) > top)"), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "look_ahead", "test_my_rule.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "AssertionError" in done.stdout


@kinds
def test_a_new_strategy_file_names_every_parameter_at_its_default(weights, tmp_path):
    from trading_system.config.loading import load_run
    from trading_system.strategies.loading import load_type

    option = ["--weights"] if weights else []
    assert main(["strategy", "new", "a1", "--dir", str(tmp_path), *option]) == 0
    entry = load_run(tmp_path / "a1.yaml").config.strategies[0]
    rule = load_type(entry.type, tmp_path)
    assert entry.type == "a1.py:A1"
    assert dict(entry.params) == {name: field.default for name, field in rule.model_fields.items()}


@pytest.mark.parametrize("name", ["my_rule.py", "my_rule.yaml", "test_my_rule.py"])
def test_nothing_is_overwritten_and_then_nothing_written(name, tmp_path, capsys):
    (tmp_path / name).write_text("mine")
    code, out, err = run(capsys, "strategy", "new", "my_rule", "--dir", str(tmp_path))
    assert (code, out) == (2, "")
    assert f"there is a {name} already" in err and "nothing was changed" in err
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_rule_of_the_present_folder_is_one_that_exists_and_no_installed_module(tmp_path):
    for wanted, said in ((0, "wrote my_rule.py"), (2, "there is a my_rule.py, my_rule.yaml, test_my_rule.py already")):
        done = subprocess.run(
            [sys.executable, "-m", "trading_system", "strategy", "new", "my_rule"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == wanted
        assert said in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("MyRule", "no name for a rule"),
        ("my-rule", "no name for a rule"),
        ("../up", "no name for a rule"),
        ("a/b", "no name for a rule"),
        ("", "no name for a rule"),
        ("1st", "no name for a rule"),
        ("größe", "no name for a rule"),
        ("x" * 49, "no name for a rule"),
        ("lambda", "no name for a rule"),
        ("match", "no name for a rule"),
        ("test_it", "taken for a test"),
        ("json", "installed module"),
        ("numpy", "installed module"),
        ("trading_system", "installed module"),
        ("factor", "a type that is shipped"),
    ],
)
def test_names_that_cannot_be_used_are_refused(name, message, tmp_path, capsys):
    code, out, err = run(capsys, "strategy", "new", name, "--dir", str(tmp_path))
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and message in err
    assert not list(tmp_path.iterdir())


def test_as_json_names_what_was_written(tmp_path, capsys):
    code, out, _ = run(capsys, "strategy", "new", "my_rule", "--dir", str(tmp_path), "--json")
    assert code == 0
    assert json.loads(out)["files"] == [str(tmp_path / name) for name in ("my_rule.py", "my_rule.yaml", "test_my_rule.py")]


@pytest.mark.parametrize("there", [True, False])
def test_the_printed_check_uses_this_python_and_says_how_to_get_pytest_where_it_is_absent(
    there, tmp_path, capsys, monkeypatch
):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: found(name, *rest) if there or name != "pytest" else None
    )
    folder = tmp_path / "of mine"
    code, out, _ = run(capsys, "strategy", "new", "my_rule", "--dir", str(folder))
    lines = [line.strip() for line in out.splitlines()]
    line = next(line for line in lines if line.startswith("check: "))
    assert code == 0 and shlex.split(line)[1:] == [sys.executable, "-m", "pytest", str(folder / "test_my_rule.py")]
    assert any(line.endswith(f"first: {sys.executable} -m pip install pytest") for line in lines) is not there
