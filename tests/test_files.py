"""A folder is written whole or not at all, whatever fails and whoever else writes."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.runs.faults import ERRORS, Disk, install
from trading_system import files
from trading_system.errors import OutputError
from trading_system.files import FolderWriter, real_folder, write_file

CONTENT = {f"file{i}.csv": [f"{i}".encode() * 70_000, b"end\n"] for i in range(4)}


def write(parent: Path, name: str = "run") -> bool:
    with FolderWriter(parent, name) as folder:
        for file, pieces in CONTENT.items():
            folder.add(file, pieces)
        return folder.commit()


def is_whole(folder: Path) -> bool:
    return {path.name: path.read_bytes() for path in folder.iterdir()} == {name: b"".join(p) for name, p in CONTENT.items()}


def test_a_written_folder_holds_every_file_and_nothing_is_left_beside_it(tmp_path):
    assert write(tmp_path)
    assert is_whole(tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
def test_whichever_call_fails_leaves_the_earlier_folder_and_no_trace(tmp_path, monkeypatch, number):
    assert write(tmp_path, "earlier")
    counted = install(monkeypatch, Disk(0, number))
    write(tmp_path, "counted")
    monkeypatch.undo()
    assert counted.calls > 20
    for nth in range(1, 101):
        with monkeypatch.context() as patch:
            install(patch, Disk(nth, number))
            try:
                done = write(tmp_path, f"run{nth}")
            except OutputError as error:
                done = False
                assert f"errno {number}, {errno.errorcode[number]}" in str(error)
                assert str(tmp_path / f"run{nth}") in error.where
        assert done == (nth > counted.calls)
        assert (tmp_path / f"run{nth}").exists() == done
        assert not list(tmp_path.glob(".*"))
    assert is_whole(tmp_path / "earlier")
    assert all(path.stat().st_size for path in tmp_path.rglob("*.csv"))


def test_a_disk_that_fails_for_good_is_one_error_and_its_rest_is_swept_up_by_a_later_process(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        install(patch, Disk(9, errno.EIO, for_good=True))
        with pytest.raises(OutputError, match="EIO"):
            write(tmp_path)
    assert not (tmp_path / "run").exists()


def test_a_taken_name_is_left_alone(tmp_path):
    (tmp_path / "run").mkdir()
    assert not write(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert not write(tmp_path, "link")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "run"]


def test_an_exception_between_two_files_leaves_nothing(tmp_path):
    class Stop(BaseException):
        pass

    with pytest.raises(Stop), FolderWriter(tmp_path, "run") as folder:
        folder.add("a", [b"1"])
        raise Stop
    assert not list(tmp_path.iterdir())


def test_what_a_dead_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    dead = tmp_path / f".run.{files._host()}.{child.pid}.partial"
    alive = tmp_path / f".run.{files._host()}.{os.getppid()}.partial"
    foreign = tmp_path / f".run.0badcafe.{child.pid}.partial"
    for folder in (dead, alive, foreign):
        folder.mkdir()
        (folder / "half.csv").write_bytes(b"1")
    files.sweep(tmp_path)
    assert not dead.exists() and alive.exists() and foreign.exists()


@pytest.mark.parametrize(
    "name", [".partial", "..partial", ".run.HOST.\u00b2.partial", ".run.HOST.x.partial", ".HOST.1e9.partial"]
)
def test_a_name_that_only_resembles_ours_is_left_alone(tmp_path, name):
    other = tmp_path / name.replace("HOST", files._host())
    other.write_bytes(b"mine")
    files.sweep(tmp_path)
    assert other.read_bytes() == b"mine"


def test_results_follow_no_symbolic_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "results").symlink_to(tmp_path / "real")
    with pytest.raises(OutputError, match="symbolic link"):
        real_folder(tmp_path / "results")


def test_a_folder_below_a_file_is_one_error_with_the_errno(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="errno"):
        real_folder(tmp_path / "file" / "results")


def test_a_replaced_file_is_old_or_new_whichever_call_fails(tmp_path, monkeypatch):
    path = tmp_path / "state"
    write_file(path, b"old")
    for nth in range(1, 8):
        with monkeypatch.context() as patch:
            disk = install(patch, Disk(nth, errno.ENOSPC))
            try:
                write_file(path, b"new")
            except OutputError:
                assert path.read_bytes() in (b"old", b"new")
        assert not list(tmp_path.glob(".*"))
        write_file(path, b"old")
    assert disk.calls < 7


def test_a_new_file_takes_nobodys_place(tmp_path):
    write_file(tmp_path / "state", b"mine", new=True)
    with pytest.raises(OutputError, match="File exists"):
        write_file(tmp_path / "state", b"yours", new=True)
    assert (tmp_path / "state").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_nobody_can_lay_a_file_where_the_next_one_is_written(tmp_path):
    assert len({files.beside(tmp_path / "state") for _ in range(50)}) == 50


def test_folders_made_for_work_that_fails_are_gone_again_and_others_stay(tmp_path):
    (tmp_path / "there").mkdir()
    for folder in (tmp_path / "a" / "b", tmp_path / "there" / "c", tmp_path / "there"):
        with pytest.raises(ZeroDivisionError), files.unmade(folder):
            real_folder(folder)
            raise ZeroDivisionError
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["there"]
    with pytest.raises(ZeroDivisionError), files.unmade(tmp_path / "kept"):
        (real_folder(tmp_path / "kept") / "file").write_text("finished earlier")
        raise ZeroDivisionError
    assert (tmp_path / "kept" / "file").exists()


WRITER = """
import signal
import sys
from pathlib import Path
from tests.test_files import write
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is started with it ignored
number = 0
while True:
    number += 1
    write(Path(sys.argv[1]), f"run{number}")
    print(number, flush=True)
"""


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT], ids=["SIGKILL", "SIGINT"])
def test_a_process_killed_at_any_moment_leaves_only_whole_folders(tmp_path, kill):
    for round_ in range(12):
        folder = tmp_path / f"round{round_}"
        folder.mkdir()
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert child.stdout is not None and child.stdout.readline()  # one is acknowledged
        time.sleep(0.003 * (round_ % 7))
        child.send_signal(kill)
        acknowledged = [line for line in child.stdout if line.strip()]
        child.wait(timeout=60)
        files.sweep(folder)
        names = {path.name for path in folder.iterdir()}
        assert all(name.startswith("run") for name in names), names
        assert all(is_whole(folder / name) for name in names)
        assert len(names) >= 1 + len(acknowledged)
