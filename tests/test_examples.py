"""Every file of EXAMPLE_CONFIGS and of examples/ runs as it stands, from a folder that is not the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.printed import python_path
from trading_system import machine_code

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "EXAMPLE_CONFIGS"
EXAMPLES = ROOT / "examples"
SCRIPTS = sorted(path.name for path in EXAMPLES.glob("*.py"))
NOTEBOOKS = sorted(path.name for path in EXAMPLES.glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.name for path in CONFIGS.glob("*.yaml")))
def test_example_runs_as_it_stands_and_trades(name: str, tmp_path: Path) -> None:
    from trading_system import pipeline

    folder = tmp_path / "examples"
    shutil.copytree(CONFIGS, folder, ignore=lambda _, names: [n for n in names if not n.endswith(".yaml")])
    pipeline.run_backtest(folder / "run_config.yaml", out=tmp_path / "results")  # its holdout stands in nobody's way
    result = pipeline.run_backtest(folder / name, out=tmp_path / "results")
    assert (result.folder / "config.yaml").is_file() and (result.folder / "metrics.json").is_file()
    assert len(result.trades_frame()) > 5


def elsewhere(tmp_path: Path) -> dict[str, str]:
    """The environment of a program that is started in a new folder and writes its temporary files there."""
    (tmp_path / "temporary").mkdir()
    return os.environ | {"TMPDIR": str(tmp_path / "temporary"), "PYTHONPATH": python_path(), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_script_runs_from_any_folder_and_leaves_a_run(name: str, tmp_path: Path) -> None:
    """It prints something, warns of nothing of its own, and writes to its temporary folder alone."""
    before = sorted(EXAMPLES.rglob("*"))
    (tmp_path / "here").mkdir()
    command = [sys.executable, "-W", "error::DeprecationWarning:__main__", str(EXAMPLES / name)]
    done = subprocess.run(
        command, cwd=tmp_path / "here", env=elsewhere(tmp_path), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) > 2 and "nan" not in done.stdout.lower().split()
    assert list((tmp_path / "temporary").glob("*/results/*/metrics.json")), "no run was left"
    assert not list((tmp_path / "here").iterdir()) and sorted(EXAMPLES.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_runs_from_its_first_cell_to_its_last(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbclient
    import nbformat

    for key, value in elsewhere(tmp_path).items():
        monkeypatch.setenv(key, value)
    notebook = nbformat.read(EXAMPLES / name, as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert shown and not [output for output in shown if output.output_type == "error" or output.get("name") == "stderr"]
    assert any("would read the holdout" in str(output.get("text", "")) for output in shown), "the holdout was not refused"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_is_kept_without_outputs(name: str) -> None:
    for cell in json.loads((EXAMPLES / name).read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None


def test_the_page_of_the_examples_names_each_of_them() -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for name in (*SCRIPTS, *NOTEBOOKS):
        assert f"| `{name}` |" in page


@pytest.mark.slow
@pytest.mark.skipif(not machine_code.usable(), reason="machine code is not called without the compiler here")
@pytest.mark.parametrize("name", sorted(path.name for path in CONFIGS.glob("*.yaml")))
def test_the_second_run_of_an_example_starts_no_compiler(name: str, tmp_path: Path) -> None:
    shutil.copytree(CONFIGS, tmp_path / "examples", ignore=lambda _, names: [n for n in names if not n.endswith(".yaml")])
    code = "import sys; from trading_system.cli.main import main; main(sys.argv[1:]); print('numba' in sys.modules)"
    line = [
        sys.executable,
        "-c",
        code,
        "backtest",
        str(tmp_path / "examples" / name),
        "--quiet",
        "--out",
        str(tmp_path / "out"),
    ]
    clean = {key: value for key, value in os.environ.items() if key != "NUMBA_DISABLE_JIT"}
    said = [subprocess.run(line, capture_output=True, text=True, check=True, env=clean).stdout.split()[-1] for _ in range(2)]
    assert said[1] == "False"
