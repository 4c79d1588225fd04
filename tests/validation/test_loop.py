"""The loop over worlds: the same table in any chunks, on any threads, after any stop."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from trading_system.errors import OutputError, StrategyError
from trading_system.validation.loop import Loop, Store

KEY = "0123456789abcdef" * 4


def row(number: int) -> np.ndarray:
    return np.random.default_rng(number).normal(size=3)


EXPECTED = np.array([row(n) for n in range(57)])


@pytest.mark.parametrize("threads", ["1", "2", "5"])
@pytest.mark.parametrize("chunk", [0, 1, 7, 100])
def test_threads_and_chunks_change_no_byte(threads: str, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADING_SYSTEM_THREADS", threads)
    assert Loop().rows("draws", row, 57, 3, chunk).tobytes() == EXPECTED.tobytes()


def test_no_task_is_an_empty_table() -> None:
    assert Loop().rows("nothing", row, 0, 3).shape == (0, 3)


def test_progress_reaches_the_end_and_never_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADING_SYSTEM_THREADS", "4")
    heard: list[tuple[str, int, int]] = []
    Loop(told=lambda name, done, of: heard.append((name, done, of))).rows("draws", row, 40, 3, 3)
    done = [one[1] for one in heard]
    assert {(name, of) for name, _, of in heard} == {("draws", 40)}
    assert done == sorted(done) and done[0] == 0 and done[-1] == 40


def test_what_was_finished_before_a_failure_is_kept_and_not_done_again(tmp_path: Path) -> None:
    store = Store(tmp_path, KEY)
    made: list[int] = []

    def failing(number: int) -> np.ndarray:
        if number == 30:
            raise StrategyError("stops here")
        made.append(number)
        return row(number)

    with pytest.raises(StrategyError, match="stops here"):
        Loop(store=store).rows("draws", failing, 57, 3, 5)
    store.close(done=False)
    store, before = Store(tmp_path, KEY), set(made)
    made.clear()

    def counted(number: int) -> np.ndarray:
        made.append(number)
        return row(number)

    assert Loop(store=store).rows("draws", counted, 57, 3, 5).tobytes() == EXPECTED.tobytes()
    assert len(before & set(made)) <= 5  # the chunk in which it stopped
    store.close(done=True)
    assert list((tmp_path / "work").iterdir()) == []


def test_work_of_another_name_or_width_is_not_taken(tmp_path: Path) -> None:
    store = Store(tmp_path, KEY)
    Loop(store=store).rows("draws", row, 57, 3, 5)
    other = Loop(store=store).rows("others", lambda n: [float(n)], 57, 1, 5)
    assert other[:, 0].tolist() == list(range(57))
    assert Loop(store=store).rows("draws", lambda n: [float(n)], 57, 1, 5)[:, 0].tolist() == list(range(57))
    store.close(done=True)


def test_fresh_work_forgets_what_was_kept(tmp_path: Path) -> None:
    store = Store(tmp_path, KEY)
    Loop(store=store).rows("draws", row, 10, 3, 5)
    store.close(done=False)
    store = Store(tmp_path, KEY, fresh=True)
    assert list(store.get("draws", 3)) == []
    store.close(done=True)


def test_a_damaged_chunk_is_done_again(tmp_path: Path) -> None:
    store = Store(tmp_path, KEY)
    Loop(store=store).rows("draws", row, 57, 3, 5)
    store.close(done=False)
    with sqlite3.connect(store.path) as db:
        data = bytearray(db.execute("SELECT data FROM chunks WHERE start = 20").fetchone()[0])
        data[9] ^= 1
        db.execute("UPDATE chunks SET data = ? WHERE start = 20", (bytes(data),))
    db.close()
    again: list[int] = []

    def counted(number: int) -> np.ndarray:
        again.append(number)
        return row(number)

    store = Store(tmp_path, KEY)
    assert Loop(store=store).rows("draws", counted, 57, 3, 5).tobytes() == EXPECTED.tobytes()
    assert sorted(again) == [20, 21, 22, 23, 24]
    store.close(done=True)


def test_a_file_that_is_no_store_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / f"{KEY[:32]}.sqlite").write_bytes(b"no database at all, but long enough to be looked at" * 40)
    with pytest.raises(OutputError, match=f"{KEY[:32]}.sqlite: what is finished"):
        Store(tmp_path, KEY)


CHILD = """
import sys, time
from pathlib import Path
import numpy as np
from trading_system.validation.loop import Loop, Store

def row(number):
    time.sleep(0.004)
    return np.random.default_rng(number).normal(size=3)

store = Store(Path(sys.argv[1]), sys.argv[2])
print("ready", flush=True)
sys.stdout.buffer.write(Loop(store=store).rows("draws", row, 57, 3, 4).tobytes())
store.close(done=True)
"""


def test_killed_at_random_moments_and_resumed_it_gives_the_same_table(tmp_path: Path) -> None:
    dice, kills = random.Random(5), 0
    while True:
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(CHILD), str(tmp_path), KEY],
            stdout=subprocess.PIPE,
            env={**os.environ, "TRADING_SYSTEM_THREADS": "2"},
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        if kills < 6:
            time.sleep(dice.uniform(0.0, 0.05))
            child.send_signal(signal.SIGKILL)
            kills += 1
        data = child.stdout.read()
        if child.wait() == 0:
            break
    assert data == EXPECTED.tobytes() and kills == 6
