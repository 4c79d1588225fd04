"""Compiled kernels called without the compiler: machine code that an earlier process kept, linked and called directly.

Starting numba takes longer than all else of a small backtest, and the machine code of an earlier run does not need it. Beside
numba's own file a kernel's object code is kept once more with a description of its arguments, and an early call of a later process
links it with llvmlite (20 ms in place of 500) and passes plain pointers. It is the same machine code, so the same bits come out.

Whatever does not fit - another machine or version, an argument of another type, a kernel that calls something which only a
running numba has, a file that is damaged, a platform without ELF - is told by None, and numba does the work as always.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import json
import operator
import os
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

SCHEMA = "1"
SUFFIX = ".mc"
HARMLESS = {"NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER", "NUMBA_DEBUG_CACHE"}
LOCK = threading.RLock()
_KEPT: list[Any] = []  # engines own the code they have linked
_TRAPS = (
    "NRT_Free", "NRT_adapt_ndarray_from_python", "numba_adapt_ndarray", "numba_do_raise", "numba_gil_ensure",
    "numba_gil_release", "numba_runtime_build_excinfo_struct", "numba_unpickle",
)  # fmt: skip
_MEMORY = ("NRT_MemInfo_alloc_aligned", "NRT_MemInfo_call_dtor")
# numba's own layout of a block: count of references, two words for a destructor, data, size. What is aligned lies behind it.
_RUNTIME = """
declare ptr @malloc(i64)
declare void @free(ptr)
declare void @llvm.trap()
define ptr @NRT_MemInfo_alloc_aligned(i64 %size, i32 %align) {
  %wide = zext i32 %align to i64
  %spare = add i64 %wide, 64
  %total = add i64 %size, %spare
  %block = call ptr @malloc(i64 %total)
  %failed = icmp eq ptr %block, null
  br i1 %failed, label %none, label %some
none:
  ret ptr null
some:
  %start = ptrtoint ptr %block to i64
  %end = add i64 %start, %spare
  %over = urem i64 %end, %wide
  %place = sub i64 %end, %over
  %data = inttoptr i64 %place to ptr
  store { i64, ptr, ptr, ptr, i64 } { i64 1, ptr null, ptr null, ptr null, i64 0 }, ptr %block
  %slot = getelementptr i8, ptr %block, i64 24
  store ptr %data, ptr %slot
  %length = getelementptr i8, ptr %block, i64 32
  store i64 %size, ptr %length
  ret ptr %block
}
define void @NRT_MemInfo_call_dtor(ptr %block) {
  call void @free(ptr %block)
  ret void
}
""" + "".join(f"define void @{name}() {{\n  call void @llvm.trap()\n  unreachable\n}}\n" for name in _TRAPS)


@functools.cache
def usable() -> bool:
    """Whether this process may keep and call machine code: ELF of 64 bits, and nothing that changes how numba compiles."""
    if not sys.platform.startswith("linux") or sys.byteorder != "little" or struct.calcsize("P") != 8:
        return False
    told = any(name.startswith("NUMBA_") and name not in HARMLESS for name in os.environ)
    return not told and not os.path.exists(".numba_config.yaml")


def described(value: Any) -> str | None:
    """The type of an argument in few characters, one to one with the type that numba gives it; None for what is not passed early."""
    kind = type(value)
    if kind.__name__ == "ndarray":
        flags, dtype = value.flags, _dtype_token(value.dtype)
        fits = flags.c_contiguous and flags.aligned and dtype is not None and value.ndim < 10
        return f"{dtype}{value.ndim}{'w' if flags.writeable else 'r'}" if fits else None
    if kind is float or kind.__name__ == "float64":
        return "f8"
    if kind is int or kind.__name__ == "int64":
        return "i8" if -(1 << 63) <= value < 1 << 63 else None
    if kind.__name__ == "bool":
        return "b1"
    token: str | None = getattr(value, "kernel_token", None)
    return token


_SCALARS = {"int64": "i8", "float64": "f8", "bool": "b1"}
_WORD = {"i8": "i64", "f8": "double", "b1": "i8"}
_SIMPLE = ("<f8", "<i8", "|b1", "|i1", "<i4", "<f4", "|u1")


@functools.lru_cache(maxsize=256)
def _dtype_token(dtype: Any) -> str | None:
    """``<f8`` and the like; of records their fields, types and places, hashed; None for what kernels are not given."""
    if dtype.names:
        return f"V{hashlib.sha256(repr((dtype.descr, dtype.itemsize)).encode()).hexdigest()[:16]}."
    return dtype.str if dtype.str in _SIMPLE else None


def _is_array(token: str) -> bool:
    return token[:1] in ("<", "|", "V")


def file_name(kernel: str, tokens: Sequence[str]) -> str:
    """Name of the file that holds `kernel` for arguments of these types on this machine."""
    text = "\n".join((_machine(), *tokens))
    return f"{kernel}.{hashlib.sha256(text.encode()).hexdigest()[:24]}{SUFFIX}"


@functools.cache
def _machine() -> str:
    """All that decides which instructions are right: versions, platform, processor."""
    from importlib.metadata import version

    import llvmlite
    import llvmlite.binding as llvm

    cpu = os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name()
    features = os.environ.get("NUMBA_CPU_FEATURES")
    if features is None:
        features = llvm.get_host_cpu_features().flatten()
    tag = str(sys.implementation.cache_tag)
    return "\n".join((SCHEMA, tag, version("numba"), llvmlite.__version__, llvm.get_process_triple(), cpu, features))


def kept(library: Any, function: Any, signature: Any) -> tuple[list[str], bytes] | None:
    """The types of the arguments and the content of the file of a kernel that numba has just compiled; None when it cannot be kept.

    Parameters
    ----------
    library, function, signature :
        The code library, descriptor and signature of numba's result.
    """
    tokens = [_type_token(kind) for kind in signature.args]
    result = {"none": "none", "int64": "i8", "float64": "f8"}.get(str(signature.return_type))
    words = [word for token in tokens for word in _layout(token or "")]
    native = library.get_function(function.llvm_func_name)
    if None in tokens or result is None or [str(each.type) for each in native.arguments] != ["ptr", "ptr", *words]:
        return None
    code: bytes = library._get_compiled_object()
    wrappers = {function.llvm_cpython_wrapper_name, function.llvm_cfunc_wrapper_name}
    names = _outside(code, wrappers)
    if names is None:
        return None
    told = [str(token) for token in tokens]
    head = {"symbol": function.llvm_func_name, "result": result, "needs": names, "sha256": hashlib.sha256(code).hexdigest()}
    return told, json.dumps({**head, "tokens": told}).encode() + b"\n" + code


def _type_token(kind: Any) -> str | None:
    """What `described` says of the values of a type of numba."""
    token: str | None = getattr(kind, "kernel_token", None)
    if token is not None:
        return token
    if str(kind) in _SCALARS:
        return _SCALARS[str(kind)]
    if type(kind).__name__ == "Array" and kind.layout == "C" and (kind.aligned or type(kind.dtype).__name__ == "Record"):
        from numba.np.numpy_support import as_dtype

        dtype = _dtype_token(as_dtype(kind.dtype))
        return dtype and f"{dtype}{kind.ndim}{'w' if kind.mutable else 'r'}"
    return None


def _layout(token: str) -> list[str]:
    """The words in which a kernel receives an argument: owner, parent, size, item size, data, shape, strides of an array."""
    if token in _WORD:
        return [_WORD[token]]
    if _is_array(token):
        return ["ptr", "ptr", "i64", "i64", "ptr", *["i64"] * (2 * int(token[-2]))]
    return ["ptr"]


def _outside(code: bytes, wrappers: set[str]) -> list[str] | None:
    """Names that an object file takes from outside; None when more than its entries for Python needs a running numba."""
    names = []
    for name, users in _references(code):
        provided = name in _MEMORY or (name in _TRAPS and users <= wrappers)
        if name.startswith(("NRT_", "numba_", ".numba")) and not provided:
            return None
        names.append(name)
    return sorted(names)


def _references(code: bytes) -> Iterator[tuple[str, set[str]]]:
    """Every undefined name of an ELF object (64 bits, little endian) with the functions that refer to it."""
    if code[:6] != b"\x7fELF\x02\x01":
        raise ValueError("no ELF object of 64 bits")
    start, (size, count) = struct.unpack_from("<Q", code, 40)[0], struct.unpack_from("<HH", code, 58)
    # sh_name, sh_type, sh_flags, sh_addr, sh_offset, sh_size, sh_link, sh_info, sh_addralign, sh_entsize
    sections = [struct.unpack_from("<IIQQQQIIQQ", code, start + k * size) for k in range(count)]
    table = next(section for section in sections if section[1] == 2)
    texts = sections[table[6]][4]
    symbols = []
    for place in range(table[4], table[4] + table[5], 24):
        name, info, _, section, value, length = struct.unpack_from("<IBBHQQ", code, place)
        symbols.append((code[texts + name : code.index(b"\0", texts + name)].decode(), info, section, value, length))
    functions = [symbol for symbol in symbols if symbol[1] & 15 == 2]
    users: dict[str, set[str]] = {name: set() for name, _, section, _, _ in symbols if name and section == 0}
    for section in sections:
        for place in range(section[4], section[4] + section[5], 24) if section[1] == 4 else ():
            offset, info, _ = struct.unpack_from("<QQq", code, place)
            name = symbols[info >> 32][0]
            if name in users:
                inside = (f[0] for f in functions if f[2] == section[7] and f[3] <= offset < f[3] + f[4])
                users[name].add(next(inside, ""))
    yield from users.items()


def linked(path: Path, tokens: Sequence[str]) -> Callable[..., Any] | None:
    """The kernel that a file holds, ready to be called with arguments of these types; None when there is none that fits."""
    try:
        head, _, code = path.read_bytes().partition(b"\n")
        facts = json.loads(head)
        if facts["tokens"] != list(tokens) or facts["sha256"] != hashlib.sha256(code).hexdigest():
            return None
        address = _address(facts["symbol"], facts["needs"], code)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        return None
    return _callable(address, path.name.partition(".")[0], tokens, facts["result"]) if address else None


def _address(symbol: str, needs: Sequence[str], code: bytes) -> int:
    """Where `symbol` of an object file begins once it is linked; 0 when a name that it needs is not in this process."""
    import llvmlite.binding as llvm

    provided = {*_TRAPS, *_MEMORY}
    runtime = _runtime()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target_machine())  # opens this process's own names to LLVM
    if any(name not in provided and not llvm.address_of_symbol(name) for name in needs):
        return 0  # linking it would end the process
    for each in (runtime, code):
        engine.add_object_file(llvm.ObjectFileRef.from_data(each))
    engine.finalize_object()
    _KEPT.append(engine)
    return int(engine.get_function_address(symbol))


def _target_machine() -> Any:
    """One that nobody has yet: an engine owns the one that it is given."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    reloc = "static" if llvm.get_process_triple().startswith("x86") else "default"  # as numba has it
    return llvm.Target.from_default_triple().create_target_machine(opt=0, reloc=reloc, codemodel="jitdefault", jit=True)


@functools.cache
def _runtime() -> bytes:
    """Object code of the few functions that kernels call for memory."""
    import llvmlite.binding as llvm

    machine = _target_machine()
    module = llvm.parse_assembly(_RUNTIME)
    module.triple = llvm.get_process_triple()
    module.data_layout = str(machine.target_data)
    code: bytes = machine.emit_object(module)
    return code


_BUNDLE = operator.attrgetter("address")
_WORDS = {"ptr": ctypes.c_void_p, "i64": ctypes.c_int64, "double": ctypes.c_double, "i8": ctypes.c_uint8}


def _callable(address: int, name: str, tokens: Sequence[str], result: str) -> Callable[..., Any]:
    """Python's way into a kernel; the interpreter's lock is given up while it runs."""
    words = [_WORDS[word] for token in tokens for word in _layout(token)]
    native = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *words)(address)
    plain = {"i8": int, "f8": float, "b1": int}
    kinds = [None if _is_array(token) else plain.get(token, _BUNDLE) for token in tokens]
    slot = ctypes.c_double if result == "f8" else ctypes.c_int64

    def call(*args: Any) -> Any:
        flat: list[Any] = []
        for value, kind in zip(args, kinds, strict=True):
            if kind is None:
                data = value.__array_interface__["data"][0]
                flat += (None, None, value.size, value.itemsize, data, *value.shape, *value.strides)
            else:
                flat.append(kind(value))
        out, error = slot(), ctypes.c_void_p()
        status = native(ctypes.addressof(out), ctypes.addressof(error), *flat)
        if status not in (0, -2):  # -2: None
            raise MemoryError(f"the kernel {name} ended with status {status}")
        return None if result == "none" else out.value

    return call
