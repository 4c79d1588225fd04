"""The journal keeps everything that was acknowledged, and shows every change to it."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest

from trading_system.errors import OutputError
from trading_system.runs import trials
from trading_system.runs.journal import FOLDER, GENESIS, NAME, Anchor, Journal

TRIAL = trials.Trial(
    strategies=("ma_crossover",),
    symbols=("A", "B"),
    config_hash="c",
    data_hash="d",
    code_hash="e",
    period="train",
    read_from="2020-01-01",
    first="2020-01-02",
    last="2020-02-01",
    configurations=1,
    sharpe_mean=0.05,
    sharpe_variance=None,
    n_periods=3,
)
INDEX = np.array([1, 2, 3], np.int64) * 86_400 * 10**9
RETURNS = np.array([0.01, -0.02, 0.5])


def filled(root, n: int = 5) -> list[Anchor]:
    with Journal(root) as journal:
        return [trials.record(journal, dataclasses.replace(TRIAL, config_hash=f"c{i}"), INDEX, RETURNS) for i in range(n)]


def problems(root, *anchors: Anchor) -> tuple[str, ...]:
    with Journal(root) as journal:
        return journal.verify(*anchors).problems


def tampered(root, *statements: str) -> None:
    with sqlite3.connect(root / FOLDER / NAME) as store:
        for statement in statements:
            store.execute(statement)
    store.close()


def test_a_new_journal_is_empty_and_whole(tmp_path):
    with Journal(tmp_path) as journal:
        assert journal.anchor() == Anchor(0, GENESIS)
        assert journal.verify().intact


def test_each_record_is_anchored_and_the_chain_holds(tmp_path):
    anchors = filled(tmp_path)
    assert [anchor.count for anchor in anchors] == [1, 2, 3, 4, 5]
    assert len({anchor.head for anchor in anchors}) == 5
    assert problems(tmp_path, *anchors) == ()


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE records SET body = replace(body, '0.05', '0.95') WHERE number = 3", "record 3 was edited"),
        ("UPDATE records SET body = body || ' ' WHERE number = 5", "record 5 was edited"),
        ("UPDATE records SET kind = 'note' WHERE number = 2", "record 2 was edited"),
        ("UPDATE records SET hash = previous WHERE number = 4", "record 4 was edited"),
        ("DELETE FROM records WHERE number = 2", "record 2 is missing"),
        ("DELETE FROM records WHERE number = 1", "record 1 is missing"),
        ("UPDATE records SET number = 9 WHERE number = 5", "record 5 is missing"),
    ],
)
def test_an_edit_or_a_deletion_shows(tmp_path, statement, says):
    filled(tmp_path)
    tampered(tmp_path, statement)
    assert says in problems(tmp_path)


@pytest.mark.parametrize("body", ["'{\"a\":1}'", "'[]'", "7"])
def test_an_edited_record_is_read_by_nobody(tmp_path, body):
    with Journal(tmp_path) as journal:
        with journal.transaction():
            journal.append("holdout", {"first": "2020-01-01"})
        journal.execute(f"UPDATE records SET body = {body}")
        with pytest.raises(OutputError, match="record 1 of the journal is not what was written"):
            journal.records("holdout")


@pytest.mark.parametrize("statement", ["DELETE FROM records WHERE number > 3", "DELETE FROM records"])
def test_a_cut_shows_against_what_a_result_names(tmp_path, statement):
    anchors = filled(tmp_path)
    tampered(tmp_path, statement)
    assert problems(tmp_path) == ()  # alone a shorter chain looks whole
    assert problems(tmp_path, anchors[-1]) == ("the journal ends before record 5, which a result names",)


def test_a_journal_begun_anew_shows_against_what_a_result_names(tmp_path):
    anchors = filled(tmp_path)
    (tmp_path / FOLDER / NAME).unlink()
    with Journal(tmp_path) as journal:
        for i in range(9):
            trials.record(journal, dataclasses.replace(TRIAL, config_hash=f"other{i}"), INDEX, RETURNS)
    assert "record 5 is not the one that a result names: the journal was rewritten" in problems(tmp_path, anchors[-1])


WRITER = """
import sys, dataclasses
from pathlib import Path
from tests.runs.test_journal import TRIAL, INDEX, RETURNS, trials, Journal
for i in range(int(sys.argv[3])):
    with Journal(Path(sys.argv[1])) as journal:
        anchor = trials.record(journal, dataclasses.replace(TRIAL, config_hash=f"{sys.argv[2]}-{i}"), INDEX, RETURNS)
    print(anchor.count, anchor.head, flush=True)
"""


def writer(root, name: str, n: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root), name, str(n)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_two_processes_at_once_lose_nothing(tmp_path):
    children = [writer(tmp_path, name, 20) for name in ("one", "other")]
    said = [child.communicate()[0].splitlines() for child in children]
    assert [child.returncode for child in children] == [0, 0]
    anchors = [Anchor(int(line.split()[0]), line.split()[1]) for lines in said for line in lines]
    assert sorted(anchor.count for anchor in anchors) == list(range(1, 41))
    assert problems(tmp_path, *anchors) == ()


def killed_writers(root, kills: int, seed: int = 0) -> list[Anchor]:
    """What processes that were killed with -9 at `kills` random moments had acknowledged; the chain holds after each."""
    rng, acknowledged = np.random.default_rng(seed), []
    for round_ in range(kills):
        child = writer(root, f"round{round_}", 10_000)
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(float(rng.uniform(0.0, 0.04)))
        child.kill()
        lines = [first, *child.stdout]
        child.communicate()
        acknowledged += [Anchor(int(line.split()[0]), line.split()[1]) for line in lines if len(line.split()) == 2]
        assert problems(root, *acknowledged) == ()
    return acknowledged


def test_a_killed_process_loses_no_acknowledged_record_and_blocks_nobody(tmp_path):
    """Ten kills here; `TRADING_SYSTEM_TEST_KILLS=200` makes it 200."""
    acknowledged = killed_writers(tmp_path, int(os.environ.get("TRADING_SYSTEM_TEST_KILLS", "10")))
    with Journal(tmp_path) as journal:
        assert trials.count(journal, TRIAL.family).trials >= len(acknowledged)
        assert journal.anchor().count >= max(anchor.count for anchor in acknowledged)
        kept = trials.returns_of(journal, TRIAL.family)[1]
    assert kept.shape[1] >= min(len(acknowledged), trials.KEPT_PER_FAMILY)
    filled(tmp_path, 1)


def test_a_file_that_is_no_journal_is_refused_and_left_alone(tmp_path):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / NAME).write_bytes(b"not a database" * 100)
    with pytest.raises(OutputError, match="journal of trials") as caught, Journal(tmp_path):
        pass
    assert "restore" in caught.value.remedy
    assert (tmp_path / FOLDER / NAME).read_bytes() == b"not a database" * 100


def test_a_journal_of_a_newer_version_is_refused(tmp_path):
    filled(tmp_path, 1)
    tampered(tmp_path, "PRAGMA user_version = 99")
    with pytest.raises(OutputError, match="newer version"), Journal(tmp_path):
        pass


def test_a_locked_journal_is_one_message_that_says_who(tmp_path, monkeypatch):
    filled(tmp_path, 1)
    monkeypatch.setattr("trading_system.runs.journal.WAIT", 0.1)
    holder = sqlite3.connect(tmp_path / FOLDER / NAME, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(OutputError, match="SQLITE_BUSY") as caught:
        filled(tmp_path, 1)
    assert "another process" in caught.value.remedy
    holder.close()
    filled(tmp_path, 1)


def test_a_journal_behind_a_link_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / FOLDER).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="symbolic link"), Journal(tmp_path):
        pass
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_failed_transaction_leaves_nothing(tmp_path):
    anchors = filled(tmp_path, 2)
    with Journal(tmp_path) as journal:
        with pytest.raises(RuntimeError), journal.transaction():
            journal.append("note", {"a": 1})
            raise RuntimeError
        assert journal.anchor() == anchors[-1]


def test_many_processes_that_begin_a_journal_at_once_share_one(tmp_path):
    for round_ in range(5):
        root = tmp_path / f"{round_}"
        root.mkdir()
        children = [writer(root, f"{i}", 2) for i in range(3)]
        said = [child.communicate()[0].splitlines() for child in children]
        anchors = [Anchor(int(line.split()[0]), line.split()[1]) for lines in said for line in lines]
        assert sorted(anchor.count for anchor in anchors) == [1, 2, 3, 4, 5, 6]
        assert problems(root, *anchors) == ()
        assert {path.name for path in (root / FOLDER).iterdir()} == {NAME, "returns"}


LIMITED = """
import resource, sys
from pathlib import Path
from trading_system.errors import OutputError
from trading_system.runs.journal import Journal
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    with Journal(Path(sys.argv[1])):
        pass
except OutputError as error:
    print(error)
"""


@pytest.mark.parametrize("size", [0, 100, 4096, 10_000])
def test_a_journal_that_does_not_fit_on_the_disk_is_not_there_at_all(tmp_path, size):
    pytest.importorskip("resource")
    command = [sys.executable, "-c", LIMITED, str(tmp_path), str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "SQLITE_" in done.stdout
    assert not list((tmp_path / FOLDER).iterdir())
    filled(tmp_path, 1)
