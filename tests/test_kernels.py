"""Compiled kernels: where they are kept, when they are stale, what they cost the rest of the program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from trading_system import kernels, machine_code

KERNEL = """
import sys
import numpy as np
from trading_system.kernels import compile_listeners, door, engine_helper, engine_kernel

@engine_helper
def doubled(a, i):
    return a[i] * 2

@engine_kernel
def double(a, out):
    for i in range(a.size):
        out[i] = doubled(a, i)

out, told = np.zeros(3), []
compile_listeners.append(told.append)
double(door([1.0, 2.0, 3.0], np.float64), out)
early = "numba" not in sys.modules and not told
print(out.tolist(), "early" if early else sum(double.stats.cache_hits.values()), double.stats.cache_path)
if told not in ([], ["double"]) or early and told:
    sys.exit(f"told {told}")
"""
EARLY = machine_code.usable()
PLAIN = {"NUMBA_CAPTURED_ERRORS": "new_style"}  # what changes numba's behaviour leaves all calls to numba


def run(folder: Path, cache: Path, **env: str) -> list[str]:
    """Output of a process that compiles one kernel, with its cache in `cache`."""
    file = folder / "_kernels.py"
    if not file.exists():
        file.write_text(KERNEL)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
    full = {**clean, "TRADING_SYSTEM_CACHE": str(cache), **env}
    done = subprocess.run([sys.executable, str(file)], env=full, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.rsplit(" ", 2)


def test_importing_the_decorators_does_not_import_numba() -> None:
    code = "import sys, trading_system.kernels; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.slow
def test_a_second_process_finds_the_machine_code_of_the_first(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert run(tmp_path, cache)[:2] == ["[2.0, 4.0, 6.0]", "0"]
    assert run(tmp_path, cache, **PLAIN)[:2] == ["[2.0, 4.0, 6.0]", "1"]
    assert run(tmp_path, cache)[:2] == ["[2.0, 4.0, 6.0]", "early" if EARLY else "1"]


@pytest.mark.slow
def test_a_changed_source_is_compiled_anew(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    run(tmp_path, cache)
    (tmp_path / "_kernels.py").write_text(KERNEL.replace("* 2", "* 3"))
    assert run(tmp_path, cache)[:2] == ["[3.0, 6.0, 9.0]", "0"]


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    out, _, place = run(tmp_path, blocked / "cache", TMPDIR=str(tmp_path))
    assert out == "[2.0, 4.0, 6.0]"
    assert place.strip().startswith(str(tmp_path / "trading-system-kernels-"))


@pytest.mark.slow
def test_damaged_machine_code_is_compiled_anew(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    run(tmp_path, cache)
    for file in [*cache.rglob("*.nb?"), *cache.rglob("*.mc")]:
        file.write_bytes(b"damaged")
    assert run(tmp_path, cache)[:2] == ["[2.0, 4.0, 6.0]", "0"]


@pytest.mark.slow
def test_processes_that_compile_the_same_kernel_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    run(tmp_path, tmp_path / "other")  # writes the file
    env = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
    env |= {"TRADING_SYSTEM_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, str(tmp_path / "_kernels.py")]
    at_once = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for process in at_once:
        out, err = process.communicate()
        assert (process.returncode, err) == (0, "") and out.startswith("[2.0, 4.0, 6.0]")
    assert not list((tmp_path / "cache").rglob(".*"))


def test_kernels_run_interpreted(tmp_path: Path) -> None:
    file = tmp_path / "_kernels.py"
    file.write_text(KERNEL.replace("print(", "print(*[out.tolist()]) #"))
    env = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, str(file)], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[2.0, 4.0, 6.0]"


def test_the_stamp_of_a_kernel_covers_what_it_imports(tmp_path: Path) -> None:
    engine = kernels.PACKAGE / "engine" / "_kernels.py"
    named = {path.name for path in kernels._imported(engine.read_text())}
    assert {"_kernels_decide.py", "_kernels_open.py", "layout.py"} <= named
    plain = tmp_path / "_kernels.py"
    plain.write_text("x = 1")
    assert kernels.source_stamp(plain) != kernels.source_stamp(engine)


def test_the_door_gives_one_type_whatever_comes_in() -> None:
    panel = np.arange(12.0).reshape(3, 4)
    for given in (panel, panel.astype(np.float32), np.asfortranarray(panel), panel[:, ::2], panel.tolist()):
        view = kernels.door(given, np.float64)
        assert view.dtype == np.float64 and view.flags.c_contiguous and not view.flags.writeable
    assert np.shares_memory(kernels.door(panel, np.float64), panel)
    assert panel.flags.writeable


TOGETHER = """
import sys, threading
import numpy as np
from trading_system import kernels
from trading_system.kernels import engine_helper, engine_kernel, engine_routine

kernels.EARLY_CALLS = 3

@engine_helper
def twice(x):
    return 2.0 * x

@engine_routine
def lifted(values, i):
    return twice(values[i])

@engine_routine
def lifted_twice(values, i):
    return twice(lifted(values, i))

@engine_kernel
def doubled(values, out):
    for i in range(values.size):
        out[i] = lifted(values, i)

@engine_kernel
def quadrupled(values, out):
    for i in range(values.size):
        out[i] = lifted_twice(values, i)

values, wrong = np.arange(5.0), []

def work(number):
    start.wait()
    for _ in range(20):
        out = np.empty(5)
        (doubled if number % 2 else quadrupled)(values, out)
        if not np.array_equal(out, values * (2.0 if number % 2 else 4.0)):
            wrong.append(number)

start = threading.Barrier(8)
threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
threading.excepthook = lambda args: wrong.append(repr(args.exc_value))
for one in threads: one.start()
for one in threads: one.join()
from numba.core.codegen import JITCodeLibrary
print(wrong, JITCodeLibrary.finalize.__name__)
"""


def test_threads_that_need_two_kernels_compiled_at_once_get_them_both(tmp_path: Path) -> None:
    (tmp_path / "_kernels_together.py").write_text(TOGETHER, "utf-8")
    env = os.environ | {"TRADING_SYSTEM_CACHE": str(tmp_path / "cache")}
    for _ in ("compiled", "kept"):
        command = [sys.executable, str(tmp_path / "_kernels_together.py")]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[] finalize", done.stdout + done.stderr
