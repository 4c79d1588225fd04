"""report: a run's page made again from its artefacts alone, as HTML, Markdown or JSON."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.projects import write_project
from trading_system.cli import browser
from trading_system.cli.main import main
from trading_system.pipeline import report_run


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with one run with a page and one without; their folders."""
    folder = tmp_path_factory.mktemp("project")
    run = write_project(folder)
    found = []
    for formats in ("[csv, html]", "[csv]"):
        before = set((folder / "results").glob("*"))
        assert main(["backtest", str(run), "--set", f"output.formats={formats}"]) == 0
        found += set((folder / "results").glob("*")) - before
    return found


@pytest.fixture
def copies(project, tmp_path):
    """Copies of the two folders, to change."""
    return [Path(shutil.copytree(folder, tmp_path / "results" / folder.name)) for folder in project]


def answer(capsys, *line, code=0):
    assert main(list(line)) == code
    return capsys.readouterr()


def test_a_run_leaves_its_page_and_the_manifest_names_it(project):
    with_page, without = project
    named = json.loads((with_page / "manifest.json").read_text())["artefacts"]
    assert (with_page / "report.html").is_file() and "report.html" in named
    assert not (without / "report.html").exists()


def test_the_page_made_again_has_the_same_bytes(copies, capsys):
    page = copies[0] / "report.html"
    before = page.read_bytes()
    page.unlink()
    assert f"report: {page}" in answer(capsys, "report", str(copies[0])).out
    assert page.read_bytes() == before
    assert main(["runs", "show", str(copies[0])]) in (0, 2) and page.read_bytes() == before


def test_a_run_without_a_page_gets_one(copies, capsys):
    answer(capsys, "report", copies[1].name[:20], "--results", str(copies[1].parent))
    assert (copies[1] / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_the_artefacts_alone_are_enough(copies, tmp_path, capsys):
    """No run file, no data, no other file of the folder, and no package that computes."""
    for name in ("equity_curve.csv", "trade_log.csv", "orders.csv", "refusals.csv", "weekly_summary.csv", "run.log"):
        (copies[0] / name).unlink()
    out = tmp_path / "page.html"
    code = f"import sys; from trading_system.pipeline import report_run; report_run({str(copies[0])!r}, out={str(out)!r})"
    code += "; sys.exit(len({'pandas', 'numba', 'pyarrow', 'plotly', 'jinja2'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert out.read_bytes() == (copies[0] / "report.html").read_bytes()


def test_markdown_and_json_are_printed_or_written(copies, tmp_path, capsys):
    text = answer(capsys, "report", str(copies[0]), "--format", "markdown").out
    assert text.startswith("# Backtest of momentum") and "| Sharpe ratio" in text and "## Costs: from gross to net" in text
    document = json.loads(answer(capsys, "report", str(copies[0]), "--format", "json").out)
    stored = json.loads((copies[0] / "metrics.json").read_text())
    assert document["metrics"] == stored["metrics"] and document["years"] == stored["years"] and document["not_checked"]
    out = tmp_path / "report.md"
    answer(capsys, "report", str(copies[0]), "--format", "markdown", "--out", str(out))
    assert out.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", ["metrics.json", "series.json", "config.yaml", "monthly_report.json", "data_quality.json"])
@pytest.mark.parametrize("harm", ["changed", "emptied", "gone"])
def test_a_damaged_artefact_is_one_message(copies, capsys, name, harm):
    path = copies[0] / name
    data = path.read_bytes()
    path.unlink()
    if harm != "gone":
        path.write_bytes(data[:-40] + b" " * 40 if harm == "changed" else b"")
    out, err = answer(capsys, "report", str(copies[0]), "--out", str(copies[0] / "x.html"), code=2)
    assert out == "" and len(err.strip().splitlines()) == 1 and name in err and not (copies[0] / "x.html").exists()


def forge(folder, name, text):
    """Write an artefact and let the manifest name its bytes."""
    import hashlib

    (folder / name).write_text(text, encoding="utf-8")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["artefacts"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("name", ["metrics.json", "series.json", "monthly_report.json", "data_quality.json", "config.yaml"])
@pytest.mark.parametrize(
    "text", ["{}", "[]", "null", '{"metrics": 1, "schema": 1, "table": 3}', "{", '{"strategies": [1], "data": 2}']
)
@pytest.mark.parametrize("format", ["html", "markdown", "json"])
def test_an_artefact_of_another_shape_is_one_message(copies, capsys, name, text, format):
    forge(copies[1], name, text)
    line = ("report", str(copies[1]), "--format", format)
    if format == "json" and name == "config.yaml":
        assert main(list(line)) in (0, 2)  # it is shown as it stands
        return
    out, err = answer(capsys, *line, code=2)
    assert out == "" and err.startswith("error: ") and "Traceback" not in err


def test_a_page_of_another_version_is_not_replaced(copies, tmp_path, capsys):
    forge(copies[0], "report.html", "<!DOCTYPE html><title>older</title>")
    before = (copies[0] / "report.html").read_bytes()
    _, err = answer(capsys, "report", str(copies[0]), code=2)
    assert "another version" in err and "--out" in err and (copies[0] / "report.html").read_bytes() == before
    answer(capsys, "report", str(copies[0]), "--out", str(tmp_path / "new.html"))
    assert (tmp_path / "new.html").stat().st_size > 10_000


def test_a_changed_page_is_mended(copies, capsys):
    page = copies[0] / "report.html"
    before = page.read_bytes()
    page.write_bytes(b"gone")
    answer(capsys, "report", str(copies[0]))
    assert page.read_bytes() == before


def test_a_run_of_an_earlier_version_is_told_so(copies, capsys):
    manifest = json.loads((copies[0] / "manifest.json").read_text())
    del manifest["artefacts"]["series.json"]
    (copies[0] / "manifest.json").write_text(json.dumps(manifest))
    assert "earlier version" in answer(capsys, "report", str(copies[0]), code=2).err


def test_usage(copies, capsys):
    assert "--open" in answer(capsys, "report", str(copies[0]), "--format", "json", "--open", code=2).err
    assert "html" in answer(capsys, "report", str(copies[0]), "--format", "pdf", code=2).err
    assert "no run" in answer(capsys, "report", "nothing", "--results", str(copies[0].parent), code=2).err
    with pytest.raises(Exception, match="no format"):
        report_run(str(copies[0]), format="pdf")
    assert "errno" in answer(capsys, "report", str(copies[0]), "--out", str(copies[0] / "no" / "x.html"), code=2).err


@pytest.fixture
def no_screen(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(browser.sys, "platform", "linux")


def test_without_a_screen_open_says_what_to_do_and_nothing_is_started(copies, capsys, monkeypatch, no_screen):
    monkeypatch.setattr("webbrowser.open", lambda *_, **__: pytest.fail("a browser was started"))
    out, err = answer(capsys, "report", str(copies[0]), "--open")
    assert out.startswith("report: ") and re.search(r"no browser can be opened here; open /.*report\.html yourself", err)


@pytest.mark.parametrize("works", [True, False])
def test_open_gives_the_browser_the_file(copies, capsys, monkeypatch, no_screen, works):
    monkeypatch.setenv("DISPLAY", ":0")
    asked = []
    monkeypatch.setattr("webbrowser.open", lambda address, new: asked.append(address) or works)
    _, err = answer(capsys, "report", str(copies[0]), "--open")
    assert asked == [(copies[0] / "report.html").resolve().as_uri()] and ("no browser" in err) is not works


def test_backtest_open_makes_the_page_that_was_not_asked_for(tmp_path, capsys, no_screen):
    run = write_project(tmp_path)
    _, err = answer(capsys, "backtest", str(run), "--set", "output.formats=[csv]", "--open")
    (page,) = (tmp_path / "results").glob("*/report.html")
    assert str(page.resolve()) in err


def test_reproduce_compares_the_page(project, capsys):
    out = answer(capsys, "runs", "reproduce", str(project[0])).out
    assert re.search(r"report\.html +the same bytes", out) and "NOT" not in out
    assert "report.html" not in answer(capsys, "runs", "reproduce", str(project[1])).out


@pytest.mark.parametrize("formats", ["[csv]", "[csv, html]"])
def test_the_page_is_loaded_by_runs_that_write_one_and_brings_no_template_engine_or_chart_library(tmp_path, formats):
    run = write_project(tmp_path)
    code = (
        "import sys; from trading_system.cli.main import main;"
        f" assert main(['backtest', {str(run)!r}, '--set', 'output.formats={formats}']) == 0;"
        " print('loaded:', [name for name in ('trading_system.reports.report_html', 'jinja2', 'plotly', 'webbrowser') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"loaded: {['trading_system.reports.report_html'] if 'html' in formats else []}"
