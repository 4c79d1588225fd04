"""What each command prints and leaves."""

from __future__ import annotations

import errno
import json
import os

import jsonschema
import pytest
import yaml

from trading_system.cli.main import main
from trading_system.config import templates


def said(capsys, *line: str) -> str:
    """Standard output of a command that ends with 0 and says nothing on standard error."""
    assert main(list(line)) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def refused(capsys, *line: str) -> str:
    """Standard error of a command that ends with 2 and prints nothing on standard output."""
    assert main(list(line)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_init_writes_a_folder_and_names_the_next_command(tmp_path, capsys):
    out = said(capsys, "init", str(tmp_path / "new" / "idea"))
    assert sorted(p.name for p in (tmp_path / "new" / "idea").iterdir()) == [
        "README.md",
        "equity_config.yaml",
        "run_config.yaml",
    ]
    assert f"next: trading-system backtest {tmp_path / 'new' / 'idea' / 'run_config.yaml'}" in out


def test_init_never_overwrites_and_then_writes_nothing_at_all(tmp_path, capsys):
    (tmp_path / "equity_config.yaml").write_text("mine", encoding="utf-8")
    assert "equity_config.yaml" in refused(capsys, "init", str(tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == ["equity_config.yaml"]
    assert (tmp_path / "equity_config.yaml").read_text(encoding="utf-8") == "mine"


def test_init_follows_no_symbolic_link(tmp_path, capsys):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "run_config.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    refused(capsys, "init", str(tmp_path / "project"))
    assert not (tmp_path / "elsewhere.yaml").exists()


def test_init_into_a_file_is_one_message(tmp_path, capsys):
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert "errno" in refused(capsys, "init", str(tmp_path / "file"))


def test_a_failing_disk_leaves_no_half_of_a_project(tmp_path, capsys, monkeypatch):
    real, calls = os.fsync, []

    def full(number):
        calls.append(number)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(number)

    monkeypatch.setattr(os, "fsync", full)
    assert "README.md: cannot be written: No space left on device (errno 28, ENOSPC)" in refused(
        capsys, "init", str(tmp_path / "new" / "idea")
    )
    assert len(calls) == 3 and list(tmp_path.iterdir()) == []


def test_a_file_that_appears_while_a_project_is_written_is_kept(tmp_path, capsys, monkeypatch):
    real = os.link

    def late(source, target):
        if str(target).endswith("README.md"):
            (tmp_path / "README.md").write_text("mine", encoding="utf-8")
        real(source, target)

    monkeypatch.setattr(os, "link", late)
    assert "README.md: cannot be written: File exists" in refused(capsys, "init", str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "mine"


def test_init_as_json_names_what_it_wrote(tmp_path, capsys):
    document = json.loads(said(capsys, "init", str(tmp_path / "idea"), "--json"))
    assert all(os.path.isfile(path) for path in document["files"])


@pytest.mark.parametrize("name", templates.names())
def test_every_template_fits_the_schema_and_the_schema_is_a_schema(name, capsys):
    schema = json.loads(said(capsys, "config", "schema", "run" if name == "run" else "strategy"))
    jsonschema.Draft202012Validator.check_schema(schema)
    document = yaml.safe_load(said(capsys, "config", "template", name))
    jsonschema.validate(json.loads(json.dumps(document, default=str)), schema)


def test_an_unknown_template_is_answered_with_what_there_is(capsys):
    assert "ma_crossover" in refused(capsys, "config", "template", "ma_crosover")


def test_config_show_prints_every_default_and_every_override(tmp_path, capsys):
    said(capsys, "init", str(tmp_path))
    path = str(tmp_path / "run_config.yaml")
    shown = yaml.safe_load(said(capsys, "config", "show", path, "--set", "portfolio.starting_equity=50000"))
    assert shown["portfolio"]["starting_equity"] == 50_000
    assert shown["execution"]["fill"] == "next_open"
    document = json.loads(said(capsys, "config", "show", "--config", path, "--json"))
    assert document["config"]["portfolio"]["starting_equity"] == 100_000
    assert len(document["hash"]) == 64


def test_every_strategy_type_is_listed_and_shown_with_its_parameters(capsys):
    rows = json.loads(said(capsys, "strategy", "list", "--json"))
    assert {"buy_and_hold", "ma_crossover"} <= {row["type"] for row in rows if row["kind"] == "strategy"}
    assert {"trend", "swing_stop"} <= {row["type"] for row in rows if row["kind"] == "filter"}
    assert all(row["rule"] for row in rows)
    for row in rows:
        assert row["type"] in said(capsys, "strategy", "list")
        shown = json.loads(said(capsys, "strategy", "show", row["type"], "--json"))
        text = said(capsys, "strategy", "show", row["type"])
        for parameter in shown["parameters"]:
            assert parameter["name"] in text
            assert parameter["description"], f"{row['type']}.{parameter['name']} has no description"


def test_the_shape_of_a_list_is_shown_in_words(capsys):
    assert "list of [text, text]" in said(capsys, "strategy", "show", "pairs")


def test_an_unknown_strategy_type_is_answered_with_the_nearest_name(capsys):
    assert "did you mean 'buy_and_hold'?" in refused(capsys, "strategy", "show", "buy_and_hol")
    assert "did you mean 'swing_stop'?" in refused(capsys, "strategy", "show", "swing_stops")


def test_version_is_one_line_and_as_json_names_what_numbers_depend_on(capsys):
    assert said(capsys, "version").count("\n") == 1
    assert {"trading-system", "python", "numpy", "numba"} <= set(json.loads(said(capsys, "version", "--json")))


def test_doctor_is_content_with_the_machine_that_runs_the_tests(capsys):
    document = json.loads(said(capsys, "doctor", "--json"))
    assert document["healthy"] is True
    assert {"Python", "numba", "kernel cache"} <= {check["check"] for check in document["checks"]}
    assert "kernel cache" in said(capsys, "doctor")


def test_doctor_says_no_with_the_mend_when_the_run_file_is_wrong(tmp_path, capsys):
    path = tmp_path / "run.yaml"
    path.write_text("data: {source: sample}\n", encoding="utf-8")
    assert main(["doctor", str(path)]) == 1
    out = capsys.readouterr().out
    assert "PROBLEM" in out and "validate config" in out


def test_doctor_names_what_is_wrong_with_the_machine_and_the_mend(tmp_path, capsys, monkeypatch):
    from trading_system import kernels

    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setattr(kernels, "kernel_folder", lambda: tmp_path / "file" / "kernels")
    monkeypatch.setenv("TRADING_SYSTEM_THREADS", "many")
    monkeypatch.setattr("trading_system.cli.doctor.REQUIRED", ("numpy", "a_package_that_is_absent"))
    assert main(["doctor", "--json"]) == 1
    found = {check["check"]: check for check in json.loads(capsys.readouterr().out)["checks"] if not check["ok"]}
    assert set(found) == {"a_package_that_is_absent", "kernel cache", "threads"}
    assert "TRADING_SYSTEM_CACHE" in found["kernel cache"]["remedy"]
    assert all(check["remedy"] for check in found.values())


def test_doctor_is_content_with_a_kernel_cache_that_was_filled_and_cannot_be_written(tmp_path):
    from trading_system.cli.doctor import _kernel_cache

    (tmp_path / "file").write_text("", encoding="utf-8")
    filled = _kernel_cache(tmp_path / "file" / "kernels", compiled=True)
    assert filled["ok"] and "read-only" in filled["found"]
    assert not _kernel_cache(tmp_path / "file" / "kernels", compiled=False)["ok"]


def test_doctor_says_no_when_the_data_cannot_be_read(tmp_path, capsys):
    path = tmp_path / "run.yaml"
    path.write_text("data: {source: csv, path: run.yaml}\nstrategies: [{name: a, type: buy_and_hold}]\n", encoding="utf-8")
    assert main(["doctor", str(path)]) == 1
    assert "validate data" in " ".join(capsys.readouterr().out.split())
