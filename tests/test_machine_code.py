"""Kept machine code: it is called only where it fits, and gives what numba gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from trading_system import machine_code

pytestmark = pytest.mark.skipif(
    not machine_code.usable(), reason="machine code is kept for ELF alone, and by an unchanged numba"
)

KERNELS = """
import sys
import numpy as np
from trading_system.kernels import Kernel, engine_kernel, kernel

@kernel
def total(x, start):
    spare = np.zeros(x.size)  # memory of its own
    for k in range(x.size):
        spare[k] = x[k] * 2.0
    return start + spare.sum()

@kernel
def count(x, out):
    n = 0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            if x[i, j]:
                out[j] += i
                n += 1
    return n

@engine_kernel
def spent(log, out):
    for k in range(log.size):
        row = log[k]
        row["n"] += 1
        out[0] += row["price"] * row["n"]

@kernel
def chosen(x, i, twice):
    return x[i] * 2.0 if twice else x[i]

@kernel
def drawn(out):
    out[0] = np.random.random()  # numba's own state

@kernel
def pair(x):
    return x[0], x[1]
"""
FIT = """
log = np.ones(3, np.dtype([("price", "f8"), ("n", "i8")]))
out = np.zeros(4)
print([chosen(out + 1.5, np.int64(2), np.bool_(True)), chosen(out, 1, False), chosen(out, 0, True)], end=" ")
spent(log, out)
print(log["n"].sum(), out[0], end=" ")
out[0] = 0.0
print(total(np.arange(5.0), 0.5), count(np.eye(4, dtype=np.bool_), out), out.tolist(), end=" ")
print("numba" in sys.modules, Kernel.early_calls)
"""


def run(folder: Path, code: str, **env: str) -> str:
    """Output of a process that runs the kernels above and `code`, with its cache in `folder`."""
    (folder / "_kernels.py").write_text(KERNELS)
    file = folder / "go.py"
    file.write_text(f"from _kernels import *\n{code}")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
    full = {**clean, "TRADING_SYSTEM_CACHE": str(folder / "cache"), **env}
    done = subprocess.run([sys.executable, str(file)], env=full, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    assert run(folder, FIT) == "[3.0, 0.0, 0.0] 6 6.0 20.5 4 [0.0, 1.0, 2.0, 3.0] True 0"
    return folder


@pytest.mark.slow
def test_a_second_process_does_without_numba(warm: Path) -> None:
    assert run(warm, FIT) == "[3.0, 0.0, 0.0] 6 6.0 20.5 4 [0.0, 1.0, 2.0, 3.0] False 6"


@pytest.mark.slow
@pytest.mark.parametrize(
    "call",
    [
        "total(np.arange(5), 0.5)",
        "total(np.arange(5.0)[::-1], 0.5)",
        "total(np.arange(5.0), 1)",
        "total(np.arange(5.0), True)",
        "total(np.arange(5.0), np.float32(0.5))",
    ],
)
def test_other_types_of_arguments_go_to_numba(warm: Path, call: str) -> None:
    same = call.replace("total(", "total.py_func(")
    assert run(warm, f"print({call} == {same}, Kernel.early_calls)") == "True 0"


@pytest.mark.slow
def test_what_a_running_numba_is_needed_for_is_not_kept(warm: Path) -> None:
    code = "drawn(np.zeros(1)); print(pair(np.ones(2)))"
    before = {path.name for path in warm.rglob("*.mc")}
    assert run(warm, code) == run(warm, code) == "(1.0, 1.0)"
    assert {path.name for path in warm.rglob("*.mc")} == before


@pytest.mark.slow
def test_a_process_that_calls_often_gets_numba(warm: Path) -> None:
    code = "from trading_system import kernels; x = np.ones(3)\n"
    code += "n = 2 * kernels.EARLY_CALLS; print(sum(total(x, 0.0) for _ in range(n)) / n, 'numba' in sys.modules)"
    assert run(warm, code) == "6.0 True"


@pytest.mark.slow
@pytest.mark.parametrize(
    "env", [{"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}, {"NUMBA_OPT": "1"}, {"NUMBA_DISABLE_JIT": "1"}]
)
def test_another_processor_or_another_numba_does_not_get_this_code(warm: Path, env: dict[str, str]) -> None:
    assert run(warm, FIT, **env).endswith("0")


def _file(folder: Path) -> Path:
    return next(folder.rglob("_kernels-total-*.mc"))


@pytest.mark.slow
def test_a_file_that_was_changed_is_not_linked(warm: Path) -> None:
    path = _file(warm)
    content = path.read_bytes()
    head, _, code = content.partition(b"\n")
    facts = json.loads(head)
    assert machine_code.linked(path, facts["tokens"]) is not None
    assert machine_code.linked(path, [*facts["tokens"], "f8"]) is None
    changes = (
        b"",
        head,
        content[:-1],
        head + b"\n" + code[:40] + b"?" + code[41:],
        b"{}\n" + code,
        b"[1]\n",
        b"\xff\n" + code,
    )
    for number, changed in enumerate(changes):
        other = path.with_name(f"other{number}.mc")
        other.write_bytes(changed)
        assert machine_code.linked(other, facts["tokens"]) is None
        other.unlink()
    assert machine_code.linked(path.with_name("none.mc"), facts["tokens"]) is None


@pytest.mark.slow
def test_a_name_that_this_process_does_not_have_stops_no_one(warm: Path) -> None:
    facts, _, code = _file(warm).read_bytes().partition(b"\n")
    told = json.loads(facts)
    assert machine_code._address(told["symbol"], told["needs"], code) != 0
    assert machine_code._address(told["symbol"], [*told["needs"], "a_name_that_is_nowhere"], code) == 0


@pytest.mark.slow
def test_only_entries_for_python_refer_to_what_is_not_provided(warm: Path) -> None:
    facts, _, code = _file(warm).read_bytes().partition(b"\n")
    users = dict(machine_code._references(code))
    native = json.loads(facts)["symbol"]
    assert native in users["NRT_MemInfo_alloc_aligned"]
    assert users["numba_unpickle"] and native not in users["numba_unpickle"]
    assert machine_code._outside(code, set()) is None  # where nothing is known to be such an entry, nothing is kept


def test_the_types_of_arguments_are_told_apart() -> None:
    x = np.zeros((2, 2))
    frozen = x.copy()
    frozen.flags.writeable = False
    values = [x, frozen, x[0], x.astype(np.int64), x.astype(np.bool_), 1, 1.0, True]
    values += [
        np.zeros(2, [("a", "f8"), ("b", "i8")]),
        np.zeros(2, [("a", "f8"), ("c", "i8")]),
        np.zeros(2, [("a", "f8"), ("b", "f8")]),
    ]
    values += [np.zeros(2, np.dtype([("a", "i1"), ("b", "i8")], align=True)), np.zeros(2, [("a", "i1"), ("b", "i8")])]
    tokens = [machine_code.described(value) for value in values]
    assert None not in tokens and len(set(tokens)) == len(values)
    assert machine_code.described(np.float64(1.0)) == machine_code.described(1.0)
    assert machine_code.described(np.int64(1)) == machine_code.described(1)
    for value in (
        np.float32(1.0),
        1 << 63,
        x[:, :1],
        np.asfortranarray(np.zeros((2, 3))),
        x.astype(">f8"),
        "a",
        None,
        (1,),
    ):
        assert machine_code.described(value) is None


def test_blocks_of_memory_are_aligned_and_given_back() -> None:
    import ctypes

    import llvmlite.binding as llvm

    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine_code._target_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(machine_code._runtime()))
    engine.finalize_object()
    give = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32)(
        engine.get_function_address("NRT_MemInfo_alloc_aligned")
    )
    take = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(engine.get_function_address("NRT_MemInfo_call_dtor"))
    for size in (0, 1, 7, 64, 100_000):
        for align in (8, 16, 32, 64):
            block = give(size, align)
            count, _, _, data, length = (ctypes.c_int64 * 5).from_address(block)
            assert (count, length, data % align) == (1, size, 0) and 40 <= data - block <= 64 + align
            ctypes.memset(data, 255, size)
            take(block)
