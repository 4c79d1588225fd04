"""Runs are written whole under ids of their own, found again by them, and read back with care."""

from __future__ import annotations

import errno
import json
import os
import random
import re
import subprocess
import sys

import pytest

from trading_system.errors import OutputError, TradingSystemError, UsageError
from trading_system.pipeline import compare_runs, list_runs
from trading_system.runs import store
from trading_system.runs.manifest import comparable

FILES = {"config.yaml": lambda: iter((b"seed: 1\n",)), "metrics.json": lambda: iter((b'{"metrics": {}}\n',))}
MANIFEST = {
    "schema": 1, "config_hash": "c", "data": {"hash": "d", "symbols": {}}, "code": {"hash": "e", "package": "p", "files": {}},
    "trial": {"count": 1, "head": "h", "family": "f"}, "place": {"root": "..", "run_file": "run.yaml"}, "warnings": [], "config_warnings": 0,
    "period": {"name": "all", "first": "a", "last": "b", "bars": 1}, "strategies": [], "headline": {}, "versions": {}, "timings": {"total": 1.0},
}  # fmt: skip


def written(parent):
    log = store.RunLog()
    log.note("started", number=1)
    return store.write_run(parent, FILES, dict(MANIFEST), log)


def test_an_id_is_the_utc_time_and_a_short_hash(tmp_path):
    run_id, folder = written(tmp_path / "results")
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{8}", run_id) and folder == tmp_path / "results" / run_id
    assert store.read_manifest(folder)["run_id"] == run_id
    assert json.loads((folder / "run.log").read_text())["run_id"] == run_id


def test_a_taken_id_is_given_up_for_another(tmp_path, monkeypatch):
    tokens = iter(["00000000", "00000000", "11111111"])
    monkeypatch.setattr(store.secrets, "token_hex", lambda n: next(tokens))
    moment = store.dt.datetime(2026, 1, 2, tzinfo=store.dt.UTC)

    class Frozen(store.dt.datetime):
        @classmethod
        def now(cls, tz=None):
            return moment

    monkeypatch.setattr(store.dt, "datetime", Frozen)
    first, second = written(tmp_path)[0], written(tmp_path)[0]
    assert (first, second) == ("20260102-000000-00000000", "20260102-000000-11111111")
    assert store.read_manifest(tmp_path / second)["run_id"] == second


def test_the_manifest_names_the_hash_of_every_file_and_a_changed_one_is_found(tmp_path):
    _, folder = written(tmp_path)
    manifest = store.read_manifest(folder)
    assert set(manifest["artefacts"]) == {"config.yaml", "metrics.json", "run.log"}
    assert store.damaged(folder, manifest) == []
    (folder / "metrics.json").write_bytes(b"{}")
    (folder / "run.log").unlink()
    assert store.damaged(folder, manifest) == ["metrics.json", "run.log"]


def test_two_runs_of_the_same_are_equal_but_for_times_ids_and_places(tmp_path):
    folders = [written(tmp_path)[1] for _ in range(2)]
    one, other = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert one["manifest.json"] != other["manifest.json"]
    for name in one:
        assert comparable(name, one[name]) == comparable(name, other[name])


def test_runs_are_listed_newest_first_and_other_folders_are_passed_over(tmp_path):
    assert store.run_folders(tmp_path / "absent") == []
    ids = sorted((written(tmp_path)[0] for _ in range(3)), reverse=True)
    (tmp_path / "notes").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "file").write_text("")
    assert [folder.name for folder in store.run_folders(tmp_path)] == ids


def test_a_run_is_found_by_path_id_or_the_beginning_of_one(tmp_path):
    run_id, folder = written(tmp_path)
    assert store.find_run(str(folder), tmp_path / "elsewhere") == folder
    assert store.find_run(run_id, tmp_path) == folder
    assert store.find_run(run_id[:17], tmp_path) == folder
    written(tmp_path)
    with pytest.raises(UsageError, match="beginning of 2 runs"):
        store.find_run("2", tmp_path)
    with pytest.raises(UsageError, match="no run"):
        store.find_run("zzz", tmp_path)
    for text in ("", "..", "/", "../x"):
        with pytest.raises(UsageError):
            store.find_run(text, tmp_path)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"schema": 1}', b"\xff"])
def test_a_damaged_manifest_is_one_message_with_its_path(tmp_path, text):
    _, folder = written(tmp_path)
    (folder / "manifest.json").write_bytes(text)
    with pytest.raises(OutputError) as caught:
        store.read_manifest(folder)
    assert "damaged" in str(caught.value) and str(folder / "manifest.json") in caught.value.where


def test_a_manifest_of_another_version_is_refused(tmp_path):
    _, folder = written(tmp_path)
    document = {**json.loads((folder / "manifest.json").read_bytes()), "schema": 2}
    (folder / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(OutputError, match="another version"):
        store.read_manifest(folder)


def test_json_of_any_shape_is_what_the_library_reads_back():
    draw = random.Random(9)
    for _ in range(300):
        document = {"a": 1.5, "b": {"c": [1, 2, {"d": "é\u2028"}], "e": {"f": {"g": None}}}, "h": [], "i": {}}
        for _ in range(3):
            document = {"top": changed(draw, document), **document}
        assert json.loads(store.to_json(document)) == document


def changed(draw: random.Random, value):
    """`value` with one thing in it replaced, taken away or put in."""
    if isinstance(value, (dict, list)) and value and draw.random() < 0.8:
        copy = dict(value) if isinstance(value, dict) else list(value)
        key = draw.choice(list(copy)) if isinstance(copy, dict) else draw.randrange(len(copy))
        if draw.random() < 0.2:
            del copy[key]
        else:
            copy[key] = changed(draw, copy[key])
        return copy
    return draw.choice([None, True, -1, 1.5, "", "../../x", [], {}, [1], {"a": 1}, "x" * 1000, [[]], {"../x": "y"}])


def test_no_damage_to_a_manifest_is_more_than_one_message(tmp_path):
    _, folder = written(tmp_path)
    whole = json.loads((folder / "manifest.json").read_bytes())
    whole |= {
        "strategies": [{"name": "a", "type": "b"}],
        "headline": {"sharpe": 1.0},
        "warnings": ["w"],
        "versions": {"numpy": "2"},
    }
    draw, refused = random.Random(5), 0
    for _ in range(600):
        (folder / "manifest.json").write_text(json.dumps(changed(draw, whole)))
        (row,) = list_runs(tmp_path)
        refused += "damaged" in row
        try:
            compare_runs(str(folder), str(folder))
        except TradingSystemError:
            pass
    assert refused > 200


def test_a_manifest_that_names_files_elsewhere_is_refused(tmp_path):
    _, folder = written(tmp_path)
    document = json.loads((folder / "manifest.json").read_bytes())
    for name in ("../x", "/etc/hostname", "a/b", "", ".."):
        (folder / "manifest.json").write_text(json.dumps({**document, "artefacts": {name: "0"}}))
        with pytest.raises(OutputError, match="outside"):
            store.read_manifest(folder)


def test_json_has_null_for_what_is_no_number_and_keeps_the_order_of_keys():
    document = json.loads(store.to_json({"b": float("nan"), "a": [float("inf"), 0.1], "c": {"x": -float("inf")}}))
    assert list(document) == ["b", "a", "c"] and document == {"b": None, "a": [None, 0.1], "c": {"x": None}}


WRITER = """
import sys
from pathlib import Path
from tests.runs.test_store import written
for _ in range(10):
    print(written(Path(sys.argv[1]))[0])
"""


def test_two_writers_at_once_never_meet(tmp_path):
    children = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "results")], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ids = [line for child in children for line in child.communicate()[0].split()]
    assert len(ids) == len(set(ids)) == 20
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == sorted(ids)
    assert all(store.damaged(path, store.read_manifest(path)) == [] for path in (tmp_path / "results").iterdir())


def test_a_file_name_that_is_no_utf8_reads_back_from_log_and_manifest():
    name = "run\udcff.yaml"
    log = store.RunLog()
    log.note("started", config=name)
    assert json.loads(log.text("id"))["config"] == name
    assert json.loads(store.to_json({"place": {"run_file": name}}))["place"]["run_file"] == name
    assert json.loads(comparable("run.log", log.text("id")))["config"] == name


def test_a_first_run_that_cannot_be_written_leaves_no_empty_folder_of_results(tmp_path, monkeypatch):
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OutputError, match="ENOSPC"):
        written(tmp_path / "project" / "results")
    assert list(tmp_path.iterdir()) == []
